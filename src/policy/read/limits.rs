//! `limits`, read.

use super::{At, DeValue, Numbers, Reader, Value};
use crate::policy::keys::LIMITS;
use crate::policy::limits::{Limit, Unit};
use std::sync::Arc;
use toml::de::DeTable;

/// The largest number that a limit can have: far above what a key does, and sums of a few still fit.
const LARGEST: u64 = 1 << 60;

impl Reader<'_> {
    /// One table of limits, or a list of them.
    pub(super) fn limits(&mut self, table: &DeTable<'_>) -> Vec<Limit> {
        let tables = self.list(table, "limits", |reader, value| reader.limit_table(value));
        tables.into_iter().flat_map(|list| list.value).flat_map(|each| each.value).collect()
    }

    fn limit_table(&mut self, value: &Value<'_>) -> Option<Vec<Limit>> {
        let table = self.inner(value, &LIMITS)?;
        let of: Option<Numbers> = self
            .mechanisms(table, "of")
            .map(|list| list.value.into_iter().flat_map(|each| each.value).collect());
        let of = of.map(Arc::new);
        let uses = self.number(table, "uses", 1, LARGEST).map(|at| (Unit::Uses, at.value));
        let bytes = self.size(table, "bytes").map(|at| (Unit::Bytes, at.value));
        let wrapped = self.number(table, "keys_wrapped", 1, LARGEST).map(|at| (Unit::KeysWrapped, at.value));
        let rate = self.value(table, "rate", |reader, value| reader.rate(value)).map(|at| at.value);
        let limit = |(unit, most)| Limit { unit, most, of: of.clone() };
        let limits: Vec<Limit> = [uses, bytes, wrapped, rate].into_iter().flatten().map(limit).collect();
        let silent = table.keys().all(|key| key.get_ref() == "of");
        if silent {
            let suggestion = "uses, bytes, keys_wrapped or rate".to_owned();
            self.at(self.place(value), "this limits nothing", Some(suggestion));
        }
        Some(limits)
    }

    /// A number of bytes, or a text such as `10GiB`.
    fn size(&mut self, table: &DeTable<'_>, name: &str) -> Option<At<u64>> {
        if !matches!(table.get(name)?.get_ref(), DeValue::String(_)) {
            return self.number(table, name, 1, LARGEST);
        }
        self.value(table, name, |reader, value| {
            let text = reader.text_value(value)?;
            let bytes = size(&text);
            if bytes.is_none() {
                let suggestion =
                    "a whole number and one of B, KiB, MiB, GiB, TiB, such as \"10GiB\"".to_owned();
                reader.at(reader.place(value), format!("`{text}` is no number of bytes"), Some(suggestion));
            }
            bytes
        })
    }

    fn rate(&mut self, value: &Value<'_>) -> Option<(Unit, u64)> {
        let text = self.text_value(value)?;
        let rate = rate(&text);
        if rate.is_none() {
            let suggestion = "a whole number and one of /s, /min, /h, such as \"2000/s\"".to_owned();
            self.at(self.place(value), format!("`{text}` is no rate"), Some(suggestion));
        }
        rate
    }
}

fn whole(digits: &str) -> Option<u64> {
    let plain = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit() || digit == b'_');
    let number = if plain { digits.replace('_', "").parse().ok() } else { None };
    number.filter(|number| (1..=LARGEST).contains(number))
}

fn size(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(text.len());
    let (digits, unit) = text.split_at(digits);
    let unit: u64 = match unit.trim_start() {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return None,
    };
    whole(digits)?.checked_mul(unit).filter(|bytes| *bytes <= LARGEST)
}

fn rate(text: &str) -> Option<(Unit, u64)> {
    let (number, unit) = text.split_once('/')?;
    let unit = match unit {
        "s" => Unit::Second,
        "min" => Unit::Minute,
        "h" => Unit::Hour,
        _ => return None,
    };
    // The counter of a span has 32 bits.
    let number = whole(number).filter(|number| *number < u64::from(u32::MAX))?;
    Some((unit, number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::laws::load;

    #[test]
    fn sizes_and_rates_are_read() {
        assert_eq!(size("10GiB"), Some(10 << 30));
        assert_eq!(size("1_000 B"), Some(1000));
        for wrong in ["", "GiB", "0B", "1", "1GB", "1.5GiB", "99999999TiB", "_B"] {
            assert_eq!(size(wrong), None, "{wrong}");
        }
        assert_eq!(rate("2000/s"), Some((Unit::Second, 2000)));
        assert_eq!(rate("5/min"), Some((Unit::Minute, 5)));
        assert_eq!(rate("1_000/h"), Some((Unit::Hour, 1000)));
        for wrong in ["", "5", "/s", "0/s", "5/d", "5 / s", "4294967295/s", "-1/s"] {
            assert_eq!(rate(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        let told = |limits: &str| {
            let text = format!("policy = 1\n[[rule]]\nid = \"r\"\nlimits = {limits}\n");
            let told = load(&text).unwrap_err().remove(0);
            assert_eq!(told.line, 4, "{told}");
            (told.message, told.suggestion.unwrap_or_default(), told.column)
        };
        let (message, suggestion, column) = told("{ use = 5 }");
        assert_eq!(
            (message.as_str(), suggestion.as_str()),
            ("unknown key `use` in `limits`", "did you mean `uses`?")
        );
        assert_eq!(column, 12);
        assert!(told("{ of = \"CKM_AES_GCM\" }").0.contains("limits nothing"));
        assert!(told("{ }").0.contains("limits nothing"));
        assert!(told("{ uses = 0 }").0.contains("must lie between 1 and"));
        assert!(told("{ bytes = \"10GB\" }").1.contains("GiB"));
        assert!(told("{ rate = \"10/d\" }").1.contains("/min"));
        assert!(told("{ uses = 5, of = [\"CKM_AES_GCMM\"] }").1.contains("`CKM_AES_GCM`"));
        assert!(told("5").0.contains("expected a table"));
        assert!(told("[]").0.contains("empty"));
    }
}
