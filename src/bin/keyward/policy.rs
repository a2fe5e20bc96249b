//! `keyward policy`.

use crate::args::{Explain, Policy as PolicyCommand};
use crate::output::{Json, printable, table};
use crate::token::{said, visit};
use crate::{Answer, Context, Outcome, installed, replay};
use keyward_pkcs11::admin::Selector;
use keyward_pkcs11::ck::text::hex;
use keyward_pkcs11::policy::{Diagnostic, Explanation, Hypothesis, Outcome as Ended, Ruleset};
use keyward_pkcs11::sys::clock;

pub(crate) fn run(context: &Context, command: PolicyCommand) -> Outcome {
    match command {
        PolicyCommand::Check { files } => Ok(check(context, &files)),
        PolicyCommand::Test { policies } => test(context, &policies),
        PolicyCommand::Show { token: Some(token), .. } => installed::show(context, &token),
        PolicyCommand::Show { name: None, .. } => Ok(list(context)),
        PolicyCommand::Show { name: Some(name), .. } => match Ruleset::shipped(&name) {
            Some(text) => Ok(Answer::well(text.to_owned())),
            None => Err(no_such(&name)),
        },
        PolicyCommand::Install { policy, officer } => installed::install(context, &policy, &officer),
        PolicyCommand::Status { token } => installed::status(context, token.as_deref()),
        PolicyCommand::Diff { policy, token } => {
            installed::diff(context, policy.as_deref(), token.as_deref())
        }
        PolicyCommand::History { token } => installed::history(context, token.as_deref()),
        PolicyCommand::Try { policy, since, archive, login } => {
            let recorded = replay::Recorded { since, archive: &archive };
            replay::would_refuse(context, &policy, &recorded, &login)
        }
        PolicyCommand::Learn { since, archive, output, login } => {
            let recorded = replay::Recorded { since, archive: &archive };
            replay::learn(context, &recorded, output.as_deref(), &login)
        }
        PolicyCommand::Explain(asked) => explain(context, &asked),
    }
}

fn list(context: &Context) -> Answer {
    let names: Vec<_> = Ruleset::shipped_names().collect();
    Answer::well(if context.json {
        format!("{}\n", Json::texts(names))
    } else {
        names.iter().map(|name| format!("{name}\n")).collect()
    })
}

/// A policy by the name of a shipped one, or from a file, which then has its whole path for a name. The mistakes are
/// the error, ready to print.
pub(crate) fn named(name: &str) -> Result<Ruleset, String> {
    if let Some(rules) = Ruleset::of_shipped(name) {
        return rules.map_err(|mistakes| drawn_mistakes(name, &mistakes));
    }
    if !name.contains(['/', '.']) {
        return Err(no_such(name));
    }
    let path = std::fs::canonicalize(name).map_err(|error| format!("{name} cannot be read: {error}"))?;
    load(&path.to_string_lossy())
}

/// A policy by the name of its first file, as it was kept.
pub(crate) fn by_file(file: &str) -> Result<Ruleset, String> {
    match Ruleset::shipped_name(file) {
        Some(name) => named(name),
        None => load(file),
    }
}

fn no_such(name: &str) -> String {
    let names: Vec<_> = Ruleset::shipped_names().collect();
    format!("no policy called {name:?} is part of keyward; there are: {}", names.join(", "))
}

fn read(path: &str) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}

/// Reads a file with all that it extends, relative to it. The mistakes are the error, ready to print.
fn load(path: &str) -> Result<Ruleset, String> {
    let text = read(path).map_err(|error| format!("error: {path} cannot be read: {error}"))?;
    Ruleset::load(path, &text, &read).map_err(|mistakes| drawn_mistakes(path, &mistakes))
}

fn drawn_mistakes(path: &str, mistakes: &[Diagnostic]) -> String {
    let drawn: Vec<_> = mistakes.iter().map(|mistake| format!("{mistake}\n")).collect();
    let count = if mistakes.len() == 1 { "1 mistake".into() } else { format!("{} mistakes", mistakes.len()) };
    format!("{}\nerror: {path} has {count}", drawn.join("\n"))
}

