//! Floor 4: objects are attributes. The table of attributes, the specification's rules for each class,
//! templates and their judgement, the search, and the facts that the law reads.
//!
//! Nothing here holds a secret: the secret attributes of a key live in its material, which the guard
//! keeps. What stands in [`Attributes`] may be shown to whoever may see the object.
#![forbid(unsafe_code)]

pub mod attribute;
pub mod attributes;
mod certificate;
mod consistency;
mod defaults;
pub mod facts;
pub mod facts_of;
pub mod find;
pub mod inheritance;
pub mod key;
pub mod request;
pub mod rules;
pub mod succession;
pub mod template;
#[cfg(test)]
mod tests;
pub mod value;

pub use attributes::Attributes;
pub use facts::{KeyFacts, Origin, Purpose, State, Usage, Window};
pub use template::Template;
pub use value::Value;
