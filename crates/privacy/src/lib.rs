//! The privacy stage: a policy says, by sensitivity, kind of value or column, what is kept, dropped or replaced by a token, and
//! nothing reaches a warehouse that has not been through it.

mod examples;
pub mod policy;
pub mod protect;
pub mod scrub;
pub mod token;

pub use policy::{Policy, Treatment};
pub use protect::{Protector, Seal};
pub use token::Tokeniser;
