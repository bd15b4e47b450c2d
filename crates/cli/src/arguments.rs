//! What can be typed.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::logs::LogFormat;

mod alerts;
mod backfill;
mod clean;
mod identity;
mod new_connector;
mod quarantine;
mod reconcile;
mod resolve;
mod run;
mod runs;
mod schedule;
mod schema;
mod serve;
mod state;

pub(crate) use alerts::AlertsAction;
pub(crate) use backfill::{BackfillAction, BackfillArguments, Pace};
pub(crate) use clean::CleanArguments;
pub(crate) use identity::{EntityArgument, ExplainAction, ExplainArguments, IdentityAction};
pub(crate) use new_connector::NewConnectorArguments;
pub(crate) use quarantine::{QuarantineAction, Which};
pub(crate) use reconcile::ReconcileArguments;
pub(crate) use resolve::ResolveArguments;
pub(crate) use run::RunArguments;
pub(crate) use runs::{RunArgument, RunsAction, RunsArguments, Status, since};
pub(crate) use schedule::{ExportArguments, ExportFormat, ScheduleAction};
pub(crate) use schema::{SchemaArguments, SchemaFormat, SchemaOf};
pub(crate) use serve::{Place, ServeArguments};
pub(crate) use state::StateAction;

/// Pulls customer data from CRM and marketing systems, cleans it, protects it and loads it into a warehouse.
#[derive(Debug, Parser)]
#[command(name = "aqueduct", version, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Arguments {
    /// Print machine-readable JSON on standard output.
    #[arg(long, global = true, display_order = 101)]
    pub(crate) json: bool,
    /// Print no progress and no words but errors.
    #[arg(long, short, global = true, display_order = 102)]
    pub(crate) quiet: bool,
    /// Print what happens in detail; twice for every request.
    #[arg(long, short, global = true, display_order = 103, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Read variables from this file besides .env.
    #[arg(long, global = true, display_order = 104, value_name = "FILE")]
    pub(crate) env_file: Option<PathBuf>,
    /// How logs, words and errors are written on standard error.
    #[arg(long, global = true, display_order = 105, value_enum, default_value_t, hide_default_value = true, value_name = "FORMAT")]
    pub(crate) log_format: LogFormat,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Arguments {
    pub(crate) fn log_level(&self) -> &'static str {
        match self.verbose {
            // Whoever serves wants to see what it does.
            0 if matches!(self.command, Command::Serve(_)) && !self.quiet => "warn,aqueduct_server=info",
            0 => "warn",
            1 => "info",
            _ => "debug",
        }
    }
}

