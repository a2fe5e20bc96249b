//! What a mechanism is: one static [`Row`] in its algorithm's file, listed once in [`super::table`].
//!
//! The running-operation traits stand here too. They know nothing of sessions, handles, keys'
//! attributes or the two-call rule; they turn bytes into bytes.

use super::engine::dh::Group;
use super::material::{Material, Pair};
use crate::ck::message::{MessageParams, MessageShape};
use crate::ck::params::Shape;
use crate::ck::{CK_FLAGS, CK_KEY_TYPE, CK_MECHANISM_TYPE, Params, Result};
use crate::secret::Secret;
use cryptoki_sys::*;
use std::any::Any;
use std::sync::Arc;

/// A key made ready for use once and used many times: an RSA key with its CRT values, a key
/// schedule, the two inner states of an HMAC. Its type is private to the file that made it.
pub type Context = Arc<dyn Any + Send + Sync>;

/// Makes a [`Context`] of a key. Rows that can share a context name the same function, and the key
/// keeps one context for each function.
pub type Prepare = fn(&Material) -> Result<Context>;

/// One mechanism: everything that the module knows about it.
pub struct Row {
    /// `CKM_...`
    pub ckm: CK_MECHANISM_TYPE,
    /// Key types it works on, or makes. Empty where it needs no key (digests).
    pub key_types: &'static [CK_KEY_TYPE],
    /// Key sizes, in the unit that `C_GetMechanismInfo` reports for this mechanism.
    pub sizes: Sizes,
    /// Form of its parameter.
    pub shape: Shape,
    /// Flags beyond those that follow from `ops` (`CKF_EC_F_P`, ...).
    pub flags: CK_FLAGS,
    /// How a key is made ready; `None` where no key is used.
    pub prepare: Option<Prepare>,
    /// What it can do.
    pub ops: Ops,
}

impl Row {
    /// The flags of `CK_MECHANISM_INFO`: those of what `ops` can do, and [`Self::flags`].
    pub fn announced(&self) -> CK_FLAGS {
        let ops = &self.ops;
        let can = [
            (ops.digest.is_some(), CKF_DIGEST),
            (ops.sign.is_some(), CKF_SIGN),
            (ops.verify.is_some(), CKF_VERIFY),
            (ops.sign_recover.is_some(), CKF_SIGN_RECOVER),
            (ops.verify_recover.is_some(), CKF_VERIFY_RECOVER),
            (ops.encrypt.is_some() && !ops.only_wraps, CKF_ENCRYPT),
            (ops.decrypt.is_some() && !ops.only_wraps, CKF_DECRYPT),
            (ops.wraps && ops.encrypt.is_some(), CKF_WRAP),
            (ops.wraps && ops.decrypt.is_some(), CKF_UNWRAP),
            (ops.generates(), CKF_GENERATE),
            (ops.generate_pair.is_some(), CKF_GENERATE_KEY_PAIR),
            (ops.derives(), CKF_DERIVE),
            (ops.encapsulate.is_some(), CKF_ENCAPSULATE),
            (ops.decapsulate.is_some(), CKF_DECAPSULATE),
            (ops.message_encrypt.is_some(), CKF_MESSAGE_ENCRYPT | CKF_MULTI_MESSAGE),
            (ops.message_decrypt.is_some(), CKF_MESSAGE_DECRYPT | CKF_MULTI_MESSAGE),
            (ops.sign.is_some() && !ops.one_message, CKF_MESSAGE_SIGN | CKF_MULTI_MESSAGE),
            (ops.verify.is_some() && !ops.one_message, CKF_MESSAGE_VERIFY | CKF_MULTI_MESSAGE),
        ];
        can.iter().filter(|(can, _)| *can).fold(self.flags, |flags, (_, flag)| flags | flag)
    }
}

