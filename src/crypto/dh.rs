//! Diffie-Hellman in finite fields (PKCS #3; SP 800-56A Rev. 3, 5.7.1.1), in groups that have names: those of RFC 7919 and
//! RFC 3526. Whether any other number is the prime of a sound group would have to be found out at each use, so no other
//! is taken.

use super::ecdh_kdf::Function;
use super::engine::Answer;
use super::engine::dh;
pub use super::engine::dh::Group;
use super::mechanism::{Context, Ops, Recipe, Row, Sizes};
use super::self_test::{self, Family, Known};
use super::start::prepared;
use super::{Material, Pair, is_of_any_len, only_len, random};
use crate::ck::params::Shape;
use crate::ck::{Error, Params, Result};
use crate::secret::Secret;
use cryptoki_sys::*;
use std::sync::Arc;

/// CKM_DH_PKCS_KEY_PAIR_GEN. PKCS#11 3.2, PKCS #3 Diffie-Hellman key pair generation.
pub static KEY_PAIR_GEN: Row = Row {
    ckm: CKM_DH_PKCS_KEY_PAIR_GEN,
    key_types: &[CKK_DH],
    sizes: SIZES,
    shape: Shape::None,
    flags: 0,
    prepare: None,
    ops: Ops { generate_pair: Some(generate_pair), ..Ops::NONE },
};

/// CKM_DH_PKCS_PARAMETER_GEN: finds the group of RFC 7919 that has so many bits. PKCS#11 3.2, PKCS #3 Diffie-Hellman domain
/// parameter generation.
pub static PARAMETER_GEN: Row = Row {
    ckm: CKM_DH_PKCS_PARAMETER_GEN,
    key_types: &[CKK_DH],
    sizes: SIZES,
    shape: Shape::None,
    flags: 0,
    prepare: None,
    ops: Ops { choose_group: Some(choose_group), ..Ops::NONE },
};

/// CKM_DH_PKCS_DERIVE. PKCS#11 3.2, PKCS #3 Diffie-Hellman key derivation.
pub static DERIVE: Row = Row {
    ckm: CKM_DH_PKCS_DERIVE,
    key_types: &[CKK_DH],
    sizes: SIZES,
    shape: Shape::Public,
    flags: 0,
    prepare: Some(prepare),
    ops: Ops {
        derive: Some(derive),
        encapsulate: Some(encapsulate),
        encapsulated_len: Some(encapsulated_len),
        decapsulate: Some(decapsulate),
        ..Ops::NONE
    },
};

const SIZES: Sizes = Sizes::Bits(2048, 8192);

/// The base of every group.
pub const BASE: &[u8] = &[2];

/// The group of a prime and a base, both big-endian. `CKR_DOMAIN_PARAMS_INVALID` for another than those that have names.
pub fn group(prime: &[u8], base: &[u8]) -> Result<Group> {
    let (prime, base) = (digits(prime), digits(base));
    for group in Group::ALL.into_iter().filter(|group| group.len() == prime.len() && base == BASE) {
        if group.prime() == prime {
            return Ok(group);
        }
    }
    Err(Error::DomainParamsInvalid)
}

/// Number of a group in the encoding of [`Material`]: 1 to 10, in the order of [`Group::ALL`].
pub(super) const fn number(group: Group) -> u8 {
    group as u8 + 1
}

