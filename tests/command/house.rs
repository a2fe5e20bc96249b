//! A store with a token, and the command run on it.

use cryptoki_sys::*;
use keyward_pkcs11::api::{Module, keys, session};
use keyward_pkcs11::ck::Mechanism;
use keyward_pkcs11::ck::raw::{RawAttribute, RawValue, ulong_to_bytes};
use keyward_pkcs11::guard::Sink;
use keyward_pkcs11::secret::Pin;
use keyward_pkcs11::token::Configuration;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;
use zeroize::Zeroizing;

/// What a run of the command did.
pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// A store with a token called web.
pub struct House {
    pub folder: TempDir,
}

impl House {
    pub fn new() -> Self {
        let house = Self { folder: tempfile::tempdir().unwrap() };
        house.write("so", "12345678\n");
        house.write("pin", "123456\nnot the PIN\n");
        house.write("wrong", "654321\n");
        let made = house.run(&["token", "init", "web", "--so-pin-file", "@so", "--pin-file", "@pin"]);
        assert_eq!((made.code, made.err.as_str()), (0, ""), "{}", made.out);
        house
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn store(&self) -> PathBuf {
        self.path("store")
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Runs the command; `@name` stands for a file of this house.
    pub fn run(&self, words: &[&str]) -> Run {
        let words: Vec<String> = words
            .iter()
            .map(|word| match word.strip_prefix('@') {
                Some(name) => self.path(name).display().to_string(),
                None => (*word).to_owned(),
            })
            .collect();
        let command = Command::new(env!("CARGO_BIN_EXE_keyward"))
            .args(&words)
            .current_dir(self.folder.path())
            .env_clear()
            .env("KEYWARD_STORE", self.store())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        Run {
            code: command.status.code().unwrap(),
            out: String::from_utf8(command.stdout).unwrap(),
            err: String::from_utf8(command.stderr).unwrap(),
        }
    }

    /// What the command writes; it must end with this code.
    pub fn must(&self, code: i32, words: &[&str]) -> String {
        let run = self.run(words);
        assert_eq!(run.code, code, "{words:?}: {}{}", run.out, run.err);
        run.out
    }

    /// With the user's PIN.
    pub fn user(&self, words: &[&str]) -> Run {
        self.run(&[words, &["--token", "web", "--pin-file", "@pin"]].concat())
    }

    /// The same; it must end with this code.
    pub fn user_must(&self, code: i32, words: &[&str]) -> String {
        self.must(code, &[words, &["--token", "web", "--pin-file", "@pin"]].concat())
    }

    /// Generates in a module of our own; the command is another process.
    pub fn generate(&self, mechanism: u64, label: &str, more: &[(u64, Vec<u8>)]) {
        let module = module(&self.store());
        let token = module.slots().tokens().unwrap()[0].slot();
        let s = session::open_session(&module, token, CKF_SERIAL_SESSION | CKF_RW_SESSION).unwrap();
        session::login(&module, s, CKU_USER, Some(Pin::from_slice(b"123456"))).unwrap();
        let mut template =
            vec![raw(CKA_TOKEN, &[CK_TRUE]), raw(CKA_LABEL, label.as_bytes()), raw(CKA_ID, &[1])];
        template.extend(more.iter().map(|(cka, value)| raw(*cka, value)));
        if mechanism == CKM_AES_KEY_GEN {
            keys::generate_key(&module, s, Mechanism::plain(mechanism), template).unwrap();
        } else {
            let public = vec![
                raw(CKA_EC_PARAMS, &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]),
                raw(CKA_TOKEN, &[CK_TRUE]),
                raw(CKA_LABEL, label.as_bytes()),
                raw(CKA_VERIFY, &[CK_TRUE]),
            ];
            template.push(raw(CKA_SIGN, &[CK_TRUE]));
            keys::generate_key_pair(&module, s, Mechanism::plain(mechanism), public, template).unwrap();
        }
    }

    pub fn pair(&self, label: &str) {
        self.generate(CKM_EC_KEY_PAIR_GEN, label, &[]);
    }

    pub fn aes(&self, label: &str) {
        self.generate(CKM_AES_KEY_GEN, label, &[(CKA_VALUE_LEN, ulong_to_bytes(32).to_vec())]);
    }
}

pub fn module(store: &Path) -> Module {
    Module::with(&Configuration { store: store.to_owned(), log: Sink::Silent }).unwrap()
}

pub fn raw(cka: u64, bytes: &[u8]) -> RawAttribute {
    RawAttribute { cka, value: RawValue::Bytes(Zeroizing::new(bytes.to_vec())) }
}
