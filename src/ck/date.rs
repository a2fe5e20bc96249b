//! `CK_DATE` (PKCS#11 3.2, 3.1: eight digits, `YYYYMMDD`) and its place on the UTC time line.

use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Seconds since 1970-01-01 00:00:00 UTC. What the law computes with.
pub type UtcSeconds = u64;

/// A calendar day as PKCS#11 writes it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct CkDate(Date);

impl CkDate {
    /// Reads the eight characters of a `CK_DATE`. `None` where they are no day of the calendar.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let digits = <&[u8; 8]>::try_from(bytes).ok()?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let number = |part: &[u8]| part.iter().fold(0i16, |sum, digit| sum * 10 + i16::from(digit - b'0'));
        let (year, rest) = digits.split_at(4);
        let (month, day) = rest.split_at(2);
        let month = i8::try_from(number(month)).ok()?;
        let day = i8::try_from(number(day)).ok()?;
        Date::new(number(year), month, day).ok().map(Self)
    }

    /// The day of a moment, UTC; `None` behind the end of the calendar.
    pub fn of(at: UtcSeconds) -> Option<Self> {
        let moment = jiff::Timestamp::from_second(i64::try_from(at).ok()?).ok()?;
        Some(Self(moment.to_zoned(TimeZone::UTC).date()))
    }

    /// The eight characters.
    pub fn to_bytes(self) -> [u8; 8] {
        let text = format!("{:04}{:02}{:02}", self.0.year(), self.0.month(), self.0.day());
        let mut bytes = *b"00000000";
        for (to, from) in bytes.iter_mut().zip(text.bytes()) {
            *to = from;
        }
        bytes
    }

    /// The first second of the day, UTC. Days before 1970 count as 0.
    pub fn start(self) -> UtcSeconds {
        self.0
            .to_zoned(TimeZone::UTC)
            .map_or(0, |zoned| u64::try_from(zoned.timestamp().as_second()).unwrap_or(0))
    }

    /// The first second after the day, UTC: a `CKA_END_DATE` is the last day of use.
    pub fn end(self) -> UtcSeconds {
        self.start().saturating_add(24 * 60 * 60)
    }
}

/// `2026-11-22T10:00:00Z`, for people and logs.
pub fn display_utc(at: UtcSeconds) -> String {
    i64::try_from(at)
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .map_or_else(|| format!("@{at}"), |timestamp| timestamp.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_read_and_written_unchanged() {
        let day = CkDate::parse(b"20240229").unwrap();
        assert_eq!(day.to_bytes(), *b"20240229");
        assert_eq!(day.start(), 1_709_164_800);
        assert_eq!(day.end() - day.start(), 86_400);
        assert_eq!(display_utc(day.start()), "2024-02-29T00:00:00Z");
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for wrong in [&b"20230229"[..], b"2023022", b"20231301", b"2023 101", b"", b"-0230101"] {
            assert_eq!(CkDate::parse(wrong), None);
        }
    }
}
