//! The pipeline file, the table of connectors, and the run that puts the stages together. No mapping, cleaning or SQL of its own.

mod calculated;
mod cells;
pub mod environment;
pub mod file;
pub mod observer;
pub mod pipeline;
pub mod preview;
pub mod record;
pub mod registry;
pub mod run;
mod stream;

pub use aqueduct_connector as connector;
pub use aqueduct_normalise::cleaners;
pub use aqueduct_schema as schema;
pub use aqueduct_warehouse as warehouse;
pub use environment::Environment;
pub use file::LoadedFile;
pub use observer::{Event, Observer, Silent};
pub use pipeline::{Connected, Pipeline};
pub use registry::Registry;
pub use run::{RunOptions, RunReport, run};
