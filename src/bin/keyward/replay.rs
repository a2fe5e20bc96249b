//! `keyward policy try`: which uses another policy would refuse, of those that are allowed now and of those on record.

use crate::args::Login;
use crate::output::{Json, table};
use crate::policy::named;
use crate::token::{self, said};
use crate::{Answer, Context, Outcome};
use keyward_pkcs11::admin::audit::{copy_of, instant, trail};
use keyward_pkcs11::admin::{Group, Learned, Refused, Replay, Seen, Subject, Unused};
use keyward_pkcs11::ck::names::mechanism_name;
use keyward_pkcs11::policy::Denial;
use std::path::{Path, PathBuf};

/// Which records are replayed.
pub(crate) struct Recorded<'a> {
    /// Not before this moment, in seconds since 1970 UTC.
    pub(crate) since: Option<u64>,
    /// Folders with more segments.
    pub(crate) archive: &'a [PathBuf],
}

pub(crate) fn would_refuse(
    context: &Context,
    policy: &str,
    recorded: &Recorded<'_>,
    login: &Login,
) -> Outcome {
    let rules = named(policy)?;
    let module = context.module()?;
    let token = token::named(&module, login.token.as_deref())?;
    let visit = token::visit(&module, login)?;
    let keys = visit.keys().map_err(said)?.len();
    let refused = visit.would_refuse(&rules).map_err(said)?;
    let trail = trail(&token).map_err(said)?;
    let copy = copy_of(Some(&trail), None, recorded.archive).map_err(said)?;
    let replay = visit.replay(&rules, &copy, recorded.since).map_err(said)?;
    let well = refused.is_empty() && replay.refused == 0;
    if context.json {
        let allowed_now = Json::List(refused.iter().map(possible_json).collect());
        let object = Json::Object(vec![("possible", allowed_now), ("recorded", recorded_json(&replay))]);
        return Ok(Answer { text: format!("{object}\n"), well });
    }
    let mut text = if refused.is_empty() {
        format!("{keys} keys: {:?} refuses no use that is allowed now\n", rules.name())
    } else {
        possible_table(&refused)
    };
    text.push_str(&recorded_text(&replay));
    Ok(Answer { text, well })
}

