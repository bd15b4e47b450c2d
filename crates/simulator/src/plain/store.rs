//! The account of a plain vendor: its records by stream, each with all its versions.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Bound, RangeBounds};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::Value as Json;

use super::description::{Description, Endpoint};
use super::filter::Keep;
use super::row::{Row, put};
use crate::clock::Clock;
use crate::random::Random;
use crate::store::{History, State, Table};

/// Ids of the records of a new account begin here and have no gaps.
pub const FIRST_ID: u64 = 1_001;
/// The records of a new account were made in the two months before 2026-06-30T00:00:00Z, in milliseconds.
const GENERATED_UNTIL: i64 = 1_782_777_600_000;
const GENERATED_IN: u64 = 60 * 24 * 3_600_000;

/// What a version of a record has of its own.
#[derive(Clone, Debug, Default)]
struct Own {
    changes: u64,
    /// Values in place of invented ones, by path.
    set: Vec<(String, Json)>,
}

struct Stream {
    endpoint: Endpoint,
    records: Table<u64, Own>,
    next_id: u64,
}

struct Data {
    seed: u64,
    clock: Clock,
    streams: Mutex<BTreeMap<String, Stream>>,
}

/// The records of an account. Clones are the same account; changes happen at the time of its clock.
#[derive(Clone)]
pub struct Store {
    data: Arc<Data>,
}

/// Why a change cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// The vendor has no such stream.
    NoStream(String),
    /// The stream has no such record, or it was deleted.
    NoRecord(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoStream(name) => write!(formatter, "there is no stream `{name}`"),
            Self::NoRecord(id) => write!(formatter, "there is no record {id}"),
        }
    }
}

impl std::error::Error for StoreError {}

/// In which order records come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Order {
    #[default]
    Id,
    Changed,
    Created,
    CreatedBackwards,
}

/// Which records a page may hold, and in which order.
#[derive(Default)]
pub(crate) struct Question {
    /// Changed at or after this, in milliseconds.
    pub(crate) since: Option<i64>,
    pub(crate) order: Order,
    /// After this time of change and id, or this id alone.
    pub(crate) after: Option<(i64, u64)>,
    /// How many are passed over.
    pub(crate) skip: usize,
    /// At most so many, and one more where there is one.
    pub(crate) take: usize,
    /// Of the deleted records, and of no others.
    pub(crate) deleted: bool,
    /// Whether nothing is said to come after it, whatever there is.
    pub(crate) last: bool,
    /// All of these want it.
    pub(crate) keep: Vec<Keep>,
}

/// A record that may be wanted.
pub struct Candidate<'a> {
    seed: u64,
    stream: &'a Stream,
    id: u64,
    history: &'a History<u64, Own>,
}

impl Candidate<'_> {
    /// What the record is made from.
    #[must_use]
    pub fn row(&self) -> Row<'_> {
        let version = self.history.current();
        Row {
            seed: self.seed,
            stream: &self.stream.endpoint.name,
            id: self.id,
            changes: version.value.changes,
            created_at: self.history.created_at,
            updated_at: version.modified_at,
            deleted: !self.history.is_live(),
        }
    }

    /// The record as a list gives it.
    #[must_use]
    pub fn record(&self) -> Json {
        let row = self.row();
        let endpoint = &self.stream.endpoint;
        let mut record = match &endpoint.make {
            Some(make) => make(&row),
            None => Json::Object(serde_json::Map::new()),
        };
        for (path, value) in &endpoint.fields {
            put(&mut record, &path.split('.').collect::<Vec<_>>(), row.value(value));
        }
        for (path, value) in &self.history.current().value.set {
            put(&mut record, &path.split('.').collect::<Vec<_>>(), value.clone());
        }
        record
    }

    /// Its place in a list by time of change, which is told even where the order is another.
    fn place(&self) -> (i64, u64) {
        (self.history.current().modified_at, self.id)
    }
}

