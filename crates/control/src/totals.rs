//! Sums over the ledger, which outlive its entries: what counters are made of. Each run is counted once, whoever counts, however often.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aqueduct_schema::{Result, TimeSpent, Timestamp, codes};
use serde::{Deserialize, Serialize};

use crate::control::Control;
use crate::counts::Counts;
use crate::documents::Place;
use crate::ledger::{EntryError, Outcome, RunEntry, RunFilter, RunKind};

const KIND: &str = "totals";
/// The key of how far the ledger was counted; no pipeline's name begins with a letter like this.
const HORIZON: &str = "(horizon)";
const LAST_KEY: &str = "\u{10ffff}";
/// Runs of a pipeline of which it is remembered that they were counted.
const REMEMBERED: usize = 64;
/// Runs that are looked at when nothing was counted before: what is older begins no counter.
const FIRST_TIME: usize = 5_000;
/// Totals that are read at once.
const PAGE: usize = 500;
/// Run ids have whole seconds, and machines' clocks differ: runs that began so long before what was seen may still turn up.
const OVERLAP: Duration = Duration::from_secs(120);
/// Names of one kind that are told apart; what comes after them is counted under [`OTHER`].
const MOST_NAMES: usize = 200;
/// The name under which the rest is counted.
pub const OTHER: &str = "(other)";

/// Upper ends of the classes of a run's duration, in seconds, each included. The last class has none.
pub const DURATIONS: [u64; 10] = [1, 5, 15, 60, 300, 900, 3_600, 10_800, 28_800, 86_400];

/// Sums over the runs of a pipeline.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Totals {
    /// Runs, by what they were, how they ended and with which exit code.
    pub runs: Vec<RunsCounted>,
    /// Runs of [`RunKind::Run`] that came to an end, by the class of [`DURATIONS`] that their duration is in; one class more than ends.
    pub durations: Vec<u64>,
    /// The sum of their durations in seconds.
    pub seconds: f64,
    /// What became of records, by stream.
    pub streams: BTreeMap<String, StreamTotals>,
    /// Requests to the source by class of limits.
    pub requests: BTreeMap<String, u64>,
    /// Bytes from the source, as they came over the wire.
    pub wire_bytes: u64,
    /// Bytes from the source, decompressed.
    pub bytes: u64,
    /// Bytes of columns handed to the destination.
    pub bytes_written: u64,
    /// Requests sent again, by reason.
    pub retries: BTreeMap<String, u64>,
    /// What was waited for.
    pub time: TimeSpent,
    /// Processor time in milliseconds.
    pub cpu_ms: u64,
    /// The most memory that the run counted last held, in bytes.
    pub last_peak_memory_bytes: Option<u64>,
    /// Changes of the source's fields that runs found.
    pub schema_changes: u64,
    /// The run that began last among those counted.
    pub last_run: String,
    /// When it ended, where somebody saw it.
    pub last_ended: Option<Timestamp>,
    /// Changes of the source's fields that it found.
    pub last_schema_changes: u64,
    /// Whether a contract held one of its streams back.
    pub last_frozen: bool,
    counted: BTreeSet<String>,
    /// Every run up to this one was counted, or is too old to be.
    floor: String,
}

/// Runs of one kind and end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunsCounted {
    /// What was asked for.
    pub kind: RunKind,
    /// How they ended.
    pub outcome: Outcome,
    /// With which exit code, where somebody saw it.
    pub exit_code: Option<u8>,
    /// How many.
    pub count: u64,
}

/// Sums over the readings of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamTotals {
    /// What became of its records.
    #[serde(flatten)]
    pub counts: Counts,
    /// Everything before this instant is in the warehouse, as the last run that said so had it.
    pub settled_until: Option<Timestamp>,
    /// Records that the last run read.
    pub last_read: u64,
    /// Records that the last run put into quarantine.
    pub last_quarantined: u64,
    /// The last run that had the stream.
    pub last_run: String,
}

/// Adds to the sum of a name, or to that of the rest where there are too many names.
fn add(sums: &mut BTreeMap<String, u64>, name: &str, count: u64) {
    let known = sums.contains_key(name) || sums.len() < MOST_NAMES;
    *sums.entry(if known { name } else { OTHER }.to_owned()).or_default() += count;
}

impl Totals {
    /// Whether a run is still to be counted: it is over and was not.
    pub fn lacks(&self, entry: &RunEntry) -> bool {
        entry.outcome != Outcome::Running && entry.run_id > self.floor && !self.counted.contains(&entry.run_id)
    }

