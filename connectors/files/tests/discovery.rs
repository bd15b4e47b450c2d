//! What is found in files, and what is said when they do not fit the config or each other.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use aqueduct_connector::Connector;
use aqueduct_connector::schema::entities::PROVENANCE;
use aqueduct_connector::schema::{Code, Entity, ValueType, codes};
use aqueduct_connector_files::{Config, Sureness, describe, registration};
use serde_json::{Value, json};
use support::{Folder, context, discover, files, keyed, only_stream};

/// The error of discovering files with a config: its line, without the folder, and its advice.
async fn failure(folder: &Folder, mut config: Value, path: &str) -> (Code, String, String) {
    config["path"] = json!(folder.pattern(path));
    let error = files(config).discover(&context()).await.unwrap_err();
    (error.code(), folder.plain(&error.to_string()), error.advice().to_owned())
}

#[tokio::test]
async fn a_wrong_column_name_is_an_error_with_file_line_and_suggestion() {
    let folder = Folder::new();
    folder.write("contacts.csv", "id,email,updated\n1,a@example.com,2026-01-01\n");
    let (code, message, advice) = failure(&folder, json!({"key": "emial"}), "contacts.csv").await;
    assert_eq!(code, codes::UNKNOWN_FIELD);
    assert_eq!(
        message,
        "AQ1008 `key` names `emial`, which is not a column of `contacts.csv`, columns `id`, `email`, `updated` (contacts.csv:1)"
    );
    assert_eq!(advice, "Did you mean `email`?");
    for (setting, value) in [("updated_at", json!("updatd")), ("created_at", json!("updatd")), ("types", json!({"updatd": "date"}))] {
        let (code, message, advice) = failure(&folder, json!({"key": "id", setting: value}), "contacts.csv").await;
        assert_eq!((code, advice.as_str()), (codes::UNKNOWN_FIELD, "Did you mean `updated`?"));
        assert!(message.starts_with(&format!("AQ1008 `{setting}` names `updatd`")), "{message}");
    }
}

#[tokio::test]
async fn a_missing_key_names_the_columns_that_could_be_one() {
    let folder = Folder::new();
    folder.write("a.csv", "name,email,customer_id,city\nAnn,a@example.com,c1,Bonn\nAnn,b@example.com,c2,Bonn\n");
    let (code, message, advice) = failure(&folder, json!({}), "a.csv").await;
    assert_eq!(code, codes::BAD_CONFIG);
    assert_eq!(
        message,
        "AQ1005 `key` is missing: `a.csv` has no known layout, columns that look like a key `customer_id`, `email` (a.csv:1)"
    );
    assert_eq!(advice, "Set `key` to the column that identifies a record, for example `key: customer_id`.");
    folder.write("b.csv", "name\nAnn\nAnn\n");
    let (_, message, advice) = failure(&folder, json!({}), "b.csv").await;
    assert!(message.contains("columns `name`") && advice.contains("together"), "{message} {advice}");
}

#[tokio::test]
async fn files_of_one_stream_have_the_same_columns() {
    let folder = Folder::new();
    folder.write("a.csv", "id,email\n1,x\n").write("b.csv", "email,id\ny,2\n");
    assert_eq!(discover(&files(keyed(&folder, "*.csv"))).await.len(), 1);
    folder.write("c.csv", "id,emial\n3,z\n");
    let (code, message, advice) = failure(&folder, json!({"key": "id"}), "*.csv").await;
    assert_eq!(code, codes::UNKNOWN_FIELD);
    assert_eq!(message, "AQ1008 the header of `c.csv` lacks the column `email`, which `a.csv` has, columns `id`, `emial` (c.csv:1)");
    assert_eq!(advice, "Did you mean `emial`?");
    folder.write("c.csv", "id,email,fax\n3,z,1\n");
    let (_, message, _) = failure(&folder, json!({"key": "id"}), "*.csv").await;
    assert!(message.contains("the header of `c.csv` has the column `fax`, which `a.csv` lacks"), "{message}");
    folder.write("c.csv", "{\"id\":1}\n");
    let (_, message, _) = failure(&folder, json!({"key": "id"}), "*.csv").await;
    assert!(message.contains("`c.csv` is json_lines, but `a.csv` is csv"), "{message}");
}

