//! Salesforce into both databases: all of it, changes, deletions of both kinds, merges, formulas, and export jobs that are never lost.

use std::collections::BTreeSet;
use std::time::Duration;

use aqueduct_simulator::Clock;
use aqueduct_simulator::salesforce::{BulkPace, Options, Simulator};

use crate::account::{Account, runtime};
use crate::database::{Database, difference};
use crate::project::{Project, wait_until};

/// Stream and object of everything the organisation has, where rows of the store can be counted.
const STREAMS: [(&str, &str); 15] = [
    ("accounts", "Account"),
    ("campaign_members", "CampaignMember"),
    ("campaigns", "Campaign"),
    ("contact_point_consents", "ContactPointConsent"),
    ("contact_point_type_consents", "ContactPointTypeConsent"),
    ("contacts", "Contact"),
    ("events", "Event"),
    ("individuals", "Individual"),
    ("leads", "Lead"),
    ("opportunities", "Opportunity"),
    ("opportunity_contact_roles", "OpportunityContactRole"),
    ("opportunity_history", "OpportunityHistory"),
    ("opportunity_stages", "OpportunityStage"),
    ("tasks", "Task"),
    ("users", "User"),
];

pub(crate) fn organisation(options: Options) -> Simulator {
    runtime().block_on(Simulator::start(options)).unwrap()
}

/// Writes `p.yaml`, which reads the organisation into a database with these lines more in the connector's config.
pub(crate) fn pipeline(organisation: &Simulator, project: &mut Project, database: &Database, more: &str, select: &str) {
    let credentials = organisation.client_credentials();
    project.set("SECRET", credentials.client_secret);
    project.set("REFRESH", credentials.refresh_token);
    project.set("ADDRESS", organisation.base_url());
    project.set("WAREHOUSE", database.url());
    let id = credentials.client_id;
    project.write(
        "p.yaml",
        format!(
            "source:\n  connector: salesforce\n  config:\n    client_id: {id}\n    client_secret: ${{SECRET}}\n    refresh_token: ${{REFRESH}}\n    \
             base_url: ${{ADDRESS}}\n{more}{select}destination: {{ url: \"${{WAREHOUSE}}\" }}\n"
        ),
    );
}

fn assert_complete(organisation: &Simulator, database: &Database) {
    let store = organisation.store();
    for (stream, object) in STREAMS {
        let table = format!("salesforce_{stream}");
        let found: BTreeSet<String> =
            database.list(&format!("SELECT source_id FROM {} WHERE NOT is_deleted", database.table(&table))).into_iter().collect();
        let expected: BTreeSet<String> = store.ids(object).into_iter().collect();
        assert_eq!(found, expected, "{stream}");
    }
    let live = |entity: &str| database.count(entity, "NOT is_deleted");
    for (entity, objects) in [
        ("account", &["Account"][..]),
        ("contact", &["Contact"]),
        ("lead", &["Lead"]),
        ("deal", &["Opportunity"]),
        ("deal_contact", &["OpportunityContactRole"]),
        ("deal_stage_history", &["OpportunityHistory"]),
        ("pipeline_stage", &["OpportunityStage"]),
        ("activity", &["Task", "Event"]),
        ("campaign", &["Campaign"]),
        ("campaign_member", &["CampaignMember"]),
        ("user", &["User"]),
    ] {
        assert_eq!(live(entity), objects.iter().map(|object| store.count(object)).sum::<usize>(), "{entity}");
    }
    assert!(live("consent_event") > 0 && live("activity_participant") > 0 && live("contact_point") > 0);
    // Every reference leads to a row.
    for (from, column, to) in [
        ("contact", "account_id", "account"),
        ("deal", "pipeline_stage_id", "pipeline_stage"),
        ("deal_contact", "deal_id", "deal"),
        ("deal_contact", "contact_id", "contact"),
        ("deal_stage_history", "to_stage_id", "pipeline_stage"),
        ("campaign_member", "campaign_id", "campaign"),
        ("activity_participant", "activity_id", "activity"),
    ] {
        let (from_table, to_table) = (database.table(from), database.table(to));
        let dangling = database.one(&format!(
            "SELECT count(*) FROM {from_table} f WHERE NOT f.is_deleted AND f.{column} IS NOT NULL AND NOT EXISTS \
             (SELECT 1 FROM {to_table} t WHERE t.id = f.{column})"
        ));
        assert_eq!(dangling, "0", "{from}.{column}");
    }
}

