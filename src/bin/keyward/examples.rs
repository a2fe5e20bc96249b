//! An example for each command, shown at the end of its help. They are read as the command reads its arguments, by a test.

/// The words of a command, and what somebody would write.
pub(crate) const EXAMPLES: &[(&str, &[&str])] = &[
    ("token list", &["keyward token list"]),
    ("token init", &["keyward token init web --so-pin-file so --pin-file pin"]),
    ("user list", &["keyward user list --token web"]),
    ("user add", &["keyward user add alice --token web", "keyward user add olga --so --token web"]),
    ("user remove", &["keyward user remove alice --token web"]),
    ("user set-pin", &["keyward user set-pin alice --token web"]),
    ("key list", &["keyward key list --token web", "keyward key list --json"]),
    ("key show", &["keyward key show tls --token web", "keyward key show --id 01ff"]),
    ("key suspend", &["keyward key suspend tls --message \"who signs at night?\""]),
    ("key activate", &["keyward key activate tls"]),
    ("key deactivate", &["keyward key deactivate tls --reason cessation-of-operation"]),
    ("key compromise", &["keyward key compromise tls --reason key-compromise --message \"laptop stolen\""]),
    ("key destroy", &["keyward key destroy tls --yes"]),
    ("key rotate", &["keyward key rotate tls --token web", "keyward key rotate tls --label tls-2027"]),
    ("key due", &["keyward key due --within 30d"]),
    ("policy check", &["keyward policy check tls.toml"]),
    ("policy test", &["keyward policy test tls.toml", "keyward policy test default"]),
    ("policy show", &["keyward policy show", "keyward policy show sp800-57"]),
    ("policy install", &["keyward policy install tls.toml --token web"]),
    ("policy status", &["keyward policy status --token web"]),
    ("policy diff", &["keyward policy diff --token web", "keyward policy diff sp800-57"]),
    ("policy history", &["keyward policy history --token web"]),
    ("policy try", &["keyward policy try tls.toml --token web", "keyward policy try cnsa-2.0 --json"]),
    ("policy learn", &["keyward policy learn --token web -o learned.toml"]),
    (
        "policy explain",
        &[
            "keyward policy explain --key tls --op sign --mechanism CKM_ECDSA_SHA256",
            "keyward policy explain --policy tls.toml --class private --type rsa --bits 2048 --op sign --mechanism CKM_SHA256_RSA_PKCS",
        ],
    ),
    ("approve", &["keyward approve 9f3c01de --user alice --token web"]),
    ("request list", &["keyward request list --token web", "keyward request list --user alice"]),
    ("request refuse", &["keyward request refuse 9f3c01de --user alice"]),
    ("report", &["keyward report --token web --preset sp800-57 -o keys.html"]),
    ("audit show", &["keyward audit show --token web"]),
    ("audit follow", &["keyward audit follow --token web"]),
    ("audit export", &["keyward audit export --token web"]),
    ("audit copy", &["keyward audit copy /mnt/auditor --token web"]),
    ("audit key", &["keyward audit key --token web"]),
    ("audit checkpoint", &["keyward audit checkpoint --token web"]),
    ("audit verify", &["keyward audit verify --token web"]),
    ("audit prove", &["keyward audit prove 0123abcd:17 --to proof --token web"]),
    ("audit archive", &["keyward audit archive /mnt/trail --before 2026-01-01"]),
    ("metrics", &["keyward metrics --to /var/lib/node-exporter/keyward.prom"]),
    ("backup", &["keyward backup /mnt/spare/keyward"]),
    ("restore", &["keyward --store /var/lib/keyward-new restore /mnt/spare/keyward"]),
    ("doctor", &["keyward doctor", "keyward doctor --token web --pin-file pin"]),
    ("completion", &["keyward completion zsh >~/.zfunc/_keyward"]),
];

/// The command with its examples.
pub(crate) fn shown(command: clap::Command) -> clap::Command {
    EXAMPLES.iter().fold(command, |command, (words, lines)| {
        let words: Vec<&str> = words.split(' ').collect();
        at(command, &words, lines)
    })
}

fn at(command: clap::Command, words: &[&str], lines: &[&str]) -> clap::Command {
    match words.split_first() {
        Some((first, rest)) => command.mut_subcommand(*first, |inner| at(inner, rest, lines)),
        None => {
            let head = if lines.len() == 1 { "Example" } else { "Examples" };
            command.after_help(format!("{head}:\n  {}", lines.join("\n  ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Arguments;
    use clap::{CommandFactory, Parser};

    /// The words of a line, as a shell takes them apart.
    fn words(line: &str) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut quoted = false;
        for c in line.chars() {
            match c {
                '"' => quoted = !quoted,
                ' ' if !quoted => words.push(String::new()),
                c => words.last_mut().unwrap().push(c),
            }
        }
        words
    }

    fn leaves(command: &clap::Command, before: &str, all: &mut Vec<String>) {
        for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
            let name = format!("{before}{}", inner.get_name());
            if inner.has_subcommands() {
                leaves(inner, &format!("{name} "), all);
            } else {
                all.push(name);
            }
        }
    }

    #[test]
    fn every_command_has_examples_and_every_example_is_understood() {
        let mut all = Vec::new();
        leaves(&Arguments::command(), "", &mut all);
        for name in &all {
            assert!(EXAMPLES.iter().any(|(words, _)| words == name), "{name}");
        }
        for (name, lines) in EXAMPLES {
            assert!(all.iter().any(|there| there == name), "{name}");
            for line in *lines {
                let words = words(line);
                let words = words.iter().take_while(|word| !word.starts_with('>'));
                assert!(line.contains(name), "{line}");
                if let Err(error) = Arguments::try_parse_from(words) {
                    panic!("{line}: {error}");
                }
            }
        }
        let help =
            shown(Arguments::command()).find_subcommand_mut("approve").unwrap().render_help().to_string();
        assert!(help.ends_with("Example:\n  keyward approve 9f3c01de --user alice --token web\n"), "{help}");
    }
}
