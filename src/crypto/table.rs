//! The table of all mechanisms: one row each, and nothing else to touch for one more.

use super::mechanism::Row;
use super::{
    aes, aes_cbc, aes_ccm, aes_cmac, aes_ctr, aes_cts, aes_ecb, aes_encrypt_data, aes_feedback, aes_gcm,
    aes_gmac, aes_key_wrap, aes_xts, blake2b, chacha20, chacha20_poly1305, dh, digest, ec, ec_extra_bits,
    ecdh, ecdh_aes_key_wrap, ecdsa, ecdsa_deterministic, eddsa, engine, generic_secret, hash_derivation,
    hkdf, hmac, joining, ml_dsa, ml_kem, montgomery, password_wrap, pbkdf2, rsa_aes_key_wrap, rsa_generation,
    rsa_oaep, rsa_pkcs1, rsa_pss, rsa_raw, slh_dsa, sp800_108, tls_prf, tls12, triple_des,
};
use crate::ck::CK_MECHANISM_TYPE;

/// Every mechanism that works. The index of a row is its bit in a `MechanismSet`; it is never stored.
pub static MECHANISMS: &[&Row] = &{
    #[expect(clippy::indexing_slicing, reason = "runs in the compiler, which checks it")]
    let mut rows = [ROWS[0]; WORKING];
    let (mut index, mut place) = (0, 0);
    while index < ROWS.len() {
        #[expect(clippy::indexing_slicing, reason = "runs in the compiler, which checks it")]
        if works(ROWS[index]) {
            rows[place] = ROWS[index];
            place += 1;
        }
        index += 1;
    }
    rows
};

/// How many rows work with the engine of this build.
const WORKING: usize = ROWS.len() - engine::LACKING.len();

const fn works(row: &Row) -> bool {
    let mut index = 0;
    while index < engine::LACKING.len() {
        #[expect(clippy::indexing_slicing, reason = "runs in the compiler, which checks it")]
        if engine::LACKING[index] == row.ckm {
            return false;
        }
        index += 1;
    }
    true
}

