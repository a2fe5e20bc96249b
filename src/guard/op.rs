//! What can be asked of the guard: one type an operation, each owning what it is about.
//! A grant for one cannot be spent on another.

use super::held::Held;
use crate::ck::{CK_ATTRIBUTE_TYPE, Mechanism};
use crate::object::{Attributes, KeyFacts, Origin, State, Template};
use crate::policy::Entry;
use std::sync::Arc;

/// An operation that the guard can judge.
pub trait Op {
    /// What it asks for.
    fn ask(&self) -> Ask<'_>;
}

/// One question to the guard, in the guard's words.
pub struct Ask<'a> {
    /// Which entry point.
    pub entry: Option<Entry>,
    /// The mechanism, where there is one.
    pub mechanism: Option<&'a Mechanism>,
    /// The object that is used, read, changed or removed.
    pub object: Option<&'a Arc<Held>>,
    /// The key that is wrapped, beside the wrapping key in `object`.
    pub target: Option<&'a Arc<Held>>,
    /// The keys that go into a derivation beside the base key in `object`.
    pub seconds: &'a [Arc<Held>],
    /// The mechanism works on messages one by one (C_MessageSignInit).
    pub messages: bool,
    /// What it makes or changes.
    pub makes: Makes<'a>,
}

impl Ask<'_> {
    /// A question that names an entry point and nothing else.
    const fn of(entry: Option<Entry>) -> Self {
        Self {
            entry,
            mechanism: None,
            object: None,
            target: None,
            seconds: &[],
            messages: false,
            makes: Makes::Nothing,
        }
    }
}

/// The effect of an operation on objects.
pub enum Makes<'a> {
    /// None.
    Nothing,
    /// New objects, with these facts.
    Objects(Vec<KeyFacts>),
    /// The object as it would be afterwards.
    Changed(&'a Attributes),
    /// Another lifecycle state.
    Transition(State),
    /// A new generation that takes the object's place.
    Successor,
    /// The object's removal.
    Removal,
    /// Sight of a secret attribute.
    Sight(CK_ATTRIBUTE_TYPE),
}

pub(super) fn uses<'a>(entry: Entry, mechanism: &'a Mechanism, key: &'a Arc<Held>) -> Ask<'a> {
    Ask { mechanism: Some(mechanism), object: Some(key), ..Ask::of(Some(entry)) }
}

macro_rules! key_uses {
    ($($(#[$doc:meta])* $name:ident => $entry:expr;)*) => {
        $(
            $(#[$doc])*
            pub struct $name {
                /// The key.
                pub key: Arc<Held>,
                /// The mechanism with its parameter.
                pub mechanism: Mechanism,
            }

            impl Op for $name {
                fn ask(&self) -> Ask<'_> {
                    uses($entry, &self.mechanism, &self.key)
                }
            }
        )*
    };
}

key_uses! {
    /// C_SignInit
    Sign => Entry::Sign;
    /// C_VerifyInit
    Verify => Entry::Verify;
    /// C_SignRecoverInit
    SignRecover => Entry::SignRecover;
    /// C_VerifyRecoverInit
    VerifyRecover => Entry::VerifyRecover;
    /// C_EncryptInit
    Encrypt => Entry::Encrypt;
    /// C_DecryptInit
    Decrypt => Entry::Decrypt;
}

/// C_MessageSignInit: what is signed comes message by message.
pub struct SignMessages {
    /// The key.
    pub key: Arc<Held>,
    /// The mechanism with its parameter.
    pub mechanism: Mechanism,
}

impl Op for SignMessages {
    fn ask(&self) -> Ask<'_> {
        Ask { messages: true, ..uses(Entry::Sign, &self.mechanism, &self.key) }
    }
}

/// C_DigestInit: no key, but a mechanism that the token's policy may deny.
pub struct Digest {
    /// The mechanism.
    pub mechanism: Mechanism,
}

impl Op for Digest {
    fn ask(&self) -> Ask<'_> {
        Ask { mechanism: Some(&self.mechanism), ..Ask::of(None) }
    }
}

/// C_DigestKey
pub struct DigestKey {
    /// The secret key whose value goes into the digest.
    pub key: Arc<Held>,
}

