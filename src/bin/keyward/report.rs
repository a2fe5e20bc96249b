//! `keyward report`: one page of HTML that needs nothing else, no network and no script.

mod page;

use crate::args::Report as ReportCommand;
use crate::output::Json;
use crate::token::{said, visit};
use crate::{Answer, Context, Outcome};
use keyward_pkcs11::admin::report::{Entry, Finding, Occurrence, Remark, Report, Told};
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

pub(crate) fn run(context: &Context, command: &ReportCommand) -> Outcome {
    let module = context.module()?;
    let visit = visit(&module, &command.login)?;
    let report = visit.report(command.preset.as_deref()).map_err(said)?;
    let text = if context.json { format!("{}\n", json(&report)) } else { page::of(&report) };
    match &command.output {
        None => Ok(Answer::well(text)),
        Some(path) => {
            write(path, &text).map_err(|error| format!("{}: {error}", path.display()))?;
            let keys = report.entries.len();
            let plural = if keys == 1 { "" } else { "s" };
            Ok(Answer::well(format!("{}: {keys} key{plural} of {}\n", path.display(), report.label)))
        }
    }
}

/// A new file for nobody else's eyes: which keys a house has is nobody else's business.
pub(crate) fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn json(report: &Report) -> Json {
    Json::Object(vec![
        ("token", Json::text(&report.label)),
        ("serial", Json::text(&report.serial)),
        ("at", Json::Number(report.at)),
        ("policy", Json::text(&report.policy)),
        ("against", Json::maybe(report.against.clone())),
        ("trail", told(&report.told)),
        ("keys", Json::List(report.entries.iter().map(entry).collect())),
    ])
}

fn told(told: &Told) -> Json {
    let occurrence = |each: &Occurrence| {
        Json::Object(vec![
            ("object", Json::maybe(each.object.map(|uid| uid.to_string()))),
            ("label", Json::text(&each.label)),
            ("operation", Json::text(&each.operation)),
            ("reason", Json::text(each.reason)),
            ("rules", Json::texts(&each.rules)),
            ("detail", Json::text(&each.detail)),
            ("user", Json::text(&each.user)),
            ("count", Json::Number(each.count)),
            ("first", Json::Number(each.first)),
            ("last", Json::Number(each.last)),
        ])
    };
    Json::Object(vec![
        ("records", Json::Number(told.records)),
        ("verifies", Json::Bool(told.holds)),
        ("found", Json::texts(&told.found)),
        ("alarms", Json::List(told.alarms.iter().map(occurrence).collect())),
        ("denials", Json::List(told.denials.iter().map(occurrence).collect())),
        ("left_out", Json::Number(told.left_out)),
    ])
}

fn entry(entry: &Entry) -> Json {
    let key = &entry.key;
    let moment = |at: Option<u64>| at.map_or(Json::Null, Json::Number);
    Json::Object(vec![
        ("uid", Json::text(key.uid.to_string())),
        ("label", Json::text(&key.facts.label)),
        ("class", Json::text(key.class_word())),
        ("type", Json::text(key.kind())),
        ("state", Json::text(key.state.word())),
        ("purpose", Json::text(key.purpose_word())),
        ("origin", Json::text(key.facts.origin.word())),
        ("made", Json::Number(key.facts.initial_date)),
        ("strength", entry.strength.map_or(Json::Null, |bits| Json::Number(bits.into()))),
        ("protects_from", moment(key.windows.0.from)),
        ("protects_until", moment(key.windows.0.to)),
        ("processes_from", moment(key.windows.1.from)),
        ("processes_until", moment(key.windows.1.to)),
        ("rules", Json::texts(&key.rules)),
        ("limits", Json::texts(key.limits.iter().map(ToString::to_string).collect::<Vec<_>>())),
        ("history", Json::texts(key.history())),
        ("remarks", Json::List(entry.remarks.iter().map(remark).collect())),
        ("findings", Json::List(entry.findings.iter().map(finding).collect())),
    ])
}

fn remark(remark: &Remark) -> Json {
    Json::Object(vec![("weight", Json::text(remark.weight.word())), ("text", Json::text(&remark.text))])
}

fn finding(finding: &Finding) -> Json {
    Json::Object(vec![("text", Json::text(&finding.text)), ("rules", Json::texts(&finding.rules))])
}
