//! AES-CCM (SP 800-38C) over the crate `ccm`, whose lengths of nonce and tag are types.

use super::block::Aes;
use super::{Answer, Failure, refused, require};
pub use crate::sys::primitives::ccm::{MAX_MESSAGE, NONCES};
use ::ccm::aead::AeadInOut;
use ::ccm::aead::array::ArraySize;
use ::ccm::aead::inout::InOutBuf;
use ::ccm::consts::{U4, U6, U7, U8, U9, U10, U11, U12, U13, U14, U16};
use ::ccm::{Ccm, NonceSize, TagSize};
use zeroize::Zeroize;

/// A key made ready. Never changed after its constructor.
pub struct CcmKey(Aes);

/// Runs `$work` with `$nonce` standing for the type of the nonce's length.
macro_rules! with_nonce {
    ($len:expr, $nonce:ident => $work:expr) => {
        with_nonce!(@ $len, $nonce => $work; 7 U7, 8 U8, 9 U9, 10 U10, 11 U11, 12 U12, 13 U13)
    };
    (@ $len:expr, $nonce:ident => $work:expr; $($number:literal $size:ident),*) => {
        match $len {
            $($number => {
                type $nonce = $size;
                $work
            })*
            _ => Err(Failure::MISUSE),
        }
    };
}

/// Runs `$work` with `$tag` standing for the type of the tag's length.
macro_rules! with_tag {
    ($len:expr, $tag:ident => $work:expr) => {
        with_tag!(@ $len, $tag => $work; 4 U4, 6 U6, 8 U8, 10 U10, 12 U12, 14 U14, 16 U16)
    };
    (@ $len:expr, $tag:ident => $work:expr; $($number:literal $size:ident),*) => {
        match $len {
            $($number => {
                type $tag = $size;
                $work
            })*
            _ => Err(Failure::MISUSE),
        }
    };
}

impl CcmKey {
    /// Makes ready a key of 16, 24 or 32 bytes.
    pub fn new(key: &[u8]) -> Answer<Self> {
        Aes::new(key).map(Self)
    }

    /// Encrypts a message: `out` has the length of `input`; `tag` of 4, 6 .. 16 bytes is filled.
    pub fn seal(&self, nonce: &[u8], aad: &[u8], input: &[u8], out: &mut [u8], tag: &mut [u8]) -> Answer<()> {
        within(aad, input)?;
        with_nonce!(nonce.len(), N => with_tag!(tag.len(), T => seal::<T, N>(&self.0, nonce, aad, input, out, tag)))
    }

    /// Decrypts a message: `out` has the length of `input`, and holds zeros where the tag is not right.
    pub fn open(&self, nonce: &[u8], aad: &[u8], input: &[u8], tag: &[u8], out: &mut [u8]) -> Answer<()> {
        within(aad, input)?;
        let answer = with_nonce!(nonce.len(), N => with_tag!(tag.len(), T => open::<T, N>(&self.0, nonce, aad, input, tag, out)));
        if answer.is_err() {
            out.zeroize();
        }
        answer
    }
}

fn within(aad: &[u8], input: &[u8]) -> Answer<()> {
    require(aad.len() <= MAX_MESSAGE && input.len() <= MAX_MESSAGE)
}

fn seal<T: ArraySize + TagSize, N: ArraySize + NonceSize>(
    aes: &Aes,
    nonce: &[u8],
    aad: &[u8],
    input: &[u8],
    out: &mut [u8],
    tag: &mut [u8],
) -> Answer<()> {
    let nonce = nonce.try_into().map_err(refused)?;
    let buffer = InOutBuf::new(input, out).map_err(refused)?;
    let made =
        Ccm::<Aes, T, N>::from(aes.clone()).encrypt_inout_detached(nonce, aad, buffer).map_err(refused)?;
    tag.copy_from_slice(&made);
    Ok(())
}

fn open<T: ArraySize + TagSize, N: ArraySize + NonceSize>(
    aes: &Aes,
    nonce: &[u8],
    aad: &[u8],
    input: &[u8],
    tag: &[u8],
    out: &mut [u8],
) -> Answer<()> {
    let nonce = nonce.try_into().map_err(refused)?;
    let tag = tag.try_into().map_err(refused)?;
    let buffer = InOutBuf::new(input, out).map_err(refused)?;
    Ccm::<Aes, T, N>::from(aes.clone()).decrypt_inout_detached(nonce, aad, buffer, tag).map_err(refused)
}
