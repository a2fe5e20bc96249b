//! Budgets: what a key has protected so far, held against the limits of the policy.
//!
//! What was counted stands in the store, by key value, unit and mechanism ([`Counts`]). A process takes a block from there
//! (a lease, written before any of it is spent) and spends it with one atomic operation a use. So all processes
//! share one count, a crash loses what was left of the block, and the count is never too low. Near the end of a
//! budget the blocks are of one.
//!
//! A forked child spends nothing of its parent's leases: it begins with none.
//!
//! Session objects, which no other process has, are counted here alone, in the same way.

mod lease;

use super::Guard;
use super::approval::Requests;
use super::held::Held;
use super::op::Ask;
use crate::ck::{CK_MECHANISM_TYPE, Result};
use crate::policy::{Counts, Denial, Limits, Unit};
use crate::store::Uid;
use crate::sys::lock::Mutex;
use crate::sys::{clock, fork};
use once_cell::race::OnceBox;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// Where budgets are kept; the token.
pub trait Books: Requests {
    /// The budget of a key, kept with the key's life once it was found.
    ///
    /// # Errors
    /// Those of the store and of the key's material.
    fn open(&self, held: &Held) -> Result<Arc<Budget>>;

    /// What the store has counted: what this login may write, and what it only reads.
    ///
    /// # Errors
    /// Those of the store; `CKR_DEVICE_ERROR` where what is there is not what was written last.
    fn counted(&self, budget: &Budget) -> Result<(Counts, Counts)>;

    /// Changes what the store has counted, in one transaction that is on the disk when this returns. `work` sees what may
    /// be written and what is only read; it answers whether to write, and so does this.
    ///
    /// # Errors
    /// Those of the store. Nothing may be spent then.
    fn change(&self, budget: &Budget, work: &mut dyn FnMut(&mut Counts, &Counts) -> bool) -> Result<bool>;

    /// A block was leased, for the record.
    fn leased(&self, held: &Held, block: Block);

    /// A running operation was refused: the log and the record hear of it.
    fn refuse(&self, session: u64, ask: &Ask<'_>, denial: &Denial);

    /// The law.
    fn guard(&self) -> &Guard;
}

/// What a lease took.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Block {
    /// Of what.
    pub unit: Unit,
    /// For which mechanism.
    pub ckm: CK_MECHANISM_TYPE,
    /// How much.
    pub size: u64,
}

/// What was leased for one key value in this process.
pub struct Budget {
    account: Uid,
    /// Its key is private: so is what is counted of it.
    private: bool,
    /// What is counted stands in the store.
    kept: AtomicBool,
    /// The versions of its rows that were seen last; no older one is believed.
    seen: [AtomicU64; 2],
    /// The process that leased.
    generation: AtomicU32,
    /// The limits under which it leased.
    stamp: AtomicU64,
    first: OnceBox<Meter>,
    /// Held while leasing.
    leasing: Mutex<()>,
}

/// What is left of one lease. The meters of a budget are a list that only grows, and is read without a lock.
struct Meter {
    unit: Unit,
    ckm: CK_MECHANISM_TYPE,
    /// Of a rate: the span (upper half) and the uses in it.
    left: AtomicU64,
    /// The size of the last block.
    block: AtomicU64,
    /// All that was leased, where the store does not count.
    counted: AtomicU64,
    next: OnceBox<Self>,
}

impl Meter {
    #[inline]
    fn take(&self, amount: u64) -> bool {
        let take = |left: u64| left.checked_sub(amount);
        self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, take).is_ok()
    }
}

impl Budget {
    /// A budget from which nothing was leased yet.
    pub const fn new(account: Uid, private: bool) -> Self {
        Self {
            account,
            private,
            kept: AtomicBool::new(false),
            seen: [const { AtomicU64::new(0) }; 2],
            generation: AtomicU32::new(0),
            stamp: AtomicU64::new(0),
            first: OnceBox::new(),
            leasing: Mutex::new(()),
        }
    }

    /// Under which name the key's value is counted.
    pub const fn account(&self) -> Uid {
        self.account
    }

    /// Whether the key is private.
    pub const fn is_private(&self) -> bool {
        self.private
    }

    /// Whether the store counts.
    pub fn is_kept(&self) -> bool {
        self.kept.load(Ordering::Acquire)
    }

