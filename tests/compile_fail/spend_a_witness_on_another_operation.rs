// A witness for one operation is none for another.
use keyward_pkcs11::backend::{Backend, Software};
use keyward_pkcs11::guard::Authorized;
use keyward_pkcs11::guard::op::Sign;

fn decrypt(grant: Authorized<Sign>) {
    let _ = Software.decrypt(grant);
}

fn main() {
    let _ = decrypt;
}
