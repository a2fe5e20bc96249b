//! The stateful hash-based signatures, which are verified only: HSS (RFC 8554) and XMSS (RFC 8391), as SP 800-208 has
//! them.

use super::carried::{self, Fields};
use super::client::*;
use super::sheet::{Said, Sheet, Step, Tried, Vector, noticed};
use super::token::{Token, flipped};
use crate::alone;
use cryptoki_sys::*;
use serde_json::Value;

/// One signature with the key that it is checked with.
struct Case {
    ckm: CK_MECHANISM_TYPE,
    kind: CK_KEY_TYPE,
    /// `CKA_PARAMETER_SET` of XMSS.
    set: Option<CK_ULONG>,
    public: Vec<u8>,
    message: Vec<u8>,
    signature: Vec<u8>,
}

impl Case {
    /// A tree of LMS is an HSS of one level: the key tells the number of levels, the signature how many other keys it
    /// holds (RFC 8554, 6.1, 6.2).
    fn lms(group: &Value, test: &Value) -> Self {
        Self {
            ckm: CKM_HSS,
            kind: CKK_HSS,
            set: None,
            public: [&[0, 0, 0, 1], &group.bytes("publicKey")[..]].concat(),
            message: test.bytes("message"),
            signature: [&[0, 0, 0, 0], &test.bytes("signature")[..]].concat(),
        }
    }

    /// The files write the message behind the signature, as the reference program does.
    fn xmss(group: &Value, test: &Value) -> Self {
        let (message, signed) = (test.bytes("message"), test.bytes("signature"));
        let public = group.bytes("publicKey");
        Self {
            ckm: CKM_XMSS,
            kind: CKK_XMSS,
            set: Some(CK_ULONG::from(u32::from_be_bytes(public[..4].try_into().unwrap()))),
            public,
            signature: signed[..signed.len() - message.len()].to_vec(),
            message,
        }
    }

    fn run(&self, token: &Token, turn: usize) -> Tried {
        let session = token.session;
        let template = Template::new()
            .class(CKO_PUBLIC_KEY)
            .ulong(CKA_KEY_TYPE, self.kind)
            .bytes(CKA_VALUE, &self.public)
            .flag(CKA_VERIFY, true);
        let template = self.set.map_or(template.clone(), |set| template.ulong(CKA_PARAMETER_SET, set));
        let key = session.create(&template).step(session, "key")?;
        let check = |message: &[u8], signature: &[u8]| {
            session.verify(&Mechanism::plain(self.ckm), key, message, signature)
        };
        let tried = check(&self.message, &self.signature).step(session, "verification").and_then(|()| {
            let changed = flipped(&self.signature, turn).unwrap();
            let mut tampered = noticed("signature", check(&self.message, &changed).is_err())?;
            let changed = flipped(&self.message, turn).unwrap();
            tampered += noticed("message", check(&changed, &self.signature).is_err())?;
            Ok(tampered)
        });
        token.destroy(key);
        tried
    }
}

alone! {
    fn stateful() {
        let (token, mut sheet) = (Token::new(), Sheet::new("HSS and XMSS"));
        for vectors in carried::acvp(include_bytes!("data/stateful.json.zst")) {
            for group in vectors.list("testGroups") {
                let is_xmss = vectors.text("algorithm") == "XMSS";
                // NIST's own files have trees of 24 bytes, the others of 32.
                let name = group[if is_xmss { "param" } else { "lmsMode" }].as_str().unwrap();
                let source = if name.contains("_M24_") { "ACVP" } else { "KAT" };
                let file = format!("{} sigVer {} {name}", vectors.text("algorithm"), vectors.text("revision"));
                for test in group.list("tests") {
                    let case = if is_xmss { Case::xmss(group, test) } else { Case::lms(group, test) };
                    sheet.row(source, &file, case.ckm);
                    let vector = Vector::new(test.number("tcId"), Said::valid(test.flag("testPassed")));
                    if token.offers(case.ckm, CKF_VERIFY) {
                        sheet.judge(&vector, case.run(&token, test.number("tcId")));
                    } else {
                        sheet.not_offered(case.ckm);
                    }
                }
            }
        }
        sheet.finish();
    }
}
