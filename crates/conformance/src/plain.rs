//! Any small REST vendor, from a description: what its accounts can be made to do follows from it.
//!
//! ```no_run
//! use aqueduct_conformance::plain::{self, Authentication, Description, Endpoint, Paging, Value};
//!
//! let contacts = Endpoint::new("contacts", "/contacts")
//!     .items(["data"])
//!     .paging(Paging::next_token(["next"], "after"))
//!     .page_size("limit", 100)
//!     .field("id", Value::Id)
//!     .field("email", Value::Email);
//! let vendor = plain::vendor(Description::new(Authentication::Bearer).endpoint(contacts));
//! ```

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use aqueduct_engine::Clock;
use aqueduct_schema::Timestamp;
use aqueduct_simulator::Match;
pub use aqueduct_simulator::plain::{
    Authentication, BeyondCap, Description, Endpoint, Keep, Paging, Parameters, RateLimit, Refused, Row, Value,
};
use aqueduct_simulator::plain::{Credentials, Options, Simulator};
use async_trait::async_trait;
use serde_json::{Map, Value as Json, json};

use crate::simulated::{SimulatedClock, asked, effect, fault};
use crate::vendor::{Ability, Asked, Did, Facts, Harm, TestAccount, Vendor};

/// 2026-07-01T00:00:00Z, a day after the last record of the account was made.
const BEGINNING: i64 = 1_782_864_000;
/// After so many bytes an answer is cut: inside the first record, or its end.
const CUT: usize = 90;
const REFUSED_KEY: &str = "canary-key-of-nobody";

/// A vendor of a description, whose stream to change is the first that is read page by page, best by value.
///
/// # What follows from the description
/// Where every stream comes in one page, an answer cannot be harmed between two, so the rules that do so are not applicable. Where
/// pages are only found by counting records, nothing is changed while they are read, since few connectors can be complete then; one that
/// can says so with [`Plain::anchored`]. The report tells which rules are not tried until it does.
pub fn vendor(description: Description) -> Plain {
    let config_keys = match description.authentication() {
        Authentication::None => vec![],
        Authentication::Bearer => vec!["access_token"],
        Authentication::Header { .. } | Authentication::Query(_) => vec!["api_key"],
        Authentication::Basic => vec!["user", "password"],
    };
    Plain { facts: facts(&description), description, config_keys, config: Map::new(), ids: None }
}

/// A vendor of a description; made by [`vendor`].
#[derive(Debug)]
pub struct Plain {
    description: Description,
    facts: Facts,
    config_keys: Vec<&'static str>,
    config: Map<String, Json>,
    ids: Option<IdOf>,
}

