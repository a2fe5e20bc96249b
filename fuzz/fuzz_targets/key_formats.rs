//! What clients bring as keys: curve parameters, points, RSA numbers.
#![no_main]

use keyward_pkcs11::crypto::eddsa::{self, Edwards};
use keyward_pkcs11::crypto::montgomery::{self, Montgomery};
use keyward_pkcs11::crypto::{Curve, ec, public_key_info, rsa};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(curve) = Curve::from_ec_params(bytes) {
        assert_eq!(Curve::from_ec_params(curve.ec_params()), Ok(curve));
    }
    for curve in Curve::ALL {
        if let Ok(point) = ec::import_public(curve, bytes) {
            assert!(public_key_info(&point).is_ok_and(|info| info.is_some()));
        }
        let _ = ec::import_private(curve, bytes);
    }
    let _ = Edwards::from_ec_params(bytes);
    for curve in Edwards::ALL {
        if let Ok(point) = eddsa::import_public(*curve, bytes) {
            assert!(public_key_info(&point).is_ok_and(|info| info.is_some()));
        }
        let _ = eddsa::import_private(*curve, bytes);
    }
    let _ = Montgomery::from_ec_params(bytes);
    for curve in Montgomery::ALL {
        if let Ok(point) = montgomery::import_public(*curve, bytes) {
            assert!(public_key_info(&point).is_ok_and(|info| info.is_some()));
        }
        let _ = montgomery::import_private(*curve, bytes);
    }
    let (n, e) = bytes.split_at(bytes.len().saturating_sub(3));
    let _ = rsa::import_public(n, e);
});
