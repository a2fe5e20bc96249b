//! Keys of any length under an elliptic curve key, by way of an AES key that exists for that one wrapping (PKCS#11 3.2,
//! ECDH AES KEY WRAP and its two successors): ECDH with a key pair of this one call, its public key, and then
//! CKM_AES_KEY_WRAP_KWP of the key under what was agreed.

use super::aes_key_wrap::AES_KEY_WRAP_KWP;
use super::collected::{AtOnce, Whole};
use super::ecdh::{self, Key};
use super::ecdh_kdf::Function;
use super::engine::key_wrap::{LONGEST, SEMIBLOCK};
use super::mechanism::{Ciphering, Context, Ops, Prepare, Row, Sizes, StartCiphering};
use super::start::first;
use super::{Material, der, ec, montgomery};
use crate::ck::params::Shape;
use crate::ck::{CK_FLAGS, CK_KEY_TYPE, CK_MECHANISM_TYPE, Error, Params, Result};
use crate::secret::Secret;
use cryptoki_sys::*;

/// CKM_ECDH_AES_KEY_WRAP: wraps and unwraps. Deprecated, and its form of the public key left open: it writes the point
/// alone, and takes in an OCTET STRING too. PKCS#11 3.2, ECDH AES KEY WRAP.
pub static ECDH_AES_KEY_WRAP: Row = Row {
    ops: Ops {
        encrypt: Some(|context, params| wrapping(Form::Plain, context, params)),
        decrypt: Some(|context, params| unwrapping(Form::Plain, context, params)),
        ..OPS
    },
    ..row(
        CKM_ECDH_AES_KEY_WRAP,
        &[CKK_EC, CKK_EC_MONTGOMERY],
        Sizes::Bits(255, 521),
        ec::FLAGS,
        ecdh::prepare,
    )
};

/// CKM_ECDH_COF_AES_KEY_WRAP: wraps and unwraps, with the point in an OCTET STRING.
/// PKCS#11 3.2, ECDH COFACTOR AES KEY WRAP.
pub static ECDH_COF_AES_KEY_WRAP: Row = Row {
    ops: Ops {
        encrypt: Some(|context, params| wrapping(Form::OctetString, context, params)),
        decrypt: Some(|context, params| unwrapping(Form::OctetString, context, params)),
        ..OPS
    },
    ..row(CKM_ECDH_COF_AES_KEY_WRAP, &[CKK_EC], ec::SIZES, ec::FLAGS, ec::prepare)
};

/// CKM_ECDH_X_AES_KEY_WRAP: wraps and unwraps, with the bytes of RFC 7748 as the public key.
/// PKCS#11 3.2, ECDH Montgomery AES KEY WRAP.
pub static ECDH_X_AES_KEY_WRAP: Row = Row {
    ops: Ops {
        encrypt: Some(|context, params| wrapping(Form::Plain, context, params)),
        decrypt: Some(|context, params| unwrapping(Form::Plain, context, params)),
        ..OPS
    },
    ..row(
        CKM_ECDH_X_AES_KEY_WRAP,
        &[CKK_EC_MONTGOMERY],
        montgomery::SIZES,
        montgomery::FLAGS,
        montgomery::prepare,
    )
};

const OPS: Ops = Ops { wraps: true, only_wraps: true, ..Ops::NONE };

const fn row(
    ckm: CK_MECHANISM_TYPE,
    key_types: &'static [CK_KEY_TYPE],
    sizes: Sizes,
    flags: CK_FLAGS,
    prepare: Prepare,
) -> Row {
    Row { ckm, key_types, sizes, shape: Shape::EcdhAes, flags, prepare: Some(prepare), ops: OPS }
}

/// How the public key stands before the wrapped key.
#[derive(Clone, Copy)]
enum Form {
    /// As its bytes.
    Plain,
    /// In a DER OCTET STRING.
    OctetString,
}

/// Both directions: the key, and what the parameter says.
struct Parts {
    key: Key,
    form: Form,
    function: Function,
    shared: Vec<u8>,
    aes_len: usize,
}

/// A running wrap.
struct Wrapping(Parts);

/// A running unwrap.
struct Unwrapping(Parts);

