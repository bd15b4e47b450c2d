//! The life of a bulk job: when it is worth one, what is asked in which order, and that none is left behind.
#![allow(clippy::unwrap_used)]

mod fake;

use std::sync::Arc;

use aqueduct_connector::schema::{Mode, Position, codes};
use aqueduct_connector::serde_json::{Value, json};
use aqueduct_connector::{Connector, Page, Records, Stream};
use fake::{Answer, Fake, after, connector, contacts, csv, found, id, is_last, ok, page, record, records, refused};

const JOB: &str = "750000000000001AAA";
const HEADER: &str = "\"Id\",\"SystemModstamp\",\"IsDeleted\",\"CreatedDate\",\"Email\"\n";

fn created(job: &str) -> Value {
    json!({"id": job, "operation": "queryAll", "object": "Contact", "createdById": "005000000000001AAA",
        "createdDate": "2026-02-02T02:40:01.000+0000", "state": "UploadComplete"})
}

fn state(state: &str, processed: u64) -> Answer {
    let mut job = created(JOB);
    job["state"] = json!(state);
    job["numberRecordsProcessed"] = json!(processed);
    ok(job)
}

fn jobs(jobs: &[Value]) -> Answer {
    ok(json!({"done": true, "records": jobs, "nextRecordsUrl": null}))
}

fn row(number: usize) -> String {
    format!("\"{}\",\"2026-02-01T00:00:00.000Z\",\"false\",\"2026-02-01T00:00:00.000Z\",\"\"\n", id(number))
}

/// Reads on from a position.
fn step(connector: &Arc<dyn Connector>, fake: &Arc<Fake>, stream: &Stream, position: &Position) -> Page {
    page(connector, fake, stream, Mode::Backfill, Some(position)).unwrap()
}

#[test]
fn a_job_from_its_intention_to_its_end() {
    let connector = connector(json!({}));
    let stream = contacts(&connector, &["Email"]);
    let fake = Fake::new(
        &connector,
        &[
            found(100_000, true, &[]),
            ok(created(JOB)),
            jobs(&[created(JOB)]),
            state("InProgress", 0),
            state("JobComplete", 3),
            csv(2, "MTAwMDA", &format!("{HEADER}{}{}", row(1), row(2))),
            csv(1, "null", &format!("{HEADER}{}", row(3))),
            Answer(204, Vec::new(), String::new()),
        ],
    );
    let intention = page(&connector, &fake, &stream, Mode::Backfill, None).unwrap();
    assert_eq!(after(&intention), (Position(json!({"job": {"create": {"at": "2026-02-02T02:40:00Z", "attempt": 0}}})), Some(500)));
    let begun = step(&connector, &fake, &stream, &after(&intention).0);
    assert_eq!(after(&begun), (Position(json!({"job": {"wait": {"id": JOB, "attempt": 0, "asked": 0}}})), Some(1_000)));
    let waiting = step(&connector, &fake, &stream, &after(&begun).0);
    assert_eq!(after(&waiting).1, Some(2_000));
    let complete = step(&connector, &fake, &stream, &after(&waiting).0);
    let first = step(&connector, &fake, &stream, &after(&complete).0);
    assert_eq!(
        after(&first),
        (Position(json!({"job": {"read": {"id": JOB, "attempt": 0, "locator": "MTAwMDA", "rows": 2, "total": 3}}})), None)
    );
    let Records::Csv { body, format, .. } = &first.records else { unreachable!("CSV") };
    assert_eq!((format.header.len(), std::str::from_utf8(body).unwrap()), (5, format!("{}{}", row(1), row(2)).as_str()));
    let last = step(&connector, &fake, &stream, &after(&first).0);
    assert_eq!(after(&last), (Position(json!({"job": {"delete": {"id": JOB}}})), Some(500)));
    assert!(is_last(&step(&connector, &fake, &stream, &after(&last).0)) && fake.is_used_up());

    let job = format!("jobs/query/{JOB}");
    let results = format!("GET {job}/results");
    let expected = ["GET queryAll", "POST jobs/query", "GET jobs/query", &format!("GET {job}"), &format!("GET {job}"), &results, &results];
    assert_eq!(fake.paths()[..7], expected);
    assert_eq!(fake.paths()[7], format!("DELETE {job}"));
    assert_eq!(fake.query(0, "q"), "SELECT COUNT() FROM Contact");
    assert_eq!(fake.body(1)["query"], json!("SELECT Id, IsDeleted, CreatedDate, SystemModstamp, Email FROM Contact"));
    assert_eq!((&fake.body(1)["operation"], fake.idempotent(1)), (&json!("queryAll"), false));
    assert_eq!(
        (fake.query(5, "maxRecords"), fake.query(5, "locator"), fake.query(6, "locator")),
        ("10000".into(), String::new(), "MTAwMDA".into())
    );
}

