//! What a report says of a token's keys: what is there, what is due, what is weak, and what a policy has against it.
//! Nothing is used, bound or written.

mod told;

pub use told::{Occurrence, Told};

use super::{Key, Result, Trouble, Visit};
use crate::ck::date::{UtcSeconds, display_utc};
use crate::object::{KeyFacts, Origin, Purpose, State};
use crate::policy::{Audit, Ruleset, lifecycle, strength};

/// Seconds of a day.
const DAY: u64 = 24 * 60 * 60;

/// So long before its end a window is worth a word, in seconds.
pub const SOON: u64 = 30 * DAY;

/// Fewest bits of security that no remark is made about: SP 800-57 Part 1 Rev. 5, 5.6.3, table 4, from 2031 on.
const ENOUGH: u32 = 128;

/// How urgent a remark is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Weight {
    /// Worth knowing.
    Note,
    /// To be done in the next weeks.
    Soon,
    /// Wrong now.
    Now,
}

impl Weight {
    /// The word for people and for the style of a page.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Soon => "soon",
            Self::Now => "now",
        }
    }
}

/// Something to be said of a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remark {
    /// How urgent it is.
    pub weight: Weight,
    /// What is so.
    pub text: String,
}

/// What a policy has against a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What it says.
    pub text: String,
    /// The rules behind it, with the clauses that they come from.
    pub rules: Vec<String>,
}

/// A key, and what is to be said of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The key.
    pub key: Key,
    /// Bits of security (SP 800-57 Part 1 Rev. 5, table 2); none where the table does not tell.
    pub strength: Option<u32>,
    /// What is due, weak or unused.
    pub remarks: Vec<Remark>,
    /// What the policy that was asked about has against it.
    pub findings: Vec<Finding>,
}

/// A token and all that is to be said of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// Label of the token.
    pub label: String,
    /// Its serial number.
    pub serial: String,
    /// When the report was made.
    pub at: UtcSeconds,
    /// The policy in force.
    pub policy: String,
    /// The policy that the findings are of.
    pub against: Option<String>,
    /// The keys that live, and what destroyed keys left.
    pub entries: Vec<Entry>,
    /// What the audit trail tells.
    pub told: Told,
}

impl Visit<'_> {
    /// Everything that is to be said of the keys that the login may see; `preset` names the shipped policy that they are
    /// held against.
    ///
    /// # Errors
    /// [`Trouble::Named`] for a policy that is not shipped; those of the store.
    pub fn report(&self, preset: Option<&str>) -> Result<Report> {
        let session = self.session()?;
        let token = session.token();
        let at = token.guard().now();
        let against = preset.map(preset_named).transpose()?;
        let mut keys = self.keys()?;
        keys.extend(self.tombstones()?);
        let told = Told::of(token).map_err(super::failed("reading the audit trail"))?;
        let rules = token.guard().rules();
        let information = token.information().map_err(super::failed("reading the token"))?;
        Ok(Report {
            label: crate::ck::text::unpadded(&information.label),
            serial: token.serial().to_owned(),
            at,
            policy: rules.name().to_owned(),
            against: against.as_ref().map(|rules| rules.name().to_owned()),
            entries: keys
                .into_iter()
                .map(|key| {
                    let mut entry = Entry::of(key, against.as_ref(), at);
                    entry.remarks.extend(recorded(&entry.key, &rules, &told, at));
                    entry
                })
                .collect(),
            told,
        })
    }
}

fn preset_named(name: &str) -> Result<Ruleset> {
    let source = Ruleset::shipped(name).ok_or_else(|| {
        let names: Vec<_> = Ruleset::shipped_names().collect();
        Trouble::Named(format!("no policy called {name:?} is shipped; there are: {}", names.join(", ")))
    })?;
    Ruleset::load(name, source, &|path| Err(format!("{path}: nothing can be read here")))
        .map_err(|_| Trouble::Named(format!("the shipped policy {name:?} cannot be read")))
}

impl Entry {
    fn of(key: Key, against: Option<&Ruleset>, now: UtcSeconds) -> Self {
        let facts = &key.facts;
        let strength = facts.key_type.and_then(|kind| strength::strength_bits(kind, facts.bits));
        let there = key.handle.is_some();
        let remarks = if there { remarks(&key, strength, now) } else { Vec::new() };
        let findings = against.filter(|_| there).map_or_else(Vec::new, |rules| findings(&key, rules, now));
        Self { key, strength, remarks, findings }
    }

    /// The most urgent of its remarks.
    pub fn weight(&self) -> Option<Weight> {
        self.remarks.iter().map(|remark| remark.weight).max()
    }
}

