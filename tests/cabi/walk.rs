//! The whole table of the law, walked through the C ABI: every call that uses a key, in every state, with every purpose, in
//! every window, with a mechanism that the policy allows and one that it denies. What must come out is computed here from
//! the tables of docs/policy-reference.md and of SP 800-57, not by the module's code.
//!
//! Each call must leave exactly one decision in the record.

mod calls;

use super::client::*;
use super::parameters::{kept, structure};
use crate::alone;
use calls::*;
use cryptoki_sys::*;
use keyward_pkcs11::admin::audit as trails;
use keyward_pkcs11::audit::Kind as RecordKind;
use keyward_pkcs11::audit::read::Filter;
use keyward_pkcs11::guard::Sink;
use keyward_pkcs11::token::Configuration;
use std::collections::{BTreeMap, BTreeSet};

const STATE_SUSPENDED: CK_ULONG = 0x101;
const STATE_DEACTIVATED: CK_ULONG = 0x102;
const STATE_COMPROMISED: CK_ULONG = 0x103;
const STATE_PRE_ACTIVE: CK_ULONG = 0x104;
const OTHER_PURPOSE: CK_ULONG = 0x201;
const DENIED_MECHANISM: CK_ULONG = 0x301;
const PROTECT_AHEAD: CK_ULONG = 0x501;
const PROTECT_OVER: CK_ULONG = 0x502;
const PROCESS_AHEAD: CK_ULONG = 0x503;
const PROCESS_OVER: CK_ULONG = 0x504;

const SIGN: CK_ULONG = 1;
const MAC: CK_ULONG = 2;
const ENCRYPT: CK_ULONG = 3;
const WRAP: CK_ULONG = 4;
const AGREE: CK_ULONG = 5;
const DERIVE: CK_ULONG = 6;
const ENCAPSULATE: CK_ULONG = 7;

/// What the policy of the walk denies to every key.
const DENIED: [CK_MECHANISM_TYPE; 9] = [
    CKM_AES_CTR,
    CKM_AES_CCM,
    CKM_AES_KEY_WRAP_KWP,
    CKM_SHA384_HMAC,
    CKM_SHA384_RSA_PKCS,
    CKM_ECDSA_SHA384,
    CKM_RSA_X_509,
    CKM_SHA384_KEY_DERIVATION,
    CKM_ECDH1_COFACTOR_DERIVE,
];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Aes,
    Generic,
    RsaPrivate,
    RsaPublic,
    EcPrivate,
    EcPublic,
    KemPrivate,
    KemPublic,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    Originator,
    Recipient,
}

type Call = fn(&Stage<'_>, Session<'_>, Key, &Mechanism) -> Answer<()>;

/// One kind of call.
struct Entry {
    name: &'static str,
    /// The word of the record.
    word: &'static str,
    call: Call,
    side: Side,
    purpose: CK_ULONG,
    kind: Kind,
    /// One that is allowed, and one that is not.
    mechanisms: [CK_MECHANISM_TYPE; 2],
}

/// What the cases share.
struct Stage<'w> {
    session: Session<'w>,
    /// Components of an RSA key: modulus, both exponents, both primes.
    rsa: [Vec<u8>; 5],
    peer: Vec<u8>,
    target: Key,
}

const fn entry(
    name: &'static str,
    word: &'static str,
    call: Call,
    side: Side,
    purpose: CK_ULONG,
    kind: Kind,
    mechanisms: [CK_MECHANISM_TYPE; 2],
) -> Entry {
    Entry { name, word, call, side, purpose, kind, mechanisms }
}

