//! What will run when, over all pipelines.

use aqueduct_schedule::{Schedule, Verdict};
use serde::Serialize;

use crate::schedules::Scheduled;

/// An occurrence that is to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Upcoming {
    /// The pipeline.
    pub pipeline: String,
    /// When it falls due, in UTC.
    #[serde(serialize_with = "as_text")]
    pub at: jiff::Timestamp,
    /// The same by the clock of the schedule's zone: `2026-03-29T01:30:00+01:00`.
    pub local: String,
    /// The zone.
    pub zone: String,
    /// When its run starts, jitter and black-outs taken in; none where it does not.
    #[serde(serialize_with = "as_text_or_null")]
    pub starts_at: Option<jiff::Timestamp>,
    /// What keeps it back, or may: `paused`, `blackout`, `after`.
    pub held_by: Vec<&'static str>,
    /// The same in words; empty where nothing does.
    pub why: String,
    /// The schedule in words.
    pub schedule: String,
}

fn as_text<S: serde::Serializer>(at: &jiff::Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

fn as_text_or_null<S: serde::Serializer>(at: &Option<jiff::Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => serializer.collect_str(at),
        None => serializer.serialize_none(),
    }
}

/// The next occurrences of some pipelines after an instant, of all together, in order; those of one instant in the order of the pipelines' names.
/// `paused` says of a pipeline why it is paused, where somebody has paused it outside its file.
pub fn upcoming(pipelines: &[Scheduled], from: jiff::Timestamp, count: usize, paused: impl Fn(&str) -> Option<String>) -> Vec<Upcoming> {
    let mut all: Vec<_> = pipelines
        .iter()
        .filter_map(|pipeline| Some((pipeline, pipeline.schedule.as_ref()?)))
        .map(|(pipeline, schedule)| (pipeline, schedule, schedule.after(from).peekable()))
        .collect();
    let mut found = Vec::new();
    while found.len() < count {
        let next =
            all.iter_mut().filter_map(|(pipeline, schedule, times)| Some((*times.peek()?, pipeline.name.as_str(), times, *schedule)));
        let Some((at, name, times, schedule)) = next.min_by(|one, other| (one.0, one.1).cmp(&(other.0, other.1))) else { break };
        times.next();
        found.push(told(name, schedule, at, paused(name)));
    }
    found
}

fn told(name: &str, schedule: &Schedule, at: jiff::Timestamp, paused: Option<String>) -> Upcoming {
    let verdict = schedule.verdict(name, at);
    let local = at.to_zoned(schedule.time_zone().clone());
    let clock = |instant: jiff::Timestamp| instant.to_zoned(schedule.time_zone().clone()).strftime("%H:%M").to_string();
    let (mut held_by, mut why) = (Vec::new(), Vec::new());
    if let Some(words) = paused.or_else(|| schedule.paused().then(|| "paused in the pipeline file".to_owned())) {
        held_by.push("paused");
        why.push(words);
    }
    let held = match verdict {
        Verdict::Start { .. } => None,
        Verdict::Held { until, .. } => Some(format!("black-out until {}", clock(until))),
        Verdict::Superseded { until } => Some(format!("black-out until {}, then one run for all", clock(until))),
        Verdict::Skipped { until } => Some(format!("not run: black-out until {}", clock(until))),
    };
    if let Some(words) = held {
        held_by.push("blackout");
        why.push(words);
    }
    if !schedule.dependencies().is_empty() {
        held_by.push("after");
        why.push(format!("after {}", schedule.dependencies().join(", ")));
    }
    let starts_at = if held_by.contains(&"paused") { None } else { verdict.starts_at() };
    Upcoming {
        pipeline: name.to_owned(),
        at,
        local: local.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
        zone: schedule.zone_name().to_owned(),
        starts_at,
        held_by,
        why: why.join("; "),
        schedule: schedule.words(),
    }
}
