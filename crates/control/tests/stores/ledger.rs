//! The ledger of runs: found again by whatever people know of a run, and forgotten in time.

use std::time::Duration;

use aqueduct_control::{Control, Counts, Holder, Outcome, RunEntry, RunFilter, RunKind, RunRetention, StreamEntry};
use aqueduct_schema::Timestamp;

use crate::store::Store;

const LIFE: Duration = Duration::from_secs(60);

fn at(second: i64) -> Timestamp {
    Timestamp::from_seconds(1_770_000_000 + second)
}

/// A run that begins at a second, whose process is on another machine.
fn entry(pipeline: &str, second: i64, chance: &str) -> RunEntry {
    let digits: String = at(second).to_string().chars().filter(char::is_ascii_digit).take(14).collect();
    let run_id = format!("{digits}-{chance}");
    let counts = Counts { read: 5, ..Counts::default() };
    RunEntry {
        holder: Holder { host: "far".into(), place: "another machine".into(), process: 7, born: "1".into(), run_id: run_id.clone() },
        version: "1".into(),
        connector: "hubspot".into(),
        destination: "sqlite a.db".into(),
        streams: vec![StreamEntry { stream: "contacts".into(), counts, ..StreamEntry::default() }],
        ..RunEntry::begun(run_id, pipeline.to_owned(), at(second))
    }
}

async fn end(control: &Control, entry: &RunEntry, outcome: Outcome) {
    let ended = RunEntry { ended: Some(entry.began.plus(Duration::from_secs(9))), outcome, exit_code: Some(0), ..entry.clone() };
    control.write_run(&ended, LIFE).await.unwrap();
}

async fn ids(control: &Control, filter: RunFilter) -> Vec<String> {
    control.runs(&filter).await.unwrap().into_iter().map(|entry| entry.run_id).collect()
}

pub(crate) async fn a_run_is_found_by_what_is_known_of_it(store: &Store) {
    let control = store.at(100).await;
    let runs = [entry("shop", 0, "00000a"), entry("shop-two", 10, "00000b"), entry("shop", 20, "00000c"), entry("shop", 20, "00000d")];
    for run in &runs {
        control.begin_run(run, LIFE).await.unwrap();
    }
    end(&control, &runs[0], Outcome::Ok).await;
    end(&control, &runs[2], Outcome::Refused).await;
    let id = |place: usize| runs[place].run_id.clone();
    assert_eq!(ids(&control, RunFilter::newest(10)).await, [id(3), id(2), id(1), id(0)]);
    assert_eq!(ids(&control, RunFilter::newest(2)).await, [id(3), id(2)]);
    assert_eq!(ids(&control, RunFilter::of("shop", 10)).await, [id(3), id(2), id(0)], "and none of a pipeline whose name begins so");
    assert_eq!(ids(&control, RunFilter::of("shop", 1)).await, [id(3)]);
    let without = RunFilter { outcomes: vec![Outcome::Ok, Outcome::Running], ..RunFilter::of("shop", 10) };
    assert_eq!(ids(&control, without).await, [id(3), id(0)]);
    assert_eq!(ids(&control, RunFilter { since: Some(at(10)), ..RunFilter::newest(10) }).await, [id(3), id(2), id(1)]);
    assert_eq!(ids(&control, RunFilter { since: Some(at(11)), ..RunFilter::of("shop", 10) }).await, [id(3), id(2)]);
    assert_eq!(ids(&control, RunFilter { id_prefix: id(0)[..17].to_owned(), ..RunFilter::newest(10) }).await, [id(0)]);
    assert_eq!(ids(&control, RunFilter { id_prefix: id(2)[..14].to_owned(), ..RunFilter::of("shop", 10) }).await, [id(3), id(2)]);
    assert_eq!(ids(&control, RunFilter { kinds: vec![RunKind::Backfill], ..RunFilter::newest(10) }).await, Vec::<String>::new());
    let found = control.run(&id(0)).await.unwrap().unwrap();
    assert_eq!((found.outcome, found.ended, found.written, found.alive_until), (Outcome::Ok, Some(at(9)), Some(at(100)), None));
    assert_eq!(found.streams, runs[0].streams);
    assert!(control.run("20200101000000-00000000").await.unwrap().is_none());
}

