//! One request for the word of others: what it says, how a list of them is written down, and what of it counts.

use super::word::{Given, Standing};
use crate::ck::date::UtcSeconds;
use crate::ck::text::hex;
use crate::ck::{CK_MECHANISM_TYPE, Result};
use crate::crypto::random;
use crate::guard::{Question, codec};
use crate::policy::Approval;
use crate::store::Uid;

/// The encoding's version.
const FORMAT: u64 = 2;
/// The one before: words bore no signature.
const UNSIGNED: u64 = 1;
/// So long does a request lie open to which nobody has agreed, in seconds.
const OPEN_SECONDS: u64 = 24 * 60 * 60;

/// One operation that waits for others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApprovalRequest {
    /// Eight hexadecimal digits, by which people name it.
    pub id: String,
    /// The key.
    pub object: Uid,
    /// The key's label.
    pub label: String,
    /// What kind of key it is.
    pub summary: String,
    /// What is to be done with it, as policies name it.
    pub operation: String,
    /// By which mechanism.
    pub mechanism: Option<CK_MECHANISM_TYPE>,
    /// Who asks: `user`, `user:dave`.
    pub requester: String,
    /// When it was opened.
    pub opened: UtcSeconds,
    /// What was missing then, in words.
    pub wanted: String,
    /// Whose word counts, sorted.
    pub approvers: Vec<String>,
    /// For so many seconds does what one of them says hold at most.
    pub valid_seconds: u64,
    /// Who has agreed.
    pub given: Vec<Given>,
}

impl ApprovalRequest {
    pub(super) fn of(question: &Question<'_>, requester: &str, wanted: &str) -> Result<Self> {
        let (held, mut id) = (question.held, [0; 4]);
        random::fill(&mut id)?;
        let (approvers, valid_seconds) = held.rules().approvers(question.entry, held.facts(), question.now);
        Ok(Self {
            id: hex(&id),
            object: held.uid(),
            label: held.facts().label.clone(),
            summary: held.facts().summary(),
            operation: question.entry.name().to_owned(),
            mechanism: question.mechanism,
            requester: requester.to_owned(),
            opened: question.now,
            wanted: wanted.to_owned(),
            approvers,
            valid_seconds,
            given: Vec::new(),
        })
    }

    pub(super) fn is_for(&self, question: &Question<'_>, requester: &str) -> bool {
        self.object == question.held.uid()
            && self.operation == question.entry.name()
            && self.mechanism == question.mechanism
            && self.requester == requester
    }

    /// When it is forgotten.
    pub fn ends(&self) -> UtcSeconds {
        let last = self.given.iter().map(|given| given.at.saturating_add(self.valid_seconds)).max();
        last.unwrap_or(0).max(self.opened.saturating_add(OPEN_SECONDS))
    }

    /// Whose word is in it and counts, for a while at least.
    pub fn approved_by(&self) -> Vec<&str> {
        let good = self.given.iter().filter(|given| given.standing == Standing::Good);
        good.map(|given| given.by.as_str()).collect()
    }

    /// What was said that counts now. No word holds for longer than it was signed for.
    pub(super) fn counting(&self, now: UtcSeconds) -> impl Iterator<Item = &Given> {
        let holds = move |given: &&Given| {
            given.standing == Standing::Good && now < given.at.saturating_add(self.valid_seconds)
        };
        self.given.iter().filter(holds)
    }

    /// The same, as policies are asked.
    pub(super) fn counted(&self, now: UtcSeconds) -> Vec<Approval<'_>> {
        self.counting(now).map(|given| Approval { by: &given.by, at: given.at }).collect()
    }

    /// "; the word of bob does not count: no user has this name any more", for each that does not.
    pub(super) fn remarks(&self) -> String {
        let remark = |given: &Given| {
            let why = given.standing.why()?;
            Some(format!("; the word of {} does not count: {why}", given.by))
        };
        self.given.iter().filter_map(remark).collect()
    }

    fn encode(&self, out: &mut codec::Writer) {
        for text in [&self.id, &self.label, &self.summary, &self.operation, &self.requester, &self.wanted] {
            out.bytes(text.as_bytes());
        }
        out.bytes(&self.object.0);
        out.number(u64::from(self.mechanism.is_some()));
        out.number(self.mechanism.unwrap_or(0));
        out.number(self.opened);
        out.number(self.valid_seconds);
        out.number(self.approvers.len() as u64);
        self.approvers.iter().for_each(|name| out.bytes(name.as_bytes()));
        out.number(self.given.len() as u64);
        self.given.iter().for_each(|given| given.encode(out));
    }

    fn decode(from: &mut codec::Reader<'_>, signed: bool) -> Option<Self> {
        let (id, label, summary) = (text(from)?, text(from)?, text(from)?);
        let (operation, requester, wanted) = (text(from)?, text(from)?, text(from)?);
        let object = Uid(from.bytes()?.try_into().ok()?);
        let named = from.number()? != 0;
        let mechanism = Some(from.number()?).filter(|_| named);
        let (opened, valid_seconds) = (from.number()?, from.number()?);
        let mut approvers = Vec::new();
        for _ in 0..from.number()? {
            approvers.push(text(from)?);
        }
        let mut given = Vec::new();
        for _ in 0..from.number()? {
            given.push(Given::decode(from, signed)?);
        }
        Some(Self {
            id,
            object,
            label,
            summary,
            operation,
            mechanism,
            requester,
            opened,
            wanted,
            approvers,
            valid_seconds,
            given,
        })
    }
}

