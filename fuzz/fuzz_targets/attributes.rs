//! The encodings that come out of the store.
#![no_main]

use keyward_pkcs11::crypto::Material;
use keyward_pkcs11::object::Attributes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(attributes) = Attributes::decode(bytes) {
        assert_eq!(Attributes::decode(&attributes.encode()), Some(attributes));
    }
    if let Ok(material) = Material::decode(bytes) {
        assert_eq!(material.encode().expose(), bytes);
    }
});
