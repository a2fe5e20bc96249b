//! `keyward.toml`: where the store is and where the log goes. No file at all is a good configuration.
//!
//! Looked for in `$KEYWARD_CONF`, then `$XDG_CONFIG_HOME/keyward/keyward.toml` (or under `~/.config`),
//! then `/etc/keyward/keyward.toml`. Unknown keys are errors with line and column.

use crate::guard::Sink;
use serde::Deserialize;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What the module is told before it starts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Configuration {
    /// Folder of the token store.
    pub store: PathBuf,
    /// Where log lines go.
    pub log: Sink,
}

/// Why the configuration cannot be used, in one line for people.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigurationError(String);

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    store: StoreTable,
    #[serde(default)]
    log: LogTable,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct StoreTable {
    path: Option<PathBuf>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct LogTable {
    /// `stderr`, `off`, or the path of a file.
    target: Option<String>,
}

impl Configuration {
    /// Reads the configuration. `environment` answers for environment variables; `arguments` is what
    /// C_Initialize got in `pReserved`: `store='...' log='...'`, and it wins over everything else.
    pub fn read(
        environment: &dyn Fn(&str) -> Option<OsString>,
        arguments: Option<&str>,
    ) -> Result<Self, ConfigurationError> {
        let document = match Self::file(environment) {
            Some(path) => {
                let text = std::fs::read_to_string(&path)
                    .map_err(|error| ConfigurationError(format!("{}: {error}", path.display())))?;
                parse(&path, &text)?
            }
            None => Document::default(),
        };
        let arguments = arguments.map(parse_arguments).transpose()?.unwrap_or_default();
        let variable = |name: &str| environment(name).filter(|value| !value.is_empty());
        let store = arguments
            .store
            .or_else(|| variable("KEYWARD_STORE").map(PathBuf::from))
            .or(document.store.path)
            .or_else(|| data_folder(environment))
            .ok_or_else(|| {
                ConfigurationError(
                    "no place for a store: set KEYWARD_STORE, or [store] path in keyward.toml, or HOME"
                        .into(),
                )
            })?;
        let log = arguments
            .log
            .or_else(|| variable("KEYWARD_LOG").and_then(|value| value.into_string().ok()))
            .or(document.log.target);
        let log = match log.as_deref() {
            None => Sink::File(store.join("keyward.log")),
            Some("off") => Sink::Silent,
            Some("stderr") => Sink::Stderr,
            Some(path) => Sink::File(path.into()),
        };
        Ok(Self { store, log })
    }

    /// The configuration file that would be read.
    pub fn file(environment: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
        // A file that is named must be there; those in the usual places may be.
        if let Some(named) = environment("KEYWARD_CONF").filter(|value| !value.is_empty()) {
            return Some(named.into());
        }
        let own = environment("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .or_else(|| environment("HOME").map(|home| Path::new(&home).join(".config")))
            .map(|folder| folder.join("keyward/keyward.toml"));
        [own, Some("/etc/keyward/keyward.toml".into())].into_iter().flatten().find(|path| path.is_file())
    }
}

fn data_folder(environment: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    environment("XDG_DATA_HOME")
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
        .or_else(|| {
            environment("HOME")
                .filter(|value| !value.is_empty())
                .map(|home| Path::new(&home).join(".local/share"))
        })
        .map(|folder| folder.join("keyward"))
}

fn parse(path: &Path, text: &str) -> Result<Document, ConfigurationError> {
    toml::from_str(text).map_err(|error| ConfigurationError(format!("{}: {error}", path.display())))
}

#[derive(Default)]
struct Arguments {
    store: Option<PathBuf>,
    log: Option<String>,
}

/// NSS style: `name='value'` separated by blanks. Words that are NSS's own (`configdir`, `flags`, ...)
/// are not ours and are passed over.
fn parse_arguments(text: &str) -> Result<Arguments, ConfigurationError> {
    let mut arguments = Arguments::default();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (name, after) = rest
            .split_once('=')
            .ok_or_else(|| ConfigurationError(format!("`{rest}` is not of the form name='value'")))?;
        let (value, after) = match after.chars().next() {
            Some(quote @ ('\'' | '"')) => after
                .get(1..)
                .and_then(|after| after.split_once(quote))
                .ok_or_else(|| ConfigurationError(format!("the value of `{name}` has no closing quote")))?,
            _ => after.split_once(' ').unwrap_or((after, "")),
        };
        match name.trim() {
            "store" => arguments.store = Some(value.into()),
            "log" => arguments.log = Some(value.to_owned()),
            _ => {}
        }
        rest = after.trim_start();
    }
    Ok(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<OsString> {
        move |name| variables.iter().find(|(each, _)| *each == name).map(|(_, value)| value.into())
    }

    #[test]
    fn no_configuration_at_all_is_a_store_of_ones_own() {
        let read = Configuration::read(&with(&[("HOME", "/nowhere")]), None).unwrap();
        assert_eq!(read.store, Path::new("/nowhere/.local/share/keyward"));
        assert_eq!(read.log, Sink::File("/nowhere/.local/share/keyward/keyward.log".into()));
        assert!(Configuration::read(&with(&[]), None).is_err());
    }

    #[test]
    fn arguments_win_over_the_environment() {
        let environment = with(&[("KEYWARD_STORE", "/a"), ("KEYWARD_LOG", "off")]);
        let read =
            Configuration::read(&environment, Some("configdir='x y' store='/b c' log=stderr")).unwrap();
        assert_eq!((read.store.as_path(), read.log), (Path::new("/b c"), Sink::Stderr));
        assert!(Configuration::read(&environment, Some("store='/b")).is_err());
        assert!(Configuration::read(&environment, Some("nonsense")).is_err());
    }

    #[test]
    fn an_unknown_key_is_an_error_with_its_place() {
        let error = parse(Path::new("keyward.toml"), "[store]\npth = \"/x\"\n").err().unwrap().to_string();
        assert!(error.contains("line 2") && error.contains("pth"), "{error}");
    }
}
