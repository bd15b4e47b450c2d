//! The binary as its users meet it: real processes against an invented account and files, read back with other programs.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod account;
mod database;
mod demo;
mod ends;
mod exports;
mod kill;
mod load;
mod mistakes;
mod new_connector;
mod privacy;
mod project;
mod pseudonyms;
mod recording;
mod salesforce;
mod words;
