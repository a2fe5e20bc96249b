//! `[[test]]`, read.

use super::super::diagnostic::Place;
use super::super::document::{TestCaller, TestKey, TestSection};
use super::super::keys::{ASK, TEST_KEY};
use super::Reader;
use toml::de::DeTable;

impl Reader<'_> {
    pub(super) fn test(&mut self, test: &DeTable<'_>, place: Place) -> TestSection {
        self.required(test, place, "[[test]]", &["id", "key", "ask", "expect"]);
        let key = self.table(test, "key", &TEST_KEY);
        let ask = self.table(test, "ask", &ASK);
        if let Some(ask) = ask {
            self.required(ask, place, "`ask`", &["op"]);
        }
        TestSection {
            place,
            id: self.text(test, "id"),
            key: key.map(|key| self.test_key(key)).unwrap_or_default(),
            op: ask.and_then(|ask| self.word(ask, "op")),
            mechanism: ask.and_then(|ask| self.value(ask, "mechanism", Reader::mechanism_value)),
            parameters: ask.map(|ask| self.asked_parameters(ask)).unwrap_or_default(),
            user: ask.and_then(|ask| self.text(ask, "user")),
            caller: ask.map(|ask| self.test_caller(ask)).unwrap_or_default(),
            approved_by: ask
                .and_then(|ask| self.list(ask, "approved_by", Reader::text_value))
                .map_or_else(Vec::new, |list| list.value),
            at: self.value(test, "at", Reader::date),
            expect: self.word(test, "expect"),
            by: self.list(test, "by", Reader::text_value).map_or_else(Vec::new, |list| list.value),
        }
    }

    fn test_key(&mut self, key: &DeTable<'_>) -> TestKey {
        TestKey {
            class: self.word(key, "class"),
            key_type: self.word(key, "type"),
            bits: self.number(key, "bits", 0, 1 << 20),
            curve: self.word(key, "curve"),
            parameter_set: self.word(key, "parameter_set"),
            label: self.text(key, "label"),
            id: self.value(key, "id", Reader::hex_value),
            origin: self.word(key, "origin"),
            token: self.flag(key, "token"),
            purpose: self.word(key, "purpose"),
            usage: self.words(key, "usage"),
            state: self.word(key, "state"),
            age: self.duration(key, "age"),
            sensitive: self.flag(key, "sensitive"),
            extractable: self.flag(key, "extractable"),
            wrap_with_trusted: self.flag(key, "wrap_with_trusted"),
            backed_up: self.flag(key, "backed_up"),
            trusted: self.flag(key, "trusted"),
            local: self.flag(key, "local"),
            always_sensitive: self.flag(key, "always_sensitive"),
            never_extractable: self.flag(key, "never_extractable"),
            generation: self.number(key, "generation", 1, u64::from(u32::MAX)),
            uses: self.number(key, "uses", 0, 1 << 60),
        }
    }

    fn test_caller(&mut self, ask: &DeTable<'_>) -> TestCaller {
        TestCaller {
            uid: self.value(ask, "uid", Reader::identity),
            gid: self.value(ask, "gid", Reader::identity),
            exe: self.text(ask, "exe"),
            unit: self.text(ask, "unit"),
        }
    }
}
