//! The slots: one for each token of the store, and a free one after them. A slot keeps its id when the
//! token in it is initialised, and over restarts: the serial number of the next token is known before
//! it is made, and the id follows from the serial number.

use super::events::Told;
use super::information::Header;
use super::login::{reseal, user_record};
use super::{Configuration, Token, User};
use crate::audit::{Kind, Trail};
use crate::backend::Software;
use crate::ck::{Error, Result, SlotId};
use crate::crypto::random;
use crate::crypto::seal::KEY_LEN;
use crate::guard::signals::Signals;
use crate::guard::vault::{StoreKeys, Vault};
use crate::guard::{Guard, Journal, Role};
use crate::policy::Ruleset;
use crate::secret::{Pin, Secret};
use crate::store::sqlite::SqliteStore;
use crate::store::{Generation, Store, StoreError, TokenRecord};
use crate::sys::lock::Mutex;
use arc_swap::ArcSwap;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What stands in a slot.
#[derive(Clone)]
pub enum Slot {
    /// An initialised token.
    Token(Arc<Token>),
    /// Nothing yet: C_InitToken makes the token of this serial number.
    Free {
        /// The serial number that the token will have.
        serial: String,
    },
}

/// All slots of one store.
pub struct Slots {
    pub(super) store: Arc<dyn Store>,
    keys: Arc<StoreKeys>,
    /// The store's folder: the record of each token has a place in it.
    folder: PathBuf,
    /// What all processes count together.
    signals: Arc<Signals>,
    rules: Arc<Ruleset>,
    journal: Arc<Journal>,
    tokens: ArcSwap<Vec<Arc<Token>>>,
    /// The store's generation at which `tokens` was true.
    seen: Mutex<Option<u64>>,
    /// What stood in each slot when its last event was told.
    pub(super) told: Mutex<Told>,
}

impl Slots {
    /// Opens the store that the configuration names, making it if need be.
    ///
    /// # Errors
    /// What went wrong and where, for the log; the caller sees `CKR_` of it.
    pub fn open(
        configuration: &Configuration,
        journal: Arc<Journal>,
        rules: Arc<Ruleset>,
    ) -> core::result::Result<Self, StoreError> {
        let store = SqliteStore::open(&configuration.store)?;
        let known = store.tokens()?;
        let keys = StoreKeys::new(&store_key(&store.key_file(), known.is_empty())?);
        let slots = Self {
            store: Arc::new(store),
            keys: Arc::new(keys),
            folder: configuration.store.clone(),
            signals: Arc::new(Signals::open(&configuration.store)),
            rules,
            journal,
            tokens: ArcSwap::from_pointee(Vec::new()),
            seen: Mutex::new(None),
            told: Mutex::new(Told::default()),
        };
        slots.take(known);
        slots.forget_events();
        Ok(slots)
    }

    /// The rules that every token of the store is under.
    pub const fn rules(&self) -> &Arc<Ruleset> {
        &self.rules
    }

    /// The store's folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Every slot: the tokens in the order of their making, then the free one.
    pub fn all(&self) -> Result<Vec<(SlotId, Slot)>> {
        self.refresh()?;
        Ok(self.known())
    }

    /// The same, as far as this process knows.
    pub(super) fn known(&self) -> Vec<(SlotId, Slot)> {
        let tokens = self.tokens.load();
        let mut slots: Vec<_> =
            tokens.iter().map(|token| (token.slot(), Slot::Token(Arc::clone(token)))).collect();
        let serial = self.keys.serial(tokens.len() as u64);
        slots.push((slot_id(&serial), Slot::Free { serial }));
        slots
    }

    /// One slot. `CKR_SLOT_ID_INVALID` where there is none of this id.
    pub fn slot(&self, id: SlotId) -> Result<Slot> {
        if let Some(token) = self.tokens.load().iter().find(|token| token.slot() == id) {
            return Ok(Slot::Token(Arc::clone(token)));
        }
        let slots = self.all()?;
        slots.into_iter().find(|(each, _)| *each == id).map(|(_, slot)| slot).ok_or(Error::SlotIdInvalid)
    }

    /// Every token.
    pub fn tokens(&self) -> Result<Arc<Vec<Arc<Token>>>> {
        self.refresh()?;
        Ok(self.tokens.load_full())
    }

    /// Takes in tokens that other processes made.
    fn refresh(&self) -> Result<()> {
        let generation = self.store.generation();
        let mut seen = self.seen.lock();
        if let (Generation::Settled(now), false) = (generation, seen.was_torn())
            && *seen == Some(now)
        {
            return Ok(());
        }
        let known = self.store.tokens()?;
        self.take(known);
        *seen = match generation {
            Generation::Settled(now) => Some(now),
            Generation::Pending => None,
        };
        Ok(())
    }

    fn take(&self, known: Vec<TokenRecord>) {
        let mut tokens: Vec<_> = self.tokens.load().iter().map(Arc::clone).collect();
        if known.len() == tokens.len() {
            return;
        }
        for record in known {
            if !tokens.iter().any(|token| token.serial() == record.serial) {
                tokens.push(Arc::new(self.token(record)));
            }
        }
        self.tokens.store(Arc::new(tokens));
    }

