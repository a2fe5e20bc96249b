//! TOML -> [`Document`]. Every mistake in a file is collected, each with its place; an unknown key or
//! word is a mistake, never ignored, and so is a key of the language that this version does not enforce.

mod alarm;
mod approval;
mod limits;
mod pieces;
mod test;
mod values;

use super::diagnostic::{At, Diagnostic, Place, Source, suggest};
use super::document::*;
use super::keys::*;
use super::pattern::{self, Numbers};
use super::word::{Word, duration};
use std::collections::HashMap;
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// The version of the language that this module understands.
const VERSION: u64 = 1;
/// So many mistakes are reported; more would hide the first.
const MOST_REPORTED: usize = 20;
/// Longest name, id or sentence, in characters.
const LONGEST_TEXT: usize = 1000;

/// Reads the file with this number. The document is only of use where no diagnostic was added.
pub(super) fn read(sources: &[Source], file: usize, diagnostics: &mut Vec<Diagnostic>) -> Document {
    let text = sources.get(file).map_or("", |source| source.text.as_str());
    if let Some(document) = Reader::new(sources, file).piece_by_piece(text) {
        return document;
    }
    // Whatever is not as it should be is told as a reading of the whole file finds it.
    let mut reader = Reader::new(sources, file);
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let place = Place::new(file, error.span().unwrap_or(0..0));
        let message = error.message().lines().next().unwrap_or_default();
        reader.at(place, format!("this is not TOML: {message}"), None);
    }
    // What the parser made of a broken file is a guess; judging it would only add noise.
    let document = if errors.is_empty() { reader.document(table.get_ref()) } else { Document::default() };
    reader.diagnostics.sort_by_key(|each| (each.line, each.column));
    reader.diagnostics.truncate(MOST_REPORTED);
    diagnostics.append(&mut reader.diagnostics);
    document
}

type Value<'t> = toml::Spanned<DeValue<'t>>;

struct Reader<'s> {
    sources: &'s [Source],
    file: usize,
    /// Where the piece that is read begins in the file.
    begin: usize,
    diagnostics: Vec<Diagnostic>,
    /// What patterns stand for that were met already: a large policy repeats them.
    patterns: HashMap<String, Numbers>,
}

impl<'s> Reader<'s> {
    fn new(sources: &'s [Source], file: usize) -> Self {
        Self { sources, file, begin: 0, diagnostics: Vec::new(), patterns: HashMap::new() }
    }
}

