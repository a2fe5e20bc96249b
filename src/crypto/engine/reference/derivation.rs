//! HKDF (RFC 5869), joined of HMACs, and PBKDF2 (RFC 8018) over the crate `pbkdf2`.

use super::digest::{Hash, MAX_LEN, with_hash};
use super::mac::HmacKey;
use super::{Answer, Failure, refused, require};
use hmac::SimpleHmac;
use zeroize::Zeroizing;

/// The extract step of HKDF. `out` has exactly the length of the hash.
pub fn hkdf_extract(hash: Hash, secret: &[u8], salt: &[u8], out: &mut [u8]) -> Answer<()> {
    require(out.len() == hash.len())?;
    HmacKey::new(hash, salt)?.mac(secret, out)
}

/// The expand step of HKDF: at most 255 times the length of the hash.
pub fn hkdf_expand(hash: Hash, key: &[u8], info: &[u8], out: &mut [u8]) -> Answer<()> {
    require(!out.is_empty() && out.len() <= 255 * hash.len())?;
    let key = HmacKey::new(hash, key)?;
    let mut block = Zeroizing::new([0; MAX_LEN]);
    let mut len = 0;
    for (counter, part) in (1_u8..=u8::MAX).zip(out.chunks_mut(hash.len())) {
        let mut mac = key.start()?;
        mac.update(block.get(..len).ok_or(Failure::MISUSE)?)?;
        mac.update(info)?;
        mac.update(&[counter])?;
        len = mac.finish(&mut block)?;
        part.copy_from_slice(block.get(..part.len()).ok_or(Failure::MISUSE)?);
    }
    Ok(())
}

/// PBKDF2 with HMAC over this hash. Takes `iterations` times the number of blocks in `out`.
pub fn pbkdf2(hash: Hash, password: &[u8], salt: &[u8], iterations: u32, out: &mut [u8]) -> Answer<()> {
    require(iterations > 0 && !out.is_empty())?;
    // The crate adds the blocks to what is there.
    out.fill(0);
    with_hash!(hash, F => ::pbkdf2::pbkdf2::<SimpleHmac<F>>(password, salt, iterations, out)).map_err(refused)
}
