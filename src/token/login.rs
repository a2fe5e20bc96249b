//! Who may log in: PINs, their rules, failed attempts. What a login opens is the vault.

use super::{Token, User};
use crate::audit::Kind;
use crate::ck::date::UtcSeconds;
use crate::ck::{Error, Result};
use crate::crypto::attest::SigningKey;
use crate::guard::Role;
use crate::guard::vault::{Opened, Vault};
use crate::policy::PinRules;
use crate::secret::Pin;
use crate::store::{StoreError, TokenRecord, UserRecord};

/// Longest PIN that is taken, in bytes.
pub const PIN_MAX: usize = 255;

/// Failed attempts of one user, as the store keeps them.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Attempts {
    /// Since the last good login.
    pub failures: u32,
    /// When the last failure was.
    pub last: UtcSeconds,
}

impl Attempts {
    fn encode(self) -> [u8; 12] {
        let mut bytes = [0; 12];
        let (failures, last) = bytes.split_at_mut(4);
        failures.copy_from_slice(&self.failures.to_le_bytes());
        last.copy_from_slice(&self.last.to_le_bytes());
        bytes
    }

    /// Attempts that were tampered with count as the last one allowed.
    pub(super) fn read(vault: &Vault, user: &UserRecord, rules: &PinRules) -> Self {
        let decode = |bytes: &[u8]| {
            let (failures, last) = bytes.split_first_chunk::<4>()?;
            Some(Self {
                failures: u32::from_le_bytes(*failures),
                last: UtcSeconds::from_le_bytes(last.try_into().ok()?),
            })
        };
        vault
            .checked(&format!("attempts {}", user.name), &user.attempts)
            .and_then(decode)
            .unwrap_or(Self { failures: rules.max_failures.saturating_sub(1), last: 0 })
    }

    pub(super) fn write(self, vault: &Vault, user: &mut UserRecord) {
        user.attempts = vault.authenticate(&format!("attempts {}", user.name), &self.encode());
    }

    /// Whether no attempt is taken now.
    pub fn locked(self, rules: &PinRules, now: UtcSeconds) -> bool {
        if rules.max_failures == 0 || self.failures < rules.max_failures {
            return false;
        }
        // A clock that was set back does not open the lock.
        rules.lockout_seconds == 0 || now < self.last.saturating_add(rules.lockout_seconds)
    }
}

/// Checks a new PIN by the policy's rules.
pub(super) fn acceptable(pin: &Pin, rules: &PinRules) -> Result<()> {
    let len = pin.expose().len();
    if len < rules.min_length || len > PIN_MAX.min(rules.max_length) {
        return Err(Error::PinLenRange);
    }
    Ok(())
}

/// The row of the token's own SO or user for a PIN, with all attempts left.
pub(super) fn user_record(vault: &Vault, user: &User, pin: &Pin) -> Result<UserRecord> {
    record_with(vault, user, pin, None)
}

/// The row of a user for a PIN, with all attempts left. A named user has a key to sign with.
pub(super) fn record_with(
    vault: &Vault,
    user: &User,
    pin: &Pin,
    signing: Option<&SigningKey>,
) -> Result<UserRecord> {
    let name = user.row();
    let credential = vault.credential(&name, pin, super::PIN_COST, signing)?;
    let mut user = UserRecord { name, credential, attempts: Vec::new() };
    Attempts::default().write(vault, &mut user);
    Ok(user)
}

impl Token {
    /// Opens the vault with a PIN, counting failures for every process. A name that nobody has is not told
    /// from a wrong PIN: it costs the same work and the same writing.
    ///
    /// # Errors
    /// `CKR_PIN_INCORRECT`, `CKR_PIN_LOCKED`; `CKR_USER_PIN_NOT_INITIALIZED` for the token's own users.
    pub(super) fn verify_pin(&self, who: &User, pin: &Pin) -> Result<Opened> {
        let closed = self.closed_vault();
        let record = self.store.token(&self.serial)?.ok_or(Error::TokenNotRecognized)?;
        let name = who.row();
        let Some(user) = record.users.iter().find(|user| user.name == name) else {
            return Err(self.nobody(who, &closed, pin));
        };
        let rules = self.guard.rules().pin();
        let now = self.guard.now();
        let attempts = Attempts::read(&closed, user, &rules);
        if attempts.locked(&rules, now) {
            return Err(Error::PinLocked);
        }
        match closed.open(user, pin) {
            Ok(opened) => {
                if attempts.failures > 0 {
                    self.record_attempt(&name, |_| Attempts::default())?;
                }
                Ok(opened)
            }
            Err(Error::PinIncorrect) => {
                let failed = |before: Attempts| {
                    // After a lockout has run out, one failure locks again.
                    let failures = before.failures.saturating_add(1).min(rules.max_failures.max(1));
                    Attempts { failures, last: now }
                };
                self.record_attempt(&name, failed)?;
                self.tell_of_wrong_pin(who);
                Err(Error::PinIncorrect)
            }
            Err(other) => Err(other),
        }
    }

