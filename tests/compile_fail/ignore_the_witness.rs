// A witness that nobody spends is a mistake.
#![deny(unused_must_use)]
use keyward_pkcs11::guard::Authorized;
use keyward_pkcs11::guard::op::Digest;

fn make() -> Authorized<Digest> {
    unreachable!()
}

fn main() {
    make();
}
