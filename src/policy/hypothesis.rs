//! A question about a key that nobody has: what would this policy say?
//!
//! Judged as a `[[test]]` is: by the policy alone, against all mechanisms of the standard.

use super::diagnostic::{At, Place, suggest};
use super::document::TestKey;
use super::entry::Entry;
use super::explain::Explanation;
use super::request::Request;
use super::ruleset::Ruleset;
use super::strength::NamedCurve;
use super::trial;
use super::word::{Class, KeyType, Word};
use crate::ck::CK_MECHANISM_TYPE;
use crate::ck::date::UtcSeconds;
use crate::ck::names::{MECHANISMS, mechanism_number};
use crate::crypto::ParameterSet;
use crate::object::facts::{Origin, Purpose, State};

/// The question, in the words of the policy language. What is left out is as an everyday key has it.
#[derive(Clone, Default, Debug)]
pub struct Hypothesis {
    /// `private`, `public`, `secret`
    pub class: String,
    /// `rsa`, `ec`, `aes`, ...
    pub key_type: String,
    /// Size in bits.
    pub bits: Option<u32>,
    /// `P-256`, ...
    pub curve: Option<String>,
    /// `ML-DSA-65`, ...
    pub parameter_set: Option<String>,
    /// The label.
    pub label: Option<String>,
    /// The id, in hexadecimal.
    pub id: Option<String>,
    /// `generated`, `imported`, ...
    pub origin: Option<String>,
    /// The purpose that it is bound to.
    pub purpose: Option<String>,
    /// The purposes that its usage attributes allow.
    pub usage: Vec<String>,
    /// The state.
    pub state: Option<String>,
    /// Whether it is extractable.
    pub extractable: Option<bool>,
    /// Whether it is sensitive.
    pub sensitive: Option<bool>,
    /// `sign`, `decrypt`, ...
    pub op: String,
    /// `CKM_...`
    pub mechanism: Option<String>,
    /// When it became active; at the moment of the question where that is not said.
    pub activated: Option<UtcSeconds>,
    /// The moment of the question.
    pub now: UtcSeconds,
}

impl Ruleset {
    /// Every check for a key that nobody has.
    ///
    /// # Errors
    /// A word that the language does not know, with a suggestion.
    pub fn explain(&self, asked: &Hypothesis) -> Result<Explanation, String> {
        let entry = Entry::named(&asked.op)?;
        let ckm = asked.mechanism.as_deref().map(mechanism_named).transpose()?;
        let class: Class = meaning(&asked.class)?;
        let key_type: KeyType = meaning(&asked.key_type)?;
        if !super::compile::together(class, key_type) {
            return Err(format!("no {} key has the type {}", asked.class, asked.key_type));
        }
        let key = asked.key()?;
        let mut facts = trial::facts(&key, class, key_type, entry, asked.now)
            .map_err(|(_, problem)| format!("id: {problem}"))?;
        facts.initial_date = asked.activated.unwrap_or(asked.now);
        facts.protect.from = asked.activated;
        let (rules, mechanisms) = self.of_the_standard();
        let request = Request {
            mechanism: ckm.and_then(|ckm| mechanisms.iter().position(|each| *each == ckm)),
            ckm,
            ..Request::about(entry, &facts, asked.now)
        };
        let mut told = Explanation::begin();
        if matches!(entry, Entry::Generate | Entry::Create | Entry::Copy) {
            told.check("new-key", || {
                rules.judge_new(&facts, asked.now)?;
                Ok("the policy bears such a key".to_owned())
            });
        }
        told.policy(&rules.record_for(&facts), &facts, &request);
        Ok(told)
    }
}

impl Hypothesis {
    fn key(&self) -> Result<TestKey, String> {
        let usage: Vec<At<Purpose>> =
            self.usage.iter().map(|word| meaning(word).map(at)).collect::<Result<_, _>>()?;
        let of = |text: &Option<String>| text.clone().map(at);
        Ok(TestKey {
            bits: self.bits.map(|bits| at(u64::from(bits))),
            curve: said::<NamedCurve>(&self.curve)?,
            parameter_set: said::<ParameterSet>(&self.parameter_set)?,
            label: of(&self.label),
            id: of(&self.id),
            origin: said::<Origin>(&self.origin)?,
            purpose: said::<Purpose>(&self.purpose)?,
            usage: (!usage.is_empty()).then(|| at(usage)),
            state: said::<State>(&self.state)?,
            sensitive: self.sensitive.map(at),
            extractable: self.extractable.map(at),
            ..TestKey::default()
        })
    }
}

