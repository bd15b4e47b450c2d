//! A folder of a person's own, and the binary run in it as a person runs it.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long a test waits for what must come; nothing is concluded from the time itself.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder with pipeline files, and the variables that are set there.
pub(crate) struct Project {
    folder: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

impl Project {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), variables: Vec::new() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Sets a variable for every command from now on.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.variables.push((name.to_owned(), value.into()));
    }

    /// The binary with the words of a line, no variables but those set here, and nothing to read.
    pub(crate) fn command(&self, line: &str) -> Command {
        self.by(Command::new(env!("CARGO_BIN_EXE_aqueduct")), line)
    }

    fn by(&self, mut command: Command, line: &str) -> Command {
        command.args(line.split_whitespace()).current_dir(self.folder.path()).env_clear();
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, line: &str) -> Ended {
        Ended::of(line, self.command(line).output().unwrap())
    }

    /// Runs a command to its end with this on its standard input.
    pub(crate) fn feed(&self, line: &str, input: &[u8]) -> Ended {
        let mut child = self.command(line).stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // Both ends at once: a pipe holds little, and the command answers while it reads.
        std::thread::scope(|scope| {
            scope.spawn(move || stdin.write_all(input).unwrap());
            Ended::of(line, child.wait_with_output().unwrap())
        })
    }

    /// Starts a command and leaves it running.
    pub(crate) fn start(&self, line: &str) -> Running {
        Running { line: line.to_owned(), child: Some(self.command(line).spawn().unwrap()) }
    }

    /// Starts a command as a terminal does, which SIGHUP ends, also where the tests themselves are called under `nohup`.
    pub(crate) fn start_at_a_terminal(&self, line: &str) -> Running {
        let mut command = Command::new("/usr/bin/env");
        command.args(["--default-signal=HUP", env!("CARGO_BIN_EXE_aqueduct")]);
        Running { line: line.to_owned(), child: Some(self.by(command, line).spawn().unwrap()) }
    }
}

/// What a command left.
#[derive(Debug)]
pub(crate) struct Ended {
    line: String,
    /// The exit code; `None` after a signal.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl Ended {
    fn of(line: &str, output: std::process::Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { line: line.to_owned(), code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Holds the exit code against what it must be; shows everything the command said where it differs.
    #[track_caller]
    pub(crate) fn with_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "aqueduct {}\n--- stdout\n{}\n--- stderr\n{}", self.line, self.out, self.err);
        self
    }

    /// Every line of standard output as JSON.
    #[track_caller]
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        let parsed = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.out.lines().map(parsed).collect()
    }

    /// The only line of standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let mut lines = self.json_lines();
        assert_eq!(lines.len(), 1, "{}", self.out);
        lines.remove(0)
    }

    /// The report of `run --json` on one stream.
    #[track_caller]
    pub(crate) fn stream(&self, name: &str) -> Value {
        let report = self.json();
        let streams = report["streams"].as_array().unwrap();
        streams.iter().find(|stream| stream["stream"] == name).unwrap_or_else(|| panic!("no stream {name} in {report}")).clone()
    }
}

/// A command under way; it is killed when this is dropped.
pub(crate) struct Running {
    line: String,
    child: Option<Child>,
}

impl Running {
    /// Kills it as `kill -9` does and waits until it is gone.
    pub(crate) fn kill(mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().code(), None, "aqueduct {} had ended before it was killed", self.line);
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Sends a signal by its name, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Ended {
        Ended::of(&self.line.clone(), self.child.take().unwrap().wait_with_output().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A pipeline that reads a small file into a warehouse of its own, with this section `schedule`.
pub(crate) fn pipeline(project: &Project, name: &str, schedule: &str) {
    project.write("people.csv", "id,email\n1,ada@example.com\n2,grace@example.com\n");
    let text = format!(
        "schedule: {schedule}\nsource: {{ connector: files, config: {{ path: people.csv, key: id, stream: people }} }}\n\
         destination: {{ url: \"sqlite://{name}.db\" }}\n"
    );
    project.write(&format!("pipelines/{name}.yaml"), text);
}

/// Asks again and again until the answer is yes.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut yes: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !yes() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::yield_now();
    }
}
