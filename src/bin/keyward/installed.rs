//! `keyward policy`, as far as it is about the policy in a token.

use crate::args::Officer;
use crate::output::{Json, printable, table};
use crate::policy::{by_file, named};
use crate::token::{self, said};
use crate::{Answer, Context, Outcome, user};
use keyward_pkcs11::admin::{self, Difference, Drift};
use keyward_pkcs11::ck::date::display_utc;
use keyward_pkcs11::ck::text::hex;
use keyward_pkcs11::policy::Ruleset;
use keyward_pkcs11::token::{Installation, Installed};

/// The first digits of a digest tell policies apart.
fn short(digest: &[u8; 32]) -> String {
    hex(digest).chars().take(16).collect()
}

pub(crate) fn install(context: &Context, policy: &str, officer: &Officer) -> Outcome {
    let rules = named(policy)?;
    let module = context.module()?;
    let visit = user::visit(&module, officer)?;
    let made = visit.install(&rules).map_err(said)?;
    Ok(Answer::well(if context.json {
        format!("{}\n", json(&made))
    } else {
        let same = if made.previous == made.digest { ", as before" } else { "" };
        format!("policy {:?} is in force{same}: digest {}\n", made.name, hex(&made.digest))
    }))
}

pub(crate) fn show(context: &Context, token: &str) -> Outcome {
    let module = context.module()?;
    let token = token::named(&module, Some(token))?;
    let files = match admin::installed(&token).map_err(said)? {
        Some(installed) => installed.files,
        None => {
            let rules = token.guard().rules();
            rules.files().map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
        }
    };
    if context.json {
        let file = |(name, text): &(String, String)| {
            Json::Object(vec![("file", Json::text(name)), ("text", Json::text(text))])
        };
        return Ok(Answer::well(format!("{}\n", Json::List(files.iter().map(file).collect()))));
    }
    let file = |(name, text): &(String, String)| {
        let text: String =
            text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect();
        format!("# {}\n{}\n", printable(name), text.trim_end())
    };
    Ok(Answer::well(files.iter().map(file).collect::<Vec<_>>().join("\n")))
}

pub(crate) fn status(context: &Context, token: Option<&str>) -> Outcome {
    let module = context.module()?;
    let token = token::named(&module, token)?;
    let label = token::label(&token);
    let Some(installed) = admin::installed(&token).map_err(said)? else {
        return Ok(Answer::well(if context.json {
            let object = [("token", Json::text(label)), ("policy", Json::text("default"))];
            format!("{}\n", Json::Object([&object[..], &[("installed", Json::Null)]].concat()))
        } else {
            format!("token {label:?} is under the policy \"default\"; no other was installed\n")
        }));
    };
    let drift = admin::drift(&installed, &by_file);
    let closed = token.guard().closed();
    let file = installed.files.first().map(|(name, _)| name.clone()).unwrap_or_default();
    let well = drift == Drift::None && closed.is_none();
    let (word, told) = match &drift {
        Drift::None => ("none", "the file says the same".to_owned()),
        Drift::Changed => {
            ("changed", "the file has changed since: `keyward policy diff` shows in what".to_owned())
        }
        Drift::Unreadable(_) => ("unreadable", "the file cannot be read now, or has mistakes".to_owned()),
    };
    let Some(current) = installed.current() else { return Err("the token's policy has no history".into()) };
    if context.json {
        let object = Json::Object(vec![
            ("token", Json::text(label)),
            ("policy", Json::text(&current.name)),
            ("installed", json(current)),
            ("file", Json::text(file)),
            ("drift", Json::text(word)),
            ("unusable", Json::maybe(closed)),
        ]);
        return Ok(Answer { text: format!("{object}\n"), well });
    }
    let mut text = format!(
        "token {label:?} is under the policy {:?}\ninstalled  {} by {}\ndigest     {}\nfile       {}\ndrift      {told}\n",
        current.name,
        display_utc(current.at),
        printable(&current.by),
        hex(&current.digest),
        printable(&file),
    );
    if let Some(reason) = closed {
        text.push_str(&format!(
            "unusable   {}; nothing is allowed until another is installed\n",
            printable(&reason)
        ));
    }
    Ok(Answer { text, well })
}

pub(crate) fn diff(context: &Context, policy: Option<&str>, token: Option<&str>) -> Outcome {
    let module = context.module()?;
    let token = token::named(&module, token)?;
    let installed = admin::installed(&token).map_err(said)?;
    let before = rules_of(installed.as_ref(), &token.guard().rules())?;
    let file =
        installed.as_ref().and_then(|installed| installed.files.first()).map(|(name, _)| name.as_str());
    let after = match (policy, file) {
        (Some(policy), _) => named(policy)?,
        (None, Some(file)) => by_file(file)?,
        (None, None) => return Err("no policy was installed; say with which one to compare".into()),
    };
    let told = admin::differences(&before, &after);
    let text = if context.json {
        let part = |each: &Difference| {
            Json::Object(vec![
                ("part", Json::text(&each.part)),
                ("gone", Json::texts(&each.gone)),
                ("new", Json::texts(&each.new)),
            ])
        };
        format!("{}\n", Json::List(told.iter().map(part).collect()))
    } else if told.is_empty() {
        "no difference\n".to_owned()
    } else {
        told.iter().map(drawn).collect()
    };
    Ok(Answer { text, well: told.is_empty() })
}

/// What is in force, even where this version cannot put it in force: then its mistakes are the error.
fn rules_of(installed: Option<&Installed>, default: &Ruleset) -> Result<Ruleset, String> {
    let Some(installed) = installed else { return Ok(default.clone()) };
    installed
        .rules()
        .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

fn drawn(each: &Difference) -> String {
    let line = |sign: char, line: &String| format!("  {sign} {}\n", printable(line));
    let gone = each.gone.iter().map(|text| line('-', text));
    let new = each.new.iter().map(|text| line('+', text));
    std::iter::once(format!("{}\n", each.part)).chain(gone).chain(new).collect()
}

pub(crate) fn history(context: &Context, token: Option<&str>) -> Outcome {
    let module = context.module()?;
    let token = token::named(&module, token)?;
    let history =
        admin::installed(&token).map_err(said)?.map(|installed| installed.history).unwrap_or_default();
    if context.json {
        return Ok(Answer::well(format!("{}\n", Json::List(history.iter().map(json).collect()))));
    }
    if history.is_empty() {
        return Ok(Answer::well("no policy was installed yet\n".into()));
    }
    let rows: Vec<_> = history
        .iter()
        .map(|each| {
            let (digest, previous) = (short(&each.digest), short(&each.previous));
            [display_utc(each.at), each.by.clone(), each.name.clone(), digest, previous]
        })
        .collect();
    Ok(Answer::well(table(["WHEN", "BY", "POLICY", "DIGEST", "AFTER"], &rows)))
}

fn json(each: &Installation) -> Json {
    Json::Object(vec![
        ("at", Json::text(display_utc(each.at))),
        ("by", Json::text(&each.by)),
        ("policy", Json::text(&each.name)),
        ("digest", Json::text(hex(&each.digest))),
        ("previous", Json::text(hex(&each.previous))),
    ])
}
