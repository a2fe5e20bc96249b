//! What a row finds: a session, keys for every use, and short ways to call functions of the same form.

use super::Table;
use crate::client::*;
use cryptoki_sys::*;
use std::ffi::c_void;
use std::ptr::null_mut;

/// The world of one row.
pub struct Scene<'m> {
    pub world: Option<&'m World>,
    pub module: &'m Module,
    pub session: Session<'m>,
    pub keys: Keys,
}

/// Objects for every use; session objects where nothing else is said. Public and private half of each pair.
#[derive(Clone, Copy, Default)]
pub struct Keys {
    /// RSA-2048 that verifies and signs.
    pub rsa: (Key, Key),
    /// RSA-2048 that encrypts and decrypts.
    pub rsa_cipher: (Key, Key),
    /// RSA-2048 that wraps and unwraps.
    pub rsa_wrap: (Key, Key),
    /// RSA-2048 that signs and verifies with recovery.
    pub rsa_recover: (Key, Key),
    /// RSA-1024 that encrypts: a public key from elsewhere.
    pub rsa_weak: Key,
    /// P-256 that verifies and signs.
    pub ec: (Key, Key),
    /// P-256 that signs after a login for each signature.
    pub ec_asking: Key,
    /// RSA-2048 that decrypts after a login for each decryption, with its public half.
    pub rsa_asking: (Key, Key),
    /// P-256 that derives.
    pub ecdh: (Key, Key),
    /// AES-256 that encrypts and decrypts; sensitive, never extractable.
    pub aes: Key,
    /// AES-256 that wraps and unwraps.
    pub aes_wrap: Key,
    /// AES-256 that encrypts and decrypts, extractable and not sensitive.
    pub open: Key,
    /// AES-256 that leaves only under a trusted key.
    pub choosy: Key,
    /// 32 bytes that sign and verify.
    pub hmac: Key,
    /// 8 bytes from elsewhere that sign and verify.
    pub hmac_weak: Key,
    /// A public data object.
    pub data: Key,
    /// A data object that is not to be changed, copied or destroyed.
    pub fixed: Key,
    /// A public data object of the token.
    pub stored: Key,
}

const YES: bool = true;

/// A 1024-bit modulus that is no power and not even: nobody knows its factors, and nobody needs them.
pub fn weak_modulus() -> Vec<u8> {
    let mut modulus: Vec<u8> = (0..128_u32).map(|at| (at * 37 + 11) as u8).collect();
    modulus[0] |= 0x80;
    modulus[127] |= 1;
    modulus
}

impl Keys {
    pub fn make(s: Session<'_>) -> Self {
        let uses = |uses: &[CK_ATTRIBUTE_TYPE]| Template::new().uses(uses);
        let rsa = |public, private| s.rsa(uses(&[public]), uses(&[private])).unwrap();
        let p256 = |public: &[CK_ATTRIBUTE_TYPE], private: &[CK_ATTRIBUTE_TYPE]| {
            s.p256(uses(public), uses(private)).unwrap()
        };
        let asking = |cka| uses(&[cka]).flag(CKA_ALWAYS_AUTHENTICATE, YES);
        let secret = |value: &[u8]| {
            let template = uses(&[CKA_SIGN, CKA_VERIFY]).class(CKO_SECRET_KEY).bytes(CKA_VALUE, value);
            s.create(&template.ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET)).unwrap()
        };
        let cipher = || uses(&[CKA_ENCRYPT, CKA_DECRYPT]);
        let open = || cipher().flag(CKA_EXTRACTABLE, YES).flag(CKA_SENSITIVE, false);
        let data = || Template::new().class(CKO_DATA).bytes(CKA_VALUE, b"value");
        let fixed = [CKA_MODIFIABLE, CKA_COPYABLE, CKA_DESTROYABLE];
        Self {
            rsa: rsa(CKA_VERIFY, CKA_SIGN),
            rsa_cipher: rsa(CKA_ENCRYPT, CKA_DECRYPT),
            rsa_wrap: rsa(CKA_WRAP, CKA_UNWRAP),
            rsa_recover: rsa(CKA_VERIFY_RECOVER, CKA_SIGN_RECOVER),
            rsa_weak: s.create(&weak_rsa().uses(&[CKA_ENCRYPT])).unwrap(),
            ec: p256(&[CKA_VERIFY], &[CKA_SIGN]),
            ec_asking: s.p256(uses(&[CKA_VERIFY]), asking(CKA_SIGN)).unwrap().1,
            rsa_asking: s.rsa(uses(&[CKA_ENCRYPT]), asking(CKA_DECRYPT)).unwrap(),
            ecdh: p256(&[CKA_DERIVE], &[CKA_DERIVE]),
            aes: s.aes(cipher()).unwrap(),
            aes_wrap: s.aes(uses(&[CKA_WRAP, CKA_UNWRAP])).unwrap(),
            open: s.aes(open()).unwrap(),
            choosy: s.aes(open().flag(CKA_WRAP_WITH_TRUSTED, YES)).unwrap(),
            hmac: secret(&[7; 32]),
            hmac_weak: secret(&[7; 8]),
            data: s.create(&data()).unwrap(),
            fixed: s.create(&fixed.iter().fold(data(), |all, cka| all.flag(*cka, false))).unwrap(),
            stored: s.create(&data().flag(CKA_TOKEN, YES)).unwrap(),
        }
    }
}