    fn token(&self, record: TokenRecord) -> Token {
        let key = self.keys.trail(&record.serial);
        let mut policy = [0; 8];
        policy.copy_from_slice(self.rules.digest().first_chunk::<8>().unwrap_or(&[0; 8]));
        let trail = Trail::new(&self.folder, &record.serial, key, Arc::clone(&self.store), policy);
        Token::new(
            record.clone(),
            slot_id(&record.serial),
            Arc::clone(&self.store),
            Arc::clone(&self.keys),
            Guard::new(Arc::clone(&self.rules), Arc::clone(&self.journal), Some(Arc::new(trail)))
                .counting_in(Arc::clone(&self.signals), &record.serial),
            Box::new(Software),
        )
    }

    /// C_InitToken. In a free slot it makes a token; a token that is there loses all its objects and
    /// its user's PIN, and keeps its SO PIN, which must be given.
    pub fn initialize(&self, id: SlotId, pin: &Pin, label: [u8; 32]) -> Result<()> {
        match self.slot(id)? {
            Slot::Token(token) => self.initialize_again(&token, pin, label),
            Slot::Free { serial } => {
                super::login::acceptable(pin, &self.rules.pin())?;
                let vault = Vault::closed(serial.clone(), Arc::clone(&self.keys)).with_new_key()?;
                let officer = user_record(&vault, &User::standard(Role::SecurityOfficer), pin)?;
                let mut record = TokenRecord {
                    header: Header::new(label)?.seal(&vault),
                    serial,
                    version: 0,
                    seal: Vec::new(),
                    users: vec![officer],
                };
                reseal(&vault, &mut record, &[0; 32])?;
                self.store.transact(&mut |tx| {
                    if tx.token(&record.serial)?.is_some() {
                        // Another process used the free slot a moment ago.
                        return Err(StoreError::Aborted(Error::FunctionFailed));
                    }
                    tx.put_token(&record)
                })?;
                self.refresh()?;
                if let Slot::Token(token) = self.slot(id)? {
                    let who = User::standard(Role::SecurityOfficer);
                    token.note_of(Kind::Token, "initialize", &who, Ok(()))?;
                }
                Ok(())
            }
        }
    }

    fn initialize_again(&self, token: &Token, pin: &Pin, label: [u8; 32]) -> Result<()> {
        let who = User::standard(Role::SecurityOfficer);
        token.noted(Kind::Token, "initialize-again", &who, || self.try_initialize_again(token, pin, label))
    }

    fn try_initialize_again(&self, token: &Token, pin: &Pin, label: [u8; 32]) -> Result<()> {
        token.verify_pin(&User::standard(Role::SecurityOfficer), pin)?;
        // A new token key: what was sealed under the old one is gone for good, wherever a copy lies.
        let vault = Vault::closed(token.serial().to_owned(), Arc::clone(&self.keys)).with_new_key()?;
        let officer = user_record(&vault, &User::standard(Role::SecurityOfficer), pin)?;
        let header = Header::new(label)?.seal(&vault);
        self.store.transact(&mut |tx| {
            let old = tx.token(token.serial())?.ok_or(StoreError::Aborted(Error::TokenNotRecognized))?;
            let mut record = TokenRecord {
                header: header.clone(),
                version: (old.version + 2) & !1,
                users: vec![officer.clone()],
                ..old
            };
            reseal(&vault, &mut record, &[0; 32])?;
            tx.clear(token.serial())?;
            tx.put_token(&record)
        })?;
        self.store.scrub()?;
        token.refresh()
    }
}

/// The id of the slot of a token: 31 bits of its serial number, never 0.
fn slot_id(serial: &str) -> SlotId {
    let bits = serial.get(..8).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or(1);
    SlotId((bits & 0x7FFF_FFFF).max(1))
}

/// Reads the store key, or makes it for a store without tokens.
fn store_key(path: &Path, may_make: bool) -> core::result::Result<Secret, StoreError> {
    let unusable = |reason: String| StoreError::Unusable { path: path.display().to_string(), reason };
    if may_make && !path.exists() {
        make_store_key(path).map_err(|error| unusable(error.to_string()))?;
    }
    let mut file = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW)
        .open(path)
        .map_err(|error| unusable(format!("the store's key cannot be read: {error}")))?;
    let mut key = Secret::zeroed(KEY_LEN);
    file.read_exact(key.expose_mut()).map_err(|_| unusable("the store's key is truncated".into()))?;
    Ok(key)
}

/// Written whole under another name and linked into place, so that two processes agree on one key and
/// nobody reads half of it.
fn make_store_key(path: &Path) -> std::io::Result<()> {
    let failed = |_| std::io::Error::other("no randomness");
    let mut key = Secret::zeroed(KEY_LEN);
    random::fill(key.expose_mut()).map_err(failed)?;
    let mut name = [0; 8];
    random::fill(&mut name).map_err(failed)?;
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let draft = folder.join(format!(".store.key.{}", crate::ck::text::hex(&name)));
    let written = (|| {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        file.write_all(key.expose())?;
        file.sync_all()?;
        match std::fs::hard_link(&draft, path) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        }?;
        std::fs::File::open(folder)?.sync_all()
    })();
    let _ = std::fs::remove_file(&draft);
    written
}
