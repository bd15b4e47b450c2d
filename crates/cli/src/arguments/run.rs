//! What can be typed after `run`.

use std::path::PathBuf;
use std::time::Duration;

use aqueduct_pipeline::control_store::occurrence::OccurrenceId;
use clap::Args;

use super::{PipelineArgument, duration};

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    #[command(flatten)]
    pub(crate) pipeline: PipelineArgument,
    /// Streams and fields in place of the file's selection, for example contacts or deals.amount.
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    pub(crate) select: Vec<String>,
    /// Read everything again, aside, and put it in place of what is there when it is complete.
    #[arg(long)]
    pub(crate) full_refresh: bool,
    /// Read calculated fields again for all records, whether they are due or not.
    #[arg(long)]
    pub(crate) refresh_calculated: bool,
    /// Read all links between records, whether that is due or not (run.association_sweep_hours in the pipeline file).
    #[arg(long)]
    pub(crate) sweep_associations: bool,
    /// Compare the ids at the source with the rows that are here, whether that is due or not: what is gone there is marked as deleted.
    #[arg(long)]
    pub(crate) sweep_ids: bool,
    /// Go through all stages and store nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Stop each stream after the page with which it has read so many records.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// Stop with a checkpoint after so long, for example 90s, 10m or 2h.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,
    /// Wait so long for another run of this pipeline to end, instead of exiting 9 at once.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) wait_for_lease: Option<Duration>,
    /// Wait before beginning, up to so long: by the pipeline's name and the minute, so that pipelines of one minute spread out.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) jitter: Option<Duration>,
    /// Append what the run did to this file, as one JSON line; several runs may write to one file.
    #[arg(long, value_name = "FILE")]
    pub(crate) summary_file: Option<PathBuf>,
    /// Let a snapshot or a refresh mark any number of rows as deleted.
    #[arg(long)]
    pub(crate) allow_mass_delete: bool,
    /// The occurrence that a scheduler has claimed, as PIPELINE/2026-11-22T12:00:00Z; without the claim nothing is done.
    #[arg(long, value_name = "OCCURRENCE", conflicts_with_all = ["dry_run", "jitter"])]
    pub(crate) occurrence: Option<OccurrenceId>,
    /// Keep what the pipeline's schedule says besides when: for cron, systemd, Kubernetes or Airflow, which know when. Waits for jitter,
    /// black-outs and the pipelines before, tries again what fails, and says why where nothing is to be run.
    #[arg(long, conflicts_with_all = ["occurrence", "dry_run", "jitter", "wait_for_lease"])]
    pub(crate) scheduled: bool,
}
