//! What one record says.

use super::codec::{Cut, Reader, Writer, number, text};
use std::borrow::Cow;

/// What a record is about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Kind {
    /// A decision of the guard, and how the operation ended.
    Decision = 1,
    /// A change of a key's life, or of an object.
    Change = 2,
    /// A login, good or not.
    Login = 3,
    /// A logout.
    Logout = 4,
    /// A PIN was set or changed.
    Pin = 5,
    /// A user was added or removed.
    User = 6,
    /// A token was initialised.
    Token = 7,
    /// The policy in force, and another one after it.
    Policy = 8,
    /// The module was opened or closed by its process.
    Process = 9,
    /// A backup, an export, a restore.
    Backup = 10,
    /// A threshold was crossed.
    Alarm = 11,
    /// Records that could not be written, with their number as the count.
    Lost = 12,
    /// A part of a key's budget was taken by a process, to be spent there.
    Budget = 13,
    /// A request for the word of others: opened, approved, refused, spent.
    Approval = 14,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 14] = [
        Self::Decision,
        Self::Change,
        Self::Login,
        Self::Logout,
        Self::Pin,
        Self::User,
        Self::Token,
        Self::Policy,
        Self::Process,
        Self::Backup,
        Self::Alarm,
        Self::Lost,
        Self::Budget,
        Self::Approval,
    ];

    /// The word for people and for exports.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Decision => "decision",
            Self::Change => "change",
            Self::Login => "login",
            Self::Logout => "logout",
            Self::Pin => "pin",
            Self::User => "user",
            Self::Token => "token",
            Self::Policy => "policy",
            Self::Process => "process",
            Self::Backup => "backup",
            Self::Alarm => "alarm",
            Self::Lost => "lost",
            Self::Budget => "budget",
            Self::Approval => "approval",
        }
    }

    fn of(number: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| u64::from(*kind as u8) == number)
    }
}

/// One record. What is empty or zero says nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// What it is about.
    pub kind: Kind,
    /// When it happened, in nanoseconds since 1970 UTC; the first time of several.
    pub at: u64,
    /// When it happened last, where it happened more than once.
    pub until: u64,
    /// How often it happened; 1 at least.
    pub count: u64,
    /// The session's handle.
    pub session: u64,
    /// Who was logged in.
    pub user: String,
    /// What was asked: `sign`, `wrap`, `compromise`, ...
    pub operation: Cow<'static, str>,
    /// The object's unique id.
    pub object: [u8; 16],
    /// The object's label.
    pub label: String,
    /// The second object: the key that was wrapped, made, or used beside the first.
    pub other: [u8; 16],
    /// `CKM_...`; `None` where there is none.
    pub mechanism: Option<u64>,
    /// The mechanism's parameters that matter, and whatever else a reader should know.
    pub detail: String,
    /// Bytes that went through, over all times.
    pub bytes: u64,
    /// `CKR_...`
    pub result: u64,
    /// The reason of a refusal, 0 where nothing was refused.
    pub reason: u64,
    /// The rules that decided.
    pub rules: Vec<String>,
    /// Digest of the policy in force, its first 8 bytes.
    pub policy: [u8; 8],
    /// What was agreed to, signed by who agreed, as [`Word::encode`](super::word::Word::encode) wrote each.
    pub words: Vec<Vec<u8>>,
    /// The public key that the user signs with from now on.
    pub signer: Option<[u8; 32]>,
}

/// Length of a record in bytes behind which no rule and no word begins: a frame must hold all of it.
const RULES_END: usize = 32 * 1024;

const KIND: u8 = 1;
const AT: u8 = 2;
const UNTIL: u8 = 3;
const COUNT: u8 = 4;
const SESSION: u8 = 5;
const USER: u8 = 6;
const OPERATION: u8 = 7;
const OBJECT: u8 = 8;
const LABEL: u8 = 9;
const OTHER: u8 = 10;
const MECHANISM: u8 = 11;
const DETAIL: u8 = 12;
const BYTES: u8 = 13;
const RESULT: u8 = 14;
const REASON: u8 = 15;
const RULE: u8 = 16;
const POLICY: u8 = 17;
const WORD: u8 = 18;
const SIGNER: u8 = 19;

impl Event {
    /// Nothing but its kind, operation and time.
    pub fn new(kind: Kind, operation: impl Into<Cow<'static, str>>, at: u64) -> Self {
        Self {
            kind,
            at,
            until: 0,
            count: 1,
            session: 0,
            user: String::new(),
            operation: operation.into(),
            object: [0; 16],
            label: String::new(),
            other: [0; 16],
            mechanism: None,
            detail: String::new(),
            bytes: 0,
            result: 0,
            reason: 0,
            rules: Vec::new(),
            policy: [0; 8],
            words: Vec::new(),
            signer: None,
        }
    }

