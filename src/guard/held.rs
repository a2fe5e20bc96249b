//! [`Held`]: an object in the guard's keeping. Everything that may be shown of it stands open;
//! its material does not, and comes out only for an operation that [`super::Guard::authorize`] granted.

use super::Caller;
use super::budget::Budget;
use super::vault::{SealedMaterial, Vault};
use crate::ck::date::UtcSeconds;
use crate::ck::{CK_OBJECT_CLASS, Error, Result};
use crate::crypto::mechanism::{Context, Prepare};
use crate::crypto::{Material, random};
use crate::object::{Attributes, KeyFacts, key};
use crate::policy::{KeyRules, Ruleset};
use crate::secret::{Secret, Shielded};
use crate::store::{Record, Uid};
use cryptoki_sys::{CKA_CLASS, CKO_PUBLIC_KEY};
use once_cell::race::OnceBox;
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// An object: its attributes, what the law makes of them, and where its material lives.
/// Never changed in place: a changed object is a new `Held` with the same `uid` and a higher version.
pub struct Held {
    uid: Uid,
    version: u64,
    attributes: Attributes,
    facts: KeyFacts,
    rules: KeyRules,
    life: Arc<Life>,
    pub(super) home: Home,
    contexts: Contexts,
    /// When this process last warned of rules with later dates.
    warned: AtomicU64,
    /// When this process last tried to rotate it because it was due.
    tried: AtomicU64,
}

/// Where a key's material is. The HSM backend adds its own kind.
pub(super) enum Home {
    /// The object has none (certificates, data).
    Nowhere,
    /// All of it stands in the attributes (public keys).
    Attributes,
    /// In the store, sealed; opened at the first use.
    Sealed { sealed: SealedMaterial, vault: Arc<Vault>, opened: OnceBox<Shielded> },
    /// In shielded memory (session objects, keys just made).
    Memory(Shielded),
}

/// What outlives the single versions of an object: whether running operations must stop, and what was leased of its
/// budget.
#[derive(Default)]
pub struct Life {
    stopped: AtomicBool,
    budget: Arc<OnceBox<Arc<Budget>>>,
}

impl Life {
    /// Ends every running operation with this object.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    /// One load: asked at every step of a running operation.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// A life in which nothing was stopped, with the same budget.
    #[must_use]
    pub fn renewed(&self) -> Self {
        Self { stopped: AtomicBool::new(false), budget: Arc::clone(&self.budget) }
    }

    /// The key's budget, once it was asked for.
    #[inline]
    pub fn budget(&self) -> Option<&Arc<Budget>> {
        self.budget.get()
    }

    /// Keeps the budget; the first one stays.
    pub fn keep_budget(&self, budget: Arc<Budget>) {
        let _ = self.budget.set(Box::new(budget));
    }
}

/// Material that was just made, on its way from a backend into the guard's keeping.
pub struct Fresh(Material);

impl Fresh {
    /// Hands material over.
    pub const fn new(material: Material) -> Self {
        Self(material)
    }

    /// Writes what everybody may see of the material into the attributes.
    pub fn describe(&self, class: CK_OBJECT_CLASS, attributes: &mut Attributes) -> Result<()> {
        key::describe(&self.0, class, attributes)
    }

    /// Size of the key in bits.
    pub fn bits(&self) -> u32 {
        self.0.bits()
    }
}

/// The encoded material of an object on its way into the store; only the vault reads it.
pub struct Kept(Option<Secret>);

impl Kept {
    /// For [`super::vault::Plain`].
    pub const fn encoded(&self) -> Option<&Secret> {
        self.0.as_ref()
    }
}

impl Held {
    /// Takes a new object into keeping. Also gives the encoded material for the store, unless the
    /// object has none or shows it all.
    pub fn take(
        uid: Uid,
        version: u64,
        attributes: Attributes,
        fresh: Option<Fresh>,
        rules: &Ruleset,
        keep: bool,
    ) -> (Self, Kept) {
        let public = attributes.number(CKA_CLASS) == Some(CKO_PUBLIC_KEY);
        let (home, kept) = match fresh {
            None => (Home::Nowhere, None),
            Some(_) if public => (Home::Attributes, None),
            Some(Fresh(material)) => {
                let encoded = material.encode();
                let kept = keep.then(|| Secret::from_slice(encoded.expose()));
                (Home::Memory(Shielded::new(encoded, &mask)), kept)
            }
        };
        (Self::with(uid, version, attributes, home, rules, Arc::default()), Kept(kept))
    }

    /// Loads an object from its record. The material stays sealed until it is used.
    pub fn load(
        record: Record,
        vault: &Arc<Vault>,
        rules: &Ruleset,
        life: Option<Arc<Life>>,
    ) -> Result<Self> {
        let attributes = vault.open_attributes(&record)?;
        let home = if record.material.is_empty() {
            if record.class == CKO_PUBLIC_KEY { Home::Attributes } else { Home::Nowhere }
        } else {
            let sealed = SealedMaterial {
                uid: record.uid,
                version: record.version,
                class: record.class,
                private: record.private,
                bytes: record.material,
            };
            Home::Sealed { sealed, vault: Arc::clone(vault), opened: OnceBox::new() }
        };
        Ok(Self::with(record.uid, record.version, attributes, home, rules, life.unwrap_or_default()))
    }

