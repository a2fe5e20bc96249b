//! C_Initialize tests nothing; each family of algorithms is tested on the way to its first use. One test: what was tested
//! is the whole process's.

use keyward_pkcs11::api::{Module, digest, session, slot};
use keyward_pkcs11::ck::mechanism::Mechanism;
use keyward_pkcs11::ck::{Params, SlotId};
use keyward_pkcs11::crypto::self_test::{Family, is_tested};
use keyward_pkcs11::secret::Pin;

fn tested() -> Vec<Family> {
    Family::ALL.iter().copied().filter(|family| is_tested(*family)).collect()
}

#[test]
fn a_start_runs_no_known_answers() {
    let folder = tempfile::tempdir().unwrap();
    let configuration = format!("store='{}' log='off'", folder.path().display());
    let first = |module: &Module| -> SlotId { slot::slots(module, true, true).unwrap()[0] };
    let module = Module::open(Some(&configuration)).unwrap();
    let pin = Pin::from_slice(b"so-pin-12345");
    slot::init_token(&module, first(&module), Some(pin), &[b' '; 32]).unwrap();
    drop(module);

    // The store is there now.
    let module = Module::open(Some(&configuration)).unwrap();
    let flags = cryptoki_sys::CKF_SERIAL_SESSION;
    let session = session::open_session(&module, first(&module), flags).unwrap();
    assert_eq!(tested(), []);
    let mechanism = Mechanism { ckm: cryptoki_sys::CKM_SHA256, params: Params::None };
    digest::digest_init(&module, session, Some(mechanism)).unwrap();
    assert_eq!(tested(), [Family::Digest]);
}
