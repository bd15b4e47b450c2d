//! The ledger's documents: the entries by run id, which is their order in time, and a pointer to each by its pipeline.

use std::time::Duration;

use aqueduct_schema::{Error, Result, Timestamp, codes};
use serde::{Deserialize, Serialize};

use super::{Outcome, RunEntry, RunKind};
use crate::control::Control;
use crate::documents::Place;

/// The entries, by run id.
const RUN: &str = "run";
/// Pointers to them, by pipeline and run id. A pointer without an entry means nothing.
const OF_PIPELINE: &str = "run of pipeline";
/// Entries that are read at once where only some of them are wanted.
const PAGE: usize = 200;
/// Comes after every character of a run id.
const LAST: &str = "\u{7f}";
/// Entries that one run forgets by age at most.
const FORGOTTEN_AT_ONCE: usize = 500;

/// Which runs are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Those of one pipeline; of all where there is none.
    pub pipeline: Option<String>,
    /// Those with one of these outcomes; with any where there is none, refused ones included.
    pub outcomes: Vec<Outcome>,
    /// Those of one of these kinds; of any where there is none.
    pub kinds: Vec<RunKind>,
    /// Those that began at this instant or later.
    pub since: Option<Timestamp>,
    /// Those whose id begins so.
    pub id_prefix: String,
    /// So many at the most, the newest.
    pub limit: usize,
}

impl RunFilter {
    /// The newest runs of a pipeline.
    pub fn of(pipeline: &str, limit: usize) -> Self {
        Self { pipeline: Some(pipeline.to_owned()), limit, ..Self::default() }
    }

    /// The newest runs of all pipelines.
    pub fn newest(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    fn takes(&self, entry: &RunEntry) -> bool {
        (self.outcomes.is_empty() || self.outcomes.contains(&entry.outcome))
            && (self.kinds.is_empty() || self.kinds.contains(&entry.kind))
            && self.since.is_none_or(|since| entry.began >= since)
    }

    /// Whether every run of the range is wanted.
    fn takes_all(&self) -> bool {
        self.outcomes.is_empty() && self.kinds.is_empty()
    }

    /// The first and the last key that can be wanted, before a pipeline.
    fn range(&self) -> (String, String) {
        let since = self.since.map(id_of).unwrap_or_default();
        (since.max(self.id_prefix.clone()), format!("{}{LAST}", self.id_prefix))
    }
}

/// How long and how many entries are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunRetention {
    /// The age from which an entry is forgotten.
    pub age: Duration,
    /// How many of a pipeline are kept at the most.
    pub most: usize,
}

#[derive(Serialize, Deserialize)]
struct Pointer {}

/// An entry as it is stored. One that a newer version wrote in another form is passed over, so that the others can still be seen.
#[derive(Deserialize)]
#[serde(transparent)]
struct Stored(serde_json::Value);

impl Stored {
    fn entry(self) -> Option<RunEntry> {
        serde_json::from_value(self.0).ok()
    }
}

/// What run ids of an instant begin with: its second.
fn id_of(at: Timestamp) -> String {
    at.to_string().chars().filter(char::is_ascii_digit).take(14).collect()
}

fn pointer(pipeline: &str, run_id: &str) -> String {
    format!("{pipeline}/{run_id}")
}

