//! Derivation of keys (PKCS#11 3.2, 5.18.5): which objects come of it, and what their templates are.

use super::Module;
use super::keys::begin;
use crate::ck::mechanism::TLS_SECRET_MECHANISMS;
use crate::ck::raw::RawAttribute;
use crate::ck::vendor::CKA_KEYWARD_INDIVISIBLE;
use crate::ck::{CK_ATTRIBUTE_TYPE, Error, Mechanism, ObjectHandle, Params, Result, SessionHandle};
use crate::crypto::mechanism::{Derivation, Inheritance, Made, Raw, SourceLens};
use crate::crypto::{self, table};
use crate::guard::Held;
use crate::guard::op::{Derive, Product};
use crate::object::inheritance::{inherit, stay_bound};
use crate::object::template::{self, Making};
use crate::object::{Attributes, Origin, Template, Value};
use crate::session::Session;
use crate::token::{Birth, Parent};
use cryptoki_sys::*;
use std::sync::Arc;

/// What C_DeriveKey made.
#[derive(Debug)]
pub struct Outcome {
    /// The new objects, in the order of the mechanism. `None` where a TLS connection needs no such key.
    pub keys: Vec<Option<ObjectHandle>>,
    /// Initialisation vectors for TLS, the client's first.
    pub ivs: Vec<Vec<u8>>,
    /// The version that stood in a premaster secret.
    pub version: Option<[u8; 2]>,
}

/// Why C_DeriveKey made nothing.
#[derive(Debug)]
pub struct Refusal {
    /// The error.
    pub error: Error,
    /// Which of the further templates is at fault, if one is.
    pub further: Option<usize>,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, further: None }
    }
}

/// The keys of one derivation.
struct Sources<'a> {
    base: &'a Arc<Held>,
    seconds: &'a [Arc<Held>],
    derivation: Option<&'static Derivation>,
}

/// C_DeriveKey. `further` are the templates of keys beside the first, where the mechanism's parameter has any.
pub fn derive_key(
    m: &Module,
    s: SessionHandle,
    mechanism: Mechanism,
    base: ObjectHandle,
    raw: &[RawAttribute],
    further: &[Vec<RawAttribute>],
) -> core::result::Result<Outcome, Refusal> {
    let session = m.session(s)?;
    let derivation = table::find(mechanism.ckm).and_then(|(_, row)| row.ops.derivation);
    let key = base_of(&session, base, derivation)?;
    let seconds = mechanism.params.second_keys();
    let seconds = seconds.into_iter().map(|second| session.key(second)).collect::<Result<Vec<_>>>()?;
    let sources = Sources { base: &key, seconds: &seconds, derivation };
    let mut products = sources.products(&mechanism.params, raw)?;
    for (at, raw) in further.iter().enumerate() {
        let product = sources.key(&mechanism.params, raw).and_then(with_len);
        products.push(product.map_err(|error| Refusal { error, further: Some(at) })?);
    }
    let places = places(&mechanism.params, products.len());
    let parent = sources.parent();
    let birth = Birth { origin: Origin::Derived, mechanism: None, session: s, parent: Some(parent) };
    Ok(session.perform(Derive { key, seconds, mechanism, products }, |grant| {
        let made = session.backend().derive(grant)?;
        let mut handles = session.token().adopt(made.objects, birth)?.into_iter();
        let keys = places.into_iter().map(|there| there.then(|| handles.next()).flatten()).collect();
        Ok(Outcome { keys, ivs: made.ivs, version: made.version })
    })?)
}

/// The base key, or a data object where the mechanism takes one (PKCS#11 3.2, 6.62).
fn base_of(
    session: &Session,
    base: ObjectHandle,
    derivation: Option<&'static Derivation>,
) -> Result<Arc<Held>> {
    let takes_data = derivation.is_some_and(|derivation| derivation.data_base);
    match session.object(base) {
        Ok(data) if takes_data && data.facts().class == CKO_DATA => Ok(data),
        _ => session.key(base),
    }
}

