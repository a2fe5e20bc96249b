//! Controls: a comparison that leaks, which the method must find; the same comparison where there is nothing to find; and
//! the module's own comparison.

use super::samples::{Case, Kind, Run, bytes};
use keyward_pkcs11::crypto::seal;
use keyward_pkcs11::secret::Secret;
use std::hint::black_box;

const LEN: usize = 32;

/// Ends at the first byte that differs.
#[inline(never)]
fn same_until_it_differs(one: &[u8], other: &[u8]) -> bool {
    for (one, other) in one.iter().zip(other) {
        if black_box(one) != black_box(other) {
            return false;
        }
    }
    true
}

/// A random value and one that differs from it at one place.
pub fn pair_that_differs(at: usize) -> (Vec<u8>, Vec<u8>) {
    let one = bytes::<LEN>().to_vec();
    let mut other = one.clone();
    other[at] ^= 0x40;
    (one, other)
}

pub fn cases() -> Vec<Box<dyn FnOnce() -> Case>> {
    let control = |name, kind, classes, place: fn(bool) -> usize| {
        Box::new(move || Case {
            name,
            classes,
            kind,
            measurements: 200_000,
            make: Box::new(move |second| {
                let (one, other) = pair_that_differs(place(second));
                Box::new(move || same_until_it_differs(&one, &other)) as Run
            }),
            sort: None,
        }) as Box<dyn FnOnce() -> Case>
    };
    let first_or_last = |second| if second { LEN - 1 } else { 0 };
    vec![
        control(
            "control: leaking comparison",
            Kind::Leaks,
            ["first byte wrong", "last byte wrong"],
            first_or_last,
        ),
        control("control: the same, nothing to find", Kind::Even, ["a byte wrong", "a byte wrong"], |_| {
            super::samples::below(LEN)
        }),
        Box::new(move || {
            Case::ours(
                "comparison of secrets",
                ["first byte wrong", "last byte wrong"],
                1_000_000,
                move |second| {
                    let (one, other) = pair_that_differs(first_or_last(second));
                    let one = Secret::from_slice(&one);
                    Box::new(move || one.ct_eq(&other))
                },
            )
        }),
        Box::new(move || {
            let classes = ["first byte wrong", "last byte wrong"];
            Case::ours("comparison of the store's codes", classes, 1_000_000, move |second| {
                let (one, other) = pair_that_differs(first_or_last(second));
                Box::new(move || seal::same(&one, &other))
            })
        }),
    ]
}
