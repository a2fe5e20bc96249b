//! Named users: beside the SO and the user that PKCS#11 knows, any number of people with PINs of their own
//! (C_LoginUser, PKCS#11 3.2, 5.6). Each opens the same token, as a user or as an SO; the SO says who.
//!
//! Each has a key of their own, too, to sign with what they agree to. It is made with the PIN and opens with it; a PIN that
//! the SO sets comes with another key, and nobody can use the old one any more.

use super::Token;
use super::login::{Attempts, acceptable, record_with, reseal};
use crate::audit::{Event, Kind};
use crate::ck::{Error, Result};
use crate::crypto::attest::{PublicKey, SigningKey};
use crate::guard::Role;
use crate::guard::vault::{Signer, Vault};
use crate::secret::Pin;
use crate::store::{StoreError, TokenRecord, UserRecord};

/// Longest name of a user, in bytes.
pub const NAME_MAX: usize = 64;
/// Most named users of one token.
const MOST: usize = 1000;

/// Who may log in. Nobody is logged in where the role is [`Role::Public`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    /// What the user may do.
    pub role: Role,
    /// The name of a named user; `None` for the token's own SO and user.
    pub name: Option<UserName>,
}

/// The name of a user: 1 to 64 bytes of UTF-8 without control characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct UserName(String);

/// A named user, as a list shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamedUser {
    /// The name.
    pub name: UserName,
    /// [`Role::User`] or [`Role::SecurityOfficer`].
    pub role: Role,
    /// Wrong PINs since the last good login.
    pub failures: u32,
    /// Whether no PIN is taken now.
    pub locked: bool,
    /// The public half of the key that the user signs with, as the row has it; `None` where there is none yet. Before a login
    /// nobody vouches for it.
    pub signing_key: Option<PublicKey>,
}

/// What stands before the name of a named user among the token's users. The token's own have no colon.
const PREFIXES: [(Role, &str); 2] = [(Role::User, "user:"), (Role::SecurityOfficer, "so:")];

impl UserName {
    /// `None` where the bytes are no name.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let name = std::str::from_utf8(bytes).ok()?;
        let fits = (1..=NAME_MAX).contains(&name.len()) && !name.contains(char::is_control);
        fits.then(|| Self(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl User {
    /// Nobody.
    pub const NOBODY: Self = Self::standard(Role::Public);

    /// The token's own user of a role.
    pub const fn standard(role: Role) -> Self {
        Self { role, name: None }
    }

    /// A named user.
    pub const fn named(role: Role, name: UserName) -> Self {
        Self { role, name: Some(name) }
    }

    /// Name of the user's row: `so`, `user`, `user:alice`.
    pub(super) fn row(&self) -> String {
        let word = self.role.word();
        match &self.name {
            None => word.to_owned(),
            Some(name) => format!("{word}:{}", name.as_str()),
        }
    }
}

impl std::fmt::Display for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.role.word())?;
        self.name.as_ref().map_or(Ok(()), |name| write!(f, " {}", name.as_str()))
    }
}

/// The named user of a row; `None` for the token's own.
pub(super) fn of_row(row: &UserRecord) -> Option<(Role, UserName)> {
    let named = |(role, prefix): &(Role, &str)| {
        row.name
            .strip_prefix(prefix)
            .and_then(|name| UserName::parse(name.as_bytes()))
            .map(|name| (*role, name))
    };
    PREFIXES.iter().find_map(named)
}

fn row_of<'r>(record: &'r TokenRecord, name: &UserName) -> Option<(Role, &'r UserRecord)> {
    let is_it = |row: &&UserRecord| of_row(row).is_some_and(|(_, other)| other == *name);
    let row = record.users.iter().find(is_it)?;
    of_row(row).map(|(role, _)| (role, row))
}

impl Token {
    /// Who is logged in.
    pub fn user(&self) -> User {
        self.login.load().user.clone()
    }

