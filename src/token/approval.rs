//! Requests for the word of others, kept in one sealed row of the token: what a denied operation asks for, who has agreed,
//! and since when. Named users agree to a request; the operation that it was opened for then spends it.
//!
//! The row is sealed under the token's key: without a login nobody reads or writes it. Who may agree, and whether enough
//! have, is the policy's to say, at the moment at which the operation is tried again.

use super::objects::Writer;
use super::{Token, inner};
use crate::audit::{Event, Kind};
use crate::ck::date::UtcSeconds;
use crate::ck::text::hex;
use crate::ck::{CK_MECHANISM_TYPE, CK_OBJECT_CLASS, Error, Result};
use crate::crypto::random;
use crate::guard::codec;
use crate::guard::vault::{Vault, is_vouched};
use crate::guard::{Agreed, Question, Requests, Role, Spent};
use crate::policy::Approval;
use crate::store::{Record, Uid};

/// The identity of the row.
pub(super) const REQUESTS: Uid = Uid(*b"keyward requests");
const CLASS: CK_OBJECT_CLASS = inner::class(3);
/// The encoding's version.
const FORMAT: u64 = 1;
/// Most requests that lie open in one token.
const MOST: usize = 200;
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
    /// Who has agreed, and when.
    pub given: Vec<(String, UtcSeconds)>,
}

/// What came of agreeing to a request, or of taking it away.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Said {
    /// It was done; the request as it is now, or was.
    Done(ApprovalRequest),
    /// There is no such request, or no longer.
    Unknown,
    /// Nobody has asked this user.
    NotAsked(ApprovalRequest),
    /// Who asked cannot agree.
    Own,
}