fn wrapping(form: Form, context: &Context, params: &Params) -> Result<Box<dyn Ciphering>> {
    let key = Key::public(context)?;
    let parts = Parts::new(key, form, params)?;
    let limit = parts.longest();
    Ok(Box::new(Whole::new(Wrapping(parts), limit, Error::DataLenRange)))
}

fn unwrapping(form: Form, context: &Context, params: &Params) -> Result<Box<dyn Ciphering>> {
    let key = Key::private(context)?;
    let parts = Parts::new(key, form, params)?;
    let limit = parts.longest();
    Ok(Box::new(Whole::new(Unwrapping(parts), limit, Error::EncryptedDataLenRange)))
}

impl Parts {
    fn new(key: Key, form: Form, params: &Params) -> Result<Self> {
        let Params::EcdhAes { aes_bits, kdf, shared } = params else {
            return Err(Error::MechanismParamInvalid);
        };
        // "Can be only 128, 192 or 256."
        let aes_len = match aes_bits {
            128 => 16,
            192 => 24,
            256 => 32,
            _ => return Err(Error::MechanismParamInvalid),
        };
        let function = Function::of(*kdf)?;
        function.takes(shared)?;
        Ok(Self { key, form, function, shared: shared.clone(), aes_len })
    }

    /// Longest input in bytes, in either direction.
    fn longest(&self) -> usize {
        LONGEST + SEMIBLOCK + element_len(Form::OctetString, &self.key)
    }

    /// The key wrap under the AES key that an agreed secret gives: "the first ulAESKeyBits bits of the derived key".
    fn inner(&self, start: Option<StartCiphering>, secret: &Secret) -> Result<Box<dyn Ciphering>> {
        let aes = self.function.bytes(secret, &self.shared, self.aes_len)?;
        let prepare = AES_KEY_WRAP_KWP.prepare.ok_or(Error::GeneralError)?;
        start.ok_or(Error::GeneralError)?(&prepare(&Material::Bytes(aes))?, &Params::None)
    }

    /// The public key before a wrapped key, and the wrapped key.
    fn split<'a>(&self, input: &'a [u8]) -> Result<(&'a [u8], &'a [u8])> {
        let len = self.key.public_len();
        // What is wrapped has whole semiblocks, and the two forms of a point differ by less than one.
        let plain = input.len().checked_sub(len).is_some_and(|rest| rest.is_multiple_of(SEMIBLOCK));
        let parts = match self.form {
            Form::Plain if plain => input.split_at_checked(len),
            Form::Plain if matches!(self.key, Key::Montgomery(_)) => None,
            Form::Plain | Form::OctetString => der::split(der::OCTET_STRING, input),
        };
        parts.ok_or(Error::EncryptedDataLenRange)
    }
}

/// Length of the public key of a key pair on the key's curve, in its form, in bytes.
fn element_len(form: Form, key: &Key) -> usize {
    match form {
        Form::Plain => key.public_len(),
        Form::OctetString => der::element(der::OCTET_STRING, &[&vec![0; key.public_len()]]).len(),
    }
}

impl AtOnce for Wrapping {
    fn output_len(&self, input: usize) -> usize {
        let padded = input.checked_next_multiple_of(SEMIBLOCK).unwrap_or(input);
        padded.saturating_add(SEMIBLOCK).saturating_add(element_len(self.0.form, &self.0.key))
    }

    fn run(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        let (secret, public) = self.0.key.ephemeral()?;
        let public = match self.0.form {
            Form::Plain => public,
            Form::OctetString => der::element(der::OCTET_STRING, &[&public]),
        };
        let len = self.output_len(input.len());
        let (before, rest) =
            first(out, len)?.split_at_mut_checked(public.len()).ok_or(Error::BufferTooSmall)?;
        before.copy_from_slice(&public);
        let wrapped = self.0.inner(AES_KEY_WRAP_KWP.ops.encrypt, &secret)?.whole(input, rest)?;
        Ok(public.len() + wrapped)
    }

    fn exact(&self) -> bool {
        true
    }
}

impl AtOnce for Unwrapping {
    fn output_len(&self, input: usize) -> usize {
        input.saturating_sub(SEMIBLOCK)
    }

    fn run(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        let (public, wrapped) = self.0.split(input)?;
        let secret = self.0.key.agree(public).map_err(|error| match error {
            Error::PublicKeyInvalid => Error::EncryptedDataInvalid,
            other => other,
        })?;
        self.0.inner(AES_KEY_WRAP_KWP.ops.decrypt, &secret)?.whole(wrapped, out)
    }

