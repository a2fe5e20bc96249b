//! Triple DES (SP 800-67 Rev. 2), for what was protected with it long ago: it decrypts and unwraps and does nothing
//! else, and no key for it is made here (SP 800-131A Rev. 2, 2: encryption is disallowed after 2023, decryption is
//! legacy use). AWS-LC's DES looks up tables, so its time may tell of the key to whoever shares the cache.

use super::Material;
use super::blocks::Blocks;
use super::engine::cipher::{CipherKey, DES_BLOCK, Direction, Mode};
use super::mechanism::{Ciphering, Context, Ops, Prepare, Row, Sizes};
use super::self_test::{self, Family};
use super::start::{no_params, prepared};
use crate::ck::params::Shape;
use crate::ck::{CK_KEY_TYPE, CK_MECHANISM_TYPE, Error, Params, Result};
use crate::secret::Secret;
use cryptoki_sys::*;
use std::sync::Arc;
use subtle::{Choice, ConstantTimeEq};

/// CKM_DES3_ECB: whole blocks. PKCS#11 3.2, 6.18.
pub static DES3_ECB: Row = row(
    CKM_DES3_ECB,
    Shape::None,
    |key| prepare(Mode::Ecb, key),
    |context, params| {
        no_params(params)?;
        start(false, context, &[0; DES_BLOCK])
    },
);
/// CKM_DES3_CBC: whole blocks. PKCS#11 3.2, 6.18.
pub static DES3_CBC: Row = row(CKM_DES3_CBC, Shape::Iv(DES_BLOCK), prepare_cbc, |context, params| {
    start(false, context, iv_of(params)?)
});
/// CKM_DES3_CBC_PAD: data of any length. PKCS#11 3.2, 6.18.
pub static DES3_CBC_PAD: Row = row(CKM_DES3_CBC_PAD, Shape::Iv(DES_BLOCK), prepare_cbc, |context, params| {
    start(true, context, iv_of(params)?)
});

type Start = fn(&Context, &Params) -> Result<Box<dyn Ciphering>>;

const fn row(ckm: CK_MECHANISM_TYPE, shape: Shape, prepare: Prepare, decrypt: Start) -> Row {
    Row {
        ckm,
        key_types: &[CKK_DES2, CKK_DES3],
        sizes: Sizes::Bytes(16, 24),
        shape,
        flags: 0,
        prepare: Some(prepare),
        ops: Ops {
            decrypt: Some(decrypt),
            wraps: true,
            // Whoever wrapped without a padding put zeros behind the key, up to a block of 8 bytes.
            zero_pads: !matches!(ckm, CKM_DES3_CBC_PAD),
            bare_padding: true,
            ..Ops::NONE
        },
    }
}

/// Length in bytes of a key of the type; `None` for other types.
pub const fn key_len(kind: CK_KEY_TYPE) -> Option<usize> {
    match kind {
        CKK_DES2 => Some(16),
        CKK_DES3 => Some(24),
        _ => None,
    }
}

/// A key of a caller's bytes: as long as its type wants it, every byte of odd parity (PKCS#11 3.2, 6.18), and no two
/// neighbours of its two or three keys equal, which would make it single DES (`CKR_ATTRIBUTE_VALUE_INVALID`).
pub fn import(kind: CK_KEY_TYPE, bytes: &[u8]) -> Result<Material> {
    let odd = bytes.iter().fold(Choice::from(1), |odd, byte| odd & parity(*byte));
    let (keys, _) = bytes.as_chunks::<DES_BLOCK>();
    let doubled = keys
        .iter()
        .zip(keys.iter().skip(1))
        .fold(Choice::from(0), |doubled, (one, other)| doubled | one.ct_eq(other));
    if key_len(kind) == Some(bytes.len()) && bool::from(odd & !doubled) {
        Ok(Material::Bytes(Secret::from_slice(bytes)))
    } else {
        Err(Error::AttributeValueInvalid)
    }
}

/// Whether the number of bits that are set is odd.
fn parity(byte: u8) -> Choice {
    let half = byte ^ byte >> 4;
    let quarter = half ^ half >> 2;
    Choice::from((quarter ^ quarter >> 1) & 1)
}

fn prepare(mode: Mode, key: &Material) -> Result<Context> {
    self_test::ready(Family::TripleDes)?;
    match key {
        Material::Bytes(secret) if matches!(secret.len(), 16 | 24) => {
            Ok(Arc::new(CipherKey::triple_des(mode, Direction::Decrypt, secret.expose())?))
        }
        Material::Bytes(_) => Err(Error::KeySizeRange),
        _ => Err(Error::KeyTypeInconsistent),
    }
}

fn prepare_cbc(key: &Material) -> Result<Context> {
    prepare(Mode::Cbc, key)
}

fn iv_of(params: &Params) -> Result<&[u8; DES_BLOCK]> {
    match params {
        Params::Iv(iv) => iv.as_slice().try_into().map_err(|_| Error::MechanismParamInvalid),
        _ => Err(Error::MechanismParamInvalid),
    }
}