/// A template of an RSA-1024 public key.
pub fn weak_rsa() -> Template {
    let template = Template::new().class(CKO_PUBLIC_KEY).ulong(CKA_KEY_TYPE, CKK_RSA);
    template.bytes(CKA_MODULUS, &weak_modulus()).bytes(CKA_PUBLIC_EXPONENT, &[1, 0, 1])
}

// --- functions of the same form ----------------------------------------------------------------------

pub type List = CK_FUNCTION_LIST_3_2;
/// (session)
pub type End = Option<unsafe extern "C" fn(CK_SESSION_HANDLE) -> CK_RV>;
/// (session, mechanism, key)
pub type Init = Option<unsafe extern "C" fn(CK_SESSION_HANDLE, *mut CK_MECHANISM, CK_OBJECT_HANDLE) -> CK_RV>;
/// (session, data, length)
pub type Give = Option<unsafe extern "C" fn(CK_SESSION_HANDLE, *mut u8, CK_ULONG) -> CK_RV>;
/// (session, room, place of the length)
pub type Take = Option<unsafe extern "C" fn(CK_SESSION_HANDLE, *mut u8, *mut CK_ULONG) -> CK_RV>;
/// (session, data, length, room, place of the length)
pub type Pass =
    Option<unsafe extern "C" fn(CK_SESSION_HANDLE, *mut u8, CK_ULONG, *mut u8, *mut CK_ULONG) -> CK_RV>;
/// (session, data, length, signature, length)
pub type Compare =
    Option<unsafe extern "C" fn(CK_SESSION_HANDLE, *mut u8, CK_ULONG, *mut u8, CK_ULONG) -> CK_RV>;

/// A mechanism, or one for messages, whose parameter has room for what the module gives back.
#[derive(Clone)]
pub enum Way {
    Usual(Mechanism),
    /// CKM_AES_GCM for messages: length of the IV in bytes and of the tag in bits.
    Message(usize, CK_ULONG),
}

impl Way {
    pub fn plain(ckm: CK_MECHANISM_TYPE) -> Self {
        Self::Usual(Mechanism::plain(ckm))
    }

    pub fn with<R>(&self, work: impl FnOnce(*mut CK_MECHANISM) -> R) -> R {
        match self {
            Self::Usual(mechanism) => mechanism.with(work),
            Self::Message(iv, tag_bits) => {
                let mut message = Message::new(*iv, *tag_bits);
                let (parameter, len) = message.parameter();
                let mut mechanism =
                    CK_MECHANISM { mechanism: CKM_AES_GCM, pParameter: parameter, ulParameterLen: len };
                work(&raw mut mechanism)
            }
        }
    }
}

/// A `CK_GCM_MESSAGE_PARAMS` with memory of its own.
pub struct Message {
    params: CK_GCM_MESSAGE_PARAMS,
    _iv: Vec<u8>,
    pub tag: Vec<u8>,
}

impl Message {
    /// Length of the IV in bytes and of the tag in bits.
    pub fn new(iv: usize, tag_bits: CK_ULONG) -> Self {
        let (mut iv, mut tag) = (vec![9_u8; iv.max(1)], vec![0_u8; 64]);
        let params = CK_GCM_MESSAGE_PARAMS {
            pIv: iv.as_mut_ptr(),
            ulIvLen: iv.len() as CK_ULONG,
            ulIvFixedBits: 0,
            ivGenerator: CKG_NO_GENERATE,
            pTag: tag.as_mut_ptr(),
            ulTagBits: tag_bits,
        };
        Self { params, _iv: iv, tag }
    }

    /// 12 bytes and 128 bits.
    pub fn usual() -> Self {
        Self::new(12, 128)
    }

    /// Pointer and length, for one call.
    pub fn parameter(&mut self) -> (*mut c_void, CK_ULONG) {
        ((&raw mut self.params).cast(), size_of::<CK_GCM_MESSAGE_PARAMS>() as CK_ULONG)
    }
}

/// The code of a call through a pointer.
macro_rules! code {
    ($function:expr $(, $argument:expr)* $(,)?) => {{
        let function = $function.unwrap();
        // SAFETY: what is passed is memory of the test's own, or NULL.
        answer(unsafe { function($($argument),*) })
    }};
}
pub(super) use code;

