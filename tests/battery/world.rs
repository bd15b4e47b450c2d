//! One trial's world: an account, a destination, a pipeline between them, and the ways to run it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aqueduct_pipeline::{Depth, Environment, Pipeline, ReconcileOptions, Registry, RunOptions, Silent};
use aqueduct_warehouse::private_server::PrivateServer;
use tempfile::TempDir;
use tokio::sync::watch;

use crate::database::Database;
use crate::source::{Size, Source, Vendor};

/// What all trials share.
pub(crate) struct Shared {
    /// The binary with kill points.
    pub(crate) binary: PathBuf,
    /// The server of all PostgreSQL destinations.
    pub(crate) server: Arc<PrivateServer>,
    /// Planted mistakes that are awake in the binary, as `FAILPOINTS` has them.
    pub(crate) planted: Option<&'static str>,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The exit code; `None` when the process was killed.
    pub(crate) code: Option<i32>,
    /// Everything it printed.
    pub(crate) words: String,
    /// What it used, where it was a process.
    pub(crate) used: Option<Used>,
}

/// What a process used.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Used {
    /// The most memory at any time, in KiB.
    pub(crate) memory: u64,
    /// The most files, sockets included, that it had open whenever it was looked at.
    pub(crate) files: u64,
    /// How long it ran.
    pub(crate) time: Duration,
    /// How long one of its threads wanted a processor and had none: the one that waited longest.
    pub(crate) starved: Duration,
}

/// One trial's world.
pub(crate) struct World {
    pub(crate) source: Arc<Source>,
    pub(crate) database: Database,
    pub(crate) folder: TempDir,
    shared: Arc<Shared>,
    /// The most memory that a process may use, in MiB.
    pub(crate) memory: u64,
    /// How far the machine's clock is ahead of the vendor's.
    pub(crate) skew_seconds: i64,
    /// More lines of the pipeline file.
    pub(crate) more: String,
    /// An address of the vendor and what stands in its place.
    pub(crate) detour: Option<(String, String)>,
    /// The pipeline file's sections `name` and `source`, where they are not the account's usual ones.
    pub(crate) section: Option<String>,
}

/// A process that was started and not waited for.
pub(crate) struct Running {
    child: Child,
    output: PathBuf,
    begun: Instant,
}

impl World {
    pub(crate) async fn new(shared: &Arc<Shared>, vendor: Vendor, postgres: bool, seed: u64, size: Size) -> Self {
        Self::of(shared, Source::start(vendor, seed, &size).await, postgres).await
    }

    /// A world whose pipeline reads an account with the refresh token of a user, which is good once only.
    pub(crate) async fn rotating(shared: &Arc<Shared>, postgres: bool, seed: u64, size: Size) -> Self {
        let source = Source::rotating(seed, &size).await;
        let section = source.section_of_a_user();
        Self { section: Some(section), ..Self::of(shared, source, postgres).await }
    }

    /// A world over any account, into SQLite.
    pub(crate) async fn reading(shared: &Arc<Shared>, source: Source) -> Self {
        Self::of(shared, source, false).await
    }

    async fn of(shared: &Arc<Shared>, source: Source, postgres: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let database = if postgres { new_postgres(shared).await } else { Database::sqlite(folder.path(), "warehouse.db") };
        let more = "run: { records_per_load: 60, idle_timeout_seconds: 2, retry_seconds: 600 }\n".to_owned();
        Self {
            source: Arc::new(source),
            database,
            folder,
            shared: shared.clone(),
            memory: 200,
            skew_seconds: 0,
            more,
            detour: None,
            section: None,
        }
    }