fn text(from: &mut codec::Reader<'_>) -> Option<String> {
    String::from_utf8(from.bytes()?.to_vec()).ok()
}

/// What a row holds of a list.
pub(super) fn encode(list: &[ApprovalRequest]) -> Vec<u8> {
    let mut out = codec::Writer::default();
    out.number(FORMAT);
    out.number(list.len() as u64);
    list.iter().for_each(|request| request.encode(&mut out));
    out.finish()
}

/// Reads what [`encode`] wrote, now or in an earlier version; `None` for anything else.
pub(super) fn decode(bytes: &[u8]) -> Option<Vec<ApprovalRequest>> {
    let mut from = codec::Reader::new(bytes);
    let signed = match from.number()? {
        FORMAT => true,
        UNSIGNED => false,
        _ => return None,
    };
    let mut list = Vec::new();
    for _ in 0..from.number()? {
        list.push(ApprovalRequest::decode(&mut from, signed)?);
    }
    Some(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(by: &str, at: UtcSeconds) -> Given {
        Given { by: by.into(), at, signed: Some(([5; 32], [6; 64])), standing: Standing::Unseen }
    }

    fn request() -> ApprovalRequest {
        ApprovalRequest {
            id: "0a1b2c3d".into(),
            object: Uid([7; 16]),
            label: "root-ca".into(),
            summary: "EC private key".into(),
            operation: "sign".into(),
            mechanism: Some(0x1041),
            requester: "user:dave".into(),
            opened: 1000,
            wanted: "sign needs the approval of 2 of alice, bob".into(),
            approvers: vec!["alice".into(), "bob".into()],
            valid_seconds: 600,
            given: vec![given("bob", 1100), Given { signed: None, ..given("alice", 1101) }],
        }
    }

    #[test]
    fn encoding_comes_back_and_nothing_else_is_read() {
        let list = vec![request(), ApprovalRequest { mechanism: None, given: vec![], ..request() }];
        let bytes = encode(&list);
        assert_eq!(decode(&bytes), Some(list));
        for short in 0..bytes.len() {
            assert_eq!(decode(&bytes[..short]), None);
        }
        let mut other = bytes;
        other[0] = 3;
        assert_eq!(decode(&other), None);
    }

    /// What was written before words were signed is read, and what was said then bears no signature.
    #[test]
    fn requests_of_the_first_format_are_read() {
        let mut out = codec::Writer::default();
        out.number(UNSIGNED);
        out.number(1);
        for text in ["0a1b2c3d", "root-ca", "EC private key", "sign", "user:dave"] {
            out.bytes(text.as_bytes());
        }
        out.bytes(b"sign needs the approval of 2 of alice, bob");
        out.bytes(&[7; 16]);
        for number in [1, 0x1041, 1000, 600, 2] {
            out.number(number);
        }
        out.bytes(b"alice");
        out.bytes(b"bob");
        out.number(1);
        out.bytes(b"bob");
        out.number(1100);
        let old = ApprovalRequest { given: vec![Given { signed: None, ..given("bob", 1100) }], ..request() };
        assert_eq!(decode(&out.finish()), Some(vec![old]));
    }

    #[test]
    fn word_counts_where_it_is_good_and_no_longer_than_it_was_signed_for() {
        let mut request = request();
        assert!(request.counted(1100).is_empty() && request.approved_by().is_empty());
        request.given[0].standing = Standing::Good;
        request.given[1].standing = Standing::Forged;
        assert_eq!(request.counted(1699), [Approval { by: "bob", at: 1100 }]);
        assert!(request.counted(1700).is_empty());
        assert_eq!(request.approved_by(), ["bob"]);
        assert_eq!(request.remarks(), "; the word of alice does not count: its signature is wrong");
    }

    #[test]
    fn request_lies_open_for_a_day_or_as_long_as_a_word_holds() {
        assert_eq!(request().ends(), 1000 + OPEN_SECONDS);
        let long = ApprovalRequest { valid_seconds: 10 * OPEN_SECONDS, ..request() };
        assert_eq!(long.ends(), 1101 + 10 * OPEN_SECONDS);
    }
}
