//! HubSpot: contacts, companies, deals, products and lines, owners, stages of deal pipelines, lists, the links between them, and what
//! properties were.
//!
//! A first load lists records by id, later runs search for changes, and archived records come from a list of their own. Every fact
//! about the vendor stands where it is used; the streams are a table in [`streams`].

mod api;
mod config;
mod error;
mod streams;

use std::sync::Arc;
use std::time::Duration;

use aqueduct_connector::schema::{Error, Mode, Result, codes};
use aqueduct_connector::{
    Account, Action, Auth, Connector, Context, Cost, Limit, LimitClass, Page, Read, Registration, Response, Span, StatusRule, Stream,
    Usage, async_trait, described, mappings,
};

use crate::api::{Api, Paths, SEARCH};
use crate::config::Config;

pub(crate) const NAME: &str = "hubspot";

const MAPPINGS: &[(&str, &str)] = mappings![
    contact contact_point consent_event account deal deal_contact pipeline_stage user
    association product line_item list list_membership property_change deal_stage_history
];

/// The entry for the table of connectors.
pub fn registration() -> Registration {
    Registration {
        name: NAME,
        summary: "Contacts, companies, deals, products, line items, owners, pipeline stages, lists, associations and property history of a HubSpot account.",
        documentation: "https://developers.hubspot.com/docs/api-reference/latest/crm/understanding-the-crm",
        config_schema: || schemars::schema_for!(Config),
        build: |value| Ok(Arc::new(HubSpot::new(Config::parse(value)?)?)),
        mappings: MAPPINGS,
    }
}

struct HubSpot {
    config: Config,
    paths: Paths,
    auth: Auth,
}

impl HubSpot {
    fn new(config: Config) -> Result<Self> {
        let paths = Paths::new(&config.api_version);
        let auth = config.auth(&paths)?;
        Ok(Self { config, paths, auth })
    }

    fn api<'a>(&'a self, context: &'a Context) -> Api<'a> {
        Api { http: context.http.as_ref(), paths: &self.paths }
    }
}

#[async_trait]
impl Connector for HubSpot {
    fn base_url(&self) -> &str {
        &self.config.base_url
    }

    fn auth(&self) -> Auth {
        self.auth.clone()
    }

    fn limits(&self) -> Vec<Limit> {
        // Searches have a limit of their own, 5 a second for the whole account; older pages say 4, which is safe for both.
        let search = Limit { concurrent: 4, ..Limit::new(SEARCH, 4, Duration::from_secs(1)) };
        vec![Limit::new(LimitClass::DEFAULT, self.config.requests_per_10_seconds, Duration::from_secs(10)), search]
    }

    fn status_rules(&self) -> &'static [StatusRule] {
        error::RULES
    }

    fn classify(&self, response: &Response) -> Option<Action> {
        error::classify(response)
    }

    fn usage(&self, response: &Response) -> Option<Usage> {
        usage(response.header("x-hubspot-ratelimit-daily")?, response.header("x-hubspot-ratelimit-daily-remaining")?)
    }

    async fn check(&self, context: &Context) -> Result<Account> {
        self.api(context).account().await
    }

    async fn discover(&self, context: &Context) -> Result<Vec<Stream>> {
        let lag = Duration::from_secs(self.config.search_lag_seconds.into());
        let api = self.api(context);
        // Properties are asked for by object type: there is no request for several.
        let questions = streams::OBJECTS.iter().map(|object| api.properties(object.name)).collect();
        let answers = described(questions, streams::OBJECTS.len()).await?;
        let objects = streams::OBJECTS.iter().zip(answers);
        let mut streams = objects.map(|(object, properties)| streams::object(object, properties, lag)).collect::<Result<Vec<_>>>()?;
        streams.extend(streams::past(&self.config.history, lag)?);
        streams.extend(streams::fixed()?);
        Ok(streams)
    }

    async fn count(&self, context: &Context, span: &Span<'_>) -> Result<Option<u64>> {
        match streams::OBJECTS.iter().find(|object| object.name == span.stream.name) {
            Some(object) => self.api(context).count(object, span).await.map(Some),
            None => Ok(None),
        }
    }

    fn cost(&self, stream: &Stream, windowed: bool, records: u64) -> Option<Cost> {
        let listed = streams::OBJECTS.iter().any(|object| object.name == stream.name);
        listed.then(|| if windowed { api::search_cost(records) } else { api::list_cost(stream, records) })
    }

    async fn read(&self, context: &Context, read: &Read<'_>) -> Result<Page> {
        let api = self.api(context);
        let name = read.stream.name.as_str();
        // Lists know no times, so a window of history is a search too.
        let windowed = read.from.is_some() || read.until.is_some();
        let by_time = read.mode == Mode::Changes || (read.mode == Mode::Backfill && windowed);
        if let Some(object) = streams::OBJECTS.iter().find(|object| object.name == name) {
            let page = match read.mode {
                _ if by_time => api.search(object, read).await,
                Mode::Backfill | Mode::Deletions | Mode::Ids | Mode::Columns => api.list(object.name, read).await,
                _ => Err(unread(read)),
            }?;
            return if name == streams::LINE_ITEMS { api.with_deals(page, read).await } else { Ok(page) };
        }
        if let Some(past) = streams::PASTS.iter().find(|past| past.name == name) {
            let properties = self.config.history.of(past.of);
            return match read.mode {
                _ if by_time => api.histories_of_changed(past.of, properties, read).await,
                Mode::Backfill => api.histories(past.of, properties, read).await,
                _ => Err(unread(read)),
            };
        }
        let lag = Duration::from_secs(self.config.search_lag_seconds.into());
        if name == streams::LIST_MEMBERSHIPS && matches!(read.mode, Mode::Snapshot | Mode::Parents) {
            return api.memberships(read, lag).await;
        }
        if let Some(edge) = streams::EDGES.iter().find(|edge| edge.name == name) {
            return match read.mode {
                Mode::Snapshot => api.links(edge, read).await,
                Mode::Parents => api.links_of_changed(edge, read, lag).await,
                _ => Err(unread(read)),
            };
        }
        if read.mode != Mode::Snapshot {
            return Err(unread(read));
        }
        match name {
            streams::OWNERS => api.owners(read).await,
            streams::LISTS => api.lists(read).await,
            streams::PIPELINE_STAGES => api.pipeline_stages(read).await,
            _ => Err(unread(read)),
        }
    }
}

fn unread(read: &Read<'_>) -> Error {
    Error::new(codes::BUG, format!("hubspot stream `{}` cannot be read as {}", read.stream.name, read.mode.name()))
}

/// The day's requests of all apps of the account, which private apps are told on every answer but those of searches. HubSpot refuses what
/// goes beyond; a pipeline that is to leave some of it to others says so by the share of its quota.
fn usage(allowed: &str, remaining: &str) -> Option<Usage> {
    let (allowed, remaining): (u64, u64) = (allowed.parse().ok()?, remaining.parse().ok()?);
    Some(Usage { used: allowed.saturating_sub(remaining), allowed, stop_at: allowed })
}
