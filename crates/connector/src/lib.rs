//! What a connector author writes against.
//!
//! A connector is a [`Registration`]: a name, a config, mappings, and a function that builds a [`Connector`]. The connector says
//! which [`Stream`]s there are and reads **one [`Page`]** at a time; the engine owns the loop, retries, limits, signing and tracing.
//! A stream that declares its [`Endpoint`] needs no code at all.

mod anchored;
pub mod auth;
mod capped;
pub mod config;
pub mod connector;
pub mod csv;
pub mod declared;
pub mod fields;
pub mod http;
pub mod json;
pub mod limits;
pub mod page;
pub mod paging;
pub mod selection;
pub mod status;
pub mod stream;
pub mod windows;

/// The mappings of a [`Registration`] from the names of their files in the folder `mapping` beside the file that says so:
/// `mappings![contact account]` is `mapping/contact.yaml` and `mapping/account.yaml`, as `mappings!["contact", "account"]` is.
#[macro_export]
macro_rules! mappings {
    ($($name:ident)*) => {
        &[$((concat!(stringify!($name), ".yaml"), include_str!(concat!("mapping/", stringify!($name), ".yaml")))),*]
    };
    ($($name:literal),* $(,)?) => {
        &[$((concat!($name, ".yaml"), include_str!(concat!("mapping/", $name, ".yaml")))),*]
    };
}

pub use aqueduct_schema as schema;
pub use async_trait::async_trait;
pub use auth::{Auth, ClientAuthentication, Grant, Instance, KeyPlacement};
pub use bytes::Bytes;
pub use connector::{Account, Connector, Context, Read, Registration, Span, described};
pub use fields::fields;
pub use http::{Body, Http, Method, Request, Response};
pub use limits::{Cost, Limit, LimitClass, Usage};
pub use page::{CsvFormat, Next, Origin, Page, Part, Records};
pub use paging::Paging;
pub use schemars;
pub use selection::Selection;
pub use serde;
pub use serde_json;
pub use status::{Action, StatusRule};
pub use stream::{Endpoint, Stream};
pub use windows::{ById, Instants, Windows};
