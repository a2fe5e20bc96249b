//! The table's argument types for messages: the parameter of one message, and the mechanism that a
//! message-based operation begins with.

use super::arguments::MechanismPointer;
use super::borrow::OutputPlace;
use crate::ck::message::{MessageParameter, MessageParams, MessageShape, MessageStep};
use crate::ck::{CK_ULONG, Error, Mechanism, Params, Result};
use crate::crypto;
use crate::sys::abi::{self, CK_MECHANISM};
use crate::sys::message_params::{self, Located};
use std::cell::{Cell, RefCell};
use std::ffi::c_void;

/// `pParameter` and `ulParameterLen` of one message. What an encryption makes is kept until the call is
/// over, so that nothing is written through it while slices over the caller's memory live.
pub(crate) struct ParameterPlace {
    start: *const u8,
    len: CK_ULONG,
    located: RefCell<Option<Located>>,
    made: RefCell<Option<(MessageParams, MessageStep)>>,
    /// Where the output goes; 0 where there is none.
    out: Cell<usize>,
}

impl ParameterPlace {
    /// # Safety
    /// As [`message_params::read`], while the value lives.
    pub(crate) unsafe fn new(start: *mut c_void, len: CK_ULONG) -> Self {
        Self {
            start: start.cast_const().cast(),
            len,
            located: RefCell::default(),
            made: RefCell::default(),
            out: Cell::default(),
        }
    }

    /// There is no parameter (`CKR_MECHANISM_PARAM_INVALID` where there is). A pointer without a length is as
    /// good as none.
    pub(crate) fn absent(&self) -> Result<()> {
        if self.len == 0 { Ok(()) } else { Err(Error::MechanismParamInvalid) }
    }

    /// Runs `work`, and if it went well gives the caller what an encryption made.
    pub(crate) fn around(&self, work: impl FnOnce(&Self) -> Result<()>) -> Result<()> {
        work(self)?;
        if let (Some(located), Some((made, step))) = (self.located.take(), self.made.take()) {
            located.write(&made, step);
        }
        Ok(())
    }

    /// The same with an output: an IV or a tag that would be written into it, or into each other, is
    /// `CKR_ARGUMENTS_BAD`.
    pub(crate) fn around_output(
        &self,
        output: &OutputPlace,
        work: impl FnOnce(&Self) -> Result<()>,
    ) -> Result<()> {
        self.out.set(output.addr());
        self.around(work)
    }
}

impl MessageParameter for ParameterPlace {
    fn read(&self, shape: MessageShape, step: MessageStep, encrypting: bool) -> Result<MessageParams> {
        // SAFETY: the promise of `new`.
        let located = unsafe { message_params::read(self.start, self.len, shape, step, encrypting) }?;
        let params = located.params.clone();
        *self.located.borrow_mut() = Some(located);
        Ok(params)
    }

    fn apart(&self, written: usize, step: MessageStep) -> Result<()> {
        let out = self.out.get();
        let out = (out, if out == 0 { 0 } else { written });
        let collides = self.located.borrow().as_ref().is_some_and(|located| located.collides(step, out));
        if collides { Err(Error::ArgumentsBad) } else { Ok(()) }
    }

    fn made(&self, params: MessageParams, step: MessageStep) {
        *self.made.borrow_mut() = Some((params, step));
    }
}

/// A pointer to the mechanism of C_MessageEncryptInit or C_MessageDecryptInit. Its parameter is none, or has
/// the form of its messages' parameters; each message brings its own, so nothing in it is followed.
pub(crate) struct MessageMechanismPointer(*const CK_MECHANISM);

impl MessageMechanismPointer {
    /// # Safety
    /// `mechanism` is NULL or leads to a readable mechanism while the value lives, and where
    /// [`Self::with_parameter`] is used, its parameter is as [`ParameterPlace::new`] wants it.
    pub(crate) unsafe fn new(mechanism: *mut CK_MECHANISM) -> Self {
        Self(mechanism)
    }

