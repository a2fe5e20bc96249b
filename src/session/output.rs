//! [`Output`]: the rule for functions that return a variable-length result (PKCS#11 3.2, 5.2).
//! No other code sees a caller's length, and no other code decides between "the length was asked",
//! "the buffer is too small" and "here is the result".
//!
//! What the rule means for the operation is the session's business: [`Filled::Asked`] and
//! `CKR_BUFFER_TOO_SMALL` leave it running, everything else ends it.

use crate::ck::{CK_ULONG, Error, Result};

/// A caller's output buffer together with its length, for one result.
pub struct Output<'a> {
    buffer: Option<&'a mut [u8]>,
    len: &'a mut CK_ULONG,
}

/// What became of a result.
#[must_use = "an operation goes on when only the length was asked"]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Filled {
    /// The caller only asked for the length; the operation goes on.
    Asked,
    /// The result is in the caller's buffer.
    Done,
}

impl<'a> Output<'a> {
    /// `buffer` is what the caller offers, `None` for a length query. `len` is written when the
    /// length is asked, when the buffer is too small and when a result was given; in all other cases
    /// it stays as it is.
    pub fn new(buffer: Option<&'a mut [u8]>, len: &'a mut CK_ULONG) -> Self {
        Self { buffer, len }
    }

    /// How many bytes the caller offers; `None` for a length query.
    pub fn capacity(&self) -> Option<usize> {
        self.buffer.as_ref().map(|buffer| buffer.len())
    }

    /// A result of `needed` bytes at most. A length query and a short buffer never run `work`, which
    /// gets exactly `needed` bytes and answers how many of them it wrote. `CKR_BUFFER_TOO_SMALL`
    /// with the needed length where the buffer is short, else the error of `work`.
    pub fn fill(self, needed: usize, work: impl FnOnce(&mut [u8]) -> Result<usize>) -> Result<Filled> {
        let Some(buffer) = self.buffer else {
            *self.len = ulong(needed);
            return Ok(Filled::Asked);
        };
        let Some(room) = buffer.get_mut(..needed) else {
            *self.len = ulong(needed);
            return Err(Error::BufferTooSmall);
        };
        let written = work(room)?;
        if written > needed {
            return Err(Error::GeneralError);
        }
        *self.len = ulong(written);
        Ok(Filled::Done)
    }

    /// A result that is ready.
    pub fn put(self, bytes: &[u8]) -> Result<Filled> {
        self.fill(bytes.len(), |room| {
            room.copy_from_slice(bytes);
            Ok(bytes.len())
        })
    }

    /// Reports a length and gives no result, whatever buffer there is.
    pub fn ask(self, needed: usize) -> Filled {
        *self.len = ulong(needed);
        Filled::Asked
    }
}

fn ulong(len: usize) -> CK_ULONG {
    CK_ULONG::try_from(len).unwrap_or(CK_ULONG::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFERED: CK_ULONG = 77;

    fn never(_: &mut [u8]) -> Result<usize> {
        panic!("the work must not run")
    }

    #[test]
    fn fill_without_buffer_reports_the_length_and_runs_nothing() {
        let mut len = OFFERED;
        assert_eq!(Output::new(None, &mut len).fill(32, never), Ok(Filled::Asked));
        assert_eq!(len, 32);
    }

    #[test]
    fn fill_with_short_buffer_reports_the_length_and_runs_nothing() {
        let (mut buffer, mut len) = ([0xAA; 31], 31);
        let output = Output::new(Some(&mut buffer), &mut len);
        assert_eq!(output.fill(32, never), Err(Error::BufferTooSmall));
        assert_eq!((buffer, len), ([0xAA; 31], 32));
    }

    #[test]
    fn fill_with_long_buffer_gives_only_what_is_needed() {
        let (mut buffer, mut len) = ([0xAA; 8], 8);
        let done = Output::new(Some(&mut buffer), &mut len).fill(4, |room| {
            assert_eq!(room.len(), 4);
            room[..3].copy_from_slice(b"abc");
            Ok(3)
        });
        assert_eq!((done, len), (Ok(Filled::Done), 3));
        assert_eq!(&buffer, b"abc\xAA\xAA\xAA\xAA\xAA");
    }

    #[test]
    fn fill_with_failing_work_leaves_the_length() {
        let (mut buffer, mut len) = ([0; 8], OFFERED);
        let output = Output::new(Some(&mut buffer), &mut len);
        assert_eq!(output.fill(4, |_| Err(Error::DataInvalid)), Err(Error::DataInvalid));
        assert_eq!(len, OFFERED);
    }

    #[test]
    fn fill_with_work_that_claims_too_much_is_an_error() {
        let (mut buffer, mut len) = ([0; 8], OFFERED);
        let output = Output::new(Some(&mut buffer), &mut len);
        assert_eq!(output.fill(4, |_| Ok(5)), Err(Error::GeneralError));
        assert_eq!(len, OFFERED);
    }

    #[test]
    fn fill_with_empty_result_needs_no_room() {
        let mut len = OFFERED;
        assert_eq!(Output::new(Some(&mut []), &mut len).fill(0, |_| Ok(0)), Ok(Filled::Done));
        assert_eq!(len, 0);
    }

    #[test]
    fn put_with_exact_buffer_copies() {
        let (mut buffer, mut len) = ([0; 3], 3);
        assert_eq!(Output::new(Some(&mut buffer), &mut len).put(b"abc"), Ok(Filled::Done));
        assert_eq!((&buffer, len), (b"abc", 3));
    }

    #[test]
    fn put_with_empty_buffer_is_too_small() {
        let mut len = 0;
        assert_eq!(Output::new(Some(&mut []), &mut len).put(b"abc"), Err(Error::BufferTooSmall));
        assert_eq!(len, 3);
    }

    #[test]
    fn put_without_buffer_asks() {
        let mut len = OFFERED;
        assert_eq!(Output::new(None, &mut len).put(b"abc"), Ok(Filled::Asked));
        assert_eq!(len, 3);
    }

    #[test]
    fn ask_with_and_without_buffer_reports_the_length() {
        let (mut buffer, mut len) = ([0; 8], OFFERED);
        assert_eq!(Output::new(Some(&mut buffer), &mut len).ask(5), Filled::Asked);
        assert_eq!(len, 5);
        assert_eq!(Output::new(None, &mut len).ask(6), Filled::Asked);
        assert_eq!(len, 6);
    }

    #[test]
    fn capacity_tells_a_query_from_an_empty_buffer() {
        let mut len = OFFERED;
        assert_eq!(Output::new(None, &mut len).capacity(), None);
        assert_eq!(Output::new(Some(&mut []), &mut len).capacity(), Some(0));
        assert_eq!(len, OFFERED);
    }
}
