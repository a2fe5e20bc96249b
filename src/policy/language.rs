//! The language, sentence by sentence: what each condition matches and what each restriction refuses.

mod conditions;

use super::laws::*;
use super::*;
use crate::ck::Params;
use crate::object::facts::{KeyFacts, Purpose, State};
use cryptoki_sys::*;

const DAY: u64 = 86_400;

fn rule(body: &str) -> Ruleset {
    load(&format!("policy = 1\n[[rule]]\nid = \"r\"\nwhy = \"because\"\n{body}\n")).unwrap()
}

fn told(text: &str) -> Diagnostic {
    load(&format!("policy = 1\n{text}\n")).unwrap_err().remove(0)
}

/// Whether a rule that denies signing with RSA and ECDSA applies to a key.
fn applies(when: &str, facts: &KeyFacts) -> bool {
    let rules = rule(&format!("when = {{ {when} }}\nexport = \"never\""));
    rules.record_for(facts).applied(NOW).any(|id| id == "r")
}

#[test]
fn template_refuses_keys_that_are_made_otherwise() {
    let rules = rule("when = { class = \"secret\" }\ntemplate = { copyable = false, sensitive = true }");
    let mut facts = key(CKO_SECRET_KEY, CKK_AES, 256);
    let denial = rules.judge_new(&facts, NOW).unwrap_err();
    assert_eq!((denial.reason, denial.rules[0].as_ref()), (Reason::TemplateConflict, "r"));
    assert!(denial.detail.contains("copyable would be true"), "{denial}");
    facts.copyable = false;
    assert_eq!(rules.judge_new(&facts, NOW), Ok(()));
    let opened = KeyFacts { sensitive: false, ..facts.clone() };
    assert!(rules.judge_change(&facts, &opened, NOW).is_err());
    assert_eq!(rules.judge_new(&key(CKO_PUBLIC_KEY, CKK_RSA, 2048), NOW), Ok(()));
    let both = "[[rule]]\nid = \"r\"\nwhen = { trusted = true }\ntemplate = { trusted = false }";
    assert!(told(both).message.contains("opposite"));
}

#[test]
fn wrap_with_names_the_wrapping_keys_and_the_mechanisms() {
    let rules = rule(
        "when = { class = \"secret\" }\n\
         wrap_with = { trusted = true, label = \"kek-*\", mechanisms = [\"CKM_AES_KEY_WRAP\", \"CKM_AES_GCM\"] }",
    );
    let record = rules.record_for(&key(CKO_SECRET_KEY, CKK_AES, 128));
    let mut kek = key(CKO_SECRET_KEY, CKK_AES, 256);
    kek.label = "kek-1".into();
    let under =
        |kek: &KeyFacts, ckm| record.may_leave_under(kek, Some(ckm), NOW).err().map(|denial| denial.reason);
    assert_eq!(under(&kek, CKM_AES_KEY_WRAP), Some(Reason::WrapWithTrusted));
    kek.trusted = true;
    assert_eq!(under(&kek, CKM_AES_KEY_WRAP), None);
    assert_eq!(under(&kek, CKM_AES_CBC_PAD), Some(Reason::WrapWith));
    kek.label = "other".into();
    assert_eq!(under(&kek, CKM_AES_KEY_WRAP), Some(Reason::WrapWith));
    let free = rules.record_for(&key(CKO_PRIVATE_KEY, CKK_RSA, 2048));
    assert_eq!(free.may_leave_under(&kek, None, NOW), Ok(()));
}

#[test]
fn parameters_refuse_uses_on_both_sides() {
    let rules = rule("parameters = { hash = [\"CKM_SHA256\"], min_tag = 96, kdf = \"required\" }");
    let facts = key(CKO_PRIVATE_KEY, CKK_RSA, 2048);
    let asked = |entry, hash| {
        let params = Params::Pss { hash, mgf: CKG_MGF1_SHA256, salt_len: 32 };
        let parameters = Parameters::of(CKM_RSA_PKCS_PSS, &params);
        reason(&rules, &facts, &Request { parameters, ..ask(&facts, entry, Some(CKM_RSA_PKCS_PSS)) })
    };
    assert_eq!(asked(Entry::Sign, CKM_SHA256), None);
    assert_eq!(asked(Entry::Sign, CKM_SHA_1), Some(Reason::Parameters));
    assert_eq!(asked(Entry::Verify, CKM_SHA_1), Some(Reason::Parameters));
    assert_eq!(reason(&rules, &facts, &ask(&facts, Entry::Sign, Some(CKM_SHA256_RSA_PKCS))), None);
}

