//! Backfills of Salesforce by bulk jobs: killed at any moment, with no job lost, left behind, or taken for another one's.

use aqueduct_simulator::salesforce::{BulkPace, Options};

use crate::backfill::of_the_load;
use crate::database::{Database, difference};
use crate::project::{Project, wait_until};
use crate::salesforce::{organisation, pipeline};

const WINDOWS: &str = "backfill p.yaml --from 2021-01-01 --window P2Y --streams contacts --parallel 3 --json";
const BULK: &str = "    bulk: always\n";
const CONTACTS: &str = "  select: [contacts]\n";

fn killed(database: &Database, undisturbed: &Database, mut project: Project) {
    let pace = BulkPace { running_polls: 2, ..BulkPace::default() };
    let organisation = organisation(Options { contacts: 400, bulk: pace, bulk_page_records: Some(50), ..Options::default() });
    let mut calm = Project::new();
    pipeline(&organisation, &mut calm, undisturbed, BULK, CONTACTS);
    let report = calm.run(WINDOWS).with_code(0).json();
    assert_eq!(report["state"], "complete", "{report}");
    let windows = report["windows"].as_array().unwrap();
    assert_eq!(windows.len(), 3);
    let holding = windows.iter().filter(|window| window["planned"] != 0).count();
    assert!(holding > 1);
    assert_eq!(organisation.jobs().len(), holding, "a job a window that holds anything; none deletes another one's");
    assert!(organisation.open_jobs().is_empty(), "{:?}", organisation.open_jobs());

    pipeline(&organisation, &mut project, database, BULK, CONTACTS);
    // At the making of a job, while it runs, and between two pages of its results.
    for part in ["POST /services/data/v62.0/jobs/query", "GET /services/data/v62.0/jobs/query/750", "/results"] {
        let before = organisation.request_log().len();
        let backfill = project.start(WINDOWS);
        let reached =
            || organisation.request_log().iter().skip(before).any(|request| format!("{} {}", request.method, request.path).contains(part));
        wait_until("the request came", reached);
        backfill.kill();
    }
    let report = project.run(WINDOWS).with_code(0).json();
    assert_eq!(report["state"], "complete", "{report}");
    let store = organisation.store();
    assert_eq!(database.count("salesforce_contacts", "NOT is_deleted"), store.count("Contact"));
    assert!(organisation.open_jobs().is_empty(), "{:?}", organisation.open_jobs());
    assert_eq!(difference(&undisturbed.content(&of_the_load()), &database.content(&of_the_load())), Default::default());
    assert_eq!(database.count("_state", "1 = 1"), 0, "no live cursor was touched");
}

#[test]
fn a_backfill_by_jobs_that_is_killed_goes_on_in_sqlite() {
    let (project, calm) = (Project::new(), Project::new());
    killed(&Database::sqlite(&project), &Database::sqlite(&calm), project);
}

#[test]
fn a_backfill_by_jobs_that_is_killed_goes_on_in_postgres() {
    killed(&Database::postgres(), &Database::postgres(), Project::new());
}

#[test]
fn a_live_run_and_a_backfill_leave_each_others_jobs_alone() {
    let pace = BulkPace { running_polls: 3, ..BulkPace::default() };
    let organisation = organisation(Options { contacts: 300, bulk: pace, bulk_page_records: Some(50), ..Options::default() });
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    pipeline(&organisation, &mut project, &database, BULK, CONTACTS);
    let backfill = project.start(WINDOWS);
    wait_until("a job is made", || !organisation.jobs().is_empty());
    project.run("run p.yaml").with_code(0);
    let report = backfill.end().with_code(0).json();
    assert_eq!(report["state"], "complete", "{report}");
    let holding = report["windows"].as_array().unwrap().iter().filter(|window| window["planned"] != 0).count();
    assert_eq!(organisation.jobs().len(), holding + 1, "none was deleted before it was read");
    assert!(organisation.open_jobs().is_empty(), "{:?}", organisation.open_jobs());
    assert_eq!(database.count("contact", "NOT is_deleted"), organisation.store().count("Contact"));
}
