//! The words of `aqueduct backfill`.

use std::path::PathBuf;

use aqueduct_pipeline::WindowLength;
use aqueduct_pipeline::schema::Timestamp;
use clap::builder::RangedU64ValueParser;
use clap::{Args, Subcommand};

/// A new backfill, or something about one that there is.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct BackfillArguments {
    #[command(subcommand)]
    pub(crate) action: Option<BackfillAction>,
    /// The pipeline: a file, or the name of one in pipelines/.
    #[arg(value_name = "PIPELINE", required = true)]
    pub(crate) pipeline: Option<PathBuf>,
    /// The first day or instant of the records' last change, for example 2024-01-01; the beginning where it is left out.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub(crate) from: Option<Timestamp>,
    /// The end, exclusive; now where it is left out.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub(crate) to: Option<Timestamp>,
    /// How long a window is: P1D, P7D, P1M, PT6H; a day where it is left out, or all at once where a listing of everything is quicker.
    #[arg(long, value_name = "LENGTH", value_parser = length)]
    pub(crate) window: Option<WindowLength>,
    /// Streams in place of the file's selection, for example contacts,deals.
    #[arg(long, value_name = "STREAMS", value_delimiter = ',')]
    pub(crate) streams: Vec<String>,
    #[command(flatten)]
    pub(crate) pace: Pace,
    /// Say what would be done, from real counts, and do nothing.
    #[arg(long)]
    pub(crate) plan: bool,
}

/// How fast, and how much of it.
#[derive(Debug, Args)]
pub(crate) struct Pace {
    /// How many windows are read at once, as far as the source's limit allows it; two where it is left out.
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    pub(crate) parallel: Option<usize>,
    /// Stop with a checkpoint and exit code 7 after so many calls.
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<u64>::new().range(1..))]
    pub(crate) max_calls: Option<u64>,
}

/// A backfill on the command line.
#[derive(Debug, Args)]
pub(crate) struct Named {
    /// The pipeline, or the id of one of its backfills as `backfill list` shows it.
    #[arg(value_name = "PIPELINE|ID")]
    pub(crate) name: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BackfillAction {
    /// Ask the backfill that is under way to stop with a checkpoint, from any process.
    Pause {
        #[command(flatten)]
        named: Named,
    },
    /// Go on with a backfill that was paused, stopped or killed.
    Resume {
        #[command(flatten)]
        named: Named,
        #[command(flatten)]
        pace: Pace,
    },
    /// Show where a backfill stands: its windows by stream, the odd ones one by one.
    Status {
        #[command(flatten)]
        named: Named,
        /// Every window.
        #[arg(long)]
        windows: bool,
    },
    /// List the backfills of a pipeline.
    List {
        #[command(flatten)]
        named: Named,
    },
}

/// Reads a day, which begins at midnight UTC, or an instant.
fn instant(text: &str) -> Result<Timestamp, String> {
    let text = text.trim();
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    whole.parse().map_err(|_| "write a day as 2026-01-31, or an instant as 2026-01-31T12:00:00Z".to_owned())
}

fn length(text: &str) -> Result<WindowLength, String> {
    text.parse().map_err(|_| "write the length of a window as P1D, P7D, P1M or PT6H".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_instants() {
        assert_eq!(instant("2026-01-31"), instant("2026-01-31T00:00:00Z"));
        assert!(instant("2026-01-31T12:00:00+02:00").is_ok());
        assert!(instant("31.01.2026").is_err() && instant("yesterday").is_err() && instant("2026-02-30").is_err());
    }
}
