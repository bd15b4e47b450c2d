//! A run under an occurrence: its first act takes the occurrence, its last says how it ended, and between it is heard of.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aqueduct_control::occurrence::{Exit, Occurrence, OccurrenceId, State};
use aqueduct_control::{Control, Holder};
use aqueduct_engine::{Clock, SystemClock};
use aqueduct_schema::{Error, Result, codes};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::warn;

use crate::lease::next_sign_of_life;
use crate::pipeline::Pipeline;

/// How often the end is told to a store that does not answer, and how long is waited between.
const TELLING: (u32, Duration) = (5, Duration::from_secs(2));

/// An occurrence that this run has.
#[derive(Debug)]
pub struct Occurring {
    control: Control,
    id: OccurrenceId,
    run_id: String,
    attempt: u32,
    clock: Time,
    stop: watch::Receiver<bool>,
    lost: Arc<AtomicBool>,
    hearing: JoinHandle<()>,
}

/// The time by which schedules fall due.
#[derive(Clone)]
struct Time(Arc<dyn Clock>);

impl std::fmt::Debug for Time {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}", self.0.now())
    }
}

impl Occurring {
    /// Takes an occurrence that a scheduler has claimed, before anything else is done. `clock` is the time of the schedule.
    ///
    /// # Errors
    /// `AQ5003` when it is not to be had, `AQ1001` when it is another pipeline's, `AQ4004` when the control store cannot be used.
    pub async fn begin(pipeline: &Pipeline, id: &OccurrenceId, clock: Arc<dyn Clock>, stop: watch::Receiver<bool>) -> Result<Self> {
        if id.pipeline != pipeline.file.name {
            return Err(Error::new(codes::BAD_USAGE, format!("`{id}` is no occurrence of the pipeline `{}`", pipeline.file.name)));
        }
        let run_id = crate::run::run_id(pipeline.clock().now());
        let life = Duration::from_secs(pipeline.file.content.control.lease_seconds.max(1));
        let control = pipeline.control().open().await?.clone();
        fail::fail_point!("occurrence::before_begin");
        let begun = control.begin(id, &Holder::this(&run_id), life, clock.now()).await?;
        fail::fail_point!("occurrence::begun");
        let attempt = match begun.document.as_ref().and_then(Occurrence::run).filter(|_| begun.done) {
            Some(run) => run.attempt,
            None => return Err(refusal(id, begun.document.as_ref())),
        };
        let lost = Arc::new(AtomicBool::new(false));
        let (sender, stopped) = watch::channel(*stop.borrow());
        let hearing = Hearing { control: control.clone(), id: id.clone(), run_id: run_id.clone(), life, lost: lost.clone(), sender };
        let hearing = tokio::spawn(hearing.run(stop));
        Ok(Self { control, id: id.clone(), run_id, attempt, clock: Time(clock), stop: stopped, lost, hearing })
    }

    /// The run's id.
    pub fn run_id(&self) -> &str {
        &self.run_id
    }

    /// Which attempt at the occurrence it is, from 1.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Becomes true when the run is to stop: because somebody asked for it, here or by way of the occurrence, or because it is lost.
    pub fn stop(&self) -> watch::Receiver<bool> {
        self.stop.clone()
    }

    /// Says how the run ended. `again_in` is after how long the source wants to be asked again. Whether the occurrence was this run's until
    /// now; a store that does not answer is taken for a yes, since the scheduler sees the exit code.
    pub async fn end(self, code: u8, error: Option<&str>, again_in: Option<Duration>) -> bool {
        self.hearing.abort();
        let at = self.clock.0.now();
        let exit = Exit { code: Some(code), error: error.map(str::to_owned), again_at: again_in.map(|wait| at.plus(wait)) };
        fail::fail_point!("occurrence::before_end");
        for attempt in 1..=TELLING.0 {
            let told = self.control.end(&self.id, &self.run_id, &exit, at).await;
            fail::fail_point!("occurrence::ended");
            match told {
                Ok(ended) => return ended.done && !self.lost.load(Ordering::SeqCst),
                Err(error) if attempt == TELLING.0 => warn!("the end of the occurrence {} could not be told: {error}", self.id),
                Err(_) => SystemClock.sleep(TELLING.1).await,
            }
        }
        true
    }
}

struct Hearing {
    control: Control,
    id: OccurrenceId,
    run_id: String,
    life: Duration,
    lost: Arc<AtomicBool>,
    sender: watch::Sender<bool>,
}

impl Hearing {
    /// Is heard of every third of its life, and hears whether it is to stop.
    async fn run(self, mut outer: watch::Receiver<bool>) {
        let mut stopped = false;
        loop {
            next_sign_of_life(self.life, &mut outer, &mut stopped, &self.sender).await;
            let heard = self.control.hear(&self.id, &self.run_id, self.life).await;
            fail::fail_point!("occurrence::heard");
            match heard {
                Ok(heard) if heard.done => {
                    if heard.document.as_ref().and_then(Occurrence::run).is_some_and(|run| run.stop.is_some()) {
                        self.sender.send_replace(true);
                    }
                }
                Ok(_) => {
                    warn!("the occurrence {} was given to another run; this one stops", self.id);
                    self.lost.store(true, Ordering::SeqCst);
                    self.sender.send_replace(true);
                    return;
                }
                Err(error) => warn!("the occurrence {} could not be kept: {error}", self.id),
            }
        }
    }
}

fn refusal(id: &OccurrenceId, found: Option<&Occurrence>) -> Error {
    let error = Error::new(codes::OCCURRENCE_TAKEN, format!("`{id}` is not to be begun")).data_note("Nothing was read or written.");
    match found.map(|found| &found.state) {
        None | Some(State::Due { .. }) => error
            .with("state", "no scheduler has claimed it")
            .advise("`aqueduct serve` starts runs of occurrences; `aqueduct run PIPELINE` without --occurrence runs the pipeline now."),
        Some(State::Begun(run)) => error.with("state", "begun").with("run", &run.holder.run_id).with("host", &run.holder.host),
        Some(State::Ended(_)) => error.with("state", "ended"),
        Some(State::Skipped(skipped)) => error.with("state", "skipped").with("why", skipped.why.word()),
        Some(State::Claimed(_)) => error.with("state", "claimed"),
    }
}