fn remarks(key: &Key, strength: Option<u32>, now: UtcSeconds) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let mut say = |weight, text: String| remarks.push(Remark { weight, text });
    for due in key.dues(now.saturating_add(SOON)) {
        say(if due.at <= now { Weight::Now } else { Weight::Soon }, due.text(now));
    }
    match key.state {
        State::PreActive => say(Weight::Note, "is not active yet".to_owned()),
        State::Suspended => say(Weight::Soon, "is suspended: to be reinstated or given up".to_owned()),
        State::Compromised => {
            say(
                Weight::Now,
                "is compromised and still there: to be destroyed when nothing needs it".to_owned(),
            );
        }
        _ => {}
    }
    match strength {
        Some(bits) if bits < 112 => {
            say(Weight::Now, format!("has {bits} bits of security, fewer than 112 (SP 800-131A Rev. 2)"));
        }
        Some(bits) if bits < ENOUGH => {
            let text =
                format!("has {bits} bits of security: not after 2030 (SP 800-57 Part 1 Rev. 5, table 4)");
            say(Weight::Note, text);
        }
        None => say(Weight::Note, "has a strength that SP 800-57 does not tell".to_owned()),
        Some(_) => {}
    }
    for limit in key.limits.iter().filter(|limit| limit.unit.seconds() == 0) {
        if limit.used >= limit.most {
            say(Weight::Now, format!("has spent its budget: {limit}"));
        } else if limit.used >= limit.most - limit.most / 10 {
            say(Weight::Soon, format!("has spent most of its budget: {limit}"));
        }
    }
    if key.facts.purpose.is_none() && key.state == State::Active {
        say(Weight::Note, "was never used: no use has fixed its purpose".to_owned());
    }
    if key.facts.extractable && !key.facts.sensitive && key.class_word() != "public" {
        say(Weight::Now, "can be read in the clear by whoever logs in".to_owned());
    }
    remarks
}

/// So long without a use is worth a word, in seconds.
const IDLE: u64 = 365 * DAY;

/// What the audit trail tells of a living token key: that nothing used it, and that nothing could bring it back.
fn recorded(key: &Key, rules: &Ruleset, told: &Told, now: UtcSeconds) -> Vec<Remark> {
    let mut remarks = Vec::new();
    if key.handle.is_none() || key.state != State::Active {
        return remarks;
    }
    let mut say = |text: String| remarks.push(Remark { weight: Weight::Note, text });
    // That there is no record says something only where uses are recorded.
    if rules.record_for(&key.facts).audit(|| now).max(rules.keys().audit) == Audit::All {
        match told.last_use(key.uid) {
            None => say("was never used: no use is on record".to_owned()),
            Some(at) if at.saturating_add(IDLE) <= now => say(format!("was last used {}", display_utc(at))),
            Some(_) => {}
        }
    }
    // Keys that open what was protected must outlive an accident; keys that sign are made anew (SP 800-57 Part 1 Rev. 5,
    // Appendix B.3).
    let opens = matches!(key.facts.purpose, Some(Purpose::Encrypt | Purpose::Wrap | Purpose::Derive));
    if opens && key.class_word() != "public" && !told.is_backed_up(key.uid, key.facts.initial_date) {
        say(if key.facts.extractable {
            "was never backed up: no wrapped copy has left, and the store was not copied since it was made"
                .to_owned()
        } else {
            "was never backed up: the store was not copied since it was made (`keyward backup`)".to_owned()
        });
    }
    remarks
}

/// What the policy has against the key: that it is there at all, as if it were made today, and that its time is over.
fn findings(key: &Key, rules: &Ruleset, now: UtcSeconds) -> Vec<Finding> {
    let as_new = KeyFacts { origin: Origin::Generated, ..key.facts.clone() };
    let mut findings: Vec<Finding> = rules
        .refusals(&as_new, now)
        .into_iter()
        .map(|denial| Finding {
            rules: denial.rules.iter().map(|id| rules.cited(id)).collect(),
            text: match denial.why {
                Some(why) => format!("{} ({why})", denial.detail),
                None => denial.detail,
            },
        })
        .collect();
    let record = rules.record_for(&key.facts);
    let (protect, process) = record.windows(&key.facts, now);
    let applied = || record.applied(now).map(|id| rules.cited(id)).collect();
    let state = lifecycle::effective_state(key.facts.state, protect, process, now);
    if state == State::Active && protect.to.is_some_and(|end| end <= now) {
        let end = protect.to.map(display_utc).unwrap_or_default();
        findings.push(Finding { text: format!("its originator period ended {end}"), rules: applied() });
    }
    findings
}
