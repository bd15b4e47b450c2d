//! A load and the loads after it, in both databases: complete, repeatable, and no more written than has changed.

use std::collections::BTreeSet;

use aqueduct_simulator::hubspot::{ObjectKind, Options};

use crate::account::Account;
use crate::database::{Database, OF_THE_LOAD, difference};
use crate::project::{Ended, Project};

/// How many ways to reach its live contacts the account has, by the properties that the mapping takes them from. What people type for
/// nothing is nothing.
fn contact_points(account: &Account) -> usize {
    let single = ["email", "work_email", "phone", "mobilephone", "website", "hs_linkedin_url"];
    let mut count = 0;
    account.store().for_each(ObjectKind::Contacts, |contact| {
        let value = |name: &str| contact.properties.get(name).map_or("", |text| text.trim());
        let filled = |name: &&&str| !["", "n/a", "0000000000"].contains(&value(name));
        count += single.iter().filter(filled).count();
        count += value("hs_additional_emails").split(';').filter(|part| !part.trim().is_empty()).take(3).count();
    });
    count
}

/// How many live contacts of the account refuse e-mail.
fn refusals(account: &Account) -> usize {
    let mut count = 0;
    account.store().for_each(ObjectKind::Contacts, |contact| {
        count += usize::from(contact.properties.get("hs_email_optout").is_some_and(|text| text.as_str() == "true"));
    });
    count
}

/// How often properties of the records of a kind took on a value, those in the recycle bin included.
fn changes(account: &Account, kind: ObjectKind, properties: &[&str]) -> usize {
    let store = account.store();
    let of_record = |id: u64| {
        let versions = store.versions(kind, id);
        let of_property = |name: &&str| {
            let mut values: Vec<&String> = versions.iter().filter_map(|version| version.properties.get(*name)).collect();
            values.dedup();
            values.len()
        };
        properties.iter().map(of_property).sum::<usize>()
    };
    store.ids(kind).into_iter().chain(store.archived_ids(kind)).map(of_record).sum()
}

/// Every table holds as many live rows as the account has.
fn assert_complete(database: &Database, account: &Account) {
    let store = account.store();
    let stages: usize = store.pipelines().iter().map(|(_, stages)| stages.len()).sum();
    let links = |from, to| store.associations(from, to).len();
    let (contacts, companies, deals) = (ObjectKind::Contacts, ObjectKind::Companies, ObjectKind::Deals);
    let (products, lines) = (store.count(ObjectKind::Products), store.count(ObjectKind::LineItems));
    let lists = store.lists();
    let members: usize = lists.iter().map(|list| list.members.len()).sum();
    let of_people = ["lifecyclestage", "hs_lead_status", "hubspot_owner_id"];
    let past = [
        changes(account, contacts, &of_people),
        changes(account, companies, &of_people),
        changes(account, deals, &["dealstage", "pipeline", "amount", "closedate", "hubspot_owner_id"]),
    ];
    let all_links = links(contacts, companies) + links(deals, companies) + links(deals, contacts);
    let expected = [
        ("account", store.count(companies)),
        ("association", all_links),
        ("consent_event", refusals(account)),
        ("contact", store.count(contacts)),
        ("contact_point", contact_points(account)),
        ("deal", store.count(deals)),
        ("deal_contact", links(deals, contacts)),
        ("deal_stage_history", changes(account, deals, &["dealstage"])),
        ("hubspot_companies", store.count(companies)),
        ("hubspot_company_property_changes", past[1]),
        ("hubspot_contact_companies", links(contacts, companies)),
        ("hubspot_contact_property_changes", past[0]),
        ("hubspot_contacts", store.count(contacts)),
        ("hubspot_deal_companies", links(deals, companies)),
        ("hubspot_deal_contacts", links(deals, contacts)),
        ("hubspot_deal_property_changes", past[2]),
        ("hubspot_deals", store.count(deals)),
        ("hubspot_line_items", lines),
        ("hubspot_list_memberships", members),
        ("hubspot_lists", lists.len()),
        ("hubspot_owners", store.owners().len()),
        ("hubspot_pipeline_stages", stages),
        ("hubspot_products", products),
        ("line_item", lines),
        ("list", lists.len()),
        ("list_membership", members),
        ("pipeline_stage", stages),
        ("product", products),
        ("property_change", past.iter().sum()),
        ("user", store.owners().len()),
    ];
    let found: Vec<(&str, usize)> = expected.iter().map(|(table, _)| (*table, database.count(table, "NOT is_deleted"))).collect();
    assert_eq!(found, expected);
    assert_eq!(database.tables(), expected.map(|(table, _)| table));
    let ids = database.list(&format!("SELECT id FROM {} WHERE NOT is_deleted", database.table("hubspot_contacts")));
    let ids: BTreeSet<u64> = ids.iter().map(|id| id.parse().unwrap()).collect();
    assert_eq!(ids, store.ids(contacts).into_iter().collect());
}

/// Every record that was read is in one of four places, in the report, in the sum of it and in the record of loads.
fn assert_accounted(database: &Database, runs: &[&Ended]) {
    let mut reported = Vec::new();
    for run in runs {
        let report = run.json();
        for stream in report["streams"].as_array().unwrap() {
            let numbers = ["read", "loaded", "quarantined", "filtered", "unchanged"].map(|name| stream[name].as_u64().unwrap());
            reported.push((report["run_id"].as_str().unwrap().to_owned(), stream["stream"].as_str().unwrap().to_owned(), numbers));
        }
    }
    reported.sort();
    for (run, stream, [read, loaded, quarantined, filtered, unchanged]) in &reported {
        assert_eq!(*read, loaded + quarantined + filtered + unchanged, "run {run}, stream {stream}");
    }
    // A stream that had nothing to load has no load.
    reported.retain(|(_, _, numbers)| numbers[0] > 0);
    let loads: Vec<_> = database.loads().into_iter().filter(|(_, _, numbers)| numbers[0] > 0).collect();
    assert_eq!(loads, reported);
}