fn start(padded: bool, context: &Context, iv: &[u8; DES_BLOCK]) -> Result<Box<dyn Ciphering>> {
    let key: Arc<CipherKey> = prepared(context)?;
    Ok(Box::new(Blocks::new(&key, Direction::Decrypt, padded, iv)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::tests::*;

    /// Keys and plaintext of SP 800-67 Rev. 1, appendix B.
    const KEYS: &str = "0123456789abcdef23456789abcdef01456789abcdef0123";
    const PLAINTEXT: &[u8] = b"The qufck brown fox jump";

    fn key(kind: CK_KEY_TYPE, digits: &str) -> Material {
        import(kind, &hex(digits)).unwrap()
    }

    fn check(row: &Row, key: &Material, params: &Params, ciphertext: &str, plaintext: &[u8]) {
        let context = context(row, key);
        for run in [whole, in_pieces] {
            assert_eq!(run(row.ops.decrypt, &context, params, &hex(ciphertext)).as_deref(), Ok(plaintext));
        }
    }

    /// SP 800-67 Rev. 1, B.1 and B.2.
    #[test]
    fn ecb_of_sp_800_67_is_known() {
        let ciphertext = "a826fd8ce53b855fcce21c8112256fe668d5c05dd9b6b900";
        check(&DES3_ECB, &key(CKK_DES3, KEYS), &Params::None, ciphertext, PLAINTEXT);
    }

    /// Made by OpenSSL: `des-ede3-cbc`, `des-ede-cbc` and `des-ede` with the keys above.
    #[test]
    fn cbc_and_two_keys_equal_openssl() {
        let iv = Params::Iv(hex("f0e1d2c3b4a59687"));
        let (three, two) = (key(CKK_DES3, KEYS), key(CKK_DES2, &KEYS[..32]));
        for (key, plain, padded) in [(&three, CBC_3, CBC_3_PAD), (&two, CBC_2, CBC_2_PAD)] {
            check(&DES3_CBC, key, &iv, plain, PLAINTEXT);
            check(&DES3_CBC_PAD, key, &iv, padded, &PLAINTEXT[..21]);
        }
        check(&DES3_ECB, &two, &Params::None, ECB_2, PLAINTEXT);
        // A third key that is the first again.
        check(
            &DES3_ECB,
            &key(CKK_DES3, &[&KEYS[..32], &KEYS[..16]].concat()),
            &Params::None,
            ECB_2,
            PLAINTEXT,
        );
    }

    const CBC_3: &str = "ad7ff467a5ff0161ac76c53ab6e7df516eb0807b06690f67";
    const CBC_3_PAD: &str = "ad7ff467a5ff0161ac76c53ab6e7df51f00bc2cb465c1123";
    const CBC_2: &str = "972d1736cd05d61ec72cdd0dcdd4300cad64e578b0d447e4";
    const CBC_2_PAD: &str = "972d1736cd05d61ec72cdd0dcdd4300c611f243cc99f9e9d";
    const ECB_2: &str = "c44862f70cf2fbdc9077d0909fa91b884cabd61fc58e0cbb";

    #[test]
    fn nothing_is_encrypted() {
        for row in [&DES3_ECB, &DES3_CBC, &DES3_CBC_PAD] {
            assert!(row.ops.encrypt.is_none() && row.ops.generate.is_none() && row.ops.derive.is_none());
        }
    }

    #[test]
    fn keys_that_are_no_triple_des_keys_are_refused() {
        let single = &KEYS[..16];
        for (kind, digits) in [
            (CKK_DES3, &KEYS[..32]),
            (CKK_DES2, KEYS),
            (CKK_DES2, ""),
            (CKK_DES3, ""),
            (CKK_AES, &KEYS[..32]),
            (CKK_DES2, &[single, single].concat()),
            (CKK_DES3, &[single, single, &KEYS[16..32]].concat()),
            (CKK_DES3, &[&KEYS[16..32], single, single].concat()),
        ] {
            assert_eq!(import(kind, &hex(digits)).err(), Some(Error::AttributeValueInvalid), "{digits}");
        }
        for at in 0..24 {
            let mut even = hex(KEYS);
            even[at] ^= 1;
            assert_eq!(import(CKK_DES3, &even).err(), Some(Error::AttributeValueInvalid), "{at}");
        }
        assert_eq!(prepare_cbc(&Material::Bytes(Secret::zeroed(8))).err(), Some(Error::KeySizeRange));
        assert_eq!(prepare_cbc(&Material::EdPublic(vec![0; 32])).err(), Some(Error::KeyTypeInconsistent));
    }

    #[test]
    fn parity_counts_bits() {
        for byte in 0..=255_u8 {
            assert_eq!(bool::from(parity(byte)), byte.count_ones() % 2 == 1);
        }
    }

    #[test]
    fn wrong_parameters_lengths_and_paddings_are_refused() {
        let context = context(&DES3_CBC_PAD, &key(CKK_DES3, KEYS));
        for params in [Params::None, Params::Iv(vec![0; 7]), Params::Iv(vec![0; 16])] {
            assert_eq!(
                DES3_CBC.ops.decrypt.unwrap()(&context, &params).err(),
                Some(Error::MechanismParamInvalid)
            );
        }
        let iv = Params::Iv(hex("f0e1d2c3b4a59687"));
        for len in [0, 7, 9] {
            let refused = whole(DES3_CBC_PAD.ops.decrypt, &context, &iv, &vec![1; len]);
            assert_eq!(refused, Err(Error::EncryptedDataLenRange));
        }
        let mut tampered = hex(CBC_3_PAD);
        tampered[15] ^= 0x40;
        for run in [whole, in_pieces] {
            let refused = run(DES3_CBC_PAD.ops.decrypt, &context, &iv, &tampered);
            assert_eq!(refused, Err(Error::EncryptedDataInvalid));
        }
    }
}
