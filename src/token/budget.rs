//! Where the budgets of keys are kept: one row for each key value, authenticated as objects are, of a class that no search
//! finds. A lease writes its row and the token's seal, and no object.
//!
//! A row is named by a keyed digest of the key's value, so a copy, and a value that is imported or unwrapped again, counts
//! where it counted before, also after its object was destroyed. Rows are never removed but with the whole token.
//!
//! Keys that are not private can be used without a login. What is counted then stands in a second row, which the token's
//! key does not vouch for; both together are what was counted.

use super::writer::Writer;
use super::{Token, inner};
use crate::audit::{Event, Kind};
use crate::ck::{CK_OBJECT_CLASS, Error, Result};
use crate::guard::codec;
use crate::guard::op::Ask;
use crate::guard::vault::Vault;
use crate::guard::{Block, Books, Budget, Caller, Guard, Held};
use crate::object::{Attributes, KeyFacts, Origin, key};
use crate::policy::{Counts, Denial, NO_MECHANISM, Spent, Unit};
use crate::store::{Query, Record, Uid};
use crate::sys::lock::Mutex;
use cryptoki_sys::{CKA_PRIVATE, CKA_TOKEN};
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

/// The class of the rows. No search finds them and no handle leads to them.
pub(super) const CLASS: CK_OBJECT_CLASS = inner::class(2);
/// How the names of rows begin that are written with the token's key. The rest is the key value's.
const KEPT: &[u8; 8] = b"kwbudget";
/// How those begin that are written without a login.
const OPEN: &[u8; 8] = b"kwpublic";
/// The encoding's version.
const FORMAT: u64 = 1;

/// The budgets that this process has opened, by the name of their key value.
pub(super) type Budgets = Mutex<HashMap<Uid, Weak<Budget>>>;

/// Whether a record is such a row.
pub(super) fn is_row(uid: Uid) -> bool {
    uid.0.starts_with(KEPT) || uid.0.starts_with(OPEN)
}

/// What a row says.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
struct Row {
    /// The value is counted under this name instead.
    counted_as: Option<Uid>,
    counts: Counts,
}

impl Row {
    fn encode(&self) -> Vec<u8> {
        let mut out = codec::Writer::default();
        out.number(FORMAT);
        out.bytes(self.counted_as.as_ref().map_or(&[][..], |uid| &uid.0));
        let counts: Vec<_> = self.counts.iter().filter(|(.., count)| *count > 0).collect();
        out.number(counts.len() as u64);
        for (unit, ckm, count) in counts {
            out.number(unit as u64);
            out.number(ckm);
            out.number(count);
        }
        out.finish()
    }

    /// `None` where the bytes are no row, or have what this version does not know: then nothing may be counted on.
    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut from = codec::Reader::new(bytes);
        if from.number()? != FORMAT {
            return None;
        }
        let counted_as = match from.bytes()? {
            [] => None,
            uid => Some(Uid(uid.try_into().ok()?)),
        };
        let mut counts = Counts::default();
        for _ in 0..from.number()? {
            counts.add(Unit::from_number(from.number()?)?, from.number()?, from.number()?);
        }
        Some(Self { counted_as, counts })
    }

    fn attributes(&self, private: bool) -> Attributes {
        inner::row(CLASS, private, self.encode())
    }

    fn open(vault: &Vault, record: &Record) -> Result<Self> {
        let attributes = vault.open_attributes(record)?;
        Self::decode(inner::value(&attributes)).ok_or(Error::DeviceError)
    }
}

/// The row that is written without a login, beside one that is not.
fn open_beside(account: Uid) -> Uid {
    let mut uid = account;
    uid.0.iter_mut().zip(OPEN).for_each(|(to, from)| *to = *from);
    uid
}

/// The row that a login may write, and the one that it only reads.
fn rows_of(budget: &Budget, vault: &Vault) -> (Uid, Option<Uid>) {
    let account = budget.account();
    match (budget.is_private(), vault.is_open()) {
        (true, _) => (account, None),
        (false, true) => (account, Some(open_beside(account))),
        (false, false) => (open_beside(account), Some(account)),
    }
}

