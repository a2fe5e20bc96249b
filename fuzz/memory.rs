//! Where a call's arguments come from, and where they stand.

use cryptoki_sys::CK_ATTRIBUTE;

/// The bytes that decide.
pub struct Source<'a>(pub &'a [u8]);

impl Source<'_> {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// One of `count`.
    pub fn below(&mut self, count: usize) -> usize {
        usize::from(self.byte()) % count.max(1)
    }

    pub fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }

    /// True once in `of` for evenly spread bytes.
    pub fn once_in(&mut self, of: u8) -> bool {
        self.byte() % of == of - 1
    }

    pub fn take(&mut self, len: usize) -> Vec<u8> {
        let (now, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        now.to_vec()
    }
}

/// Memory of one call: every piece a place of its own on the heap.
#[derive(Default)]
pub struct Memory {
    pub pieces: Vec<Box<[u8]>>,
    pub words: Vec<Box<[u64]>>,
    arrays: Vec<Box<[CK_ATTRIBUTE]>>,
}

impl Memory {
    /// A piece of exactly these bytes, and its address.
    pub fn put(&mut self, bytes: Vec<u8>) -> usize {
        let mut piece = bytes.into_boxed_slice();
        let at = piece.as_mut_ptr().expose_provenance();
        self.pieces.push(piece);
        at
    }

    /// A structure, and its address.
    pub fn place<T: Copy>(&mut self, value: T) -> usize {
        let mut bytes = vec![0; size_of::<T>()];
        // SAFETY: as many bytes as a T has; no alignment is needed.
        unsafe { bytes.as_mut_ptr().cast::<T>().write_unaligned(value) };
        self.put(bytes)
    }

    /// A number that can be read afterwards: its place in `words` and its address.
    pub fn number(&mut self, value: u64) -> (usize, usize) {
        let mut word: Box<[u64]> = Box::new([value]);
        let at = word.as_mut_ptr().expose_provenance();
        self.words.push(word);
        (self.words.len() - 1, at)
    }

    pub fn array(&mut self, attributes: Vec<CK_ATTRIBUTE>) -> usize {
        let mut array = attributes.into_boxed_slice();
        let at = array.as_mut_ptr().expose_provenance();
        self.arrays.push(array);
        at
    }
}
