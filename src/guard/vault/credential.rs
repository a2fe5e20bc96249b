//! Credentials: what the PIN of one user opens. That is the token's key and, of a named user, the key that this user
//! signs with, which nobody else can use: not the SO, and not who holds the token's key.
//!
//! A PIN is stretched once. From that two keys follow, each for one use: one wraps the token's key, the other the seed of
//! the signing key. The public half stands beside, under the token's seal like the whole credential.

use super::Vault;
use crate::ck::{Error, Result};
use crate::crypto::attest::{PublicKey, SigningKey};
use crate::crypto::seal::{self, PinCost};
use crate::guard::codec::{Reader, Writer};
use crate::secret::{Pin, Secret};
use crate::store::UserRecord;

/// The version of what stands behind the wrapped token key. Credentials from before users had signing keys end there.
const SIGNING: u64 = 1;

/// What a PIN opened. Dropped as soon as that was taken: it can open the signing key again.
pub struct Opened {
    /// The vault, the token's key in it.
    pub vault: Vault,
    /// The row that it was opened with.
    row: UserRecord,
    /// What the PIN was stretched to.
    stretched: Secret,
}

/// What a credential says of its user's signing key. Who has not checked the token's seal knows no more than that.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signer {
    /// There is none: the credential is older than signing keys.
    None,
    /// Its public half.
    Key(PublicKey),
    /// A later version wrote something else.
    Unknown,
}

/// The parts of a credential.
struct Credential<'a> {
    salt: &'a [u8],
    cost: PinCost,
    wrapped: &'a [u8],
    /// What stands behind.
    signing: &'a [u8],
}

impl<'a> Credential<'a> {
    fn decode(bytes: &'a [u8]) -> Option<Self> {
        let mut from = Reader::new(bytes);
        let salt = from.bytes()?;
        let mut cost = || from.number().and_then(|number| u32::try_from(number).ok());
        let cost = PinCost { memory: cost()?, passes: cost()?, lanes: cost()? };
        Some(Self { salt, cost, wrapped: from.bytes()?, signing: from.rest() })
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.bytes(self.salt);
        out.number(self.cost.memory.into());
        out.number(self.cost.passes.into());
        out.number(self.cost.lanes.into());
        out.bytes(self.wrapped);
        [&out.finish()[..], self.signing].concat()
    }

    /// The public half of the signing key and its sealed seed. `Err` where a later version wrote something else.
    fn signing(&self) -> core::result::Result<Option<(PublicKey, &'a [u8])>, Error> {
        if self.signing.is_empty() {
            return Ok(None);
        }
        let read = || {
            let mut from = Reader::new(self.signing);
            (from.number()? == SIGNING).then_some(())?;
            let parts = (from.bytes()?.try_into().ok()?, from.bytes()?);
            from.rest().is_empty().then_some(parts)
        };
        read().map(Some).ok_or(Error::DeviceError)
    }
}

impl Signer {
    /// Of a user's row.
    pub fn of(row: &UserRecord) -> Self {
        let Some(credential) = Credential::decode(&row.credential) else { return Self::Unknown };
        match credential.signing() {
            Ok(None) => Self::None,
            Ok(Some((key, _))) => Self::Key(key),
            Err(_) => Self::Unknown,
        }
    }
}

impl Vault {
    /// The credential of one who may open the token from now on, and who signs with a key.
    pub fn credential(
        &self,
        name: &str,
        pin: &Pin,
        cost: PinCost,
        signing: Option<&SigningKey>,
    ) -> Result<Vec<u8>> {
        let mut salt = [0; 16];
        crate::crypto::random::fill(&mut salt)?;
        let stretched = seal::stretch(pin.expose(), &salt, cost)?;
        let token_key = self.token()?.token_key.expose();
        let wrapped = seal::seal(&self.pin_key(name, &stretched), &self.credential_context(name), token_key)?;
        let signing = signing.map(|key| self.sealed_signing_key(name, &stretched, key)).transpose()?;
        let signing = signing.as_deref().unwrap_or_default();
        Ok(Credential { salt: &salt, cost, wrapped: &wrapped, signing }.encode())
    }

