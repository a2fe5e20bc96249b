// A secret is compared in constant time or not at all.
use keyward_pkcs11::secret::Secret;

fn same(one: &Secret, other: &Secret) -> bool {
    one == other
}

fn main() {
    let _ = same;
}
