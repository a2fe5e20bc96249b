//! The state machine of an operation, once for all kinds:
//!
//! ```text
//! idle --start--> running --update--> running (parts) --final--> idle
//!                    |  length query, buffer too small: stays       any other end: idle
//! ```
//!
//! What must hold while an operation runs is seen to here: a login still due, a key whose life ended.

use super::Begun;
use super::message::{Ciphers, Messages, Signatures, Verifications};
use super::output::{Filled, Output};
use super::saved::SavedDigest;
use crate::backend::Backend;
use crate::ck::{Error, ObjectHandle, Result};
use crate::crypto::mechanism::{Ciphering, Digesting, Recovering, Signing, Verifying};
use crate::crypto::seal;
use crate::guard::op::DigestKey;
use crate::guard::{Authorized, Charge, Life, Possession, Trace};
use crate::secret::Secret;
use std::sync::Arc;

/// The operations of one session: one of each kind at most.
#[derive(Default)]
pub struct Operations {
    /// C_DigestInit ..
    pub digest: Option<Running<Box<dyn Digesting>>>,
    /// C_SignInit ..
    pub sign: Option<Running<Box<dyn Signing>>>,
    /// C_VerifyInit ..
    pub verify: Option<Running<Box<dyn Verifying>>>,
    /// C_VerifySignatureInit ..
    pub verify_signature: Option<Running<SignatureFirst>>,
    /// C_SignRecoverInit ..
    pub sign_recover: Option<Running<Box<dyn Recovering>>>,
    /// C_VerifyRecoverInit ..
    pub verify_recover: Option<Running<Box<dyn Recovering>>>,
    /// C_EncryptInit ..
    pub encrypt: Option<Running<Box<dyn Ciphering>>>,
    /// C_DecryptInit ..
    pub decrypt: Option<Running<Box<dyn Ciphering>>>,
    /// C_MessageEncryptInit ..
    pub message_encrypt: Option<Messages<Ciphers>>,
    /// C_MessageDecryptInit ..
    pub message_decrypt: Option<Messages<Ciphers>>,
    /// C_MessageSignInit ..
    pub message_sign: Option<Messages<Signatures>>,
    /// C_MessageVerifyInit ..
    pub message_verify: Option<Messages<Verifications>>,
    /// C_FindObjectsInit ..: what is still to be handed out, last first.
    pub find: Option<Vec<ObjectHandle>>,
}

/// A verification whose signature came before the data (C_VerifySignatureInit).
pub struct SignatureFirst {
    /// The verification.
    pub work: Box<dyn Verifying>,
    /// The signature.
    pub signature: Vec<u8>,
}

/// One running operation.
pub struct Running<T> {
    work: T,
    /// The call that gave input in parts, if any did.
    parts: bool,
    /// A context-specific login must come before the key is used.
    login_due: bool,
    /// Ends the operation when the key's life does.
    life: Option<Arc<Life>>,
    /// The value of a key went into it.
    took_key: bool,
    /// A result that did not fit the caller's buffer.
    pending: Option<Pending>,
    /// What is recorded when it ends.
    trace: Trace,
    /// What is counted of the bytes that go through.
    charge: Charge,
    /// What may be signed, where that is not everything.
    possession: Option<Box<Possession>>,
}

/// A result that waits for a longer buffer.
struct Pending {
    call: Call,
    /// SHA-256 of the input that it came from: another input is not answered with it.
    input: [u8; 32],
    ready: Secret,
}

/// The calls that can give a result whose length is not known before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    Whole,
    Update,
    Final,
}

impl<T> Running<T> {
    /// An operation that was begun, under the obligations of its grant.
    pub fn keyed(begun: Begun<T>) -> Self {
        let Begun { work, life, obligations, trace, charge, possession } = begun;
        let login_due = obligations.context_login;
        Self {
            work,
            parts: false,
            login_due,
            life,
            took_key: false,
            pending: None,
            trace,
            charge,
            possession,
        }
    }

    fn may_go_on(&self) -> Result<()> {
        if self.login_due {
            return Err(Error::UserNotLoggedIn);
        }
        match &self.life {
            Some(life) if life.is_stopped() => Err(Error::KeyFunctionNotPermitted),
            _ => Ok(()),
        }
    }
}

