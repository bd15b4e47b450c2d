//! Schedules in the words of other programs: cron, systemd, Kubernetes, Airflow.
//!
//! What a format cannot say is refused by name, not left out silently; whoever can do without it says so with [`Options::leave_out`].

mod airflow;
mod crontab;
mod kubernetes;
mod plan;
mod reckoning;
mod systemd;

use std::fmt;
use std::str::FromStr;

use aqueduct_schema::{Error, codes};
use jiff::Timestamp;

use crate::schedule::Schedule;

/// A format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A table for cron: a person's own, or one for /etc/cron.d where a user is named.
    Crontab,
    /// A service and a timer for each pipeline.
    Systemd,
    /// A CronJob for each pipeline.
    Kubernetes,
    /// A DAG for each pipeline.
    Airflow,
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Crontab => "crontab",
            Self::Systemd => "systemd",
            Self::Kubernetes => "Kubernetes",
            Self::Airflow => "Airflow",
        })
    }
}

/// A part of a schedule that a format may be unable to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `overlap: queue` and `overlap: cancel`.
    Overlap,
    /// `catch_up: all` and, where the program always catches up or never does, the other two.
    CatchUp,
    /// What happens in the nights when clocks change.
    DaylightSaving,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Overlap, Self::CatchUp, Self::DaylightSaving];

    /// Its word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Overlap => "overlap",
            Self::CatchUp => "catch-up",
            Self::DaylightSaving => "daylight-saving",
        }
    }
}

impl FromStr for Part {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|part| part.word() == word).ok_or_else(|| {
            let words: Vec<&str> = Self::ALL.into_iter().map(Self::word).collect();
            format!("`{word}` is none of {}", words.join(", "))
        })
    }
}

/// A pipeline to export.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// The pipeline's name.
    pub pipeline: &'a str,
    /// Its file, as the command is to name it from the folder.
    pub file: &'a str,
    /// When it runs.
    pub schedule: &'a Schedule,
}

/// What the files need to know about where they will be used.
#[derive(Clone, Debug)]
pub struct Options {
    /// The command: the path of the binary.
    pub command: String,
    /// The folder in which it runs: the one that has the folder of pipelines.
    pub folder: String,
    /// The user whose runs they are: makes a crontab one for /etc/cron.d, and systemd's units those of the system.
    pub user: Option<String>,
    /// The zone of the clock by which cron goes.
    pub cron_zone: String,
    /// Whether this cron knows the variable CRON_TZ, as cronie does.
    pub knows_cron_tz: bool,
    /// The image that has the command and the pipelines.
    pub image: Option<String>,
    /// The namespace of what is made in Kubernetes.
    pub namespace: Option<String>,
    /// The Secret whose entries are the variables of the pipelines.
    pub secret: Option<String>,
    /// What may be left out where a format cannot say it.
    pub leave_out: Vec<Part>,
    /// From when on the files are used: now.
    pub from: Timestamp,
}

/// A file of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Its name.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// Writes schedules in a format, pipelines in the order given.
///
/// # Errors
/// `AQ1022` for everything that the format cannot say, of every pipeline; `AQ1001` for an option that the format needs.
pub fn export(format: Format, jobs: &[Job<'_>], options: &Options) -> Result<Vec<Exported>, Vec<Error>> {
    let files = jobs.iter().map(|job| job.file);
    if let Some((path, why)) =
        [options.command.as_str(), &options.folder].into_iter().chain(files).find_map(|path| Some((path, unsayable(format, path)?)))
    {
        let error = Error::new(codes::BAD_USAGE, format!("the path {path:?} cannot stand in a file of this kind: {why}"));
        return Err(vec![error.advise("Use a path of letters, digits and the signs `-`, `_`, `.` and `/`.")]);
    }
    // A folder is taken as it is by some versions of Airflow and as a template by others.
    if format == Format::Airflow && airflow::TEMPLATES.iter().any(|sign| options.folder.contains(sign)) {
        let error = Error::new(codes::BAD_USAGE, format!("Airflow would take the folder {:?} for a template", options.folder));
        return Err(vec![error.advise("Name another folder with `--folder`, such as a link to this one.")]);
    }
    match format {
        Format::Crontab => crontab::export(jobs, options),
        Format::Systemd => systemd::export(jobs, options),
        Format::Kubernetes => kubernetes::export(jobs, options),
        Format::Airflow => airflow::export(jobs, options),
    }
}

/// Why a format has no way to say a path that every program reads alike. None where it has one.
fn unsayable(format: Format, path: &str) -> Option<&'static str> {
    let breaks = |letter: char| letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}');
    match format {
        // Every one of these formats is made of lines.
        _ if path.contains(breaks) => Some("a line end or another sign that is not printed is in it"),
        // Crons differ in what a backslash before another one, or before the one that guards a `%`, is. systemd joins a line that ends
        // with one to the next, and takes the spaces around a path for its own.
        Format::Crontab | Format::Systemd if path.contains('\\') => Some("a backslash is in it"),
        Format::Systemd if path.trim() != path => Some("it begins or ends with a space"),
        _ => None,
    }
}

/// Collects what a format cannot say.
struct Refusals<'o> {
    options: &'o Options,
    errors: Vec<Error>,
}

impl<'o> Refusals<'o> {
    fn new(options: &'o Options) -> Self {
        Self { options, errors: Vec::new() }
    }

    /// Refuses what cannot be done without.
    fn refuse(&mut self, job: &Job<'_>, message: &str, advice: &str) {
        let message = format!("pipeline `{}`: {message}", job.pipeline);
        self.errors.push(Error::new(codes::NOT_EXPORTABLE, message).advise(advice));
    }

    /// Refuses a part, unless it may be left out.
    fn refuse_part(&mut self, part: Part, job: &Job<'_>, message: &str) {
        if !self.left_out(part) {
            let word = part.word();
            let advice = format!("Let `aqueduct serve` run the pipeline, or export it without: `--leave-out {word}`.");
            self.refuse(job, message, &advice);
        }
    }

    fn left_out(&self, part: Part) -> bool {
        self.options.leave_out.contains(&part)
    }

    fn finish(self, files: Vec<Exported>) -> Result<Vec<Exported>, Vec<Error>> {
        if self.errors.is_empty() { Ok(files) } else { Err(self.errors) }
    }
}

/// The first words of every file.
fn preamble(job: Option<&Job<'_>>) -> Vec<String> {
    let mut lines = vec!["Written by `aqueduct schedule export`. Change the pipeline file and export again.".to_owned()];
    if let Some(job) = job {
        lines.push(format!("Pipeline {}: {}.", job.pipeline, job.schedule.words()));
    }
    lines
}

/// The words of the command that runs a pipeline, the program left out. What the schedule says besides when, the run keeps itself.
fn run_words(job: &Job<'_>) -> [String; 3] {
    ["run".to_owned(), job.file.to_owned(), "--scheduled".to_owned()]
}

/// A word as a shell takes it.
fn shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@+".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}
