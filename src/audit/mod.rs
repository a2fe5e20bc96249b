//! Floor 7: the record of what the guard decided and how keys lived, in a form that somebody who trusts neither the
//! host nor us can check.
//!
//! * [`event`]: what one record says, and its bytes.
//! * [`chain`]: what ties records together: leaves, the moving key, the trees whose roots are signed.
//! * [`segment`]: the file of one process: frames of records and checkpoints.
//! * [`anchor`]: the token-wide chain of signed statements over the segments, under a key that moves forward.
//! * [`trail`]: the writer of one process; `adopt`: what it does with segments that killed processes left.
//! * [`folder`]: where segments lie, and copies of a trail.
//! * [`read`]: the records of a trail, one after the other.
//! * [`proof`]: one record, proved without the others.
//! * [`retention`]: segments that are taken away.
//! * [`verify`]: the judge, who needs the files and a public key.
//!
//! The record never holds secrets, PINs, plaintext or messages. It is no log for people: that is `guard::journal`.
#![forbid(unsafe_code)]

mod adopt;
pub mod anchor;
pub mod chain;
mod codec;
pub mod event;
pub mod folder;
pub mod proof;
pub mod read;
pub mod retention;
pub mod segment;
mod signers;
pub mod trail;
pub mod verify;
pub mod word;

pub use event::{Event, Kind};
pub use trail::Trail;

#[cfg(test)]
mod tests;
