//! `[[alarm]]`, as written.

use super::super::diagnostic::Place;
use super::super::document::AlarmSection;
use super::super::keys::WHEN;
use super::Reader;
use toml::de::DeTable;

/// Most events that a threshold can name.
const MOST: u64 = 1 << 23;

impl Reader<'_> {
    pub(super) fn alarm(&mut self, alarm: &DeTable<'_>, place: Place) -> AlarmSection {
        self.required(alarm, place, "[[alarm]]", &["id", "on"]);
        let when_place = alarm.get("when").map(|value| self.place(value));
        let when = self.table(alarm, "when", &WHEN);
        AlarmSection {
            id: self.id(alarm),
            on: self.word(alarm, "on"),
            over: self.number(alarm, "over", 0, MOST),
            within: self.duration(alarm, "within"),
            when: when_place.zip(when.map(|when| self.when(when))),
            hours: self.value(alarm, "hours", Reader::hours),
            then: self.word(alarm, "then"),
            why: self.text(alarm, "why"),
            source: self.text(alarm, "source"),
            section: self.text(alarm, "section"),
        }
    }
}
