// There is one of it.
use keyward_pkcs11::guard::Authorized;
use keyward_pkcs11::guard::op::Sign;

fn again(grant: &Authorized<Sign>) -> Authorized<Sign> {
    grant.clone()
}

fn main() {
    let _ = again;
}
