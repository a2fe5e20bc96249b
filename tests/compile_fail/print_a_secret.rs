// A secret is never printed.
use keyward_pkcs11::secret::Secret;

fn show(secret: &Secret) {
    println!("{secret:?}");
}

fn main() {
    let _ = show;
}
