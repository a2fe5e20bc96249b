//! HKDF (RFC 5869) and PBKDF2 (RFC 8018), each in one call.

use super::Answer;
use super::digest::Hash;
use super::error::{require, succeeded};
use aws_lc_sys::{HKDF_expand, HKDF_extract, PKCS5_PBKDF2_HMAC};

/// The extract step of HKDF. `out` has exactly the length of the hash.
pub fn hkdf_extract(hash: Hash, secret: &[u8], salt: &[u8], out: &mut [u8]) -> Answer<()> {
    require(out.len() == hash.len())?;
    let mut written = 0;
    // SAFETY: reads two slices of the lengths beside them, which are never NULL, writes as many bytes as the hash has
    // into `out`, which has that length, and the length into a place of ours; the description is static.
    let answer = unsafe {
        HKDF_extract(
            out.as_mut_ptr(),
            &raw mut written,
            hash.description(),
            secret.as_ptr(),
            secret.len(),
            salt.as_ptr(),
            salt.len(),
        )
    };
    succeeded(answer)?;
    require(written == out.len())
}

/// The expand step of HKDF: at most 255 times the length of the hash.
pub fn hkdf_expand(hash: Hash, key: &[u8], info: &[u8], out: &mut [u8]) -> Answer<()> {
    require(!out.is_empty() && out.len() <= 255 * hash.len())?;
    // SAFETY: reads two slices of the lengths beside them, which are never NULL, and writes exactly `out.len()` bytes;
    // the description is static.
    let answer = unsafe {
        HKDF_expand(
            out.as_mut_ptr(),
            out.len(),
            hash.description(),
            key.as_ptr(),
            key.len(),
            info.as_ptr(),
            info.len(),
        )
    };
    succeeded(answer)
}

/// PBKDF2 with HMAC over this hash. Takes `iterations` times the number of blocks in `out`.
pub fn pbkdf2(hash: Hash, password: &[u8], salt: &[u8], iterations: u32, out: &mut [u8]) -> Answer<()> {
    require(iterations > 0 && !out.is_empty())?;
    // SAFETY: reads two slices of the lengths beside them, which are never NULL, and writes exactly `out.len()` bytes;
    // the description is static.
    let answer = unsafe {
        PKCS5_PBKDF2_HMAC(
            password.as_ptr().cast(),
            password.len(),
            salt.as_ptr(),
            salt.len(),
            iterations,
            hash.description(),
            out.len(),
            out.as_mut_ptr(),
        )
    };
    succeeded(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_lengths_never_reach_the_library() {
        assert!(hkdf_extract(Hash::Sha256, b"secret", b"", &mut [0; 31]).is_err());
        assert!(hkdf_extract(Hash::Sha256, b"", b"", &mut [0; 32]).is_ok());
        assert!(hkdf_expand(Hash::Sha1, b"key", b"", &mut []).is_err());
        assert!(hkdf_expand(Hash::Sha1, b"key", b"", &mut [0; 255 * 20 + 1]).is_err());
        assert!(hkdf_expand(Hash::Sha1, b"key", b"", &mut [0; 255 * 20]).is_ok());
        assert!(pbkdf2(Hash::Sha256, b"", b"", 0, &mut [0; 32]).is_err());
        assert!(pbkdf2(Hash::Sha256, b"", b"", 1, &mut []).is_err());
        assert!(pbkdf2(Hash::Sha256, b"", b"", 1, &mut [0; 33]).is_ok());
    }
}