    /// The mechanism of C_WrapKeyAuthenticated and its kin, and its parameter, which is that of a message.
    /// `CKR_ARGUMENTS_BAD` for NULL.
    pub(crate) fn with_parameter(&self) -> Result<(Mechanism, ParameterPlace)> {
        // SAFETY: the promise of `new`.
        let CK_MECHANISM { mechanism: ckm, pParameter: start, ulParameterLen: len } =
            unsafe { abi::read(self.0) }?;
        // SAFETY: as above; what the parameter leads to belongs to it.
        let parameter = unsafe { ParameterPlace::new(start, len) };
        Ok((Mechanism { ckm, params: Params::None }, parameter))
    }

    /// The mechanism, or none for NULL: an Init function then cancels the operation.
    pub(crate) fn optional(&self) -> Result<Option<Mechanism>> {
        if self.0.is_null() {
            return Ok(None);
        }
        // SAFETY: the promise of `new`.
        let CK_MECHANISM { mechanism: ckm, pParameter: start, ulParameterLen: len } =
            unsafe { abi::read(self.0) }?;
        let row = crypto::table::find(ckm).map(|(_, row)| row).ok_or(Error::MechanismInvalid)?;
        let shape = row.ops.message_shape.ok_or(Error::MechanismInvalid)?;
        let whole = !start.is_null() && usize::try_from(len) == Ok(message_params::len(shape));
        if len != 0 && !whole {
            return Err(Error::MechanismParamInvalid);
        }
        Ok(Some(Mechanism { ckm, params: Params::None }))
    }
}

/// A pointer to the mechanism of C_WrapKey or C_UnwrapKey. AES-GCM and AES-CCM may bring a structure of their
/// own for it (`CK_GCM_WRAP_PARAMS`, `CK_CCM_WRAP_PARAMS`), whose IV may be a result.
pub(crate) struct WrapMechanismPointer(*mut CK_MECHANISM);

/// What it says.
pub(crate) enum WrapMechanism {
    /// A parameter as for encryption.
    Plain(Mechanism),
    /// A parameter of this shape.
    Own(Mechanism, MessageShape, Box<ParameterPlace>),
}

impl WrapMechanismPointer {
    /// # Safety
    /// As [`params::read`](crate::sys::params::read), and an IV in the parameter may be written.
    pub(crate) unsafe fn new(mechanism: *mut CK_MECHANISM) -> Self {
        Self(mechanism)
    }

    /// The mechanism. `CKR_ARGUMENTS_BAD` for NULL.
    pub(crate) fn read(&self) -> Result<WrapMechanism> {
        // SAFETY: the promise of `new`.
        let CK_MECHANISM { mechanism: ckm, pParameter: start, ulParameterLen: len } =
            unsafe { abi::read(self.0.cast_const()) }?;
        let shape = match crypto::table::find(ckm).and_then(|(_, row)| row.ops.message_shape) {
            Some(MessageShape::Gcm) => Some(MessageShape::GcmWrap),
            Some(MessageShape::Ccm) => Some(MessageShape::CcmWrap),
            _ => None,
        };
        if let Some(shape) = shape.filter(|shape| usize::try_from(len) == Ok(message_params::len(*shape))) {
            // SAFETY: the promise of `new`.
            let parameter = Box::new(unsafe { ParameterPlace::new(start, len) });
            return Ok(WrapMechanism::Own(Mechanism { ckm, params: Params::None }, shape, parameter));
        }
        // SAFETY: passed on.
        unsafe { MechanismPointer::new(self.0) }.required().map(WrapMechanism::Plain)
    }

    /// The mechanism of an unwrapping, for which both structures mean the same: the generator is ignored.
    pub(crate) fn for_unwrapping(&self) -> Result<Mechanism> {
        let (mechanism, shape, parameter) = match self.read()? {
            WrapMechanism::Plain(mechanism) => return Ok(mechanism),
            WrapMechanism::Own(mechanism, shape, parameter) => (mechanism, shape, parameter),
        };
        let MessageParams { iv, tag, aad, .. } = parameter.read(shape, MessageStep::Whole, false)?;
        let tag_len = CK_ULONG::try_from(tag.len()).map_err(|_| Error::MechanismParamInvalid)?;
        let params = match shape {
            MessageShape::CcmWrap => Params::Ccm { data_len: 0, nonce: iv, aad, mac_len: tag_len },
            _ => Params::Gcm { iv, aad, tag_bits: tag_len * 8 },
        };
        Ok(Mechanism { params, ..mechanism })
    }
}
