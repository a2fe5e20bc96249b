//! One record as one line: JSON, Common Event Format, syslog.

use super::args::Format;
use crate::output::{Json, printable};
use keyward_pkcs11::admin::audit::instant;
use keyward_pkcs11::audit::read::{Ending, Entry};
use keyward_pkcs11::audit::word::Word;
use keyward_pkcs11::audit::{Event, Kind};
use keyward_pkcs11::ck::Error;
use keyward_pkcs11::ck::date::display_utc;
use keyward_pkcs11::ck::names::mechanism_name;
use keyward_pkcs11::ck::text::hex;
use keyward_pkcs11::policy::Reason;
use keyward_pkcs11::store::Uid;

/// Widths of the columns of a table that grows.
const WIDTHS: [usize; 8] = [27, 8, 12, 18, 20, 26, 34, 6];

/// The line above a table that grows.
pub(super) fn head() -> String {
    row(["TIME", "PROCESS", "USER", "OPERATION", "KEY", "MECHANISM", "RESULT", "COUNT"].map(str::to_owned))
}

/// One record as one line, with its end.
pub(super) fn line(entry: &Entry, format: Format) -> String {
    match format {
        Format::Table => row(cells(entry)),
        Format::Json => format!("{}\n", json(entry)),
        Format::Cef => format!("{}\n", cef(entry)),
        Format::Syslog => format!("{}\n", syslog(entry)),
    }
}

fn row(cells: [String; 8]) -> String {
    let cells: Vec<_> =
        cells.iter().zip(WIDTHS).map(|(cell, width)| format!("{:<width$}", printable(cell))).collect();
    format!("{}\n", cells.join("  ").trim_end())
}

/// What a table shows of a record.
pub(super) fn cells(entry: &Entry) -> [String; 8] {
    let event = &entry.event;
    [
        instant(event.at),
        entry.header.process.to_string(),
        event.user.clone(),
        event.operation.clone().into_owned(),
        event.label.clone(),
        mechanism(event),
        result(event),
        event.count.to_string(),
    ]
}

fn mechanism(event: &Event) -> String {
    event.mechanism.map(mechanism_name).unwrap_or_default()
}

/// The return code, or the reason of a refusal.
fn result(event: &Event) -> String {
    match reason(event) {
        Some(reason) => format!("denied: {reason}"),
        None => code(event),
    }
}

fn code(event: &Event) -> String {
    match Error::from_code(event.result) {
        _ if event.result == 0 => "CKR_OK".to_owned(),
        Some(error) => error.name().to_owned(),
        None => format!("{:#x}", event.result),
    }
}

fn reason(event: &Event) -> Option<String> {
    (event.reason != 0).then(|| {
        let known = u32::try_from(event.reason).ok().and_then(Reason::from_code);
        known.map_or_else(|| format!("{:#x}", event.reason), |reason| reason.word().to_owned())
    })
}

fn uid(uid: &[u8; 16]) -> Option<String> {
    (*uid != [0; 16]).then(|| Uid(*uid).to_string())
}

pub(super) fn json(entry: &Entry) -> Json {
    let (event, header) = (&entry.event, &entry.header);
    let text = |text: &str| if text.is_empty() { Json::Null } else { Json::text(text) };
    Json::Object(vec![
        ("time", Json::text(instant(event.at))),
        ("until", Json::maybe((event.until != 0).then(|| instant(event.until)))),
        ("count", Json::Number(event.count)),
        ("kind", Json::text(event.kind.word())),
        ("operation", Json::text(event.operation.clone())),
        ("result", Json::text(code(event))),
        ("reason", Json::maybe(reason(event))),
        ("rules", Json::texts(event.rules.iter().cloned())),
        ("user", text(&event.user)),
        ("session", Json::Number(event.session)),
        ("key", text(&event.label)),
        ("key_uid", Json::maybe(uid(&event.object))),
        ("other_uid", Json::maybe(uid(&event.other))),
        ("mechanism", Json::maybe(event.mechanism.map(mechanism_name))),
        ("detail", text(&event.detail)),
        ("words", Json::List(event.words.iter().map(|word| word_json(word)).collect())),
        ("signing_key", Json::maybe(event.signer.map(|key| hex(&key)))),
        ("bytes", Json::Number(event.bytes)),
        ("policy", Json::text(hex(&event.policy))),
        ("token", Json::text(&header.serial)),
        ("process", Json::Number(header.process.into())),
        ("uid", Json::Number(header.uid.into())),
        ("executable", text(&header.executable)),
        ("host", text(&header.host)),
        ("segment", Json::text(hex(&header.segment))),
        ("number", Json::Number(entry.number)),
    ])
}

