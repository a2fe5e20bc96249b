//! `keyward key`.

use crate::args::{Key as KeyCommand, Step};
use crate::output::{Json, printable, table};
use crate::token::{named, said, visit};
use crate::{Answer, Context, Outcome, pin, rotation};
use keyward_pkcs11::admin::{Half, Key, Passed, Revocation, Visit};
use keyward_pkcs11::ck::date::display_utc;
use keyward_pkcs11::ck::names::{attribute_name, mechanism_name};
use keyward_pkcs11::ck::text::hex;
use keyward_pkcs11::ck::vendor::*;
use keyward_pkcs11::object::succession::generation;
use keyward_pkcs11::object::{State, Value, Window};
use keyward_pkcs11::policy::Spent;
use keyward_pkcs11::token::Grounds;

pub(crate) fn run(context: &Context, command: KeyCommand) -> Outcome {
    match command {
        KeyCommand::List { all, public, login } => {
            let module = context.module()?;
            let visit = if public {
                Visit::open(&module, &*named(&module, login.token.as_deref())?).map_err(said)?
            } else {
                visit(&module, &login)?
            };
            let mut keys = visit.keys().map_err(said)?;
            if all {
                keys.extend(visit.tombstones().map_err(said)?);
            }
            Ok(Answer::well(list(context, &keys)))
        }
        KeyCommand::Show { which, login } => {
            let module = context.module()?;
            let keys = visit(&module, &login)?.meant(&which.selector()).map_err(said)?;
            Ok(Answer::well(if context.json {
                format!("{}\n", Json::List(keys.iter().map(json).collect()))
            } else {
                keys.iter().map(shown).collect::<Vec<_>>().join("\n")
            }))
        }
        KeyCommand::Suspend(step) => pass(context, step, State::Suspended, None),
        KeyCommand::Activate(step) => pass(context, step, State::Active, None),
        KeyCommand::Deactivate(step) => pass(context, step, State::Deactivated, None),
        KeyCommand::Compromise { occurred, step } => pass(context, step, State::Compromised, occurred),
        KeyCommand::Destroy { only, yes, step } => destroy(context, step, only.as_deref(), yes),
        KeyCommand::Rotate(command) => rotation::rotate(context, *command),
        KeyCommand::Due(command) => rotation::due(context, &command),
    }
}

fn grounds(step: &Step, occurred: Option<u64>) -> Grounds {
    Grounds { reason: step.why.reason.map(Revocation::number), message: step.why.message.clone(), occurred }
}

fn pass(context: &Context, step: Step, to: State, occurred: Option<u64>) -> Outcome {
    let grounds = grounds(&step, occurred);
    let module = context.module()?;
    let visit = visit(&module, &step.login)?;
    let keys = visit.whole(&step.which.selector()).map_err(said)?;
    Ok(Answer::well(told(context, &visit.pass(keys, to, &grounds).map_err(said)?)))
}

fn destroy(context: &Context, step: Step, only: Option<&str>, yes: bool) -> Outcome {
    let grounds = grounds(&step, None);
    let module = context.module()?;
    let visit = visit(&module, &step.login)?;
    let mut keys = visit.whole(&step.which.selector()).map_err(said)?;
    let half = only.map(|half| if half == "public" { Half::Public } else { Half::Private });
    keys.retain(|key| half.is_none_or(|half| half.is(key)));
    if keys.is_empty() {
        return Err(format!("the key has no {} half on the token", only.unwrap_or_default()));
    }
    if !yes {
        let list: String = keys.iter().map(|key| format!("  {}\n", printable(&key.described()))).collect();
        pin::confirmed(&format!("This cannot be undone:\n{list}Destroy?"))?;
    }
    Ok(Answer::well(told(context, &visit.destroy(keys, &grounds).map_err(said)?)))
}

fn told(context: &Context, passed: &[Passed]) -> String {
    if context.json {
        let one = |each: &Passed| {
            Json::Object(vec![
                ("uid", Json::text(each.key.uid.to_string())),
                ("class", Json::text(each.key.class_word())),
                ("label", Json::text(&each.key.facts.label)),
                ("from", Json::text(each.key.facts.state.word())),
                ("to", Json::text(each.to.word())),
            ])
        };
        return format!("{}\n", Json::List(passed.iter().map(one).collect()));
    }
    let line = |each: &Passed| {
        let (class, kind) = (each.key.class_word(), each.key.kind());
        let (label, from) = (&each.key.facts.label, each.key.facts.state);
        if from == each.to {
            format!("{class} {kind} key {label:?}: stays {}\n", from.word())
        } else {
            format!("{class} {kind} key {label:?}: {} -> {}\n", from.word(), each.to.word())
        }
    };
    passed.iter().map(line).collect()
}

