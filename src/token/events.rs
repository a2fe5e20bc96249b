//! Slot events (PKCS#11 3.2, C_WaitForSlotEvent): a token was made in a slot or made anew, or the slot itself
//! is new, here or in another process. There is no thread that watches: whoever waits looks.

use super::{Slot, Slots};
use crate::ck::{Result, SlotId};
use crate::store::Generation;
use std::collections::BTreeMap;

/// Which initialisation of its token stands in each slot; `None` for a slot that is free.
type Standing = BTreeMap<SlotId, Option<[u8; 16]>>;

/// What was told of the slots so far.
#[derive(Default)]
pub(super) struct Told {
    standing: Standing,
    /// The store's generation at which nothing was left to tell.
    quiet: Option<u64>,
}

impl Slots {
    /// A slot with an event that was not told yet, which counts as told then. Each slot remembers one event,
    /// however often it changed.
    pub fn event(&self) -> Result<Option<SlotId>> {
        let generation = match self.store.generation() {
            Generation::Settled(number) => Some(number),
            Generation::Pending => None,
        };
        let mut told = self.told.lock();
        let torn = told.was_torn();
        if !torn && generation.is_some() && told.quiet == generation {
            return Ok(None);
        }
        let slots = self.all()?;
        for (_, slot) in &slots {
            if let Slot::Token(token) = slot {
                token.refresh()?;
            }
        }
        let mut now = standing(slots);
        if torn {
            // A child of a process that was in the middle of this begins anew.
            *told = Told { standing: now, quiet: generation };
            return Ok(None);
        }
        let changed = now.keys().copied().find(|id| now.get(id) != told.standing.get(id));
        match changed {
            Some(id) => {
                told.standing.insert(id, now.remove(&id).flatten());
                Ok(Some(id))
            }
            None => {
                told.quiet = generation;
                Ok(None)
            }
        }
    }

    /// C_Initialize: "every slot's event flag is cleared".
    pub(super) fn forget_events(&self) {
        *self.told.lock() = Told { standing: standing(self.known()), quiet: None };
    }
}

fn standing(slots: Vec<(SlotId, Slot)>) -> Standing {
    let of = |slot: Slot| match slot {
        // A token whose header is damaged is none that could have been made.
        Slot::Token(token) => token.incarnation().ok(),
        Slot::Free { .. } => None,
    };
    slots.into_iter().map(|(id, slot)| (id, of(slot))).collect()
}
