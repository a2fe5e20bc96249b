//! keyward: a PKCS#11 3.2 provider in which every key has a life and a purpose.

pub mod ck;
