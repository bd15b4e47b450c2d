//! Alerts from raising to sending, against sinks that only remember, by a time of the test's own.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::PoisonError;
use std::sync::atomic::{AtomicI64, Ordering};

use super::sinks::Sink;
use super::*;
use crate::alert::Event;
use aqueduct_pipeline::Environment;
use aqueduct_pipeline::control_store::{Counts, Outcome, RunEntry, StreamEntry};
use aqueduct_pipeline::schema::{Secret, Timestamp};

/// What a sink was sent: the second, the reason, the event and the count.
type Heard = Arc<Mutex<Vec<(i64, &'static str, &'static str, u64)>>>;

/// A sink that remembers, and refuses while it is told to.
struct Ear {
    heard: Heard,
    deaf: Arc<std::sync::atomic::AtomicBool>,
}

#[async_trait]
impl Sink for Ear {
    fn words(&self) -> String {
        "ear".to_owned()
    }

    async fn send(&self, message: &Message, now: Timestamp) -> Result<(), NotSent> {
        if self.deaf.load(Ordering::SeqCst) {
            return Err(NotSent::passing("deaf"));
        }
        let second = now.milliseconds() / 1_000 - BEGINNING;
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).push((second, message.reason, message.event, message.count));
        Ok(())
    }
}

/// 2026-11-22T12:00:00Z, a Sunday.
const BEGINNING: i64 = 1_795_348_800;
const HOUR: i64 = 3_600;

struct World {
    control: Control,
    now: Arc<AtomicI64>,
    heard: BTreeMap<String, Heard>,
    deaf: Arc<std::sync::atomic::AtomicBool>,
    section: String,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new(section: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = Secret::new(format!("sqlite://{}", folder.path().join("control.db").display()));
        let now = Arc::new(AtomicI64::new(0));
        let clock = now.clone();
        let control = Control::open(&url, None).await.unwrap();
        let control = control.with_time(move || Timestamp::from_seconds(BEGINNING + clock.load(Ordering::SeqCst)));
        Self { control, now, heard: BTreeMap::new(), deaf: Arc::default(), section: section.to_owned(), _folder: folder }
    }

    /// A process: everything that is not in the control store begins anew.
    fn notifier(&mut self) -> Notifier {
        let yaml = format!(
            "sinks:\n  mail: {{ webhook: {{ url: http://localhost:1/ }} }}\n  chat: {{ slack: {{ url: http://localhost:1/ }} }}\n{}",
            self.section
        );
        let section: AlertsSection = aqueduct_pipeline::schema::yaml::read("a.yaml", &yaml).unwrap();
        let environment = Environment::of([]);
        let mut settings = AlertSettings::check(section, &Source { file: "a.yaml", text: &yaml, environment: &environment }).unwrap();
        for name in ["mail", "chat"] {
            let heard = self.heard.entry(name.to_owned()).or_default().clone();
            settings.sinks.replace(name, Box::new(Ear { heard, deaf: self.deaf.clone() }));
        }
        Notifier::new(settings, &self.control, Arc::new(Metrics::default()))
    }

    fn at(&self, second: i64) -> Timestamp {
        self.now.store(second, Ordering::SeqCst);
        Timestamp::from_seconds(BEGINNING + second)
    }

