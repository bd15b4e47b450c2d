//! Connectors that declare their endpoints, against vendors of a description: every style of paging, every kind of key.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;
use std::time::Duration;

use aqueduct_conformance::plain::{self, Authentication, Description, Endpoint, Value};
use aqueduct_conformance::{Outcome, Report, run, run_only};
use aqueduct_connector::declared;
use aqueduct_connector::schema::{Mode, RecordField, RecordSchema, Result, Secret, ValueType};
use aqueduct_connector::{
    Account, Auth, Connector, Context, KeyPlacement, Limit, LimitClass, Page, Paging, Read, Records, Registration, Request, Stream,
    async_trait, config,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// The config.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// The address.
    base_url: String,
    /// How the vendor pages.
    style: String,
    /// The token, for HTTP Basic the user.
    key: Option<Secret>,
    /// The password.
    password: Option<Secret>,
}

struct Acme {
    config: Config,
}

fn registration() -> Registration {
    Registration {
        name: "acme",
        summary: "Contacts and lists.",
        documentation: "https://example.com",
        config_schema: || schemars::schema_for!(Config),
        build: |value| Ok(Arc::new(Acme { config: config::parse("acme", value)? })),
        mappings: &[],
    }
}

fn paging(style: &str) -> Paging {
    match style {
        "token" => Paging::NextToken { token: &["meta", "next"], parameter: "after" },
        "link" => Paging::NextLink { link: &["links", "next"] },
        "header" => Paging::LinkHeader,
        "offset" => Paging::Offset { parameter: "offset" },
        "anchored" => Paging::AnchoredOffset { parameter: "offset" },
        "page" => Paging::PageNumber { parameter: "page", first: 1 },
        "keyset" => Paging::Keyset { parameter: "id_greater", key: "id" },
        _ => Paging::Single,
    }
}

/// The same in the simulator's words.
fn described(style: &str) -> plain::Paging {
    match style {
        style if style.starts_with("deals") => described("token"),
        "token" | "misspelt" => plain::Paging::next_token(["meta", "next"], "after"),
        "link" => plain::Paging::next_link(["links", "next"]),
        "header" => plain::Paging::LinkHeader,
        "offset" | "anchored" => plain::Paging::offset("offset"),
        "page" => plain::Paging::page_number("page", 1),
        "keyset" => plain::Paging::keyset("id_greater"),
        _ => plain::Paging::Single,
    }
}

#[async_trait]
impl Connector for Acme {
    fn base_url(&self) -> &str {
        &self.config.base_url
    }

    fn auth(&self) -> Auth {
        let secret = |secret: &Option<Secret>| secret.clone().unwrap_or_else(|| Secret::new(""));
        let key = secret(&self.config.key);
        match self.config.style.as_str() {
            "link" => Auth::ApiKey { placement: KeyPlacement::Header("x-key"), prefix: "Key ", key },
            "header" => Auth::ApiKey { placement: KeyPlacement::Query("api_key"), prefix: "", key },
            "offset" => Auth::Basic { user: key, password: secret(&self.config.password) },
            "page" => Auth::None,
            _ => Auth::Bearer(key),
        }
    }

    fn limits(&self) -> Vec<Limit> {
        vec![Limit::new(LimitClass::DEFAULT, 100, Duration::from_secs(1))]
    }

    async fn check(&self, context: &Context) -> Result<Account> {
        let account: serde_json::Value = context.http.send(Request::get("/me", "account")).await?.json()?;
        Ok(Account { id: account["id"].to_string(), name: None, time_zone: None, currency: None })
    }

    async fn discover(&self, _: &Context) -> Result<Vec<Stream>> {
        let style = self.config.style.as_str();
        let fields = [
            ("id", ValueType::Text),
            ("email", ValueType::Text),
            ("at.created", ValueType::Timestamp),
            ("at.updated", ValueType::Timestamp),
        ];
        let fields = fields.map(|(path, value_type)| RecordField::new(path, value_type)).to_vec();
        let record = RecordSchema::new("contact", fields.clone(), &["id"]).times("at.created", "at.updated");
        let paged = if style.starts_with("deals") { "token" } else { style };
        let by_value = matches!(paged, "token" | "link" | "header" | "keyset" | "misspelt" | "anchored");
        let modes: &[Mode] = if by_value { &[Mode::Backfill, Mode::Changes] } else { &[Mode::Snapshot] };
        let contacts = aqueduct_connector::Endpoint {
            path: "/contacts",
            items: &["data", "contacts"],
            paging: if style == "misspelt" { Paging::NextToken { token: &["meta", "next"], parameter: "afetr" } } else { paging(paged) },
            page_size_parameter: Some("limit"),
            query: &[("archived", "false")],
            since_parameter: by_value.then_some("since"),
            ..aqueduct_connector::Endpoint::new("", &[], Paging::Single)
        };
        let lists = aqueduct_connector::Endpoint::new("/lists", &[], Paging::Single);
        let record_of_lists = RecordSchema::new("list", vec![RecordField::new("name", ValueType::Text)], &["name"]);
        let deals = Stream::new("deals", deals(), &[Mode::Backfill, Mode::Changes, Mode::Deletions], "https://example.com");
        let since = if style == "deals since" { "snice" } else { "since" };
        let deals = deals
            .records_may_be_missing()
            .endpoint(aqueduct_connector::Endpoint::new("/deals", &["data"], paging("token")).page_size("limit").since(since));
        Ok([
            Stream::new("contacts", record, modes, "https://example.com").endpoint(contacts),
            Stream::new("lists", record_of_lists, &[Mode::Snapshot], "https://example.com").endpoint(lists),
        ]
        .into_iter()
        .chain(Some(deals).filter(|_| style.starts_with("deals")))
        .collect())
    }

