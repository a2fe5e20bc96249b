//! Listed codes that no row shows, and why; and codes that rows show though they are not listed, and why.

use cryptoki_sys::*;

/// Codes that a function answers beyond its list, with the sentence of the specification or the reason.
pub const EXCEPTIONS: &[(&str, CK_RV, &str)] = &[
    ("C_WrapKey", CKR_KEY_FUNCTION_NOT_PERMITTED, USAGE),
    ("C_UnwrapKey", CKR_KEY_FUNCTION_NOT_PERMITTED, USAGE),
    ("C_DeriveKey", CKR_KEY_FUNCTION_NOT_PERMITTED, USAGE),
    ("C_WrapKeyAuthenticated", CKR_KEY_FUNCTION_NOT_PERMITTED, USAGE),
    ("C_UnwrapKeyAuthenticated", CKR_KEY_FUNCTION_NOT_PERMITTED, USAGE),
    ("C_EncapsulateKey", CKR_KEY_FUNCTION_NOT_PERMITTED, USAGE),
    ("C_DecapsulateKey", CKR_KEY_FUNCTION_NOT_PERMITTED, USAGE),
    ("C_Encrypt", CKR_KEY_FUNCTION_NOT_PERMITTED, STOPPED),
    ("C_EncryptUpdate", CKR_KEY_FUNCTION_NOT_PERMITTED, STOPPED),
    ("C_EncryptFinal", CKR_KEY_FUNCTION_NOT_PERMITTED, STOPPED),
    ("C_Decrypt", CKR_KEY_FUNCTION_NOT_PERMITTED, STOPPED),
    ("C_DecryptUpdate", CKR_KEY_FUNCTION_NOT_PERMITTED, STOPPED),
    ("C_DecryptFinal", CKR_KEY_FUNCTION_NOT_PERMITTED, STOPPED),
    ("C_Sign", CKR_KEY_FUNCTION_NOT_PERMITTED, STOPPED),
    ("C_SignUpdate", CKR_KEY_FUNCTION_NOT_PERMITTED, STOPPED),
    ("C_SignFinal", CKR_KEY_FUNCTION_NOT_PERMITTED, STOPPED),
    ("C_Verify", CKR_KEY_FUNCTION_NOT_PERMITTED, STOPPED),
    ("C_VerifyUpdate", CKR_KEY_FUNCTION_NOT_PERMITTED, STOPPED),
    ("C_VerifyFinal", CKR_KEY_FUNCTION_NOT_PERMITTED, STOPPED),
    ("C_CreateObject", CKR_KEY_SIZE_RANGE, SIZE),
    ("C_GenerateKey", CKR_KEY_SIZE_RANGE, SIZE),
    ("C_GenerateKeyPair", CKR_KEY_SIZE_RANGE, SIZE),
    (
        "C_DeriveKey",
        CKR_PUBLIC_KEY_INVALID,
        "5.1.6: \"It may also be returned by C_DeriveKey, in preference to CKR_MECHANISM_PARAM_INVALID\"",
    ),
    (
        "C_EncapsulateKey",
        CKR_BUFFER_TOO_SMALL,
        "5.18.8: if pCiphertext is not big enough, \"C_EncapsulateKey returns CKR_BUFFER_TOO_SMALL\"",
    ),
    (
        "C_InitToken",
        CKR_PIN_LEN_RANGE,
        "5.1.6: the code \"only applies to functions which attempt to set a PIN\", and this is one",
    ),
    (
        "C_VerifySignature",
        CKR_OPERATION_ACTIVE,
        "5.15.8: it \"MUST be called ... without intervening C_VerifySignatureUpdate calls\"; as C_Verify",
    ),
    (
        "C_GetSessionValidationFlags",
        CKR_ARGUMENTS_BAD,
        "there is no place for the answer; as C_GetSessionInfo",
    ),
    (
        "C_AsyncGetID",
        CKR_OPERATION_NOT_INITIALIZED,
        "5.22.2: \"a function that is not performing an asynchronous operation should fail with the error\"",
    ),
    (
        "C_AsyncComplete",
        CKR_OPERATION_NOT_INITIALIZED,
        "as C_AsyncGetID: the function is not performing an asynchronous operation",
    ),
];

