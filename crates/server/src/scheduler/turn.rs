//! One turn of the scheduler.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use aqueduct_pipeline::control_store::occurrence::OccurrenceId;
use aqueduct_pipeline::control_store::{Control, Holder};
use aqueduct_pipeline::schema::{Result, Timestamp};
use aqueduct_pipeline::{Clock, SystemClock};

use super::children::Child;
use super::entry::Entry;
use super::plans::Plans;
use super::runner::{Gone, Runner};
use super::status::Board;
use super::store::Store;
use crate::alert::{Alert, Alerts, Event, NoAlerts};
use crate::overview::Problem;

/// How a scheduler works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its name among those that share the control store.
    pub instance: String,
    /// How many runs at once.
    pub concurrency: usize,
    /// How often it looks at what others have changed in the store.
    pub poll: Duration,
    /// How long its claims hold, by the store's time.
    pub claim_life: Duration,
    /// How late an occurrence may be found and still be in time.
    pub tolerance: Duration,
    /// How long a run that is told to stop may take before it is killed.
    pub grace: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            instance: "aqueduct".to_owned(),
            concurrency: 4,
            poll: Duration::from_secs(5),
            claim_life: Duration::from_secs(60),
            tolerance: Duration::from_secs(60),
            grace: Duration::from_secs(60),
        }
    }
}

/// What a scheduler is made of.
pub struct Parts {
    /// Where schedules and occurrences are kept.
    pub store: Arc<dyn Store>,
    /// Who runs pipelines.
    pub runner: Arc<dyn Runner>,
    /// The time by which schedules fall due.
    pub clock: Arc<dyn Clock>,
    /// Who is told of what happens.
    pub alerts: Arc<dyn Alerts>,
    /// What others see.
    pub board: Arc<Board>,
}

impl Parts {
    /// With the machine's clock, and alerts for nobody.
    pub fn new(control: Control, runner: Arc<dyn Runner>) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let store: Arc<dyn Store> = Arc::new(control);
        let board = Arc::new(Board::new(clock.clone(), store.clone()));
        Self { store, runner, clock, alerts: Arc::new(NoAlerts), board }
    }
}

/// A scheduler.
pub struct Scheduler {
    pub(super) store: Arc<dyn Store>,
    pub(super) runner: Arc<dyn Runner>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) alerts: Arc<dyn Alerts>,
    pub(super) board: Arc<Board>,
    pub(super) settings: Settings,
    /// Who claims: this process, under the scheduler's name.
    pub(super) holder: Holder,
    pub(super) pipelines: BTreeMap<String, Entry>,
    /// When pipelines fall due; an entry that says otherwise is right.
    pub(super) times: BinaryHeap<Reverse<(Timestamp, String)>>,
    /// Pipelines with open occurrences.
    pub(super) active: BTreeSet<String>,
    /// Pipelines of which others are to see something new.
    pub(super) stirred: BTreeSet<String>,
    /// The runs whose processes were started here.
    pub(super) children: BTreeMap<OccurrenceId, Child>,
    /// Runs that were told to stop, and when they are killed.
    pub(super) stopping: BTreeMap<OccurrenceId, Timestamp>,
    /// Processes that ended and have not been looked after.
    pub(super) gone: Vec<Gone>,
    pub(super) next_poll: Timestamp,
    /// The earliest instant at which something that waits may go on.
    pub(super) wake: Option<Timestamp>,
    /// Whether nothing more is started.
    pub(super) draining: bool,
    /// Occurrences that were run and did not end well, as far as they were closed here.
    pub(super) failed: u64,
    /// Occurrences whose runs were told to stop because the scheduler stops, and of which it is not known that they ended.
    pub(super) cut: BTreeSet<OccurrenceId>,
}

impl std::fmt::Debug for Scheduler {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "scheduler {} of {} pipelines", self.settings.instance, self.pipelines.len())
    }
}

impl Scheduler {
    /// A scheduler that knows no pipelines yet.
    pub fn new(parts: Parts, settings: Settings) -> Self {
        let Parts { store, runner, clock, alerts, board } = parts;
        let holder = Holder::this(&settings.instance);
        let next_poll = clock.now();
        Self {
            store,
            runner,
            clock,
            alerts,
            board,
            settings,
            holder,
            pipelines: BTreeMap::new(),
            times: BinaryHeap::new(),
            active: BTreeSet::new(),
            stirred: BTreeSet::new(),
            children: BTreeMap::new(),
            stopping: BTreeMap::new(),
            gone: Vec::new(),
            next_poll,
            wake: None,
            draining: false,
            failed: 0,
            cut: BTreeSet::new(),
        }
    }

