// Whoever asks must look at the answer.
#![deny(unused_must_use)]
use keyward_pkcs11::ck::Mechanism;
use keyward_pkcs11::guard::op::Digest;
use keyward_pkcs11::session::Session;

fn ask(session: &Session) {
    session.authorize(Digest { mechanism: Mechanism::plain(0x250) });
}

fn main() {
    let _ = ask;
}