impl Operations {
    /// Whether an operation waits for a context-specific login.
    pub fn waits_for_login(&self) -> bool {
        fn due<T>(running: &Option<Running<T>>) -> bool {
            running.as_ref().is_some_and(|running| running.login_due)
        }
        due(&self.sign)
            || due(&self.verify)
            || due(&self.verify_signature)
            || due(&self.sign_recover)
            || due(&self.verify_recover)
            || due(&self.encrypt)
            || due(&self.decrypt)
            || self.message_encrypt.as_ref().is_some_and(Messages::waits_for_login)
            || self.message_decrypt.as_ref().is_some_and(Messages::waits_for_login)
            || self.message_sign.as_ref().is_some_and(Messages::waits_for_login)
            || self.message_verify.as_ref().is_some_and(Messages::waits_for_login)
    }

    /// Whether a message-based operation runs.
    pub const fn messages_run(&self) -> bool {
        self.message_encrypt.is_some()
            || self.message_decrypt.is_some()
            || self.message_sign.is_some()
            || self.message_verify.is_some()
    }

    /// It came.
    pub fn login_came(&mut self) {
        fn came<T>(running: &mut Option<Running<T>>) {
            if let Some(running) = running {
                running.login_due = false;
            }
        }
        came(&mut self.sign);
        came(&mut self.verify);
        came(&mut self.verify_signature);
        came(&mut self.sign_recover);
        came(&mut self.verify_recover);
        came(&mut self.encrypt);
        came(&mut self.decrypt);
        self.message_encrypt.iter_mut().for_each(Messages::login_came);
        self.message_decrypt.iter_mut().for_each(Messages::login_came);
        self.message_sign.iter_mut().for_each(Messages::login_came);
        self.message_verify.iter_mut().for_each(Messages::login_came);
    }
}

/// `CKR_OPERATION_ACTIVE` where an operation of this kind runs.
pub fn idle<T>(slot: &Option<T>) -> Result<()> {
    if slot.is_some() { Err(Error::OperationActive) } else { Ok(()) }
}

/// Gives input in parts. The operation ends on any error but a short buffer.
pub fn update<T, R>(
    slot: &mut Option<Running<T>>,
    step: impl FnOnce(&mut Running<T>) -> Result<R>,
) -> Result<R> {
    let running = slot.as_mut().ok_or(Error::OperationNotInitialized)?;
    let outcome = running.may_go_on().and_then(|()| step(running));
    match outcome {
        Ok(_) => running.parts = true,
        Err(Error::BufferTooSmall) => {}
        Err(error) => end(slot, Err(error))?,
    }
    outcome
}

/// Ends the operation, and records how.
fn end<T>(slot: &mut Option<Running<T>>, outcome: Result<()>) -> Result<()> {
    match slot.take() {
        Some(running) => running.trace.of(outcome),
        None => outcome,
    }
}

/// Ends the operation, unless the caller only asked for a length or brought a short buffer.
/// `whole` says that the call brings all input at once, which it may not after parts.
pub fn finish<T>(
    slot: &mut Option<Running<T>>,
    whole: bool,
    step: impl FnOnce(&mut Running<T>) -> Result<Filled>,
) -> Result<()> {
    let running = slot.as_mut().ok_or(Error::OperationNotInitialized)?;
    let outcome = match running.may_go_on() {
        Ok(()) if whole && running.parts => Err(Error::OperationActive),
        Ok(()) => step(running),
        Err(error) => Err(error),
    };
    match outcome {
        Ok(Filled::Asked) => Ok(()),
        Err(Error::BufferTooSmall) => Err(Error::BufferTooSmall),
        Ok(Filled::Done) => end(slot, Ok(())),
        Err(error) => end(slot, Err(error)),
    }
}

/// Gives input in parts to two operations at once (5.17). Both go on, or neither: a length query and a short
/// buffer leave both where they were, any other error ends both.
pub fn both<A, B>(
    cipher: &mut Option<Running<A>>,
    other: &mut Option<Running<B>>,
    step: impl FnOnce(&mut Running<A>, &mut Running<B>) -> Result<Filled>,
) -> Result<()> {
    let (Some(first), Some(second)) = (cipher.as_mut(), other.as_mut()) else {
        return Err(Error::OperationNotInitialized);
    };
    let may_go_on = first.may_go_on().and_then(|()| second.may_go_on());
    match may_go_on.and_then(|()| step(first, second)) {
        Ok(Filled::Done) => {
            (first.parts, second.parts) = (true, true);
            Ok(())
        }
        Ok(Filled::Asked) => Ok(()),
        Err(Error::BufferTooSmall) => Err(Error::BufferTooSmall),
        Err(error) => {
            let _ = end(cipher, Err(error));
            end(other, Err(error))
        }
    }
}