/// The flags of `CK_MECHANISM_INFO` that promise to protect something or to make a key.
pub const PROTECTS_OR_MAKES: CK_FLAGS = CKF_ENCRYPT
    | CKF_SIGN
    | CKF_SIGN_RECOVER
    | CKF_WRAP
    | CKF_GENERATE
    | CKF_GENERATE_KEY_PAIR
    | CKF_DERIVE
    | CKF_ENCAPSULATE
    | CKF_MESSAGE_ENCRYPT
    | CKF_MESSAGE_SIGN;

/// Smallest and largest key of a mechanism (PKCS#11 3.2, `CK_MECHANISM_INFO`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sizes {
    /// The mechanism has no key.
    None,
    /// From..=to, in bits.
    Bits(u32, u32),
    /// From..=to, in bytes.
    Bytes(u32, u32),
}

impl Sizes {
    /// Whether a key of so many bits fits.
    pub fn hold(self, bits: u32) -> bool {
        match self {
            Self::None => true,
            Self::Bits(from, to) => (from..=to).contains(&bits),
            Self::Bytes(from, to) => (from.saturating_mul(8)..=to.saturating_mul(8)).contains(&bits),
        }
    }
}

/// Starts a digest.
pub type StartDigesting = fn(&Params) -> Result<Box<dyn Digesting>>;
/// Goes on with a digest that [`Digesting::save`] saved; `CKR_SAVED_STATE_INVALID` where it is none.
pub type ResumeDigesting = fn(&Params, &[u8]) -> Result<Box<dyn Digesting>>;
/// Starts a signature or a MAC with a prepared key.
pub type StartSigning = fn(&Context, &Params) -> Result<Box<dyn Signing>>;
/// Starts a verification with a prepared key.
pub type StartVerifying = fn(&Context, &Params) -> Result<Box<dyn Verifying>>;
/// Starts an encryption or a decryption with a prepared key.
pub type StartCiphering = fn(&Context, &Params) -> Result<Box<dyn Ciphering>>;
/// Starts a signature that holds its data, or the recovery of the data from it, with a prepared key.
pub type StartRecovering = fn(&Context, &Params) -> Result<Box<dyn Recovering>>;
/// Starts the encryption or decryption of messages with a prepared key.
pub type StartMessaging = fn(&Context) -> Result<Box<dyn Messaging>>;
/// Derives key bytes from a prepared key.
pub type DeriveKey = fn(&Context, &Params, &Recipe) -> Result<Secret>;

/// Starts one signature after the other with the key and the mechanism that it was made for.
pub type StartSignings = Box<dyn Fn() -> Result<Box<dyn Signing>> + Send>;
/// Starts one verification after the other with the key and the mechanism that it was made for.
pub type StartVerifyings = Box<dyn Fn() -> Result<Box<dyn Verifying>> + Send>;

/// Makes a shared secret and its ciphertext for a prepared public key. The recipe is as for [`DeriveKey`].
pub type EncapsulateKey = fn(&Context, &Params, &Recipe) -> Result<(Secret, Vec<u8>)>;
/// Finds the shared secret of a ciphertext with a prepared private key.
pub type DecapsulateKey = fn(&Context, &Params, &Recipe, &[u8]) -> Result<Secret>;

/// Makes a secret key as the mechanism's parameter says.
pub type GenerateFrom = fn(&Params, &Recipe) -> Result<Material>;

/// What a derivation from key material works on.
pub struct Sources<'a> {
    /// The base key, or the value of a data object.
    pub base: &'a Material,
    /// `CKA_KEY_TYPE` of the base key; `None` for a data object.
    pub base_type: Option<CK_KEY_TYPE>,
    /// The values of the further keys that the parameter names ([`Params::second_keys`]), in their order.
    pub seconds: &'a [Secret],
    /// The parameter.
    pub params: &'a Params,
    /// What is to be made, in its order.
    pub recipes: &'a [Recipe],
}

/// What a derivation made.
#[derive(Default)]
pub struct Derived {
    /// One value for each recipe.
    pub values: Vec<Secret>,
    /// Initialisation vectors for TLS, the client's first; none where none were asked for.
    pub ivs: Vec<Vec<u8>>,
    /// The version that stood in a premaster secret.
    pub version: Option<[u8; 2]>,
}

