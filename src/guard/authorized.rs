//! The witness. Holding an [`Authorized<O>`] is the proof that the guard allowed this one operation;
//! it owns the operation, the operation owns its key, and a backend uses it up.

use super::Granted;
use super::approval::Spent;
use super::held::{Held, Home};
use super::op::{Copy, Derive, DigestKey, Op, Reveal, Wrap};
use super::trace::Trace;
use crate::ck::{Error, Result};
use crate::crypto::Material;
use crate::crypto::mechanism::{Context, Row};
use crate::object::{Purpose, key};
use crate::secret::Secret;
use cryptoki_sys::{CKA_VALUE, CKO_DATA};
use std::sync::Arc;

/// Proof that the guard allowed this one operation. Not `Clone`, not `Copy`, used up by the backend.
///
/// Nothing outside `guard` can make one:
///
/// ```compile_fail,E0624
/// use keyward_pkcs11::guard::{Authorized, op::Digest};
/// use keyward_pkcs11::ck::Mechanism;
/// let forged = Authorized::new(Digest { mechanism: Mechanism::plain(0x250) }, None, Default::default(), Default::default());
/// ```
#[must_use]
pub struct Authorized<O: Op> {
    op: O,
    row: Option<&'static Row>,
    obligations: Obligations,
    bound: Vec<(usize, Purpose)>,
    trace: Trace,
    spent: Option<Spent>,
}

/// What must hold while the operation runs; the session sees to it.
#[derive(Clone, Copy, Default)]
pub struct Obligations {
    /// The purpose that this first use binds; written before the operation begins.
    pub bind: Option<Purpose>,
    /// Nothing is signed but the key's own certification request.
    pub proves_possession: bool,
    /// CKA_ALWAYS_AUTHENTICATE: a context-specific login must come before each use.
    pub context_login: bool,
}

impl<O: Op> Authorized<O> {
    #[inline]
    pub(super) const fn new(
        op: O,
        row: Option<&'static Row>,
        obligations: Obligations,
        trace: Trace,
    ) -> Self {
        Self { op, row, obligations, bound: Vec::new(), trace, spent: None }
    }

    #[inline]
    pub(super) fn granted(op: O, Granted { row, obligations, bound, trace, spent }: Granted) -> Self {
        Self { op, row, obligations, bound, trace, spent }
    }

    /// What is to be recorded of the operation. Whoever runs it takes this and says how it ended.
    pub fn take_trace(&mut self) -> Trace {
        std::mem::take(&mut self.trace)
    }

    /// What others have agreed to and is spent by this; `None` where nobody had to be asked.
    pub(super) const fn spent(&self) -> Option<&Spent> {
        self.spent.as_ref()
    }

    /// The operation.
    pub const fn op(&self) -> &O {
        &self.op
    }

    /// Gives the operation back; the proof is spent.
    pub fn into_op(self) -> O {
        self.op
    }

    /// What must hold while it runs.
    pub const fn obligations(&self) -> Obligations {
        self.obligations
    }

    /// Whether this use binds any key to a purpose.
    #[inline]
    pub const fn binds(&self) -> bool {
        self.obligations.bind.is_some() || !self.bound.is_empty()
    }

    /// The keys that this use binds to a purpose, and which.
    pub fn bindings(&self) -> Result<Vec<(Arc<Held>, Purpose)>> {
        let mut bindings = Vec::new();
        if let Some(purpose) = self.obligations.bind {
            bindings.push((Arc::clone(self.object()?), purpose));
        }
        if !self.bound.is_empty() {
            let ask = self.op.ask();
            let second =
                |(at, purpose): &(usize, Purpose)| Some((Arc::clone(ask.seconds.get(*at)?), *purpose));
            bindings.extend(self.bound.iter().filter_map(second));
        }
        Ok(bindings)
    }

    /// The mechanism's row, found while judging.
    pub fn row(&self) -> Result<&'static Row> {
        self.row.ok_or(Error::MechanismInvalid)
    }

    /// The key made ready for the mechanism, prepared once and cached with the key.
    pub fn context(&self) -> Result<Context> {
        let prepare = self.row()?.prepare.ok_or(Error::MechanismInvalid)?;
        self.object()?.context(prepare)
    }

    /// The object of the operation.
    pub fn object(&self) -> Result<&Arc<Held>> {
        // `ask` borrows from `op`, so the object lives as long as the witness.
        self.op.ask().object.ok_or(Error::GeneralError)
    }
}

impl Authorized<Derive> {
    /// The material of the base key, or the value of the data object that stands for it.
    pub(crate) fn base(&self) -> Result<Material> {
        let base = &self.op.key;
        if base.facts().class == CKO_DATA {
            let value = base.attributes().bytes(CKA_VALUE).unwrap_or_default();
            return Ok(Material::Bytes(Secret::from_slice(value)));
        }
        base.material()
    }

    /// The values of the second keys, in the order of the operation. `CKR_KEY_TYPE_INCONSISTENT` where one is no
    /// secret key.
    pub(crate) fn seconds(&self) -> Result<Vec<Secret>> {
        let value = |held: &Arc<Held>| match held.material()? {
            Material::Bytes(value) => Ok(value),
            _ => Err(Error::KeyTypeInconsistent),
        };
        self.op.seconds.iter().map(value).collect()
    }
}

impl Authorized<Wrap> {
    /// The material of the key that is to be wrapped.
    pub(crate) fn target_material(&self) -> Result<Material> {
        self.op.target.material()
    }
}

impl Authorized<Copy> {
    /// The material of the object that is copied; `None` where it has none.
    pub(crate) fn material(&self) -> Result<Option<Material>> {
        match self.op.object.home {
            Home::Nowhere => Ok(None),
            _ => self.op.object.material().map(Some),
        }
    }
}

impl Authorized<DigestKey> {
    /// The value that goes into the digest. `CKR_KEY_INDIGESTIBLE` where the key is no secret key.
    pub(crate) fn value(&self) -> Result<Secret> {
        match self.op.key.material()? {
            Material::Bytes(value) => Ok(value),
            _ => Err(Error::KeyIndigestible),
        }
    }
}

impl Authorized<Reveal> {
    /// The secret attribute that may be seen.
    pub(crate) fn secret(&self) -> Result<Secret> {
        key::secret_attribute(&self.op.object.material()?, self.op.attribute)
            .ok_or(Error::AttributeTypeInvalid)
    }
}
