//! AES-GCM (SP 800-38D) and ChaCha20-Poly1305 (RFC 8439), joined of a crate's stream cipher and a crate's universal
//! hash: the crates of the whole algorithms take no message in parts and have the length of the nonce as a type.

use super::block::Aes;
use super::{Answer, Failure, refused, require};
pub use crate::sys::primitives::aead::{Algorithm, MAX_NONCE, MAX_PLAINTEXT, TAG};
use crate::sys::primitives::cipher::{BLOCK, Direction};
use aes::cipher::{Array, Block, BlockCipherEncrypt, InnerIvInit, KeyIvInit, StreamCipher};
use chacha20::ChaCha20;
use ctr::{Ctr32BE, CtrCore};
use ghash::GHash;
use poly1305::Poly1305;
use poly1305::universal_hash::{KeyInit, UniversalHash};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// A key made ready. Never changed after its constructor.
pub struct AeadKey(Kind);

enum Kind {
    /// The key schedule, and the hash with its key.
    AesGcm(Aes, GHash),
    ChaCha20Poly1305(Zeroizing<[u8; 32]>),
}

/// A running encryption or decryption.
pub struct AeadStream {
    cipher: Cipher,
    direction: Direction,
    code: Code,
    aad_len: u64,
    input_len: u64,
    in_input: bool,
}

enum Cipher {
    Ctr(Ctr32BE<Aes>),
    ChaCha20(ChaCha20),
}

/// The running authentication code.
struct Code {
    hash: Hash,
    /// Bytes of a block that is not full yet.
    waiting: Zeroizing<[u8; TAG]>,
    used: usize,
}

enum Hash {
    /// With the encrypted first counter block, which masks its value.
    GHash(GHash, Zeroizing<[u8; TAG]>),
    Poly1305(Box<Poly1305>),
}

impl AeadKey {
    /// Makes ready a key: of 16, 24 or 32 bytes for AES, of 32 for ChaCha20.
    pub fn new(algorithm: Algorithm, key: &[u8]) -> Answer<Self> {
        Ok(Self(match algorithm {
            Algorithm::AesGcm => {
                let aes = Aes::new(key)?;
                let mut subkey = Array::default();
                aes.encrypt_block(&mut subkey);
                let hash = GHash::new(&subkey);
                subkey.zeroize();
                Kind::AesGcm(aes, hash)
            }
            Algorithm::ChaCha20Poly1305 => {
                Kind::ChaCha20Poly1305(Zeroizing::new(key.try_into().map_err(refused)?))
            }
        }))
    }

    /// Encrypts a whole message: `out` has the length of `input`, `tag` gets the full tag.
    pub fn seal(
        &self,
        nonce: &[u8],
        aad: &[u8],
        input: &[u8],
        out: &mut [u8],
        tag: &mut [u8; TAG],
    ) -> Answer<()> {
        require(out.len() == input.len())?;
        let mut stream = self.start(Direction::Encrypt, nonce)?;
        stream.aad(aad)?;
        stream.update(input, out)?;
        stream.tag(tag)
    }

    /// Decrypts a whole message with a tag of 4..=16 bytes: `out` has the length of `input`, and holds
    /// zeros where the tag is not right.
    pub fn open(&self, nonce: &[u8], aad: &[u8], input: &[u8], tag: &[u8], out: &mut [u8]) -> Answer<()> {
        require(out.len() == input.len())?;
        let mut stream = self.start(Direction::Decrypt, nonce)?;
        let answer =
            stream.aad(aad).and_then(|()| stream.update(input, out)).and_then(|()| stream.verify(tag));
        if answer.is_err() {
            out.zeroize();
        }
        answer
    }

    /// Starts a message in parts with a nonce of 1..=256 bytes; of 12 for ChaCha20.
    pub fn start(&self, direction: Direction, nonce: &[u8]) -> Answer<AeadStream> {
        require((1..=MAX_NONCE).contains(&nonce.len()))?;
        let (cipher, hash) = match &self.0 {
            Kind::AesGcm(aes, hash) => {
                let core = CtrCore::inner_iv_init(aes.clone(), &first_counter(hash, nonce)?);
                let mut cipher = Ctr32BE::from_core(core);
                let mut mask = Zeroizing::new([0; TAG]);
                cipher.try_apply_keystream(&mut *mask).map_err(refused)?;
                (Cipher::Ctr(cipher), Hash::GHash(hash.clone(), mask))
            }
            Kind::ChaCha20Poly1305(key) => {
                let mut cipher = ChaCha20::new_from_slices(&**key, nonce).map_err(refused)?;
                // The first block of the stream is the key of the code (RFC 8439, 2.6); its second half goes unused.
                let mut block = Zeroizing::new([0; 64]);
                cipher.try_apply_keystream(&mut *block).map_err(refused)?;
                let (key, _) = block.split_first_chunk::<32>().ok_or(Failure::MISUSE)?;
                let hash = Poly1305::new_from_slice(key).map_err(refused)?;
                (Cipher::ChaCha20(cipher), Hash::Poly1305(Box::new(hash)))
            }
        };
        let code = Code { hash, waiting: Zeroizing::new([0; TAG]), used: 0 };
        Ok(AeadStream { cipher, direction, code, aad_len: 0, input_len: 0, in_input: false })
    }
}

