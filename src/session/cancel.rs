//! Which flag of C_SessionCancel ends which operation (PKCS#11 3.2, 5.6): one row for each kind.

use super::Operations;
use crate::ck::CK_FLAGS;
use cryptoki_sys::*;

/// Ends one kind of operation.
type End = fn(&mut Operations);

/// The flag of an operation, and how it ends. Generation, derivation, wrapping and their kin are over when
/// their function returns, so their flags have nothing to cancel.
const SLOTS: &[(CK_FLAGS, End)] = &[
    (CKF_FIND_OBJECTS, |operations| operations.find = None),
    (CKF_DIGEST, |operations| operations.digest = None),
    (CKF_SIGN, |operations| operations.sign = None),
    (CKF_VERIFY, |operations| operations.verify = None),
    (CKF_VERIFY, |operations| operations.verify_signature = None),
    (CKF_SIGN_RECOVER, |operations| operations.sign_recover = None),
    (CKF_VERIFY_RECOVER, |operations| operations.verify_recover = None),
    (CKF_ENCRYPT, |operations| operations.encrypt = None),
    (CKF_DECRYPT, |operations| operations.decrypt = None),
    (CKF_MESSAGE_ENCRYPT, |operations| operations.message_encrypt = None),
    (CKF_MESSAGE_DECRYPT, |operations| operations.message_decrypt = None),
    (CKF_MESSAGE_SIGN, |operations| operations.message_sign = None),
    (CKF_MESSAGE_VERIFY, |operations| operations.message_verify = None),
];

impl Operations {
    /// Ends the operations that the flags name. A flag whose operation does not run is ignored.
    pub fn cancel(&mut self, flags: CK_FLAGS) {
        for (flag, end) in SLOTS {
            if flags & flag != 0 {
                end(self);
            }
        }
    }
}