#[test]
fn a_job_is_for_many_records_and_never_for_some() {
    let first = |config: Value, mode: Mode, count: usize, page_size: u32| {
        let connector = connector(config);
        let stream = contacts(&connector, &[]).page_size(page_size);
        let fake = Fake::new(&connector, &[found(count, true, &[]), found(1, true, &[record(1, 0)])]);
        let page = page(&connector, &fake, &stream, mode, None).unwrap();
        (fake.paths().len(), matches!(page.next, aqueduct_connector::Next::Later { .. }))
    };
    assert_eq!(first(json!({}), Mode::Backfill, 20_000, 2_000), (2, false));
    assert_eq!(first(json!({}), Mode::Backfill, 40_000, 2_000), (1, true));
    assert_eq!(first(json!({}), Mode::Columns, 40_000, 2_000), (1, true));
    assert_eq!(first(json!({"bulk": "always"}), Mode::Backfill, 1, 2_000), (1, true));
    assert_eq!(first(json!({"bulk": "always"}), Mode::Backfill, 0, 2_000), (2, false));
    // Without a count the first answer is that of the page.
    assert_eq!(first(json!({"bulk": "never"}), Mode::Backfill, 0, 2_000), (1, false));
    assert_eq!(first(json!({}), Mode::Backfill, 0, 100), (1, false));
}

#[test]
fn a_count_that_takes_too_long_speaks_for_a_job() {
    let connector = connector(json!({}));
    let fake = Fake::new(&connector, &[refused(400, "QUERY_TIMEOUT", "slow")]);
    let page = page(&connector, &fake, &contacts(&connector, &[]), Mode::Backfill, None).unwrap();
    assert!(after(&page).0.0["job"]["create"].is_object());
}

#[test]
fn jobs_of_a_run_that_was_killed_are_deleted() {
    let connector = connector(json!({}));
    let stream = contacts(&connector, &[]);
    let other = |id: &str, key: &str, value: &str| {
        let mut job = created(id);
        job[key] = json!(value);
        job
    };
    let listed = [
        created(JOB),
        other("750000000000002AAA", "state", "InProgress"),
        other("750000000000003AAA", "object", "Account"),
        other("750000000000004AAA", "createdById", "005000000000002AAA"),
        other("750000000000005AAA", "createdDate", "2026-02-02T02:30:00.000+0000"),
        other("750000000000006AAA", "state", "JobComplete"),
        // Begun after ours: another run's, and alive.
        other("750000000000007AAA", "createdDate", "2026-02-02T02:59:00.000+0000"),
    ];
    let gone = || refused(404, "NOT_FOUND", "gone");
    let fake = Fake::new(&connector, &[ok(created(JOB)), jobs(&listed), ok(json!({})), gone(), gone()]);
    let intention = Position(json!({"job": {"create": {"at": "2026-02-02T02:40:00Z", "attempt": 0}}}));
    assert_eq!(after(&step(&connector, &fake, &stream, &intention)).0.0["job"]["wait"]["id"], json!(JOB));
    assert_eq!(
        fake.paths()[2..],
        ["PATCH jobs/query/750000000000002AAA", "DELETE jobs/query/750000000000002AAA", "DELETE jobs/query/750000000000006AAA"]
    );
    assert_eq!(fake.body(2), json!({"state": "Aborted"}));
}