#[test]
fn hours_and_callers_refuse_uses_and_handling_and_say_whose_rule_it_is() {
    // NOW is 2033-05-18T03:33:20Z, a Wednesday.
    let facts = key(CKO_PRIVATE_KEY, CKK_RSA, 2048);
    let request = ask(&facts, Entry::Sign, Some(CKM_SHA256_RSA_PKCS));
    let open = rule("hours = \"Wed 03:00-04:00 UTC\"");
    assert_eq!(reason(&open, &facts, &request), None);
    let closed = rule("hours = \"Mon-Fri 08:00-18:00 UTC\"");
    let denial = judge(&closed, &facts, &request).unwrap_err();
    assert_eq!(denial.reason, Reason::Hours);
    assert_eq!(denial.why.as_deref(), Some("because"));
    assert!(denial.detail.contains("Mon-Fri 08:00-18:00 UTC"), "{denial}");
    assert!(closed.record_for(&facts).admits(None, NOW).is_err());

    let mine = rule("callers = { uid = [7, \"pki\"], exe = \"/usr/bin/*\" }");
    let caller = Caller { uid: 7, exe: Some("/usr/bin/openssl"), ..Caller::default() };
    let by = |caller| reason(&mine, &facts, &Request { caller, ..request });
    assert_eq!(by(Some(caller)), None);
    assert_eq!(by(Some(Caller { uid: 8, ..caller })), Some(Reason::Caller));
    assert_eq!(by(None), Some(Reason::Caller));
    assert!(mine.record_for(&facts).asks_caller() && !open.record_for(&facts).asks_caller());
    assert!(mine.record_for(&facts).admits(None, NOW).is_err());
}

#[test]
fn visible_to_hides_the_key_and_forbids_its_use_to_others() {
    let facts = key(CKO_PRIVATE_KEY, CKK_RSA, 2048);
    let record = rule("visible_to = { uid = 7 }").record_for(&facts);
    let seven = Caller { uid: 7, ..Caller::default() };
    assert!(record.shows_to(|| Some(seven), || NOW));
    assert!(
        !record.shows_to(|| Some(Caller { uid: 8, ..seven }), || NOW) && !record.shows_to(|| None, || NOW)
    );
    let request = Request { caller: None, ..ask(&facts, Entry::Sign, Some(CKM_SHA256_RSA_PKCS)) };
    assert_eq!(decide(&record, &facts, &request).unwrap_err().reason, Reason::Caller);
    let open = rule("export = \"never\"").record_for(&facts);
    assert!(open.shows_to(|| unreachable!("nobody asks"), || NOW));
}

#[test]
fn rule_with_a_later_date_warns_until_then_and_refuses_after() {
    let rules = rule("effective = 2033-05-20\ndeny = \"CKM_SHA256_RSA_PKCS\"\nmin_bits = { rsa = 3072 }");
    let mut facts = key(CKO_PRIVATE_KEY, CKK_RSA, 2048);
    facts.purpose = Some(Purpose::Sign);
    let record = rules.record_for(&facts);
    let at = |now| Request { now, ..ask(&facts, Entry::Sign, Some(CKM_SHA256_RSA_PKCS)) };
    let begins = 2_000_160_000;
    let verdict = decide(&record, &facts, &at(NOW)).unwrap();
    assert!(verdict.dated);
    let (from, denial) = ahead(&record, &facts, &at(NOW)).unwrap();
    assert_eq!((from, denial.reason), (Some(begins), Reason::Mechanism));
    assert!(decide(&record, &facts, &at(begins - 1)).is_ok());
    assert_eq!(decide(&record, &facts, &at(begins)).unwrap_err().rules[0].as_ref(), "r");
    assert_eq!(ahead(&record, &facts, &at(begins)), None);
    assert!(rules.judge_new(&facts, begins - 1).is_ok() && rules.judge_new(&facts, begins).is_err());
}