impl Op for DigestKey {
    fn ask(&self) -> Ask<'_> {
        Ask { object: Some(&self.key), ..Ask::of(Some(Entry::DigestKey)) }
    }
}

/// C_GenerateKey
pub struct Generate {
    /// The mechanism.
    pub mechanism: Mechanism,
    /// The new key's template, completed.
    pub template: Template,
}

impl Op for Generate {
    fn ask(&self) -> Ask<'_> {
        Ask {
            mechanism: Some(&self.mechanism),
            makes: Makes::Objects(vec![generated(&self.template)]),
            ..Ask::of(Some(Entry::Generate))
        }
    }
}

/// The facts of a key that is to be made here: rules about the origin, and those that bind new keys alone, hold for it.
/// A size that the template does not tell is one that the mechanism does not know, and refuses with a code of its own.
fn generated(template: &Template) -> KeyFacts {
    let facts = KeyFacts::of(&template.attributes);
    let origin = if facts.bits == 0 { facts.origin } else { Origin::Generated };
    let (always_sensitive, never_extractable) = (facts.sensitive, !facts.extractable);
    KeyFacts { origin, local: true, always_sensitive, never_extractable, ..facts }
}

/// The facts of a key that comes out of others or out of what was wrapped: rules about where keys come from hold for it
/// before it is made. The size of a derived key that nobody knows beforehand is judged when the key is used.
fn coming(template: &Template, origin: Origin) -> KeyFacts {
    let facts = KeyFacts::of(&template.attributes);
    let unknown = origin == Origin::Derived && facts.bits == 0;
    KeyFacts { origin: if unknown { facts.origin } else { origin }, ..facts }
}

/// C_GenerateKeyPair
pub struct GeneratePair {
    /// The mechanism.
    pub mechanism: Mechanism,
    /// The public key's template, completed.
    pub public: Template,
    /// The private key's template, completed.
    pub private: Template,
}

impl Op for GeneratePair {
    fn ask(&self) -> Ask<'_> {
        // The size of the pair stands in the public template only.
        let public = generated(&self.public);
        let mut private = generated(&self.private);
        (private.bits, private.curve) = (public.bits, public.curve);
        private.parameter_set = public.parameter_set;
        Ask {
            mechanism: Some(&self.mechanism),
            makes: Makes::Objects(vec![public, private]),
            ..Ask::of(Some(Entry::Generate))
        }
    }
}

/// C_CreateObject
pub struct Create {
    /// The template, completed, the key's secrets still in it.
    pub template: Template,
    /// The facts of the object, its size included.
    pub facts: KeyFacts,
}

impl Op for Create {
    fn ask(&self) -> Ask<'_> {
        Ask { makes: Makes::Objects(vec![self.facts.clone()]), ..Ask::of(Some(Entry::Create)) }
    }
}

/// C_DeriveKey
pub struct Derive {
    /// The base key, or a data object where the mechanism takes one.
    pub key: Arc<Held>,
    /// The keys that the parameter names, in its order ([`crate::ck::Params::second_keys`]).
    pub seconds: Vec<Arc<Held>>,
    /// The mechanism with its parameter.
    pub mechanism: Mechanism,
    /// What is to be made, in the order of the mechanism.
    pub products: Vec<Product>,
}

/// One object that a derivation makes.
pub struct Product {
    /// Its template, completed.
    pub template: Template,
    /// Its length in bytes, where it is known beforehand.
    pub len: Option<usize>,
}

impl Op for Derive {
    fn ask(&self) -> Ask<'_> {
        let facts = self.products.iter().map(|product| coming(&product.template, Origin::Derived));
        let makes = Makes::Objects(facts.collect());
        Ask { makes, seconds: &self.seconds, ..uses(Entry::Derive, &self.mechanism, &self.key) }
    }
}

/// C_EncapsulateKey
pub struct Encapsulate {
    /// The public key.
    pub key: Arc<Held>,
    /// The mechanism with its parameter.
    pub mechanism: Mechanism,
    /// The new key's template, completed.
    pub template: Template,
}

impl Op for Encapsulate {
    fn ask(&self) -> Ask<'_> {
        let makes = Makes::Objects(vec![coming(&self.template, Origin::Derived)]);
        Ask { makes, ..uses(Entry::Encapsulate, &self.mechanism, &self.key) }
    }
}