    async fn read(&self, context: &Context, read: &Read<'_>) -> Result<Page> {
        let deleted = if self.config.style == "deals status" { "gone" } else { "deleted" };
        let page = declared::read_with(context, read, |request| match read.mode {
            Mode::Deletions if self.config.style != "deals forgotten" => request.query("status", deleted),
            _ => request,
        });
        let page = page.await?;
        let records = match page.records {
            Records::Json { body, pointer } if read.mode == Mode::Deletions && self.config.style == "deals by keys" => {
                Records::Deleted { body, pointer, key: &["id"], deleted_at: Some("updated") }
            }
            records => records,
        };
        Ok(Page { records, ..page })
    }
}

/// Deals, with a flag for those that were deleted.
fn deals() -> RecordSchema {
    let fields = [("id", ValueType::Text), ("updated", ValueType::Timestamp), ("is_deleted", ValueType::Boolean)];
    let fields = fields.map(|(path, value_type)| RecordField::new(path, value_type)).to_vec();
    RecordSchema { updated_at: Some("updated".to_owned()), ..RecordSchema::new("deal", fields, &["id"]).deletion_flag("is_deleted") }
}

fn description(style: &str) -> Description {
    let authentication = match style {
        "link" => Authentication::Header { name: "x-key".to_owned(), prefix: "Key ".to_owned() },
        "header" => Authentication::Query("api_key".to_owned()),
        "offset" => Authentication::Basic,
        "page" => Authentication::None,
        _ => Authentication::Bearer,
    };
    let contacts = Endpoint::new("contacts", "/contacts")
        .items(["data", "contacts"])
        .paging(described(style))
        .page_size("limit", 100)
        .query("archived", "false")
        .total(["meta", "total"])
        .field("id", Value::Id)
        .field("email", Value::Email)
        .field("at.created", Value::CreatedAt)
        .field("at.updated", Value::UpdatedAt);
    let contacts = if matches!(style, "offset" | "page" | "single") { contacts } else { contacts.since("since") };
    let lists = Endpoint::new("lists", "/lists").count(4).field("name", Value::Id);
    let description = Description::new(authentication).base_path("/v2").account("/me", json!({"id": 7})).endpoint(contacts).endpoint(lists);
    if !style.starts_with("deals") {
        return description;
    }
    let deals = Endpoint::new("deals", "/deals")
        .items(["data"])
        .paging(described("token"))
        .page_size("limit", 100)
        .since("since")
        .deleted("status", "deleted")
        .items_null_when_empty()
        .field("id", Value::Id)
        .field("updated", Value::UpdatedAt)
        .field("is_deleted", Value::Deleted);
    description.endpoint(deals)
}

async fn report(style: &str) -> Report {
    let vendor = plain::vendor(description(style)).config("style", style);
    let vendor = match style {
        "offset" => vendor.credentials_in(&["key", "password"]),
        "page" => vendor,
        "anchored" => vendor.credentials_in(&["key"]).anchored("contacts"),
        _ => vendor.credentials_in(&["key"]),
    };
    run(registration(), &vendor).await
}

fn not_applicable(report: &Report) -> Vec<&'static str> {
    let outcomes = report.outcomes().iter();
    outcomes.filter(|(_, outcome)| matches!(outcome, Outcome::NotApplicable(_))).map(|(name, _)| *name).collect()
}

#[tokio::test]
async fn who_pages_by_value_keeps_every_rule_that_can_be_tried() {
    for style in ["token", "link", "header", "keyset", "anchored"] {
        let report = report(style).await;
        report.assert();
        assert_eq!(
            not_applicable(&report),
            ["DELETIONS", "IDS-COMPLETE", "MERGE-REDIRECTS", "NO-SILENT-CAP", "REQUIRED-MAPPED"],
            "{style}\n{report}"
        );
        assert!(report.not_tried().is_empty() && !report.to_string().contains("not tried"), "{style}\n{report}");
    }
}