const USAGE: &str =
    "5.1.6: the key's attributes \"are not set to allow\" the purpose; the chapter's MUST has no other code";
const STOPPED: &str = "the key's life ended while the operation ran; the code that C_...Init would give now";
const SIZE: &str =
    "5.1.6: \"the supplied key's size is outside the range\"; tells more than CKR_ATTRIBUTE_VALUE_INVALID";

/// Why a code is not answered for an argument of any function.
pub const OF_ANY_FUNCTION: &[(CK_RV, &str)] = &[
    (CKR_GENERAL_ERROR, "only where the module itself is at fault"),
    (CKR_HOST_MEMORY, "only where memory for a copy of the input cannot be had"),
    (CKR_FUNCTION_FAILED, "only where other processes write the store at the same moment"),
    (CKR_DEVICE_ERROR, "only where the store is damaged or its disk fails"),
    (CKR_DEVICE_MEMORY, "only where the disk is full, or millions of handles are in use"),
    (CKR_DEVICE_REMOVED, "a software token is not removed"),
    (CKR_TOKEN_NOT_PRESENT, "every slot has its token"),
    (CKR_TOKEN_NOT_RECOGNIZED, "every token of the store is known"),
    (CKR_TOKEN_WRITE_PROTECTED, "only where the files of the store may not be written"),
    (CKR_SESSION_CLOSED, "a call that runs ends on the session that it began with"),
    (CKR_FUNCTION_CANCELED, "there are no callbacks and no PIN pad"),
    (CKR_FUNCTION_REJECTED, "nobody is asked whether a signature may be made"),
    (CKR_TOKEN_RESOURCE_EXCEEDED, "keys that wear out are not there"),
    (CKR_OPERATION_CANCEL_FAILED, "every operation can be cancelled"),
    (CKR_PENDING, "no session is asynchronous"),
    (CKR_PIN_EXPIRED, "PINs do not expire"),
    (CKR_PIN_INVALID, "a PIN may have any characters"),
    (CKR_USER_TOO_MANY_TYPES, "any number of applications may have any users logged in"),
    (CKR_SESSION_COUNT, "only where millions of sessions are open"),
    (CKR_RANDOM_NO_RNG, "every token has a generator"),
    (CKR_RANDOM_SEED_NOT_SUPPORTED, "seeds are mixed in"),
    (CKR_SEED_RANDOM_REQUIRED, "the generator seeds itself"),
    (CKR_DATA_INVALID, "data is refused by its length alone"),
    (
        CKR_PARAMETER_SET_NOT_SUPPORTED,
        "the parameter set is CKA_PARAMETER_SET's question in C_GenerateKeyPair",
    ),
    (CKR_OPERATION_ACTIVE, "the function works beside every operation, or goes on with one"),
    (CKR_USER_NOT_LOGGED_IN, "no user is needed; while nobody is logged in, private keys have no handles"),
];

