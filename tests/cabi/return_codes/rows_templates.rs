//! What is wrong with templates (4.1), of every function that has one.

use super::scene::Scene;
use super::{Stage, Table};
use crate::client::*;
use cryptoki_sys::*;

type Make = fn(&Scene<'_>, Template) -> Answer<()>;

/// A template for a function, and that function.
struct Case {
    name: &'static str,
    good: fn() -> Template,
    make: Make,
    /// An attribute that belongs to another kind of object.
    foreign: CK_ATTRIBUTE_TYPE,
    /// An attribute that the caller may not set here.
    read_only: CK_ATTRIBUTE_TYPE,
}

fn aes() -> Template {
    Template::new().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, CKK_AES)
}

fn create(c: &Scene<'_>, template: Template) -> Answer<()> {
    c.session.create(&template).map(drop)
}

fn generate(c: &Scene<'_>, template: Template) -> Answer<()> {
    c.session.generate(&Mechanism::plain(CKM_AES_KEY_GEN), &template).map(drop)
}

fn pair(c: &Scene<'_>, template: Template) -> Answer<()> {
    let mechanism = Mechanism::plain(CKM_EC_KEY_PAIR_GEN);
    c.session.generate_pair(&mechanism, &template, &Template::new().uses(&[CKA_SIGN])).map(drop)
}

fn unwrap(c: &Scene<'_>, template: Template) -> Answer<()> {
    let way = Mechanism::iv(CKM_AES_CBC_PAD, &[0; 16]);
    let wrapped = c.session.wrap(&way, c.keys.aes_wrap, c.keys.open).unwrap();
    c.session.unwrap(&way, c.keys.aes_wrap, &wrapped, &template).map(drop)
}

/// Our public point, as the other side's.
pub fn point(c: &Scene<'_>) -> Vec<u8> {
    c.session.get(c.keys.ecdh.0, CKA_EC_POINT).unwrap()
}

fn derive(c: &Scene<'_>, template: Template) -> Answer<()> {
    let way = Mechanism::ecdh(CKM_ECDH1_DERIVE, &point(c));
    c.session.derive(&way, c.keys.ecdh.1, &template).map(drop)
}

fn copy(c: &Scene<'_>, template: Template) -> Answer<()> {
    c.session.copy(c.keys.open, &template).map(drop)
}

fn set(c: &Scene<'_>, template: Template) -> Answer<()> {
    let copy = c.session.copy(c.keys.open, &Template::new()).unwrap();
    c.session.set(copy, &template)
}

const CASES: &[Case] = &[
    Case {
        name: "C_CreateObject",
        good: || aes().bytes(CKA_VALUE, &[1; 32]),
        make: create,
        foreign: CKA_MODULUS,
        read_only: CKA_LOCAL,
    },
    Case {
        name: "C_GenerateKey",
        good: || Template::new().ulong(CKA_VALUE_LEN, 32),
        make: generate,
        foreign: CKA_MODULUS,
        read_only: CKA_LOCAL,
    },
    Case {
        name: "C_GenerateKeyPair",
        good: || Template::new().uses(&[CKA_VERIFY]).bytes(CKA_EC_PARAMS, P256),
        make: pair,
        foreign: CKA_MODULUS,
        read_only: CKA_LOCAL,
    },
    Case { name: "C_UnwrapKey", good: aes, make: unwrap, foreign: CKA_MODULUS, read_only: CKA_LOCAL },
    Case { name: "C_DeriveKey", good: aes, make: derive, foreign: CKA_MODULUS, read_only: CKA_LOCAL },
    Case {
        name: "C_CopyObject",
        good: Template::new,
        make: copy,
        foreign: CKA_MODULUS,
        read_only: CKA_ALWAYS_SENSITIVE,
    },
    Case {
        name: "C_SetAttributeValue",
        good: Template::new,
        make: set,
        foreign: CKA_MODULUS,
        read_only: CKA_TOKEN,
    },
];

pub fn rows(t: &mut Table) {
    for case in CASES {
        common(t, case);
    }
    incomplete(t);
    inconsistent(t);
    read_only(t);
    curves(t);
    sizes(t);
}

