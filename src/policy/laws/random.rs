//! Keys, rules and questions by chance, the same each run.

use super::*;

/// A small generator of numbers (splitmix64): the same run every time.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.roll() % u64::try_from(limit).unwrap()).unwrap()
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    pub(super) fn coin(&mut self) -> bool {
        self.roll() & 1 == 1
    }
}

pub(super) const ENTRIES: [Entry; 20] = [
    Entry::Encrypt,
    Entry::Decrypt,
    Entry::Sign,
    Entry::Verify,
    Entry::SignRecover,
    Entry::VerifyRecover,
    Entry::DigestKey,
    Entry::Wrap,
    Entry::Unwrap,
    Entry::Derive,
    Entry::Encapsulate,
    Entry::Decapsulate,
    Entry::Generate,
    Entry::Create,
    Entry::Copy,
    Entry::Reveal,
    Entry::SetAttribute,
    Entry::Destroy,
    Entry::WrapTarget,
    Entry::DeriveSecond,
];

pub(super) fn random_key(dice: &mut Dice) -> KeyFacts {
    let (class, key_type, sizes): (_, _, &[u32]) = dice.pick(&[
        (CKO_PRIVATE_KEY, CKK_RSA, &[1024, 2048, 3072][..]),
        (CKO_PUBLIC_KEY, CKK_RSA, &[1024, 2048, 4096][..]),
        (CKO_PRIVATE_KEY, CKK_EC, &[256, 384, 521][..]),
        (CKO_SECRET_KEY, CKK_AES, &[128, 256][..]),
        (CKO_SECRET_KEY, CKK_GENERIC_SECRET, &[64, 256][..]),
    ]);
    let mut facts = key(class, key_type, dice.pick(sizes));
    facts.label = dice.pick(&["tls-www", "tls-mail", "root", ""]).to_owned();
    facts.usage = Usage(u16::try_from(dice.roll() & 0x7FF).unwrap());
    facts.extractable = dice.coin();
    facts.sensitive = dice.coin();
    facts.wrap_with_trusted = dice.coin();
    facts.token = dice.coin();
    facts.purpose = dice.coin().then(|| dice.pick(&Purpose::ALL));
    facts.origin = dice.pick(&[Origin::Generated, Origin::Imported, Origin::Derived]);
    facts.state =
        dice.pick(&[State::Active, State::Active, State::Active, State::Suspended, State::Deactivated]);
    facts.initial_date = NOW - dice.roll() % 100_000_000;
    facts.local = facts.origin == Origin::Generated;
    facts.generation = 1 + dice.roll() % 3;
    facts.protect.from = dice.coin().then_some(facts.initial_date);
    facts
}

pub(super) fn random_rule(dice: &mut Dice, number: usize) -> String {
    let mut when = Vec::new();
    if dice.coin() {
        when.push(format!("class = \"{}\"", dice.pick(&["private", "public", "secret"])));
    }
    if dice.below(3) == 0 {
        when.push(format!("label = \"{}\"", dice.pick(&["tls-*", "*o?t", "*"])));
    }
    if dice.coin() {
        when.push(format!("purpose = \"{}\"", dice.pick(&["sign", "encrypt", "wrap", "mac", "agree"])));
    }
    if dice.below(4) == 0 {
        when.push(format!("token = {}", dice.coin()));
    }
    if dice.below(4) == 0 {
        when.push(dice.pick(&["bits = { max = 3071 }", "curve = \"P-256\"", "bits = 256"]).to_owned());
    }
    if dice.below(4) == 0 {
        when.push(format!("{} = {}", dice.pick(&["extractable", "sensitive", "modifiable"]), dice.coin()));
    }
    if dice.below(4) == 0 {
        when.push(dice.pick(&["age = { min = \"2y\" }", "age = { max = \"500d\" }"]).to_owned());
    }
    if dice.below(4) == 0 {
        let of = ["state = \"active\"", "generation = { min = 2 }", "local = true", "user = \"alice\""];
        when.push(dice.pick(&of).to_owned());
    }
    let effects = [
        "mechanisms = [\"CKM_ECDSA*\", \"CKM_*_RSA_PKCS\", \"CKM_AES_*\"]",
        "mechanisms = [\"CKM_AES_GCM\", \"CKM_SHA256_RSA_PKCS\", \"CKM_RSA_PKCS_OAEP\"]",
        "deny = [\"group:raw-rsa\", \"CKM_AES_ECB\"]",
        "legacy_use = \"group:rsa-pkcs1-v1.5\"",
        "min_bits = { rsa = 3072, ec = 384, aes = 256 }",
        "min_strength = 128",
        "curves = [\"P-256\", \"P-384\"]",
        "crypto_period = { originator = \"1y\", recipient = \"2y\" }",
        "export = \"wrapped\"",
        "export = \"wrapped-by-trusted\"",
        "export = \"never\"",
        "purpose = [\"sign\", \"mac\"]",
        "purpose = [\"encrypt\", \"wrap\", \"sign\"]",
        "template = { extractable = false }",
        "template = { sensitive = true, copyable = false }",
        "parameters = { hash = \"CKM_SHA256\", min_tag = 96 }",
        "parameters = { iv_source = \"generated\" }",
        "hours = \"Mon-Fri 03:00-18:00 UTC\"",
        "hours = \"Mon-Fri 08:00-18:00 UTC\"",
        "callers = { uid = 7 }",
        "visible_to = { uid = [0, 7] }",
        "wrap_with = { trusted = true }",
        "escrow = \"forbidden\"",
        "approvals = { need = 1, of = \"alice\" }",
        "sunset = 2033-05-01",
    ];
    let date = dice.pick(&["", "", "effective = 2033-05-01\n", "effective = 2034-01-01\n", "draft = true\n"]);
    let when = when.join(", ");
    format!("[[rule]]\nid = \"r{number}\"\nwhen = {{ {when} }}\n{date}{}\n", dice.pick(&effects))
}

pub(super) fn random_head(dice: &mut Dice) -> String {
    format!(
        "policy = 1\n[keys]\nsingle_purpose = \"{}\"\nmin_strength = {}\n",
        dice.pick(&["strict", "bind-on-first-use", "off"]),
        dice.pick(&[0, 112, 128])
    )
}

pub(super) fn random_request(dice: &mut Dice, facts: &KeyFacts) -> Request {
    let ckm = (dice.below(5) > 0).then(|| dice.pick(ROWS));
    let digest = dice.pick(&[Parameter::Absent, Parameter::Is(CKM_SHA256), Parameter::Is(CKM_SHA_1)]);
    let parameters =
        Parameters { hash: digest, tag: Parameter::Is(64 * (1 + dice.roll() % 2)), ..Parameters::default() };
    let parameters = Parameters { iv_made: Parameter::Is(dice.coin()), ..parameters };
    let caller = dice.coin().then(|| Caller { uid: dice.pick(&[0, 7, 8]), ..Caller::default() });
    Request {
        parameters,
        caller,
        now: NOW + dice.roll() % 40_000_000,
        ..ask(facts, dice.pick(&ENTRIES), ckm)
    }
}
