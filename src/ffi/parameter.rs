//! The table's argument types for messages: the parameter of one message, and the mechanism that a
//! message-based operation begins with.

use super::borrow::{Input, OutputPlace};
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
    /// Where the output goes, and how much of it will be written: start and length in bytes.
    out: Cell<(usize, usize)>,
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

    /// The same, with an output that will be written as far as the input is long. An IV or a tag that would
    /// be written into it, or into each other, is `CKR_ARGUMENTS_BAD`.
    pub(crate) fn around_output(
        &self,
        output: &OutputPlace,
        input: &Input,
        work: impl FnOnce(&Self) -> Result<()>,
    ) -> Result<()> {
        let len = usize::try_from(input.len()).unwrap_or(usize::MAX);
        self.out.set((output.addr(), if output.addr() == 0 { 0 } else { len }));
        self.around(work)
    }
}

impl MessageParameter for ParameterPlace {
    fn read(&self, shape: MessageShape, step: MessageStep, encrypting: bool) -> Result<MessageParams> {
        // SAFETY: the promise of `new`.
        let located = unsafe { message_params::read(self.start, self.len, shape, step, encrypting) }?;
        if encrypting && located.collides(step, self.out.get()) {
            return Err(Error::ArgumentsBad);
        }
        let params = located.params.clone();
        *self.located.borrow_mut() = Some(located);
        Ok(params)
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
    /// `mechanism` is NULL or leads to a readable mechanism while the value lives.
    pub(crate) unsafe fn new(mechanism: *mut CK_MECHANISM) -> Self {
        Self(mechanism)
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