pub(crate) fn learn(
    context: &Context,
    recorded: &Recorded<'_>,
    output: Option<&Path>,
    login: &Login,
) -> Outcome {
    let module = context.module()?;
    let token = token::named(&module, login.token.as_deref())?;
    let visit = token::visit(&module, login)?;
    let trail = trail(&token).map_err(said)?;
    let copy = copy_of(Some(&trail), None, recorded.archive).map_err(said)?;
    let learned = visit.learn(&copy, recorded.since).map_err(said)?;
    let well = learned.replay.refused == learned.replay.refused_already;
    if let Some(path) = output {
        crate::report::write(path, &learned.text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    let text = match output {
        _ if context.json => format!("{}\n", learned_json(&learned)),
        Some(_) => recorded_text(&learned.replay),
        None => learned.text,
    };
    Ok(Answer { text, well })
}

fn learned_json(learned: &Learned) -> Json {
    let texts = |set: &std::collections::BTreeSet<&'static str>| Json::texts(set.iter().copied());
    let caller = |(uid, exe): &(u32, String)| {
        Json::Object(vec![("uid", Json::Number(u64::from(*uid))), ("exe", Json::text(exe))])
    };
    let rule = |(at, (subject, seen)): (usize, &(Subject, Seen))| {
        Json::Object(vec![
            ("id", Json::text(format!("learned-{}", at + 1))),
            ("class", Json::text(subject.class)),
            ("type", Json::text(subject.key_type)),
            ("label", Json::text(&subject.label)),
            ("purpose", texts(&seen.purposes)),
            ("mechanisms", Json::texts(&seen.mechanisms)),
            ("curves", texts(&seen.curves)),
            ("parameter_sets", texts(&seen.parameter_sets)),
            ("bits", seen.bits.map_or(Json::Null, |bits| Json::Number(u64::from(bits)))),
            ("uses", Json::Number(seen.count)),
            ("keys", Json::texts(&seen.keys)),
            ("callers", Json::List(seen.callers.iter().map(caller).collect())),
            ("hours", Json::List(seen.hours.iter().map(|hour| Json::Number(*hour)).collect())),
        ])
    };
    let unused = |each: &Unused| {
        Json::Object(vec![
            ("class", Json::text(each.class)),
            ("label", Json::text(&each.label)),
            ("uid", Json::text(&each.uid)),
            ("rule", Json::maybe(each.rule.map(|number| format!("learned-{number}")))),
        ])
    };
    Json::Object(vec![
        ("policy", Json::text(&learned.text)),
        ("rules", Json::List(learned.rules.iter().enumerate().map(rule).collect())),
        ("unused", Json::List(learned.unused.iter().map(unused).collect())),
        ("recorded", recorded_json(&learned.replay)),
    ])
}

fn rules_of(denial: &Denial) -> Vec<String> {
    denial.rules.iter().map(ToString::to_string).collect()
}

fn possible_json(each: &Refused) -> Json {
    Json::Object(vec![
        ("uid", Json::text(each.key.uid.to_string())),
        ("label", Json::text(&each.key.facts.label)),
        ("class", Json::text(each.key.class_word())),
        ("op", Json::text(each.entry.word())),
        ("mechanisms", Json::texts(each.mechanisms.iter().map(|ckm| mechanism_name(*ckm)))),
        ("reason", Json::text(each.denial.reason.word())),
        ("rules", Json::texts(rules_of(&each.denial))),
        ("detail", Json::text(each.denial.to_string())),
    ])
}

fn possible_table(refused: &[Refused]) -> String {
    let row = |each: &Refused| {
        let names = each.mechanisms.iter().map(|ckm| mechanism_name(*ckm));
        let more = names.len().saturating_sub(2);
        let mut shown: Vec<String> = names.take(2).collect();
        if more > 0 {
            shown.push(format!("{more} more"));
        }
        [
            format!("{} {}", each.key.class_word(), each.key.facts.label),
            each.key.kind(),
            each.entry.word().to_owned(),
            shown.join(", "),
            each.denial.reason.word().to_owned(),
            rules_of(&each.denial).join(", "),
        ]
    };
    let rows: Vec<_> = refused.iter().map(row).collect();
    table(["KEY", "TYPE", "REFUSED", "WITH", "REASON", "RULES"], &rows)
}

fn recorded_json(replay: &Replay) -> Json {
    let group = |each: &Group| {
        Json::Object(vec![
            ("label", Json::text(&each.label)),
            ("op", Json::text(each.entry.word())),
            ("mechanism", Json::maybe(each.mechanism.map(mechanism_name))),
            ("reason", Json::text(each.denial.reason.word())),
            ("rules", Json::texts(rules_of(&each.denial))),
            ("count", Json::Number(each.count)),
            ("first", Json::text(instant(each.first))),
            ("last", Json::text(instant(each.last))),
            ("detail", Json::text(each.denial.to_string())),
        ])
    };
    let passed_over = |(why, count): (&&'static str, &u64)| {
        Json::Object(vec![("why", Json::text(*why)), ("count", Json::Number(*count))])
    };
    Json::Object(vec![
        ("replayed", Json::Number(replay.replayed)),
        ("refused", Json::Number(replay.refused)),
        ("refused_already", Json::Number(replay.refused_already)),
        ("not_judged", Json::Number(replay.passed_over())),
        ("not_judged_because", Json::List(replay.not_judged.iter().map(passed_over).collect())),
        ("from", Json::maybe(replay.period.map(|(from, _)| instant(from)))),
        ("to", Json::maybe(replay.period.map(|(_, to)| instant(to)))),
        ("uses", Json::List(replay.groups.iter().map(group).collect())),
    ])
}

fn recorded_text(replay: &Replay) -> String {
    let Some((from, to)) = replay.period else {
        return "recorded uses: none are on record (`audit = \"all\"` records them)\n".to_owned();
    };
    let mut text = format!(
        "recorded uses: {} replayed, {} refused ({} of them by the policy in force too), {} not judged; from {} to {}\n",
        replay.replayed,
        replay.refused,
        replay.refused_already,
        replay.passed_over(),
        instant(from),
        instant(to)
    );
    for (why, count) in &replay.not_judged {
        text.push_str(&format!("not judged: {count}, {why}\n"));
    }
    if replay.groups.is_empty() {
        return text;
    }
    let row = |each: &Group| {
        [
            each.label.clone(),
            each.entry.word().to_owned(),
            each.mechanism.map(mechanism_name).unwrap_or_default(),
            each.denial.reason.word().to_owned(),
            rules_of(&each.denial).join(", "),
            each.count.to_string(),
            instant(each.first),
            instant(each.last),
        ]
    };
    let rows: Vec<_> = replay.groups.iter().map(row).collect();
    text.push_str(&table(["KEY", "RECORDED", "WITH", "REASON", "RULES", "COUNT", "FIRST", "LAST"], &rows));
    text
}
