//! A control store with a ledger that is known.

use std::collections::BTreeMap;
use std::time::Duration;

use aqueduct_pipeline::control_store::{AccountName, Ask, Control, Counts, EntryError, Outcome, Priority, RunEntry, StreamEntry};
use aqueduct_pipeline::schema::{Calls, Secret, TimeSpent, Timestamp, Traffic};

use crate::scheduler::NOW;

pub(crate) struct Store {
    pub(crate) control: Control,
    _folder: tempfile::TempDir,
}

pub(crate) async fn empty() -> Store {
    let folder = tempfile::tempdir().unwrap();
    let url = Secret::new(format!("sqlite://{}", folder.path().join("control.db").display()));
    Store { control: Control::open(&url, None).await.unwrap().with_time(|| NOW), _folder: folder }
}

pub(crate) fn run(pipeline: &str, minutes_ago: u64, outcome: Outcome, exit_code: u8) -> RunEntry {
    let began = NOW.minus(Duration::from_secs(minutes_ago * 60));
    let digits: String = began.to_string().chars().filter(char::is_ascii_digit).take(14).collect();
    let stream = StreamEntry {
        stream: "contacts".into(),
        ended: true,
        counts: Counts { read: 100, new: 40, changed: 20, unchanged: 30, deleted: 2, quarantined: 4, filtered: 6 },
        bytes_written: 5_000,
        settled_until: Some(began),
        ..StreamEntry::default()
    };
    let calls = |class: &str, requests| Calls {
        class: class.into(),
        operation: "contacts: list".into(),
        requests,
        bytes: requests * 1_000,
        wire_bytes: requests * 100,
    };
    RunEntry {
        version: "0.1.0".into(),
        connector: "hubspot".into(),
        destination: "sqlite://warehouse.db".into(),
        ended: Some(began.plus(Duration::from_secs(90))),
        outcome,
        exit_code: Some(exit_code),
        error: (exit_code != 0).then(|| EntryError { code: "AQ3003".into(), ..EntryError::default() }),
        in_warehouse: true,
        streams: vec![stream],
        traffic: Traffic {
            calls: vec![calls("default", 7), calls("search", 3)],
            retries: BTreeMap::from([("rate_limited".to_owned(), 2)]),
            time: TimeSpent { limits_ms: 1_500, retries_ms: 250, preparing_ms: 0, answers_ms: 8_000, loads_ms: 3_000 },
            ..Traffic::default()
        },
        schema_changes: vec!["a new field".into()],
        process: aqueduct_pipeline::control_store::ProcessUse { peak_memory_bytes: Some(64_000_000), cpu_ms: Some(2_500) },
        ..RunEntry::begun(format!("{digits}-{minutes_ago:08x}"), pipeline.into(), began)
    }
}

/// A store with three runs of `crm`, one of a pipeline that is no more, and an account that has used some of its quota.
pub(crate) async fn known() -> Store {
    let store = empty().await;
    let life = Duration::from_secs(60);
    for run in [
        run("crm", 300, Outcome::Ok, 0),
        run("crm", 200, Outcome::Failed, 4),
        run("crm", 100, Outcome::Ok, 0),
        run("gone", 50, Outcome::Ok, 0),
    ] {
        store.control.begin_run(&run, life).await.unwrap();
    }
    let ask = Ask {
        class: "default",
        limit: None,
        burst: None,
        wanted: 30,
        valid_for: Duration::from_secs(1),
        priority: Priority::Live,
        daily: Some(100),
        time_zone: "UTC",
        returned: None,
    };
    store.control.take("digest", &ask).await.unwrap();
    let name = AccountName { connector: "hubspot".into(), account: "main".into(), daily: Some(100), time_zone: "UTC".into() };
    store.control.name_account("digest", &name).await.unwrap();
    store
}

pub(crate) fn seconds(at: Timestamp) -> i64 {
    at.microseconds() / 1_000_000
}
