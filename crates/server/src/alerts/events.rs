//! What is said of each event: what happened, what it means for the data, and what to do now.

use std::time::Duration;

use aqueduct_pipeline::schema::{Timestamp, codes};
use jiff::tz::TimeZone;

use super::span::Words;
use super::words::{Said, instant};
use crate::alert::{Alert, Event};

/// Says an event, its times in a zone.
pub(super) fn said(alert: &Alert, zone: &TimeZone) -> Said {
    let pipeline = alert.pipeline.as_str();
    let of_stream = OfStream { pipeline, stream: alert.stream.as_deref().unwrap_or("all"), zone };
    match &alert.event {
        Event::RunFailed { exit_code, code, attempt, retry_at } => {
            let next = match retry_at {
                Some(at) => format!("It is tried again at {}.", instant(*at, zone)),
                None => NOT_AGAIN.to_owned(),
            };
            let ended = format!("Attempt {attempt} of the run ended with exit code {exit_code}. {next}");
            failed(alert, "failed", (*exit_code, code.as_deref()), &ended)
        }
        Event::RetriesExhausted { exit_code, code, attempts } => {
            let ended = format!("The last of {attempts} attempts ended with exit code {exit_code}. {NOT_AGAIN}");
            failed(alert, &format!("failed {}", times(u64::from(*attempts))), (*exit_code, code.as_deref()), &ended)
        }
        Event::Recovered => Said {
            title: format!("`{pipeline}` runs well again"),
            text: "A run ended with exit code 0. It went on where the runs before had left off, so nothing is missing.".to_owned(),
            advice: String::new(),
        },
        Event::QuotaExhausted { renewed_at } => quota_exhausted(pipeline, *renewed_at, zone),
        Event::OccurrenceMissed { due_at, count } => Said {
            title: format!("`{pipeline}` was not run {}", times(*count)),
            text: format!(
                "It fell due at {} while no scheduler was running, and its `catch_up` leaves that out. Data is as old as its last run.",
                instant(*due_at, zone)
            ),
            advice: format!("See why the scheduler was not running. `aqueduct run {pipeline}` runs it now."),
        },
        Event::OccurrenceSkipped { due_at, reason } => skipped(pipeline, &instant(*due_at, zone), reason),
        Event::FileBroken { code, file, line, column } => {
            let place = match (line, column) {
                (Some(line), Some(column)) => format!("{file}, line {line}, column {column}"),
                (Some(line), None) => format!("{file}, line {line}"),
                _ => file.clone(),
            };
            Said {
                title: format!("the file of `{pipeline}` cannot be used: {}", known(code).map_or("it is broken", |code| code.title)),
                text: format!("{place} ({code}). The pipeline is not started until the file is good. Data is as old as its last run."),
                advice: format!("Correct the file; `aqueduct validate {file}` says what is wrong. The scheduler reads it again by itself."),
            }
        }
        Event::FileMended => Said {
            title: format!("the file of `{pipeline}` can be used again"),
            text: "The pipeline runs by its schedule again.".to_owned(),
            advice: String::new(),
        },
        Event::StreamStale { settled_until, bound_seconds } => {
            of_stream.stale(alert.at, *settled_until, Duration::from_secs(*bound_seconds))
        }
        Event::StreamFresh => of_stream.fresh(),
        Event::QuarantineHigh { quarantined, read, bound } => of_stream.quarantine_high(*quarantined, *read, *bound),
        Event::QuarantineLow => of_stream.quarantine_low(),
        Event::SchemaChanged { changes, frozen } => schema_changed(pipeline, *changes, *frozen),
    }
}

/// What is said of a run that is left at that.
const NOT_AGAIN: &str = "It is not tried again before its next time.";

/// A run that ended with an exit code and, where it is known, the code of an error.
fn failed(alert: &Alert, how: &str, (exit_code, code): (u8, Option<&str>), ended: &str) -> Said {
    let pipeline = &alert.pipeline;
    let explain = match &alert.run {
        Some(run) => format!("`aqueduct explain {run}` tells what happened in plain words."),
        None => format!("`aqueduct runs list {pipeline}` lists its runs."),
    };
    Said {
        title: format!("`{pipeline}` {how}: {}", why(exit_code, code)),
        text: format!("{ended}\n{}", affected(exit_code)),
        advice: format!("{} {explain}", what_now(exit_code, code)),
    }
}

fn quota_exhausted(pipeline: &str, renewed_at: Option<Timestamp>, zone: &TimeZone) -> Said {
    let next = match renewed_at {
        Some(at) => format!("There is quota again at {}.", instant(at, zone)),
        None => "The source does not say when there is quota again; usually it is at midnight in the account's time zone.".to_owned(),
    };
    Said {
        title: format!("`{pipeline}` has used up the day's requests"),
        text: format!(
            "The source takes no more requests today. The run saved its place and stopped; what it loaded is whole, and the next run goes on \
             from there. {next}"
        ),
        advice: "Nothing, if this is rare. Otherwise run the pipeline less often, select fewer streams, raise `source: { quota }`, or ask \
                 the vendor for more."
            .to_owned(),
    }
}

/// An occurrence that was left out for a reason in one word.
fn skipped(pipeline: &str, due_at: &str, reason: &str) -> Said {
    let (why, advice) = match reason {
        "overlap" => (
            "the run before was still under way",
            "Nothing, if this is rare. Otherwise run it less often, or set `overlap: queue` in its schedule.",
        ),
        "blackout" => ("it fell into a black-out of its schedule", "Nothing: the schedule says so."),
        "dependency" => ("a pipeline that it waits for did not end well", "Look at the pipelines named in `after` of its schedule."),
        "paused" => ("the pipeline is paused", "`aqueduct schedule resume` lets it run again."),
        _ => ("its schedule or its dependencies kept it from starting", "`aqueduct schedule status` tells more."),
    };
    Said {
        title: format!("`{pipeline}` was not started at {due_at}"),
        text: format!("It fell due, and was not started because {why}."),
        advice: advice.to_owned(),
    }
}

