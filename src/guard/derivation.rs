//! What a derivation must not do: give away a key in pieces, or as data.
//!
//! Some mechanisms of PKCS#11 put bytes of keys into other keys as they are. Whoever can cut a key to a few bytes, or lay
//! known bytes beside a few unknown ones, uses the result and searches for what is unknown in it; then goes on with the
//! next bytes (Clulow 2003, 3.5). No policy takes this floor away. It is no floor for keys whose value may be read
//! anyway.

use super::held::Held;
use super::op::{Ask, Makes};
use super::order::{may_see, question};
use super::{Caller, Guard};
use crate::ck::Params;
use crate::crypto::mechanism::{Made, Raw, Row};
use crate::crypto::tls12::makes_premaster;
use crate::object::{KeyFacts, State};
use crate::policy::{self, Denial, Entry, Reason};
use cryptoki_sys::{CKA_KEY_GEN_MECHANISM, CKK_GENERIC_SECRET, CKO_DATA, CKO_SECRET_KEY};

/// Fewest bits of a key that stand in what is made of it, and of whatever stands beside them: as many as a key needs
/// (SP 800-131A Rev. 2, 1.2.1).
const FEWEST_BITS: u32 = 112;

/// Whether a data object is the base of a derivation, which the mechanism must take. It has no uses, no life and no
/// policy.
pub(super) fn is_data_base(entry: Entry, base: &Held, row: Option<&Row>) -> bool {
    let takes = |row: &Row| row.ops.derivation.is_some_and(|derivation| derivation.data_base);
    entry == Entry::Derive && base.facts().class == CKO_DATA && row.is_some_and(takes)
}

/// The floor under derivations, encapsulations and decapsulations.
pub(super) fn keeps_secrets(
    guard: &Guard,
    who: &Caller<'_>,
    ask: &Ask<'_>,
    row: Option<&Row>,
) -> Result<(), Denial> {
    let (Some(Entry::Derive | Entry::Encapsulate | Entry::Decapsulate), Some(base), Some(row)) =
        (ask.entry, ask.object, row)
    else {
        return Ok(());
    };
    if is_open(guard, who, base) && ask.seconds.iter().all(|second| is_open(guard, who, second)) {
        return Ok(());
    }
    let Makes::Objects(made) = &ask.makes else { return Ok(()) };
    for facts in made.iter().filter(|facts| facts.class == CKO_SECRET_KEY && facts.bits > 0) {
        enough(facts.bits, "the derived key")?;
    }
    let Some(derivation) = row.ops.derivation else { return Ok(()) };
    if let (Made::Data(may_be_seen), Some(mechanism)) = (derivation.makes, ask.mechanism)
        && !may_be_seen(&mechanism.params)
    {
        no_key_in_the_open(guard, who, made)?;
    }
    if let Some(mechanism) = ask.mechanism {
        tells_nothing(derivation.makes, &mechanism.params, base)?;
    }
    let made_bits = made.first().map_or(0, |facts| facts.bits);
    match derivation.raw {
        Raw::No => Ok(()),
        Raw::Part => stays_whole(made_bits, base.facts()),
        Raw::Joined => {
            let data = match ask.mechanism.map(|mechanism| &mechanism.params) {
                Some(Params::StringData(data)) => {
                    Some(u32::try_from(data.len()).unwrap_or(u32::MAX).saturating_mul(8))
                }
                _ => None,
            };
            joins(made_bits, base, ask.seconds.iter().map(|second| second.facts().bits), data)
        }
    }
}

/// The data could be the value of a key that was derived in the same way. So it must be such data as the policy lets
/// be read of a key.
fn no_key_in_the_open(guard: &Guard, who: &Caller<'_>, made: &[KeyFacts]) -> Result<(), Denial> {
    for facts in made {
        let key = KeyFacts {
            class: CKO_SECRET_KEY,
            key_type: Some(CKK_GENERIC_SECRET),
            sensitive: false,
            extractable: true,
            state: State::Active,
            ..facts.clone()
        };
        let rules = guard.rules();
        let may_be_made = rules.judge_new_by(who.user(), &key, guard.now());
        let record = rules.record_for(&key);
        let record = record.while_in(who.user());
        may_be_made
            .and_then(|()| {
                policy::decide(&record, &key, &question(guard, Entry::Reveal, &key, &record)).map(drop)
            })
            .map_err(|denial| {
                Denial::new(
                    Reason::DataOfKey,
                    format!("as the value of a key it might not be read: {denial}"),
                )
            })?;
    }
    Ok(())
}

/// The version of a premaster secret is two of its bytes, and the initialisation vectors of TLS 1.2 are bytes of the block
/// that keys are cut from: other lengths make keys of the same bytes.
fn tells_nothing(makes: Made, params: &Params, base: &Held) -> Result<(), Denial> {
    let generated_by = base.attributes().number(CKA_KEY_GEN_MECHANISM);
    let told = match (makes, params) {
        (Made::TlsMaster, Params::TlsMaster(master)) if master.wants_version => {
            (!generated_by.is_some_and(makes_premaster)).then_some("the version is two bytes of the base key")
        }
        (Made::TlsKeys { with_ivs: true }, Params::TlsKeys(keys)) if keys.iv_bits > 0 => {
            Some("the initialisation vectors are bytes of what could be a key")
        }
        _ => None,
    };
    told.map_or(Ok(()), |told| Err(Denial::new(Reason::DataOfKey, told)))
}

/// A part of a key of which parts may be known could be all but known.
fn stays_whole(made_bits: u32, base: &KeyFacts) -> Result<(), Denial> {
    if made_bits < base.bits && base.indivisible {
        return Err(Denial::new(Reason::Fragment, "parts of the base key may be known: it is not cut"));
    }
    Ok(())
}

/// Everything that is joined stands there whole, and nothing is so short that it could be searched for beside the rest.
fn joins(
    made_bits: u32,
    base: &Held,
    seconds: impl Iterator<Item = u32>,
    data: Option<u32>,
) -> Result<(), Denial> {
    let mut all = 0_u32;
    for bits in std::iter::once(base.facts().bits).chain(seconds).chain(data) {
        enough(bits, "a part of the derived key")?;
        all = all.saturating_add(bits);
    }
    if made_bits < all {
        return Err(Denial::new(Reason::Fragment, "keys that are joined are not cut"));
    }
    Ok(())
}

fn enough(bits: u32, what: &str) -> Result<(), Denial> {
    if bits < FEWEST_BITS {
        let detail = format!("{what} would have {bits} bits, and could be searched for");
        return Err(Denial::new(Reason::Fragment, detail));
    }
    Ok(())
}

/// Whether whoever may use an object may read its value too, by its attributes and by the policy.
fn is_open(guard: &Guard, who: &Caller<'_>, object: &Held) -> bool {
    let facts = object.facts();
    if facts.class == CKO_DATA {
        return true;
    }
    let rules = object.rules_for(who);
    let asked = question(guard, Entry::Reveal, facts, &rules);
    may_see(object).is_ok() && policy::decide(&rules, facts, &asked).is_ok()
}
