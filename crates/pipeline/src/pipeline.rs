//! A pipeline ready to be used: its file read, its connector built, its mappings and policy checked.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aqueduct_connector::{Account, Connector, Registration, Selection, Stream};
use aqueduct_control::Priority;
use aqueduct_engine::{Budget, Clock, Engine, ExchangeObserver, Meter, Settings, SystemClock, TokenStore};
use aqueduct_normalise::{Mappings, Normaliser};
use aqueduct_privacy::Protector;
use aqueduct_schema::{Error, RecordSchema, Result, Source, codes};

use crate::backfill::Calls;
use crate::contract;
use crate::control::{Shared, SharedBudget, SharedTokens, Timed};
use crate::drift;
use crate::environment::{Environment, place};
use crate::file::LoadedFile;
use crate::originals::Originals;
use crate::registry::Registry;

/// A pipeline whose file, config, mappings and policy are sound as far as can be told without asking the source.
pub struct Pipeline {
    /// The file.
    pub file: LoadedFile,
    /// The connector's entry in the table.
    pub registration: Registration,
    /// How records become rows.
    pub mappings: Mappings,
    /// What may be stored.
    pub protector: Arc<Protector>,
    connector: Arc<dyn Connector>,
    clock: Arc<dyn Clock>,
    control: Arc<Shared>,
    /// Whether the clock is another than the machine's.
    own_clock: bool,
    priority: Priority,
    calls: Option<Arc<Calls>>,
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "pipeline {} from {}", self.file.name, self.registration.name)
    }
}

/// A pipeline that has talked to its source.
pub struct Connected {
    /// Reads the source.
    pub engine: Arc<Engine>,
    /// The account the credentials belong to.
    pub account: Account,
    /// The names that go into row ids.
    pub source: Source,
    /// Every stream the source has, with every field.
    pub streams: Vec<Stream>,
    /// The selected streams with their selected fields.
    pub selected: Vec<Stream>,
}

impl Pipeline {
    /// Reads a pipeline file and builds what it names. No request is made.
    ///
    /// # Errors
    /// Everything that is wrong with the files, each with its place.
    pub fn open(path: &Path, registry: &Registry, environment: &Environment) -> Result<Self> {
        let file = LoadedFile::read(path, environment)?;
        aqueduct_warehouse::check_address(file.destination()).map_err(|error| file.at(error, &file.content.destination.url))?;
        file.content.history.meaning(&file)?;
        let named = &file.content.source.connector;
        let registration = registry.find(&named.value).map_err(|error| file.at(error, named))?.clone();
        let connector = (registration.build)(file.content.source.config.clone()).map_err(|error| config_place(error, &file))?;
        let mut documents = Vec::new();
        for (name, yaml) in registration.mappings {
            documents.extend(aqueduct_normalise::parse_mappings(name, yaml)?);
        }
        let mut mappings = Mappings::new(documents);
        mappings.configure(&file.path, &file.content.normalise)?;
        let (policy, key) = (&file.content.privacy.policy, &file.content.privacy.token_key);
        let protector = Protector::new(file.policy.clone(), key.as_ref().map(|key| &key.value));
        let protector = protector.map_err(|error| match (key, policy) {
            (Some(key), _) => file.at(error, key),
            (None, Some(policy)) => file.at(error, policy),
            (None, None) => error,
        })?;
        let protector = Arc::new(match Originals::of(&file)? {
            Some(originals) => protector.keeping_originals(Arc::new(originals)),
            None => protector,
        });
        let control = Arc::new(Shared::new(&file.control));
        let (clock, priority) = (Arc::new(SystemClock), Priority::Live);
        Ok(Self { file, registration, mappings, protector, connector, clock, control, own_clock: false, priority, calls: None })
    }