    /// Takes over what the pipeline files say. A pipeline whose file is broken keeps its last good schedule: it falls due, and starts once
    /// the file is mended. One whose file is gone is forgotten here; what is stored of it stays.
    pub async fn set_plans(&mut self, plans: Plans) {
        let now = self.clock.now();
        let Plans { pipelines, mut broken } = plans;
        self.pipelines.retain(|name, _| pipelines.contains_key(name) || broken.contains_key(name));
        let known = &self.pipelines;
        self.active.retain(|name| known.contains_key(name));
        self.stirred.extend(known.keys().cloned());
        for (name, plan) in pipelines {
            let entry = self.pipelines.entry(name.clone()).or_default();
            let before = entry.plan.is_some().then(|| entry.by());
            entry.plan = Some(plan);
            entry.is_changed |= before.is_some_and(|before| before != entry.by());
            if entry.broken.take().is_some() {
                tracing::info!(pipeline = %name, "the pipeline file can be used again");
                self.alerts.raise(Alert::new(Event::FileMended, &name, now)).await;
            }
            self.stirred.insert(name);
        }
        while let Some((name, (file, error))) = broken.pop_first() {
            let entry = self.pipelines.entry(name.clone()).or_default();
            let problem = Problem::from(&error);
            if entry.broken.as_ref().is_none_or(|(_, known)| *known != problem) {
                tracing::error!(pipeline = %name, "the pipeline file cannot be used, and nothing is started until it can: {error}");
                let event = Event::FileBroken {
                    code: problem.code.clone(),
                    file: file.display().to_string(),
                    line: problem.line,
                    column: problem.column,
                };
                self.alerts.raise(Alert::new(event, &name, now)).await;
            }
            entry.broken = Some((file, problem));
            self.stirred.insert(name);
        }
        self.next_poll = now;
        self.board.keep_only(&self.pipelines);
    }

    /// Does everything that is to be done now. The instant at which it wants to be asked again, unless a run ends before.
    ///
    /// # Errors
    /// `AQ4004` when the store does not answer. What was not done is done when it is asked again.
    pub async fn tick(&mut self) -> Result<Timestamp> {
        let turned = self.turn().await;
        self.board.turned(turned.as_ref().err());
        turned
    }

    async fn turn(&mut self) -> Result<Timestamp> {
        let now = self.clock.now();
        self.board.ticked(now);
        self.wake = None;
        if now >= self.next_poll {
            self.poll(now).await?;
        }
        self.reap(now).await?;
        self.look_at_what_fell_due(now).await?;
        self.stop_what_takes_too_long(now).await?;
        self.go_on(now).await?;
        self.publish(now);
        let due = self.times.peek().map(|Reverse((at, _))| *at);
        Ok([Some(self.next_poll), due, self.wake].into_iter().flatten().min().unwrap_or(self.next_poll))
    }

    /// Starts nothing more.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// Looks at the store when it is next asked, because somebody has changed something.
    pub fn look_again(&mut self) {
        self.next_poll = self.clock.now();
    }

    /// How many occurrences were run and did not end well, of those that were closed here.
    pub fn failed(&self) -> u64 {
        self.failed
    }

    /// Whether a run was told to stop because the scheduler stops, and did not come to its end all the same.
    pub fn has_cut(&self) -> bool {
        !self.cut.is_empty()
    }

    /// How many runs are under way whose processes were started here.
    pub fn running(&self) -> usize {
        self.children.len()
    }

    /// How many occurrences are open that this scheduler could still run: none under way elsewhere, none that is put off or held back.
    pub fn unfinished(&self) -> usize {
        let now = self.clock.now();
        let waiting = |entry: &Entry| {
            let open = entry.open().iter().filter(|open| {
                let put_off = entry.documents.get(&open.at).and_then(super::starting::not_before);
                open.starts_at() <= now && put_off.is_none_or(|not_before| not_before <= now)
            });
            if entry.broken.is_some() || entry.is_paused_at(now) { 0 } else { open.count() }
        };
        self.pipelines.values().map(waiting).sum::<usize>().max(self.children.len())
    }

    /// Wants to be asked again at an instant.
    pub(super) fn wake_at(&mut self, at: Timestamp) {
        self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
    }
}

/// An instant as schedules have it.
pub(super) fn instant(at: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_microsecond(at.microseconds()).unwrap_or(jiff::Timestamp::MAX)
}

/// An instant as everybody else has it.
pub(super) fn timestamp(at: jiff::Timestamp) -> Timestamp {
    Timestamp::from_microseconds(at.as_microsecond())
}