/// Every mechanism, whichever engine computes.
static ROWS: &[&Row] = &[
    &rsa_generation::KEY_PAIR_GEN,
    &rsa_pkcs1::RSA_PKCS,
    &rsa_pkcs1::SHA1_RSA_PKCS,
    &rsa_pkcs1::SHA224_RSA_PKCS,
    &rsa_pkcs1::SHA256_RSA_PKCS,
    &rsa_pkcs1::SHA384_RSA_PKCS,
    &rsa_pkcs1::SHA512_RSA_PKCS,
    &rsa_pkcs1::SHA3_224_RSA_PKCS,
    &rsa_pkcs1::SHA3_256_RSA_PKCS,
    &rsa_pkcs1::SHA3_384_RSA_PKCS,
    &rsa_pkcs1::SHA3_512_RSA_PKCS,
    &rsa_raw::RSA_X_509,
    &rsa_pss::RSA_PKCS_PSS,
    &rsa_pss::SHA1_RSA_PKCS_PSS,
    &rsa_pss::SHA224_RSA_PKCS_PSS,
    &rsa_pss::SHA256_RSA_PKCS_PSS,
    &rsa_pss::SHA384_RSA_PKCS_PSS,
    &rsa_pss::SHA512_RSA_PKCS_PSS,
    &rsa_pss::SHA3_224_RSA_PKCS_PSS,
    &rsa_pss::SHA3_256_RSA_PKCS_PSS,
    &rsa_pss::SHA3_384_RSA_PKCS_PSS,
    &rsa_pss::SHA3_512_RSA_PKCS_PSS,
    &rsa_oaep::RSA_PKCS_OAEP,
    &rsa_aes_key_wrap::RSA_AES_KEY_WRAP,
    &ec::KEY_PAIR_GEN,
    &ec_extra_bits::KEY_PAIR_GEN_W_EXTRA_BITS,
    &ecdsa::ECDSA,
    &ecdsa::ECDSA_SHA1,
    &ecdsa::ECDSA_SHA224,
    &ecdsa::ECDSA_SHA256,
    &ecdsa::ECDSA_SHA384,
    &ecdsa::ECDSA_SHA512,
    &ecdsa::ECDSA_SHA3_224,
    &ecdsa::ECDSA_SHA3_256,
    &ecdsa::ECDSA_SHA3_384,
    &ecdsa::ECDSA_SHA3_512,
    &ecdsa_deterministic::DETERMINISTIC,
    &ecdsa_deterministic::DETERMINISTIC_SHA224,
    &ecdsa_deterministic::DETERMINISTIC_SHA256,
    &ecdsa_deterministic::DETERMINISTIC_SHA384,
    &ecdsa_deterministic::DETERMINISTIC_SHA512,
    &ecdh::ECDH1_DERIVE,
    &ecdh::ECDH1_COFACTOR_DERIVE,
    &ecdh_aes_key_wrap::ECDH_AES_KEY_WRAP,
    &ecdh_aes_key_wrap::ECDH_COF_AES_KEY_WRAP,
    &ecdh_aes_key_wrap::ECDH_X_AES_KEY_WRAP,
    &montgomery::KEY_PAIR_GEN,
    &eddsa::KEY_PAIR_GEN,
    &eddsa::EDDSA,
    &ml_kem::KEY_PAIR_GEN,
    &ml_kem::ML_KEM,
    &ml_dsa::KEY_PAIR_GEN,
    &ml_dsa::ML_DSA,
    &ml_dsa::HASH_ML_DSA,
    &ml_dsa::SHA224,
    &ml_dsa::SHA256,
    &ml_dsa::SHA384,
    &ml_dsa::SHA512,
    &ml_dsa::SHA3_224,
    &ml_dsa::SHA3_256,
    &ml_dsa::SHA3_384,
    &ml_dsa::SHA3_512,
    &ml_dsa::SHAKE128,
    &ml_dsa::SHAKE256,
    &slh_dsa::KEY_PAIR_GEN,
    &slh_dsa::SLH_DSA,
    &slh_dsa::HASH_SLH_DSA,
    &slh_dsa::SHA224,
    &slh_dsa::SHA256,
    &slh_dsa::SHA384,
    &slh_dsa::SHA512,
    &slh_dsa::SHA3_224,
    &slh_dsa::SHA3_256,
    &slh_dsa::SHA3_384,
    &slh_dsa::SHA3_512,
    &slh_dsa::SHAKE128,
    &slh_dsa::SHAKE256,
    &aes::KEY_GEN,
    &aes_ecb::AES_ECB,
    &aes_cbc::AES_CBC,
    &aes_cbc::AES_CBC_PAD,
    &aes_ctr::AES_CTR,
    &aes_cts::AES_CTS,
    &aes_feedback::AES_CFB1,
    &aes_feedback::AES_CFB8,
    &aes_feedback::AES_CFB128,
    &aes_feedback::AES_OFB,
    &aes_gcm::AES_GCM,
    &aes_ccm::AES_CCM,
    &aes_cmac::AES_CMAC,
    &aes_cmac::AES_CMAC_GENERAL,
    &aes_gmac::AES_GMAC,
    &aes_key_wrap::AES_KEY_WRAP,
    &aes_key_wrap::AES_KEY_WRAP_PAD,
    &aes_key_wrap::AES_KEY_WRAP_KWP,
    &aes_key_wrap::AES_KEY_WRAP_PKCS7,
    &aes_encrypt_data::AES_ECB_ENCRYPT_DATA,
    &aes_encrypt_data::AES_CBC_ENCRYPT_DATA,
    &aes_xts::KEY_GEN,
    &aes_xts::AES_XTS,
    &chacha20_poly1305::KEY_GEN,
    &chacha20::CHACHA20,
    &chacha20_poly1305::CHACHA20_POLY1305,
    &triple_des::DES3_ECB,
    &triple_des::DES3_CBC,
    &triple_des::DES3_CBC_PAD,
    &digest::SHA_1,
    &digest::SHA224,
    &digest::SHA256,
    &digest::SHA384,
    &digest::SHA512,
    &digest::SHA512_224,
    &digest::SHA512_256,
    &digest::SHA512_T,
    &digest::SHA3_224,
    &digest::SHA3_256,
    &digest::SHA3_384,
    &digest::SHA3_512,
    &blake2b::BLAKE2B_160,
    &blake2b::BLAKE2B_256,
    &blake2b::BLAKE2B_384,
    &blake2b::BLAKE2B_512,
    &hmac::SHA_1_HMAC,
    &hmac::SHA_1_HMAC_GENERAL,
    &hmac::SHA224_HMAC,
    &hmac::SHA224_HMAC_GENERAL,
    &hmac::SHA256_HMAC,
    &hmac::SHA256_HMAC_GENERAL,
    &hmac::SHA384_HMAC,
    &hmac::SHA384_HMAC_GENERAL,
    &hmac::SHA512_HMAC,
    &hmac::SHA512_HMAC_GENERAL,
    &hmac::SHA512_224_HMAC,
    &hmac::SHA512_224_HMAC_GENERAL,
    &hmac::SHA512_256_HMAC,
    &hmac::SHA512_256_HMAC_GENERAL,
    &hmac::SHA3_224_HMAC,
    &hmac::SHA3_224_HMAC_GENERAL,
    &hmac::SHA3_256_HMAC,
    &hmac::SHA3_256_HMAC_GENERAL,
    &hmac::SHA3_384_HMAC,
    &hmac::SHA3_384_HMAC_GENERAL,
    &hmac::SHA3_512_HMAC,
    &hmac::SHA3_512_HMAC_GENERAL,
    &hmac::SHA512_T_HMAC,
    &blake2b::BLAKE2B_160_HMAC,
    &blake2b::BLAKE2B_160_HMAC_GENERAL,
    &blake2b::BLAKE2B_256_HMAC,
    &blake2b::BLAKE2B_256_HMAC_GENERAL,
    &blake2b::BLAKE2B_384_HMAC,
    &blake2b::BLAKE2B_384_HMAC_GENERAL,
    &blake2b::BLAKE2B_512_HMAC,
    &blake2b::BLAKE2B_512_HMAC_GENERAL,
    &generic_secret::GENERIC_SECRET_KEY_GEN,
    &generic_secret::SHA_1_KEY_GEN,
    &generic_secret::SHA224_KEY_GEN,
    &generic_secret::SHA256_KEY_GEN,
    &generic_secret::SHA384_KEY_GEN,
    &generic_secret::SHA512_KEY_GEN,
    &generic_secret::SHA512_224_KEY_GEN,
    &generic_secret::SHA512_256_KEY_GEN,
    &generic_secret::SHA512_T_KEY_GEN,
    &generic_secret::SHA3_224_KEY_GEN,
    &generic_secret::SHA3_256_KEY_GEN,
    &generic_secret::SHA3_384_KEY_GEN,
    &generic_secret::SHA3_512_KEY_GEN,
    &generic_secret::BLAKE2B_160_KEY_GEN,
    &generic_secret::BLAKE2B_256_KEY_GEN,
    &generic_secret::BLAKE2B_384_KEY_GEN,
    &generic_secret::BLAKE2B_512_KEY_GEN,
    &hash_derivation::SHA1,
    &hash_derivation::SHA224,
    &hash_derivation::SHA256,
    &hash_derivation::SHA384,
    &hash_derivation::SHA512,
    &hash_derivation::SHA512_224,
    &hash_derivation::SHA512_256,
    &hash_derivation::SHA3_224,
    &hash_derivation::SHA3_256,
    &hash_derivation::SHA3_384,
    &hash_derivation::SHA3_512,
    &hash_derivation::BLAKE2B_160,
    &hash_derivation::BLAKE2B_256,
    &hash_derivation::BLAKE2B_384,
    &hash_derivation::BLAKE2B_512,
    &hash_derivation::SHAKE_128,
    &hash_derivation::SHAKE_256,
    &hash_derivation::SHA512_T,
    &joining::BASE_AND_KEY,
    &joining::BASE_AND_DATA,
    &joining::DATA_AND_BASE,
    &joining::XOR,
    &joining::EXTRACT,
    &hkdf::DERIVE,
    &hkdf::DATA,
    &hkdf::KEY_GEN,
    &pbkdf2::PKCS5_PBKD2,
    &password_wrap::PBES2,
    &sp800_108::COUNTER,
    &sp800_108::FEEDBACK,
    &sp800_108::DOUBLE_PIPELINE,
    &dh::KEY_PAIR_GEN,
    &dh::PARAMETER_GEN,
    &dh::DERIVE,
    &tls12::SSL3_PRE_MASTER,
    &tls12::TLS_PRE_MASTER,
    &tls12::MASTER,
    &tls12::MASTER_DH,
    &tls12::EXTENDED_MASTER,
    &tls12::EXTENDED_MASTER_DH,
    &tls12::KEY_AND_MAC,
    &tls12::KEY_SAFE,
    &tls_prf::TLS_KDF,
    &tls_prf::TLS12_KDF,
    &tls_prf::TLS_MAC,
    &tls_prf::TLS12_MAC,
];

