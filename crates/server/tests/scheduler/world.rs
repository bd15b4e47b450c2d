//! A machine with a clock that a test drives, processes that are entries of a list, and schedulers that may be killed at any moment.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aqueduct_pipeline::Clock;
use aqueduct_pipeline::control_store::Holder;
use aqueduct_pipeline::control_store::occurrence::{Exit, OccurrenceId};
use aqueduct_pipeline::schema::{Result, Timestamp};
use aqueduct_pipeline::{pipeline_files, survey};
use aqueduct_server::alert::{Alert, Alerts, Event};
use aqueduct_server::overview::{Overview, PipelineStatus};
use aqueduct_server::scheduler::{Board, Gone, Parts, Plan, Plans, Runner, Scheduler, Settings, Signal, Start, Store};
use async_trait::async_trait;

use crate::memory::{Memory, RunSide};

pub(crate) const LIFE: Duration = Duration::from_secs(60);

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The time of day, without seconds where they are none.
fn hour(at: &Timestamp) -> String {
    let text = at.to_string();
    let time = &text[11..19];
    time.strip_suffix(":00").unwrap_or(time).to_owned()
}

#[derive(Debug)]
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn at(start: Timestamp) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(start.microseconds())))
    }

    pub(crate) fn set(&self, to: Timestamp) {
        assert!(to >= self.now(), "time goes forward");
        self.0.store(to.microseconds(), Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_microseconds(self.0.load(Ordering::SeqCst))
    }

    async fn sleep(&self, span: Duration) {
        self.set(self.now().plus(span));
    }
}

/// How a run goes: how long it takes before it begins its occurrence, how long it runs, and its exit code; none for one that dies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    pub(crate) dawdles: u64,
    pub(crate) takes: u64,
    pub(crate) code: Option<u8>,
}

impl Way {
    pub(crate) const fn of(takes: u64, code: u8) -> Self {
        Self { dawdles: 0, takes, code: Some(code) }
    }
}

#[derive(Clone, Debug)]
struct Process {
    id: OccurrenceId,
    attempt: u32,
    run_id: String,
    number: u32,
    begins_at: Timestamp,
    ends_at: Timestamp,
    heard_at: Timestamp,
    begun: bool,
    code: Option<u8>,
    parent: u64,
}

/// Something that happened, as the processes themselves saw it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Seen {
    Began(String, Timestamp, u32),
    Ended(String, Timestamp, Option<u8>),
    Refused(String, Timestamp),
}

/// The processes of one machine. They outlive the schedulers that started them.
pub(crate) struct Machine {
    pub(crate) clock: Arc<TestClock>,
    pub(crate) store: Arc<dyn RunSide>,
    processes: Mutex<Vec<Process>>,
    gone: Mutex<Vec<(u64, Gone)>>,
    ways: Mutex<BTreeMap<String, VecDeque<Way>>>,
    usual: Way,
    numbers: AtomicU64,
    pub(crate) seen: Mutex<Vec<(Timestamp, Seen)>>,
    pub(crate) most_at_once: AtomicU64,
}

impl Machine {
    pub(crate) fn new(clock: Arc<TestClock>, store: Arc<dyn RunSide>, usual: Way) -> Arc<Self> {
        Arc::new(Self {
            clock,
            store,
            processes: Mutex::default(),
            gone: Mutex::default(),
            ways: Mutex::default(),
            usual,
            numbers: AtomicU64::new(0),
            seen: Mutex::default(),
            most_at_once: AtomicU64::new(0),
        })
    }

    /// The ways that the next runs of a pipeline go, in order.
    pub(crate) fn expect(&self, pipeline: &str, ways: impl IntoIterator<Item = Way>) {
        self.ways.lock().unwrap().entry(pipeline.to_owned()).or_default().extend(ways);
    }

    /// When the next process begins, ends or is to be heard of.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        let processes = self.processes.lock().unwrap();
        processes.iter().map(|process| if process.begun { process.ends_at.min(process.heard_at) } else { process.begins_at }).min()
    }

    fn note(&self, seen: Seen) {
        self.seen.lock().unwrap().push((self.clock.now(), seen));
    }

    /// Lets processes do what they do by now.
    pub(crate) async fn advance(&self) {
        let now = self.clock.now();
        let due: Vec<Process> = {
            let mut processes = self.processes.lock().unwrap();
            let (due, rest) = std::mem::take(&mut *processes).into_iter().partition(|process| {
                if process.begun { process.ends_at <= now || process.heard_at <= now } else { process.begins_at <= now }
            });
            *processes = rest;
            due
        };
        for mut process in due {
            if !process.begun {
                // Nobody but its parent and its lease can say whether it is alive.
                let place = "the machine of a test".to_owned();
                let holder = Holder { place, process: process.number, ..Holder::this(&process.run_id) };
                process.begun = self.store.begin(&process.id, &holder, LIFE, now).await;
                if !process.begun {
                    self.note(Seen::Refused(process.id.pipeline.clone(), process.id.at));
                    self.leave(&process, Some(9));
                    continue;
                }
                self.note(Seen::Began(process.id.pipeline.clone(), process.id.at, process.attempt));
            }
            if process.ends_at <= now {
                if process.code.is_some() {
                    let exit = Exit {
                        code: process.code,
                        error: process.code.filter(|code| *code == 4).map(|_| "AQ3003".to_owned()),
                        again_at: None,
                    };
                    self.store.end(&process.id, &process.run_id, &exit, now).await.unwrap();
                }
                self.note(Seen::Ended(process.id.pipeline.clone(), process.id.at, process.code));
                self.leave(&process, process.code);
                continue;
            }
            if process.heard_at <= now && !self.store.hear(&process.id, &process.run_id, LIFE).await {
                self.leave(&process, Some(9));
                continue;
            }
            process.heard_at = now.plus(LIFE / 3);
            self.processes.lock().unwrap().push(process);
        }
        let begun = self.processes.lock().unwrap().len() as u64;
        self.most_at_once.fetch_max(begun, Ordering::Relaxed);
    }

    fn leave(&self, process: &Process, code: Option<u8>) {
        let gone = Gone { id: process.id.clone(), process: process.number, code };
        self.gone.lock().unwrap().push((process.parent, gone));
    }
}

