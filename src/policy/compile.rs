//! Documents -> [`Compiled`]: follows `extends`, merges settings towards the stricter, turns every rule
//! into sets, and refuses what could never match, never allow or never be.

mod files;
mod impossible;
mod restrictions;
mod settings;
mod when;

use super::alarm::{self, Alarm};
use super::diagnostic::{At, Diagnostic, Place, Source, printable, suggest};
use super::document::{Document, KeySection, RuleSection};
use super::floor::UnsafeAllow;
use super::lifecycle::Exceptions;
use super::lint;
use super::numbers::Unions;
use super::pattern::Numbers;
use super::record::{RowIndex, Rows};
use super::ruleset::*;
use super::trial::Trial;
use super::word::{Class, KeyType};
use crate::ck::CK_MECHANISM_TYPE;
use cryptoki_sys::*;
use files::{Files, Loader, Shipped};
use sha2::{Digest, Sha256};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use when::when;

/// Ids of the rules that stand for settings.
pub(super) const MECHANISMS_DENY: &str = "mechanisms.deny";
pub(super) const MECHANISMS_LEGACY: &str = "mechanisms.legacy_use";

/// The ids of rules and alarms, and where each stands first.
type Ids<'d> = BTreeMap<&'d str, Place>;

/// Reads a policy with all that it extends.
pub(super) fn compile(
    name: &str,
    text: &str,
    loader: Loader<'_>,
    shipped: Shipped<'_>,
    rows: &[CK_MECHANISM_TYPE],
) -> Result<Compiled, Vec<Diagnostic>> {
    let mut files =
        Files { sources: Vec::new(), documents: Vec::new(), loader, shipped, diagnostics: Vec::new() };
    files.follow(name, text.to_owned());
    let Files { sources, documents, diagnostics, .. } = files;
    let mut compiler = Compiler { sources: &sources, diagnostics, unions: Unions::default() };
    if !compiler.diagnostics.is_empty() {
        return Err(compiler.diagnostics);
    }
    let compiled = compiler.merge(name, &documents, rows);
    if compiler.diagnostics.is_empty() {
        Ok(Compiled { sources, ..compiled })
    } else {
        Err(compiler.diagnostics)
    }
}

struct Compiler<'s> {
    sources: &'s [Source],
    diagnostics: Vec<Diagnostic>,
    /// A large policy repeats its lists of mechanisms.
    unions: Unions,
}

