//! What an engine does with a budget and a token store that others use too.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aqueduct_connector::{Auth, ClientAuthentication, Grant, Limit, LimitClass, Usage};
use aqueduct_engine::{Ask, Budget, Handful, Settings, StoredTokens, TokenStore, TokenTurn};
use aqueduct_schema::{Error, Result, Secret, codes};
use async_trait::async_trait;

use crate::clock::{BEGINNING, TestClock};
use crate::server::{Reply, Seen, Server};
use crate::support::{OneRequest, settings};

/// Answers as it was told to, and then with as many as are wanted.
#[derive(Debug, Default)]
struct Written {
    answers: Mutex<VecDeque<Handful>>,
    asked: Mutex<Vec<Ask>>,
    slowed: Mutex<Vec<(LimitClass, Duration)>>,
}

#[async_trait]
impl Budget for Written {
    async fn take(&self, ask: &Ask) -> Result<Handful> {
        self.asked.lock().unwrap().push(*ask);
        Ok(self.answers.lock().unwrap().pop_front().unwrap_or(Handful::Go { count: ask.wanted, taken_at: BEGINNING }))
    }

    async fn slow_down(&self, class: LimitClass, wait: Duration) -> Result<()> {
        self.slowed.lock().unwrap().push((class, wait));
        Ok(())
    }

    async fn learn(&self, _: Usage) -> Result<()> {
        Ok(())
    }
}

fn limited(server: &Server) -> OneRequest {
    OneRequest { limits: vec![Limit::new(LimitClass::DEFAULT, 1_000, Duration::from_secs(10))], ..OneRequest::new(&server.base_url) }
}

fn with(budget: &Arc<Written>) -> Settings {
    Settings { budget: Some(budget.clone()), ..settings() }
}

#[tokio::test]
async fn handfuls_grow_with_what_is_used_and_the_rest_is_given_back() {
    let server = Server::start(|_, _| Reply::ok("x")).await;
    let (clock, budget) = (Arc::new(TestClock::running()), Arc::new(Written::default()));
    let engine = limited(&server).engine_with(&clock, with(&budget));
    for _ in 0..8 {
        engine.check().await.unwrap();
    }
    let wanted = |budget: &Written| {
        budget.asked.lock().unwrap().iter().map(|ask| (ask.wanted, ask.returned.map(|(_, count)| count))).collect::<Vec<_>>()
    };
    assert_eq!(wanted(&budget), [(1, None), (2, None), (4, None), (8, None)]);
    // Of the last eight one is sent. The others lapse, since they were for a moment.
    clock.advance(Duration::from_millis(150));
    engine.check().await.unwrap();
    assert_eq!(wanted(&budget).last(), Some(&(4, Some(7))));
    assert!(clock.slept().is_empty(), "nobody waited");
}

#[tokio::test]
async fn it_waits_as_the_budget_says_and_stops_when_it_is_spent() {
    let server = Server::start(|_, _| Reply::ok("x")).await;
    let (clock, budget) = (Arc::new(TestClock::running()), Arc::new(Written::default()));
    let renewed_in = Some(Duration::from_secs(3_600));
    *budget.answers.lock().unwrap() = [
        Handful::Wait(Duration::from_secs(3)),
        Handful::Go { count: 1, taken_at: BEGINNING },
        Handful::Spent { used: 7, allowed: 7, renewed_in },
    ]
    .into();
    let engine = limited(&server).engine_with(&clock, with(&budget));
    engine.check().await.unwrap();
    assert_eq!(clock.slept(), [Duration::from_secs(3)]);
    let error = engine.check().await.unwrap_err();
    assert_eq!((error.code(), error.retry_after()), (codes::QUOTA_REACHED, renewed_in));
    assert_eq!(server.count("/thing"), 1);
}

#[tokio::test]
async fn when_one_is_told_to_slow_down_all_are() {
    let asked = AtomicUsize::new(0);
    let server = Server::start(move |_, _| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::new(429, "{}").header("retry-after", "7"),
        _ => Reply::ok("x"),
    })
    .await;
    let (clock, budget) = (Arc::new(TestClock::running()), Arc::new(Written::default()));
    limited(&server).engine_with(&clock, with(&budget)).check().await.unwrap();
    assert_eq!(*budget.slowed.lock().unwrap(), [(LimitClass::DEFAULT, Duration::from_secs(7))]);
}

/// A store in memory that can be told to fail.
#[derive(Debug, Default)]
struct Stored {
    kept: Mutex<Option<(u64, StoredTokens)>>,
    turn: Mutex<Option<u64>>,
    failures: AtomicUsize,
    abandoned: AtomicUsize,
    extended: tokio::sync::Notify,
}

#[async_trait]
impl TokenStore for Stored {
    async fn turn(&self, stale: Option<u64>) -> Result<TokenTurn> {
        let kept = self.kept.lock().unwrap().clone();
        if let Some((serial, tokens)) = kept.clone().filter(|(serial, _)| stale != Some(*serial)) {
            return Ok(TokenTurn::Use { serial, tokens });
        }
        *self.turn.lock().unwrap() = Some(1);
        let refresh_token = kept.and_then(|(_, tokens)| tokens.refresh_token);
        Ok(TokenTurn::Renew { ticket: 1, extend_every: Duration::from_millis(1), refresh_token, interrupted: false })
    }

