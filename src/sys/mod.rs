//! Floor 1: what we ask of C and of the operating system. With `ffi`, the only floor with `unsafe`.
//!
//! Each block does one thing and says on which duty it rests. What leaves this floor is safe:
//! no raw pointer, no C structure but those of the PKCS#11 ABI, which `ffi` shares.

pub mod abi;
#[cfg(feature = "aws-lc")]
pub mod aws_lc;
pub mod clock;
pub mod derivation_params;
pub mod fork;
pub mod fork_gate;
pub mod hardware_random;
pub mod lock;
pub mod message_params;
pub mod pages;
pub mod params;
pub mod primitives;
pub mod process;
pub mod shared_page;