impl Reader<'_> {
    fn document(&mut self, table: &DeTable<'_>) -> Document {
        self.keys(table, &TOP);
        self.version(table);
        let mut document = Document {
            name: self.text(table, "name"),
            extends: self.list(table, "extends", Reader::text_value).map_or_else(Vec::new, |list| list.value),
            ..Document::default()
        };
        if let Some(token) = self.table(table, "token", &TOKEN) {
            document.pin = self.pin(token);
            if let Some(session) = self.table(token, "session", &SESSION) {
                document.max_sessions = self.number(session, "max", 1, 1 << 20);
                document.idle_logout = self.duration(session, "idle_logout");
            }
            if let Some(objects) = self.table(token, "objects", &OBJECTS) {
                document.max_objects = self.number(objects, "max", 1, 1 << 40);
            }
        }
        if let Some(section) = self.table(table, "mechanisms", &MECHANISMS) {
            document.mechanisms = MechanismSection {
                deny: self.mechanisms(section, "deny").map_or_else(Vec::new, |list| list.value),
                legacy_use: self.mechanisms(section, "legacy_use").map_or_else(Vec::new, |list| list.value),
            };
        }
        if let Some(section) = self.table(table, "keys", &KEYS) {
            document.keys = self.key_section(section);
        }
        if let Some(section) = self.table(table, "pre-active", &PRE_ACTIVE) {
            document.pre_active_proof = self.flag(section, "proof_of_possession");
        }
        if let Some(section) = self.table(table, "suspended", &SUSPENDED) {
            document.suspended_process = self.flag(section, "process");
        }
        if let Some(section) = self.table(table, "compromised", &COMPROMISED) {
            document.compromised_process = self.flag(section, "process");
        }
        document.draft = self.flag(table, "draft");
        document.unsafe_allow = self.words(table, "unsafe_allow").map_or_else(Vec::new, |list| list.value);
        if let Some(section) = self.table(table, "audit", &AUDIT) {
            document.audit_required = self.flag(section, "required");
            document.audit_sync = self.word(section, "sync");
        }
        self.lists(table, &mut document);
        document
    }

    fn lists(&mut self, table: &DeTable<'_>, document: &mut Document) {
        document.rules.append(&mut self.tables(table, "rule", &RULE, Reader::rule));
        document.alarms.append(&mut self.tables(table, "alarm", &ALARM, Reader::alarm));
        document.tests.append(&mut self.tables(table, "test", &TEST, Reader::test));
    }

    fn version(&mut self, table: &DeTable<'_>) {
        match self.number(table, "policy", 0, u64::MAX) {
            Some(version) if version.value != VERSION => {
                let message = format!("this version understands `policy = {VERSION}` only");
                self.at(version.place, message, None);
            }
            None if !table.contains_key("policy") => {
                let suggestion = format!("begin the file with `policy = {VERSION}`");
                self.at(Place::new(self.file, 0..0), "the language version is missing", Some(suggestion));
            }
            _ => {}
        }
    }

    fn pin(&mut self, token: &DeTable<'_>) -> PinSection {
        let Some(pin) = self.table(token, "pin", &PIN) else { return PinSection::default() };
        PinSection {
            min_length: self.number(pin, "min_length", 1, 255),
            max_length: self.number(pin, "max_length", 1, 255),
            max_failures: self.number(pin, "max_failures", 1, 1000),
            lockout: self.duration(pin, "lockout"),
        }
    }

    fn key_section(&mut self, section: &DeTable<'_>) -> KeySection {
        KeySection {
            single_purpose: self.word(section, "single_purpose"),
            sensitive: self.word(section, "sensitive"),
            initial_state: self.word(section, "initial_state"),
            restrictions: self.restrictions(section),
        }
    }

    fn restrictions(&mut self, table: &DeTable<'_>) -> Restrictions {
        Restrictions {
            min_strength: self.number(table, "min_strength", 0, 256),
            export: self.word(table, "export"),
            escrow: self.word(table, "escrow"),
            approvals: self.value(table, "approvals", Reader::approvals),
            limits: self.limits(table),
            parameters: self.value(table, "parameters", Reader::parameters),
            wrap_with: self.value(table, "wrap_with", Reader::wrap_with),
            template: self.template(table),
            callers: self.value(table, "callers", |reader, value| reader.callers(value, &CALLERS)),
            visible_to: self.value(table, "visible_to", |reader, value| reader.callers(value, &VISIBLE_TO)),
            hours: self.value(table, "hours", Reader::hours),
            audit: self.word(table, "audit"),
            memory: self.word(table, "memory"),
            rotate: self.value(table, "rotate", Reader::rotate),
            hide_inactive: self.flag(table, "hide_inactive"),
        }
    }

    fn rule(&mut self, rule: &DeTable<'_>, place: Place) -> RuleSection {
        let period = self.table(rule, "crypto_period", &PERIOD);
        let when = self.table(rule, "when", &WHEN);
        self.required(rule, place, "[[rule]]", &["id"]);
        RuleSection {
            place,
            id: self.id(rule),
            when: when.map(|when| self.when(when)).unwrap_or_default(),
            why: self.text(rule, "why"),
            purpose: self.words(rule, "purpose"),
            mechanisms: self.mechanisms(rule, "mechanisms"),
            deny: self.mechanisms(rule, "deny").map_or_else(Vec::new, |list| list.value),
            legacy_use: self.mechanisms(rule, "legacy_use").map_or_else(Vec::new, |list| list.value),
            min_bits: self.min_bits(rule),
            curves: self.words(rule, "curves"),
            parameter_sets: self.words(rule, "parameter_sets"),
            originator: period.and_then(|period| self.duration(period, "originator")),
            recipient: period.and_then(|period| self.duration(period, "recipient")),
            restrictions: self.restrictions(rule),
            source: self.text(rule, "source"),
            section: self.text(rule, "section"),
            effective: self.value(rule, "effective", Reader::date),
            sunset: self.value(rule, "sunset", Reader::date),
            draft: self.flag(rule, "draft"),
        }
    }

    fn when(&mut self, when: &DeTable<'_>) -> WhenSection {
        WhenSection {
            class: self.words(when, "class"),
            key_type: self.words(when, "type"),
            label: self.list(when, "label", Reader::text_value),
            id: self.list(when, "id", Reader::hex_value),
            origin: self.words(when, "origin"),
            token: self.flag(when, "token"),
            purpose: self.words(when, "purpose"),
            bits: self.value(when, "bits", |reader, value| reader.span(value, &BITS)),
            curve: self.words(when, "curve"),
            parameter_set: self.words(when, "parameter_set"),
            user: self.list(when, "user", Reader::text_value),
            state: self.words(when, "state"),
            age: self.value(when, "age", Reader::age),
            generation: self.value(when, "generation", |reader, value| reader.span(value, &GENERATION)),
            flags: self.flags(when).into_iter().map(|(flag, value)| (flag.value, value)).collect(),
        }
    }
}

/// The parts that the sections above are made of.
impl<'s> Reader<'s> {
    fn at(&mut self, place: Place, message: impl Into<String>, suggestion: Option<String>) {
        // Enough is enough; the drawing of each costs a walk over the text.
        if self.diagnostics.len() <= MOST_REPORTED {
            self.diagnostics.push(Diagnostic::new(self.sources, place, message, suggestion));
        }
    }

