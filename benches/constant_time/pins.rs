//! PINs. A login stretches the PIN and opens the token's key with the result; what is compared is the tag of that. The cost
//! of stretching is set low, because it would hide the rest.

use super::samples::{Case, some};
use keyward_pkcs11::crypto::seal::{self, PinCost};
use keyward_pkcs11::guard::vault::{StoreKeys, Vault};
use keyward_pkcs11::secret::Pin;
use keyward_pkcs11::store::UserRecord;
use std::sync::Arc;

const COST: PinCost = PinCost { memory: 8, passes: 1, lanes: 1 };
const RIGHT: &[u8] = b"correct horse battery";

pub fn cases() -> Vec<Box<dyn FnOnce() -> Case>> {
    vec![
        Box::new(|| {
            let (vault, user) = token();
            let classes = ["nothing like the right one", "only the last character wrong"];
            Case::ours("a wrong PIN", classes, 100_000, move |second| {
                let pin = wrong(second);
                let user = copy(&user);
                let vault = Arc::clone(&vault);
                Box::new(move || vault.open(&user, &pin).is_ok())
            })
        }),
        Box::new(|| {
            let (vault, user) = token();
            let nobody = Vault::nobody("user:bob12", COST);
            let classes = ["of a user who is there", "of one who is not"];
            Case::ours("a wrong PIN, whoever it is of", classes, 100_000, move |second| {
                let pin = wrong(false);
                let user = if second { copy(&nobody) } else { copy(&user) };
                let vault = Arc::clone(&vault);
                Box::new(move || vault.open(&user, &pin).is_ok())
            })
        }),
    ]
}

fn token() -> (Arc<Vault>, UserRecord) {
    let keys = StoreKeys::new(&seal::new_key().unwrap());
    let closed = Vault::closed("0123456789abcdef".to_owned(), Arc::new(keys));
    let name = "user:alice".to_owned();
    let open = closed.with_new_key().unwrap();
    let credential = open.credential(&name, &Pin::from_slice(RIGHT), COST, None).unwrap();
    (Arc::new(closed), UserRecord { name, credential, attempts: Vec::new() })
}

fn copy(user: &UserRecord) -> UserRecord {
    UserRecord { name: user.name.clone(), credential: user.credential.clone(), attempts: Vec::new() }
}

/// A wrong PIN of the right length.
fn wrong(close: bool) -> Pin {
    let mut both = [some(RIGHT.len()), RIGHT.to_vec()];
    let last = RIGHT.len() - 1;
    for pin in &mut both {
        pin[last] = RIGHT[last] ^ 1;
    }
    Pin::from_slice(&both[usize::from(close)])
}
