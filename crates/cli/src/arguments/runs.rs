//! `aqueduct runs`.

use std::path::PathBuf;

use aqueduct_pipeline::control_store::Outcome;
use aqueduct_pipeline::schema::Timestamp;
use clap::{Subcommand, ValueEnum};

/// The latest runs of a pipeline as its warehouse has them, or one of the verbs, which read the ledger of runs in the control store.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct RunsArguments {
    #[command(subcommand)]
    pub(crate) action: Option<RunsAction>,
    /// The pipeline whose runs its warehouse is asked for: a file, or the name of one in pipelines/.
    #[arg(value_name = "PIPELINE", required = true)]
    pub(crate) pipeline: Option<PathBuf>,
    /// How many.
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub(crate) limit: u32,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunsAction {
    /// List the latest runs of a pipeline, or of all, whether they came to their warehouse or not.
    List {
        /// The pipeline: a file, or the name of one in pipelines/; all where it is left out.
        #[arg(value_name = "PIPELINE")]
        pipeline: Option<PathBuf>,
        /// How many.
        #[arg(long, default_value_t = 20, value_name = "N")]
        limit: usize,
        /// Only those that ended so; without it all but those that were refused because another one was under way.
        #[arg(long, value_enum, value_delimiter = ',', value_name = "OUTCOME")]
        status: Vec<Status>,
        /// Only those that began after this: a time such as 2026-11-22T12:00:00Z, a day, or how long ago, such as 90m, 6h or 7d.
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
    },
    /// Show everything about one run: streams, readings, requests, retries, waits, memory.
    Show {
        #[command(flatten)]
        run: RunArgument,
    },
    /// Follow runs that are under way and those that begin, until Ctrl-C.
    Tail {
        /// The pipeline: a file, or the name of one in pipelines/; all where it is left out.
        #[arg(value_name = "PIPELINE")]
        pipeline: Option<PathBuf>,
    },
    /// Show what changed from one run to another, what is notable first.
    Diff {
        /// The run to compare with: an id or the beginning of one, `last`, or `last~1` for the one before it.
        #[arg(value_name = "RUN")]
        one: String,
        /// The other run.
        #[arg(value_name = "RUN")]
        other: String,
        /// The pipeline of which `last` is the last.
        #[arg(long, value_name = "PIPELINE")]
        pipeline: Option<PathBuf>,
    },
}

/// A run on the command line.
#[derive(Debug, clap::Args)]
pub(crate) struct RunArgument {
    /// The run: its id or the beginning of it, `last`, or `last~1` for the one before it.
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// The pipeline of which `last` is the last: a file, or the name of one in pipelines/; of all where it is left out.
    #[arg(long, value_name = "PIPELINE")]
    pub(crate) pipeline: Option<PathBuf>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Status {
    /// Under way.
    Running,
    /// All is done.
    Ok,
    /// Some of it is done.
    Partial,
    /// It failed.
    Failed,
    /// It was stopped or killed.
    Interrupted,
    /// It did not begin, because another run had the pipeline.
    Refused,
}

impl From<Status> for Outcome {
    fn from(status: Status) -> Self {
        match status {
            Status::Running => Self::Running,
            Status::Ok => Self::Ok,
            Status::Partial => Self::Partial,
            Status::Failed => Self::Failed,
            Status::Interrupted => Self::Interrupted,
            Status::Refused => Self::Refused,
        }
    }
}

/// Reads an instant, a day, or how long ago.
pub(crate) fn since(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let whole = if text.len() == 10 && text.contains('-') { format!("{text}T00:00:00Z") } else { text.to_owned() };
    if let Ok(at) = whole.parse::<Timestamp>() {
        return Ok(at);
    }
    let ago = super::duration(text).map_err(|_| format!("`{text}` is no time: write 2026-11-22T12:00:00Z, 2026-11-22, 90m, 6h or 7d"))?;
    Ok(now.minus(ago))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_the_past() {
        let now = Timestamp::from_seconds(1_770_000_000);
        let at = |seconds| Ok(Timestamp::from_seconds(seconds));
        assert_eq!(since("2026-02-02T02:39:00Z", now), at(1_769_999_940));
        assert_eq!(since("2026-02-02", now), at(1_769_990_400));
        assert_eq!(since("6h", now), at(1_770_000_000 - 21_600));
        assert!(since("yesterday", now).is_err());
    }
}
