//! Retries, limits, timeouts, caps and where requests may go.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use aqueduct_connector::{Limit, LimitClass, Request};
use aqueduct_engine::{Clock, Settings};
use aqueduct_schema::{Error, ErrorKind, Retry, codes};

use crate::clock::{BEGINNING, TestClock};
use crate::server::{Reply, Server};
use crate::support::{OneRequest, settings};

/// The answer of one request to a server, and the server.
async fn ask(handler: impl Fn(usize) -> Reply + Send + Sync + 'static) -> (Result<String, Error>, Server, Arc<TestClock>) {
    ask_with(handler, settings()).await
}

async fn ask_with(
    handler: impl Fn(usize) -> Reply + Send + Sync + 'static,
    settings: Settings,
) -> (Result<String, Error>, Server, Arc<TestClock>) {
    let server = Server::start(move |_, number| handler(number)).await;
    let clock = Arc::new(TestClock::running());
    let answer = OneRequest::new(&server.base_url).engine_with(&clock, settings).check().await.map(|account| account.id);
    (answer, server, clock)
}

fn fact<'e>(error: &'e Error, name: &str) -> Option<&'e str> {
    error.context().iter().find(|(mine, _)| *mine == name).map(|(_, value)| value.as_str())
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn what_fails_for_a_moment_is_tried_again() {
    let (answer, server, clock) = ask(|number| if number < 2 { Reply::new(502 + number as u16, "") } else { Reply::ok("fine") }).await;
    assert_eq!(answer.unwrap(), "fine");
    assert_eq!(server.seen().len(), 3);
    let slept = clock.slept();
    assert_eq!(slept.len(), 2);
    // Half a second doubling, with a jitter of a half either way.
    assert!((250..=751).contains(&slept[0].as_millis()) && (500..=1_501).contains(&slept[1].as_millis()), "{slept:?}");
}

