//! One run of a pipeline at a time.

use std::time::Duration;

use aqueduct_control::{Acquired, Holder};
use aqueduct_schema::Timestamp;

use crate::store::Store;

const LIFE: Duration = Duration::from_secs(60);

fn elsewhere(run_id: &str) -> Holder {
    Holder { host: "far".to_owned(), place: "another machine".to_owned(), process: 7, born: "1".to_owned(), run_id: run_id.to_owned() }
}

pub(crate) async fn one_run_has_the_lease_until_it_gives_it_back(store: &Store) {
    let (first, second) = (store.at(0).await, store.at(10).await);
    let here = Holder::this("run-1");
    assert!(matches!(first.acquire("p", &here, LIFE).await.unwrap(), Acquired::Ours(None)));
    let Acquired::Theirs(held) = second.acquire("p", &Holder::this("run-2"), LIFE).await.unwrap() else { panic!("it is held") };
    assert_eq!(held.holder, here);
    assert_eq!((held.since, held.until), (Timestamp::from_seconds(1_770_000_000), Timestamp::from_seconds(1_770_000_060)));
    assert!(matches!(second.acquire("another", &Holder::this("run-2"), LIFE).await.unwrap(), Acquired::Ours(None)));

    // Only who has it may renew it or give it back.
    second.release("p", "run-2").await.unwrap();
    assert!(!second.renew("p", "run-2", LIFE).await.unwrap());
    assert!(store.at(50).await.renew("p", "run-1", LIFE).await.unwrap());
    assert!(matches!(store.at(100).await.acquire("p", &Holder::this("run-2"), LIFE).await.unwrap(), Acquired::Theirs(_)));
    first.release("p", "run-1").await.unwrap();
    assert!(matches!(second.acquire("p", &Holder::this("run-2"), LIFE).await.unwrap(), Acquired::Ours(None)));
}

pub(crate) async fn a_run_that_is_late_or_gone_is_taken_over(store: &Store) {
    let first = store.at(0).await;
    assert!(matches!(first.acquire("p", &elsewhere("run-1"), LIFE).await.unwrap(), Acquired::Ours(None)));
    assert!(matches!(store.at(59).await.acquire("p", &Holder::this("run-2"), LIFE).await.unwrap(), Acquired::Theirs(_)));
    let Acquired::Ours(Some(taken)) = store.at(60).await.acquire("p", &Holder::this("run-2"), LIFE).await.unwrap() else {
        panic!("its time is over")
    };
    assert_eq!((taken.holder, taken.gone), (elsewhere("run-1"), false));
    assert!(!store.at(61).await.renew("p", "run-1", LIFE).await.unwrap(), "what is lost is lost");
    assert!(store.at(61).await.renew("p", "run-2", LIFE).await.unwrap());

    // A process of this machine that is no more needs no waiting.
    let gone = Holder { process: u32::MAX - 1, ..Holder::this("run-3") };
    assert!(matches!(first.acquire("q", &gone, LIFE).await.unwrap(), Acquired::Ours(None)));
    let Acquired::Ours(Some(taken)) = first.acquire("q", &Holder::this("run-4"), LIFE).await.unwrap() else { panic!("it is gone") };
    assert!(taken.gone);
}

pub(crate) async fn of_many_that_ask_at_once_one_gets_it(store: &Store) {
    let mut tasks = Vec::new();
    for number in 0..8 {
        let control = store.open().await;
        tasks.push(tokio::spawn(async move { control.acquire("p", &Holder::this(&format!("run-{number}")), LIFE).await.unwrap() }));
    }
    let mut ours = 0;
    for task in tasks {
        ours += u32::from(matches!(task.await.unwrap(), Acquired::Ours(_)));
    }
    assert_eq!(ours, 1);
}
