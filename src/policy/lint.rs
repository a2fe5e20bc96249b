//! What a policy is told of that is no mistake but likely none of its author's intentions: mechanisms that the module does
//! not have, purposes that no key of a class can have, dates that are past, and weaknesses that the rules leave open.

use super::decide::decide;
use super::diagnostic::{At, Diagnostic, Source};
use super::document::{Document, RuleSection, TestKey};
use super::entry::Entry;
use super::floor::Floor;
use super::request::Request;
use super::ruleset::{Escrow, Ruleset};
use super::word::{Class, KeyType, Word};
use super::{rotation, shipped, trial};
use crate::ck::CK_MECHANISM_TYPE;
use crate::ck::date::UtcSeconds;
use crate::object::facts::{Origin, Purpose};
use cryptoki_sys::*;

/// A remark with its place.
#[derive(Clone, Debug)]
pub(super) struct Lint {
    remark: Diagnostic,
    /// The remark is true from this moment on.
    from: UtcSeconds,
}

/// The remarks on the file that was asked for; those on what it extends are theirs, but for what has no effect there.
pub(super) fn lints(sources: &[Source], documents: &[Document], rows: &[CK_MECHANISM_TYPE]) -> Vec<Lint> {
    let root = documents.first();
    let mut lints = without_effect(sources, documents);
    let for_all = root.and_then(|root| root.keys.restrictions.rotate.as_ref());
    for (at, message) in for_all.map_or_else(Vec::new, |rotate| rotation::told(&rotate.value)) {
        lints.push(Lint { remark: Diagnostic::new(sources, at, message, None).into_warning(), from: 0 });
    }
    for rule in root.map_or(&[][..], |root| &root.rules) {
        let mut remark = |at: super::diagnostic::Place, from, message: String| {
            lints.push(Lint { remark: Diagnostic::new(sources, at, message, None).into_warning(), from });
        };
        for allowed in rule.mechanisms.iter().flat_map(|list| &list.value) {
            if !allowed.value.iter().any(|ckm| rows.contains(ckm)) {
                remark(allowed.place, 0, "this module has no such mechanism".to_owned());
            }
        }
        for (at, message) in unmatched(rule).into_iter().chain(outside(rule)) {
            remark(at, 0, message);
        }
        for (at, message) in rotation::remarks(rule) {
            remark(at, 0, message);
        }
        if let (Some(escrow), Some(rotate)) = (&rule.restrictions.escrow, &rule.restrictions.rotate)
            && escrow.value == Escrow::Required
            && rotate.value.automatic.as_ref().is_some_and(|at| at.value)
        {
            let message =
                "a new generation is not used before it is backed up: the service waits for the backup";
            remark(escrow.place, 0, message.to_owned());
        }
        if let Some(sunset) = &rule.sunset {
            let message = "this date is past: the keys that the rule matches protect nothing".to_owned();
            remark(sunset.place, sunset.value, message);
        }
        if let Some(effective) = &rule.effective {
            let message = "this date is past: the rule holds as it would without it".to_owned();
            remark(effective.place, effective.value, message);
        }
    }
    lints
}

/// What an extended file does without of the floor, and the file that was asked for does not.
fn without_effect(sources: &[Source], documents: &[Document]) -> Vec<Lint> {
    let Some((root, others)) = documents.split_first() else { return Vec::new() };
    // What the shipped ones do without is for tokens under them alone, and stands on the page.
    let written = |each: &&At<Floor>| {
        sources.get(each.place.file as usize).is_none_or(|source| shipped::name_of(&source.name).is_none())
    };
    let named = |part| root.unsafe_allow.iter().any(|each| each.value == part);
    let remark = |each: &At<Floor>| {
        let word = each.value.word();
        let message = format!("`{word}` has no effect: the file that extends this one does not name it");
        let suggestion =
            format!("what it makes unsafe is forbidden; else: unsafe_allow = [\"{word}\"] in that file");
        let remark = Diagnostic::new(sources, each.place, message, Some(suggestion)).into_warning();
        Lint { remark, from: 0 }
    };
    others
        .iter()
        .flat_map(|file| &file.unsafe_allow)
        .filter(|each| !named(each.value))
        .filter(written)
        .map(remark)
        .collect()
}