impl Compiler<'_> {
    fn refuse(&mut self, place: Place, message: impl Into<String>, suggestion: Option<String>) {
        self.diagnostics.push(Diagnostic::new(self.sources, place, message, suggestion));
    }

    fn merge(&mut self, name: &str, documents: &[Document], rows: &[CK_MECHANISM_TYPE]) -> Compiled {
        let mut rules = Vec::with_capacity(documents.iter().map(|document| document.rules.len()).sum());
        // What was written of each rule; nothing where it stands for a setting.
        let mut written = Vec::with_capacity(rules.capacity());
        let mut ids = Ids::new();
        // One file that opts in is enough: then more is refused, not less.
        let drafts = documents.iter().any(|document| document.draft.as_ref().is_some_and(|at| at.value));
        for document in documents {
            rules.extend(settings::rules(document));
            written.resize(rules.len(), None);
            for section in &document.rules {
                self.unique(section.id.as_ref(), &mut ids);
                rules.push(self.rule(section, drafts));
                written.push(Some(section));
            }
        }
        self.impossible(&rules, &written);
        index(&mut rules, rows);
        let alarms = self.alarms(documents, &mut ids);
        rules.sort_by_cached_key(|rule| Arc::clone(&rule.id));
        let root = documents.first();
        let tests = root.map_or(&[][..], |document| &document.tests);
        Compiled {
            name: root
                .and_then(|document| document.name.clone())
                .map_or_else(|| name.to_owned(), |name| name.value),
            digest: digest(self.sources),
            sources: Vec::new(),
            pin: self.pin(documents),
            token: token(documents),
            keys: keys(documents),
            rules,
            alarms,
            tests: tests.iter().filter_map(|test| self.test(test, &ids)).collect(),
            lints: lint::lints(self.sources, documents, rows),
        }
    }

    /// The alarms, sorted. They share the rules' ids: both are told of by name.
    fn alarms<'d>(&mut self, documents: &'d [Document], ids: &mut Ids<'d>) -> Vec<Alarm> {
        let mut alarms = Vec::new();
        for section in documents.iter().flat_map(|document| &document.alarms) {
            self.unique(section.id.as_ref(), ids);
            for (place, message) in alarm::mistakes(section) {
                self.refuse(place, message, None);
            }
            if let Some((_, when)) = &section.when {
                self.matching(when);
            }
            alarms.extend(alarm::compiled(section, when));
        }
        alarms.sort_by(|left: &Alarm, right| left.id.cmp(&right.id));
        alarms
    }

    fn unique<'d>(&mut self, id: Option<&'d At<String>>, ids: &mut Ids<'d>) {
        let Some(id) = id else { return };
        match ids.get(id.value.as_str()) {
            None => {
                ids.insert(&id.value, id.place);
            }
            Some(first) => {
                let first = Diagnostic::new(self.sources, *first, "", None);
                let suggestion = format!("the first one: {}:{}", first.file, first.line);
                self.refuse(id.place, format!("a second rule with the id `{}`", id.value), Some(suggestion));
            }
        }
    }

    fn rule(&mut self, section: &RuleSection, drafts: bool) -> Rule {
        let mut union = |lists: &[At<Numbers>]| self.unions.of(lists.iter().map(|list| &list.value));
        let allow = section.mechanisms.as_ref().map(|list| union(&list.value));
        let (deny, legacy_use) = (union(&section.deny), union(&section.legacy_use));
        self.possible(section, allow.as_ref(), &deny);
        let citation: Vec<String> = [&section.source, &section.section]
            .into_iter()
            .flatten()
            .map(|part| one_line(&part.value))
            .collect();
        let period = |period: &Option<At<u64>>| period.as_ref().map(|period| period.value);
        Rule {
            id: Arc::from(section.id.as_ref().map_or("", |id| id.value.as_str())),
            why: section.why.as_ref().map(|why| Arc::from(one_line(&why.value))),
            citation: (!citation.is_empty()).then(|| citation.join(", ")),
            when: when(&section.when),
            purposes: section.purpose.as_ref().map(|list| list.value.iter().map(|each| each.value).collect()),
            allow,
            deny,
            legacy_use,
            min_bits: section
                .min_bits
                .iter()
                .map(|(key_type, bits)| (key_type.value.0, narrow(*bits)))
                .collect(),
            curves: section.curves.as_ref().map(|list| list.value.iter().map(|each| each.value).collect()),
            parameter_sets: section
                .parameter_sets
                .as_ref()
                .map(|list| list.value.iter().map(|each| each.value).collect()),
            originator_seconds: period(&section.originator),
            recipient_seconds: period(&section.recipient),
            effective: match &section.draft {
                Some(draft) if draft.value && !drafts => NEVER,
                _ => section.effective.as_ref().map_or(0, |at| at.value),
            },
            sunset: section.sunset.as_ref().map(|at| at.value),
            ..restrictions::rule(&section.restrictions)
        }
    }

    /// Refuses a rule that says nothing, can never match or contradicts itself.
    fn possible(&mut self, section: &RuleSection, allow: Option<&Numbers>, deny: &Numbers) {
        let silent = section.purpose.is_none()
            && section.mechanisms.is_none()
            && section.deny.is_empty()
            && section.legacy_use.is_empty()
            && section.min_bits.is_empty()
            && section.curves.is_none()
            && section.parameter_sets.is_none()
            && section.originator.is_none()
            && section.recipient.is_none()
            && section.sunset.is_none()
            && restrictions::are_silent(&section.restrictions);
        if silent {
            let suggestion = "say what it restricts: mechanisms, deny, min_bits, export, ...".to_owned();
            self.refuse(section.place, "this rule restricts nothing", Some(suggestion));
        }
        if let (Some(originator), Some(recipient)) = (&section.originator, &section.recipient)
            && recipient.value < originator.value
        {
            let message = "the recipient period ends before the originator period";
            self.refuse(recipient.place, message, None);
        }
        if let (Some(allowed), Some(all)) = (&section.mechanisms, allow)
            && all.is_subset(deny)
        {
            self.refuse(allowed.place, "this rule denies every mechanism that it allows", None);
        }
        self.matching(&section.when);
        self.of_nobody(section);
        let asked = section.restrictions.approvals.as_ref().map(|at| at.place);
        let asked = asked.or_else(|| section.restrictions.escrow.as_ref().map(|at| at.place));
        if let (Some(place), Some(classes)) = (asked, &section.when.class)
            && classes.value.iter().all(|class| class.value.0 == CKO_PUBLIC_KEY)
        {
            self.refuse(place, "this is never asked of a public key: everybody has it", None);
        }
        if let (Some(effective), Some(sunset)) = (&section.effective, &section.sunset)
            && sunset.value <= effective.value
        {
            self.refuse(sunset.place, "the sunset comes before the rule is effective", None);
        }
        for (flag, value) in &section.restrictions.template {
            if section.when.flags.contains(&(flag.value, !value)) {
                self.refuse(flag.place, "`when` tests for the opposite: no such key can be made", None);
            }
        }
        if let Some(types) = &section.when.key_type {
            let tested = |of: &KeyType| types.value.iter().any(|each| each.value == *of);
            for (of, _) in section.min_bits.iter().filter(|(of, _)| !tested(&of.value)) {
                let message = "this size can never apply: `when` tests for other key types";
                self.refuse(of.place, message, None);
            }
        }
    }

    fn pin(&mut self, documents: &[Document]) -> PinRules {
        let pins = || documents.iter().map(|document| &document.pin);
        let least = pins().filter_map(|pin| pin.min_length.as_ref()).max_by_key(|at| at.value);
        let most = pins().filter_map(|pin| pin.max_length.as_ref()).min_by_key(|at| at.value);
        if let (Some(least), Some(most)) = (least, most)
            && most.value < least.value
        {
            self.refuse(most.place, format!("shorter than the `min_length` of {}", least.value), None);
        }
        let failures = pins().filter_map(|pin| pin.max_failures.as_ref()).map(|at| at.value).min();
        let lockout = pins().filter_map(|pin| pin.lockout.as_ref()).map(|at| at.value).max();
        let length = |at: Option<&At<u64>>| at.and_then(|at| usize::try_from(at.value).ok());
        PinRules {
            min_length: length(least).unwrap_or(4),
            max_length: length(most).unwrap_or(255),
            max_failures: failures.map_or(10, narrow),
            lockout_seconds: lockout.unwrap_or(0),
        }
    }

    fn test(&mut self, test: &super::document::TestSection, ids: &Ids<'_>) -> Option<Trial> {
        for id in &test.by {
            let known = ids.contains_key(id.value.as_str()) || id.value.contains('.');
            if !known {
                let suggestion = suggest(&id.value, ids.keys().copied());
                self.refuse(id.place, format!("no rule has the id `{}`", id.value), suggestion);
            }
        }
        Trial::of(test).map_err(|(place, message)| self.refuse(place, message, None)).ok()
    }
}