    fn place(&self, value: &Value<'_>) -> Place {
        self.place_of(value.span())
    }

    fn place_of(&self, span: Range<usize>) -> Place {
        Place::new(self.file, self.begin + span.start..self.begin + span.end)
    }

    /// Reports every key that does not belong here.
    fn keys(&mut self, table: &DeTable<'_>, keys: &Keys) {
        for key in table.keys() {
            let name: &str = key.get_ref();
            let place = self.place_of(key.span());
            if keys.known.contains(&name) {
                continue;
            }
            if keys.later.contains(&name) {
                self.at(
                    place,
                    format!("`{name}` is not enforced by this version"),
                    Some("take it out: a rule that is not enforced must not look as if it were".into()),
                );
                continue;
            }
            let all = keys.known.iter().chain(keys.later).copied();
            let suggestion =
                suggest(name, all).or_else(|| Some(format!("known here: {}", keys.known.join(", "))));
            self.at(place, format!("unknown key `{name}` in {}", keys.section), suggestion);
        }
    }

    fn required(&mut self, table: &DeTable<'_>, place: Place, section: &str, names: &[&str]) {
        for name in names.iter().filter(|name| !table.contains_key(**name)) {
            self.at(place, format!("{section} needs `{name}`"), None);
        }
    }

    fn wrong(&mut self, value: &Value<'_>, expected: &str) {
        let place = self.place(value);
        let message = format!("expected {expected}, found {}", value.get_ref().type_str());
        self.at(place, message, None);
    }

    fn table<'t, 'i>(&mut self, table: &'t DeTable<'i>, name: &str, keys: &Keys) -> Option<&'t DeTable<'i>> {
        table.get(name).and_then(|value| self.inner(value, keys))
    }

