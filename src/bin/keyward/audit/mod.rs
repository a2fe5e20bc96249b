//! `keyward audit`.

mod args;
mod format;

pub(crate) use args::Audit;

use crate::output::{Json, printable, table};
use crate::token::{named, said};
use crate::{Answer, Context, Outcome};
use args::{Asked, Format, PinnedKey, Record, Which};
use keyward_pkcs11::admin::audit as trails;
use keyward_pkcs11::api::Module;
use keyward_pkcs11::audit::Trail;
use keyward_pkcs11::audit::anchor::Anchor;
use keyward_pkcs11::audit::folder::Copy;
use keyward_pkcs11::audit::proof::Proof;
use keyward_pkcs11::audit::read::Entry;
use keyward_pkcs11::audit::retention::Retention;
use keyward_pkcs11::audit::verify::{Report, Weight};
use keyward_pkcs11::ck::text::{from_hex, hex};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub(crate) fn run(context: &Context, command: Audit) -> Outcome {
    match command {
        Audit::Show { trail, filter, last } => show(context, &trail, filter, last),
        Audit::Follow { token, filter, format } => follow(context, token.as_deref(), filter, format),
        Audit::Export { trail, filter, format } => {
            let found = trails::records(&Opened::of(context, &trail)?.copy, &filter.filter(), None);
            Ok(Answer::well(found.iter().map(|entry| format::line(entry, format)).collect()))
        }
        Audit::Copy { trail, to } => {
            let copy = Opened::of(context, &trail)?.copy;
            copy.write(&to).map_err(|error| format!("the copy cannot be written: {error}"))?;
            Ok(Answer::well(format!(
                "{} anchors and their segments are in {}\n",
                copy.anchors.len(),
                to.display()
            )))
        }
        Audit::Key { trail } => key(context, &trail),
        Audit::Checkpoint { trail } => checkpoint(context, &trail),
        Audit::Verify { proof: Some(file), key: Some(PinnedKey(key)), .. } => {
            verify_proof(context, &file, key)
        }
        Audit::Verify { trail, key, checkpoint, .. } => verify(context, &trail, key, checkpoint.as_deref()),
        Audit::Prove { trail, record: Record(segment, number), to } => {
            let copy = Opened::of(context, &trail)?.copy;
            let proof = trails::prove(&copy, &segment, number).map_err(said)?;
            std::fs::write(&to, proof.encode()).map_err(|error| format!("{}: {error}", to.display()))?;
            Ok(Answer::well(format!("the proof of record {number} is in {}\n", to.display())))
        }
        Audit::Archive { token, before, keep_bytes, to } => {
            let module = context.module()?;
            let token = named(&module, token.as_deref())?;
            let retention = Retention { ended_before: before, keep_bytes };
            let gone = trails::trail(&token).and_then(|trail| trails::archive(&trail, retention, &to));
            let gone = gone.map_err(said)?;
            if context.json {
                return Ok(Answer::well(format!("{}\n", Json::texts(gone))));
            }
            Ok(Answer::well(format!("{} segments went to {}\n", gone.len(), to.display())))
        }
    }
}

/// A trail that is looked at.
struct Opened {
    copy: Copy,
    /// The token's own; none of a folder.
    trail: Option<Arc<Trail>>,
    /// What the trail lives in.
    _module: Option<Module>,
}

impl Opened {
    fn of(context: &Context, which: &Which) -> Result<Self, String> {
        if let Some(from) = &which.from {
            let copy = trails::copy_of(None, Some(from), &which.archive).map_err(said)?;
            return Ok(Self { copy, trail: None, _module: None });
        }
        let module = context.module()?;
        let token = named(&module, which.token.as_deref())?;
        let trail = trails::trail(&token).map_err(said)?;
        let copy = trails::copy_of(Some(&trail), None, &which.archive).map_err(said)?;
        Ok(Self { copy, trail: Some(trail), _module: Some(module) })
    }
}

fn show(context: &Context, which: &Which, asked: Asked, last: Option<usize>) -> Outcome {
    let found = trails::records(&Opened::of(context, which)?.copy, &asked.filter(), last);
    if context.json {
        let list = found.iter().map(format::json).collect();
        return Ok(Answer::well(format!("{}\n", Json::List(list))));
    }
    if found.is_empty() {
        return Ok(Answer::well("no such records\n".into()));
    }
    let head = ["TIME", "PROCESS", "USER", "OPERATION", "KEY", "MECHANISM", "RESULT", "COUNT"];
    let rows: Vec<_> = found.iter().map(format::cells).collect();
    Ok(Answer::well(table(head, &rows)))
}

