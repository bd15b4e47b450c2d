//! `record` and `replay`: what is saved holds nobody and no secret, and a connector reads it as it read the source.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};

use aqueduct_simulator::hubspot::{Effect, Fault, Match, ObjectKind, Options, Property, PropertyType};
use aqueduct_simulator::replay::Replay;
use serde_json::Value;

use crate::account::{Account, PAGES_OF_CONTACTS, runtime};
use crate::database::Database;
use crate::project::{Ended, Project};

/// An account of several pages with people that are planted where a careless eye would not look.
fn account(contacts: usize) -> Account {
    let account = Account::start(Options { contacts, archived_per_mille: 30, merged_per_mille: 10, ..Options::default() });
    let person = [
        ("firstname", "Xanthippe"),
        ("lastname", "QUAGMYRE"),
        ("email", " Canary.Person@Zebra-Mail.test "),
        ("hs_additional_emails", "canary-second@zebra-mail.test;canary-third@zebra-mail.test"),
        ("phone", "07700 900123"),
        ("mobilephone", "+44 7700 900123"),
        ("address", "12 Quicksilver Lane, Flat 3"),
        ("message", "Please call Xanthippe on 07700 900123 or write to canary.person@zebra-mail.test about the canal."),
    ];
    let store = account.store();
    let known = store.properties(ObjectKind::Contacts);
    for (name, _) in person.iter().filter(|(name, _)| known.iter().all(|property| property.name != *name)) {
        store.add_property(ObjectKind::Contacts, Property::custom(*name, *name, PropertyType::String));
    }
    store.create(ObjectKind::Contacts, person).unwrap();
    account
}

/// Every file of a folder by name.
fn files(project: &Project, folder: &str) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(project.path(folder)).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .map(|name| (name.clone(), project.read(&format!("{folder}/{name}"))))
        .collect()
}

/// Every text of a recording in lower case, names of keys left out.
fn texts(value: &Value, out: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => drop(out.insert(text.to_lowercase())),
        Value::Array(items) => items.iter().for_each(|item| texts(item, out)),
        Value::Object(entries) => entries.values().for_each(|value| texts(value, out)),
        _ => {}
    }
}

/// A text between spaces, in lower case, its words alone.
fn words(text: &str) -> String {
    let words: Vec<String> = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    format!(" {} ", words.join(" "))
}

/// What names or reaches the account's people and companies, by what it is.
fn personal(account: &Account) -> Vec<(String, String)> {
    let fields = [
        "firstname",
        "lastname",
        "email",
        "work_email",
        "hs_additional_emails",
        "phone",
        "mobilephone",
        "fax",
        "address",
        "message",
        "name",
        "domain",
        "website",
        "hs_linkedin_url",
        "company",
        "dealname",
        "description",
        "twitterhandle",
    ];
    let mut found = Vec::new();
    let store = account.store();
    for kind in [ObjectKind::Contacts, ObjectKind::Companies, ObjectKind::Deals] {
        for id in store.ids(kind) {
            for version in store.versions(kind, id) {
                let values = fields.iter().filter_map(|field| Some(((*field).to_owned(), version.properties.get(*field)?.clone())));
                found.extend(values);
            }
        }
    }
    for (_, owner) in store.owners().into_iter().chain(store.archived_owners()) {
        found.push(("firstname".into(), owner.first_name));
        found.push(("lastname".into(), owner.last_name));
        found.extend(owner.email.map(|email| ("email".into(), email)));
    }
    // What people write for nothing names nobody.
    found.retain(|(_, value)| !["", "n/a", "-", "none", "test", "unknown"].contains(&value.trim().to_lowercase().as_str()));
    found.sort();
    found.dedup();
    found
}

fn assert_nobody(account: &Account, files: &BTreeMap<String, String>) {
    let everything: String = files.values().map(|text| text.to_lowercase()).collect();
    let mut leaves = BTreeSet::new();
    for text in files.values().filter_map(|text| serde_json::from_str(text).ok()) {
        texts(&text, &mut leaves);
    }
    let spoken: String = leaves.iter().map(|leaf| words(leaf) + "|").collect();
    let digits: BTreeSet<String> = leaves.iter().map(|leaf| leaf.chars().filter(char::is_ascii_digit).collect()).collect();
    let values = personal(account);
    assert!(values.len() > 150, "{}", values.len());
    for (field, value) in &values {
        let lower = value.trim().to_lowercase();
        assert!(!leaves.contains(&lower), "{field}: {value}");
        if lower.contains('@') && lower.len() > 4 {
            assert!(!everything.contains(&lower), "{field}: {value}");
        }
        if field.contains("phone") {
            let number: String = lower.chars().filter(char::is_ascii_digit).collect();
            assert!(number.len() < 7 || !digits.contains(&number), "{field}: {value}");
        } else if words(&lower).trim().chars().count() > 3 {
            assert!(!spoken.contains(&words(&lower)), "{field}: {value}");
        }
    }
    let planted = ["xanthippe", "quagmyre", "canary", "zebra-mail", "quicksilver", "7700 900123", "7700900123"];
    for word in planted.into_iter().map(str::to_owned).chain([account.access_token().to_lowercase()]) {
        assert!(!everything.contains(&word), "{word}");
    }
}

