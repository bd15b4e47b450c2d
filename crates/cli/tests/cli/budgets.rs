//! Several processes on one account: its limits hold for all of them together.

use aqueduct_simulator::hubspot::{Burst, Limits, Options};

use crate::account::Account;
use crate::database::Database;
use crate::project::Project;

/// An account that counts every request over its limit of so many in ten seconds.
fn strict(contacts: usize, requests: u32) -> Account {
    let burst = Some(Burst { requests, window: std::time::Duration::from_secs(10) });
    let limits = Limits { burst, ..Limits::none() };
    Account::start(Options { contacts, archived_per_mille: 0, merged_per_mille: 0, limits, ..Options::default() })
}

/// Writes as many pipelines as there are names, each with a warehouse of its own.
fn pipelines(account: &Account, project: &mut Project, names: &[&str], quota: &str) {
    let database = Database::sqlite(project);
    account.pipeline(project, &database, "");
    let text = project.read("p.yaml").replace("requests_per_10_seconds: 10000", "requests_per_10_seconds: 60");
    for name in names {
        let own = text.replace("${WAREHOUSE}", &format!("sqlite://{name}.db"));
        project.write(&format!("{name}.yaml"), own.replace("\ndestination", &format!("\n  select: [contacts]\n{quota}destination")));
    }
}

/// The largest number of requests in any ten seconds, by the simulator's own log.
fn most(account: &Account) -> usize {
    let times: Vec<i64> = account.request_log().iter().map(|request| request.at.as_millisecond()).collect();
    (0..times.len()).map(|from| times[from..].iter().take_while(|at| **at < times[from] + 10_000).count()).max().unwrap_or(0)
}

#[test]
fn three_processes_on_one_account_stay_within_its_limit() {
    let account = strict(4_000, 60);
    let mut project = Project::new();
    pipelines(&account, &mut project, &["one", "two", "three"], "");
    let runs = ["one", "two", "three"].map(|name| project.start(&format!("run {name}.yaml --json")));
    for run in runs {
        assert_eq!(run.end().with_code(0).stream("contacts")["read"], 4_000);
    }
    let counters = account.counters();
    assert!(counters.total > 120, "{counters:?}");
    assert_eq!(counters.throttled, 0, "{counters:?}");
    // They did not get there by being slow: the budget was used to the full.
    assert!((54..=60).contains(&most(&account)), "{}", most(&account));
}

#[test]
fn without_a_common_budget_the_same_processes_break_the_limit() {
    let account = strict(4_000, 60);
    let mut project = Project::new();
    pipelines(&account, &mut project, &["one", "two", "three"], "");
    let runs = ["one", "two", "three"].map(|name| {
        let text = project.read(&format!("{name}.yaml"));
        project.write(&format!("{name}.yaml"), format!("{text}control: {{ url: sqlite://{name}-control.db }}\n"));
        project.start(&format!("run {name}.yaml --json"))
    });
    for run in runs {
        assert_eq!(run.end().with_code(0).stream("contacts")["read"], 4_000);
    }
    assert!(account.counters().throttled > 0, "so the simulator does count what is too much: {:?}", account.counters());
}

#[test]
fn a_share_leaves_the_rest_to_the_business() {
    let account = strict(2_500, 60);
    let mut project = Project::new();
    pipelines(&account, &mut project, &["one", "two"], "  quota: { share: 0.5 }\n");
    let runs = ["one", "two"].map(|name| project.start(&format!("run {name}.yaml --json")));
    for run in runs {
        run.end().with_code(0);
    }
    assert!((26..=30).contains(&most(&account)), "{}", most(&account));
}

#[test]
fn a_daily_ceiling_holds_for_all_and_stops_with_7() {
    let account = strict(3_000, 10_000);
    let mut project = Project::new();
    pipelines(&account, &mut project, &["one", "two"], "  quota: { daily: 44, time_zone: Pacific/Kiritimati }\n");
    let first = project.run("run one.yaml --json").with_code(0);
    assert_eq!(first.stream("contacts")["read"], 3_000);
    let used = account.counters().total;
    assert!(used > 30 && used < 44, "{used}");
    let second = project.run("run two.yaml --json").with_code(7);
    let error = second.json()["errors"][0]["error"].clone();
    assert_eq!(error["code"], "AQ3002");
    assert!(error.to_string().contains("used 44, allowed 44"), "{error}");
    assert_eq!(account.counters().total, 44);
    let read = second.stream("contacts")["read"].as_u64().unwrap();
    assert!(read > 0 && read < 3_000, "{read}");
    assert_eq!(Database::Sqlite(project.path("two.db")).count("contact", "1 = 1") as u64, read, "what was read is committed");
    // The same day, nothing more; with more allowed it goes on from its checkpoint.
    project.run("run two.yaml").with_code(7);
    assert_eq!(account.counters().total, 44);
    project.write("two.yaml", project.read("two.yaml").replace("daily: 44", "daily: 440"));
    assert_eq!(project.run("run two.yaml --json").with_code(0).stream("contacts")["read"], 3_000 - read);
}

#[test]
fn what_the_vendor_says_of_the_day_is_known_to_all() {
    let account = strict(3_000, 10_000);
    account.set_limits(Limits { daily: Some(50), ..Limits::none() });
    let mut project = Project::new();
    pipelines(&account, &mut project, &["one", "two"], "  quota: { share: 0.5 }\n");
    let first = project.run("run one.yaml --json").with_code(7);
    assert!(first.out.contains("used 25, allowed 50"), "{}", first.out);
    let sent = account.counters().total;
    assert!((20..=26).contains(&sent), "the other half is for the business: {sent}");
    // The second one is told before it has sent anything.
    let second = project.run("run two.yaml").with_code(7);
    assert!(second.err.contains("AQ3002"), "{}", second.err);
    assert_eq!(account.counters().total, sent);
}

#[test]
fn a_quota_that_cannot_be_is_placed() {
    let account = strict(1, 100);
    let mut project = Project::new();
    for (quota, place) in
        [("share: 1.5", "one.yaml:5"), ("share: 0", "one.yaml:5"), ("time_zone: Mars/Olympus", "one.yaml:5"), ("dayly: 1", "one.yaml:5")]
    {
        pipelines(&account, &mut project, &["one"], &format!("  quota: {{ {quota} }}\n"));
        let ended = project.run("validate one.yaml").with_code(2);
        assert!(ended.err.contains(place), "{quota}: {}", ended.err);
    }
}
