//! keyward: a PKCS#11 3.2 provider in which every key has a life and a purpose.

pub mod admin;
pub mod api;
pub mod audit;
pub mod backend;
pub mod ck;
pub mod crypto;
#[expect(unsafe_code, reason = "the inbound C edge: what C asks of us")]
pub mod ffi;
pub mod guard;
pub mod object;
pub mod policy;
pub mod secret;
pub mod session;
pub mod store;
#[expect(unsafe_code, reason = "what we ask of C and of the operating system")]
pub mod sys;
pub mod token;
