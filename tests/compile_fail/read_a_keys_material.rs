// And so is the material.
fn look(key: &keyward_pkcs11::guard::Held) {
    let _ = key.material();
}

fn main() {
    let _ = look;
}