    /// Opens the vault with a PIN. `CKR_PIN_INCORRECT` where it is not the one.
    pub fn open(&self, user: &UserRecord, pin: &Pin) -> Result<Opened> {
        let credential = Credential::decode(&user.credential).ok_or(Error::DeviceError)?;
        let stretched = seal::stretch(pin.expose(), credential.salt, credential.cost)?;
        let key = self.pin_key(&user.name, &stretched);
        let token_key = seal::open(&key, &self.credential_context(&user.name), credential.wrapped)
            .ok_or(Error::PinIncorrect)?;
        let vault = self.opened(Secret::from_slice(&token_key));
        Ok(Opened { vault, row: user.clone(), stretched })
    }

    /// The record of a user who is not there: no PIN opens it, and to try one takes [`Self::open`] as long as with a user who is.
    pub fn nobody(name: &str, cost: PinCost) -> UserRecord {
        // The length of a wrapped token key: nonce, key, tag.
        let credential = Credential { salt: &[0; 16], cost, wrapped: &[0; 60], signing: &[] }.encode();
        UserRecord { name: name.to_owned(), credential, attempts: Vec::new() }
    }

    /// What wraps the token's key.
    fn pin_key(&self, name: &str, stretched: &Secret) -> Secret {
        seal::derive(stretched, &[b"keyward pin ", self.serial.as_bytes(), name.as_bytes()])
    }

    /// What seals the seed of the user's signing key.
    fn signing_seal(&self, name: &str, stretched: &Secret) -> Secret {
        seal::derive(stretched, &[b"keyward signing pin ", self.serial.as_bytes(), name.as_bytes()])
    }

    fn credential_context(&self, name: &str) -> Vec<u8> {
        let mut context = Writer::default();
        context.bytes(b"keyward credential");
        context.bytes(self.serial.as_bytes());
        context.bytes(name.as_bytes());
        context.finish()
    }

    fn signing_context(&self, name: &str, public: &PublicKey) -> Vec<u8> {
        let mut context = Writer::default();
        context.bytes(b"keyward signing key");
        context.bytes(self.serial.as_bytes());
        context.bytes(name.as_bytes());
        context.bytes(public);
        context.finish()
    }

    fn sealed_signing_key(&self, name: &str, stretched: &Secret, key: &SigningKey) -> Result<Vec<u8>> {
        let (under, context) = (self.signing_seal(name, stretched), self.signing_context(name, key.public()));
        let mut out = Writer::default();
        out.number(SIGNING);
        out.bytes(key.public());
        out.bytes(&seal::seal(&under, &context, key.seed().expose())?);
        Ok(out.finish())
    }
}

impl Opened {
    /// The row whose PIN it was, as it was then.
    pub const fn row(&self) -> &UserRecord {
        &self.row
    }

    /// The user's signing key; `None` where the row is older than those.
    ///
    /// # Errors
    /// `CKR_DEVICE_ERROR` where it is not what was written, or a later version wrote it.
    pub fn signing_key(&self) -> Result<Option<SigningKey>> {
        let (name, vault) = (&self.row.name, &self.vault);
        let credential = Credential::decode(&self.row.credential).ok_or(Error::DeviceError)?;
        let Some((public, sealed)) = credential.signing()? else { return Ok(None) };
        let context = vault.signing_context(name, &public);
        let seed = seal::open(&vault.signing_seal(name, &self.stretched), &context, sealed)
            .ok_or(Error::DeviceError)?;
        let key = SigningKey::from_seed(Secret::from_slice(&seed))?;
        if *key.public() == public { Ok(Some(key)) } else { Err(Error::DeviceError) }
    }

