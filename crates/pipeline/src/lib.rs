//! The pipeline file, the table of connectors, and the run that puts the stages together. No mapping, cleaning or SQL of its own.

mod calculated;
mod cells;
mod control;
pub mod environment;
pub mod file;
mod lease;
pub mod observer;
pub mod pipeline;
pub mod preview;
pub mod reconcile;
pub mod record;
mod refresh;
pub mod registry;
pub mod run;
mod stream;

pub use aqueduct_connector as connector;
pub use aqueduct_control::Priority;
pub use aqueduct_normalise::cleaners;
pub use aqueduct_schema as schema;
pub use aqueduct_warehouse as warehouse;
pub use control::ControlAddress;
pub use environment::Environment;
pub use file::LoadedFile;
pub use observer::{Event, Observer, Silent};
pub use pipeline::{Connected, Pipeline};
pub use reconcile::{Depth, ReconcileOptions, ReconcileReport, reconcile};
pub use registry::Registry;
pub use run::{RunOptions, RunReport, run};
