//! `keyward approve` and `keyward request`.

use crate::args::{Login, PinSource};
use crate::output::{Json, printable, table};
use crate::token::{label, named, said, visit};
use crate::{Answer, Context, Outcome, pin};
use clap::{Args, Subcommand};
use keyward_pkcs11::admin::{self, Visit};
use keyward_pkcs11::ck::date::display_utc;
use keyward_pkcs11::ck::names::mechanism_name;
use keyward_pkcs11::ck::text::hex;
use keyward_pkcs11::secret::Pin;
use keyward_pkcs11::token::ApprovalRequest;

/// Which request, and who agrees.
#[derive(Args)]
pub(crate) struct Approve {
    /// The request, as the refusal named it and `keyward request list` shows it
    #[arg(value_name = "REQUEST")]
    id: String,
    /// The named user who agrees
    #[arg(long, value_name = "NAME")]
    user: String,
    /// The token, by its label or its serial number; may be left out where there is but one
    #[arg(long, value_name = "NAME")]
    token: Option<String>,
    #[command(flatten)]
    pin: PinSource,
}

#[derive(Subcommand)]
pub(crate) enum Request {
    /// Lists what waits for the word of others
    List {
        #[command(flatten)]
        login: Login,
    },
    /// Takes a request away: who was asked says no, or who asked takes it back
    Refuse {
        /// The request
        #[arg(value_name = "REQUEST")]
        id: String,
        #[command(flatten)]
        login: Login,
    },
}

pub(crate) fn approve(context: &Context, command: Approve) -> Outcome {
    let module = context.module()?;
    let token = named(&module, command.token.as_deref())?;
    let name = admin::user_name(&command.user).map_err(said)?;
    let pin = pin::given(&command.pin, &format!("PIN of {} on {}", name.as_str(), label(&token)))?;
    let visit = Visit::open(&module, &token).map_err(said)?;
    visit.login_named(&name, Pin::from_slice(pin.expose())).map_err(said)?;
    let request = visit.approve(&command.id, &pin).map_err(said)?;
    let text = format!(
        "request {}: {} approves {}; approved by {}\n",
        request.id,
        printable(&command.user),
        what(&request),
        by(&request)
    );
    Ok(one(context, &request, text))
}

pub(crate) fn run(context: &Context, command: Request) -> Outcome {
    let module = context.module()?;
    match command {
        Request::List { login } => {
            let requests = visit(&module, &login)?.requests().map_err(said)?;
            Ok(list(context, &requests))
        }
        Request::Refuse { id, login } => {
            let request = visit(&module, &login)?.refuse_request(&id).map_err(said)?;
            let text = format!("request {id}: taken away; it was to {}\n", what(&request));
            Ok(one(context, &request, text))
        }
    }
}

/// "sign with CKM_ECDSA, key "root-ca", asked by user:dave".
fn what(request: &ApprovalRequest) -> String {
    let mechanism =
        request.mechanism.map_or_else(String::new, |ckm| format!(" with {}", mechanism_name(ckm)));
    let label = printable(&format!("{:?}", request.label));
    format!("{}{mechanism}, key {label}, asked by {}", request.operation, request.requester)
}

/// "alice, bob (does not count: its signature is wrong)".
fn by(request: &ApprovalRequest) -> String {
    let names: Vec<_> = request
        .given
        .iter()
        .map(|given| match given.standing.why() {
            None => given.by.clone(),
            Some(why) => format!("{} (does not count: {why})", given.by),
        })
        .collect();
    if names.is_empty() { "nobody".to_owned() } else { printable(&names.join(", ")) }
}

fn one(context: &Context, request: &ApprovalRequest, text: String) -> Answer {
    Answer::well(if context.json { format!("{}\n", json(request)) } else { text })
}

fn list(context: &Context, requests: &[ApprovalRequest]) -> Answer {
    if context.json {
        return Answer::well(format!("{}\n", Json::List(requests.iter().map(json).collect())));
    }
    if requests.is_empty() {
        return Answer::well("nothing waits for anybody's approval\n".to_owned());
    }
    let rows: Vec<_> = requests
        .iter()
        .map(|request| {
            [
                request.id.clone(),
                printable(&request.label),
                request.operation.clone(),
                request.mechanism.map(mechanism_name).unwrap_or_default(),
                request.requester.clone(),
                display_utc(request.opened),
                printable(&request.approvers.join(", ")),
                by(request),
            ]
        })
        .collect();
    let head = ["REQUEST", "KEY", "OPERATION", "MECHANISM", "ASKED BY", "SINCE", "ASKED OF", "APPROVED BY"];
    Answer::well(table(head, &rows))
}

fn json(request: &ApprovalRequest) -> Json {
    let given = request.given.iter().map(|given| {
        let why = given.standing.why();
        Json::Object(vec![
            ("name", Json::text(&given.by)),
            ("at", Json::text(display_utc(given.at))),
            ("verifies", Json::Bool(why.is_none())),
            ("why_not", Json::maybe(why.map(str::to_owned))),
            ("signing_key", Json::maybe(given.signed.map(|(key, _)| hex(&key)))),
            ("signature", Json::maybe(given.signed.map(|(_, signature)| hex(&signature)))),
        ])
    });
    Json::Object(vec![
        ("request", Json::text(&request.id)),
        ("label", Json::text(&request.label)),
        ("key", Json::text(&request.summary)),
        ("uid", Json::text(request.object.to_string())),
        ("operation", Json::text(&request.operation)),
        ("mechanism", Json::maybe(request.mechanism.map(mechanism_name))),
        ("asked_by", Json::text(&request.requester)),
        ("since", Json::text(display_utc(request.opened))),
        ("wanted", Json::text(&request.wanted)),
        ("asked_of", Json::texts(request.approvers.iter().map(String::as_str))),
        ("approved_by", Json::List(given.collect())),
    ])
}