fn common(t: &mut Table, case: &'static Case) {
    let Case { name, good, make, foreign, read_only } = case;
    t.on(name, Stage::User)
        .row(CKR_ATTRIBUTE_TYPE_INVALID, "an attribute that no object has", move |c| {
            make(c, good().bytes(CKA_VENDOR_DEFINED | 0x00FF_FFFF, b"x"))
        })
        .row(
            CKR_TEMPLATE_INCONSISTENT,
            "an attribute that other objects have, and such an object does not",
            move |c| make(c, good().bytes(*foreign, &[1; 128])),
        )
        .row(CKR_ATTRIBUTE_VALUE_INVALID, "a boolean that is neither true nor false", move |c| {
            make(c, good().bytes(CKA_DERIVE, &[2]))
        })
        .row(CKR_ATTRIBUTE_VALUE_INVALID, "a value of the wrong length", move |c| {
            make(c, good().bytes(CKA_DERIVE, &[0, 0]))
        })
        .row(
            CKR_ATTRIBUTE_READ_ONLY,
            "an attribute that the token alone sets, or that cannot change here",
            move |c| make(c, good().flag(*read_only, true)),
        )
        .row(CKR_TEMPLATE_INCONSISTENT, "an attribute stands twice with different values", move |c| {
            make(c, good().label("one").label("other"))
        });
}

fn incomplete(t: &mut Table) {
    t.on("C_CreateObject", Stage::User)
        .row(CKR_TEMPLATE_INCOMPLETE, "CKA_CLASS is missing", |c| create(c, Template::new()))
        .row(CKR_TEMPLATE_INCOMPLETE, "CKA_KEY_TYPE of a key is missing", |c| {
            create(c, Template::new().class(CKO_SECRET_KEY).bytes(CKA_VALUE, &[1; 32]))
        })
        .row(CKR_TEMPLATE_INCOMPLETE, "the value of a key is missing", |c| create(c, aes()));
    t.on("C_GenerateKey", Stage::User)
        .row(CKR_TEMPLATE_INCOMPLETE, "CKA_VALUE_LEN is missing", |c| generate(c, Template::new()));
    t.on("C_GenerateKeyPair", Stage::User)
        .row(CKR_TEMPLATE_INCOMPLETE, "CKA_EC_PARAMS is missing", |c| pair(c, Template::new()))
        .row(CKR_TEMPLATE_INCOMPLETE, "CKA_MODULUS_BITS is missing", |c| {
            let mechanism = Mechanism::plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
            c.session.generate_pair(&mechanism, &Template::new(), &Template::new()).map(drop)
        });
    t.on("C_UnwrapKey", Stage::User)
        .row(CKR_TEMPLATE_INCOMPLETE, "CKA_CLASS is missing", |c| unwrap(c, Template::new()))
        .row(CKR_TEMPLATE_INCOMPLETE, "CKA_KEY_TYPE is missing", |c| {
            unwrap(c, Template::new().class(CKO_SECRET_KEY))
        });
}

fn inconsistent(t: &mut Table) {
    for (name, make) in [("C_GenerateKey", generate as Make), ("C_DeriveKey", derive)] {
        t.on(name, Stage::User).row(
            CKR_TEMPLATE_INCONSISTENT,
            "CKA_CLASS is not that of a secret key",
            move |c| make(c, Template::new().class(CKO_PUBLIC_KEY).ulong(CKA_VALUE_LEN, 32)),
        );
    }
    t.on("C_GenerateKey", Stage::User).row(
        CKR_TEMPLATE_INCONSISTENT,
        "CKA_KEY_TYPE is not what the mechanism makes",
        |c| generate(c, Template::new().ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET).ulong(CKA_VALUE_LEN, 32)),
    );
    t.on("C_GenerateKeyPair", Stage::User)
        .row(CKR_TEMPLATE_INCONSISTENT, "CKA_KEY_TYPE is not what the mechanism makes", |c| {
            pair(c, Template::new().ulong(CKA_KEY_TYPE, CKK_RSA).bytes(CKA_EC_PARAMS, P256))
        })
        .row(CKR_TEMPLATE_INCONSISTENT, "a signing key is to be extractable, against the policy", |c| {
            let (public, private) =
                (Template::new().bytes(CKA_EC_PARAMS, P256), Template::new().uses(&[CKA_SIGN]));
            let mechanism = Mechanism::plain(CKM_EC_KEY_PAIR_GEN);
            c.session.generate_pair(&mechanism, &public, &private.flag(CKA_EXTRACTABLE, true)).map(drop)
        });
    t.on("C_UnwrapKey", Stage::User).row(
        CKR_TEMPLATE_INCONSISTENT,
        "CKA_CLASS is neither that of a secret nor of a private key",
        |c| unwrap(c, Template::new().class(CKO_DATA)),
    );
    t.on("C_CopyObject", Stage::User).row(
        CKR_TEMPLATE_INCONSISTENT,
        "a copy of a private object is to be public",
        |c| copy(c, Template::new().flag(CKA_PRIVATE, false)),
    );
    t.on("C_SetAttributeValue", Stage::User).row(
        CKR_TEMPLATE_INCONSISTENT,
        "a new state of a key's life and something else at once",
        |c| set(c, Template::new().ulong(CKA_KEYWARD_STATE, DEACTIVATED).label("x")),
    );
}

