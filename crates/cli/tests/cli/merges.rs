//! Merges and links: after a run nothing that lives points at what was merged away, in whatever order things happened, and links that
//! come and go are found at the price that was promised.

use std::collections::BTreeSet;

use aqueduct_simulator::hubspot::ObjectKind::{Companies, Contacts, Deals};
use aqueduct_simulator::hubspot::{Options, Store};
use aqueduct_simulator::{RequestClass, salesforce};

use crate::account::Account;
use crate::database::Database;
use crate::project::Project;
use crate::salesforce as organisations;

/// Columns that point at contacts, companies and deals, by table.
const REFERENCES: [(&str, &str); 15] = [
    ("contact", "account_id"),
    ("contact_point", "contact_id"),
    ("consent_event", "contact_id"),
    ("account", "parent_account_id"),
    ("deal", "account_id"),
    ("deal", "primary_contact_id"),
    ("deal_contact", "deal_id"),
    ("deal_contact", "contact_id"),
    ("lead", "converted_contact_id"),
    ("activity", "account_id"),
    ("activity", "deal_id"),
    ("activity_participant", "contact_id"),
    ("campaign_member", "contact_id"),
    ("association", "from_id"),
    ("association", "to_id"),
];

/// Nothing alive points at what was merged away, every loser is marked with the end of its chain, and there are so many of them.
#[track_caller]
fn assert_followed(database: &Database, losers: usize) {
    let tables = database.tables();
    let redirects = database.table("_redirects");
    assert_eq!(database.count("_redirects", "1 = 1"), losers);
    for (table, column) in REFERENCES.into_iter().filter(|(table, _)| tables.iter().any(|known| known == table)) {
        let dangling = database.count(table, &format!("{column} IN (SELECT id FROM {redirects}) AND NOT is_deleted"));
        assert_eq!(dangling, 0, "{table}.{column}");
    }
    for table in ["contact", "account", "deal"] {
        assert_eq!(database.count(table, &format!("id IN (SELECT id FROM {redirects}) AND NOT is_deleted")), 0, "{table}");
        let differing = format!(
            "SELECT count(*) FROM {} AS t, {redirects} AS r WHERE r.id = t.id AND t.merged_into_id IS DISTINCT FROM r.current_id",
            database.table(table)
        );
        assert_eq!(database.one(&differing), "0", "{table}");
    }
    assert_eq!(
        database.count("_redirects", &format!("current_id IN (SELECT id FROM {redirects})")),
        0,
        "chains are followed to their ends"
    );
}

/// The links of an account as the warehouse and the store have them: from, to, type.
#[track_caller]
fn assert_same_links(database: &Database, store: &Store) {
    for (table, from, to) in
        [("contact_companies", Contacts, Companies), ("deal_companies", Deals, Companies), ("deal_contacts", Deals, Contacts)]
    {
        let sql = format!(
            "SELECT from_id || '-' || to_id || '-' || type_id || '-' || coalesce(label, '') FROM {} WHERE NOT is_deleted",
            database.table(&format!("hubspot_{table}"))
        );
        let found: BTreeSet<String> = database.list(&sql).into_iter().collect();
        let links = store.associations(from, to).into_iter();
        let expected: BTreeSet<String> =
            links.map(|link| format!("{}-{}-{}-{}", link.from, link.to, link.type_id, link.label.unwrap_or_default())).collect();
        assert_eq!(found, expected, "{table}");
        assert_eq!(
            database.count(
                "association",
                &format!("source_object = '{}' AND NOT is_deleted", &table.replace("companies", "company").replace("contacts", "contact"))
            ),
            expected.len(),
            "{table}"
        );
    }
}

/// Contacts that deals lead to.
fn linked(store: &Store) -> Vec<u64> {
    let mut linked: Vec<u64> = store.associations(Deals, Contacts).into_iter().map(|link| link.to).collect();
    linked.sort_unstable();
    linked.dedup();
    linked
}

