//! What the start functions of all rows do first: check the parameter, find their prepared key.

use super::engine::Failure;
use super::mechanism::Context;
use crate::ck::{Error, Params, Result};
use std::any::Any;
use std::sync::Arc;

/// A refusal that no caller's input explains. Where one does, the algorithm says which.
impl From<Failure> for Error {
    fn from(_: Failure) -> Self {
        Self::DeviceError
    }
}

/// The mechanism takes no parameter.
pub(super) const fn no_params(params: &Params) -> Result<()> {
    if matches!(params, Params::None) { Ok(()) } else { Err(Error::MechanismParamInvalid) }
}

/// The prepared key in the type of the file that made it.
pub(super) fn prepared<T: Any + Send + Sync>(context: &Context) -> Result<Arc<T>> {
    Arc::clone(context).downcast().map_err(|_| Error::KeyTypeInconsistent)
}

/// The first `len` bytes of an output that the contract says is long enough.
pub(super) fn first(out: &mut [u8], len: usize) -> Result<&mut [u8]> {
    out.get_mut(..len).ok_or(Error::BufferTooSmall)
}
