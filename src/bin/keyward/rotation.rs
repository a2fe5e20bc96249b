//! `keyward key rotate` and `keyward key due`.

use crate::args::{Due as DueArguments, Rotate};
use crate::output::{Json, printable, table};
use crate::token::{said, visit};
use crate::{Answer, Context, Outcome};
use keyward_pkcs11::admin::{Due, Key};
use keyward_pkcs11::ck::date::display_utc;
use keyward_pkcs11::ck::text::hex;
use keyward_pkcs11::object::State;
use keyward_pkcs11::object::succession::{Names, generation};
use keyward_pkcs11::token::Succession;

pub(crate) fn rotate(context: &Context, command: Rotate) -> Outcome {
    let wanted = Succession {
        names: Names { label: command.new_label.clone(), id: command.new_id() },
        overlap: command.overlap,
        message: command.message.clone(),
    };
    let module = context.module()?;
    let visit = visit(&module, &command.login)?;
    let keys = visit.newest(&command.which.selector()).map_err(said)?;
    let made = visit.rotate(&keys, &wanted).map_err(said)?;
    if context.json {
        let list = |keys: &[Key]| Json::List(keys.iter().map(json).collect());
        let told = Json::Object(vec![
            ("generation", Json::Number(made.generation)),
            ("old", list(&made.old)),
            ("new", list(&made.new)),
        ]);
        return Ok(Answer::well(format!("{told}\n")));
    }
    let new = made.new.iter().map(|key| {
        let id = if key.facts.id.is_empty() { String::new() } else { format!(", id {}", hex(&key.facts.id)) };
        let number = made.generation;
        format!("{}: generation {number} protects from now on{id}, unique id {}\n", named(key), key.uid)
    });
    let old = made.old.iter().map(|key| {
        let number = generation(&key.attributes);
        format!("{}: generation {number} {}, unique id {}\n", named(key), left(key), key.uid)
    });
    Ok(Answer::well(new.chain(old).collect()))
}

fn named(key: &Key) -> String {
    format!("{} {} key {}", key.class_word(), key.kind(), printable(&format!("{:?}", key.facts.label)))
}

/// What is left to a generation that was replaced.
fn left(key: &Key) -> String {
    if !matches!(key.facts.state, State::Active | State::Deactivated | State::PreActive) {
        return format!("stays {}", key.facts.state.word());
    }
    let protects = match (key.state, key.windows.0.to) {
        (State::Active, Some(end)) => format!("protects until {}, ", display_utc(end)),
        _ => String::new(),
    };
    match key.windows.1.to {
        Some(end) => format!("{protects}processes until {}", display_utc(end)),
        None => format!("{protects}processes what it protected"),
    }
}

fn json(key: &Key) -> Json {
    let end = |at: Option<u64>| Json::maybe(at.map(display_utc));
    Json::Object(vec![
        ("uid", Json::text(key.uid.to_string())),
        ("class", Json::text(key.class_word())),
        ("type", Json::text(key.kind())),
        ("label", Json::text(&key.facts.label)),
        ("id", Json::text(hex(&key.facts.id))),
        ("generation", Json::Number(generation(&key.attributes))),
        ("state", Json::text(key.state.word())),
        ("protects_until", end(key.windows.0.to)),
        ("processes_until", end(key.windows.1.to)),
    ])
}

pub(crate) fn due(context: &Context, command: &DueArguments) -> Outcome {
    let module = context.module()?;
    let visit = visit(&module, &command.login)?;
    let due = visit.due(command.within).map_err(said)?;
    let now = visit.now().map_err(said)?;
    if context.json {
        let list = due.iter().map(|(key, due)| due_json(key, due, now)).collect();
        return Ok(Answer::well(format!("{}\n", Json::List(list))));
    }
    if due.is_empty() {
        return Ok(Answer::well("nothing is due\n".to_owned()));
    }
    let row = |(key, due): &(Key, Due)| {
        let rules = if due.rules.is_empty() { "the key's dates".to_owned() } else { due.rules.join(", ") };
        let when = display_utc(due.at);
        let late = if due.at <= now { "due" } else { "" }.to_owned();
        [
            when,
            due.occasion.word().to_owned(),
            late,
            key.facts.label.clone(),
            hex(&key.facts.id),
            key.kind(),
            rules,
            key.uid.to_string(),
        ]
    };
    let rows: Vec<_> = due.iter().map(row).collect();
    Ok(Answer::well(table(["WHEN", "WHAT", "LATE", "LABEL", "ID", "TYPE", "BY", "UNIQUE ID"], &rows)))
}

fn due_json(key: &Key, due: &Due, now: u64) -> Json {
    Json::Object(vec![
        ("at", Json::text(display_utc(due.at))),
        ("event", Json::text(due.occasion.word())),
        ("due", Json::Bool(due.at <= now)),
        ("uid", Json::text(key.uid.to_string())),
        ("label", Json::text(&key.facts.label)),
        ("id", Json::text(hex(&key.facts.id))),
        ("type", Json::text(key.kind())),
        ("rules", Json::texts(&due.rules)),
    ])
}
