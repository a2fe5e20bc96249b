// A witness is used up.
use keyward_pkcs11::backend::{Backend, Software};
use keyward_pkcs11::guard::Authorized;
use keyward_pkcs11::guard::op::Sign;

fn sign(grant: Authorized<Sign>) {
    let _ = Software.sign(grant);
    let _ = Software.sign(grant);
}

fn main() {
    let _ = sign;
}
