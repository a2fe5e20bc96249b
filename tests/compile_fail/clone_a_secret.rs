// A secret has no copies but those that are asked for by name.
use keyward_pkcs11::secret::Secret;

fn again(secret: &Secret) -> Secret {
    secret.clone()
}

fn main() {
    let _ = again;
}
