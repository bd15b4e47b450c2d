//! Brevo: contacts, companies, deals, transactional events, lists, campaigns, pipelines, users, blocked contacts.
//!
//! Streams are a table in [`streams`] and read themselves; events are asked for by windows of days.

mod api;
mod config;
mod streams;

use std::sync::Arc;
use std::time::Duration;

use aqueduct_connector::schema::Result;
use aqueduct_connector::{Account, Auth, Connector, Context, KeyPlacement, Limit, LimitClass, Registration, Stream, async_trait, mappings};

use crate::config::Config;

pub(crate) const NAME: &str = "brevo";

/// The entry for the table of connectors.
pub fn registration() -> Registration {
    Registration {
        name: NAME,
        summary: "Contacts, consent, lists, campaigns, companies, deals and transactional events of a Brevo account.",
        documentation: "https://developers.brevo.com/reference",
        config_schema: || schemars::schema_for!(Config),
        build: |value| Ok(Arc::new(Brevo { config: Config::parse(value)? })),
        mappings: mappings![
            "contact",
            "contact_point",
            "consent_event",
            "account",
            "deal",
            "pipeline_stage",
            "campaign",
            "list",
            "email_event",
            "user"
        ],
    }
}

struct Brevo {
    config: Config,
}

#[async_trait]
impl Connector for Brevo {
    fn base_url(&self) -> &str {
        &self.config.base_url
    }

    fn auth(&self) -> Auth {
        Auth::ApiKey { placement: KeyPlacement::Header("api-key"), prefix: "", key: self.config.api_key.clone() }
    }

    fn limits(&self) -> Vec<Limit> {
        let requests = self.config.requests_per_hour;
        let hour = Limit::new(LimitClass::DEFAULT, requests, Duration::from_secs(3600)).burst(requests - requests / 5);
        vec![Limit::new(streams::FAST, 10, Duration::from_secs(1)), hour]
    }

    /// <https://developers.brevo.com/docs/limit-headers>: seconds until the bucket is full again; there is no `Retry-After`.
    fn retry_after_header(&self) -> &'static str {
        "x-sib-ratelimit-reset"
    }

    async fn check(&self, context: &Context) -> Result<Account> {
        api::account(context.http.as_ref()).await
    }

    async fn discover(&self, context: &Context) -> Result<Vec<Stream>> {
        let http = context.http.as_ref();
        streams::all([
            api::attributes(http, "/contacts/attributes").await?,
            api::attributes(http, "/crm/attributes/companies").await?,
            api::attributes(http, "/crm/attributes/deals").await?,
        ])
    }
}