fn follow(context: &Context, token: Option<&str>, asked: Asked, format: Format) -> Outcome {
    let module = context.module()?;
    let trail = named(&module, token).and_then(|token| trails::trail(&token).map_err(said))?;
    let (filter, mut follower) = (asked.filter(), trails::Follower::new(trail.folder().clone()));
    let format = if context.json { Format::Json } else { format };
    let mut out = std::io::stdout().lock();
    let mut say = |text: String| out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_ok();
    let mut listened_to = format != Format::Table || say(format::head());
    while listened_to {
        let new = follower.more();
        let lines: String = new
            .iter()
            .filter(|entry: &&Entry| filter.takes(entry))
            .map(|entry| format::line(entry, format))
            .collect();
        // Whoever reads has gone away when it cannot be said.
        listened_to = lines.is_empty() || say(lines);
        std::thread::sleep(Duration::from_millis(300));
    }
    Ok(Answer::well(String::new()))
}

const NOTHING: &str = "nothing was recorded yet";

fn key(context: &Context, which: &Which) -> Outcome {
    let key = trails::first_key(&Opened::of(context, which)?.copy).ok_or(NOTHING)?;
    let text =
        if context.json { Json::Object(vec![("key", Json::text(hex(&key)))]).to_string() } else { hex(&key) };
    Ok(Answer::well(format!("{text}\n")))
}

fn checkpoint(context: &Context, which: &Which) -> Outcome {
    let anchor = trails::last_anchor(&Opened::of(context, which)?.copy).ok_or(NOTHING)?;
    let bytes = hex(&anchor.encode());
    if context.json {
        let json = Json::Object(vec![
            ("sequence", Json::Number(anchor.sequence)),
            ("time", Json::text(trails::instant(anchor.at))),
            ("token", Json::text(&anchor.serial)),
            ("anchor", Json::text(bytes)),
        ]);
        return Ok(Answer::well(format!("{json}\n")));
    }
    Ok(Answer::well(format!("{bytes}\n")))
}

fn verify(context: &Context, which: &Which, key: Option<PinnedKey>, checkpoint: Option<&Path>) -> Outcome {
    let given = checkpoint.map(read_anchor).transpose()?;
    let opened = Opened::of(context, which)?;
    let key = key.map(|PinnedKey(key)| key);
    let report = match &opened.trail {
        Some(trail) => trail.verify(&opened.copy, key, given.as_ref()),
        None => trails::judge(&opened.copy, key, given.as_ref()),
    };
    let text = if context.json { format!("{}\n", report_json(&report)) } else { drawn(&report) };
    Ok(Answer { text, well: report.holds() })
}

fn read_anchor(path: &Path) -> Result<Anchor, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    from_hex(text.trim())
        .and_then(|bytes| Anchor::decode(&bytes))
        .ok_or_else(|| format!("{} holds no anchor as `keyward audit checkpoint` prints it", path.display()))
}

const fn weight(weight: Weight) -> &'static str {
    match weight {
        Weight::Broken => "broken",
        Weight::Visible => "visible",
    }
}

fn drawn(report: &Report) -> String {
    let mut text = format!(
        "{} anchors, {} segments, {} records signed for, {} records not signed for yet\n",
        report.anchors, report.segments, report.signed, report.unsigned
    );
    for finding in &report.findings {
        let (place, what) = (printable(&finding.place), printable(&finding.what));
        text.push_str(&format!("{}: {place}: {what}\n", weight(finding.weight)));
    }
    text.push_str(if report.holds() { "the trail holds\n" } else { "the trail is broken\n" });
    text
}

fn report_json(report: &Report) -> Json {
    let findings = report.findings.iter().map(|finding| {
        Json::Object(vec![
            ("weight", Json::text(weight(finding.weight))),
            ("place", Json::text(&finding.place)),
            ("text", Json::text(&finding.what)),
        ])
    });
    Json::Object(vec![
        ("holds", Json::Bool(report.holds())),
        ("anchors", Json::Number(report.anchors)),
        ("segments", Json::Number(report.segments)),
        ("signed", Json::Number(report.signed)),
        ("unsigned", Json::Number(report.unsigned)),
        ("findings", Json::List(findings.collect())),
    ])
}

fn verify_proof(context: &Context, file: &Path, key: [u8; 32]) -> Outcome {
    let bytes = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let proof = Proof::decode(&bytes).ok_or_else(|| format!("{} holds no proof", file.display()))?;
    let (event, anchor) = proof.check(key).map_err(|what| format!("the proof does not hold: {what}"))?;
    let facts = [
        ("record", format!("{}:{}", hex(&proof.segment), proof.number)),
        ("time", trails::instant(event.at)),
        ("operation", event.operation.into_owned()),
        ("key", event.label),
        ("user", event.user),
        ("signed", trails::instant(anchor.at)),
        ("anchor", anchor.sequence.to_string()),
    ];
    if context.json {
        let members = facts.into_iter().map(|(name, text)| (name, Json::text(text))).collect();
        return Ok(Answer::well(format!("{}\n", Json::Object(members))));
    }
    let lines: String =
        facts.iter().map(|(name, text)| format!("{name:<10} {}\n", printable(text))).collect();
    Ok(Answer::well(format!("the proof holds\n{lines}")))
}
