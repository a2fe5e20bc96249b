//! The text of C_Initialize's `pReserved`.
#![no_main]

use keyward_pkcs11::token::Configuration;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = Configuration::read(&|_| None, Some(text));
});
