//! Templates through the C functions, against a token of their own.
#![no_main]

#[path = "../edge.rs"]
mod edge;

use cryptoki_sys::*;
use edge::Edge;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let edge = Edge::get();
    let mut attributes = Vec::new();
    let mut rest = bytes;
    while let [kind, len, after @ ..] = rest {
        let (value, after) = after.split_at(usize::from(*len).min(after.len()));
        attributes.push(CK_ATTRIBUTE {
            type_: edge::KINDS[usize::from(*kind) % edge::KINDS.len()],
            pValue: value.as_ptr().cast_mut().cast(),
            ulValueLen: value.len() as CK_ULONG,
        });
        rest = after;
    }
    let count = attributes.len() as CK_ULONG;
    let mut object = 0;
    // SAFETY: the array and what it points to live until the calls return.
    unsafe {
        if (edge.list.C_CreateObject.unwrap())(edge.session, attributes.as_mut_ptr(), count, &mut object) == CKR_OK {
            let mut size = 0;
            assert_eq!((edge.list.C_GetObjectSize.unwrap())(edge.session, object, &mut size), CKR_OK);
            (edge.list.C_DestroyObject.unwrap())(edge.session, object);
        }
        let mut mechanism = CK_MECHANISM {
            mechanism: CKM_AES_KEY_GEN,
            pParameter: std::ptr::null_mut(),
            ulParameterLen: 0,
        };
        (edge.list.C_GenerateKey.unwrap())(
            edge.session,
            &mut mechanism,
            attributes.as_mut_ptr(),
            count,
            &mut object,
        );
        if (edge.list.C_FindObjectsInit.unwrap())(edge.session, attributes.as_mut_ptr(), count) == CKR_OK {
            assert_eq!((edge.list.C_FindObjectsFinal.unwrap())(edge.session), CKR_OK);
        }
    }
});