#[tokio::test]
async fn types_roles_and_names_follow_the_header() {
    let folder = Folder::new();
    folder.write("customers_2026.csv", " id ,name,,name,Account.Name,score,born\n007,a,x,b,c,1.5,2026-01-31\n8,a,,b,c,2,2026-02-28\n");
    let mut config = keyed(&folder, "customers_*.csv");
    config["types"] = json!({"born": "text"});
    config["updated_at"] = json!("born");
    let stream = only_stream(&files(config)).await;
    assert_eq!(stream.name, "customers");
    let fields: Vec<(&str, &str, ValueType)> =
        stream.record.fields.iter().map(|field| (field.path.as_str(), field.column.as_ref(), field.value_type)).collect();
    let expected = [
        ("id", "id", ValueType::Text),
        ("name", "name", ValueType::Text),
        ("column_3", "column_3", ValueType::Text),
        ("name_2", "name_2", ValueType::Text),
        ("Account.Name", "account_name", ValueType::Text),
        ("score", "score", ValueType::Decimal),
        ("born", "born", ValueType::Text),
    ];
    assert_eq!(fields, expected);
    assert_eq!((stream.record.key.as_slice(), stream.record.updated_at.as_deref()), (["id".to_owned()].as_slice(), Some("born")));
}

const HUBSPOT: &str =
    "Record ID,First Name,Last Name,Email,Contact owner,Shoe size,Create Date\n101,Ann,B,a@example.com,R P,39,2026-01-05 10:11\n";

#[tokio::test]
async fn known_exports_need_no_key() {
    let folder = Folder::new();
    folder
        .write("contacts.csv", HUBSPOT)
        .write("companies.csv", "Record ID,Company name,Company owner,Create Date\n7,Acme,R P,2026-01-05 10:11\n");
    let config = json!({"path": folder.pattern("*.csv")});
    let connector = files(config.clone());
    let streams = discover(&connector).await;
    let names: Vec<&str> = streams.iter().map(|stream| stream.name.as_str()).collect();
    assert_eq!(names, ["hubspot_companies", "hubspot_contacts"]);
    let contacts = &streams[1].record;
    assert_eq!((contacts.key.as_slice(), contacts.created_at.as_deref()), (["Record ID".to_owned()].as_slice(), Some("Create Date")));
    // A role stands only where the export has the column.
    assert_eq!(contacts.updated_at, None);
    assert!(contacts.index_of("Shoe size").is_some() && contacts.index_of("Phone Number").is_some());
    assert_eq!(connector.check(&context()).await.unwrap().id, "hubspot");
    let reading = support::read(&connector, &streams[1], None).await;
    assert_eq!(reading.files(), ["contacts.csv"]);

    let mut plain = config.clone();
    plain["layout"] = json!("none");
    plain["path"] = json!(folder.pattern("contacts.csv"));
    let error = files(plain).discover(&context()).await.unwrap_err();
    assert!(error.to_string().contains("`key` is missing"), "{error}");

    folder.write("members.csv", "Email Address,MEMBER_RATING,OPTIN_TIME,LEID,EUID\na@example.com,2,2026-01-05 10:11:12,5,e\n");
    let error = files(config.clone()).discover(&context()).await.unwrap_err();
    assert!(folder.plain(&error.to_string()).contains("file `members.csv` of mailchimp"), "{error}");
    let (_, message, _) = failure(&folder, json!({"layout": "salesforce", "key": "LEID"}), "members.csv").await;
    assert!(message.contains("the header of `members.csv` is not that of an export of salesforce"), "{message}");
}