    /// The version of a row that was seen last: of the one that the token's key vouches for, or of the other.
    pub const fn seen(&self, vouched: bool) -> &AtomicU64 {
        let [first, second] = &self.seen;
        if vouched { first } else { second }
    }

    fn meters(&self) -> impl Iterator<Item = &Meter> {
        std::iter::successors(self.first.get(), |meter| meter.next.get())
    }

    #[inline]
    fn meter(&self, unit: Unit, ckm: CK_MECHANISM_TYPE) -> Option<&Meter> {
        self.meters().find(|meter| meter.unit == unit && meter.ckm == ckm)
    }

    /// The meter of a unit and a mechanism, made if need be.
    fn meter_made(&self, unit: Unit, ckm: CK_MECHANISM_TYPE) -> &Meter {
        let mut place = &self.first;
        loop {
            let meter = place.get_or_init(|| {
                let zero = || AtomicU64::new(0);
                Box::new(Meter {
                    unit,
                    ckm,
                    left: zero(),
                    block: zero(),
                    counted: zero(),
                    next: OnceBox::new(),
                })
            });
            if meter.unit == unit && meter.ckm == ckm {
                return meter;
            }
            place = &meter.next;
        }
    }

    /// What this process has leased and not spent.
    pub fn unspent(&self) -> Counts {
        let mut unspent = Counts::default();
        if self.generation.load(Ordering::Acquire) == fork::generation() {
            for meter in self.meters().filter(|meter| meter.unit.seconds() == 0) {
                unspent.add(meter.unit, meter.ckm, meter.left.load(Ordering::Acquire));
            }
        }
        unspent
    }

    /// What was leased where the store does not count.
    fn counted_here(&self) -> Counts {
        let mut counts = Counts::default();
        for meter in self.meters() {
            let counted = meter.counted.load(Ordering::Acquire);
            if counted > 0 {
                counts.add(meter.unit, meter.ckm, counted);
            }
        }
        counts
    }

    /// All that was counted of the key, what is leased and not spent here taken off.
    ///
    /// # Errors
    /// Those of the store.
    pub fn used(&self, books: &dyn Books) -> Result<Counts> {
        let mut used = self.counted_here();
        if self.is_kept() {
            let (own, other) = books.counted(self)?;
            used = own.with(&other);
        }
        self.unspent().iter().for_each(|(unit, ckm, left)| used.take_back(unit, ckm, left));
        Ok(used)
    }

    /// From now on the store counts, beginning with what was counted here.
    ///
    /// # Errors
    /// Those of the store; then nothing has changed.
    pub fn keep(&self, books: &dyn Books) -> Result<()> {
        let _alone = self.leasing.lock();
        if self.is_kept() {
            return Ok(());
        }
        let here = self.counted_here();
        if !here.is_empty() {
            books.change(self, &mut |own, _| {
                here.iter().for_each(|(unit, ckm, count)| own.add(unit, ckm, count));
                true
            })?;
        }
        self.kept.store(true, Ordering::Release);
        self.meters().for_each(|meter| meter.counted.store(0, Ordering::Release));
        Ok(())
    }

    /// Spends, or refuses. One atomic operation where a lease has enough.
    #[inline]
    pub(super) fn spend(
        &self,
        books: &dyn Books,
        held: &Held,
        limits: &Limits,
        (unit, ckm): (Unit, CK_MECHANISM_TYPE),
        amount: u64,
    ) -> core::result::Result<(), Denial> {
        if self.generation.load(Ordering::Acquire) == fork::generation()
            && self.stamp.load(Ordering::Acquire) == limits.stamp()
            && self.meter(unit, ckm).is_some_and(|meter| meter.take(amount))
        {
            return Ok(());
        }
        self.lease(books, held, limits, (unit, ckm), amount)
    }

    /// Gives back what was taken for a use that came to nothing.
    pub(super) fn give_back(&self, unit: Unit, ckm: CK_MECHANISM_TYPE, amount: u64) {
        let _alone = self.leasing.lock();
        // A child has no part in what its parent took.
        if self.generation.load(Ordering::Acquire) == fork::generation()
            && let Some(meter) = self.meter(unit, ckm)
        {
            meter.left.fetch_add(amount, Ordering::AcqRel);
        }
    }