/// Derives one value or several from key material.
pub type DeriveValues = fn(&Sources<'_>) -> Result<Derived>;

/// Lengths of the base key and the further keys of a derivation, in bytes.
pub struct SourceLens<'a> {
    /// The base key's.
    pub base: usize,
    /// The further keys', in the order of the parameter.
    pub seconds: &'a [usize],
}

/// A derivation that works on key material, not on a prepared key.
pub struct Derivation {
    /// The work.
    pub derive: DeriveValues,
    /// What it makes.
    pub makes: Made,
    /// What becomes of `CKA_SENSITIVE`, `CKA_EXTRACTABLE` and their history.
    pub inheritance: Inheritance,
    /// Length of the derived key in bytes where the template names none; `None` where it must.
    pub own_len: fn(&Params, &SourceLens<'_>) -> Option<usize>,
    /// Whether bytes of the sources stand in what is made as they are.
    pub raw: Raw,
    /// Whether a data object may be the base.
    pub data_base: bool,
}

/// What a derivation makes.
#[derive(Clone, Copy)]
pub enum Made {
    /// One secret key, and further ones where the parameter asks for them.
    Keys,
    /// A data object. The function says of a parameter whether what it derives may be seen by everybody, although it
    /// comes from a secret.
    Data(fn(&Params) -> bool),
    /// A TLS master secret.
    TlsMaster,
    /// The MAC keys and cipher keys of a TLS connection.
    TlsKeys {
        /// Whether the mechanism gives initialisation vectors too.
        with_ivs: bool,
    },
}

/// How a derived key takes after the keys that it comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Inheritance {
    /// The template decides, else the defaults. The history is the base key's.
    Free,
    /// What one original is (sensitive, not extractable) the derived key is; else the template decides, else the
    /// defaults. The history needs that of all originals.
    Strict,
    /// As [`Self::Strict`], with the base key's values for defaults.
    StrictFromBase,
    /// The template decides, else the values of the base key. The history needs that of one original.
    FromBase,
    /// The values of the base key; a template may say nothing else. The history is the base key's.
    Same,
}

/// Whether bytes of the keys stand in a derived key as they are, so that parts could be searched for one by one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Raw {
    /// No: a one-way function stands between.
    No,
    /// Sources and data stand one behind the other.
    Joined,
    /// A part of the base key, or all of it, perhaps changed.
    Part,
}

/// The functions of a mechanism. What is `None` is not announced and not offered.
#[derive(Clone, Copy)]
pub struct Ops {
    /// Starts a digest.
    pub digest: Option<StartDigesting>,
    /// Goes on with a saved digest.
    pub resume: Option<ResumeDigesting>,
    /// Starts a signature or a MAC.
    pub sign: Option<StartSigning>,
    /// Starts a verification.
    pub verify: Option<StartVerifying>,
    /// Whether one parameter serves for one message only, because a second one under it would give the key away:
    /// then C_MessageSignInit and C_MessageVerifyInit are not offered.
    pub one_message: bool,
    /// Starts a signature that the data can be recovered from.
    pub sign_recover: Option<StartRecovering>,
    /// Starts the recovery of the data from such a signature.
    pub verify_recover: Option<StartRecovering>,
    /// Starts an encryption.
    pub encrypt: Option<StartCiphering>,
    /// Starts a decryption.
    pub decrypt: Option<StartCiphering>,
    /// Form of a message's parameter; given where the two below are.
    pub message_shape: Option<MessageShape>,
    /// Starts the encryption of messages.
    pub message_encrypt: Option<StartMessaging>,
    /// Starts the decryption of messages.
    pub message_decrypt: Option<StartMessaging>,
    /// Whether the encryption may wrap keys and the decryption unwrap them.
    pub wraps: bool,
    /// Whether the encryption and the decryption are for wrapping and unwrapping alone.
    pub only_wraps: bool,
    /// Whether only private keys are wrapped and unwrapped, because the form is one of PKCS#8.
    pub only_private: bool,
    /// Whether wrapping puts zeros behind a key to fill its last 8 bytes.
    pub zero_pads: bool,
    /// Whether unwrapping takes a padding off that nothing authenticates, so that what is wrong behind the
    /// padding must not be told from a wrong padding.
    pub bare_padding: bool,
    /// Makes a secret key.
    pub generate: Option<fn(&Recipe) -> Result<Material>>,
    /// Makes a secret key as the parameter says.
    pub generate_from: Option<GenerateFrom>,
    /// Chooses the domain parameters that a template asks for.
    pub choose_group: Option<fn(&Recipe) -> Result<Group>>,
    /// Makes a key pair.
    pub generate_pair: Option<fn(&Recipe) -> Result<Pair>>,
    /// Derives key bytes. `Recipe::value_len` says how many are wanted, if the template does.
    pub derive: Option<DeriveKey>,
    /// Derives from key material.
    pub derivation: Option<&'static Derivation>,
    /// Encapsulates.
    pub encapsulate: Option<EncapsulateKey>,
    /// Length of the ciphertext in bytes; given where the function above is.
    pub encapsulated_len: Option<fn(&Context) -> Result<usize>>,
    /// Decapsulates.
    pub decapsulate: Option<DecapsulateKey>,
}

