//! `keyward doctor`.

use crate::args::Doctor;
use crate::output::{Json, printable, table};
use crate::token::said;
use crate::{Answer, Context, Outcome, pin};
use keyward_pkcs11::admin::{Examination, Finding, examine};
use keyward_pkcs11::token::Configuration;

pub(crate) fn run(context: &Context, command: &Doctor) -> Outcome {
    let configuration = context.configuration()?;
    let login = match (&command.token, pin::is_at_hand(&command.pin)) {
        (Some(name), _) => Some((name.as_str(), pin::given(&command.pin, &format!("user PIN of {name}"))?)),
        (None, true) => return Err("a PIN of which token? say --token".into()),
        (None, false) => None,
    };
    let mut seen = examine(&configuration, login).map_err(said)?;
    if context.variable("OPENSSL_ia32cap").is_some_and(|value| !value.is_empty()) {
        seen.findings.push(Finding::Warning(
            "OPENSSL_ia32cap is set: it takes instructions from the processor that the cryptography \
             relies on for speed and for constant time"
                .into(),
        ));
    }
    let file = Configuration::file(&|name| context.variable(name)).map(|path| path.display().to_string());
    let text = if context.json { format!("{}\n", json(&seen, file)) } else { drawn(&seen, file) };
    Ok(Answer { text, well: seen.is_sound() })
}

fn drawn(seen: &Examination, file: Option<String>) -> String {
    let format = seen.format.map_or_else(|| "-".to_owned(), |format| format.to_string());
    let memory = seen.memory;
    let mut text = format!(
        "store          {}\nconfiguration  {}\nlog            {}\nformat         {format}\nlocked memory  \
         {} bytes locked, {} refused, {} on the heap\n\n",
        printable(&seen.store),
        file.unwrap_or_else(|| "none read".to_owned()),
        printable(&seen.log),
        memory.locked,
        memory.refused,
        memory.heap
    );
    if !seen.files.is_empty() {
        let row = |file: &keyward_pkcs11::admin::FileFact| {
            [file.name.clone(), format!("{:04o}", file.mode), file.owner.to_string(), file.size.to_string()]
        };
        let rows: Vec<_> = seen.files.iter().map(row).collect();
        text.push_str(&table(["FILE", "MODE", "OWNER", "BYTES"], &rows));
        text.push('\n');
    }
    if !seen.tokens.is_empty() {
        let row = |token: &keyward_pkcs11::admin::TokenFact| {
            [token.label.clone(), token.serial.clone(), token.sound.to_string(), token.damaged.to_string()]
        };
        let rows: Vec<_> = seen.tokens.iter().map(row).collect();
        text.push_str(&table(["TOKEN", "SERIAL", "SOUND RECORDS", "DAMAGED"], &rows));
        text.push('\n');
    }
    for finding in &seen.findings {
        let (level, what) = told(finding);
        text.push_str(&format!("{level}: {}\n", printable(what)));
    }
    text.push_str(if seen.is_sound() { "nothing is broken\n" } else { "something is broken\n" });
    text
}

const fn told(finding: &Finding) -> (&'static str, &String) {
    match finding {
        Finding::Problem(what) => ("problem", what),
        Finding::Warning(what) => ("warning", what),
    }
}

fn json(seen: &Examination, file: Option<String>) -> Json {
    let number = |number: usize| Json::Number(number as u64);
    let files = seen.files.iter().map(|file| {
        Json::Object(vec![
            ("name", Json::text(&file.name)),
            ("mode", Json::text(format!("{:04o}", file.mode))),
            ("owner", Json::Number(file.owner.into())),
            ("bytes", Json::Number(file.size)),
        ])
    });
    let tokens = seen.tokens.iter().map(|token| {
        Json::Object(vec![
            ("label", Json::text(&token.label)),
            ("serial", Json::text(&token.serial)),
            ("sound_records", number(token.sound)),
            ("damaged_records", number(token.damaged)),
        ])
    });
    let findings = seen.findings.iter().map(|finding| {
        let (level, what) = told(finding);
        Json::Object(vec![("level", Json::text(level)), ("text", Json::text(what))])
    });
    Json::Object(vec![
        ("sound", Json::Bool(seen.is_sound())),
        ("store", Json::text(&seen.store)),
        ("configuration", Json::maybe(file)),
        ("log", Json::text(&seen.log)),
        ("format", seen.format.map_or(Json::Null, |format| Json::Number(format.into()))),
        ("locked_memory", number(seen.memory.locked)),
        ("refused_memory", number(seen.memory.refused)),
        ("heap_memory", number(seen.memory.heap)),
        ("files", Json::List(files.collect())),
        ("tokens", Json::List(tokens.collect())),
        ("findings", Json::List(findings.collect())),
    ])
}
