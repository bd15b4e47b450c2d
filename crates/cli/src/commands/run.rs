//! `aqueduct run`.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aqueduct_pipeline::control_store::occurrence::OccurrenceId;
use aqueduct_pipeline::control_store::{RunEntry, RunKind};
use aqueduct_pipeline::runs::{self, RunLine};
use aqueduct_pipeline::schema::{Error, ErrorKind, Result, codes};
use aqueduct_pipeline::warehouse::RunStatus;
use aqueduct_pipeline::{Clock, Environment, Event, Observer, Occurring, Pipeline, RunOptions, RunReport, SystemClock, jitter};
#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind};
use tokio::sync::watch;

use crate::arguments::RunArguments;
use crate::cleaning_summary;
use crate::commands::{Context, scheduled, shown_destination};
use crate::output::{Output, json_error};
use crate::progress::Progress;
use crate::summary::summary;
use crate::time;

/// The exit code after SIGHUP.
const HANG_UP: u8 = 129;
/// The exit code of a mistake in a file or on the command line.
const MISTAKE: u8 = 2;

/// What was asked for, and what its attempts share.
pub(crate) struct Asked<'a> {
    pub(crate) context: &'a Context,
    /// The pipeline, as it was named.
    pub(crate) named: PathBuf,
    pub(crate) options: RunOptions,
    /// The longest wait before it begins.
    jitter: Option<Duration>,
    /// The file that gets a line about it.
    summary_file: Option<PathBuf>,
    pub(crate) signals: Signals,
}

/// Runs a pipeline and prints what it did; the last line says it all, for mail from cron.
pub(crate) async fn run(context: &Context, arguments: RunArguments) -> Result<u8> {
    let RunArguments { pipeline, jitter, summary_file, occurrence, scheduled, .. } = arguments;
    if let Some(file) = &summary_file {
        runs::check(file)?;
    }
    let summary_file = summary_file.map(|file| context.whole(&file));
    let options = RunOptions {
        select: arguments.select,
        full_refresh: arguments.full_refresh,
        refresh_calculated: arguments.refresh_calculated,
        sweep_associations: arguments.sweep_associations,
        sweep_ids: arguments.sweep_ids,
        dry_run: arguments.dry_run,
        limit: arguments.limit,
        timeout: arguments.timeout,
        wait_for_lease: arguments.wait_for_lease,
        allow_mass_delete: arguments.allow_mass_delete,
        attempt: 1,
        ..RunOptions::default()
    };
    let asked = Asked { context, named: pipeline.pipeline, options, jitter, summary_file, signals: Signals::listen() };
    Ok(match scheduled {
        true => scheduled::run(asked).await,
        false => asked.attempt(occurrence.as_ref()).await,
    })
}

