//! One rule's trial: an account of its own, engines as fresh as needed, and readings with everything that came of them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aqueduct_connector::{Connector, Registration, Stream};
use aqueduct_engine::{Engine, ReadOptions, Settings, StreamOutcome};
use aqueduct_schema::{Batch, Checkpoint, Error, Mode, Raw, StreamState, Timestamp};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::evidence::Evidence;
use crate::raw::Compared;
use crate::records::{Record, records};
use crate::report::lacks;
use crate::tampered::{Place, Tamper};
use crate::vendor::{Ability, Facts, TestAccount};
use crate::watched::{Between, Seen, Watched};

/// How many records a page has in most trials: few, so that a small account has many pages.
pub(crate) const PAGE: u32 = 10;

/// How many fields without a role are read in most trials.
const OTHER_FIELDS: usize = 3;

/// How often a request is sent at most.
pub(crate) const MAX_ATTEMPTS: u32 = 4;

/// Why a rule's trial ends early.
#[derive(Debug)]
pub(crate) enum Stop {
    Failed(String),
    NotApplicable(String),
}

/// The course of a trial: it ends well, or it stops.
pub(crate) type Course<T = ()> = Result<T, Stop>;

impl From<Box<dyn std::error::Error + Send + Sync>> for Stop {
    fn from(error: Box<dyn std::error::Error + Send + Sync>) -> Self {
        Self::Failed(format!("the vendor could not do what the suite asked of it: {error}"))
    }
}

/// Ends the trial as failed unless something holds.
pub(crate) fn require(holds: bool, otherwise: impl FnOnce() -> String) -> Course {
    if holds { Ok(()) } else { Err(Stop::Failed(otherwise())) }
}

/// Ends the trial as not applicable unless something holds.
pub(crate) fn applies(holds: bool, otherwise: &str) -> Course {
    if holds { Ok(()) } else { Err(Stop::NotApplicable(otherwise.to_owned())) }
}

/// Ends the trial as failed when something of `expected` is not among `found`.
pub(crate) fn all_of(expected: &BTreeSet<String>, found: &BTreeSet<String>, when: &str) -> Course {
    let missing: Vec<&str> = expected.difference(found).map(String::as_str).collect();
    let few = missing.iter().take(5).copied().collect::<Vec<_>>().join(", ");
    require(missing.is_empty(), || format!("{when}: {} of {} records are missing, among them {few}", missing.len(), expected.len()))
}

pub(crate) struct Trial<'t> {
    pub(crate) registration: &'t Registration,
    pub(crate) facts: Facts,
    pub(crate) account: Arc<dyn TestAccount>,
    pub(crate) evidence: &'t Evidence,
}

/// What to read, and how.
pub(crate) struct Ask<'a> {
    pub(crate) stream: &'a Stream,
    pub(crate) state: StreamState,
    pub(crate) config: Option<Value>,
    pub(crate) record_limit: Option<u64>,
    /// The readings to make in place of those that are due.
    pub(crate) modes: Option<Vec<Mode>>,
    pub(crate) between: Option<Between>,
    /// Changes records on their way to the connector, found where an earlier reading saw them. Records may then be rejected.
    pub(crate) tamper: Option<(Place, Tamper)>,
}

impl<'a> Ask<'a> {
    pub(crate) fn new(stream: &'a Stream, state: &StreamState) -> Self {
        Self { stream, state: state.clone(), config: None, record_limit: None, modes: None, between: None, tamper: None }
    }
}

/// A page that was handed over.
pub(crate) struct Handed {
    pub(crate) records: Vec<Record>,
    pub(crate) checkpoint: Checkpoint,
}

/// What came of a reading.
pub(crate) struct Reading {
    pub(crate) pages: Vec<Handed>,
    pub(crate) outcome: Result<StreamOutcome, Error>,
    /// The account's time when the first page had come.
    pub(crate) first_page_at: Timestamp,
    /// The rule and the source id of each record that was rejected.
    pub(crate) rejected: Vec<(String, Option<String>)>,
    /// Where the records stood in the answers.
    pub(crate) place: Place,
    /// What the source wrote, beside what arrived.
    pub(crate) compared: Compared,
    before: StreamState,
}