#[test]
fn draft_only_warns_unless_a_file_opts_in() {
    let draft = "[[rule]]\nid = \"r\"\ndraft = true\nsource = \"a draft\"\ndeny = \"CKM_SHA256_RSA_PKCS\"\n";
    let facts = key(CKO_PRIVATE_KEY, CKK_RSA, 2048);
    let request = ask(&facts, Entry::Sign, Some(CKM_SHA256_RSA_PKCS));
    let rules = load(&format!("policy = 1\n{draft}")).unwrap();
    let record = rules.record_for(&facts);
    assert!(decide(&record, &facts, &request).unwrap().dated);
    assert_eq!(ahead(&record, &facts, &request).unwrap().0, None);
    let rules = load(&format!("policy = 1\ndraft = true\n{draft}")).unwrap();
    assert_eq!(reason(&rules, &facts, &request), Some(Reason::Mechanism));
    assert!(load(&format!("policy = 1\ndraft = false\n{draft}")).is_ok());
}

#[test]
fn after_its_sunset_a_key_protects_nothing_and_goes_on_processing() {
    let rules = rule("sunset = 2033-05-19");
    let facts = key(CKO_PRIVATE_KEY, CKK_RSA, 2048);
    let at = |entry, now| {
        let request = Request { now, ..ask(&facts, entry, Some(CKM_SHA256_RSA_PKCS)) };
        judge(&rules, &facts, &request)
    };
    assert!(at(Entry::Sign, NOW).is_ok());
    let denial = at(Entry::Sign, NOW + DAY).unwrap_err();
    assert_eq!((denial.reason, denial.rules[0].as_ref()), (Reason::OriginatorWindowOver, "r"));
    assert!(at(Entry::Verify, NOW + 1000 * DAY).is_ok());
}

#[test]
fn clock_that_was_set_back_denies_instead_of_reviving_a_key_or_undoing_a_rule() {
    let rules = rule("crypto_period = { originator = \"30d\" }\n");
    let facts = key(CKO_PRIVATE_KEY, CKK_RSA, 3072);
    let sign = ask(&facts, Entry::Sign, Some(CKM_SHA256_RSA_PKCS));
    let at =
        |now, seen| judge(&rules, &facts, &Request { now, seen, ..sign }).err().map(|denial| denial.reason);
    assert_eq!(at(NOW + DAY, NOW + DAY), None);
    // Set back by whatever the key's period does not end in.
    assert_eq!(at(NOW + DAY, NOW + 29 * DAY), None);
    assert_eq!(at(NOW + DAY, NOW + 31 * DAY), Some(Reason::ClockBackwards));
    // What keeps a clock right may set it back a little.
    assert_eq!(at(NOW + 30 * DAY - 60, NOW + 30 * DAY + 60), None);
    assert_eq!(at(NOW + 31 * DAY, NOW + 60 * DAY), Some(Reason::OriginatorWindowOver));
    let denial = judge(&rules, &facts, &Request { now: NOW, seen: NOW + 31 * DAY, ..sign }).unwrap_err();
    assert!(denial.detail.contains("the clock stands at 2033-05-18T03:33:20Z"), "{denial}");
    assert_eq!(denial.error, crate::ck::Error::KeyFunctionNotPermitted);
    let later = rule("effective = 2033-06-01\ndeny = \"CKM_SHA256_RSA_PKCS\"\n");
    let at =
        |now, seen| judge(&later, &facts, &Request { now, seen, ..sign }).err().map(|denial| denial.reason);
    assert_eq!(at(NOW, NOW), None);
    assert_eq!(at(NOW, NOW + 31 * DAY), Some(Reason::Mechanism));
}

#[test]
fn keys_that_were_not_generated_here_wrap_and_unwrap_only_where_they_are_trusted_or_the_policy_names_it() {
    let foreign = KeyFacts { local: false, ..key(CKO_SECRET_KEY, CKK_AES, 256) };
    let both = |head: &str, facts: &KeyFacts| {
        let rules = load(&format!("policy = 1\n{head}\n")).unwrap();
        let may = |entry| reason(&rules, facts, &ask(facts, entry, Some(CKM_AES_KEY_WRAP)));
        (may(Entry::Wrap), may(Entry::Unwrap))
    };
    let no = Some(Reason::ForeignWrappingKey);
    assert_eq!(both("", &foreign), (no, no));
    assert_eq!(both("unsafe_allow = \"unwrap-under-imported\"", &foreign), (no, None));
    assert_eq!(both("unsafe_allow = [\"wrap-under-imported\"]", &foreign), (None, no));
    assert_eq!(both("", &KeyFacts { trusted: true, ..foreign.clone() }), (None, None));
    assert_eq!(both("", &KeyFacts { local: true, ..foreign.clone() }), (None, None));
    let rules = load("policy = 1\n").unwrap();
    let denial = judge(&rules, &foreign, &ask(&foreign, Entry::Wrap, Some(CKM_AES_KEY_WRAP))).unwrap_err();
    assert!(denial.detail.contains("`wrap-under-imported`"), "{denial}");
    let mistake = told("unsafe_allow = \"wrap-under-importd\"");
    assert_eq!(mistake.suggestion.as_deref(), Some("did you mean `wrap-under-imported`?"));
}