impl Ops {
    /// Nothing: the start of every row's `ops`.
    pub const NONE: Self = Self {
        digest: None,
        resume: None,
        sign: None,
        verify: None,
        one_message: false,
        sign_recover: None,
        verify_recover: None,
        encrypt: None,
        decrypt: None,
        message_shape: None,
        message_encrypt: None,
        message_decrypt: None,
        wraps: false,
        only_wraps: false,
        only_private: false,
        zero_pads: false,
        bare_padding: false,
        generate: None,
        generate_from: None,
        choose_group: None,
        generate_pair: None,
        derive: None,
        derivation: None,
        encapsulate: None,
        encapsulated_len: None,
        decapsulate: None,
    };
}

impl Ops {
    /// Whether keys can be derived.
    pub const fn derives(&self) -> bool {
        self.derive.is_some() || self.derivation.is_some()
    }

    /// Whether secret keys or domain parameters can be made.
    pub const fn generates(&self) -> bool {
        self.generate.is_some() || self.generate_from.is_some() || self.choose_group.is_some()
    }
}

/// What a template says about a key to be made. The algorithm checks it; nothing here is trusted.
#[derive(Default, Debug)]
pub struct Recipe {
    /// `CKA_KEY_TYPE` of the key to be made.
    pub key_type: Option<CK_KEY_TYPE>,
    /// `CKA_VALUE_LEN`, in bytes.
    pub value_len: Option<usize>,
    /// `CKA_MODULUS_BITS`.
    pub modulus_bits: Option<u32>,
    /// `CKA_PUBLIC_EXPONENT`, big-endian.
    pub public_exponent: Option<Vec<u8>>,
    /// `CKA_EC_PARAMS`, DER.
    pub ec_params: Option<Vec<u8>>,
    /// `CKA_PARAMETER_SET`.
    pub parameter_set: Option<u64>,
    /// `CKA_PRIME`, big-endian.
    pub prime: Option<Vec<u8>>,
    /// `CKA_BASE`, big-endian.
    pub base: Option<Vec<u8>>,
    /// `CKA_PRIME_BITS`.
    pub prime_bits: Option<u32>,
    /// `CKA_VALUE_BITS` of the private key to be made.
    pub value_bits: Option<u32>,
}

/// A running digest.
pub trait Digesting: Send {
    /// Length of the result in bytes.
    fn len(&self) -> usize;
    /// Takes more input.
    fn update(&mut self, data: &[u8]) -> Result<()>;
    /// Writes the result into the first [`Self::len`] bytes of `out`, which is at least that long.
    fn finish(&mut self, out: &mut [u8]) -> Result<()>;
    /// The mechanism whose row goes on with this digest, and all that it takes; `None` where it cannot
    /// be saved.
    fn save(&self) -> Option<(CK_MECHANISM_TYPE, Secret)> {
        None
    }
}

