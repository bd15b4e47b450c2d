//! The ledger's counters against those of the vendor that was asked: requests by class, statuses, bytes, retries.

use aqueduct_simulator::hubspot::{Counters, Effect, Fault, Match, RequestClass, RetryAfter};
use aqueduct_simulator::salesforce;
use serde_json::Value;

use crate::account::Account;
use crate::database::Database;
use crate::project::Project;
use crate::salesforce::organisation;

fn last(project: &Project) -> Value {
    project.run("runs show last --json").with_code(0).json()
}

/// What the ledger counts of requests whose operations are such.
fn requests(traffic: &Value, wanted: impl Fn(&str, &str) -> bool) -> u64 {
    let calls = traffic["calls"].as_array().unwrap().iter();
    let wanted = calls.filter(|calls| wanted(calls["class"].as_str().unwrap(), calls["operation"].as_str().unwrap()));
    wanted.map(|calls| calls["requests"].as_u64().unwrap()).sum()
}

/// Holds what every vendor counts against what the run has counted.
fn assert_equal(run: &Value, vendor: &Counters) {
    let traffic = &run["traffic"];
    assert_eq!(requests(traffic, |_, _| true), vendor.total, "requests: {traffic}");
    let answers: std::collections::BTreeMap<u16, u64> = serde_json::from_value(traffic["answers"].clone()).unwrap();
    assert_eq!(answers, vendor.by_status, "answers");
    let bytes: u64 = traffic["calls"].as_array().unwrap().iter().map(|calls| calls["wire_bytes"].as_u64().unwrap()).sum();
    assert_eq!(bytes, vendor.body_bytes, "bytes of bodies");
    assert_eq!(traffic["retries"]["rate_limited"].as_u64().unwrap_or(0), vendor.throttled, "retries of what was too fast");
    assert_eq!(requests(traffic, |class, _| class == "token"), vendor.of(RequestClass::Token), "requests for tokens");
    // What streams have exchanged, and what belongs to none, is the whole.
    let of_streams: u64 = run["streams"].as_array().unwrap().iter().map(|stream| requests(&stream["traffic"], |_, _| true)).sum();
    assert!(of_streams > 0 && of_streams <= vendor.total, "{of_streams} of {}", vendor.total);
}

#[test]
fn hubspot_counts_what_the_ledger_counts() {
    let account = Account::of(320);
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    account.pipeline(&mut project, &database, "");
    account.reset_counters();
    project.run("run p.yaml").with_code(0);
    let run = last(&project);
    assert_equal(&run, &account.counters());
    let (traffic, vendor) = (&run["traffic"], account.counters());
    assert_eq!(requests(traffic, |class, _| class == "search"), vendor.of(RequestClass::Search), "{traffic}");
    let stream = run["streams"].as_array().unwrap().iter().find(|stream| stream["stream"] == "contacts").unwrap();
    assert!(requests(&stream["traffic"], |_, operation| operation.starts_with("contacts: ")) >= 4, "{stream}");
    assert_eq!(traffic["retries"], Value::Null);

    // The next run asks for changes, by searching, and everything goes wrong once.
    for fault in [
        Fault::next(3, Effect::status_retry_after(429, RetryAfter::Seconds(0))),
        Fault::next(2, Effect::status(503)).when(Match::class(RequestClass::Search)),
        Fault::next(1, Effect::HtmlWithOk).when(Match::path("/crm/").after(6)),
        Fault::next(1, Effect::DropConnection).when(Match::path("/crm/").after(9)),
    ] {
        account.inject(fault);
    }
    account.reset_counters();
    project.run("run p.yaml").with_code(0);
    let (run, vendor) = (last(&project), account.counters());
    assert_equal(&run, &vendor);
    assert_eq!(vendor.throttled, 3);
    assert_eq!(requests(&run["traffic"], |class, _| class == "search"), vendor.of(RequestClass::Search));
    let retries = &run["traffic"]["retries"];
    assert_eq!(
        [&retries["rate_limited"], &retries["source_failed"], &retries["malformed_answer"], &retries["network"]],
        [&Value::from(3), &Value::from(2), &Value::from(1), &Value::from(1)]
    );
    // The warehouse has the same figures.
    let stored = project.run("runs p.yaml --json --limit 1").with_code(0).json();
    assert_eq!(stored["traffic"]["answers"], run["traffic"]["answers"]);
    assert_eq!(stored["traffic"]["retries"], run["traffic"]["retries"]);
    let told = project.run("explain last").with_code(0).out;
    assert!(told.contains("sent again") || told.contains("waiting"), "{told}");

    account.clear_faults();
    account.reset_counters();
    project.run("backfill p.yaml --from 2026-06-01 --streams contacts").with_code(0);
    let run = last(&project);
    assert_eq!(run["kind"], "backfill");
    assert_eq!(requests(&run["traffic"], |_, _| true), account.counters().total);
    assert_eq!(run["streams"][0]["windows"][0], run["streams"][0]["windows"][1], "every window is done");
}

#[test]
fn salesforce_counts_what_the_ledger_counts() {
    let organisation = organisation(salesforce::Options { contacts: 150, ..salesforce::Options::default() });
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    crate::salesforce::pipeline(&organisation, &mut project, &database, "    bulk: always\n", "");
    organisation.reset_counters();
    project.run("run p.yaml").with_code(0);
    let run = last(&project);
    assert_equal(&run, &organisation.counters());
    assert!(organisation.counters().of(RequestClass::Job) > 0, "it exports by jobs");
    let jobs = requests(&run["traffic"], |_, operation| operation.ends_with("job") || operation.ends_with("jobs"));
    assert_eq!(jobs, organisation.counters().of(RequestClass::Job), "{}", run["traffic"]);
    assert!(run["traffic"]["time"]["preparing_ms"].is_u64());

    organisation.inject(Fault::next(2, Effect::status(503)));
    organisation.inject(Fault::next(1, Effect::ExpireTokens).when(Match::class(RequestClass::List)));
    organisation.reset_counters();
    project.run("run p.yaml").with_code(0);
    let (run, vendor) = (last(&project), organisation.counters());
    assert_equal(&run, &vendor);
    assert_eq!(run["traffic"]["retries"]["source_failed"], 2);
    assert!(vendor.of(RequestClass::Token) >= 1 && run["traffic"]["retries"]["token_renewed"].as_u64().unwrap() >= 1, "{run}");
}
