//! An alert is told once, however many schedulers see it.

use std::time::Duration;

use aqueduct_control::{AlertBook, Raise, Reason, Settled};
use serde_json::json;

use crate::store::Store;

const LIFE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

pub(crate) async fn of_many_that_raise_and_send_at_once_one_sends(store: &Store) {
    let mut tasks = Vec::new();
    for _ in 0..8 {
        let book = AlertBook::of(&store.at(0).await);
        tasks.push(tokio::spawn(async move {
            let (content, sinks) = (json!({"event": "run_failed"}), ["mail".to_owned()]);
            let raise = Raise { content: &content, severity: 2, sinks: &sinks, lasting: true, quiet_for: HOUR };
            book.raise("hubspot/run", raise).await.unwrap();
            let (key, problem) = book.problems().await.unwrap().remove(0);
            // Who comes late finds nothing to send any more.
            let Some(notice) = problem.notices.get("mail") else { return 0 };
            u32::from(book.claim(&key, "mail", notice.number, LIFE).await.unwrap())
        }));
    }
    let mut sent = 0;
    for task in tasks {
        sent += task.await.unwrap();
    }
    assert_eq!(sent, 1);
    let (_, problem) = AlertBook::of(&store.at(1).await).problems().await.unwrap().remove(0);
    assert_eq!(problem.count, 8);
}

pub(crate) async fn an_alert_outlives_who_raised_it(store: &Store) {
    let (content, sinks) = (json!({"event": "stream_stale"}), ["mail".to_owned()]);
    let raise = Raise { content: &content, severity: 1, sinks: &sinks, lasting: true, quiet_for: HOUR };
    let first = AlertBook::of(&store.at(0).await);
    for number in 0..3 {
        assert!(first.raise(&format!("p{number}/stream_stale/contacts"), raise).await.unwrap());
    }
    let second = AlertBook::of(&store.at(10).await);
    let problems = second.problems().await.unwrap();
    assert_eq!(problems.len(), 3);
    let (key, problem) = &problems[0];
    let notice = &problem.notices["mail"];
    assert!(second.claim(key, "mail", notice.number, LIFE).await.unwrap());
    second.settle(key, "mail", notice.number, Settled::Told).await.unwrap();
    assert!(!first.raise(key, raise).await.unwrap(), "it has been told");

    AlertBook::of(&store.at(13 * 3_600).await).tend(key, Duration::from_secs(12 * 3_600), HOUR).await.unwrap();
    let reminded = second.problems().await.unwrap().remove(0).1;
    assert_eq!(reminded.notices["mail"].reason, Reason::Reminder);

    assert!(second.recover(key, &json!({"event": "stream_fresh"})).await.unwrap());
    let (_, problem) = second.problems().await.unwrap().remove(0);
    let notice = &problem.notices["mail"];
    assert_eq!((notice.reason, &notice.content), (Reason::Recovered, &json!({"event": "stream_fresh"})));
    let late = AlertBook::of(&store.at(14 * 3_600).await);
    assert!(late.claim(key, "mail", notice.number, LIFE).await.unwrap());
    late.settle(key, "mail", notice.number, Settled::Told).await.unwrap();
    assert_eq!(late.problems().await.unwrap().len(), 2);
}

pub(crate) async fn a_ceiling_holds_for_all_who_send(store: &Store) {
    let (one, other) = (AlertBook::of(&store.at(0).await), AlertBook::of(&store.at(100).await));
    assert!(one.take_place("mail", 2, HOUR).await.unwrap());
    assert!(other.take_place("mail", 2, HOUR).await.unwrap());
    assert!(!other.take_place("mail", 2, HOUR).await.unwrap());
    assert!(other.take_place("chat", 2, HOUR).await.unwrap());
    assert!(AlertBook::of(&store.at(3_600).await).take_place("mail", 2, HOUR).await.unwrap());
}
