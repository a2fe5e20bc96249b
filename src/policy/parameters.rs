//! `parameters`: what a rule asks of the parameters of a mechanism.
//!
//! Each part speaks of the mechanisms that have such a parameter, and of no other. IV and tag that come only with each
//! message (C_EncryptMessage, C_WrapKeyAuthenticated, ...) are judged with each message, by `guard::Terms`.

use super::entry::Side;
use super::pattern::Numbers;
use crate::ck::{CK_MECHANISM_TYPE, Params};
use cryptoki_sys::*;

/// The parameters of one use, as far as rules ask for them.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Parameters {
    /// The digest: of PSS, of OAEP, of HashML-DSA and its kin where the parameter names it.
    pub hash: Named,
    /// The digest of the mask generation function.
    pub mgf: Named,
    /// Length of the salt of PSS in bytes.
    pub salt: Measured,
    /// Length of the tag or the MAC in bits.
    pub tag: Measured,
    /// Length of the initialisation vector or nonce of an authenticated cipher in bits.
    pub iv: Measured,
    /// Whether that vector is made here and not the caller's.
    pub iv_made: Parameter<bool>,
    /// `CKD_...` of a key agreement.
    pub kdf: Measured,
}

/// A parameter with a name.
pub type Named = Parameter<CK_MECHANISM_TYPE>;
/// A parameter with a number.
pub type Measured = Parameter<u64>;

/// One parameter of a use.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Parameter<T> {
    /// The mechanism has none.
    #[default]
    Absent,
    /// It is this.
    Is(T),
    /// It has one, which is told later, or which nobody knows.
    Later,
}

/// What one rule asks.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct ParameterRule {
    /// The digests that may be named.
    pub(super) hash: Option<Numbers>,
    /// The digests of the mask generation function.
    pub(super) mgf: Option<Numbers>,
    /// Fewest bytes.
    pub(super) min_salt: Option<u64>,
    /// Fewest bits.
    pub(super) min_tag: Option<u64>,
    /// Fewest bits.
    pub(super) min_iv: Option<u64>,
    /// What protects something does so under a vector that is made here.
    pub(super) iv_generated: bool,
    /// `CKD_NULL` is refused.
    pub(super) kdf_required: bool,
}

impl ParameterRule {
    pub(super) fn is_silent(&self) -> bool {
        *self == Self::default()
    }

    /// The word of the first part that the parameters of a use do not meet.
    pub(super) fn against(&self, parameters: &Parameters, side: Side) -> Option<&'static str> {
        let named = |allowed: &Option<Numbers>, given: Named| match given {
            Parameter::Absent => true,
            Parameter::Is(ckm) => allowed.as_ref().is_none_or(|allowed| allowed.contains(&ckm)),
            Parameter::Later => allowed.is_none(),
        };
        let at_least = |least: Option<u64>, given: Measured| match given {
            Parameter::Absent => true,
            Parameter::Is(length) => least.is_none_or(|least| length >= least),
            Parameter::Later => least.is_none(),
        };
        // What is read has the vector that it was made with.
        let made = parameters.iv_made != Parameter::Is(false) || side != Side::Originator;
        let with_message = |least, given| given == Parameter::Later || at_least(least, given);
        let derives = match parameters.kdf {
            Parameter::Absent => true,
            Parameter::Is(kdf) => !self.kdf_required || kdf != u64::from(CKD_NULL),
            Parameter::Later => !self.kdf_required,
        };
        [
            ("hash", named(&self.hash, parameters.hash)),
            ("mgf", named(&self.mgf, parameters.mgf)),
            ("min_salt", at_least(self.min_salt, parameters.salt)),
            ("min_tag", with_message(self.min_tag, parameters.tag)),
            ("min_iv", with_message(self.min_iv, parameters.iv)),
            ("iv_source", made || !self.iv_generated),
            ("kdf", derives),
        ]
        .into_iter()
        .find(|(_, met)| !met)
        .map(|(word, _)| word)
    }
}

impl Parameters {
    /// Those of a mechanism as the caller gives it.
    pub fn of(ckm: CK_MECHANISM_TYPE, params: &Params) -> Self {
        let bits = |bytes: usize| Parameter::Is((bytes as u64).saturating_mul(8));
        match params {
            Params::Pss { hash, mgf, salt_len } => Self {
                hash: Parameter::Is(*hash),
                mgf: digest_of(*mgf),
                salt: Parameter::Is(*salt_len),
                ..Self::default()
            },
            Params::Oaep { hash, mgf, .. } => {
                Self { hash: Parameter::Is(*hash), mgf: digest_of(*mgf), ..Self::default() }
            }
            Params::RsaAes { oaep, .. } => Self::of(ckm, oaep),
            Params::Ecdh1 { kdf, .. } | Params::EcdhAes { kdf, .. } => {
                Self { kdf: Parameter::Is(*kdf), ..Self::default() }
            }
            Params::Gcm { iv, tag_bits, .. } => {
                let tag = Parameter::Is(*tag_bits);
                Self { iv: bits(iv.len()), iv_made: Parameter::Is(false), tag, ..Self::default() }
            }
            Params::Ccm { nonce, mac_len, .. } => Self {
                iv: bits(nonce.len()),
                iv_made: Parameter::Is(false),
                tag: Parameter::Is(mac_len.saturating_mul(8)),
                ..Self::default()
            },
            Params::Poly1305 { nonce, .. } => {
                let tag = Parameter::Is(128);
                Self { iv: bits(nonce.len()), iv_made: Parameter::Is(false), tag, ..Self::default() }
            }
            Params::MacGeneral(len) => Self { tag: Parameter::Is(len.saturating_mul(8)), ..Self::default() },
            Params::HashSignatureContext { hash, .. } => {
                Self { hash: Parameter::Is(*hash), ..Self::default() }
            }
            // Those of a message come with each message.
            Params::None if matches!(ckm, CKM_AES_GCM | CKM_AES_CCM) => {
                let iv_made = Parameter::Later;
                Self { iv: Parameter::Later, iv_made, tag: Parameter::Later, ..Self::default() }
            }
            Params::None if ckm == CKM_CHACHA20_POLY1305 => {
                let (iv_made, tag) = (Parameter::Later, Parameter::Is(128));
                Self { iv: Parameter::Later, iv_made, tag, ..Self::default() }
            }
            _ => Self::default(),
        }
    }
}

