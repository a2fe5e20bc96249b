//! What the module puts together over the engine's HMAC, CMAC, digests and block modes, beside a library's function for
//! the whole: SP 800-108, X9.63, the one-step derivation, TLS 1.2, and ciphertext stealing.

use super::codes::HASHES;
use super::{Dice, rounds};
use crate::ck::Params;
use crate::ck::derivation::{Kbkdf, NumberFormat, PrfData};
use crate::crypto::digest;
use crate::crypto::ecdh_kdf::Function;
use crate::crypto::engine::digest::Hash;
use crate::crypto::mechanism::{Recipe, Row, Sources};
use crate::crypto::tests::{check_cipher, context};
use crate::crypto::{Material, aes, aes_cts, sp800_108, tls_prf};
use crate::secret::Secret;
use crate::sys::aws_lc::compositions;
use ::kbkdf::Kbkdf as _;
use ::kbkdf::{Counter, DoublePipeline, Feedback};
use cmac::Cmac;
use cryptoki_sys::*;
use hmac::digest::array::{Array, ArraySize, typenum::Unsigned};
use hmac::digest::common::KeySizeUser;
use hmac::digest::consts::{U8, U16, U24, U32, U300};
use hmac::digest::{KeyInit, Mac};
use hmac::{Hmac, SimpleHmac};
use std::ops::Mul;

// --- SP 800-108 -----------------------------------------------------------------------------------------------

/// What the crate derives: so many bytes, of which the first ones are compared.
struct Derived;

const LONGEST: usize = 300;

impl KeySizeUser for Derived {
    type KeySize = U300;
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mode {
    Counter,
    Feedback,
    DoublePipeline,
}

/// One derivation.
struct Case {
    mode: Mode,
    key: Vec<u8>,
    label: Vec<u8>,
    context: Vec<u8>,
    /// As long as the function's value, or empty.
    iv: Vec<u8>,
    /// Width of the counter in bits; `None` where there is none.
    counter: Option<CK_ULONG>,
    /// Whether the length of what is derived stands in the input.
    with_length: bool,
}

impl Case {
    fn draw(mode: Mode, key: Vec<u8>, value_len: usize, dice: &mut Dice) -> Self {
        let iv_len = if mode == Mode::Feedback && dice.below(2) == 0 { value_len } else { 0 };
        let has_counter = mode == Mode::Counter || dice.below(2) == 0;
        Self {
            mode,
            key,
            label: dice.message(60),
            context: dice.message(100),
            iv: dice.bytes(iv_len),
            counter: has_counter.then(|| dice.pick(&[8, 16, 24, 32])),
            // The crate leaves the length out of the first value of the second chain, where SP 800-108, 4.3, has it.
            with_length: mode != Mode::DoublePipeline && dice.below(2) == 0,
        }
    }

    /// By the crate, over one function.
    fn by_crate<P>(&self) -> Vec<u8>
    where
        P: Mac + KeyInit,
        P::OutputSize: ArraySize + Mul<U8>,
        <P::OutputSize as Mul<U8>>::Output: Unsigned,
    {
        match self.counter {
            Some(8) => self.with_width::<P, U8>(),
            Some(16) => self.with_width::<P, U16>(),
            Some(24) => self.with_width::<P, U24>(),
            _ => self.with_width::<P, U32>(),
        }
    }

    fn with_width<P, R>(&self) -> Vec<u8>
    where
        P: Mac + KeyInit,
        P::OutputSize: ArraySize + Mul<U8>,
        <P::OutputSize as Mul<U8>>::Output: Unsigned,
        R: ::kbkdf::sealed::R,
    {
        let params = ::kbkdf::Params::builder(&self.key)
            .with_label(&self.label)
            .with_context(&self.context)
            .use_l(self.with_length)
            .use_counter(self.counter.is_some())
            .build();
        let iv = (!self.iv.is_empty()).then(|| Array::try_from(&self.iv[..]).unwrap());
        let derived = match self.mode {
            Mode::Counter => Counter::<P, Derived, R>::default().derive(params),
            Mode::Feedback => Feedback::<P, Derived, R>::new(iv.as_ref()).derive(params),
            Mode::DoublePipeline => DoublePipeline::<P, Derived, R>::default().derive(params),
        };
        derived.unwrap().to_vec()
    }