fn list(context: &Context, keys: &[Key]) -> String {
    if context.json {
        return format!("{}\n", Json::List(keys.iter().map(json).collect()));
    }
    if keys.is_empty() {
        return "no keys\n".to_owned();
    }
    let head =
        ["LABEL", "ID", "CLASS", "TYPE", "STATE", "PURPOSE", "PROTECTS", "PROCESSES", "ORIGIN", "UNIQUE ID"];
    let rows: Vec<_> = keys
        .iter()
        .map(|key| {
            [
                key.facts.label.clone(),
                hex(&key.facts.id),
                key.class_word().to_owned(),
                key.kind(),
                key.state.word().to_owned(),
                key.purpose_word().to_owned(),
                protects(key, day),
                processes(key, day),
                key.facts.origin.word().to_owned(),
                key.uid.to_string(),
            ]
        })
        .collect();
    table(head, &rows)
}

/// The originator window, as far as the state lets the key protect anything.
fn protects(key: &Key, text: fn(u64) -> String) -> String {
    if key.state == State::Active { window(key.windows.0, text) } else { "no".to_owned() }
}

/// The recipient window, as far as the state lets the key process anything.
fn processes(key: &Key, text: fn(u64) -> String) -> String {
    match key.state {
        State::Active | State::Deactivated => window(key.windows.1, text),
        _ => "no".to_owned(),
    }
}

/// "always", "from 2026-01-01", "2026-01-01 to 2027-01-01"; the end is the first moment outside.
fn window(window: Window, text: fn(u64) -> String) -> String {
    match (window.from, window.to) {
        (None, None) => "always".to_owned(),
        (Some(from), None) => format!("from {}", text(from)),
        (None, Some(to)) => format!("until {}", text(to)),
        (Some(from), Some(to)) => format!("{} to {}", text(from), text(to)),
    }
}

fn day(at: u64) -> String {
    display_utc(at).split('T').next().unwrap_or_default().to_owned()
}

/// The dates of KMIP that a key can have.
const DATES: [(&str, u64); 8] = [
    ("made", CKA_KEYWARD_INITIAL_DATE),
    ("activation", CKA_KEYWARD_ACTIVATION_DATE),
    ("process_start", CKA_KEYWARD_PROCESS_START_DATE),
    ("protect_stop", CKA_KEYWARD_PROTECT_STOP_DATE),
    ("deactivation", CKA_KEYWARD_DEACTIVATION_DATE),
    ("compromise_occurred", CKA_KEYWARD_COMPROMISE_OCCURRENCE_DATE),
    ("compromise_declared", CKA_KEYWARD_COMPROMISE_DATE),
    ("destroyed", CKA_KEYWARD_DESTROY_DATE),
];

fn shown(key: &Key) -> String {
    let mut rows: Vec<(String, String)> = Vec::new();
    let mut row = |name: &str, value: String| rows.push((name.to_owned(), value));
    row("key", format!("{} {}, label {:?}", key.class_word(), key.kind(), key.facts.label));
    row("id", hex(&key.facts.id));
    row("unique id", key.uid.to_string());
    let recorded = key.facts.state;
    row(
        "state",
        match key.state {
            now if now == recorded => now.word().to_owned(),
            now => format!("{} (recorded as {}; its dates say more)", now.word(), recorded.word()),
        },
    );
    row("purpose", key.purpose_word().to_owned());
    row("origin", key.facts.origin.word().to_owned());
    row("protects", protects(key, display_utc));
    row("processes", processes(key, display_utc));
    if let Some(number) = key.attributes.number(CKA_KEYWARD_GENERATION) {
        row("generation", number.to_string());
    }
    for (name, cka) in [("replaces", CKA_KEYWARD_REPLACED), ("replaced by", CKA_KEYWARD_REPLACEMENT)] {
        if key.attributes.has(cka) {
            row(name, key.text(cka));
        }
    }
    if let Some(due) = key.rotation_due() {
        row("rotation due", format!("{}, by {}", display_utc(due), key.causes.rotation.join(", ")));
    }
    for limit in &key.limits {
        row("limit", limit.to_string());
    }
    row("policy rules", if key.rules.is_empty() { "none".into() } else { key.rules.join(", ") });
    for (name, cka) in DATES {
        if let Some(at) = key.date(cka) {
            row(&name.replace('_', " "), display_utc(at));
        }
    }
    if let Some(reason) = reason(key) {
        row("revocation", reason);
    }
    let message = key.text(CKA_KEYWARD_REVOCATION_MESSAGE);
    if !message.is_empty() {
        row("message", message);
    }
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let mut text: String =
        rows.iter().map(|(name, value)| format!("{name:<width$}  {}\n", printable(value))).collect();
    text.push_str("history\n");
    key.history().iter().for_each(|line| text.push_str(&format!("  {}\n", printable(line))));
    text.push_str("attributes\n");
    for (name, value) in attributes(key) {
        text.push_str(&format!("  {name} = {}\n", printable(&value)));
    }
    text
}