impl Books for Token {
    fn open(&self, held: &Held) -> Result<Arc<Budget>> {
        if let Some(budget) = held.life().budget() {
            return Ok(Arc::clone(budget));
        }
        let private = held.facts().private;
        let mut account = self.account_of(held, private)?;
        // A value that was made here for a session object is new, and nothing was counted of it.
        let new = !held.facts().token && held.facts().origin == Origin::Generated;
        let row = if new { None } else { self.row(account)? };
        let known = row.is_some() || !new && !private && self.row(open_beside(account))?.is_some();
        if let Some(elsewhere) = row.and_then(|row| row.counted_as) {
            account = elsewhere;
        }
        // What is counted elsewhere is counted as it is there: a value that can be used without a login.
        let private = private && account == self.account_of(held, true)?;
        let budget = self.shared_budget(account, private);
        if held.facts().token || known {
            budget.keep(self)?;
        }
        held.life().keep_budget(Arc::clone(&budget));
        Ok(budget)
    }

    fn counted(&self, budget: &Budget) -> Result<(Counts, Counts)> {
        let login = self.login.load();
        let (own, other) = rows_of(budget, &login.vault);
        let read = |uid: Uid| {
            let record = self.store.record(&self.serial, uid)?;
            believed(budget, &login.vault, uid, record).map(|row| row.counts)
        };
        Ok((read(own)?, other.map(read).transpose()?.unwrap_or_default()))
    }

