//! Budgets, with several processes at them.

use std::time::Duration;

use aqueduct_control::{Answer, Ask, Priority, Told};

use crate::store::Store;

fn ask(daily: Option<u64>) -> Ask<'static> {
    Ask {
        class: "default",
        limit: Some((50, Duration::from_secs(10))),
        burst: None,
        wanted: 3,
        valid_for: Duration::from_millis(200),
        priority: Priority::Live,
        daily,
        time_zone: "UTC",
        returned: None,
    }
}

pub(crate) async fn many_at_once_take_no_more_than_there_is(store: &Store) {
    let mut tasks = Vec::new();
    for _ in 0..6 {
        // At one instant, so that nothing becomes free while they take.
        let control = store.at(0).await;
        tasks.push(tokio::spawn(async move {
            let mut taken = 0;
            loop {
                match control.take("account", &ask(None)).await.unwrap() {
                    Answer::Go { count, .. } => taken += count,
                    Answer::Wait(_) => return taken,
                    Answer::Spent { .. } => panic!("there is no ceiling"),
                }
            }
        }));
    }
    let mut taken = 0;
    for task in tasks {
        taken += task.await.unwrap();
    }
    assert_eq!(taken, 5, "a tenth may come in a burst");
    assert!(matches!(store.at(0).await.take("another", &ask(None)).await.unwrap(), Answer::Go { count: 3, .. }));
}

pub(crate) async fn what_one_learns_all_know(store: &Store) {
    let (one, other) = (store.at(0).await, store.at(1).await);
    one.slow_down("account", "default", Duration::from_secs(7)).await.unwrap();
    assert_eq!(other.take("account", &ask(None)).await.unwrap(), Answer::Wait(Duration::from_secs(6)));
    let (one, other) = (store.at(20).await, store.at(21).await);
    one.learn("account", Told { used: 80, allowed: 100, stop_at: 80 }).await.unwrap();
    assert_eq!(other.take("account", &ask(None)).await.unwrap(), Answer::Spent { used: 80, allowed: 100, renewed_in: None });
    assert!(matches!(other.take("another", &ask(Some(2))).await.unwrap(), Answer::Go { count: 2, .. }));
    assert!(matches!(one.take("another", &ask(Some(2))).await.unwrap(), Answer::Spent { used: 2, allowed: 2, renewed_in: Some(_) }));
}