impl<'m> Scene<'m> {
    pub fn world(&self) -> &'m World {
        self.world.unwrap()
    }

    pub fn slot(&self) -> CK_SLOT_ID {
        self.world().slot
    }

    /// The slot whose token is not initialised.
    pub fn free_slot(&self) -> CK_SLOT_ID {
        *self.module.slots().unwrap().last().unwrap()
    }

    pub fn list(&self) -> &'static List {
        self.module.list
    }

    pub fn handle(&self) -> CK_SESSION_HANDLE {
        self.session.handle
    }

    /// Whether the token has a mechanism.
    pub fn has(&self, ckm: CK_MECHANISM_TYPE) -> bool {
        self.module.mechanisms(self.slot()).unwrap().contains(&ckm)
    }

    pub fn end(&self, function: End) -> Answer<()> {
        code!(function, self.handle())
    }

    pub fn init(&self, function: Init, way: &Way, key: Key) -> Answer<()> {
        way.with(|mechanism| code!(function, self.handle(), mechanism, key))
    }

    pub fn give(&self, function: Give, data: &[u8]) -> Answer<()> {
        let (mut data, len) = bytes(data);
        code!(function, self.handle(), data.as_mut_ptr(), len)
    }

    /// With room for so many bytes.
    pub fn take(&self, function: Take, room: usize) -> Answer<()> {
        let (mut out, mut len) = (vec![0_u8; room.max(1)], room as CK_ULONG);
        code!(function, self.handle(), out.as_mut_ptr(), &raw mut len)
    }

    /// With room for so many bytes.
    pub fn pass(&self, function: Pass, data: &[u8], room: usize) -> Answer<()> {
        let (mut data, data_len) = bytes(data);
        let (mut out, mut len) = (vec![0_u8; room.max(1)], room as CK_ULONG);
        code!(function, self.handle(), data.as_mut_ptr(), data_len, out.as_mut_ptr(), &raw mut len)
    }

    pub fn compare(&self, function: Compare, data: &[u8], signature: &[u8]) -> Answer<()> {
        let ((mut data, data_len), (mut signature, len)) = (bytes(data), bytes(signature));
        code!(function, self.handle(), data.as_mut_ptr(), data_len, signature.as_mut_ptr(), len)
    }
}

// --- conditions that many functions share --------------------------------------------------------------

/// CKR_OPERATION_NOT_INITIALIZED and the NULL pointers of a function that gives data.
pub fn give_rows(table: &mut Table, name: &'static str, function: fn(&List) -> Give, begin: fn(&Scene<'_>)) {
    table
        .on(name, super::Stage::User)
        .row(CKR_ARGUMENTS_BAD, "the data is NULL and its length is not 0", move |c| {
            begin(c);
            code!(function(c.list()), c.handle(), null_mut(), 1)
        })
        .row(CKR_OPERATION_NOT_INITIALIZED, "no such operation is active", move |c| {
            c.give(function(c.list()), b"data")
        });
}

/// The same of a function that takes a result.
pub fn take_rows(table: &mut Table, name: &'static str, function: fn(&List) -> Take, begin: fn(&Scene<'_>)) {
    table
        .on(name, super::Stage::User)
        .row(CKR_ARGUMENTS_BAD, "the place of the result's length is NULL", move |c| {
            begin(c);
            code!(function(c.list()), c.handle(), null_mut(), null_mut())
        })
        .row(CKR_OPERATION_NOT_INITIALIZED, "no such operation is active", move |c| {
            c.take(function(c.list()), 512)
        });
}

/// The same of a function that gives data and takes a result.
pub fn pass_rows(table: &mut Table, name: &'static str, function: fn(&List) -> Pass, begin: fn(&Scene<'_>)) {
    table
        .on(name, super::Stage::User)
        .row(CKR_ARGUMENTS_BAD, "the place of the result's length is NULL", move |c| {
            begin(c);
            let mut data = [0_u8; 16];
            code!(function(c.list()), c.handle(), data.as_mut_ptr(), 16, null_mut(), null_mut())
        })
        .row(CKR_ARGUMENTS_BAD, "the data is NULL and its length is not 0", move |c| {
            begin(c);
            let (mut out, mut len) = ([0_u8; 64], 64);
            code!(function(c.list()), c.handle(), null_mut(), 1, out.as_mut_ptr(), &raw mut len)
        })
        .row(CKR_OPERATION_NOT_INITIALIZED, "no such operation is active", move |c| {
            c.pass(function(c.list()), &[0; 16], 512)
        });
}

/// An Init function with NULL for the mechanism.
pub fn cancel(c: &Scene<'_>, function: Init) -> Answer<()> {
    code!(function, c.handle(), null_mut(), 0)
}
