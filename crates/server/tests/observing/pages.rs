//! Health, readiness, pipelines and runs, and who may do what.

use std::net::SocketAddr;
use std::sync::Arc;

use aqueduct_pipeline::control_store::{Control, Outcome};
use aqueduct_pipeline::schema::{Secret, Timestamp, codes};
use aqueduct_server::http::{Server, Settings, Token};
use aqueduct_server::metrics::Metrics;
use aqueduct_server::overview::{Check, Problem, Readiness, Wish};
use serde_json::json;
use tokio::sync::watch;

use crate::browser::{get, say};
use crate::ledger::{empty, known, run};
use crate::scheduler::{Told, busy, idle};

const TOKEN: &str = "0123456789abcdef";

struct Site {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

async fn serve(told: Arc<Told>, control: &Control, settings: Settings) -> Site {
    let settings = Settings { address: SocketAddr::new(settings.address.ip(), 0), ..settings };
    let server = Server::bind(settings, told, control.clone(), Arc::new(Metrics::default())).await.unwrap();
    let port = server.address().port();
    let (stop, stopped) = watch::channel(false);
    let task = tokio::spawn(server.run(stopped));
    Site { address: SocketAddr::from(([127, 0, 0, 1], port)), stop, task }
}

fn with_token() -> Settings {
    Settings { token: Some(Token::new(&Secret::new(TOKEN)).unwrap()), ..Settings::default() }
}

fn pipelines() -> Vec<aqueduct_server::overview::PipelineStatus> {
    vec![busy("crm"), idle("shop")]
}

#[tokio::test]
async fn health_is_that_of_the_loop_and_readiness_that_of_what_it_needs() {
    let store = empty().await;
    let site = serve(Arc::new(Told::new(pipelines())), &store.control, Settings::default()).await;
    let answer = get(site.address, "/healthz").await;
    assert_eq!((answer.status, &answer.json()["status"], &answer.json()["uptime_seconds"]), (200, &json!("ok"), &json!(3_600)));
    let answer = get(site.address, "/readyz").await;
    assert_eq!((answer.status, answer.json()), (200, json!({"ready": true, "checks": [{"name": "control_store", "ok": true}]})));

    let mut told = Told::new(pipelines());
    told.ticked = Timestamp::from_seconds(told.ticked.microseconds() / 1_000_000 - 31);
    let problem = Problem { code: "AQ4004".into(), message: "no".into(), advice: "Do.".into(), file: None, line: None, column: None };
    told.readiness = Readiness::of(vec![Check { name: "control_store".into(), subject: None, ok: false, problem: Some(problem) }]);
    let site = serve(Arc::new(told), &store.control, Settings::default()).await;
    let answer = get(site.address, "/healthz").await;
    assert_eq!((answer.status, &answer.json()["status"]), (503, &json!("stuck")));
    let answer = get(site.address, "/readyz").await;
    assert_eq!((answer.status, &answer.json()["checks"][0]["problem"]["code"]), (503, &json!("AQ4004")));
}

#[tokio::test]
async fn pipelines_and_runs_are_told() {
    let store = known().await;
    let site = serve(Arc::new(Told::new(pipelines())), &store.control, Settings::default()).await;
    let all = get(site.address, "/api/pipelines").await.json();
    assert_eq!(
        (&all["at"], &all["pipelines"][0]["name"], &all["pipelines"][1]["state"]),
        (&json!("2026-11-22T12:00:00Z"), &json!("crm"), &json!("idle"))
    );
    let one = get(site.address, "/api/pipelines/shop").await;
    assert_eq!((one.status, &one.json()["next"]), (200, &json!("2026-11-22T12:15:00Z")));
    let none = get(site.address, "/api/pipelines/shpo").await;
    assert_eq!((none.status, &none.json()["error"]["advice"]), (404, &json!("The nearest name is `shop`.")));

    let runs = get(site.address, "/api/runs?pipeline=crm&limit=2").await.json();
    let ids: Vec<&str> = runs["runs"].as_array().unwrap().iter().map(|run| run["run_id"].as_str().unwrap()).collect();
    let expected = [run("crm", 100, Outcome::Ok, 0).run_id, run("crm", 200, Outcome::Failed, 4).run_id];
    assert_eq!(ids, expected);
    let failed = get(site.address, "/api/runs?outcome=failed&since=2026-11-22T00:00:00Z").await.json();
    assert_eq!(failed["runs"].as_array().unwrap().len(), 1);
    let one = get(site.address, &format!("/api/runs/{}", expected[1])).await;
    assert_eq!((one.status, &one.json()["exit_code"], &one.json()["streams"][0]["read"]), (200, &json!(4), &json!(100)));
    assert_eq!(get(site.address, "/api/runs/20261122000000-00000000").await.status, 404);
    for bad in ["limit=0", "limit=501", "limit=x", "pipline=crm", "outcome=good", "since=yesterday"] {
        let answer = get(site.address, &format!("/api/runs?{bad}")).await;
        assert_eq!(answer.status, 400, "{bad}");
        assert!(answer.json()["error"]["message"].as_str().is_some_and(|message| !message.is_empty()));
    }
    let front = get(site.address, "/").await;
    assert!(front.status == 200 && front.body.contains("/healthz"));
    assert_eq!(get(site.address, "/no").await.status, 404);
}

#[tokio::test]
async fn wishes_need_the_token() {
    let store = empty().await;
    let told = Arc::new(Told::new(pipelines()));
    let site = serve(told.clone(), &store.control, Settings::default()).await;
    let run = "POST /api/pipelines/crm/run HTTP/1.1";
    let bearer = format!("Authorization: Bearer {TOKEN}");
    assert_eq!(say(site.address, &[run, "Host: localhost", &bearer], "").await.status, 403, "there is no token");

    let site = serve(told.clone(), &store.control, with_token()).await;
    for wrong in
        ["X: y", "Authorization: Bearer 0123456789abcdeX", "Authorization: Bearer", "Authorization: Basic MDEyMzQ1Njc4OWFiY2RlZg=="]
    {
        let answer = say(site.address, &[run, "Host: localhost", wrong], "").await;
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")), "{wrong}");
    }
    assert!(told.asked.lock().unwrap().is_empty());
    for (page, status) in [("crm/run", 202), ("crm/pause", 200), ("crm/resume", 409), ("cmr/run", 404)] {
        let answer = say(site.address, &[&format!("POST /api/pipelines/{page} HTTP/1.1"), "Host: localhost", &bearer], "").await;
        assert_eq!(answer.status, status, "{page}");
    }
    let asked = told.asked.lock().unwrap().clone();
    let crm = |wish| ("crm".to_owned(), wish);
    assert_eq!(asked, [crm(Wish::Run), crm(Wish::Pause), crm(Wish::Resume), ("cmr".to_owned(), Wish::Run)]);
    // Reading needs none here, and a wish is not a page to be read.
    assert_eq!(get(site.address, "/api/pipelines").await.status, 200);
    assert_eq!(get(site.address, "/api/pipelines/crm/run").await.status, 405);
}

#[tokio::test]
async fn a_foreign_page_can_neither_read_nor_write() {
    let store = empty().await;
    let site = serve(Arc::new(Told::new(pipelines())), &store.control, with_token()).await;
    for (host, status) in [
        ("Host: localhost", 200),
        ("Host: localhost:9321", 200),
        ("Host: 127.0.0.1", 200),
        ("Host: [::1]:80", 200),
        ("Host: evil.example", 421),
        ("Host: localhost.evil.example", 421),
        ("Host: 192.168.1.2", 421),
        ("Host: localhost@evil.example", 400),
        ("X: y", 400),
        ("Host: localhost\r\nHost: evil.example", 400),
    ] {
        for page in ["/healthz", "/api/pipelines", "/metrics"] {
            assert_eq!(say(site.address, &[&format!("GET {page} HTTP/1.1"), host], "").await.status, status, "{host} {page}");
        }
    }
    let lines = [
        "OPTIONS /api/pipelines/crm/run HTTP/1.1",
        "Host: localhost",
        "Origin: http://evil.example",
        "Access-Control-Request-Method: POST",
    ];
    let answer = say(site.address, &lines, "").await;
    assert_eq!(answer.status, 405);
    for path in ["/", "/healthz", "/metrics", "/api/runs", "/no"] {
        let answer = say(site.address, &[&format!("GET {path} HTTP/1.1"), "Host: localhost", "Origin: http://evil.example"], "").await;
        assert!(!answer.head.to_ascii_lowercase().contains("access-control"), "{}", answer.head);
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path} {name}");
        }
    }
}

