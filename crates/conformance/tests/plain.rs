//! Connectors that declare their endpoints, against vendors of a description: every style of paging, every kind of key.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;
use std::time::Duration;

use aqueduct_conformance::plain::{self, Authentication, Description, Endpoint, Value};
use aqueduct_conformance::{Outcome, Report, run, run_only};
use aqueduct_connector::schema::{Mode, RecordField, RecordSchema, Result, Secret, ValueType};
use aqueduct_connector::{
    Account, Auth, Connector, Context, KeyPlacement, Limit, LimitClass, Paging, Registration, Request, Stream, async_trait, config,
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
        let by_value = matches!(style, "token" | "link" | "header" | "keyset" | "misspelt" | "anchored");
        let modes: &[Mode] = if by_value { &[Mode::Backfill, Mode::Changes] } else { &[Mode::Snapshot] };
        let contacts = aqueduct_connector::Endpoint {
            path: "/contacts",
            items: &["data", "contacts"],
            paging: if style == "misspelt" { Paging::NextToken { token: &["meta", "next"], parameter: "afetr" } } else { paging(style) },
            page_size_parameter: Some("limit"),
            query: &[("archived", "false")],
            since_parameter: by_value.then_some("since"),
            ..aqueduct_connector::Endpoint::new("", &[], Paging::Single)
        };
        let lists = aqueduct_connector::Endpoint::new("/lists", &[], Paging::Single);
        let record_of_lists = RecordSchema::new("list", vec![RecordField::new("name", ValueType::Text)], &["name"]);
        Ok(vec![
            Stream::new("contacts", record, modes, "https://example.com").endpoint(contacts),
            Stream::new("lists", record_of_lists, &[Mode::Snapshot], "https://example.com").endpoint(lists),
        ])
    }
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
    Description::new(authentication).base_path("/v2").account("/me", json!({"id": 7})).endpoint(contacts).endpoint(lists)
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
