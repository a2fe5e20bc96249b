//! The state machine of message-based operations (PKCS#11 3.2, 5.9, 5.11, 5.14, 5.16), once for all four:
//!
//! ```text
//! idle --init--> ready --whole--> ready
//!                  |  --begin--> open --next--> open --last--> ready
//!                  |  final, init without a mechanism: idle
//! ```
//!
//! A length query and a short buffer change nothing. An error ends the message and leaves the operation ready
//! for the next one; the end of the key's life ends the operation. Where a key wants a login for each use
//! (`CKA_ALWAYS_AUTHENTICATE`), each message is a use.

use super::Begun;
use super::output::{Filled, Output};
use crate::ck::message::{MessageParameter, MessageShape, MessageStep};
use crate::ck::{Error, Result};
use crate::crypto::mechanism::{Messaging, Signing, StartSignings, StartVerifyings, Verifying};
use crate::guard::{Charge, Life, Terms, Trace};
use std::sync::Arc;

/// One message-based operation.
pub struct Messages<T> {
    work: T,
    /// A message was begun and has not ended.
    open: bool,
    /// Each message needs a login of its own.
    login_each: bool,
    login_due: bool,
    life: Option<Arc<Life>>,
    /// What is recorded when the messages end.
    trace: Trace,
    /// What is counted of each message.
    charge: Charge,
}

/// What runs in a message-based operation.
pub trait Work {
    /// Forgets the message that was begun.
    fn abandon(&mut self);
}

/// Messages that are encrypted or decrypted.
pub struct Ciphers {
    messaging: Box<dyn Messaging>,
    shape: MessageShape,
    encrypting: bool,
    /// What the rules ask of each message.
    terms: Terms,
}

/// Messages that are signed.
pub struct Signatures {
    start: StartSignings,
    running: Option<Box<dyn Signing>>,
}

/// Messages whose signatures are verified.
pub struct Verifications {
    start: StartVerifyings,
    running: Option<Box<dyn Verifying>>,
}

impl<T: Work> Messages<T> {
    /// An operation that was begun, under the obligations of its grant.
    pub fn new(begun: Begun<T>) -> Self {
        let Begun { work, life, obligations, trace, charge, .. } = begun;
        let login = obligations.context_login;
        Self { work, open: false, login_each: login, login_due: login, life, trace, charge }
    }

    /// Whether a context-specific login must come before the next message.
    pub const fn waits_for_login(&self) -> bool {
        self.login_due
    }

    /// It came.
    pub const fn login_came(&mut self) {
        self.login_due = false;
    }

    fn ended(&mut self) {
        self.work.abandon();
        self.open = false;
        self.login_due = self.login_each;
    }
}

/// The operation, if the key may still be used. The end of the key's life ends the operation.
fn alive<T: Work>(slot: &mut Option<Messages<T>>) -> Result<&mut Messages<T>> {
    let stopped = |messages: &mut Messages<T>| messages.life.as_ref().is_some_and(|life| life.is_stopped());
    if let Some(messages) = slot.take_if(stopped) {
        return messages.trace.of(Err(Error::KeyFunctionNotPermitted));
    }
    slot.as_mut().ok_or(Error::OperationNotInitialized)
}

/// The operation, ready for a new message.
fn ready<T: Work>(slot: &mut Option<Messages<T>>) -> Result<&mut Messages<T>> {
    let messages = alive(slot)?;
    if messages.open {
        return Err(Error::OperationActive);
    }
    if messages.login_due {
        return Err(Error::UserNotLoggedIn);
    }
    Ok(messages)
}

/// A whole message of `len` bytes. `CKR_OPERATION_ACTIVE` within another one.
pub fn whole<T: Work>(
    slot: &mut Option<Messages<T>>,
    len: usize,
    step: impl FnOnce(&mut T, &mut Charge) -> Result<Filled>,
) -> Result<()> {
    let messages = ready(slot)?;
    match step(&mut messages.work, &mut messages.charge) {
        Ok(Filled::Asked) => Ok(()),
        Err(Error::BufferTooSmall) => Err(Error::BufferTooSmall),
        Ok(Filled::Done) => {
            messages.trace.count(len);
            messages.ended();
            Ok(())
        }
        Err(error) => {
            messages.ended();
            Err(error)
        }
    }
}

/// Begins a message in parts. `CKR_OPERATION_ACTIVE` within another one.
pub fn begin<T: Work>(
    slot: &mut Option<Messages<T>>,
    step: impl FnOnce(&mut T, &mut Charge) -> Result<()>,
) -> Result<()> {
    let messages = ready(slot)?;
    match step(&mut messages.work, &mut messages.charge) {
        Ok(()) => {
            messages.open = true;
            Ok(())
        }
        Err(error) => {
            messages.ended();
            Err(error)
        }
    }
}

/// A part of `len` bytes of the message that was begun (`CKR_OPERATION_NOT_INITIALIZED` where none was); `last` ends it.
pub fn next<T: Work>(
    slot: &mut Option<Messages<T>>,
    len: usize,
    last: bool,
    step: impl FnOnce(&mut T, &mut Charge) -> Result<Filled>,
) -> Result<()> {
    let messages = alive(slot)?;
    if !messages.open {
        return Err(Error::OperationNotInitialized);
    }
    match step(&mut messages.work, &mut messages.charge) {
        Ok(Filled::Asked) => Ok(()),
        Err(Error::BufferTooSmall) => Err(Error::BufferTooSmall),
        Ok(Filled::Done) => {
            messages.trace.count(len);
            if last {
                messages.ended();
            }
            Ok(())
        }
        Err(error) => {
            messages.ended();
            Err(error)
        }
    }
}

