//! ML-DSA without randomness (FIPS 204, 3.4, the deterministic variant), which AWS-LC does not have. The same in
//! every build.

use super::ml_dsa::{MU, Set};
use crate::ck::{Error, Result};
use ml_dsa::signature::rand_core::{TryCryptoRng, TryRng};
use ml_dsa::{ExpandedSigningKey, ExpandedSigningKeyBytes, MlDsa44, MlDsa65, MlDsa87, MlDsaParams};
use std::convert::Infallible;
use zeroize::Zeroizing;

/// Signs a message representative with a private key that [`DsaKey::private`](super::ml_dsa::DsaKey::private)
/// has checked: what the numbers of an unchecked one would do here is not known. `CKR_DEVICE_ERROR` where the
/// lengths are wrong, or where no signature is found, which no honest key has ever seen.
pub fn sign(set: Set, key: &[u8], mu: &[u8; MU], signature: &mut [u8]) -> Result<()> {
    match set {
        Set::Dsa44 => sign_with::<MlDsa44>(key, mu, signature),
        Set::Dsa65 => sign_with::<MlDsa65>(key, mu, signature),
        Set::Dsa87 => sign_with::<MlDsa87>(key, mu, signature),
    }
}

fn sign_with<P: MlDsaParams>(key: &[u8], mu: &[u8; MU], signature: &mut [u8]) -> Result<()> {
    let bytes = ExpandedSigningKeyBytes::<P>::try_from(key).map_err(|_| Error::DeviceError)?;
    let bytes = Zeroizing::new(bytes);
    #[expect(deprecated, reason = "a key may have come without its seed; it was checked")]
    let key = ExpandedSigningKey::<P>::from_expanded(&bytes);
    // The hedged signature with zeros for its randomness is the deterministic one (FIPS 204, algorithm 2, line 5),
    // and unlike the function of that name this one answers an error and does not panic.
    let signed = key.sign_mu_randomized(&(*mu).into(), &mut Zeros).map_err(|_| Error::DeviceError)?;
    let encoded = signed.encode();
    if signature.len() != encoded.len() {
        return Err(Error::DeviceError);
    }
    signature.copy_from_slice(&encoded);
    Ok(())
}

/// The "randomness" of the deterministic variant.
struct Zeros;

impl TryRng for Zeros {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> std::result::Result<u32, Infallible> {
        Ok(0)
    }

    fn try_next_u64(&mut self) -> std::result::Result<u64, Infallible> {
        Ok(0)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> std::result::Result<(), Infallible> {
        bytes.fill(0);
        Ok(())
    }
}

impl TryCryptoRng for Zeros {}
