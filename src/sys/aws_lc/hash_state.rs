//! Digests whose state can be taken out and put back: AWS-LC's contexts of single hash functions. Their
//! fields are public in `sha.h`; everything else about them is left to AWS-LC.
//!
//! The contexts lie in AWS-LC's own memory, so they are locked and wiped like all of its objects. The context of SHA-3
//! is not public; a digest with it runs here like the others, and cannot be saved.

use super::digest::{Digest, Hash, MAX_LEN};
use super::error::{require, succeeded};
use super::{Answer, Failure};
use aws_lc_sys::{
    OPENSSL_free, OPENSSL_malloc, SHA_CTX, SHA1_Final, SHA1_Init, SHA1_Update, SHA224_Final, SHA224_Init,
    SHA224_Update, SHA256_CTX, SHA256_Final, SHA256_Init, SHA256_Update, SHA384_Final, SHA384_Init,
    SHA384_Update, SHA512_224_Final, SHA512_224_Init, SHA512_224_Update, SHA512_256_Final, SHA512_256_Init,
    SHA512_256_Update, SHA512_CTX, SHA512_Final, SHA512_Init, SHA512_Update,
};
use std::ffi::{c_int, c_void};
use std::ptr::NonNull;
use zeroize::Zeroizing;

/// A running digest that can be saved, but for SHA-3.
pub struct HashState {
    hash: Hash,
    state: State,
}

enum State {
    Sha1(Sha1),
    Sha256(Sha256),
    Sha512(Sha512),
    Closed(Closed),
}

/// A digest whose state AWS-LC keeps to itself.
struct Closed(Digest);

impl Closed {
    fn update(&mut self, data: &[u8]) -> Answer<()> {
        self.0.update(data)
    }

    fn finish(&mut self, out: &mut [u8; MAX_LEN]) -> Answer<()> {
        self.0.finish(out).map(drop)
    }

    const fn save(&self) -> Option<Zeroizing<Vec<u8>>> {
        None
    }

    const fn restore(&mut self, _saved: &[u8]) -> Answer<()> {
        Err(Failure::MISUSE)
    }
}

/// The functions of one hash, on its context.
struct Functions<C> {
    init: unsafe extern "C" fn(*mut C) -> c_int,
    update: unsafe extern "C" fn(*mut C, *const c_void, usize) -> c_int,
    finish: unsafe extern "C" fn(*mut u8, *mut C) -> c_int,
}

impl<C> Clone for Functions<C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for Functions<C> {}

