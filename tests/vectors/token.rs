//! The token under test: a user logged in, what the module announces, and keys brought in as session objects.

use super::client::*;
use cryptoki_sys::*;
use std::collections::BTreeMap;
use std::process::Command;

/// A module with a token and an open session.
pub struct Token {
    pub session: Session<'static>,
    announced: BTreeMap<CK_MECHANISM_TYPE, CK_FLAGS>,
}

impl Token {
    pub fn new() -> Self {
        Self::of(World::new())
    }

    /// Under the default policy, but that keys which were not made in the token wrap and unwrap: vectors bring theirs along.
    pub fn that_wraps_under_any_key() -> Self {
        let world = World::new();
        let folder = world.store().parent().unwrap().to_owned();
        std::fs::write(folder.join("so"), SO_PIN).unwrap();
        let policy = "policy = 1\nextends = \"default\"\n\
                      unsafe_allow = [\"wrap-under-imported\", \"unwrap-under-imported\"]\n";
        std::fs::write(folder.join("any.toml"), policy).unwrap();
        let installed = Command::new(env!("CARGO_BIN_EXE_keyward"))
            .args(["policy", "install", "any.toml", "--so-pin-file", "so"])
            .current_dir(folder)
            .env("KEYWARD_STORE", world.store())
            .output()
            .unwrap();
        assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
        Self::of(world)
    }

    fn of(world: World) -> Self {
        let world: &'static World = Box::leak(Box::new(world));
        let flags = |ckm| world.module.mechanism_info(world.slot, ckm).unwrap().flags;
        let list = world.module.mechanisms(world.slot).unwrap();
        let announced = list.into_iter().map(|ckm| (ckm, flags(ckm))).collect();
        Self { session: world.user(), announced }
    }

    /// Whether the module announces the mechanism for all of this.
    pub fn offers(&self, ckm: CK_MECHANISM_TYPE, flags: CK_FLAGS) -> bool {
        self.announced.get(&ckm).is_some_and(|announced| announced & flags == flags)
    }

    /// A secret key that can be looked at.
    pub fn secret(&self, kind: CK_KEY_TYPE, value: &[u8], uses: &[CK_ATTRIBUTE_TYPE]) -> Answer<Key> {
        self.session.create(&open_secret(kind).bytes(CKA_VALUE, value).uses(uses))
    }

    pub fn destroy(&self, key: Key) {
        self.session.destroy(key).unwrap();
    }
}

/// The beginning of the template of a secret key that can be looked at.
pub fn open_secret(kind: CK_KEY_TYPE) -> Template {
    open().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, kind)
}

/// Neither sensitive nor kept in.
pub fn open() -> Template {
    Template::new().flag(CKA_SENSITIVE, false).flag(CKA_EXTRACTABLE, true)
}

/// A big-endian number without zeros in front.
pub fn number(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}

/// A big-endian number with so many bytes; `None` where it is longer.
pub fn padded(bytes: &[u8], len: usize) -> Option<Vec<u8>> {
    let bytes = number(bytes);
    let zeros = len.checked_sub(bytes.len())?;
    Some([&vec![0; zeros][..], bytes].concat())
}

/// The same with one bit changed: which one depends on `turn`. Nothing where there is nothing.
pub fn flipped(bytes: &[u8], turn: usize) -> Option<Vec<u8>> {
    let mut changed = bytes.to_vec();
    let at = turn.checked_mul(7919)?.checked_rem(bytes.len())?;
    changed[at] ^= 1 << (turn % 8);
    Some(changed)
}