#[test]
fn only_the_file_that_is_asked_for_decides_what_is_unsafe() {
    let base = "policy = 1\nunsafe_allow = [\"wrap-under-imported\", \"conflicting-usages\"]\n[keys]\nsingle_purpose = \"off\"\n";
    let loader = |_: &str| Ok(base.to_owned());
    let root = |more: &str| {
        Ruleset::load("a.toml", &format!("policy = 1\nextends = \"./b.toml\"\n{more}"), &loader).unwrap()
    };
    let named = |rules: &Ruleset| rules.describe().matches("\nunsafe_allow ").count();
    let silent = root("");
    assert_eq!((named(&silent), silent.warnings(NOW).len()), (0, 2));
    let warning = silent.warnings(NOW)[0].to_string();
    assert!(
        warning.contains("`wrap-under-imported` has no effect") && warning.contains("b.toml:2:17"),
        "{warning}"
    );
    let also = root("unsafe_allow = \"wrap-under-imported\"\n");
    assert_eq!((named(&also), also.warnings(NOW).len()), (1, 1));
    let shipped = load("policy = 1\nextends = \"default\"\n").unwrap();
    assert_eq!((named(&shipped), named(&Ruleset::default_preset().unwrap())), (0, 1));
}

#[test]
fn conflicting_usages_stand_together_where_the_policy_names_it() {
    let mut facts = key(CKO_SECRET_KEY, CKK_AES, 256);
    facts.usage = crate::object::facts::Usage::WRAP.union(crate::object::facts::Usage::DECRYPT);
    let rules =
        |head: &str| load(&format!("policy = 1\n{head}\n[keys]\nsingle_purpose = \"off\"\n")).unwrap();
    assert_eq!(rules("").judge_new(&facts, NOW).unwrap_err().reason, Reason::PurposeConflict);
    assert!(rules("").record_for(&facts).first_use_binds());
    let named = rules("unsafe_allow = \"conflicting-usages\"");
    assert_eq!(named.judge_new(&facts, NOW), Ok(()));
    assert!(!named.record_for(&facts).first_use_binds());
}

#[test]
fn keys_may_say_for_every_key_what_rules_say_of_some() {
    let keys = |body: &str| load(&format!("policy = 1\n[keys]\n{body}\n")).unwrap();
    let aes = key(CKO_SECRET_KEY, CKK_AES, 256);
    let rsa = key(CKO_PRIVATE_KEY, CKK_RSA, 2048);
    let denial = keys("template = { copyable = false }").judge_new(&aes, NOW).unwrap_err();
    assert_eq!((denial.reason, denial.rules[0].as_ref()), (Reason::TemplateConflict, "keys.template"));
    let request = ask(&rsa, Entry::Sign, Some(CKM_SHA256_RSA_PKCS));
    for (body, refused, id) in [
        ("callers = { uid = 7 }", Reason::Caller, "keys.callers"),
        ("visible_to = { uid = 7 }", Reason::Caller, "keys.visible_to"),
        ("hours = \"Mon 08:00-18:00 UTC\"", Reason::Hours, "keys.hours"),
    ] {
        let denial = judge(&keys(body), &rsa, &request).unwrap_err();
        assert_eq!((denial.reason, denial.rules[0].as_ref()), (refused, id));
    }
    let sha1 = Parameters { hash: Parameter::Is(CKM_SHA_1), ..Parameters::default() };
    let pss = Request { parameters: sha1, ..ask(&rsa, Entry::Sign, Some(CKM_RSA_PKCS_PSS)) };
    let denial = judge(&keys("parameters = { hash = \"CKM_SHA256\" }"), &rsa, &pss).unwrap_err();
    assert_eq!((denial.reason, denial.rules[0].as_ref()), (Reason::Parameters, "keys.parameters"));
    let record = keys("wrap_with = { trusted = true }").record_for(&aes);
    let denial = record.may_leave_under(&aes, Some(CKM_AES_KEY_WRAP), NOW).unwrap_err();
    assert_eq!((denial.reason, denial.rules[0].as_ref()), (Reason::WrapWithTrusted, "keys.wrap_with"));
    let mistake = told("[keys]\nvisble_to = { uid = 7 }");
    assert_eq!(mistake.suggestion.as_deref(), Some("did you mean `visible_to`?"));
}

