//! SLH-DSA and HashSLH-DSA (FIPS 205): key pairs and signatures. PKCS#11 3.2, SLH-DSA.
//!
//! A signature reads its message twice, so one in parts is kept whole, up to [`MESSAGE_LIMIT`]; HashSLH-DSA has no
//! such limit.

mod keys;
#[cfg(test)]
mod tests;

use super::Material;
use super::collected::Collected;
use super::digest::Hash;
use super::engine::keccak::Function;
use super::mechanism::{Context, Ops, Row, Signing, Sizes, StartSigning, StartVerifying, Verifying};
use super::message_hash::{self, MessageHash};
use super::random;
use super::self_test::{self, Family};
use super::signature_context::{Domain, SignatureContext};
use super::start::{first, prepared};
use crate::ck::params::Shape;
use crate::ck::{CK_MECHANISM_TYPE, Error, Params, Result};
use crate::secret::Secret;
use cryptoki_sys::*;
use keyward_slh_dsa_sets::Refusal;
use std::sync::Arc;

pub use keys::{bits, import_private, import_public, number_of, oid, public_of, set_of};
pub use keyward_slh_dsa_sets::Set;
pub(super) use keyward_slh_dsa_sets::{key_pair, sign, verify};

/// Lengths of public keys: what `C_GetMechanismInfo` reports.
const SIZES: Sizes = Sizes::Bytes(32, 64);

/// At most so much of a message in parts.
const MESSAGE_LIMIT: usize = 64 << 20;

/// CKM_SLH_DSA_KEY_PAIR_GEN.
pub static KEY_PAIR_GEN: Row = Row {
    ckm: CKM_SLH_DSA_KEY_PAIR_GEN,
    key_types: &[CKK_SLH_DSA],
    sizes: SIZES,
    shape: Shape::None,
    flags: 0,
    prepare: None,
    ops: Ops { generate_pair: Some(keys::generate_pair), ..Ops::NONE },
};

/// CKM_SLH_DSA: signs the message itself.
pub static SLH_DSA: Row = row(CKM_SLH_DSA, Shape::SignatureContext, sign_pure, verify_pure);

/// CKM_HASH_SLH_DSA: signs a digest that the caller took with the function that the parameter names.
pub static HASH_SLH_DSA: Row = row(CKM_HASH_SLH_DSA, Shape::HashSignatureContext, sign_digest, verify_digest);