/// What somebody agreed to, and whether the key that stands there has signed it.
fn word_json(bytes: &[u8]) -> Json {
    let Some(word) = Word::decode(bytes) else {
        return Json::Object(vec![("unreadable", Json::text(hex(bytes)))]);
    };
    let said = &word.statement;
    Json::Object(vec![
        ("approver", Json::text(&said.approver)),
        ("at", Json::text(display_utc(said.at))),
        ("request", Json::text(&said.request)),
        ("operation", Json::text(&said.operation)),
        ("requester", Json::text(&said.requester)),
        ("opened", Json::text(display_utc(said.opened))),
        ("valid_seconds", Json::Number(said.valid_seconds)),
        ("signing_key", Json::text(hex(&word.key))),
        ("signature", Json::text(hex(&word.signature))),
        ("signed", Json::text(hex(&said.encode()))),
        ("verifies", Json::Bool(word.is_signed())),
    ])
}

/// How grave, from 0 to 10, as CEF counts.
fn gravity(event: &Event) -> u8 {
    match (event.kind, event.ending()) {
        (Kind::Alarm, _) => 9,
        (Kind::Lost, _) => 8,
        (Kind::Login | Kind::Pin, Ending::Failed | Ending::Denied) => 7,
        (_, Ending::Denied) => 6,
        (_, Ending::Failed) => 5,
        (Kind::Decision, Ending::Done) => 1,
        (_, Ending::Done) => 3,
    }
}

fn cef(entry: &Entry) -> String {
    let (event, header) = (&entry.event, &entry.header);
    let name = |text: &str| escaped(text, "\\|");
    let mut line = format!(
        "CEF:0|keyward|keyward|{}|{}:{}|{}|{}|",
        env!("CARGO_PKG_VERSION"),
        event.kind.word(),
        name(&event.operation),
        name(&event.operation),
        gravity(event)
    );
    let outcome = if event.ending() == Ending::Done { "success" } else { "failure" };
    let labelled = |number: u8, label: &str, value: String| {
        if value.is_empty() {
            Vec::new()
        } else {
            vec![(format!("cs{number}Label"), label.to_owned()), (format!("cs{number}"), value)]
        }
    };
    let plain = |key: &str, value: String| vec![(key.to_owned(), value)];
    let fields = [
        plain("rt", (event.at / 1_000_000).to_string()),
        plain("end", if event.until == 0 { String::new() } else { (event.until / 1_000_000).to_string() }),
        plain("cnt", event.count.to_string()),
        plain("act", event.operation.clone().into_owned()),
        plain("outcome", outcome.to_owned()),
        plain("reason", result(event)),
        plain("suser", event.user.clone()),
        plain("suid", header.uid.to_string()),
        plain("sproc", header.executable.clone()),
        plain("spid", header.process.to_string()),
        plain("dvchost", header.host.clone()),
        plain("in", event.bytes.to_string()),
        labelled(1, "key", event.label.clone()),
        labelled(2, "keyUid", uid(&event.object).unwrap_or_default()),
        labelled(3, "mechanism", mechanism(event)),
        labelled(4, "rules", event.rules.join(",")),
        labelled(5, "policy", hex(&event.policy)),
        labelled(6, "record", format!("{}:{}", hex(&header.segment), entry.number)),
        plain("msg", event.detail.clone()),
    ];
    let fields = fields.into_iter().flatten().filter(|(_, value)| !value.is_empty());
    let fields: Vec<_> = fields.map(|(key, value)| format!("{key}={}", escaped(&value, "\\="))).collect();
    line.push_str(&fields.join(" "));
    line
}

