//! Requests that the table of streams does not describe: the account and its attributes.

use aqueduct_connector::schema::{Result, codes};
use aqueduct_connector::{Account, Http, Request};
use serde::Deserialize;

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
