//! `keyward token`.

use crate::args::{Login, PinSource, Token as TokenCommand};
use crate::output::{Json, table};
use crate::{Answer, Context, Outcome, pin};
use keyward_pkcs11::admin::{self, Summary, Visit};
use keyward_pkcs11::api::Module;
use keyward_pkcs11::guard::Role;
use keyward_pkcs11::token::Token;
use std::sync::Arc;

pub(crate) fn run(context: &Context, command: TokenCommand) -> Outcome {
    let module = context.module()?;
    match command {
        TokenCommand::List { token, pin } => list(context, &module, token.as_deref(), &pin),
        TokenCommand::Init { label, again, yes, so_pin_file, so_pin_fd, so_pin_credential, pin } => {
            if again && !yes {
                pin::confirmed(&format!("Erase the token {label:?} and every key in it?"))?;
            }
            let officer = PinSource { file: so_pin_file, fd: so_pin_fd, credential: so_pin_credential };
            let officer = if again {
                pin::given(&officer, &format!("SO PIN of {label}"))?
            } else {
                pin::new(&officer, &format!("SO PIN of {label}"))?
            };
            let user = pin::new(&pin, &format!("user PIN of {label}"))?;
            let made = admin::initialize(&module, &label, &officer, user, again).map_err(said)?;
            let text = if context.json {
                format!("{}\n", json(&made, None))
            } else {
                format!("token {label:?} is ready: serial {}, slot {}\n", made.serial, made.slot)
            };
            Ok(Answer::well(text))
        }
    }
}

/// An error as the sentence that is printed.
pub(crate) fn said(trouble: admin::Trouble) -> String {
    trouble.to_string()
}

/// The token of a name; without a name, the only one there is.
pub(crate) fn named(module: &Module, name: Option<&str>) -> Result<Arc<Token>, String> {
    if let Some(name) = name {
        return admin::token(module, name).map_err(said);
    }
    match admin::summaries(module).map_err(said)?.as_slice() {
        [one] => admin::token(module, &one.serial).map_err(said),
        [] => Err("the store has no token yet; `keyward token init` makes one".into()),
        many => {
            let labels: Vec<_> = many.iter().map(|each| format!("{:?}", each.label)).collect();
            Err(format!("which token? say --token with one of {}", labels.join(", ")))
        }
    }
}

/// A session with the token that is named, the user logged in.
pub(crate) fn visit<'m>(module: &'m Module, login: &Login) -> Result<Visit<'m>, String> {
    let token = named(module, login.token.as_deref())?;
    let Some(name) = &login.user else {
        let pin = pin::given(&login.pin, &format!("user PIN of {}", label(&token)))?;
        let visit = Visit::open(module, &token).map_err(said)?;
        visit.login(Role::User, pin).map_err(said)?;
        return Ok(visit);
    };
    let name = admin::user_name(name).map_err(said)?;
    let pin = pin::given(&login.pin, &format!("PIN of {} on {}", name.as_str(), label(&token)))?;
    let visit = Visit::open(module, &token).map_err(said)?;
    visit.login_named(&name, pin).map_err(said)?;
    Ok(visit)
}

/// What a token is called in a prompt.
pub(crate) fn label(token: &Token) -> String {
    token.information().map_or_else(
        |_| token.serial().to_owned(),
        |information| keyward_pkcs11::ck::text::unpadded(&information.label),
    )
}

fn list(context: &Context, module: &Module, name: Option<&str>, pin: &PinSource) -> Outcome {
    let counted = if name.is_some() || pin::is_at_hand(pin) {
        let login = Login { token: name.map(str::to_owned), user: None, pin: pin.clone() };
        let serial = named(module, name)?.serial().to_owned();
        let visit = visit(module, &login)?;
        Some((serial, visit.count().map_err(said)?))
    } else {
        None
    };
    let count_of = |serial: &str| counted.as_ref().filter(|(of, _)| of == serial).map(|(_, count)| *count);
    let tokens = admin::summaries(module).map_err(said)?;
    if context.json {
        let list = tokens.iter().map(|each| json(each, count_of(&each.serial))).collect();
        return Ok(Answer::well(format!("{}\n", Json::List(list))));
    }
    if tokens.is_empty() {
        return Ok(Answer::well("no tokens; `keyward token init LABEL` makes one\n".into()));
    }
    let rows: Vec<_> = tokens
        .iter()
        .map(|each| {
            let objects = count_of(&each.serial).map_or_else(|| "-".to_owned(), |count| count.to_string());
            [each.label.clone(), each.serial.clone(), each.slot.to_string(), objects, words(each).join(", ")]
        })
        .collect();
    Ok(Answer::well(table(["LABEL", "SERIAL", "SLOT", "OBJECTS", "STATE"], &rows)))
}

fn words(token: &Summary) -> Vec<&'static str> {
    if token.sound { admin::flag_words(token.flags) } else { vec!["damaged: see `keyward doctor`"] }
}

fn json(token: &Summary, objects: Option<usize>) -> Json {
    Json::Object(vec![
        ("label", Json::text(&token.label)),
        ("serial", Json::text(&token.serial)),
        ("slot", Json::Number(token.slot)),
        ("objects", objects.map_or(Json::Null, |count| Json::Number(count as u64))),
        ("state", Json::texts(words(token))),
    ])
}