    /// The named users, by name.
    ///
    /// # Errors
    /// Those of the store.
    pub fn named_users(&self) -> Result<Vec<NamedUser>> {
        self.refresh()?;
        let vault = self.closed_vault();
        let (rules, now) = (self.guard.rules().pin(), self.guard.now());
        let shown = |row: &UserRecord| {
            let (role, name) = of_row(row)?;
            let attempts = Attempts::read(&vault, row, &rules);
            let signing_key = match Signer::of(row) {
                Signer::Key(key) => Some(key),
                Signer::None | Signer::Unknown => None,
            };
            let (failures, locked) = (attempts.failures, attempts.locked(&rules, now));
            Some(NamedUser { name, role, failures, locked, signing_key })
        };
        let mut users: Vec<_> = self.record.load().users.iter().filter_map(shown).collect();
        users.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(users)
    }

    /// Lets a named user in from now on, with a new key to sign with. Answers false where the name is taken, by whatever role.
    ///
    /// # Errors
    /// `CKR_USER_NOT_LOGGED_IN` but for the SO, `CKR_PIN_LEN_RANGE`, `CKR_DEVICE_MEMORY` where there are a
    /// thousand already.
    pub fn add_user(&self, role: Role, name: &UserName, pin: &Pin) -> Result<bool> {
        acceptable(pin, &self.guard.rules().pin())?;
        let vault = self.officers_vault()?;
        let key = SigningKey::generate_to_keep()?;
        let row = record_with(&vault, &User::named(role, name.clone()), pin, Some(&key))?;
        self.begin_user("add-user", name)?;
        let outcome = self.change_users(&vault, |record| {
            if row_of(record, name).is_some() {
                return Ok(false);
            }
            if record.users.iter().filter_map(of_row).count() >= MOST {
                return Err(Error::DeviceMemory);
            }
            record.users.push(row.clone());
            Ok(true)
        });
        self.note_user("add-user", name, Some(key.public()), outcome)
    }

    /// Gives a named user another PIN, another key to sign with, and all attempts back: what the user agreed to before
    /// counts no more. Answers false where there is none of the name.
    ///
    /// # Errors
    /// `CKR_USER_NOT_LOGGED_IN` but for the SO, `CKR_PIN_LEN_RANGE`.
    pub fn reset_user(&self, name: &UserName, pin: &Pin) -> Result<bool> {
        acceptable(pin, &self.guard.rules().pin())?;
        let vault = self.officers_vault()?;
        self.refresh()?;
        let Some((role, _)) = row_of(&self.record.load(), name) else { return Ok(false) };
        let key = SigningKey::generate_to_keep()?;
        let row = record_with(&vault, &User::named(role, name.clone()), pin, Some(&key))?;
        self.begin_user("reset-user", name)?;
        let outcome = self.change_users(&vault, |record| {
            let there = record.users.iter_mut().find(|other| other.name == row.name);
            Ok(there.map(|other| *other = row.clone()).is_some())
        });
        self.note_user("reset-user", name, Some(key.public()), outcome)
    }

    /// Lets a named user in no more; every process that has this user logged in notices at its next call.
    /// Answers false where there is none of the name.
    ///
    /// # Errors
    /// `CKR_USER_NOT_LOGGED_IN` but for the SO.
    pub fn remove_user(&self, name: &UserName) -> Result<bool> {
        let vault = self.officers_vault()?;
        self.begin_user("remove-user", name)?;
        let outcome = self.change_users(&vault, |record| {
            let before = record.users.len();
            record.users.retain(|row| of_row(row).is_none_or(|(_, other)| other != *name));
            Ok(record.users.len() < before)
        });
        self.note_user("remove-user", name, None, outcome)
    }

    /// Where the policy requires the record, that a change of the users begins is on the disk first.
    fn begin_user(&self, operation: &'static str, name: &UserName) -> Result<()> {
        self.must_note(Event { label: name.as_str().to_owned(), ..self.event(Kind::User, operation) })
    }

    /// Records a change of the users, with the key that one of them signs with from now on; nothing where nothing was changed.
    fn note_user(
        &self,
        operation: &'static str,
        name: &UserName,
        signer: Option<&PublicKey>,
        outcome: Result<bool>,
    ) -> Result<bool> {
        if outcome != Ok(false) {
            let result = outcome.as_ref().err().map_or(0, |error| error.code());
            let signer = signer.filter(|_| result == 0).copied();
            let label = name.as_str().to_owned();
            self.note(Event { label, result, signer, ..self.event(Kind::User, operation) });
        }
        outcome
    }

