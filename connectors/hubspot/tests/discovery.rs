//! What an account has: its identity, its streams with their fields, and mappings that fit the common schema.
#![allow(clippy::unwrap_used)]

mod fake;

use aqueduct_connector::schema::{Entity, Error, Mode, SemanticType, Sensitivity, ValueType, codes, yaml};
use aqueduct_connector::serde_json::{Value, json};
use fake::{Fake, connector, ready, streams};

#[test]
fn the_account_is_known_by_its_portal() {
    let details = json!({"portalId": 62515, "timeZone": "Europe/Berlin", "companyCurrency": "EUR", "accountType": "STANDARD"});
    let fake = Fake::in_order(&[(200, details.clone()), (200, details), (200, json!({"timeZone": "Europe/Berlin"}))]);
    let account = ready(connector(json!({})).check(&fake.context())).unwrap();
    assert_eq!(
        (account.id.as_str(), account.time_zone.as_deref(), account.currency.as_deref()),
        ("62515", Some("Europe/Berlin"), Some("EUR"))
    );
    ready(connector(json!({"api_version": "2026-03"})).check(&fake.context())).unwrap();
    assert_eq!(fake.paths(), ["GET /account-info/v3/details", "GET /account-info/2026-03/details"]);
    assert_eq!(ready(connector(json!({})).check(&fake.context())).unwrap_err().code(), codes::MALFORMED_ANSWER);
}

#[test]
fn properties_become_fields_of_their_types() {
    let property = |name: &str, kind: &str| json!({"name": name, "label": format!("The {name}"), "type": kind, "hubspotDefined": true});
    let mut properties: Vec<Value> = [
        ("email", "string"),
        ("lifecyclestage", "enumeration"),
        ("annualrevenue", "number"),
        ("hs_email_optout", "bool"),
        ("closedate", "datetime"),
        ("day", "date"),
        ("phone", "phone_number"),
        ("extra", "json"),
        ("place", "object_coordinates"),
        ("hs_object_id", "number"),
        ("associatedcompanyid", "number"),
    ]
    .map(|(name, kind)| property(name, kind))
    .to_vec();
    properties.push(json!({"name": "tier_id", "label": "Tier", "type": "number", "calculated": true}));
    properties.push(json!({"name": "illness", "type": "string", "hubspotDefined": false, "dataSensitivity": "highly_sensitive"}));
    let streams = streams(connector(json!({"search_lag_seconds": 60})).as_ref(), &properties);
    let names: Vec<&str> = streams.iter().map(|stream| stream.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "contacts",
            "companies",
            "deals",
            "products",
            "line_items",
            "contact_property_changes",
            "company_property_changes",
            "deal_property_changes",
            "owners",
            "pipeline_stages",
            "lists",
            "list_memberships",
            "contact_companies",
            "deal_companies",
            "deal_contacts"
        ]
    );
    let contacts = &streams[0];
    assert_eq!(contacts.modes, [Mode::Backfill, Mode::Changes, Mode::Deletions, Mode::Ids, Mode::Columns]);
    assert_eq!((contacts.lag.as_secs(), streams[8].lag.as_secs()), (60, 0));
    let types: Vec<(&str, ValueType)> =
        contacts.record.fields.iter().take(18).map(|field| (field.path.as_str(), field.value_type)).collect();
    use ValueType::{Boolean, Date, Decimal, Json, Text, Timestamp};
    let expected = [
        ("id", Text),
        ("createdAt", Timestamp),
        ("updatedAt", Timestamp),
        ("archived", Boolean),
        ("archivedAt", Timestamp),
        ("properties.email", Text),
        ("properties.lifecyclestage", Text),
        ("properties.annualrevenue", Decimal),
        ("properties.hs_email_optout", Boolean),
        ("properties.closedate", Timestamp),
        ("properties.day", Date),
        ("properties.phone", Text),
        ("properties.extra", Json),
        ("properties.place", Text),
        ("properties.hs_object_id", Text),
        ("properties.associatedcompanyid", Text),
        ("properties.tier_id", Decimal),
        ("properties.illness", Text),
    ];
    assert_eq!(types, expected);
    let field = |path: &str| &contacts.record.fields[contacts.record.index_of(path).unwrap()];
    assert_eq!(field("properties.associatedcompanyid").semantic, Some(SemanticType::SourceId));
    assert_eq!(field("properties.illness").sensitivity, Some(Sensitivity::Sensitive));
    let (tier, email) = (field("properties.tier_id"), field("properties.email"));
    assert_eq!((tier.custom, tier.calculated, tier.label.as_str()), (true, true, "Tier"));
    assert_eq!((email.custom, email.calculated, email.label.as_str(), email.column.as_ref()), (false, false, "The email", "email"));
    // What the mappings use is there although the account does not list it; what it does list is there once.
    let city = field("properties.city");
    assert_eq!((city.value_type, city.custom), (Text, false));
    let twice = |path: &str| contacts.record.fields.iter().filter(|field| field.path == path).count();
    assert_eq!((twice("properties.email"), twice("properties.dealname")), (1, 0));
    assert!(contacts.record.has_role("updatedAt") && contacts.record.has_role("archivedAt"));
}

