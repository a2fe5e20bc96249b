//! `keyward policy`.

use crate::args::{Explain, Policy as PolicyCommand};
use crate::output::{Json, printable, table};
use crate::token::{said, visit};
use crate::{Answer, Context, Outcome};
use keyward_pkcs11::admin::Selector;
use keyward_pkcs11::ck::text::hex;
use keyward_pkcs11::policy::{Explanation, Hypothesis, Outcome as Ended, Ruleset};
use keyward_pkcs11::sys::clock;

pub(crate) fn run(context: &Context, command: PolicyCommand) -> Outcome {
    match command {
        PolicyCommand::Check { files } => Ok(check(&files)),
        PolicyCommand::Show { name: None } => {
            Ok(Answer::well(Ruleset::shipped_names().map(|name| format!("{name}\n")).collect()))
        }
        PolicyCommand::Show { name: Some(name) } => match Ruleset::shipped(&name) {
            Some(text) => Ok(Answer::well(text.to_owned())),
            None => Err(no_such(&name)),
        },
        PolicyCommand::Explain(asked) => explain(context, &asked),
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
    Ruleset::load(path, &text, &read).map_err(|mistakes| {
        let drawn: Vec<_> = mistakes.iter().map(|mistake| format!("{mistake}\n")).collect();
        let count =
            if mistakes.len() == 1 { "1 mistake".into() } else { format!("{} mistakes", mistakes.len()) };
        format!("{}\nerror: {path} has {count}", drawn.join("\n"))
    })
}

fn check(files: &[String]) -> Answer {
    let mut answer = Answer::well(String::new());
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
    let rules = match Ruleset::shipped(name) {
        Some(text) => Ruleset::load(name, text, &read)
            .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?,
        None if name.contains(['/', '.']) => load(name)?,
        None => return Err(no_such(name)),
    };
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