impl Running<Box<dyn Digesting>> {
    /// C_DigestUpdate
    pub fn take(&mut self, part: &[u8]) -> Result<()> {
        self.trace.count(part.len());
        self.work.update(part)
    }

    /// C_DigestKey
    pub fn take_key(&mut self, backend: &dyn Backend, grant: Authorized<DigestKey>) -> Result<()> {
        self.took_key = true;
        backend.digest_key(grant, &mut *self.work)
    }

    /// What C_GetOperationState saves. `CKR_STATE_UNSAVEABLE` where the value of a key would leave the token
    /// in it, or where the digest cannot be saved.
    pub fn saved(&self) -> Result<SavedDigest> {
        if self.took_key {
            return Err(Error::StateUnsaveable);
        }
        let (ckm, state) = self.work.save().ok_or(Error::StateUnsaveable)?;
        Ok(SavedDigest { ckm, parts: self.parts, state })
    }

    /// A digest that goes on where it was saved.
    pub fn resumed(begun: Begun<Box<dyn Digesting>>, parts: bool) -> Self {
        Self { parts, ..Self::keyed(begun) }
    }

    /// C_Digest, C_DigestFinal
    pub fn give(&mut self, last: &[u8], out: Output<'_>) -> Result<Filled> {
        let len = self.work.len();
        out.fill(len, |room| {
            self.trace.count(last.len());
            self.work.update(last)?;
            self.work.finish(room)?;
            Ok(len)
        })
    }
}

impl Running<Box<dyn Signing>> {
    /// C_SignUpdate
    pub fn take(&mut self, part: &[u8]) -> Result<()> {
        self.charge.bytes(part.len())?;
        self.trace.count(part.len());
        match &mut self.possession {
            Some(possession) => possession.hold(part),
            None => self.work.update(part),
        }
    }

    /// C_Sign
    pub fn whole(&mut self, data: &[u8], out: Output<'_>) -> Result<Filled> {
        out.fill(self.work.len(), |room| {
            if let Some(possession) = &self.possession {
                possession.judge(data)?;
            }
            self.charge.bytes(data.len())?;
            self.trace.count(data.len());
            self.work.sign(data, room)
        })
    }

    /// C_SignFinal
    pub fn give(&mut self, out: Output<'_>) -> Result<Filled> {
        out.fill(self.work.len(), |room| match &self.possession {
            Some(possession) => self.work.sign(possession.whole()?, room),
            None => self.work.finish(room),
        })
    }
}

impl Running<Box<dyn Verifying>> {
    /// C_VerifyUpdate
    pub fn take(&mut self, part: &[u8]) -> Result<()> {
        self.trace.count(part.len());
        self.work.update(part)
    }

    /// C_Verify
    pub fn whole(&mut self, data: &[u8], signature: &[u8]) -> Result<Filled> {
        self.trace.count(data.len());
        self.work.verify(data, signature).map(|()| Filled::Done)
    }

    /// C_VerifyFinal
    pub fn judge(&mut self, signature: &[u8]) -> Result<Filled> {
        self.work.finish(signature).map(|()| Filled::Done)
    }
}

impl Running<SignatureFirst> {
    /// C_VerifySignatureUpdate
    pub fn take(&mut self, part: &[u8]) -> Result<()> {
        self.trace.count(part.len());
        self.work.work.update(part)
    }

    /// C_VerifySignature
    pub fn whole(&mut self, data: &[u8]) -> Result<Filled> {
        self.trace.count(data.len());
        self.work.work.verify(data, &self.work.signature).map(|()| Filled::Done)
    }

    /// C_VerifySignatureFinal
    pub fn judge(&mut self) -> Result<Filled> {
        self.work.work.finish(&self.work.signature).map(|()| Filled::Done)
    }
}

