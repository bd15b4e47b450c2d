//! Tokens and who renews them.

use aqueduct_control::{Control, Tokens, Turn};
use aqueduct_schema::{Secret, Timestamp, codes};

use crate::store::Store;

fn tokens(access: &str, refresh: Option<&str>) -> Tokens {
    Tokens {
        access_token: Secret::new(access),
        refresh_token: refresh.map(Secret::new),
        instance: Some("https://acme.example".to_owned()),
        renew_at: Some(Timestamp::from_seconds(1_770_000_100)),
        expires_at: Some(Timestamp::from_seconds(1_770_000_200)),
    }
}

#[track_caller]
fn renewal(turn: Turn) -> (u64, Option<String>, bool) {
    match turn {
        Turn::Renew { ticket, refresh_token, interrupted, .. } => {
            (ticket, refresh_token.map(|token| token.expose().to_owned()), interrupted)
        }
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn tokens_come_back_and_are_not_readable(store: &Store) {
    let control = store.at(0).await;
    let (ticket, refresh, interrupted) = renewal(control.turn("grant", None).await.unwrap());
    assert_eq!((refresh, interrupted), (None, false));
    let serial = control.keep("grant", ticket, &tokens("canary-access", Some("canary-\"refresh"))).await.unwrap().unwrap();
    assert!(!store.content().await.contains("canary"));

    let Turn::Use { serial: found, tokens: used } = store.at(50).await.turn("grant", None).await.unwrap() else { panic!("they are valid") };
    assert_eq!((found, used.access_token.expose(), used.instance.as_deref()), (serial, "canary-access", Some("https://acme.example")));
    assert_eq!((used.renew_at, used.expires_at), (tokens("", None).renew_at, tokens("", None).expires_at));
    // What the vendor refuses, or what is old, is renewed with the newest refresh token; one that is not replaced stays.
    let (ticket, refresh, _) = renewal(store.at(50).await.turn("grant", Some(serial)).await.unwrap());
    assert_eq!(refresh.as_deref(), Some("canary-\"refresh"));
    control.keep("grant", ticket, &tokens("second", None)).await.unwrap().unwrap();
    let (_, refresh, _) = renewal(store.at(100).await.turn("grant", None).await.unwrap());
    assert_eq!(refresh.as_deref(), Some("canary-\"refresh"));
    // A refresh token that another consent gave is another grant.
    assert_eq!(renewal(control.turn("another", None).await.unwrap()).1, None);
}

pub(crate) async fn one_at_a_time_renews(store: &Store) {
    let mut tasks = Vec::new();
    for _ in 0..6 {
        let control: Control = store.at(0).await;
        tasks.push(tokio::spawn(async move { control.turn("grant", None).await.unwrap() }));
    }
    let mut tickets = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            Turn::Renew { ticket, .. } => tickets.push(ticket),
            Turn::Wait(wait) => assert!(!wait.is_zero()),
            Turn::Use { .. } => panic!("there is none yet"),
        }
    }
    assert_eq!(tickets.len(), 1);
    let control = store.at(0).await;
    assert_eq!(control.keep("grant", tickets[0] + 1, &tokens("wrong", None)).await.unwrap(), None);
    control.abandon("grant", tickets[0]).await.unwrap();
    let (ticket, _, interrupted) = renewal(control.turn("grant", None).await.unwrap());
    assert!(!interrupted, "it ended in an orderly way");
    assert_eq!(control.keep("grant", tickets[0], &tokens("late", None)).await.unwrap(), None, "its turn is over");
    control.keep("grant", ticket, &tokens("right", None)).await.unwrap().unwrap();
    assert!(matches!(control.turn("grant", None).await.unwrap(), Turn::Use { tokens, .. } if tokens.access_token.expose() == "right"));
}

pub(crate) async fn a_renewal_that_was_broken_off_is_told(store: &Store) {
    let (ticket, ..) = renewal(store.at(0).await.turn("grant", None).await.unwrap());
    assert!(matches!(store.at(50).await.turn("grant", None).await.unwrap(), Turn::Wait(_)));
    // Who says that the answer is still waited for keeps the turn; nobody else can.
    store.at(50).await.extend("grant", ticket).await.unwrap();
    store.at(100).await.extend("grant", ticket + 1).await.unwrap();
    assert!(matches!(store.at(109).await.turn("grant", None).await.unwrap(), Turn::Wait(_)));
    let (second, _, interrupted) = renewal(store.at(110).await.turn("grant", None).await.unwrap());
    assert!(interrupted);
    store.at(160).await.extend("grant", ticket).await.unwrap();
    assert!(renewal(store.at(170).await.turn("grant", None).await.unwrap()).0 != second, "its turn was over and stayed so");
}

pub(crate) async fn another_key_opens_nothing(store: &Store) {
    let control = store.at(0).await;
    let (ticket, ..) = renewal(control.turn("grant", None).await.unwrap());
    control.keep("grant", ticket, &tokens("canary", None)).await.unwrap().unwrap();
    let other = Control::open(&store.url, Some(Secret::new("f".repeat(40)))).await.unwrap();
    let error = other.turn("grant", None).await.unwrap_err();
    assert_eq!(error.code(), codes::TOKENS_SEALED);
    assert!(!format!("{error} {error:?}").contains("canary"));
    let keyless = Control::open(&store.url, None).await.unwrap().turn("grant", None).await.unwrap_err();
    let expected = if store.url.expose().starts_with("sqlite") { codes::TOKENS_SEALED } else { codes::BAD_CONTROL };
    assert_eq!(keyless.code(), expected);
}