/// A line of RFC 5424, facility 13 (log audit). The number behind `keyward@` is the one for examples (RFC 5612).
fn syslog(entry: &Entry) -> String {
    let (event, header) = (&entry.event, &entry.header);
    let severity = match gravity(event) {
        8.. => 2,
        7 => 4,
        5 | 6 => 5,
        _ => 6,
    };
    let fields = [
        ("kind", event.kind.word().to_owned()),
        ("result", code(event)),
        ("reason", reason(event).unwrap_or_default()),
        ("count", event.count.to_string()),
        ("until", if event.until == 0 { String::new() } else { instant(event.until) }),
        ("user", event.user.clone()),
        ("session", event.session.to_string()),
        ("key", event.label.clone()),
        ("keyUid", uid(&event.object).unwrap_or_default()),
        ("otherUid", uid(&event.other).unwrap_or_default()),
        ("mechanism", mechanism(event)),
        ("bytes", event.bytes.to_string()),
        ("rules", event.rules.join(",")),
        ("policy", hex(&event.policy)),
        ("token", header.serial.clone()),
        ("uid", header.uid.to_string()),
        ("executable", header.executable.clone()),
        ("record", format!("{}:{}", hex(&header.segment), entry.number)),
    ];
    let fields: Vec<_> = fields
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, value)| format!(" {key}=\"{}\"", escaped(value, "\\\"]")))
        .collect();
    let detail =
        if event.detail.is_empty() { String::new() } else { format!(" {}", printable(&event.detail)) };
    format!(
        "<{}>1 {} {} keyward {} {} [keyward@32473{}]{detail}",
        13 * 8 + severity,
        instant(event.at),
        word(&header.host, 255),
        header.process,
        word(&event.operation, 32),
        fields.concat()
    )
}

/// A word of RFC 5424: printable ASCII without spaces; `-` for nothing.
fn word(text: &str, longest: usize) -> String {
    let word: String = text.chars().filter(char::is_ascii_graphic).take(longest).collect();
    if word.is_empty() { "-".to_owned() } else { word }
}

/// With a backslash before each of `these`, and no control characters.
fn escaped(text: &str, these: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if these.contains(c) {
            out.push('\\');
        }
        out.push(if c.is_control() { '\u{fffd}' } else { c });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyward_pkcs11::audit::segment::Header;
    use std::sync::Arc;

    fn entry() -> Entry {
        let header = Header {
            segment: [0xAB; 16],
            serial: "0123".into(),
            at: 0,
            process: 7,
            uid: 0,
            executable: "/bin/a b".into(),
            host: "host one".into(),
        };
        let event = Event {
            label: "w|e=b\"]\n".into(),
            object: [1; 16],
            user: "user:alice".into(),
            mechanism: Some(0x1087),
            result: 0x68,
            reason: u64::from(Reason::Purpose.code()),
            rules: vec!["one".into(), "two".into()],
            detail: "tag 128 bits".into(),
            ..Event::new(Kind::Decision, "sign", 1_709_164_800_123_456_789)
        };
        Entry { header: Arc::new(header), number: 3, event }
    }

    #[test]
    fn json_line_tells_everything() {
        let text = line(&entry(), Format::Json);
        for part in [
            "\"time\":\"2024-02-29T00:00:00.123456Z\"",
            "\"operation\":\"sign\"",
            "\"result\":\"CKR_KEY_FUNCTION_NOT_PERMITTED\"",
            "\"reason\":\"purpose\"",
            "\"rules\":[\"one\",\"two\"]",
            "\"key\":\"w|e=b\\\"]\\u000a\"",
            "\"mechanism\":\"CKM_AES_GCM\"",
            "\"number\":3",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert_eq!(text.lines().count(), 1);
    }

    #[test]
    fn cef_line_is_escaped() {
        let text = line(&entry(), Format::Cef);
        assert!(text.starts_with("CEF:0|keyward|keyward|"), "{text}");
        assert!(
            text.contains("|decision:sign|sign|6|rt=1709164800123 cnt=1 act=sign outcome=failure"),
            "{text}"
        );
        assert!(text.contains("cs1Label=key cs1=w|e\\=b\"]\u{fffd}"), "{text}");
        assert_eq!(text.lines().count(), 1);
    }

    #[test]
    fn syslog_line_has_the_form_of_rfc_5424() {
        let text = line(&entry(), Format::Syslog);
        let start =
            "<109>1 2024-02-29T00:00:00.123456Z hostone keyward 7 sign [keyward@32473 kind=\"decision\" ";
        assert!(text.starts_with(start), "{text}");
        assert!(text.contains("key=\"w|e=b\\\"\\]\u{fffd}\""), "{text}");
        assert!(text.ends_with("\"] tag 128 bits\n"), "{text}");
    }
}