fn schema_changed(pipeline: &str, changes: u64, frozen: bool) -> Said {
    let changed = if changes == 1 { "1 change".to_owned() } else { format!("{changes} changes") };
    if frozen {
        return Said {
            title: format!("a contract holds `{pipeline}` back: the source has other fields than before"),
            text: format!("A run found {changed}. The streams concerned are not loaded until somebody accepts them."),
            advice: format!(
                "`aqueduct drift {pipeline}` lists the changes. If they are meant, `aqueduct drift {pipeline} --accept` accepts them."
            ),
        };
    }
    Said {
        title: format!("the source of `{pipeline}` has other fields than before"),
        text: format!("A run found {changed}. What was loaded stays; new fields are loaded as the selection and the contract say."),
        advice: format!("Nothing has to be done. `aqueduct drift {pipeline}` lists the changes."),
    }
}

/// What is said of a stream.
struct OfStream<'a> {
    pipeline: &'a str,
    stream: &'a str,
    zone: &'a TimeZone,
}

impl OfStream<'_> {
    fn stale(&self, now: Timestamp, settled_until: Option<Timestamp>, bound: Duration) -> Said {
        let (Self { pipeline, stream, zone }, bound) = (self, Words(bound));
        let (title, text) = match settled_until {
            Some(until) => (
                format!("`{stream}` of `{pipeline}` is {} old", Words(now.since(until))),
                format!(
                    "Everything that the source changed before {} is in the warehouse; what came after may be missing. It should be at most \
                     {bound} old.",
                    instant(until, zone)
                ),
            ),
            None => (
                format!("`{stream}` of `{pipeline}` has never been complete"),
                format!("It has been read, but never to its end. It should be at most {bound} old."),
            ),
        };
        let advice = format!(
            "See whether the pipeline runs: `aqueduct schedule status`, `aqueduct runs list {pipeline}`. `aqueduct run {pipeline}` runs it now."
        );
        Said { title, text, advice }
    }

    fn fresh(&self) -> Said {
        let Self { pipeline, stream, .. } = self;
        Said {
            title: format!("`{stream}` of `{pipeline}` is up to date again"),
            text: "It is within its bound.".to_owned(),
            advice: String::new(),
        }
    }

    fn quarantine_high(&self, quarantined: u64, read: u64, bound: f64) -> Said {
        let Self { pipeline, stream, .. } = self;
        Said {
            title: format!("{quarantined} of {read} records of `{stream}` in `{pipeline}` could not be loaded"),
            text: format!(
                "They are kept in quarantine with their reasons; the others are in the warehouse. At most {} should go there.",
                percent(bound)
            ),
            advice: format!(
                "`aqueduct quarantine list {pipeline}` lists them with the reasons. Once they are mended, `aqueduct quarantine replay {pipeline}` \
                 loads the records."
            ),
        }
    }

    fn quarantine_low(&self) -> Said {
        let Self { pipeline, stream, .. } = self;
        Said {
            title: format!("records of `{stream}` in `{pipeline}` can be loaded again"),
            text: "The quarantine of the last run is within its bound. What went there before is still there.".to_owned(),
            advice: format!("`aqueduct quarantine replay {pipeline}` tries to load what is there."),
        }
    }
}

pub(super) fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

pub(super) fn percent(part: f64) -> String {
    let text = format!("{:.2}", part * 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

fn known(code: &str) -> Option<&'static codes::Code> {
    codes::ALL.iter().find(|known| known.id == code)
}

/// Why a run failed: by its error where one is known, by its exit code otherwise.
fn why(exit_code: u8, code: Option<&str>) -> String {
    if let Some(code) = code.and_then(known) {
        return format!("{} ({})", code.title, code.id);
    }
    let words = match exit_code {
        2 => "the command line or a file is wrong",
        3 => "the source refused the credentials",
        4 => "the source failed",
        5 => "the warehouse failed",
        6 => "some streams are not complete",
        7 => "the day's quota is used up",
        8 => "a check or a contract stopped it",
        9 => "another run has the pipeline",
        124 => "it took longer than its timeout",
        129 | 130 | 137 | 143 => "it was stopped from outside",
        _ => "something unexpected happened",
    };
    format!("{words} (exit code {exit_code})")
}

/// Whether data is affected.
fn affected(exit_code: u8) -> &'static str {
    match exit_code {
        2 | 3 => "Nothing was loaded. What is in the warehouse is whole, and as old as the last run.",
        6 => "Streams that ended are loaded whole; the others keep their last place, and the next run goes on from there.",
        8 => "What was stopped is not loaded. Everything else is whole.",
        _ => "What was loaded is whole, and the next run goes on from there. Newer changes are not in the warehouse yet.",
    }
}

fn what_now(exit_code: u8, code: Option<&str>) -> &'static str {
    if let Some(code) = code.and_then(known) {
        return code.advice;
    }
    match exit_code {
        2 => "Run `aqueduct validate`.",
        3 => "Check the token or reconnect the account.",
        4 => "See whether the source is reachable; later runs may work by themselves.",
        5 => "See whether the warehouse is reachable and has room.",
        6 => "See which streams failed, and why.",
        8 => "Look at the quarantine and at the contract.",
        _ => "Look at the log of the scheduler.",
    }
}