impl Entry {
    /// The entry of a word of the policy language.
    ///
    /// # Errors
    /// What is wrong, with a suggestion.
    pub fn named(word: &str) -> Result<Self, String> {
        meaning(word)
    }

    /// The word of the policy language.
    pub fn word(self) -> &'static str {
        Word::word(self)
    }
}

const fn at<T>(value: T) -> At<T> {
    At { value, place: Place { file: 0, from: 0, to: 0 } }
}

fn said<W: Word>(word: &Option<String>) -> Result<Option<At<W>>, String> {
    word.as_deref().map(|word| meaning(word).map(at)).transpose()
}

fn meaning<W: Word>(word: &str) -> Result<W, String> {
    W::of(word).ok_or_else(|| {
        let words = W::WORDS.iter().map(|(each, _)| *each);
        let list = || format!("one of {}", words.clone().collect::<Vec<_>>().join(", "));
        let hint = suggest(word, words.clone()).unwrap_or_else(list);
        format!("unknown {} `{word}`: {hint}", W::WHAT)
    })
}

/// The number of a mechanism by its name.
///
/// # Errors
/// What is wrong, with a suggestion.
pub fn mechanism_named(name: &str) -> Result<CK_MECHANISM_TYPE, String> {
    mechanism_number(name).ok_or_else(|| {
        let hint = suggest(name, MECHANISMS.iter().map(|(each, _)| *each));
        format!("unknown mechanism `{name}`{}", hint.map(|hint| format!(": {hint}")).unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Outcome, Reason};

    fn rsa(bits: u32, op: &str, mechanism: &str) -> Hypothesis {
        Hypothesis {
            class: "private".into(),
            key_type: "rsa".into(),
            bits: Some(bits),
            op: op.into(),
            mechanism: Some(mechanism.into()),
            now: 1_900_000_000,
            ..Hypothesis::default()
        }
    }

    #[test]
    fn explain_allowed_use_passes_every_check() {
        let rules = Ruleset::default_preset().unwrap();
        let told = rules.explain(&rsa(2048, "sign", "CKM_SHA256_RSA_PKCS")).unwrap();
        assert_eq!(told.refusal, None);
        assert!(told.steps.iter().all(|step| step.outcome == Outcome::Passed));
    }

    #[test]
    fn explain_refused_use_tells_where_it_stops() {
        let rules = Ruleset::default_preset().unwrap();
        let told = rules.explain(&rsa(1024, "sign", "CKM_SHA256_RSA_PKCS")).unwrap();
        assert_eq!(told.refusal.unwrap().reason, Reason::Strength);
        let outcomes: Vec<_> = told.steps.iter().map(|step| (step.check, step.outcome)).collect();
        assert!(outcomes.contains(&("strength", Outcome::Refused)));
        assert!(outcomes.contains(&("export", Outcome::NotReached)));
        let told = rules.explain(&rsa(1024, "generate", "CKM_RSA_PKCS_KEY_PAIR_GEN")).unwrap();
        assert_eq!(told.steps[0].check, "new-key");
        assert!(told.steps[1..].iter().all(|step| step.outcome == Outcome::NotReached));
    }

    #[test]
    fn explain_unknown_words_are_told_with_a_suggestion() {
        let rules = Ruleset::default_preset().unwrap();
        let wrong = |change: fn(&mut Hypothesis)| {
            let mut asked = rsa(2048, "sign", "CKM_RSA_PKCS");
            change(&mut asked);
            rules.explain(&asked).unwrap_err()
        };
        assert!(wrong(|asked| asked.op = "decryt".into()).contains("`decrypt`"));
        assert!(wrong(|asked| asked.key_type = "aes".into()).contains("no private key"));
        assert!(wrong(|asked| asked.mechanism = Some("CKM_RSA_PKSC".into())).contains("CKM_RSA_PKCS"));
        assert!(wrong(|asked| asked.state = Some("asleep".into())).contains("one of pre-active"));
        assert!(wrong(|asked| asked.id = Some("0".into())).contains("id"));
    }
}