/// One case of `policy test`.
fn test(context: &Context, policies: &[String]) -> Outcome {
    let mut answer = Answer::well(String::new());
    let mut cases = Vec::new();
    for name in policies {
        let outcomes = named(name)?.run_tests();
        for outcome in &outcomes {
            let word = if outcome.passed { "ok" } else { "FAILED" };
            answer.text.push_str(&format!("{word:<6}  {}", printable(&outcome.id)));
            if !outcome.passed {
                answer.text.push_str(&format!("\n        {}", printable(&outcome.detail)));
            }
            answer.text.push('\n');
            cases.push(Json::Object(vec![
                ("policy", Json::text(name)),
                ("test", Json::text(&outcome.id)),
                ("passed", Json::Bool(outcome.passed)),
                ("detail", Json::text(&outcome.detail)),
            ]));
        }
        let passed = outcomes.iter().filter(|outcome| outcome.passed).count();
        answer.well &= passed == outcomes.len();
        answer.text.push_str(&format!("{name}: {passed} of {} tests passed\n", outcomes.len()));
    }
    if context.json {
        answer.text = format!("{}\n", Json::List(cases));
    }
    Ok(answer)
}

/// The files as JSON: what each says of itself, or its mistakes.
fn checked(path: &str) -> (Json, bool) {
    let text = match read(path) {
        Ok(text) => text,
        Err(error) => {
            let object = vec![("file", Json::text(path)), ("error", Json::text(error))];
            return (Json::Object(object), false);
        }
    };
    let mistake = |mistake: &Diagnostic| {
        Json::Object(vec![
            ("file", Json::text(&mistake.file)),
            ("line", Json::Number(mistake.line as u64)),
            ("column", Json::Number(mistake.column as u64)),
            ("message", Json::text(&mistake.message)),
            ("suggestion", Json::maybe(mistake.suggestion.clone())),
        ])
    };
    match Ruleset::load(path, &text, &read) {
        Err(mistakes) => {
            let list = Json::List(mistakes.iter().map(mistake).collect());
            (Json::Object(vec![("file", Json::text(path)), ("mistakes", list)]), false)
        }
        Ok(rules) => {
            let now = clock::utc_seconds();
            let outcomes = rules.run_tests();
            let failed: Vec<_> = outcomes.iter().filter(|outcome| !outcome.passed).collect();
            let object = Json::Object(vec![
                ("file", Json::text(path)),
                ("mistakes", Json::List(Vec::new())),
                ("policy", Json::text(rules.name())),
                ("digest", Json::text(hex(&rules.digest()))),
                ("tests", Json::Number(outcomes.len() as u64)),
                ("failed", Json::texts(failed.iter().map(|outcome| &outcome.id))),
                ("warnings", Json::List(rules.warnings(now).iter().map(mistake).collect())),
                ("allows", Json::texts(rules.weaknesses(now))),
            ]);
            (object, failed.is_empty())
        }
    }
}

fn check(context: &Context, files: &[String]) -> Answer {
    let mut answer = Answer::well(String::new());
    if context.json {
        let (objects, well): (Vec<_>, Vec<_>) = files.iter().map(|path| checked(path)).unzip();
        return Answer { text: format!("{}\n", Json::List(objects)), well: !well.contains(&false) };
    }
    for path in files {
        match load(path) {
            Err(mistakes) => {
                eprintln!("{mistakes}");
                answer.well = false;
            }
            Ok(rules) => {
                let outcomes = rules.run_tests();
                let failed: Vec<_> = outcomes.iter().filter(|outcome| !outcome.passed).collect();
                for outcome in &failed {
                    eprintln!("error: {path}: test {:?}: {}", outcome.id, printable(&outcome.detail));
                }
                let now = clock::utc_seconds();
                rules.warnings(now).iter().for_each(|warning| eprintln!("{warning}\n"));
                for weakness in rules.weaknesses(now) {
                    eprintln!("warning: {path}: allows {weakness}");
                }
                answer.well &= failed.is_empty();
                answer.text.push_str(&format!(
                    "{path}: policy {:?}, {} of {} tests passed, digest {}\n",
                    rules.name(),
                    outcomes.len() - failed.len(),
                    outcomes.len(),
                    hex(&rules.digest())
                ));
            }
        }
    }
    answer
}

