//! The vault: what turns PINs into keys, and objects into sealed records and back.
//!
//! PIN -> (Argon2id) -> key-encryption key -> token key (random, one a token) -> one key an object and
//! version -> AES-256-GCM. The SO, the user and named users each wrap the same token key, so a changed
//! PIN rewraps one row.
//!
//! What is readable before login is checked with the store key, a file beside the database that only
//! the owner may read; at login it is checked again with the token's key.

mod credential;

pub use credential::{Opened, Signer};

use super::codec::Writer;
use crate::ck::{CK_OBJECT_CLASS, Error, Result};
use crate::crypto::seal::{self, CODE_LEN};
use crate::object::Attributes;
use crate::secret::Secret;
use crate::store::{BlindIndex, IndexKind, Record, TokenRecord, Uid};
use std::sync::Arc;

/// Keys that need no login, derived from the store key.
pub struct StoreKeys {
    authenticate: Secret,
    index: Secret,
    material: Secret,
    serials: Secret,
    states: Secret,
    trails: Secret,
}

impl StoreKeys {
    /// Derives the keys.
    pub fn new(store_key: &Secret) -> Self {
        let derive = |label: &[u8]| seal::derive(store_key, &[b"keyward store ", label]);
        Self {
            authenticate: derive(b"authenticate"),
            index: derive(b"index"),
            material: derive(b"material"),
            serials: derive(b"serials"),
            states: derive(b"states"),
            trails: derive(b"trails"),
        }
    }

    /// What seals the keys of a token's audit trail.
    pub fn trail(&self, serial: &str) -> Secret {
        seal::derive(&self.trails, &[b"keyward trail ", serial.as_bytes()])
    }

    /// The serial number of the token that is made as the `number`th of this store: 16 hexadecimal
    /// digits. Known before the token is made, so that a free slot keeps its id when it is used.
    pub fn serial(&self, number: u64) -> String {
        let code = seal::code(&self.serials, &[&number.to_le_bytes()]);
        crate::ck::text::hex(&code).chars().take(16).collect()
    }
}

/// Keys that a login opens, derived from the token key.
struct TokenKeys {
    authenticate: Secret,
    index: Secret,
    material: Secret,
    accumulate: Secret,
    token_key: Secret,
}

impl TokenKeys {
    fn new(token_key: Secret) -> Self {
        let derive = |label: &[u8]| seal::derive(&token_key, &[b"keyward token ", label]);
        Self {
            authenticate: derive(b"authenticate"),
            index: derive(b"index"),
            material: derive(b"material"),
            accumulate: derive(b"accumulate"),
            token_key,
        }
    }
}

/// The keys of one token, as far as its login has opened them.
pub struct Vault {
    serial: String,
    store: Arc<StoreKeys>,
    token: Option<TokenKeys>,
}

/// An object before it is sealed.
pub struct Plain<'a> {
    /// Identity.
    pub uid: Uid,
    /// The token's change number for this writing.
    pub version: u64,
    /// Its attributes.
    pub attributes: &'a Attributes,
    /// Its encoded material.
    pub material: Option<&'a Secret>,
}

impl Vault {
    /// The vault of a token into which nobody is logged in.
    pub const fn closed(serial: String, store: Arc<StoreKeys>) -> Self {
        Self { serial, store, token: None }
    }

    /// Whether the token's key is there.
    pub const fn is_open(&self) -> bool {
        self.token.is_some()
    }

    fn token(&self) -> Result<&TokenKeys> {
        self.token.as_ref().ok_or(Error::UserNotLoggedIn)
    }

    fn opened(&self, token_key: Secret) -> Self {
        Self {
            serial: self.serial.clone(),
            store: Arc::clone(&self.store),
            token: Some(TokenKeys::new(token_key)),
        }
    }

    // --- users -----------------------------------------------------------------------------------

    /// A vault with a new random token key (C_InitToken).
    pub fn with_new_key(&self) -> Result<Self> {
        Ok(self.opened(seal::new_key()?))
    }

    // --- what is readable before login ------------------------------------------------------------

    /// Adds the store's authentication code to bytes that anyone may read (`what` keeps kinds apart).
    pub fn authenticate(&self, what: &str, body: &[u8]) -> Vec<u8> {
        let code = seal::code(&self.store.authenticate, &[what.as_bytes(), self.serial.as_bytes(), body]);
        [body, &code].concat()
    }

