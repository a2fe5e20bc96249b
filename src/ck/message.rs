//! The parameter of one message (PKCS#11 3.2, 5.9, 5.11): what `pParameter` of C_EncryptMessage and its kin
//! leads to, in safe form. Unlike the parameter of a mechanism it may also be written.

use super::{CK_ULONG, Error, Result};
use cryptoki_sys::{
    CKG_GENERATE, CKG_GENERATE_COUNTER, CKG_GENERATE_COUNTER_XOR, CKG_GENERATE_RANDOM, CKG_NO_GENERATE,
};

/// Which structure the parameter is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MessageShape {
    /// `CK_GCM_MESSAGE_PARAMS`.
    Gcm,
    /// `CK_CCM_MESSAGE_PARAMS`.
    Ccm,
    /// `CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS`.
    Poly1305,
    /// `CK_GCM_WRAP_PARAMS`: of C_WrapKey, the tag behind the wrapped key.
    GcmWrap,
    /// `CK_CCM_WRAP_PARAMS`: as above.
    CcmWrap,
}

/// Which part of a message a call brings. It decides what of the parameter is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MessageStep {
    /// All of it.
    Whole,
    /// Its beginning: the IV, not the tag.
    Begin,
    /// A part that is not the last: neither.
    Middle,
    /// The last part: the tag.
    Last,
}

/// `CK_GENERATOR_FUNCTION`: who makes the IV (PKCS#11 3.2, 6.13).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IvGenerator {
    /// The caller.
    Caller,
    /// The module, as it likes.
    Module,
    /// A counter from zero.
    Counter,
    /// A counter from zero, over the caller's value.
    CounterXor,
    /// The random generator.
    Random,
}

impl IvGenerator {
    /// `CKG_...`. Another number is `CKR_MECHANISM_PARAM_INVALID`.
    pub const fn from_number(number: CK_ULONG) -> Result<Self> {
        Ok(match number {
            CKG_NO_GENERATE => Self::Caller,
            CKG_GENERATE => Self::Module,
            CKG_GENERATE_COUNTER => Self::Counter,
            CKG_GENERATE_COUNTER_XOR => Self::CounterXor,
            CKG_GENERATE_RANDOM => Self::Random,
            _ => return Err(Error::MechanismParamInvalid),
        })
    }
}

/// The parameter of one message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MessageParams {
    /// The IV or nonce, as long as it will be. Where it is made here, only its fixed bits were read.
    pub iv: Vec<u8>,
    /// How many of its leading bits the caller keeps.
    pub fixed_bits: CK_ULONG,
    /// Who makes the rest.
    pub generator: IvGenerator,
    /// The tag, as long as it will be: read for a decryption, zeros for an encryption to fill.
    pub tag: Vec<u8>,
    /// The announced length of the plaintext in bytes, where the structure has it (CCM).
    pub data_len: Option<CK_ULONG>,
    /// Additional authenticated data, where they stand in the structure (C_WrapKey).
    pub aad: Vec<u8>,
}

/// A caller's parameter: read once a call, and given back what an encryption made.
pub trait MessageParameter {
    /// Reads it. `encrypting` says that IV and tag may be results. `CKR_MECHANISM_PARAM_INVALID` for another
    /// structure, for lengths that no algorithm has, and for NULL where something is to be.
    fn read(&self, shape: MessageShape, step: MessageStep, encrypting: bool) -> Result<MessageParams>;
    /// Whether an output of so many bytes, and the IV and the tag that the step of an encryption makes, would be
    /// written apart from one another (`CKR_ARGUMENTS_BAD`). To be asked after [`Self::read`], before the work.
    fn apart(&self, written: usize, step: MessageStep) -> Result<()>;
    /// Takes what was made: an IV at the beginning of a message, a tag at its end. It reaches the caller
    /// when the call succeeds.
    fn made(&self, params: MessageParams, step: MessageStep);
}