#[tokio::test]
async fn bodies_are_bounded() {
    let store = empty().await;
    let site = serve(Arc::new(Told::new(pipelines())), &store.control, with_token()).await;
    let lines = ["POST /api/pipelines/crm/run HTTP/1.1", "Host: localhost", &format!("Authorization: Bearer {TOKEN}")];
    let mut declared = lines.to_vec();
    declared.push("Content-Length: 1000000");
    assert_eq!(say(site.address, &declared, "x").await.status, 413);
    let mut chunked = lines.to_vec();
    chunked.push("Transfer-Encoding: chunked");
    let body = format!("1400\r\n{}\r\n0\r\n\r\n", "x".repeat(0x1400));
    assert_eq!(say(site.address, &chunked, &body).await.status, 413);
    let mut small = lines.to_vec();
    small.push("Content-Length: 2");
    assert_eq!(say(site.address, &small, "{}").await.status, 202);
}

#[tokio::test]
async fn the_network_sees_nothing_without_the_token() {
    let store = known().await;
    let open = Settings { address: ([0, 0, 0, 0], 0).into(), ..Settings::default() };
    let told = Arc::new(Told::new(pipelines()));
    let error = Server::bind(open.clone(), told.clone(), store.control.clone(), Arc::default()).await.unwrap_err();
    assert_eq!(error.code(), codes::BAD_USAGE);

    let site = serve(told.clone(), &store.control, Settings { token: with_token().token, ..open.clone() }).await;
    let host = "Host: crm-1.internal";
    let bearer = format!("Authorization: Bearer {TOKEN}");
    for path in ["/", "/metrics", "/api/pipelines", "/api/runs"] {
        assert_eq!(say(site.address, &[&format!("GET {path} HTTP/1.1"), host], "").await.status, 401, "{path}");
        assert_eq!(say(site.address, &[&format!("GET {path} HTTP/1.1"), host, &bearer], "").await.status, 200, "{path}");
    }
    assert_eq!(say(site.address, &["GET /healthz HTTP/1.1", host], "").await.status, 200);
    assert_eq!(say(site.address, &["GET /readyz HTTP/1.1", host], "").await.json(), json!({"ready": true}));
    let whole = say(site.address, &["GET /readyz HTTP/1.1", host, &bearer], "").await.json();
    assert_eq!(whole["checks"][0]["name"], "control_store");

    let site = serve(told, &store.control, Settings { insecure_no_token: true, ..open }).await;
    assert_eq!(say(site.address, &["GET /metrics HTTP/1.1", host], "").await.status, 200);
    assert_eq!(say(site.address, &["POST /api/pipelines/crm/run HTTP/1.1", host], "").await.status, 403);
}

#[tokio::test]
async fn a_server_that_is_to_stop_answers_what_it_was_asked_and_ends() {
    let store = empty().await;
    let site = serve(Arc::new(Told::new(pipelines())), &store.control, Settings::default()).await;
    // One that has asked nothing keeps nobody waiting.
    let silent = tokio::net::TcpStream::connect(site.address).await.unwrap();
    assert_eq!(get(site.address, "/healthz").await.status, 200);
    site.stop.send_replace(true);
    site.task.await.unwrap();
    assert!(tokio::net::TcpStream::connect(site.address).await.is_err());
    drop(silent);
}