/// Why one function never answers a code of its list.
pub const OF_ONE_FUNCTION: &[(&str, CK_RV, &str)] = &[
    ("C_Initialize", CKR_NEED_TO_CREATE_THREADS, "the module makes no threads"),
    ("C_GetInterface", CKR_BUFFER_TOO_SMALL, "it fills no buffer"),
    ("C_InitPIN", CKR_SESSION_READ_ONLY, "while the SO is logged in, no session is read-only"),
    ("C_SetOperationState", CKR_KEY_CHANGED, "no saved operation uses a key"),
    ("C_SetOperationState", CKR_KEY_NEEDED, "no saved operation uses a key"),
    (
        "C_CreateObject",
        CKR_PARAMETER_SET_NOT_SUPPORTED,
        "a parameter set that the token does not have is a wrong value",
    ),
    (
        "C_GetObjectSize",
        CKR_INFORMATION_SENSITIVE,
        "the size is that of what everybody who sees the object may see",
    ),
    ("C_FindObjectsInit", CKR_ATTRIBUTE_TYPE_INVALID, "it need not (5.7.8): such a search finds nothing"),
    ("C_DecryptInit", CKR_KEY_SIZE_RANGE, "no key that is too short to decrypt with can be brought in"),
    ("C_VerifyInit", CKR_KEY_SIZE_RANGE, SHORT),
    ("C_VerifySignatureInit", CKR_KEY_SIZE_RANGE, SHORT),
    ("C_VerifyRecoverInit", CKR_KEY_SIZE_RANGE, SHORT),
    ("C_MessageVerifyInit", CKR_KEY_SIZE_RANGE, SHORT),
    ("C_SignRecoverInit", CKR_KEY_SIZE_RANGE, "no RSA key that is too short to sign can be brought in"),
    ("C_MessageEncryptInit", CKR_KEY_SIZE_RANGE, "every AES key has a size that the mechanisms take"),
    ("C_MessageDecryptInit", CKR_KEY_SIZE_RANGE, "every AES key has a size that the mechanisms take"),
    ("C_DigestKey", CKR_KEY_SIZE_RANGE, "keys of every length can be digested"),
    ("C_DecryptInit", CKR_ARGUMENTS_BAD, NO_POINTER),
    ("C_DigestInit", CKR_ARGUMENTS_BAD, NO_POINTER),
    ("C_SignInit", CKR_ARGUMENTS_BAD, NO_POINTER),
    ("C_SignRecoverInit", CKR_ARGUMENTS_BAD, NO_POINTER),
    ("C_VerifyInit", CKR_ARGUMENTS_BAD, NO_POINTER),
    ("C_VerifyRecoverInit", CKR_ARGUMENTS_BAD, NO_POINTER),
    ("C_MessageDecryptInit", CKR_ARGUMENTS_BAD, NO_POINTER),
    ("C_MessageSignInit", CKR_ARGUMENTS_BAD, NO_POINTER),
    ("C_MessageVerifyInit", CKR_ARGUMENTS_BAD, NO_POINTER),
    ("C_MessageEncryptFinal", CKR_ARGUMENTS_BAD, NO_ARGUMENT),
    ("C_MessageDecryptFinal", CKR_ARGUMENTS_BAD, NO_ARGUMENT),
    ("C_MessageSignFinal", CKR_ARGUMENTS_BAD, NO_ARGUMENT),
    ("C_MessageVerifyFinal", CKR_ARGUMENTS_BAD, NO_ARGUMENT),
    ("C_VerifySignatureFinal", CKR_ARGUMENTS_BAD, NO_ARGUMENT),
    ("C_DecryptMessageBegin", CKR_ARGUMENTS_BAD, PARAMETER),
    ("C_SignMessageBegin", CKR_ARGUMENTS_BAD, PARAMETER),
    ("C_VerifyMessageBegin", CKR_ARGUMENTS_BAD, PARAMETER),
    ("C_EncryptMessage", CKR_DATA_LEN_RANGE, LENGTHS),
    ("C_EncryptMessageNext", CKR_DATA_LEN_RANGE, LENGTHS),
    ("C_DecryptMessage", CKR_ENCRYPTED_DATA_INVALID, GENUINE),
    ("C_DecryptMessage", CKR_ENCRYPTED_DATA_LEN_RANGE, LENGTHS),
    ("C_DecryptMessageNext", CKR_ENCRYPTED_DATA_INVALID, GENUINE),
    ("C_DecryptMessageNext", CKR_ENCRYPTED_DATA_LEN_RANGE, LENGTHS),
    ("C_MessageVerifyFinal", CKR_DATA_LEN_RANGE, "it gets no data"),
    ("C_VerifyRecover", CKR_DATA_LEN_RANGE, "the data is what the signature says"),
    ("C_DecryptUpdate", CKR_ENCRYPTED_DATA_INVALID, "only the end tells whether a ciphertext is good"),
    ("C_DecryptDigestUpdate", CKR_ENCRYPTED_DATA_INVALID, "only the end tells whether a ciphertext is good"),
    ("C_DecryptVerifyUpdate", CKR_ENCRYPTED_DATA_INVALID, "only the end tells whether a ciphertext is good"),
    ("C_GenerateKey", CKR_CURVE_NOT_SUPPORTED, "it makes no keys on curves"),
    ("C_UnwrapKey", CKR_BUFFER_TOO_SMALL, NO_BUFFER),
    ("C_UnwrapKeyAuthenticated", CKR_BUFFER_TOO_SMALL, NO_BUFFER),
    ("C_DecapsulateKey", CKR_BUFFER_TOO_SMALL, NO_BUFFER),
    ("C_UnwrapKey", CKR_CURVE_NOT_SUPPORTED, INSIDE),
    ("C_UnwrapKey", CKR_DOMAIN_PARAMS_INVALID, INSIDE),
    ("C_UnwrapKeyAuthenticated", CKR_CURVE_NOT_SUPPORTED, INSIDE),
    ("C_UnwrapKeyAuthenticated", CKR_DOMAIN_PARAMS_INVALID, INSIDE),
    (
        "C_UnwrapKey",
        CKR_UNWRAPPING_KEY_SIZE_RANGE,
        "no key that is too short to unwrap with can be brought in",
    ),
    (
        "C_UnwrapKeyAuthenticated",
        CKR_UNWRAPPING_KEY_SIZE_RANGE,
        "every AES key has a size that the mechanisms take",
    ),
    ("C_WrapKeyAuthenticated", CKR_KEY_SIZE_RANGE, "the mechanisms wrap keys of every length"),
    ("C_DeriveKey", CKR_CURVE_NOT_SUPPORTED, "it makes secret keys only"),
    ("C_DeriveKey", CKR_DOMAIN_PARAMS_INVALID, "it makes secret keys only"),
    ("C_EncapsulateKey", CKR_CURVE_NOT_SUPPORTED, "it makes secret keys only"),
    ("C_EncapsulateKey", CKR_DOMAIN_PARAMS_INVALID, "it makes secret keys only"),
    ("C_EncapsulateKey", CKR_KEY_SIZE_RANGE, "every key of the type has a size that the mechanism takes"),
    ("C_EncapsulateKey", CKR_TEMPLATE_INCOMPLETE, SETTLED),
    ("C_DecapsulateKey", CKR_CURVE_NOT_SUPPORTED, "it makes secret keys only"),
    ("C_DecapsulateKey", CKR_DOMAIN_PARAMS_INVALID, "it makes secret keys only"),
    (
        "C_DecapsulateKey",
        CKR_UNWRAPPING_KEY_SIZE_RANGE,
        "every key of the type has a size that the mechanism takes",
    ),
    ("C_DecapsulateKey", CKR_TEMPLATE_INCOMPLETE, SETTLED),
    (
        "C_DecapsulateKey",
        CKR_WRAPPED_KEY_INVALID,
        "every ciphertext of the right length gives a key (FIPS 203, 6.3)",
    ),
    ("C_AsyncGetID", CKR_STATE_UNSAVEABLE, "no function runs asynchronously"),
    ("C_AsyncJoin", CKR_BUFFER_TOO_SMALL, "no function runs asynchronously"),
];