    /// By the module.
    fn by_module(&self, prf: CK_MECHANISM_TYPE, key_type: CK_KEY_TYPE, len: usize) -> Vec<u8> {
        let wide = |width| NumberFormat { little_endian: false, width };
        let mut data = Vec::new();
        match (self.mode, self.counter) {
            (Mode::Counter, width) => data.push(PrfData::Iteration(width.map(wide))),
            (_, None) => data.push(PrfData::Iteration(None)),
            (_, Some(width)) => data.extend([PrfData::Iteration(None), PrfData::Counter(wide(width))]),
        }
        data.push(PrfData::Bytes([&self.label[..], &[0], &self.context].concat()));
        if self.with_length {
            data.push(PrfData::Length { segments: false, format: wide(32) });
        }
        let row: &Row = match self.mode {
            Mode::Counter => &sp800_108::COUNTER,
            Mode::Feedback => &sp800_108::FEEDBACK,
            Mode::DoublePipeline => &sp800_108::DOUBLE_PIPELINE,
        };
        let sources = Sources {
            base: &Material::Bytes(Secret::from_slice(&self.key)),
            base_type: Some(key_type),
            seconds: &[],
            params: &Params::Kbkdf(Kbkdf { prf, data, iv: self.iv.clone() }),
            recipes: &[Recipe { value_len: Some(len), ..Recipe::default() }],
        };
        let derived = (row.ops.derivation.unwrap().derive)(&sources).unwrap();
        derived.values[0].expose().to_vec()
    }
}

/// One function in the three modes, with random layouts.
fn by_prf<P>(name: &str, prf: CK_MECHANISM_TYPE, key_type: CK_KEY_TYPE, key_lens: &[usize])
where
    P: Mac + KeyInit,
    P::OutputSize: ArraySize + Mul<U8>,
    <P::OutputSize as Mul<U8>>::Output: Unsigned,
{
    for mode in [Mode::Counter, Mode::Feedback, Mode::DoublePipeline] {
        rounds(&format!("SP 800-108 {mode:?} {name}"), 40, |dice| {
            let key_len = dice.pick(key_lens);
            let case = Case::draw(mode, dice.bytes(key_len), P::OutputSize::USIZE, dice);
            let len = if case.with_length { LONGEST } else { 1 + dice.below(LONGEST) };
            assert_eq!(case.by_module(prf, key_type, len), case.by_crate::<P>()[..len]);
        });
    }
}

#[test]
fn sp_800_108_is_that_of_the_crate() {
    let lens = [1, 16, 20, 32, 64, 65, 128, 137, 200];
    let generic = CKK_GENERIC_SECRET;
    by_prf::<Hmac<sha1::Sha1>>("SHA-1", CKM_SHA_1_HMAC, generic, &lens);
    by_prf::<Hmac<sha2::Sha224>>("SHA-224", CKM_SHA224_HMAC, generic, &lens);
    by_prf::<Hmac<sha2::Sha256>>("SHA-256", CKM_SHA256_HMAC, generic, &lens);
    by_prf::<Hmac<sha2::Sha384>>("SHA-384", CKM_SHA384_HMAC, generic, &lens);
    by_prf::<Hmac<sha2::Sha512>>("SHA-512", CKM_SHA512_HMAC, generic, &lens);
    by_prf::<SimpleHmac<sha3::Sha3_256>>("SHA3-256", CKM_SHA3_256_HMAC, generic, &lens);
    by_prf::<SimpleHmac<sha3::Sha3_512>>("SHA3-512", CKM_SHA3_512_HMAC, generic, &lens);
    by_prf::<Cmac<::aes::Aes128>>("AES-128", CKM_AES_CMAC, CKK_AES, &[16]);
    by_prf::<Cmac<::aes::Aes192>>("AES-192", CKM_AES_CMAC, CKK_AES, &[24]);
    by_prf::<Cmac<::aes::Aes256>>("AES-256", CKM_AES_CMAC, CKK_AES, &[32]);
}

#[test]
fn counter_mode_is_that_of_aws_lc() {
    for (hash, prf) in [
        (Hash::Sha1, CKM_SHA_1_HMAC),
        (Hash::Sha224, CKM_SHA224_HMAC),
        (Hash::Sha256, CKM_SHA256_HMAC),
        (Hash::Sha384, CKM_SHA384_HMAC),
        (Hash::Sha512, CKM_SHA512_HMAC),
    ] {
        rounds(&format!("counter mode {hash:?}"), 40, |dice| {
            let key = [&[1][..], &dice.message(200)].concat();
            let mut case = Case::draw(Mode::Counter, key, hash.len(), dice);
            (case.counter, case.with_length) = (Some(32), false);
            let mut out = vec![0; 1 + dice.len(800)];
            let input = [&case.label[..], &[0], &case.context].concat();
            compositions::counter_mode(hash, &case.key, &input, &mut out).unwrap();
            assert_eq!(case.by_module(prf, CKK_GENERIC_SECRET, out.len()), out);
        });
    }
}

// --- X9.63, SP 800-56C, TLS 1.2 -------------------------------------------------------------------------------

#[test]
fn x9_63_is_that_of_the_crate() {
    type Derive = fn(&[u8], &[u8], &mut [u8]) -> Result<(), ansi_x963_kdf::Error>;
    let functions: [(&'static Row, Derive); 9] = [
        (&digest::SHA_1, ansi_x963_kdf::derive_key_into::<sha1::Sha1>),
        (&digest::SHA224, ansi_x963_kdf::derive_key_into::<sha2::Sha224>),
        (&digest::SHA256, ansi_x963_kdf::derive_key_into::<sha2::Sha256>),
        (&digest::SHA384, ansi_x963_kdf::derive_key_into::<sha2::Sha384>),
        (&digest::SHA512, ansi_x963_kdf::derive_key_into::<sha2::Sha512>),
        (&digest::SHA3_224, ansi_x963_kdf::derive_key_into::<sha3::Sha3_224>),
        (&digest::SHA3_256, ansi_x963_kdf::derive_key_into::<sha3::Sha3_256>),
        (&digest::SHA3_384, ansi_x963_kdf::derive_key_into::<sha3::Sha3_384>),
        (&digest::SHA3_512, ansi_x963_kdf::derive_key_into::<sha3::Sha3_512>),
    ];
    for (row, derive) in functions {
        rounds(&format!("X9.63 {:#x}", row.ckm), 60, |dice| {
            let (secret, shared) = ([&[1][..], &dice.message(140)].concat(), dice.message(200));
            let mut out = vec![0; 1 + dice.len(700)];
            derive(&secret, &shared, &mut out).unwrap();
            let own = Function::X963(row).bytes(&Secret::from_slice(&secret), &shared, out.len()).unwrap();
            assert_eq!(own.expose(), out);
        });
    }
}

#[test]
fn one_step_derivation_is_that_of_aws_lc() {
    let functions: [(&'static Row, Hash); 9] = [
        (&digest::SHA_1, Hash::Sha1),
        (&digest::SHA224, Hash::Sha224),
        (&digest::SHA256, Hash::Sha256),
        (&digest::SHA384, Hash::Sha384),
        (&digest::SHA512, Hash::Sha512),
        (&digest::SHA3_224, Hash::Sha3_224),
        (&digest::SHA3_256, Hash::Sha3_256),
        (&digest::SHA3_384, Hash::Sha3_384),
        (&digest::SHA3_512, Hash::Sha3_512),
    ];
    for (row, hash) in functions {
        rounds(&format!("one step {hash:?}"), 60, |dice| {
            let (secret, info) = ([&[1][..], &dice.message(140)].concat(), dice.message(200));
            let mut out = vec![0; 1 + dice.len(700)];
            compositions::one_step(hash, &secret, &info, &mut out).unwrap();
            let own = Function::OneStep(row).bytes(&Secret::from_slice(&secret), &info, out.len()).unwrap();
            assert_eq!(own.expose(), out);
        });
    }
}

#[test]
fn the_function_of_tls_is_that_of_aws_lc() {
    for hash in HASHES {
        rounds(&format!("TLS {hash:?}"), 40, |dice| {
            let (secret, label, seed) = (dice.message(200), dice.message(30), dice.message(130));
            let len = 1 + dice.len(500);
            let (mut out, mut own) = (vec![0; len], vec![0; len]);
            compositions::tls_prf(hash, &secret, &label, &seed, &mut out).unwrap();
            tls_prf::expand(hash, &secret, &[&label, &seed], &mut own).unwrap();
            assert_eq!(own, out);
        });
    }
}

// --- Ciphertext stealing --------------------------------------------------------------------------------------

/// The engine does the beginning and the crate the end; here the crate does the whole.
#[test]
fn ciphertext_stealing_is_that_of_the_whole_crate() {
    use ::aes::cipher::InnerIvInit;
    use cts::{CbcCs1, Encrypt};
    rounds("CTS", 60, |dice| {
        let (key_len, iv) = (dice.pick(&[16, 24, 32]), dice.array::<16>());
        let key = dice.bytes(key_len);
        let plaintext = [&dice.bytes(16)[..], &dice.message(1000)].concat();
        let mut expected = plaintext.clone();
        let answer = match key_len {
            16 => {
                let cipher = ::aes::Aes128::new_from_slice(&key).unwrap();
                CbcCs1::inner_iv_init(&cipher, &iv.into()).encrypt(&mut expected)
            }
            24 => {
                let cipher = ::aes::Aes192::new_from_slice(&key).unwrap();
                CbcCs1::inner_iv_init(&cipher, &iv.into()).encrypt(&mut expected)
            }
            _ => {
                let cipher = ::aes::Aes256::new_from_slice(&key).unwrap();
                CbcCs1::inner_iv_init(&cipher, &iv.into()).encrypt(&mut expected)
            }
        };
        answer.unwrap();
        let context = context(&aes_cts::AES_CTS, &aes::import(&key).unwrap());
        check_cipher(&aes_cts::AES_CTS, &context, &Params::Iv(iv.to_vec()), &plaintext, &expected);
    });
}
