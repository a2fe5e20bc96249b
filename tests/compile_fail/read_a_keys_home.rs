// Where a key's material lives is the guard's alone.
fn look(key: &keyward_pkcs11::guard::Held) {
    let _ = &key.home;
}

fn main() {
    let _ = look;
}
