//! Requests for the word of others, kept in one sealed row of the token: what a denied operation asks for, who has agreed,
//! and since when. Named users agree to a request; the operation that it was opened for then spends it.
//!
//! The row is sealed under the token's key: without a login nobody reads or writes it. Each word in it is signed by who
//! gave it besides ([`super::word`]), so that the token's key alone makes none. Who may agree, and whether enough have, is
//! the policy's to say, at the moment at which the operation is tried again.

use super::request::{ApprovalRequest, decode, encode};
use super::word::{Given, Signers, Standing, statement};
use super::writer::Writer;
use super::{Token, inner};
use crate::audit::word::Word;
use crate::audit::{Event, Kind};
use crate::ck::date::UtcSeconds;
use crate::ck::{CK_OBJECT_CLASS, Error, Result};
use crate::guard::vault::{Vault, is_vouched};
use crate::guard::{Agreed, Question, Requests, Role, Spent};
use crate::object::KeyFacts;
use crate::secret::Pin;
use crate::store::{Record, Uid};

/// The identity of the row.
pub(super) const REQUESTS: Uid = Uid(*b"keyward requests");
const CLASS: CK_OBJECT_CLASS = inner::class(3);
/// Most requests that lie open in one token.
const MOST: usize = 200;

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

/// Spends what is agreed to for all questions, or opens the requests that are missing. Of what was said that counts which
/// its user has signed.
fn settle(
    list: &mut Vec<ApprovalRequest>,
    questions: &[Question<'_>],
    requester: &str,
    signers: &Signers,
) -> Result<Settled> {
    let (mut spent, mut opened, mut lacking) = (Vec::new(), Vec::new(), None);
    let there = list.len();
    for question in questions {
        let request = list.iter_mut().find(|request| request.is_for(question, requester));
        let request = request.map(|request| {
            signers.judge(request);
            &*request
        });
        let given = request.map(|request| request.counted(question.now)).unwrap_or_default();
        let Some(mut denial) = question.missing(name_of(requester), &given) else {
            spent.extend(request.map(|request| request.id.clone()));
            continue;
        };
        denial.detail.push_str(&request.map(ApprovalRequest::remarks).unwrap_or_default());
        let name = match request {
            Some(request) => Ok(request.id.clone()),
            None if there + opened.len() >= MOST => Err("too many requests are open already"),
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
        let settled = self.with_requests(moment(questions), |list, signers| {
            settle(list, questions, &login.name, signers)
        })?;
        for (operation, request) in settled.noted {
            let words = request
                .counting(moment(questions))
                .filter_map(|given| given.word(&self.serial, &request))
                .collect();
            self.note_request(operation, &request, words);
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
        let back = self.with_requests(self.guard.now(), |list, signers| {
            // Meanwhile somebody may have asked anew: what was agreed to before counts for that.
            let same = |request: &ApprovalRequest, other: &ApprovalRequest| {
                request.object == other.object
                    && request.operation == other.operation
                    && request.mechanism == other.mechanism
                    && request.requester == other.requester
            };
            list.retain(|request| !spent.iter().any(|back| same(back, request)));
            list.extend(spent.iter().cloned());
            let mut back = spent.clone();
            back.iter_mut().for_each(|request| signers.judge(request));
            Ok(back)
        });
        match back {
            Ok(back) => {
                for request in &back {
                    let good = request.given.iter().filter(|given| given.standing == Standing::Good);
                    let words = good.filter_map(|given| given.word(&self.serial, request)).collect();
                    self.note_request("return-approval", request, words);
                }
            }
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
        // Where nobody is asked for this operation, the row is not read, nor is any word checked.
        let missing = |question: &Question<'_>| question.missing(name_of(&login.name), &[]);
        let Some(denial) = questions.iter().find_map(missing) else { return Ok((Agreed::Yes(None), false)) };
        if login.user.role == Role::Public {
            // What nobody has opened can keep no requests.
            let request = Err("nobody is logged in who could ask for it");
            return Ok((Agreed::Not { denial, request }, false));
        }
        let mut list = self.open_requests(moment(questions))?;
        let signers = Signers::of(&login.vault, &self.record.load())?;
        let settled = settle(&mut list, questions, &login.name, &signers)?;
        Ok((settled.agreed, !settled.noted.is_empty()))
    }

    /// The requests that lie open, oldest first, and of each word whether it counts.
    ///
    /// # Errors
    /// `CKR_USER_NOT_LOGGED_IN` where nobody is, `CKR_DEVICE_ERROR` where they are not what was written, those of the store.
    pub fn requests(&self) -> Result<Vec<ApprovalRequest>> {
        self.refresh()?;
        let mut list = self.open_requests(self.guard.now())?;
        let signers = Signers::of(&self.login.load().vault, &self.record.load())?;
        for request in &mut list {
            signers.judge(request);
            self.name_truly(request);
        }
        Ok(list)
    }

    /// Who agrees signs for a key by its identity, and chooses by its name: that is the key's own, where it is on the token,
    /// whatever the row says.
    fn name_truly(&self, request: &mut ApprovalRequest) {
        let record = self.store.record(&self.serial, request.object).ok().flatten();
        let Some(record) = record.filter(|record| !record.deleted) else { return };
        if let Ok(attributes) = self.login.load().vault.open_attributes(&record) {
            let facts = KeyFacts::of(&attributes);
            request.summary = facts.summary();
            request.label = facts.label;
        }
    }

    fn open_requests(&self, now: UtcSeconds) -> Result<Vec<ApprovalRequest>> {
        let login = self.login.load();
        let record = self.store.record(&self.serial, REQUESTS)?;
        opened(&login.vault, record, now)
    }

    /// Changes the requests in one transaction, which writes nothing where they stay as they are. `work` sees them with the
    /// keys that users sign with at that moment.
    fn with_requests<R>(
        &self,
        now: UtcSeconds,
        work: impl Fn(&mut Vec<ApprovalRequest>, &Signers) -> Result<R>,
    ) -> Result<R> {
        let login = self.login.load_full();
        if !login.vault.is_open() {
            return Err(Error::UserNotLoggedIn);
        }
        self.write_if(|writer: &mut Writer<'_>| {
            let mut list = opened(&login.vault, writer.record(REQUESTS)?, now)?;
            let before = encode(&list);
            let result = work(&mut list, &Signers::of(&login.vault, writer.token())?)?;
            let after = encode(&list);
            let changed = before != after;
            if changed {
                writer.put_plain(REQUESTS, &inner::row(CLASS, true, after))?;
            }
            Ok((result, changed))
        })
    }

    /// Agrees to a request, as the named user who is logged in, and signs that with the user's own key. The PIN is given
    /// once more, because nothing else opens that key: it is open while this runs and no longer.
    ///
    /// # Errors
    /// `CKR_USER_NOT_LOGGED_IN` where no named user is; those of the PIN, wrong ones being counted as at a login; those of
    /// the store and of the record that the policy requires.
    pub fn approve(&self, id: &str, pin: &Pin) -> Result<Said> {
        let login = self.login.load_full();
        let name = login.user.name.as_ref().ok_or(Error::UserNotLoggedIn)?.as_str();
        self.must_note(self.event(Kind::Approval, "approve"))?;
        let key = self.signing_key(&login.user, pin)?;
        let now = self.guard.now();
        let (mut said, words) = self.with_requests(now, |list, signers| {
            let nothing = |said| Ok((said, Vec::new()));
            let Some(request) = list.iter_mut().find(|request| request.id == id) else {
                return nothing(Said::Unknown);
            };
            if name_of(&request.requester) == Some(name) {
                return nothing(Said::Own);
            }
            if !request.approvers.iter().any(|asked| asked == name) {
                return nothing(Said::NotAsked(request.clone()));
            }
            // The SO may have given this user another PIN since this one was checked.
            if signers.key_of(name) != Some(*key.public()) {
                return Err(Error::PinIncorrect);
            }
            let word = Word::sign(statement(&self.serial, request, name, now), &key)?;
            request.given.retain(|given| given.by != name);
            let signed = Some((word.key, word.signature));
            request.given.push(Given { by: name.to_owned(), at: now, signed, standing: Standing::Unseen });
            signers.judge(request);
            Ok((Said::Done(request.clone()), vec![word]))
        })?;
        drop(key);
        if let Said::Done(request) = &mut said {
            self.name_truly(request);
            self.note_request("approve", request, words);
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
        let said = self.with_requests(self.guard.now(), |list, signers| {
            let Some(at) = list.iter().position(|request| request.id == id) else {
                return Ok(Said::Unknown);
            };
            let mut request = list.remove(at);
            let asked = name.as_ref().is_some_and(|name| request.approvers.contains(name));
            let may = asked || request.requester == login.name || login.user.role == Role::SecurityOfficer;
            if may {
                signers.judge(&mut request);
                return Ok(Said::Done(request));
            }
            list.insert(at, request.clone());
            Ok(Said::NotAsked(request))
        })?;
        if let Said::Done(request) = &said {
            self.note_request("refuse", request, Vec::new());
        }
        Ok(said)
    }

    fn note_request(&self, operation: &'static str, request: &ApprovalRequest, words: Vec<Word>) {
        let by = request.approved_by();
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
            words: words.iter().map(Word::encode).collect(),
            ..self.event(Kind::Approval, operation)
        });
    }
}

#[cfg(test)]
mod tests;
