//! Requests to HubSpot and the shapes of its answers, by topic.

mod audience;
mod history;
mod link;
mod list;
mod search;
mod snapshot;

pub(crate) use list::list_cost;
pub(crate) use search::search_cost;

use aqueduct_connector::schema::Result;
use aqueduct_connector::{Account, Http, LimitClass, Next, Request, Response};
use serde::{Deserialize, Serialize};

/// Searches share a limit that other requests do not count against.
pub(crate) const SEARCH: LimitClass = LimitClass("search");

/// The paths of one version of the API. The older style has the version before the area (`/crm/v3/objects/contacts`), dated versions
/// have it after (`/crm/objects/2026-03/contacts`).
pub(crate) struct Paths {
    date: Option<String>,
}

impl Paths {
    pub(crate) fn new(version: &str) -> Self {
        Self { date: (version != "v3").then(|| version.to_owned()) }
    }

    fn path(&self, product: &str, older: &str, area: &str, rest: &str) -> String {
        let parts = match &self.date {
            None => [product, older, area, rest],
            Some(date) => [product, area, date, rest],
        };
        parts.iter().filter(|part| !part.is_empty()).fold(String::new(), |path, part| path + "/" + part)
    }

    /// The token endpoint. Its v1 ends on 2027-02-16; v3 takes the same form fields, in the body alone.
    /// <https://developers.hubspot.com/docs/api-reference/auth-oauth-v3/guide>
    pub(crate) fn token(&self) -> String {
        self.path("oauth", "v3", "", "token")
    }

    fn account(&self) -> String {
        self.path("account-info", "v3", "", "details")
    }

    /// An area of the CRM and what comes below it.
    fn crm(&self, area: &str, rest: &str) -> String {
        self.path("crm", "v3", area, rest)
    }

    fn associations(&self, from: &str, to: &str) -> String {
        self.path("crm", "v4", "associations", &format!("{from}/{to}/batch/read"))
    }
}

/// Everything a request needs.
pub(crate) struct Api<'a> {
    pub(crate) http: &'a dyn Http,
    pub(crate) paths: &'a Paths,
}

/// An id or a token. Most of the API writes them as strings, some of it as numbers.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq, Hash)]
#[serde(from = "TextOrNumber")]
pub(crate) struct Id(pub(crate) String);

#[derive(Deserialize)]
#[serde(untagged)]
enum TextOrNumber {
    Text(String),
    Number(u64),
}

impl From<TextOrNumber> for Id {
    fn from(either: TextOrNumber) -> Self {
        match either {
            TextOrNumber::Text(text) => Self(text),
            TextOrNumber::Number(number) => Self(number.to_string()),
        }
    }
}

/// What leads to the next page; the last page has none of it.
#[derive(Deserialize)]
pub(crate) struct Paging {
    next: Option<NextPage>,
}

#[derive(Deserialize)]
struct NextPage {
    after: Id,
}

/// Where a page begins that comes by such a token: the records that are there come first, then those in the recycle bin.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    archived: bool,
    after: Option<String>,
}

impl Place {
    /// A request for the page.
    fn request(&self, request: Request, limit: u32) -> Request {
        let request = request.query("limit", limit.to_string()).query("archived", self.archived.to_string());
        Paging::at(request, self.after.as_deref())
    }

    /// What comes after the page.
    fn next(&self, response: &Response, paging: Option<Paging>) -> Result<Next> {
        match Paging::after(paging) {
            None if self.archived => Ok(Next::END),
            None => Next::page(response, &Self { archived: true, after: None }),
            after => Next::page(response, &Self { archived: self.archived, after }),
        }
    }
}

impl Paging {
    /// A request for the page at a token.
    fn at(request: Request, after: Option<&str>) -> Request {
        match after {
            Some(after) => request.query("after", after),
            None => request,
        }
    }

    /// The token of the next page.
    fn after(paging: Option<Self>) -> Option<String> {
        paging.and_then(|paging| paging.next).map(|next| next.after.0)
    }
}

/// A property as `/crm/v3/properties` describes it.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Property {
    pub(crate) name: String,
    pub(crate) label: Option<String>,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) hubspot_defined: bool,
    #[serde(default)]
    pub(crate) calculated: bool,
    pub(crate) data_sensitivity: Option<String>,
    #[serde(default)]
    pub(crate) options: Vec<Choice>,
}

/// A value of an enumeration. One that is hidden is no longer offered, and records may still have it.
#[derive(Deserialize)]
pub(crate) struct Choice {
    pub(crate) value: String,
    pub(crate) label: Option<String>,
    #[serde(default)]
    pub(crate) hidden: bool,
}

impl Property {
    /// A property of HubSpot's own of which only the name is known.
    pub(crate) fn of_hubspot(name: &str) -> Self {
        Self { name: name.to_owned(), kind: "string".to_owned(), hubspot_defined: true, ..Self::default() }
    }
}

#[derive(Deserialize)]
struct Properties {
    results: Vec<Property>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    portal_id: Id,
    time_zone: Option<String>,
    company_currency: Option<String>,
}

impl Api<'_> {
    pub(crate) async fn account(&self) -> Result<Account> {
        let details: Details = self.http.send(Request::get(self.paths.account(), "account: details")).await?.json()?;
        Ok(Account { id: details.portal_id.0, name: None, time_zone: details.time_zone, currency: details.company_currency })
    }

    /// The properties of an object type that are not archived; sensitive ones are not asked for.
    pub(crate) async fn properties(&self, object: &str) -> Result<Vec<Property>> {
        let request = Request::get(self.paths.crm("properties", object), format!("{object}: properties"));
        let answer: Properties = self.http.send(request).await?.json()?;
        Ok(answer.results)
    }
}