/// A big-endian number without its leading zeros.
fn digits(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|digit| **digit == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// Length in bits of a number that is not negative.
pub fn bit_len(number: &[u8]) -> u32 {
    let digits = digits(number);
    let zeros = digits.first().map_or(0, |first| first.leading_zeros());
    u32::try_from(digits.len() * 8).unwrap_or(u32::MAX).saturating_sub(zeros)
}

/// Lengths in bits of a new private key: the shortest that is as strong as the group (SP 800-56A Rev. 3, 5.6.1.1.1 and
/// appendix D), and that which is drawn where a template names none (RFC 7919, A).
const fn private_bits(group: Group) -> (u32, u32) {
    match group.bits() {
        2048 => (224, 225),
        3072 => (256, 275),
        4096 => (304, 325),
        6144 => (352, 375),
        _ => (400, 400),
    }
}

/// A public key that somebody brings. `CKR_ATTRIBUTE_VALUE_INVALID` where it is none of the group.
pub fn import_public(group: Group, value: &[u8]) -> Result<Material> {
    self_test::ready(Family::Dh)?;
    let value = digits(value);
    if value.len() > group.len() || !dh::is_public(group, value)? {
        return Err(Error::AttributeValueInvalid);
    }
    Ok(Material::DhPublic { group, value: value.to_vec() })
}

/// A private key that somebody brings: from 2 to q - 1 (`CKR_ATTRIBUTE_VALUE_INVALID`).
pub fn import_private(group: Group, value: &[u8]) -> Result<Material> {
    self_test::ready(Family::Dh)?;
    let value = digits(value);
    if value.is_empty() || value == [1] || !is_below_order(group, value) {
        return Err(Error::AttributeValueInvalid);
    }
    Ok(Material::DhPrivate { group, value: Secret::from_slice(value) })
}

/// Whether a number, without leading zeros, is below q.
fn is_below_order(group: Group, number: &[u8]) -> bool {
    let order = group.order();
    let order = digits(&order);
    number.len() < order.len() || number.len() == order.len() && number < order
}

/// The public key of a private one, without leading zeros.
pub(super) fn public_from_private(group: Group, private: &Secret) -> Result<Vec<u8>> {
    let mut public = vec![0; group.len()];
    dh::public_from_private(group, private.expose(), &mut public)?;
    Ok(digits(&public).to_vec())
}

/// A new private key of so many bits, the highest of which is set (PKCS #3, 7.1), and its public key.
fn draw(group: Group, bits: u32) -> Result<(Secret, Vec<u8>)> {
    let mut private = Secret::zeroed(bits.div_ceil(8) as usize);
    loop {
        random::fill(private.expose_mut())?;
        let first = private.expose_mut().first_mut().ok_or(Error::GeneralError)?;
        let highest = 1 << ((bits - 1) % 8);
        *first = *first & (highest - 1) | highest;
        // A key as long as q is below it but once in 2^64 times.
        if is_below_order(group, private.expose()) {
            let public = public_from_private(group, &private)?;
            return Ok((private, public));
        }
    }
}

fn generate_pair(recipe: &Recipe) -> Result<Pair> {
    if recipe.key_type.is_some_and(|kind| kind != CKK_DH) {
        return Err(Error::TemplateInconsistent);
    }
    let prime = recipe.prime.as_deref().ok_or(Error::TemplateIncomplete)?;
    let group = group(prime, recipe.base.as_deref().ok_or(Error::TemplateIncomplete)?)?;
    self_test::ready(Family::Dh)?;
    let (fewest, usual) = private_bits(group);
    let bits = recipe.value_bits.unwrap_or(usual);
    if !(fewest..group.bits()).contains(&bits) {
        return Err(Error::AttributeValueInvalid);
    }
    let (private, public) = draw(group, bits)?;
    pairwise(group, &private, &public)?;
    let public = Material::DhPublic { group, value: public };
    Ok(Pair { public, private: Material::DhPrivate { group, value: private } })
}

/// Pairwise consistency of a new key (SP 800-56A Rev. 3, 5.6.2.1.4): the private key gives the public key once more, which
/// is one of the group. `CKR_DEVICE_ERROR` where it does not, and there is no key.
fn pairwise(group: Group, private: &Secret, public: &[u8]) -> Result<()> {
    let same = public_from_private(group, private)? == public;
    if same && dh::is_public(group, public)? { Ok(()) } else { Err(Error::DeviceError) }
}

/// The group that new keys of so many bits should be of.
fn choose_group(recipe: &Recipe) -> Result<Group> {
    let bits = recipe.prime_bits.ok_or(Error::TemplateIncomplete)?;
    // Those of RFC 7919 come first: they were made for this, and nobody chose their digits.
    Group::ALL.into_iter().find(|group| group.bits() == bits).ok_or(Error::KeySizeRange)
}

/// A key made ready.
struct Key {
    group: Group,
    /// The public key, where this is one.
    public: Option<Vec<u8>>,
    private: Option<Secret>,
}

fn prepare(key: &Material) -> Result<Context> {
    self_test::ready(Family::Dh)?;
    Ok(Arc::new(match key {
        Material::DhPublic { group, value } => {
            Key { group: *group, public: Some(value.clone()), private: None }
        }
        Material::DhPrivate { group, value } => {
            Key { group: *group, public: None, private: Some(Secret::from_slice(value.expose())) }
        }
        _ => return Err(Error::KeyTypeInconsistent),
    }))
}

impl Key {
    /// The secret that is shared with the other's public key. `CKR_PUBLIC_KEY_INVALID` where that is none of the group.
    fn agree(&self, peer: &[u8]) -> Result<Secret> {
        let private = self.private.as_ref().ok_or(Error::KeyTypeInconsistent)?;
        agree(self.group, private, peer)
    }
}

fn agree(group: Group, private: &Secret, peer: &[u8]) -> Result<Secret> {
    let mut secret = Secret::zeroed(group.len());
    let agreed = dh::agree(group, private.expose(), digits(peer), secret.expose_mut());
    agreed.map_err(|_| Error::PublicKeyInvalid)?;
    Ok(secret)
}

/// The key that a template asks for, of an agreed secret, which keeps its leading zeros: the last bytes of it (PKCS#11 3.2).
fn key_of(secret: Secret, recipe: &Recipe) -> Result<Secret> {
    Function::None.key(secret, &[], recipe)
}

/// Whether the template says how long the key is, where its type needs that. Found out before anything is computed.
fn check(recipe: &Recipe) -> Result<()> {
    let open = recipe.value_len.is_none();
    match recipe.key_type {
        Some(kind) if open && !is_of_any_len(kind) && only_len(kind).is_none() => {
            Err(Error::TemplateIncomplete)
        }
        _ => Ok(()),
    }
}

fn derive(context: &Context, params: &Params, recipe: &Recipe) -> Result<Secret> {
    let Params::Public(peer) = params else { return Err(Error::MechanismParamInvalid) };
    check(recipe)?;
    key_of(prepared::<Key>(context)?.agree(peer)?, recipe)
}

fn encapsulated_len(context: &Context) -> Result<usize> {
    Ok(prepared::<Key>(context)?.group.len())
}

/// Agrees with a key pair of this one call; its public key, with leading zeros, is the ciphertext.
fn encapsulate(context: &Context, params: &Params, recipe: &Recipe) -> Result<(Secret, Vec<u8>)> {
    let key: Arc<Key> = prepared(context)?;
    let public = key.public.as_ref().ok_or(Error::KeyTypeInconsistent)?;
    no_parameter(params)?;
    check(recipe)?;
    let (private, ciphertext) = draw(key.group, private_bits(key.group).1)?;
    let secret = agree(key.group, &private, public)?;
    let zeros = vec![0; key.group.len().saturating_sub(ciphertext.len())];
    Ok((key_of(secret, recipe)?, [zeros, ciphertext].concat()))
}

/// Agrees with the public key that the ciphertext is. `CKR_WRAPPED_KEY_INVALID` where it is none.
fn decapsulate(context: &Context, params: &Params, recipe: &Recipe, ciphertext: &[u8]) -> Result<Secret> {
    no_parameter(params)?;
    check(recipe)?;
    let secret = prepared::<Key>(context)?.agree(ciphertext).map_err(|error| match error {
        Error::PublicKeyInvalid => Error::WrappedKeyInvalid,
        other => other,
    })?;
    key_of(secret, recipe)
}

/// The public key of the other side is the key itself, or the ciphertext.
const fn no_parameter(params: &Params) -> Result<()> {
    match params {
        Params::None => Ok(()),
        _ => Err(Error::MechanismParamInvalid),
    }
}

/// Two private keys of ffdhe2048 made of one byte, and their secret.
pub(super) fn known_answer() -> Answer<bool> {
    let (group, one, other) = (Group::Ffdhe2048, [0x5A; 29], [0xA5; 29]);
    let (mut public, mut secret) = (vec![0; group.len()], vec![0; group.len()]);
    dh::public_from_private(group, &one, &mut public)?;
    dh::agree(group, &other, &public, &mut secret)?;
    let mut last = [0; 16];
    last.copy_from_slice(secret.get(group.len() - 16..).unwrap_or(&[0; 16]));
    Ok(last == SHARED)
}

/// The last bytes of 2 to the power of both keys, as Python computes it.
const SHARED: Known<16> = Known::new([
    0x8E, 0x84, 0xBD, 0x17, 0x44, 0x7E, 0xB8, 0xC5, 0xE7, 0xC2, 0xAA, 0xAB, 0x0C, 0x6C, 0xD3, 0xF8,
]);

#[cfg(test)]
mod tests;