fn hubspot_merges_are_followed(database: &Database, mut project: Project, merge_creates_record: bool) {
    let options = Options { contacts: 120, archived_per_mille: 0, merged_per_mille: 0, merge_creates_record, ..Options::default() };
    let account = Account::start(options);
    let store = account.store();
    account.pipeline(&mut project, database, "");
    // Two merges before anything was read: their losers are never seen.
    let contacts = linked(&store);
    store.merge(Contacts, contacts[0], contacts[1]).unwrap();
    let companies = store.ids(Companies);
    store.merge(Companies, companies[0], companies[1]).unwrap();
    project.run("run p.yaml --json").with_code(0);
    let each = 1 + usize::from(merge_creates_record);
    assert_followed(database, 2 * each);
    assert_same_links(database, &store);

    // Rows that were read are merged now; deals, contacts and links point at them; one winner is merged on, one company too.
    let contacts = linked(&store);
    let end = store.merge(Contacts, contacts[6], contacts[5]).unwrap();
    let end = store.merge(Contacts, contacts[7], end).unwrap();
    let companies = store.ids(Companies);
    let kept = store.merge(Companies, companies[3], companies[4]).unwrap();
    store.merge(Companies, companies[5], kept).unwrap();
    project.run("run p.yaml --json").with_code(0);
    assert_followed(database, 6 * each);
    let lost: Vec<String> = database.list(&format!(
        "SELECT source_id FROM {} WHERE current_id = (SELECT id FROM {} WHERE source_id = '{end}') ORDER BY 1",
        database.table("_redirects"),
        database.table("contact")
    ));
    assert!(lost.contains(&contacts[5].to_string()), "the chain ends at {end}: {lost:?}");
    let evidence = database.list(&format!("SELECT DISTINCT evidence FROM {} ORDER BY 1", database.table("_merges")));
    assert_eq!(evidence, ["hs_calculated_merged_vids, hs_merged_object_ids", "hs_merged_object_ids"]);
    assert_eq!(database.count("hubspot_contacts", &format!("source_id = '{}' AND NOT is_deleted", contacts[5])), 0);

    // Nothing happened since: nothing is written again, and a reading of all links brings what the source has.
    let before = database.content(&[]);
    project.run("run p.yaml --json").with_code(0);
    assert_eq!(crate::database::difference(&before, &database.content(&[])), Default::default());
    project.run("run p.yaml --json --sweep-associations").with_code(0);
    assert_followed(database, 6 * each);
    assert_same_links(database, &store);
    project.run("run p.yaml --json --full-refresh").with_code(0);
    assert_followed(database, 6 * each);
    assert_same_links(database, &store);
}

#[test]
fn hubspot_merges_are_followed_in_sqlite() {
    let project = Project::new();
    hubspot_merges_are_followed(&Database::sqlite(&project), project, false);
}

#[test]
fn hubspot_merges_are_followed_in_postgres() {
    hubspot_merges_are_followed(&Database::postgres(), Project::new(), false);
}

#[test]
fn a_merge_that_makes_a_new_record_is_followed_too() {
    let project = Project::new();
    hubspot_merges_are_followed(&Database::sqlite(&project), project, true);
}

fn salesforce_merges_are_followed(database: &Database, mut project: Project) {
    let organisation = organisations::organisation(salesforce::Options {
        contacts: 120,
        merged_per_mille: 0,
        deleted_per_mille: 0,
        ..salesforce::Options::default()
    });
    let store = organisation.store();
    organisations::pipeline(&organisation, &mut project, database, "", "");
    project.run("run p.yaml --json").with_code(0);
    let (contacts, accounts) = (store.ids("Contact"), store.ids("Account"));
    for (object, winner, loser) in
        [("Contact", &contacts[1], &contacts[0]), ("Contact", &contacts[2], &contacts[1]), ("Account", &accounts[3], &accounts[2])]
    {
        store.merge(object, winner, loser).unwrap();
    }
    // Children come before their merge, and after it.
    project.run("run p.yaml --json --select opportunities,opportunity_contact_roles,tasks,events,campaign_members").with_code(0);
    project.run("run p.yaml --json").with_code(0);
    assert_followed(database, 3);
    assert_eq!(database.list(&format!("SELECT DISTINCT evidence FROM {}", database.table("_merges"))), ["MasterRecordId"]);
    let end = database.one(&format!("SELECT merged_into_id FROM {} WHERE source_id = '{}'", database.table("contact"), contacts[0]));
    assert_eq!(end, database.one(&format!("SELECT id FROM {} WHERE source_id = '{}'", database.table("contact"), contacts[2])));

    // One is taken out of the recycle bin: it is a contact of its own again.
    store.undelete("Contact", &contacts[0]).unwrap();
    project.run("run p.yaml --json").with_code(0);
    assert_followed(database, 2);
    assert_eq!(database.count("contact", &format!("source_id = '{}' AND NOT is_deleted AND merged_into_id IS NULL", contacts[0])), 1);
}