impl Running<Box<dyn Recovering>> {
    /// C_SignRecover. The length is known before.
    pub fn sign(&mut self, data: &[u8], out: Output<'_>) -> Result<Filled> {
        out.fill(self.work.len(), |room| {
            self.charge.bytes(data.len())?;
            self.trace.count(data.len());
            self.work.run(data, room)
        })
    }

    /// C_VerifyRecover. A signature that is not good is told before a buffer that is too short (5.15), so
    /// the data is recovered first. Nothing is kept for the next call, which may bring another signature.
    pub fn recover(&mut self, signature: &[u8], out: Output<'_>) -> Result<Filled> {
        if out.capacity().is_none() {
            return Ok(out.ask(self.work.len()));
        }
        let mut data = Secret::zeroed(self.work.len());
        self.trace.count(signature.len());
        let len = self.work.run(signature, data.expose_mut())?;
        out.put(data.expose().get(..len).ok_or(Error::GeneralError)?)
    }
}

impl Running<Box<dyn Ciphering>> {
    /// C_Encrypt, C_Decrypt
    pub fn whole(&mut self, input: &[u8], out: Output<'_>) -> Result<Filled> {
        let most = self.work.whole_len(input.len());
        self.give((Call::Whole, input), most, out, |work, room| work.whole(input, room), |_| Ok(()))
    }

    /// C_EncryptUpdate, C_DecryptUpdate
    pub fn part(&mut self, input: &[u8], out: Output<'_>) -> Result<Filled> {
        self.part_and(input, out, |_| Ok(()))
    }

    /// The same, and what comes out is shown to `then`: exactly when it reaches the caller, and never twice.
    pub fn part_and(
        &mut self,
        input: &[u8],
        out: Output<'_>,
        then: impl FnOnce(&[u8]) -> Result<()>,
    ) -> Result<Filled> {
        let most = self.work.update_len(input.len());
        self.give((Call::Update, input), most, out, |work, room| work.update(input, room), then)
    }

    /// C_EncryptFinal, C_DecryptFinal
    pub fn last(&mut self, out: Output<'_>) -> Result<Filled> {
        let most = self.work.finish_len();
        self.give((Call::Final, &[]), most, out, |work, room| work.finish(room), |_| Ok(()))
    }

    /// Where the length is exact, or the buffer surely long enough, the work writes straight into it.
    /// Else (a padding is taken off) the result is made first, and kept if it does not fit: the caller
    /// is told the true length and comes again, with the same call and the same input.
    fn give(
        &mut self,
        (call, input): (Call, &[u8]),
        most: usize,
        out: Output<'_>,
        work: impl FnOnce(&mut dyn Ciphering, &mut [u8]) -> Result<usize>,
        then: impl FnOnce(&[u8]) -> Result<()>,
    ) -> Result<Filled> {
        if let Some(pending) = self.pending.take() {
            if pending.call != call || pending.input != seal::digest(input) {
                return Err(Error::OperationActive);
            }
            return self.hand_out(pending, out, then);
        }
        match out.capacity() {
            Some(room) if !self.work.exact() && room < most => {
                let mut ready = Secret::zeroed(most);
                self.charge.bytes(input.len())?;
                self.trace.count(input.len());
                let len = work(&mut *self.work, ready.expose_mut())?;
                let ready = Secret::from_slice(ready.expose().get(..len).ok_or(Error::GeneralError)?);
                self.hand_out(Pending { call, input: seal::digest(input), ready }, out, then)
            }
            _ => out.fill(most, |room| {
                self.charge.bytes(input.len())?;
                self.trace.count(input.len());
                let len = work(&mut *self.work, room)?;
                then(room.get(..len).ok_or(Error::GeneralError)?)?;
                Ok(len)
            }),
        }
    }

    fn hand_out(
        &mut self,
        pending: Pending,
        out: Output<'_>,
        then: impl FnOnce(&[u8]) -> Result<()>,
    ) -> Result<Filled> {
        let ready = pending.ready.expose();
        if out.capacity().is_some_and(|room| room >= ready.len()) {
            then(ready)?;
        }
        let outcome = out.put(ready);
        if outcome != Ok(Filled::Done) {
            self.pending = Some(pending);
        }
        outcome
    }
}