#[test]
fn memory_shielded_wins_and_a_date_ahead_shields_already() {
    let aes = key(CKO_SECRET_KEY, CKK_AES, 256);
    let shields = |body: &str| load(&format!("policy = 1\n{body}\n")).unwrap().record_for(&aes).is_shielded();
    let rule = |body: &str| format!("[[rule]]\nid = \"r\"\nmemory = \"shielded\"\n{body}\n");
    assert!(!shields("[keys]\nmemory = \"fast\"") && shields("[keys]\nmemory = \"shielded\""));
    assert!(shields(&rule("")) && !shields(&rule("when = { class = \"private\" }")));
    assert!(shields(&format!("[keys]\nmemory = \"fast\"\n{}", rule(""))));
    assert!(shields(&rule("effective = 2999-01-01")) && !shields(&rule("draft = true")));
    let mistake = told("[keys]\nmemory = \"shieldd\"");
    assert_eq!(mistake.suggestion.as_deref(), Some("did you mean `shielded`?"));
    assert!(
        told("[[rule]]\nid = \"r\"\nmemory = \"shielded\"\nwhen = { user = \"alice\" }")
            .message
            .contains("`memory` holds")
    );
    let described = load(&format!("policy = 1\n{}", rule(""))).unwrap().describe();
    assert!(described.contains("\n  memory shielded\n"));
}

#[test]
fn token_limits_are_the_smallest_of_all_files() {
    let loader =
        |_: &str| Ok("policy = 1\n[token]\nsession = { max = 10 }\nobjects = { max = 5 }\n".to_owned());
    let text = "policy = 1\nextends = \"./b.toml\"\n[token]\nsession = { max = 20, idle_logout = \"30m\" }\n";
    let token = Ruleset::load("a.toml", text, &loader).unwrap().token();
    assert_eq!(
        (token.max_sessions, token.idle_logout_seconds, token.max_objects),
        (Some(10), Some(1800), Some(5))
    );
}

#[test]
fn tests_may_say_when_and_with_which_parameters() {
    let text = "policy = 1\n[[rule]]\nid = \"r\"\neffective = \"2031-01-01\"\n\
                parameters = { hash = \"CKM_SHA256\" }\n";
    let test = |at: &str, hash: &str, expect: &str| {
        format!(
            "[[test]]\nid = \"{at} {hash}\"\nat = {at}\nkey = {{ class = \"private\", type = \"rsa\" }}\n\
             ask = {{ op = \"sign\", mechanism = \"CKM_RSA_PKCS_PSS\", parameters = {{ hash = \"{hash}\" }} }}\n\
             expect = \"{expect}\"\n"
        )
    };
    let text = [
        text.to_owned(),
        test("2030-12-31", "CKM_SHA_1", "allow"),
        test("2031-01-01", "CKM_SHA_1", "deny"),
        test("2031-01-01", "CKM_SHA256", "allow"),
    ]
    .concat();
    let outcomes = load(&text).unwrap().run_tests();
    assert_eq!(outcomes.len(), 3);
    assert!(outcomes.iter().all(|outcome| outcome.passed), "{outcomes:?}");
}

