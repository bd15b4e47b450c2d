//! New connectors: a crate that compiles, runs against a small vendor of its own and keeps every rule of the suite, to be edited from
//! there into the connector for a real vendor.
//!
//! A [`Plan`] says what the connector is to be: [`Plan::example`] invents a vendor, [`propose`] reads an OpenAPI description. [`create`]
//! turns it into files. What was guessed says so in the files, after the word `GUESSED`, and in what [`Created`] tells.
//!
//! Reading order: [`plan`] (what is written), `openapi` (where it may come from), `render` (how it is written), `workspace` (where).

mod create;
mod example;
mod name;
mod openapi;
pub mod plan;
mod render;
mod style;
mod workspace;

pub use create::{Created, Order, create};
pub use openapi::{Proposal, propose};
pub use plan::Plan;
pub use style::Style;