#[test]
fn the_config_says_whose_past_is_read() {
    let connector = connector(json!({"history": {"contacts": [], "deals": ["amount"]}}));
    let streams = streams(connector.as_ref(), &[]);
    let pasts: Vec<&str> = streams.iter().map(|stream| stream.name.as_str()).filter(|name| name.ends_with("_changes")).collect();
    assert_eq!(pasts, ["company_property_changes", "deal_property_changes"]);
    let lines = streams.iter().find(|stream| stream.name == "line_items").unwrap();
    assert!(lines.record.fields.iter().any(|field| field.path == "deal_id" && field.calculated));
}

#[test]
fn an_answer_without_properties_is_no_account() {
    let fake = Fake::in_order(&[(200, json!({"status": "error"}))]);
    assert_eq!(ready(connector(json!({})).discover(&fake.context())).unwrap_err().code(), codes::MALFORMED_ANSWER);
    assert_eq!(fake.paths(), ["GET /crm/v3/properties/contacts"]);
}

#[test]
fn a_missing_scope_hides_no_other_stream() {
    for code in [codes::PERMISSION_DENIED, codes::REQUEST_REJECTED] {
        let denied = Error::new(code, "no");
        let fake = Fake::refusing(denied, |request| request.url.ends_with("/companies"), json!({"results": []}));
        let streams = ready(connector(json!({})).discover(&fake.context())).unwrap();
        assert_eq!(streams.len(), 15);
        assert!(streams[1].record.index_of("properties.domain").is_some(), "its mappings still hold");
    }
}

#[test]
fn searches_have_a_limit_of_their_own() {
    let limits = connector(json!({"requests_per_10_seconds": 190})).limits();
    let rates: Vec<_> = limits.iter().map(|limit| (limit.class.0, limit.requests, limit.per.as_secs())).collect();
    assert_eq!(rates, [("default", 190, 10), ("search", 4, 1)]);
}

#[test]
fn mappings_name_streams_and_fields_that_exist() {
    let connector = connector(json!({}));
    let streams = streams(connector.as_ref(), &[]);
    let mut entities = Vec::new();
    for (file, text) in aqueduct_connector_hubspot::registration().mappings {
        for document in text.split("\n---\n") {
            let mapping: Value = yaml::read(file, document).unwrap();
            let name = mapping["entity"].as_str().unwrap();
            let entity = Entity::named(name).unwrap();
            assert_eq!(*file, format!("{name}.yaml"));
            let stream = streams.iter().find(|stream| Some(stream.name.as_str()) == mapping["stream"].as_str()).unwrap();
            let sets = std::iter::once(&mapping["fields"]).chain(mapping["each"].as_array().into_iter().flatten());
            for (field, expression) in sets.flat_map(|set| set.as_object().unwrap()) {
                let known = entity.field(field).unwrap_or_else(|| unreachable!("{file}: {field}"));
                assert!(known.derivation.is_none(), "{file}: {field} follows from another field");
                for path in paths(expression) {
                    assert!(stream.record.index_of(path).is_some(), "{file}: {path} is not in {}", stream.name);
                }
            }
            entities.push(name.to_owned());
        }
    }
    entities.dedup();
    assert_eq!(
        entities,
        [
            "contact",
            "contact_point",
            "consent_event",
            "account",
            "deal",
            "deal_contact",
            "pipeline_stage",
            "user",
            "association",
            "product",
            "line_item",
            "list",
            "list_membership",
            "property_change",
            "deal_stage_history"
        ]
    );
}

/// The paths an expression reads.
fn paths(expression: &Value) -> Vec<&str> {
    match expression {
        Value::String(path) => vec![path],
        Value::Array(parts) => parts.iter().flat_map(paths).collect(),
        Value::Object(words) => ["from", "join", "first_of", "split"].iter().filter_map(|word| words.get(*word)).flat_map(paths).collect(),
        _ => Vec::new(),
    }
}