    fn with(
        uid: Uid,
        version: u64,
        attributes: Attributes,
        home: Home,
        rules: &Ruleset,
        life: Arc<Life>,
    ) -> Self {
        let facts = KeyFacts::of(&attributes);
        let rules = rules.record_for(&facts);
        Self {
            uid,
            version,
            attributes,
            facts,
            rules,
            life,
            home,
            contexts: Contexts::default(),
            warned: AtomicU64::new(0),
            tried: AtomicU64::new(0),
        }
    }

    /// The same session object with other attributes.
    pub fn changed(&self, attributes: Attributes, rules: &Ruleset) -> Result<Self> {
        let home = match self.encoded()? {
            Some(encoded) => Home::Memory(Shielded::new(encoded, &mask)),
            None if matches!(self.home, Home::Attributes) => Home::Attributes,
            None => Home::Nowhere,
        };
        // What was stopped stays stopped; a key that is active again starts anew.
        let life =
            if self.life.is_stopped() { Arc::new(self.life.renewed()) } else { Arc::clone(&self.life) };
        Ok(Self::with(self.uid, self.version + 1, attributes, home, rules, life))
    }

    /// The material for the store, when attributes of a token object change and its record is sealed anew.
    pub fn keep(&self) -> Result<Kept> {
        self.encoded().map(Kept)
    }

    /// Identity for the object's whole life.
    pub const fn uid(&self) -> Uid {
        self.uid
    }

    /// Grows with each change.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// What may be shown.
    pub const fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    /// What the law reads.
    pub const fn facts(&self) -> &KeyFacts {
        &self.facts
    }

    /// What the law says of this object.
    pub const fn rules(&self) -> &KeyRules {
        &self.rules
    }

    /// What the law says of this object while this caller is logged in.
    #[inline]
    pub fn rules_for(&self, who: &Caller<'_>) -> Cow<'_, KeyRules> {
        self.rules.while_in(who.user())
    }

    /// Whether a warning is due, and none after it for a day.
    pub(super) fn may_warn(&self, now: UtcSeconds) -> bool {
        once_in(&self.warned, 24 * 60 * 60, now)
    }

    /// Whether it may be rotated because it is due: one attempt an hour, by one thread.
    pub fn may_rotate(&self, now: UtcSeconds) -> bool {
        once_in(&self.tried, 60 * 60, now)
    }

    /// Whether running operations must stop.
    pub const fn life(&self) -> &Arc<Life> {
        &self.life
    }

    /// The encoded material; `None` where the attributes show all there is.
    fn encoded(&self) -> Result<Option<Secret>> {
        Ok(match &self.home {
            Home::Nowhere | Home::Attributes => None,
            Home::Memory(shielded) => Some(shielded.open(&mask)),
            Home::Sealed { sealed, vault, opened } => {
                let shielded = opened.get_or_try_init(|| {
                    let encoded = vault.open_material(sealed, &self.attributes)?;
                    Ok::<_, Error>(Box::new(Shielded::new(encoded, &mask)))
                })?;
                Some(shielded.open(&mask))
            }
        })
    }

    /// Under what name uses of the key's value are counted on its token: the same for a copy, and for a value that comes in
    /// again. Tells nothing of the value to who does not have the vault's keys.
    pub fn account(&self, vault: &Vault, private: bool) -> Result<[u8; 8]> {
        let encoded = match &self.home {
            // Not kept open: a list of keys asks for it, and uses none.
            Home::Sealed { sealed, vault, opened } if opened.get().is_none() => {
                vault.open_material(sealed, &self.attributes)?
            }
            _ => match self.encoded()? {
                Some(encoded) => encoded,
                None => self.material()?.encode(),
            },
        };
        vault.account(private, encoded.expose())
    }

    /// The material, for a granted operation.
    pub(super) fn material(&self) -> Result<Material> {
        match self.encoded()? {
            Some(encoded) => Material::decode(encoded.expose()),
            None if matches!(self.home, Home::Attributes) => key::public_material(&self.attributes),
            None => Err(Error::KeyTypeInconsistent),
        }
    }

    /// The key made ready for a mechanism: prepared once, or for each use where a rule wants it shielded. Then nothing of it
    /// is left when the use has ended.
    pub(super) fn context(&self, prepare: Prepare) -> Result<Context> {
        if self.rules.is_shielded() {
            return prepare(&self.material()?);
        }
        self.contexts.context(prepare, || prepare(&self.material()?))
    }
}

/// Whether so many seconds have passed since the last time; then this is the last time, for one of several threads.
fn once_in(last_time: &AtomicU64, seconds: u64, now: UtcSeconds) -> bool {
    let last = last_time.load(Ordering::Relaxed);
    now >= last.saturating_add(seconds)
        && last_time.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
}

/// Fills a mask. Without randomness the mask stays as it is: shielding is a second line, and the
/// generator's failure stops every operation anyway.
fn mask(bytes: &mut [u8]) {
    let _ = random::fill(bytes);
}

/// Prepared contexts, a few a key. Lock-free: a fork can catch nothing half-way.
#[derive(Default)]
struct Contexts([OnceBox<(Prepare, Context)>; 4]);

impl Contexts {
    fn context(&self, prepare: Prepare, make: impl FnOnce() -> Result<Context>) -> Result<Context> {
        let same = |there: &&(Prepare, Context)| std::ptr::fn_addr_eq(there.0, prepare);
        if let Some((_, context)) = self.0.iter().map_while(OnceBox::get).find(same) {
            return Ok(Arc::clone(context));
        }
        let context = make()?;
        let mut entry = Box::new((prepare, Arc::clone(&context)));
        for place in &self.0 {
            match place.set(entry) {
                Ok(()) => break,
                Err(back) => entry = back,
            }
        }
        Ok(context)
    }
}