pub(crate) async fn a_run_that_is_not_heard_of_was_interrupted(store: &Store) {
    let (first, here) = (store.at(0).await, Holder::this("r"));
    let far = entry("p", 0, "a");
    let alive = RunEntry { holder: here.clone(), ..entry("p", 0, "b") };
    let dead = RunEntry { holder: Holder { process: u32::MAX - 1, ..here }, ..entry("p", 0, "c") };
    for run in [&far, &alive, &dead] {
        first.begin_run(run, LIFE).await.unwrap();
    }
    let outcomes = async |second: i64| -> Vec<Outcome> {
        let control = store.at(second).await;
        let runs = control.runs(&RunFilter::of("p", 10)).await.unwrap();
        runs.iter().rev().map(|run| run.outcome).collect()
    };
    assert_eq!(outcomes(59).await, [Outcome::Running, Outcome::Running, Outcome::Interrupted]);
    store.at(50).await.write_run(&far, LIFE).await.unwrap();
    assert_eq!(outcomes(109).await, [Outcome::Running, Outcome::Interrupted, Outcome::Interrupted]);
    assert_eq!(outcomes(110).await, [Outcome::Interrupted; 3]);
    // Whoever was only late, and comes to the end after all, says how it ended.
    end(&store.at(200).await, &far, Outcome::Ok).await;
    assert_eq!(outcomes(300).await, [Outcome::Ok, Outcome::Interrupted, Outcome::Interrupted]);
}

pub(crate) async fn old_entries_and_too_many_are_forgotten(store: &Store) {
    let day = 86_400;
    let control = store.at(0).await;
    let mut runs = Vec::new();
    for number in 0..6 {
        let run = entry("p", -day * number, "a");
        control.begin_run(&run, LIFE).await.unwrap();
        end(&control, &run, Outcome::Ok).await;
        runs.push(run.run_id);
    }
    let other = entry("q", -day * 5, "b");
    control.begin_run(&other, LIFE).await.unwrap();
    end(&control, &other, Outcome::Ok).await;
    let running = entry("q", -day * 6, "c");
    control.begin_run(&running, LIFE).await.unwrap();

    let keep = |days: u64, most| RunRetention { age: Duration::from_secs(86_400 * days + 1), most };
    assert_eq!(control.forget_runs("p", keep(90, 6)).await.unwrap(), 0);
    assert_eq!(control.forget_runs("p", keep(90, 4)).await.unwrap(), 2, "two beyond the newest four");
    assert_eq!(ids(&control, RunFilter::of("p", 10)).await, runs[..4]);
    assert_eq!(control.forget_runs("p", keep(2, 4)).await.unwrap(), 2, "one of each pipeline by age, and none that is under way");
    assert_eq!(ids(&control, RunFilter::newest(10)).await, [&runs[..3], &[running.run_id]].concat());
    assert_eq!(ids(&control, RunFilter::of("q", 10)).await.len(), 1);
    let content = store.content().await;
    assert!(!content.contains(&other.run_id) && !content.contains(&runs[4]), "{content}");
}

/// A database whose language puts `b` between `A` and `C`, and passes over `-`.
#[tokio::test(flavor = "multi_thread")]
async fn the_order_is_that_of_bytes_whatever_the_language() {
    let store = Store::postgres_in("LOCALE_PROVIDER icu ICU_LOCALE 'en-US' TEMPLATE template0").await;
    let control = store.at(0).await;
    for chance in ["A", "b", "C", "b-1", "b0"] {
        control.begin_run(&entry("p", 0, chance), LIFE).await.unwrap();
    }
    for filter in [RunFilter::newest(10), RunFilter::of("p", 10)] {
        let found = ids(&control, filter).await;
        let ends: Vec<&str> = found.iter().map(|id| &id[15..]).collect();
        assert_eq!(ends, ["b0", "b-1", "b", "C", "A"]);
    }
}
