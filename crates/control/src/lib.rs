//! What the processes of one company share: who runs which pipeline, how many requests an account may still get, and its tokens.
//!
//! Everything is a small document under a kind and a key, changed in a transaction that no other process can overlap. The rules are
//! plain functions over such documents (`lease`, `budget`, `tokens`), so they are the same on both databases and can be tested alone;
//! `sqlite` and `postgres` do nothing but read and replace one document.

mod address;
mod alert;
mod alert_book;
mod budget;
mod control;
mod counts;
mod documents;
mod durable;
mod failure;
mod holder;
mod key;
mod lease;
mod ledger;
pub mod occurrence;
pub mod occurrence_rules;
#[cfg(test)]
mod occurrence_tests;
#[cfg(feature = "planted-no-claim")]
mod planted;
mod postgres;
mod quota;
mod scheduling;
mod sealer;
mod sqlite;
pub mod standing;
mod tokens;
mod totals;

pub use address::check_address;
pub use alert::{Notice, Problem, Raise, Reason, Settled};
pub use alert_book::AlertBook;
pub use budget::{Answer, Ask, Priority, Returned, Told, check_time_zone};
pub use control::Control;
pub use counts::Counts;
pub use holder::Holder;
pub use lease::{Acquired, Held, TakenOver};
pub use ledger::{EntryError, Outcome, ProcessUse, RunEntry, RunFilter, RunKind, RunRetention, StreamEntry};
pub use quota::{AccountName, QuotaUse};
pub use scheduling::Changed;
pub use sealer::Sealer;
pub use tokens::{Tokens, Turn};
pub use totals::{DURATIONS, OTHER, RunsCounted, StreamTotals, Totals};

/// A name for something that must not be readable in the store, such as the credentials that a budget belongs to: 128 bits in hex.
pub fn digest(parts: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("aqueduct control store: names of accounts and grants");
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex()[..32].to_owned()
}