/// One scheduler's way to the machine.
pub(crate) struct Parent {
    machine: Arc<Machine>,
    number: u64,
}

#[async_trait]
impl Runner for Parent {
    async fn start(&self, start: &Start) -> Result<u32> {
        let machine = &self.machine;
        let way = machine.ways.lock().unwrap().get_mut(&start.id.pipeline).and_then(VecDeque::pop_front).unwrap_or(machine.usual);
        let begins_at = machine.clock.now().plus(Duration::from_secs(way.dawdles));
        let takes = Duration::from_secs(way.takes).min(start.timeout.unwrap_or(Duration::MAX));
        let number = u32::try_from(machine.numbers.fetch_add(1, Ordering::Relaxed)).unwrap();
        let process = Process {
            id: start.id.clone(),
            attempt: start.attempt,
            run_id: format!("run-{number}"),
            number,
            begins_at,
            ends_at: begins_at.plus(takes),
            heard_at: begins_at.plus(LIFE / 3),
            begun: false,
            code: way.code,
            parent: self.number,
        };
        machine.processes.lock().unwrap().push(process);
        Ok(number)
    }

    async fn ended(&self) -> Vec<Gone> {
        let mut gone = self.machine.gone.lock().unwrap();
        let (ours, others) = std::mem::take(&mut *gone).into_iter().partition(|(parent, _)| *parent == self.number);
        *gone = others;
        ours.into_iter().map(|(_, gone)| gone).collect()
    }

    fn signal(&self, holder: &Holder, signal: Signal) {
        let now = self.machine.clock.now();
        let mut processes = self.machine.processes.lock().unwrap();
        for process in processes.iter_mut().filter(|process| process.run_id == holder.run_id) {
            let stops_at = now.plus(Duration::from_secs(2));
            // One that is about to end does so before it hears of anything; a kill is not heard.
            let is_at_its_end = process.ends_at <= stops_at;
            process.ends_at = process.ends_at.min(stops_at);
            match signal {
                Signal::Terminate if is_at_its_end => {}
                Signal::Terminate => process.code = Some(143),
                Signal::Kill => process.code = None,
            }
        }
    }
}

#[derive(Default)]
pub(crate) struct Told(pub(crate) Mutex<Vec<Alert>>);

#[async_trait]
impl Alerts for Told {
    async fn raise(&self, alert: Alert) {
        self.0.lock().unwrap().push(alert);
    }
}

/// Pipelines by name, each with the words of its section `schedule`.
pub(crate) fn plans(sections: &[(&str, &str)]) -> Plans {
    let folder = tempfile::tempdir().unwrap();
    for (name, section) in sections {
        let text = format!(
            "schedule: {section}\nsource: {{ connector: files, config: {{ path: a.csv }} }}\ndestination: {{ url: \"discard://\" }}\n"
        );
        std::fs::write(folder.path().join(format!("{name}.yaml")), text).unwrap();
    }
    let found = survey(&pipeline_files(folder.path()).unwrap());
    assert!(found.mistakes.is_empty(), "{:?}", found.mistakes);
    let plans = found.pipelines.into_iter().map(|found| {
        let plan =
            Plan { name: found.name.clone(), file: PathBuf::from("p.yaml"), connector: "files".to_owned(), schedule: found.schedule };
        (found.name, Arc::new(plan))
    });
    Plans { pipelines: plans.collect(), broken: BTreeMap::new() }
}

pub(crate) struct World {
    pub(crate) clock: Arc<TestClock>,
    pub(crate) machine: Arc<Machine>,
    pub(crate) told: Arc<Told>,
    pub(crate) store: Arc<dyn RunSide>,
    pub(crate) scheduler: Scheduler,
    pub(crate) board: Arc<Board>,
    pub(crate) settings: Settings,
    numbers: u64,
}

