//! Messages by webhook, to Slack and by mail, and what the file that says so may say.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aqueduct_pipeline::Environment;
use aqueduct_pipeline::control_store::Control;
use aqueduct_pipeline::schema::{Result, codes};
use aqueduct_server::alert::{Alert, Alerts, Event};
use aqueduct_server::alerts::{AlertSettings, Notifier};
use aqueduct_server::metrics::Metrics;
use aqueduct_server::project::Project;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;

use crate::ledger::empty;
use crate::mail_server::{Encryption, MailServer};
use crate::receiver::Receiver;
use crate::scheduler::NOW;

const PASSWORD: &str = "canary-password";
const SECRET: &str = "canary-secret-0123456789";

/// A file with a section `alerts`, and the variables that it refers to.
struct File {
    path: PathBuf,
    environment: Environment,
    folder: tempfile::TempDir,
}

fn file(yaml: &str, variables: &[(&str, &str)]) -> File {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("aqueduct.yaml");
    std::fs::write(&path, yaml).unwrap();
    let environment = Environment::of(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    File { path, environment, folder }
}

impl File {
    fn read(&self) -> Result<AlertSettings> {
        Ok(Project::read(&self.path, &self.environment)?.alerts.unwrap())
    }
}

fn failed() -> Alert {
    Alert::new(Event::RunFailed { exit_code: 3, code: Some("AQ2001".into()), attempt: 1, retry_at: None }, "crm", NOW).of_run("run-1")
}

/// Sends one message, that is counted.
pub(crate) async fn one_message(control: &Control, metrics: Arc<Metrics>) {
    let receiver = Receiver::start(&[(200, "")]).await;
    let yaml = format!("alerts: {{ sinks: {{ hook: {{ webhook: {{ url: \"http://{}/in\" }} }} }} }}\n", receiver.address);
    let notifier = Notifier::new(file(&yaml, &[]).read().unwrap(), control, metrics);
    notifier.raise(Alert { pipeline: "shop".into(), ..failed() }).await;
    notifier.round().await.unwrap();
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn a_webhook_gets_json_that_is_signed() {
    let receiver = Receiver::start(&[(204, "")]).await;
    let yaml = format!(
        "alerts:\n  sinks:\n    hook:\n      webhook: {{ url: \"http://{}/in\", secret: ${{SECRET}}, headers: {{ Authorization: \"Bearer ${{SECRET}}\" }} }}\n",
        receiver.address
    );
    let settings = file(&yaml, &[("SECRET", SECRET)]).read().unwrap();
    let store = empty().await;
    let notifier = Notifier::new(settings, &store.control, Arc::default());
    notifier.raise(failed()).await;
    notifier.round().await.unwrap();
    let received = receiver.received();
    assert_eq!(received.len(), 1);
    let (message, body) = (received[0].json(), &received[0].body);
    let expected = [
        ("version", json!(1)),
        ("reason", json!("opened")),
        ("event", json!("run_failed")),
        ("severity", json!("critical")),
        ("pipeline", json!("crm")),
        ("run", json!("run-1")),
        ("since", json!("2026-11-22T12:00:00Z")),
        ("count", json!(1)),
        ("title", json!("`crm` failed: the source refused the credentials (AQ2001)")),
        ("details", json!({"exit_code": 3, "code": "AQ2001", "attempt": 1, "retry_at": null})),
    ];
    for (name, value) in expected {
        assert_eq!(message[name], value, "{name}");
    }
    assert_eq!(received[0].header("x-aqueduct-event"), "run_failed");
    assert_eq!(received[0].header("idempotency-key"), message["id"].as_str().unwrap());
    assert_eq!(received[0].header("authorization"), format!("Bearer {SECRET}"));
    // As docs/monitoring.md tells a receiver to check it.
    let (time, given) = received[0].header("x-aqueduct-signature").split_once(",v1=").unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{}.", time.strip_prefix("t=").unwrap()).as_bytes());
    mac.update(body);
    let computed: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((time, given), (format!("t={}", NOW.microseconds() / 1_000_000).as_str(), computed.as_str()));
}

#[tokio::test]
async fn a_webhook_that_fails_gets_the_same_message_again_and_no_redirect_is_followed() {
    let receiver = Receiver::start(&[(500, ""), (307, ""), (200, "")]).await;
    let yaml = format!("alerts: {{ sinks: {{ hook: {{ webhook: {{ url: \"http://{}/in\" }} }} }} }}\n", receiver.address);
    let store = empty().await;
    // Nothing but time and the store are the same from one process to the next.
    for (minutes, expected) in [(0, 1), (1, 2), (2, 2), (31, 3), (70, 3)] {
        let now = NOW.plus(Duration::from_secs(minutes * 60));
        let control = store.control.with_time(move || now);
        let notifier = Notifier::new(file(&yaml, &[]).read().unwrap(), &control, Arc::default());
        if minutes == 0 {
            notifier.raise(failed()).await;
        }
        notifier.round().await.unwrap();
        assert_eq!(receiver.received().len(), expected, "after {minutes} minutes");
    }
    let ids: Vec<_> = receiver.received().iter().map(|received| received.json()["id"].clone()).collect();
    assert!(ids[0] == ids[1] && ids[1] == ids[2], "the receiver can tell that it is one message");
}

#[tokio::test]
async fn slack_gets_text_and_blocks() {
    let receiver = Receiver::start(&[(200, "ok"), (404, "no_service")]).await;
    let yaml = format!("alerts: {{ sinks: {{ chat: {{ slack: {{ url: \"http://{}/services/canary\" }} }} }} }}\n", receiver.address);
    let settings = file(&yaml, &[]).read().unwrap();
    let store = empty().await;
    let notifier = Notifier::new(settings, &store.control, Arc::default());
    notifier.raise(failed()).await;
    notifier.round().await.unwrap();
    let message = receiver.received()[0].json();
    assert_eq!(message["text"], "🔴 `crm` failed: the source refused the credentials (AQ2001)");
    let blocks = message["blocks"].as_array().unwrap();
    let kinds: Vec<&str> = blocks.iter().map(|block| block["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["header", "section", "context"]);
    let section = blocks[1]["text"]["text"].as_str().unwrap();
    assert!(section.contains("Nothing was loaded.") && section.contains("*What to do now:* Check the token"), "{section}");
    assert_eq!(blocks[2]["elements"][0]["text"], "Aqueduct, 2026-11-22 12:00 UTC, pipeline crm, run run-1");

    let tested = Notifier::test(&file(&yaml, &[]).read().unwrap(), NOW).await;
    let not_sent = tested[0].sent.as_ref().unwrap_err();
    assert_eq!((not_sent.reason.as_str(), not_sent.lasting), ("it answered 404 Not Found: no_service", true));
    assert!(!format!("{tested:?}").contains("canary"), "the address of a Slack webhook is a secret");
}

async fn mail(encryption: Encryption, password: &str, refuses: bool) -> (MailServer, Vec<aqueduct_server::alerts::Tested>) {
    let server = MailServer::start(encryption, PASSWORD, refuses).await;
    let word = match encryption {
        Encryption::None => "none",
        Encryption::StartTls => "starttls",
        Encryption::Tls => "tls",
    };
    let certificate = file("", &[]);
    let authority = certificate.folder.path().join("authority.pem");
    std::fs::write(&authority, &server.authority).unwrap();
    let yaml = format!(
        "alerts:\n  timezone: Europe/London\n  sinks:\n    mail:\n      email:\n        host: localhost\n        port: {}\n        tls: {word}\n        \
         ca_file: {}\n        user: aqueduct\n        password: ${{PASSWORD}}\n        from: Aqueduct <aqueduct@example.com>\n        \
         to: [ops@example.com, Zoë <zoe@example.com>]\n",
        server.address.port(),
        authority.display()
    );
    let settings = file(&yaml, &[("PASSWORD", password)]).read().unwrap();
    let tested = Notifier::test(&settings, NOW).await;
    (server, tested)
}

#[tokio::test]
async fn mail_is_sent_plain_on_this_machine_by_starttls_and_by_tls() {
    for encryption in [Encryption::None, Encryption::StartTls, Encryption::Tls] {
        let (server, tested) = mail(encryption, PASSWORD, false).await;
        assert_eq!(tested[0].sent, Ok(()), "{encryption:?}");
        let letters = server.letters();
        let letter = &letters[0];
        assert_eq!((letter.encrypted, letter.user.as_deref()), (encryption != Encryption::None, Some("aqueduct")));
        assert_eq!((letter.from.as_str(), letter.to.join(" ")), ("aqueduct@example.com", "ops@example.com zoe@example.com".to_owned()));
        let unfolded = letter.text.replace("\r\n ", " ");
        for line in [
            "Subject: [aqueduct] info: this is a test of `mail`\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "Date: Sun, 22 Nov 2026 12:00:00 +0000\r\n",
            "Content-Type: text/plain; charset=utf-8\r\n",
            "Somebody ran `aqueduct alerts test`.",
        ] {
            assert!(unfolded.contains(line), "{line}\n{unfolded}");
        }
        assert!(!letter.text.contains(PASSWORD));
    }
}

#[tokio::test]
async fn mail_that_is_refused_says_why_without_an_address_or_a_password() {
    for (encryption, password, refuses, reason) in [
        (Encryption::StartTls, "canary-wrong", false, "the mail server refused user and password (it answered 535)"),
        (Encryption::Tls, PASSWORD, true, "the mail server answered 550"),
    ] {
        let (server, tested) = mail(encryption, password, refuses).await;
        let not_sent = tested[0].sent.as_ref().unwrap_err();
        assert_eq!((not_sent.reason.as_str(), not_sent.lasting), (reason, true));
        assert!(server.letters().is_empty());
        let told = format!("{tested:?}");
        assert!(!told.contains("canary") && !told.contains("ops@example.com"), "{told}");
    }
}

#[tokio::test]
async fn nothing_is_sent_in_the_open_and_to_no_stranger() {
    // The server offers no STARTTLS; then it does, with a certificate that nobody knows.
    for (encryption, reason) in [(Encryption::None, "STARTTLS"), (Encryption::StartTls, "certificate")] {
        let server = MailServer::start(encryption, PASSWORD, false).await;
        let yaml = format!(
            "alerts: {{ sinks: {{ mail: {{ email: {{ host: localhost, port: {}, user: a, password: \"{PASSWORD}\", from: a@example.com, to: [b@example.com] }} }} }} }}\n",
            server.address.port()
        );
        let tested = Notifier::test(&file(&yaml, &[]).read().unwrap(), NOW).await;
        let not_sent = tested[0].sent.as_ref().unwrap_err();
        assert!(not_sent.reason.contains(reason), "{encryption:?}: {}", not_sent.reason);
        assert!(server.letters().is_empty());
    }
}

#[test]
fn mistakes_in_the_file_are_named_with_their_place() {
    let sink = "alerts:\n  sinks:\n    hook: { webhook: { url: https://example.com/x } }\n";
    for (yaml, code, line, column, says) in [
        ("alrts: {}\n", codes::UNKNOWN_KEY, 1, 1, "alrts"),
        ("alerts:\n  sinks: {}\n", codes::BAD_ALERTS, 2, 3, "no sink"),
        ("alerts:\n  sinks:\n    a: { webhok: { url: x } }\n", codes::UNKNOWN_KEY, 3, 10, "webhok"),
        ("alerts:\n  sinks:\n    a: {}\n", codes::BAD_ALERTS, 3, 5, "not one of webhook, slack and email"),
        ("alerts:\n  sinks:\n    a: { webhook: { url: http://example.com/canary } }\n", codes::BAD_ALERTS, 3, 26, "https://"),
        ("alerts:\n  sinks:\n    a: { slack: { url: \"${NO}\" } }\n", codes::MISSING_VARIABLE, 3, 25, "NO"),
        ("alerts:\n  sinks:\n    a: { webhook: { url: https://x.example, secret: canary } }\n", codes::BAD_ALERTS, 3, 53, "16 characters"),
        (
            "alerts:\n  sinks:\n    a: { email: { host: mail.example.com, tls: none, from: a@b.c, to: [a@b.c] } }\n",
            codes::BAD_ALERTS,
            3,
            25,
            "on this machine",
        ),
        (
            "alerts:\n  sinks:\n    a: { email: { host: mail.example.com, from: canary, to: [a@b.c] } }\n",
            codes::BAD_ALERTS,
            3,
            49,
            "mail address",
        ),
        (&format!("{sink}  rules:\n    - {{ to: [hok] }}\n"), codes::BAD_ALERTS, 5, 14, "hok"),
        (&format!("{sink}  rules:\n    - {{ to: [hook], events: [run_faild] }}\n"), codes::BAD_YAML, 5, 30, "run_failed"),
        (&format!("{sink}  timezone: Europe/Londn\n"), codes::UNKNOWN_TIME_ZONE, 4, 13, "Londn"),
        (&format!("{sink}  quiet_hours: {{ from: \"25:00\", until: \"07:00\" }}\n"), codes::BAD_YAML, 4, 24, "22:00"),
        (&format!("{sink}  remind_every: often\n"), codes::BAD_YAML, 4, 17, "6h"),
        (&format!("{sink}  most: {{ messages: 0, per: 1h }}\n"), codes::BAD_ALERTS, 4, 21, "from 1 to 10000"),
        (&format!("{sink}  bounds: [{{ quarantine: 5 }}]\n"), codes::BAD_ALERTS, 4, 26, "from 0 to 1"),
    ] {
        let error = file(yaml, &[]).read().unwrap_err();
        let place = error.location().unwrap_or_else(|| panic!("{error}"));
        assert_eq!((error.code(), place.line, place.column), (code, line, column), "{error}");
        assert!(error.to_string().contains(says) && !error.to_string().contains("canary"), "{error}");
        assert_eq!(error.exit_code(), 2);
    }
    let error = file(&format!("{sink}  rules:\n    - {{ to: [hok] }}\n"), &[]).read().unwrap_err();
    assert_eq!(error.advice(), "Did you mean `hook`?");
}

#[test]
fn the_file_of_the_documentation_is_sound() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/monitoring.md");
    let text = std::fs::read_to_string(path).unwrap();
    let block = text.split("```yaml\n").find(|block| block.contains("alerts:\n  sinks:")).expect("the page has a file");
    let yaml = block.split("```").next().unwrap();
    let variables =
        [("SLACK_WEBHOOK_URL", "https://hooks.slack.example/services/x"), ("ALERT_SECRET", SECRET), ("SMTP_PASSWORD", PASSWORD)];
    let settings = file(yaml, &variables).read().unwrap();
    assert_eq!(settings.sink_words().len(), 3);
}