/// A row of HashSLH-DSA that takes the digest itself.
macro_rules! hashing {
    ($(#[$doc:meta])* $name:ident, $ckm:ident, $hash:expr) => {
        $(#[$doc])*
        pub static $name: Row = row(
            $ckm,
            Shape::SignatureContext,
            |context, params| sign_hashing($hash, context, params),
            |context, params| verify_hashing($hash, context, params),
        );
    };
}

hashing!(/// CKM_HASH_SLH_DSA_SHA224.
    SHA224, CKM_HASH_SLH_DSA_SHA224, MessageHash::Digest(Hash::Sha224));
hashing!(/// CKM_HASH_SLH_DSA_SHA256.
    SHA256, CKM_HASH_SLH_DSA_SHA256, MessageHash::Digest(Hash::Sha256));
hashing!(/// CKM_HASH_SLH_DSA_SHA384.
    SHA384, CKM_HASH_SLH_DSA_SHA384, MessageHash::Digest(Hash::Sha384));
hashing!(/// CKM_HASH_SLH_DSA_SHA512.
    SHA512, CKM_HASH_SLH_DSA_SHA512, MessageHash::Digest(Hash::Sha512));
hashing!(/// CKM_HASH_SLH_DSA_SHA3_224.
    SHA3_224, CKM_HASH_SLH_DSA_SHA3_224, MessageHash::Digest(Hash::Sha3_224));
hashing!(/// CKM_HASH_SLH_DSA_SHA3_256.
    SHA3_256, CKM_HASH_SLH_DSA_SHA3_256, MessageHash::Digest(Hash::Sha3_256));
hashing!(/// CKM_HASH_SLH_DSA_SHA3_384.
    SHA3_384, CKM_HASH_SLH_DSA_SHA3_384, MessageHash::Digest(Hash::Sha3_384));
hashing!(/// CKM_HASH_SLH_DSA_SHA3_512.
    SHA3_512, CKM_HASH_SLH_DSA_SHA3_512, MessageHash::Digest(Hash::Sha3_512));
hashing!(/// CKM_HASH_SLH_DSA_SHAKE128.
    SHAKE128, CKM_HASH_SLH_DSA_SHAKE128, MessageHash::Shake(Function::Shake128));
hashing!(/// CKM_HASH_SLH_DSA_SHAKE256.
    SHAKE256, CKM_HASH_SLH_DSA_SHAKE256, MessageHash::Shake(Function::Shake256));

const fn row(ckm: CK_MECHANISM_TYPE, shape: Shape, sign: StartSigning, verify: StartVerifying) -> Row {
    Row {
        ckm,
        key_types: &[CKK_SLH_DSA],
        sizes: SIZES,
        shape,
        flags: 0,
        prepare: Some(prepare),
        ops: Ops { sign: Some(sign), verify: Some(verify), ..Ops::NONE },
    }
}

/// A key made ready: there is nothing to compute beforehand.
struct Key {
    set: Set,
    public: Vec<u8>,
    private: Option<Secret>,
}

fn prepare(key: &Material) -> Result<Context> {
    self_test::ready(Family::SlhDsa)?;
    Ok(Arc::new(match key {
        Material::SlhDsaPublic { set, key } => Key { set: *set, public: key.clone(), private: None },
        Material::SlhDsaPrivate { set, key } => {
            let public = set.public_part(key.expose()).ok_or(Error::KeySizeRange)?.to_vec();
            Key { set: *set, public, private: Some(Secret::from_slice(key.expose())) }
        }
        _ => return Err(Error::KeyTypeInconsistent),
    }))
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            // The lengths of ours are right.
            Refusal::Length => Self::GeneralError,
            Refusal::Signature => Self::SignatureInvalid,
        }
    }
}

/// What is signed behind the header.
enum Form {
    /// The message.
    Pure(Collected),
    /// Its digest, which is taken here.
    Hashing(message_hash::Running),
    /// A digest of this length exactly.
    Digest(Collected, usize),
}

/// A running signature or verification.
struct Running {
    key: Arc<Key>,
    deterministic: bool,
    form: Form,
    /// Domain, context, and the name of the hash function where there is one.
    header: Vec<u8>,
}

impl Running {
    fn new(
        context: &Context,
        signature: &SignatureContext,
        form: Form,
        hash: Option<MessageHash>,
    ) -> Result<Self> {
        let header = match hash {
            None => signature.header(Domain::Pure),
            Some(hash) => [signature.header(Domain::Hashed).as_slice(), &hash.oid()?].concat(),
        };
        Ok(Self { key: prepared(context)?, deterministic: false, form, header })
    }

    /// Makes it one that signs.
    fn signing(mut self, signature: &SignatureContext) -> Result<Box<dyn Signing>> {
        self.deterministic = signature.deterministic()?;
        if self.key.private.is_none() {
            return Err(Error::KeyTypeInconsistent);
        }
        Ok(Box::new(self))
    }

    fn update(&mut self, data: &[u8]) -> Result<()> {
        match &mut self.form {
            Form::Hashing(hash) => hash.update(data),
            Form::Pure(message) | Form::Digest(message, _) => message.push(data),
        }
    }

    /// Runs `work` on what came.
    fn finish<T>(&mut self, work: impl FnOnce(&Self, &[u8]) -> Result<T>) -> Result<T> {
        match &mut self.form {
            Form::Hashing(hash) => {
                let mut room = [0; message_hash::MAX_LEN];
                let len = hash.finish(&mut room)?;
                work(self, room.get(..len).ok_or(Error::GeneralError)?)
            }
            Form::Pure(message) => {
                let message = message.take();
                work(self, &message)
            }
            Form::Digest(digest, len) => {
                let digest = digest.take();
                if digest.len() != *len {
                    return Err(Error::DataLenRange);
                }
                work(self, &digest)
            }
        }
    }