impl Asked<'_> {
    /// One run, under an occurrence or not; its exit code.
    pub(crate) async fn attempt(&self, occurrence: Option<&OccurrenceId>) -> u8 {
        let ending = Arc::new(Ending { progress: Progress::new(&self.context.output), entry: Mutex::default() });
        let done = self.carry_out(&ending, occurrence).await;
        let entry = ending.entry.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.conclude(done, entry)
    }

    /// Says how a run ended, or why there was none; its exit code.
    pub(crate) fn conclude(&self, done: Result<u8>, entry: Option<RunEntry>) -> u8 {
        let output = &self.context.output;
        let (exit_code, error) = match done {
            Ok(exit_code) => (exit_code, None),
            Err(error) => (self.signals.exit_code_of(&error), Some(error)),
        };
        let line = match (entry, &error) {
            (Some(entry), _) => RunLine::of(&entry, Some(exit_code)),
            (None, error) => {
                let kind = if self.options.dry_run { RunKind::DryRun } else { RunKind::Run };
                RunLine::not_begun(&name_of(&self.named), kind, error.as_ref(), exit_code)
            }
        };
        if let Some(error) = &error {
            output.error(error);
            // A mistake in a file or on the command line says where it is, and nothing was done.
            if exit_code != MISTAKE {
                output.alarm(&line.to_string());
            }
        } else if exit_code != 0 && (output.is_quiet() || output.is_json()) {
            // Standard output may be thrown away, as in cron's tables; what went wrong must reach somebody.
            output.alarm(&line.to_string());
        } else if !output.is_json() && !output.is_quiet() {
            output.data(&format!("\n{line}"));
        }
        if let Some(file) = &self.summary_file
            && let Err(error) = runs::append(file, &line)
        {
            // What was loaded is loaded, whoever hears of it.
            output.error(&error);
        }
        exit_code
    }

    async fn carry_out(&self, ending: &Arc<Ending>, occurrence: Option<&OccurrenceId>) -> Result<u8> {
        let Self { context, options, signals, .. } = self;
        let pipeline = context.pipeline(&self.named)?;
        if let Some(most) = self.jitter {
            let wait = jitter::jitter(&pipeline.file.name, SystemClock.now(), most);
            context.output.words(&format!("{} begins in {}", pipeline.file.name, runs::span(wait)));
            jitter::wait(wait, signals.stop.clone()).await?;
        }
        let Some(id) = occurrence else {
            let done = aqueduct_pipeline::run(&pipeline, options, ending.clone(), signals.stop.clone()).await;
            return told(done, &pipeline, &context.output, signals);
        };
        let clock = time::of_schedules(&Environment::of_process())?.clock();
        let occurring = Occurring::begin(&pipeline, id, clock, signals.stop.clone()).await?;
        let options = RunOptions {
            occurrence: Some(id.to_string()),
            attempt: occurring.attempt(),
            run_id: Some(occurring.run_id().to_owned()),
            ..options.clone()
        };
        let done = aqueduct_pipeline::run(&pipeline, &options, ending.clone(), occurring.stop()).await;
        let (error, again_in) = {
            let errors: Vec<&Error> = match &done {
                Ok(report) => report.errors.iter().map(|(_, error)| error).collect(),
                Err(error) => vec![error],
            };
            let quota = errors.iter().find(|error| error.kind() == ErrorKind::Quota);
            (errors.first().map(|error| error.code().id), quota.and_then(|error| error.retry_after()))
        };
        let told = told(done, &pipeline, &context.output, signals);
        let exit_code = told.as_ref().map_or_else(|error| signals.exit_code_of(error), |exit_code| *exit_code);
        match occurring.end(exit_code, error, again_in).await {
            true => told,
            false => Err(Error::new(codes::OCCURRENCE_TAKEN, format!("`{id}` was given to another run while this one was at it"))
                .data_note("What this run has committed is whole; the other run goes on from there.")),
        }
    }
}

/// Prints what a run did; its exit code.
fn told(done: Result<RunReport>, pipeline: &Pipeline, output: &Output, signals: &Signals) -> Result<u8> {
    let report = done?;
    let interrupted = report.record.status == RunStatus::Interrupted;
    let exit_code = if interrupted { signals.exit_code() } else { report.record.exit_code };
    if output.is_json() || !output.is_quiet() {
        print(&report, pipeline, output);
    } else {
        for (stream, error) in &report.errors {
            output.alarm(&format!("stream {stream} is not complete: {error}\n  data: {}\n  next: {}", error.data(), error.advice()));
        }
    }
    Ok(exit_code)
}

/// A pipeline's name where its file may not be readable.
fn name_of(named: &Path) -> String {
    named.file_stem().unwrap_or(named.as_os_str()).to_string_lossy().into_owned()
}

/// Shows a run, and keeps how the ledger has it in the end.
struct Ending {
    progress: Progress,
    entry: Mutex<Option<RunEntry>>,
}

impl Observer for Ending {
    fn observe(&self, event: Event<'_>) {
        if let Event::Ended { entry } = &event {
            *self.entry.lock().unwrap_or_else(PoisonError::into_inner) = Some((*entry).clone());
        }
        self.progress.observe(event);
    }
}

/// Runs a pipeline with progress on standard error.
pub(crate) async fn execute(pipeline: &Pipeline, options: &RunOptions, output: &Output, stop: watch::Receiver<bool>) -> Result<RunReport> {
    aqueduct_pipeline::run(pipeline, options, Arc::new(Progress::new(output)), stop).await
}

