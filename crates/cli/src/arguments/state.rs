//! What can be typed after `state`.

use clap::Subcommand;

use super::PipelineArgument;

#[derive(Debug, Subcommand)]
pub(crate) enum StateAction {
    /// Show where every stream stands, and up to when every table is complete.
    List {
        #[command(flatten)]
        pipeline: PipelineArgument,
        /// Only the tables, each with the streams that fill it.
        #[arg(long)]
        tables: bool,
    },
    /// Forget where a stream stands, so that the next run reads it from the beginning. Rows stay.
    Clear {
        #[command(flatten)]
        pipeline: PipelineArgument,
        /// The stream; every stream where it is left out.
        #[arg(long)]
        stream: Option<String>,
    },
    /// Store a state as `state list --json` printed it, read from standard input.
    Set {
        #[command(flatten)]
        pipeline: PipelineArgument,
        /// The stream.
        #[arg(long)]
        stream: String,
    },
}
