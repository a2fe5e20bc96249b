//! AES and Triple DES in the modes of SP 800-38A, over `cbc`, `ctr`, `cfb-mode`, `cfb8` and `ofb`. No crate has cipher
//! feedback by single bits.

use super::block::Aes;
use super::{Answer, Failure, refused, require};
pub use crate::sys::primitives::cipher::{BLOCK, DES_BLOCK, Direction, Mode};
use aes::cipher::{
    Array, Block, BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, InnerIvInit,
    KeyInit, StreamCipher,
};
use des::{TdesEde2, TdesEde3};

/// A key schedule. Never changed after its constructor.
pub struct CipherKey {
    schedule: Schedule,
    mode: Mode,
    direction: Direction,
}

#[derive(Clone)]
enum Schedule {
    Aes(Aes),
    TwoKeys(Box<TdesEde2>),
    ThreeKeys(Box<TdesEde3>),
}

/// A running cipher.
pub struct Cipher {
    schedule: Schedule,
    mode: Mode,
    direction: Direction,
    state: Box<dyn State>,
}

/// What is asked of any mode: input and output have the same length, and that is one the mode takes.
trait State: Send {
    fn run(&mut self, input: &[u8], out: &mut [u8]) -> Answer<()>;
}

struct EcbEncrypt<C>(C);
struct EcbDecrypt<C>(C);
/// A mode that goes forward a block at a time; the block of CFB8 is a byte.
struct Forward<M>(M);
/// A mode that goes back a block at a time.
struct Back<M>(M);
struct Stream<S>(S);
struct CfbEncrypt(cfb_mode::BufEncryptor<Aes>);
struct CfbDecrypt(cfb_mode::BufDecryptor<Aes>);

impl<C: BlockCipherEncrypt + Send> State for EcbEncrypt<C> {
    fn run(&mut self, input: &[u8], out: &mut [u8]) -> Answer<()> {
        let (input, out) = (whole::<C>(input)?, Block::<C>::slice_as_chunks_mut(out).0);
        self.0.encrypt_blocks_b2b(input, out).map_err(refused)
    }
}

impl<C: BlockCipherDecrypt + Send> State for EcbDecrypt<C> {
    fn run(&mut self, input: &[u8], out: &mut [u8]) -> Answer<()> {
        let (input, out) = (whole::<C>(input)?, Block::<C>::slice_as_chunks_mut(out).0);
        self.0.decrypt_blocks_b2b(input, out).map_err(refused)
    }
}

impl<M: BlockModeEncrypt + Send> State for Forward<M> {
    fn run(&mut self, input: &[u8], out: &mut [u8]) -> Answer<()> {
        let (input, out) = (whole::<M>(input)?, Block::<M>::slice_as_chunks_mut(out).0);
        self.0.encrypt_blocks_b2b(input, out).map_err(refused)
    }
}

impl<M: BlockModeDecrypt + Send> State for Back<M> {
    fn run(&mut self, input: &[u8], out: &mut [u8]) -> Answer<()> {
        let (input, out) = (whole::<M>(input)?, Block::<M>::slice_as_chunks_mut(out).0);
        self.0.decrypt_blocks_b2b(input, out).map_err(refused)
    }
}

impl<S: StreamCipher + Send> State for Stream<S> {
    fn run(&mut self, input: &[u8], out: &mut [u8]) -> Answer<()> {
        self.0.try_apply_keystream_b2b(input, out).map_err(refused)
    }
}

impl State for CfbEncrypt {
    fn run(&mut self, input: &[u8], out: &mut [u8]) -> Answer<()> {
        out.copy_from_slice(input);
        self.0.encrypt(out);
        Ok(())
    }
}

impl State for CfbDecrypt {
    fn run(&mut self, input: &[u8], out: &mut [u8]) -> Answer<()> {
        out.copy_from_slice(input);
        self.0.decrypt(out);
        Ok(())
    }
}

/// The input as whole blocks.
fn whole<B: aes::cipher::BlockSizeUser>(input: &[u8]) -> Answer<&[Block<B>]> {
    let (blocks, rest) = Block::<B>::slice_as_chunks(input);
    require(rest.is_empty()).map(|()| blocks)
}

