//! What others see of the server: its pages, its metrics, and the messages that it sends.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod browser;
mod ledger;
mod mail_server;
mod metrics;
mod pages;
mod receiver;
mod scheduler;
mod sinks;
