//! What was done with keys, asked again under another policy.
//!
//! A use is judged as if it were done again: key, state, dates and rules as they are now, at the next moment from now on
//! that has the weekday and the time of day of the record; mechanism, parameters, user id and program as recorded.

use super::{Key, Result, Visit};
use crate::audit::Kind;
use crate::audit::folder::Copy;
use crate::audit::read::{Ending, Entry as Recorded, Filter};
use crate::ck::CK_MECHANISM_TYPE;
use crate::ck::date::UtcSeconds;
use crate::ck::names::mechanism_number;
use crate::crypto::table;
use crate::guard::{Held, Role};
use crate::policy::{Caller, Denial, Entry, KeyRules, Parameter, Parameters, Request, Ruleset, decide};
use crate::store::Uid;
use crate::sys::process;
use cryptoki_sys::CKM_CHACHA20_POLY1305;
use std::collections::BTreeMap;
use std::sync::Arc;

const WEEK: u64 = 7 * 24 * 60 * 60;

/// So many programs and users are told apart; the uses of more are not judged.
const MOST: usize = 1024;

/// Recorded uses of a token's keys, held against a policy.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Replay {
    /// How many uses were judged.
    pub replayed: u64,
    /// How many of them the policy refuses.
    pub refused: u64,
    /// How many of the refused ones the policy in force refuses as well.
    pub refused_already: u64,
    /// How many uses could not be judged, by the reason.
    pub not_judged: BTreeMap<&'static str, u64>,
    /// The refused uses, equal ones together.
    pub groups: Vec<Group>,
    /// First and last moment of all recorded uses, in nanoseconds since 1970 UTC.
    pub period: Option<(u64, u64)>,
}

/// Recorded uses that are refused for the same reason.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// Label of the key, as it is now.
    pub label: String,
    /// What was done.
    pub entry: Entry,
    /// By which mechanism.
    pub mechanism: Option<CK_MECHANISM_TYPE>,
    /// The refusal of the first of them.
    pub denial: Denial,
    /// How many.
    pub count: u64,
    /// When the first was, in nanoseconds since 1970 UTC.
    pub first: u64,
    /// When the last was.
    pub last: u64,
}

/// A key that is there, with its rules under the policy that is tried.
struct Judged {
    held: Arc<Held>,
    new: KeyRules,
}

/// Strings of records that live as long as the process, as those of [`Caller`] do: each is kept once.
#[derive(Default)]
struct Callers(BTreeMap<(u32, String), Caller>);

impl Callers {
    fn of(&mut self, record: &Recorded) -> Option<Caller> {
        let header = &record.header;
        let name = (header.uid, header.executable.clone());
        if let Some(known) = self.0.get(&name) {
            return Some(*known);
        }
        if self.0.len() >= MOST {
            return None;
        }
        let kept = |text: String| (!text.is_empty()).then(|| &*text.leak());
        let caller = Caller {
            uid: header.uid,
            // Not recorded: no group, so that a rule about groups refuses what it cannot tell.
            gid: u32::MAX,
            user: process::user_name(header.uid).and_then(kept),
            group: None,
            exe: kept(header.executable.clone()),
            unit: None,
        };
        self.0.insert(name, caller);
        Some(caller)
    }
}

impl Visit<'_> {
    /// Every recorded use of the token's keys, under another policy. What the login may see is judged; nothing is used,
    /// bound, written or logged.
    ///
    /// # Errors
    /// Those of the store.
    pub fn replay(&self, rules: &Ruleset, copy: &Copy, since: Option<UtcSeconds>) -> Result<Replay> {
        let session = self.session()?;
        let now = session.token().guard().now();
        let mut keys: BTreeMap<[u8; 16], Judged> = BTreeMap::new();
        for Key { uid: Uid(uid), handle, .. } in self.keys()? {
            let Some(held) = handle.and_then(|handle| session.key(handle).ok()) else { continue };
            let new = rules.record_for(held.facts());
            keys.insert(uid, Judged { held, new });
        }
        let filter =
            Filter { kind: Some(Kind::Decision), ending: Some(Ending::Done), since, ..Filter::default() };
        let (mut told, mut callers) = (Replay::default(), Callers::default());
        for record in super::audit::records(copy, &filter, None) {
            told.judge(&record, &keys, &mut callers, now);
        }
        Ok(told)
    }
}