/// The digest of a mask generation function. One that nobody knows is none that a rule allows.
fn digest_of(mgf: u64) -> Named {
    let digest = match mgf {
        CKG_MGF1_SHA1 => CKM_SHA_1,
        CKG_MGF1_SHA224 => CKM_SHA224,
        CKG_MGF1_SHA256 => CKM_SHA256,
        CKG_MGF1_SHA384 => CKM_SHA384,
        CKG_MGF1_SHA512 => CKM_SHA512,
        CKG_MGF1_SHA3_224 => CKM_SHA3_224,
        CKG_MGF1_SHA3_256 => CKM_SHA3_256,
        CKG_MGF1_SHA3_384 => CKM_SHA3_384,
        CKG_MGF1_SHA3_512 => CKM_SHA3_512,
        _ => return Parameter::Later,
    };
    Parameter::Is(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_held_to_what_the_mechanism_has_and_to_nothing_else() {
        let rule = ParameterRule {
            hash: Some(Numbers::from([CKM_SHA256, CKM_SHA384])),
            mgf: Some(Numbers::from([CKM_SHA256])),
            min_salt: Some(20),
            min_tag: Some(96),
            min_iv: Some(96),
            iv_generated: false,
            kdf_required: true,
        };
        let pss = |hash, mgf, salt_len| {
            let parameters = Parameters::of(CKM_RSA_PKCS_PSS, &Params::Pss { hash, mgf, salt_len });
            rule.against(&parameters, Side::Originator)
        };
        assert_eq!(pss(CKM_SHA256, CKG_MGF1_SHA256, 20), None);
        assert_eq!(pss(CKM_SHA_1, CKG_MGF1_SHA256, 20), Some("hash"));
        assert_eq!(pss(CKM_SHA256, CKG_MGF1_SHA1, 20), Some("mgf"));
        assert_eq!(pss(CKM_SHA256, 99, 20), Some("mgf"));
        assert_eq!(pss(CKM_SHA256, CKG_MGF1_SHA256, 19), Some("min_salt"));
        let gcm = |iv: usize, tag_bits| {
            let params = Params::Gcm { iv: vec![0; iv], aad: Vec::new(), tag_bits };
            rule.against(&Parameters::of(CKM_AES_GCM, &params), Side::Recipient)
        };
        assert_eq!(gcm(12, 96), None);
        assert_eq!(gcm(12, 88), Some("min_tag"));
        assert_eq!(gcm(11, 96), Some("min_iv"));
        let message = Parameters::of(CKM_AES_GCM, &Params::None);
        assert_eq!(rule.against(&message, Side::Originator), None, "each message is judged by itself");
        let against = |ckm, params| rule.against(&Parameters::of(ckm, &params), Side::Originator);
        let ecdh = |kdf| Params::Ecdh1 { kdf, shared: Vec::new(), public: Vec::new() };
        assert_eq!(against(CKM_ECDH1_DERIVE, ecdh(CKD_NULL.into())), Some("kdf"));
        assert_eq!(against(CKM_ECDH1_DERIVE, ecdh(CKD_SHA256_KDF.into())), None);
        assert_eq!(against(CKM_ECDSA_SHA256, Params::None), None);
    }

    #[test]
    fn iv_source_generated_refuses_the_callers_vector_where_something_is_protected() {
        let rule = ParameterRule { iv_generated: true, ..ParameterRule::default() };
        let given = Params::Gcm { iv: vec![0; 12], aad: Vec::new(), tag_bits: 128 };
        let given = Parameters::of(CKM_AES_GCM, &given);
        assert_eq!(rule.against(&given, Side::Originator), Some("iv_source"));
        assert_eq!(rule.against(&given, Side::Recipient), None);
        let message = Parameters::of(CKM_CHACHA20_POLY1305, &Params::None);
        assert_eq!(rule.against(&message, Side::Originator), None);
        let made = Parameters { iv_made: Parameter::Is(true), ..given };
        assert_eq!(rule.against(&made, Side::Originator), None);
        assert_eq!(
            rule.against(&Parameters::of(CKM_AES_CBC, &Params::Iv(vec![0; 16])), Side::Originator),
            None
        );
    }
}