    fn change(&self, budget: &Budget, work: &mut dyn FnMut(&mut Counts, &Counts) -> bool) -> Result<bool> {
        let vault = Arc::clone(&self.login.load().vault);
        let (own, other) = rows_of(budget, &vault);
        let mut refused = false;
        let written = self.write(|writer| {
            let record = writer.record(own)?;
            let mut row = believed(budget, &vault, own, record)?;
            let beside = match other {
                Some(uid) => believed(budget, &vault, uid, writer.record(uid)?)?,
                None => Row::default(),
            };
            refused = !work(&mut row.counts, &beside.counts);
            if refused {
                return Err(Error::KeyExhausted);
            }
            writer.put_plain(own, &row.attributes(budget.is_private()))?;
            Ok(writer.version())
        });
        match written {
            Ok(version) => {
                budget.seen(own == budget.account()).fetch_max(version, Ordering::AcqRel);
                Ok(true)
            }
            Err(_) if refused => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn leased(&self, held: &Held, block: Block) {
        let Some(trail) = self.guard.trail() else { return };
        let mechanism = (block.ckm != NO_MECHANISM).then_some(block.ckm);
        let event = Event {
            object: held.uid().0,
            label: held.facts().label.clone(),
            mechanism,
            detail: format!("{} {}", block.size, block.unit.word()),
            ..self.event(Kind::Budget, "lease")
        };
        let _ = trail.record(event, false);
    }

    fn refuse(&self, session: u64, ask: &Ask<'_>, denial: &Denial) {
        let login = self.login.load();
        let caller = Caller { role: login.user.role, name: &login.name, session, read_write: false };
        self.guard.refused(&caller, ask, denial);
        self.answer_alarms();
    }

    fn guard(&self) -> &Guard {
        &self.guard
    }
}

/// What a row says, if it is not older than what this process has seen of it.
fn believed(budget: &Budget, vault: &Vault, uid: Uid, record: Option<Record>) -> Result<Row> {
    let (version, row) = match record {
        Some(record) => (record.version, Row::open(vault, &record)?),
        None => (0, Row::default()),
    };
    let before = budget.seen(uid == budget.account()).fetch_max(version, Ordering::AcqRel);
    if version < before {
        return Err(Error::DeviceError);
    }
    Ok(row)
}

impl Token {
    fn account_of(&self, held: &Held, private: bool) -> Result<Uid> {
        let mut uid = Uid([0; 16]);
        let value = held.account(&self.login.load().vault, private)?;
        uid.0.iter_mut().zip(KEPT.iter().chain(&value)).for_each(|(to, from)| *to = *from);
        Ok(uid)
    }

    fn row(&self, uid: Uid) -> Result<Option<Row>> {
        let record = self.store.record(&self.serial, uid)?;
        record.map(|record| Row::open(&self.login.load().vault, &record)).transpose()
    }

    /// The one budget of a key value in this process.
    fn shared_budget(&self, account: Uid, private: bool) -> Arc<Budget> {
        let mut budgets = self.budgets.lock();
        if budgets.was_torn() {
            // Not dropped: another thread of the parent may have been half-way through it.
            std::mem::forget(std::mem::take(&mut *budgets));
        }
        if let Some(there) = budgets.get(&account).and_then(Weak::upgrade) {
            return there;
        }
        if budgets.len() >= 64 && budgets.len().is_power_of_two() {
            budgets.retain(|_, budget| budget.strong_count() > 0);
        }
        let budget = Arc::new(Budget::new(account, private));
        budgets.insert(account, Arc::downgrade(&budget));
        budget
    }

    /// What the process knew belongs to a token that is gone.
    pub(super) fn forget_budgets(&self) {
        let mut budgets = self.budgets.lock();
        std::mem::forget(std::mem::take(&mut *budgets));
    }

    /// The limits of a key, and what was counted of each.
    ///
    /// # Errors
    /// Those of the store; `CKR_USER_NOT_LOGGED_IN` for a private key without a login.
    pub fn limits(&self, held: &Held) -> Result<Vec<Spent>> {
        if !held.rules().is_limited() {
            return Ok(Vec::new());
        }
        let used = self.open(held)?.used(self)?;
        Ok(held.rules().spent(&used, self.guard.now()))
    }

    /// What a copy of a key takes along: that it is counted where the key is.
    ///
    /// # Errors
    /// Those of the store; then there must be no copy.
    pub fn share_budget(&self, original: &Held, copy: &Attributes) -> Result<()> {
        if !key::is_key_class(original.facts().class) {
            return Ok(());
        }
        let (token, private) = (copy.flag(CKA_TOKEN), copy.flag(CKA_PRIVATE));
        let budget = self.open(original)?;
        let name = self.account_of(original, private)?;
        if name != budget.account() && self.row(name)?.is_none() {
            let row = Row { counted_as: Some(budget.account()), ..Row::default() };
            self.write(|writer| writer.put_plain(name, &row.attributes(private)))?;
        }
        let lasts = token || original.facts().token;
        if lasts && !budget.is_kept() {
            budget.keep(self)?;
        }
        // A session object counts in the store where there is a row.
        if lasts && !token && !self.has_row(&budget)? && self.limits_either(original, copy) {
            Books::change(self, &budget, &mut |_, _| true)?;
        }
        Ok(())
    }

    fn has_row(&self, budget: &Budget) -> Result<bool> {
        let login = self.login.load();
        let (own, other) = rows_of(budget, &login.vault);
        Ok(self.row(own)?.is_some() || other.map(|uid| self.row(uid)).transpose()?.flatten().is_some())
    }

    /// Whether any rule limits the one or the other.
    fn limits_either(&self, original: &Held, copy: &Attributes) -> bool {
        original.rules().is_limited() || self.guard.rules().record_for(&KeyFacts::of(copy)).is_limited()
    }

    /// How many rows there are, which are no objects.
    pub(super) fn budget_rows(writer: &mut Writer<'_>) -> Result<u64> {
        let query = Query { class: Some(CLASS), private: true, index: Vec::new() };
        Ok(writer.find(&query)?.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cryptoki_sys::{CKM_AES_CBC, CKM_AES_GCM};

    #[test]
    fn row_comes_back_and_nothing_else_is_read() {
        let mut counts = Counts::default();
        counts.add(Unit::Uses, CKM_AES_GCM, 7);
        counts.add(Unit::Bytes, CKM_AES_CBC, 1 << 40);
        let row = Row { counted_as: Some(Uid([9; 16])), counts };
        let bytes = row.encode();
        assert_eq!(Row::decode(&bytes), Some(row));
        for short in 0..bytes.len() {
            assert_eq!(Row::decode(&bytes[..short]), None);
        }
        let mut other = bytes;
        other[0] = 2;
        assert_eq!(Row::decode(&other), None);
    }

    #[test]
    fn names_of_rows_are_told_from_objects() {
        let kept = Uid(*b"kwbudget\x01\x02\x03\x04\x05\x06\x07\x08");
        assert!(is_row(kept) && is_row(open_beside(kept)) && kept != open_beside(kept));
        assert!(!is_row(Uid([7; 16])) && !is_row(super::super::law::POLICY));
    }
}
