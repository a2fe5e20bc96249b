//! What each condition of `when` matches.

use super::*;

#[test]
fn when_bits_is_a_size_or_a_span_and_an_unknown_size_matches() {
    let of = |bits| key(CKO_PRIVATE_KEY, CKK_RSA, bits);
    assert!(applies("bits = 2048", &of(2048)) && !applies("bits = 2048", &of(3072)));
    assert!(applies("bits = { min = 2048, max = 3071 }", &of(2048)));
    assert!(!applies("bits = { max = 3071 }", &of(3072)) && !applies("bits = { min = 3072 }", &of(2048)));
    assert!(applies("bits = 2048", &of(0)), "what cannot be told is restricted");
    assert!(
        told("[[rule]]\nid = \"r\"\nwhen = { bits = { min = 2, max = 1 } }\nexport = \"never\"")
            .message
            .contains("never match")
    );
}

#[test]
fn when_curve_and_parameter_set_match_the_keys_that_have_them() {
    let (p256, rsa) = (key(CKO_PRIVATE_KEY, CKK_EC, 256), key(CKO_PRIVATE_KEY, CKK_RSA, 2048));
    assert!(applies("curve = [\"P-256\", \"P-384\"]", &p256) && !applies("curve = \"P-384\"", &p256));
    assert!(!applies("curve = \"P-256\"", &rsa));
    let unknown = KeyFacts { curve: None, ..p256 };
    assert!(applies("curve = \"P-384\"", &unknown), "what cannot be told is restricted");
    let dsa = key(CKO_PRIVATE_KEY, CKK_ML_DSA, 15_616);
    assert!(
        applies("parameter_set = \"ML-DSA-65\"", &dsa) && !applies("parameter_set = \"ML-DSA-87\"", &dsa)
    );
    assert!(!applies("parameter_set = \"ML-DSA-65\"", &rsa));
}

#[test]
fn when_tests_boolean_attributes_that_the_class_has() {
    let mut facts = key(CKO_SECRET_KEY, CKK_AES, 256);
    assert!(applies("sensitive = true, extractable = false", &facts));
    assert!(!applies("sensitive = true, trusted = true", &facts));
    facts.trusted = true;
    assert!(applies("trusted = true", &facts) && !applies("trusted = false", &facts));
    for word in
        ["private", "wrap_with_trusted", "always_authenticate", "modifiable", "copyable", "destroyable"]
    {
        let (yes, no) =
            (applies(&format!("{word} = true"), &facts), applies(&format!("{word} = false"), &facts));
        assert!(yes != no, "{word}");
    }
    let public = key(CKO_PUBLIC_KEY, CKK_RSA, 2048);
    assert!(!applies("extractable = false", &public) && !applies("extractable = true", &public));
}

#[test]
fn when_tests_what_the_module_alone_says_of_a_key_and_templates_cannot() {
    let mut facts = key(CKO_SECRET_KEY, CKK_AES, 256);
    assert!(applies("local = true, always_sensitive = true, never_extractable = true", &facts));
    (facts.local, facts.always_sensitive, facts.never_extractable) = (false, false, false);
    for word in ["local", "always_sensitive", "never_extractable"] {
        assert!(applies(&format!("{word} = false"), &facts) && !applies(&format!("{word} = true"), &facts));
        let told = told(&format!("[[rule]]\nid = \"r\"\ntemplate = {{ {word} = true }}"));
        assert!(told.message.contains(&format!("unknown key `{word}` in `template`")), "{told}");
    }
    let public = KeyFacts { local: true, ..key(CKO_PUBLIC_KEY, CKK_RSA, 2048) };
    assert!(applies("local = true", &public) && !applies("never_extractable = true", &public));
}

#[test]
fn when_generation_is_a_number_or_a_span() {
    let mut facts = key(CKO_SECRET_KEY, CKK_AES, 256);
    assert!(applies("generation = 1", &facts) && !applies("generation = { min = 2 }", &facts));
    facts.generation = 3;
    assert!(applies("generation = { min = 2, max = 3 }", &facts) && !applies("generation = 1", &facts));
    let mistake = told("[[rule]]\nid = \"r\"\nexport = \"never\"\nwhen = { generation = { mni = 2 } }");
    assert_eq!(mistake.suggestion.as_deref(), Some("known here: min, max"), "{mistake}");
    let mistake = told("[[rule]]\nid = \"r\"\nexport = \"never\"\nwhen = { generation = -1 }");
    assert!(mistake.message.contains("below zero"), "{mistake}");
}

#[test]
fn when_state_is_that_of_the_key_and_an_activation_date_that_has_come_counts() {
    let mut facts = key(CKO_SECRET_KEY, CKK_AES, 256);
    assert!(applies("state = \"active\"", &facts) && !applies("state = [\"suspended\"]", &facts));
    facts.state = State::Suspended;
    assert!(applies("state = \"suspended\"", &facts));
    facts.state = State::PreActive;
    assert!(applies("state = \"pre-active\"", &facts));
    facts.protect.from = Some(NOW + DAY);
    let rules = rule("when = { state = \"active\" }\nexport = \"never\"");
    let record = rules.record_for(&facts);
    assert!(record.applied(NOW).next().is_none() && record.applied(NOW + DAY).any(|id| id == "r"));
    assert!(
        told("[[rule]]\nid = \"r\"\nexport = \"never\"\nwhen = { state = \"activ\" }")
            .suggestion
            .unwrap()
            .contains("`active`")
    );
}

