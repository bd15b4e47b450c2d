//! A small REST vendor from a description: paths, keys, paging and records said in a few lines, served like every other vendor here.
//!
//! ```
//! use aqueduct_simulator::plain::{Authentication, Description, Endpoint, Paging, Simulator, Value};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let contacts = Endpoint::new("contacts", "/contacts")
//!     .items(["data"])
//!     .paging(Paging::next_token(["next"], "after"))
//!     .page_size("limit", 100)
//!     .since("updated_since")
//!     .field("id", Value::Id)
//!     .field("email", Value::Email)
//!     .field("updated_at", Value::UpdatedAt);
//! let acme = Description::new(Authentication::Bearer).base_path("/v1").endpoint(contacts);
//! let simulator = Simulator::start(&acme, Default::default()).await.unwrap();
//! assert_eq!(simulator.store().ids("contacts").len(), 35);
//! # });
//! ```

mod cap;
mod description;
mod filter;
mod options;
mod pages;
mod paging;
mod refused;
mod row;
mod simulator;
mod store;
mod vendor;

pub use crate::{Clock, ContentLength, Counters, Effect, Fault, LoggedRequest, Match, RequestClass, RetryAfter, Times};
pub use cap::BeyondCap;
pub use description::{Authentication, Description, Endpoint, RateLimit};
pub use filter::{Keep, Parameters};
pub use options::Options;
pub use paging::Paging;
pub use refused::{Refused, Why};
pub use row::{Row, Value};
pub use simulator::{Credentials, Simulator};
pub use store::{Candidate, FIRST_ID, Store, StoreError};
