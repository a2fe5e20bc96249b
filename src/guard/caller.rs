//! Which process asks, for the rules that want to know.

use crate::policy::{Caller, KeyRules};
use crate::sys::lock::Mutex;
use crate::sys::process;
use std::sync::OnceLock;

/// So many identities of one process are remembered; a process that takes on more is nobody.
const MOST: usize = 64;

/// The identities that this process has had: few, so they are kept for good.
static KNOWN: OnceLock<Mutex<Vec<Caller>>> = OnceLock::new();

/// This process, where a rule asks for it.
#[inline]
pub(super) fn asked_by(rules: &KeyRules) -> Option<Caller> {
    if rules.asks_caller() { this() } else { None }
}

/// This process, with the rights that it has now.
pub fn this() -> Option<Caller> {
    let (uid, gid) = (process::effective_uid(), process::effective_gid());
    let mut known = KNOWN.get_or_init(Mutex::default).lock();
    if known.was_torn() {
        // What was half written in the parent is left alone, and read anew.
        std::mem::forget(std::mem::take(&mut *known));
    }
    if let Some(caller) = known.iter().find(|each| (each.uid, each.gid) == (uid, gid)) {
        return Some(*caller);
    }
    if known.len() >= MOST {
        return None;
    }
    let kept = |text: Option<String>| text.map(|text| &*text.leak());
    let caller = Caller {
        uid,
        gid,
        user: kept(process::user_name(uid)),
        group: kept(process::group_name(gid)),
        exe: kept(process::executable().and_then(|path| path.into_os_string().into_string().ok())),
        unit: kept(process::systemd_unit()),
    };
    known.push(caller);
    Some(caller)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_known_and_the_same_each_time() {
        let first = this().unwrap();
        assert_eq!(first.uid, process::effective_uid());
        assert!(first.exe.is_some_and(|exe| exe.starts_with('/')));
        assert_eq!(this(), Some(first));
    }
}
