//! The larger values of rules, as written.

use super::super::callers::{Callers, Identity};
use super::super::diagnostic::At;
use super::super::flag::Flag;
use super::super::hours::Hours;
use super::super::keys::*;
use super::super::parameters::{Parameter, ParameterRule, Parameters};
use super::super::pattern::Numbers;
use super::super::rotation::RotateSection;
use super::super::ruleset::WrapWith;
use super::super::word::Word;
use super::{Reader, Value};
use crate::ck::date::CkDate;
use toml::de::{DeTable, DeValue};

impl Reader<'_> {
    /// The table that a value is, with its keys checked.
    pub(super) fn inner<'t, 'i>(&mut self, value: &'t Value<'i>, keys: &Keys) -> Option<&'t DeTable<'i>> {
        match value.get_ref() {
            DeValue::Table(inner) => {
                self.keys(inner, keys);
                Some(inner)
            }
            _ => {
                self.wrong(value, "a table");
                None
            }
        }
    }

    pub(super) fn parameters(&mut self, value: &Value<'_>) -> Option<ParameterRule> {
        let table = self.inner(value, &PARAMETERS)?;
        let numbers = |list: Option<At<Vec<At<Numbers>>>>| {
            list.map(|list| list.value.into_iter().flat_map(|each| each.value).collect())
        };
        let kdf = self.only(table, "kdf", "required");
        let iv_source = self.only(table, "iv_source", "generated");
        let rule = ParameterRule {
            hash: numbers(self.mechanisms(table, "hash")),
            mgf: numbers(self.mechanisms(table, "mgf")),
            min_salt: self.number(table, "min_salt", 0, 65_536).map(|at| at.value),
            min_tag: self.number(table, "min_tag", 1, 4096).map(|at| at.value),
            min_iv: self.number(table, "min_iv", 1, 4096).map(|at| at.value),
            iv_generated: iv_source.is_some(),
            kdf_required: kdf.is_some(),
        };
        if rule.is_silent() {
            self.at(self.place(value), "this asks nothing of any parameter", None);
        }
        Some(rule)
    }

    /// A text that can say one thing.
    fn only(&mut self, table: &DeTable<'_>, name: &str, word: &str) -> Option<At<String>> {
        let said = self.text(table, name)?;
        if said.value != word {
            let message = format!("unknown value of `{name}` `{}`", said.value);
            self.at(said.place, message, Some(format!("`{word}`")));
        }
        Some(said)
    }

    pub(super) fn asked_parameters(&mut self, ask: &DeTable<'_>) -> Parameters {
        let Some(table) = self.table(ask, "parameters", &ASK_PARAMETERS) else {
            return Parameters::default();
        };
        let named = |reader: &mut Self, name: &str| {
            let numbers = reader.value(table, name, Reader::mechanism_value);
            numbers.and_then(|at| at.value.first().copied()).map_or(Parameter::Absent, Parameter::Is)
        };
        let measured = |reader: &mut Self, name: &str| {
            reader.number(table, name, 0, 65_536).map_or(Parameter::Absent, |at| Parameter::Is(at.value))
        };
        Parameters {
            hash: named(self, "hash"),
            mgf: named(self, "mgf"),
            salt: measured(self, "salt"),
            tag: measured(self, "tag"),
            iv: measured(self, "iv"),
            iv_made: self.asked_source(table),
            kdf: measured(self, "kdf"),
        }
    }

    fn asked_source(&mut self, table: &DeTable<'_>) -> Parameter<bool> {
        let Some(source) = self.text(table, "iv_source") else { return Parameter::Absent };
        match source.value.as_str() {
            "generated" => return Parameter::Is(true),
            "given" => return Parameter::Is(false),
            other => {
                let message = format!("unknown value of `iv_source` `{other}`");
                self.at(source.place, message, Some("`generated` or `given`".to_owned()));
            }
        }
        Parameter::Absent
    }

    pub(super) fn wrap_with(&mut self, value: &Value<'_>) -> Option<WrapWith> {
        let table = self.inner(value, &WRAP_WITH)?;
        let texts = |list: Option<At<Vec<At<String>>>>| {
            list.map(|list| list.value.into_iter().map(|each| each.value).collect::<Vec<_>>())
        };
        let mechanisms = self.mechanisms(table, "mechanisms");
        let with = WrapWith {
            trusted: self.flag(table, "trusted").is_some_and(|at| at.value),
            labels: texts(self.list(table, "label", Reader::text_value)),
            ids: texts(self.list(table, "id", Reader::hex_value)),
            mechanisms: mechanisms.map(|list| list.value.into_iter().flat_map(|each| each.value).collect()),
        };
        if with == WrapWith::default() {
            self.at(self.place(value), "this asks nothing of the wrapping key", None);
        }
        Some(with)
    }

    pub(super) fn rotate(&mut self, value: &Value<'_>) -> Option<RotateSection> {
        let table = self.inner(value, &ROTATE)?;
        let section = RotateSection {
            every: self.duration(table, "every"),
            overlap: self.duration(table, "overlap"),
            handover: self.duration(table, "handover"),
            destroy: self.duration(table, "destroy"),
            automatic: self.flag(table, "automatic"),
        };
        if table.is_empty() {
            let suggestion = "such as { every = \"300d\", overlap = \"30d\" }".to_owned();
            self.at(self.place(value), "this says nothing of the rotation", Some(suggestion));
        }
        if let (Some(handover), Some(overlap)) = (&section.handover, &section.overlap)
            && handover.value > overlap.value
        {
            self.at(handover.place, "the handover is longer than the overlap that it is a part of", None);
        }
        Some(section)
    }

    pub(super) fn template(&mut self, rule: &DeTable<'_>) -> Vec<(At<Flag>, bool)> {
        let template = self.table(rule, "template", &TEMPLATE);
        template.map_or_else(Vec::new, |template| self.flags(template))
    }

    /// The boolean attributes of a table.
    pub(super) fn flags(&mut self, table: &DeTable<'_>) -> Vec<(At<Flag>, bool)> {
        let flag = |(word, flag): &(&str, Flag)| {
            let value = self.flag(table, word)?;
            Some((At { value: *flag, place: value.place }, value.value))
        };
        // Most rules speak of none.
        let speaks = table.keys().any(|key| Flag::WORDS.iter().any(|(word, _)| key.get_ref() == word));
        if speaks { Flag::WORDS.iter().filter_map(flag).collect() } else { Vec::new() }
    }

    pub(super) fn callers(&mut self, value: &Value<'_>, keys: &Keys) -> Option<Callers> {
        let table = self.inner(value, keys)?;
        let identities = |list: Option<At<Vec<At<Identity>>>>| {
            list.map(|list| list.value.into_iter().map(|each| each.value).collect::<Vec<_>>())
        };
        let texts = |list: Option<At<Vec<At<String>>>>| {
            list.map(|list| list.value.into_iter().map(|each| each.value).collect::<Vec<_>>())
        };
        let callers = Callers {
            uid: identities(self.list(table, "uid", Reader::identity)),
            gid: identities(self.list(table, "gid", Reader::identity)),
            exe: texts(self.list(table, "exe", Reader::text_value)),
            unit: texts(self.list(table, "unit", Reader::text_value)),
        };
        if table.is_empty() {
            self.at(self.place(value), "this names no caller", Some("uid, gid, exe or unit".into()));
        }
        Some(callers)
    }

    pub(super) fn identity(&mut self, value: &Value<'_>) -> Option<Identity> {
        match value.get_ref() {
            DeValue::Integer(number) => {
                let number = u32::from_str_radix(number.as_str(), number.radix()).ok();
                if number.is_none() {
                    self.at(self.place(value), "this is the number of no user or group", None);
                }
                number.map(Identity::Number)
            }
            _ => self.text_value(value).map(Identity::Name),
        }
    }

    pub(super) fn hours(&mut self, value: &Value<'_>) -> Option<Hours> {
        let text = self.text_value(value)?;
        let suggestion = || Some("such as \"Mon-Fri 08:00-18:00 Europe/Berlin\"".to_owned());
        Hours::parse(&text).map_err(|wrong| self.at(self.place(value), wrong, suggestion())).ok()
    }

    /// A day, as a date of TOML or a text: its first second, UTC.
    pub(super) fn date(&mut self, value: &Value<'_>) -> Option<u64> {
        let text = match value.get_ref() {
            DeValue::Datetime(date) => date.to_string(),
            _ => self.text_value(value)?,
        };
        let digits: String = text.chars().filter(|c| *c != '-').collect();
        let day = (text.len() == 10 && digits.len() == 8)
            .then(|| CkDate::parse(digits.as_bytes()))
            .flatten()
            .map(CkDate::start);
        if day.is_none() {
            let suggestion = "a day such as 2030-12-31".to_owned();
            self.at(self.place(value), format!("`{text}` is no date"), Some(suggestion));
        }
        day
    }

    /// One number, or `{ min = 2048, max = 3071 }`.
    pub(super) fn span(&mut self, value: &Value<'_>, keys: &Keys) -> Option<(u32, u32)> {
        if let DeValue::Integer(number) = value.get_ref() {
            let number = u32::from_str_radix(number.as_str(), number.radix()).ok();
            if number.is_none() {
                self.at(self.place(value), "this number is too large, or below zero", None);
            }
            return number.map(|number| (number, number));
        }
        let table = self.inner(value, keys)?;
        let end = |reader: &mut Self, name: &str| {
            let number = reader.number(table, name, 0, 1 << 20)?;
            u32::try_from(number.value).ok()
        };
        let (min, max) = (end(self, "min").unwrap_or(0), end(self, "max").unwrap_or(u32::MAX));
        if min > max {
            self.at(self.place(value), "this can never match: `max` is below `min`", None);
        }
        Some((min, max))
    }

    /// `{ min = "90d" }`, `{ max = "7d" }` or both: from so many seconds after the making on, and up to so many.
    pub(super) fn age(&mut self, value: &Value<'_>) -> Option<(u64, u64)> {
        let table = self.inner(value, &AGE)?;
        if table.is_empty() {
            let suggestion = "such as { min = \"90d\" }".to_owned();
            self.at(self.place(value), "this asks nothing of the age", Some(suggestion));
        }
        let min = self.duration(table, "min").map_or(0, |at| at.value);
        let max = self.duration(table, "max").map_or(u64::MAX, |at| at.value);
        if min >= max {
            self.at(self.place(value), "this can never match: `max` is not above `min`", None);
        }
        Some((min, max))
    }
}