/// The purposes in a rule's `when` that no key of the tested classes can have.
fn unmatched(rule: &RuleSection) -> Vec<(super::diagnostic::Place, String)> {
    let (Some(classes), Some(purposes)) = (&rule.when.class, &rule.when.purpose) else { return Vec::new() };
    let fits = |class: &At<Class>, purpose: Purpose| {
        let secret = class.value.0 == CKO_SECRET_KEY;
        match purpose {
            Purpose::Sign | Purpose::Agree | Purpose::Encapsulate => !secret,
            Purpose::Mac | Purpose::Derive => secret,
            Purpose::Encrypt | Purpose::Wrap => true,
        }
    };
    let never = |purpose: &&At<Purpose>| !classes.value.iter().any(|class| fits(class, purpose.value));
    purposes
        .value
        .iter()
        .filter(never)
        .map(|purpose| {
            let message = format!("no key of this class has the purpose `{}`", Word::word(purpose.value));
            (purpose.place, message)
        })
        .collect()
}

/// Lists that have nothing in common with what the rule's own `when` tests for: no key that it matches is of any use.
fn outside(rule: &RuleSection) -> Vec<(super::diagnostic::Place, String)> {
    fn apart<T: PartialEq>(
        tested: &Option<At<Vec<At<T>>>>,
        allowed: &Option<At<Vec<At<T>>>>,
        what: &str,
    ) -> Option<(super::diagnostic::Place, String)> {
        let (tested, allowed) = (tested.as_ref()?, allowed.as_ref()?);
        let common = |each: &At<T>| tested.value.iter().any(|other| other.value == each.value);
        let message = format!("no key that `when` tests for has any {what} of this list: nothing is allowed");
        (!allowed.value.iter().any(common)).then_some((allowed.place, message))
    }
    let when = &rule.when;
    [
        apart(&when.purpose, &rule.purpose, "purpose"),
        apart(&when.curve, &rule.curves, "curve"),
        apart(&when.parameter_set, &rule.parameter_sets, "parameter set"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A use that should not be allowed without a thought.
struct Weakness {
    class: Class,
    key_type: KeyType,
    bits: u64,
    entry: Entry,
    ckm: CK_MECHANISM_TYPE,
    said: &'static str,
}

const fn weakness(
    class: u64,
    key_type: u64,
    bits: u64,
    entry: Entry,
    ckm: u64,
    said: &'static str,
) -> Weakness {
    Weakness { class: Class(class), key_type: KeyType(key_type), bits, entry, ckm, said }
}

const WEAKNESSES: &[Weakness] = &[
    weakness(
        CKO_PRIVATE_KEY,
        CKK_RSA,
        3072,
        Entry::Decrypt,
        CKM_RSA_PKCS,
        "decryption with the padding of PKCS#1 v1.5 (Bleichenbacher 1998)",
    ),
    weakness(CKO_PRIVATE_KEY, CKK_RSA, 3072, Entry::Decrypt, CKM_RSA_X_509, "RSA without padding"),
    weakness(CKO_PRIVATE_KEY, CKK_RSA, 1024, Entry::Sign, CKM_SHA256_RSA_PKCS, "signatures with RSA-1024"),
    weakness(CKO_PRIVATE_KEY, CKK_RSA, 3072, Entry::Sign, CKM_SHA1_RSA_PKCS, "signatures with SHA-1"),
    weakness(CKO_SECRET_KEY, CKK_AES, 256, Entry::Encrypt, CKM_AES_ECB, "encryption in ECB mode"),
    weakness(CKO_SECRET_KEY, CKK_AES, 256, Entry::Wrap, CKM_AES_CBC_PAD, "wrapping without integrity (CBC)"),
    weakness(CKO_SECRET_KEY, CKK_DES3, 192, Entry::Encrypt, CKM_DES3_CBC, "encryption with Triple DES"),
    weakness(
        CKO_SECRET_KEY,
        CKK_GENERIC_SECRET,
        64,
        Entry::Sign,
        CKM_SHA256_HMAC,
        "MACs with keys of 64 bits",
    ),
];

impl Ruleset {
    /// Remarks on the file that was loaded, each with its place, as they are true at a moment.
    pub fn warnings(&self, now: UtcSeconds) -> Vec<Diagnostic> {
        let lints = self.compiled.lints.iter().filter(|lint| lint.from <= now);
        lints.map(|lint| lint.remark.clone()).collect()
    }

    /// Weak uses that the rules allow for an everyday key at a moment, in words.
    pub fn weaknesses(&self, now: UtcSeconds) -> Vec<&'static str> {
        let (rules, mechanisms) = self.of_the_standard();
        let allowed = |weakness: &&Weakness| {
            let at = |value| At { value, place: super::diagnostic::Place::default() };
            let key = TestKey {
                bits: Some(at(weakness.bits)),
                origin: Some(At { value: Origin::Generated, place: super::diagnostic::Place::default() }),
                ..TestKey::default()
            };
            let Ok(facts) = trial::facts(&key, weakness.class, weakness.key_type, weakness.entry, now) else {
                return false;
            };
            let request = Request {
                mechanism: mechanisms.iter().position(|each| *each == weakness.ckm),
                ckm: Some(weakness.ckm),
                ..Request::about(weakness.entry, &facts, now)
            };
            decide(&rules.record_for(&facts), &facts, &request).is_ok()
        };
        WEAKNESSES.iter().filter(allowed).map(|weakness| weakness.said).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::policy::Ruleset;
    use crate::policy::laws::{NOW, load};

    #[test]
    fn remarks_are_told_at_their_place_and_from_their_day_on() {
        let text = "policy = 1\n[[rule]]\nid = \"r\"\nwhen = { class = \"secret\", purpose = [\"mac\", \"sign\"] }\n\
                    mechanisms = [\"CKM_SHA256_HMAC\", \"CKM_BATON_CBC128\"]\nsunset = 2033-05-20\n";
        let rules = load(text).unwrap();
        let told = |now| -> Vec<String> { rules.warnings(now).iter().map(ToString::to_string).collect() };
        let now = told(NOW);
        assert_eq!(now.len(), 2, "{now:?}");
        assert!(
            now[0].starts_with("warning: this module has no such mechanism\n --> test.toml:5:34"),
            "{}",
            now[0]
        );
        assert!(now[1].contains("no key of this class has the purpose `sign`"), "{}", now[1]);
        assert_eq!(told(NOW + 10 * 86_400).len(), 3);
    }

    #[test]
    fn list_outside_what_when_tests_for_is_told() {
        for (when, list, what) in [
            ("purpose = \"sign\"", "purpose = \"encrypt\"", "purpose"),
            ("curve = \"P-256\"", "curves = [\"P-384\", \"P-521\"]", "curve"),
            ("parameter_set = \"ML-DSA-44\"", "parameter_sets = \"ML-DSA-87\"", "parameter set"),
        ] {
            let rule =
                |when: &str| format!("policy = 1\n[[rule]]\nid = \"r\"\nwhen = {{ {when} }}\n{list}\n");
            let told = load(&rule(when)).unwrap().warnings(NOW);
            assert!(
                told.len() == 1 && told[0].message.contains(&format!("has any {what}")),
                "{when}: {told:?}"
            );
            assert_eq!(load(&rule("label = \"x\"")).unwrap().warnings(NOW), []);
        }
    }

    #[test]
    fn weaknesses_that_the_rules_leave_open_are_told() {
        let of = |rules: &Ruleset| rules.weaknesses(NOW).join("; ");
        let open = of(&load("policy = 1\n").unwrap());
        for each in ["PKCS#1 v1.5", "RSA-1024", "SHA-1", "ECB", "Triple DES", "64 bits"] {
            assert!(open.contains(each), "{each}: {open}");
        }
        let default = of(&Ruleset::default_preset().unwrap());
        assert!(
            default.contains("PKCS#1 v1.5") && !default.contains("SHA-1") && !default.contains("RSA-1024")
        );
        let fips = of(&Ruleset::of_shipped("fips-approved").unwrap().unwrap());
        assert!(!fips.contains("PKCS#1 v1.5"), "{fips}");
    }
}
