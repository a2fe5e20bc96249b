//! The built module, from outside: loaded with `dlopen` and used through the C function list, as a
//! host program does. Every test runs in a process of its own ([`client::alone`]), because a process has
//! one C_Initialize state, and because a crash must cost one test and not all of them.
//!
//! Which module: `KEYWARD_MODULE`, or else the newest `libkeyward_pkcs11.so` beside the test program.
#![expect(unsafe_code, reason = "calls C functions as a host would")]
#![expect(clippy::macro_metavars_in_unsafe, clippy::multiple_unsafe_ops_per_block, reason = "a host program")]
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![expect(clippy::host_endian_bytes, reason = "attributes are numbers in memory")]
#![expect(clippy::disallowed_methods, reason = "a program of its own")]
#![expect(clippy::cast_possible_truncation, reason = "numbers of the tests' own")]

mod client;

mod alarms;
mod approvals;
mod approvals_signed;
mod attacks;
mod attributes;
mod audit;
mod authenticated_wrap;
mod budgets;
mod ciphers;
mod classes;
mod conditions;
mod copies;
mod curves;
mod damage;
mod derivation;
mod dual;
mod ecdh_wrap;
mod encapsulate;
mod floor;
mod forks;
mod functions;
mod hashes;
mod history;
mod hostile;
mod installed;
mod law;
mod loading;
mod mechanisms;
mod memory;
mod message_parameters;
mod message_signatures;
mod messages;
mod named_users;
mod nested_templates;
mod objects;
mod operation_state;
mod outputs;
mod parameters;
mod password_wrap;
mod pkcs8;
mod positions;
mod possession;
mod post_quantum;
mod processes;
mod recover;
mod return_codes;
mod rotation;
mod rsa;
mod rules;
mod searches;
mod sessions;
mod slot_events;
mod threads;
mod token;
mod verify_signature;
mod walk;