impl Replay {
    fn judge(
        &mut self,
        record: &Recorded,
        keys: &BTreeMap<[u8; 16], Judged>,
        callers: &mut Callers,
        now: UtcSeconds,
    ) {
        let event = &record.event;
        let Some(entry) = used(&event.operation) else { return };
        // Of a use that must be on record before it happens this is the beginning; its end is another record.
        if event.detail == "begun" {
            return;
        }
        let last = event.at.max(event.until);
        let (from, to) = self.period.unwrap_or((event.at, last));
        self.period = Some((from.min(event.at), to.max(last)));
        let target = (entry == Entry::Wrap && event.other != [0; 16]).then_some(event.other);
        let asked = [(entry, Some(event.object)), (Entry::WrapTarget, target)];
        let mut questions = Vec::new();
        for (entry, object) in asked {
            let Some(object) = object else { continue };
            match keys.get(&object) {
                Some(key) => questions.push((entry, key)),
                None => return self.pass_over("the key is gone, or the login does not see it", event.count),
            }
        }
        let Some(caller) = callers.of(record) else {
            return self.pass_over("too many different programs", event.count);
        };
        let at = again(event.at / 1_000_000_000, now);
        self.replayed = self.replayed.saturating_add(event.count);
        let denied = questions.iter().find_map(|(entry, key)| {
            let request = request(*entry, record, key, caller, at);
            let user = Some(event.user.as_str()).filter(|name| *name != Role::Public.word());
            let (new, old) = (key.new.while_in(user), key.held.rules().while_in(user));
            let facts = key.held.facts();
            let denial = match decide(&new, facts, &request) {
                Err(denial) => denial,
                Ok(_) => new.newly_asks(&old, *entry, facts, at)?,
            };
            Some((*entry, *key, denial, decide(&old, facts, &request).is_err()))
        });
        if let Some((entry, key, denial, already)) = denied {
            self.refused = self.refused.saturating_add(event.count);
            if already {
                self.refused_already = self.refused_already.saturating_add(event.count);
            }
            let label = key.held.facts().label.clone();
            let mechanism = event.mechanism;
            self.add(Group { label, entry, mechanism, denial, count: event.count, first: event.at, last });
        }
    }

    fn pass_over(&mut self, why: &'static str, count: u64) {
        let sum = self.not_judged.entry(why).or_default();
        *sum = sum.saturating_add(count);
    }

    fn add(&mut self, new: Group) {
        let same = |each: &&mut Group| {
            each.label == new.label
                && each.entry == new.entry
                && each.mechanism == new.mechanism
                && each.denial.reason == new.denial.reason
                && each.denial.rules == new.denial.rules
        };
        match self.groups.iter_mut().find(same) {
            None => self.groups.push(new),
            Some(group) => {
                group.count = group.count.saturating_add(new.count);
                group.first = group.first.min(new.first);
                group.last = group.last.max(new.last);
            }
        }
    }

    /// How many uses could not be judged.
    pub fn passed_over(&self) -> u64 {
        self.not_judged.values().fold(0, |sum, count| sum.saturating_add(*count))
    }
}

/// The use of a key that a record speaks of; `None` where it speaks of something else.
pub(super) fn used(operation: &str) -> Option<Entry> {
    let entry = Entry::named(operation).ok()?;
    super::policy::USES.contains(&entry).then_some(entry)
}

/// The next moment, from now on, of the same weekday and time of day in UTC.
const fn again(recorded: UtcSeconds, now: UtcSeconds) -> UtcSeconds {
    let ahead = (recorded % WEEK + WEEK - now % WEEK) % WEEK;
    now.saturating_add(ahead)
}

fn request(entry: Entry, record: &Recorded, key: &Judged, caller: Caller, now: UtcSeconds) -> Request {
    let facts = key.held.facts();
    let ckm = record.event.mechanism.filter(|_| entry != Entry::WrapTarget);
    Request {
        mechanism: ckm.and_then(table::find).map(|(index, _)| index),
        ckm,
        parameters: parameters(ckm, &record.event.detail),
        caller: Some(caller),
        ..Request::about(entry, facts, now)
    }
}