#[test]
fn tests_may_say_who_asks_what_was_spent_and_what_the_module_says_of_the_key() {
    let rules = "policy = 1\n[[rule]]\nid = \"who\"\nwhen = { label = \"pki\" }\ncallers = { uid = [\"pki\", 7], exe = \"/usr/bin/*\" }\n\
                 [[rule]]\nid = \"guest\"\nwhen = { user = \"temp-*\" }\ndeny = \"CKM_ECDSA_SHA256\"\n\
                 [[rule]]\nid = \"budget\"\nwhen = { label = \"few\" }\nlimits = { uses = 3, of = \"CKM_ECDSA_SHA256\" }\n\
                 [[rule]]\nid = \"old\"\nwhen = { generation = { min = 3 } }\ndeny = \"CKM_ECDSA_SHA256\"\n\
                 [[rule]]\nid = \"foreign\"\nwhen = { local = false, trusted = false }\ndeny = \"CKM_ECDSA_SHA256\"\n";
    let case = |number: usize, key: &str, ask: &str, by: Option<&str>| {
        let expect = by.map_or("\"allow\"".to_owned(), |by| format!("\"deny\"\nby = \"{by}\""));
        format!(
            "[[test]]\nid = \"{number}\"\nkey = {{ class = \"private\", type = \"ec\"{key} }}\n\
             ask = {{ op = \"sign\", mechanism = \"CKM_ECDSA_SHA256\"{ask} }}\nexpect = {expect}\n"
        )
    };
    let pki = ", label = \"pki\"";
    let cases = [
        (pki, ", uid = 7, exe = \"/usr/bin/openssl\"", None),
        (pki, ", uid = \"pki\", exe = \"/usr/bin/openssl\"", None),
        (pki, ", uid = 8, exe = \"/usr/bin/openssl\"", Some("who")),
        (pki, ", uid = 7", Some("who")),
        (pki, "", Some("who")),
        ("", ", user = \"temp-1\"", Some("guest")),
        ("", ", user = \"user\"", None),
        (", label = \"few\", uses = 2", "", None),
        (", label = \"few\", uses = 3", "", Some("budget")),
        (", generation = 2", "", None),
        (", generation = 3", "", Some("old")),
        (", local = false", "", Some("foreign")),
        (", local = false, trusted = true", "", None),
        (", origin = \"imported\"", "", Some("foreign")),
    ];
    let tests = cases.iter().enumerate().map(|(number, (key, ask, by))| case(number, key, ask, *by));
    let outcomes = load(&format!("{rules}{}", tests.collect::<String>())).unwrap().run_tests();
    assert_eq!(outcomes.len(), cases.len());
    assert!(outcomes.iter().all(|outcome| outcome.passed), "{outcomes:?}");
    let mistake = told(&case(0, ", genration = 2", "", None));
    assert_eq!(mistake.suggestion.as_deref(), Some("did you mean `generation`?"));
}

#[test]
fn draft_that_allows_nothing_together_with_a_rule_still_loads_and_does_not_where_drafts_hold() {
    let rules = "[[rule]]\nid = \"a\"\nmechanisms = \"CKM_ECDSA\"\n[[rule]]\nid = \"b\"\nmechanisms = \"CKM_AES_GCM\"\ndraft = true\n";
    assert!(load(&format!("policy = 1\n{rules}")).is_ok());
    assert!(told(&format!("draft = true\n{rules}")).message.contains("allows no mechanism at all"));
}

#[test]
fn rules_that_together_allow_no_purpose_curve_or_parameter_set_do_not_load() {
    for (one, other, what) in [
        ("purpose = \"sign\"", "purpose = [\"encrypt\", \"wrap\"]", "purpose"),
        ("curves = [\"P-256\", \"P-384\"]", "curves = \"P-521\"", "curve"),
        (
            "parameter_sets = \"ML-DSA-44\"",
            "parameter_sets = [\"ML-DSA-65\", \"ML-DSA-87\"]",
            "parameter set",
        ),
    ] {
        let rules = |when: &str, draft: &str| {
            format!(
                "policy = 1\n[[rule]]\nid = \"a\"\nwhen = {{ {when} }}\n{one}\n\
                 [[rule]]\nid = \"b\"\nwhen = {{ class = \"private\" }}\n{other}\n{draft}"
            )
        };
        let mistakes = load(&rules("class = \"private\"", "")).unwrap_err();
        assert_eq!(mistakes.len(), 2);
        let text = mistakes[0].to_string();
        assert!(text.contains(&format!("together with `b` this allows no {what} at all")), "{text}");
        assert!(load(&rules("class = \"public\"", "")).is_ok(), "{what}: of other keys");
        assert!(load(&rules("class = \"private\"", "draft = true\n")).is_ok(), "{what}: a draft");
        assert!(
            load(
                &format!("{}draft = true\n", rules("", "")).replace("policy = 1", "policy = 1\ndraft = true")
            )
            .is_err()
        );
    }
    // Three rules of which each two allow something.
    let three = "policy = 1\n[[rule]]\nid = \"a\"\npurpose = [\"sign\", \"mac\"]\n[[rule]]\nid = \"b\"\npurpose = [\"mac\", \"wrap\"]\n\
                 [[rule]]\nid = \"c\"\npurpose = [\"sign\", \"wrap\"]\n";
    assert!(load(three).is_err());
}

