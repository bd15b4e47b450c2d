//! Runs a connector: sends its requests within the vendor's limits, reads its pages in order, keeps the cursors honest, and turns
//! the bytes of a page straight into Arrow columns.
//!
//! Reading order: [`Engine`] (what callers use), `readings` (which readings are due and what a page makes true), `reading` (the page
//! loop), `windows` (how a reading is cut where the source caps its answers), `http` (the layers a request passes), [`decode`] (bytes to columns). The engine knows no connector by name and is the only
//! crate that begins a batch.

mod budget;
pub mod clock;
pub mod decode;
mod engine;
mod exchange;
mod gone;
mod http;
mod kept;
mod loops;
mod meter;
mod options;
mod patience;
#[cfg(feature = "planted-empty-end")]
mod planted;
mod reading;
mod readings;
mod settings;
mod token_store;
mod windows;

pub use budget::{Ask, Budget, Handful};
pub use clock::{Clock, SystemClock};
pub use decode::{Decoded, Decoder, decode, source_column};
pub use engine::Engine;
pub use exchange::{Exchange, ExchangeObserver};
pub use gone::gone;
pub use kept::{KeptRecord, is_whole, kept};
pub use meter::{Meter, Wait, Waiting};
pub use options::{ReadOptions, StreamOutcome};
pub use settings::Settings;
pub use token_store::{StoredTokens, TokenStore, TokenTurn};
