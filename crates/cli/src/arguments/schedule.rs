//! What can be typed after `schedule`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::PipelineArgument;

#[derive(Debug, Subcommand)]
pub(crate) enum ScheduleAction {
    /// Show what will run when, by the clock of each schedule's zone and in UTC, and what keeps it back.
    Next {
        /// The pipelines; all in pipelines/ where none is named.
        #[arg(value_name = "PIPELINE")]
        pipelines: Vec<PathBuf>,
        /// How many occurrences, of all pipelines together.
        #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
        count: u32,
        /// From when on: 2026-03-28, 2026-03-28T22:00 (both in UTC) or 2026-03-28T22:00:00Z; now where it is left out.
        #[arg(long, value_name = "TIME", value_parser = instant)]
        from: Option<jiff::Timestamp>,
    },
    /// Let a pipeline's schedule rest: what falls due is not run, what is running goes on.
    Pause {
        #[command(flatten)]
        pipeline: PipelineArgument,
        /// Why, for those who find it paused.
        #[arg(long, value_name = "WORDS")]
        reason: Option<String>,
    },
    /// End the rest of a pipeline's schedule.
    Resume {
        #[command(flatten)]
        pipeline: PipelineArgument,
    },
    /// Show what is running and what waits, how each pipeline's last run ended, and what comes next.
    Status {
        /// The pipelines; all in pipelines/ where none is named.
        #[arg(value_name = "PIPELINE")]
        pipelines: Vec<PathBuf>,
    },
    /// Write schedules for cron, systemd, Kubernetes or Airflow.
    Export(ExportArguments),
}

/// What schedules are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// A table for cron.
    Crontab,
    /// A service and a timer for each pipeline.
    Systemd,
    /// A CronJob for each pipeline.
    Kubernetes,
    /// A DAG for each pipeline.
    Airflow,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// The pipelines; all in pipelines/ that have a schedule where none is named.
    #[arg(value_name = "PIPELINE")]
    pub(crate) pipelines: Vec<PathBuf>,
    /// What the files are for.
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) format: ExportFormat,
    /// Write into this folder. Files that an export wrote before are replaced, others are not.
    #[arg(long, short, value_name = "FOLDER")]
    pub(crate) output: PathBuf,
    /// The path of the aqueduct binary there; this binary's own, or `aqueduct` for kubernetes, where it is left out.
    #[arg(long, value_name = "PATH")]
    pub(crate) command: Option<String>,
    /// The folder there that has pipelines/; this one, or /aqueduct for kubernetes, where it is left out.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) folder: Option<String>,
    /// The user whose runs they are: makes a table for /etc/cron.d, and units for systemd's system instance.
    #[arg(long, value_name = "USER", value_parser = word)]
    pub(crate) user: Option<String>,
    /// For crontab: the zone of the clock by which that cron goes, an IANA name.
    #[arg(long, default_value = "UTC", value_name = "ZONE")]
    pub(crate) cron_timezone: String,
    /// For crontab: write CRON_TZ. The cron there has to know it: cronie does, Debian's cron does not.
    #[arg(long)]
    pub(crate) cron_tz: bool,
    /// For kubernetes: the image that has the binary and the pipelines.
    #[arg(long, value_name = "IMAGE", value_parser = word)]
    pub(crate) image: Option<String>,
    /// For kubernetes: the namespace.
    #[arg(long, value_name = "NAME", value_parser = word)]
    pub(crate) namespace: Option<String>,
    /// For kubernetes: the Secret whose entries are the pipelines' variables.
    #[arg(long, value_name = "NAME", value_parser = word)]
    pub(crate) secret: Option<String>,
    /// Parts to leave out where the format cannot say them: overlap, catch-up, daylight-saving.
    #[arg(long, value_name = "PART", value_delimiter = ',')]
    pub(crate) leave_out: Vec<aqueduct_pipeline::schedule::export::Part>,
}

/// A name without spaces: it stands in lines of files where a space, a line's end or a `#` would end it.
fn word(text: &str) -> Result<String, String> {
    if text.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '#') {
        return Err("write a name without spaces".to_owned());
    }
    Ok(text.to_owned())
}

/// Reads an instant, or a civil time as one of UTC.
fn instant(text: &str) -> Result<jiff::Timestamp, String> {
    let civil = || text.parse::<jiff::civil::DateTime>().or_else(|_| text.parse::<jiff::civil::Date>().map(|date| date.at(0, 0, 0, 0)));
    let in_utc = || civil().and_then(|civil| civil.to_zoned(jiff::tz::TimeZone::UTC)).map(|zoned| zoned.timestamp());
    text.parse().or_else(|_| in_utc()).map_err(|_| "write a time as 2026-03-28, 2026-03-28T22:00 or 2026-03-28T22:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read() {
        for (text, at) in [
            ("2026-03-28", "2026-03-28T00:00:00Z"),
            ("2026-03-28T22:00", "2026-03-28T22:00:00Z"),
            ("2026-03-28T22:00:00Z", "2026-03-28T22:00:00Z"),
            ("2026-03-28T22:00:00+02:00", "2026-03-28T20:00:00Z"),
        ] {
            assert_eq!(instant(text).unwrap().to_string(), at);
        }
        assert!(instant("soon").is_err() && instant("").is_err());
        assert!(word("two words").is_err() && word("a#b").is_err());
    }
}
