//! A small connector to HubSpot's objects that keeps every rule, or breaks one of them on purpose.

mod reading;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aqueduct_connector::schema::{Error, ErrorKind, MergeSignal, Mode, RecordField, RecordSchema, Result, Secret, ValueType, codes};
use aqueduct_connector::serde_json::{Value, json};
use aqueduct_connector::{
    Account, Action, Auth, ClientAuthentication, Connector, Context, Grant, Limit, Page, Read, Registration, Request, StatusRule, Stream,
    async_trait,
};
use schemars::{JsonSchema, Schema};
use serde::Deserialize;

/// The flaws, and for each a function that builds the connector with it: a function pointer cannot hold a flaw.
macro_rules! flaws {
    ($($(#[$doc:meta])* $name:ident)*) => {
        /// What is wrong with the connector.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Flaw {
            $($(#[$doc])* $name,)*
        }

        impl Flaw {
            fn build(self) -> fn(Value) -> Result<Arc<dyn Connector>> {
                match self {
                    $(Self::$name => |config| build(Self::$name, config),)*
                }
            }
        }
    };
}

flaws! {
    None
    /// Changes are paged by offset.
    CountsRecords
    /// The next page begins after the instant of the last record.
    AfterTheInstant
    /// The stream declares no lag.
    NoLag
    /// The server's time is said to be that of the newest record.
    TrustsRecords
    /// An empty body is taken for the end.
    EmptyIsEnd
    /// An answer without records is taken for the end.
    NothingIsEnd
    /// Paging by offset, which stops where the vendor's cap is.
    StopsAtCap
    /// A listing of ids ends with its first page.
    ListsOnePage
    /// A listing of ids goes on with the deleted records.
    ListsDeleted
    /// A position names the page after the next, whose records are kept in memory meanwhile.
    ReadsAhead
    /// An error names the access token.
    TellsTheToken
    /// A position holds the access token.
    KeepsTheToken
    /// 401 is taken for a missing permission.
    MistakesCredentials
    /// 403 is taken for an empty stream.
    HidesForbidden
    /// 429 ends the reading.
    GivesUpWhenSlow
    /// 5xx ends the reading at once.
    GivesUpWhenDown
    /// Archived records are not asked for.
    ForgetsDeletions
    /// The list of merged records is a text like any other.
    ForgetsMerges
    /// A key of the config is not described.
    Undescribed
    /// A secret is a plain text in the schema.
    Unmarked
    /// The key is not among the fields.
    Unkeyed
    /// A record with a property that was not asked for is no answer.
    KnowsEveryProperty
    /// A property that is not a text is no answer.
    ExpectsText
    /// What the vendor gives unasked has no field.
    ForgetsAField
    /// A mapping names a field that there is not.
    MapsNothing
}

/// The field that lists merged records.
const MERGED: &str = "properties.hs_merged_object_ids";

/// What HubSpot gives unasked.
const GIVEN: [&str; 11] = [
    "properties.createdate",
    "properties.email",
    "properties.hs_object_id",
    "properties.lastmodifieddate",
    "properties.hs_lastmodifieddate",
    "properties.amount",
    "properties.closedate",
    "properties.dealname",
    "properties.dealstage",
    "properties.pipeline",
    "url",
];

pub(crate) fn registration(flaw: Flaw) -> Registration {
    Registration {
        name: "weak",
        summary: "Contacts and deals.",
        documentation: "https://example.com",
        config_schema: match flaw {
            Flaw::Undescribed => || changed_schema("client_id", "description"),
            Flaw::Unmarked => || changed_schema("refresh_token", "x-secret"),
            _ => || schemars::schema_for!(Config),
        },
        build: flaw.build(),
        mappings: match flaw {
            Flaw::MapsNothing => &[("contact.yaml", "entity: contact\nstream: contacts\nfields: { first_name: properties.fistname }\n")],
            _ => &[("contact.yaml", "entity: contact\nstream: contacts\nfields: { first_name: properties.firstname }\n")],
        },
    }
}

fn changed_schema(key: &str, without: &str) -> Schema {
    let mut schema = json!(schemars::schema_for!(Config));
    let known = schema["properties"][key].as_object_mut().unwrap();
    assert!(known.remove(without).is_some() || known["anyOf"][0].as_object_mut().unwrap().remove(without).is_some());
    schema.try_into().unwrap()
}

/// The config.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// The address.
    base_url: String,
    /// The token, or else the three that follow.
    access_token: Option<Secret>,
    /// The app.
    client_id: Option<String>,
    /// The app's secret.
    client_secret: Option<Secret>,
    /// The account's consent.
    refresh_token: Option<Secret>,
}

struct Weak {
    config: Config,
    flaw: Flaw,
    /// Records that were read and not yet handed over; see [`Flaw::ReadsAhead`].
    ahead: Mutex<Option<(String, Value)>>,
}

fn build(flaw: Flaw, config: Value) -> Result<Arc<dyn Connector>> {
    let config = aqueduct_connector::config::parse("weak", config)?;
    Ok(Arc::new(Weak { config, flaw, ahead: Mutex::default() }))
}

const fn rule(from: u16, to: u16, action: Action) -> StatusRule {
    StatusRule { from, to, action }
}

const MISTAKES_CREDENTIALS: &[StatusRule] = &[rule(401, 401, Action::Fail(codes::PERMISSION_DENIED))];
const HIDES_FORBIDDEN: &[StatusRule] = &[rule(403, 403, Action::Accept)];
const GIVES_UP_WHEN_SLOW: &[StatusRule] = &[rule(429, 429, Action::Fail(codes::SOURCE_FAILED))];
const GIVES_UP_WHEN_DOWN: &[StatusRule] = &[rule(500, 599, Action::Fail(codes::REQUEST_REJECTED))];

#[async_trait]
impl Connector for Weak {
    fn base_url(&self) -> &str {
        &self.config.base_url
    }

    fn auth(&self) -> Auth {
        let Config { access_token, client_id, client_secret, refresh_token, .. } = self.config.clone();
        match (access_token, client_secret, refresh_token) {
            (None, Some(client_secret), Some(refresh_token)) => Auth::OAuth2 {
                token_url: "/oauth/v3/token".to_owned(),
                client_id: client_id.unwrap_or_default(),
                client_secret,
                grant: Grant::RefreshToken(refresh_token),
                authentication: ClientAuthentication::Body,
                instance: None,
            },
            (token, ..) => Auth::Bearer(token.unwrap_or_else(|| Secret::new(""))),
        }
    }

    fn limits(&self) -> Vec<Limit> {
        Vec::new()
    }

    fn status_rules(&self) -> &'static [StatusRule] {
        match self.flaw {
            Flaw::MistakesCredentials => MISTAKES_CREDENTIALS,
            Flaw::HidesForbidden => HIDES_FORBIDDEN,
            Flaw::GivesUpWhenSlow => GIVES_UP_WHEN_SLOW,
            Flaw::GivesUpWhenDown => GIVES_UP_WHEN_DOWN,
            _ => &[],
        }
    }

    async fn check(&self, context: &Context) -> Result<Account> {
        let response = context.http.send(Request::get("/account-info/v3/details", "account")).await?;
        let details: Value = response.json()?;
        Ok(Account { id: details["portalId"].to_string(), name: None, time_zone: None, currency: None })
    }

    async fn discover(&self, context: &Context) -> Result<Vec<Stream>> {
        let mut streams = Vec::new();
        for object in ["contacts", "deals"] {
            match context.http.send(Request::get(format!("/crm/v3/properties/{object}"), "properties")).await {
                Err(error) if error.kind() != ErrorKind::Permission => return Err(error),
                _ => streams.push(self.stream(object)),
            }
        }
        Ok(streams)
    }

    async fn read(&self, context: &Context, read: &Read<'_>) -> Result<Page> {
        reading::read(self, context, read).await
    }
}

impl Weak {
    fn stream(&self, object: &str) -> Stream {
        let field = |(path, value_type): (&str, ValueType)| RecordField::new(path, value_type);
        let times = ["createdAt", "updatedAt", "archivedAt"].map(|path| (path, ValueType::Timestamp));
        let names = ["properties.firstname", "properties.lastname", MERGED].map(|path| (path, ValueType::Text));
        let given = GIVEN.iter().filter(|_| self.flaw != Flaw::ForgetsAField).map(|path| (*path, ValueType::Text));
        let fields = [("id", ValueType::Text), ("archived", ValueType::Boolean)].into_iter().chain(times).chain(names).chain(given);
        let fields = fields.map(field).collect();
        let key = if self.flaw == Flaw::Unkeyed { "hs_object_id" } else { "id" };
        let record = RecordSchema::new(object, fields, &[key]).times("createdAt", "updatedAt").deletion("archived", "archivedAt");
        let record = if self.flaw == Flaw::ForgetsMerges { record } else { record.merges(MergeSignal::of(MERGED, ';')) };
        let lag = if self.flaw == Flaw::NoLag { Duration::ZERO } else { Duration::from_secs(3_600) };
        let modes = [Mode::Backfill, Mode::Changes, Mode::Deletions, Mode::Ids];
        Stream::new(object, record, &modes, "https://example.com").lag(lag).page_size(100)
    }

    /// An error for an answer that is none.
    fn malformed(&self, reason: &str) -> Error {
        let token = self.config.access_token.as_ref().filter(|_| self.flaw == Flaw::TellsTheToken);
        let asked = token.map(|token| format!(", asked for with {}", token.expose())).unwrap_or_default();
        Error::new(codes::MALFORMED_ANSWER, format!("{reason}{asked}"))
    }
}
