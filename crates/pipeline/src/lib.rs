//! The pipeline file, the table of connectors, and the run that puts the stages together. No mapping, cleaning or SQL of its own.

mod associations;
pub mod backfill;
mod cells;
mod columns;
mod contract;
mod control;
pub mod drift;
pub mod environment;
pub mod file;
mod filling;
mod held;
mod history;
pub mod identities;
pub mod jitter;
mod lease;
mod ledger;
mod machine;
pub mod observer;
pub mod occurring;
mod originals;
pub mod pipeline;
pub mod preview;
pub mod quarantine;
pub mod reconcile;
pub mod record;
pub mod reference;
mod refresh;
pub mod registry;
pub mod renormalise;
mod resolve;
pub mod run;
pub mod runs;
pub mod schedules;
mod stream;
mod sweep;
pub mod upcoming;

pub use aqueduct_connector as connector;
pub use aqueduct_control as control_store;
pub use aqueduct_control::Priority;
pub use aqueduct_engine::{Clock, SystemClock};
pub use aqueduct_identity as identity;
pub use aqueduct_normalise::cleaners;
pub use aqueduct_schedule as schedule;
pub use aqueduct_schema as schema;
pub use aqueduct_warehouse as warehouse;
pub use backfill::{
    BackfillEvent, BackfillObserver, BackfillOptions, BackfillReport, Plan, Resume, WindowLength, backfill, backfill_status, backfills,
    pause_backfill, plan_backfill,
};
pub use control::ControlAddress;
pub use drift::{DriftReport, Waiting};
pub use environment::Environment;
pub use file::LoadedFile;
pub use history::HistorySection;
pub use observer::{Event, Observer, Silent};
pub use occurring::Occurring;
pub use pipeline::{Connected, Pipeline};
pub use quarantine::{ReplayOptions, ReplayReport};
pub use reconcile::{Depth, ReconcileOptions, ReconcileReport, reconcile};
pub use reference::SchemaReference;
pub use registry::Registry;
pub use renormalise::{RenormaliseOptions, RenormaliseReport, renormalise};
pub use resolve::{ListOptions, ResolvedList, ToldColumn, UsedColumn, resolve_columns, resolve_list};
pub use run::{RunOptions, RunReport, run};
pub use schedules::{Scheduled, Survey, pauses, pipeline_files, schedules, survey};
pub use upcoming::{Upcoming, upcoming};
