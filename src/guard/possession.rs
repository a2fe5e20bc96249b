//! A key that is not active yet, and what it may sign (see `policy::possession`): the data are held until all are there, and signed
//! only where they are a certification request about the key itself.

use super::Authorized;
use super::budget::Books;
use super::op::Op;
use super::underway::Underway;
use crate::ck::{Error, Result};
use crate::object::request::is_own_request;
use crate::policy::{Denial, Reason};
use cryptoki_sys::CKA_PUBLIC_KEY_INFO;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

/// Longest request, in bytes. The largest public keys have a few thousand; the rest are names.
const LONGEST: usize = 1 << 16;

/// What an operation that was granted for this purpose alone has been given.
pub struct Possession {
    underway: Underway,
    public_key_info: Vec<u8>,
    /// What came in parts.
    held: Vec<u8>,
}

impl Possession {
    /// Of an operation that was granted; `None` where it may sign what it likes.
    ///
    /// # Errors
    /// `CKR_GENERAL_ERROR` where it cannot be seen to.
    pub fn of<O: Op, B: Books + 'static>(
        books: &Arc<B>,
        grant: &Authorized<O>,
        session: (u64, &Arc<AtomicU32>),
    ) -> Result<Option<Box<Self>>> {
        if !grant.obligations().proves_possession {
            return Ok(None);
        }
        let ask = grant.op().ask();
        let ckm = ask.mechanism.map(|mechanism| mechanism.ckm).ok_or(Error::GeneralError)?;
        let underway = Underway::of(books, &ask, ckm, session).ok_or(Error::GeneralError)?;
        let info = underway.held.attributes().bytes(CKA_PUBLIC_KEY_INFO).unwrap_or_default().to_vec();
        Ok(Some(Box::new(Self { underway, public_key_info: info, held: Vec::new() })))
    }

    /// Holds a part of what is to be signed.
    ///
    /// # Errors
    /// `CKR_DATA_LEN_RANGE` where it grows too long for a request.
    pub fn hold(&mut self, part: &[u8]) -> Result<()> {
        if self.held.len().saturating_add(part.len()) > LONGEST {
            return Err(Error::DataLenRange);
        }
        self.held.extend_from_slice(part);
        Ok(())
    }

    /// Whether the data may be signed.
    ///
    /// # Errors
    /// `CKR_KEY_FUNCTION_NOT_PERMITTED`, with its reason in the log, the record and `ulDeviceError`.
    pub fn judge(&self, data: &[u8]) -> Result<()> {
        if data.len() <= LONGEST && is_own_request(data, &self.public_key_info) {
            return Ok(());
        }
        let because = "sign refused: the key is pre-active, and this is no certification request of its own";
        Err(self.underway.refused(&Denial::new(Reason::StatePreActive, because)))
    }

    /// All that came in parts, if it may be signed.
    ///
    /// # Errors
    /// As [`Self::judge`].
    pub fn whole(&self) -> Result<&[u8]> {
        self.judge(&self.held)?;
        Ok(&self.held)
    }
}
