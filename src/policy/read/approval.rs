//! `approvals`, read.

use super::{Reader, Value};
use crate::policy::approval::{Approvals, VALID_SECONDS};
use crate::policy::diagnostic::At;
use crate::policy::entry::Entry;
use crate::policy::keys::APPROVALS;
use toml::de::DeTable;

/// The longest name that a user of a token can have, in bytes.
const LONGEST_NAME: usize = 64;
/// Most people that one rule can ask.
const MOST: usize = 100;

impl Reader<'_> {
    pub(super) fn approvals(&mut self, value: &Value<'_>) -> Option<Approvals> {
        let table = self.inner(value, &APPROVALS)?;
        let place = self.place(value);
        self.required(table, place, "`approvals`", &["need", "of"]);
        let need = self.number(table, "need", 1, MOST as u64)?;
        let of = self.people(table)?;
        if need.value > of.len() as u64 {
            let message = format!("{} must agree, and only {} can", need.value, of.len());
            self.at(need.place, message, None);
        }
        Some(Approvals {
            need: usize::try_from(need.value).unwrap_or(MOST),
            of,
            on: self.approved_operations(table),
            valid_seconds: self.duration(table, "valid").map_or(VALID_SECONDS, |valid| valid.value),
        })
    }

    /// The names in `of`, sorted. A name that stands twice is a mistake: it would count once.
    fn people(&mut self, table: &DeTable<'_>) -> Option<Vec<String>> {
        let list = self.list(table, "of", |reader, value| {
            let name = reader.text_value(value)?;
            if name.is_empty() || name.len() > LONGEST_NAME || name.contains(char::is_control) {
                let suggestion = "1 to 64 bytes without control characters".to_owned();
                reader.at(reader.place(value), "no user can have this name", Some(suggestion));
                return None;
            }
            Some(name)
        })?;
        if list.value.len() > MOST {
            self.at(list.place, format!("more than {MOST} names"), None);
        }
        let mut named: Vec<String> = Vec::new();
        for At { value, place } in list.value {
            if named.contains(&value) {
                self.at(place, format!("`{value}` stands here twice"), None);
            } else {
                named.push(value);
            }
        }
        named.sort_unstable();
        Some(named)
    }

    fn approved_operations(&mut self, table: &DeTable<'_>) -> Option<Vec<Entry>> {
        let list = self.words::<Entry>(table, "for")?;
        for each in &list.value {
            if matches!(each.value, Entry::Generate | Entry::Create) {
                let message = format!("`{}` is asked of no key that is there", each.value.name());
                self.at(each.place, message, None);
            }
        }
        Some(list.value.into_iter().map(|each| each.value).collect())
    }
}

#[cfg(test)]
mod tests {
    use crate::policy::laws::load;

    #[test]
    fn mistakes_in_approvals_are_told_with_their_place() {
        let told = |approvals: &str| {
            let text = format!("policy = 1\n[[rule]]\nid = \"r\"\napprovals = {approvals}\n");
            let told = load(&text).unwrap_err().remove(0);
            assert_eq!(told.line, 4, "{told}");
            format!("{} {}", told.message, told.suggestion.unwrap_or_default())
        };
        assert!(told("{ need = 3, of = [\"alice\", \"bob\"] }").contains("3 must agree, and only 2 can"));
        assert!(told("{ need = 0, of = [\"alice\"] }").contains("between 1 and"));
        assert!(told("{ need = 1, of = [\"alice\", \"alice\"] }").contains("`alice` stands here twice"));
        assert!(told("{ need = 1, of = [] }").contains("empty"));
        assert!(told("{ of = [\"alice\"] }").contains("needs `need`"));
        assert!(told("{ need = 1 }").contains("needs `of`"));
        assert!(told("{ need = 1, of = \"al\\u0007ice\" }").contains("no user can have this name"));
        assert!(told("{ need = 1, of = \"alice\", for = \"sgn\" }").contains("did you mean `sign`?"));
        assert!(told("{ need = 1, of = \"alice\", for = \"generate\" }").contains("no key that is there"));
        assert!(told("{ need = 1, of = \"alice\", valid = \"soon\" }").contains("no duration"));
        assert!(told("{ need = 1, of = \"alice\", vald = \"1h\" }").contains("did you mean `valid`?"));
        assert!(told("2").contains("expected a table"));
    }
}
