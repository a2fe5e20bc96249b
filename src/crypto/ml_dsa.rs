//! ML-DSA and HashML-DSA (FIPS 204): key pairs and signatures. PKCS#11 3.2, ML-DSA.
//!
//! All forms sign a message representative, mu, which takes the message as it comes: a message in parts is never
//! kept. Only what is hashed into mu differs.

mod keys;
#[cfg(test)]
mod tests;

use super::collected::Collected;
use super::digest::Hash;
use super::engine::keccak::{Function, Keccak};
use super::engine::ml_dsa::{DsaKey, MU};
use super::engine::ml_dsa_deterministic;
use super::mechanism::{Context, Ops, Row, Signing, Sizes, StartSigning, StartVerifying, Verifying};
use super::message_hash::{self, MessageHash};
use super::self_test::{self, Family};
use super::signature_context::{Domain, SignatureContext};
use super::start::{first, prepared};
use super::{Material, MlDsaPrivate};
use crate::ck::params::Shape;
use crate::ck::{CK_MECHANISM_TYPE, Error, Params, Result};
use crate::secret::Secret;
use cryptoki_sys::*;
use std::sync::Arc;

pub use super::engine::ml_dsa::Set;
pub use keys::{bits, import_private, import_public, number_of, public_of, set_of};

/// Lengths of public keys: what `C_GetMechanismInfo` reports.
const SIZES: Sizes = Sizes::Bytes(1312, 2592);

/// CKM_ML_DSA_KEY_PAIR_GEN.
pub static KEY_PAIR_GEN: Row = Row {
    ckm: CKM_ML_DSA_KEY_PAIR_GEN,
    key_types: &[CKK_ML_DSA],
    sizes: SIZES,
    shape: Shape::None,
    flags: 0,
    prepare: None,
    ops: Ops { generate_pair: Some(keys::generate_pair), ..Ops::NONE },
};

/// CKM_ML_DSA: signs the message itself.
pub static ML_DSA: Row = row(CKM_ML_DSA, Shape::SignatureContext, sign_pure, verify_pure);

/// CKM_HASH_ML_DSA: signs a digest that the caller took with the function that the parameter names.
pub static HASH_ML_DSA: Row = row(CKM_HASH_ML_DSA, Shape::HashSignatureContext, sign_digest, verify_digest);

/// A row of HashML-DSA that takes the digest itself.
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

hashing!(/// CKM_HASH_ML_DSA_SHA224.
    SHA224, CKM_HASH_ML_DSA_SHA224, MessageHash::Digest(Hash::Sha224));
hashing!(/// CKM_HASH_ML_DSA_SHA256.
    SHA256, CKM_HASH_ML_DSA_SHA256, MessageHash::Digest(Hash::Sha256));
hashing!(/// CKM_HASH_ML_DSA_SHA384.
    SHA384, CKM_HASH_ML_DSA_SHA384, MessageHash::Digest(Hash::Sha384));
hashing!(/// CKM_HASH_ML_DSA_SHA512.
    SHA512, CKM_HASH_ML_DSA_SHA512, MessageHash::Digest(Hash::Sha512));
hashing!(/// CKM_HASH_ML_DSA_SHA3_224.
    SHA3_224, CKM_HASH_ML_DSA_SHA3_224, MessageHash::Digest(Hash::Sha3_224));
hashing!(/// CKM_HASH_ML_DSA_SHA3_256.
    SHA3_256, CKM_HASH_ML_DSA_SHA3_256, MessageHash::Digest(Hash::Sha3_256));
hashing!(/// CKM_HASH_ML_DSA_SHA3_384.
    SHA3_384, CKM_HASH_ML_DSA_SHA3_384, MessageHash::Digest(Hash::Sha3_384));
hashing!(/// CKM_HASH_ML_DSA_SHA3_512.
    SHA3_512, CKM_HASH_ML_DSA_SHA3_512, MessageHash::Digest(Hash::Sha3_512));
hashing!(/// CKM_HASH_ML_DSA_SHAKE128.
    SHAKE128, CKM_HASH_ML_DSA_SHAKE128, MessageHash::Shake(Function::Shake128));
hashing!(/// CKM_HASH_ML_DSA_SHAKE256.
    SHAKE256, CKM_HASH_ML_DSA_SHAKE256, MessageHash::Shake(Function::Shake256));

const fn row(ckm: CK_MECHANISM_TYPE, shape: Shape, sign: StartSigning, verify: StartVerifying) -> Row {
    Row {
        ckm,
        key_types: &[CKK_ML_DSA],
        sizes: SIZES,
        shape,
        flags: 0,
        prepare: Some(prepare),
        ops: Ops { sign: Some(sign), verify: Some(verify), ..Ops::NONE },
    }
}

/// A key made ready.
struct Key {
    key: DsaKey,
    /// The hash of the public key (FIPS 204, algorithm 6, line 9).
    tr: [u8; 64],
    /// The private key, for deterministic signatures; private keys only.
    private: Option<Secret>,
}

