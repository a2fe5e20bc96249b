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
        "pre-active",
        "suspended",
        "compromised",
        "draft",
        "unsafe_allow",
        "audit",
        "rule",
        "alarm",
        "test",
    ],
    later: &["memory", "callers", "approvals", "visible_to", "hours", "limits"],
};
pub(super) const TOKEN: Keys = Keys { section: "[token]", known: &["pin", "session", "objects"], later: &[] };
pub(super) const SESSION: Keys = Keys { section: "`session`", known: &["max", "idle_logout"], later: &[] };
pub(super) const OBJECTS: Keys = Keys { section: "`objects`", known: &["max"], later: &[] };
pub(super) const PIN: Keys =
    Keys { section: "`pin`", known: &["min_length", "max_length", "max_failures", "lockout"], later: &[] };
pub(super) const MECHANISMS: Keys =
    Keys { section: "[mechanisms]", known: &["deny", "legacy_use"], later: &["parameters"] };
pub(super) const KEYS: Keys = Keys {
    section: "[keys]",
    known: &[
        "single_purpose",
        "min_strength",
        "sensitive",
        "export",
        "escrow",
        "approvals",
        "initial_state",
        "audit",
        "memory",
        "rotate",
        "hide_inactive",
        "limits",
        "parameters",
        "wrap_with",
        "template",
        "callers",
        "visible_to",
        "hours",
    ],
    later: &[],
};
pub(super) const PRE_ACTIVE: Keys =
    Keys { section: "[pre-active]", known: &["proof_of_possession"], later: &[] };
pub(super) const SUSPENDED: Keys = Keys { section: "[suspended]", known: &["process"], later: &[] };
pub(super) const COMPROMISED: Keys = Keys { section: "[compromised]", known: &["process"], later: &[] };
pub(super) const AUDIT: Keys = Keys { section: "[audit]", known: &["required", "sync"], later: &[] };
pub(super) const ALARM: Keys = Keys {
    section: "[[alarm]]",
    known: &["id", "on", "over", "within", "when", "hours", "then", "why", "source", "section"],
    later: &[],
};
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
        "limits",
        "export",
        "escrow",
        "approvals",
        "parameters",
        "wrap_with",
        "template",
        "callers",
        "visible_to",
        "hours",
        "audit",
        "memory",
        "rotate",
        "hide_inactive",
        "source",
        "section",
        "effective",
        "sunset",
        "draft",
    ],
    later: &[],
};
pub(super) const PERIOD: Keys =
    Keys { section: "`crypto_period`", known: &["originator", "recipient"], later: &[] };
pub(super) const LIMITS: Keys =
    Keys { section: "`limits`", known: &["uses", "bytes", "keys_wrapped", "rate", "of"], later: &[] };
pub(super) const APPROVALS: Keys =
    Keys { section: "`approvals`", known: &["need", "of", "for", "valid"], later: &[] };
pub(super) const ROTATE: Keys = Keys {
    section: "`rotate`",
    known: &["every", "overlap", "handover", "destroy", "automatic"],
    later: &[],
};
pub(super) const WHEN: Keys = Keys {
    section: "`when`",
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
        "private",
        "sensitive",
        "extractable",
        "trusted",
        "wrap_with_trusted",
        "always_authenticate",
        "modifiable",
        "copyable",
        "destroyable",
        "local",
        "always_sensitive",
        "never_extractable",
        "user",
        "state",
        "age",
        "generation",
    ],
    later: &[],
};
pub(super) const AGE: Keys = Keys { section: "`age`", known: &["min", "max"], later: &[] };
pub(super) const GENERATION: Keys = Keys { section: "`generation`", known: &["min", "max"], later: &[] };
pub(super) const BITS: Keys = Keys { section: "`bits`", known: &["min", "max"], later: &[] };
pub(super) const PARAMETERS: Keys = Keys {
    section: "`parameters`",
    known: &["hash", "mgf", "min_salt", "min_tag", "min_iv", "iv_source", "kdf"],
    later: &[],
};
pub(super) const WRAP_WITH: Keys =
    Keys { section: "`wrap_with`", known: &["trusted", "label", "id", "mechanisms"], later: &[] };
pub(super) const TEMPLATE: Keys = Keys {
    section: "`template`",
    known: &[
        "private",
        "sensitive",
        "extractable",
        "trusted",
        "wrap_with_trusted",
        "always_authenticate",
        "modifiable",
        "copyable",
        "destroyable",
    ],
    later: &[],
};
pub(super) const CALLERS: Keys =
    Keys { section: "`callers`", known: &["uid", "gid", "exe", "unit"], later: &[] };
pub(super) const VISIBLE_TO: Keys =
    Keys { section: "`visible_to`", known: &["uid", "gid", "exe", "unit"], later: &[] };
pub(super) const TEST: Keys =
    Keys { section: "[[test]]", known: &["id", "key", "ask", "expect", "by", "at"], later: &[] };
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
        "backed_up",
        "trusted",
        "local",
        "always_sensitive",
        "never_extractable",
        "generation",
        "uses",
    ],
    later: &[],
};
pub(super) const ASK: Keys = Keys {
    section: "`ask`",
    known: &["op", "mechanism", "parameters", "approved_by", "user", "uid", "gid", "exe", "unit"],
    later: &[],
};
pub(super) const ASK_PARAMETERS: Keys = Keys {
    section: "`parameters`",
    known: &["hash", "mgf", "salt", "tag", "iv", "iv_source", "kdf"],
    later: &[],
};

/// Every table, for the test of the documentation.
#[cfg(test)]
pub(super) const ALL: &[Keys] = &[
    TOP,
    TOKEN,
    PIN,
    SESSION,
    OBJECTS,
    MECHANISMS,
    KEYS,
    PRE_ACTIVE,
    SUSPENDED,
    COMPROMISED,
    AUDIT,
    ALARM,
    RULE,
    PERIOD,
    LIMITS,
    APPROVALS,
    ROTATE,
    WHEN,
    BITS,
    AGE,
    GENERATION,
    PARAMETERS,
    WRAP_WITH,
    TEMPLATE,
    CALLERS,
    VISIBLE_TO,
    TEST,
    TEST_KEY,
    ASK,
    ASK_PARAMETERS,
];