    /// Checks and takes the code off. `None` where it does not fit.
    pub fn checked<'b>(&self, what: &str, authenticated: &'b [u8]) -> Option<&'b [u8]> {
        let (body, code) = authenticated.split_last_chunk::<CODE_LEN>()?;
        let expected = seal::code(&self.store.authenticate, &[what.as_bytes(), self.serial.as_bytes(), body]);
        seal::same(&expected, code).then_some(body)
    }

    // --- saved operations ---------------------------------------------------------------------------

    /// Seals what C_GetOperationState gives out: for this token as it was last initialised
    /// (`incarnation`), and for sessions in this state.
    pub fn seal_state(&self, incarnation: &[u8], session: u64, state: &Secret) -> Result<Vec<u8>> {
        let sealed = seal::seal(&self.state_key(incarnation), &state_context(session), state.expose())?;
        Ok([&STATE_HEAD[..], &sealed].concat())
    }

    /// Opens it again. `None` where it is not what this token gave out.
    pub fn open_state(&self, incarnation: &[u8], session: u64, sealed: &[u8]) -> Option<Secret> {
        let sealed = sealed.strip_prefix(STATE_HEAD)?;
        let opened = seal::open(&self.state_key(incarnation), &state_context(session), sealed)?;
        Some(Secret::from_slice(&opened))
    }

    fn state_key(&self, incarnation: &[u8]) -> Secret {
        seal::derive(&self.store.states, &[b"keyward state ", self.serial.as_bytes(), incarnation])
    }

    // --- the token's own seal -----------------------------------------------------------------------

    /// What a record adds to the accumulator over all records that the token vouches for.
    pub fn share(&self, uid: Uid, version: u64) -> Result<[u8; CODE_LEN]> {
        Ok(seal::code(&self.token()?.accumulate, &[&uid.0, &version.to_le_bytes()]))
    }

    /// Seals a token: its version, the accumulator, and digests of the header and the users.
    pub fn seal_token(&self, token: &TokenRecord, accumulator: &[u8; CODE_LEN]) -> Result<Vec<u8>> {
        let mut body = token.version.to_le_bytes().to_vec();
        body.extend_from_slice(accumulator);
        let code = self.token_code(token, &body)?;
        body.extend_from_slice(&code);
        Ok(body)
    }

    /// Checks a token's seal and gives the accumulator. `CKR_DEVICE_ERROR` where the header, a user
    /// or the seal is not what was written last.
    pub fn check_token(&self, token: &TokenRecord) -> Result<[u8; CODE_LEN]> {
        let (body, code) = token.seal.split_last_chunk::<CODE_LEN>().ok_or(Error::DeviceError)?;
        if !seal::same(&self.token_code(token, body)?, code) {
            return Err(Error::DeviceError);
        }
        let (version, accumulator) = body.split_first_chunk::<8>().ok_or(Error::DeviceError)?;
        // Changes in a public session move the version on without the token's key; never back.
        if u64::from_le_bytes(*version) > token.version {
            return Err(Error::DeviceError);
        }
        accumulator.try_into().map_err(|_| Error::DeviceError)
    }

    fn token_code(&self, token: &TokenRecord, body: &[u8]) -> Result<[u8; CODE_LEN]> {
        let mut users = Writer::default();
        for user in &token.users {
            users.bytes(user.name.as_bytes());
            users.bytes(&user.credential);
        }
        let keys = self.token()?;
        Ok(seal::code(
            &keys.authenticate,
            &[b"token", token.serial.as_bytes(), body, &token.header, &users.finish()],
        ))
    }

    // --- records ----------------------------------------------------------------------------------

    /// Seals an object. A private object, or one with secrets, needs an open vault.
    pub fn seal_record(&self, plain: &Plain<'_>) -> Result<Record> {
        use cryptoki_sys::{CKA_CLASS, CKA_PRIVATE};
        let class = plain.attributes.number(CKA_CLASS).ok_or(Error::GeneralError)?;
        let private = plain.attributes.flag(CKA_PRIVATE);
        let encoded = plain.attributes.encode();
        let context = self.record_context(plain.uid, plain.version, class, private);
        let root = self.material_root(private)?;
        let attributes = if private {
            seal::seal(&object_key(root, b"attributes", plain.uid, plain.version), &context, &encoded)?
        } else {
            encoded.clone()
        };
        let material = match plain.material {
            Some(material) => {
                let aad = [&context[..], &seal::digest(&encoded)].concat();
                seal::seal(&object_key(root, b"material", plain.uid, plain.version), &aad, material.expose())?
            }
            None => Vec::new(),
        };
        let mut record = Record {
            uid: plain.uid,
            version: plain.version,
            class,
            private,
            deleted: false,
            index: self.index_of(plain.attributes, private)?,
            attributes,
            material,
            seal: Vec::new(),
        };
        record.seal = self.record_seal(&record)?;
        Ok(record)
    }

    /// What stays of a destroyed key: its attributes, sealed like any other, and nothing to find it by.
    pub fn seal_tombstone(&self, plain: &Plain<'_>) -> Result<Record> {
        let mut record = self.seal_record(plain)?;
        record.deleted = true;
        record.index.clear();
        record.material.clear();
        record.seal = self.record_seal(&record)?;
        Ok(record)
    }

    /// What stays of a removed object that leaves no tombstone of its own: its identity and the fact.
    pub fn seal_removal(&self, record: &Record, version: u64) -> Result<Record> {
        let mut removal = Record {
            version,
            deleted: true,
            index: Vec::new(),
            attributes: Vec::new(),
            material: Vec::new(),
            seal: Vec::new(),
            ..record.clone()
        };
        removal.seal = self.record_seal(&removal)?;
        Ok(removal)
    }

    /// Checks a record and opens its attributes. `CKR_DEVICE_ERROR` where it is not what was written;
    /// `CKR_USER_NOT_LOGGED_IN` where it is private and the vault is closed.
    pub fn open_attributes(&self, record: &Record) -> Result<Attributes> {
        self.check_record(record)?;
        if !record.private {
            return Attributes::decode(&record.attributes).ok_or(Error::DeviceError);
        }
        let context = self.record_context(record.uid, record.version, record.class, true);
        let key = object_key(self.material_root(true)?, b"attributes", record.uid, record.version);
        let encoded = seal::open(&key, &context, &record.attributes).ok_or(Error::DeviceError)?;
        Attributes::decode(&encoded).ok_or(Error::DeviceError)
    }

    /// Opens a record's material. Only the guard asks, and only for a granted operation.
    pub(super) fn open_material(&self, sealed: &SealedMaterial, attributes: &Attributes) -> Result<Secret> {
        let context = self.record_context(sealed.uid, sealed.version, sealed.class, sealed.private);
        let aad = [&context[..], &seal::digest(&attributes.encode())].concat();
        let key = object_key(self.material_root(sealed.private)?, b"material", sealed.uid, sealed.version);
        let material = seal::open(&key, &aad, &sealed.bytes).ok_or(Error::DeviceError)?;
        Ok(Secret::from_slice(&material))
    }

    fn check_record(&self, record: &Record) -> Result<()> {
        let (store_code, token_code) =
            record.seal.split_first_chunk::<CODE_LEN>().ok_or(Error::DeviceError)?;
        let body = record_body(record);
        let parts: [&[u8]; 3] = [b"record", self.serial.as_bytes(), &body];
        let mut good = seal::same(&seal::code(&self.store.authenticate, &parts), store_code);
        if is_vouched(record.version) {
            match &self.token {
                Some(keys) => good &= seal::same(&seal::code(&keys.authenticate, &parts), token_code),
                None => good &= token_code.len() == CODE_LEN,
            }
        }
        if good { Ok(()) } else { Err(Error::DeviceError) }
    }

    fn record_seal(&self, record: &Record) -> Result<Vec<u8>> {
        let body = record_body(record);
        let parts: [&[u8]; 3] = [b"record", self.serial.as_bytes(), &body];
        let mut codes = seal::code(&self.store.authenticate, &parts).to_vec();
        if is_vouched(record.version) {
            codes.extend_from_slice(&seal::code(&self.token()?.authenticate, &parts));
        }
        Ok(codes)
    }

    fn record_context(&self, uid: Uid, version: u64, class: CK_OBJECT_CLASS, private: bool) -> Vec<u8> {
        let mut context = Writer::default();
        context.bytes(b"keyward record");
        context.bytes(self.serial.as_bytes());
        context.bytes(&uid.0);
        context.number(version);
        context.number(class);
        context.number(private.into());
        context.finish()
    }

    fn material_root(&self, private: bool) -> Result<&Secret> {
        if private { Ok(&self.token()?.material) } else { Ok(&self.store.material) }
    }

    /// The name under which a value of a key is counted. Of private keys the token's key makes it, because the store shows it.
    pub fn account(&self, private: bool, material: &[u8]) -> Result<[u8; 8]> {
        let key = if private { &self.token()?.authenticate } else { &self.store.authenticate };
        let code = seal::code(key, &[b"keyward account", self.serial.as_bytes(), material]);
        code.first_chunk().copied().ok_or(Error::GeneralError)
    }

    // --- blind indexes ------------------------------------------------------------------------------

    fn index_of(&self, attributes: &Attributes, private: bool) -> Result<Vec<(IndexKind, BlindIndex)>> {
        let mut index = Vec::new();
        for kind in INDEXED {
            if let Some(value) = indexed_value(attributes, kind) {
                index.push((kind, self.blind(kind, &value, private)?));
            }
        }
        Ok(index)
    }

    /// The digests under which records with this value are found: public ones, and private ones too
    /// where the vault is open.
    pub fn search(&self, kind: IndexKind, value: &[u8]) -> Result<Vec<BlindIndex>> {
        let mut digests = vec![self.blind(kind, value, false)?];
        if self.is_open() {
            digests.push(self.blind(kind, value, true)?);
        }
        Ok(digests)
    }

    fn blind(&self, kind: IndexKind, value: &[u8], private: bool) -> Result<BlindIndex> {
        let key = if private { &self.token()?.index } else { &self.store.index };
        let code = seal::code(key, &[self.serial.as_bytes(), &[kind as u8], value]);
        code.first_chunk().copied().ok_or(Error::GeneralError)
    }
}