/// The owner of one context, with what is the same for all hash functions that use it.
macro_rules! context {
    ($name:ident owns $raw:ident of $word:ident, block in $block:ident) => {
        struct $name {
            raw: NonNull<$raw>,
            functions: Functions<$raw>,
        }

        // SAFETY: the context is plain memory with no tie to a thread.
        unsafe impl Send for $name {}

        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: `new` allocated it; nothing uses it after this.
                unsafe { OPENSSL_free(self.raw.as_ptr().cast()) };
            }
        }

        impl $name {
            fn new(functions: Functions<$raw>) -> Answer<Self> {
                // SAFETY: allocates; no preconditions.
                let raw = unsafe { OPENSSL_malloc(size_of::<$raw>()) }.cast::<$raw>();
                let raw = NonNull::new(raw).ok_or_else(Failure::take)?;
                // SAFETY: fresh memory of that size; numbers have no invalid pattern.
                unsafe { raw.as_ptr().write_bytes(0, 1) };
                let context = Self { raw, functions };
                // SAFETY: a valid context of the function's own type.
                succeeded(unsafe { (functions.init)(raw.as_ptr()) })?;
                Ok(context)
            }

            fn update(&mut self, data: &[u8]) -> Answer<()> {
                // SAFETY: the context is started; reads a slice of that length.
                succeeded(unsafe {
                    (self.functions.update)(self.raw.as_ptr(), data.as_ptr().cast(), data.len())
                })
            }

            fn finish(&mut self, out: &mut [u8; MAX_LEN]) -> Answer<()> {
                // SAFETY: the context is started; `out` holds the longest digest there is.
                succeeded(unsafe { (self.functions.finish)(out.as_mut_ptr(), self.raw.as_ptr()) })
            }

            fn fields(&self) -> &$raw {
                // SAFETY: valid and initialised as long as `self`, which is borrowed.
                unsafe { self.raw.as_ref() }
            }

            /// Chaining values, length in bits (low, high), each in 64 bits; then the bytes of the block
            /// that is not full yet.
            fn save(&self) -> Option<Zeroizing<Vec<u8>>> {
                let fields = self.fields();
                let waiting = fields.$block.get(..usize::try_from(fields.num).ok()?)?;
                let mut saved = Zeroizing::new(Vec::with_capacity(fields.h.len() * 8 + 16 + waiting.len()));
                for word in fields.h.iter().chain([&fields.Nl, &fields.Nh]) {
                    saved.extend_from_slice(&wide(*word).to_le_bytes());
                }
                saved.extend_from_slice(waiting);
                Some(saved)
            }

            /// Takes back what `save` gave. Whatever the bytes are, the context stays one that AWS-LC could
            /// have made: less than a block waits, and the length says so too.
            fn restore(&mut self, saved: &[u8]) -> Answer<()> {
                // SAFETY: valid and initialised; borrowed alone.
                let fields = unsafe { self.raw.as_mut() };
                let mut rest = saved;
                for word in fields.h.iter_mut().chain([&mut fields.Nl, &mut fields.Nh]) {
                    let (bytes, behind) = rest.split_first_chunk::<8>().ok_or(Failure::MISUSE)?;
                    *word = $word::try_from(u64::from_le_bytes(*bytes)).map_err(|_| Failure::MISUSE)?;
                    rest = behind;
                }
                let block = fields.$block.len();
                require(rest.len() < block)?;
                // The high half counts multiples of whole blocks.
                let bits = wide(fields.Nl);
                let waiting = usize::try_from(bits / 8 % block as u64).map_err(|_| Failure::MISUSE)?;
                require(bits % 8 == 0 && waiting == rest.len())?;
                fields.$block.get_mut(..waiting).ok_or(Failure::MISUSE)?.copy_from_slice(rest);
                fields.num = waiting.try_into().map_err(|_| Failure::MISUSE)?;
                Ok(())
            }
        }
    };
}

context!(Sha1 owns SHA_CTX of u32, block in data);
context!(Sha256 owns SHA256_CTX of u32, block in data);
context!(Sha512 owns SHA512_CTX of u64, block in p);

fn wide(word: impl Into<u64>) -> u64 {
    word.into()
}

/// Runs the same on whichever context there is.
macro_rules! on {
    ($state:expr, $context:ident => $work:expr) => {
        match $state {
            State::Sha1($context) => $work,
            State::Sha256($context) => $work,
            State::Sha512($context) => $work,
            State::Closed($context) => $work,
        }
    };
}

impl HashState {
    /// Starts a digest.
    pub fn new(hash: Hash) -> Answer<Self> {
        const SHA1: Functions<SHA_CTX> =
            Functions { init: SHA1_Init, update: SHA1_Update, finish: SHA1_Final };
        const SHA224: Functions<SHA256_CTX> =
            Functions { init: SHA224_Init, update: SHA224_Update, finish: SHA224_Final };
        const SHA256: Functions<SHA256_CTX> =
            Functions { init: SHA256_Init, update: SHA256_Update, finish: SHA256_Final };
        const SHA384: Functions<SHA512_CTX> =
            Functions { init: SHA384_Init, update: SHA384_Update, finish: SHA384_Final };
        const SHA512: Functions<SHA512_CTX> =
            Functions { init: SHA512_Init, update: SHA512_Update, finish: SHA512_Final };
        const SHA512_224: Functions<SHA512_CTX> =
            Functions { init: SHA512_224_Init, update: SHA512_224_Update, finish: SHA512_224_Final };
        const SHA512_256: Functions<SHA512_CTX> =
            Functions { init: SHA512_256_Init, update: SHA512_256_Update, finish: SHA512_256_Final };
        let state = match hash {
            Hash::Sha1 => State::Sha1(Sha1::new(SHA1)?),
            Hash::Sha224 => State::Sha256(Sha256::new(SHA224)?),
            Hash::Sha256 => State::Sha256(Sha256::new(SHA256)?),
            Hash::Sha384 => State::Sha512(Sha512::new(SHA384)?),
            Hash::Sha512 => State::Sha512(Sha512::new(SHA512)?),
            Hash::Sha512_224 => State::Sha512(Sha512::new(SHA512_224)?),
            Hash::Sha512_256 => State::Sha512(Sha512::new(SHA512_256)?),
            Hash::Sha3_224 | Hash::Sha3_256 | Hash::Sha3_384 | Hash::Sha3_512 => {
                State::Closed(Closed(Digest::new(hash)?))
            }
        };
        Ok(Self { hash, state })
    }