    /// Records that a user who had no signing key has one now.
    pub(super) fn note_signing_key(&self, name: &UserName, key: &PublicKey) {
        let label = name.as_str().to_owned();
        self.note(Event { label, signer: Some(*key), ..self.event(Kind::User, "signing-key") });
    }

    /// The key that a named user signs with, for who gives the PIN; wrong ones are counted as at a login. A user from before
    /// those keys gets one now.
    ///
    /// # Errors
    /// Those of the PIN; `CKR_DEVICE_ERROR` where the key is not what was written.
    pub(super) fn signing_key(&self, who: &User, pin: &Pin) -> Result<SigningKey> {
        let opened = match self.verify_pin(who, pin) {
            Err(error) => return self.note_of(Kind::Login, "context-login", who, Err(error)),
            Ok(opened) => opened,
        };
        let name = who.name.as_ref().ok_or(Error::UserNotLoggedIn)?;
        if let Some(key) = opened.signing_key()? {
            return Ok(key);
        }
        let key = SigningKey::generate_to_keep()?;
        let mut row = opened.row_with(&key)?;
        Attempts::default().write(&opened.vault, &mut row);
        self.begin_user("signing-key", name)?;
        self.replace_row(&opened, &row)?;
        self.note_signing_key(name, key.public());
        Ok(key)
    }

    fn officers_vault(&self) -> Result<std::sync::Arc<Vault>> {
        let login = self.login.load();
        match login.user.role {
            Role::SecurityOfficer => Ok(std::sync::Arc::clone(&login.vault)),
            Role::User | Role::Public => Err(Error::UserNotLoggedIn),
        }
    }

    /// Changes the token's users and seals the row anew, where `change` says that it did change something.
    pub(super) fn change_users(
        &self,
        vault: &Vault,
        change: impl Fn(&mut TokenRecord) -> Result<bool>,
    ) -> Result<bool> {
        let mut changed = false;
        self.store.transact(&mut |tx| {
            let mut record = tx.token(&self.serial)?.ok_or(StoreError::Aborted(Error::TokenNotRecognized))?;
            let accumulator = vault.check_token(&record).map_err(StoreError::Aborted)?;
            changed = change(&mut record).map_err(StoreError::Aborted)?;
            if !changed {
                return Ok(());
            }
            reseal(vault, &mut record, &accumulator)?;
            tx.put_token(&record)
        })?;
        self.refresh()?;
        Ok(changed)
    }

    /// Ends the login of a named user whom the SO removed, here or in another process.
    pub(super) fn notice_removed_user(&self, record: &TokenRecord) {
        let login = self.login.load();
        if login.user.name.is_some() && !record.users.iter().any(|row| row.name == login.user.row()) {
            self.close_login();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_text_of_a_sensible_length() {
        for good in ["a", "alice", "Zoë", "so", "user", "user:alice", &"x".repeat(64)] {
            assert_eq!(UserName::parse(good.as_bytes()).unwrap().as_str(), good);
        }
        for wrong in [&b""[..], b"\n", b"a\0", b"a\x7Fb", b"\xFF", "\u{85}".as_bytes(), &[b'x'; 65]] {
            assert_eq!(UserName::parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn rows_of_named_users_are_never_those_of_the_token() {
        for name in ["so", "user", "alice", "user:so"] {
            for role in [Role::User, Role::SecurityOfficer] {
                let user = User::named(role, UserName::parse(name.as_bytes()).unwrap());
                let row = UserRecord { name: user.row(), credential: vec![], attempts: vec![] };
                assert_eq!(of_row(&row), Some((role, user.name.unwrap())));
            }
        }
        for own in ["so", "user"] {
            let row = UserRecord { name: own.into(), credential: vec![], attempts: vec![] };
            assert_eq!(of_row(&row), None);
        }
    }
}
