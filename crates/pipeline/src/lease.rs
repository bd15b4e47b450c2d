//! The lease that a run holds from its first moment to its last.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use aqueduct_control::{Acquired, Control, Held, Holder, TakenOver};
use aqueduct_engine::{Clock, SystemClock};
use aqueduct_schema::{Error, ErrorKind, Result, codes};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{Instrument, warn};

use crate::observer::{Event, Observer};
use crate::pipeline::Pipeline;
use crate::run::RunOptions;

/// How often a run that waits for another asks whether it has ended.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// What a lease is for. Runs exclude runs, backfills exclude backfills, and one at a time resolves a warehouse's identities.
#[derive(Clone, Copy)]
enum What {
    Run,
    Backfill,
    Identities,
}

impl What {
    fn word(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Backfill => "backfill",
            Self::Identities => "resolving of identities",
        }
    }

    /// The name of the lease: of a pipeline and its destination, or of a destination that several pipelines share.
    fn name(self, pipeline: &str, destination: &str) -> String {
        match self {
            Self::Run => format!("{pipeline} {destination}"),
            Self::Backfill => format!("{pipeline} (backfill) {destination}"),
            Self::Identities => format!("(identities) {destination}"),
        }
    }
}

/// A lease under renewal. Leases live by the machine's time, whatever clock the pipeline has: they are about processes.
pub(crate) struct Lease {
    held: Option<Renewal>,
    lost: Arc<OnceLock<Loss>>,
    stop: watch::Receiver<bool>,
}

struct Renewal {
    control: Control,
    name: String,
    run_id: String,
    task: JoinHandle<()>,
}

impl Lease {
    /// Takes the lease of a pipeline and its destination. A dry run takes none.
    ///
    /// # Errors
    /// `AQ5002` when another run has it, `AQ4004` when the control store cannot be used.
    pub(crate) async fn take(
        pipeline: &Pipeline,
        run_id: &str,
        options: &RunOptions,
        observer: &dyn Observer,
        stop: watch::Receiver<bool>,
    ) -> Result<Self> {
        let what = (!options.dry_run).then_some(What::Run);
        Self::take_as(what, pipeline, run_id, options.wait_for_lease.unwrap_or_default(), observer, stop).await
    }

    /// Takes the lease of a pipeline's backfills, beside which its runs go on.
    ///
    /// # Errors
    /// As [`Lease::take`], about another backfill.
    pub(crate) async fn take_for_backfill(
        pipeline: &Pipeline,
        run_id: &str,
        observer: &dyn Observer,
        stop: watch::Receiver<bool>,
    ) -> Result<Self> {
        Self::take_as(Some(What::Backfill), pipeline, run_id, Duration::ZERO, observer, stop).await
    }

    /// Takes the lease of a destination's identities, and waits for it: whoever has it is working.
    ///
    /// # Errors
    /// As [`Lease::take`].
    pub(crate) async fn take_for_identities(
        pipeline: &Pipeline,
        run_id: &str,
        observer: &dyn Observer,
        stop: watch::Receiver<bool>,
    ) -> Result<Self> {
        Self::take_as(Some(What::Identities), pipeline, run_id, Duration::from_secs(600), observer, stop).await
    }

    async fn take_as(
        what: Option<What>,
        pipeline: &Pipeline,
        run_id: &str,
        patience: Duration,
        observer: &dyn Observer,
        mut stop: watch::Receiver<bool>,
    ) -> Result<Self> {
        let lost = Arc::new(OnceLock::new());
        let destination = aqueduct_warehouse::identity(pipeline.file.destination())?;
        let (Some(destination), Some(what)) = (destination, what) else { return Ok(Self { held: None, lost, stop }) };
        let name = what.name(&pipeline.file.name, &destination);
        let life = Duration::from_secs(pipeline.file.content.control.lease_seconds.max(1));
        let control = pipeline.control().open().await?.clone();
        let (holder, begun) = (Holder::this(run_id), Instant::now());
        loop {
            match control.acquire(&name, &holder, life).await? {
                Acquired::Theirs(held) if begun.elapsed() >= patience => return Err(refusal(what, &pipeline.file.name, &held)),
                Acquired::Theirs(_) => {}
                Acquired::Ours(None) => break,
                Acquired::Ours(Some(taken)) => {
                    observer.observe(Event::Note(&words(&taken)));
                    break;
                }
            }
            tokio::select! {
                () = SystemClock.sleep(ASK_AGAIN.min(patience.saturating_sub(begun.elapsed()))) => {}
                Ok(_) = stop.wait_for(|stop| *stop) => {
                    return Err(Error::new(codes::INTERRUPTED, "the run was stopped while it waited for another run to end"));
                }
            }
        }
        let (sender, stopped) = watch::channel(*stop.borrow());
        let renewing =
            Renewing { control: control.clone(), name: name.clone(), run_id: run_id.to_owned(), life, lost: lost.clone(), sender };
        let task = tokio::spawn(renewing.run(stop).in_current_span());
        Ok(Self { held: Some(Renewal { control, name, run_id: run_id.to_owned(), task }), lost, stop: stopped })
    }

