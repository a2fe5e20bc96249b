//! The policies that are part of the module, as text: they are read like any other.

/// The policy of a token for which nobody has installed another.
pub(super) const DEFAULT: &str = "default";

const SHIPPED: &[(&str, &str)] = &[
    (DEFAULT, include_str!("../../policy/default.toml")),
    ("legacy", include_str!("../../policy/legacy.toml")),
];

/// The text of a shipped policy.
pub(super) fn text(name: &str) -> Option<&'static str> {
    SHIPPED.iter().find(|(each, _)| *each == name).map(|(_, text)| *text)
}

/// The names of the shipped policies.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    SHIPPED.iter().map(|(name, _)| *name)
}