/// C_DecapsulateKey
pub struct Decapsulate {
    /// The private key.
    pub key: Arc<Held>,
    /// The mechanism with its parameter.
    pub mechanism: Mechanism,
    /// What was encapsulated.
    pub ciphertext: Vec<u8>,
    /// The new key's template, completed.
    pub template: Template,
}

impl Op for Decapsulate {
    fn ask(&self) -> Ask<'_> {
        let makes = Makes::Objects(vec![coming(&self.template, Origin::Derived)]);
        Ask { makes, ..uses(Entry::Decapsulate, &self.mechanism, &self.key) }
    }
}

/// C_WrapKey
pub struct Wrap {
    /// The wrapping key.
    pub key: Arc<Held>,
    /// The mechanism with its parameter.
    pub mechanism: Mechanism,
    /// The key that is wrapped.
    pub target: Arc<Held>,
}

impl Op for Wrap {
    fn ask(&self) -> Ask<'_> {
        Ask { target: Some(&self.target), ..uses(Entry::Wrap, &self.mechanism, &self.key) }
    }
}

/// C_UnwrapKey
pub struct Unwrap {
    /// The unwrapping key.
    pub key: Arc<Held>,
    /// The mechanism with its parameter.
    pub mechanism: Mechanism,
    /// The wrapped key.
    pub wrapped: Vec<u8>,
    /// The new key's template, completed.
    pub template: Template,
}

impl Op for Unwrap {
    fn ask(&self) -> Ask<'_> {
        let makes = Makes::Objects(vec![coming(&self.template, Origin::Unwrapped)]);
        Ask { makes, ..uses(Entry::Unwrap, &self.mechanism, &self.key) }
    }
}

/// C_CopyObject
pub struct Copy {
    /// The object that is copied.
    pub object: Arc<Held>,
    /// The copy's attributes.
    pub attributes: Attributes,
}

impl Op for Copy {
    fn ask(&self) -> Ask<'_> {
        Ask {
            object: Some(&self.object),
            makes: Makes::Objects(vec![KeyFacts::of(&self.attributes)]),
            ..Ask::of(Some(Entry::Copy))
        }
    }
}

/// C_GetAttributeValue of a secret attribute.
pub struct Reveal {
    /// The key.
    pub object: Arc<Held>,
    /// Which part of it.
    pub attribute: CK_ATTRIBUTE_TYPE,
}

impl Op for Reveal {
    fn ask(&self) -> Ask<'_> {
        Ask {
            object: Some(&self.object),
            makes: Makes::Sight(self.attribute),
            ..Ask::of(Some(Entry::Reveal))
        }
    }
}

/// C_SetAttributeValue
pub struct Change {
    /// The object.
    pub object: Arc<Held>,
    /// Its attributes afterwards.
    pub attributes: Attributes,
}

impl Op for Change {
    fn ask(&self) -> Ask<'_> {
        Ask {
            object: Some(&self.object),
            makes: Makes::Changed(&self.attributes),
            ..Ask::of(Some(Entry::SetAttribute))
        }
    }
}

/// A step in the life of a key.
pub struct Transition {
    /// The key.
    pub object: Arc<Held>,
    /// Its new state.
    pub to: State,
}

impl Op for Transition {
    fn ask(&self) -> Ask<'_> {
        Ask {
            object: Some(&self.object),
            makes: Makes::Transition(self.to),
            ..Ask::of(Some(Entry::SetAttribute))
        }
    }
}

/// A key gives way to a new generation.
pub struct Supersede {
    /// The key that is replaced.
    pub object: Arc<Held>,
}

impl Op for Supersede {
    fn ask(&self) -> Ask<'_> {
        Ask { object: Some(&self.object), makes: Makes::Successor, ..Ask::of(Some(Entry::SetAttribute)) }
    }
}

/// C_DestroyObject
pub struct Destroy {
    /// The object.
    pub object: Arc<Held>,
}

impl Op for Destroy {
    fn ask(&self) -> Ask<'_> {
        Ask { object: Some(&self.object), makes: Makes::Removal, ..Ask::of(Some(Entry::Destroy)) }
    }
}
