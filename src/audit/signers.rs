//! The words that records bear, as a judge sees them: is each signed, is it about what its record is about, has the trail
//! given its key to its user, and was it spent once.

use super::event::{Event, Kind};
use super::verify::Weight;
use super::word::{Word, short};
use crate::crypto::attest::PublicKey;
use std::collections::{BTreeMap, BTreeSet};

/// What was seen of users' signing keys, in whatever order the records came.
#[derive(Default)]
pub(super) struct Signers {
    /// Names of users and keys that records gave them.
    given: BTreeSet<(String, PublicKey)>,
    /// Who signed with which key, and the first record that bears it: its segment's file and its number.
    used: BTreeMap<(String, PublicKey), (String, u64)>,
    /// How often each word was spent, and how often it came back.
    spent: BTreeMap<Vec<u8>, Spent>,
}

/// What became of one word.
struct Spent {
    /// What it is called.
    word: String,
    /// The last record that spent it.
    place: (String, u64),
    times: u64,
    back: u64,
}

impl Signers {
    /// Takes one record, the `number`th of the segment `place` of a token. Answers what is wrong with its words.
    pub(super) fn take(
        &mut self,
        place: &str,
        number: u64,
        serial: &str,
        event: &Event,
    ) -> Vec<(Weight, String)> {
        if event.kind == Kind::User
            && let Some(key) = event.signer
        {
            self.given.insert((event.label.clone(), key));
        }
        let mut found = Vec::new();
        for bytes in &event.words {
            let Some(word) = Word::decode(bytes) else {
                let what = format!("record {number} bears a word that this version cannot read");
                found.push((Weight::Visible, what));
                continue;
            };
            if !word.is_signed() {
                found.push((Weight::Broken, format!("record {number}: {word} has a wrong signature")));
            } else if !fits(&word, serial, event) {
                found.push((Weight::Broken, format!("record {number}: {word} was said to something else")));
            }
            self.spend(place, number, event, (bytes, &word));
            let who = (word.statement.approver, word.key);
            self.used.entry(who).or_insert_with(|| (place.to_owned(), number));
        }
        found
    }

    fn spend(&mut self, place: &str, number: u64, event: &Event, (bytes, word): (&[u8], &Word)) {
        let back = match event.operation.as_ref() {
            "spend-approval" => false,
            "return-approval" => true,
            _ => return,
        };
        let place = (place.to_owned(), number);
        let new = || Spent { word: word.to_string(), place: place.clone(), times: 0, back: 0 };
        let spent = self.spent.entry(bytes.to_vec()).or_insert_with(new);
        if back {
            spent.back = spent.back.saturating_add(event.count);
        } else {
            spent.times = spent.times.saturating_add(event.count);
            spent.place = place;
        }
    }

    /// Words that were spent again without having come back: where, and what.
    pub(super) fn spent_again(&self) -> impl Iterator<Item = (&str, String)> {
        let again = self.spent.values().filter(|spent| spent.times > spent.back.saturating_add(1));
        again.map(|spent| {
            let (place, number) = &spent.place;
            let (word, times, back) = (&spent.word, spent.times, spent.back);
            let what = format!("record {number}: {word} was spent {times} times, and came back {back} times");
            (place.as_str(), what)
        })
    }

    /// Keys that somebody signed with and that no record gave to the user: where, and what.
    pub(super) fn strangers(self) -> Vec<(String, String)> {
        let strange = self.used.into_iter().filter(|(who, _)| !self.given.contains(who));
        let told = strange.map(|((name, key), (place, number))| {
            let what = format!(
                "record {number}: {name} signed with the key {}, and no record that is here says that it is {name}'s",
                short(&key)
            );
            (place, what)
        });
        told.collect()
    }
}