/// How many records each stream gave, by a report of `run --json`.
fn read(report: &Ended) -> BTreeMap<String, u64> {
    let report = report.json();
    let streams = report["streams"].as_array().unwrap().iter();
    streams.map(|stream| (stream["stream"].as_str().unwrap().to_owned(), stream["read"].as_u64().unwrap())).collect()
}

#[test]
fn a_recording_holds_nobody_and_reads_like_the_source() {
    let account = account(230);
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    account.pipeline(&mut project, &database, "");
    account.inject(Fault::next(1, Effect::Status { status: 429, retry_after: None }).when(Match::path(PAGES_OF_CONTACTS)));
    let recorded = project.run("record p.yaml --output fixtures --limit 100000 --json").with_code(0).json();
    let saved = files(&project, "fixtures");
    assert_eq!(saved.len() as u64, recorded["exchanges"].as_u64().unwrap() + 2);
    assert_nobody(&account, &saved);
    assert!(saved.values().any(|text| text.contains("\"status\": 429")), "answers that were retried are kept");
    assert!(!project.path("warehouse.db").exists(), "a recording loads nothing");

    let original = read(&project.run("run p.yaml --json").with_code(0));
    let replay = runtime().block_on(Replay::start(project.path("fixtures"))).unwrap();
    let mut again = Project::new();
    let repeated = Database::sqlite(&again);
    account.pipeline(&mut again, &repeated, "");
    again.set("ADDRESS", replay.base_url());
    again.set("TOKEN", "any other");
    assert_eq!(read(&again.run("run p.yaml --json").with_code(0)), original);
    assert_eq!((replay.misses(), replay.unasked()), (Vec::<String>::new(), 0));
    let counted = recorded["streams"]
        .as_array()
        .unwrap()
        .iter()
        .map(|stream| (stream["stream"].as_str().unwrap().to_owned(), stream["records"].as_u64().unwrap()));
    assert_eq!(counted.collect::<BTreeMap<_, _>>(), original);
    for table in database.tables().iter().filter(|table| table.starts_with("hubspot_")) {
        let rows = |database: &Database| database.list(&format!("SELECT _id FROM {table} ORDER BY 1"));
        assert!(!rows(&database).is_empty() && rows(&database) == rows(&repeated), "{table}");
        let columns =
            |database: &Database| database.list(&format!("SELECT name || ' ' || type FROM pragma_table_info('{table}') ORDER BY 1"));
        assert_eq!(columns(&database), columns(&repeated), "{table}");
    }
    // Joins still hold, and the kinds of values are what they were.
    let joined = "SELECT count(*) FROM hubspot_contact_companies l JOIN hubspot_contacts c ON c.source_id = l.from_id";
    assert_eq!(database.list(joined), repeated.list(joined));
    let joined = "SELECT s.label, count(*) FROM hubspot_pipeline_stages s JOIN hubspot_deals d ON d.dealstage = s.id GROUP BY 1 ORDER BY 1";
    assert_eq!(database.ask(joined), repeated.ask(joined));
    let stages = "SELECT lifecyclestage, count(*) FROM hubspot_contacts GROUP BY 1 ORDER BY 1";
    assert_eq!(database.ask(stages), repeated.ask(stages));
    let addresses = "SELECT count(DISTINCT lower(trim(email))) FROM hubspot_contacts WHERE email LIKE '%_@_%._%'";
    assert_eq!(database.list(addresses), repeated.list(addresses));
}

#[test]
fn what_cannot_be_scrubbed_is_not_saved() {
    let account = account(30);
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    account.pipeline(&mut project, &database, "");
    account.inject(Fault::next(1, Effect::HtmlWithOk).when(Match::path(PAGES_OF_CONTACTS)));
    let refused = project.run("record p.yaml --output fixtures --select contacts").with_code(8);
    assert!(refused.err.contains("not saved: GET /crm/v3/objects/contacts") && refused.err.contains("is HTML"), "{}", refused.err);
    let saved = files(&project, "fixtures");
    assert!(saved.values().all(|text| !text.contains("<html")));
    assert_nobody(&account, &saved);
    let index: Value = serde_json::from_str(&saved["index.json"]).unwrap();
    assert_eq!(index["refused"].as_array().unwrap().len(), 1);
    // The rest of the exchanges is whole: the page was asked for again.
    let replay = runtime().block_on(Replay::start(project.path("fixtures"))).unwrap();
    project.set("ADDRESS", replay.base_url());
    assert_eq!(project.run("run p.yaml --json --select contacts").with_code(0).stream("contacts")["read"], index["streams"][0]["records"]);

    assert!(project.run("record p.yaml --output fixtures").with_code(2).err.contains("not empty"));
    project.set("TOKEN", "canary-wrong-token");
    project.set("ADDRESS", account.base_url());
    let refused = project.run("record p.yaml --output refusal").with_code(3);
    assert!(refused.err.contains("AQ2001"), "{}", refused.err);
    let saved = files(&project, "refusal");
    assert!(
        saved.values().any(|text| text.contains("\"status\": 401")) && saved.values().all(|text| !text.contains("canary")),
        "{saved:?}"
    );
}