    /// Counts a run, if it is still to be counted.
    pub fn count(&mut self, entry: &RunEntry) {
        if !self.lacks(entry) {
            return;
        }
        self.remember(&entry.run_id);
        let of_its_kind =
            |runs: &&mut RunsCounted| (runs.kind, runs.outcome, runs.exit_code) == (entry.kind, entry.outcome, entry.exit_code);
        match self.runs.iter_mut().find(of_its_kind) {
            Some(runs) => runs.count += 1,
            None => self.runs.push(RunsCounted { kind: entry.kind, outcome: entry.outcome, exit_code: entry.exit_code, count: 1 }),
        }
        if entry.outcome == Outcome::Refused {
            return;
        }
        if let Some(ended) = entry.ended.filter(|_| entry.kind == RunKind::Run) {
            let took = ended.since(entry.began);
            let class = DURATIONS.iter().position(|end| took <= Duration::from_secs(*end)).unwrap_or(DURATIONS.len());
            self.durations.resize(DURATIONS.len() + 1, 0);
            self.durations[class] += 1;
            self.seconds += took.as_secs_f64();
        }
        if entry.kind == RunKind::Run && entry.run_id >= self.last_run {
            let frozen = |error: &EntryError| error.code == codes::SCHEMA_FROZEN.id;
            self.last_run.clone_from(&entry.run_id);
            self.last_ended = entry.ended;
            self.last_schema_changes = entry.schema_changes.len() as u64;
            self.last_frozen = entry.streams.iter().filter_map(|stream| stream.error.as_ref()).chain(&entry.error).any(frozen);
            self.last_peak_memory_bytes = entry.process.peak_memory_bytes.or(self.last_peak_memory_bytes);
        }
        for (class, requests) in entry.traffic.by_class() {
            add(&mut self.requests, class, requests);
        }
        for (reason, retries) in &entry.traffic.retries {
            add(&mut self.retries, reason, *retries);
        }
        self.wire_bytes += entry.traffic.wire_bytes();
        self.bytes += entry.traffic.bytes();
        let (sum, time) = (&mut self.time, entry.traffic.time);
        sum.limits_ms += time.limits_ms;
        sum.retries_ms += time.retries_ms;
        sum.preparing_ms += time.preparing_ms;
        sum.answers_ms += time.answers_ms;
        sum.loads_ms += time.loads_ms;
        self.cpu_ms += entry.process.cpu_ms.unwrap_or(0);
        self.schema_changes += entry.schema_changes.len() as u64;
        if entry.kind != RunKind::DryRun {
            self.count_streams(entry);
        }
    }

    fn count_streams(&mut self, entry: &RunEntry) {
        for stream in &entry.streams {
            self.bytes_written += stream.bytes_written;
            let known = self.streams.contains_key(&stream.stream) || self.streams.len() < MOST_NAMES;
            let sum = self.streams.entry(if known { stream.stream.as_str() } else { OTHER }.to_owned()).or_default();
            sum.counts += stream.counts;
            if entry.kind == RunKind::Run && entry.run_id >= sum.last_run {
                sum.last_run.clone_from(&entry.run_id);
                sum.settled_until = stream.settled_until.or(sum.settled_until);
                (sum.last_read, sum.last_quarantined) = (stream.counts.read, stream.counts.quarantined);
            }
        }
    }

    fn remember(&mut self, run_id: &str) {
        self.counted.insert(run_id.to_owned());
        while self.counted.len() > REMEMBERED {
            if let Some(oldest) = self.counted.pop_first() {
                self.floor = oldest.max(std::mem::take(&mut self.floor));
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Horizon {
    since: Timestamp,
}

impl Control {
    /// Counts the runs that ended since it was last done, and gives the sums of all pipelines, by name.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn count_runs(&self) -> Result<BTreeMap<String, Totals>> {
        let mut totals = self.totals().await?;
        let horizon: Option<Horizon> = self.get(KIND, HORIZON).await?;
        let filter = match horizon {
            Some(Horizon { since }) => RunFilter { since: Some(since), ..RunFilter::newest(usize::MAX) },
            None => RunFilter::newest(FIRST_TIME),
        };
        let runs = self.runs(&filter).await?;
        let mut of_pipelines: BTreeMap<&str, Vec<&RunEntry>> = BTreeMap::new();
        for run in runs.iter().rev() {
            if totals.get(&run.pipeline).map_or(run.outcome != Outcome::Running, |totals| totals.lacks(run)) {
                of_pipelines.entry(&run.pipeline).or_default().push(run);
            }
        }
        for (pipeline, runs) in of_pipelines {
            let counted = self
                .change(Place { kind: KIND, key: pipeline, durable: false }, |stored: Option<Totals>, _| {
                    let mut totals = stored.unwrap_or_default();
                    runs.iter().for_each(|run| totals.count(run));
                    Ok((Some(Some(totals.clone())), totals))
                })
                .await?;
            totals.insert(pipeline.to_owned(), counted);
        }
        // Everything before the oldest run that is still under way, and before the newest that was seen, is counted.
        let open = runs.iter().filter(|run| run.outcome == Outcome::Running).map(|run| run.began).min();
        let newest = runs.iter().map(|run| run.began).max().map(|began| began.minus(OVERLAP));
        if let Some(since) = open.into_iter().chain(newest).min().filter(|since| horizon.is_none_or(|known| *since > known.since)) {
            let place = Place { kind: KIND, key: HORIZON, durable: false };
            self.change(place, |stored: Option<Horizon>, _| {
                let later = stored.is_none_or(|stored| since > stored.since);
                Ok((later.then_some(Some(Horizon { since })), ()))
            })
            .await?;
        }
        Ok(totals)
    }

    /// The sums of all pipelines as they were counted last.
    async fn totals(&self) -> Result<BTreeMap<String, Totals>> {
        let mut found: BTreeMap<String, Totals> = BTreeMap::new();
        let mut first = String::from(")");
        loop {
            let page: Vec<(String, Totals)> = self.list(KIND, &first, LAST_KEY, PAGE, false).await?;
            let (count, last) = (page.len(), page.last().map(|(key, _)| format!("{key}\u{1}")));
            found.extend(page);
            match last.filter(|_| count == PAGE) {
                Some(next) => first = next,
                None => return Ok(found),
            }
        }
    }
}

#[cfg(test)]
#[path = "totals_tests.rs"]
mod tests;
