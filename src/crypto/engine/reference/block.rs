//! AES (FIPS 197) of any key length as one block cipher, so that each mode is made once.

use super::{Answer, Failure, refused};
use aes::cipher::{
    BlockCipherDecClosure, BlockCipherDecrypt, BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser,
    KeyInit, consts::U16,
};
use aes::{Aes128, Aes192, Aes256};

/// A key schedule for both directions. The crate wipes it when it is dropped.
#[derive(Clone)]
pub(super) enum Aes {
    /// A key of 16 bytes.
    Bits128(Box<Aes128>),
    /// A key of 24 bytes.
    Bits192(Box<Aes192>),
    /// A key of 32 bytes.
    Bits256(Box<Aes256>),
}

impl Aes {
    /// Expands a key of 16, 24 or 32 bytes.
    pub(super) fn new(key: &[u8]) -> Answer<Self> {
        Ok(match key.len() {
            16 => Self::Bits128(Box::new(Aes128::new_from_slice(key).map_err(refused)?)),
            24 => Self::Bits192(Box::new(Aes192::new_from_slice(key).map_err(refused)?)),
            32 => Self::Bits256(Box::new(Aes256::new_from_slice(key).map_err(refused)?)),
            _ => return Err(Failure::MISUSE),
        })
    }
}

impl BlockSizeUser for Aes {
    type BlockSize = U16;
}

impl BlockCipherEncrypt for Aes {
    fn encrypt_with_backend(&self, work: impl BlockCipherEncClosure<BlockSize = U16>) {
        match self {
            Self::Bits128(aes) => aes.encrypt_with_backend(work),
            Self::Bits192(aes) => aes.encrypt_with_backend(work),
            Self::Bits256(aes) => aes.encrypt_with_backend(work),
        }
    }
}

impl BlockCipherDecrypt for Aes {
    fn decrypt_with_backend(&self, work: impl BlockCipherDecClosure<BlockSize = U16>) {
        match self {
            Self::Bits128(aes) => aes.decrypt_with_backend(work),
            Self::Bits192(aes) => aes.decrypt_with_backend(work),
            Self::Bits256(aes) => aes.decrypt_with_backend(work),
        }
    }
}
