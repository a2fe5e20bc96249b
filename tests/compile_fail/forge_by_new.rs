// A witness cannot be made outside the guard.
use keyward_pkcs11::ck::Mechanism;
use keyward_pkcs11::guard::Authorized;
use keyward_pkcs11::guard::op::Digest;

fn main() {
    let _ = Authorized::new(Digest { mechanism: Mechanism::plain(0x250) }, None, Default::default(), Default::default());
}
