//! What can be typed.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::logs::LogFormat;

mod alerts;
mod backfill;
mod identity;
mod quarantine;
mod runs;
mod schedule;
mod schema;
mod serve;

pub(crate) use alerts::AlertsAction;
pub(crate) use backfill::{BackfillAction, BackfillArguments, Pace};
pub(crate) use identity::{EntityArgument, ExplainAction, ExplainArguments, IdentityAction};
pub(crate) use quarantine::{QuarantineAction, Which};
pub(crate) use runs::{RunArgument, RunsAction, RunsArguments, Status, since};
pub(crate) use schedule::{ExportArguments, ExportFormat, ScheduleAction};
pub(crate) use schema::{SchemaArguments, SchemaFormat, SchemaOf};
pub(crate) use serve::{Place, ServeArguments};

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
    NewConnector {
        /// The connector's name, in snake case: the vendor.
        name: String,
        /// Write the crate into this folder; connectors/NAME inside Aqueduct's own checkout where it is left out.
        #[arg(long, value_name = "PATH")]
        folder: Option<PathBuf>,
        /// Propose streams, paging and fields from an OpenAPI 3 or Swagger 2.0 description; every guess is marked.
        #[arg(long, value_name = "FILE")]
        from_openapi: Option<PathBuf>,
        /// How requests are signed: bearer, basic, header:NAME or query:NAME; bearer where it is left out.
        #[arg(long, value_name = "WAY", conflicts_with = "from_openapi")]
        auth: Option<String>,
        /// How pages lead on: token, link, header, offset, page, keyset, time or single; token where it is left out.
        #[arg(long, value_name = "STYLE", conflicts_with = "from_openapi")]
        paging: Option<String>,
        /// Aqueduct's checkout, for a crate outside of it.
        #[arg(long, value_name = "PATH")]
        aqueduct: Option<PathBuf>,
    },
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
    Run {
        #[command(flatten)]
        pipeline: PipelineArgument,
        /// Streams and fields in place of the file's selection, for example contacts or deals.amount.
        #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
        select: Vec<String>,
        /// Read everything again, aside, and put it in place of what is there when it is complete.
        #[arg(long)]
        full_refresh: bool,
        /// Read calculated fields again for all records, whether they are due or not.
        #[arg(long)]
        refresh_calculated: bool,
        /// Read all links between records, whether that is due or not (run.association_sweep_hours in the pipeline file).
        #[arg(long)]
        sweep_associations: bool,
        /// Compare the ids at the source with the rows that are here, whether that is due or not: what is gone there is marked as deleted.
        #[arg(long)]
        sweep_ids: bool,
        /// Go through all stages and store nothing.
        #[arg(long)]
        dry_run: bool,
        /// Stop each stream after the page with which it has read so many records.
        #[arg(long, value_name = "N")]
        limit: Option<u64>,
        /// Stop with a checkpoint after so long, for example 90s, 10m or 2h.
        #[arg(long, value_name = "TIME", value_parser = duration)]
        timeout: Option<Duration>,
        /// Wait so long for another run of this pipeline to end, instead of exiting 9 at once.
        #[arg(long, value_name = "TIME", value_parser = duration)]
        wait_for_lease: Option<Duration>,
        /// Wait before beginning, up to so long: by the pipeline's name and the minute, so that pipelines of one minute spread out.
        #[arg(long, value_name = "TIME", value_parser = duration)]
        jitter: Option<Duration>,
        /// Append what the run did to this file, as one JSON line; several runs may write to one file.
        #[arg(long, value_name = "FILE")]
        summary_file: Option<PathBuf>,
        /// Let a snapshot or a refresh mark any number of rows as deleted.
        #[arg(long)]
        allow_mass_delete: bool,
        /// The occurrence that a scheduler has claimed, as PIPELINE/2026-11-22T12:00:00Z; without the claim nothing is done.
        #[arg(long, value_name = "OCCURRENCE", conflicts_with_all = ["dry_run", "jitter"])]
        occurrence: Option<aqueduct_pipeline::control_store::occurrence::OccurrenceId>,
        /// Keep what the pipeline's schedule says besides when: for cron, systemd, Kubernetes or Airflow, which know when. Waits for jitter,
        /// black-outs and the pipelines before, tries again what fails, and says why where nothing is to be run.
        #[arg(long, conflicts_with_all = ["occurrence", "dry_run", "jitter", "wait_for_lease"])]
        scheduled: bool,
    },
    /// Run pipelines on their schedules, until a signal comes.
    Serve(ServeArguments),
    /// When pipelines run: see what comes, or write it for another program.
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
    Reconcile {
        #[command(flatten)]
        pipeline: PipelineArgument,
        /// Streams in place of the file's selection, for example contacts.
        #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
        select: Vec<String>,
        /// Compare every key, also where the source says how many records it has.
        #[arg(long, conflicts_with = "sample")]
        full: bool,
        /// Compare counts, and the first keys that the source lists, about so many.
        #[arg(long, value_name = "N")]
        sample: Option<u64>,
        /// Mark as deleted what is gone at the source, read again what is missing or stale.
        #[arg(long, conflicts_with = "sample")]
        repair: bool,
        /// Let a repair mark any number of rows as deleted.
        #[arg(long, requires = "repair")]
        allow_mass_delete: bool,
    },
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
    Resolve {
        /// What the rows are.
        #[arg(long, value_enum)]
        entity: ListEntity,
        /// The list, a CSV file with a line of headers.
        #[arg(long, value_name = "FILE")]
        input: PathBuf,
        /// The column of ids.
        #[arg(long, value_name = "COLUMN")]
        id: String,
        /// What columns hold, for example first_name=given,last_name=surname,email=mail,phone=tel,birth_date=dob; others are guessed.
        #[arg(long, value_name = "WORD=COLUMN,..", default_value = "", hide_default_value = true)]
        columns: String,
        /// Another list, to be joined with the first.
        #[arg(long, value_name = "FILE")]
        link: Option<PathBuf>,
        /// Write source, record and cluster into this CSV file.
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
        /// Write pairs with probability, decision and reasons into this CSV file.
        #[arg(long, value_name = "FILE")]
        pairs: Option<PathBuf>,
        /// The country of telephone numbers that are written without one, ISO 3166-1 alpha-2.
        #[arg(long, value_name = "CODE")]
        country: Option<String>,
        /// Link from this probability on (0.5 to 1); without it, as far as one wrong link in a thousand is expected.
        #[arg(long, value_name = "PROBABILITY", value_parser = probability)]
        link_from: Option<f64>,
        /// Work on so many threads; the answer does not depend on it.
        #[arg(long, value_name = "N")]
        threads: Option<usize>,
    },
    /// Clean values from standard input, one a line, into JSON lines.
    Clean {
        /// The semantic type, for example email, phone_number, country or money.
        #[arg(value_name = "TYPE", required_unless_present = "list")]
        semantic_type: Option<String>,
        /// The country of the values, ISO 3166-1 alpha-2, for telephone numbers and ambiguous names.
        #[arg(long, value_name = "CODE")]
        country: Option<String>,
        /// The time zone of times without one, an IANA name.
        #[arg(long, value_name = "ZONE")]
        time_zone: Option<String>,
        /// The decimal separator of the values: `.` or `,`.
        #[arg(long, value_name = "CHARACTER")]
        decimal_separator: Option<char>,
        /// Read 03/04/2026 as the third of April.
        #[arg(long)]
        day_first: bool,
        /// Tell what each value says besides itself: an extension, a campaign, the address that was probably meant.
        #[arg(long)]
        details: bool,
        /// List the semantic types and the codes their cleaners give.
        #[arg(long)]
        list: bool,
    },
}

/// What a list holds.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum ListEntity {
    /// People.
    Contact,
    /// Companies.
    Account,
}

impl From<ListEntity> for aqueduct_pipeline::identity::Entity {
    fn from(entity: ListEntity) -> Self {
        match entity {
            ListEntity::Contact => Self::Contact,
            ListEntity::Account => Self::Account,
        }
    }
}

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

/// A probability from which records may be linked.
fn probability(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "a number from 0.5 to 1 is expected".to_owned())?;
    if (0.5..=1.0).contains(&number) { Ok(number) } else { Err("less likely than not is no link: from 0.5 to 1".to_owned()) }
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