/// Gives every rule its rows in a table of mechanisms. Rules with the same mechanisms share the work.
fn index(rules: &mut [Rule], rows: &[CK_MECHANISM_TYPE]) {
    let table = RowIndex::of(rows);
    let mut known: HashMap<_, Rows> = HashMap::new();
    for rule in rules {
        let allow = rule.allow.as_ref().map(Numbers::identity);
        match known.entry((allow, rule.deny.identity(), rule.legacy_use.identity())) {
            Entry::Occupied(there) => rule.rows = there.get().clone(),
            Entry::Vacant(place) => {
                rule.index(&table);
                place.insert(rule.rows.clone());
            }
        }
    }
}

/// The strictest of what the files say; where none says anything, what the engine holds to be right.
fn keys(documents: &[Document]) -> KeyDefaults {
    fn all<'d, T: Copy + 'd>(
        documents: &'d [Document],
        part: impl Fn(&'d KeySection) -> Option<&'d At<T>>,
    ) -> impl Iterator<Item = T> {
        documents.iter().filter_map(move |document| part(&document.keys)).map(|at| at.value)
    }
    // An exception holds where a file makes it and none forbids it.
    let excepted = |part: fn(&Document) -> Option<&At<bool>>| {
        let mut said = documents.iter().filter_map(part).map(|at| at.value).peekable();
        said.peek().is_some() && said.all(|process| process)
    };
    KeyDefaults {
        single_purpose: all(documents, |keys| keys.single_purpose.as_ref())
            .max()
            .unwrap_or(SinglePurpose::BindOnFirstUse),
        min_strength: all(documents, |keys| keys.restrictions.min_strength.as_ref()).max().map_or(0, narrow),
        sensitive: all(documents, |keys| keys.sensitive.as_ref()).max().unwrap_or(Sensitive::Default),
        export: all(documents, |keys| keys.restrictions.export.as_ref()).min().unwrap_or(Export::AsAsked),
        initial_state: all(documents, |keys| keys.initial_state.as_ref())
            .max()
            .unwrap_or(InitialState::Active),
        audit: all(documents, |keys| keys.restrictions.audit.as_ref()).max().unwrap_or(Audit::Changes),
        audit_sync: documents
            .iter()
            .filter_map(|document| document.audit_sync.as_ref())
            .map(|at| at.value)
            .max()
            .unwrap_or(AuditSync::Changes),
        // One file that requires it is enough.
        audit_required: documents
            .iter()
            .filter_map(|document| document.audit_required.as_ref())
            .any(|at| at.value),
        unsafe_allow: UnsafeAllow::of(documents),
        exceptions: Exceptions {
            pre_active_proof: excepted(|document| document.pre_active_proof.as_ref()),
            suspended_process: excepted(|document| document.suspended_process.as_ref()),
            compromised_process: excepted(|document| document.compromised_process.as_ref()),
        },
    }
}

/// The strictest of what the files say of the token.
fn token(documents: &[Document]) -> TokenRules {
    let least =
        |part: fn(&Document) -> Option<&At<u64>>| documents.iter().filter_map(part).map(|at| at.value).min();
    TokenRules {
        max_sessions: least(|document| document.max_sessions.as_ref()),
        idle_logout_seconds: least(|document| document.idle_logout.as_ref()),
        max_objects: least(|document| document.max_objects.as_ref()),
    }
}

fn union(lists: &[At<Numbers>]) -> Numbers {
    if let [one] = lists {
        return one.value.clone();
    }
    lists.iter().flat_map(|list| &list.value).copied().collect()
}

/// What a person wrote, fit for one line of a log.
pub(super) fn one_line(text: &str) -> String {
    text.trim().chars().map(|c| if c == '\n' { ' ' } else { printable(c) }).collect()
}

/// The reader has bounded these numbers far below.
fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Whether keys of this class can have this type.
pub(super) fn together(class: Class, key_type: KeyType) -> bool {
    let asymmetric = matches!(
        key_type.0,
        CKK_RSA
            | CKK_DSA
            | CKK_DH
            | CKK_EC
            | CKK_EC_EDWARDS
            | CKK_EC_MONTGOMERY
            | CKK_ML_KEM
            | CKK_ML_DSA
            | CKK_SLH_DSA
            | CKK_HSS
            | CKK_XMSS
            | CKK_XMSSMT
    );
    asymmetric == (class.0 != CKO_SECRET_KEY)
}

/// See [`Ruleset::digest`].
fn digest(sources: &[Source]) -> [u8; 32] {
    let mut digests: Vec<[u8; 32]> =
        sources.iter().map(|source| Sha256::digest(source.text.as_bytes()).into()).collect();
    digests.sort_unstable();
    let mut hash = Sha256::new_with_prefix(b"keyward policy 1");
    for digest in digests {
        hash.update(digest);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(files: &[(&str, &str)]) -> Result<Ruleset, Vec<Diagnostic>> {
        let loader = |path: &str| {
            let file = files.iter().find(|(name, _)| *name == path);
            file.map(|(_, text)| (*text).to_owned()).ok_or_else(|| "no such file".to_owned())
        };
        Ruleset::load(files[0].0, files[0].1, &loader)
    }

    #[test]
    fn load_extends_takes_the_stricter_of_each_setting() {
        let base = "policy = 1\n[token]\npin = { min_length = 8, max_failures = 3, lockout = \"1h\" }\n\
                    [keys]\nsingle_purpose = \"strict\"\nmin_strength = 128\nexport = \"wrapped\"\n\
                    sensitive = \"always\"\n[suspended]\nprocess = false\n[compromised]\nprocess = true\n\
                    [pre-active]\nproof_of_possession = false\n";
        let child = "policy = 1\nname = \"child\"\nextends = [\"lib/base.toml\"]\n[token]\n\
                     pin = { min_length = 4, max_failures = 5, lockout = \"15m\" }\n[keys]\n\
                     single_purpose = \"off\"\nmin_strength = 112\nexport = \"as-asked\"\n\
                     sensitive = \"as-asked\"\n[suspended]\nprocess = true\n\
                     [pre-active]\nproof_of_possession = true\n";
        let rules = load(&[("child.toml", child), ("lib/base.toml", base)]).unwrap();
        assert_eq!(rules.name(), "child");
        let (pin, keys) = (rules.pin(), rules.keys());
        assert_eq!((pin.min_length, pin.max_failures, pin.lockout_seconds), (8, 3, 3600));
        assert_eq!((keys.single_purpose, keys.min_strength), (SinglePurpose::Strict, 128));
        assert_eq!((keys.export, keys.sensitive), (Export::Wrapped, Sensitive::Always));
        assert!(!keys.exceptions.suspended_process && keys.exceptions.compromised_process);
        assert!(!keys.exceptions.pre_active_proof);
    }

    #[test]
    fn load_circle_of_extends_ends() {
        let one = "policy = 1\nextends = [\"two.toml\"]\n";
        let two = "policy = 1\nextends = [\"one.toml\", \"two.toml\", \"default\"]\n";
        let rules = load(&[("one.toml", one), ("two.toml", two)]).unwrap();
        assert_eq!(rules.keys().min_strength, 112);
    }

    #[test]
    fn load_missing_file_is_named_where_it_is_asked_for() {
        let errors = load(&[("a.toml", "policy = 1\nextends = [\"b.toml\"]\n")]).unwrap_err();
        assert_eq!(errors.len(), 1);
        assert_eq!(errors[0].message, "cannot read `b.toml`: no such file");
        assert_eq!((errors[0].line, errors[0].column), (2, 12));
    }

    #[test]
    fn digest_depends_on_texts_not_on_names() {
        let a = load(&[("a.toml", "policy = 1\n")]).unwrap().digest();
        let b = load(&[("b.toml", "policy = 1\n")]).unwrap().digest();
        let c = load(&[("b.toml", "policy = 1\n\n")]).unwrap().digest();
        assert_eq!(a, b);
        assert_ne!(a, c);
    }
}