    /// Goes on from what [`Self::save`] gave of a digest with the same hash function. Refused for SHA-3.
    pub fn restore(hash: Hash, saved: &[u8]) -> Answer<Self> {
        let mut state = Self::new(hash)?;
        on!(&mut state.state, context => context.restore(saved))?;
        Ok(state)
    }

    /// The hash function.
    pub const fn hash(&self) -> Hash {
        self.hash
    }

    /// Takes more input.
    pub fn update(&mut self, data: &[u8]) -> Answer<()> {
        on!(&mut self.state, context => context.update(data))
    }

    /// Writes the digest; answers its length in bytes. The state is used up.
    pub fn finish(&mut self, out: &mut [u8; MAX_LEN]) -> Answer<usize> {
        on!(&mut self.state, context => context.finish(out))?;
        Ok(self.hash.len())
    }

    /// All that it takes to go on elsewhere. Refused for SHA-3.
    pub fn save(&self) -> Answer<Zeroizing<Vec<u8>>> {
        on!(&self.state, context => context.save()).ok_or(Failure::MISUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Hash; 7] = [
        Hash::Sha1,
        Hash::Sha224,
        Hash::Sha256,
        Hash::Sha384,
        Hash::Sha512,
        Hash::Sha512_224,
        Hash::Sha512_256,
    ];

    fn finished(mut state: HashState) -> Vec<u8> {
        let mut out = [0; MAX_LEN];
        let len = state.finish(&mut out).unwrap();
        out[..len].to_vec()
    }

    #[test]
    fn a_digest_goes_on_where_it_was_saved() {
        let message: Vec<u8> = (0..=255).cycle().take(700).collect();
        for hash in ALL {
            let mut whole = vec![0; hash.len()];
            hash.digest(&message, &mut whole).unwrap();
            for cut in [0, 1, 63, 64, 65, 127, 128, 129, 300, 700] {
                let mut first = HashState::new(hash).unwrap();
                first.update(&message[..cut]).unwrap();
                let mut second = HashState::restore(hash, &first.save().unwrap()).unwrap();
                second.update(&message[cut..]).unwrap();
                first.update(&message[cut..]).unwrap();
                assert_eq!(finished(second), whole, "{hash:?} at {cut}");
                assert_eq!(finished(first), whole, "{hash:?} at {cut}");
            }
        }
    }

    #[test]
    fn a_digest_with_sha3_runs_and_is_not_saved() {
        for hash in [Hash::Sha3_224, Hash::Sha3_256, Hash::Sha3_384, Hash::Sha3_512] {
            let mut state = HashState::new(hash).unwrap();
            state.update(&[7; 200]).unwrap();
            assert!(state.save().is_err() && HashState::restore(hash, &[0; 64]).is_err(), "{hash:?}");
            state.update(&[7; 100]).unwrap();
            let mut whole = vec![0; hash.len()];
            hash.digest(&[7; 300], &mut whole).unwrap();
            assert_eq!(finished(state), whole, "{hash:?}");
        }
    }

    #[test]
    fn a_state_that_contradicts_itself_is_refused() {
        for hash in ALL {
            let mut state = HashState::new(hash).unwrap();
            state.update(&[7; 200]).unwrap();
            let saved = state.save().unwrap();
            for len in 0..saved.len() {
                assert!(HashState::restore(hash, &saved[..len]).is_err(), "{hash:?} {len}");
            }
            for extra in [1, 64, 4096] {
                let longer = [&saved[..], &vec![0; extra]].concat();
                assert!(HashState::restore(hash, &longer).is_err(), "{hash:?} {extra}");
            }
        }
        // A chaining value of more than its 32 bits.
        let mut wide = HashState::new(Hash::Sha256).unwrap().save().unwrap();
        wide[7] = 1;
        assert!(HashState::restore(Hash::Sha256, &wide).is_err());
    }
}
