//! How a block is taken: how large it is, what goes back for it, and what is written down before any of it is spent.

use super::super::held::Held;
use super::{Block, Books, Budget, Meter};
use crate::ck::{CK_MECHANISM_TYPE, Result};
use crate::policy::{Counts, Denial, Limits, Reason, Unit};
use crate::sys::fork;
use std::sync::atomic::Ordering;

enum Reserved {
    Block(u64),
    /// There is no room; what was counted.
    Short(Counts),
}

impl Meter {
    /// The size of the next block: four times the last one, a small part of what there is, never less than is needed. The
    /// first one is very small, because many a process uses a key once and ends.
    fn next_block(&self, need: u64, room: u64) -> u64 {
        let (first, most) = match self.unit {
            Unit::Bytes => (1 << 20, 1 << 32),
            _ => (64, 1 << 20),
        };
        let first = (room >> 16).clamp(1, first);
        let grown = self.block.load(Ordering::Relaxed).saturating_mul(4).clamp(first, most);
        need.max(grown.min(room / 128)).min(room)
    }
}

impl Budget {
    /// Takes a new block, and what is needed out of it.
    #[cold]
    pub(super) fn lease(
        &self,
        books: &dyn Books,
        held: &Held,
        limits: &Limits,
        (unit, ckm): (Unit, CK_MECHANISM_TYPE),
        need: u64,
    ) -> core::result::Result<(), Denial> {
        let _alone = self.leasing.lock();
        self.drop_inherited();
        let meter = self.meter_made(unit, ckm);
        let anew = self.stamp.load(Ordering::Acquire) != limits.stamp();
        if !anew && meter.take(need) {
            return Ok(());
        }
        let mut back = Vec::new();
        // Other meters' blocks go back where the limits are others now, and where this one finds nothing else.
        for all in [anew, true] {
            self.collect(&mut back, meter, all);
            match self.reserve(books, limits, meter, need, &back) {
                Ok(Reserved::Block(size)) => {
                    meter.block.store(size, Ordering::Relaxed);
                    meter.left.fetch_add(size - need, Ordering::AcqRel);
                    self.stamp.store(limits.stamp(), Ordering::Release);
                    if self.is_kept() {
                        books.leased(held, Block { unit, ckm, size });
                    }
                    return Ok(());
                }
                Ok(Reserved::Short(_)) if !all => {}
                Ok(Reserved::Short(counts)) => {
                    for (meter, left) in &back {
                        meter.left.fetch_add(*left, Ordering::AcqRel);
                    }
                    return Err(held.rules().exhausted(limits, (unit, ckm), need, &counts));
                }
                // Whether it was written is not known: what went back is not spent again.
                Err(error) => {
                    let detail = format!("the use of the key cannot be counted: {error}");
                    return Err(Denial::new(Reason::BudgetUnavailable, detail));
                }
            }
        }
        Err(Denial::new(Reason::NotEvaluable, "the limits cannot be evaluated"))
    }

    /// Leases of an ancestor are its own.
    fn drop_inherited(&self) {
        let now = fork::generation();
        if self.generation.load(Ordering::Acquire) != now {
            for meter in self.meters().filter(|meter| meter.unit.seconds() == 0) {
                meter.left.store(0, Ordering::Release);
                meter.block.store(0, Ordering::Release);
            }
            self.generation.store(now, Ordering::Release);
        }
    }

    /// Takes what is left out of one meter, or out of all.
    fn collect<'b>(&'b self, back: &mut Vec<(&'b Meter, u64)>, one: &Meter, all: bool) {
        for meter in self.meters().filter(|meter| meter.unit.seconds() == 0) {
            if all || std::ptr::eq(meter, one) {
                let left = meter.left.swap(0, Ordering::AcqRel);
                if left > 0 {
                    back.push((meter, left));
                }
            }
        }
    }

    /// Writes down a block before any of it is spent, and what goes back for it.
    fn reserve(
        &self,
        books: &dyn Books,
        limits: &Limits,
        meter: &Meter,
        need: u64,
        back: &[(&Meter, u64)],
    ) -> Result<Reserved> {
        let (unit, ckm) = (meter.unit, meter.ckm);
        let mut reserved = Reserved::Short(Counts::default());
        let mut work = |own: &mut Counts, other: &Counts| {
            back.iter().for_each(|(meter, left)| own.take_back(meter.unit, meter.ckm, *left));
            let counts = own.with(other);
            let room = limits.room(unit, ckm, &counts);
            if room < need {
                reserved = Reserved::Short(counts);
                return false;
            }
            let size = meter.next_block(need, room);
            own.add(unit, ckm, size);
            reserved = Reserved::Block(size);
            true
        };
        if !self.is_kept() {
            let mut counts = self.counted_here();
            if work(&mut counts, &Counts::default()) {
                for (unit, ckm, count) in counts.iter() {
                    self.meter_made(unit, ckm).counted.store(count, Ordering::Release);
                }
            }
            return Ok(reserved);
        }
        // A spent budget is told without the store's writing lock.
        let (mut own, other) = books.counted(self)?;
        if work(&mut own, &other) {
            books.change(self, &mut work)?;
        }
        Ok(reserved)
    }
}