#[test]
fn what_bulk_refuses_is_read_by_query() {
    let connector = connector(json!({"bulk": "always"}));
    let stream = contacts(&connector, &[]);
    let intention = Position(json!({"job": {"create": {"at": "2026-02-02T02:40:00Z", "attempt": 0}}}));
    let by_query = json!({"after": {"id": "", "limit": 2000}});
    for (code, message) in [
        ("INVALIDENTITY", "Entity 'Contact' is not supported by the Bulk API."),
        ("API_ERROR", "Selecting compound data not supported in Bulk Query"),
        ("LIMIT_EXCEEDED", "Max bulk v2 query jobs (10000) per 24 hrs has been reached"),
    ] {
        let fake = Fake::new(&connector, &[refused(400, code, message)]);
        assert_eq!(after(&step(&connector, &fake, &stream, &intention)).0.0, by_query);
    }
    let fake = Fake::new(&connector, &[state("Failed", 0), Answer(204, Vec::new(), String::new())]);
    let waiting = Position(json!({"job": {"wait": {"id": JOB, "attempt": 0, "asked": 3}}}));
    assert_eq!(after(&step(&connector, &fake, &stream, &waiting)).0.0, by_query);
    assert_eq!(fake.paths()[1], format!("DELETE jobs/query/{JOB}"));
    let fake = Fake::new(&connector, &[refused(400, "MALFORMED_QUERY", "no")]);
    let error = page(&connector, &fake, &stream, Mode::Backfill, Some(&intention)).unwrap_err();
    assert_eq!(error.code(), codes::REQUEST_REJECTED);
}

#[test]
fn a_job_that_vanished_is_created_anew_but_not_for_ever() {
    let connector = connector(json!({}));
    let stream = contacts(&connector, &[]);
    let gone = || Fake::new(&connector, &[refused(404, "NOT_FOUND", "The requested resource does not exist")]);
    let waiting = |attempt: u32| Position(json!({"job": {"wait": {"id": JOB, "attempt": attempt, "asked": 0}}}));
    assert_eq!(after(&step(&connector, &gone(), &stream, &waiting(0))).0.0["job"]["create"]["attempt"], json!(1));
    let reading = Position(json!({"job": {"read": {"id": JOB, "attempt": 1, "locator": "X", "rows": 2, "total": 3}}}));
    assert_eq!(after(&step(&connector, &gone(), &stream, &reading)).0.0["job"]["create"]["attempt"], json!(2));
    let error = page(&connector, &gone(), &stream, Mode::Backfill, Some(&waiting(2))).unwrap_err();
    assert_eq!(error.code(), codes::SOURCE_FAILED);
    // A run that selects more fields than the one that created the job.
    let more = contacts(&connector, &["Email", "Title"]);
    let fake = Fake::new(&connector, &[csv(1, "null", &format!("{HEADER}{}", row(1))), Answer(204, Vec::new(), String::new())]);
    let page = step(&connector, &fake, &more, &reading);
    assert_eq!((after(&page).0.0["job"]["create"]["attempt"].clone(), records(&page).len()), (json!(2), 0));
    assert_eq!(fake.paths()[1], format!("DELETE jobs/query/{JOB}"));
}

#[test]
fn pages_that_are_not_whole_are_errors() {
    let connector = connector(json!({}));
    let stream = contacts(&connector, &["Email"]);
    let reading = Position(json!({"job": {"read": {"id": JOB, "attempt": 0, "rows": 2, "total": 3}}}));
    let whole = format!("{HEADER}{}", row(3));
    for answer in [
        csv(1, "null", ""),
        csv(1, "null", "<html>\n"),
        csv(1, "null", HEADER),
        csv(1, "null", &whole[..whole.len() - 3]),
        csv(2, "null", &format!("{whole}{}", row(4))),
        csv(0, "NEXT", HEADER),
        csv(2, "NEXT", &whole),
        ok(json!([{"errorCode": "X", "message": "an error under 200"}])),
    ] {
        let fake = Fake::new(&connector, std::slice::from_ref(&answer));
        let error = page(&connector, &fake, &stream, Mode::Backfill, Some(&reading)).unwrap_err();
        assert_eq!(error.code(), codes::MALFORMED_ANSWER, "{answer:?}");
    }
    // The end is told by the locator, or by its absence.
    let fake = Fake::new(&connector, &[Answer(200, Vec::new(), whole)]);
    assert_eq!(after(&step(&connector, &fake, &stream, &reading)).0.0, json!({"job": {"delete": {"id": JOB}}}));
}

#[test]
fn a_job_without_records_is_deleted_at_once() {
    let connector = connector(json!({"bulk": "always"}));
    let fake = Fake::new(&connector, &[state("JobComplete", 0)]);
    let waiting = Position(json!({"job": {"wait": {"id": JOB, "attempt": 0, "asked": 9}}}));
    let page = step(&connector, &fake, &contacts(&connector, &[]), &waiting);
    assert_eq!(after(&page), (Position(json!({"job": {"delete": {"id": JOB}}})), Some(0)));
}