#[tokio::test]
async fn what_does_not_get_better_is_given_up() {
    let (answer, server, _) = ask(|_| Reply::new(500, r#"{"category":"INTERNAL","message":"about ada@example.com"}"#)).await;
    let error = answer.unwrap_err();
    assert_eq!((error.code(), error.retry()), (codes::SOURCE_FAILED, Retry::Exhausted));
    assert_eq!((fact(&error, "attempts"), fact(&error, "status"), fact(&error, "reason")), (Some("4"), Some("500"), Some("INTERNAL")));
    assert_eq!(error.operation_name(), Some("things: get"));
    assert_eq!(server.seen().len(), 4);
    assert!(!format!("{error:?}").contains("example.com"));
}

#[tokio::test]
async fn an_answer_of_the_wrong_shape_is_asked_for_again() {
    let server = Server::start(|_, number| Reply::ok(if number < 2 { "<html>busy</html>" } else { "{}" })).await;
    let mut connector = OneRequest::new(&server.base_url);
    connector.expects_json = true;
    assert_eq!(connector.clone().engine(&Arc::new(TestClock::running())).check().await.unwrap().id, "{}");
    let stubborn = Server::start(|_, _| Reply::ok("<html>ada@example.com</html>")).await;
    connector.base_url = stubborn.base_url.clone();
    let error = connector.engine(&Arc::new(TestClock::running())).check().await.unwrap_err();
    assert_eq!((error.code(), error.retry()), (codes::MALFORMED_ANSWER, Retry::Exhausted));
    assert_eq!((server.seen().len(), stubborn.seen().len()), (3, 3));
    assert!(!format!("{error:?}").contains("ada"));
}

#[tokio::test]
async fn the_budget_of_time_ends_retries() {
    let patience = Settings { max_attempts: 1_000, max_elapsed: Duration::from_secs(30), ..settings() };
    let (answer, server, clock) = ask_with(|_| Reply::new(503, "").header("retry-after", "8"), patience).await;
    assert_eq!(answer.unwrap_err().retry(), Retry::Exhausted);
    assert_eq!(server.seen().len(), 4);
    assert_eq!(clock.slept(), vec![Duration::from_secs(8); 3]);
}

#[tokio::test]
async fn a_source_that_asks_for_patience_gets_it() {
    let table: [(&str, u64, u64); 4] = [
        ("7", 7_000, 7_000),
        ("Thu, 01 Jan 2026 00:00:30 GMT", 30_000, 30_000),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 100, 100),
        ("1767225600", 250, 751),
    ];
    for (asked, least, most) in table {
        let (answer, server, clock) = ask(move |number| match number {
            0 => Reply::new(429, "").header("retry-after", asked).header("date", "Thu, 01 Jan 2026 00:00:00 GMT"),
            _ => Reply::ok("fine"),
        })
        .await;
        assert_eq!(answer.unwrap(), "fine");
        assert_eq!(server.seen().len(), 2);
        let waited = clock.now().since(BEGINNING).as_millis() as u64;
        assert!((least..=most).contains(&waited), "{asked}: {waited}");
    }
}

#[tokio::test]
async fn a_header_of_the_vendors_own_counts_for_slowing_down_alone_and_after_the_usual_one() {
    for (status, usual, waited) in [(429, None, 40_000), (429, Some("7"), 7_000), (503, None, 751)] {
        let (answer, server, clock) = ask(move |number| match (number, usual) {
            (0, None) => Reply::new(status, "").header("x-limit-reset", "40"),
            (0, Some(usual)) => Reply::new(status, "").header("x-limit-reset", "40").header("retry-after", usual),
            _ => Reply::ok("fine"),
        })
        .await;
        assert_eq!((answer.unwrap().as_str(), server.seen().len()), ("fine", 2));
        let millis = clock.now().since(BEGINNING).as_millis() as u64;
        assert!(if status == 429 { millis == waited } else { millis <= waited }, "{status} {usual:?}: {millis}");
    }
}

#[tokio::test]
async fn too_long_a_wait_fails_with_what_was_asked() {
    let (answer, server, _) = ask(|_| Reply::new(429, "").header("retry-after", "3600")).await;
    let error = answer.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::RateLimited, Retry::Temporary));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3_600)));
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn slow_down_holds_for_the_whole_class() {
    let server = Server::start(|_, number| if number == 0 { Reply::new(429, "").header("retry-after", "10") } else { Reply::ok("") }).await;
    let clock = Arc::new(TestClock::held());
    let engine = Arc::new(OneRequest::new(&server.base_url).engine(&clock));
    let ask = || {
        let engine = engine.clone();
        tokio::spawn(async move { engine.check().await.map(|_| ()) })
    };
    let first = ask();
    clock.asleep(1).await;
    let second = ask();
    clock.asleep(2).await;
    assert_eq!(server.seen().len(), 1);
    clock.advance(Duration::from_secs(10));
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn limits_hold_in_time_and_at_once() {
    let server = Server::start(|_, _| Reply::ok("")).await;
    let clock = Arc::new(TestClock::running());
    let mut connector = OneRequest::new(&server.base_url);
    connector.limits = vec![Limit { concurrent: 1, ..Limit::new(LimitClass::DEFAULT, 5, Duration::from_secs(1)) }];
    let engine = connector.engine(&clock);
    for _ in 0..21 {
        engine.check().await.unwrap();
    }
    // The first goes at once, each of the 20 others a fifth of a second later.
    assert_eq!(clock.now().since(BEGINNING).as_millis() / 10, 400);
}

#[tokio::test]
async fn silence_and_dripping_end_in_time() {
    let hasty = Settings { idle_timeout: Duration::from_millis(60), max_attempts: 2, ..settings() };
    let (answer, server, _) = ask_with(|_| Reply::silent(), hasty).await;
    let error = answer.unwrap_err();
    assert_eq!((error.code(), error.retry()), (codes::NETWORK, Retry::Exhausted));
    assert_eq!(server.seen().len(), 2);
    let hasty = Settings { total_timeout: Duration::from_millis(80), max_attempts: 1, ..settings() };
    let (answer, _, _) = ask_with(|_| Reply::dripping(), hasty).await;
    let error = answer.unwrap_err();
    assert_eq!((error.code(), error.message()), (codes::NETWORK, "the answer took too long"));
}

#[tokio::test]
async fn no_connection_is_a_network_error_without_the_address() {
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let clock = Arc::new(TestClock::running());
    let mut connector = OneRequest::new(&closed);
    connector.request = connector.request.query("email", "ada@example.com");
    let error = connector.engine(&clock).check().await.unwrap_err();
    assert_eq!((error.code(), error.message()), (codes::NETWORK, "no connection"));
    assert!(!format!("{error:?}").contains("ada"), "{error:?}");
}

#[tokio::test]
async fn bodies_that_break_off_are_not_used() {
    let (answer, server, _) = ask(|number| match number {
        0 => Reply::ok(r#"{"results":["#).claiming(500),
        1 => Reply::ok("").claiming(7_000_000),
        2 => Reply::ok(&gzip(b"a whole answer")[..20]).header("content-encoding", "gzip"),
        _ => Reply::ok(gzip(b"a whole answer")).header("content-encoding", "gzip"),
    })
    .await;
    assert_eq!(answer.unwrap(), "a whole answer");
    assert_eq!(server.seen().len(), 4);
    assert!(server.seen().iter().all(|seen| seen.header("accept-encoding") == Some("gzip")));
}

#[tokio::test]
async fn hostile_bodies_are_refused_at_once() {
    let bomb = gzip(&vec![b' '; 5 << 20]);
    let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
    let replies: [Box<dyn Fn() -> Reply + Send + Sync>; 4] = [
        Box::new(move || Reply::ok(bomb.clone()).header("content-encoding", "gzip")),
        Box::new(move || Reply::ok(deep.clone())),
        Box::new(|| Reply::ok("").claiming(9 << 20)),
        Box::new(|| Reply::ok(vec![b' '; 9 << 20])),
    ];
    for reply in replies {
        let (answer, server, _) = ask(move |_| reply()).await;
        let error = answer.unwrap_err();
        assert_eq!((error.code(), error.retry()), (codes::HOSTILE_ANSWER, Retry::Never));
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test]
async fn redirects_stay_on_their_host() {
    let elsewhere = Server::start(|_, _| Reply::ok("stolen")).await;
    let away = format!("{}/thing", elsewhere.base_url);
    let (answer, _, _) = ask(move |_| Reply::new(302, "").header("location", &away)).await;
    assert_eq!(answer.unwrap_err().code(), codes::HOSTILE_ANSWER);
    assert!(elsewhere.seen().is_empty());
    let (answer, server, _) = ask(|number| match number {
        0 => Reply::new(307, "").header("location", "/moved?a=1"),
        _ => Reply::ok("here"),
    })
    .await;
    assert_eq!((answer.unwrap().as_str(), server.seen()[1].target.as_str()), ("here", "/moved?a=1"));
    let (answer, server, _) = ask(|_| Reply::new(301, "").header("location", "/thing")).await;
    assert!(answer.unwrap_err().message().contains("redirects too often"));
    assert_eq!(server.seen().len(), 6 * 4);
}

#[tokio::test]
async fn addresses_on_other_hosts_are_never_asked() {
    let elsewhere = Server::start(|_, _| Reply::ok("stolen")).await;
    let server = Server::start(|_, _| Reply::ok("fine")).await;
    let clock = Arc::new(TestClock::running());
    let mut connector = OneRequest::new(&server.base_url);
    connector.request = Request::get(format!("{}/next", elsewhere.base_url), "next");
    assert_eq!(connector.clone().engine(&clock).check().await.unwrap_err().code(), codes::HOSTILE_ANSWER);
    connector.request = Request::get(format!("{}/next?after=2", server.base_url), "next");
    assert_eq!(connector.engine(&clock).check().await.unwrap().id, "fine");
    assert!(elsewhere.seen().is_empty());
}

#[tokio::test]
async fn what_may_have_been_done_is_not_done_twice() {
    for (status, requests) in [(500, 1), (429, 4)] {
        let server = Server::start(move |_, _| Reply::new(status, "")).await;
        let mut connector = OneRequest::new(&server.base_url);
        connector.request = Request { idempotent: false, ..Request::post("/thing", "{}".to_owned(), "things: do") };
        assert!(connector.engine(&Arc::new(TestClock::running())).check().await.is_err());
        assert_eq!(server.seen().len(), requests, "{status}");
    }
}

#[tokio::test]
async fn statuses_mean_what_the_table_says() {
    for (status, code) in [(403, codes::PERMISSION_DENIED), (404, codes::REQUEST_REJECTED), (302, codes::REQUEST_REJECTED)] {
        let (answer, server, _) = ask(move |_| Reply::new(status, "<p>ada@example.com</p>")).await;
        let error = answer.unwrap_err();
        assert_eq!((error.code(), error.retry()), (code, Retry::Never));
        assert_eq!(server.seen().len(), 1);
        assert!(!format!("{error:?}").contains("ada"));
    }
}

#[tokio::test]
async fn the_servers_time_is_the_date_it_sends() {
    let server = Server::start(|_, _| Reply::ok("").header("date", "Tue, 02 Dec 2025 10:20:30 GMT")).await;
    let account = OneRequest::new(&server.base_url).engine(&Arc::new(TestClock::running())).check().await.unwrap();
    assert_eq!(account.name.as_deref(), Some("2025-12-02T10:20:30Z"));
    let server = Server::start(|_, _| Reply::ok("")).await;
    let account = OneRequest::new(&server.base_url).engine(&Arc::new(TestClock::running())).check().await.unwrap();
    assert_eq!(account.name, Some(BEGINNING.to_string()));
}
