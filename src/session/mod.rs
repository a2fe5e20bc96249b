//! Floor 10: sessions, their operations and the two-call output rule.
//!
//! A session's state (`CKS_...`) is computed from the token's login and the session's own right to
//! write; nothing here must be kept in step with a login elsewhere.
#![forbid(unsafe_code)]

mod cancel;
pub mod message;
pub mod operation;
pub mod output;
mod saved;

pub use operation::{Operations, Running, SignatureFirst};
pub use output::{Filled, Output};
pub use saved::SavedDigest;

use crate::backend::Backend;
use crate::ck::{Error, ObjectHandle, Result, SessionHandle};
use crate::guard::op::Op;
use crate::guard::{Authorized, Charge, Held, Life, Obligations, Possession, Role, Terms, Trace};
use crate::object::key;
use crate::policy::Denial;
use crate::secret::Pin;
use crate::sys::lock::{Guard, Mutex};
use crate::token::Token;
use cryptoki_sys::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// An operation that was granted and begun.
pub struct Begun<T> {
    work: T,
    /// Ends the operation when the key's life does; none without a key.
    life: Option<Arc<Life>>,
    obligations: Obligations,
    /// What is recorded when it ends.
    trace: Trace,
    /// What it goes on to count.
    charge: Charge,
    /// What it may sign, where that is not everything.
    possession: Option<Box<Possession>>,
}

/// One session (PKCS#11 3.2, 5.6).
pub struct Session {
    handle: SessionHandle,
    token: Arc<Token>,
    read_write: bool,
    operations: Mutex<Operations>,
    /// Reason code of the last refusal: `ulDeviceError`.
    device_error: Arc<AtomicU32>,
}

impl Session {
    /// A new session with a token.
    pub fn new(handle: SessionHandle, token: Arc<Token>, read_write: bool) -> Self {
        Self {
            handle,
            token,
            read_write,
            operations: Mutex::new(Operations::default()),
            device_error: Arc::default(),
        }
    }

    /// Its handle.
    pub const fn handle(&self) -> SessionHandle {
        self.handle
    }

    /// Its token.
    pub const fn token(&self) -> &Arc<Token> {
        &self.token
    }

    /// Where its token's keys are used.
    pub fn backend(&self) -> &dyn Backend {
        self.token.backend()
    }

    /// Whether it may write token objects.
    pub const fn is_read_write(&self) -> bool {
        self.read_write
    }

    /// `CKS_...`, computed.
    pub fn state(&self) -> CK_STATE {
        match (self.token.role(), self.read_write) {
            (Role::Public, false) => CKS_RO_PUBLIC_SESSION,
            (Role::Public, true) => CKS_RW_PUBLIC_SESSION,
            (Role::User, false) => CKS_RO_USER_FUNCTIONS,
            (Role::User, true) => CKS_RW_USER_FUNCTIONS,
            (Role::SecurityOfficer, _) => CKS_RW_SO_FUNCTIONS,
        }
    }

    /// Reason code of the last refusal.
    pub fn device_error(&self) -> u32 {
        self.device_error.load(Ordering::Relaxed)
    }

    /// Asks the law, in the name of this session. A refusal leaves its reason in `ulDeviceError`.
    pub fn authorize<O: Op>(&self, op: O) -> Result<Authorized<O>> {
        self.ask(op).map_err(|denial| denial.error)
    }

    /// The same, for who can hear the whole reason.
    pub fn ask<O: Op>(&self, op: O) -> core::result::Result<Authorized<O>, Denial> {
        self.token.authorize(self.handle, self.read_write, op).inspect_err(|denial| {
            self.device_error.store(denial.reason.code(), Ordering::Relaxed);
        })
    }

    /// Asks the law, and does what it granted. How that ended is recorded.
    pub fn perform<O: Op, T>(&self, op: O, work: impl FnOnce(Authorized<O>) -> Result<T>) -> Result<T> {
        self.run(self.authorize(op)?, work)
    }