    fn heard(&self, sink: &str) -> Vec<(i64, &'static str, &'static str, u64)> {
        self.heard[sink].lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A run of `crm` in the ledger.
    async fn run(&self, second: i64, stream: StreamEntry, changes: usize) {
        let began = self.at(second);
        let digits: String = began.to_string().chars().filter(char::is_ascii_digit).take(14).collect();
        let entry = RunEntry {
            ended: Some(began),
            outcome: Outcome::Ok,
            exit_code: Some(0),
            in_warehouse: true,
            streams: vec![StreamEntry { stream: "contacts".to_owned(), ended: true, ..stream }],
            schema_changes: vec!["a field".to_owned(); changes],
            ..RunEntry::begun(format!("{digits}-00000001"), "crm".to_owned(), began)
        };
        self.control.begin_run(&entry, Duration::from_secs(60)).await.unwrap();
    }
}

fn failed(at: Timestamp) -> Alert {
    Alert::new(Event::RunFailed { exit_code: 4, code: None, attempt: 1, retry_at: None }, "crm", at)
}

fn retried(at: Timestamp) -> Alert {
    Alert::new(Event::RunFailed { exit_code: 4, code: None, attempt: 1, retry_at: Some(at) }, "crm", at)
}

fn recovered(at: Timestamp) -> Alert {
    Alert::new(Event::Recovered, "crm", at)
}

#[tokio::test]
async fn restarts_and_a_second_scheduler_tell_nothing_twice() {
    let mut world = World::new("remind_every: 12h\n").await;
    for step in 0..20 {
        // Two schedulers see the same, and both are started anew every time.
        let (one, other) = (world.notifier(), world.notifier());
        let now = world.at(step * 2_400);
        one.raise(failed(now)).await;
        let (first, second) = tokio::join!(one.round(), other.round());
        first.and(second).unwrap();
    }
    let notifier = world.notifier();
    let now = world.at(14 * HOUR);
    notifier.raise(recovered(now)).await;
    notifier.raise(recovered(now)).await;
    notifier.round().await.unwrap();
    let expected = [(0, "opened", "run_failed", 1), (12 * HOUR, "reminder", "run_failed", 19), (14 * HOUR, "recovered", "recovered", 20)];
    assert_eq!(world.heard("mail"), expected);
    assert_eq!(world.heard("chat"), expected);
}

#[tokio::test]
async fn rules_choose_by_event_severity_and_pipeline() {
    let mut world = World::new(
        "rules:\n  - { to: [chat], at_least: info }\n  - { to: [mail], at_least: critical, pipelines: [\"crm*\"] }\n\
         severities: { occurrence_skipped: critical }\n",
    )
    .await;
    let notifier = world.notifier();
    let now = world.at(0);
    notifier.raise(retried(now)).await;
    notifier.round().await.unwrap();
    assert_eq!((world.heard("chat").len(), world.heard("mail").len()), (1, 0));
    // The last attempt makes it critical: news for one, worse for the other.
    let now = world.at(60);
    notifier.raise(Alert::new(Event::RetriesExhausted { exit_code: 4, code: None, attempts: 3 }, "crm", now)).await;
    notifier.round().await.unwrap();
    assert_eq!(world.heard("chat")[1], (60, "worse", "retries_exhausted", 2));
    assert_eq!(world.heard("mail"), [(60, "opened", "retries_exhausted", 2)]);
    notifier.raise(Alert::new(Event::OccurrenceSkipped { due_at: now, reason: "overlap".into() }, "shop", now)).await;
    notifier.raise(Alert::new(Event::OccurrenceSkipped { due_at: now, reason: "overlap".into() }, "crm-eu", now)).await;
    notifier.round().await.unwrap();
    assert_eq!((world.heard("chat").len(), world.heard("mail").len()), (4, 2));
}

#[tokio::test]
async fn quiet_hours_hold_back_what_can_wait_and_sum_it_up() {
    // It is noon in UTC and one o'clock in Paris.
    let mut world = World::new(
        "quiet_hours: { from: \"13:00\", until: \"15:00\", timezone: Europe/Paris }\nrules: [{ to: [mail], at_least: info }]\nbounds: [{ freshness: 1h }]\n",
    )
    .await;
    let notifier = world.notifier();
    for number in 0..6 {
        let now = world.at(number * 60);
        let stale = Event::StreamStale { settled_until: None, bound_seconds: 60 };
        notifier.raise(Alert::new(stale, format!("p{number}"), now).of_stream("contacts")).await;
        notifier.round().await.unwrap();
    }
    let now = world.at(HOUR);
    notifier.raise(Alert::new(Event::StreamFresh, "p0", now).of_stream("contacts")).await;
    notifier.round().await.unwrap();
    assert_eq!(world.heard("mail"), [], "it is quiet");
    notifier.raise(failed(now)).await;
    notifier.round().await.unwrap();
    assert_eq!(world.heard("mail"), [(HOUR, "opened", "run_failed", 1)], "what cannot wait goes through");
    notifier.raise(recovered(now)).await;
    world.at(2 * HOUR - 1);
    notifier.round().await.unwrap();
    assert_eq!(world.heard("mail").len(), 1, "that it is over can wait");
    world.at(2 * HOUR);
    notifier.round().await.unwrap();
    assert_eq!(world.heard("mail")[1..], [(2 * HOUR, "summary", "summary", 7)]);
    notifier.round().await.unwrap();
    assert_eq!(world.heard("mail").len(), 2);
}

#[tokio::test]
async fn a_sink_gets_no_more_than_its_ceiling_and_hears_of_the_rest_later() {
    let mut world = World::new("most: { messages: 3, per: 1h }\nrules: [{ to: [mail] }]\n").await;
    for number in 0..20 {
        let now = world.at(number * 10);
        let notifier = world.notifier();
        notifier.raise(Alert { pipeline: format!("p{number}"), ..failed(now) }).await;
        notifier.round().await.unwrap();
    }
    assert_eq!(world.heard("mail").len(), 3);
    let notifier = world.notifier();
    for minute in 5..70 {
        world.at(minute * 60);
        notifier.round().await.unwrap();
    }
    assert_eq!(world.heard("mail")[3..], [(HOUR, "summary", "summary", 17)]);
}

#[tokio::test]
async fn a_sink_that_does_not_answer_is_tried_again_and_the_others_are_told() {
    let mut world = World::new("rules: [{ to: [mail] }]\n").await;
    world.deaf.store(true, Ordering::SeqCst);
    let now = world.at(0);
    let notifier = world.notifier();
    notifier.raise(failed(now)).await;
    for second in 0..40 {
        world.at(second);
        notifier.round().await.unwrap();
    }
    // A restart forgets neither the message nor the wait.
    world.deaf.store(false, Ordering::SeqCst);
    let notifier = world.notifier();
    for second in 40..100 {
        world.at(second);
        notifier.round().await.unwrap();
    }
    assert_eq!(world.heard("mail"), [(75, "opened", "run_failed", 1)], "after waits of 5, 10, 20 and 40 seconds");
}

#[tokio::test]
async fn streams_are_judged_from_the_ledger() {
    let mut world =
        World::new("rules: [{ to: [mail], at_least: info }]\nbounds: [{ streams: [contacts], freshness: 2h, quarantine: 0.1 }]\n").await;
    let stream = |settled: i64, read: u64, quarantined: u64| StreamEntry {
        settled_until: Some(Timestamp::from_seconds(BEGINNING + settled)),
        counts: Counts { read, quarantined, ..Counts::default() },
        ..StreamEntry::default()
    };
    world.run(0, stream(0, 100, 10), 0).await;
    for minutes in (0..180).step_by(10) {
        world.at(minutes * 60);
        world.notifier().round().await.unwrap();
    }
    assert_eq!(world.heard("mail"), [(2 * HOUR + 600, "opened", "stream_stale", 1)]);
    world.run(3 * HOUR, stream(3 * HOUR, 100, 11), 0).await;
    let notifier = world.notifier();
    notifier.round().await.unwrap();
    let late = world.heard("mail");
    assert_eq!(late[1..], [(3 * HOUR, "opened", "quarantine_high", 1), (3 * HOUR, "recovered", "recovered", 5)][..]);
    world.run(4 * HOUR, stream(4 * HOUR, 100, 1), 2).await;
    notifier.round().await.unwrap();
    let late = world.heard("mail");
    let mut words: Vec<&str> = late[3..].iter().map(|(_, _, event, _)| *event).collect();
    words.sort_unstable();
    assert_eq!(words, ["recovered", "schema_changed"]);
    // The same change is an old story for a process that starts a day later.
    world.at(30 * HOUR);
    world.notifier().round().await.unwrap();
    assert!(world.heard("mail")[5..].iter().all(|(_, _, event, _)| *event == "stream_stale"));
}
