//! Called runs under a clock that the test drives, which does what others do while a call waits.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

use aqueduct_control::occurrence::Skipped;
use aqueduct_control::standing::Pause;
use aqueduct_schema::Secret;
use async_trait::async_trait;

use super::*;

/// What somebody else does meanwhile.
#[derive(Clone, Debug)]
enum Deed {
    /// A run of a pipeline begins its occurrence and ends with an exit code, or does not end.
    Runs(&'static str, &'static str, Option<u8>),
    /// A run of a pipeline begins its occurrence and is not heard of again.
    Dies(&'static str, &'static str),
    /// A run that began ends.
    Ends(&'static str, &'static str, u8),
    Stops,
    Pauses(&'static str),
}

struct Script {
    now: Arc<AtomicI64>,
    deeds: Mutex<VecDeque<(Timestamp, Deed)>>,
    control: Control,
    stop: watch::Sender<bool>,
}

#[async_trait]
impl Clock for Script {
    fn now(&self) -> Timestamp {
        Timestamp::from_microseconds(self.now.load(Ordering::SeqCst))
    }

    async fn sleep(&self, span: Duration) {
        let until = self.now().plus(span);
        loop {
            let next = {
                let mut deeds = self.deeds.lock().unwrap();
                let is_next = deeds.front().is_some_and(|(at, _)| *at <= until);
                if is_next { deeds.pop_front() } else { None }
            };
            let Some((at, deed)) = next else { break };
            self.now.store(at.max(self.now()).microseconds(), Ordering::SeqCst);
            self.carry_out(deed).await;
        }
        self.now.store(until.microseconds(), Ordering::SeqCst);
    }
}

impl Script {
    async fn carry_out(&self, deed: Deed) {
        let now = self.now();
        match deed {
            Deed::Runs(pipeline, due, _) | Deed::Dies(pipeline, due) => {
                let id = OccurrenceId::new(pipeline, at(due));
                let (life, code) = match deed {
                    Deed::Runs(_, _, code) => (Duration::from_secs(4 * 3_600), code),
                    _ => (CLAIM_LIFE, None),
                };
                let by = Claimant { instance: "i".into(), holder: far("", 7), life: CLAIM_LIFE, terms: Terms::default() };
                assert!(self.control.claim(&id, &by, now).await.unwrap().done);
                assert!(self.control.begin(&id, &far(due, 7), life, now).await.unwrap().done);
                if let Some(code) = code {
                    self.control.end(&id, due, &Exit::with(code), now).await.unwrap();
                }
                if code == Some(9) {
                    // As its own call leaves it.
                    self.control.skip(&id, &skipped_for(Why::Overlap, None, id.at, now)).await.unwrap();
                }
            }
            Deed::Ends(pipeline, due, code) => {
                let id = OccurrenceId::new(pipeline, at(due));
                assert!(self.control.end(&id, due, &Exit::with(code), now).await.unwrap().done);
            }
            Deed::Stops => {
                self.stop.send_replace(true);
            }
            Deed::Pauses(pipeline) => {
                let pause = Pause { since: now, by: "command line".into(), reason: Some("audit".into()) };
                assert!(self.control.pause_schedule(pipeline, &pause).await.unwrap().done);
            }
        }
    }
}

/// A process of which nothing is known here but its leases.
fn far(run_id: &str, process: u32) -> Holder {
    Holder { host: "far".into(), place: "elsewhere".into(), process, born: "1".into(), run_id: run_id.into() }
}

/// A time of the 23rd of November 2026, a Monday.
fn at(time: &str) -> Timestamp {
    let text = if time.contains('T') { time.to_owned() } else { format!("2026-11-23T{time}:00Z") };
    text.parse().unwrap()
}

struct World {
    script: Arc<Script>,
    call: Call,
    said: Mutex<Vec<String>>,
    _folder: tempfile::TempDir,
}

fn schedule(words: &str) -> Schedule {
    Schedule::compile(&aqueduct_schema::yaml::read("p.yaml", words).unwrap(), "p.yaml").unwrap()
}

impl World {
    /// The pipeline `p` is called at a time of the day; `after` is of the pipelines before it.
    async fn new(now: &str, words: &str, after: &[(&str, &str)], deeds: &[(&str, Deed)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = Secret::new(format!("sqlite://{}", folder.path().join("control.db").display()));
        let time = Arc::new(AtomicI64::new(at(now).microseconds()));
        let shared = time.clone();
        let control = Control::open(&url, None).await.unwrap();
        let control = control.with_time(move || Timestamp::from_microseconds(shared.load(Ordering::SeqCst)));
        let (sender, stop) = watch::channel(false);
        let deeds = deeds.iter().map(|(time, deed)| (at(time), deed.clone())).collect();
        let script = Arc::new(Script { now: time, deeds: Mutex::new(deeds), control: control.clone(), stop: sender });
        script.sleep(Duration::ZERO).await;
        let after = after.iter().map(|(name, words)| ((*name).to_owned(), Some(schedule(words)))).collect();
        let call =
            Call { name: "p".into(), schedule: schedule(words), after, control, clock: script.clone(), stop, holder: Holder::this("") };
        Self { script, call, said: Mutex::default(), _folder: folder }
    }

    async fn turn(&self) -> Turn {
        self.call.turn(&|words| self.said.lock().unwrap().push(words.to_owned())).await.unwrap()
    }

    /// Runs what is to be run, with this exit code; what became of it, and when: `12:00 run at 12:00`.
    async fn run(&self, code: u8) -> (String, Option<Timestamp>) {
        let short = |at: Timestamp| at.to_string()[11..16].to_owned();
        match self.turn().await {
            Turn::Run(id) => {
                let told = format!("{} run at {}", short(id.at), short(self.script.now()));
                let run_id = format!("run-{}", self.script.now());
                let begun = self.call.control.begin(&id, &far(&run_id, 8), CLAIM_LIFE, self.script.now()).await.unwrap();
                assert!(begun.done);
                self.call.control.end(&id, &run_id, &Exit::with(code), self.script.now()).await.unwrap();
                (told, self.call.again(&id, code).await.unwrap())
            }
            Turn::Besides(id) => (format!("{} besides at {}", short(id.at), short(self.script.now())), None),
            Turn::NotNow(not_now) => (format!("{} {} at {}", short(not_now.id.at), not_now.why, short(self.script.now())), None),
        }
    }

    async fn state(&self, due: &str) -> State {
        self.call.control.occurrence(&OccurrenceId::new("p", at(due))).await.unwrap().unwrap().state
    }

    fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }
}

/// What becomes of a call at a time, without anybody else about.
async fn called(now: &str, words: &str) -> String {
    World::new(now, words, &[], &[]).await.run(0).await.0
}

#[tokio::test]
async fn a_call_finds_its_occurrence_and_runs_it_once() {
    assert_eq!(called("12:00", "every: 1h").await, "12:00 run at 12:00");
    assert_eq!(called("12:47", "every: 1h").await, "12:00 run at 12:47");
    // A clock that is a few seconds behind that of whoever calls.
    assert_eq!(called("2026-11-23T11:59:56Z", "every: 1h").await, "12:00 run at 12:00");
    assert_eq!(called("2026-11-23T11:59:40Z", "every: 1h").await, "11:00 run at 11:59");
    let world = World::new("12:00", "every: 1h", &[], &[]).await;
    assert_eq!(world.run(0).await.0, "12:00 run at 12:00");
    // Whoever calls again wants another run.
    assert_eq!(world.run(0).await.0, "12:00 besides at 12:00");
    // One that another process has is not run by this one, whether it has begun or is about to.
    let world = World::new("12:00", "every: 1h", &[], &[("12:00", Deed::Runs("p", "12:00", None))]).await;
    assert_eq!(world.run(0).await.0, "12:00 under_way at 12:00");
    let late = "jitter: 5m\nevery: 1h";
    let world = World::new("12:00", late, &[], &[]).await;
    world.run(0).await;
    let jitter = schedule(late).jitter_of("p", instant(at("12:00")));
    assert_eq!((world.script.now().since(at("12:00")), jitter.is_zero()), (jitter, false));
    assert_eq!(world.said(), ["p/2026-11-23T12:00:00Z waits: jitter"]);
}

#[tokio::test]
async fn nothing_is_run_in_a_blackout() {
    let words = |then: &str| format!("every: 30m\nblackout: [{{ from: '08:00', until: '09:45', then: {then} }}]");
    for (now, run, skip) in [
        ("07:30", "07:30 run at 07:30", "07:30 run at 07:30"),
        ("08:00", "08:00 blackout at 08:00", "08:00 blackout at 08:00"),
        ("09:00", "09:00 blackout at 09:00", "09:00 blackout at 09:00"),
        // The last one inside waits for the end.
        ("09:30", "09:30 run at 09:45", "09:30 blackout at 09:30"),
        ("10:00", "10:00 run at 10:00", "10:00 run at 10:00"),
    ] {
        assert_eq!((called(now, &words("run")).await.as_str(), called(now, &words("skip")).await.as_str()), (run, skip), "{now}");
    }
    // One that was missed and is called late waits for the end too.
    let late = "cron: '0 7 * * *'\nblackout: [{ from: '08:00', until: '09:45', then: skip }]";
    let world = World::new("08:10", late, &[], &[]).await;
    assert_eq!(world.run(0).await.0, "07:00 run at 09:45");
    assert_eq!(world.said(), ["p/2026-11-23T07:00:00Z waits: black-out until 09:45 UTC"]);
    let world = World::new("08:00", &words("run"), &[], &[]).await;
    world.run(0).await;
    assert!(matches!(world.state("08:00").await, State::Skipped(Skipped { why: Why::Blackout, .. })));
}

#[tokio::test]
async fn nothing_is_run_while_it_is_paused_or_after_a_signal() {
    assert_eq!(called("12:00", "every: 1h\npaused: true").await, "12:00 paused at 12:00");
    let world = World::new("12:00", "every: 1h", &[], &[("11:00", Deed::Pauses("p"))]).await;
    let Turn::NotNow(not_now) = world.turn().await else { panic!() };
    assert_eq!(not_now.words, "paused since 2026-11-23T12:00:00Z by command line: audit");
    // It is looked at again after a wait.
    let blackout = "cron: '0 12 * * *'\nblackout: [{ from: '11:00', until: '14:00' }]";
    let world = World::new("12:00", blackout, &[], &[("13:00", Deed::Pauses("p"))]).await;
    assert_eq!(world.run(0).await.0, "12:00 paused at 13:00");
    let world = World::new("12:00", blackout, &[], &[("13:00", Deed::Stops)]).await;
    let stopped = world.call.turn(&|_| ()).await.unwrap_err();
    assert_eq!(stopped.code(), codes::INTERRUPTED);
    assert!(world.script.now() < at("13:01"));
}

#[tokio::test]
async fn it_waits_for_the_pipelines_before_it() {
    let hourly: &[(&str, &str)] = &[("a", "every: 1h")];
    let story = |words: &'static str, after: &'static [(&'static str, &'static str)], deeds: Vec<(&'static str, Deed)>| async move {
        let world = World::new("12:00", words, after, &deeds).await;
        (world.run(0).await.0, world.said())
    };
    let (run, said) =
        story("every: 1h", hourly, vec![("12:03", Deed::Runs("a", "12:00", None)), ("12:20", Deed::Ends("a", "12:00", 0))]).await;
    assert_eq!(run, "12:00 run at 12:20");
    let waits =
        ["p/2026-11-23T12:00:00Z waits: `a` has not run since 2026-11-23T12:00:00Z", "p/2026-11-23T12:00:00Z waits: `a` is running"];
    assert_eq!(said, waits);
    // One that did not end well, or was not run for such a reason itself, leaves nothing to be done.
    assert_eq!(story("every: 1h", hourly, vec![("12:03", Deed::Runs("a", "12:00", Some(4)))]).await.0, "12:00 dependency at 12:03");
    // One that another run kept from beginning has been done by that one, or by the one before.
    let held = vec![("11:00", Deed::Runs("a", "11:00", Some(0))), ("12:00", Deed::Runs("a", "12:00", Some(9)))];
    assert_eq!(story("every: 1h", hourly, held).await.0, "12:00 run at 12:00");
    // Of one that has died nothing is to be waited for.
    assert_eq!(story("every: 1h", hourly, vec![("12:00", Deed::Dies("a", "12:00"))]).await.0, "12:00 dependency at 12:01");
    // One that nobody starts is not waited for for ever: what it did last counts.
    assert_eq!(story("every: 1h", hourly, vec![("11:00", Deed::Runs("a", "11:00", Some(0)))]).await.0, "12:00 run at 12:10");
    assert_eq!(story("every: 1h", hourly, vec![("11:00", Deed::Runs("a", "11:00", Some(4)))]).await.0, "12:00 dependency at 12:10");
    // What it waits for is the latest occurrence that is to be run: not one in a black-out, nor one of a pause.
    let blackout: &[(&str, &str)] = &[("a", "every: 1h\nblackout: [{ from: '10:30', until: '12:30', then: skip }]")];
    assert_eq!(story("every: 1h", blackout, vec![("10:00", Deed::Runs("a", "10:00", Some(0)))]).await.0, "12:00 run at 12:00");
    assert_eq!(story("every: 1h", &[("a", "every: 1h\npaused: true")], Vec::new()).await.0, "12:00 run at 12:00");
    assert_eq!(story("every: 1h", hourly, vec![("11:00", Deed::Pauses("a"))]).await.0, "12:00 run at 12:00");
}

#[tokio::test]
async fn the_next_occurrence_takes_the_place_of_one_that_waits() {
    let deeds =
        [("12:00", Deed::Runs("a", "12:00", None)), ("13:10", Deed::Ends("a", "12:00", 0)), ("13:11", Deed::Runs("a", "13:00", Some(0)))];
    let world = World::new("12:00", "every: 1h", &[("a", "every: 1h")], &deeds).await;
    assert_eq!(world.run(0).await.0, "13:00 run at 13:10");
    assert!(matches!(world.state("12:00").await, State::Skipped(Skipped { why: Why::Overlap, .. })));
}

#[tokio::test]
async fn what_fails_is_tried_again_and_gives_way_to_the_next() {
    let words = "every: 1h\nretries: { attempts: 2, backoff: 10m }";
    let world = World::new("12:00", words, &[], &[]).await;
    let (run, again) = world.run(4).await;
    assert_eq!((run.as_str(), again), ("12:00 run at 12:00", Some(at("12:10"))));
    let (run, again) = world.run(6).await;
    assert_eq!((run.as_str(), again), ("12:00 run at 12:10", Some(at("12:30"))));
    let (run, again) = world.run(4).await;
    assert_eq!((run.as_str(), again), ("12:00 run at 12:30", None));
    assert!(matches!(world.state("12:00").await, State::Ended(ended) if ended.exit_code == Some(4)));
    // A further one is tried again after the next has fallen due: that one is run in its place.
    let world = World::new("12:00", "every: 1h\nretries: { attempts: 2, backoff: 2h }", &[], &[]).await;
    world.run(4).await;
    world.script.sleep(Duration::from_secs(3_600)).await;
    assert_eq!(world.run(0).await.0, "13:00 run at 13:00");
    assert!(matches!(world.state("12:00").await, State::Ended(ended) if ended.exit_code == Some(4)));
    // With a spent quota, a pipeline that another run holds, or a signal, the next one goes on.
    for code in [7, 9, 143] {
        let world = World::new("12:00", words, &[], &[]).await;
        assert_eq!(world.run(code).await.1, None);
        assert!(matches!(world.state("12:00").await, State::Ended(ended) if ended.exit_code == Some(code)));
    }
}

#[tokio::test]
async fn a_run_that_died_is_run_again_by_whoever_calls() {
    let world = World::new("12:00", "every: 1h", &[], &[("12:00", Deed::Dies("p", "12:00"))]).await;
    assert_eq!(world.run(0).await.0, "12:00 under_way at 12:00");
    world.script.sleep(Duration::from_secs(1_800)).await;
    assert_eq!(world.run(0).await.0, "12:00 run at 12:30");
    assert!(matches!(world.state("12:00").await, State::Ended(ended) if ended.exit_code == Some(0)));
}

#[tokio::test]
async fn the_last_occurrence_of_a_rare_schedule_is_kept() {
    let rare = "cron: '@yearly'";
    let world = World::new("12:00", rare, &[("a", rare)], &[]).await;
    world.run(4).await;
    assert!(matches!(world.state("2026-01-01T00:00:00Z").await, State::Ended(ended) if ended.exit_code == Some(4)));
    // Long after it fell due, what came of it still decides about those that come after.
    let failed = [("12:00", Deed::Runs("a", "2026-01-01T00:00:00Z", Some(4)))];
    assert_eq!(World::new("12:00", rare, &[("a", rare)], &failed).await.run(0).await.0, "00:00 dependency at 12:00");
}