#[test]
fn mistakes_in_alarms_are_told_at_their_place() {
    for (body, message) in [
        ("", "needs `on`"),
        ("on = \"login\"", "unknown signal"),
        ("on = \"uses\"\nover = 5", "needs `within`"),
        ("on = \"uses\"\nover = -5", "must lie between"),
        ("on = \"uses\"\nwithin = \"0s\"", "is no duration"),
        ("on = \"outside-hours\"", "needs `hours`"),
        ("on = \"uses\"\nhours = \"Mon 08:00-09:00 UTC\"", "belong to `outside-hours`"),
        ("on = \"failed-logins\"\nwhen = { label = \"x\" }", "counted for the token"),
        ("on = \"failed-logins\"\nthen = \"suspend\"", "names no key"),
        ("on = \"uses\"\nthen = \"destroy\"", "unknown answer"),
        ("on = \"uses\"\nwhen = { class = \"secret\", type = \"rsa\" }", "can never match"),
        ("on = \"uses\"\nnumber = 5", "unknown key `number`"),
        ("on = \"uses\"\n[[rule]]\nid = \"a\"\nexport = \"never\"", "second rule with the id"),
    ] {
        let told = told(&format!("[[alarm]]\nid = \"a\"\n{body}"));
        assert!(told.message.contains(message), "{body}: {told}");
        assert!(told.line >= 2, "{body}: {told}");
    }
}

#[test]
fn alarms_of_all_files_watch_the_keys_that_they_match() {
    let rules = load(
        "policy = 1\n[[alarm]]\nid = \"b\"\non = \"uses\"\nover = 3\nwithin = \"1m\"\nwhen = { type = \"rsa\" }\n\
         then = \"suspend\"\n[[alarm]]\nid = \"a\"\non = \"failed-logins\"\n",
    )
    .unwrap();
    let (rsa, ec) = (key(CKO_PRIVATE_KEY, CKK_RSA, 3072), key(CKO_PRIVATE_KEY, CKK_EC, 256));
    let (rsa, ec) = (rules.record_for(&rsa), rules.record_for(&ec));
    let watching: Vec<_> = rsa.alarms(Signal::Uses).map(|alarm| alarm.threshold()).collect();
    assert_eq!(watching, ["uses: more than 3 within 1m"]);
    assert!(rsa.is_watched() && !ec.is_watched());
    let of_token: Vec<_> = rules.token_alarms(Signal::FailedLogins).map(|alarm| &**alarm.id()).collect();
    assert_eq!(of_token, ["a"]);
    let described = rules.describe();
    assert!(
        described.contains("\nalarm b\n  when type rsa\n  on uses: more than 3 within 1m\n  then suspend\n")
    );
}

#[test]
fn mistakes_in_the_values_of_rules_are_told_at_their_place() {
    for (body, message) in [
        ("parameters = { }", "asks nothing"),
        ("parameters = { kdf = \"maybe\" }", "unknown value of `kdf`"),
        ("parameters = { iv_source = \"given\" }", "unknown value of `iv_source`"),
        ("parameters = { hash = \"CKM_SHA256\", iv_sorce = \"generated\" }", "unknown key `iv_sorce`"),
        ("wrap_with = { trusted = false }", "asks nothing"),
        ("callers = { }", "names no caller"),
        ("callers = { pid = 1 }", "unknown key `pid`"),
        ("callers = { uid = -1 }", "number of no user"),
        ("hours = \"always\"", "expected days"),
        ("effective = 2031-13-01", "not TOML"),
        ("effective = \"soon\"", "no date"),
        ("effective = 2031-01-01T00:00:00Z\nexport = \"never\"", "no date"),
        ("effective = 2031-01-01\nsunset = 2030-01-01", "before the rule is effective"),
        ("template = { sensitve = true }", "unknown key `sensitve`"),
        ("escrow = { uses = 1 }", "expected a string"),
        ("escrow = \"require\"", "unknown value of `escrow`"),
    ] {
        let told = told(&format!("[[rule]]\nid = \"r\"\n{body}"));
        assert!(told.message.contains(message), "{body}: {told}");
        assert!(told.line >= 2, "{body}: {told}");
    }
}
