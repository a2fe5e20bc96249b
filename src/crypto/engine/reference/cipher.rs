//! AES in the modes of SP 800-38A, over `cbc` and `ctr`.

use super::block::Aes;
use super::{Answer, refused, require};
pub use crate::sys::primitives::cipher::{BLOCK, Direction, Mode};
use aes::cipher::{
    Array, Block, BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, InnerIvInit,
    StreamCipher,
};

/// A key schedule. Never changed after its constructor.
pub struct CipherKey {
    aes: Aes,
    mode: Mode,
    direction: Direction,
}

/// A running cipher.
pub struct Cipher {
    aes: Aes,
    state: State,
}

/// A mode in a direction.
enum State {
    EcbEncrypt(Aes),
    EcbDecrypt(Aes),
    CbcEncrypt(cbc::Encryptor<Aes>),
    CbcDecrypt(cbc::Decryptor<Aes>),
    Ctr(ctr::Ctr128BE<Aes>),
}

impl State {
    fn new(aes: &Aes, mode: Mode, direction: Direction, iv: &[u8; BLOCK]) -> Self {
        let (aes, iv) = (aes.clone(), &Array(*iv));
        match (mode, direction) {
            (Mode::Ecb, Direction::Encrypt) => Self::EcbEncrypt(aes),
            (Mode::Ecb, Direction::Decrypt) => Self::EcbDecrypt(aes),
            (Mode::Cbc, Direction::Encrypt) => Self::CbcEncrypt(cbc::Encryptor::inner_iv_init(aes, iv)),
            (Mode::Cbc, Direction::Decrypt) => Self::CbcDecrypt(cbc::Decryptor::inner_iv_init(aes, iv)),
            (Mode::Ctr, _) => {
                let core = ctr::CtrCore::inner_iv_init(aes, iv);
                Self::Ctr(ctr::Ctr128BE::from_core(core))
            }
        }
    }

    const fn mode(&self) -> (Mode, Direction) {
        match self {
            Self::EcbEncrypt(_) => (Mode::Ecb, Direction::Encrypt),
            Self::EcbDecrypt(_) => (Mode::Ecb, Direction::Decrypt),
            Self::CbcEncrypt(_) => (Mode::Cbc, Direction::Encrypt),
            Self::CbcDecrypt(_) => (Mode::Cbc, Direction::Decrypt),
            Self::Ctr(_) => (Mode::Ctr, Direction::Encrypt),
        }
    }
}

impl CipherKey {
    /// Computes the key schedule of a key of 16, 24 or 32 bytes.
    pub fn new(mode: Mode, direction: Direction, key: &[u8]) -> Answer<Self> {
        Ok(Self { aes: Aes::new(key)?, mode, direction })
    }

    /// Starts a message. CBC and CTR take an IV or counter block, ECB ignores it.
    pub fn start(&self, iv: &[u8; BLOCK]) -> Answer<Cipher> {
        let state = State::new(&self.aes, self.mode, self.direction, iv);
        Ok(Cipher { aes: self.aes.clone(), state })
    }
}

impl Cipher {
    /// Goes on with another IV or counter block under the same key.
    pub fn restart(&mut self, iv: &[u8; BLOCK]) -> Answer<()> {
        let (mode, direction) = self.state.mode();
        self.state = State::new(&self.aes, mode, direction, iv);
        Ok(())
    }

    /// Runs `input` through; `out` has the same length. ECB and CBC take whole blocks only.
    pub fn update(&mut self, input: &[u8], out: &mut [u8]) -> Answer<()> {
        require(input.len() == out.len())?;
        if let State::Ctr(ctr) = &mut self.state {
            // The counter is as wide as the block, so the stream has no end that a message reaches.
            return ctr.try_apply_keystream_b2b(input, out).map_err(refused);
        }
        let (blocks, rest) = Block::<Aes>::slice_as_chunks(input);
        let (out, _) = Block::<Aes>::slice_as_chunks_mut(out);
        require(rest.is_empty())?;
        match &mut self.state {
            State::EcbEncrypt(aes) => aes.encrypt_blocks_b2b(blocks, out).map_err(refused),
            State::EcbDecrypt(aes) => aes.decrypt_blocks_b2b(blocks, out).map_err(refused),
            State::CbcEncrypt(cbc) => cbc.encrypt_blocks_b2b(blocks, out).map_err(refused),
            State::CbcDecrypt(cbc) => cbc.decrypt_blocks_b2b(blocks, out).map_err(refused),
            State::Ctr(_) => Ok(()),
        }
    }
}