/// For each key that the mechanism may answer, whether it is made.
fn places(params: &Params, products: usize) -> Vec<bool> {
    match params {
        Params::TlsKeys(keys) => {
            let (mac, cipher) = (keys.mac_bits > 0, keys.key_bits > 0);
            vec![mac, mac, cipher, cipher]
        }
        _ => vec![true; products],
    }
}

impl Sources<'_> {
    /// What is made for the template of the call itself.
    fn products(&self, params: &Params, raw: &[RawAttribute]) -> Result<Vec<Product>> {
        match (self.derivation.map(|derivation| derivation.makes), params) {
            (Some(Made::Data(_)), _) => Ok(vec![self.data(params, raw)?]),
            (Some(Made::TlsMaster), _) => Ok(vec![self.tls_master(raw)?]),
            (Some(Made::TlsKeys { .. }), Params::TlsKeys(keys)) => {
                self.tls_keys(keys.mac_bits, keys.key_bits, raw)
            }
            _ => Ok(vec![self.key(params, raw)?]),
        }
    }

    /// What the caller asks, under the base key's `CKA_DERIVE_TEMPLATE`, and as the mechanism lets keys inherit.
    fn asked(&self, raw: &[RawAttribute]) -> Result<Attributes> {
        let base = self.base.attributes();
        let mut asked = template::under(base, CKA_DERIVE_TEMPLATE, Attributes::from_raw(raw)?)?;
        let seconds: Vec<_> = self.seconds.iter().map(|second| second.attributes()).collect();
        inherit(&mut asked, self.inheritance(), base, &seconds)?;
        if self.derivation.is_some_and(|derivation| derivation.raw != Raw::No) {
            stay_bound(&mut asked, base, &seconds)?;
        }
        Ok(asked)
    }

    fn inheritance(&self) -> Inheritance {
        self.derivation.map_or(Inheritance::Free, |derivation| derivation.inheritance)
    }

    /// A secret key: a generic secret where no type is named.
    fn key(&self, params: &Params, raw: &[RawAttribute]) -> Result<Product> {
        let mut asked = self.asked(raw)?;
        if !asked.has(CKA_VALUE_LEN)
            && let Some(len) = self.settled_len(params, &asked)
        {
            asked.set(CKA_VALUE_LEN, Value::Ulong(len as u64));
        }
        self.product(asked)
    }

    /// Completes the template of a secret key.
    fn product(&self, asked: Attributes) -> Result<Product> {
        let kind = (!asked.has(CKA_KEY_TYPE)).then_some(CKK_GENERIC_SECRET);
        let mut template = Template::judge(Making::Derive, asked, Some(CKO_SECRET_KEY), kind)?;
        template.complete();
        begin(&mut template);
        if let Some(derivation) = self.derivation {
            let joined = derivation.raw == Raw::Joined;
            let inherits = derivation.raw == Raw::Part && self.base.facts().indivisible;
            template.attributes.set(CKA_KEYWARD_INDIVISIBLE, Value::Bool(joined || inherits));
        }
        let len = len_of(&template.attributes)?;
        Ok(Product { template, len })
    }

    /// The length of a key whose template names none: that of its type, or else the mechanism's own.
    fn settled_len(&self, params: &Params, asked: &Attributes) -> Option<usize> {
        let derivation = self.derivation?;
        let kind = asked.number(CKA_KEY_TYPE).unwrap_or(CKK_GENERIC_SECRET);
        if let Some(len) = crypto::only_len(kind) {
            return Some(len);
        }
        let len = |held: &Arc<Held>| held.facts().bits as usize / 8;
        let base = match self.base.facts().class {
            CKO_DATA => self.base.attributes().bytes(CKA_VALUE).map_or(0, <[u8]>::len),
            _ => len(self.base),
        };
        let seconds: Vec<_> = self.seconds.iter().map(len).collect();
        let own = (derivation.own_len)(params, &SourceLens { base, seconds: &seconds });
        own.filter(|_| crypto::is_of_any_len(kind))
    }

    /// A data object, whose length the template names like that of a key (PKCS#11 3.2, 6.62).
    fn data(&self, params: &Params, raw: &[RawAttribute]) -> Result<Product> {
        let mut asked = self.asked(raw)?;
        let len = len_of(&asked)?.or_else(|| self.settled_len(params, &Attributes::default()));
        asked.remove(CKA_VALUE_LEN);
        if asked.has(CKA_VALUE) {
            return Err(Error::TemplateInconsistent);
        }
        let mut template = Template::judge(Making::Derive, asked, Some(CKO_DATA), None)?;
        template.complete();
        Ok(Product { template, len })
    }

    /// A TLS master secret: 48 bytes, for the mechanisms that go on with it, and for no other (PKCS#11 3.2, 6.40).
    fn tls_master(&self, raw: &[RawAttribute]) -> Result<Product> {
        let mut asked = self.asked(raw)?;
        let generic = asked.number(CKA_KEY_TYPE).is_none_or(|kind| kind == CKK_GENERIC_SECRET);
        let whole = asked.number(CKA_VALUE_LEN).is_none_or(|len| len == TLS_MASTER_LEN);
        if !generic || !whole {
            return Err(Error::TemplateInconsistent);
        }
        asked.set(CKA_VALUE_LEN, Value::Ulong(TLS_MASTER_LEN));
        match asked.value(CKA_ALLOWED_MECHANISMS) {
            Some(Value::Mechanisms(narrower)) if !narrower.is_empty() => {
                if !narrower.iter().all(|ckm| TLS_SECRET_MECHANISMS.contains(ckm)) {
                    return Err(Error::TemplateInconsistent);
                }
            }
            _ => asked.set(CKA_ALLOWED_MECHANISMS, Value::Mechanisms(TLS_SECRET_MECHANISMS.to_vec())),
        }
        use_for(&mut asked, &[CKA_DERIVE, CKA_SIGN, CKA_VERIFY]);
        self.product(asked)
    }

    /// The keys of a TLS connection: two MAC keys and two cipher keys, as far as they are needed, all as open as the
    /// master secret (PKCS#11 3.2, 6.40).
    fn tls_keys(&self, mac_bits: u64, key_bits: u64, raw: &[RawAttribute]) -> Result<Vec<Product>> {
        let asked = self.asked(raw)?;
        let mut products = Vec::new();
        for _ in 0..2 * u8::from(mac_bits > 0) {
            let mut mac = Attributes::default();
            for cka in TLS_MAC_KEY_TAKES {
                if let Some(value) = asked.value(cka) {
                    mac.set(cka, value.clone());
                }
            }
            use_for(&mut mac, &[CKA_SIGN, CKA_VERIFY]);
            mac.set(CKA_VALUE_LEN, Value::Ulong(whole_bytes(mac_bits)?));
            products.push(self.product(mac)?);
        }
        for _ in 0..2 * u8::from(key_bits > 0) {
            let mut cipher = asked.clone();
            let len = whole_bytes(key_bits)?;
            if cipher.number(CKA_VALUE_LEN).is_some_and(|other| other != len) {
                return Err(Error::TemplateInconsistent);
            }
            use_for(&mut cipher, &[CKA_ENCRYPT, CKA_DECRYPT]);
            cipher.set(CKA_VALUE_LEN, Value::Ulong(len));
            products.push(self.product(cipher)?);
        }
        Ok(products)
    }

    /// The history that the keys inherit.
    fn parent(&self) -> Parent {
        let seconds = self.seconds.iter().map(|second| second.attributes());
        Parent::of_several(self.base.attributes(), seconds, self.inheritance())
    }
}

