//! A connector that declares windows to a vendor with a cap, rightly or wrongly, and the vendor.

use std::sync::Arc;
use std::time::Duration;

use aqueduct_conformance::plain::{self, Authentication, BeyondCap, Description, Plain, Value};
use aqueduct_connector::schema::{Mode, RecordField, RecordSchema, Result, ValueType};
use aqueduct_connector::{
    Account, Auth, Connector, Context, Endpoint, Limit, Paging, Registration, Request, Stream, Windows, async_trait, config,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// The most records that the vendor gives for one question: no multiple of the page size.
pub(crate) const CAP: usize = 40;
const PAGE: u32 = 12;

/// The config.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// The address.
    base_url: String,
    /// How the vendor pages.
    style: String,
    /// The cap that the connector declares; none for a connector that knows of no windows.
    declares: Option<u64>,
    /// Whether the vendor says how many records match.
    total: bool,
    /// Whether an instant can be read by id.
    by_id: bool,
}

struct Declared {
    config: Config,
}

pub(crate) fn registration() -> Registration {
    Registration {
        name: "declared",
        summary: "Contacts.",
        documentation: "https://example.com",
        config_schema: || schemars::schema_for!(Config),
        build: |value| Ok(Arc::new(Declared { config: config::parse("declared", value)? })),
        mappings: &[],
    }
}

/// How a vendor and its connector are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) style: &'static str,
    pub(crate) beyond: BeyondCap,
    pub(crate) total: bool,
    pub(crate) by_id: bool,
    pub(crate) declares: Option<u64>,
}

impl Case {
    pub(crate) fn vendor(self) -> Plain {
        let paging = match self.style {
            "token" => plain::Paging::next_token(["meta", "next"], "after"),
            "header" => plain::Paging::LinkHeader,
            "page" => plain::Paging::page_number("page", 1),
            _ => plain::Paging::offset("offset"),
        };
        let contacts = plain::Endpoint::new("contacts", "/contacts")
            .items(["data"])
            .paging(paging)
            .page_size("limit", 100)
            .since("since")
            .until("until")
            .after_id("id_greater")
            .cap(CAP, self.beyond)
            .field("id", Value::Id)
            .field("email", Value::Email)
            .field("created", Value::CreatedAt)
            .field("updated", Value::UpdatedAt);
        let contacts = if self.total { contacts.total(["meta", "total"]) } else { contacts };
        let description = Description::new(Authentication::None).account("/me", json!({"id": 7})).endpoint(contacts);
        let vendor = plain::vendor(description).config("style", self.style).config("total", self.total).config("by_id", self.by_id);
        let vendor = match self.declares {
            Some(cap) => vendor.config("declares", cap),
            None => vendor,
        };
        if matches!(self.style, "offset" | "anchored") { vendor.anchored("contacts") } else { vendor }
    }
}

#[async_trait]
impl Connector for Declared {
    fn base_url(&self) -> &str {
        &self.config.base_url
    }

    fn auth(&self) -> Auth {
        Auth::None
    }

    fn limits(&self) -> Vec<Limit> {
        Vec::new()
    }

    async fn check(&self, context: &Context) -> Result<Account> {
        let account: serde_json::Value = context.http.send(Request::get("/me", "account")).await?.json()?;
        Ok(Account { id: account["id"].to_string(), name: None, time_zone: None, currency: None })
    }

    async fn discover(&self, _: &Context) -> Result<Vec<Stream>> {
        let fields =
            [("id", ValueType::Text), ("email", ValueType::Text), ("created", ValueType::Timestamp), ("updated", ValueType::Timestamp)];
        let fields = fields.map(|(path, value_type)| RecordField::new(path, value_type)).to_vec();
        let record = RecordSchema::new("contact", fields, &["id"]).times("created", "updated");
        let paging = match self.config.style.as_str() {
            "token" => Paging::NextToken { token: &["meta", "next"], parameter: "after" },
            "header" => Paging::LinkHeader,
            "page" => Paging::PageNumber { parameter: "page", first: 1 },
            _ => Paging::AnchoredOffset { parameter: "offset" },
        };
        let mut endpoint = Endpoint::new("/contacts", &["data"], paging).page_size("limit").since("since").until("until");
        if self.config.total {
            endpoint = endpoint.total(&["meta", "total"]);
        }
        if self.config.by_id {
            endpoint = endpoint.by_id("id_greater", &[]);
        }
        let modes = [Mode::Backfill, Mode::Changes, Mode::Ids];
        let stream = Stream::new("contacts", record, &modes, "https://example.com").page_size(PAGE).lag(Duration::from_secs(60));
        let stream = match self.config.declares {
            Some(cap) => stream.windows(Windows::capped(cap)),
            None => stream,
        };
        Ok(vec![stream.endpoint(endpoint)])
    }
}
