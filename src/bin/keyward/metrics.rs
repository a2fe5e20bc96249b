//! `keyward metrics`: what the audit trails count, for Prometheus.

use crate::args::Metrics;
use crate::token::said;
use crate::{Answer, Context, Outcome};
use keyward_pkcs11::admin::audit as trails;
use keyward_pkcs11::audit::Kind;
use keyward_pkcs11::audit::read::{Ending, Filter};
use keyward_pkcs11::policy::Reason;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

/// The series, by metric and by labels.
#[derive(Default)]
struct Series(BTreeMap<&'static str, BTreeMap<String, u64>>);

/// Each metric, its type, and what it says.
const METRICS: [(&str, &str, &str); 8] = [
    ("keyward_operations_total", "counter", "Recorded operations by kind and result."),
    ("keyward_bytes_total", "counter", "Bytes that went through recorded operations."),
    ("keyward_denials_total", "counter", "Refusals by reason."),
    ("keyward_login_failures_total", "counter", "Logins that failed, by user."),
    ("keyward_alarms_total", "counter", "Alarms by their id in the policy."),
    ("keyward_records_lost_total", "counter", "Records that could not be written."),
    ("keyward_anchors_total", "counter", "Signed anchors of the audit chain."),
    ("keyward_last_anchor_seconds", "gauge", "When the last anchor was signed, in seconds since 1970 UTC."),
];

pub(crate) fn run(context: &Context, command: &Metrics) -> Outcome {
    let module = context.module()?;
    let tokens = module.slots().tokens().map_err(|error| format!("the tokens cannot be listed ({error})"))?;
    let mut series = Series::default();
    for token in tokens.iter() {
        let trail = trails::trail(token).map_err(said)?;
        let copy = trails::copy_of(Some(&trail), None, &command.archive).map_err(said)?;
        let token = labels(&[("token", token.serial())]);
        series.add("keyward_anchors_total", token.clone(), copy.anchors.len() as u64);
        if let Some(last) = trails::last_anchor(&copy) {
            series.add("keyward_last_anchor_seconds", token, last.at / 1_000_000_000);
        }
        for entry in trails::records(&copy, &Filter::default(), None) {
            series.count(&entry.header.serial, &entry.event);
        }
    }
    let text = series.written();
    let Some(to) = &command.to else { return Ok(Answer::well(text)) };
    replace(to, &text).map_err(|error| format!("{}: {error}", to.display()))?;
    Ok(Answer::well(String::new()))
}

/// Whole or not at all: whoever collects must never read half of it.
fn replace(to: &Path, text: &str) -> std::io::Result<()> {
    let folder =
        to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    let draft = folder.join(format!(".{name}.{}", std::process::id()));
    let mut file = std::fs::File::create(&draft)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all())?;
    std::fs::rename(&draft, to)
}

impl Series {
    fn add(&mut self, metric: &'static str, labels: String, number: u64) {
        let place = self.0.entry(metric).or_default().entry(labels).or_default();
        *place = place.saturating_add(number);
    }

    fn count(&mut self, token: &str, event: &keyward_pkcs11::audit::Event) {
        if event.kind == Kind::Lost {
            return self.add("keyward_records_lost_total", labels(&[("token", token)]), event.count);
        }
        if event.kind == Kind::Alarm {
            let of = [("token", token), ("alarm", event.rules.first().map_or("", String::as_str))];
            return self.add("keyward_alarms_total", labels(&of), event.count);
        }
        let result = match event.ending() {
            Ending::Done => "ok",
            Ending::Denied => "denied",
            Ending::Failed => "failed",
        };
        let (kind, operation) = (event.kind.word(), &*event.operation);
        let of = [("token", token), ("kind", kind), ("operation", operation), ("result", result)];
        self.add("keyward_operations_total", labels(&of), event.count);
        if event.bytes > 0 {
            let of = [("token", token), ("operation", operation)];
            self.add("keyward_bytes_total", labels(&of), event.bytes);
        }
        if event.reason != 0 {
            let known = u32::try_from(event.reason).ok().and_then(Reason::from_code);
            let reason = known.map_or("unknown", Reason::word);
            self.add("keyward_denials_total", labels(&[("token", token), ("reason", reason)]), event.count);
        }
        if event.kind == Kind::Login && event.ending() != Ending::Done {
            let of = [("token", token), ("user", event.user.as_str())];
            self.add("keyward_login_failures_total", labels(&of), event.count);
        }
    }

    fn written(&self) -> String {
        let mut text = String::new();
        for (metric, of_type, help) in METRICS {
            let Some(series) = self.0.get(metric) else { continue };
            text.push_str(&format!("# HELP {metric} {help}\n# TYPE {metric} {of_type}\n"));
            for (labels, number) in series {
                text.push_str(&format!("{metric}{{{labels}}} {number}\n"));
            }
        }
        text
    }
}

/// Labels as Prometheus wants them: a backslash before backslash and quote, and no line breaks.
fn labels(of: &[(&str, &str)]) -> String {
    let one = |(name, value): &(&str, &str)| {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        format!("{name}=\"{value}\"")
    };
    of.iter().map(one).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyward_pkcs11::audit::Event;

    #[test]
    fn records_are_counted_with_their_repeats_and_labels_are_escaped() {
        let mut series = Series::default();
        let sign = Event { count: 3, bytes: 7, ..Event::new(Kind::Decision, "sign", 1) };
        series.count("01", &sign);
        series.count("01", &sign);
        series.count("01", &Event { result: 0x68, reason: u64::from(Reason::Purpose.code()), ..sign });
        let login = Event::new(Kind::Login, "login", 1);
        series.count("01", &Event { user: "user:a\"b".into(), result: 0xA0, ..login });
        series.count("01", &Event { rules: vec!["flood".into()], ..Event::new(Kind::Alarm, "uses", 1) });
        series.count("01", &Event { count: 9, ..Event::new(Kind::Lost, "records", 1) });
        let text = series.written();
        for line in [
            "# TYPE keyward_operations_total counter",
            "keyward_operations_total{token=\"01\",kind=\"decision\",operation=\"sign\",result=\"ok\"} 6",
            "keyward_operations_total{token=\"01\",kind=\"decision\",operation=\"sign\",result=\"denied\"} 3",
            "keyward_bytes_total{token=\"01\",operation=\"sign\"} 21",
            "keyward_denials_total{token=\"01\",reason=\"purpose\"} 3",
            "keyward_login_failures_total{token=\"01\",user=\"user:a\\\"b\"} 1",
            "keyward_alarms_total{token=\"01\",alarm=\"flood\"} 1",
            "keyward_records_lost_total{token=\"01\"} 9",
        ] {
            assert!(text.lines().any(|there| there == line), "{line}: {text}");
        }
    }
}