fn everything_arrives_and_what_happens_follows(database: &Database, mut project: Project) {
    // A few minutes behind this machine, so that what is deleted now is listed at once: lists have whole minutes.
    let clock = Clock::running_from(Clock::real().now() - Duration::from_secs(300));
    let organisation = organisation(Options { contacts: 120, clock, ..Options::default() });
    let store = organisation.store();
    pipeline(&organisation, &mut project, database, "", "");
    project.run("run p.yaml --json").with_code(0);
    assert_complete(&organisation, database);

    let before = database.content(&[]);
    project.run("run p.yaml --json").with_code(0);
    assert_eq!(difference(&before, &database.content(&[])), Default::default(), "nothing has changed, so nothing is written");

    let contacts = store.ids("Contact");
    let (changed, deleted, erased, winner, loser) = (&contacts[3], &contacts[10], &contacts[20], &contacts[30], &contacts[40]);
    store.update("Contact", changed, [("Title", "Head of Canals")]).unwrap();
    store.delete("Contact", deleted).unwrap();
    store.hard_delete("Contact", erased).unwrap();
    store.merge("Contact", winner, loser).unwrap();
    project.run("run p.yaml --json").with_code(0);
    assert_complete(&organisation, database);
    let contact = database.table("contact");
    let cell = |column: &str, id: &str| database.one(&format!("SELECT {column} FROM {contact} WHERE source_id = '{id}'"));
    assert_eq!(cell("job_title", changed), "Head of Canals");
    let flag = |id: &str| cell("CASE WHEN is_deleted THEN 'deleted' ELSE 'live' END", id);
    assert_eq!([changed, winner, deleted, erased, loser].map(|id| flag(id)), ["live", "live", "deleted", "deleted", "deleted"]);
    assert_eq!(cell("merged_into_id", loser), cell("id", winner), "a merged record leads to the one that is left");
    assert_ne!(cell("last_name", erased), "NULL", "of an erased record the rest stays until it is to be forgotten");
    assert_eq!(database.count("contact_point", &format!("source_id LIKE '{erased}:%' AND NOT is_deleted")), 0);
}

#[test]
fn everything_arrives_in_sqlite_and_what_happens_follows() {
    let project = Project::new();
    everything_arrives_and_what_happens_follows(&Database::sqlite(&project), project);
}

#[test]
fn everything_arrives_in_postgres_and_what_happens_follows() {
    everything_arrives_and_what_happens_follows(&Database::postgres(), Project::new());
}

#[test]
fn queries_and_export_jobs_give_the_same_rows() {
    let organisation = organisation(Options { contacts: 90, ..Options::default() });
    let mut contents = Vec::new();
    for bulk in ["never", "always"] {
        let mut project = Project::new();
        let database = Database::sqlite(&project);
        pipeline(&organisation, &mut project, &database, &format!("    bulk: {bulk}\n"), "");
        project.run("run p.yaml --json").with_code(0);
        assert_complete(&organisation, &database);
        contents.push(database.content(&["_load_id", "_loaded_at"]));
        let made = organisation.jobs().len();
        assert_eq!(made > 0, bulk == "always");
        assert!(organisation.open_jobs().is_empty(), "{:?}", organisation.open_jobs());
    }
    assert_eq!(difference(&contents[0], &contents[1]), Default::default());
}

#[test]
fn an_export_that_is_killed_goes_on_with_its_job_and_leaves_none_behind() {
    let pace = BulkPace { running_polls: 2, ..BulkPace::default() };
    let organisation = organisation(Options { contacts: 400, bulk: pace, bulk_page_records: Some(50), ..Options::default() });
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    pipeline(&organisation, &mut project, &database, "    bulk: always\n", "  select: [contacts]\n");
    // At the making of the job, while it runs, and between two pages of its results.
    for part in ["POST /services/data/v62.0/jobs/query", "GET /services/data/v62.0/jobs/query/750", "/results"] {
        let before = organisation.request_log().len();
        let run = project.start("run p.yaml --json");
        let reached =
            || organisation.request_log().iter().skip(before).any(|request| format!("{} {}", request.method, request.path).contains(part));
        wait_until("the request came", reached);
        run.kill();
    }
    project.run("run p.yaml --json").with_code(0);
    let store = organisation.store();
    let found: BTreeSet<String> =
        database.list(&format!("SELECT source_id FROM {} WHERE NOT is_deleted", database.table("contact"))).into_iter().collect();
    assert_eq!(found, store.ids("Contact").into_iter().collect());
    assert!(!organisation.jobs().is_empty() && organisation.open_jobs().is_empty(), "{:?}", organisation.open_jobs());
}