    /// Counts a use in each span of time that the limits speak of.
    pub(super) fn tick(
        &self,
        held: &Held,
        limits: &Limits,
        ckm: CK_MECHANISM_TYPE,
    ) -> core::result::Result<(), Denial> {
        for unit in Unit::RATES.into_iter().filter(|unit| limits.asks(*unit, ckm)) {
            let span = clock::monotonic_nanos() / 1_000_000_000 / unit.seconds();
            let span = (span & u64::from(u32::MAX)) << 32;
            let meter = match self.meter(unit, ckm) {
                Some(meter) => meter,
                None => self.meter_made(unit, ckm),
            };
            let in_span = |word: u64| if word & SPAN == span { word & !SPAN } else { 0 };
            let more = |word: u64| (in_span(word) < u64::from(u32::MAX)).then(|| span | (in_span(word) + 1));
            let counted = meter.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_ok();
            let mut counts = Counts::default();
            for meter in self.meters().filter(|meter| meter.unit == unit) {
                counts.add(unit, meter.ckm, in_span(meter.left.load(Ordering::Acquire)));
            }
            // This use is among them already.
            counts.take_back(unit, ckm, 1);
            if !counted || limits.room(unit, ckm, &counts) < 1 {
                let less = |word: u64| (in_span(word) > 0).then(|| word - 1);
                let _ = meter.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, less);
                return Err(held.rules().exhausted(limits, (unit, ckm), 1, &counts));
            }
        }
        Ok(())
    }
}

