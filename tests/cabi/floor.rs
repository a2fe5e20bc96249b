//! The engine's own floor, and `unsafe_allow`: what a policy does without of it by naming it.

use super::client::*;
use super::installed::{install, install_text};
use crate::alone;
use cryptoki_sys::*;

const NOT_PERMITTED: Rv = Rv(CKR_KEY_FUNCTION_NOT_PERMITTED);
const FOREIGN: CK_ULONG = 0x60C;
const BOTH: &[CK_ATTRIBUTE_TYPE] = &[CKA_WRAP, CKA_UNWRAP];

fn kw() -> Mechanism {
    Mechanism::plain(CKM_AES_KEY_WRAP)
}

fn open() -> Template {
    Template::new().flag(CKA_EXTRACTABLE, true)
}

fn aes() -> Template {
    open().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_AES)
}

/// A wrapping key whose value is known outside.
fn imported(session: Session<'_>) -> Key {
    session.create(&aes().bytes(CKA_VALUE, &[7; 32]).uses(BOTH)).unwrap()
}

/// What a wrapping and an unwrapping under a key are answered.
fn answers(session: Session<'_>, key: Key, wrapped: &[u8]) -> (Option<Rv>, Option<Rv>) {
    let target = session.aes(open()).unwrap();
    let wraps = session.wrap(&kw(), key, target).err();
    if wraps.is_some() {
        assert_eq!(session.reason(), FOREIGN);
    }
    (wraps, session.unwrap(&kw(), key, wrapped, &aes().uses(&[CKA_ENCRYPT])).err())
}

alone! {
    fn keys_from_elsewhere_wrap_nothing_and_unwrap_only_where_the_policy_names_it() {
        let world = World::new();
        let session = world.user();
        let own = session.aes(open().uses(BOTH)).unwrap();
        let foreign = imported(session);
        let carried = session.wrap(&kw(), own, session.aes(open()).unwrap()).unwrap();
        // Of a key that was made here, and its copy.
        assert_eq!(answers(session, own, &carried), (None, None));
        let copy = session.copy(own, &Template::new()).unwrap();
        assert_eq!(answers(session, copy, &carried), (None, None));
        // `default` names the one. The value of the key is known: this is AES Key Wrap under it, made elsewhere.
        install_text(&world, "unsafe_allow = [\"wrap-under-imported\", \"unwrap-under-imported\"]\n");
        let known = session.wrap(&kw(), foreign, session.aes(open()).unwrap()).unwrap();
        assert_eq!(answers(session, foreign, &known), (None, None));
        install(&world, "default");
        assert_eq!(answers(session, foreign, &known), (Some(NOT_PERMITTED), None));
        install_text(&world, "");
        assert_eq!(answers(session, foreign, &known), (Some(NOT_PERMITTED), Some(NOT_PERMITTED)));
        assert_eq!(session.reason(), FOREIGN);
        // What an extended file names decides nothing.
        super::installed::write(&world, "base.toml", "policy = 1\nunsafe_allow = \"wrap-under-imported\"\n");
        super::installed::write(&world, "root.toml", "policy = 1\nextends = [\"./base.toml\"]\n");
        install(&world, "root.toml");
        assert_eq!(answers(session, foreign, &known), (Some(NOT_PERMITTED), Some(NOT_PERMITTED)));
        assert!(world.log().contains("`unsafe_allow` could name `wrap-under-imported`"), "{}", world.log());
    }
}

alone! {
    fn derived_unwrapped_and_public_keys_from_elsewhere_are_foreign_and_trusted_ones_are_not() {
        let world = World::new();
        let session = world.user();
        let own = session.aes(open().uses(BOTH)).unwrap();
        let target = session.aes(open()).unwrap();
        let carried = session.wrap(&kw(), own, target).unwrap();
        let unwrapped = session.unwrap(&kw(), own, &carried, &aes().uses(BOTH)).unwrap();
        assert_eq!(session.wrap(&kw(), unwrapped, target), Err(NOT_PERMITTED));
        assert_eq!(session.reason(), FOREIGN);
        // The public half of a pair that was made elsewhere: its private half may be anybody's.
        let (made_here, _) = session.rsa(open_public(), Template::new().uses(&[CKA_UNWRAP])).unwrap();
        let oaep = Mechanism::oaep(CKM_SHA256, CKG_MGF1_SHA256, b"");
        session.wrap(&oaep, made_here, session.generate(&Mechanism::plain(CKM_GENERIC_SECRET_KEY_GEN), &open().ulong(CKA_VALUE_LEN, 14)).unwrap()).unwrap();
        let modulus = session.get(made_here, CKA_MODULUS).unwrap();
        let theirs = open_public().class(CKO_PUBLIC_KEY).ulong(CKA_KEY_TYPE, CKK_RSA).bytes(CKA_MODULUS, &modulus);
        let theirs = session.create(&theirs.bytes(CKA_PUBLIC_EXPONENT, &[1, 0, 1])).unwrap();
        assert_eq!(session.wrap(&oaep, theirs, target), Err(NOT_PERMITTED));
        assert_eq!(session.reason(), FOREIGN);
        // The SO says that a key is trusted.
        let label = "trusted by the SO";
        session.create(&aes().bytes(CKA_VALUE, &[9; 32]).uses(BOTH).flag(CKA_TOKEN, true).flag(CKA_PRIVATE, false).label(label)).unwrap();
        let find = || session.find(&Template::new().label(label)).unwrap()[0];
        assert_eq!(session.wrap(&kw(), find(), target), Err(NOT_PERMITTED));
        session.logout().unwrap();
        session.login(CKU_SO, SO_PIN).unwrap();
        session.set(find(), &Template::new().flag(CKA_TRUSTED, true)).unwrap();
        session.logout().unwrap();
        session.login(CKU_USER, USER_PIN).unwrap();
        let target = session.aes(open()).unwrap();
        session.wrap(&kw(), find(), target).unwrap();
    }
}

fn open_public() -> Template {
    Template::new().uses(&[CKA_WRAP])
}

alone! {
    fn weaker_keys_wrap_stronger_ones_where_the_policy_names_it() {
        let world = World::new();
        let session = world.user();
        let weak = open().ulong(CKA_VALUE_LEN, 16).uses(BOTH);
        let weak = session.generate(&Mechanism::plain(CKM_AES_KEY_GEN), &weak).unwrap();
        let strong = session.aes(open()).unwrap();
        assert_eq!(session.wrap(&kw(), weak, strong), Err(Rv(CKR_WRAPPING_KEY_SIZE_RANGE)));
        install_text(&world, "unsafe_allow = \"wrap-under-weaker\"\n");
        session.wrap(&kw(), weak, strong).unwrap();
    }
}
