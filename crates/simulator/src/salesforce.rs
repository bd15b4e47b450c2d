//! A Salesforce organisation on localhost: REST queries, Bulk API 2.0 queries, replication, describe, OAuth and limits.

mod assertion;
mod auth;
mod bulk;
mod catalogue;
mod data;
mod derive;
mod describe;
mod errors;
mod fields;
mod generate;
mod generate_histories;
mod generate_people;
mod generate_sales;
mod history;
mod ids;
mod options;
mod query;
mod record;
mod render;
mod replication;
mod route;
mod select;
mod simulator;
mod soql;
mod store;
mod usage;
mod writes;

pub use crate::{Clock, ContentLength, Counters, Effect, Fault, LoggedRequest, Match, RequestClass, RetryAfter, Times};
pub use auth::ClientCredentials;
pub use bulk::{JobState, JobView};
pub use data::StoreError;
pub use options::{BulkPace, Limits, Options, RefreshRotation};
pub use simulator::Simulator;
pub use store::{RecordState, RecordView, Store};