/// Whether a word is about what its record is about.
fn fits(word: &Word, serial: &str, event: &Event) -> bool {
    let said = &word.statement;
    let own = event.user.split_once(':').is_some_and(|(_, name)| name == said.approver);
    said.serial == serial
        && said.object == event.object
        && said.mechanism == event.mechanism
        && (event.operation != "approve" || own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::word::Statement;
    use crate::crypto::attest::SigningKey;

    const SERIAL: &str = "0123456789abcdef";

    fn word(key: &SigningKey) -> Word {
        let statement = Statement {
            serial: SERIAL.into(),
            request: "9f3c01de".into(),
            object: [7; 16],
            operation: "sign".into(),
            mechanism: Some(0x1041),
            requester: "user".into(),
            opened: 1000,
            valid_seconds: 600,
            approver: "alice".into(),
            at: 1100,
        };
        Word::sign(statement, key).unwrap()
    }

    fn approve(word: &Word) -> Event {
        Event {
            user: "user:alice".into(),
            object: [7; 16],
            mechanism: Some(0x1041),
            words: vec![word.encode()],
            ..Event::new(Kind::Approval, "approve", 1)
        }
    }

    fn added(key: &SigningKey) -> Event {
        let (label, signer) = ("alice".into(), Some(*key.public()));
        Event { label, signer, ..Event::new(Kind::User, "add-user", 2) }
    }

    fn weights(event: &Event) -> Vec<Weight> {
        let found = Signers::default().take("file", 3, SERIAL, event);
        found.into_iter().map(|(weight, _)| weight).collect()
    }

    #[test]
    fn word_is_judged_by_its_signature_and_by_what_its_record_says() {
        let key = SigningKey::generate().unwrap();
        let word = word(&key);
        let good = approve(&word);
        assert_eq!(weights(&good), []);
        let mut forged = word.clone();
        forged.signature[0] ^= 1;
        let spent = Event { operation: "spend-approval".into(), user: "user".into(), ..good.clone() };
        assert_eq!(weights(&spent), []);
        for wrong in [
            approve(&forged),
            Event { user: "user:bob".into(), ..good.clone() },
            Event { object: [8; 16], ..good.clone() },
            Event { mechanism: None, ..spent },
        ] {
            assert_eq!(weights(&wrong), [Weight::Broken], "{wrong:?}");
        }
        assert_eq!(Signers::default().take("file", 3, "0", &good).len(), 1);
        assert_eq!(weights(&Event { words: vec![vec![1, 2, 3]], ..good }), [Weight::Visible]);
    }

    #[test]
    fn word_is_spent_once_unless_it_came_back() {
        let word = word(&SigningKey::generate().unwrap());
        let told = |operations: &[&'static str]| {
            let mut signers = Signers::default();
            for operation in operations {
                let event = Event { operation: (*operation).into(), ..approve(&word) };
                assert_eq!(signers.take("file", 3, SERIAL, &event), []);
            }
            signers.spent_again().count()
        };
        let (spend, back) = ("spend-approval", "return-approval");
        assert_eq!(told(&["approve", spend]), 0);
        assert_eq!(told(&["approve", spend, back, spend]), 0);
        // Segments come in any order.
        assert_eq!(told(&["approve", spend, spend, back]), 0);
        assert_eq!(told(&["approve", spend, spend]), 1);
        assert_eq!(told(&["approve", spend, back, spend, spend]), 1);
        // Equal records may be one with a count.
        let mut signers = Signers::default();
        signers.take("file", 3, SERIAL, &Event { operation: spend.into(), count: 2, ..approve(&word) });
        assert_eq!(signers.spent_again().count(), 1);
    }

    #[test]
    fn key_that_no_record_gave_to_its_user_is_told_of_once() {
        let (key, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let mut signers = Signers::default();
        // Segments come in any order: the key may be given behind its use.
        for event in [approve(&word(&key)), added(&key), approve(&word(&other)), approve(&word(&other))] {
            assert_eq!(signers.take("file", 3, SERIAL, &event), []);
        }
        let told = signers.strangers();
        assert_eq!(told.len(), 1);
        assert!(told[0].1.contains(&short(other.public())), "{told:?}");
    }
}