/// Prints a report: the ledger's entry with errors as JSON, or the summary.
pub(crate) fn print(report: &RunReport, pipeline: &Pipeline, output: &Output) {
    if output.is_json() {
        let errors: Vec<_> = report
            .errors
            .iter()
            .map(|(stream, error)| serde_json::json!({"stream": stream, "error": json_error(error)["error"]}))
            .collect();
        let mut value = serde_json::to_value(&report.record).unwrap_or_default();
        if let Some(object) = value.as_object_mut() {
            object.insert("errors".to_owned(), errors.into());
            object.insert("dry_run".to_owned(), report.dry_run.into());
            object.insert("identities".to_owned(), serde_json::json!(report.identities));
            object.insert("policy".to_owned(), serde_json::json!(report.policy));
            object.insert("schema_changes".to_owned(), serde_json::json!(report.drift.changes));
            object.insert("columns_filled".to_owned(), serde_json::json!(report.drift.filled));
            object.insert("columns_lacking".to_owned(), serde_json::json!(report.drift.lacking));
            object.insert("fields_not_accepted".to_owned(), serde_json::json!(report.drift.left_out));
            object.insert("fields_not_selected".to_owned(), serde_json::json!(report.left_out));
            object.insert("cleaning".to_owned(), cleaning_summary::json(report));
        }
        output.json_line(&value);
    } else {
        output.data(&summary(report, &shown_destination(pipeline.file.destination().expose()), output));
    }
}

/// What the end of the terminal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnHangUp {
    /// What SIGTERM means.
    Stop,
    /// Nothing: for a server without a terminal SIGHUP asks it to read its files again, which it does by itself.
    GoOn,
}

/// The signals that end a run after a checkpoint: the first asks for it, the second ends the process at once.
pub(crate) struct Signals {
    pub(crate) stop: watch::Receiver<bool>,
    code: Arc<AtomicU8>,
}

impl Signals {
    pub(crate) fn listen() -> Self {
        Self::listen_with(OnHangUp::Stop)
    }

    pub(crate) fn listen_with(on_hang_up: OnHangUp) -> Self {
        let (sender, stop) = watch::channel(false);
        let code = Arc::new(AtomicU8::new(130));
        let shared = code.clone();
        let mut heard = Heard::listen();
        tokio::spawn(async move {
            loop {
                let received = heard.next().await;
                if received == HANG_UP && on_hang_up == OnHangUp::GoOn {
                    tracing::info!("pipeline files are read again by themselves when they change; SIGTERM ends the server");
                    continue;
                }
                if *sender.borrow() {
                    #[expect(clippy::disallowed_methods, reason = "a second signal means now; what is committed is whole")]
                    std::process::exit(i32::from(received));
                }
                shared.store(received, Ordering::SeqCst);
                sender.send_replace(true);
            }
        });
        Self { stop, code }
    }

    pub(crate) fn exit_code(&self) -> u8 {
        self.code.load(Ordering::SeqCst)
    }

    /// The exit code of an error, which is that of the signal where one has interrupted the work.
    fn exit_code_of(&self, error: &Error) -> u8 {
        if error.kind() == ErrorKind::Interrupted { self.exit_code() } else { error.exit_code() }
    }
}

/// The signals, heard from the beginning on: one that comes while another is dealt with is not lost.
#[cfg(unix)]
struct Heard {
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
    hang_up: Option<Signal>,
}

#[cfg(unix)]
impl Heard {
    fn listen() -> Self {
        let listen = |kind| tokio::signal::unix::signal(kind).ok();
        let hang_up = if is_hung_up() { listen(SignalKind::hangup()) } else { None };
        Self { interrupt: listen(SignalKind::interrupt()), terminate: listen(SignalKind::terminate()), hang_up }
    }

    /// Waits for the next; the exit code that stands for it.
    async fn next(&mut self) -> u8 {
        tokio::select! {
            () = heard(&mut self.interrupt) => 130,
            () = heard(&mut self.terminate) => 143,
            () = heard(&mut self.hang_up) => HANG_UP,
        }
    }
}

#[cfg(unix)]
async fn heard(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

#[cfg(not(unix))]
struct Heard;

#[cfg(not(unix))]
impl Heard {
    fn listen() -> Self {
        Self
    }

    async fn next(&mut self) -> u8 {
        let _ = tokio::signal::ctrl_c().await;
        130
    }
}

/// Whether SIGHUP ends this process. `nohup` has it ignored, and listening would undo that.
#[cfg(unix)]
fn is_hung_up() -> bool {
    // The signals that are ignored, as a number in base 16 whose lowest bit is signal 1 (proc_pid_status(5)). Where nobody says,
    // everything stays as it is.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    ignored.is_some_and(|ignored| ignored & 1 == 0)
}