/// A running signature or MAC.
pub trait Signing: Send {
    /// Length of the signature in bytes: exact, known before any input.
    fn len(&self) -> usize;
    /// Takes more input. Mechanisms that sign one short block collect it, up to their limit
    /// (`CKR_DATA_LEN_RANGE` beyond).
    fn update(&mut self, data: &[u8]) -> Result<()>;
    /// Signs what came. `out` has at least [`Self::len`] bytes; answers how many were written.
    fn finish(&mut self, out: &mut [u8]) -> Result<usize>;
    /// Signs `data` in one go, with nothing given before: the hot path, no copy of the input.
    fn sign(&mut self, data: &[u8], out: &mut [u8]) -> Result<usize> {
        self.update(data)?;
        self.finish(out)
    }
}

/// A running verification.
pub trait Verifying: Send {
    /// Takes more input.
    fn update(&mut self, data: &[u8]) -> Result<()>;
    /// `CKR_SIGNATURE_INVALID` or `CKR_SIGNATURE_LEN_RANGE` where the signature is not good.
    fn finish(&mut self, signature: &[u8]) -> Result<()>;
    /// Verifies in one go.
    fn verify(&mut self, data: &[u8], signature: &[u8]) -> Result<()> {
        self.update(data)?;
        self.finish(signature)
    }
}

/// A signature with recovery of its data, in either direction, always in one piece. It may be asked again
/// until its result found room, so it must give the same for the same input.
pub trait Recovering: Send {
    /// At most so many bytes come out.
    fn len(&self) -> usize;
    /// Makes the signature of `input`, or gives back what the signature `input` was made of. `out` has
    /// at least [`Self::len`] bytes; answers how many were written.
    fn run(&self, input: &[u8], out: &mut [u8]) -> Result<usize>;
}

/// A running encryption or decryption.
pub trait Ciphering: Send {
    /// At most so many bytes come out of an [`Self::update`] with `input` bytes.
    /// Exact unless [`Self::exact`] says otherwise.
    fn update_len(&self, input: usize) -> usize;
    /// Takes input, writes what is ready. `out` has at least `update_len(input.len())` bytes.
    fn update(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize>;
    /// At most so many bytes come out of [`Self::finish`].
    fn finish_len(&self) -> usize;
    /// Ends the operation. `out` has at least [`Self::finish_len`] bytes.
    fn finish(&mut self, out: &mut [u8]) -> Result<usize>;
    /// At most so many bytes come out of [`Self::whole`].
    fn whole_len(&self, input: usize) -> usize;
    /// Does the whole operation in one go, with nothing given before.
    fn whole(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize>;
    /// Whether the three lengths are exact. Where they are not (a padding is taken off), the
    /// session keeps the result until the caller's buffer is long enough.
    fn exact(&self) -> bool;
}

/// Messages that are encrypted or decrypted under one key, one after the other (PKCS#11 3.2, 5.9, 5.11). An
/// error ends the message, not the messages.
pub trait Messaging: Send {
    /// A whole message. `out` has the length of `input`. An encryption completes the IV and fills the tag.
    fn whole(&mut self, params: &mut MessageParams, aad: &[u8], input: &[u8], out: &mut [u8]) -> Result<()>;
    /// Begins a message in parts. An encryption completes the IV.
    fn begin(&mut self, params: &mut MessageParams, aad: &[u8]) -> Result<()>;
    /// So many bytes come out of [`Self::next`] with `input` bytes, exactly.
    fn next_len(&self, input: usize, last: bool) -> usize;
    /// Takes a part. `out` has [`Self::next_len`] bytes. The last part of an encryption fills the tag.
    fn next(&mut self, params: &mut MessageParams, input: &[u8], out: &mut [u8], last: bool) -> Result<()>;
    /// Forgets the message that was begun.
    fn abandon(&mut self);
}