    fn sign_input(&self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        let set = self.key.set;
        let out = first(out, set.signature_len())?;
        let private = self.key.private.as_ref().ok_or(Error::KeyTypeInconsistent)?;
        let mut randomness = Secret::zeroed(set.n());
        random::fill(randomness.expose_mut())?;
        let randomness = (!self.deterministic).then_some(randomness.expose());
        sign(set, private.expose(), &[&self.header, input], randomness, out)?;
        // A fault would let others sign with parts of the key, and verifying costs little: what does not verify is
        // not given out.
        verify(set, &self.key.public, &[&self.header, input], out).map_err(|_| Error::DeviceError)?;
        Ok(set.signature_len())
    }

    fn verify_input(&self, input: &[u8], signature: &[u8]) -> Result<()> {
        if signature.len() != self.key.set.signature_len() {
            return Err(Error::SignatureLenRange);
        }
        Ok(verify(self.key.set, &self.key.public, &[&self.header, input], signature)?)
    }
}

fn pure(context: &Context, params: &Params) -> Result<(Running, SignatureContext)> {
    let signature = SignatureContext::optional(params)?;
    let form = Form::Pure(Collected::new(MESSAGE_LIMIT, Error::DataLenRange));
    Ok((Running::new(context, &signature, form, None)?, signature))
}

fn hashing(hash: MessageHash, context: &Context, params: &Params) -> Result<(Running, SignatureContext)> {
    let signature = SignatureContext::optional(params)?;
    let form = Form::Hashing(hash.start()?);
    Ok((Running::new(context, &signature, form, Some(hash))?, signature))
}

fn digest(context: &Context, params: &Params) -> Result<(Running, SignatureContext)> {
    let (signature, hash) = SignatureContext::with_hash(params)?;
    let form = Form::Digest(Collected::new(hash.len(), Error::DataLenRange), hash.len());
    Ok((Running::new(context, &signature, form, Some(hash))?, signature))
}

fn sign_pure(context: &Context, params: &Params) -> Result<Box<dyn Signing>> {
    let (running, signature) = pure(context, params)?;
    running.signing(&signature)
}

fn verify_pure(context: &Context, params: &Params) -> Result<Box<dyn Verifying>> {
    Ok(Box::new(pure(context, params)?.0))
}

fn sign_hashing(hash: MessageHash, context: &Context, params: &Params) -> Result<Box<dyn Signing>> {
    let (running, signature) = hashing(hash, context, params)?;
    running.signing(&signature)
}

fn verify_hashing(hash: MessageHash, context: &Context, params: &Params) -> Result<Box<dyn Verifying>> {
    Ok(Box::new(hashing(hash, context, params)?.0))
}

fn sign_digest(context: &Context, params: &Params) -> Result<Box<dyn Signing>> {
    let (running, signature) = digest(context, params)?;
    running.signing(&signature)
}

fn verify_digest(context: &Context, params: &Params) -> Result<Box<dyn Verifying>> {
    Ok(Box::new(digest(context, params)?.0))
}

impl Signing for Running {
    fn len(&self) -> usize {
        self.key.set.signature_len()
    }

    fn update(&mut self, data: &[u8]) -> Result<()> {
        Self::update(self, data)
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        Self::finish(self, |running, input| running.sign_input(input, out))
    }

    fn sign(&mut self, data: &[u8], out: &mut [u8]) -> Result<usize> {
        if matches!(self.form, Form::Pure(_)) {
            return self.sign_input(data, out);
        }
        Self::update(self, data)?;
        Signing::finish(self, out)
    }
}

impl Verifying for Running {
    fn update(&mut self, data: &[u8]) -> Result<()> {
        Self::update(self, data)
    }

    fn finish(&mut self, signature: &[u8]) -> Result<()> {
        Self::finish(self, |running, input| running.verify_input(input, signature))
    }

    fn verify(&mut self, data: &[u8], signature: &[u8]) -> Result<()> {
        if matches!(self.form, Form::Pure(_)) {
            return self.verify_input(data, signature);
        }
        Self::update(self, data)?;
        Verifying::finish(self, signature)
    }
}