    /// The same with work that says how many bytes came in or went out, for the record.
    pub fn perform_sized<O: Op, T>(
        &self,
        op: O,
        work: impl FnOnce(Authorized<O>, &mut usize) -> Result<T>,
    ) -> Result<T> {
        let mut grant = self.authorize(op)?;
        let mut trace = grant.take_trace();
        let mut bytes = 0;
        let outcome = work(grant, &mut bytes);
        trace.count(bytes);
        trace.of(outcome)
    }

    /// Does what was granted. How that ended is recorded.
    pub fn run<O: Op, T>(
        &self,
        mut grant: Authorized<O>,
        work: impl FnOnce(Authorized<O>) -> Result<T>,
    ) -> Result<T> {
        let trace = grant.take_trace();
        trace.of(work(grant))
    }

    /// Asks the law, and begins what it granted: an operation that runs on, with what must hold while it does.
    pub fn begin<O: Op, T>(&self, op: O, start: impl FnOnce(Authorized<O>) -> Result<T>) -> Result<Begun<T>> {
        self.start(self.authorize(op)?, start)
    }

    /// The same for messages, each of which is a use.
    pub fn begin_messages<O: Op, T>(
        &self,
        op: O,
        start: impl FnOnce(Authorized<O>) -> Result<T>,
    ) -> Result<Begun<T>> {
        let grant = self.authorize(op)?;
        let charge = self.charge(&grant, true);
        let begun = self.start(grant, start)?;
        // The guard grants no messages for a proof of possession, and nobody here would hold them.
        if begun.possession.is_some() {
            return begun.trace.of(Err(Error::GeneralError));
        }
        Ok(Begun { charge, ..begun })
    }

    /// What an operation counts beyond the use that it was granted.
    pub fn charge<O: Op>(&self, grant: &Authorized<O>, messages: bool) -> Charge {
        Charge::of(&self.token, grant, messages, (self.handle.0, &self.device_error))
    }

    /// What the rules ask of the parameters of each message of an operation.
    pub fn terms<O: Op>(&self, op: &O) -> Terms {
        Terms::of(&self.token, op, self.token.known_user(), (self.handle.0, &self.device_error))
    }

    /// Begins what was granted.
    pub fn start<O: Op, T>(
        &self,
        mut grant: Authorized<O>,
        start: impl FnOnce(Authorized<O>) -> Result<T>,
    ) -> Result<Begun<T>> {
        let charge = self.charge(&grant, false);
        let possession = Possession::of(&self.token, &grant, (self.handle.0, &self.device_error));
        let life = grant.object().ok().map(|object| Arc::clone(object.life()));
        let (obligations, trace) = (grant.obligations(), grant.take_trace());
        match possession.and_then(|possession| Ok((possession, start(grant)?))) {
            Ok((possession, work)) => Ok(Begun { work, life, obligations, trace, charge, possession }),
            Err(error) => trace.of(Err(error)),
        }
    }

    /// The object of a handle. `CKR_OBJECT_HANDLE_INVALID` where there is none that can be seen.
    pub fn object(&self, handle: ObjectHandle) -> Result<Arc<Held>> {
        self.token.object(handle).ok_or(Error::ObjectHandleInvalid)
    }

    /// The key of a handle. `CKR_KEY_HANDLE_INVALID` where there is none.
    pub fn key(&self, handle: ObjectHandle) -> Result<Arc<Held>> {
        self.token
            .object(handle)
            .filter(|held| key::is_key_class(held.facts().class))
            .ok_or(Error::KeyHandleInvalid)
    }

    /// The session's operations, for as long as the answer lives. In a forked child, what another thread
    /// of the parent was in the middle of is gone.
    pub fn operations(&self) -> Guard<'_, Operations> {
        let mut operations = self.operations.lock();
        if operations.was_torn() {
            // Not dropped: another thread of the parent may have been half-way through it.
            std::mem::forget(std::mem::take(&mut *operations));
        }
        operations
    }

    /// C_Login with CKU_CONTEXT_SPECIFIC: allows the one use that waits for it.
    pub fn confirm(&self, pin: &Pin) -> Result<()> {
        if !self.operations().waits_for_login() {
            return Err(Error::OperationNotInitialized);
        }
        // The PIN is checked without the session's lock: it takes a while.
        self.token.confirm(pin)?;
        self.operations().login_came();
        Ok(())
    }
}