#[test]
fn when_age_begins_and_ends_so_long_after_the_making() {
    let facts = key(CKO_SECRET_KEY, CKK_AES, 256);
    let at = |rules: &Ruleset, now| {
        let request = Request { now, ..ask(&facts, Entry::Encrypt, Some(CKM_AES_GCM)) };
        judge(rules, &facts, &request).is_ok()
    };
    let old = rule("when = { age = { min = \"90d\" } }\ndeny = \"CKM_AES_GCM\"");
    assert!(at(&old, NOW) && at(&old, NOW + 90 * DAY - 1));
    assert!(!at(&old, NOW + 90 * DAY) && !at(&old, NOW + 900 * DAY));
    let young = rule("when = { age = { max = \"7d\" } }\ndeny = \"CKM_AES_GCM\"");
    assert!(!at(&young, NOW) && !at(&young, NOW + 7 * DAY - 1) && at(&young, NOW + 7 * DAY));
    let between = rule("when = { age = { min = \"1d\", max = \"7d\" } }\ndeny = \"CKM_AES_GCM\"");
    assert!(at(&between, NOW) && !at(&between, NOW + DAY) && at(&between, NOW + 7 * DAY));
    // A rule that has a date as well waits for both.
    let later = rule("when = { age = { min = \"1d\" } }\neffective = 2033-05-25\ndeny = \"CKM_AES_GCM\"");
    assert!(at(&later, NOW + 2 * DAY) && !at(&later, NOW + 8 * DAY));
    // A new key has no age yet, one of unknown age could have any.
    let kind = rule("when = { age = { min = \"90d\" } }\nmin_bits = { aes = 512 }");
    assert_eq!(kind.judge_new(&KeyFacts { initial_date: 0, ..facts.clone() }, NOW), Ok(()));
    let unknown = KeyFacts { initial_date: 0, ..facts.clone() };
    assert!(old.record_for(&unknown).applied(NOW).any(|id| id == "r"));
    let verdict =
        decide(&old.record_for(&facts), &facts, &ask(&facts, Entry::Encrypt, Some(CKM_AES_GCM))).unwrap();
    assert!(verdict.dated, "it is told that the rule lies ahead");
    for (age, message) in [
        ("{ }", "asks nothing"),
        ("{ min = \"7d\", max = \"7d\" }", "never match"),
        ("{ min = 90 }", "expected a string"),
        ("\"90d\"", "expected a table"),
        ("{ mim = \"90d\" }", "unknown key `mim`"),
    ] {
        let told = told(&format!("[[rule]]\nid = \"r\"\nexport = \"never\"\nwhen = {{ age = {age} }}"));
        assert!(told.message.contains(message), "{age}: {told}");
    }
}

#[test]
fn when_user_restricts_only_while_that_user_is_logged_in() {
    let rules = rule(
        "when = { user = [\"temp-*\", \"user\"] }\ndeny = \"CKM_SHA256_RSA_PKCS\"\ntemplate = { copyable = false }",
    );
    let facts = key(CKO_PRIVATE_KEY, CKK_RSA, 2048);
    let record = rules.record_for(&facts);
    let request = ask(&facts, Entry::Sign, Some(CKM_SHA256_RSA_PKCS));
    for (user, refused) in [
        (None, false),
        (Some("user:alice"), false),
        (Some("so"), false),
        (Some("user"), true),
        (Some("user:temp-1"), true),
        (Some("user:temp-2"), true),
        (Some("so:temp-3"), true),
        (Some("user:temp-4"), true),
        (Some("user:temp-5"), true),
    ] {
        // Asked twice: the second answer is a remembered one.
        for _ in 0..2 {
            let answer = decide(&record.while_in(user), &facts, &request);
            assert_eq!(
                answer.err().map(|denial| denial.reason),
                refused.then_some(Reason::Mechanism),
                "{user:?}"
            );
        }
        assert_eq!(rules.judge_new_by(user, &facts, NOW).is_err(), refused, "{user:?}");
    }
    let everybody = rule("when = { user = \"*\" }\ndeny = \"CKM_SHA256_RSA_PKCS\"").record_for(&facts);
    assert!(decide(&everybody.while_in(None), &facts, &request).is_ok());
    assert!(decide(&everybody.while_in(Some("so")), &facts, &request).is_err());
    let mistake = told("[[rule]]\nid = \"r\"\nwhen = { user = \"alice\" }\nlimits = { uses = 5 }");
    assert!(mistake.message.contains("`limits` holds for a key whoever is logged in"), "{mistake}");
}
