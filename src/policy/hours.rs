//! `hours`: the days and the time of day at which keys may be used, such as `Mon-Fri 08:00-18:00 Europe/Berlin`.

use crate::ck::date::UtcSeconds;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::sync::atomic::{AtomicU64, Ordering};

/// Days of the week and a span of the day in a time zone.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Hours {
    /// Bit 0 is Monday.
    days: u8,
    /// Minutes since midnight; the end is the first one outside.
    from: u16,
    to: u16,
    zone: TimeZone,
    written: String,
    last: LastAnswer,
}

/// The second that was asked for last, and the answer: zones are slow to ask, and a busy process asks thousands of times a
/// second. The answer depends on nothing else, so no clock that is set back and no fork makes it wrong.
#[derive(Debug)]
struct LastAnswer(AtomicU64);

impl LastAnswer {
    /// The answer for a second that is no moment, which lies outside.
    const NONE: u64 = u64::MAX - 1;

    fn get(&self, now: UtcSeconds) -> Option<bool> {
        let last = self.0.load(Ordering::Relaxed);
        (last >> 1 == now).then_some(last & 1 == 1)
    }

    fn set(&self, now: UtcSeconds, inside: bool) {
        // What has no room is no moment, and is not worth keeping.
        if now <= UtcSeconds::MAX >> 1 {
            self.0.store(now << 1 | u64::from(inside), Ordering::Relaxed);
        }
    }
}

impl Default for LastAnswer {
    fn default() -> Self {
        Self(AtomicU64::new(Self::NONE))
    }
}

impl Clone for LastAnswer {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// Hours are the same whatever they were asked.
impl PartialEq for LastAnswer {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

impl Hours {
    /// Reads such a text. The error is what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split_whitespace().collect();
        let [days, span, zone] = parts.as_slice() else {
            return Err("expected days, a span and a zone".to_owned());
        };
        let (from, to) = span.split_once('-').ok_or_else(|| format!("`{span}` is no span of a day"))?;
        let time = |text: &str| minutes(text).ok_or_else(|| format!("`{text}` is no time of day"));
        let (from, to) = (time(from)?, time(to)?);
        if from >= to {
            return Err(format!("`{span}` ends before it begins; two rules of two days make a night"));
        }
        let zone = TimeZone::get(zone).map_err(|_| format!("no time zone is called `{zone}`"))?;
        Ok(Self { days: week(days)?, from, to, zone, written: text.to_owned(), last: LastAnswer::default() })
    }

    /// Whether a moment lies inside. One that cannot be told does not.
    pub(super) fn hold(&self, now: UtcSeconds) -> bool {
        self.last.get(now).unwrap_or_else(|| {
            let inside = self.lie_around(now);
            self.last.set(now, inside);
            inside
        })
    }

    fn lie_around(&self, now: UtcSeconds) -> bool {
        let Some(moment) = i64::try_from(now).ok().and_then(|now| Timestamp::from_second(now).ok()) else {
            return false;
        };
        let local = self.zone.to_datetime(moment);
        let day = local.weekday().to_monday_zero_offset();
        let minute = i32::from(local.hour()) * 60 + i32::from(local.minute());
        self.days >> day & 1 == 1 && (i32::from(self.from)..i32::from(self.to)).contains(&minute)
    }

    /// As it was written.
    pub(super) fn text(&self) -> &str {
        &self.written
    }
}

/// `Mon-Fri`, `Mon,Wed`, `Sat-Mon`, `daily`.
fn week(text: &str) -> Result<u8, String> {
    let day = |name: &str| {
        let at = DAYS.iter().position(|each| each.eq_ignore_ascii_case(name));
        at.ok_or_else(|| format!("`{name}` is no day; the days are {}", DAYS.join(", ")))
    };
    if text == "daily" {
        return Ok(0x7F);
    }
    let mut days = 0;
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first)?, day(last)?);
        let mut at = first;
        loop {
            days |= 1 << at;
            if at == last {
                break;
            }
            at = (at + 1) % DAYS.len();
        }
    }
    Ok(days)
}

/// Minutes of `08:00`; `24:00` is the end of the day.
fn minutes(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    (minutes < 60 && hours * 60 + minutes <= 24 * 60).then_some(hours * 60 + minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_hold_by_the_clocks_of_their_zone() {
        // 2026-11-26 was a Thursday, 2026-07-02 too.
        let at = |text: &str| u64::try_from(text.parse::<Timestamp>().unwrap().as_second()).unwrap();
        let utc = Hours::parse("Mon-Fri 08:00-18:00 UTC").unwrap();
        assert!(utc.hold(at("2026-11-26T08:00:00Z")) && utc.hold(at("2026-11-26T17:59:59Z")));
        assert!(!utc.hold(at("2026-11-26T18:00:00Z")) && !utc.hold(at("2026-11-26T07:59:59Z")));
        assert!(!utc.hold(at("2026-11-28T12:00:00Z")), "a Saturday");
        let weekend = Hours::parse("Sat-Mon,Wed 00:00-24:00 UTC").unwrap();
        assert!(weekend.hold(at("2026-11-29T23:59:59Z")) && weekend.hold(at("2026-11-25T00:00:00Z")));
        assert!(!weekend.hold(at("2026-11-24T12:00:00Z")));
        assert!(!utc.hold(u64::MAX));
        // The same second again, another one, and back: each as if it were asked alone.
        for _ in 0..2 {
            assert!(utc.hold(at("2026-11-26T17:59:59Z")) && utc.hold(at("2026-11-26T17:59:59Z")));
            assert!(!utc.hold(at("2026-11-26T18:00:00Z")) && !utc.hold(at("2026-11-26T18:00:00Z")));
        }
        for no_moment in [u64::MAX >> 1, 1 << 63, (1 << 63) + at("2026-11-26T08:00:00Z")] {
            assert!(utc.hold(at("2026-11-26T08:00:00Z")) && !utc.hold(no_moment) && !utc.hold(no_moment));
        }
        // Where the system has no time zones a file with one does not load, which is the safe side.
        if let Ok(berlin) = Hours::parse("daily 08:00-18:00 Europe/Berlin") {
            assert!(berlin.hold(at("2026-11-26T07:00:00Z")) && !berlin.hold(at("2026-11-26T06:59:59Z")));
            assert!(berlin.hold(at("2026-07-02T06:00:00Z")) && !berlin.hold(at("2026-07-02T16:00:00Z")));
        }
    }

    #[test]
    fn wrong_hours_are_told_why() {
        for (text, why) in [
            ("Mon-Fri", "expected days"),
            ("Mon-Fri 18:00-08:00 UTC", "ends before it begins"),
            ("Mon-Fri 8:00-18:00 UTC", "no time of day"),
            ("Mon-Fri 08:00-25:00 UTC", "no time of day"),
            ("Mo 08:00-18:00 UTC", "no day"),
            ("Mon 08:00-18:00 Middle/Earth", "no time zone"),
        ] {
            let told = Hours::parse(text).unwrap_err();
            assert!(told.contains(why), "{text}: {told}");
        }
    }
}
