//! Saved operations: sealed for this token, so that only it takes them back.

use super::Token;
use super::information::Header;
use crate::ck::Result;
use crate::secret::Secret;

impl Token {
    /// Seals the state of an operation for a session in state `session` (`CKS_...`) of this token, in any
    /// process, until the token is initialised anew.
    pub fn seal_state(&self, session: u64, state: &Secret) -> Result<Vec<u8>> {
        self.closed_vault().seal_state(&self.incarnation()?, session, state)
    }

    /// Opens it. `None` where it was changed, or sealed by another token or for another state.
    pub fn open_state(&self, session: u64, sealed: &[u8]) -> Result<Option<Secret>> {
        Ok(self.closed_vault().open_state(&self.incarnation()?, session, sealed))
    }

    /// Which initialisation of the token this is.
    pub(super) fn incarnation(&self) -> Result<[u8; 16]> {
        Header::open(&self.closed_vault(), &self.record.load()).map(|header| header.incarnation)
    }
}