    /// What a user who is not there gets.
    fn nobody(&self, who: &User, closed: &Vault, pin: &Pin) -> Error {
        if who.name.is_none() {
            return Error::UserPinNotInitialized;
        }
        match closed.open(&Vault::nobody(&who.row(), super::PIN_COST), pin) {
            Ok(_) | Err(Error::PinIncorrect) => {}
            Err(other) => return other,
        }
        // No row has this name, so the token is written as it is.
        if let Err(error) = self.record_attempt(&who.row(), |attempts| attempts) {
            return error;
        }
        self.tell_of_wrong_pin(who);
        Error::PinIncorrect
    }

    fn tell_of_wrong_pin(&self, who: &User) {
        self.guard.journal().line("login", format_args!("wrong PIN for {who} of token {}", self.serial));
    }

    fn record_attempt(&self, name: &str, next: impl Fn(Attempts) -> Attempts) -> Result<()> {
        let closed = self.closed_vault();
        let rules = self.guard.rules().pin();
        self.store.transact(&mut |tx| {
            let mut record = tx.token(&self.serial)?.ok_or(StoreError::Aborted(Error::TokenNotRecognized))?;
            if let Some(user) = record.users.iter_mut().find(|user| user.name == name) {
                next(Attempts::read(&closed, user, &rules)).write(&closed, user);
            }
            tx.put_token(&record)
        })?;
        self.refresh()
    }

    /// C_SetPIN: the same token key under another PIN, and the same signing key, which a named user from before those
    /// keys gets now. It is the PIN of who is logged in, or the user's where nobody is.
    pub fn change_pin(&self, old: &Pin, new: &Pin) -> Result<()> {
        let who = match self.user() {
            nobody if nobody.role == Role::Public => User::standard(Role::User),
            there => there,
        };
        self.noted(Kind::Pin, "change-pin", &who, || self.try_change_pin(&who, old, new))
    }

    fn try_change_pin(&self, who: &User, old: &Pin, new: &Pin) -> Result<()> {
        let opened = self.verify_pin(who, old)?;
        acceptable(new, &self.guard.rules().pin())?;
        let had = opened.signing_key()?;
        let made = match (&who.name, &had) {
            (Some(_), None) => Some(SigningKey::generate_to_keep()?),
            _ => None,
        };
        let row = record_with(&opened.vault, who, new, had.as_ref().or(made.as_ref()))?;
        self.replace_row(&opened, &row)?;
        if let (Some(name), Some(key)) = (&who.name, &made) {
            self.note_signing_key(name, key.public());
        }
        Ok(())
    }

    /// Puts another row in the place of the one that a PIN opened.
    ///
    /// # Errors
    /// `CKR_PIN_INCORRECT` where that one is not there any more: a user who was removed meanwhile does not come back,
    /// nor does the PIN that the SO has replaced.
    pub(super) fn replace_row(&self, opened: &Opened, row: &UserRecord) -> Result<()> {
        let before = opened.row();
        let is_it = |other: &&mut UserRecord| other.name == row.name && other.credential == before.credential;
        let changed = self.change_users(&opened.vault, |record| {
            let there = record.users.iter_mut().find(is_it);
            Ok(there.map(|other| *other = row.clone()).is_some())
        })?;
        if changed { Ok(()) } else { Err(Error::PinIncorrect) }
    }

    /// C_InitPIN: the SO, logged in, gives the user a PIN.
    pub fn set_user_pin(&self, pin: &Pin) -> Result<()> {
        let login = self.login.load();
        if login.user.role != Role::SecurityOfficer {
            return Err(Error::UserNotLoggedIn);
        }
        acceptable(pin, &self.guard.rules().pin())?;
        let row = user_record(&login.vault, &User::standard(Role::User), pin)?;
        let put = |record: &mut TokenRecord| {
            record.users.retain(|other| other.name != row.name);
            record.users.push(row.clone());
            Ok(true)
        };
        self.noted(Kind::Pin, "init-pin", &login.user, || self.change_users(&login.vault, put).map(|_| ()))
    }
}

/// Seals a token record anew after a change.
pub(super) fn reseal(
    vault: &Vault,
    record: &mut TokenRecord,
    accumulator: &[u8; 32],
) -> core::result::Result<(), StoreError> {
    record.users.sort_by(|one, other| one.name.cmp(&other.name));
    record.seal = vault.seal_token(record, accumulator).map_err(StoreError::Aborted)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_opens_by_time_and_not_by_a_clock_set_back() {
        let rules = PinRules { min_length: 4, max_length: 255, max_failures: 3, lockout_seconds: 60 };
        let attempts = Attempts { failures: 3, last: 1000 };
        assert!(attempts.locked(&rules, 1000) && attempts.locked(&rules, 10));
        assert!(!attempts.locked(&rules, 1060));
        assert!(!Attempts { failures: 2, last: 1000 }.locked(&rules, 1000));
        assert!(attempts.locked(&PinRules { lockout_seconds: 0, ..rules }, u64::MAX));
    }
}
