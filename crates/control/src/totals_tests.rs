//! Each run is counted once, and sums outlive the entries they came from.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::holder::Holder;
use crate::ledger::{EntryError, ProcessUse, StreamEntry};
use aqueduct_schema::{Calls, Traffic};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_770_000_000 + seconds)
}

fn entry(number: i64, outcome: Outcome) -> RunEntry {
    let began = at(number * 60);
    let digits: String = began.to_string().chars().filter(char::is_ascii_digit).take(14).collect();
    let stream = StreamEntry {
        stream: "contacts".to_owned(),
        ended: true,
        counts: Counts { read: 10, new: 4, changed: 2, unchanged: 3, quarantined: 1, ..Counts::default() },
        settled_until: Some(began),
        bytes_written: 700,
        ..StreamEntry::default()
    };
    let calls = Calls { class: "search".to_owned(), operation: "contacts: changes".to_owned(), requests: 3, bytes: 900, wire_bytes: 300 };
    RunEntry {
        holder: Holder { host: "a".into(), place: "elsewhere".into(), process: 1, born: "1".into(), run_id: String::new() },
        connector: "hubspot".to_owned(),
        ended: (outcome != Outcome::Running).then(|| began.plus(Duration::from_secs(15))),
        outcome,
        exit_code: (outcome != Outcome::Running).then_some(u8::from(outcome != Outcome::Ok) * 4),
        in_warehouse: true,
        streams: vec![stream],
        traffic: Traffic { calls: vec![calls], retries: BTreeMap::from([("network".to_owned(), 1)]), ..Traffic::default() },
        process: ProcessUse { peak_memory_bytes: Some(1_000 * number.unsigned_abs()), cpu_ms: Some(20) },
        ..RunEntry::begun(format!("{digits}-{number:08x}"), "crm".to_owned(), began)
    }
}

#[test]
fn a_run_is_counted_once_and_one_under_way_not_yet() {
    let mut totals = Totals::default();
    let mut running = entry(1, Outcome::Running);
    totals.count(&running);
    assert_eq!(totals, Totals::default());
    running.outcome = Outcome::Ok;
    running.ended = Some(at(75));
    for _ in 0..3 {
        totals.count(&running);
        totals.count(&entry(2, Outcome::Failed));
    }
    let counted: Vec<(Outcome, u64)> = totals.runs.iter().map(|runs| (runs.outcome, runs.count)).collect();
    assert_eq!(counted, [(Outcome::Ok, 1), (Outcome::Failed, 1)]);
    assert_eq!(totals.durations, [0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0], "15 seconds are in the class that ends with 15");
    assert_eq!((totals.seconds, totals.cpu_ms, totals.wire_bytes, totals.bytes_written), (30.0, 40, 600, 1_400));
    assert_eq!((totals.requests["search"], totals.retries["network"]), (6, 2));
    let stream = &totals.streams["contacts"];
    let counts = Counts { read: 20, new: 8, changed: 4, unchanged: 6, quarantined: 2, ..Counts::default() };
    assert_eq!(stream.counts, counts);
    assert_eq!((stream.settled_until, totals.last_peak_memory_bytes), (Some(at(120)), Some(2_000)));
}

#[test]
fn runs_of_any_order_add_up_and_the_last_is_the_one_that_began_last() {
    let mut totals = Totals::default();
    let mut runs: Vec<RunEntry> = (0..500).map(|number| entry(number, Outcome::Ok)).collect();
    // Runs end in another order than they begin, but not in any: as many as are remembered may overlap.
    runs.chunks_mut(REMEMBERED / 2).for_each(<[RunEntry]>::reverse);
    for _ in 0..2 {
        runs.iter().for_each(|run| totals.count(run));
    }
    assert_eq!(totals.runs.iter().map(|runs| runs.count).sum::<u64>(), 500);
    assert_eq!((totals.last_ended, totals.streams["contacts"].settled_until), (Some(at(499 * 60 + 15)), Some(at(499 * 60))));
    assert!(totals.counted.len() <= REMEMBERED);
}

#[test]
fn refused_and_dry_runs_are_no_work_and_what_a_contract_stops_is_seen() {
    let mut totals = Totals::default();
    totals.count(&entry(1, Outcome::Refused));
    totals.count(&RunEntry { kind: RunKind::DryRun, ..entry(2, Outcome::Ok) });
    assert!(totals.streams.is_empty() && totals.durations.is_empty() && totals.last_run.is_empty());
    let mut frozen = entry(3, Outcome::Partial);
    frozen.streams[0].error = Some(EntryError { code: codes::SCHEMA_FROZEN.id.to_owned(), ..EntryError::default() });
    frozen.schema_changes = vec!["a".to_owned(), "b".to_owned()];
    totals.count(&frozen);
    assert_eq!((totals.last_frozen, totals.last_schema_changes, totals.schema_changes), (true, 2, 2));
}