/// A pipeline on the command line.
#[derive(Debug, clap::Args)]
pub(crate) struct PipelineArgument {
    /// The pipeline: a file, or the name of one in pipelines/.
    #[arg(value_name = "PIPELINE")]
    pub(crate) pipeline: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show everything at work on invented data: a CRM on this machine, a load, a change, an increment.
    Demo {
        /// The folder for the demo's files and warehouse.
        #[arg(long, default_value = "aqueduct-demo", value_name = "FOLDER")]
        folder: PathBuf,
        /// How many contacts to invent.
        #[arg(long, default_value_t = 1_000, value_name = "N")]
        contacts: usize,
        /// How many people to invent who are in three systems; 0 leaves that part out.
        #[arg(long, default_value_t = 5_000, value_name = "N")]
        people: usize,
    },
    /// Write a pipeline file, a policy and a .env.example to start from.
    Init {
        /// The connector.
        connector: String,
        /// The pipeline's name; the connector's where it is left out.
        #[arg(long)]
        name: Option<String>,
        /// Write into this folder.
        #[arg(long, default_value = ".", value_name = "FOLDER")]
        folder: PathBuf,
    },
    /// Write a connector that compiles and passes its tests, to make a vendor's from.
    NewConnector(NewConnectorArguments),
    /// Ask the source and the destination whether they can be used. Reads and writes no records.
    Check {
        #[command(flatten)]
        pipeline: PipelineArgument,
    },
    /// List streams and fields of a source, or the connectors and their config.
    Discover {
        /// The pipeline: a file, or the name of one in pipelines/.
        #[arg(value_name = "PIPELINE", required_unless_present_any = ["config", "connectors"])]
        pipeline: Option<PathBuf>,
        /// Print what the config of a connector takes.
        #[arg(long, value_name = "CONNECTOR")]
        config: Option<String>,
        /// List the connectors.
        #[arg(long)]
        connectors: bool,
    },
    /// Check pipeline files without making a request.
    Validate {
        /// The pipelines; every file in pipelines/ where none is named.
        #[arg(value_name = "PIPELINE")]
        pipelines: Vec<PathBuf>,
        /// Ask the source for its fields and check selection and mappings against them.
        #[arg(long)]
        online: bool,
        /// Print the JSON Schema of pipeline files, for editors.
        #[arg(long)]
        schema: bool,
    },
    /// Show a few records as they would be stored; store nothing.
    Preview {
        #[command(flatten)]
        pipeline: PipelineArgument,
        /// Streams and fields in place of the file's selection, for example contacts or deals.amount.
        #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
        select: Vec<String>,
        /// How many records of each stream.
        #[arg(long, default_value_t = 10, value_name = "N")]
        limit: u64,
        /// Show names, addresses and numbers instead of masking them.
        #[arg(long)]
        unmasked: bool,
    },
    /// Read a few records and save what the source was asked and answered, scrubbed, as fixtures; load nothing.
    Record {
        #[command(flatten)]
        pipeline: PipelineArgument,
        /// Write into this folder, which must be new or empty.
        #[arg(long, short, value_name = "FOLDER")]
        output: PathBuf,
        /// Streams and fields in place of the file's selection, for example contacts or deals.amount.
        #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
        select: Vec<String>,
        /// Stop each stream after the page with which it has read so many records.
        #[arg(long, default_value_t = 500, value_name = "N")]
        limit: u64,
    },
    /// Serve what `record` saved on this machine, until Ctrl-C.
    Replay {
        /// The folder of the recording.
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
        /// The port; a free one where it is left out.
        #[arg(long, default_value_t = 0, hide_default_value = true, value_name = "N")]
        port: u16,
    },
    /// Run a pipeline: read what is new, load it.
    Run(RunArguments),
    /// Run pipelines on their schedules, until a signal comes.
    Serve(ServeArguments),
    /// When pipelines run: see what comes and what waits, pause and resume, write it for another program.
    Schedule {
        #[command(subcommand)]
        action: ScheduleAction,
    },
    /// Who is told when something is wrong: check it, try it out.
    Alerts {
        #[command(subcommand)]
        action: AlertsAction,
    },
    /// Read a span of history beside the live runs, window by window, verified against the source.
    Backfill(BackfillArguments),
    /// Compare what the source has with what the warehouse has, by count or by key.
    Reconcile(ReconcileArguments),
    /// List what the source has changed in its streams and fields, or accept it.
    Drift {
        #[command(flatten)]
        pipeline: PipelineArgument,
        /// Accept what the last run saw, of one stream or of all, where a contract holds it back.
        #[arg(long, value_name = "STREAM", num_args = 0..=1, default_missing_value = "*")]
        accept: Option<String>,
        /// How many changes, the newest first.
        #[arg(long, default_value_t = 100, value_name = "N")]
        limit: u32,
    },
    /// See or change where the streams of a pipeline stand.
    State {
        #[command(subcommand)]
        action: StateAction,
    },
    /// Make the common tables again from the source tables, after a mapping or a cleaning step has changed.
    Renormalise {
        #[command(flatten)]
        pipeline: PipelineArgument,
        /// Streams and fields in place of the file's selection.
        #[arg(long, value_delimiter = ',', value_name = "STREAM[.FIELD]")]
        select: Vec<String>,
        /// Let the rebuild mark any number of rows as deleted.
        #[arg(long)]
        allow_mass_delete: bool,
    },
    /// Which rows are one person or company: find out, decide, look at what is open.
    Identity {
        #[command(subcommand)]
        action: IdentityAction,
    },
    /// Say in words what a run did and what is to be done, or why rows are one person.
    Explain(ExplainArguments),
    /// See, load or give up the records that could not be loaded.
    Quarantine {
        #[command(subcommand)]
        action: QuarantineAction,
    },
    /// Print the common schema (tables, columns, where each connector's values come from), or the JSON Schema of a kind of file.
    Schema {
        #[command(flatten)]
        schema: SchemaArguments,
    },
    /// List runs, show one, follow those under way, compare two.
    Runs(RunsArguments),
    /// Find which rows of a list are the same person or company, and say why.
    Resolve(ResolveArguments),
    /// Clean values from standard input, one a line, into JSON lines.
    Clean(CleanArguments),
}

/// Reads `90`, `90s`, `10m`, `2h` or `1d`.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| "write a time as 90s, 10m, 2h or 1d".to_owned())?;
    let seconds = match &text[digits.len()..] {
        "" | "s" => number,
        "m" => number.saturating_mul(60),
        "h" => number.saturating_mul(3_600),
        "d" => number.saturating_mul(86_400),
        _ => return Err("write a time as 90s, 10m, 2h or 1d".to_owned()),
    };
    Ok(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn times() {
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(duration("1d"), Ok(Duration::from_secs(86_400)));
        assert!(duration("soon").is_err() && duration("1w").is_err());
    }
}
