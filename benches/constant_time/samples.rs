//! A case, and how its times are taken.

use super::clock::ticks;
use super::statistics::{self, Outcome, Time};
use keyward_pkcs11::crypto::Row;
use keyward_pkcs11::crypto::material::Material;
use keyward_pkcs11::crypto::mechanism::Context;
use keyward_pkcs11::crypto::random;
use std::hint::black_box;

/// The operation itself, with everything that it needs made ready. What it answers is only kept from being left out.
pub type Run = Box<dyn FnMut() -> bool>;

/// What a case is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The method must find a difference.
    Leaks,
    /// There is no difference to find.
    Even,
    /// The module's own.
    Ours,
}

/// An operation in two classes of inputs.
pub struct Case {
    pub name: &'static str,
    pub classes: [&'static str; 2],
    pub kind: Kind,
    pub measurements: usize,
    /// Makes one operation of a class ready; `true` is the second class. Whatever is made, of either class, has the same
    /// size and the same number of allocations.
    pub make: Box<dyn FnMut(bool) -> Run>,
    /// Where the class is known only afterwards: takes the operations' results instead of the classes given to `make`.
    pub sort: Option<Box<dyn FnMut(usize) -> Vec<bool>>>,
}

/// Operations that are made ready before the first of them runs.
const BATCH: usize = 256;

impl Case {
    pub fn ours(
        name: &'static str,
        classes: [&'static str; 2],
        measurements: usize,
        make: impl FnMut(bool) -> Run + 'static,
    ) -> Self {
        Self { name, classes, kind: Kind::Ours, measurements, make: Box::new(make), sort: None }
    }

    /// Takes `count` times, the classes in random order. A first batch warms everything up and does not count.
    pub fn measure(&mut self, count: usize) -> Outcome {
        let mut times = Vec::with_capacity(count + BATCH);
        self.batch(&mut Vec::new());
        if let Some(sort) = &mut self.sort {
            sort(BATCH);
        }
        while times.len() < count {
            self.batch(&mut times);
        }
        if let Some(sort) = &mut self.sort {
            for (time, second) in times.iter_mut().zip(sort(count + BATCH)) {
                time.second = second;
            }
        }
        statistics::evaluate(&times)
    }

    fn batch(&mut self, times: &mut Vec<Time>) {
        let coins: [u8; BATCH] = bytes();
        let mut runs: Vec<(bool, Run)> =
            coins.iter().map(|coin| coin & 1 == 1).map(|second| (second, (self.make)(second))).collect();
        for (second, run) in &mut runs {
            let from = ticks();
            black_box(run());
            let to = ticks();
            times.push(Time { second: *second, ticks: to.wrapping_sub(from) });
        }
    }
}

/// Random bytes.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    random::fill(&mut bytes).unwrap();
    bytes
}

/// So many random bytes.
pub fn some(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    random::fill(&mut bytes).unwrap();
    bytes
}

/// A random number below `limit`, which is small.
pub fn below(limit: usize) -> usize {
    u64::from_le_bytes(bytes()) as usize % limit
}

/// A key made ready for a mechanism.
pub fn context(row: &Row, key: &Material) -> Context {
    row.prepare.unwrap()(key).unwrap()
}

/// Turns through a list, so that both classes touch as much memory.
pub struct Turn<T> {
    list: Vec<T>,
    at: usize,
}

impl<T: Clone> Turn<T> {
    pub fn of(list: Vec<T>) -> Self {
        Self { list, at: 0 }
    }

    pub fn next(&mut self) -> T {
        self.at = (self.at + 1) % self.list.len();
        self.list[self.at].clone()
    }
}