const SHORT: &str = "what a short key signed is verified, and no shorter key can be brought in";
const NO_POINTER: &str = "NULL for the mechanism cancels, and what is wrong behind it has its own codes";
const NO_ARGUMENT: &str = "it has no argument but the session";
const PARAMETER: &str = "what is wrong with the parameter has its own code";
const LENGTHS: &str = "the mechanisms for messages take every length that memory holds";
const GENUINE: &str = "all mechanisms for messages have a tag, and CKR_AEAD_DECRYPT_FAILED tells of it";
const NO_BUFFER: &str = "it fills no buffer";
const INSIDE: &str = "what is wrong inside a wrapped key is CKR_WRAPPED_KEY_INVALID";
const SETTLED: &str = "the mechanism settles what the template leaves open";

/// Why this function never answers a code of its list, if that is the function's own reason.
pub fn own_reason(function: &str, code: CK_RV) -> Option<&'static str> {
    let own = OF_ONE_FUNCTION.iter().find(|(of, never, _)| *of == function && *never == code);
    own.map(|(_, _, reason)| *reason)
}

/// Why a function never answers a code of its list, if it never does.
pub fn reason(function: &str, code: CK_RV) -> Option<&'static str> {
    let any = || OF_ANY_FUNCTION.iter().find(|(never, _)| *never == code).map(|(_, reason)| *reason);
    own_reason(function, code).or_else(any)
}