    /// The same account and pipeline, with a folder and a SQLite file of its own.
    pub(crate) fn beside(&self) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let database = Database::sqlite(folder.path(), "warehouse.db");
        self.beside_in(folder, database)
    }

    /// The same account and pipeline, with another folder and destination.
    pub(crate) fn beside_in(&self, folder: TempDir, database: Database) -> Self {
        Self {
            source: self.source.clone(),
            database,
            folder,
            shared: self.shared.clone(),
            memory: self.memory,
            skew_seconds: self.skew_seconds,
            more: self.more.clone(),
            detour: self.detour.clone(),
            section: self.section.clone(),
        }
    }

    /// Writes the pipeline file for a destination.
    pub(crate) fn file(&self, database: &Database) -> PathBuf {
        self.write_file(database, "")
    }

    fn path_of(&self, database: &Database) -> PathBuf {
        self.folder.path().join(format!("{}.yaml", database.url().len()))
    }

    fn write_file(&self, database: &Database, lines: &str) -> PathBuf {
        let file = self.path_of(database);
        let mut section = self.section.clone().unwrap_or_else(|| self.source.section());
        if let Some((address, instead)) = &self.detour {
            section = section.replace(address, instead);
        }
        let text = format!("{section}destination: {{ url: '{}' }}\n{}{lines}", database.url(), self.more);
        // Whole at once: another process may be about to read it.
        let fresh = self.folder.path().join(format!("fresh-{}", output_number()));
        std::fs::write(&fresh, text).expect("the pipeline file is written");
        std::fs::rename(&fresh, &file).expect("the pipeline file is put in its place");
        file
    }

    /// Runs the pipeline inside this process, in the time of the account.
    pub(crate) async fn run_here(&self) -> Ran {
        self.run_into(&self.database, RunOptions::default()).await
    }

    /// The same into any destination and with any options.
    pub(crate) async fn run_into(&self, database: &Database, options: RunOptions) -> Ran {
        let clock = self.source.machine_clock(self.skew_seconds);
        let pipeline = match Pipeline::open(&self.file(database), &Registry::standard(), &Environment::default()) {
            Ok(pipeline) => pipeline.with_clock(clock),
            Err(error) => return failed(&error),
        };
        let (_stop, stopped) = watch::channel(false);
        let task = tokio::spawn(async move { aqueduct_pipeline::run(&pipeline, &options, Arc::new(Silent), stopped).await });
        match task.await {
            Ok(Ok(report)) => {
                let errors: String =
                    report.errors.iter().map(|(stream, error)| format!("{stream}: {error}; {}\n", error.advice())).collect();
                Ran { code: Some(report.record.exit_code.into()), words: errors, used: None }
            }
            Ok(Err(error)) => failed(&error),
            Err(error) => Ran { code: Some(1), words: format!("panicked: {error}"), used: None },
        }
    }

    /// Compares all keys and repairs what differs: how many were missing or stale before, and the first error.
    pub(crate) async fn reconcile(&self) -> (u64, Option<String>) {
        let pipeline = match Pipeline::open(&self.file(&self.database), &Registry::standard(), &Environment::default()) {
            Ok(pipeline) => pipeline.with_clock(self.source.machine_clock(self.skew_seconds)),
            Err(error) => return (0, Some(error.to_string())),
        };
        let options = ReconcileOptions { depth: Depth::Full, repair: true, ..ReconcileOptions::default() };
        let (_stop, stopped) = watch::channel(false);
        match aqueduct_pipeline::reconcile(&pipeline, &options, Arc::new(Silent), stopped).await {
            Ok(report) => {
                let found = report.repaired.values().map(|(deleted, read)| deleted + read).sum();
                (found, report.errors.first().map(|(stream, error)| format!("{stream}: {error}")))
            }
            Err(error) => (0, Some(error.to_string())),
        }
    }

    /// Starts a run of the binary with these variables more.
    pub(crate) fn start(&self, database: &Database, words: &[&str], variables: &[(&str, String)]) -> Running {
        self.start_command("run", database, words, variables)
    }

    /// Starts a run of the binary with these lines more in the pipeline file.
    pub(crate) fn start_with(&self, database: &Database, lines: &str) -> Running {
        self.write_file(database, lines);
        self.start_file("run", database, &[], &[])
    }

    /// Starts a command of the binary on the pipeline file, with words after it and with these variables more.
    pub(crate) fn start_command(&self, verb: &str, database: &Database, words: &[&str], variables: &[(&str, String)]) -> Running {
        self.file(database);
        self.start_file(verb, database, words, variables)
    }

    fn start_file(&self, verb: &str, database: &Database, words: &[&str], variables: &[(&str, String)]) -> Running {
        let output = self.folder.path().join(format!("output-{}", output_number()));
        let file = std::fs::File::create(&output).expect("a file for the output");
        let mut command = Command::new(&self.shared.binary);
        command.args(verb.split_whitespace()).arg(self.path_of(database)).args(words).stdin(Stdio::null());
        command.stdout(file.try_clone().expect("a second handle")).stderr(file).current_dir(self.folder.path());
        command.env_clear().env("RUST_BACKTRACE", "1").env("NO_COLOR", "1");
        if let Some(planted) = self.shared.planted {
            command.env("FAILPOINTS", planted);
        }
        for (name, value) in variables {
            command.env(name, value);
        }
        Running::of(command, output)
    }

    /// Starts the binary where no file may grow beyond so many blocks of 512 bytes; a write beyond it fails and kills nobody.
    pub(crate) fn start_limited(&self, blocks: u64) -> Running {
        let output = self.folder.path().join(format!("output-{}", output_number()));
        let file = std::fs::File::create(&output).expect("a file for the output");
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' XFSZ; ulimit -f \"$1\"; shift; exec \"$@\"", "sh"]).arg(blocks.to_string());
        command.arg(&self.shared.binary).arg("run").arg(self.file(&self.database)).stdin(Stdio::null());
        command.stdout(file.try_clone().expect("a second handle")).stderr(file).current_dir(self.folder.path());
        command.env_clear().env("PATH", "/usr/bin:/bin").env("NO_COLOR", "1");
        Running::of(command, output)
    }

    /// What `FAILPOINTS` has to say: the planted mistakes that are awake, and this.
    pub(crate) fn fail_points(&self, more: &str) -> String {
        self.shared.planted.map_or_else(|| more.to_owned(), |planted| format!("{planted};{more}"))
    }

    /// Runs the binary to its end.
    pub(crate) async fn run_binary(&self, variables: &[(&str, String)]) -> Ran {
        self.start(&self.database, &["-v"], variables).end().await
    }

    /// Runs the binary and kills it after a while. The second is whether the kill came in time.
    pub(crate) async fn run_killed(&self, after: Duration, variables: &[(&str, String)]) -> Ran {
        let mut running = self.start(&self.database, &[], variables);
        pause(after).await;
        running.signal("-KILL");
        running.end().await
    }

    /// A new destination for an undisturbed run.
    pub(crate) async fn another_database(&self) -> Database {
        if self.database.is_postgres() {
            new_postgres(&self.shared).await
        } else {
            Database::sqlite(self.folder.path(), "undisturbed-run.db")
        }
    }
}