    fn exact(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ck::CK_ULONG;
    use crate::crypto::mechanism::Recipe;
    use crate::crypto::tests::*;
    use crate::crypto::{Montgomery, public_of};

    fn params(aes_bits: CK_ULONG, kdf: CK_ULONG, shared: &[u8]) -> Params {
        Params::EcdhAes { aes_bits, kdf, shared: shared.to_vec() }
    }

    /// A private key on every curve that the mechanism takes.
    fn keys(row: &Row) -> Vec<Material> {
        let mut keys = Vec::new();
        if row.key_types.contains(&CKK_EC) {
            for (curve, scalar, _) in ec::tests::known_keys() {
                keys.push(ec::import_private(*curve, &hex(scalar)).unwrap());
            }
        }
        if row.key_types.contains(&CKK_EC_MONTGOMERY) {
            for curve in Montgomery::ALL {
                keys.push(montgomery::import_private(*curve, &vec![0x55; curve.len()]).unwrap());
            }
        }
        keys
    }

    fn contexts(row: &Row, private: &Material) -> (Context, Context) {
        (context(row, private), context(row, &public_of(private).unwrap().unwrap()))
    }

    const ROWS: [&Row; 3] = [&ECDH_AES_KEY_WRAP, &ECDH_COF_AES_KEY_WRAP, &ECDH_X_AES_KEY_WRAP];

    #[test]
    fn unwrap_gives_back_what_was_wrapped_on_every_curve() {
        for row in ROWS {
            for key in keys(row) {
                let (private, public) = contexts(row, &key);
                for (aes_bits, kdf, shared, len) in [
                    (128, CKD_NULL, &b""[..], 1),
                    (192, CKD_SHA256_KDF, b"shared", 24),
                    (256, CKD_SHA3_512_KDF_SP800, b"", 1200),
                ] {
                    let params = params(aes_bits, kdf, shared);
                    let plain = vec![7; len];
                    let wrapped = whole(row.ops.encrypt, &public, &params, &plain).unwrap();
                    assert_eq!(whole(row.ops.decrypt, &private, &params, &wrapped), Ok(plain.clone()));
                    assert_eq!(in_pieces(row.ops.decrypt, &private, &params, &wrapped), Ok(plain.clone()));
                    // Another key pair each time.
                    let again = in_pieces(row.ops.encrypt, &public, &params, &plain).unwrap();
                    assert!(again.len() == wrapped.len() && again != wrapped);
                }
            }
        }
    }

    /// What is wrapped is made of its two mechanisms: put together by hand it opens, and taken apart it is that.
    #[test]
    fn a_wrapped_key_is_made_of_its_two_mechanisms() {
        for row in ROWS {
            for key in keys(row) {
                let (private, _) = contexts(row, &key);
                let agreement = |public: &[u8], private: &Material, len| {
                    let (kdf, shared) = (CKD_SHA384_KDF, b"shared".to_vec());
                    let params = Params::Ecdh1 { kdf, shared, public: public.to_vec() };
                    let recipe = Recipe { value_len: Some(len), ..Recipe::default() };
                    let context = context(&ecdh::ECDH1_DERIVE, private);
                    ecdh::ECDH1_DERIVE.ops.derive.unwrap()(&context, &params, &recipe).unwrap()
                };
                let point = |key: &Material| match public_of(key).unwrap().unwrap() {
                    Material::EcPublic { point, .. } | Material::MontgomeryPublic { key: point, .. } => point,
                    _ => panic!("no public key"),
                };
                let params = params(256, CKD_SHA384_KDF, b"shared");
                // The "other" key pair is the key itself, which is as good as any.
                let kek = Material::Bytes(agreement(&point(&key), &key, 32));
                let kek = context(&AES_KEY_WRAP_KWP, &kek);
                let inner =
                    whole(AES_KEY_WRAP_KWP.ops.encrypt, &kek, &Params::None, b"a key of any length").unwrap();
                let octets = der::element(der::OCTET_STRING, &[&point(&key)]);
                let forms = match row.ckm {
                    CKM_ECDH_AES_KEY_WRAP if matches!(key, Material::EcPrivate { .. }) => {
                        vec![point(&key), octets]
                    }
                    CKM_ECDH_COF_AES_KEY_WRAP => vec![octets],
                    _ => vec![point(&key)],
                };
                for form in forms {
                    let plain = whole(row.ops.decrypt, &private, &params, &[&form[..], &inner].concat());
                    assert_eq!(plain, Ok(b"a key of any length".to_vec()), "{:#x}", row.ckm);
                }
            }
        }
    }

    #[test]
    fn the_public_key_stands_as_each_mechanism_has_it() {
        let key = &keys(&ECDH_COF_AES_KEY_WRAP)[0];
        let params = params(128, CKD_SHA256_KDF, b"");
        let wrapped = |row: &Row, key: &Material| {
            let (_, public) = contexts(row, key);
            whole(row.ops.encrypt, &public, &params, &[7; 16]).unwrap()
        };
        let plain = wrapped(&ECDH_AES_KEY_WRAP, key);
        assert!(plain.len() == 65 + 24 && ec::decode_point(crate::crypto::Curve::P256, &plain[..65]).is_ok());
        let octets = wrapped(&ECDH_COF_AES_KEY_WRAP, key);
        assert_eq!((octets.len(), &octets[..3]), (67 + 24, &[4, 65, 4][..]));
        let key = &keys(&ECDH_X_AES_KEY_WRAP)[0];
        for row in [&ECDH_AES_KEY_WRAP, &ECDH_X_AES_KEY_WRAP] {
            assert_eq!(wrapped(row, key).len(), 32 + 24);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for row in ROWS {
            let key = keys(row).pop().unwrap();
            let (private, public) = contexts(row, &key);
            let right = params(128, CKD_SHA256_KDF, b"shared");
            let mut wrapped = whole(row.ops.encrypt, &public, &right, &[7; 40]).unwrap();
            let refused =
                |params: &Params, wrapped: &[u8]| whole(row.ops.decrypt, &private, params, wrapped).err();
            let invalid = Some(Error::EncryptedDataInvalid);
            for at in [10, wrapped.len() - 48, wrapped.len() - 1] {
                wrapped[at] ^= 1;
                assert_eq!(refused(&right, &wrapped), invalid, "{:#x} {at}", row.ckm);
                wrapped[at] ^= 1;
            }
            assert_eq!(refused(&params(128, CKD_SHA256_KDF, b"other"), &wrapped), invalid);
            assert_eq!(refused(&params(256, CKD_SHA256_KDF, b"shared"), &wrapped), invalid);
            for len in 0..wrapped.len() {
                let refused = refused(&right, &wrapped[..len]);
                let codes = [Error::EncryptedDataLenRange, Error::EncryptedDataInvalid];
                assert!(refused.is_some_and(|error| codes.contains(&error)), "{:#x} {len}", row.ckm);
            }
            assert_eq!(whole(row.ops.encrypt, &public, &right, &[]), Err(Error::DataLenRange));
            for wrong in [
                Params::None,
                params(0, CKD_SHA256_KDF, b""),
                params(255, CKD_SHA256_KDF, b""),
                params(512, CKD_SHA256_KDF, b""),
                params(256, CKD_NULL, b"shared"),
                params(256, 0x99, b""),
            ] {
                for (start, context) in [(row.ops.encrypt, &public), (row.ops.decrypt, &private)] {
                    let refused = start.unwrap()(context, &wrong).err();
                    assert_eq!(refused, Some(Error::MechanismParamInvalid), "{:#x}", row.ckm);
                }
            }
            let refused = row.ops.decrypt.unwrap()(&public, &right).err();
            assert_eq!(refused, Some(Error::KeyTypeInconsistent));
        }
    }

    #[test]
    fn a_public_key_of_small_order_opens_nothing() {
        let key = montgomery::import_private(Montgomery::X25519, &[7; 32]).unwrap();
        let (private, _) = contexts(&ECDH_X_AES_KEY_WRAP, &key);
        for point in montgomery::tests::SMALL_ORDER {
            let wrapped = [hex(point), vec![7; 24]].concat();
            let params = params(128, CKD_NULL, b"");
            let refused = whole(ECDH_X_AES_KEY_WRAP.ops.decrypt, &private, &params, &wrapped);
            assert_eq!(refused, Err(Error::EncryptedDataInvalid));
        }
    }
}
