//! What other software tokens announce (`peers.tsv`).

const LIST: &str = include_str!("peers.tsv");

/// Another software token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Peer {
    SoftHsm2,
    Kryoptic,
    Nss,
}

impl Peer {
    pub const ALL: [Self; 3] = [Self::SoftHsm2, Self::Kryoptic, Self::Nss];

    /// The name in the list.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SoftHsm2 => "SoftHSM2",
            Self::Kryoptic => "Kryoptic",
            Self::Nss => "NSS",
        }
    }
}

/// Every mechanism of the list and who has it.
pub fn all() -> Vec<(&'static str, Vec<Peer>)> {
    let line = |line: &'static str| {
        let (name, has) = line.split_once('\t').unwrap();
        let known = |word| Peer::ALL.into_iter().find(|peer| peer.name() == word).unwrap();
        (name, has.split(' ').map(known).collect())
    };
    LIST.lines().filter(|line| !line.starts_with('#')).map(line).collect()
}

/// Who has a mechanism.
pub fn of(name: &str) -> Vec<Peer> {
    all().into_iter().find(|(each, _)| *each == name).map(|(_, has)| has).unwrap_or_default()
}