impl fmt::Debug for Candidate<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Candidate").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Store {
    /// The account of a description.
    pub(crate) fn new(description: &Description, seed: u64, clock: Clock) -> Self {
        let own = description.endpoints.iter().filter(|endpoint| endpoint.of.is_none());
        let streams = own.map(|endpoint| (endpoint.name.clone(), Stream::new(endpoint.clone(), seed))).collect();
        Self { data: Arc::new(Data { seed, clock, streams: Mutex::new(streams) }) }
    }

    /// Creates records in one instant, now, and gives their ids.
    ///
    /// # Errors
    /// When there is no such stream.
    pub fn create(&self, stream: &str, count: usize) -> Result<Vec<String>, StoreError> {
        let now = self.data.clock.now_ms();
        (0..count).map(|_| self.insert(stream, now, Vec::new())).collect()
    }

    /// Creates a record with these values at these paths, now, and gives its id.
    ///
    /// # Errors
    /// When there is no such stream.
    pub fn create_with(&self, stream: &str, values: impl IntoIterator<Item = (String, Json)>) -> Result<String, StoreError> {
        self.insert(stream, self.data.clock.now_ms(), values.into_iter().collect())
    }

    /// Creates a record whose times lie at an instant, and gives its id.
    ///
    /// # Errors
    /// When there is no such stream.
    pub fn create_dated(&self, stream: &str, at: Timestamp) -> Result<String, StoreError> {
        self.insert(stream, at.as_millisecond(), Vec::new())
    }

    /// Changes a record, now.
    ///
    /// # Errors
    /// When there is no such stream or record.
    pub fn update(&self, stream: &str, id: &str) -> Result<(), StoreError> {
        self.change(stream, id, |own| (State::Live, Own { changes: own.changes + 1, ..own }))
    }

    /// Changes a record, now, and puts these values at these paths.
    ///
    /// # Errors
    /// When there is no such stream or record.
    pub fn update_with(&self, stream: &str, id: &str, values: impl IntoIterator<Item = (String, Json)>) -> Result<(), StoreError> {
        self.change(stream, id, |mut own| {
            own.set.extend(values);
            (State::Live, Own { changes: own.changes + 1, ..own })
        })
    }

    /// Deletes a record, now. It is in no list any more but that of [`super::Endpoint::deleted`].
    ///
    /// # Errors
    /// When there is no such stream or record.
    pub fn delete(&self, stream: &str, id: &str) -> Result<(), StoreError> {
        self.change(stream, id, |own| (State::Erased, own))
    }

    /// The ids of the records that are there, in order; none for a stream that is not.
    #[must_use]
    pub fn ids(&self, stream: &str) -> Vec<String> {
        self.lock().get(stream).map_or_else(Vec::new, |stream| stream.records.live(..).map(|(id, _)| id.to_string()).collect())
    }

    /// The records that are there, as a list gives them, by id.
    #[must_use]
    pub fn records(&self, stream: &str) -> Vec<Json> {
        let question = Question { take: usize::MAX - 1, ..Question::default() };
        self.page(stream, &question).into_iter().map(|(_, record)| record).collect()
    }

    /// Whether a record is there.
    pub(crate) fn is_live(&self, stream: &str, id: &str) -> bool {
        let streams = self.lock();
        let history = streams.get(stream).zip(id.parse().ok()).and_then(|(stream, id): (_, u64)| stream.records.get(&id));
        history.is_some_and(History::is_live)
    }

    /// The first record, by id, that is there and that something says yes to.
    pub(crate) fn find(&self, stream: &str, is: impl Fn(&Candidate<'_>) -> bool) -> Option<Json> {
        let streams = self.lock();
        let found = streams.get(stream)?.candidates(self.data.seed, ..).find(is);
        found.map(|candidate| candidate.record())
    }

    /// How many records match a question, wherever its page begins.
    pub(crate) fn count(&self, stream: &str, question: &Question) -> usize {
        let streams = self.lock();
        let Some(stream) = streams.get(stream) else { return 0 };
        if question.deleted || !question.keep.is_empty() {
            return stream.matching(self.data.seed, question).count();
        }
        match question.since {
            None => stream.records.live_count(),
            Some(since) => stream.records.modified((since, 0)..).count(),
        }
    }

    /// How many records match a question and lie before its page.
    pub(crate) fn passed(&self, stream: &str, question: &Question) -> usize {
        let Some((at, after)) = question.after else { return 0 };
        let streams = self.lock();
        let Some(stream) = streams.get(stream) else { return 0 };
        let before = |candidate: &Candidate<'_>| match question.order {
            Order::Changed => candidate.place() <= (at, after),
            _ => candidate.id <= after,
        };
        stream.matching(self.data.seed, question).filter(before).count()
    }

    /// The records of a page and one more where there is one, each with its time of change and id.
    pub(crate) fn page(&self, stream: &str, question: &Question) -> Vec<((i64, u64), Json)> {
        let streams = self.lock();
        let Some(stream) = streams.get(stream) else { return Vec::new() };
        let (skip, take) = (question.skip, question.take.saturating_add(1));
        let shown = |candidate: Candidate<'_>| (candidate.place(), candidate.record());
        match question.order {
            Order::Id | Order::Changed if question.deleted => {
                let by_time = question.order == Order::Changed;
                let place = |candidate: &Candidate<'_>| if by_time { candidate.place() } else { (0, candidate.id) };
                let after = |candidate: &Candidate<'_>| question.after.is_none_or(|after| place(candidate) > after);
                let mut matching: Vec<Candidate<'_>> = stream.matching(self.data.seed, question).filter(after).collect();
                matching.sort_unstable_by_key(place);
                matching.into_iter().skip(skip).take(take).map(shown).collect()
            }
            Order::Id => {
                let from = question.after.map_or(Bound::Unbounded, |(_, id)| Bound::Excluded(id));
                let candidates = stream.candidates(self.data.seed, (from, Bound::Unbounded));
                candidates.filter(|candidate| question.wants(candidate)).skip(skip).take(take).map(shown).collect()
            }
            Order::Changed => {
                let since = question.since.unwrap_or(i64::MIN);
                let from = question.after.map_or(Bound::Included((since, 0)), Bound::Excluded);
                let ids = stream.records.modified((from, Bound::Unbounded));
                let candidates = ids.filter_map(|id| stream.candidate(self.data.seed, *id));
                candidates.filter(|candidate| question.wants(candidate)).skip(skip).take(take).map(shown).collect()
            }
            Order::Created | Order::CreatedBackwards => {
                let mut matching: Vec<Candidate<'_>> = stream.matching(self.data.seed, question).collect();
                matching.sort_unstable_by_key(|candidate| (candidate.history.created_at, candidate.id));
                if question.order == Order::CreatedBackwards {
                    matching.reverse();
                }
                matching.into_iter().skip(skip).take(take).map(shown).collect()
            }
        }
    }

    fn insert(&self, stream: &str, at: i64, set: Vec<(String, Json)>) -> Result<String, StoreError> {
        let mut streams = self.lock();
        let stream = streams.get_mut(stream).ok_or_else(|| StoreError::NoStream(stream.to_owned()))?;
        let id = stream.next_id;
        stream.next_id += 1;
        stream.records.insert(id, at, at, Own { changes: 0, set });
        Ok(id.to_string())
    }

    fn change(&self, stream: &str, id: &str, change: impl FnOnce(Own) -> (State<u64>, Own)) -> Result<(), StoreError> {
        let mut streams = self.lock();
        let stream = streams.get_mut(stream).ok_or_else(|| StoreError::NoStream(stream.to_owned()))?;
        let missing = || StoreError::NoRecord(id.to_owned());
        let key: u64 = id.parse().map_err(|_| missing())?;
        let history = stream.records.get(&key).filter(|history| history.is_live()).ok_or_else(missing)?;
        let (state, own) = change(history.current().value.clone());
        stream.records.change(&key, self.data.clock.now_ms(), true, state, own);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Stream>> {
        self.data.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Question {
    fn wants(&self, candidate: &Candidate<'_>) -> bool {
        let changed = candidate.history.current().modified_at;
        self.since.is_none_or(|since| changed >= since) && self.keep.iter().all(|keep| keep(candidate))
    }
}

impl Stream {
    fn new(endpoint: Endpoint, seed: u64) -> Self {
        let mut records = Table::new();
        let end = FIRST_ID + endpoint.count as u64;
        let times = |id| {
            let mut random = Random::of_row(seed, 41, id);
            let before = |random: &mut Random, span| GENERATED_UNTIL - i64::try_from(random.below(span)).unwrap_or(0);
            // A few share one instant, as after an import.
            let updated_at = if random.chance(200) { GENERATED_UNTIL - 86_400_000 } else { before(&mut random, GENERATED_IN) };
            (before(&mut random, 2 * GENERATED_IN).min(updated_at), updated_at)
        };
        let mut times: Vec<(i64, i64)> = (FIRST_ID..end).map(times).collect();
        if endpoint.direction.is_some() {
            times.sort_unstable();
        }
        for (id, (created_at, updated_at)) in (FIRST_ID..end).zip(times) {
            records.insert(id, created_at, updated_at, Own::default());
        }
        Self { endpoint, records, next_id: end }
    }

    fn candidate(&self, seed: u64, id: u64) -> Option<Candidate<'_>> {
        self.records.get(&id).map(|history| Candidate { seed, stream: self, id, history })
    }

    fn candidates(&self, seed: u64, ids: impl RangeBounds<u64>) -> impl Iterator<Item = Candidate<'_>> {
        self.records.live(ids).map(move |(id, history)| Candidate { seed, stream: self, id: *id, history })
    }

    fn matching<'a>(&'a self, seed: u64, question: &'a Question) -> impl Iterator<Item = Candidate<'a>> {
        let rows = self.records.rows().filter(|(_, history)| history.is_live() != question.deleted);
        let candidates = rows.map(move |(id, history)| Candidate { seed, stream: self, id: *id, history });
        candidates.filter(|candidate| question.wants(candidate))
    }
}
