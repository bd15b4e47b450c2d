//! Salesforce: people, companies, sales, activities, campaigns and consent of an organisation, and any other object of it.
//!
//! First loads go by id or by bulk jobs, whichever needs fewer requests; later runs by time of change; deletions by the list of deleted
//! ids. Every fact about the vendor stands where it is used; the streams are a table in [`streams`].

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

use crate::api::{Api, Place};
use crate::config::Config;
use crate::streams::Chosen;

pub(crate) const NAME: &str = "salesforce";

/// How many requests may be under way at once. Developer editions allow five that take longer than 20 seconds, others 25.
/// <https://developer.salesforce.com/docs/atlas.en-us.salesforce_app_limits_cheatsheet.meta/salesforce_app_limits_cheatsheet/salesforce_app_limits_platform_api.htm>
const CONCURRENT: u32 = 5;

const MAPPINGS: &[(&str, &str)] = mappings![
    contact contact_point account lead deal pipeline_stage deal_contact deal_stage_history
    activity activity_participant campaign campaign_member consent_event user property_change
];

/// The entry for the table of connectors.
pub fn registration() -> Registration {
    Registration {
        name: NAME,
        summary: "Contacts, leads, accounts, opportunities, activities, campaigns and consent of a Salesforce organisation.",
        documentation: "https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/intro_rest.htm",
        config_schema: || schemars::schema_for!(Config),
        build: |value| Ok(Arc::new(Salesforce::new(Config::parse(value)?)?)),
        mappings: MAPPINGS,
    }
}

struct Salesforce {
    config: Config,
    auth: Auth,
}

impl Salesforce {
    fn new(config: Config) -> Result<Self> {
        let auth = config.auth()?;
        Ok(Self { config, auth })
    }

    fn api<'a>(&'a self, context: &'a Context) -> Api<'a> {
        Api { http: context.http.as_ref(), config: &self.config }
    }
}

#[async_trait]
impl Connector for Salesforce {
    fn base_url(&self) -> &str {
        self.config.base_url()
    }

    fn auth(&self) -> Auth {
        self.auth.clone()
    }

    fn limits(&self) -> Vec<Limit> {
        // There is no limit by the second; this one only keeps a mistake from using up the day's requests in a minute.
        vec![Limit { concurrent: CONCURRENT, ..Limit::new(LimitClass::DEFAULT, 100, Duration::from_secs(1)) }]
    }

    fn status_rules(&self) -> &'static [StatusRule] {
        error::RULES
    }

    fn classify(&self, response: &Response) -> Option<Action> {
        let moved = self.config.base_url.is_none() && error::is_elsewhere(response);
        error::classify(response).or(moved.then_some(Action::RefreshToken))
    }

    fn usage(&self, response: &Response) -> Option<Usage> {
        usage(response.header("sforce-limit-info")?, self.config.daily_requests_share)
    }

    async fn check(&self, context: &Context) -> Result<Account> {
        self.api(context).account().await
    }

    async fn discover(&self, context: &Context) -> Result<Vec<Stream>> {
        let api = self.api(context);
        let lag = Duration::from_secs(self.config.lag_seconds.into());
        let objects = api.objects().await?;
        let (chosen, lacking) = streams::chosen(&objects, &self.config.objects);
        if !lacking.is_empty() {
            let message = "`objects` names what the organisation does not have, or does not show to this user";
            return Err(Error::new(codes::BAD_CONFIG, message).with("objects", lacking.join(", ")));
        }
        let listed = chosen.iter().filter(|chosen| chosen.listed);
        let mut answers = described(listed.map(|chosen| api.describe(&chosen.object)).collect(), CONCURRENT as usize).await?.into_iter();
        let mut description = |chosen: &Chosen| if chosen.listed { answers.next().flatten() } else { None };
        Ok(chosen.iter().map(|chosen| streams::stream(chosen, description(chosen), lag)).collect())
    }

    async fn count(&self, context: &Context, span: &Span<'_>) -> Result<Option<u64>> {
        if span.stream.record.updated_at.is_none() && (span.from.is_some() || span.until.is_some()) {
            return Ok(None);
        }
        self.api(context).count_live(span).await
    }

    fn cost(&self, stream: &Stream, _windowed: bool, records: u64) -> Option<Cost> {
        stream.modes.contains(&Mode::Backfill).then(|| api::cost(&self.config, stream, records))
    }

    async fn read(&self, context: &Context, read: &Read<'_>) -> Result<Page> {
        let api = self.api(context);
        match (read.mode, read.place()?) {
            (Mode::Deletions, place) => api.deleted(context, read, place).await,
            (Mode::Changes | Mode::Ids, None) => api.first(read).await,
            (Mode::Backfill | Mode::Columns | Mode::Snapshot, None) => api.begin(read).await,
            (_, Some(Place::Job(job))) => api.job(read, job).await,
            (Mode::Backfill | Mode::Columns | Mode::Snapshot | Mode::Changes | Mode::Ids, Some(place)) => api.records(read, place).await,
            (Mode::Parents, _) => Err(Error::new(codes::BUG, format!("salesforce stream `{}` is not read by parents", read.stream.name))),
        }
    }
}

/// The day's requests by the header `api-usage=18/15000, per-app-api-usage=17/250(appName=…)`: the part of the whole that is used up,
/// or the app's own where an administrator gave it fewer and it is nearer to its end.
fn usage(header: &str, share: f64) -> Option<Usage> {
    let figures = |name: &str| {
        let entry = header.split([',', ';', ' ']).find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))?;
        let (used, allowed) = entry.split_once('/')?;
        let digits = allowed.bytes().take_while(u8::is_ascii_digit).count();
        Some((used.trim().parse::<u64>().ok()?, allowed[..digits].parse::<u64>().ok()?))
    };
    let of = |(used, allowed): (u64, u64), share: f64| Usage { used, allowed, stop_at: ((allowed as f64 * share) as u64).max(1) };
    let whole = figures("api-usage").map(|figures| of(figures, share));
    let own = figures("per-app-api-usage").map(|figures| of(figures, 1.0));
    [whole, own].into_iter().flatten().min_by_key(|usage| usage.stop_at.saturating_sub(usage.used))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_days_requests_are_read_leniently() {
        let told = |header: &str| usage(header, 0.8).map(|usage| (usage.used, usage.allowed, usage.stop_at));
        assert_eq!(told("api-usage=18/15000"), Some((18, 15_000, 12_000)));
        assert_eq!(told("api-usage=18/15000, per-app-api-usage=17/250(appName=a, b)"), Some((17, 250, 250)));
        assert_eq!(told("per-app-api-usage=1/250(appName=x);api-usage=14999/15000"), Some((14_999, 15_000, 12_000)));
        assert_eq!(told("priority=high"), None);
        assert_eq!(told("api-usage=many/15000"), None);
    }
}