fn everything_arrives_and_only_changes_follow(database: &Database, mut project: Project) {
    let account = Account::of(260);
    let store = account.store();
    account.pipeline(&mut project, database, "");
    let first = project.run("run p.yaml --json").with_code(0);
    assert_complete(database, &account);
    assert_eq!(first.stream("contacts")["loaded"], 260);
    let loaded = database.content(&[]);

    // Nothing has changed at the source, so nothing is written: not even the columns that name the load.
    let again = project.run("run p.yaml --json").with_code(0);
    assert_eq!(difference(&loaded, &database.content(&[])), Default::default());
    assert_eq!(again.json()["status"], "ok");

    let changed = store.ids(ObjectKind::Contacts)[7];
    store.update(ObjectKind::Contacts, changed, [("jobtitle", "Head of Canals")]).unwrap();
    let third = project.run("run p.yaml --json").with_code(0);
    let after = database.content(&[]);
    let written = difference(&loaded, &after);
    assert_eq!((written.added.len(), written.gone.len()), (0, 0), "{written:?}");
    let source_id = format!("source_id='{changed}'");
    for table in ["contact", "hubspot_contacts"] {
        let rows = written.changed_in(table);
        assert!(rows.len() == 1 && rows[0].contains(&source_id) && rows[0].contains("'Head of Canals'"), "{table}: {rows:?}");
    }
    // The ways to reach that person carry the time of the change; nobody else's are touched.
    let of_the_person = |(table, row): &&(String, String)| table == "contact_point" && row.contains(&format!("source_id='{changed}:"));
    assert_eq!(written.changed.iter().filter(|row| !of_the_person(row)).count(), 2, "{written:?}");
    assert_eq!(third.stream("contacts")["loaded"], 1);

    let archived = store.ids(ObjectKind::Contacts)[11];
    let links = store.associations(ObjectKind::Contacts, ObjectKind::Companies).iter().filter(|link| link.from == archived).count();
    store.archive(ObjectKind::Contacts, archived).unwrap();
    // Links whose own end has not changed, such as a deal's to the archived contact, are told by reading all links.
    let fourth = project.run("run p.yaml --json --sweep-associations").with_code(0);
    let written = difference(&after, &database.content(&[]));
    assert_eq!((written.added.len(), written.gone.len()), (0, 0), "{written:?}");
    for table in ["contact", "hubspot_contacts"] {
        assert_eq!(database.list(&format!("SELECT source_id FROM {} WHERE is_deleted", database.table(table))), [archived.to_string()]);
        assert_eq!(database.count(table, "is_deleted AND deleted_at IS NULL"), 0);
        assert_eq!(written.changed_in(table).len(), 1);
    }
    assert_eq!(written.changed_in("hubspot_contact_companies").len(), links);
    assert_complete(database, &account);
    assert_accounted(database, &[&first, &again, &third, &fourth]);
}

#[test]
fn everything_arrives_in_sqlite_and_only_changes_follow() {
    let project = Project::new();
    everything_arrives_and_only_changes_follow(&Database::sqlite(&project), project);
}

#[test]
fn everything_arrives_in_postgres_and_only_changes_follow() {
    everything_arrives_and_only_changes_follow(&Database::postgres(), Project::new());
}

#[test]
fn both_databases_hold_the_same_rows() {
    let account = Account::start(Options { contacts: 120, archived_per_mille: 100, merged_per_mille: 50, ..Options::default() });
    let (mut one, mut other) = (Project::new(), Project::new());
    let (sqlite, postgres) = (Database::sqlite(&one), Database::postgres());
    account.pipeline(&mut one, &sqlite, "");
    account.pipeline(&mut other, &postgres, "");
    for _ in 0..2 {
        one.run("run p.yaml").with_code(0);
        other.run("run p.yaml").with_code(0);
    }
    assert_eq!(sqlite.count("contact", "is_deleted"), account.store().archived_count(ObjectKind::Contacts));
    assert!(account.store().archived_count(ObjectKind::Contacts) > 0);
    let rows = |database: &Database, table: &str| {
        let key = if table.starts_with("hubspot_") { "_id" } else { "id" };
        let deleted = "CASE WHEN is_deleted THEN 'deleted' ELSE 'live' END";
        database.ask(&format!("SELECT {key}, _row_hash, {deleted}, source_account_id FROM {} ORDER BY 1", database.table(table)))
    };
    assert_eq!(sqlite.tables(), postgres.tables());
    for table in sqlite.tables() {
        let found = rows(&sqlite, &table);
        assert!(!found.is_empty(), "{table}");
        assert_eq!(found, rows(&postgres, &table), "{table}");
    }
    // Nothing but the load tells two loads of the same records apart.
    let mut third = Project::new();
    let again = Database::sqlite(&third);
    account.pipeline(&mut third, &again, "");
    for _ in 0..2 {
        third.run("run p.yaml").with_code(0);
    }
    assert_eq!(difference(&sqlite.content(OF_THE_LOAD), &again.content(OF_THE_LOAD)), Default::default());
}