    /// Whether the other record says the same but for time, number and size: they become one with a count.
    pub fn repeats(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.object == other.object
            && self.mechanism == other.mechanism
            && self.result == other.result
            && self.reason == other.reason
            && self.session == other.session
            && self.operation == other.operation
            && self.other == other.other
            && self.user == other.user
            && self.detail == other.detail
            && self.rules == other.rules
            && self.policy == other.policy
            && self.label == other.label
            && self.words == other.words
            && self.signer == other.signer
    }

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.number(KIND, u64::from(self.kind as u8));
        out.number(AT, self.at);
        out.number(UNTIL, self.until);
        if self.count != 1 {
            out.number(COUNT, self.count);
        }
        out.number(SESSION, self.session);
        out.text(USER, &self.user);
        out.text(OPERATION, &self.operation);
        if self.object != [0; 16] {
            out.bytes(OBJECT, &self.object);
        }
        out.text(LABEL, &self.label);
        if self.other != [0; 16] {
            out.bytes(OTHER, &self.other);
        }
        if let Some(mechanism) = self.mechanism {
            // CKM_RSA_PKCS_KEY_PAIR_GEN is 0, and no field would be none.
            out.bytes(MECHANISM, &mechanism.to_le_bytes());
        }
        out.text(DETAIL, &self.detail);
        out.number(BYTES, self.bytes);
        out.number(RESULT, self.result);
        out.number(REASON, self.reason);
        for (told, rule) in self.rules.iter().enumerate() {
            if out.len() > RULES_END {
                out.text(RULE, &format!("and {} more", self.rules.len() - told));
                break;
            }
            out.text(RULE, rule);
        }
        if self.policy != [0; 8] {
            out.bytes(POLICY, &self.policy);
        }
        for word in &self.words {
            // Each was recorded when it was said, too: here the last of very many may be missing.
            if out.len() > RULES_END {
                break;
            }
            out.bytes(WORD, word);
        }
        if let Some(signer) = &self.signer {
            out.bytes(SIGNER, signer);
        }
        out.finish()
    }

    /// Reads what [`Self::encode`] wrote. Fields that this version does not know are passed over. `None` where the
    /// bytes are no record.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        Self::read(bytes).ok().flatten()
    }

    fn read(bytes: &[u8]) -> Result<Option<Self>, Cut> {
        let mut fields = Reader::new(bytes);
        let mut event = Self::new(Kind::Lost, "", 0);
        let mut kind = None;
        while let Some((tag, value)) = fields.next()? {
            match tag {
                KIND => kind = Kind::of(number(value)?),
                AT => event.at = number(value)?,
                UNTIL => event.until = number(value)?,
                COUNT => event.count = number(value)?,
                SESSION => event.session = number(value)?,
                USER => event.user = text(value),
                OPERATION => event.operation = text(value).into(),
                OBJECT => event.object = value.try_into().map_err(|_| Cut)?,
                LABEL => event.label = text(value),
                OTHER => event.other = value.try_into().map_err(|_| Cut)?,
                MECHANISM => event.mechanism = Some(number(value)?),
                DETAIL => event.detail = text(value),
                BYTES => event.bytes = number(value)?,
                RESULT => event.result = number(value)?,
                REASON => event.reason = number(value)?,
                RULE => event.rules.push(text(value)),
                POLICY => event.policy = value.try_into().map_err(|_| Cut)?,
                WORD => event.words.push(value.to_vec()),
                SIGNER => event.signer = Some(value.try_into().map_err(|_| Cut)?),
                _ => {}
            }
        }
        Ok(kind.map(|kind| Self { kind, ..event }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Event {
        Event {
            until: 1_800_000_000_000_000_001,
            count: 7,
            session: 3,
            user: "alice".into(),
            object: [7; 16],
            label: "tls-www".into(),
            other: [9; 16],
            mechanism: Some(0),
            detail: "tag 128 bits".into(),
            bytes: 4096,
            result: 0x68,
            reason: 0x101,
            rules: vec!["one".into(), "two".into()],
            policy: [1, 2, 3, 4, 5, 6, 7, 8],
            words: vec![vec![1, 2, 3], vec![4]],
            signer: Some([0; 32]),
            ..Event::new(Kind::Decision, "sign", 1_800_000_000_000_000_000)
        }
    }

    #[test]
    fn event_is_encoded_and_decoded_unchanged() {
        let event = full();
        assert_eq!(Event::decode(&event.encode()), Some(event));
        for kind in Kind::ALL {
            let event = Event::new(kind, "x", 5);
            assert_eq!(Event::decode(&event.encode()), Some(event));
        }
    }

    #[test]
    fn cut_bytes_are_never_the_whole_record() {
        let event = full();
        let bytes = event.encode();
        for len in 0..bytes.len() {
            assert_ne!(Event::decode(&bytes[..len]), Some(event.clone()), "{len}");
        }
    }

    #[test]
    fn unknown_fields_are_passed_over_and_unknown_kinds_are_not_records() {
        let mut bytes = full().encode();
        bytes.extend_from_slice(&[200, 2, 0, 1, 2]);
        assert_eq!(Event::decode(&bytes), Some(full()));
        assert_eq!(Event::decode(&[KIND, 1, 0, 99]), None);
        assert_eq!(Event::decode(&[]), None);
    }

    #[test]
    fn record_of_very_many_rules_fits_a_frame_and_says_how_many_there_were() {
        let rules: Vec<_> = (0..5000).map(|number| format!("{number:0100}")).collect();
        let bytes = Event { rules, ..full() }.encode();
        assert!(bytes.len() < 48 * 1024, "{}", bytes.len());
        let read = Event::decode(&bytes).unwrap();
        let last = read.rules.last().unwrap();
        assert_eq!(*last, format!("and {} more", 5000 - (read.rules.len() - 1)));
        assert_eq!(read.policy, full().policy);
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        let event = Event { label: "\u{e9}".repeat(4000), ..Event::new(Kind::Decision, "sign", 1) };
        let read = Event::decode(&event.encode()).unwrap();
        assert_eq!(read.label, "\u{e9}".repeat(2048));
    }
}
