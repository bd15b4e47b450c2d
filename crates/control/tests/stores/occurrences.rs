//! Occurrences and schedules as several schedulers have them.

use std::time::Duration;

use aqueduct_control::Holder;
use aqueduct_control::occurrence::{Exit, OccurrenceId, State, Terms, Why};
use aqueduct_control::occurrence_rules::{Claimant, skipped_for};
use aqueduct_control::standing::{Closing, Look, Open, Outcome, Pause};
use aqueduct_schema::Timestamp;

use crate::store::Store;

const LIFE: Duration = Duration::from_secs(60);

fn second(second: i64) -> Timestamp {
    Timestamp::from_seconds(1_770_000_000 + second)
}

fn seen(from: i64, until: i64, fell_due: Vec<Open>) -> Look {
    Look { from: second(from), until: second(until), by: "every minute".to_owned(), fell_due }
}

fn claimant(instance: &str) -> Claimant {
    let holder = Holder { host: instance.to_owned(), place: instance.to_owned(), process: 7, born: "1".to_owned(), run_id: String::new() };
    Claimant { instance: instance.to_owned(), holder, life: LIFE, terms: Terms::default() }
}

pub(crate) async fn of_many_schedulers_and_runs_one_begins(store: &Store) {
    let id = OccurrenceId::new("p", second(0));
    let mut tasks = Vec::new();
    for number in 0..6 {
        let (control, id) = (store.open().await, id.clone());
        tasks.push(tokio::spawn(async move {
            let claimed = control.claim(&id, &claimant(&format!("i{number}")), second(0)).await.unwrap().done;
            let begun = control.begin(&id, &Holder::this(&format!("r{number}")), LIFE, second(1)).await.unwrap().done;
            (claimed, begun)
        }));
    }
    let (mut claimed, mut begun) = (0, 0);
    for task in tasks {
        let (claims, begins) = task.await.unwrap();
        claimed += u32::from(claims);
        begun += u32::from(begins);
    }
    assert_eq!((claimed, begun), (1, 1));
    let control = store.open().await;
    let stored = control.occurrence(&id).await.unwrap().unwrap();
    let run = stored.run().unwrap().holder.run_id.clone();
    assert!(!control.end(&id, "another", &Exit::with(0), second(5)).await.unwrap().done);
    let ended = control.end(&id, &run, &Exit::with(0), second(5)).await.unwrap();
    assert!(ended.done && ended.document.unwrap().is_over());
    assert!(control.end(&id, &run, &Exit::with(0), second(6)).await.unwrap().done, "told twice, as after a lost answer");
    assert!(!control.claim(&id, &claimant("late"), second(9)).await.unwrap().done);
}

pub(crate) async fn a_dead_scheduler_and_a_dead_run_are_taken_over(store: &Store) {
    let id = OccurrenceId::new("p", second(0));
    let early = store.at(0).await;
    assert!(early.claim(&id, &claimant("a"), second(0)).await.unwrap().done);
    assert!(!store.at(59).await.revive(&id, second(59)).await.unwrap().done);
    assert!(store.at(60).await.revive(&id, second(60)).await.unwrap().done);
    let later = store.at(60).await;
    assert!(later.claim(&id, &claimant("b"), second(60)).await.unwrap().done);
    let dead = Holder { process: u32::MAX - 1, ..Holder::this("r1") };
    assert!(later.begin(&id, &dead, LIFE, second(60)).await.unwrap().done);
    // Its process is gone from this machine, so nobody waits for its lease.
    let revived = store.at(61).await.revive(&id, second(61)).await.unwrap();
    let stored = revived.document.unwrap();
    assert!(revived.done && matches!(stored.state, State::Due { not_before: Some(_) }), "{stored:?}");
    assert_eq!((stored.attempts.len(), stored.attempts[0].exit.code), (1, None));
    assert!(!later.hear(&id, "r1", LIFE).await.unwrap().done, "a run that was given up is told so");
}

pub(crate) async fn a_schedule_is_looked_at_once_and_listed(store: &Store) {
    let control = store.open().await;
    for name in ["b", "a", "c-1"] {
        assert!(control.look(name, &seen(0, 0, Vec::new())).await.unwrap().done);
    }
    let due = [Open::new(second(30)), Open { late: true, ..Open::new(second(60)) }];
    let mut tasks = Vec::new();
    for _ in 0..4 {
        let (control, due) = (store.open().await, due.clone());
        tasks.push(tokio::spawn(async move { control.look("a", &seen(0, 60, due.to_vec())).await.unwrap().done }));
    }
    let mut done = 0;
    for task in tasks {
        done += u32::from(task.await.unwrap());
    }
    assert_eq!(done, 1, "one of four schedulers notes what fell due");
    let listed = control.schedules().await.unwrap();
    assert_eq!(listed.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["a", "b", "c-1"]);
    assert_eq!(listed[0].1.open, due);

    let outcome = Outcome { at: second(30), began_at: None, ended_at: second(40), run_id: None, exit: Exit::with(0), attempts: 1 };
    let id = OccurrenceId::new("a", second(30));
    assert!(control.close(&id, &Closing::Ran(outcome.clone())).await.unwrap().done);
    assert!(!control.close(&id, &Closing::Ran(outcome.clone())).await.unwrap().done);
    let pause = Pause { since: second(50), by: "command line".to_owned(), reason: None };
    assert!(control.pause_schedule("a", &pause).await.unwrap().done);
    let stored = control.schedule("a").await.unwrap().unwrap();
    assert_eq!((stored.last, stored.paused, stored.open.len()), (Some(outcome), Some(pause), 1));
    assert!(control.resume_schedule("a", second(70)).await.unwrap().done);
    assert!(control.schedule("d").await.unwrap().is_none());
    assert!(!control.ask_for_run("a", second(80), "http").await.unwrap().done, "one is open");
    assert!(control.ask_for_run("b", second(80), "http").await.unwrap().done);
}

pub(crate) async fn old_occurrences_are_forgotten_and_open_ones_are_not(store: &Store) {
    let control = store.open().await;
    for minute in 0..6 {
        let id = OccurrenceId::new("p", second(minute * 60));
        match minute {
            1 => assert!(control.claim(&id, &claimant("a"), second(60)).await.unwrap().done),
            _ => {
                let why = skipped_for(Why::Overlap, None, id.at, second(400));
                assert!(control.skip(&id, &why).await.unwrap().done);
            }
        }
    }
    // A name that begins like the other is another pipeline.
    let other = OccurrenceId::new("p-1", second(0));
    assert!(control.skip(&other, &skipped_for(Why::Paused, None, other.at, second(1))).await.unwrap().done);
    assert_eq!(control.forget_occurrences("p", second(180), 100).await.unwrap(), 2);
    let left: Vec<Timestamp> = control.occurrences("p", second(1_000), 100).await.unwrap().iter().map(|found| found.at).collect();
    assert_eq!(left, [300, 240, 180, 60].map(second), "the latest first");
    let before: Vec<Timestamp> = control.occurrences("p", second(240), 2).await.unwrap().iter().map(|found| found.at).collect();
    assert_eq!(before, [240, 180].map(second));
    assert_eq!(control.occurrences("p-1", second(1_000), 100).await.unwrap().len(), 1);
}
