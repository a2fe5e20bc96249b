//! What the token knows of copies of its keys: when the whole store was last copied (`keyward backup`), in a row of its
//! own, and when a key first left wrapped, in an attribute of the key. Only `escrow = "required"` asks for either.
//!
//! The row is written without a login, as the copy is, under the store's key alone: whoever could forge it has the store.

use super::objects::Entry;
use super::{Token, inner};
use crate::ck::date::UtcSeconds;
use crate::ck::vendor::CKA_KEYWARD_ESCROW_DATE;
use crate::ck::{CK_OBJECT_CLASS, Error, Result};
use crate::guard::Held;
use crate::object::{Attributes, Value};
use crate::store::Uid;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The identity of the row.
pub(super) const BACKUP: Uid = Uid(*b"keyward's backup");
const CLASS: CK_OBJECT_CLASS = inner::class(4);

impl Token {
    /// The moment at which the last copy of the store was begun; `None` without one.
    pub(super) fn backup_date(&self) -> Option<UtcSeconds> {
        Some(self.backed_up.load(Ordering::Acquire)).filter(|at| *at > 0)
    }

    /// Reads what the row says. A row that is not what was written says nothing.
    pub(super) fn take_backup_date(&self) -> Result<()> {
        let record = self.store.record(&self.serial, BACKUP)?.filter(|record| !record.deleted);
        let attributes = record.and_then(|record| self.closed_vault().open_attributes(&record).ok());
        let at = attributes.and_then(|attributes| inner::value(&attributes).try_into().ok());
        self.backed_up.store(at.map_or(0, u64::from_le_bytes), Ordering::Release);
        Ok(())
    }

    /// A copy of the store was begun at this moment, and is whole.
    ///
    /// # Errors
    /// Those of the store, where the policy asks for the copy; where it does not, that it cannot be noted stops nothing.
    pub(super) fn tell_of_backup(&self, at: UtcSeconds) -> Result<()> {
        let noted = self.note_backup_date(at);
        if self.guard.rules().asks_backup() { noted } else { Ok(()) }
    }

    fn note_backup_date(&self, at: UtcSeconds) -> Result<()> {
        let row = inner::row(CLASS, false, at.to_le_bytes().to_vec());
        self.write_under(&Arc::new(self.closed_vault()), |writer| writer.put_plain(BACKUP, &row))
    }

    /// A key has left wrapped: written where the policy wants it backed up, once.
    ///
    /// # Errors
    /// Those of the store. What has left has left.
    pub fn note_escrow(&self, target: &Arc<Held>) -> Result<()> {
        if !target.rules().asks_backup() || target.attributes().has(CKA_KEYWARD_ESCROW_DATE) {
            return Ok(());
        }
        let at = self.guard.now();
        let dated = |attributes: &mut Attributes| attributes.set(CKA_KEYWARD_ESCROW_DATE, Value::Ulong(at));
        if target.facts().token {
            return self.write(|writer| {
                let (_, mut attributes) =
                    writer.attributes(target.uid())?.ok_or(Error::ObjectHandleInvalid)?;
                dated(&mut attributes);
                self.rewrite(writer, target.uid(), &attributes)
            });
        }
        let _one_at_a_time = self.binding.lock();
        let there = self.objects.table.collect(|handle, entry| {
            let is_it = entry.held.uid() == target.uid() && entry.owner.is_some();
            is_it.then(|| (handle, entry.owner, Arc::clone(&entry.held)))
        });
        for (handle, owner, held) in there {
            let mut attributes = held.attributes().clone();
            dated(&mut attributes);
            let held = Arc::new(held.changed(attributes, &self.guard.rules())?);
            self.objects.table.replace(handle, Entry { held, owner });
        }
        Ok(())
    }
}
