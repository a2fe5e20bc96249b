//! `keyward user`.

use crate::args::{Officer, User as UserCommand};
use crate::output::{Json, table};
use crate::token::{label, named, said};
use crate::{Answer, Context, Outcome, pin};
use keyward_pkcs11::admin::{self, Visit};
use keyward_pkcs11::api::Module;
use keyward_pkcs11::ck::text::hex;
use keyward_pkcs11::guard::Role;
use keyward_pkcs11::token::NamedUser;

pub(crate) fn run(context: &Context, command: UserCommand) -> Outcome {
    let module = context.module()?;
    match command {
        UserCommand::List { token } => list(context, &module, token.as_deref()),
        UserCommand::Add { name, so, officer, pin } => {
            let user = admin::user_name(&name).map_err(said)?;
            let role = if so { Role::SecurityOfficer } else { Role::User };
            let visit = visit(&module, &officer)?;
            let pin = pin::new(&pin, &format!("PIN of {name}"))?;
            visit.acceptable_pin(&pin).map_err(said)?;
            visit.add_user(role, &user, &pin).map_err(said)?;
            Ok(done(context, &name, "added"))
        }
        UserCommand::Remove { name, yes, officer } => {
            let user = admin::user_name(&name).map_err(said)?;
            if !yes {
                pin::confirmed(&format!("Remove the user {name:?}?"))?;
            }
            visit(&module, &officer)?.remove_user(&user).map_err(said)?;
            Ok(done(context, &name, "removed"))
        }
        UserCommand::SetPin { name, officer, pin } => {
            let user = admin::user_name(&name).map_err(said)?;
            let visit = visit(&module, &officer)?;
            let pin = pin::new(&pin, &format!("PIN of {name}"))?;
            visit.acceptable_pin(&pin).map_err(said)?;
            visit.set_named_pin(&user, &pin).map_err(said)?;
            Ok(done(context, &name, "pin-set"))
        }
    }
}

/// A session with the token that is named, its SO logged in.
pub(crate) fn visit<'m>(module: &'m Module, officer: &Officer) -> Result<Visit<'m>, String> {
    let token = named(module, officer.token.as_deref())?;
    let pin = pin::given(&officer.pin(), &format!("SO PIN of {}", label(&token)))?;
    let visit = Visit::open(module, &token).map_err(said)?;
    visit.login(Role::SecurityOfficer, pin).map_err(said)?;
    Ok(visit)
}

fn done(context: &Context, name: &str, what: &'static str) -> Answer {
    if context.json {
        let answer = Json::Object(vec![("name", Json::text(name)), ("done", Json::text(what))]);
        return Answer::well(format!("{answer}\n"));
    }
    Answer::well(match what {
        "pin-set" => format!("user {name:?} has a new PIN\n"),
        what => format!("user {name:?} {what}\n"),
    })
}

fn list(context: &Context, module: &Module, token: Option<&str>) -> Outcome {
    let users = admin::users(&*named(module, token)?).map_err(said)?;
    if context.json {
        let list = users.iter().map(json).collect();
        return Ok(Answer::well(format!("{}\n", Json::List(list))));
    }
    if users.is_empty() {
        return Ok(Answer::well("no named users; `keyward user add NAME` adds one\n".into()));
    }
    let rows: Vec<_> = users
        .iter()
        .map(|user| [user.name.as_str().to_owned(), user.role.word().to_owned(), state(user)])
        .collect();
    Ok(Answer::well(table(["NAME", "ROLE", "STATE"], &rows)))
}

fn state(user: &NamedUser) -> String {
    match (user.locked, user.failures) {
        (true, _) => "locked".to_owned(),
        (false, 0) => "ready".to_owned(),
        (false, 1) => "1 wrong PIN".to_owned(),
        (false, failures) => format!("{failures} wrong PINs"),
    }
}

fn json(user: &NamedUser) -> Json {
    Json::Object(vec![
        ("name", Json::text(user.name.as_str())),
        ("role", Json::text(user.role.word())),
        ("failures", Json::Number(user.failures.into())),
        ("locked", Json::Bool(user.locked)),
        ("signing_key", Json::maybe(user.signing_key.map(|key| hex(&key)))),
    ])
}
