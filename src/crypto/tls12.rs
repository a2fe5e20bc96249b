//! The secrets of a TLS 1.2 connection: premaster, master, and the keys of both directions (RFC 5246, 6.3 and 8.1; RFC 7627).

use super::hmac::MAX_KEY_LEN;
use super::mechanism::{
    Derivation, DeriveValues, Derived, Inheritance, Made, Ops, Raw, Recipe, Row, Sizes, SourceLens, Sources,
};
use super::tls_prf::{expand, hash_of};
use super::{Material, random};
use crate::ck::derivation::{TlsKeys, TlsMaster, TlsRandoms, TlsSession};
use crate::ck::params::Shape;
use crate::ck::{CK_MECHANISM_TYPE, CK_ULONG, Error, Params, Result};
use crate::secret::Secret;
use cryptoki_sys::*;

/// CKM_SSL3_PRE_MASTER_KEY_GEN. PKCS#11 3.2, Pre-master key generation.
pub static SSL3_PRE_MASTER: Row = premaster_row(CKM_SSL3_PRE_MASTER_KEY_GEN);
/// CKM_TLS_PRE_MASTER_KEY_GEN: the same. PKCS#11 3.2, Pre-master key generation.
pub static TLS_PRE_MASTER: Row = premaster_row(CKM_TLS_PRE_MASTER_KEY_GEN);

/// CKM_TLS12_MASTER_KEY_DERIVE. PKCS#11 3.2, Master key derivation.
pub static MASTER: Row = master_row(CKM_TLS12_MASTER_KEY_DERIVE, Shape::TlsMaster, SECRET, &VERSIONED);
/// CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE. PKCS#11 3.2, Master key derivation.
pub static EXTENDED_MASTER: Row =
    master_row(CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE, Shape::TlsExtendedMaster, SECRET, &VERSIONED);
/// CKM_TLS12_MASTER_KEY_DERIVE_DH. PKCS#11 3.2, Master key derivation for Diffie-Hellman.
pub static MASTER_DH: Row = master_row(CKM_TLS12_MASTER_KEY_DERIVE_DH, Shape::TlsMaster, ANY, &UNVERSIONED);
/// CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH. PKCS#11 3.2, Master key derivation for Diffie-Hellman.
pub static EXTENDED_MASTER_DH: Row =
    master_row(CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH, Shape::TlsExtendedMaster, ANY, &UNVERSIONED);

/// CKM_TLS12_KEY_AND_MAC_DERIVE. PKCS#11 3.2, Key and MAC derivation.
pub static KEY_AND_MAC: Row = keys_row(CKM_TLS12_KEY_AND_MAC_DERIVE, &WITH_IVS);
/// CKM_TLS12_KEY_SAFE_DERIVE. PKCS#11 3.2, CKM_TLS12_KEY_SAFE_DERIVE.
pub static KEY_SAFE: Row = keys_row(CKM_TLS12_KEY_SAFE_DERIVE, &WITHOUT_IVS);

/// Length of premaster (where it has a version) and master secrets in bytes.
const LEN: usize = 48;
const SECRET: Sizes = Sizes::Bytes(48, 48);
const ANY: Sizes = Sizes::Bytes(1, MAX_KEY_LEN);
/// Length of the random bytes of client and server (RFC 5246, 7.4.1.2).
const RANDOM_LEN: usize = 32;
/// Longest initialisation vector in bytes.
const MAX_IV_LEN: usize = 16;

static VERSIONED: Derivation = derivation(|sources| master(sources, true), Made::TlsMaster);
static UNVERSIONED: Derivation = derivation(|sources| master(sources, false), Made::TlsMaster);
static WITH_IVS: Derivation = derivation(|sources| keys(sources, true), Made::TlsKeys { with_ivs: true });
static WITHOUT_IVS: Derivation =
    derivation(|sources| keys(sources, false), Made::TlsKeys { with_ivs: false });

const fn derivation(derive: DeriveValues, makes: Made) -> Derivation {
    let inheritance = match makes {
        Made::TlsKeys { .. } => Inheritance::Same,
        _ => Inheritance::Free,
    };
    Derivation { derive, makes, inheritance, own_len, raw: Raw::No, data_base: false }
}

const fn own_len(_: &Params, _: &SourceLens<'_>) -> Option<usize> {
    None
}

const fn premaster_row(ckm: CK_MECHANISM_TYPE) -> Row {
    Row {
        ckm,
        key_types: &[CKK_GENERIC_SECRET],
        sizes: SECRET,
        shape: Shape::Version,
        flags: 0,
        prepare: None,
        ops: Ops { generate_from: Some(premaster), ..Ops::NONE },
    }
}

const fn master_row(
    ckm: CK_MECHANISM_TYPE,
    shape: Shape,
    sizes: Sizes,
    derivation: &'static Derivation,
) -> Row {
    Row {
        ckm,
        key_types: &[CKK_GENERIC_SECRET],
        sizes,
        shape,
        flags: 0,
        prepare: None,
        ops: Ops { derivation: Some(derivation), ..Ops::NONE },
    }
}