    /// The same pipeline by another clock than the machine's: it waits and dates by this one.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, own_clock: true, ..self }
    }

    /// The same pipeline with another priority among those that share its account.
    #[must_use]
    pub fn with_priority(self, priority: Priority) -> Self {
        Self { priority, ..self }
    }

    /// The same pipeline, whose calls are counted.
    #[must_use]
    pub(crate) fn counting(self, calls: Arc<Calls>) -> Self {
        Self { calls: Some(calls), ..self }
    }

    /// What it shares with other processes.
    pub(crate) fn control(&self) -> &Shared {
        &self.control
    }

    /// The clock it waits and dates by.
    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    /// The engine that reads the source.
    ///
    /// # Errors
    /// `AQ1005` when the base URL cannot be used.
    pub fn engine(&self) -> Result<Engine> {
        self.observed_engine(None, None)
    }

    fn observed_engine(&self, observer: Option<Arc<dyn ExchangeObserver>>, meter: Option<Arc<Meter>>) -> Result<Engine> {
        let run = self.file.content.run;
        let (connector, name) = (self.connector.as_ref(), self.registration.name);
        let store = Timed { shared: self.control.clone(), clock: self.own_clock.then(|| self.clock.clone()) };
        let budget = self
            .needs_requests()
            .then(|| SharedBudget::new(store.clone(), connector, name, &self.file.content.source.quota, self.priority));
        let settings = Settings {
            budget: budget.map(|budget| Arc::new(budget) as Arc<dyn Budget>).map(|budget| match &self.calls {
                Some(calls) => calls.over(budget),
                None => budget,
            }),
            token_store: SharedTokens::new(store, connector, name).map(|tokens| Arc::new(tokens) as Arc<dyn TokenStore>),
            idle_timeout: Duration::from_secs(run.idle_timeout_seconds.max(1)),
            total_timeout: Duration::from_secs(run.answer_timeout_seconds.max(1)),
            max_elapsed: Duration::from_secs(run.retry_seconds),
            observer,
            meter,
            ..Settings::default()
        };
        Engine::new(self.connector.clone(), settings, self.clock.clone())
    }

    /// Whether anything maps a stream onto the common schema.
    pub fn maps(&self, stream: &str) -> bool {
        !self.mappings.entities_of(stream).is_empty()
    }

    /// Whether the source can be asked about its fields only by a request to somebody.
    pub fn needs_requests(&self) -> bool {
        !self.connector.base_url().is_empty()
    }

    /// What the connector can tell of its source by itself; see [`Connector::describe`].
    ///
    /// # Errors
    /// When the source cannot be looked at.
    pub fn describe_source(&self) -> Result<Option<String>> {
        self.connector.describe()
    }

    /// A mapping for a stream that nothing maps, guessed from the names of its fields, as YAML for the pipeline file.
    pub fn propose(&self, stream: &Stream) -> String {
        aqueduct_normalise::propose(&stream.name, &stream.record, None)
    }

    /// What turns a stream's records into rows.
    ///
    /// # Errors
    /// `AQ1009` when the mappings do not fit the selected fields.
    pub fn normaliser(&self, stream: &Stream, source: &Source) -> Result<Normaliser> {
        Normaliser::new(&self.mappings, &stream.name, &stream.record, source, &self.file.content.normalise.defaults)
    }

    /// Asks the source who we are and what it has, then checks selection and mappings against it. No record is read.
    /// `select` takes the place of the file's own selection unless it is empty.
    ///
    /// # Errors
    /// `AQ2001` for credentials; the first mistake in selection or mappings, with its place.
    pub async fn connect(&self, select: &[String]) -> Result<Connected> {
        self.connect_observed(select, None).await
    }

    /// [`Pipeline::connect`] with somebody who is shown every exchange, then and when streams are read.
    pub(crate) async fn connect_observed(&self, select: &[String], observer: Option<Arc<dyn ExchangeObserver>>) -> Result<Connected> {
        self.connect_metered(select, observer, None).await
    }

    /// [`Pipeline::connect_observed`] with somebody who is told what is exchanged and waited for, then and when streams are read.
    pub(crate) async fn connect_metered(
        &self,
        select: &[String],
        observer: Option<Arc<dyn ExchangeObserver>>,
        meter: Option<Arc<Meter>>,
    ) -> Result<Connected> {
        let engine = Arc::new(self.observed_engine(observer, meter)?);
        let account = engine.check().await?;
        let mut streams = engine.discover().await?;
        let selected = match self.choose(&streams, select) {
            Err(error) if error.code() == codes::UNKNOWN_FIELD => {
                // A field that earlier runs have read may be gone at the source: then it is absent, and not a mistake.
                self.remember(&mut streams, error).await?;
                self.choose(&streams, select)?
            }
            selected => selected?,
        };
        let source = Source { tenant: "default".to_owned(), system: self.registration.name.to_owned(), account: account.id.clone() };
        Ok(Connected { engine, account, source, streams, selected })
    }

    /// Adds fields that earlier runs have read and the source no longer has.
    async fn remember(&self, streams: &mut [Stream], error: Error) -> Result<()> {
        if !aqueduct_warehouse::is_there(self.file.destination()) {
            return Err(error);
        }
        let stored = aqueduct_warehouse::open(self.file.destination()).await?.schemas(&self.file.name).await?;
        drift::remember(streams, &stored);
        Ok(())
    }

    /// The selected streams, when selection, mappings and contract all fit what the source has.
    fn choose(&self, streams: &[Stream], select: &[String]) -> Result<Vec<Stream>> {
        let selected = self.select(streams, select)?;
        let known: Vec<(&str, &RecordSchema)> = streams.iter().map(|stream| (stream.name.as_str(), &stream.record)).collect();
        if let Some(error) = self.mappings.validate(&known).into_iter().next() {
            return Err(error);
        }
        if let Some(agreed) = &self.file.contract {
            contract::check(agreed, streams)?;
        }
        Ok(selected)
    }

    fn select(&self, streams: &[Stream], select: &[String]) -> Result<Vec<Stream>> {
        let uses = |stream: &str, path: &str| self.mappings.uses(stream, path) || !self.maps(stream);
        if !select.is_empty() {
            return Selection::new(select).apply(streams, uses);
        }
        let own = &self.file.content.source.select;
        let patterns: Vec<&str> = own.iter().map(|pattern| pattern.value.as_str()).collect();
        Selection::new(&patterns).apply(streams, uses).map_err(|error| {
            match own.iter().find(|pattern| error.message().contains(&format!("`{}`", pattern.value.trim()))) {
                Some(pattern) => self.file.at(error, pattern),
                None => error,
            }
        })
    }
}

/// The place of a mistake in the connector's config: the key the message names, else the word `config`.
fn config_place(error: Error, file: &LoadedFile) -> Error {
    if error.location().is_some() {
        return error;
    }
    let quoted = error.message().split('`').skip(1).step_by(2).map(str::to_owned).find(|word| {
        let key = format!("{word}:");
        file.text.contains(&key)
    });
    let word = quoted.map_or_else(|| "config:".to_owned(), |word| format!("{word}:"));
    place(error, &file.path, &file.text, &word)
}
