//! New generations of keys, by an operator's hand, and what will be due.

use super::{Key, Result, Selector, Trouble, Visit, failed};
use crate::ck::date::{UtcSeconds, display_utc};
use crate::object::State;
use crate::token::{NotRotated, Succession, rotation};
use cryptoki_sys::CKO_PUBLIC_KEY;

/// What became of a rotation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Generations {
    /// The number of the new one.
    pub generation: u64,
    /// The halves of the old one as they are now, private or secret first.
    pub old: Vec<Key>,
    /// The halves of the new one.
    pub new: Vec<Key>,
}

/// What comes to a key at a moment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Occasion {
    /// A new generation is to take its place.
    Rotation,
    /// It protects nothing more.
    ProtectStop,
    /// It processes nothing more.
    Deactivation,
    /// It was replaced and is destroyed.
    Destruction,
}

impl Occasion {
    /// The word for people and for programs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Rotation => "rotation",
            Self::ProtectStop => "protect-stop",
            Self::Deactivation => "deactivation",
            Self::Destruction => "destruction",
        }
    }
}

/// Something that is due.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Due {
    /// What.
    pub occasion: Occasion,
    /// When: a moment that may be past.
    pub at: UtcSeconds,
    /// The rules that say so; those of the key's own dates are none.
    pub rules: Vec<String>,
}

impl Due {
    /// What is to be said of it, in a line.
    pub fn text(&self, now: UtcSeconds) -> String {
        let (at, days) = (display_utc(self.at), self.at.saturating_sub(now) / (24 * 60 * 60));
        match self.occasion {
            Occasion::Rotation if self.at <= now => format!("is to be rotated since {at}"),
            Occasion::Rotation => format!("is to be rotated at {at}, {days} days from now"),
            Occasion::ProtectStop if self.at <= now => {
                format!("protects nothing since {at}: to be replaced")
            }
            Occasion::ProtectStop => format!("protects until {at}, {days} days from now"),
            Occasion::Deactivation => format!("processes until {at}: what it protected must move by then"),
            Occasion::Destruction => format!("was replaced and is destroyed at the first login after {at}"),
        }
    }
}

impl Key {
    /// Whether a new generation took its place.
    pub const fn is_replaced(&self) -> bool {
        self.replacement.is_some()
    }

    /// When it is due for rotation; `None` where nothing says so, or where it was replaced or stopped.
    pub fn rotation_due(&self) -> Option<UtcSeconds> {
        let waits = self.handle.is_some() && !self.is_replaced() && self.facts.state == State::Active;
        self.rotation.due(&self.facts).filter(|_| waits && self.facts.token)
    }

    /// What is due up to a moment, in the order of time.
    pub fn dues(&self, until: UtcSeconds) -> Vec<Due> {
        let mut dues = Vec::new();
        let mut say = |occasion, at: Option<UtcSeconds>, rules: &[String]| {
            if let Some(at) = at.filter(|at| *at <= until) {
                dues.push(Due { occasion, at, rules: rules.to_vec() });
            }
        };
        if self.handle.is_some() {
            let ((protect, process), causes) = (self.windows, &self.causes);
            say(Occasion::Rotation, self.rotation_due(), &causes.rotation);
            if self.facts.state == State::Active && !self.is_replaced() {
                say(Occasion::ProtectStop, protect.to, &causes.protect);
            }
            if matches!(self.facts.state, State::Active | State::Deactivated) {
                say(Occasion::Deactivation, process.to, &causes.process);
            }
            if self.is_replaced() {
                say(Occasion::Destruction, rotation::gone_at(process, &self.rotation), &causes.destroy);
            }
        }
        dues.sort_by_key(|due| (due.at, due.occasion));
        dues
    }
}

impl Visit<'_> {
    /// The generation of a key that was not replaced yet, with both its halves where it is a pair: private first.
    ///
    /// # Errors
    /// [`Trouble::Named`] where there is none, or where several keys go by that name.
    pub fn newest(&self, selector: &Selector) -> Result<Vec<Key>> {
        let mut candidates =
            self.meant(selector)?.into_iter().filter(|key| key.handle.is_some() && !key.is_replaced());
        let Some(first) = candidates.next() else { return self.whole(selector) };
        let identity = first.identity();
        if candidates.any(|key| key.identity() != identity) {
            return self.whole(selector);
        }
        self.whole(&Selector::Uid(first.uid.to_string()))
    }

    /// Makes a new generation of a key.
    ///
    /// # Errors
    /// [`Trouble::Denied`] where it may not be replaced or a new one not be made.
    pub fn rotate(&self, keys: &[Key], wanted: &Succession) -> Result<Generations> {
        let lead = keys.iter().find(|key| key.facts.class != CKO_PUBLIC_KEY).or(keys.first());
        let handle = lead.and_then(|key| key.handle);
        let handle = handle.ok_or_else(|| Trouble::Named("the key is destroyed".to_owned()))?;
        let session = self.session()?;
        let object = session.key(handle).map_err(failed("rotating the key"))?;
        let rotated = session.token().rotate(session.handle(), session.is_read_write(), &object, wanted);
        let rotated = rotated.map_err(|error| match error {
            NotRotated::Denied(denial) => Trouble::Denied(denial),
            NotRotated::Failed(error) => failed("rotating the key")(error),
        })?;
        let all = self.keys()?;
        let old = rotated.old.iter().filter_map(|uid| all.iter().find(|key| key.uid == *uid).cloned());
        let new = rotated.new.iter().filter_map(|at| all.iter().find(|key| key.handle == Some(*at)).cloned());
        Ok(Generations { generation: rotated.generation, old: old.collect(), new: new.collect() })
    }

    /// What is due of the keys that the login may see, up to so many seconds from now; both halves of a pair count as one.
    ///
    /// # Errors
    /// Those of the store.
    pub fn due(&self, within: u64) -> Result<Vec<(Key, Due)>> {
        let now = self.session()?.token().guard().now();
        let mut keys = self.keys()?;
        keys.sort_by_key(|key| key.facts.class == CKO_PUBLIC_KEY);
        let mut all: Vec<(Key, Due)> = Vec::new();
        for key in keys {
            for due in key.dues(now.saturating_add(within)) {
                let same = |(other, told): &(Key, Due)| {
                    other.identity() == key.identity() && (told.occasion, told.at) == (due.occasion, due.at)
                };
                if !all.iter().any(same) {
                    all.push((key.clone(), due));
                }
            }
        }
        all.sort_by_key(|(key, due)| (due.at, due.occasion, key.uid));
        Ok(all)
    }

    /// Now, as the token's guard sees it.
    ///
    /// # Errors
    /// Those of the session.
    pub fn now(&self) -> Result<UtcSeconds> {
        Ok(self.session()?.token().guard().now())
    }
}
