//! Whole blocks out of input of any size: what ECB and CBC share, with blocks of 16 bytes (AES) or 8 (Triple DES).

use super::engine::cipher::{Cipher, CipherKey, Direction};
use super::mechanism::Ciphering;
use crate::ck::{Error, Result};
use subtle::{Choice, ConstantTimeEq, ConstantTimeGreater};
use zeroize::{Zeroize, Zeroizing};

/// The two key schedules of a block mode.
pub(super) struct Schedules {
    pub(super) encrypt: CipherKey,
    pub(super) decrypt: CipherKey,
}

impl Schedules {
    /// The one for a direction.
    pub(super) const fn of(&self, direction: Direction) -> &CipherKey {
        match direction {
            Direction::Encrypt => &self.encrypt,
            Direction::Decrypt => &self.decrypt,
        }
    }
}

/// A running block mode. Input that fills no block waits; so does the last full block of a decryption
/// whose padding will be taken off, because it may be the one with the padding.
pub(super) struct Blocks<const BLOCK: usize> {
    cipher: Cipher,
    direction: Direction,
    padded: bool,
    waiting: Zeroizing<[u8; BLOCK]>,
    used: usize,
}

impl<const BLOCK: usize> Blocks<BLOCK> {
    /// Starts a message, with the padding of PKCS#7 (RFC 5652, 6.3) or without one.
    pub(super) fn new(key: &CipherKey, direction: Direction, padded: bool, iv: &[u8; BLOCK]) -> Result<Self> {
        let waiting = Zeroizing::new([0; BLOCK]);
        Ok(Self { cipher: key.start(iv)?, direction, padded, waiting, used: 0 })
    }

    fn takes_padding_off(&self) -> bool {
        self.padded && self.direction == Direction::Decrypt
    }

    /// How much of `total` bytes goes out at once.
    fn ready(&self, total: usize) -> usize {
        let total = if self.takes_padding_off() { total.saturating_sub(1) } else { total };
        total - total % BLOCK
    }

    const fn length_error(&self) -> Error {
        match self.direction {
            Direction::Encrypt => Error::DataLenRange,
            Direction::Decrypt => Error::EncryptedDataLenRange,
        }
    }

    /// Completes the waiting block from `input`; answers what is left of the input.
    fn complete_waiting<'a>(&mut self, input: &'a [u8], out: &mut [u8]) -> Result<&'a [u8]> {
        let (head, rest) = input.split_at_checked(BLOCK - self.used).ok_or(Error::GeneralError)?;
        self.waiting.get_mut(self.used..).unwrap_or_default().copy_from_slice(head);
        self.cipher.update(&*self.waiting, out)?;
        self.used = 0;
        Ok(rest)
    }

    fn wait(&mut self, rest: &[u8]) -> Result<()> {
        let end = self.used + rest.len();
        self.waiting.get_mut(self.used..end).ok_or(Error::GeneralError)?.copy_from_slice(rest);
        self.used = end;
        Ok(())
    }

    fn finish_padding(&mut self, out: &mut [u8]) -> Result<usize> {
        let missing = BLOCK - self.used;
        let fill = u8::try_from(missing).unwrap_or(0);
        self.waiting.get_mut(self.used..).unwrap_or_default().fill(fill);
        self.used = 0;
        self.cipher.update(&*self.waiting, out.get_mut(..BLOCK).ok_or(Error::BufferTooSmall)?)?;
        Ok(BLOCK)
    }

    fn finish_unpadding(&mut self, out: &mut [u8]) -> Result<usize> {
        if self.used != BLOCK {
            return Err(Error::EncryptedDataLenRange);
        }
        self.used = 0;
        let mut block = Zeroizing::new([0; BLOCK]);
        self.cipher.update(&*self.waiting, &mut *block)?;
        let message = unpadded(&block).ok_or(Error::EncryptedDataInvalid)?;
        out.get_mut(..message.len()).ok_or(Error::BufferTooSmall)?.copy_from_slice(message);
        Ok(message.len())
    }
}

/// What stands before the padding. Looks at the whole block, of 255 bytes at most, whatever the padding says.
pub(super) fn unpadded<const BLOCK: usize>(block: &[u8; BLOCK]) -> Option<&[u8]> {
    let (last, most) = (*block.last()?, u8::try_from(BLOCK).ok()?);
    let mut good = last.ct_gt(&0) & !last.ct_gt(&most);
    for (from_end, byte) in (1_u8..).zip(block.iter().rev()) {
        let in_padding: Choice = !from_end.ct_gt(&last);
        good &= !in_padding | byte.ct_eq(&last);
    }
    if bool::from(good) { block.get(..BLOCK.saturating_sub(last.into())) } else { None }
}

impl<const BLOCK: usize> Ciphering for Blocks<BLOCK> {
    fn update_len(&self, input: usize) -> usize {
        self.ready(self.used.saturating_add(input))
    }

    fn update(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        let ready = self.update_len(input.len());
        let mut out = out.get_mut(..ready).ok_or(Error::BufferTooSmall)?;
        let mut input = input;
        if ready > 0 && self.used > 0 {
            let (first, rest) = out.split_at_mut_checked(BLOCK).ok_or(Error::GeneralError)?;
            input = self.complete_waiting(input, first)?;
            out = rest;
        }
        let (whole, rest) = input.split_at_checked(out.len()).ok_or(Error::GeneralError)?;
        self.cipher.update(whole, out)?;
        self.wait(rest)?;
        Ok(ready)
    }

    fn finish_len(&self) -> usize {
        if self.padded { BLOCK } else { 0 }
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        match (self.padded, self.direction) {
            (true, Direction::Encrypt) => self.finish_padding(out),
            (true, Direction::Decrypt) => self.finish_unpadding(out),
            (false, _) if self.used == 0 => Ok(0),
            (false, _) => Err(self.length_error()),
        }
    }

    fn whole_len(&self, input: usize) -> usize {
        match (self.padded, self.direction) {
            (true, Direction::Encrypt) => (input - input % BLOCK).saturating_add(BLOCK),
            _ => input,
        }
    }

    fn whole(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        let adds_padding = self.padded && self.direction == Direction::Encrypt;
        if !adds_padding && !input.len().is_multiple_of(BLOCK) {
            return Err(self.length_error());
        }
        let len = self.update(input, out)?;
        let (body, tail) = out.split_at_mut_checked(len).ok_or(Error::GeneralError)?;
        match self.finish(tail) {
            Ok(more) => Ok(len + more),
            Err(error) => {
                body.zeroize();
                Err(error)
            }
        }
    }

    fn exact(&self) -> bool {
        !self.takes_padding_off()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unpadded_knows_right_from_wrong() {
        check::<16>();
        check::<8>();
    }

    fn check<const BLOCK: usize>() {
        for len in 0..BLOCK {
            let mut block = [0xA5; BLOCK];
            block[len..].fill(u8::try_from(BLOCK - len).unwrap());
            assert_eq!(unpadded(&block), Some(&[0xA5; BLOCK][..len]));
            if len < BLOCK - 1 {
                block[len] ^= 1;
                assert_eq!(unpadded(&block), None);
            }
        }
        for last in [0, u8::try_from(BLOCK).unwrap() + 1, 255] {
            assert_eq!(unpadded(&[last; BLOCK]), None);
        }
    }
}
