//! `callers` and `visible_to`: which processes may use keys, and which find them at all.
//!
//! What is asked is the process that the module lives in. It says who the honest callers are: a process that can read the
//! store and its key is not held by it.

use super::pattern::matches;

/// A process, as rules ask for it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Caller {
    /// Effective user and group, by number.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// The user's name, where the system tells it.
    pub user: Option<&'static str>,
    /// The group's name.
    pub group: Option<&'static str>,
    /// The program file.
    pub exe: Option<&'static str>,
    /// The systemd unit.
    pub unit: Option<&'static str>,
}

/// A user or a group, by number or by name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Identity {
    Number(u32),
    Name(String),
}

/// Which callers a rule admits. All that is said must hold; a list means any of it.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Callers {
    pub(super) uid: Option<Vec<Identity>>,
    pub(super) gid: Option<Vec<Identity>>,
    pub(super) exe: Option<Vec<String>>,
    pub(super) unit: Option<Vec<String>>,
}

impl Callers {
    /// Whether a process is among them. Where nobody can be asked, nobody is.
    pub(super) fn admit(&self, caller: Option<&Caller>) -> bool {
        let Some(caller) = caller else { return false };
        let is = |list: &Option<Vec<Identity>>, number: u32, name: Option<&str>| {
            list.as_ref().is_none_or(|list| {
                list.iter().any(|each| match each {
                    Identity::Number(each) => *each == number,
                    Identity::Name(each) => name == Some(each),
                })
            })
        };
        let fits = |list: &Option<Vec<String>>, text: Option<&str>| {
            list.as_ref()
                .is_none_or(|list| text.is_some_and(|text| list.iter().any(|pattern| matches(pattern, text))))
        };
        is(&self.uid, caller.uid, caller.user)
            && is(&self.gid, caller.gid, caller.group)
            && fits(&self.exe, caller.exe)
            && fits(&self.unit, caller.unit)
    }
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Name(name) => write!(f, "{name:?}"),
        }
    }
}

impl std::fmt::Display for Callers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let identities = |list: &Option<Vec<Identity>>| {
            list.as_ref().map(|list| list.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        };
        let patterns = |list: &Option<Vec<String>>| {
            list.as_ref()
                .map(|list| list.iter().map(|each| format!("{each:?}")).collect::<Vec<_>>().join(" "))
        };
        let parts = [
            ("uid", identities(&self.uid)),
            ("gid", identities(&self.gid)),
            ("exe", patterns(&self.exe)),
            ("unit", patterns(&self.unit)),
        ];
        let said = parts.into_iter().filter_map(|(name, list)| Some(format!("{name} {}", list?)));
        f.write_str(&said.collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_must_meet_all_that_is_said_and_any_of_each_list() {
        let callers = Callers {
            uid: Some(vec![Identity::Number(0), Identity::Name("pki".into())]),
            exe: Some(vec!["/usr/bin/*".into()]),
            ..Callers::default()
        };
        let caller = Caller { uid: 7, user: Some("pki"), exe: Some("/usr/bin/openssl"), ..Caller::default() };
        assert!(callers.admit(Some(&caller)));
        assert!(callers.admit(Some(&Caller { uid: 0, user: None, ..caller })));
        assert!(!callers.admit(Some(&Caller { user: None, ..caller })));
        assert!(!callers.admit(Some(&Caller { exe: Some("/opt/openssl"), ..caller })));
        assert!(!callers.admit(Some(&Caller { exe: None, ..caller })));
        assert!(!callers.admit(None));
        assert_eq!(callers.to_string(), "uid 0 \"pki\", exe \"/usr/bin/*\"");
    }
}