async fn new_postgres(shared: &Arc<Shared>) -> Database {
    let server = shared.server.clone();
    tokio::task::spawn_blocking(move || Database::postgres(&server)).await.expect("a database is made")
}

impl Running {
    fn of(mut command: Command, output: PathBuf) -> Self {
        Self { child: command.spawn().expect("the binary starts"), output, begun: Instant::now() }
    }

    /// Looks at what the process uses now, where the system tells.
    fn look(&self, used: &mut Used) {
        let process = PathBuf::from(format!("/proc/{}", self.child.id()));
        let status = std::fs::read_to_string(process.join("status")).unwrap_or_default();
        let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().split(' ').next()?.parse().ok());
        used.memory = used.memory.max(most.unwrap_or(0));
        let open = std::fs::read_dir(process.join("fd")).map_or(0, |files| files.count() as u64);
        if open > used.files {
            used.files = used.files.max(own_files(&process));
        }
    }

    /// Looks at how long the process has waited for processors, where the system tells.
    fn look_at_threads(&self, used: &mut Used) {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).into_iter().flatten().flatten();
        let waited = threads.filter_map(|thread| {
            let told = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
            told.split(' ').nth(1)?.parse::<u64>().ok()
        });
        used.starved = used.starved.max(Duration::from_nanos(waited.max().unwrap_or_default()));
    }

    /// Whether the process has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// Sends a signal, unless the process has ended.
    pub(crate) fn signal(&mut self, signal: &str) {
        if self.has_ended() {
            return;
        }
        let _ = Command::new("kill").args([signal, &self.child.id().to_string()]).stderr(Stdio::null()).status();
    }

    /// Waits for the end; a process that does not end in five minutes is killed and says so.
    pub(crate) async fn end(mut self) -> Ran {
        let (begun, mut used) = (Instant::now(), Used::default());
        let mut looks = 0_u32;
        let status = loop {
            match self.child.try_wait().expect("the process can be waited for") {
                Some(status) => break Some(status),
                None if begun.elapsed() > Duration::from_secs(300) => {
                    let _ = self.child.kill();
                    let _ = self.child.wait();
                    break None;
                }
                None => {
                    self.look(&mut used);
                    // Many files to read, of which one look in twenty-five is as good.
                    if looks.is_multiple_of(25) {
                        self.look_at_threads(&mut used);
                    }
                    looks += 1;
                    pause(Duration::from_millis(4)).await;
                }
            }
        };
        used.time = self.begun.elapsed();
        let mut words = String::from_utf8_lossy(&std::fs::read(&self.output).unwrap_or_default()).into_owned();
        let code = match status {
            Some(status) => status.code(),
            None => {
                words.push_str("the process did not end");
                Some(-1)
            }
        };
        Ran { code, words, used: Some(used) }
    }
}

/// The files that a process has open for itself. One that has only just begun may still show the battery's: the system closes them a moment
/// after the program is there.
fn own_files(process: &Path) -> u64 {
    let open = |folder: &Path| -> Vec<PathBuf> {
        let links = std::fs::read_dir(folder.join("fd")).into_iter().flatten().flatten();
        links.filter_map(|link| std::fs::read_link(link.path()).ok()).collect()
    };
    let passed_on = |file: &PathBuf| ["socket:", "pipe:"].iter().any(|kind| file.to_string_lossy().starts_with(kind));
    let battery: BTreeSet<PathBuf> = open(Path::new("/proc/self")).into_iter().filter(passed_on).collect();
    open(process).iter().filter(|file| !battery.contains(*file)).count() as u64
}

/// Nothing outlives its trial.
impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ran {
    /// Whether the process was killed.
    pub(crate) fn was_killed(&self) -> bool {
        self.code.is_none()
    }
}

#[expect(clippy::disallowed_methods, reason = "processes are watched and killed at moments of the machine's time")]
pub(crate) async fn pause(span: Duration) {
    tokio::time::sleep(span).await;
}

fn failed(error: &aqueduct_schema::Error) -> Ran {
    Ran { code: Some(error.exit_code().into()), words: format!("{error}\n{}", error.advice()), used: None }
}

fn output_number() -> u64 {
    static COUNT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

/// Whether a binary is there to be run.
pub(crate) fn is_program(path: &Path) -> bool {
    path.is_file()
}