impl World {
    pub(crate) async fn new(start: &str, sections: &[(&str, &str)]) -> Self {
        let clock = TestClock::at(at(start));
        let store = Arc::new(Memory::new(clock.clone(), false));
        Self::with(clock, store, Settings { instance: "one".to_owned(), ..Settings::default() }, Way::of(10, 0), plans(sections)).await
    }

    pub(crate) async fn with(clock: Arc<TestClock>, store: Arc<dyn RunSide>, settings: Settings, usual: Way, plans: Plans) -> Self {
        let machine = Machine::new(clock.clone(), store.clone(), usual);
        let told = Arc::new(Told::default());
        let (mut scheduler, board) = scheduler(&machine, &told, settings.clone(), 0);
        scheduler.set_plans(plans).await;
        Self { clock, machine, told, store, scheduler, board, settings, numbers: 0 }
    }

    /// Kills the scheduler, as kill -9 does, and starts another in its place.
    pub(crate) async fn restart(&mut self, plans: Plans) {
        self.numbers += 1;
        let (scheduler, board) = scheduler(&self.machine, &self.told, self.settings.clone(), self.numbers);
        (self.scheduler, self.board) = (scheduler, board);
        self.scheduler.set_plans(plans).await;
    }

    /// Lets time go on, with the scheduler.
    pub(crate) async fn until(&mut self, until: &str) {
        let until = at(until);
        let mut turns = (self.clock.now(), 0);
        loop {
            self.machine.advance().await;
            let next = self.scheduler.tick().await.unwrap();
            turns = if turns.0 == self.clock.now() { (turns.0, turns.1 + 1) } else { (self.clock.now(), 0) };
            assert!(turns.1 < 1_000, "the scheduler turns on the spot at {}", turns.0);
            let next = [Some(next), self.machine.next()].into_iter().flatten().min().unwrap_or(until);
            if next > until {
                self.clock.set(until);
                return;
            }
            self.clock.set(next.max(self.clock.now()));
        }
    }

    /// Lets time go on without a scheduler. Processes go on.
    pub(crate) async fn away_until(&mut self, until: &str) {
        let until = at(until);
        while let Some(next) = self.machine.next().filter(|next| *next <= until) {
            self.clock.set(next.max(self.clock.now()));
            self.machine.advance().await;
        }
        self.clock.set(until);
    }

    /// What began and ended, as `12:00 p began 12:00`; the second time is that of the occurrence.
    pub(crate) fn story(&self) -> Vec<String> {
        let told = |(when, seen): &(Timestamp, Seen)| match seen {
            Seen::Began(name, at, 1) => format!("{} {name}/{} began", hour(when), hour(at)),
            Seen::Began(name, at, attempt) => format!("{} {name}/{} began, attempt {attempt}", hour(when), hour(at)),
            Seen::Ended(name, at, Some(code)) => format!("{} {name}/{} ended {code}", hour(when), hour(at)),
            Seen::Ended(name, at, None) => format!("{} {name}/{} died", hour(when), hour(at)),
            Seen::Refused(name, at) => format!("{} {name}/{} refused", hour(when), hour(at)),
        };
        self.machine.seen.lock().unwrap().iter().map(told).collect()
    }

    /// The occurrences that began, in order, as `p/12:00`.
    pub(crate) fn began(&self) -> Vec<String> {
        let began = self.story().into_iter().filter(|line| line.contains(" began"));
        began.map(|line| line.split(' ').nth(1).unwrap_or_default().to_owned()).collect()
    }

    /// What was skipped of a pipeline: occurrence, reason, how many it stands for.
    pub(crate) async fn skipped(&self, pipeline: &str) -> Vec<(String, &'static str, u64)> {
        let all = self.store.occurrences(pipeline, self.clock.now(), 10_000).await.unwrap();
        let skipped = all.iter().rev().filter_map(|occurrence| match &occurrence.state {
            aqueduct_pipeline::control_store::occurrence::State::Skipped(skipped) => {
                Some((hour(&occurrence.at), skipped.why.word(), skipped.count))
            }
            _ => None,
        });
        skipped.collect()
    }

    pub(crate) async fn status(&self, pipeline: &str) -> PipelineStatus {
        self.board.pipeline(pipeline).await.unwrap().unwrap()
    }

    /// The events that were told, without recoveries.
    pub(crate) fn events(&self) -> Vec<Event> {
        let told = self.told.0.lock().unwrap();
        told.iter().map(|alert| alert.event.clone()).filter(|event| *event != Event::Recovered).collect()
    }
}

pub(crate) fn scheduler(machine: &Arc<Machine>, told: &Arc<Told>, settings: Settings, number: u64) -> (Scheduler, Arc<Board>) {
    let clock: Arc<dyn Clock> = machine.clock.clone();
    let store: Arc<dyn Store> = machine.store.clone();
    let board = Arc::new(Board::new(clock.clone(), store.clone()));
    let runner = Arc::new(Parent { machine: machine.clone(), number });
    let parts = Parts { store, runner, clock, alerts: told.clone(), board: board.clone() };
    (Scheduler::new(parts, settings), board)
}
