// No default bodies: a backend that has not done everything does not compile.
use keyward_pkcs11::backend::Backend;
use keyward_pkcs11::ck::{CK_MECHANISM_TYPE, Result};

struct Half;

impl Backend for Half {
    fn mechanisms(&self) -> Vec<CK_MECHANISM_TYPE> {
        Vec::new()
    }

    fn random(&self, _: &mut [u8]) -> Result<()> {
        Ok(())
    }
}

fn main() {
    let _ = Half;
}
