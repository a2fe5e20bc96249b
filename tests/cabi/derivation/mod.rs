//! Derivation of keys: what comes out, what the new keys take over from the old ones, and what is refused.

use crate::client::*;
use crate::parameters::structure;
use cryptoki_sys::*;
use parameters::*;

mod dh;
mod hkdf;
mod hostile_parameters;
mod joining;
pub mod parameters;
mod pbkdf2;
mod sp800_108;
mod tls;

/// The values of a key that may be read.
pub fn open() -> Template {
    Template::new().flag(CKA_SENSITIVE, false).flag(CKA_EXTRACTABLE, true)
}

/// A generic secret of these bytes that derives and may be read.
pub fn secret(session: Session<'_>, value: &[u8]) -> Key {
    created(session, CKK_GENERIC_SECRET, value, open())
}

/// A key of these bytes that derives.
pub fn created(session: Session<'_>, kind: CK_KEY_TYPE, value: &[u8], more: Template) -> Key {
    let template = more.class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, kind).bytes(CKA_VALUE, value);
    session.create(&template.flag(CKA_DERIVE, true)).unwrap()
}

/// A generic secret made here, which nobody may read.
pub fn closed(session: Session<'_>, len: CK_ULONG) -> Key {
    let template = Template::new().ulong(CKA_VALUE_LEN, len).flag(CKA_DERIVE, true);
    session.generate(&Mechanism::plain(CKM_GENERIC_SECRET_KEY_GEN), &template).unwrap()
}

/// A generic secret of so many bytes.
pub fn of_len(template: Template, len: CK_ULONG) -> Template {
    template.ulong(CKA_VALUE_LEN, len)
}

/// The value of what was derived.
pub fn derived(
    session: Session<'_>,
    mechanism: &Mechanism,
    base: Key,
    template: &Template,
) -> Answer<Vec<u8>> {
    session.derive(mechanism, base, template).map(|key| session.get(key, CKA_VALUE).unwrap())
}

/// `CKA_SENSITIVE`, `CKA_EXTRACTABLE`, `CKA_ALWAYS_SENSITIVE`, `CKA_NEVER_EXTRACTABLE`.
pub fn history(session: Session<'_>, key: Key) -> [bool; 4] {
    [CKA_SENSITIVE, CKA_EXTRACTABLE, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE]
        .map(|cka| session.get_bool(key, cka).unwrap())
}

/// Bytes of hexadecimal digits.
pub fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u32> = digits.chars().map(|digit| digit.to_digit(16).unwrap()).collect();
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}
