//! The rows of a token that are no objects: no search finds them and no handle leads to them. Each kind has a class of
//! its own and says what it means: the policy (`law`), what was counted of keys (`budget`), what waits for the word of
//! others (`approval`), when the store was last backed up (`escrow`).

use super::{approval, budget, escrow, law};
use crate::ck::CK_OBJECT_CLASS;
use crate::object::{Attributes, Value};
use crate::store::Uid;
use cryptoki_sys::{CKA_CLASS, CKA_PRIVATE, CKA_TOKEN, CKA_VALUE, CKO_VENDOR_DEFINED};

/// The class of a kind of rows.
pub(super) const fn class(kind: CK_OBJECT_CLASS) -> CK_OBJECT_CLASS {
    CKO_VENDOR_DEFINED | 0x4B57_0000 | kind
}

/// Kinds of which a token has one row, under an identity that no object has: theirs are random.
pub(super) const SINGLE: [Uid; 3] = [law::POLICY, approval::REQUESTS, escrow::BACKUP];

/// Whether a record is such a row.
pub(super) fn is_row(uid: Uid) -> bool {
    SINGLE.contains(&uid) || budget::is_row(uid)
}

/// What a row holds, as the store keeps it. What is private is sealed.
pub(super) fn row(class: CK_OBJECT_CLASS, private: bool, value: Vec<u8>) -> Attributes {
    let mut attributes = Attributes::default();
    attributes.set(CKA_CLASS, Value::Ulong(class));
    attributes.set(CKA_TOKEN, Value::Bool(true));
    attributes.set(CKA_PRIVATE, Value::Bool(private));
    attributes.set(CKA_VALUE, Value::Bytes(value));
    attributes
}

/// What was put into [`row`].
pub(super) fn value(attributes: &Attributes) -> &[u8] {
    attributes.bytes(CKA_VALUE).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_told_from_objects_and_from_each_other() {
        for (at, uid) in SINGLE.iter().enumerate() {
            assert!(is_row(*uid) && !SINGLE[..at].contains(uid) && !budget::is_row(*uid));
        }
        assert!(!is_row(Uid([7; 16])));
        let held = row(class(9), true, vec![1, 2]);
        assert_eq!((held.number(CKA_CLASS), value(&held)), (Some(0xCB57_0009), &[1, 2][..]));
    }
}