    /// The row with a signing key, under the same PIN.
    pub fn row_with(&self, key: &SigningKey) -> Result<UserRecord> {
        let credential = Credential::decode(&self.row.credential).ok_or(Error::DeviceError)?;
        let signing = self.vault.sealed_signing_key(&self.row.name, &self.stretched, key)?;
        let credential = Credential { signing: &signing, ..credential }.encode();
        Ok(UserRecord { credential, ..self.row.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::vault::StoreKeys;
    use std::sync::Arc;

    const CHEAP: PinCost = PinCost { memory: 8, passes: 1, lanes: 1 };

    fn pin(text: &str) -> Pin {
        Pin::from_slice(text.as_bytes())
    }

    fn vault() -> Vault {
        let store = Arc::new(StoreKeys::new(&Secret::from_slice(&[7; 32])));
        Vault::closed("0123456789abcdef".into(), store).with_new_key().unwrap()
    }

    fn row(vault: &Vault, name: &str, word: &str, key: Option<&SigningKey>) -> UserRecord {
        let credential = vault.credential(name, &pin(word), CHEAP, key).unwrap();
        UserRecord { name: name.into(), credential, attempts: vec![1] }
    }

    #[test]
    fn pin_opens_its_users_signing_key_and_no_other_pin_does() {
        let (vault, key) = (vault(), SigningKey::generate().unwrap());
        let alice = row(&vault, "user:alice", "alice-pin", Some(&key));
        assert_eq!(Signer::of(&alice), Signer::Key(*key.public()));
        let opened = vault.open(&alice, &pin("alice-pin")).unwrap();
        assert_eq!(opened.signing_key().unwrap().unwrap().seed().expose(), key.seed().expose());
        assert_eq!(vault.open(&alice, &pin("bob-pin")).err(), Some(Error::PinIncorrect));

        // Another user, who has the same token's key open: alice's sealed seed in bob's row opens with no PIN.
        let bob = row(&vault, "user:bob", "bob-pin", None);
        let mut stolen = bob.credential.clone();
        stolen.extend_from_slice(Credential::decode(&alice.credential).unwrap().signing);
        let stolen = UserRecord { credential: stolen, ..bob };
        let opened = vault.open(&stolen, &pin("bob-pin")).unwrap();
        assert_eq!(opened.signing_key().err(), Some(Error::DeviceError));
        // Nor under another name with the same PIN and salt.
        let moved = Opened {
            row: UserRecord { name: "so:alice".into(), ..alice.clone() },
            ..vault.open(&alice, &pin("alice-pin")).unwrap()
        };
        assert_eq!(moved.signing_key().err(), Some(Error::DeviceError));
    }

    #[test]
    fn rows_from_before_signing_keys_open_and_can_be_given_one() {
        let (vault, key) = (vault(), SigningKey::generate().unwrap());
        let old = row(&vault, "user:alice", "alice-pin", None);
        assert_eq!(Signer::of(&old), Signer::None);
        let opened = vault.open(&old, &pin("alice-pin")).unwrap();
        assert!(opened.signing_key().unwrap().is_none());
        let new = opened.row_with(&key).unwrap();
        // What was there stands as it did: an older keyward reads it and passes over the rest.
        assert!(new.credential.starts_with(&old.credential) && new.attempts == old.attempts);
        let opened = vault.open(&new, &pin("alice-pin")).unwrap();
        assert_eq!(opened.signing_key().unwrap().unwrap().public(), key.public());
        // And another key takes the place of one that is there.
        let other = SigningKey::generate().unwrap();
        assert_eq!(Signer::of(&opened.row_with(&other).unwrap()), Signer::Key(*other.public()));
    }

    #[test]
    fn signing_part_that_is_not_what_was_written_opens_no_key_and_locks_nobody_out() {
        let (vault, key) = (vault(), SigningKey::generate().unwrap());
        let old = row(&vault, "user:alice", "alice-pin", None).credential.len();
        let good = row(&vault, "user:alice", "alice-pin", Some(&key));
        let with = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut row = good.clone();
            change(&mut row.credential);
            let opened = vault.open(&row, &pin("alice-pin")).unwrap();
            (Signer::of(&row), opened.signing_key().err())
        };
        let damaged = Some(Error::DeviceError);
        assert_eq!(with(&|_| ()), (Signer::Key(*key.public()), None));
        // A later version, bytes behind it, less than there was.
        assert_eq!(with(&|bytes| bytes[old] = 2), (Signer::Unknown, damaged));
        assert_eq!(with(&|bytes| bytes.push(0)), (Signer::Unknown, damaged));
        assert_eq!(with(&|bytes| bytes.truncate(bytes.len() - 1)), (Signer::Unknown, damaged));
        // Another public half, another seed.
        assert_eq!(with(&|bytes| bytes[old + 16] ^= 1).1, damaged);
        assert_eq!(with(&|bytes| *bytes.last_mut().unwrap() ^= 1), (Signer::Key(*key.public()), damaged));
    }

    /// Byte for byte what was written before users had signing keys.
    #[test]
    fn credential_without_a_signing_key_is_what_it_was() {
        let bytes = Credential { salt: &[1; 16], cost: CHEAP, wrapped: &[2; 60], signing: &[] }.encode();
        let number = |number: u64| number.to_le_bytes().to_vec();
        let expected =
            [number(16), vec![1; 16], number(8), number(1), number(1), number(60), vec![2; 60]].concat();
        assert_eq!(bytes, expected);
    }
}
