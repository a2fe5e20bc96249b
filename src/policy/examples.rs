//! One example for each thing that the language can say, and the wording of common mistakes.

use super::laws::*;
use super::*;
use crate::ck::Error;
use crate::object::facts::{Origin, Purpose, State, Usage, Window};
use cryptoki_sys::*;

fn first_mistake(text: &str) -> String {
    load(text).unwrap_err()[0].to_string()
}

#[test]
fn mistakes_are_explained() {
    let cases = [
        (
            "policy = 1\n[[rule]]\nid = \"a\"\nmecanisms = [\"CKM_AES_GCM\"]\n",
            "error: unknown key `mecanisms` in [[rule]]\n --> test.toml:4:1\n  |\n4 | mecanisms = [\"CKM_AES_GCM\"]\n  | ^^^^^^^^^ did you mean `mechanisms`?",
        ),
        (
            "policy = 1\n[mechanisms]\ndeny = [\"CKM_AES_ECB\", \"CKM_AES_CBCPAD\"]\n",
            "error: unknown mechanism `CKM_AES_CBCPAD`\n --> test.toml:3:24\n  |\n3 | deny = [\"CKM_AES_ECB\", \"CKM_AES_CBCPAD\"]\n  |                        ^^^^^^^^^^^^^^^^ did you mean `CKM_AES_CBC_PAD`?",
        ),
        (
            "policy = 1\n[mechanisms]\nparameters = 5\n",
            "error: `parameters` is not enforced by this version\n --> test.toml:3:1\n  |\n3 | parameters = 5\n  | ^^^^^^^^^^ take it out: a rule that is not enforced must not look as if it were",
        ),
        (
            "policy = 1\n[keys]\nsingle_purpose = \"strickt\"\n",
            "error: unknown value of `single_purpose` `strickt`\n --> test.toml:3:18\n  |\n3 | single_purpose = \"strickt\"\n  |                  ^^^^^^^^^ did you mean `strict`?",
        ),
        (
            "policy = 1\n[token]\npin = { lockout = \"15 minutes\" }\n",
            "error: `15 minutes` is no duration\n --> test.toml:3:19\n  |\n3 | pin = { lockout = \"15 minutes\" }\n  |                   ^^^^^^^^^^^^ a number and one of s, m, h, d, w, y, such as \"300d\"",
        ),
        (
            "name = \"x\"\n",
            "error: the language version is missing\n --> test.toml:1:1\n  |\n1 | name = \"x\"\n  | ^ begin the file with `policy = 1`",
        ),
        (
            "policy = 1\n[[rule]]\nid = \"a\"\nexport = \"never\"\n[[rule]]\nid = \"a\"\nexport = \"wrapped\"\n",
            "error: a second rule with the id `a`\n --> test.toml:6:6\n  |\n6 | id = \"a\"\n  |      ^^^ the first one: test.toml:3",
        ),
        (
            "policy = 1\n[[rule]]\nid = \"a\"\nwhen = { class = \"secret\", type = \"rsa\" }\nexport = \"never\"\n",
            "error: this can never match: no key of this class has such a type\n --> test.toml:4:18\n  |\n4 | when = { class = \"secret\", type = \"rsa\" }\n  |                  ^^^^^^^^",
        ),
        (
            "policy = 1\n[mechanisms]\ndeny = \"group:ecdsa\"\n[[rule]]\nid = \"a\"\nmechanisms = \"CKM_ECDSA_SHA*\"\n",
            "error: together with `mechanisms.deny` this allows no mechanism at all\n --> test.toml:6:14\n  |\n6 | mechanisms = \"CKM_ECDSA_SHA*\"\n  |              ^^^^^^^^^^^^^^^^",
        ),
        (
            "policy = 1\nextends = \"defualt\"\n",
            "error: no shipped policy is called `defualt`\n --> test.toml:2:11\n  |\n2 | extends = \"defualt\"\n  |           ^^^^^^^^^ did you mean `default`?",
        ),
        (
            "policy = 1\n[[rule]]\nid = \"a\"\nwhen = { class = \"private\" }\nwhy = \"x\"\n",
            "error: this rule restricts nothing\n --> test.toml:2:1\n  |\n2 | [[rule]]\n  | ^^^^^^^^ say what it restricts: mechanisms, deny, min_bits, export, ...",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(first_mistake(text), expected);
    }
    assert!(first_mistake("policy = 1\n[keys\n").starts_with("error: this is not TOML: "));
}

#[test]
fn every_key_of_the_language_that_is_not_enforced_is_refused() {
    for (section, key) in [("[mechanisms]\n", "parameters"), ("", "callers"), ("", "limits")] {
        let mistake = first_mistake(&format!("policy = 1\n{section}{key} = 1\n"));
        assert!(mistake.starts_with(&format!("error: `{key}` is not enforced by this version")), "{mistake}");
    }
}

#[test]
fn all_mistakes_of_a_file_are_reported_at_once() {
    let text = "policy = 2\nnmae = \"x\"\n[keys]\nexport = 3\n[[rule]]\nid = \"a b\"\nmin_bits = { rsa = \"3072\" }\n";
    let places: Vec<usize> = load(text).unwrap_err().iter().map(|each| each.line).collect();
    assert_eq!(places, [1, 2, 4, 6, 7]);
}

#[test]
fn decide_state_and_window_are_judged_first() {
    let rules = load("policy = 1\n").unwrap();
    let mut facts = key(CKO_PRIVATE_KEY, CKK_RSA, 2048);
    facts.purpose = Some(Purpose::Sign);
    facts.protect = Window { from: Some(NOW), to: Some(NOW + 10) };
    let mut request = ask(&facts, Entry::Sign, Some(CKM_SHA256_RSA_PKCS));
    request.state = State::PreActive;
    request.now = NOW - 1;
    assert_eq!(reason(&rules, &facts, &request), Some(Reason::StatePreActive));
    request.now = NOW;
    assert_eq!(reason(&rules, &facts, &request), None);
    request.now = NOW + 10;
    let denial = judge(&rules, &facts, &request).unwrap_err();
    assert_eq!((denial.reason, denial.error), (Reason::OriginatorWindowOver, Error::KeyFunctionNotPermitted));
    request.state = State::Suspended;
    let denial = judge(&rules, &facts, &request).unwrap_err();
    assert_eq!((denial.reason, denial.error), (Reason::StateSuspended, Error::KeyFunctionNotPermitted));
    let mut public = facts.clone();
    public.class = CKO_PUBLIC_KEY;
    let verify = Request { entry: Entry::Verify, state: State::Active, ..request };
    assert_eq!(reason(&rules, &public, &verify), None, "the recipient window is open");
    public.process.to = Some(NOW + 10);
    assert_eq!(reason(&rules, &public, &verify), Some(Reason::RecipientWindowOver));
}

#[test]
fn decide_past_deactivation_date_neither_side_works() {
    let rules = load("policy = 1\n").unwrap();
    let mut facts = key(CKO_SECRET_KEY, CKK_AES, 256);
    facts.process.to = Some(NOW);
    let encrypt = ask(&facts, Entry::Encrypt, Some(CKM_AES_GCM));
    assert_eq!(reason(&rules, &facts, &encrypt), Some(Reason::OriginatorWindowOver));
    let decrypt = ask(&facts, Entry::Decrypt, Some(CKM_AES_GCM));
    assert_eq!(reason(&rules, &facts, &decrypt), Some(Reason::RecipientWindowOver));
}

#[test]
fn decide_crypto_period_counts_from_activation_and_names_its_rule() {
    let text = "policy = 1\n[[rule]]\nid = \"year\"\nwhy = \"Rotate\"\n\
                crypto_period = { originator = \"100s\", recipient = \"200s\" }\n";
    let rules = load(text).unwrap();
    let mut facts = key(CKO_SECRET_KEY, CKK_AES, 256);
    facts.initial_date = NOW - 1000;
    facts.protect.from = Some(NOW - 100);
    let encrypt = ask(&facts, Entry::Encrypt, Some(CKM_AES_GCM));
    let denial = judge(&rules, &facts, &encrypt).unwrap_err();
    assert_eq!(denial.reason, Reason::OriginatorWindowOver);
    assert_eq!(
        denial.to_string(),
        "originator-window-over: encrypt with CKM_AES_GCM refused: the originator \
        side ended at 2033-05-18T03:33:20Z; by rule year: \"Rotate\""
    );
    assert_eq!(reason(&rules, &facts, &Request { now: NOW - 1, ..encrypt }), None);
    let decrypt = ask(&facts, Entry::Decrypt, Some(CKM_AES_GCM));
    assert_eq!(reason(&rules, &facts, &decrypt), None);
    assert_eq!(
        reason(&rules, &facts, &Request { now: NOW + 100, ..decrypt }),
        Some(Reason::RecipientWindowOver)
    );
}

#[test]
fn decide_first_use_binds_and_other_purposes_are_refused() {
    let rules = load("policy = 1\n").unwrap();
    let mut facts = key(CKO_PRIVATE_KEY, CKK_RSA, 2048);
    let sign = ask(&facts, Entry::Sign, Some(CKM_SHA256_RSA_PKCS));
    assert_eq!(judge(&rules, &facts, &sign).unwrap().bind, Some(Purpose::Sign));
    let unwrap = ask(&facts, Entry::Unwrap, Some(CKM_RSA_PKCS_OAEP));
    assert_eq!(judge(&rules, &facts, &unwrap).unwrap().bind, Some(Purpose::Wrap));
    let reveal = ask(&facts, Entry::Reveal, None);
    assert_eq!(judge(&rules, &facts, &reveal).unwrap().bind, None);
    // Bound by another process: the request knows, the facts do not yet.
    let late = Request { purpose: Some(Purpose::Sign), ..unwrap };
    let denial = judge(&rules, &facts, &late).unwrap_err();
    assert_eq!((denial.reason, denial.error), (Reason::Purpose, Error::KeyFunctionNotPermitted));
    facts.purpose = Some(Purpose::Sign);
    assert_eq!(judge(&rules, &facts, &Request { purpose: None, ..sign }).unwrap().bind, None);
    assert_eq!(reason(&rules, &facts, &Request { purpose: None, ..unwrap }), Some(Reason::Purpose));
}

#[test]
fn decide_mac_and_signature_are_two_purposes() {
    let rules = load("policy = 1\n").unwrap();
    let secret = key(CKO_SECRET_KEY, CKK_GENERIC_SECRET, 256);
    let mac = ask(&secret, Entry::Sign, Some(CKM_SHA256_HMAC));
    assert_eq!(judge(&rules, &secret, &mac).unwrap().bind, Some(Purpose::Mac));
}

#[test]
fn off_lets_a_key_serve_several_purposes_but_no_conflict_pair() {
    let rules = load("policy = 1\n[keys]\nsingle_purpose = \"off\"\n").unwrap();
    let mut facts = key(CKO_SECRET_KEY, CKK_AES, 256);
    facts.usage = Usage::ENCRYPT.union(Usage::DECRYPT).union(Usage::DERIVE);
    facts.usage = Usage(Usage::DECRYPT.0 | Usage::DERIVE.0);
    let decrypt = ask(&facts, Entry::Decrypt, Some(CKM_AES_GCM));
    assert_eq!(judge(&rules, &facts, &decrypt).unwrap().bind, None);
    assert_eq!(rules.judge_new(&facts, NOW), Ok(()));
    for (left, right) in [
        (Usage::WRAP, Usage::DECRYPT),
        (Usage::UNWRAP, Usage::ENCRYPT),
        (Usage::ENCRYPT, Usage::SIGN),
        (Usage::DECRYPT, Usage::SIGN),
        (Usage::UNWRAP, Usage::SIGN),
    ] {
        facts.usage = left.union(right);
        let denial = rules.judge_new(&facts, NOW).unwrap_err();
        assert_eq!((denial.reason, denial.error), (Reason::PurposeConflict, Error::TemplateInconsistent));
        // A key that was there before the policy is bound by its first use.
        assert_eq!(judge(&rules, &facts, &decrypt).unwrap().bind, Some(Purpose::Encrypt));
    }
}

#[test]
fn strict_refuses_a_template_with_two_purposes() {
    let rules = load("policy = 1\n[keys]\nsingle_purpose = \"strict\"\n").unwrap();
    let mut facts = key(CKO_PRIVATE_KEY, CKK_RSA, 2048);
    facts.usage = Usage::SIGN.union(Usage::SIGN_RECOVER);
    assert_eq!(rules.judge_new(&facts, NOW), Ok(()));
    facts.usage = Usage::SIGN.union(Usage::DECRYPT);
    let denial = rules.judge_new(&facts, NOW).unwrap_err();
    assert_eq!((denial.reason, denial.error), (Reason::PurposeConflict, Error::TemplateInconsistent));
    assert_eq!(denial.rules, ["keys.single_purpose".into()]);
}

#[test]
fn rule_about_a_purpose_holds_from_the_first_use_on() {
    let text = "policy = 1\n[[rule]]\nid = \"pss\"\nwhen = { purpose = \"sign\" }\n\
                mechanisms = [\"group:rsa-pss\"]\n[[rule]]\nid = \"oaep\"\nwhen = { purpose = \"encrypt\" }\n\
                mechanisms = [\"CKM_RSA_PKCS_OAEP\"]\n";
    let rules = load(text).unwrap();
    let facts = key(CKO_PRIVATE_KEY, CKK_RSA, 2048);
    for (entry, ckm, expected) in [
        (Entry::Sign, CKM_RSA_PKCS_PSS, None),
        (Entry::Sign, CKM_SHA256_RSA_PKCS, Some(Reason::Mechanism)),
        (Entry::Decrypt, CKM_RSA_PKCS_OAEP, None),
        (Entry::Decrypt, CKM_RSA_PKCS, Some(Reason::Mechanism)),
        (Entry::Unwrap, CKM_RSA_PKCS, None),
    ] {
        assert_eq!(reason(&rules, &facts, &ask(&facts, entry, Some(ckm))), expected, "{entry:?} {ckm}");
    }
}

#[test]
fn mechanisms_deny_binds_both_sides_and_legacy_use_only_one() {
    let text = "policy = 1\n[mechanisms]\ndeny = \"CKM_AES_ECB\"\nlegacy_use = \"CKM_AES_CBC\"\n";
    let rules = load(text).unwrap();
    let facts = key(CKO_SECRET_KEY, CKK_AES, 256);
    for (entry, ckm, expected) in [
        (Entry::Encrypt, CKM_AES_ECB, Some(Reason::Mechanism)),
        (Entry::Decrypt, CKM_AES_ECB, Some(Reason::Mechanism)),
        (Entry::Encrypt, CKM_AES_CBC, Some(Reason::Mechanism)),
        (Entry::Decrypt, CKM_AES_CBC, None),
        (Entry::Encrypt, CKM_BLOWFISH_CBC, Some(Reason::MechanismUnknown)),
    ] {
        assert_eq!(reason(&rules, &facts, &ask(&facts, entry, Some(ckm))), expected, "{entry:?} {ckm}");
    }
    assert_eq!(reason(&rules, &facts, &ask(&facts, Entry::Encrypt, None)), Some(Reason::MechanismUnknown));
    let denied = rules.denied_mechanisms();
    assert!(denied.contains(row(CKM_AES_ECB).unwrap()) && !denied.contains(row(CKM_AES_CBC).unwrap()));
}

#[test]
fn allow_list_does_not_forbid_the_making_of_the_key() {
    let text =
        "policy = 1\n[[rule]]\nid = \"a\"\nwhen = { type = \"rsa\" }\nmechanisms = \"group:rsa-pss\"\n";
    let rules = load(text).unwrap();
    let facts = key(CKO_PRIVATE_KEY, CKK_RSA, 2048);
    let generate = ask(&facts, Entry::Generate, Some(CKM_RSA_PKCS_KEY_PAIR_GEN));
    assert_eq!(reason(&rules, &facts, &generate), None);
}

#[test]
fn weak_keys_process_but_protect_nothing_and_are_not_made() {
    let text = "policy = 1\n[keys]\nmin_strength = 112\n[[rule]]\nid = \"size\"\nmin_bits = { rsa = 3072 }\n\
                [[rule]]\nid = \"curve\"\nwhen = { type = \"ec\" }\ncurves = \"P-384\"\n";
    let rules = load(text).unwrap();
    let mut rsa = key(CKO_PRIVATE_KEY, CKK_RSA, 2048);
    let sign = ask(&rsa, Entry::Sign, Some(CKM_SHA256_RSA_PKCS));
    let denial = judge(&rules, &rsa, &sign).unwrap_err();
    assert_eq!((denial.reason, denial.error), (Reason::KeySize, Error::KeySizeRange));
    assert_eq!(denial.rules, ["size".into()]);
    assert_eq!(reason(&rules, &rsa, &ask(&rsa, Entry::Decrypt, Some(CKM_RSA_PKCS_OAEP))), None);
    assert_eq!(rules.judge_new(&rsa, NOW).unwrap_err().reason, Reason::KeySize);
    rsa.origin = Origin::Imported;
    assert_eq!(rules.judge_new(&rsa, NOW), Ok(()));
    let ec = key(CKO_PRIVATE_KEY, CKK_EC, 256);
    assert_eq!(reason(&rules, &ec, &ask(&ec, Entry::Sign, Some(CKM_ECDSA))), Some(Reason::Curve));
    assert_eq!(rules.judge_new(&ec, NOW).unwrap_err().error, Error::CurveNotSupported);
    let unknown = key(CKO_SECRET_KEY, CKK_RC4, 128);
    assert_eq!(
        reason(&rules, &unknown, &ask(&unknown, Entry::Encrypt, Some(CKM_AES_CTR))),
        Some(Reason::Strength)
    );
}

#[test]
fn parameter_sets_bind_the_originator_and_new_keys() {
    let text = "policy = 1\n[[rule]]\nid = \"sets\"\nparameter_sets = [\"ML-DSA-65\", \"SLH-DSA-SHAKE-128s\"]\n\
                [[test]]\nid = \"t\"\n\
                key = { class = \"private\", type = \"slh-dsa\", parameter_set = \"SLH-DSA-SHA2-128s\" }\n\
                ask = { op = \"sign\", mechanism = \"CKM_SLH_DSA\" }\nexpect = \"deny\"\nby = \"sets\"\n";
    let rules = load(text).unwrap();
    assert!(rules.run_tests().iter().all(|outcome| outcome.passed));
    let mut weak = key(CKO_PRIVATE_KEY, CKK_ML_DSA, 10_496);
    let denial = judge(&rules, &weak, &ask(&weak, Entry::Sign, Some(CKM_ML_DSA))).unwrap_err();
    assert_eq!((denial.reason, denial.error), (Reason::ParameterSet, Error::KeySizeRange));
    assert_eq!(reason(&rules, &weak, &ask(&weak, Entry::Verify, Some(CKM_ML_DSA))), None);
    let denial = rules.judge_new(&weak, NOW).unwrap_err();
    assert_eq!((denial.reason, denial.error), (Reason::NewParameterSet, Error::ParameterSetNotSupported));
    let good = key(CKO_PRIVATE_KEY, CKK_ML_DSA, 15_616);
    assert_eq!(reason(&rules, &good, &ask(&good, Entry::Sign, Some(CKM_ML_DSA))), None);
    assert_eq!(rules.judge_new(&good, NOW), Ok(()));
    // A set that is not known is none of those that are allowed; keys without sets are not meant.
    weak.parameter_set = None;
    assert_eq!(reason(&rules, &weak, &ask(&weak, Entry::Sign, Some(CKM_ML_DSA))), Some(Reason::ParameterSet));
    let rsa = key(CKO_PRIVATE_KEY, CKK_RSA, 2048);
    assert_eq!(reason(&rules, &rsa, &ask(&rsa, Entry::Sign, Some(CKM_SHA256_RSA_PKCS))), None);
    let mistake = first_mistake(
        "policy = 1\n[[rule]]\nid = \"a\"\nexport = \"never\"\n[[test]]\nid = \"t\"\n\
         key = { class = \"private\", type = \"ml-dsa\", parameter_set = \"ML-KEM-768\" }\n\
         ask = { op = \"sign\", mechanism = \"CKM_ML_DSA\" }\nexpect = \"allow\"\n",
    );
    assert!(mistake.contains("no such key has this parameter set"), "{mistake}");
}

#[test]
fn export_is_judged_for_wrapping_revealing_and_templates() {
    for (word, wrap, trusted, reveal) in [
        ("as-asked", true, true, true),
        ("wrapped", true, true, false),
        ("wrapped-by-trusted", false, true, false),
        ("never", false, false, false),
    ] {
        let rules = load(&format!("policy = 1\n[keys]\nexport = \"{word}\"\n")).unwrap();
        let mut facts = key(CKO_SECRET_KEY, CKK_AES, 256);
        facts.extractable = true;
        let target = ask(&facts, Entry::WrapTarget, Some(CKM_AES_KEY_WRAP));
        assert_eq!(judge(&rules, &facts, &target).is_ok(), wrap, "{word}");
        assert_eq!(judge(&rules, &facts, &ask(&facts, Entry::Reveal, None)).is_ok(), reveal, "{word}");
        assert_eq!(rules.judge_new(&facts, NOW).is_ok(), wrap, "{word}");
        facts.wrap_with_trusted = true;
        assert_eq!(judge(&rules, &facts, &target).is_ok(), trusted, "{word}");
        assert_eq!(rules.judge_new(&facts, NOW).is_ok(), trusted, "{word}");
    }
}

#[test]
fn judge_change_stops_only_what_the_change_brings() {
    let rules = load("policy = 1\n[keys]\nmin_strength = 128\nexport = \"never\"\n").unwrap();
    let before = key(CKO_PRIVATE_KEY, CKK_RSA, 2048);
    let mut after = before.clone();
    after.label = "renamed".to_owned();
    assert!(rules.judge_new(&after, NOW).is_err());
    assert_eq!(rules.judge_change(&before, &after, NOW), Ok(()));
    after.extractable = true;
    assert_eq!(rules.judge_change(&before, &after, NOW).unwrap_err().reason, Reason::TemplateConflict);
}

#[test]
fn objects_that_are_no_keys_are_left_alone() {
    let rules =
        load("policy = 1\n[[rule]]\nid = \"a\"\nwhen = { label = \"*\" }\nexport = \"never\"\n").unwrap();
    let mut data = key(CKO_DATA, CKK_AES, 0);
    data.key_type = None;
    data.usage = Usage::default();
    assert_eq!(reason(&rules, &data, &ask(&data, Entry::Reveal, None)), None);
    assert_eq!(rules.judge_new(&data, NOW), Ok(()));
}

#[test]
fn every_condition_of_when_is_tested() {
    let facts = key(CKO_PRIVATE_KEY, CKK_RSA, 2048);
    for (when, matches) in [
        ("class = \"private\"", true),
        ("class = \"public\"", false),
        ("class = [\"public\", \"private\"], type = \"rsa\"", true),
        ("class = \"private\", type = \"ec\"", false),
        ("label = \"tls-*\"", true),
        ("label = \"TLS-*\"", false),
        ("id = \"01:AB\"", true),
        ("id = \"01*\"", true),
        ("id = \"02*\"", false),
        ("origin = \"generated\"", true),
        ("origin = [\"imported\", \"unwrapped\"]", false),
        ("token = true", true),
        ("token = false", false),
        ("purpose = \"sign\"", true),
        ("purpose = \"mac\"", false),
    ] {
        let text = format!("policy = 1\n[[rule]]\nid = \"a\"\nwhen = {{ {when} }}\nexport = \"never\"\n");
        let rules = load(&text).unwrap();
        let applied = rules.record_for(&facts).applied(NOW).count();
        assert_eq!(applied == 1, matches, "{when}");
    }
}
