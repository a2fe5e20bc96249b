//! `docs/return-codes.md`, written from the rows.

use super::Row;
use super::never::{self, EXCEPTIONS, OF_ANY_FUNCTION};
use super::specification::LISTS;
use crate::client::Rv;
use cryptoki_sys::*;
use std::fmt::Write;

const INTRODUCTION: &str = "\
# Return codes

What each function answers to each condition that a caller can meet. This page is written by a test
(`tests/cabi/return_codes`), which meets every condition through the C interface and compares the code;
`KEYWARD_WRITE_DOCS=1 cargo nextest run --test cabi return_codes` writes it anew.

## The order of the checks

Where several things are wrong at once, the first of these is told:

1. **The library**: `CKR_CRYPTOKI_NOT_INITIALIZED`.
2. **The session**: `CKR_SESSION_HANDLE_INVALID`, whatever the other arguments are (PKCS#11 3.2, 5.1.7).
3. **The arguments**: NULL where there must be something is `CKR_ARGUMENTS_BAD`, and so is a number below 4096 in the place of a pointer; then mechanisms that do not exist,
   parameters of the wrong form, values in templates that no attribute can have.
4. **The state of the operation**: `CKR_OPERATION_ACTIVE`, `CKR_OPERATION_NOT_INITIALIZED`, a login that is still due,
   a key whose life ended since the operation began.
5. **Handles** of objects and keys.
6. **The template** of an object that is to be made, by the rules of its class and type.
7. **The mechanism**: whether it does what the function asks; `CKR_MECHANISM_INVALID`. C_GenerateKey and
   C_GenerateKeyPair ask this before they look at templates.
8. **The place**: read-only sessions and logins, for what is made, changed or destroyed.
9. **The key**: its type, its size, its usage attribute, its `CKA_ALLOWED_MECHANISMS`, in this order.
10. **The policy**: state, period, purpose, mechanism, strength, export; then the key that is to be wrapped.
11. **The room for the result**, where its length is known before the work: `CKR_BUFFER_TOO_SMALL`.
12. **The data**: lengths before contents, so `..._LEN_RANGE` before `..._INVALID`. Where the work itself finds the
    length of the result (a padding that is taken off, a wrapped key), `CKR_BUFFER_TOO_SMALL` comes last.

An error ends the operation that it belongs to, an error of the arguments too (PKCS#11 3.2, 5.8 to 5.16: such a call always
terminates the active operation). `CKR_BUFFER_TOO_SMALL` does not: the call can be made again. Nor do errors of the session, and those of
the arguments of one message of several or of two operations at once.

Two refusals of the law can have the same code. `C_GetSessionInfo` then tells them apart: `ulDeviceError` has the
number of the reason of the session's last refusal, and the log has the whole sentence. The numbers stand in
[policy-reference.md](policy-reference.md).

\"Not by an argument\" names the codes that the specification lists for a function and that no argument leads to.
A reason that is the function's own stands beside the code; the others stand once at the end. `CKR_OK` is not
named. A dagger marks a code that the function's own list in the specification does not have; why it is answered
stands at the end, too.
";

pub fn page(rows: &[Row]) -> String {
    let mut page = String::from(INTRODUCTION);
    for (function, codes) in LISTS {
        writeln!(page, "\n## {function}\n").unwrap();
        page.push_str("| condition | code |\n|---|---|\n");
        let own: Vec<&Row> = rows.iter().filter(|row| row.function == *function).collect();
        let mut seen = Vec::new();
        for row in &own {
            // The same condition may be shown in several stages.
            if !seen.contains(&(row.condition, row.code)) {
                seen.push((row.condition, row.code));
                let condition = format!("{}{}", row.condition, mechanism_of(row));
                writeln!(page, "| {condition} | {} |", code_of(function, row.code)).unwrap();
            }
        }
        let never = |code: &&CK_RV| **code != CKR_OK && !own.iter().any(|row| row.code == **code);
        let reason = |code| never::own_reason(function, code).map(|reason| format!(" ({reason})"));
        let named = |code: &CK_RV| format!("`{:?}`{}", Rv(*code), reason(*code).unwrap_or_default());
        let named: Vec<String> = codes.iter().filter(never).map(named).collect();
        if !named.is_empty() {
            writeln!(page, "\nNot by an argument: {}.", named.join(", ")).unwrap();
        }
    }
    page.push_str("\n## Codes that no argument leads to\n\n| code | why |\n|---|---|\n");
    for (code, why) in OF_ANY_FUNCTION {
        writeln!(page, "| `{:?}` | {why} |", Rv(*code)).unwrap();
    }
    page.push_str("\n## Codes beyond the lists\n\n| function | code | why |\n|---|---|---|\n");
    for (function, code, why) in EXCEPTIONS {
        writeln!(page, "| {function} | `{:?}` | {why} |", Rv(*code)).unwrap();
    }
    page
}

/// The mechanism without which there is nothing to show.
fn mechanism_of(row: &Row) -> String {
    row.needs.map_or_else(String::new, |ckm| {
        let there = keyward_pkcs11::crypto::table::find(ckm).is_some();
        let name = keyward_pkcs11::ck::names::mechanism_name(ckm);
        format!(" ({name}{})", if there { "" } else { ", which is not there yet" })
    })
}

fn code_of(function: &str, code: CK_RV) -> String {
    let excepted = EXCEPTIONS.iter().any(|(of, excepted, _)| *of == function && *excepted == code);
    match code {
        CKR_OK => "`CKR_OK`".to_owned(),
        code => format!("`{:?}`{}", Rv(code), if excepted { " †" } else { "" }),
    }
}
