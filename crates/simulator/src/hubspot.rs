//! A HubSpot account on localhost: the CRM v3 and v4 endpoints, OAuth, limits and search of the legacy paths.

mod associations;
mod auth;
mod data;
mod edges;
mod errors;
mod filter;
mod generate;
mod generate_catalogue;
mod generate_rows;
mod legacy;
mod lists;
mod objects;
mod options;
mod properties;
mod reference;
mod route;
mod schema;
mod search;
mod simulator;
mod store;
mod values;
mod view;
mod windows;
mod writes;

pub use crate::{Clock, ContentLength, Counters, Effect, Fault, LoggedRequest, Match, RequestClass, RetryAfter, Times};
pub use auth::ClientCredentials;
pub use data::StoreError;
pub use edges::{Association, AssociationChange};
pub use lists::{ListKind, ListView};
pub use options::{Burst, Limits, Options};
pub use schema::{ObjectKind, Property, PropertyType};
pub use simulator::Simulator;
pub use store::{Owner, RecordState, RecordView, Store};