/// Ends the operation. `CKR_OPERATION_ACTIVE` within a message.
pub fn finish<T: Work>(slot: &mut Option<Messages<T>>) -> Result<()> {
    match slot {
        None => Err(Error::OperationNotInitialized),
        Some(messages) if messages.open => Err(Error::OperationActive),
        Some(_) => slot.take().map_or(Ok(()), |messages| messages.trace.of(Ok(()))),
    }
}

impl Ciphers {
    /// Messages whose parameters have this shape, and what the rules ask of them.
    pub const fn new(
        messaging: Box<dyn Messaging>,
        shape: MessageShape,
        encrypting: bool,
        terms: Terms,
    ) -> Self {
        Self { messaging, shape, encrypting, terms }
    }

    /// C_EncryptMessage, C_DecryptMessage
    pub fn whole(
        &mut self,
        parameter: &dyn MessageParameter,
        aad: &[u8],
        input: &[u8],
        out: Output<'_>,
        charge: &mut Charge,
    ) -> Result<Filled> {
        let mut params = parameter.read(self.shape, MessageStep::Whole, self.encrypting)?;
        if self.encrypting {
            parameter.apart(input.len(), MessageStep::Whole)?;
        }
        self.terms.judge(&params, MessageStep::Whole)?;
        let filled = out.fill(input.len(), |room| {
            charge.message()?;
            charge.bytes(input.len())?;
            self.messaging.whole(&mut params, aad, input, room)?;
            Ok(input.len())
        })?;
        if self.encrypting && filled == Filled::Done {
            parameter.made(params, MessageStep::Whole);
        }
        Ok(filled)
    }

    /// C_EncryptMessageBegin, C_DecryptMessageBegin
    pub fn begin(&mut self, parameter: &dyn MessageParameter, aad: &[u8], charge: &mut Charge) -> Result<()> {
        let mut params = parameter.read(self.shape, MessageStep::Begin, self.encrypting)?;
        if self.encrypting {
            parameter.apart(0, MessageStep::Begin)?;
        }
        self.terms.judge(&params, MessageStep::Begin)?;
        charge.message()?;
        self.messaging.begin(&mut params, aad)?;
        if self.encrypting {
            parameter.made(params, MessageStep::Begin);
        }
        Ok(())
    }

    /// C_EncryptMessageNext, C_DecryptMessageNext
    pub fn next(
        &mut self,
        parameter: &dyn MessageParameter,
        input: &[u8],
        out: Output<'_>,
        last: bool,
        charge: &mut Charge,
    ) -> Result<Filled> {
        let step = if last { MessageStep::Last } else { MessageStep::Middle };
        let mut params = parameter.read(self.shape, step, self.encrypting)?;
        let len = self.messaging.next_len(input.len(), last);
        if self.encrypting {
            parameter.apart(len, step)?;
        }
        self.terms.judge(&params, step)?;
        let filled = out.fill(len, |room| {
            charge.bytes(input.len())?;
            self.messaging.next(&mut params, input, room, last)?;
            Ok(len)
        })?;
        if self.encrypting && filled == Filled::Done {
            parameter.made(params, step);
        }
        Ok(filled)
    }
}

impl Signatures {
    /// Signatures that are started so.
    pub const fn new(start: StartSignings) -> Self {
        Self { start, running: None }
    }

    /// C_SignMessage
    pub fn whole(&self, data: &[u8], out: Output<'_>, charge: &mut Charge) -> Result<Filled> {
        let mut signing = (self.start)()?;
        out.fill(signing.len(), |room| {
            charge.message()?;
            charge.bytes(data.len())?;
            signing.sign(data, room)
        })
    }

    /// C_SignMessageBegin
    pub fn begin(&mut self, charge: &mut Charge) -> Result<()> {
        charge.message()?;
        self.running = Some((self.start)()?);
        Ok(())
    }

    /// C_SignMessageNext; with an output it ends the message.
    pub fn next(&mut self, data: &[u8], out: Option<Output<'_>>, charge: &Charge) -> Result<Filled> {
        let signing = self.running.as_mut().ok_or(Error::OperationNotInitialized)?;
        match out {
            None => charge.bytes(data.len()).and_then(|()| signing.update(data)).map(|()| Filled::Done),
            Some(out) => out.fill(signing.len(), |room| {
                charge.bytes(data.len())?;
                signing.update(data)?;
                signing.finish(room)
            }),
        }
    }
}

impl Verifications {
    /// Verifications that are started so.
    pub const fn new(start: StartVerifyings) -> Self {
        Self { start, running: None }
    }

    /// C_VerifyMessage
    pub fn whole(&self, data: &[u8], signature: &[u8]) -> Result<Filled> {
        (self.start)()?.verify(data, signature).map(|()| Filled::Done)
    }

    /// C_VerifyMessageBegin
    pub fn begin(&mut self) -> Result<()> {
        self.running = Some((self.start)()?);
        Ok(())
    }

    /// C_VerifyMessageNext; with a signature it ends the message.
    pub fn next(&mut self, data: &[u8], signature: Option<&[u8]>) -> Result<Filled> {
        let verifying = self.running.as_mut().ok_or(Error::OperationNotInitialized)?;
        verifying.update(data)?;
        match signature {
            None => Ok(Filled::Done),
            Some(signature) => verifying.finish(signature).map(|()| Filled::Done),
        }
    }
}

impl Work for Ciphers {
    fn abandon(&mut self) {
        self.messaging.abandon();
    }
}

impl Work for Signatures {
    fn abandon(&mut self) {
        self.running = None;
    }
}

impl Work for Verifications {
    fn abandon(&mut self) {
        self.running = None;
    }
}
