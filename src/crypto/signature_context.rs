//! What the caller says beside the message of an ML-DSA or SLH-DSA signature: the context, and whether there is
//! randomness in it (PKCS#11 3.2, `CK_SIGN_ADDITIONAL_CONTEXT`, `CK_HASH_SIGN_ADDITIONAL_CONTEXT`).

use super::message_hash::MessageHash;
use crate::ck::{CK_ULONG, Error, Params, Result};
use cryptoki_sys::*;

/// Longest context in bytes (FIPS 204, 5.2; FIPS 205, 10.2).
const MAX_CONTEXT: usize = 255;

/// The first byte of what is signed (FIPS 204, 5.2 and 5.4; FIPS 205, 10.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Domain {
    /// The message itself follows.
    Pure = 0,
    /// The name of a hash function and a digest follow.
    Hashed = 1,
}

/// The parameter of one signature.
pub(super) struct SignatureContext {
    hedge: CK_ULONG,
    context: Vec<u8>,
}

impl SignatureContext {
    /// Of a mechanism that needs no parameter: none is an empty context, hedged or not as the token likes.
    pub(super) fn optional(params: &Params) -> Result<Self> {
        match params {
            Params::None => Ok(Self { hedge: CKH_HEDGE_PREFERRED, context: Vec::new() }),
            Params::SignatureContext { hedge, context } => Self::new(*hedge, context),
            _ => Err(Error::MechanismParamInvalid),
        }
    }

    /// Of a mechanism whose parameter names the hash function of the caller's digest.
    pub(super) fn with_hash(params: &Params) -> Result<(Self, MessageHash)> {
        let Params::HashSignatureContext { hedge, context, hash } = params else {
            return Err(Error::MechanismParamInvalid);
        };
        let hash = MessageHash::named(*hash).ok_or(Error::MechanismParamInvalid)?;
        Ok((Self::new(*hedge, context)?, hash))
    }

    fn new(hedge: CK_ULONG, context: &[u8]) -> Result<Self> {
        if context.len() > MAX_CONTEXT {
            return Err(Error::MechanismParamInvalid);
        }
        Ok(Self { hedge, context: context.to_vec() })
    }

    /// Whether the signature must come without randomness. What may be hedged is hedged. Asked for signing only:
    /// "On verification the hedgeVariant parameter is ignored."
    pub(super) const fn deterministic(&self) -> Result<bool> {
        match self.hedge {
            CKH_HEDGE_PREFERRED | CKH_HEDGE_REQUIRED => Ok(false),
            CKH_DETERMINISTIC_REQUIRED => Ok(true),
            _ => Err(Error::MechanismParamInvalid),
        }
    }

    /// What is signed before the message or the name of its hash function: the domain, the length of the context
    /// and the context.
    pub(super) fn header(&self, domain: Domain) -> Vec<u8> {
        let len = u8::try_from(self.context.len()).unwrap_or(u8::MAX);
        [&[domain as u8, len], self.context.as_slice()].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(hedge: CK_ULONG, len: usize) -> Params {
        Params::SignatureContext { hedge, context: vec![7; len] }
    }

    #[test]
    fn header_has_domain_length_and_context() {
        let context = SignatureContext::optional(&params(CKH_HEDGE_REQUIRED, 2)).unwrap();
        assert_eq!(context.header(Domain::Pure), [0, 2, 7, 7]);
        assert_eq!(context.header(Domain::Hashed), [1, 2, 7, 7]);
        let none = SignatureContext::optional(&Params::None).unwrap();
        assert_eq!((none.header(Domain::Pure), none.deterministic()), (vec![0, 0], Ok(false)));
        let longest = SignatureContext::optional(&params(0, 255)).unwrap();
        assert_eq!(longest.header(Domain::Pure)[1], 255);
    }

    #[test]
    fn wrong_parameters_are_refused() {
        let refused = Some(Error::MechanismParamInvalid);
        assert_eq!(SignatureContext::optional(&params(0, 256)).err(), refused);
        assert_eq!(SignatureContext::optional(&Params::Iv(vec![])).err(), refused);
        assert_eq!(SignatureContext::with_hash(&Params::None).err(), refused);
        assert_eq!(SignatureContext::with_hash(&params(0, 0)).err(), refused);
        let hash = |hash| Params::HashSignatureContext { hedge: 2, context: vec![], hash };
        assert_eq!(SignatureContext::with_hash(&hash(CKM_SHA_1)).err(), refused);
        assert!(SignatureContext::with_hash(&hash(CKM_SHA3_512)).is_ok());
        // An unknown variant matters to who signs.
        let unknown = SignatureContext::optional(&params(3, 0)).unwrap();
        assert_eq!(unknown.deterministic(), Err(Error::MechanismParamInvalid));
        let deterministic = SignatureContext::optional(&params(CKH_DETERMINISTIC_REQUIRED, 0)).unwrap();
        assert_eq!(deterministic.deterministic(), Ok(true));
    }
}
