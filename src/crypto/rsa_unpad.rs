//! Taking off the padding of PKCS#1 v1.5 encryption with implicit rejection, in constant time
//! (draft-irtf-cfrg-rsa-guidance, 7): a block whose padding is wrong gives a message that an
//! attacker cannot tell from a real one, always the same for the same ciphertext, and never an error.
//!
//! Everything up to the length of the answer is independent of the block's bytes: the whole block is
//! read, the whole synthetic message is made and both are mixed byte by byte. The length itself goes to
//! the caller with the message.

use super::engine::mac::HmacKey;
use crate::ck::{Error, Result};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq, ConstantTimeGreater, ConstantTimeLess};
use zeroize::Zeroizing;

/// 0x00, 0x02, eight bytes that are not zero, 0x00.
pub(super) const OVERHEAD: usize = 11;
/// Where the zero byte before the message may stand at the earliest.
const FIRST_SEPARATOR: u32 = 10;
/// Lengths that are drawn for the synthetic message; one that fits is nearly sure to be among them.
const CANDIDATES: usize = 128;
/// Length of HMAC-SHA-256.
const MAC_LEN: usize = 32;

/// Writes the message of the block `em` into `out`, or the synthetic one of its ciphertext; answers the
/// length. `rejection` is HMAC-SHA-256 keyed with the digest of the private exponent. `out` holds the
/// length of the block at least less [`OVERHEAD`].
pub fn unpad(rejection: &HmacKey, ciphertext: &[u8], em: &[u8], out: &mut [u8]) -> Result<usize> {
    let mut seed = Zeroizing::new([0; MAC_LEN]);
    rejection.mac(ciphertext, &mut *seed)?;
    let stream = HmacKey::new(super::engine::digest::Hash::Sha256, &*seed)?;
    let mut lengths = Zeroizing::new([0; 2 * CANDIDATES]);
    fill(&stream, b"length", &mut *lengths)?;
    let mut synthetic = Zeroizing::new(vec![0; em.len()]);
    fill(&stream, b"message", &mut synthetic)?;

    let total = u32::try_from(em.len()).map_err(|_| Error::GeneralError)?;
    let (good, message_at) = message(em);
    let synthetic_at = total.wrapping_sub(synthetic_len(&*lengths, total));
    let at = u32::conditional_select(&synthetic_at, &message_at, good);
    for (mixed, real) in synthetic.iter_mut().zip(em) {
        mixed.conditional_assign(real, good);
    }
    let at = usize::try_from(at).map_err(|_| Error::GeneralError)?;
    let message = synthetic.get(at..).ok_or(Error::GeneralError)?;
    out.get_mut(..message.len()).ok_or(Error::BufferTooSmall)?.copy_from_slice(message);
    Ok(message.len())
}

/// Whether the padding is right, and where the message begins if so.
fn message(em: &[u8]) -> (Choice, u32) {
    let mut good = Choice::from(1);
    let mut found = Choice::from(0);
    let mut separator = 0_u32;
    for (index, byte) in (0_u32..).zip(em) {
        match index {
            0 => good &= byte.ct_eq(&0),
            1 => good &= byte.ct_eq(&2),
            _ => {
                let zero = byte.ct_eq(&0);
                separator.conditional_assign(&index, zero & !found);
                found |= zero;
            }
        }
    }
    good &= found & !separator.ct_lt(&FIRST_SEPARATOR);
    (good, separator.wrapping_add(1))
}

/// The last of the drawn lengths that a block of `total` bytes has room for.
fn synthetic_len(lengths: &[u8], total: u32) -> u32 {
    let limit = total.saturating_sub(FIRST_SEPARATOR);
    let mask = (limit + 1).next_power_of_two() - 1;
    let mut len = 0;
    for pair in lengths.chunks_exact(2) {
        let candidate = pair.iter().fold(0, |value, byte| value << 8 | u32::from(*byte)) & mask;
        len.conditional_assign(&candidate, limit.ct_gt(&candidate));
    }
    len
}

/// The pseudo-random function of the draft: HMAC over a counter, a label and the length in bits.
fn fill(key: &HmacKey, label: &[u8], out: &mut [u8]) -> Result<()> {
    let bits = u16::try_from(out.len() * 8).map_err(|_| Error::GeneralError)?;
    for (index, part) in (0_u16..).zip(out.chunks_mut(MAC_LEN)) {
        let input = [&index.to_be_bytes()[..], label, &bits.to_be_bytes()].concat();
        let mut mac = Zeroizing::new([0; MAC_LEN]);
        key.mac(&input, &mut *mac)?;
        part.copy_from_slice(mac.get(..part.len()).unwrap_or_default());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::engine::digest::Hash;

    fn unpadded(em: &[u8], ciphertext: &[u8]) -> Vec<u8> {
        let rejection = HmacKey::new(Hash::Sha256, &[3; 32]).unwrap();
        let mut out = vec![0; em.len() - OVERHEAD];
        let len = unpad(&rejection, ciphertext, em, &mut out).unwrap();
        out.truncate(len);
        out
    }

    fn block(padding: usize, message: &[u8]) -> Vec<u8> {
        [&[0, 2][..], &vec![0xA5; padding], &[0], message].concat()
    }

    #[test]
    fn unpad_of_a_right_block_gives_its_message() {
        for len in [0, 1, 100, 244, 245] {
            let message = vec![0; len];
            assert_eq!(unpadded(&block(253 - len, &message), &[1; 256]), message, "{len}");
        }
    }

    #[test]
    fn unpad_of_a_wrong_block_gives_the_same_synthetic_message_twice() {
        let mut wrong = vec![
            vec![0xA5; 256],
            [&[0, 2][..], &[0xA5; 254]].concat(),
            [&[0, 2, 1, 1, 1, 1, 1, 1, 1, 0][..], &[0xA5; 246]].concat(),
            block(253, b""),
            block(200, &[7; 53]),
        ];
        wrong[3][0] = 1;
        wrong[4][1] = 1;
        let expected = unpadded(&wrong[0], &[1; 256]);
        for em in &wrong {
            assert_eq!(unpadded(em, &[1; 256]), expected);
            assert_ne!(unpadded(em, &[2; 256]), expected);
        }
    }

    #[test]
    fn synthetic_length_always_fits() {
        let mut seen = std::collections::BTreeSet::new();
        for byte in 0..=255 {
            let len = synthetic_len(&[byte; 2 * CANDIDATES], 256);
            assert!(len <= 245, "{len}");
            seen.insert(len);
        }
        assert!(seen.len() > 200);
        assert_eq!(synthetic_len(&[0, 245], 256), 245);
        assert_eq!(synthetic_len(&[0, 246], 256), 0);
    }
}
