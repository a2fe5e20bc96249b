//! A caller's memory as the table's argument types: NULL, lengths, alignment and overlap are dealt
//! with here, once.
//!
//! Each type is made by an `unsafe` constructor whose caller passes on what the host promised by
//! calling a C function: that a pointer leads to as many bytes or values as the number beside it
//! says, for the whole call, and that no other thread changes them. All methods are safe and rest on
//! that one promise; none of them trusts a pointer to be there, to be aligned, or to be apart from
//! another.

use crate::ck::{CK_ULONG, Error, ObjectHandle, Result, SessionHandle, SlotId};
use crate::session::Output;
use crate::sys::abi;
use zeroize::Zeroizing;

/// A caller may claim more room than it has; of an output buffer we never see more than this. Nothing
/// that a call gives back is as long.
const LARGEST_OUTPUT: CK_ULONG = 1 << 31;

/// Bytes to be read: a pointer and a length.
pub(crate) struct Input {
    start: *const u8,
    len: CK_ULONG,
}

impl Input {
    /// # Safety
    /// `start` is NULL, `len` is 0, or `len` bytes from `start` are readable and constant while the
    /// value lives.
    pub(crate) unsafe fn new(start: *mut u8, len: CK_ULONG) -> Self {
        Self { start, len }
    }

    /// The bytes, in place. `CKR_ARGUMENTS_BAD` for NULL with a length.
    pub(crate) fn bytes(&self) -> Result<&[u8]> {
        // SAFETY: the promise of `new`, for as long as `self` is borrowed.
        unsafe { abi::bytes(self.start, self.len) }
    }

    /// Whether the pointer is NULL.
    pub(crate) fn is_null(&self) -> bool {
        self.start.is_null()
    }

    /// The length that the caller claims, in bytes.
    pub(crate) fn len(&self) -> CK_ULONG {
        self.len
    }
}

/// Bytes to be filled: a pointer and a length, all of them.
pub(crate) struct Room {
    start: *mut u8,
    len: CK_ULONG,
}

impl Room {
    /// # Safety
    /// `start` is NULL, `len` is 0, or `len` bytes from `start` are the caller's to write and nobody
    /// else uses them while the value lives.
    pub(crate) unsafe fn new(start: *mut u8, len: CK_ULONG) -> Self {
        Self { start, len }
    }

    /// The bytes. `CKR_ARGUMENTS_BAD` for NULL with a length.
    pub(crate) fn bytes_mut(&mut self) -> Result<&mut [u8]> {
        // SAFETY: the promise of `new`; `self` is borrowed alone, and nothing else borrows these.
        unsafe { abi::bytes_mut(self.start, self.len) }
    }
}

/// Room for a result of variable length: a pointer, NULL for a length query, and a pointer to a
/// length.
pub(crate) struct OutputPlace {
    start: *mut u8,
    len: Place<CK_ULONG>,
}

impl OutputPlace {
    /// # Safety
    /// `len` is NULL or may be read and written; `start` is NULL or as many bytes from it may be
    /// written as `*len` says, and nobody else uses them while the value lives.
    pub(crate) unsafe fn new(start: *mut u8, len: *mut CK_ULONG) -> Self {
        // SAFETY: passed on.
        let len = unsafe { Place::new(len) };
        Self { start, len }
    }