/// The upper half of a rate's word.
const SPAN: u64 = 0xFFFF_FFFF_0000_0000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ck::Error;
    use crate::guard::{Agreed, Journal, Question, Sink, Spent};
    use crate::object::{Attributes, Value};
    use crate::policy::{Reason, Ruleset};
    use cryptoki_sys::*;

    /// A store of one row, which fails when it is told to: before it writes, or after.
    struct Shelf {
        row: Mutex<Counts>,
        fails: AtomicU32,
        guard: Guard,
    }

    impl Shelf {
        fn new(policy: &str) -> Self {
            let guard = Guard::new(Arc::new(rules(policy)), Arc::new(Journal::new(Sink::Silent)), None);
            Self { row: Mutex::default(), fails: AtomicU32::new(0), guard }
        }
    }

    impl Requests for Shelf {
        fn spend(&self, _: &[Question<'_>]) -> Result<Agreed> {
            Ok(Agreed::Yes(None))
        }

        fn look(&self, _: &[Question<'_>]) -> Result<Agreed> {
            Ok(Agreed::Yes(None))
        }

        fn give_back(&self, _: &Spent) {}

        fn backed_up(&self) -> Option<u64> {
            None
        }
    }

    impl Books for Shelf {
        fn open(&self, _: &Held) -> Result<Arc<Budget>> {
            Err(Error::GeneralError)
        }

        fn counted(&self, _: &Budget) -> Result<(Counts, Counts)> {
            Ok((self.row.lock().clone(), Counts::default()))
        }

        fn change(&self, _: &Budget, work: &mut dyn FnMut(&mut Counts, &Counts) -> bool) -> Result<bool> {
            let mut row = self.row.lock();
            let mut new = row.clone();
            let fails = self.fails.load(Ordering::Relaxed);
            if fails == 1 {
                return Err(Error::DeviceMemory);
            }
            let written = work(&mut new, &Counts::default());
            if written {
                *row = new;
            }
            if fails == 2 { Err(Error::DeviceError) } else { Ok(written) }
        }

        fn leased(&self, _: &Held, _: Block) {}

        fn refuse(&self, _: u64, _: &Ask<'_>, _: &Denial) {}

        fn guard(&self) -> &Guard {
            &self.guard
        }
    }

    fn rules(limits: &str) -> Ruleset {
        let text = format!("policy = 1\n[keys]\nlimits = {limits}\n");
        Ruleset::load("test.toml", &text, &|_| Err("no files here".to_owned())).unwrap()
    }

    fn key(limits: &str) -> Held {
        let mut attributes = Attributes::default();
        attributes.set(CKA_CLASS, Value::Ulong(CKO_SECRET_KEY));
        attributes.set(CKA_KEY_TYPE, Value::Ulong(CKK_AES));
        Held::take(Uid([1; 16]), 0, attributes, None, &rules(limits), false).0
    }

    fn process(shelf: &Shelf) -> Budget {
        let budget = Budget::new(Uid([2; 16]), true);
        budget.keep(shelf).unwrap();
        budget
    }

    struct Dice(u64);

    impl Dice {
        fn roll(&mut self, sides: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % sides
        }
    }

    fn total(counts: &Counts) -> u64 {
        counts.iter().map(|(.., count)| count).sum()
    }

    /// Several processes that crash, whose store fails, and whose limits change: the count is never below the truth,
    /// and the truth never above the limit.
    #[test]
    fn count_is_never_below_the_truth_nor_the_truth_above_the_limit() {
        for seed in 0..60 {
            let mut dice = Dice(seed);
            let mut most = 50 + dice.roll(3000);
            let limit = |most: u64| format!("{{ bytes = {most} }}");
            let shelf = Shelf::new(&limit(most));
            let mut held = key(&limit(most));
            let mut processes: Vec<Budget> = (0..3).map(|_| process(&shelf)).collect();
            let mut truth = 0;
            for _ in 0..400 {
                let at = usize::try_from(dice.roll(3)).unwrap();
                match dice.roll(40) {
                    0 => processes[at] = process(&shelf),
                    1 => {
                        // Never below what was done already: then nothing more is.
                        most = 50 + dice.roll(4000);
                        held = key(&limit(most));
                    }
                    2 => shelf.fails.store(u32::try_from(dice.roll(3)).unwrap(), Ordering::Relaxed),
                    _ => {}
                }
                let ckm = [CKM_AES_GCM, CKM_AES_CBC][usize::try_from(dice.roll(2)).unwrap()];
                let amount = 1 + dice.roll(20);
                let limits = held.rules().limits(None, None, || 0);
                let before = truth;
                match processes[at].spend(&shelf, &held, limits, (Unit::Bytes, ckm), amount) {
                    Ok(()) => truth += amount,
                    Err(denial) => {
                        assert!(
                            matches!(denial.reason, Reason::Budget | Reason::BudgetUnavailable),
                            "{denial}"
                        );
                    }
                }
                assert!(truth <= most || truth == before, "seed {seed}: {truth} of {most}");
                let counted = total(&shelf.row.lock());
                assert!(counted >= truth, "seed {seed}: {counted} counted, {truth} used");
            }
        }
    }

    #[test]
    fn block_is_small_where_little_is_left_and_grows_where_much_is() {
        let limits = "{ uses = 1_000_000 }";
        let (shelf, held) = (Shelf::new(limits), key(limits));
        let budget = process(&shelf);
        let mut blocks = Vec::new();
        for _ in 0..1_000_000 {
            let before = total(&shelf.row.lock());
            let limits = held.rules().limits(None, None, || 0);
            budget.spend(&shelf, &held, limits, (Unit::Uses, CKM_AES_GCM), 1).unwrap();
            let taken = total(&shelf.row.lock()) - before;
            if taken > 0 {
                blocks.push(taken);
            }
        }
        assert_eq!(blocks.iter().sum::<u64>(), 1_000_000);
        assert_eq!(blocks[..4], [15, 60, 240, 960]);
        assert!(blocks.iter().all(|block| *block <= 1_000_000 / 128));
        assert!(blocks[blocks.len() - 128..].iter().all(|block| *block == 1));
        assert!(blocks.len() < 2000, "{} leases", blocks.len());
        let limits = held.rules().limits(None, None, || 0);
        let denial = budget.spend(&shelf, &held, limits, (Unit::Uses, CKM_AES_GCM), 1).unwrap_err();
        assert_eq!(denial.reason, Reason::Budget);
    }

    #[test]
    fn what_came_to_nothing_is_given_back() {
        let limits = "{ uses = 1 }";
        let (shelf, held) = (Shelf::new(limits), key(limits));
        let budget = process(&shelf);
        let limits = held.rules().limits(None, None, || 0);
        let spend = || budget.spend(&shelf, &held, limits, (Unit::Uses, CKM_AES_GCM), 1).is_ok();
        assert!(spend());
        budget.give_back(Unit::Uses, CKM_AES_GCM, 1);
        assert!(spend() && !spend());
        assert_eq!(total(&budget.used(&shelf).unwrap()), 1);
    }
}
