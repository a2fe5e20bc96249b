//! The policies that are part of the module, as text: they are read like any other.

/// The policy of a token for which nobody has installed another.
pub(super) const DEFAULT: &str = "default";

const SHIPPED: &[(&str, &str)] = &[
    (DEFAULT, include_str!("../../policy/default.toml")),
    ("legacy", include_str!("../../policy/legacy.toml")),
    ("sp800-57", include_str!("../../policy/sp800-57.toml")),
    ("sp800-131a", include_str!("../../policy/sp800-131a.toml")),
    ("fips-approved", include_str!("../../policy/fips-approved.toml")),
    ("cnsa-2.0", include_str!("../../policy/cnsa-2.0.toml")),
    ("bsi-tr02102", include_str!("../../policy/bsi-tr02102.toml")),
    ("pci-pin", include_str!("../../policy/pci-pin.toml")),
    ("pci-dss", include_str!("../../policy/pci-dss.toml")),
    ("root-ca", include_str!("../../policy/root-ca.toml")),
    ("tls-server", include_str!("../../policy/tls-server.toml")),
    ("code-signing", include_str!("../../policy/code-signing.toml")),
    ("data-encryption", include_str!("../../policy/data-encryption.toml")),
];

/// The text of a shipped policy.
pub(super) fn text(name: &str) -> Option<&'static str> {
    SHIPPED.iter().find(|(each, _)| *each == name).map(|(_, text)| *text)
}

/// The name of the file that a shipped policy is. No path looks like this, so no file of the same name can stand in
/// for it.
pub(super) fn file_name(name: &str) -> String {
    format!("{PREFIX}{name}")
}

/// The shipped policy that a file of this name is.
pub(super) fn name_of(file: &str) -> Option<&str> {
    file.strip_prefix(PREFIX)
}

const PREFIX: &str = "shipped:";

/// The names of the shipped policies.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    SHIPPED.iter().map(|(name, _)| *name)
}
