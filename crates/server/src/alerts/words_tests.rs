//! Every event is told in words that name what it is about, what it means and what to do.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use super::*;
use crate::alert::Event;
use crate::alerts::events::{percent, times};
use aqueduct_pipeline::control_store::{AlertBook, Control, Raise};
use aqueduct_pipeline::schema::Secret;
use serde_json::json;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn all() -> Vec<Event> {
    let due_at = at("2026-11-22T06:00:00Z");
    vec![
        Event::RunFailed { exit_code: 3, code: Some("AQ2001".into()), attempt: 1, retry_at: Some(due_at) },
        Event::RunFailed { exit_code: 4, code: None, attempt: 1, retry_at: None },
        Event::RetriesExhausted { exit_code: 5, code: Some("AQ4001".into()), attempts: 4 },
        Event::Recovered,
        Event::QuotaExhausted { renewed_at: Some(due_at) },
        Event::QuotaExhausted { renewed_at: None },
        Event::OccurrenceMissed { due_at, count: 3 },
        Event::OccurrenceSkipped { due_at, reason: "overlap".into() },
        Event::FileBroken { code: "AQ1003".into(), file: "pipelines/crm.yaml".into(), line: Some(4), column: Some(3) },
        Event::FileMended,
        Event::StreamStale { settled_until: Some(due_at), bound_seconds: 7_200 },
        Event::StreamStale { settled_until: None, bound_seconds: 7_200 },
        Event::StreamFresh,
        Event::QuarantineHigh { quarantined: 12, read: 100, bound: 0.05 },
        Event::QuarantineLow,
        Event::SchemaChanged { changes: 2, frozen: false },
        Event::SchemaChanged { changes: 1, frozen: true },
    ]
}

/// A notice as the control store makes it.
async fn notice(alert: &Alert, count: u64) -> Notice {
    let folder = tempfile::tempdir().unwrap();
    let url = Secret::new(format!("sqlite://{}", folder.path().join("control.db").display()));
    let now = at("2026-11-22T05:00:00Z");
    let book = AlertBook::of(&Control::open(&url, None).await.unwrap().with_time(move || now));
    let (content, sinks) = (serde_json::to_value(alert).unwrap(), ["mail".to_owned()]);
    let raise = Raise { content: &content, severity: 1, sinks: &sinks, lasting: true, quiet_for: Duration::ZERO };
    for _ in 0..count {
        book.raise("key", raise).await.unwrap();
    }
    book.problems().await.unwrap().remove(0).1.notices["mail"].clone()
}

#[tokio::test]
async fn every_event_says_what_it_is_what_it_means_and_what_to_do() {
    let london = TimeZone::get("Europe/London").unwrap();
    for event in all() {
        let over = event.problem().is_none();
        let alert = Alert::new(event.clone(), "crm", at("2026-11-22T09:30:00Z")).of_stream("contacts").of_run("run-1");
        let mut notice = notice(&alert, 1).await;
        let mut texts = Vec::new();
        for reason in [Reason::Opened, Reason::Worse, Reason::Reminder, Reason::Recovered, Reason::Passed] {
            notice.reason = reason;
            let Said { title, text, advice } = said(&alert, &notice, &london);
            assert!(title.contains("crm") && title.len() < 150 && !title.ends_with('.'), "{title}");
            assert!(text.ends_with('.') && text.len() > 20, "{text}");
            assert!(advice.is_empty() || advice.ends_with('.') || advice.ends_with(':'), "{advice}");
            assert!(over || reason == Reason::Passed || !advice.is_empty(), "{event:?} says nothing of what to do");
            texts.push((title, text));
        }
        texts.dedup();
        assert_eq!(texts.len(), 5, "{event:?}");
        // An event is stored and read again without loss.
        let stored = serde_json::to_value(&alert).unwrap();
        assert_eq!(serde_json::from_value::<Alert>(stored.clone()).unwrap(), alert);
        assert!(stored["event"].is_string());
        assert_eq!(Event::WORDS.contains(&event.word()), !over);
    }
}

#[tokio::test]
async fn a_failure_names_its_cause_and_its_next_try_in_the_readers_time() {
    let event = Event::RunFailed { exit_code: 3, code: Some("AQ2001".into()), attempt: 2, retry_at: Some(at("2026-07-22T06:00:00Z")) };
    let alert = Alert::new(event, "crm", at("2026-07-22T05:00:00Z")).of_run("run-1");
    let notice = notice(&alert, 3).await;
    let said = said(&alert, &notice, &TimeZone::get("Europe/London").unwrap());
    assert_eq!(said.title, "`crm` failed: the source refused the credentials (AQ2001)");
    assert_eq!(
        said.text,
        "Attempt 2 of the run ended with exit code 3. It is tried again at 2026-07-22 07:00 BST.\nNothing was loaded. What is in the \
         warehouse is whole, and as old as the last run.\nIt has happened 3 times since 2026-11-22 05:00 GMT."
    );
    assert_eq!(
        said.advice,
        "Check the token or reconnect the account, then run again. `aqueduct explain run-1` tells what happened in plain words."
    );
}

#[test]
fn parts_are_said_in_per_cent() {
    assert_eq!((percent(0.05), percent(0.125), percent(1.0), percent(0.0)), ("5 %".into(), "12.5 %".into(), "100 %".into(), "0 %".into()));
    assert_eq!(json!(times(1)), "once");
}