/// The row of a mechanism and its index in [`MECHANISMS`]. Every `C_...Init` comes here.
#[inline]
pub fn find(ckm: CK_MECHANISM_TYPE) -> Option<(usize, &'static Row)> {
    let mut place = place_of(ckm);
    loop {
        let index = usize::from(*INDEX.get(place)?);
        // The end of the table marks an empty place, and there always is one.
        let row = *MECHANISMS.get(index)?;
        if row.ckm == ckm {
            return Some((index, row));
        }
        place = (place + 1) % PLACES;
    }
}

/// Places of the index: a power of two, four times as many as rows at least, so that few collide.
const PLACES: usize = 1024;
/// No row has this number.
const EMPTY: u16 = u16::MAX;

/// The rows' numbers by the hash of their mechanism, made by the compiler.
static INDEX: [u16; PLACES] = {
    assert!(MECHANISMS.len() * 4 <= PLACES, "the index is too small");
    let mut places = [EMPTY; PLACES];
    let mut index = 0;
    while index < MECHANISMS.len() {
        #[expect(clippy::indexing_slicing, reason = "runs in the compiler, which checks it")]
        let mut place = place_of(MECHANISMS[index].ckm);
        #[expect(clippy::indexing_slicing, reason = "as above")]
        while places[place] != EMPTY {
            place = (place + 1) % PLACES;
        }
        #[expect(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "as above")]
        {
            places[place] = index as u16;
        }
        index += 1;
    }
    places
};