impl Plain {
    /// The keys of the connector's config for what proves who asks: one, or the user's and the password's. Where it is not said:
    /// `access_token` for a bearer token, `api_key` for a key, `user` and `password` for HTTP Basic.
    #[must_use]
    pub fn credentials_in(mut self, keys: &[&'static str]) -> Self {
        self.config_keys = keys.to_vec();
        self
    }

    /// One more key that the connector's config needs.
    #[must_use]
    pub fn config(mut self, key: &str, value: impl Into<Json>) -> Self {
        self.config.insert(key.to_owned(), value.into());
        self
    }

    /// The stream to change, although its pages are only found by counting records: for connectors that keep their place nevertheless, as
    /// `Paging::AnchoredOffset` does.
    #[must_use]
    pub fn anchored(mut self, stream: &'static str) -> Self {
        let more = [Ability::Change, Ability::FutureDates].into_iter().filter(|ability| !self.facts.can(*ability));
        self.facts.abilities = Vec::leak(self.facts.abilities.iter().copied().chain(more).collect());
        self.changing(stream)
    }

    /// Records may also be created, changed and deleted while they are read, though pages are found by counting them: the vendor has
    /// some other way, such as asking for what was created since.
    #[must_use]
    pub fn changed_while_read(mut self) -> Self {
        let mut abilities = self.facts.abilities.to_vec();
        abilities.extend([Ability::Change, Ability::FutureDates]);
        abilities.dedup();
        // Facts are the same as long as the program runs, and there are few of them.
        self.facts.abilities = Vec::leak(abilities);
        self
    }

    /// The source id of a stream's record, in place of the one that the store has; `None` where the connector's key cannot be told.
    /// Those of the stream to change must stay the store's.
    #[must_use]
    pub fn ids(mut self, of: fn(stream: &str, record: &Json) -> Option<String>) -> Self {
        self.ids = Some(of);
        self
    }

    /// The stream to change, in place of the one that was chosen. It must be read page by page.
    #[must_use]
    pub fn changing(mut self, stream: &'static str) -> Self {
        self.facts.stream = stream;
        self
    }
}

/// Serves a vendor on a port of this machine until Ctrl-C, by the machine's clock, and says on standard output what a pipeline's config
/// needs to reach it. The records and the key are the same every time.
///
/// # Errors
/// The port is taken, or standard output is closed.
pub async fn serve(vendor: Plain, port: u16) -> io::Result<()> {
    let simulator = Simulator::start(&vendor.description, Options { port, ..Options::default() }).await?;
    let mut words = format!("base_url: {}\n", simulator.base_url());
    let Credentials { key, password } = simulator.credentials();
    for (name, value) in vendor.config_keys.iter().zip([key, password]) {
        words.push_str(&format!("{name}: {value}\n"));
    }
    for (name, value) in &vendor.config {
        words.push_str(&format!("{name}: {value}\n"));
    }
    io::stdout().write_all(words.as_bytes())?;
    tokio::signal::ctrl_c().await
}

/// The filter of a query parameter for what was created at or after an instant, for [`Endpoint::filter`].
pub fn created_since(parameter: &'static str) -> impl Fn(&Parameters) -> Result<Option<Keep>, Refused> + Send + Sync + 'static {
    move |parameters| {
        let Some(since) = parameters.instant(parameter)? else { return Ok(None) };
        Ok(Some(Box::new(move |candidate| candidate.row().created_at >= since)))
    }
}

type IdOf = fn(&str, &Json) -> Option<String>;

fn facts(description: &Description) -> Facts {
    let endpoints = description.endpoints();
    let by_value = |endpoint: &&Endpoint| endpoint.style().has_pages() && !endpoint.style().counts_records();
    let paged = |endpoint: &&Endpoint| endpoint.style().has_pages();
    let chosen = endpoints.iter().find(by_value).or_else(|| endpoints.iter().find(paged)).or(endpoints.first());
    let mut abilities = Vec::new();
    let mut no_answers = Vec::new();
    if let Some(endpoint) = chosen.filter(paged) {
        abilities.push(Ability::Statuses);
        no_answers.extend([Harm::EmptyBody, Harm::Html, Harm::CutOff, Harm::ErrorBody, Harm::Dropped]);
        if endpoint.is_missing_when_empty() {
            // An answer without records is this vendor's way of saying that there are none, also in an error's clothes.
            no_answers.retain(|harm| *harm != Harm::ErrorBody);
        } else {
            no_answers.push(Harm::NoRecords);
        }
    }
    if chosen.is_some_and(|endpoint| by_value(&endpoint)) {
        abilities.extend([Ability::Change, Ability::FutureDates]);
    }
    if *description.authentication() != Authentication::None {
        abilities.push(Ability::Credentials);
    }
    if endpoints.len() > 1 {
        abilities.push(Ability::Permissions);
    }
    let cap = chosen.and_then(Endpoint::most);
    // Facts are the same as long as the program runs, and there are few of them.
    let stream = chosen.map_or("", |endpoint| String::leak(endpoint.name().to_owned()));
    Facts { stream, abilities: Vec::leak(abilities), no_answers: Vec::leak(no_answers), cap, late: None }
}

#[async_trait]
impl Vendor for Plain {
    fn facts(&self) -> Facts {
        self.facts
    }

    fn lacks_change(&self) -> Option<String> {
        let stream = self.facts.stream;
        let endpoint = self.description.endpoints().iter().find(|endpoint| endpoint.name() == stream)?;
        let counts = !self.facts.can(Ability::Change) && endpoint.style().counts_records();
        counts.then(|| {
            format!(
                "the pages of `{stream}` are found by counting, so nothing is changed while they are read. A connector that keeps its \
                 place, as Paging::AnchoredOffset and Paging::Time do, has them tried with `.anchored(\"{stream}\")` in its vendor"
            )
        })
    }

    async fn open(&self) -> Did<Arc<dyn TestAccount>> {
        let options = Options {
            clock: aqueduct_simulator::Clock::manual(jiff::Timestamp::from_second(BEGINNING)?),
            seed: 4_711,
            // A body that is cut must reach the reader as it was cut.
            gzip: false,
            ..Options::default()
        };
        let simulator = Simulator::start(&self.description, options).await?;
        Ok(Arc::new(PlainAccount {
            simulator,
            config_keys: self.config_keys.clone(),
            config: self.config.clone(),
            ids: self.ids,
            paths: self.description.endpoints().iter().map(|endpoint| endpoint.name().to_owned()).collect(),
        }))
    }
}

struct PlainAccount {
    simulator: Simulator,
    config_keys: Vec<&'static str>,
    config: Map<String, Json>,
    ids: Option<IdOf>,
    paths: Vec<String>,
}

impl PlainAccount {
    fn config_with(&self, credentials: Credentials) -> Json {
        let mut config = self.config.clone();
        config.insert("base_url".to_owned(), json!(self.simulator.base_url()));
        for (key, value) in self.config_keys.iter().zip([credentials.key, credentials.password]) {
            config.insert((*key).to_owned(), json!(value));
        }
        Json::Object(config)
    }
}

impl TestAccount for PlainAccount {
    fn config(&self) -> Json {
        self.config_with(self.simulator.credentials())
    }

    fn secrets(&self) -> Vec<String> {
        let Credentials { key, password } = self.simulator.credentials();
        [key, password, REFUSED_KEY.to_owned()].into_iter().take(if self.config_keys.is_empty() { 0 } else { 3 }).collect()
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(SimulatedClock(self.simulator.clock()))
    }

    fn advance(&self, span: Duration) {
        self.simulator.clock().advance(span);
    }

    fn live_ids(&self, stream: &str) -> Option<BTreeSet<String>> {
        let known = self.paths.iter().any(|name| name == stream);
        if let Some(of) = self.ids {
            let records = self.simulator.store().records(stream);
            return records.iter().map(|record| of(stream, record)).collect::<Option<_>>().filter(|_| known);
        }
        known.then(|| self.simulator.store().ids(stream).into_iter().collect())
    }

    fn create(&self, stream: &str, count: usize) -> Did<Vec<String>> {
        Ok(self.simulator.store().create(stream, count)?)
    }

    fn update(&self, stream: &str, id: &str) -> Did {
        Ok(self.simulator.store().update(stream, id)?)
    }

    fn delete(&self, stream: &str, id: &str) -> Did {
        Ok(self.simulator.store().delete(stream, id)?)
    }

    fn create_dated(&self, stream: &str, at: Timestamp) -> Did<String> {
        Ok(self.simulator.store().create_dated(stream, jiff::Timestamp::from_microsecond(at.microseconds())?)?)
    }

    fn harm(&self, stream: &str, harm: Harm, skip: u64, times: Option<u64>) -> Did {
        if harm == Harm::TokenExpired {
            return Err("a plain vendor has no tokens that expire".into());
        }
        self.simulator.inject(fault(effect(harm, CUT, "{\"total\":0}"), Match::records_of(stream), skip, times));
        Ok(())
    }

    fn heal(&self) -> Did {
        self.simulator.clear_faults();
        Ok(())
    }

    fn asked(&self) -> Vec<Asked> {
        self.simulator.request_log().iter().map(asked).collect()
    }

    fn refused_config(&self) -> Json {
        self.config_with(Credentials { key: REFUSED_KEY.to_owned(), password: REFUSED_KEY.to_owned() })
    }

    fn forbid(&self) -> Did<BTreeSet<String>> {
        let last = self.paths.last().ok_or("the vendor has no streams")?;
        self.simulator.forbid(last);
        Ok(BTreeSet::from([last.clone()]))
    }
}