/// The stream to change is another one: what a connector asks of its other streams is tried as well.
#[tokio::test]
async fn every_way_of_reading_every_stream_is_tried() {
    let report_of = async |style: &str, rules: &[&str]| {
        let vendor = plain::vendor(description(style)).config("style", style).credentials_in(&["key"]);
        run_only(registration(), &vendor, rules).await
    };
    for style in ["deals", "deals by keys"] {
        let good = report_of(style, &["STREAMS-KEYED", "DELETIONS", "POSITIVE-END", "LOSSLESS"]).await;
        assert_eq!(good.passed().len(), 4, "{style}\n{good}");
    }
    for (style, rule, word) in [
        ("deals since", "STREAMS-KEYED", "deals: changes"),
        ("deals status", "STREAMS-KEYED", "deals: deletions"),
        ("deals status", "DELETIONS", "deals: deletions"),
        ("deals forgotten", "DELETIONS", "of `deals` was deleted"),
    ] {
        let report = report_of(style, &[rule]).await;
        assert_eq!(report.failed(), [rule], "{style}\n{report}");
        assert!(report.to_string().contains(word), "{style}\n{report}");
    }
}

#[tokio::test]
async fn everything_that_is_wrong_with_mappings_is_told_at_once() {
    const WRONG: &[(&str, &str)] = &[
        ("contact.yaml", "entity: contact\nstream: contacts\nfields: { emial: email }\n"),
        ("list.yaml", "entity: list\nstream: lists\nfields: { nmae: name }\n"),
    ];
    const UNFIT: &[(&str, &str)] = &[
        ("contact.yaml", "entity: contact\nstream: contacts\nfields: { email: emial, full_name: nmae }\n"),
        ("list.yaml", "entity: list\nstream: lists\nfields: { name: title }\n"),
    ];
    for (mappings, words) in [(WRONG, ["emial", "nmae", "list.yaml"]), (UNFIT, ["emial", "nmae", "title"])] {
        let vendor = plain::vendor(description("token")).config("style", "token").credentials_in(&["key"]);
        let report = run_only(Registration { mappings, ..registration() }, &vendor, &["REQUIRED-MAPPED"]).await;
        assert_eq!(report.failed(), ["REQUIRED-MAPPED"]);
        let said = report.to_string();
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
    }
}

#[tokio::test]
async fn a_permission_that_hides_every_stream_is_told_with_its_name() {
    // A list that is no stream of the connector, and that nothing of it needs.
    let description = description("token").endpoint(Endpoint::new("fields", "/fields").field("id", Value::Id));
    let vendor = plain::vendor(description).config("style", "token").credentials_in(&["key"]);
    let report = run_only(registration(), &vendor, &["PERMISSION"]).await;
    let said = report.to_string();
    assert!(said.contains("the vendor forbids `fields`, which is no stream of the connector"), "{said}");
}

#[tokio::test]
async fn who_counts_records_is_not_tried_while_they_change() {
    for style in ["offset", "page"] {
        let report = report(style).await;
        report.assert();
        assert!(not_applicable(&report).contains(&"CURSOR-BY-VALUE") && report.passed().contains(&"POSITIVE-END"), "{style}\n{report}");
        // What was left out is said after the table, with what to do about it.
        let said = report.to_string();
        let last = said.lines().last().unwrap_or_default();
        assert!(last.starts_with("not tried: CURSOR-BY-VALUE, ") && last.contains(".anchored(\"contacts\")"), "{style}\n{report}");
        assert!(report.not_tried().iter().all(|rule| not_applicable(&report).contains(rule)), "{style}\n{report}");
    }
}

#[tokio::test]
async fn ids_of_another_kind_are_told_as_such() {
    let vendor = plain::vendor(description("token")).config("style", "token").credentials_in(&["key"]);
    let vendor = vendor.ids(|_, record| Some(format!("contact {}", record["id"])));
    let report = run_only(registration(), &vendor, &["STREAMS-KEYED"]).await;
    let words = report.to_string();
    assert!(words.contains("stream `contacts`: the ids that arrived") && words.contains("of another kind"), "{words}");
}

#[tokio::test]
async fn one_page_is_read_whole() {
    let report = report("single").await;
    report.assert();
    for rule in ["STREAMS-KEYED", "CREDENTIALS", "PERMISSION", "POSITIVE-END", "SECRETS"] {
        assert_eq!(report.passed().contains(&rule), rule != "POSITIVE-END", "{rule}\n{report}");
    }
}

#[tokio::test]
async fn a_connector_that_asks_for_the_next_page_wrongly_fails() {
    let report = report("misspelt").await;
    assert!(report.failed().contains(&"CURSOR-BY-VALUE") && report.failed().contains(&"POSITIVE-END"), "{report}");
}
