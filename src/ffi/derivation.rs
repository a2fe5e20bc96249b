//! The table's argument type for C_DeriveKey: a mechanism whose parameter may hold templates of further keys and places
//! for results.

use super::borrow::{Place, ulong};
use super::template::Template;
use crate::api::derive::{Outcome, Refusal};
use crate::ck::raw::RawAttribute;
use crate::ck::{Error, Mechanism, ObjectHandle, Result};
use crate::crypto;
use crate::sys::abi::{CK_MECHANISM, CK_OBJECT_HANDLE};
use crate::sys::derivation_params::{Further, Places};
use crate::sys::params;
use cryptoki_sys::CK_INVALID_HANDLE;

/// A pointer to the mechanism of C_DeriveKey.
pub(crate) struct DeriveMechanismPointer(*const CK_MECHANISM);

impl DeriveMechanismPointer {
    /// # Safety
    /// As [`params::read_derivation`], while the value lives; and the templates in the parameter are as
    /// [`Template::new`] wants them.
    pub(crate) unsafe fn new(mechanism: *mut CK_MECHANISM) -> Self {
        Self(mechanism)
    }

    /// Reads everything, runs `work` and writes what it made. `CKR_ARGUMENTS_BAD` for NULL where the handle of the key
    /// must go.
    pub(crate) fn derive(
        &self,
        key: &Place<CK_OBJECT_HANDLE>,
        template: &Template,
        work: impl FnOnce(
            Mechanism,
            &[RawAttribute],
            &[Vec<RawAttribute>],
        ) -> core::result::Result<Outcome, Refusal>,
    ) -> Result<()> {
        let shape = |ckm| crypto::table::find(ckm).map(|(_, row)| row.shape);
        // SAFETY: the promise of `new`.
        let read = unsafe { params::read_derivation(self.0, shape) };
        if !read.as_ref().is_ok_and(|(_, places)| places.take_every_handle()) {
            key.check()?;
        }
        let (mechanism, places) = read?;
        let template = template.read()?;
        let further = further(&places)?;
        match work(mechanism, &template, &further) {
            Ok(outcome) => put(&outcome, &places, key),
            Err(Refusal { error, further }) => {
                if let Some(at) = further {
                    places.put_offending(at);
                }
                Err(error)
            }
        }
    }
}

/// The templates of the further keys.
fn further(places: &Places) -> Result<Vec<Vec<RawAttribute>>> {
    let read = |(at, further): (usize, &Further)| {
        // SAFETY: a template in the parameter: the promise of `DeriveMechanismPointer::new`.
        let template = unsafe { Template::new(further.template, further.count) };
        template.read().inspect_err(|_| places.put_offending(at))
    };
    places.further().iter().enumerate().map(read).collect()
}

fn put(outcome: &Outcome, places: &Places, key: &Place<CK_OBJECT_HANDLE>) -> Result<()> {
    let of = |handle: &Option<ObjectHandle>| handle.map_or(CK_INVALID_HANDLE, |handle| ulong(handle.0));
    let handles: Vec<_> = outcome.keys.iter().map(of).collect();
    if places.take_every_handle() {
        let all = handles.try_into().map_err(|_| Error::GeneralError)?;
        places.put_tls_keys(all, &outcome.ivs);
        return Ok(());
    }
    let (first, further) = handles.split_first().ok_or(Error::GeneralError)?;
    if let Some(version) = outcome.version {
        places.put_version(version);
    }
    places.put_further(further);
    key.put(*first);
    Ok(())
}