/// Length of a TLS master secret in bytes (RFC 5246, 8.1).
const TLS_MASTER_LEN: u64 = 48;

/// What a TLS MAC key takes from the template, which is that of the cipher keys.
const TLS_MAC_KEY_TAKES: [CK_ATTRIBUTE_TYPE; 9] = [
    CKA_TOKEN,
    CKA_PRIVATE,
    CKA_LABEL,
    CKA_ID,
    CKA_MODIFIABLE,
    CKA_COPYABLE,
    CKA_DESTROYABLE,
    CKA_SENSITIVE,
    CKA_EXTRACTABLE,
];

/// A key whose length is known and is one of its type's.
fn with_len(product: Product) -> Result<Product> {
    let (Some(len), Some(kind)) = (product.len, product.template.kind) else {
        return Err(Error::TemplateIncomplete);
    };
    if crypto::takes_len(kind, len) { Ok(product) } else { Err(Error::AttributeValueInvalid) }
}

/// The uses of a key whose template names none.
fn use_for(asked: &mut Attributes, uses: &[CK_ATTRIBUTE_TYPE]) {
    if !template::names_a_use(asked) {
        for cka in uses {
            asked.set(*cka, Value::Bool(true));
        }
    }
}

fn whole_bytes(bits: u64) -> Result<u64> {
    let len = bits / 8;
    let fits = bits.is_multiple_of(8) && len <= u64::from(crypto::hmac::MAX_KEY_LEN);
    if fits { Ok(len) } else { Err(Error::MechanismParamInvalid) }
}