/// What a saved operation begins with: what it is, and the version of what follows.
const STATE_HEAD: &[u8; 8] = b"kwstate\x01";

fn state_context(session: u64) -> Vec<u8> {
    [&STATE_HEAD[..], &session.to_le_bytes()].concat()
}

/// Every kind of index.
pub const INDEXED: [IndexKind; 5] =
    [IndexKind::KeyType, IndexKind::Id, IndexKind::Label, IndexKind::Subject, IndexKind::PublicKey];

/// The value that an index holds of an object, or that a search template asks for.
pub fn indexed_value(attributes: &Attributes, kind: IndexKind) -> Option<Vec<u8>> {
    use cryptoki_sys::*;
    match kind {
        IndexKind::KeyType => attributes
            .number(CKA_KEY_TYPE)
            .or_else(|| attributes.number(CKA_CERTIFICATE_TYPE))
            .map(|number| number.to_le_bytes().to_vec()),
        IndexKind::Id => attributes.bytes(CKA_ID).map(<[u8]>::to_vec),
        IndexKind::Label => attributes.bytes(CKA_LABEL).map(<[u8]>::to_vec),
        IndexKind::Subject => attributes.bytes(CKA_SUBJECT).map(<[u8]>::to_vec),
        IndexKind::PublicKey => crate::object::key::public_identity(attributes).map(<[u8]>::to_vec),
    }
}

/// Whether the token's key vouches for a record of this version. Versions written with the token's key
/// are even, those written in a public session are odd: so the list of (uid, version) alone tells
/// which records the token's accumulator must cover.
pub const fn is_vouched(version: u64) -> bool {
    version & 1 == 0
}

/// Sealed material on its way to a use.
pub(super) struct SealedMaterial {
    pub(super) uid: Uid,
    pub(super) version: u64,
    pub(super) class: CK_OBJECT_CLASS,
    pub(super) private: bool,
    pub(super) bytes: Vec<u8>,
}

fn object_key(root: &Secret, use_of: &[u8], uid: Uid, version: u64) -> Secret {
    seal::derive(root, &[b"keyward object ", use_of, &uid.0, &version.to_le_bytes()])
}

fn record_body(record: &Record) -> Vec<u8> {
    let mut body = Writer::default();
    body.bytes(&record.uid.0);
    body.number(record.version);
    body.number(record.class);
    body.number(record.private.into());
    body.number(record.deleted.into());
    body.number(record.index.len() as u64);
    for (kind, digest) in &record.index {
        body.number(*kind as u64);
        body.bytes(digest);
    }
    body.bytes(&record.attributes);
    body.bytes(&record.material);
    body.finish()
}