#[test]
fn mappings_and_layouts_name_the_same_columns() {
    let mut used: Vec<(String, String)> = Vec::new();
    let mappings = registration().mappings;
    for (file, text) in mappings {
        for document in text.split("\n---\n") {
            let mapping: Value = serde_saphyr::from_str(document).unwrap();
            let entity = Entity::named(mapping["entity"].as_str().unwrap()).unwrap();
            assert_eq!(*file, format!("{}.yaml", entity.name));
            let stream = mapping["stream"].as_str().unwrap();
            let sets = std::iter::once(&mapping["fields"]).chain(mapping["each"].as_array().into_iter().flatten());
            for (field, expression) in sets.flat_map(|set| set.as_object().unwrap()) {
                assert!(entity.field(field).is_some_and(|field| field.derivation.is_none()), "{}.{field}", entity.name);
                paths(expression, &mut |path| used.push((stream.to_owned(), path.to_owned())));
            }
        }
    }
    assert!(PROVENANCE.iter().any(|field| field.name == "source_id"));
    // Every export with no more than its recognisable columns has every column its mapping names.
    let exports = [
        ("hubspot_contacts", "Record ID,Email,Contact owner"),
        ("hubspot_companies", "Record ID,Company name,Company owner"),
        ("hubspot_deals", "Record ID,Deal Name,Deal Stage"),
        ("salesforce_contacts", "Id,LastName,CreatedDate"),
        ("salesforce_accounts", "Id,Name,BillingCity"),
        ("salesforce_opportunities", "Id,Name,StageName"),
        ("mailchimp_members", "Email Address,OPTIN_TIME,EUID"),
        ("mailchimp_unsubscribed_members", "Email Address,UNSUB_TIME"),
        ("mailchimp_cleaned_members", "Email Address,CLEAN_TIME"),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for (stream, header) in exports {
        let folder = Folder::new();
        folder.write("a.csv", header);
        let found = runtime.block_on(only_stream(&files(json!({"path": folder.pattern("a.csv")}))));
        assert_eq!(found.name, stream);
        let wanted: Vec<&String> = used.iter().filter(|(name, _)| name == stream).map(|(_, path)| path).collect();
        assert!(!wanted.is_empty(), "{stream}");
        for path in wanted {
            assert!(found.record.index_of(path).is_some(), "{stream} lacks `{path}`");
        }
    }
    assert!(used.iter().all(|(stream, _)| exports.iter().any(|(name, _)| name == stream)));
}

fn paths(expression: &Value, found: &mut impl FnMut(&str)) {
    match expression {
        Value::String(path) => found(path),
        Value::Object(words) => {
            for word in ["from", "split"] {
                words.get(word).into_iter().for_each(|inner| paths(inner, found));
            }
            for word in ["join", "first_of"] {
                words.get(word).and_then(Value::as_array).into_iter().flatten().for_each(|inner| paths(inner, found));
            }
        }
        other => panic!("{other} is no expression"),
    }
}

#[test]
fn the_report_tells_what_was_found_without_values() {
    let folder = Folder::new();
    let latin =
        encoding_rs::WINDOWS_1252.encode("id;name;;zip\n1;Zoë Canary;;01067\n2;Jürgen;x;10115\n3;zu;viele;Werte;hier\n").0.into_owned();
    folder.write("a.csv", latin).write("b.csv", "");
    let config: Config = aqueduct_connector::config::parse("files", json!({"path": folder.pattern("*.csv")})).unwrap();
    let report = describe(&config).unwrap();
    let file = &report.files[0];
    let encoding = file.encoding.as_ref().unwrap();
    assert_eq!((encoding.name, encoding.sureness), ("windows-1252", Sureness::Guess));
    assert_eq!((file.delimiter.as_deref(), file.sampled, file.broken), (Some(";"), 3, 1));
    assert_eq!(file.key_proposals, ["id", "name", "zip"]);
    assert_eq!(file.notes, ["column 3 has no name and is called `column_3`"]);
    let zip = &file.columns[3];
    assert_eq!((zip.value_type, zip.empty), (Some(ValueType::Text), 0.0));
    assert!(zip.explanation.contains("leading zeros"));
    assert!((file.columns[2].empty - 0.5).abs() < 1e-9);
    assert!(report.files[1].notes[0].contains("empty"));
    let problem = report.problem.as_ref().unwrap();
    assert_eq!(problem.code, codes::BAD_CONFIG.id);
    assert!(report.streams.is_empty());
    let json = serde_json::to_string(&report).unwrap();
    assert!(!json.contains("Canary") && !json.contains("01067"), "{json}");
}

#[test]
fn every_setting_is_described() {
    let schema = serde_json::to_value((registration().config_schema)()).unwrap();
    for (name, property) in schema["properties"].as_object().unwrap() {
        assert!(property["description"].as_str().is_some_and(|text| text.len() > 10), "{name}");
    }
    assert_eq!(schema["additionalProperties"], json!(false));
}