/// Where a family has no second mechanism, the first stands twice.
fn entries() -> Vec<Entry> {
    use Kind::*;
    use Side::*;
    let aes = [CKM_AES_CBC_PAD, CKM_AES_CTR];
    let aead = [CKM_AES_GCM, CKM_AES_CCM];
    let kw = [CKM_AES_KEY_WRAP, CKM_AES_KEY_WRAP_KWP];
    let oaep = [CKM_RSA_PKCS_OAEP, CKM_RSA_X_509];
    let hmac = [CKM_SHA256_HMAC, CKM_SHA384_HMAC];
    let rsa = [CKM_SHA256_RSA_PKCS, CKM_SHA384_RSA_PKCS];
    let ecdsa = [CKM_ECDSA_SHA256, CKM_ECDSA_SHA384];
    let recover = [CKM_RSA_PKCS, CKM_RSA_X_509];
    let hash = [CKM_SHA256_KEY_DERIVATION, CKM_SHA384_KEY_DERIVATION];
    let ecdh = [CKM_ECDH1_DERIVE, CKM_ECDH1_COFACTOR_DERIVE];
    let kem = [CKM_ML_KEM, CKM_ML_KEM];
    vec![
        entry("C_EncryptInit", "encrypt", ENCRYPT_INIT, Originator, ENCRYPT, Aes, aes),
        entry("C_EncryptInit", "encrypt", ENCRYPT_INIT, Originator, ENCRYPT, RsaPublic, oaep),
        entry("C_DecryptInit", "decrypt", DECRYPT_INIT, Recipient, ENCRYPT, Aes, aes),
        entry("C_DecryptInit", "decrypt", DECRYPT_INIT, Recipient, ENCRYPT, RsaPrivate, oaep),
        entry("C_MessageEncryptInit", "encrypt", MESSAGE_ENCRYPT_INIT, Originator, ENCRYPT, Aes, aead),
        entry("C_MessageDecryptInit", "decrypt", MESSAGE_DECRYPT_INIT, Recipient, ENCRYPT, Aes, aead),
        entry("C_SignInit", "sign", SIGN_INIT, Originator, MAC, Generic, hmac),
        entry("C_SignInit", "sign", SIGN_INIT, Originator, SIGN, RsaPrivate, rsa),
        entry("C_SignInit", "sign", SIGN_INIT, Originator, SIGN, EcPrivate, ecdsa),
        entry("C_VerifyInit", "verify", VERIFY_INIT, Recipient, MAC, Generic, hmac),
        entry("C_VerifyInit", "verify", VERIFY_INIT, Recipient, SIGN, RsaPublic, rsa),
        entry("C_VerifyInit", "verify", VERIFY_INIT, Recipient, SIGN, EcPublic, ecdsa),
        entry("C_VerifySignatureInit", "verify", VERIFY_SIGNATURE_INIT, Recipient, SIGN, RsaPublic, rsa),
        entry("C_MessageSignInit", "sign", MESSAGE_SIGN_INIT, Originator, SIGN, EcPrivate, ecdsa),
        entry("C_MessageVerifyInit", "verify", MESSAGE_VERIFY_INIT, Recipient, SIGN, EcPublic, ecdsa),
        entry("C_SignRecoverInit", "sign-recover", SIGN_RECOVER_INIT, Originator, SIGN, RsaPrivate, recover),
        entry(
            "C_VerifyRecoverInit",
            "verify-recover",
            VERIFY_RECOVER_INIT,
            Recipient,
            SIGN,
            RsaPublic,
            recover,
        ),
        entry("C_DigestKey", "digest-key", DIGEST_KEY, Originator, DERIVE, Generic, [CKM_SHA256, CKM_SHA256]),
        entry("C_WrapKey", "wrap", WRAP_KEY, Originator, WRAP, Aes, kw),
        entry("C_WrapKey", "wrap", WRAP_KEY, Originator, WRAP, RsaPublic, [CKM_RSA_PKCS_OAEP; 2]),
        entry("C_UnwrapKey", "unwrap", UNWRAP_KEY, Recipient, WRAP, Aes, kw),
        entry("C_UnwrapKey", "unwrap", UNWRAP_KEY, Recipient, WRAP, RsaPrivate, [CKM_RSA_PKCS_OAEP; 2]),
        entry("C_WrapKeyAuthenticated", "wrap", WRAP_AUTHENTICATED, Originator, WRAP, Aes, aead),
        entry("C_UnwrapKeyAuthenticated", "unwrap", UNWRAP_AUTHENTICATED, Recipient, WRAP, Aes, aead),
        entry("C_DeriveKey", "derive", DERIVE_KEY, Originator, DERIVE, Generic, hash),
        entry("C_DeriveKey", "derive", DERIVE_KEY, Originator, AGREE, EcPrivate, ecdh),
        entry("C_EncapsulateKey", "encapsulate", ENCAPSULATE_KEY, Originator, ENCAPSULATE, KemPublic, kem),
        entry("C_DecapsulateKey", "decapsulate", DECAPSULATE_KEY, Recipient, ENCAPSULATE, KemPrivate, kem),
    ]
}

