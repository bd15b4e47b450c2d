//! Runs as processes: `aqueduct run FILE --occurrence …`, each with a log of its own, each outliving the scheduler that started it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use aqueduct_pipeline::control_store::Holder;
use aqueduct_pipeline::control_store::occurrence::OccurrenceId;
use aqueduct_pipeline::schema::{Error, Result, codes};
use async_trait::async_trait;
use tokio::sync::Notify;

use super::logs::Logs;
use super::runner::{Gone, Runner, Signal, Start};

/// How processes are started.
#[derive(Clone, Debug)]
pub struct ProcessSettings {
    /// The binary.
    pub program: PathBuf,
    /// Words for every run, such as `--env-file FILE`.
    pub words: Vec<String>,
    /// The folder for logs.
    pub logs: PathBuf,
    /// How many logs of a pipeline are kept.
    pub kept: usize,
    /// How long a log may grow, in bytes.
    pub longest: u64,
}

impl ProcessSettings {
    /// With logs of usual number and length in a folder.
    pub fn new(program: PathBuf, logs: PathBuf) -> Self {
        Self { program, words: Vec::new(), logs, kept: 50, longest: 8 << 20 }
    }
}

/// Starts processes.
#[derive(Debug)]
pub struct ProcessRunner {
    settings: ProcessSettings,
    logs: Logs,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    gone: Mutex<Vec<Gone>>,
    /// The logs of processes that run, by what they are for.
    writing: Mutex<BTreeMap<(OccurrenceId, u32), PathBuf>>,
    ended: Notify,
}

impl ProcessRunner {
    /// One that has started nothing yet.
    pub fn new(settings: ProcessSettings) -> Self {
        let logs = Logs { folder: settings.logs.clone(), kept: settings.kept, longest: settings.longest };
        Self { settings, logs, shared: Arc::default() }
    }

    /// Waits until a process has ended.
    pub async fn changed(&self) {
        self.shared.ended.notified().await;
    }
}

#[async_trait]
impl Runner for ProcessRunner {
    async fn start(&self, start: &Start) -> Result<u32> {
        let failed = |what: &str, error: std::io::Error| {
            Error::new(codes::BUG, format!("{what} ({error})"))
                .with("occurrence", &start.id)
                .advise("Look whether the machine has processes, memory and room on its disk left; the run is tried again.")
        };
        let (log, summary) =
            self.logs.begin(&start.id, start.attempt).map_err(|error| failed("the log of the run cannot be written", error))?;
        let output = Logs::open(&log).map_err(|error| failed("the log of the run cannot be written", error))?;
        let also = output.try_clone().map_err(|error| failed("the log of the run cannot be written", error))?;
        let mut command = Command::new(&self.settings.program);
        command.args(&self.settings.words).arg("run").arg(&start.file);
        command.arg("--occurrence").arg(start.id.to_string()).arg("--summary-file").arg(summary);
        if let Some(timeout) = start.timeout {
            command.arg("--timeout").arg(format!("{}s", timeout.as_secs().max(1)));
        }
        command.stdin(Stdio::null()).stdout(output).stderr(also);
        // A signal from the terminal is for the scheduler, which tells its runs what to do.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut command = tokio::process::Command::from(command);
        command.kill_on_drop(false);
        let mut child = command.spawn().map_err(|error| failed("the process of the run cannot be started", error))?;
        let process = child.id().unwrap_or_default();
        let (shared, id, attempt) = (self.shared.clone(), start.id.clone(), start.attempt);
        lock(&shared.writing).insert((id.clone(), attempt), log);
        tokio::spawn(async move {
            let status = child.wait().await;
            let code = status.ok().and_then(|status| status.code()).and_then(|code| u8::try_from(code).ok());
            lock(&shared.writing).remove(&(id.clone(), attempt));
            lock(&shared.gone).push(Gone { id, process, code });
            shared.ended.notify_one();
        });
        Ok(process)
    }

    async fn ended(&self) -> Vec<Gone> {
        std::mem::take(&mut lock(&self.shared.gone))
    }

    fn signal(&self, holder: &Holder, signal: Signal) {
        // A number means something only where it was given out, and only while that process lives.
        if holder.is_here() && !holder.is_gone() {
            send(holder.process, signal);
        }
    }

    async fn tend(&self) {
        for log in lock(&self.shared.writing).values() {
            if let Err(error) = self.logs.bound(log) {
                tracing::warn!(log = %log.display(), "the log could not be cut: {error}");
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(unix)]
fn send(process: u32, signal: Signal) {
    use rustix::process::{Pid, kill_process};
    let Some(process) = i32::try_from(process).ok().and_then(Pid::from_raw) else { return };
    let signal = match signal {
        Signal::Terminate => rustix::process::Signal::TERM,
        Signal::Kill => rustix::process::Signal::KILL,
    };
    // It may have ended just now.
    let _ = kill_process(process, signal);
}

#[cfg(not(unix))]
fn send(process: u32, _: Signal) {
    // There is no way to ask; what is committed is whole.
    let _ = Command::new("taskkill").args(["/F", "/PID", &process.to_string()]).output();
}