impl ApprovalRequest {
    fn of(question: &Question<'_>, requester: &str, wanted: &str) -> Result<Self> {
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

    fn is_for(&self, question: &Question<'_>, requester: &str) -> bool {
        self.object == question.held.uid()
            && self.operation == question.entry.name()
            && self.mechanism == question.mechanism
            && self.requester == requester
    }

    /// When it is forgotten.
    pub fn ends(&self) -> UtcSeconds {
        let last = self.given.iter().map(|(_, at)| at.saturating_add(self.valid_seconds)).max();
        last.unwrap_or(0).max(self.opened.saturating_add(OPEN_SECONDS))
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
        for (name, at) in &self.given {
            out.bytes(name.as_bytes());
            out.number(*at);
        }
    }

    fn decode(from: &mut codec::Reader<'_>) -> Option<Self> {
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
            given.push((text(from)?, from.number()?));
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

fn encode(list: &[ApprovalRequest]) -> Vec<u8> {
    let mut out = codec::Writer::default();
    out.number(FORMAT);
    out.number(list.len() as u64);
    list.iter().for_each(|request| request.encode(&mut out));
    out.finish()
}

fn decode(bytes: &[u8]) -> Option<Vec<ApprovalRequest>> {
    let mut from = codec::Reader::new(bytes);
    if from.number()? != FORMAT {
        return None;
    }
    let mut list = Vec::new();
    for _ in 0..from.number()? {
        list.push(ApprovalRequest::decode(&mut from)?);
    }
    Some(list)
}

/// The name of who asks, where it is a named user: the row `user:dave` is dave's.
fn name_of(row: &str) -> Option<&str> {
    row.split_once(':').map(|(_, name)| name)
}

/// The requests of a row, those left out whose time is over. A row that is not what was written is an error: then nothing
/// was agreed to.
fn opened(vault: &Vault, record: Option<Record>, now: UtcSeconds) -> Result<Vec<ApprovalRequest>> {
    let Some(record) = record.filter(|record| !record.deleted) else { return Ok(Vec::new()) };
    let attributes = vault.open_attributes(&record)?;
    // Without the token's key nobody writes this row.
    let list = if is_vouched(record.version) { decode(inner::value(&attributes)) } else { None };
    let list = list.ok_or(Error::DeviceError)?;
    Ok(list.into_iter().filter(|request| now < request.ends()).collect())
}

/// What became of a list of requests.
struct Settled {
    agreed: Agreed,
    /// Those that were opened or spent now, with the word for the record.
    noted: Vec<(&'static str, ApprovalRequest)>,
}

/// Spends what is agreed to for all questions, or opens the requests that are missing. `there` tells whether a named user
/// still is.
fn settle(
    list: &mut Vec<ApprovalRequest>,
    questions: &[Question<'_>],
    requester: &str,
    there: impl Fn(&str) -> bool,
) -> Result<Settled> {
    let (mut spent, mut opened, mut lacking) = (Vec::new(), Vec::new(), None);
    for question in questions {
        let request = list.iter().find(|request| request.is_for(question, requester));
        let given = request.map(|request| request.given.as_slice()).unwrap_or_default();
        let given: Vec<_> =
            given.iter().filter(|(by, _)| there(by)).map(|(by, at)| Approval { by, at: *at }).collect();
        let Some(denial) = question.missing(name_of(requester), &given) else {
            spent.extend(request.map(|request| request.id.clone()));
            continue;
        };
        let name = match request {
            Some(request) => Ok(request.id.clone()),
            None if list.len() + opened.len() >= MOST => Err("too many requests are open already"),
            None => {
                let request = ApprovalRequest::of(question, requester, &denial.detail)?;
                let id = request.id.clone();
                opened.push(request);
                Ok(id)
            }
        };
        lacking.get_or_insert((denial, name));
    }
    if let Some((denial, request)) = lacking {
        list.extend(opened.iter().cloned());
        let noted = opened.into_iter().map(|request| ("request", request)).collect();
        return Ok(Settled { agreed: Agreed::Not { denial, request }, noted });
    }
    let gone: Vec<_> = list.extract_if(.., |request| spent.contains(&request.id)).collect();
    let kept = (!gone.is_empty()).then(|| Spent::from(encode(&gone)));
    let noted = gone.into_iter().map(|request| ("spend-approval", request)).collect();
    Ok(Settled { agreed: Agreed::Yes(kept), noted })
}

impl Requests for Token {
    fn spend(&self, questions: &[Question<'_>]) -> Result<Agreed> {
        // What nobody has agreed to since the last time costs no transaction.
        let (agreed, changes) = self.weigh(questions)?;
        if !changes {
            return Ok(agreed);
        }
        let login = self.login.load_full();
        let settled = self.with_requests(moment(questions), |list| {
            settle(list, questions, &login.name, |name| self.has_user(name))
        })?;
        for (operation, request) in settled.noted {
            self.note_request(operation, &request);
        }
        Ok(settled.agreed)
    }

    fn look(&self, questions: &[Question<'_>]) -> Result<Agreed> {
        Ok(match self.weigh(questions)? {
            (Agreed::Not { denial, request: Ok(_) }, true) => {
                Agreed::Not { denial, request: Err("trying it opens a request") }
            }
            (agreed, _) => agreed,
        })
    }

    fn give_back(&self, spent: &Spent) {
        let Some(spent) = decode(spent) else { return };
        let back = self.with_requests(self.guard.now(), |list| {
            // Meanwhile somebody may have asked anew: what was agreed to before counts for that.
            let same = |request: &ApprovalRequest, other: &ApprovalRequest| {
                request.object == other.object
                    && request.operation == other.operation
                    && request.mechanism == other.mechanism
                    && request.requester == other.requester
            };
            list.retain(|request| !spent.iter().any(|back| same(back, request)));
            list.extend(spent.iter().cloned());
            Ok(())
        });
        match back {
            Ok(()) => spent.iter().for_each(|request| self.note_request("return-approval", request)),
            Err(error) => {
                let journal = self.guard.journal();
                journal.line(
                    "approval",
                    format_args!("an approval was spent by a call that came to nothing: {error}"),
                );
            }
        }
    }

    fn backed_up(&self) -> Option<u64> {
        self.backup_date()
    }
}

fn moment(questions: &[Question<'_>]) -> UtcSeconds {
    questions.first().map_or(0, |question| question.now)
}

impl Token {
    /// What would come of some questions, and whether anything would be written.
    fn weigh(&self, questions: &[Question<'_>]) -> Result<(Agreed, bool)> {
        let login = self.login.load_full();
        // What nobody has opened can keep no requests.
        let may_ask = login.user.role != Role::Public;
        let mut list = if may_ask { self.open_requests(moment(questions))? } else { Vec::new() };
        let settled = settle(&mut list, questions, &login.name, |name| self.has_user(name))?;
        Ok(match settled.agreed {
            Agreed::Not { denial, .. } if !may_ask => {
                (Agreed::Not { denial, request: Err("nobody is logged in who could ask for it") }, false)
            }
            agreed => (agreed, !settled.noted.is_empty()),
        })
    }

    /// The requests that lie open, oldest first.
    ///
    /// # Errors
    /// `CKR_USER_NOT_LOGGED_IN` where nobody is, `CKR_DEVICE_ERROR` where they are not what was written, those of the store.
    pub fn requests(&self) -> Result<Vec<ApprovalRequest>> {
        self.refresh()?;
        self.open_requests(self.guard.now())
    }

    fn open_requests(&self, now: UtcSeconds) -> Result<Vec<ApprovalRequest>> {
        let login = self.login.load();
        let record = self.store.record(&self.serial, REQUESTS)?;
        opened(&login.vault, record, now)
    }

    /// Changes the requests in one transaction.
    fn with_requests<R>(
        &self,
        now: UtcSeconds,
        work: impl Fn(&mut Vec<ApprovalRequest>) -> Result<R>,
    ) -> Result<R> {
        let login = self.login.load_full();
        if !login.vault.is_open() {
            return Err(Error::UserNotLoggedIn);
        }
        self.write(|writer: &mut Writer<'_>| {
            let mut list = opened(&login.vault, writer.record(REQUESTS)?, now)?;
            let result = work(&mut list)?;
            writer.put_plain(REQUESTS, &inner::row(CLASS, true, encode(&list)))?;
            Ok(result)
        })
    }

    /// Agrees to a request, as the named user who is logged in.
    ///
    /// # Errors
    /// `CKR_USER_NOT_LOGGED_IN` where no named user is; those of the store and of the record that the policy requires.
    pub fn approve(&self, id: &str) -> Result<Said> {
        let login = self.login.load_full();
        let name = login.user.name.as_ref().ok_or(Error::UserNotLoggedIn)?.as_str();
        self.must_note(self.event(Kind::Approval, "approve"))?;
        let now = self.guard.now();
        let said = self.with_requests(now, |list| {
            let Some(request) = list.iter_mut().find(|request| request.id == id) else {
                return Ok(Said::Unknown);
            };
            if name_of(&request.requester) == Some(name) {
                return Ok(Said::Own);
            }
            if !request.approvers.iter().any(|asked| asked == name) {
                return Ok(Said::NotAsked(request.clone()));
            }
            request.given.retain(|(by, _)| by != name);
            request.given.push((name.to_owned(), now));
            Ok(Said::Done(request.clone()))
        })?;
        if let Said::Done(request) = &said {
            self.note_request("approve", request);
        }
        Ok(said)
    }

    /// Takes a request away: who was asked says no, or who asked takes it back, or the SO clears it.
    ///
    /// # Errors
    /// As [`Self::approve`].
    pub fn refuse_request(&self, id: &str) -> Result<Said> {
        let login = self.login.load_full();
        let name = login.user.name.as_ref().map(|name| name.as_str().to_owned());
        self.must_note(self.event(Kind::Approval, "refuse"))?;
        let said = self.with_requests(self.guard.now(), |list| {
            let Some(at) = list.iter().position(|request| request.id == id) else {
                return Ok(Said::Unknown);
            };
            let request = list.remove(at);
            let asked = name.as_ref().is_some_and(|name| request.approvers.contains(name));
            let may = asked || request.requester == login.name || login.user.role == Role::SecurityOfficer;
            if may {
                return Ok(Said::Done(request));
            }
            list.insert(at, request.clone());
            Ok(Said::NotAsked(request))
        })?;
        if let Said::Done(request) = &said {
            self.note_request("refuse", request);
        }
        Ok(said)
    }

    fn note_request(&self, operation: &'static str, request: &ApprovalRequest) {
        let by: Vec<&str> = request.given.iter().map(|(by, _)| by.as_str()).collect();
        let by = if by.is_empty() { "nobody".to_owned() } else { by.join(", ") };
        let detail = format!(
            "request {}: {} for {}; approved by {by}",
            request.id, request.operation, request.requester
        );
        self.note(Event {
            object: request.object.0,
            label: request.label.clone(),
            mechanism: request.mechanism,
            detail,
            ..self.event(Kind::Approval, operation)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            given: vec![("bob".into(), 1100)],
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
        other[0] = 2;
        assert_eq!(decode(&other), None);
    }

    #[test]
    fn request_lies_open_for_a_day_or_as_long_as_a_word_holds() {
        assert_eq!(request().ends(), 1000 + OPEN_SECONDS);
        let long = ApprovalRequest { valid_seconds: 10 * OPEN_SECONDS, ..request() };
        assert_eq!(long.ends(), 1100 + 10 * OPEN_SECONDS);
    }

    #[test]
    fn names_of_askers_are_those_of_named_users_alone() {
        assert_eq!(name_of("user:dave"), Some("dave"));
        assert_eq!(name_of("so:user:x"), Some("user:x"));
        assert_eq!(name_of("user"), None);
    }
}