fn len_of(attributes: &Attributes) -> Result<Option<usize>> {
    let len = attributes.number(CKA_VALUE_LEN).map(usize::try_from).transpose();
    len.map_err(|_| Error::AttributeValueInvalid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{keys, session, slot};
    use crate::ck::derivation::{Hkdf, Salt};
    use crate::ck::raw::{RawValue, ulong_to_bytes};
    use crate::secret::Pin;
    use zeroize::Zeroizing;

    fn number(cka: CK_ATTRIBUTE_TYPE, value: u64) -> RawAttribute {
        RawAttribute { cka, value: RawValue::Bytes(Zeroizing::new(ulong_to_bytes(value).to_vec())) }
    }

    fn flag(cka: CK_ATTRIBUTE_TYPE, value: u8) -> RawAttribute {
        RawAttribute { cka, value: RawValue::Bytes(Zeroizing::new(vec![value])) }
    }

    /// Where no key may be read, what could be the value of one may not be read as data.
    #[test]
    fn data_is_no_way_around_rules_that_let_no_key_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let module = Module::under("policy = 1\n[keys]\nsensitive = \"always\"\n", folder.path());
        let at = slot::slots(&module, true, true).unwrap()[0];
        slot::init_token(&module, at, Some(Pin::from_slice(b"123456")), &[b'x'; 32]).unwrap();
        let s = session::open_session(&module, at, CKF_SERIAL_SESSION | CKF_RW_SESSION).unwrap();
        let base = vec![number(CKA_VALUE_LEN, 32), flag(CKA_DERIVE, 1), flag(CKA_PRIVATE, 0)];
        let generation = Mechanism::plain(CKM_HKDF_KEY_GEN);
        let base = keys::generate_key(&module, s, generation, base).unwrap();
        let derive = |extract, expand: Option<&[u8]>| {
            let expand = expand.map(<[u8]>::to_vec);
            let params = Params::Hkdf(Hkdf { hash: CKM_SHA256, extract, expand });
            let mechanism = Mechanism { ckm: CKM_HKDF_DATA, params };
            let template = [number(CKA_VALUE_LEN, 32), flag(CKA_PRIVATE, 0)];
            derive_key(&module, s, mechanism, base, &template, &[]).map_err(|refusal| refusal.error)
        };
        let refused = Some(Error::KeyFunctionNotPermitted);
        assert_eq!(derive(None, Some(b"info")).err(), refused);
        assert_eq!(derive(Some(Salt::Zeros), Some(b"info")).err(), refused);
        assert_eq!(derive(Some(Salt::Zeros), None).err(), refused);
        // The vector of a TLS 1.3 record is no secret.
        assert!(derive(None, Some(b"\0\x20\x08tls13 iv\0")).is_ok());
    }
}
