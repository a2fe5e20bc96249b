//! `keyward backup` and `keyward restore`.

use crate::args::{Backup, Restore};
use crate::output::Json;
use crate::token::said;
use crate::{Answer, Context, Outcome};
use keyward_pkcs11::admin;

pub(crate) fn back_up(context: &Context, command: &Backup) -> Outcome {
    let module = context.module()?;
    let tokens = admin::back_up(&module, &command.to, !command.without_key).map_err(said)?;
    let place = command.to.display();
    let advice = if command.without_key {
        "without the store's key: keep a copy of store.key elsewhere"
    } else {
        "with the store's key: keep it as you keep the store"
    };
    answer(context, tokens, &format!("{place}: {}, {advice}", counted(tokens)))
}

pub(crate) fn restore(context: &Context, command: &Restore) -> Outcome {
    let configuration = context.configuration()?;
    let tokens = admin::restore(&configuration, &command.from, command.key.as_deref()).map_err(said)?;
    let place = configuration.store.display();
    answer(context, tokens, &format!("{place}: {}, checked record by record", counted(tokens)))
}

fn counted(tokens: usize) -> String {
    format!("{tokens} token{}", if tokens == 1 { "" } else { "s" })
}

fn answer(context: &Context, tokens: usize, text: &str) -> Outcome {
    Ok(Answer::well(if context.json {
        format!("{}\n", Json::Object(vec![("tokens", Json::Number(tokens as u64))]))
    } else {
        format!("{text}\n")
    }))
}
