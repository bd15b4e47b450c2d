//! The binary as its users meet it: real processes against an invented account and files, read back with other programs.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod account;
mod budgets;
mod database;
mod demo;
mod ends;
mod exports;
mod kill;
mod leases;
mod load;
mod mistakes;
mod new_connector;
mod privacy;
mod project;
mod pseudonyms;
mod reconcile;
mod recording;
mod refresh;
mod salesforce;
mod tokens;
mod words;
