// Nor written down.
use keyward_pkcs11::ck::Mechanism;
use keyward_pkcs11::guard::Authorized;
use keyward_pkcs11::guard::op::Digest;

fn main() {
    let op = Digest { mechanism: Mechanism::plain(0x250) };
    let _ = Authorized {
        op,
        row: None,
        obligations: Default::default(),
        bound: Vec::new(),
        trace: Default::default(),
        spent: None,
    };
}