#[test]
fn salesforce_merges_are_followed_in_sqlite() {
    let project = Project::new();
    salesforce_merges_are_followed(&Database::sqlite(&project), project);
}

#[test]
fn salesforce_merges_are_followed_in_postgres() {
    salesforce_merges_are_followed(&Database::postgres(), Project::new());
}

#[test]
fn links_of_changed_records_cost_a_handful_of_requests() {
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    let account = Account::start(Options {
        contacts: 5_000,
        companies: Some(40),
        deals: Some(60),
        archived_per_mille: 0,
        merged_per_mille: 0,
        ..Options::default()
    });
    let store = account.store();
    account.pipeline(&mut project, &database, "");
    let requests = |report: &serde_json::Value| -> u64 {
        let streams = report["streams"].as_array().unwrap().iter();
        streams
            .filter(|stream| ["contact_companies", "deal_companies", "deal_contacts"].contains(&stream["stream"].as_str().unwrap()))
            .map(|stream| stream["requests"].as_u64().unwrap())
            .sum()
    };
    let report = project.run("run p.yaml --json").with_code(0).json();
    assert!(requests(&report) > 100, "a first load reads all: {report}");
    assert_same_links(&database, &store);

    let (contacts, companies, links) = (store.ids(Contacts), store.ids(Companies), store.associations(Contacts, Companies));
    for id in &contacts[..5] {
        store.update(Contacts, *id, [("jobtitle", "Head of Canals")]).unwrap();
    }
    // Of those that changed, one loses its companies, one gets a company and one a label more; another changes its links and nothing else.
    for link in links.iter().filter(|link| link.from == contacts[0]) {
        store.dissociate((Contacts, contacts[0]), (Companies, link.to), None).unwrap();
    }
    store.associate((Contacts, contacts[1]), (Companies, companies[7]), 279).unwrap();
    store.associate((Contacts, contacts[2]), (Companies, companies[8]), 11).unwrap();
    account.reset_counters();
    let report = project.run("run p.yaml --json").with_code(0).json();
    assert!(requests(&report) <= 6, "{report}");
    assert!(account.counters().of(RequestClass::Association) <= 3, "{:?}", account.counters());
    assert_same_links(&database, &store);
    assert_eq!(
        database.count("association", "label = 'Decision maker' AND NOT is_deleted"),
        store.associations(Contacts, Companies).iter().filter(|link| link.label == Some("Decision maker")).count()
    );

    // What changes no time at either end is found by reading all links, and what is settled is not later than the last such reading.
    let settled = |report: &serde_json::Value| {
        report["streams"].as_array().unwrap().iter().find(|stream| stream["stream"] == "contact_companies").unwrap()["settled_until"]
            .clone()
    };
    store.associate((Contacts, contacts[900]), (Companies, companies[9]), 11).unwrap();
    let second = project.run("run p.yaml --json").with_code(0).json();
    assert_eq!(settled(&second), settled(&report), "following changes settles nothing");
    let links = store.associations(Contacts, Companies).len();
    assert_eq!(database.count("hubspot_contact_companies", "NOT is_deleted"), links - 2);
    let swept = project.run("run p.yaml --json --sweep-associations --select contact_companies").with_code(0).json();
    assert_same_links(&database, &store);
    assert!(settled(&swept).as_str() > settled(&second).as_str());
    // A pipeline that says so reads them in every run.
    store.dissociate((Contacts, contacts[900]), (Companies, companies[9]), None).unwrap();
    account.pipeline(&mut project, &database, "run: { association_sweep_hours: 0 }\n");
    project.run("run p.yaml --json --select contact_companies,deal_contacts").with_code(0);
    assert_same_links(&database, &store);
}