    /// Becomes true when the run is to stop: because somebody asked for it, or because the lease is lost.
    pub(crate) fn stop(&self) -> watch::Receiver<bool> {
        self.stop.clone()
    }

    /// The error of a stream, told as what it is: a stream that was stopped because the lease is lost was not interrupted by a person.
    pub(crate) fn explain(&self, error: Error) -> Error {
        if error.kind() == ErrorKind::Interrupted {
            match self.lost.get() {
                Some(Loss::Taken) => return Error::new(codes::FENCED, "this run has lost the lease of its pipeline and stopped"),
                Some(Loss::Unwritten(reason)) => {
                    let message = "the lease of the pipeline could not be renewed in time, and the run stopped";
                    return Error::new(codes::CONTROL_UNREACHABLE, message).with("reason", reason);
                }
                None => {}
            }
        }
        error
    }

    /// Gives it back.
    pub(crate) async fn release(self) {
        let Some(Renewal { control, name, run_id, task }) = self.held else { return };
        task.abort();
        if let Err(error) = control.release(&name, &run_id).await {
            warn!("the lease of the pipeline could not be given back and ends by itself: {error}");
        }
    }
}

/// Waits a third of a life: a sign of it is due then. A wish to stop that comes meanwhile is passed on, once.
pub(crate) async fn next_sign_of_life(life: Duration, outer: &mut watch::Receiver<bool>, stopped: &mut bool, sender: &watch::Sender<bool>) {
    loop {
        tokio::select! {
            () = SystemClock.sleep(life / 3) => return,
            asked = outer.wait_for(|stop| *stop), if !*stopped => {
                *stopped = true;
                if asked.is_ok() {
                    sender.send_replace(true);
                }
            }
        }
    }
}

/// Why a run has its lease no longer.
#[derive(Debug)]
enum Loss {
    /// Somebody else has it.
    Taken,
    /// It could not be renewed in time, so somebody else may have it.
    Unwritten(Error),
}

struct Renewing {
    control: Control,
    name: String,
    run_id: String,
    life: Duration,
    lost: Arc<OnceLock<Loss>>,
    sender: watch::Sender<bool>,
}

impl Renewing {
    /// Renews every third of its life, until it is lost.
    async fn run(self, mut outer: watch::Receiver<bool>) {
        let mut renewed = Instant::now();
        let mut stopped = false;
        loop {
            next_sign_of_life(self.life, &mut outer, &mut stopped, &self.sender).await;
            let asked = Instant::now();
            let loss = match self.control.renew(&self.name, &self.run_id, self.life).await {
                Ok(true) => {
                    renewed = asked;
                    None
                }
                Ok(false) => Some(Loss::Taken),
                Err(error) => {
                    warn!("the lease of the pipeline could not be renewed: {error}");
                    (renewed.elapsed() >= self.life).then_some(Loss::Unwritten(error))
                }
            };
            if let Some(loss) = loss {
                // Nobody else sets it.
                let _ = self.lost.set(loss);
                self.sender.send_replace(true);
                return;
            }
        }
    }
}

fn refusal(what: What, pipeline: &str, held: &Held) -> Error {
    let Held { holder, since, until } = held;
    Error::new(codes::LEASE_HELD, format!("another {} of `{pipeline}` is under way", what.word()))
        .with("run", &holder.run_id)
        .with("host", &holder.host)
        .with("process", holder.process)
        .with("since", since)
        .with("lease until", until)
        .data_note("Nothing was read or written.")
}

fn words(taken: &TakenOver) -> String {
    let Holder { host, process, run_id, .. } = &taken.holder;
    let why = if taken.gone { "has died" } else { "was not heard of in time" };
    format!("The run {run_id} (process {process} on {host}) {why}: this run takes the pipeline over.")
}
