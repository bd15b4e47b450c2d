//! What can be typed after `reconcile`.

use clap::Args;

use super::PipelineArgument;

#[derive(Debug, Args)]
pub(crate) struct ReconcileArguments {
    #[command(flatten)]
    pub(crate) pipeline: PipelineArgument,
    /// Streams in place of the file's selection, for example contacts.
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    pub(crate) select: Vec<String>,
    /// Compare every key, also where the source says how many records it has.
    #[arg(long, conflicts_with = "sample")]
    pub(crate) full: bool,
    /// Compare counts, and the first keys that the source lists, about so many.
    #[arg(long, value_name = "N")]
    pub(crate) sample: Option<u64>,
    /// Mark as deleted what is gone at the source, read again what is missing or stale.
    #[arg(long, conflicts_with = "sample")]
    pub(crate) repair: bool,
    /// Let a repair mark any number of rows as deleted.
    #[arg(long, requires = "repair")]
    pub(crate) allow_mass_delete: bool,
}