fn read_only(t: &mut Table) {
    t.on("C_GenerateKey", Stage::User).row(
        CKR_ATTRIBUTE_READ_ONLY,
        "the value of the key that is to be made",
        |c| generate(c, Template::new().ulong(CKA_VALUE_LEN, 32).bytes(CKA_VALUE, &[1; 32])),
    );
    for (name, make) in [("C_UnwrapKey", unwrap as Make), ("C_DeriveKey", derive)] {
        t.on(name, Stage::User).row(
            CKR_ATTRIBUTE_READ_ONLY,
            "the value of the key that is to be made",
            move |c| make(c, aes().bytes(CKA_VALUE, &[1; 32])),
        );
    }
    let open = || Template::new().flag(CKA_SENSITIVE, false);
    fn closed(c: &Scene<'_>) -> Key {
        c.session.copy(c.keys.open, &Template::new().flag(CKA_SENSITIVE, true)).unwrap()
    }
    t.on("C_CopyObject", Stage::User).row(
        CKR_ATTRIBUTE_READ_ONLY,
        "a copy of a sensitive key is not to be sensitive",
        move |c| c.session.copy(closed(c), &open()).map(drop),
    );
    t.on("C_SetAttributeValue", Stage::User).row(
        CKR_ATTRIBUTE_READ_ONLY,
        "a sensitive key is to be so no more",
        move |c| c.session.set(closed(c), &open()),
    );
    t.on("C_CreateObject", Stage::User).row(
        CKR_ATTRIBUTE_READ_ONLY,
        "CKA_TRUSTED is set by another than the SO",
        |c| create(c, aes().bytes(CKA_VALUE, &[1; 32]).flag(CKA_TRUSTED, true)),
    );
}

fn curves(t: &mut Table) {
    // The OID of brainpoolP160r1.
    const OTHER: &[u8] = &[0x06, 0x09, 0x2B, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x01];
    fn public(params: &[u8]) -> Template {
        let template = Template::new().class(CKO_PUBLIC_KEY).ulong(CKA_KEY_TYPE, CKK_EC);
        template.bytes(CKA_EC_POINT, &[4; 65]).bytes(CKA_EC_PARAMS, params)
    }
    t.on("C_CreateObject", Stage::User)
        .row(CKR_CURVE_NOT_SUPPORTED, "CKA_EC_PARAMS names a curve that the token does not have", |c| {
            create(c, public(OTHER))
        })
        .row(CKR_DOMAIN_PARAMS_INVALID, "CKA_EC_PARAMS is no name of a curve", |c| {
            create(c, public(b"curve"))
        })
        .row(CKR_ATTRIBUTE_VALUE_INVALID, "CKA_EC_POINT is not on the curve", |c| create(c, public(P256)));
    t.on("C_GenerateKeyPair", Stage::User)
        .row(CKR_CURVE_NOT_SUPPORTED, "CKA_EC_PARAMS names a curve that the token does not have", |c| {
            pair(c, Template::new().bytes(CKA_EC_PARAMS, OTHER))
        })
        .row(CKR_DOMAIN_PARAMS_INVALID, "CKA_EC_PARAMS is no name of a curve", |c| {
            pair(c, Template::new().bytes(CKA_EC_PARAMS, b"curve"))
        });
}

fn sizes(t: &mut Table) {
    t.on("C_CreateObject", Stage::User)
        .row(CKR_ATTRIBUTE_VALUE_INVALID, "an AES key of 20 bytes", |c| {
            create(c, aes().bytes(CKA_VALUE, &[1; 20]))
        })
        .row(CKR_ATTRIBUTE_VALUE_INVALID, "CKA_KEY_TYPE is none that the token has", |c| {
            create(c, Template::new().class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, 0x7FFF_FFFF))
        })
        .row(CKR_KEY_SIZE_RANGE, "an RSA key of 512 bits", |c| {
            let template = Template::new().class(CKO_PUBLIC_KEY).ulong(CKA_KEY_TYPE, CKK_RSA);
            create(c, template.bytes(CKA_MODULUS, &[0xC1; 64]).bytes(CKA_PUBLIC_EXPONENT, &[1, 0, 1]))
        });
    t.on("C_GenerateKey", Stage::User).row(CKR_KEY_SIZE_RANGE, "an AES key of 20 bytes", |c| {
        generate(c, Template::new().ulong(CKA_VALUE_LEN, 20))
    });
    t.on("C_GenerateKeyPair", Stage::User).row(CKR_KEY_SIZE_RANGE, "an RSA key of 1024 bits", |c| {
        let mechanism = Mechanism::plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
        let public = Template::new().ulong(CKA_MODULUS_BITS, 1024);
        c.session.generate_pair(&mechanism, &public, &Template::new()).map(drop)
    });
}