/// A block cipher in ECB or CBC.
fn block_mode<C>(cipher: C, mode: Mode, direction: Direction, iv: &[u8]) -> Answer<Box<dyn State>>
where
    C: BlockCipherEncrypt + BlockCipherDecrypt + Send + 'static,
{
    Ok(match (mode, direction) {
        (Mode::Ecb, Direction::Encrypt) => Box::new(EcbEncrypt(cipher)),
        (Mode::Ecb, Direction::Decrypt) => Box::new(EcbDecrypt(cipher)),
        (Mode::Cbc, Direction::Encrypt) => {
            let iv = iv.try_into().map_err(refused)?;
            Box::new(Forward(cbc::Encryptor::inner_iv_init(cipher, iv)))
        }
        (Mode::Cbc, Direction::Decrypt) => {
            let iv = iv.try_into().map_err(refused)?;
            Box::new(Back(cbc::Decryptor::inner_iv_init(cipher, iv)))
        }
        _ => return Err(Failure::MISUSE),
    })
}

/// A mode that only AES has here.
fn stream_mode(aes: Aes, mode: Mode, direction: Direction, iv: &[u8]) -> Answer<Box<dyn State>> {
    let iv: &Array<u8, _> = iv.try_into().map_err(refused)?;
    Ok(match (mode, direction) {
        (Mode::Ctr, _) => Box::new(Stream(ctr::Ctr128BE::from_core(ctr::CtrCore::inner_iv_init(aes, iv)))),
        (Mode::Ofb, _) => Box::new(Stream(ofb::Ofb::from_core(ofb::OfbCore::inner_iv_init(aes, iv)))),
        (Mode::Cfb8, Direction::Encrypt) => Box::new(Forward(cfb8::Encryptor::inner_iv_init(aes, iv))),
        (Mode::Cfb8, Direction::Decrypt) => Box::new(Back(cfb8::Decryptor::inner_iv_init(aes, iv))),
        (Mode::Cfb128, Direction::Encrypt) => {
            Box::new(CfbEncrypt(cfb_mode::BufEncryptor::inner_iv_init(aes, iv)))
        }
        (Mode::Cfb128, Direction::Decrypt) => {
            Box::new(CfbDecrypt(cfb_mode::BufDecryptor::inner_iv_init(aes, iv)))
        }
        (Mode::Cfb1 | Mode::Ecb | Mode::Cbc, _) => return Err(Failure::MISUSE),
    })
}

impl Schedule {
    fn state(&self, mode: Mode, direction: Direction, iv: &[u8]) -> Answer<Box<dyn State>> {
        match self.clone() {
            Self::Aes(aes) if mode.streams() => stream_mode(aes, mode, direction, iv),
            Self::Aes(aes) => block_mode(aes, mode, direction, iv),
            Self::TwoKeys(des) => block_mode(*des, mode, direction, iv),
            Self::ThreeKeys(des) => block_mode(*des, mode, direction, iv),
        }
    }
}

impl CipherKey {
    /// Whether the crates have AES in the mode: in all but CFB1.
    pub const fn takes(mode: Mode) -> bool {
        !matches!(mode, Mode::Cfb1)
    }

    /// Computes the key schedule of an AES key of 16, 24 or 32 bytes.
    pub fn new(mode: Mode, direction: Direction, key: &[u8]) -> Answer<Self> {
        require(Self::takes(mode))?;
        Ok(Self { schedule: Schedule::Aes(Aes::new(key)?), mode, direction })
    }

    /// Computes the key schedule of a Triple DES key of 16 or 24 bytes; the modes are ECB and CBC.
    pub fn triple_des(mode: Mode, direction: Direction, key: &[u8]) -> Answer<Self> {
        require(!mode.streams())?;
        let schedule = match key.len() {
            16 => Schedule::TwoKeys(Box::new(TdesEde2::new_from_slice(key).map_err(refused)?)),
            24 => Schedule::ThreeKeys(Box::new(TdesEde3::new_from_slice(key).map_err(refused)?)),
            _ => return Err(Failure::MISUSE),
        };
        Ok(Self { schedule, mode, direction })
    }

    /// Starts a message with an IV or counter block, as long as a block; ECB ignores it.
    pub fn start(&self, iv: &[u8]) -> Answer<Cipher> {
        let state = self.schedule.state(self.mode, self.direction, iv)?;
        Ok(Cipher { schedule: self.schedule.clone(), mode: self.mode, direction: self.direction, state })
    }
}

impl Cipher {
    /// Goes on with another IV or counter block under the same key.
    pub fn restart(&mut self, iv: &[u8]) -> Answer<()> {
        require(self.mode != Mode::Ecb)?;
        self.state = self.schedule.state(self.mode, self.direction, iv)?;
        Ok(())
    }

    /// Runs `input` through; `out` has the same length. ECB and CBC take whole blocks only.
    pub fn update(&mut self, input: &[u8], out: &mut [u8]) -> Answer<()> {
        require(input.len() == out.len())?;
        self.state.run(input, out)
    }
}