/// Multiplicative hashing (Knuth, 6.4): the upper bits of the product.
#[expect(clippy::cast_possible_truncation, reason = "the lower half of the number is what is hashed")]
const fn place_of(ckm: CK_MECHANISM_TYPE) -> usize {
    let product = (ckm as u32).wrapping_mul(0x9E37_79B1);
    (product >> (u32::BITS - PLACES.trailing_zeros())) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ck::mechanism::MECHANISM_SET_CAPACITY;
    use crate::ck::names;
    use crate::crypto::mechanism::Sizes;

    #[test]
    fn find_knows_every_row_and_nothing_else() {
        for (index, row) in MECHANISMS.iter().enumerate() {
            let (found, same) = find(row.ckm).unwrap();
            assert!(found == index && std::ptr::eq(same, *row), "{:#x} is there twice", row.ckm);
        }
        for ckm in [0x9999, CK_MECHANISM_TYPE::MAX, 0x8000_0000] {
            assert!(find(ckm).is_none());
        }
        let known = |ckm| MECHANISMS.iter().any(|row| row.ckm == ckm);
        assert!((0..0x5000).all(|ckm| find(ckm).is_some() == known(ckm)));
        assert!(MECHANISMS.len() <= MECHANISM_SET_CAPACITY);
    }

    #[test]
    fn find_probes_little() {
        let probes = |ckm| {
            let home = place_of(ckm);
            let index = u16::try_from(find(ckm).unwrap().0).unwrap();
            (0..PLACES).find(|step| INDEX[(home + step) % PLACES] == index).unwrap()
        };
        assert!(MECHANISMS.iter().all(|row| probes(row.ckm) <= 2));
    }

    /// docs/engines.md lists them; what is announced is every row but these.
    #[test]
    fn what_the_reference_engine_lacks_is_what_the_page_says() {
        let page = include_str!("../../docs/engines.md");
        let cells = page.lines().filter_map(|line| line.strip_prefix("| `CKM_")?.split_once("` | "));
        let listed: Vec<_> = cells.filter(|(name, _)| !name.contains('`')).map(|(name, _)| name).collect();
        let name = |ckm: &CK_MECHANISM_TYPE| names::mechanism_name(*ckm).replacen("CKM_", "", 1);
        let lacking: Vec<_> = engine::reference::LACKING.iter().map(name).collect();
        assert_eq!(listed, lacking);
        let announced: Vec<_> = MECHANISMS.iter().map(|row| row.ckm).collect();
        let mut all: Vec<_> = ROWS.iter().map(|row| row.ckm).collect();
        assert!(engine::reference::LACKING.iter().all(|ckm| all.contains(ckm)));
        all.retain(|ckm| !engine::LACKING.contains(ckm));
        assert_eq!(announced, all);
        let expected = if cfg!(feature = "aws-lc") { &[][..] } else { engine::reference::LACKING };
        assert_eq!(engine::LACKING, expected);
    }

    #[test]
    fn rows_are_whole() {
        for row in MECHANISMS {
            let ops = &row.ops;
            let uses_key = ops.sign.is_some()
                || ops.verify.is_some()
                || ops.sign_recover.is_some()
                || ops.verify_recover.is_some()
                || ops.encrypt.is_some()
                || ops.decrypt.is_some()
                || ops.derives()
                || ops.encapsulate.is_some();
            let makes_key = ops.generates() || ops.generate_pair.is_some();
            let prepares = uses_key && ops.derivation.is_none();
            assert_eq!(prepares, row.prepare.is_some(), "{:#x}", row.ckm);
            assert!(ops.derive.is_none() || ops.derivation.is_none(), "{:#x}", row.ckm);
            assert!(ops.generate.is_none() || ops.generate_from.is_none(), "{:#x}", row.ckm);
            assert_eq!(uses_key || makes_key, !row.key_types.is_empty(), "{:#x}", row.ckm);
            assert_eq!(uses_key || makes_key, row.sizes != Sizes::None, "{:#x}", row.ckm);
            assert!(uses_key || makes_key || ops.digest.is_some(), "{:#x}", row.ckm);
            assert!(!ops.only_wraps || ops.wraps, "{:#x}", row.ckm);
            assert!(!ops.wraps || ops.decrypt.is_some(), "{:#x}", row.ckm);
            assert_eq!(ops.encapsulate.is_some(), ops.decapsulate.is_some(), "{:#x}", row.ckm);
            assert_eq!(ops.encapsulate.is_some(), ops.encapsulated_len.is_some(), "{:#x}", row.ckm);
            assert_eq!(ops.message_shape.is_some(), ops.message_encrypt.is_some(), "{:#x}", row.ckm);
            assert_eq!(ops.message_shape.is_some(), ops.message_decrypt.is_some(), "{:#x}", row.ckm);
            assert!(ops.sign.is_none() || ops.verify.is_some(), "{:#x}", row.ckm);
            assert_eq!(ops.sign_recover.is_some(), ops.verify_recover.is_some(), "{:#x}", row.ckm);
            // What is left of an old algorithm decrypts what it once encrypted, and nothing encrypts for ever.
            assert!(ops.encrypt.is_none() || ops.decrypt.is_some(), "{:#x}", row.ckm);
            assert!(!ops.one_message || ops.sign.is_some(), "{:#x}", row.ckm);
            assert!(!makes_key || ops.generate_from.is_some() || row.key_types.len() == 1, "{:#x}", row.ckm);
        }
    }
}
