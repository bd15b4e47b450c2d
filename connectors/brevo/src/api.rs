//! Requests that the table of streams does not describe: the account, its attributes, and events by windows of days.

use std::time::Duration;

use aqueduct_connector::schema::{Error, Position, Result, Timestamp, codes};
use aqueduct_connector::serde_json::json;
use aqueduct_connector::{Account, Context, Http, Next, Page, Read, Request, declared};
use serde::{Deserialize, Serialize};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// A report of events covers 90 days at most, its first and last day included.
const WINDOW: Duration = Duration::from_secs(89 * 24 * 3600);

#[derive(Deserialize)]
struct Me {
    /// Younger than the other keys, so not every answer has it.
    organization_id: Option<String>,
    email: String,
    #[serde(rename = "companyName")]
    company_name: Option<String>,
}

/// The account that the credentials belong to.
pub(crate) async fn account(http: &dyn Http) -> Result<Account> {
    let me: Me = http.send(Request::get("/account", "account")).await?.json()?;
    Ok(Account { id: me.organization_id.unwrap_or(me.email), name: me.company_name, time_zone: None, currency: None })
}

/// An attribute of contacts, companies or deals; the two API families have different words.
#[derive(Deserialize)]
pub(crate) struct Attribute {
    #[serde(alias = "internalName")]
    pub(crate) name: String,
    #[serde(alias = "attributeTypeName")]
    pub(crate) r#type: Option<String>,
    pub(crate) category: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Attributes {
    OfContacts { attributes: Vec<Attribute> },
    OfObjects(Vec<Attribute>),
}

/// The attributes that records of a kind have. None where they may not be seen: reading the stream says what it lacks.
pub(crate) async fn attributes(http: &dyn Http, path: &str) -> Result<Vec<Attribute>> {
    match http.send(Request::get(path, "attributes")).await {
        Err(error) if matches!(error.code(), codes::PERMISSION_DENIED | codes::REQUEST_REJECTED) => Ok(Vec::new()),
        answer => Ok(match answer?.json()? {
            Attributes::OfContacts { attributes } | Attributes::OfObjects(attributes) => attributes,
        }),
    }
}

/// Where a reading of events stands: the first day of its window, and the place of the endpoint's paging inside it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    first: Timestamp,
    inside: Option<Position>,
}

/// A page of events. Days are the account's, which may be ahead of UTC or behind, so that windows overlap by a day.
pub(crate) async fn events(context: &Context, read: &Read<'_>) -> Result<Page> {
    let place = match read.position {
        Some(position) => {
            Place::deserialize(&position.0).map_err(|_| Error::new(codes::BAD_STATE, "a stored place is no place in events"))?
        }
        None => Place { first: read.from.map_or(context.now.minus(WINDOW), |from| from.at.minus(DAY)), inside: None },
    };
    let last = place.first.plus(WINDOW).min(context.now);
    let day = |at: Timestamp| at.to_string().chars().take(10).collect::<String>();
    let inner = Read { position: place.inside.as_ref(), ..read.clone() };
    let days = |request: Request| request.query("startDate", day(place.first)).query("endDate", day(last));
    let page = declared::read_with(context, &inner, days).await?;
    let to = |first, inside| Next::Page(Position(json!(Place { first, inside })));
    let next = match page.next {
        Next::Page(inside) => to(place.first, Some(inside)),
        Next::End { .. } if last < context.now => to(last.minus(DAY), None),
        end => end,
    };
    Ok(Page { next, ..page })
}
