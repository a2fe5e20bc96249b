// A backend takes the witness and nothing else.
use keyward_pkcs11::backend::{Backend, Software};
use keyward_pkcs11::guard::op::Sign;

fn sign(unproven: Sign) {
    let _ = Software.sign(unproven);
}

fn main() {
    let _ = sign;
}
