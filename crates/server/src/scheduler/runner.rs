//! What the scheduler asks of whoever runs pipelines for it.

use std::path::PathBuf;
use std::time::Duration;

use aqueduct_pipeline::control_store::Holder;
use aqueduct_pipeline::control_store::occurrence::OccurrenceId;
use aqueduct_pipeline::schema::Result;
use async_trait::async_trait;

/// A run to be started. Its first act is to begin the occurrence, its last to end it.
#[derive(Clone, Debug)]
pub struct Start {
    /// What it is for.
    pub id: OccurrenceId,
    /// Which attempt it is, from 1.
    pub attempt: u32,
    /// The pipeline file.
    pub file: PathBuf,
    /// After how long it stops with a checkpoint.
    pub timeout: Option<Duration>,
}

/// A process that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// What it was for.
    pub id: OccurrenceId,
    /// The number of the process.
    pub process: u32,
    /// Its exit code; absent after a signal.
    pub code: Option<u8>,
}

/// How a run is told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// After a checkpoint.
    Terminate,
    /// At once.
    Kill,
}

/// Whoever runs pipelines.
#[async_trait]
pub trait Runner: Send + Sync {
    /// Starts a run and comes back at once, with the number of its process.
    ///
    /// # Errors
    /// When no process could be started.
    async fn start(&self, start: &Start) -> Result<u32>;

    /// The processes started here that have ended since this was last asked.
    async fn ended(&self) -> Vec<Gone>;

    /// Tells a run of this machine to stop, whoever started it. One that is gone is not missed.
    fn signal(&self, holder: &Holder, signal: Signal);

    /// Looks after what runs leave behind, such as logs. Asked now and then.
    async fn tend(&self) {}
}
