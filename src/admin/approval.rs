//! Requests for the word of others: who waits for whom, and what was said.

use super::{Result, Trouble, Visit, failed};
use crate::secret::Pin;
use crate::token::{ApprovalRequest, Said};

impl Visit<'_> {
    /// The requests that lie open, oldest first. Somebody is logged in.
    ///
    /// # Errors
    /// Those of the store.
    pub fn requests(&self) -> Result<Vec<ApprovalRequest>> {
        self.session()?.token().requests().map_err(failed("reading the requests"))
    }

    /// Agrees to a request, as the named user who is logged in, and signs that with the key that the user's PIN opens.
    /// Answers the request as it is now.
    ///
    /// # Errors
    /// [`Trouble::Named`] where there is no such request, or this user cannot agree to it. Those of the PIN, in words.
    pub fn approve(&self, id: &str, pin: &Pin) -> Result<ApprovalRequest> {
        let session = self.session()?;
        said(id, session.token().approve(id, pin).map_err(failed("approving"))?, "was not asked for it")
    }

    /// Takes a request away. Answers what it was.
    ///
    /// # Errors
    /// [`Trouble::Named`] where there is no such request, or it is not this user's to take away.
    pub fn refuse_request(&self, id: &str) -> Result<ApprovalRequest> {
        let session = self.session()?;
        let outcome = session.token().refuse_request(id).map_err(failed("refusing"))?;
        said(id, outcome, "has neither opened it nor was asked for it")
    }
}

fn said(id: &str, said: Said, stranger: &str) -> Result<ApprovalRequest> {
    match said {
        Said::Done(request) => Ok(request),
        Said::Unknown => {
            Err(Trouble::Named(format!("no request {id} is open; `keyward request list` shows them")))
        }
        Said::Own => Err(Trouble::Named("nobody agrees to what they ask for themselves".to_owned())),
        Said::NotAsked(request) => {
            let asked = request.approvers.join(", ");
            Err(Trouble::Named(format!("this user {stranger}; those who were: {asked}")))
        }
    }
}