fn prepare(key: &Material) -> Result<Context> {
    self_test::ready(Family::MlDsa)?;
    Ok(Arc::new(match key {
        Material::MlDsaPublic { set, key } => Key::new(DsaKey::public(*set, key)?, None)?,
        Material::MlDsaPrivate(key) => {
            let MlDsaPrivate { set, key, .. } = &**key;
            let private = Secret::from_slice(key.expose());
            Key::new(DsaKey::private(*set, private.expose())?, Some(private))?
        }
        _ => return Err(Error::KeyTypeInconsistent),
    }))
}

impl Key {
    fn new(key: DsaKey, private: Option<Secret>) -> Result<Self> {
        let mut public = vec![0; key.set().public_len()];
        key.write_public(&mut public)?;
        let mut tr = [0; 64];
        let mut hash = Keccak::new(Function::Shake256)?;
        hash.update(&public)?;
        hash.finish(&mut tr)?;
        Ok(Self { key, tr, private })
    }

    /// Mu, before what it is of (FIPS 204, algorithm 7, line 6).
    fn representative(&self, header: &[u8]) -> Result<Keccak> {
        let mut mu = Keccak::new(Function::Shake256)?;
        mu.update(&self.tr)?;
        mu.update(header)?;
        Ok(mu)
    }

    fn sign(&self, mu: &[u8; MU], deterministic: bool, out: &mut [u8]) -> Result<usize> {
        let len = self.key.set().signature_len();
        let out = first(out, len)?;
        if deterministic {
            let private = self.private.as_ref().ok_or(Error::KeyTypeInconsistent)?;
            ml_dsa_deterministic::sign(self.key.set(), private.expose(), mu, out)?;
            // A fault here would tell of the key, because nothing random is in it (FIPS 204, 3.4): what does not
            // verify is not given out.
            self.key.verify(mu, out)?;
        } else {
            self.key.sign(mu, out)?;
        }
        Ok(len)
    }

    fn verify(&self, mu: &[u8; MU], signature: &[u8]) -> Result<()> {
        if signature.len() != self.key.set().signature_len() {
            return Err(Error::SignatureLenRange);
        }
        self.key.verify(mu, signature).map_err(|_| Error::SignatureInvalid)
    }
}

/// What the message becomes on its way into mu.
enum Form {
    /// It goes in as it is.
    Pure,
    /// It is hashed here.
    Hashing(message_hash::Running),
    /// It is a digest, of this length exactly.
    Digest(Collected, usize),
}

/// A running signature or verification.
struct Running {
    key: Arc<Key>,
    deterministic: bool,
    form: Form,
    /// Mu, until it is finished.
    mu: Option<Keccak>,
}

impl Running {
    fn new(
        context: &Context,
        signature: &SignatureContext,
        form: Form,
        hash: Option<MessageHash>,
    ) -> Result<Self> {
        let key = prepared::<Key>(context)?;
        let header = match hash {
            None => signature.header(Domain::Pure),
            Some(hash) => [signature.header(Domain::Hashed).as_slice(), &hash.oid()?].concat(),
        };
        let mu = Some(key.representative(&header)?);
        Ok(Self { key, deterministic: false, form, mu })
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
            Form::Pure => Ok(self.mu.as_mut().ok_or(Error::GeneralError)?.update(data)?),
            Form::Hashing(hash) => hash.update(data),
            Form::Digest(digest, _) => digest.push(data),
        }
    }

    /// The message representative of what came.
    fn finish(&mut self) -> Result<[u8; MU]> {
        let mut state = self.mu.take().ok_or(Error::GeneralError)?;
        match &mut self.form {
            Form::Pure => {}
            Form::Hashing(hash) => {
                let mut room = [0; message_hash::MAX_LEN];
                let len = hash.finish(&mut room)?;
                state.update(room.get(..len).ok_or(Error::GeneralError)?)?;
            }
            Form::Digest(digest, len) => {
                let digest = digest.take();
                if digest.len() != *len {
                    return Err(Error::DataLenRange);
                }
                state.update(&digest)?;
            }
        }
        let mut mu = [0; MU];
        state.finish(&mut mu)?;
        Ok(mu)
    }
}

fn pure(context: &Context, params: &Params) -> Result<(Running, SignatureContext)> {
    let signature = SignatureContext::optional(params)?;
    Ok((Running::new(context, &signature, Form::Pure, None)?, signature))
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
        self.key.key.set().signature_len()
    }

    fn update(&mut self, data: &[u8]) -> Result<()> {
        Self::update(self, data)
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        let mu = Self::finish(self)?;
        self.key.sign(&mu, self.deterministic, out)
    }
}

impl Verifying for Running {
    fn update(&mut self, data: &[u8]) -> Result<()> {
        Self::update(self, data)
    }

    fn finish(&mut self, signature: &[u8]) -> Result<()> {
        let mu = Self::finish(self)?;
        self.key.verify(&mu, signature)
    }
}