fn explain(context: &Context, asked: &Explain) -> Outcome {
    if asked.class.is_some() {
        let told = hypothetical(asked)?;
        return Ok(Answer { well: told.refusal.is_none(), text: drawn(context, None, &told) });
    }
    let selector = match (&asked.key, asked.id()) {
        (Some(label), _) => Selector::Label(label.clone()),
        (None, Some(id)) => Selector::Id(id.to_vec()),
        (None, None) => {
            return Err("which key? --key or --id of one on a token, or --class and --type of any".into());
        }
    };
    let module = context.module()?;
    let visit = visit(&module, &asked.login)?;
    let keys = visit.whole(&selector).map_err(said)?;
    let (key, told) = visit.explain(&keys, &asked.op, asked.mechanism.as_deref()).map_err(said)?;
    let text = drawn(context, Some(&key.described()), &told);
    Ok(Answer { well: told.refusal.is_none(), text })
}

fn hypothetical(asked: &Explain) -> Result<Explanation, String> {
    let name = asked.policy.as_deref().unwrap_or("default");
    let rules = named(name)?;
    let key = Hypothesis {
        class: asked.class.clone().unwrap_or_default(),
        key_type: asked.key_type.clone().unwrap_or_default(),
        bits: asked.bits,
        curve: asked.curve.clone(),
        parameter_set: asked.parameter_set.clone(),
        label: asked.label.clone(),
        id: asked.id().map(hex),
        origin: asked.origin.clone(),
        purpose: asked.purpose.clone(),
        usage: asked.usage.clone(),
        state: asked.state.clone(),
        extractable: asked.extractable.then_some(true),
        sensitive: None,
        op: asked.op.clone(),
        mechanism: asked.mechanism.clone(),
        activated: asked.activated,
        now: asked.at.unwrap_or_else(clock::utc_seconds),
    };
    rules.explain(&key)
}

const fn ended(outcome: Ended) -> &'static str {
    match outcome {
        Ended::Passed => "passed",
        Ended::Refused => "refused",
        Ended::NotReached => "not reached",
    }
}

fn drawn(context: &Context, key: Option<&str>, told: &Explanation) -> String {
    let answer = told.refusal.as_ref().map_or("CKR_OK", |denial| denial.error.name());
    if context.json {
        let step = |step: &keyward_pkcs11::policy::Step| {
            Json::Object(vec![
                ("check", Json::text(step.check)),
                ("outcome", Json::text(ended(step.outcome))),
                ("detail", Json::text(&step.detail)),
            ])
        };
        let reason = told.refusal.as_ref().map(|denial| denial.reason);
        let object = Json::Object(vec![
            ("key", Json::maybe(key.map(str::to_owned))),
            ("steps", Json::List(told.steps.iter().map(step).collect())),
            ("answer", Json::text(answer)),
            ("reason", Json::maybe(reason.map(|reason| reason.word().to_owned()))),
            ("device_error", reason.map_or(Json::Null, |reason| Json::Number(reason.code().into()))),
        ]);
        return format!("{object}\n");
    }
    let rows: Vec<_> = told
        .steps
        .iter()
        .map(|step| [step.check.to_owned(), ended(step.outcome).to_owned(), step.detail.clone()])
        .collect();
    let key = key.map(|key| format!("{}\n\n", printable(key))).unwrap_or_default();
    let code = told
        .refusal
        .as_ref()
        .map(|denial| format!(", ulDeviceError {:#x} ({})", denial.reason.code(), denial.reason.word()));
    format!(
        "{key}{}\nanswer: {answer}{}\n",
        table(["CHECK", "OUTCOME", "WHY"], &rows),
        code.unwrap_or_default()
    )
}
