//! The `keyward` command: arguments, PINs and tables around `admin`.
#![forbid(unsafe_code)]

mod approval;
mod args;
mod audit;
mod backup;
mod doctor;
mod examples;
mod installed;
mod key;
mod metrics;
mod output;
mod pin;
mod policy;
mod replay;
mod report;
mod rotation;
mod token;
mod user;

use args::{Arguments, Command};
use clap::{CommandFactory, FromArgMatches};
use keyward_pkcs11::api::Module;
use keyward_pkcs11::token::Configuration;
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// What a command says on standard output, and whether all is well.
struct Answer {
    text: String,
    well: bool,
}

impl Answer {
    const fn well(text: String) -> Self {
        Self { text, well: true }
    }
}

/// A sentence for standard error where something is refused or fails.
type Outcome = Result<Answer, String>;

/// What every command may need.
struct Context {
    store: Option<PathBuf>,
    json: bool,
}

impl Context {
    /// A variable of the environment; `--store` wins over its own.
    fn variable(&self, name: &str) -> Option<OsString> {
        if let ("KEYWARD_STORE", Some(store)) = (name, &self.store) {
            return Some(store.clone().into_os_string());
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "the command's one place; the module is not opened by it"
        )]
        std::env::var_os(name)
    }

    fn configuration(&self) -> Result<Configuration, String> {
        Configuration::read(&|name| self.variable(name), None).map_err(|error| error.to_string())
    }

    fn module(&self) -> Result<Module, String> {
        Module::start(&self.configuration()?).map_err(|error| error.to_string())
    }
}

/// What completes the words of this command in a shell.
fn completion(shell: clap_complete::Shell) -> String {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "keyward", &mut text);
    String::from_utf8(text).unwrap_or_default()
}

fn main() -> ExitCode {
    let matches = examples::shown(Arguments::command()).try_get_matches();
    let arguments = match matches.and_then(|matches| Arguments::from_arg_matches(&matches)) {
        Ok(arguments) => arguments,
        Err(usage) => {
            // A closed pipe is no reason to complain.
            let _ = usage.print();
            return if usage.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    let context = Context { store: arguments.store, json: arguments.json };
    let outcome = match arguments.command {
        Command::Token(command) => token::run(&context, command),
        Command::User(command) => user::run(&context, command),
        Command::Key(command) => key::run(&context, command),
        Command::Policy(command) => policy::run(&context, command),
        Command::Approve(command) => approval::approve(&context, command),
        Command::Request(command) => approval::run(&context, command),
        Command::Report(command) => report::run(&context, &command),
        Command::Audit(command) => audit::run(&context, *command),
        Command::Metrics(command) => metrics::run(&context, &command),
        Command::Backup(command) => backup::back_up(&context, &command),
        Command::Restore(command) => backup::restore(&context, &command),
        Command::Doctor(command) => doctor::run(&context, &command),
        Command::Completion { shell } => Ok(Answer::well(completion(shell))),
    };
    match outcome {
        Ok(answer) => {
            let _ = std::io::stdout().write_all(answer.text.as_bytes());
            if answer.well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(sentence) => {
            let _ = writeln!(std::io::stderr(), "keyward: {sentence}");
            ExitCode::FAILURE
        }
    }
}