impl Reading {
    /// The ids that arrived.
    pub(crate) fn ids(&self) -> BTreeSet<String> {
        ids_of(&self.pages)
    }

    /// The state after the last page.
    pub(crate) fn state(&self) -> StreamState {
        self.pages.last().map_or_else(|| self.before.clone(), |page| page.checkpoint.state.clone())
    }

    /// Whether a page said that its reading is complete.
    pub(crate) fn claims_completeness(&self) -> bool {
        self.pages.iter().any(|page| page.checkpoint.reading_complete)
    }
}

pub(crate) fn ids_of(pages: &[Handed]) -> BTreeSet<String> {
    pages.iter().flat_map(|page| &page.records).map(|record| record.id.clone()).collect()
}

impl Trial<'_> {
    /// Ends the trial as not applicable when the vendor lacks an ability.
    pub(crate) fn needs(&self, ability: Ability) -> Course {
        applies(self.facts.can(ability), &lacks(ability))
    }

    /// An error as the end of the trial.
    pub(crate) fn failed(&self, doing: &str, error: &Error) -> Stop {
        self.evidence.error(error);
        Stop::Failed(format!("{doing}: {error}"))
    }

    fn settings() -> Settings {
        Settings {
            idle_timeout: Duration::from_secs(20),
            total_timeout: Duration::from_secs(30),
            max_attempts: MAX_ATTEMPTS,
            page_attempts: 2,
            longest_wait: Duration::from_secs(10),
            max_retry_after: Duration::from_secs(60),
            ..Settings::default()
        }
    }

    fn engine_of(&self, connector: Arc<dyn Connector>) -> Result<Engine, Error> {
        Engine::new(connector, Self::settings(), self.account.clock())
    }

    /// A fresh engine for a config.
    ///
    /// # Errors
    /// What the connector or the engine find wrong with the config.
    pub(crate) fn engine(&self, config: Value) -> Result<Engine, Error> {
        self.engine_of((self.registration.build)(config)?)
    }

    /// The streams of the account.
    pub(crate) async fn streams(&self) -> Course<Vec<Stream>> {
        let discovered = async { self.engine(self.account.config())?.discover().await };
        let streams = discovered.await.map_err(|error| self.failed("the streams cannot be discovered", &error))?;
        self.evidence.debug("a stream", &streams);
        Ok(streams)
    }

    /// The stream whose records can be changed, with its roles and a few more of its fields, as somebody might select them.
    pub(crate) async fn whole_stream(&self) -> Course<Stream> {
        let streams = self.streams().await?;
        let named = streams.into_iter().find(|stream| stream.name == self.facts.stream);
        let named = named.ok_or_else(|| Stop::Failed(format!("there is no stream `{}`, which the vendor has", self.facts.stream)))?;
        Ok(with_few_fields(named))
    }

    /// The stream whose records can be changed, in small pages.
    pub(crate) async fn stream(&self) -> Course<Stream> {
        Ok(self.whole_stream().await?.page_size(PAGE))
    }

    /// Reads what is due, once, in a fresh engine.
    pub(crate) async fn read(&self, ask: Ask<'_>) -> Course<Reading> {
        let config = ask.config.unwrap_or_else(|| self.account.config());
        let inner = (self.registration.build)(config).map_err(|error| self.failed("the connector cannot be built", &error))?;
        let clock = self.account.clock();
        let seen = Mutex::new(Seen::default());
        let (tampered, place) = (ask.tamper.is_some(), Place::default());
        let watched = Arc::new(Watched {
            inner,
            clock: clock.clone(),
            settings: Self::settings(),
            between: ask.between,
            tamper: ask.tamper,
            place: place.clone(),
            seen,
        });
        let engine = self.engine_of(watched.clone()).map_err(|error| self.failed("the engine cannot be set up", &error))?;
        let mut options = ReadOptions::new(self.registration.name);
        options.record_limit = ask.record_limit;
        options.modes = ask.modes;
        let (out, mut handed_over) = mpsc::channel(1);
        let collect = async {
            let mut batches = Vec::new();
            while let Some(batch) = handed_over.recv().await {
                batches.push(batch);
            }
            batches
        };
        let (outcome, batches) = tokio::join!(engine.read_stream(ask.stream, ask.state.clone(), &options, out), collect);
        if let Err(error) = &outcome {
            self.evidence.error(error);
        }
        let (mut pages, mut rejected) = (Vec::new(), Vec::new());
        for batch in batches {
            self.evidence.state(&batch.checkpoint().state);
            let mut found = Vec::new();
            for table in batch.tables() {
                found.extend(records(ask.stream, table).map_err(Stop::Failed)?);
            }
            require(tampered || batch.rejects().is_empty(), || {
                format!("stream `{}`: a record cannot be taken apart ({})", ask.stream.name, batch.rejects()[0].rule)
            })?;
            rejected.extend(batch.rejects().iter().map(|reject| (reject.rule.to_string(), reject.source_id.clone())));
            pages.push(Handed { records: found, checkpoint: batch.checkpoint().clone() });
        }
        let first_page_at = watched.seen().first_page_at.unwrap_or_else(|| clock.now());
        let compared = std::mem::take(&mut watched.seen().compared);
        Ok(Reading { pages, outcome, first_page_at, rejected, place, compared, before: ask.state })
    }

    /// The batches of what is due of a stream, as the stages after the engine get them.
    pub(crate) async fn batches(&self, stream: &Stream, state: StreamState) -> Course<Vec<Batch<Raw>>> {
        let engine = self.engine(self.account.config()).map_err(|error| self.failed("the engine cannot be set up", &error))?;
        let (out, mut handed_over) = mpsc::channel(1);
        let options = ReadOptions::new(self.registration.name);
        let collect = async {
            let mut batches = Vec::new();
            while let Some(batch) = handed_over.recv().await {
                batches.push(batch);
            }
            batches
        };
        let (outcome, batches) = tokio::join!(engine.read_stream(stream, state, &options, out), collect);
        match outcome {
            Ok(_) => Ok(batches),
            Err(error) => Err(self.failed(&format!("stream `{}` cannot be read", stream.name), &error)),
        }
    }

    /// Reads what is due to its end.
    pub(crate) async fn load(&self, stream: &Stream, state: &StreamState) -> Course<Reading> {
        self.complete(self.read(Ask::new(stream, state)).await?, stream)
    }

    /// A reading that must have come to its end.
    pub(crate) fn complete(&self, reading: Reading, stream: &Stream) -> Course<Reading> {
        match &reading.outcome {
            Ok(outcome) => {
                require(outcome.complete && reading.claims_completeness(), || format!("stream `{}` does not come to an end", stream.name))?;
            }
            Err(error) => return Err(self.failed(&format!("stream `{}` cannot be read", stream.name), error)),
        }
        Ok(reading)
    }

    /// What a first load must hold.
    pub(crate) fn live(&self, stream: &Stream) -> Course<BTreeSet<String>> {
        let unknown = || Stop::Failed(format!("the vendor does not know which records stream `{}` has", stream.name));
        self.account.live_ids(&stream.name).ok_or_else(unknown)
    }

    /// Changes every record, each a little later than the one before.
    pub(crate) fn update_all(&self, stream: &Stream) -> Course {
        for id in self.live(stream)? {
            self.account.advance(Duration::from_millis(7));
            self.account.update(&stream.name, &id)?;
        }
        self.account.advance(Duration::from_secs(1));
        Ok(())
    }
}

/// A stream with its roles and a few more of its fields.
pub(crate) fn with_few_fields(mut stream: Stream) -> Stream {
    let roles = stream.record.clone();
    let mut others = 0;
    stream.record.fields.retain(|field| {
        others += usize::from(!roles.has_role(&field.path));
        roles.has_role(&field.path) || others <= OTHER_FIELDS
    });
    stream
}

/// Whether a stream can be asked for what changed.
pub(crate) fn has_changes(stream: &Stream) -> bool {
    stream.modes.contains(&Mode::Changes)
}