    /// Runs `work` on an [`Output`] over the caller's buffer. `CKR_ARGUMENTS_BAD` where there is no
    /// length.
    pub(crate) fn fill(&self, work: impl FnOnce(Output<'_>) -> Result<()>) -> Result<()> {
        self.len.check()?;
        let offered = self.len.read()?;
        let buffer = if self.start.is_null() {
            None
        } else {
            // SAFETY: the promise of `new`, and `usable` never makes more of it.
            Some(unsafe { abi::bytes_mut(self.start, usable(offered)) }?)
        };
        // The caller's own length is out of reach of the slice over its buffer: a lying length could
        // make the two overlap.
        let mut len = offered;
        let outcome = work(Output::new(buffer, &mut len));
        if len != offered {
            self.len.put(len);
        }
        outcome
    }

    /// The same with an input, which may be in the same place ("The plaintext and ciphertext can be
    /// in the same place", PKCS#11 3.2, C_Encrypt) or overlap it: then the input is copied first.
    pub(crate) fn fill_from(
        &self,
        input: &Input,
        work: impl FnOnce(&[u8], Output<'_>) -> Result<()>,
    ) -> Result<()> {
        if self.overlaps(input)? {
            let copy = copied(input.bytes()?)?;
            self.fill(|output| work(&copy, output))
        } else {
            let bytes = input.bytes()?;
            self.fill(|output| work(bytes, output))
        }
    }

    /// The same with data beside the input that only accompany it.
    pub(crate) fn fill_from_both(
        &self,
        beside: &Input,
        input: &Input,
        work: impl FnOnce(&[u8], &[u8], Output<'_>) -> Result<()>,
    ) -> Result<()> {
        if self.overlaps(beside)? {
            let copy = copied(beside.bytes()?)?;
            self.fill_from(input, |input, output| work(&copy, input, output))
        } else {
            let beside = beside.bytes()?;
            self.fill_from(input, |input, output| work(beside, input, output))
        }
    }

    /// Whether only the length is asked.
    pub(crate) fn is_query(&self) -> bool {
        self.start.is_null()
    }

    /// Where the output goes; 0 for a length query.
    pub(crate) fn addr(&self) -> usize {
        self.start.addr()
    }

    /// Whether there is a place for the length: without one the caller wants no output yet.
    pub(crate) fn is_wanted(&self) -> bool {
        self.len.check().is_ok()
    }

    fn overlaps(&self, input: &Input) -> Result<bool> {
        let (from, from_len) = (input.start.addr(), input.bytes()?.len());
        let to = self.start.addr();
        let to_len = usize::try_from(usable(self.len.read()?)).unwrap_or(usize::MAX);
        Ok(to != 0 && from < to.saturating_add(to_len) && to < from.saturating_add(from_len))
    }
}

/// How much of a claimed output buffer is looked at, in bytes.
pub(crate) fn usable(claimed: CK_ULONG) -> CK_ULONG {
    let most = CK_ULONG::try_from(isize::MAX).unwrap_or(CK_ULONG::MAX);
    claimed.min(LARGEST_OUTPUT).min(most)
}

fn copied(bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let mut copy = Zeroizing::new(Vec::new());
    copy.try_reserve_exact(bytes.len()).map_err(|_| Error::HostMemory)?;
    copy.extend_from_slice(bytes);
    Ok(copy)
}

/// One value to be written, and sometimes read before: a handle, a structure, a number.
pub(crate) struct Place<T: Copy> {
    at: *mut T,
}

impl<T: Copy> Place<T> {
    /// # Safety
    /// `at` is NULL or leads to memory for a T that may be written and, where [`Self::read`] is
    /// used, read, while the value lives. It need not be aligned.
    pub(crate) unsafe fn new(at: *mut T) -> Self {
        Self { at }
    }

    /// `CKR_ARGUMENTS_BAD` for NULL and what is no place. To be asked before the work, so that nothing is made whose
    /// handle cannot be told.
    pub(crate) fn check(&self) -> Result<()> {
        if abi::is_place(self.at.addr()) { Ok(()) } else { Err(Error::ArgumentsBad) }
    }

    /// Writes a value; nothing where there is no place.
    pub(crate) fn put(&self, value: T) {
        if abi::is_place(self.at.addr()) {
            // SAFETY: not NULL, and the promise of `new`; no alignment is needed.
            unsafe { self.at.write_unaligned(value) }
        }
    }

    /// Runs `work` if there is a place, and writes what it answers.
    pub(crate) fn fill(&self, work: impl FnOnce() -> Result<T>) -> Result<()> {
        self.check()?;
        self.put(work()?);
        Ok(())
    }

    fn read(&self) -> Result<T> {
        // SAFETY: the promise of `new`. NULL is an error there.
        unsafe { abi::read(self.at.cast_const()) }
    }
}

/// A list to be written: a pointer, NULL to ask for the number, and a pointer to the number.
pub(crate) struct List<T: Copy> {
    start: *mut T,
    count: Place<CK_ULONG>,
}

impl<T: Copy> List<T> {
    /// # Safety
    /// `count` is NULL or may be read and written; `start` is NULL or as many T from it may be
    /// written as `*count` says, while the value lives.
    pub(crate) unsafe fn new(start: *mut T, count: *mut CK_ULONG) -> Self {
        // SAFETY: passed on.
        let count = unsafe { Place::new(count) };
        Self { start, count }
    }

    /// Whether the caller asks for the number only.
    pub(crate) fn asks(&self) -> bool {
        self.start.is_null()
    }

    /// The two-call rule for lists: the number is always told; the values where there is room for
    /// all, else `CKR_BUFFER_TOO_SMALL`.
    pub(crate) fn fill(&self, work: impl FnOnce() -> Result<Vec<T>>) -> Result<()> {
        let offered = self.count.read()?;
        let values = work()?;
        let count = CK_ULONG::try_from(values.len()).map_err(|_| Error::GeneralError)?;
        self.count.put(count);
        if self.start.is_null() {
            return Ok(());
        }
        if offered < count {
            return Err(Error::BufferTooSmall);
        }
        self.put(&values);
        Ok(())
    }

    fn put(&self, values: &[T]) {
        for (at, value) in values.iter().enumerate() {
            // SAFETY: the promise of `new`; the caller saw that there is room for all the values.
            let place = unsafe { Place::new(self.start.wrapping_add(at)) };
            place.put(*value);
        }
    }
}

/// Room for the handles of C_FindObjects: an array, its size, and where the number found goes.
pub(crate) struct Found {
    list: List<abi::CK_OBJECT_HANDLE>,
    max: CK_ULONG,
}

impl Found {
    /// # Safety
    /// `count` is NULL or may be written; `start` is NULL or `max` handles from it may be written,
    /// while the value lives.
    pub(crate) unsafe fn new(start: *mut abi::CK_OBJECT_HANDLE, max: CK_ULONG, count: *mut CK_ULONG) -> Self {
        // SAFETY: passed on; the list's `count` is written only.
        let list = unsafe { List::new(start, count) };
        Self { list, max }
    }

    /// Runs `work` with the most handles that there is room for. `CKR_ARGUMENTS_BAD` where the
    /// number cannot be told or there is a size without an array.
    pub(crate) fn fill(&self, work: impl FnOnce(usize) -> Result<Vec<ObjectHandle>>) -> Result<()> {
        self.list.count.check()?;
        if self.list.start.is_null() && self.max != 0 {
            return Err(Error::ArgumentsBad);
        }
        let largest = isize::MAX.unsigned_abs() / size_of::<abi::CK_OBJECT_HANDLE>();
        let max = usize::try_from(self.max).unwrap_or(usize::MAX).min(largest);
        let handles: Vec<_> = work(max)?.into_iter().take(max).map(|handle| ulong(handle.0)).collect();
        self.list.put(&handles);
        self.list.count.put(CK_ULONG::try_from(handles.len()).map_err(|_| Error::GeneralError)?);
        Ok(())
    }
}

/// A number of ours as C writes it. Our handles fit by construction; what does not fit becomes the
/// number that is never a handle's or a size's.
pub(crate) fn ulong(number: u64) -> CK_ULONG {
    CK_ULONG::try_from(number).unwrap_or(crate::ck::CK_UNAVAILABLE_INFORMATION)
}

/// A `CK_ULONG` in 64 bits. Generic, because on most targets it has them already.
fn wide(number: impl Into<u64>) -> u64 {
    number.into()
}

/// A session handle as C wrote it.
pub(crate) fn session_handle(handle: CK_ULONG) -> SessionHandle {
    SessionHandle(wide(handle))
}

/// An object handle as C wrote it.
pub(crate) fn object_handle(handle: CK_ULONG) -> ObjectHandle {
    ObjectHandle(wide(handle))
}

/// A slot number as C wrote it.
pub(crate) fn slot_id(slot: CK_ULONG) -> SlotId {
    SlotId(wide(slot))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr::null_mut;

    fn input(start: *mut u8, len: CK_ULONG) -> Input {
        // SAFETY: the tests pass NULL, memory of their own, or a length that is refused.
        unsafe { Input::new(start, len) }
    }

    fn output(start: *mut u8, len: *mut CK_ULONG) -> OutputPlace {
        // SAFETY: as above.
        unsafe { OutputPlace::new(start, len) }
    }

    /// Every byte plus one, as an encryption in place would do it.
    fn plus_one(data: &[u8], out: Output<'_>) -> Result<()> {
        out.fill(data.len(), |room| {
            room.iter_mut().zip(data).for_each(|(to, from)| *to = from + 1);
            Ok(data.len())
        })
        .map(drop)
    }

    #[test]
    fn input_null_needs_length_zero() {
        assert_eq!(input(null_mut(), 0).bytes(), Ok(&[][..]));
        for len in [1, CK_ULONG::MAX] {
            assert_eq!(input(null_mut(), len).bytes(), Err(Error::ArgumentsBad));
        }
    }

    #[test]
    fn room_null_needs_length_zero() {
        for (len, expected) in [(0, Ok(0)), (1, Err(Error::ArgumentsBad))] {
            // SAFETY: NULL is refused or not followed.
            let mut room = unsafe { Room::new(null_mut(), len) };
            assert_eq!(room.bytes_mut().map(|bytes| bytes.len()), expected);
        }
    }

    #[test]
    fn output_without_length_is_refused_before_any_work() {
        let mut byte = 0;
        let outcome = output(&raw mut byte, null_mut()).fill(|_| panic!("no work"));
        assert_eq!(outcome, Err(Error::ArgumentsBad));
        let outcome =
            output(&raw mut byte, null_mut()).fill_from(&input(null_mut(), 0), |_, _| panic!("no work"));
        assert_eq!(outcome, Err(Error::ArgumentsBad));
    }

    #[test]
    fn output_follows_the_two_call_rule() {
        let mut data = *b"abc";
        let data = input(data.as_mut_ptr(), 3);
        let mut room = [0_u8; 4];
        let mut len = 99;
        assert_eq!(output(null_mut(), &raw mut len).fill_from(&data, plus_one), Ok(()));
        assert_eq!(len, 3);
        len = 2;
        let outcome = output(room.as_mut_ptr(), &raw mut len).fill_from(&data, plus_one);
        assert_eq!((outcome, len, room), (Err(Error::BufferTooSmall), 3, [0; 4]));
        len = 4;
        let outcome = output(room.as_mut_ptr(), &raw mut len).fill_from(&data, plus_one);
        assert_eq!((outcome, len, &room), (Ok(()), 3, b"bcd\0"));
    }

    #[test]
    fn output_keeps_the_length_on_other_errors() {
        let (mut room, mut len) = ([0_u8; 4], 4);
        let outcome = output(room.as_mut_ptr(), &raw mut len).fill(|_| Err(Error::DataInvalid));
        assert_eq!((outcome, len), (Err(Error::DataInvalid), 4));
    }

    #[test]
    fn output_with_lying_length_sees_a_bounded_buffer() {
        let (mut room, mut len) = ([0_u8; 4], CK_ULONG::MAX);
        let place = output(room.as_mut_ptr(), &raw mut len);
        place
            .fill(|out| {
                assert_eq!(out.capacity(), usize::try_from(LARGEST_OUTPUT).ok());
                out.put(b"ab").map(drop)
            })
            .unwrap();
        assert_eq!((len, &room), (2, b"ab\0\0"));
    }

    #[test]
    fn output_in_place_reads_the_input_first() {
        for (from, to) in [(0, 0), (0, 1), (1, 0), (0, 3), (3, 0)] {
            let mut memory = *b"abcdefgh";
            let start: *mut u8 = memory.as_mut_ptr();
            let mut len = 4;
            let place = output(start.wrapping_add(to), &raw mut len);
            assert_eq!(place.fill_from(&input(start.wrapping_add(from), 4), plus_one), Ok(()));
            let expected: Vec<u8> = b"abcdefgh"[from..from + 4].iter().map(|byte| byte + 1).collect();
            assert_eq!(memory[to..to + 4], expected, "{from} -> {to}");
        }
    }

    #[test]
    fn output_at_odd_addresses_works() {
        let mut memory = [0_u8; 1 + size_of::<CK_ULONG>()];
        let len = memory.as_mut_ptr().wrapping_add(1).cast::<CK_ULONG>();
        let place = output(null_mut(), len);
        assert_eq!(place.fill(|out| out.put(b"abc").map(drop)), Ok(()));
        assert_eq!(place.len.read(), Ok(3));
    }

    #[test]
    fn place_null_is_refused_before_any_work() {
        // SAFETY: NULL is refused.
        let place = unsafe { Place::<CK_ULONG>::new(null_mut()) };
        assert_eq!(place.fill(|| panic!("no work")), Err(Error::ArgumentsBad));
        place.put(1);
    }

    #[test]
    fn list_follows_the_two_call_rule() {
        let mut values: [CK_ULONG; 3] = [9; 3];
        let (mut small, mut large) = (1, 3);
        let fill = |start: *mut CK_ULONG, count: *mut CK_ULONG| {
            // SAFETY: memory of the test's own, or NULL.
            let list = unsafe { List::new(start, count) };
            list.fill(|| Ok(vec![1, 2]))
        };
        assert_eq!(fill(values.as_mut_ptr(), null_mut()), Err(Error::ArgumentsBad));
        assert_eq!(fill(values.as_mut_ptr(), &raw mut small), Err(Error::BufferTooSmall));
        assert_eq!((small, values), (2, [9; 3]));
        small = 0;
        assert_eq!(fill(null_mut(), &raw mut small), Ok(()));
        assert_eq!(small, 2);
        assert_eq!(fill(values.as_mut_ptr(), &raw mut large), Ok(()));
        assert_eq!((large, values), (2, [1, 2, 9]));
    }

    #[test]
    fn found_never_writes_beyond_the_array() {
        let mut handles: [abi::CK_OBJECT_HANDLE; 3] = [9; 3];
        let mut count = 77;
        let fill = |start: *mut abi::CK_OBJECT_HANDLE, max, count: *mut CK_ULONG| {
            // SAFETY: memory of the test's own, or NULL.
            let found = unsafe { Found::new(start, max, count) };
            found.fill(|max| {
                assert!(max <= isize::MAX.unsigned_abs() / size_of::<CK_ULONG>());
                Ok(vec![ObjectHandle(5), ObjectHandle(6), ObjectHandle(7)])
            })
        };
        assert_eq!(fill(handles.as_mut_ptr(), 2, &raw mut count), Ok(()));
        assert_eq!((count, handles), (2, [5, 6, 9]));
        assert_eq!(fill(null_mut(), 0, &raw mut count), Ok(()));
        assert_eq!(count, 0);
        assert_eq!(fill(null_mut(), 1, &raw mut count), Err(Error::ArgumentsBad));
        assert_eq!(fill(handles.as_mut_ptr(), 3, null_mut()), Err(Error::ArgumentsBad));
    }
}