#[test]
fn names_without_end_are_counted_together() {
    let mut totals = Totals::default();
    let mut wide = entry(1, Outcome::Ok);
    wide.traffic.calls =
        (0..MOST_NAMES + 50).map(|number| Calls { class: format!("class {number:04}"), requests: 1, ..Calls::default() }).collect();
    let counts = Counts { read: 1, ..Counts::default() };
    wide.streams =
        (0..MOST_NAMES + 50).map(|number| StreamEntry { stream: format!("s{number}"), counts, ..StreamEntry::default() }).collect();
    totals.count(&wide);
    assert_eq!((totals.requests.len(), totals.requests[OTHER]), (MOST_NAMES + 1, 50));
    assert_eq!((totals.streams.len(), totals.streams[OTHER].counts.read), (MOST_NAMES + 1, 50));
}

#[tokio::test]
async fn the_ledger_is_counted_by_several_and_after_it_has_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let url = aqueduct_schema::Secret::new(format!("sqlite://{}", folder.path().join("control.db").display()));
    let control = Control::open(&url, None).await.unwrap().with_time(|| at(10_000));
    let life = Duration::from_secs(60);
    for number in 0..5 {
        control.begin_run(&entry(number, Outcome::Ok), life).await.unwrap();
    }
    control.begin_run(&entry(5, Outcome::Running), Duration::from_secs(600)).await.unwrap();
    let other = Control::open(&url, None).await.unwrap().with_time(|| at(10_000));
    let (one, two) = tokio::join!(control.count_runs(), other.count_runs());
    assert_eq!(one.unwrap()["crm"].runs[0].count, 5);
    two.unwrap();
    assert_eq!(control.count_runs().await.unwrap()["crm"].runs[0].count, 5);
    // What ends later is counted then, though newer runs were counted before.
    control.begin_run(&entry(90, Outcome::Ok), life).await.unwrap();
    assert_eq!(control.count_runs().await.unwrap()["crm"].runs[0].count, 6);
    control.write_run(&entry(5, Outcome::Failed), life).await.unwrap();
    let totals = control.count_runs().await.unwrap();
    assert_eq!(
        totals["crm"].runs.iter().map(|runs| (runs.outcome, runs.count)).collect::<Vec<_>>(),
        [(Outcome::Ok, 6), (Outcome::Failed, 1)]
    );
    let forgotten = crate::RunRetention { age: Duration::from_secs(1), most: 1 };
    assert!(control.forget_runs("crm", forgotten).await.unwrap() > 5);
    assert_eq!(other.count_runs().await.unwrap(), totals, "sums outlive the entries");
}

#[tokio::test]
async fn what_is_used_of_a_quota_is_told_by_account() {
    use crate::{AccountName, QuotaUse, Told};
    let folder = tempfile::tempdir().unwrap();
    let url = aqueduct_schema::Secret::new(format!("sqlite://{}", folder.path().join("control.db").display()));
    let control = Control::open(&url, None).await.unwrap().with_time(|| at(0));
    let name = |account: &str, daily| AccountName { connector: "hubspot".into(), account: account.into(), daily, time_zone: "UTC".into() };
    let ask = crate::Ask {
        class: "default",
        limit: None,
        burst: None,
        wanted: 30,
        valid_for: Duration::from_secs(1),
        priority: crate::Priority::Live,
        daily: Some(100),
        time_zone: "UTC",
        returned: None,
    };
    control.take("k1", &ask).await.unwrap();
    control.name_account("k1", &name("main", Some(100))).await.unwrap();
    control.name_account("k1", &name("main", Some(100))).await.unwrap();
    control.learn("k2", Told { used: 40, allowed: 1_000, stop_at: 800 }).await.unwrap();
    control.name_account("k2", &name("second", None)).await.unwrap();
    control.name_account("k3", &name("unused", None)).await.unwrap();
    let used = |account: &str, used, allowed| QuotaUse { connector: "hubspot".into(), account: account.into(), used, allowed };
    assert_eq!(control.quotas().await.unwrap(), [used("main", 30, Some(100)), used("second", 40, Some(800))]);
    let tomorrow = control.with_time(|| at(2 * 86_400));
    assert_eq!(tomorrow.quotas().await.unwrap(), [used("main", 0, Some(100)), used("second", 0, None)]);
}
