//! What an alert says: written for a person who has not built the pipeline. Names of pipelines, streams and files, codes, counts and
//! times; nothing else is at hand here.

use std::time::Duration;

use aqueduct_pipeline::control_store::{Notice, Reason};
use aqueduct_pipeline::schema::{Timestamp, codes};
use jiff::tz::TimeZone;

use super::span::Words;
use crate::alert::{Alert, Event};

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// What happened, in a line.
    pub(crate) title: String,
    /// What happened and what it means.
    pub(crate) text: String,
    /// What to do now.
    pub(crate) advice: String,
}

/// An instant as it is said: `2026-11-22 14:05 GMT`.
pub(crate) fn instant(at: Timestamp, zone: &TimeZone) -> String {
    match jiff::Timestamp::from_microsecond(at.microseconds()) {
        Ok(instant) => instant.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M %Z").to_string(),
        Err(_) => at.to_string(),
    }
}

/// What a notice says.
pub(crate) fn said(alert: &Alert, notice: &Notice, zone: &TimeZone) -> Said {
    let Said { title, text, advice } = event(alert, zone);
    let lasted = Words(alert.at.since(notice.since));
    let since = instant(notice.since, zone);
    match notice.reason {
        Reason::Opened if notice.count > 1 => {
            Said { text: format!("{text}\nIt has happened {} times since {since}.", notice.count), title, advice }
        }
        Reason::Opened => Said { title, text, advice },
        Reason::Worse => {
            Said { title: format!("{title}, which is worse than before"), text: format!("{text}\nIt began at {since}."), advice }
        }
        Reason::Reminder => {
            let times = if notice.count > 1 { format!(" It has happened {} times.", notice.count) } else { String::new() };
            Said { title: format!("still: {title}"), text: format!("{text}\nIt has been so since {since}.{times}"), advice }
        }
        Reason::Recovered => Said { title, text: format!("{text}\nIt began at {since} and lasted {lasted}."), advice },
        Reason::Passed => Said {
            title: format!("over by itself: {title}"),
            text: format!(
                "{text}\nIt began at {since} and is over. Nobody was told before, because of quiet hours or a sink that did not answer."
            ),
            advice: String::new(),
        },
    }
}

