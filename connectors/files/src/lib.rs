//! Reads files: CSV, JSON Lines and Parquet, plain or compressed with gzip or zstd, named by paths and patterns.
//!
//! The way of a file: [`config`] names it, `files` finds it, `shape` looks at its first bytes (compression, encoding, delimiter,
//! header, layout), `streams` makes one stream of all files of a kind, and `reading` goes through the files that are new or have
//! changed, page by page. [`report`] tells a person what was found.
//!
//! Reading blocks: a page is at most a few megabytes from a local disk, which takes milliseconds, and a connector has no runtime to
//! hand the work to.

mod cells;
mod compression;
pub mod config;
mod connector;
mod delimited;
mod files;
mod inference;
mod json_lines;
mod layouts;
mod pages;
mod parquet;
mod reading;
pub mod report;
mod sample;
mod shape;
mod streams;
mod text;
mod words;

pub use compression::Compression;
pub use config::Config;
pub use connector::{Files, registration};
pub use report::{FileReport, describe};
pub use text::Sureness;