/// The pre-counter block (SP 800-38D, 7.1, step 2).
fn first_counter(hash: &GHash, nonce: &[u8]) -> Answer<Block<Aes>> {
    if let Ok(nonce) = <&[u8; 12]>::try_from(nonce) {
        let mut block = [0; BLOCK];
        let (head, tail) = block.split_at_mut(nonce.len());
        head.copy_from_slice(nonce);
        tail.copy_from_slice(&1_u32.to_be_bytes());
        return Ok(Array(block));
    }
    let mut hash = hash.clone();
    hash.update_padded(nonce);
    hash.update(&[Array(u128::from(bits(nonce.len() as u64)?).to_be_bytes())]);
    Ok(hash.finalize())
}

fn bits(bytes: u64) -> Answer<u64> {
    bytes.checked_mul(8).ok_or(Failure::MISUSE)
}

impl AeadStream {
    /// Takes additional authenticated data, before any input.
    pub fn aad(&mut self, aad: &[u8]) -> Answer<()> {
        require(!self.in_input)?;
        self.aad_len = self.aad_len.checked_add(aad.len() as u64).ok_or(Failure::MISUSE)?;
        self.code.update(aad);
        Ok(())
    }

    /// Runs `input` through; `out` has the same length.
    pub fn update(&mut self, input: &[u8], out: &mut [u8]) -> Answer<()> {
        if !self.in_input {
            self.code.pad();
            self.in_input = true;
        }
        self.input_len = self.input_len.checked_add(input.len() as u64).ok_or(Failure::MISUSE)?;
        require(self.input_len <= MAX_PLAINTEXT)?;
        if self.direction == Direction::Decrypt {
            self.code.update(input);
        }
        match &mut self.cipher {
            Cipher::Ctr(cipher) => cipher.try_apply_keystream_b2b(input, out),
            Cipher::ChaCha20(cipher) => cipher.try_apply_keystream_b2b(input, out),
        }
        .map_err(refused)?;
        if self.direction == Direction::Encrypt {
            self.code.update(out);
        }
        Ok(())
    }

    /// Ends an encryption and writes the full tag.
    pub fn tag(&mut self, tag: &mut [u8; TAG]) -> Answer<()> {
        self.code.pad();
        *tag = self.code.value(self.aad_len, self.input_len)?;
        Ok(())
    }

    /// Ends a decryption: refuses where the tag, of 4..=16 bytes, is not right. Compares in constant time.
    pub fn verify(&mut self, tag: &[u8]) -> Answer<()> {
        require((4..=TAG).contains(&tag.len()))?;
        let mut right = [0; TAG];
        self.tag(&mut right)?;
        let (right, _) = right.split_at_checked(tag.len()).ok_or(Failure::MISUSE)?;
        require(right.ct_eq(tag).into())
    }
}

impl Code {
    fn update(&mut self, mut data: &[u8]) {
        if self.used > 0 {
            let room = self.waiting.get_mut(self.used..).unwrap_or_default();
            let (head, rest) = data.split_at(room.len().min(data.len()));
            room.iter_mut().zip(head).for_each(|(to, from)| *to = *from);
            self.used += head.len();
            data = rest;
            if self.used < TAG {
                return;
            }
            self.used = 0;
            let block = Array(*self.waiting);
            self.hash.update(&[block]);
        }
        let (blocks, rest) = Block::<Aes>::slice_as_chunks(data);
        self.hash.update(blocks);
        self.waiting.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        self.used = rest.len();
    }

    /// Fills the last block with zeros.
    fn pad(&mut self) {
        if self.used > 0 {
            self.waiting.get_mut(self.used..).unwrap_or_default().fill(0);
            self.used = 0;
            let block = Array(*self.waiting);
            self.hash.update(&[block]);
        }
    }

    /// The tag, from what came and its two lengths in bytes.
    fn value(&mut self, aad_len: u64, input_len: u64) -> Answer<[u8; TAG]> {
        match &mut self.hash {
            Hash::GHash(hash, mask) => {
                let lengths = u128::from(bits(aad_len)?) << 64 | u128::from(bits(input_len)?);
                hash.update(&[Array(lengths.to_be_bytes())]);
                let mut tag = hash.clone().finalize().0;
                tag.iter_mut().zip(mask.iter()).for_each(|(byte, mask)| *byte ^= mask);
                Ok(tag)
            }
            Hash::Poly1305(hash) => {
                let lengths = u128::from(input_len) << 64 | u128::from(aad_len);
                hash.update(&[Array(lengths.to_le_bytes())]);
                Ok(Poly1305::clone(hash).finalize().0)
            }
        }
    }
}

impl Hash {
    fn update(&mut self, blocks: &[Block<Aes>]) {
        match self {
            Self::GHash(hash, _) => hash.update(blocks),
            Self::Poly1305(hash) => hash.update(blocks),
        }
    }
}