fn event(alert: &Alert, zone: &TimeZone) -> Said {
    let pipeline = &alert.pipeline;
    let stream = alert.stream.as_deref().unwrap_or("all");
    let explain = match &alert.run {
        Some(run) => format!("`aqueduct explain {run}` tells what happened in plain words."),
        None => format!("`aqueduct runs list {pipeline}` lists its runs."),
    };
    match &alert.event {
        Event::RunFailed { exit_code, code, attempt, retry_at } => {
            let next = match retry_at {
                Some(at) => format!("It is tried again at {}.", instant(*at, zone)),
                None => "It is not tried again before its next time.".to_owned(),
            };
            Said {
                title: format!("`{pipeline}` failed: {}", why(*exit_code, code.as_deref())),
                text: format!("Attempt {attempt} of the run ended with exit code {exit_code}. {next}\n{}", affected(*exit_code)),
                advice: format!("{} {explain}", what_now(*exit_code, code.as_deref())),
            }
        }
        Event::RetriesExhausted { exit_code, code, attempts } => Said {
            title: format!("`{pipeline}` failed {}: {}", times(u64::from(*attempts)), why(*exit_code, code.as_deref())),
            text: format!(
                "The last of {attempts} attempts ended with exit code {exit_code}. It is not tried again before its next time.\n{}",
                affected(*exit_code)
            ),
            advice: format!("{} {explain}", what_now(*exit_code, code.as_deref())),
        },
        Event::Recovered => Said {
            title: format!("`{pipeline}` runs well again"),
            text: "A run ended with exit code 0. It went on where the runs before had left off, so nothing is missing.".to_owned(),
            advice: String::new(),
        },
        Event::QuotaExhausted { renewed_at } => {
            let next = match renewed_at {
                Some(at) => format!("There is quota again at {}.", instant(*at, zone)),
                None => {
                    "The source does not say when there is quota again; usually it is at midnight in the account's time zone.".to_owned()
                }
            };
            Said {
                title: format!("`{pipeline}` has used up the day's requests"),
                text: format!(
                    "The source takes no more requests today. The run saved its place and stopped; what it loaded is whole, and the next run \
                     goes on from there. {next}"
                ),
                advice:
                    "Nothing, if this is rare. Otherwise run the pipeline less often, select fewer streams, raise `source: { quota }`, or \
                         ask the vendor for more."
                        .to_owned(),
            }
        }
        Event::OccurrenceMissed { due_at, count } => Said {
            title: format!("`{pipeline}` was not run {}", times(*count)),
            text: format!(
                "It fell due at {} while no scheduler was running, and its `catch_up` leaves that out. Data is as old as its last run.",
                instant(*due_at, zone)
            ),
            advice: format!("See why the scheduler was not running. `aqueduct run {pipeline}` runs it now."),
        },
        Event::OccurrenceSkipped { due_at, reason } => {
            let (why, advice) = match reason.as_str() {
                "overlap" => (
                    "the run before was still under way",
                    "Nothing, if this is rare. Otherwise run it less often, or set `overlap: queue` in its schedule.",
                ),
                "blackout" => ("it fell into a black-out of its schedule", "Nothing: the schedule says so."),
                "dependency" => {
                    ("a pipeline that it waits for did not end well", "Look at the pipelines named in `after` of its schedule.")
                }
                "paused" => ("the pipeline is paused", "`aqueduct schedule resume` lets it run again."),
                _ => ("its schedule or its dependencies kept it from starting", "`aqueduct schedule status` tells more."),
            };
            Said {
                title: format!("`{pipeline}` was not started at {}", instant(*due_at, zone)),
                text: format!("It fell due, and was not started because {why}."),
                advice: advice.to_owned(),
            }
        }
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
            let bound = Words(Duration::from_secs(*bound_seconds));
            let (title, text) = match settled_until {
                Some(until) => (
                    format!("`{stream}` of `{pipeline}` is {} old", Words(alert.at.since(*until))),
                    format!(
                        "Everything that the source changed before {} is in the warehouse; what came after may be missing. It should be at \
                         most {bound} old.",
                        instant(*until, zone)
                    ),
                ),
                None => (
                    format!("`{stream}` of `{pipeline}` has never been complete"),
                    format!("It has been read, but never to its end. It should be at most {bound} old."),
                ),
            };
            Said {
                title,
                text,
                advice: format!(
                    "See whether the pipeline runs: `aqueduct schedule status`, `aqueduct runs list {pipeline}`. `aqueduct run {pipeline}` runs \
                     it now."
                ),
            }
        }
        Event::StreamFresh => Said {
            title: format!("`{stream}` of `{pipeline}` is up to date again"),
            text: "It is within its bound.".to_owned(),
            advice: String::new(),
        },
        Event::QuarantineHigh { quarantined, read, bound } => Said {
            title: format!("{quarantined} of {read} records of `{stream}` in `{pipeline}` could not be loaded"),
            text: format!(
                "They are kept in quarantine with their reasons; the others are in the warehouse. At most {} should go there.",
                percent(*bound)
            ),
            advice: format!(
                "`aqueduct quarantine list {pipeline}` lists them with the reasons. Once they are mended, `aqueduct quarantine replay {pipeline}` loads \
                 the records."
            ),
        },
        Event::QuarantineLow => Said {
            title: format!("records of `{stream}` in `{pipeline}` can be loaded again"),
            text: "The quarantine of the last run is within its bound. What went there before is still there.".to_owned(),
            advice: format!("`aqueduct quarantine replay {pipeline}` tries to load what is there."),
        },
        Event::SchemaChanged { changes, frozen: false } => Said {
            title: format!("the source of `{pipeline}` has other fields than before"),
            text: format!(
                "A run found {}. What was loaded stays; new fields are loaded as the selection and the contract say.",
                changed(*changes)
            ),
            advice: format!("Nothing has to be done. `aqueduct drift {pipeline}` lists the changes."),
        },
        Event::SchemaChanged { changes, frozen: true } => Said {
            title: format!("a contract holds `{pipeline}` back: the source has other fields than before"),
            text: format!("A run found {}. The streams concerned are not loaded until somebody accepts them.", changed(*changes)),
            advice: format!(
                "`aqueduct drift {pipeline}` lists the changes. If they are meant, `aqueduct drift {pipeline} --accept` accepts them."
            ),
        },
    }
}

fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

fn changed(count: u64) -> String {
    if count == 1 { "1 change".to_owned() } else { format!("{count} changes") }
}

fn percent(part: f64) -> String {
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

#[cfg(test)]
#[path = "words_tests.rs"]
mod tests;
