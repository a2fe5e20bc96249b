//! The keys of each table of the language: those that work and those that are not enforced yet. To
//! enforce one more, move its name here, read it in `read` and restrict by it in `record`.

/// The keys of one table: those that work, and those that the language has and this version does not
/// enforce.
pub(super) struct Keys {
    pub(super) section: &'static str,
    pub(super) known: &'static [&'static str],
    pub(super) later: &'static [&'static str],
}

pub(super) const TOP: Keys = Keys {
    section: "the policy file",
    known: &[
        "policy",
        "name",
        "extends",
        "token",
        "mechanisms",
        "keys",
        "suspended",
        "compromised",
        "audit",
        "rule",
        "test",
    ],
    later: &["unsafe_allow", "memory", "callers", "approvals", "visible_to", "hours", "limits", "draft"],
};
pub(super) const TOKEN: Keys = Keys { section: "[token]", known: &["pin"], later: &["session", "objects"] };
pub(super) const PIN: Keys =
    Keys { section: "`pin`", known: &["min_length", "max_length", "max_failures", "lockout"], later: &[] };
pub(super) const MECHANISMS: Keys =
    Keys { section: "[mechanisms]", known: &["deny", "legacy_use"], later: &["parameters"] };
pub(super) const KEYS: Keys = Keys {
    section: "[keys]",
    known: &["single_purpose", "min_strength", "sensitive", "export", "initial_state", "audit"],
    later: LATER,
};
pub(super) const SUSPENDED: Keys = Keys { section: "[suspended]", known: &["process"], later: &[] };
pub(super) const COMPROMISED: Keys = Keys { section: "[compromised]", known: &["process"], later: &[] };
pub(super) const AUDIT: Keys = Keys { section: "[audit]", known: &["required"], later: &["alarms"] };
pub(super) const RULE: Keys = Keys {
    section: "[[rule]]",
    known: &[
        "id",
        "when",
        "why",
        "purpose",
        "mechanisms",
        "deny",
        "legacy_use",
        "min_bits",
        "min_strength",
        "curves",
        "parameter_sets",
        "crypto_period",
        "export",
        "audit",
        "source",
        "section",
    ],
    later: LATER,
};
pub(super) const PERIOD: Keys =
    Keys { section: "`crypto_period`", known: &["originator", "recipient"], later: &[] };
pub(super) const WHEN: Keys = Keys {
    section: "`when`",
    known: &["class", "type", "label", "id", "origin", "token", "purpose"],
    later: &[
        "bits",
        "curve",
        "parameter_set",
        "user",
        "state",
        "age",
        "generation",
        "private",
        "sensitive",
        "extractable",
        "trusted",
        "local",
        "modifiable",
        "copyable",
        "destroyable",
        "always_authenticate",
        "wrap_with_trusted",
        "always_sensitive",
        "never_extractable",
    ],
};
pub(super) const TEST: Keys =
    Keys { section: "[[test]]", known: &["id", "key", "ask", "expect", "by"], later: &["user", "at"] };
pub(super) const TEST_KEY: Keys = Keys {
    section: "`key`",
    known: &[
        "class",
        "type",
        "bits",
        "curve",
        "parameter_set",
        "label",
        "id",
        "origin",
        "token",
        "purpose",
        "usage",
        "state",
        "age",
        "sensitive",
        "extractable",
        "wrap_with_trusted",
    ],
    later: &["generation", "uses"],
};
pub(super) const ASK: Keys =
    Keys { section: "`ask`", known: &["op", "mechanism"], later: &["user", "uid", "parameters"] };

/// What a rule of the language may set beyond what is enforced today.
const LATER: &[&str] = &[
    "parameters",
    "rotate",
    "limits",
    "wrap_with",
    "escrow",
    "template",
    "approvals",
    "callers",
    "visible_to",
    "hours",
    "memory",
    "effective",
    "sunset",
    "draft",
    "unsafe_allow",
];

/// Every table, for the test of the documentation.
#[cfg(test)]
pub(super) const ALL: &[Keys] = &[
    TOP,
    TOKEN,
    PIN,
    MECHANISMS,
    KEYS,
    SUSPENDED,
    COMPROMISED,
    AUDIT,
    RULE,
    PERIOD,
    WHEN,
    TEST,
    TEST_KEY,
    ASK,
];
