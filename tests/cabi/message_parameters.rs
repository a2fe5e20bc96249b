//! What a caller may point to as the parameter of a message, and what not.

use crate::client::*;
use crate::{alone, call};
use cryptoki_sys::*;
use std::ffi::c_void;
use std::ptr::null_mut;

alone! {
    fn null_and_wrong_parameters_are_refused() {
        let world = World::new();
        let session = world.user();
        let key = session.aes(Template::new().uses(&[CKA_ENCRYPT, CKA_DECRYPT])).unwrap();
        Mechanism::plain(CKM_AES_GCM)
            .with(|mechanism| call!(world.module, C_MessageEncryptInit, session.handle, mechanism, key))
            .unwrap();
        let wrong = Err(Rv(CKR_MECHANISM_PARAM_INVALID));
        let handle = session.handle;
        let (mut iv, mut tag, mut out, mut len) = ([1_u8; 12], [0_u8; 16], [0_u8; 8], 8);
        let good = CK_GCM_MESSAGE_PARAMS {
            pIv: iv.as_mut_ptr(),
            ulIvLen: 12,
            ulIvFixedBits: 0,
            ivGenerator: CKG_NO_GENERATE,
            pTag: tag.as_mut_ptr(),
            ulTagBits: 128,
        };
        let size = size_of::<CK_GCM_MESSAGE_PARAMS>() as CK_ULONG;
        let mut one = |mut parameter: CK_GCM_MESSAGE_PARAMS, size: CK_ULONG| {
            let place: *mut c_void = (&raw mut parameter).cast();
            let out = out.as_mut_ptr();
            call!(
                world.module, C_EncryptMessage, handle, place, size, null_mut(), 0, out, 8, out, &raw mut len
            )
        };
        assert_eq!(one(good, size), Ok(()));
        for parameter in [
            CK_GCM_MESSAGE_PARAMS { pIv: null_mut(), ..good },
            CK_GCM_MESSAGE_PARAMS { pTag: null_mut(), ..good },
            CK_GCM_MESSAGE_PARAMS { ulIvLen: CK_ULONG::MAX, ..good },
            CK_GCM_MESSAGE_PARAMS { ulTagBits: CK_ULONG::MAX - 7, ..good },
            CK_GCM_MESSAGE_PARAMS { ulTagBits: 127, ..good },
            CK_GCM_MESSAGE_PARAMS { ivGenerator: CKG_GENERATE, ulIvFixedBits: CK_ULONG::MAX, ..good },
        ] {
            assert_eq!(one(parameter, size), wrong);
        }
        for size in [0, 1, size - 1, size + 1, CK_ULONG::MAX] {
            assert_eq!(one(good, size), wrong);
        }
        let null: *mut c_void = null_mut();
        let refused = call!(world.module, C_EncryptMessageBegin, handle, null, size, null_mut(), 0);
        assert_eq!(refused, wrong);
        let refused = call!(world.module, C_EncryptMessageBegin, handle, null, 0, null_mut(), 3);
        assert_eq!(refused, Err(Rv(CKR_ARGUMENTS_BAD)));
    }
}
