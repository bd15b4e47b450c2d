//! Requests to Salesforce and the shapes of its answers, by topic.

mod bulk;
mod deleted;
mod query;

use aqueduct_connector::schema::{Result, Timestamp};
use aqueduct_connector::{Account, Http, Next, Page, Request, Response};
use serde::{Deserialize, Serialize};

pub(crate) use bulk::{Job, cost};
pub(crate) use query::Question;

use crate::config::Config;
use crate::error::Refusal;

/// Everything a request needs.
pub(crate) struct Api<'a> {
    pub(crate) http: &'a dyn Http,
    pub(crate) config: &'a Config,
}

/// Where a page begins.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Place {
    /// Records whose id comes after this one; at the beginning it is empty.
    After { id: String, limit: u32 },
    /// Records that changed at `at` with an id after `id`, or later; without an id, at `at` or later.
    Since {
        at: Timestamp,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        limit: u32,
    },
    /// Deletions from here on.
    Deleted {
        since: Timestamp,
        /// In minutes.
        window: u64,
    },
    /// A bulk job and how far it has got.
    Job(Job),
}

/// An object as the list of all objects has it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Listed {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) queryable: bool,
    #[serde(default)]
    pub(crate) replicateable: bool,
    #[serde(default)]
    pub(crate) deprecated_and_hidden: bool,
}

#[derive(Deserialize)]
struct Objects {
    sobjects: Vec<Listed>,
}

/// An object's description, as far as fields go.
#[derive(Deserialize)]
pub(crate) struct Description {
    pub(crate) fields: Vec<FieldDescription>,
}

/// A field's description.
#[derive(Deserialize)]
pub(crate) struct FieldDescription {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) label: Option<String>,
    #[serde(default)]
    pub(crate) custom: bool,
    #[serde(default)]
    pub(crate) calculated: bool,
    #[serde(default)]
    pub(crate) encrypted: bool,
    #[serde(default, rename = "picklistValues")]
    pub(crate) picklist: Vec<Choice>,
}

/// A value of a picklist. One that is not active is no longer offered, and records may still have it.
#[derive(Deserialize)]
pub(crate) struct Choice {
    pub(crate) value: String,
    pub(crate) label: Option<String>,
    #[serde(default)]
    pub(crate) active: bool,
}

#[derive(Deserialize)]
struct Organisations {
    records: Vec<Organisation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Organisation {
    id: String,
    name: Option<String>,
    time_zone_sid_key: Option<String>,
    default_currency_iso_code: Option<String>,
}

impl Api<'_> {
    fn path(&self, rest: &str) -> String {
        format!("/services/data/{}/{rest}", self.config.api_version)
    }

    /// An answer, or the refusal that stands in its place.
    async fn ask(&self, request: Request) -> Result<(Response, Option<Refusal>)> {
        let response = self.http.send(request).await?;
        let refusal = Refusal::of(&response);
        Ok((response, refusal))
    }

    /// An answer that is no refusal.
    async fn send(&self, request: Request) -> Result<Response> {
        match self.ask(request).await? {
            (response, None) => Ok(response),
            (response, Some(refusal)) => Err(refusal.error(&response)),
        }
    }

    /// The organisation, whose one record every user may read. Its currency is a field only where there are several currencies.
    pub(crate) async fn account(&self) -> Result<Account> {
        let query = |fields: &str| {
            Request::get(self.path("query"), "organisation").query("q", format!("SELECT {fields} FROM Organization LIMIT 1"))
        };
        let (mut response, refusal) = self.ask(query("Id, Name, TimeZoneSidKey, DefaultCurrencyIsoCode")).await?;
        match refusal {
            Some(refusal) if refusal.is(&["INVALID_FIELD"]) => response = self.send(query("Id, Name, TimeZoneSidKey")).await?,
            Some(refusal) => return Err(refusal.error(&response)),
            None => {}
        }
        let answer: Organisations = response.json()?;
        let organisation = answer.records.into_iter().next().ok_or_else(|| response.malformed("no organisation in it"))?;
        Ok(Account {
            id: organisation.id,
            name: organisation.name,
            time_zone: organisation.time_zone_sid_key,
            currency: organisation.default_currency_iso_code,
        })
    }

    /// The objects that the user may see.
    pub(crate) async fn objects(&self) -> Result<Vec<Listed>> {
        let answer: Objects = self.send(Request::get(self.path("sobjects/"), "objects")).await?.json()?;
        Ok(answer.sobjects)
    }

    /// The fields of an object that the user may see.
    pub(crate) async fn describe(&self, object: &str) -> Result<Description> {
        self.send(Request::get(self.path(&format!("sobjects/{object}/describe")), format!("{object}: describe"))).await?.json()
    }
}

/// A page without records before one that is ready.
fn onward(response: &Response, place: &Place) -> Result<Page> {
    Ok(Page::empty(response, Next::page(response, place)?))
}

/// An instant as Salesforce writes it: `+0000` in REST, `Z` in bulk results.
fn instant(response: &Response, text: &str) -> Result<Timestamp> {
    text.parse().map_err(|_| response.malformed("a time that is none"))
}
