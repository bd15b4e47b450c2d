//! The engine from outside: against a scripted HTTP server and against connectors in memory. Time is the tests' own.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod clock;
mod instances;
mod requests;
mod server;
mod shared;
mod signing;
mod stream;
mod support;
mod windows;