const fn keys_row(ckm: CK_MECHANISM_TYPE, derivation: &'static Derivation) -> Row {
    master_row(ckm, Shape::TlsKeys, SECRET, derivation)
}

/// Whether a key was made here as a premaster secret, whose version its maker knows.
pub const fn makes_premaster(ckm: CK_MECHANISM_TYPE) -> bool {
    matches!(ckm, CKM_SSL3_PRE_MASTER_KEY_GEN | CKM_TLS_PRE_MASTER_KEY_GEN)
}

/// The client's version and 46 random bytes (RFC 5246, 7.4.7.1).
fn premaster(params: &Params, recipe: &Recipe) -> Result<Material> {
    let Params::Version(version) = params else { return Err(Error::MechanismParamInvalid) };
    if recipe.value_len.is_some_and(|len| len != LEN) {
        return Err(Error::KeySizeRange);
    }
    let mut secret = Secret::zeroed(LEN);
    let (first, rest) = secret.expose_mut().split_first_chunk_mut().ok_or(Error::GeneralError)?;
    *first = *version;
    random::fill(rest)?;
    Ok(Material::Bytes(secret))
}

fn base<'a>(sources: &'a Sources<'_>) -> Result<&'a [u8]> {
    match sources.base {
        Material::Bytes(value) => Ok(value.expose()),
        _ => Err(Error::KeyTypeInconsistent),
    }
}

fn check(randoms: &TlsRandoms) -> Result<()> {
    if randoms.client.len() == RANDOM_LEN && randoms.server.len() == RANDOM_LEN {
        Ok(())
    } else {
        Err(Error::MechanismParamInvalid)
    }
}

/// RFC 5246, 8.1; RFC 7627, 4.
fn master(sources: &Sources<'_>, versioned: bool) -> Result<Derived> {
    let Params::TlsMaster(TlsMaster { hash, session, wants_version }) = sources.params else {
        return Err(Error::MechanismParamInvalid);
    };
    let (hash, base) = (hash_of(*hash)?, base(sources)?);
    if *wants_version && !versioned {
        return Err(Error::MechanismParamInvalid);
    }
    let mut value = Secret::zeroed(LEN);
    match session {
        TlsSession::Randoms(randoms) => {
            check(randoms)?;
            let seed = [&b"master secret"[..], &randoms.client, &randoms.server];
            expand(hash, base, &seed, value.expose_mut())?;
        }
        TlsSession::Hash(session) if !session.is_empty() => {
            expand(hash, base, &[b"extended master secret", session], value.expose_mut())?;
        }
        TlsSession::Hash(_) => return Err(Error::MechanismParamInvalid),
    }
    let version = base.first_chunk().copied().filter(|_| *wants_version);
    Ok(Derived { values: vec![value], ivs: Vec::new(), version })
}

fn bytes(bits: CK_ULONG, most: usize) -> Result<usize> {
    match usize::try_from(bits / 8) {
        Ok(len) if bits.is_multiple_of(8) && len <= most => Ok(len),
        _ => Err(Error::MechanismParamInvalid),
    }
}

/// RFC 5246, 6.3: MAC keys, cipher keys and initialisation vectors, the client's first of each.
fn keys(sources: &Sources<'_>, with_ivs: bool) -> Result<Derived> {
    let Params::TlsKeys(TlsKeys { hash, mac_bits, key_bits, iv_bits, randoms }) = sources.params else {
        return Err(Error::MechanismParamInvalid);
    };
    check(randoms)?;
    let most = MAX_KEY_LEN as usize;
    let (mac, cipher) = (bytes(*mac_bits, most)?, bytes(*key_bits, most)?);
    let iv = if with_ivs { bytes(*iv_bits, MAX_IV_LEN)? } else { 0 };
    let lens: Vec<_> = [mac, mac, cipher, cipher].into_iter().filter(|len| *len > 0).collect();
    if lens.is_empty() || lens.len() != sources.recipes.len() {
        return Err(Error::MechanismParamInvalid);
    }
    let mut block = Secret::zeroed(2 * (mac + cipher + iv));
    let seed = [&b"key expansion"[..], &randoms.server, &randoms.client];
    expand(hash_of(*hash)?, base(sources)?, &seed, block.expose_mut())?;
    let mut rest = block.expose();
    let mut next = |len| -> Result<&[u8]> {
        let (part, after) = rest.split_at_checked(len).ok_or(Error::GeneralError)?;
        rest = after;
        Ok(part)
    };
    let values = lens.into_iter().map(|len| next(len).map(Secret::from_slice)).collect::<Result<_>>()?;
    let ivs = if iv > 0 { vec![next(iv)?.to_vec(), next(iv)?.to_vec()] } else { Vec::new() };
    Ok(Derived { values, ivs, version: None })
}

#[cfg(test)]
mod tests;