    async fn keep(&self, ticket: u64, tokens: &StoredTokens) -> Result<Option<u64>> {
        if self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            return Err(Error::new(codes::CONTROL_UNREACHABLE, "the disk is full"));
        }
        assert_eq!(self.turn.lock().unwrap().take(), Some(ticket));
        let mut kept = self.kept.lock().unwrap();
        let serial = kept.as_ref().map_or(1, |(serial, _)| serial + 1);
        *kept = Some((serial, tokens.clone()));
        Ok(Some(serial))
    }

    async fn extend(&self, ticket: u64) -> Result<()> {
        assert_eq!(*self.turn.lock().unwrap(), Some(ticket));
        self.extended.notify_one();
        Ok(())
    }

    async fn abandon(&self, _: u64) -> Result<()> {
        self.abandoned.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

fn oauth() -> Auth {
    Auth::OAuth2 {
        token_url: "/oauth/token".to_owned(),
        client_id: "app".to_owned(),
        client_secret: Secret::new("s"),
        grant: Grant::RefreshToken(Secret::new("refresh-0")),
        authentication: ClientAuthentication::Body,
        instance: None,
    }
}

/// A vendor whose refresh tokens may be used once each, and whose access token of this number alone is taken.
async fn strict(valid: Arc<AtomicUsize>) -> Server {
    let given = AtomicUsize::new(0);
    Server::start(move |seen: &Seen, _| {
        if seen.path() == "/oauth/token" {
            let number = given.load(Ordering::SeqCst);
            if !seen.body.contains(&format!("refresh_token=refresh-{number}&")) {
                return Reply::new(400, r#"{"error":"invalid_grant"}"#);
            }
            given.store(number + 1, Ordering::SeqCst);
            return Reply::ok(format!(r#"{{"access_token":"token-{0}","refresh_token":"refresh-{0}"}}"#, number + 1));
        }
        match seen.header("authorization") {
            Some(header) if header == format!("Bearer token-{}", valid.load(Ordering::SeqCst)) => Reply::ok(header),
            _ => Reply::new(401, "{}"),
        }
    })
    .await
}

#[tokio::test]
async fn engines_that_share_a_store_share_its_tokens() {
    let valid = Arc::new(AtomicUsize::new(1));
    let server = strict(valid.clone()).await;
    let (clock, store) = (Arc::new(TestClock::running()), Arc::new(Stored::default()));
    let engine =
        || OneRequest::new(&server.base_url).auth(oauth()).engine_with(&clock, Settings { token_store: Some(store.clone()), ..settings() });
    let (one, other) = (engine(), engine());
    assert_eq!(
        (one.check().await.unwrap().id, other.check().await.unwrap().id),
        ("Bearer token-1".to_owned(), "Bearer token-1".to_owned())
    );
    assert_eq!(server.count("/oauth/token"), 1);
    // One finds out that the token is no longer taken, and the other uses what came of it.
    valid.store(2, Ordering::SeqCst);
    assert_eq!(
        (one.check().await.unwrap().id, other.check().await.unwrap().id),
        ("Bearer token-2".to_owned(), "Bearer token-2".to_owned())
    );
    assert_eq!(server.count("/oauth/token"), 2);
    // A third begins with what is stored.
    assert_eq!(engine().check().await.unwrap().id, "Bearer token-2");
    assert_eq!(server.count("/oauth/token"), 2);
}

#[tokio::test]
async fn tokens_that_could_not_be_stored_are_neither_used_nor_lost() {
    let server = strict(Arc::new(AtomicUsize::new(1))).await;
    let (clock, store) = (Arc::new(TestClock::running()), Arc::new(Stored::default()));
    store.failures.store(1, Ordering::SeqCst);
    let settings = Settings { token_store: Some(store.clone()), ..settings() };
    let engine = OneRequest::new(&server.base_url).auth(oauth()).engine_with(&clock, Settings { max_attempts: 1, ..settings.clone() });
    assert_eq!(engine.check().await.unwrap_err().code(), codes::CONTROL_UNREACHABLE);
    assert_eq!((server.count("/oauth/token"), server.count("/thing")), (1, 0));
    assert_eq!(engine.check().await.unwrap().id, "Bearer token-1");
    assert_eq!(server.count("/oauth/token"), 1);

    // A refusal ends the turn.
    *store.kept.lock().unwrap() = None;
    let again = OneRequest::new(&server.base_url).auth(oauth()).engine_with(&clock, settings);
    assert_eq!(again.check().await.unwrap_err().code(), codes::CREDENTIALS_REFUSED);
    assert_eq!(store.abandoned.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_turn_is_kept_for_as_long_as_the_answer_is_waited_for() {
    let server = Server::start(|_, _| Reply::silent()).await;
    let (clock, store) = (Arc::new(TestClock::running()), Arc::new(Stored::default()));
    let settings = Settings { token_store: Some(store.clone()), ..settings() };
    let engine = OneRequest::new(&server.base_url).auth(oauth()).engine_with(&clock, settings);
    let renewal = tokio::spawn(async move { engine.check().await });
    for _ in 0..3 {
        store.extended.notified().await;
    }
    assert!(!renewal.is_finished());
    renewal.abort();
}
