//! Small encodings: DER elements, dates, hexadecimal text.
#![no_main]

use keyward_pkcs11::ck::date::CkDate;
use keyward_pkcs11::ck::text;
use keyward_pkcs11::crypto::der;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for tag in [der::OCTET_STRING, der::SEQUENCE, der::INTEGER, der::BIT_STRING] {
        if let Ok(content) = der::content(tag, bytes) {
            assert_eq!(der::element(tag, &[content]), bytes, "another encoding of the same was taken");
        }
        assert_eq!(der::content(tag, &der::element(tag, &[bytes])), Ok(bytes));
    }
    if let Some(date) = CkDate::parse(bytes) {
        assert_eq!(date.to_bytes(), bytes);
        assert!(date.start() <= date.end());
    }
    assert_eq!(text::from_hex(&text::hex(bytes)).as_deref(), Some(bytes));
    let _ = std::str::from_utf8(bytes).map(text::from_hex);
    let field = text::padded::<32>(&String::from_utf8_lossy(bytes));
    let _ = text::unpadded(&field);
});