#[test]
fn a_replay_says_what_was_not_recorded() {
    let account = account(30);
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    account.pipeline(&mut project, &database, "");
    project.run("record p.yaml --output fixtures --select owners,deals --quiet").with_code(0);
    let mut child = project.command("replay fixtures --json").spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let served: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&served["connector"], &served["config"]["access_token"]), (&"hubspot".into(), &"scrubbed".into()));
    project.set("ADDRESS", served["base_url"].as_str().unwrap());
    assert_eq!(project.run("run p.yaml --json --select owners").with_code(0).json()["status"], "ok");
    // Other fields are other requests.
    project.run("run p.yaml --select deals.amount").with_code(4);
    project.run("run p.yaml --select companies").with_code(4);
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-s", "TERM", &id]).status().unwrap().success());
    let ended = child.wait_with_output().unwrap();
    let err = String::from_utf8(ended.stderr).unwrap();
    assert!(err.contains("GET /crm/v3/objects/deals was recorded with other parameters; nearest: `properties` is `"), "{err}");
    assert!(err.contains("GET /crm/v3/objects/companies was not recorded; nearest is GET /crm/v3/"), "{err}");
    assert_eq!(ended.status.code(), Some(0));
}

/// Exports in CSV over several parts, with jobs, a token endpoint and addresses that the source gives itself.
#[test]
fn jobs_and_exports_of_salesforce_are_recorded_too() {
    let options = aqueduct_simulator::salesforce::Options { contacts: 90, ..Default::default() };
    let organisation = runtime().block_on(aqueduct_simulator::salesforce::Simulator::start(options)).unwrap();
    organisation.set_page_records(Some(40), Some(40));
    let credentials = organisation.client_credentials();
    let mut project = Project::new();
    project.set("SECRET", &credentials.client_secret);
    project.set("REFRESH", &credentials.refresh_token);
    project.set("ADDRESS", organisation.base_url());
    let config = "{ client_id: c, client_secret: \"${SECRET}\", refresh_token: \"${REFRESH}\", base_url: \"${ADDRESS}\", bulk: always }";
    let config = config.replace("client_id: c", &format!("client_id: \"{}\"", credentials.client_id));
    let text = format!("source:\n  connector: salesforce\n  config: {config}\ndestination: {{ url: \"sqlite://FILE\" }}\n");
    project.write("p.yaml", text.replace("FILE", "first.db"));
    project.write("again.yaml", text.replace("FILE", "again.db"));
    let recorded = project.run("record p.yaml --output fixtures --limit 100000 --select contacts,users,leads").with_code(0);
    let saved = files(&project, "fixtures");
    let everything: String = saved.values().map(|text| text.to_lowercase()).collect();
    for secret in [&credentials.client_secret, &credentials.refresh_token, &credentials.client_id, &organisation.access_token()] {
        assert!(!everything.contains(&secret.to_lowercase()), "{secret}");
    }
    let spoken: String =
        saved.iter().filter(|(name, _)| name.contains("results") || name.contains("query")).map(|(_, text)| words(text)).collect();
    let mut looked_for = 0;
    organisation.store().for_each("Contact", |contact| {
        for field in ["LastName", "Email", "Phone", "MobilePhone", "MailingStreet", "Description"] {
            let Some(value) = contact.values.get(field).filter(|value| words(value).trim().chars().count() > 4) else { continue };
            if !["n/a", "test", "unknown"].contains(&value.trim().to_lowercase().as_str()) {
                assert!(!spoken.contains(&words(value)), "{field}: {value}");
                looked_for += 1;
            }
        }
    });
    assert!(looked_for > 150, "{looked_for}");
    assert!(saved.values().any(|text| text.contains("\"sforce-locator\"") && text.contains("text/csv")), "{}", recorded.out);

    let original = read(&project.run("run p.yaml --json --select contacts,users,leads").with_code(0));
    let replay = runtime().block_on(Replay::start(project.path("fixtures"))).unwrap();
    project.set("ADDRESS", replay.base_url());
    let again = project.run("run again.yaml --json --select contacts,users,leads").with_code(0);
    assert_eq!(read(&again), original, "{:?}", replay.misses());
    let ids = |file: &str| Database::Sqlite(project.path(file)).list("SELECT _id FROM salesforce_contacts ORDER BY 1");
    assert_eq!(ids("first.db"), ids("again.db"));
    assert_eq!(replay.misses(), Vec::<String>::new());
}