impl Control {
    /// Begins the entry of a run. It counts as alive for so long from now.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn begin_run(&self, entry: &RunEntry, life: Duration) -> Result<()> {
        // The pointer first: an entry without one would not be found among its pipeline's.
        let key = pointer(&entry.pipeline, &entry.run_id);
        self.change(Place { kind: OF_PIPELINE, key: &key, durable: false }, |_: Option<Pointer>, _| Ok((Some(Some(Pointer {})), ())))
            .await?;
        self.write_run(entry, life).await
    }

    /// Replaces the entry of a run, as it goes on or ends. While it runs it counts as alive for so long from now.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn write_run(&self, entry: &RunEntry, life: Duration) -> Result<()> {
        let running = entry.outcome == Outcome::Running;
        let place = Place { kind: RUN, key: &entry.run_id, durable: !running };
        self.change(place, |_: Option<serde_json::Value>, now| {
            let written = RunEntry { written: Some(now), alive_until: running.then(|| now.plus(life)), ..entry.clone() };
            let value = serde_json::to_value(written).map_err(|_| Error::new(codes::BUG, "the entry of a run cannot be written"))?;
            Ok((Some(Some(value)), ()))
        })
        .await?;
        Ok(())
    }

    /// The entry of a run, as it is now.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn run(&self, run_id: &str) -> Result<Option<RunEntry>> {
        let Some(entry) = self.get::<Stored>(RUN, run_id).await?.and_then(Stored::entry) else { return Ok(None) };
        Ok(Some(entry.as_of(self.now().await?)))
    }

    /// The entries of runs, as they are now, the newest first.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn runs(&self, filter: &RunFilter) -> Result<Vec<RunEntry>> {
        let now = self.now().await?;
        let (first, mut last) = filter.range();
        let mut found = Vec::new();
        while found.len() < filter.limit {
            let wanted = filter.limit - found.len();
            let at_once = if filter.takes_all() { wanted.min(PAGE) } else { PAGE };
            let page = match &filter.pipeline {
                None => self.list(RUN, &first, &last, at_once, true).await?,
                Some(pipeline) => self.of_pipeline(pipeline, &first, &last, at_once).await?,
            };
            let Some((oldest, _)) = page.last() else { break };
            last = before(oldest);
            let entries = page.into_iter().filter_map(|(_, stored)| stored.entry()).map(|entry| entry.as_of(now));
            found.extend(entries.filter(|entry| filter.takes(entry)).take(wanted));
        }
        Ok(found)
    }

    /// A page of a pipeline's entries, empty when there are no more. Pointers whose entries are gone are passed over.
    async fn of_pipeline(&self, pipeline: &str, first: &str, last: &str, at_once: usize) -> Result<Vec<(String, Stored)>> {
        let (from, mut until) = (pointer(pipeline, first), pointer(pipeline, last));
        loop {
            let pointers = self.list::<Pointer>(OF_PIPELINE, &from, &until, at_once, true).await?;
            let Some((oldest, _)) = pointers.last() else { return Ok(Vec::new()) };
            until = before(oldest);
            let mut page = Vec::new();
            for (key, _) in &pointers {
                let Some((_, run_id)) = key.rsplit_once('/') else { continue };
                if let Some(entry) = self.get(RUN, run_id).await? {
                    page.push((run_id.to_owned(), entry));
                }
            }
            if !page.is_empty() {
                return Ok(page);
            }
        }
    }

    /// Forgets entries by age, whosever they are, and those of a pipeline beyond what is kept. How many were forgotten.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn forget_runs(&self, pipeline: &str, retention: RunRetention) -> Result<usize> {
        let now = self.now().await?;
        let aged = self.list::<Stored>(RUN, "", &id_of(now.minus(retention.age)), FORGOTTEN_AT_ONCE, false).await?;
        let mut entries: Vec<String> = Vec::new();
        let mut pointers: Vec<String> = Vec::new();
        for (run_id, stored) in aged {
            let Some(entry) = stored.entry().map(|entry| entry.as_of(now)) else { continue };
            if entry.outcome != Outcome::Running {
                pointers.push(pointer(&entry.pipeline, &run_id));
                entries.push(run_id);
            }
        }
        let (first, last) = (pointer(pipeline, ""), pointer(pipeline, LAST));
        let kept = self.list::<Pointer>(OF_PIPELINE, &first, &last, retention.most.saturating_add(FORGOTTEN_AT_ONCE), true).await?;
        for (key, _) in kept.into_iter().skip(retention.most) {
            if let Some((_, run_id)) = key.rsplit_once('/') {
                entries.push(run_id.to_owned());
            }
            pointers.push(key);
        }
        if entries.is_empty() {
            return Ok(0);
        }
        entries.sort_unstable();
        entries.dedup();
        // Pointers last: an entry without one would never be found again.
        self.remove(RUN, &entries).await?;
        self.remove(OF_PIPELINE, &pointers).await?;
        Ok(entries.len())
    }
}

/// A key that comes after all that are smaller than this one and before itself: the last character, a digit in hex as run ids have
/// them, is replaced by the one before it and what comes after all that begin so.
fn before(key: &str) -> String {
    let mut text = key.to_owned();
    if let Some(last) = text.pop() {
        text.push(char::from_u32((last as u32).saturating_sub(1)).unwrap_or(' '));
        text.push_str(LAST);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_before_a_run_is_not_the_run() {
        for id in ["20261122120000-0f4240a0", "20261122120000-0f4240aa", "20261122120000-0f4240a1"] {
            let limit = before(id);
            assert!(limit.as_str() < id, "{limit:?}");
            for other in ["20261122120000-0f42409f", "20261122120000-0f4240a0", "20261122120000-0f4240a9", "20261122115959-fffffff"] {
                assert_eq!(other < id, other <= limit.as_str(), "{other} and {id}");
            }
        }
    }
}