fn reason(key: &Key) -> Option<String> {
    let number = key.attributes.number(CKA_KEYWARD_REVOCATION_REASON)?;
    Some(Revocation::from_number(number).map_or_else(|| number.to_string(), |known| known.word().to_owned()))
}

/// The attributes of PKCS#11; the vendor's own are told above them.
fn attributes(key: &Key) -> Vec<(String, String)> {
    let own = |cka: u64| VENDOR_ATTRIBUTES.iter().any(|(_, each)| *each == cka);
    let listed = key.attributes.iter().filter(|(cka, _)| !own(*cka));
    listed.map(|(cka, value)| (attribute_name(cka), plain(cka, value))).collect()
}

fn plain(cka: u64, value: &Value) -> String {
    use cryptoki_sys::{CKA_CLASS, CKA_KEY_GEN_MECHANISM, CKA_KEY_TYPE, CKA_LABEL, CKA_UNIQUE_ID};
    use keyward_pkcs11::ck::{CK_UNAVAILABLE_INFORMATION, names};
    match (cka, value) {
        (CKA_CLASS, Value::Ulong(class)) => names::class_name(*class),
        (CKA_KEY_TYPE, Value::Ulong(kind)) => names::key_type_name(*kind),
        (CKA_KEY_GEN_MECHANISM, Value::Ulong(CK_UNAVAILABLE_INFORMATION)) => "unavailable".into(),
        (CKA_KEY_GEN_MECHANISM, Value::Ulong(ckm)) => mechanism_name(*ckm),
        (CKA_LABEL | CKA_UNIQUE_ID, Value::Bytes(text)) => format!("{:?}", String::from_utf8_lossy(text)),
        (_, Value::Bool(value)) => value.to_string(),
        (_, Value::Ulong(number)) => number.to_string(),
        (_, Value::Bytes(bytes)) => hex(bytes),
        (_, Value::Date(date)) => {
            date.map_or_else(|| "none".into(), |date| String::from_utf8_lossy(&date.to_bytes()).into_owned())
        }
        (_, Value::Mechanisms(list)) => {
            list.iter().map(|ckm| mechanism_name(*ckm)).collect::<Vec<_>>().join(", ")
        }
        (_, Value::Template(template)) => format!("a template of {} attributes", template.len()),
    }
}

fn limit(spent: &Spent) -> Json {
    Json::Object(vec![
        ("rule", Json::text(&spent.rule)),
        ("unit", Json::text(spent.unit.word())),
        ("most", Json::Number(spent.most)),
        ("used", Json::Number(spent.used)),
        ("of", Json::texts(&spent.of)),
    ])
}

fn json(key: &Key) -> Json {
    let edge = |at: Option<u64>| Json::maybe(at.map(display_utc));
    let link = |cka| Json::maybe(key.attributes.has(cka).then(|| key.text(cka)));
    let span = |window: Window| Json::Object(vec![("from", edge(window.from)), ("to", edge(window.to))]);
    let dates = DATES.iter().filter_map(|(name, cka)| Some((*name, edge(Some(key.date(*cka)?))))).collect();
    let list = attributes(key)
        .into_iter()
        .map(|(name, value)| Json::Object(vec![("name", Json::text(name)), ("value", Json::text(value))]));
    Json::Object(vec![
        ("uid", Json::text(key.uid.to_string())),
        ("label", Json::text(&key.facts.label)),
        ("id", Json::text(hex(&key.facts.id))),
        ("class", Json::text(key.class_word())),
        ("type", Json::text(key.kind())),
        ("bits", Json::Number(key.facts.bits.into())),
        ("state", Json::text(key.state.word())),
        ("recorded_state", Json::text(key.facts.state.word())),
        ("purpose", Json::maybe(key.facts.purpose.map(|purpose| purpose.word().to_owned()))),
        ("origin", Json::text(key.facts.origin.word())),
        ("protects", span(key.windows.0)),
        ("processes", span(key.windows.1)),
        ("generation", Json::Number(generation(&key.attributes))),
        ("replaces", link(CKA_KEYWARD_REPLACED)),
        ("replaced_by", link(CKA_KEYWARD_REPLACEMENT)),
        ("rotation_due", edge(key.rotation_due())),
        ("rules", Json::texts(&key.rules)),
        ("limits", Json::List(key.limits.iter().map(limit).collect())),
        ("dates", Json::Object(dates)),
        ("revocation_reason", Json::maybe(reason(key))),
        ("revocation_message", Json::text(key.text(CKA_KEYWARD_REVOCATION_MESSAGE))),
        ("history", Json::texts(key.history())),
        ("attributes", Json::List(list.collect())),
    ])
}