/// The parameters that a record tells of, as far as rules ask for them. What it does not tell is absent.
fn parameters(ckm: Option<CK_MECHANISM_TYPE>, detail: &str) -> Parameters {
    let mut told = Parameters::default();
    let own = detail.split("; ").next().unwrap_or_default();
    for part in own.split(", ") {
        let words: Vec<&str> = part.split(' ').collect();
        let number = |text: &str| text.parse::<u64>().map_or(Parameter::Absent, Parameter::Is);
        let bits = |text: &str| {
            text.parse::<u64>().map_or(Parameter::Absent, |bytes| Parameter::Is(bytes.saturating_mul(8)))
        };
        match *words.as_slice() {
            ["iv" | "nonce", length, "bytes"] => told.iv = bits(length),
            ["tag", length, "bits"] => told.tag = number(length),
            ["mac", length, "bytes"] => told.tag = bits(length),
            ["salt", length, "bytes"] => told.salt = number(length),
            ["kdf", kdf] => {
                let kdf = kdf.strip_prefix("0x").and_then(|digits| u64::from_str_radix(digits, 16).ok());
                told.kdf = kdf.map_or(Parameter::Absent, Parameter::Is);
            }
            [name] => {
                told.hash = mechanism_number(name).map_or(told.hash, Parameter::Is);
            }
            _ => {}
        }
    }
    if ckm == Some(CKM_CHACHA20_POLY1305) {
        told.tag = Parameter::Is(128);
    }
    // The record of a use whose IV the caller named in the mechanism.
    if told.iv != Parameter::Absent {
        told.iv_made = Parameter::Is(false);
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ck::Params;
    use cryptoki_sys::*;

    #[test]
    fn again_is_the_next_moment_of_the_same_weekday_and_hour() {
        let now = 1_900_000_000;
        assert_eq!(again(now, now), now);
        assert_eq!(again(now - 3600, now), now + WEEK - 3600);
        assert_eq!(again(now + 60, now), now + 60);
        for back in [1, 86_400, WEEK, 52 * WEEK + 7] {
            let at = again(now - back, now);
            assert!(at >= now && at < now + WEEK && at % WEEK == (now - back) % WEEK, "{back}");
        }
    }

    #[test]
    fn parameters_are_read_back_from_what_a_record_says() {
        let back = |ckm, params: Params| {
            let told = parameters(Some(ckm), &format!("{}; of a key", params.summary()));
            (told, Parameters::of(ckm, &params))
        };
        let gcm = Params::Gcm { iv: vec![0; 12], aad: Vec::new(), tag_bits: 96 };
        let ccm = Params::Ccm { data_len: 5, nonce: vec![0; 13], aad: Vec::new(), mac_len: 8 };
        let ecdh = Params::Ecdh1 { kdf: CKD_SHA256_KDF.into(), shared: Vec::new(), public: Vec::new() };
        let all = [
            (CKM_AES_GCM, gcm),
            (CKM_AES_CCM, ccm),
            (CKM_CHACHA20_POLY1305, Params::Poly1305 { nonce: vec![0; 12], aad: Vec::new() }),
            (CKM_SHA256_HMAC_GENERAL, Params::MacGeneral(16)),
            (CKM_ECDH1_DERIVE, ecdh),
            (CKM_ECDSA, Params::None),
        ];
        for (ckm, params) in all {
            let (told, real) = back(ckm, params);
            assert_eq!(told, real, "{ckm:#x}");
        }
        // The record does not name the mask generation function.
        let pss = Params::Pss { hash: CKM_SHA256, mgf: CKG_MGF1_SHA256, salt_len: 32 };
        let (told, real) = back(CKM_RSA_PKCS_PSS, pss);
        assert_eq!(told, Parameters { mgf: Parameter::Absent, ..real });
    }

    #[test]
    fn used_knows_uses_of_keys_from_other_records() {
        assert_eq!(used("sign"), Some(Entry::Sign));
        assert_eq!(used("generate"), None);
        assert_eq!(used("nonsense"), None);
    }
}