/// The purposes that a kind of key can have.
fn purposes(kind: Kind) -> &'static [CK_ULONG] {
    match kind {
        Kind::Aes => &[ENCRYPT, WRAP],
        Kind::Generic => &[MAC, DERIVE],
        Kind::RsaPrivate | Kind::RsaPublic => &[SIGN, ENCRYPT, WRAP],
        Kind::EcPrivate => &[SIGN, AGREE],
        Kind::EcPublic => &[SIGN],
        Kind::KemPrivate | Kind::KemPublic => &[ENCAPSULATE],
    }
}

/// The usage attributes of a kind, all of them, so that no more than the law can refuse.
fn uses(kind: Kind) -> &'static [CK_ATTRIBUTE_TYPE] {
    match kind {
        Kind::Aes => &[CKA_ENCRYPT, CKA_DECRYPT, CKA_WRAP, CKA_UNWRAP],
        Kind::Generic => &[CKA_SIGN, CKA_VERIFY, CKA_DERIVE],
        Kind::RsaPrivate => &[CKA_SIGN, CKA_SIGN_RECOVER, CKA_DECRYPT, CKA_UNWRAP],
        Kind::RsaPublic => &[CKA_VERIFY, CKA_VERIFY_RECOVER, CKA_ENCRYPT, CKA_WRAP],
        Kind::EcPrivate => &[CKA_SIGN, CKA_DERIVE],
        Kind::EcPublic => &[CKA_VERIFY],
        Kind::KemPrivate => &[CKA_DECAPSULATE],
        Kind::KemPublic => &[CKA_ENCAPSULATE],
    }
}

/// Both windows as seconds from now: `[activation, protect stop)` and `[process start, deactivation)`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Windows {
    activation: Option<i64>,
    protect_stop: Option<i64>,
    process_start: Option<i64>,
    deactivation: Option<i64>,
}

const HOUR: i64 = 3600;