    fn tables<T>(
        &mut self,
        table: &DeTable<'_>,
        name: &str,
        keys: &Keys,
        read: fn(&mut Self, &DeTable<'_>, Place) -> T,
    ) -> Vec<T> {
        let Some(value) = table.get(name) else { return Vec::new() };
        let DeValue::Array(array) = value.get_ref() else {
            self.wrong(value, &format!("`[[{name}]]` tables"));
            return Vec::new();
        };
        let mut all = Vec::with_capacity(array.len());
        for each in array.iter() {
            match each.get_ref() {
                DeValue::Table(inner) => {
                    self.keys(inner, keys);
                    let place = self.place(each);
                    all.push(read(self, inner, place));
                }
                _ => self.wrong(each, "a table"),
            }
        }
        all
    }

    fn value<T>(
        &mut self,
        table: &DeTable<'_>,
        name: &str,
        read: fn(&mut Self, &Value<'_>) -> Option<T>,
    ) -> Option<At<T>> {
        let value = table.get(name)?;
        let place = self.place(value);
        read(self, value).map(|value| At { value, place })
    }

    /// One value or a list of them. An empty list is a mistake: it could only mean nothing or everything.
    fn list<T>(
        &mut self,
        table: &DeTable<'_>,
        name: &str,
        read: fn(&mut Self, &Value<'_>) -> Option<T>,
    ) -> Option<At<Vec<At<T>>>> {
        let value = table.get(name)?;
        let place = self.place(value);
        let DeValue::Array(array) = value.get_ref() else {
            return read(self, value).map(|one| At { value: vec![At { value: one, place }], place });
        };
        if array.is_empty() {
            self.at(place, format!("the list `{name}` is empty"), Some("leave the key out".into()));
            return None;
        }
        let mut all = Vec::with_capacity(array.len());
        for each in array.iter() {
            let place = self.place(each);
            all.extend(read(self, each).map(|value| At { value, place }));
        }
        Some(At { value: all, place })
    }

    fn word<W: Word>(&mut self, table: &DeTable<'_>, name: &str) -> Option<At<W>> {
        self.value(table, name, Self::word_value)
    }

    fn words<W: Word>(&mut self, table: &DeTable<'_>, name: &str) -> Option<At<Vec<At<W>>>> {
        self.list(table, name, Self::word_value)
    }

    fn text(&mut self, table: &DeTable<'_>, name: &str) -> Option<At<String>> {
        self.value(table, name, Self::text_value)
    }

    fn flag(&mut self, table: &DeTable<'_>, name: &str) -> Option<At<bool>> {
        self.value(table, name, |reader, value| match value.get_ref() {
            DeValue::Boolean(flag) => Some(*flag),
            _ => {
                reader.wrong(value, "`true` or `false`");
                None
            }
        })
    }

    fn duration(&mut self, table: &DeTable<'_>, name: &str) -> Option<At<u64>> {
        self.value(table, name, |reader, value| {
            let text = reader.str_value(value)?;
            let seconds = duration(text);
            if seconds.is_none() {
                let suggestion = "a number and one of s, m, h, d, w, y, such as \"300d\"".to_owned();
                reader.at(reader.place(value), format!("`{text}` is no duration"), Some(suggestion));
            }
            seconds
        })
    }

    fn number(&mut self, table: &DeTable<'_>, name: &str, from: u64, to: u64) -> Option<At<u64>> {
        let value = table.get(name)?;
        let place = self.place(value);
        let DeValue::Integer(integer) = value.get_ref() else {
            self.wrong(value, "a whole number");
            return None;
        };
        let number = u64::from_str_radix(integer.as_str(), integer.radix()).ok();
        let number = number.filter(|number| (from..=to).contains(number));
        if number.is_none() {
            self.at(place, format!("`{name}` must lie between {from} and {to}"), None);
        }
        number.map(|value| At { value, place })
    }

    fn min_bits(&mut self, rule: &DeTable<'_>) -> Vec<(At<super::word::KeyType>, u64)> {
        let Some(value) = rule.get("min_bits") else { return Vec::new() };
        let DeValue::Table(table) = value.get_ref() else {
            self.wrong(value, "a table such as { rsa = 3072, ec = 256 }");
            return Vec::new();
        };
        let mut all = Vec::new();
        for key in table.keys() {
            let place = self.place_of(key.span());
            let bits = self.number(table, key.get_ref(), 1, 65_536);
            if let (Some(value), Some(bits)) = (self.word_of(key.get_ref(), place), bits) {
                all.push((At { value, place }, bits.value));
            }
        }
        all
    }

    fn mechanisms(&mut self, table: &DeTable<'_>, name: &str) -> Option<At<Vec<At<Numbers>>>> {
        self.list(table, name, Self::mechanism_value)
    }

    fn id(&mut self, rule: &DeTable<'_>) -> Option<At<String>> {
        let id = self.text(rule, "id")?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if id.value.is_empty() || id.value.len() > 64 || !id.value.chars().all(plain) {
            let suggestion = "1 to 64 letters, digits, `-` and `_`".to_owned();
            self.at(id.place, "this cannot be the id of a rule", Some(suggestion));
            return None;
        }
        Some(id)
    }

    fn text_value(&mut self, value: &Value<'_>) -> Option<String> {
        self.str_value(value).map(str::to_owned)
    }

    fn str_value<'v>(&mut self, value: &'v Value<'_>) -> Option<&'v str> {
        match value.get_ref() {
            // Few texts are so long that it matters what a character is.
            DeValue::String(text) if text.len() <= LONGEST_TEXT || text.chars().count() <= LONGEST_TEXT => {
                Some(text)
            }
            DeValue::String(_) => {
                let message = format!("longer than {LONGEST_TEXT} characters");
                self.at(self.place(value), message, None);
                None
            }
            _ => {
                self.wrong(value, "a string");
                None
            }
        }
    }

    /// A pattern over lower-case hexadecimal digits.
    fn hex_value(&mut self, value: &Value<'_>) -> Option<String> {
        let text = self.text_value(value)?;
        let digits: String = text.chars().filter(|c| !matches!(c, ':' | ' ')).collect();
        if digits.is_empty() || !digits.chars().all(|c| c.is_ascii_hexdigit() || matches!(c, '*' | '?')) {
            let suggestion = "hexadecimal digits, `*` and `?`, such as \"01:ff*\"".to_owned();
            self.at(self.place(value), format!("`{text}` cannot match a CKA_ID"), Some(suggestion));
            return None;
        }
        Some(digits.to_ascii_lowercase())
    }

    fn mechanism_value(&mut self, value: &Value<'_>) -> Option<Numbers> {
        let text = self.str_value(value)?;
        if let Some(known) = self.patterns.get(text) {
            return Some(known.clone());
        }
        let numbers = pattern::mechanisms(text)
            .map_err(|(message, suggestion)| self.at(self.place(value), message, suggestion))
            .ok()?;
        self.patterns.insert(text.to_owned(), numbers.clone());
        Some(numbers)
    }

    fn word_value<W: Word>(&mut self, value: &Value<'_>) -> Option<W> {
        let text = self.str_value(value)?;
        self.word_of(text, self.place(value))
    }

    fn word_of<W: Word>(&mut self, word: &str, place: Place) -> Option<W> {
        let value = W::of(word);
        if value.is_none() {
            let words = W::WORDS.iter().map(|(word, _)| *word);
            let list = || Some(format!("one of: {}", words.clone().collect::<Vec<_>>().join(", ")));
            let suggestion = suggest(word, words.clone()).or_else(list);
            self.at(place, format!("unknown {} `{word}`", W::WHAT), suggestion);
        }
        value
    }
}