#[test]
fn a_formula_changes_without_a_time_and_is_read_again_by_itself() {
    let organisation = organisation(Options { contacts: 40, ..Options::default() });
    let store = organisation.store();
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    pipeline(&organisation, &mut project, &database, "", "  select: [accounts.*]\n");
    project.run("run p.yaml --json").with_code(0);
    let account = store.ids("Account")[2].clone();
    store.set_formula("Account", &account, "Open_Amount__c", "4711").unwrap();
    let amount = || {
        let table = database.table("salesforce_accounts");
        database.one(&format!("SELECT CAST(open_amount_c AS INTEGER) FROM {table} WHERE source_id = '{account}'"))
    };
    let before = database.content(&[]);
    project.run("run p.yaml --json").with_code(0);
    assert_ne!(amount(), "4711", "its record has not changed, as far as its times say");
    project.run("run p.yaml --refresh-calculated --json").with_code(0);
    assert_eq!(amount(), "4711");
    let written = difference(&before, &database.content(&[]));
    assert_eq!((written.added.len(), written.gone.len(), written.changed.len()), (0, 0, 1), "{written:?}");
}

#[test]
fn a_field_that_is_hidden_is_told_apart_and_keeps_its_column() {
    let organisation = organisation(Options { contacts: 30, ..Options::default() });
    organisation.store().set_field_hidden("Contact", "Phone", true).unwrap();
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    pipeline(&organisation, &mut project, &database, "", "  select: [contacts]\n");
    let streams = project.run("discover p.yaml --json").with_code(0).json_lines();
    let contacts = streams.iter().find(|stream| stream["stream"] == "contacts").unwrap();
    let visibility =
        |path: &str| contacts["fields"].as_array().unwrap().iter().find(|field| field["path"] == path).unwrap()["visibility"].clone();
    assert_eq!([visibility("Phone"), visibility("Email")], ["hidden", "visible"]);
    project.run("run p.yaml --json").with_code(0);
    assert_eq!(database.count("salesforce_contacts", "phone IS NOT NULL"), 0);
    assert_eq!(database.count("contact", "NOT is_deleted"), organisation.store().count("Contact"));
}

#[test]
fn two_vendors_fill_the_same_tables() {
    for database in [None, Some(Database::postgres())] {
        let mut project = Project::new();
        let database = database.unwrap_or_else(|| Database::sqlite(&project));
        let organisation = organisation(Options { contacts: 50, ..Options::default() });
        let portal = Account::of(60);
        portal.pipeline(&mut project, &database, "");
        let of_hubspot = project.read("p.yaml");
        pipeline(&organisation, &mut project, &database, "", "");
        project.write("salesforce.yaml", project.read("p.yaml"));
        project.write("hubspot.yaml", of_hubspot.replace("${ADDRESS}", "${PORTAL}"));
        project.set("PORTAL", portal.base_url());
        for name in ["hubspot.yaml", "salesforce.yaml"] {
            project.run(&format!("run {name} --json")).with_code(0);
        }
        let store = organisation.store();
        let rows = |table: &str, system: &str| database.count(table, &format!("source_system = '{system}' AND NOT is_deleted"));
        assert_eq!([rows("contact", "hubspot"), rows("contact", "salesforce")], [60, store.count("Contact")]);
        for table in ["account", "contact_point", "deal", "deal_contact", "pipeline_stage", "user"] {
            assert!(rows(table, "hubspot") > 0 && rows(table, "salesforce") > 0, "{table}");
        }
        let ids = database.one(&format!("SELECT count(*) - count(DISTINCT id) FROM {}", database.table("contact")));
        assert_eq!(ids, "0", "no row of one vendor is a row of the other");
    }
}