fn windows() -> Vec<Windows> {
    let open = Windows::default();
    vec![
        open,
        Windows { activation: Some(-HOUR), protect_stop: Some(HOUR), deactivation: Some(2 * HOUR), ..open },
        Windows { activation: Some(HOUR), ..open },
        Windows { activation: Some(-2 * HOUR), protect_stop: Some(-HOUR), ..open },
        Windows { process_start: Some(HOUR), ..open },
        Windows { protect_stop: Some(-2 * HOUR), deactivation: Some(-HOUR), ..open },
        Windows { deactivation: Some(-HOUR), ..open },
    ]
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Case {
    entry: usize,
    state: CK_ULONG,
    /// 0: not bound yet.
    purpose: CK_ULONG,
    windows: Windows,
    denied: bool,
}

/// Every reason for which the call must be refused. None at all: it must be allowed.
fn reasons(entry: &Entry, case: &Case) -> BTreeSet<CK_ULONG> {
    let mut reasons = BTreeSet::new();
    let mut refuse = |refused: bool, reason: CK_ULONG| {
        if refused {
            reasons.insert(reason);
        }
    };
    let protects = entry.side == Side::Originator;
    let windows = case.windows;
    let ahead = |at: Option<i64>| at.is_some_and(|at| at > 0);
    let over = |at: Option<i64>| at.is_some_and(|at| at < 0);
    refuse(case.state == SUSPENDED, STATE_SUSPENDED);
    refuse(case.state == COMPROMISED, STATE_COMPROMISED);
    // A date that has come puts a key in force that waits for it.
    refuse(case.state == PRE_ACTIVE && !over(windows.activation), STATE_PRE_ACTIVE);
    refuse(case.state == DEACTIVATED && protects, STATE_DEACTIVATED);
    refuse(case.purpose != 0 && case.purpose != entry.purpose, OTHER_PURPOSE);
    refuse(case.denied, DENIED_MECHANISM);
    if protects {
        refuse(ahead(windows.activation), PROTECT_AHEAD);
        refuse(over(windows.protect_stop) || over(windows.deactivation), PROTECT_OVER);
        // A deactivated key has no window left either.
        refuse(case.state == DEACTIVATED, PROTECT_OVER);
    } else {
        refuse(ahead(windows.process_start), PROCESS_AHEAD);
        refuse(over(windows.deactivation), PROCESS_OVER);
    }
    reasons
}

const PRE_ACTIVE: CK_ULONG = 1;

/// The code of a reason, as docs/policy-reference.md has it.
fn code(entry: &Entry, reason: CK_ULONG) -> CK_RV {
    match (entry.word, reason) {
        // C_DigestKey has a code of its own for a key that may not be digested (5.10.5).
        ("digest-key", _) => CKR_KEY_INDIGESTIBLE,
        (_, DENIED_MECHANISM) => CKR_MECHANISM_INVALID,
        _ => CKR_KEY_FUNCTION_NOT_PERMITTED,
    }
}

impl<'w> Stage<'w> {
    fn new(world: &'w World) -> Self {
        let session = world.user();
        let open =
            Template::new().flag(CKA_SENSITIVE, false).flag(CKA_EXTRACTABLE, true).flag(CKA_SIGN, true);
        let (_, private) = session.rsa(Template::new().flag(CKA_VERIFY, true), open).unwrap();
        let parts = [CKA_MODULUS, CKA_PUBLIC_EXPONENT, CKA_PRIVATE_EXPONENT, CKA_PRIME_1, CKA_PRIME_2];
        let rsa = parts.map(|cka| session.get(private, cka).unwrap());
        let (public, _) = session
            .p256(Template::new().flag(CKA_VERIFY, true), Template::new().flag(CKA_SIGN, true))
            .unwrap();
        let point = session.get(public, CKA_EC_POINT).unwrap();
        let target = session
            .generate(
                &Mechanism::plain(CKM_GENERIC_SECRET_KEY_GEN),
                &Template::new()
                    // No stronger than RSA-2048, which wraps it.
                    .ulong(CKA_VALUE_LEN, 14)
                    .flag(CKA_EXTRACTABLE, true)
                    .flag(CKA_SIGN, true)
                    .label("target"),
            )
            .unwrap();
        Self { session, rsa, peer: point[2..].to_vec(), target }
    }

    /// A key for one case.
    fn key(&self, kind: Kind, case: &Case, label: &str) -> Key {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let dated = |template: Template| {
            let dates = [
                (CKA_KEYWARD_ACTIVATION_DATE, case.windows.activation),
                (CKA_KEYWARD_PROTECT_STOP_DATE, case.windows.protect_stop),
                (CKA_KEYWARD_PROCESS_START_DATE, case.windows.process_start),
                (CKA_KEYWARD_DEACTIVATION_DATE, case.windows.deactivation),
            ];
            let bound =
                if case.purpose == 0 { template } else { template.ulong(CKA_KEYWARD_PURPOSE, case.purpose) };
            dates.into_iter().fold(bound, |template, (cka, after)| match after {
                Some(after) => template.ulong(cka, now.saturating_add_signed(after)),
                None => template,
            })
        };
        let template = |of| dated(Template::new().label(label).uses(uses(of)));
        let [modulus, public, private, prime, other] = &self.rsa;
        let session = self.session;
        let key = match kind {
            Kind::Aes => session.aes(template(kind).ulong(CKA_VALUE_LEN, 32)),
            Kind::Generic => session.generate(
                &Mechanism::plain(CKM_GENERIC_SECRET_KEY_GEN),
                &template(kind).ulong(CKA_VALUE_LEN, 32),
            ),
            Kind::RsaPrivate => session.create(
                &template(kind)
                    .class(CKO_PRIVATE_KEY)
                    .ulong(CKA_KEY_TYPE, CKK_RSA)
                    .bytes(CKA_MODULUS, modulus)
                    .bytes(CKA_PUBLIC_EXPONENT, public)
                    .bytes(CKA_PRIVATE_EXPONENT, private)
                    .bytes(CKA_PRIME_1, prime)
                    .bytes(CKA_PRIME_2, other),
            ),
            Kind::RsaPublic => session.create(
                &template(kind)
                    .class(CKO_PUBLIC_KEY)
                    .ulong(CKA_KEY_TYPE, CKK_RSA)
                    .bytes(CKA_MODULUS, modulus)
                    .bytes(CKA_PUBLIC_EXPONENT, public),
            ),
            Kind::EcPrivate | Kind::EcPublic => {
                // The other half is of no account: it has its own label.
                let other = |of| dated(Template::new().label("other half").uses(uses(of)));
                let public = if kind == Kind::EcPublic { template(kind) } else { other(Kind::EcPublic) };
                let private = if kind == Kind::EcPrivate { template(kind) } else { other(Kind::EcPrivate) };
                let pair = session.p256(public, private);
                pair.map(|(public, private)| if kind == Kind::EcPublic { public } else { private })
            }
            Kind::KemPrivate | Kind::KemPublic => {
                let other = |of| dated(Template::new().label("other half").uses(uses(of)));
                let public = if kind == Kind::KemPublic { template(kind) } else { other(Kind::KemPublic) };
                let private = if kind == Kind::KemPrivate { template(kind) } else { other(Kind::KemPrivate) };
                let public = public.ulong(CKA_PARAMETER_SET, CKP_ML_KEM_768);
                let pair =
                    session.generate_pair(&Mechanism::plain(CKM_ML_KEM_KEY_PAIR_GEN), &public, &private);
                pair.map(|(public, private)| if kind == Kind::KemPublic { public } else { private })
            }
        };
        let key = key.unwrap_or_else(|code| panic!("{kind:?} {case:?}: {code:?}"));
        if !matches!(case.state, ACTIVE | PRE_ACTIVE) {
            session.set_state(key, case.state).unwrap_or_else(|code| panic!("{kind:?} {case:?}: {code:?}"));
        }
        key
    }

    fn mechanism(&self, ckm: CK_MECHANISM_TYPE, entry: &Entry) -> Mechanism {
        match ckm {
            CKM_AES_CBC_PAD => Mechanism::iv(ckm, &[3; 16]),
            CKM_AES_CTR => Mechanism::ctr(64, [3; 16]),
            CKM_RSA_PKCS_OAEP => Mechanism::oaep(CKM_SHA256, CKG_MGF1_SHA256, b""),
            CKM_ECDH1_DERIVE | CKM_ECDH1_COFACTOR_DERIVE => Mechanism::ecdh(ckm, &self.peer),
            CKM_AES_GCM if entry.purpose == WRAP => structure(
                ckm,
                &CK_GCM_MESSAGE_PARAMS {
                    pIv: kept(&[6; 12]),
                    ulIvLen: 12,
                    ulIvFixedBits: 0,
                    ivGenerator: CKG_NO_GENERATE,
                    pTag: kept(&[0; 16]),
                    ulTagBits: 128,
                },
            ),
            CKM_AES_CCM if entry.purpose == WRAP => structure(
                ckm,
                &CK_CCM_MESSAGE_PARAMS {
                    ulDataLen: 16,
                    pNonce: kept(&[6; 12]),
                    ulNonceLen: 12,
                    ulNonceFixedBits: 0,
                    nonceGenerator: CKG_NO_GENERATE,
                    pMAC: kept(&[0; 16]),
                    ulMACLen: 16,
                },
            ),
            _ => Mechanism::plain(ckm),
        }
    }
}

fn cases(states: &[CK_ULONG]) -> Vec<Case> {
    let mut cases = Vec::new();
    for (number, entry) in entries().iter().enumerate() {
        for state in states {
            for purpose in [0].into_iter().chain(purposes(entry.kind).iter().copied()) {
                for windows in windows() {
                    for ckm in entry.mechanisms.iter().take(if entry.mechanisms[0] == entry.mechanisms[1] {
                        1
                    } else {
                        2
                    }) {
                        let denied = DENIED.contains(ckm);
                        cases.push(Case { entry: number, state: *state, purpose, windows, denied });
                    }
                }
            }
        }
    }
    cases
}

/// Walks, and answers for each case its label and the word of its decision.
fn walk(world: &World, states: &[CK_ULONG]) -> Vec<(String, &'static str)> {
    let stage = Stage::new(world);
    let all = entries();
    let mut walked = Vec::new();
    let mut wrong = Vec::new();
    for (number, case) in cases(states).into_iter().enumerate() {
        let entry = &all[case.entry];
        let label = format!("case-{number}");
        let key = stage.key(entry.kind, &case, &label);
        let ckm = entry.mechanisms[usize::from(case.denied)];
        let mechanism = stage.mechanism(ckm, entry);
        // The reason of a refusal stays in its session: each case has one of its own.
        let session = world.module.read_write(world.slot);
        let answer = (entry.call)(&stage, session, key, &mechanism);
        let (expected, reason) = (reasons(entry, &case), session.reason());
        let right = if expected.is_empty() {
            reason == 0
        } else {
            expected.contains(&reason) && answer == Err(Rv(code(entry, reason)))
        };
        if !right {
            wrong.push(format!(
                "{} with {ckm:#x}: {case:?}: {answer:?}, reason {reason:#x}, expected {expected:x?}",
                entry.name
            ));
        }
        session.close().unwrap();
        stage.session.destroy(key).unwrap();
        walked.push((label, entry.word));
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        walked.len(),
        wrong[..wrong.len().min(20)].join("\n")
    );
    walked
}

/// Each case left one decision, no more and no less.
fn decisions(world: &World, walked: &[(String, &'static str)]) {
    world.stop();
    let configuration = Configuration { store: world.store(), log: Sink::Silent };
    let module = keyward_pkcs11::api::Module::with(&configuration).unwrap();
    let tokens = module.slots().tokens().unwrap();
    let trail = trails::trail(&tokens[0]).unwrap();
    let copy = trail.copy(&[]).unwrap();
    let mut told: BTreeMap<(String, String), u64> = BTreeMap::new();
    for entry in trails::records(&copy, &Filter::default(), None) {
        let event = entry.event;
        if event.kind == RecordKind::Decision {
            *told.entry((event.label, event.operation.into_owned())).or_default() += event.count;
        }
    }
    for (label, word) in walked {
        assert_eq!(told.get(&(label.clone(), (*word).to_owned())), Some(&1), "{label} {word}");
    }
}

fn policy(state: &str) -> String {
    let denied: Vec<_> =
        DENIED.iter().map(|ckm| format!("{:?}", keyward_pkcs11::ck::names::mechanism_name(*ckm))).collect();
    format!(
        "policy = 1\nunsafe_allow = [\"wrap-under-imported\", \"unwrap-under-imported\"]\n\
         [keys]\nsingle_purpose = \"bind-on-first-use\"\nsensitive = \"default\"\naudit = \"all\"\n\
         initial_state = \"{state}\"\n[mechanisms]\nlegacy_use = [\"CKM_SHA1_RSA_PKCS\"]\n\
         [[rule]]\nid = \"walk\"\ndeny = [{}]\n",
        denied.join(", ")
    )
}

fn world_under(state: &str) -> World {
    let world = World::new();
    super::installed::write(&world, "walk.toml", &policy(state));
    super::installed::install(&world, "walk.toml");
    world
}

alone! {
    fn every_call_in_every_state_purpose_and_window_answers_as_the_tables_say_and_leaves_one_decision() {
        let world = world_under("active");
        let walked = walk(&world, &[ACTIVE, SUSPENDED, DEACTIVATED, COMPROMISED]);
        assert!(walked.len() > 4000, "{}", walked.len());
        decisions(&world, &walked);
    }
}

alone! {
    fn key_that_is_not_active_yet_does_nothing_in_any_window() {
        let world = world_under("pre-active");
        let walked = walk(&world, &[PRE_ACTIVE]);
        assert!(walked.len() > 1000, "{}", walked.len());
        decisions(&world, &walked);
    }
}

alone! {
    fn destroyed_key_is_no_key_for_any_call() {
        let world = world_under("active");
        let stage = Stage::new(&world);
        for entry in entries() {
            let case = Case { entry: 0, state: ACTIVE, purpose: 0, windows: Windows::default(), denied: false };
            let key = stage.key(entry.kind, &case, "gone");
            stage.session.destroy(key).unwrap();
            let session = world.module.read_write(world.slot);
            let answer = (entry.call)(&stage, session, key, &stage.mechanism(entry.mechanisms[0], &entry));
            let invalid = [
                CKR_KEY_HANDLE_INVALID,
                CKR_WRAPPING_KEY_HANDLE_INVALID,
                CKR_UNWRAPPING_KEY_HANDLE_INVALID,
                CKR_OBJECT_HANDLE_INVALID,
            ];
            assert!(answer.is_err_and(|code| invalid.contains(&code.0)), "{}: {answer:?}", entry.name);
            session.close().unwrap();
        }
    }
}
