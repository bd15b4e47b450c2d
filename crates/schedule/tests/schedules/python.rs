//! Python with pinned packages.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const INSTALL: &str =
    "This test needs python3 with its venv module and a package index: on Debian and Ubuntu `apt-get install python3 python3-venv`.";

/// A file beside these tests.
pub(crate) fn beside(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schedules").join(name)
}

/// What a command left, in words.
pub(crate) fn words(output: &Output) -> String {
    format!("{}\n{}\n{}", output.status, String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Runs a command to its end with this to read; panics with its output when it cannot start or fails.
pub(crate) fn succeed(what: &str, command: &mut Command, input: &str) -> Output {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap_or_else(|error| panic!("{what}: {error}. {INSTALL}"));
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        // A command that ends without reading its input is judged by how it ended.
        scope.spawn(move || stdin.write_all(input.as_bytes()));
        child.wait_with_output().unwrap()
    });
    assert!(output.status.success(), "{what} failed. {INSTALL}\n{}", words(&output));
    output
}

/// The interpreter of a virtual environment that holds the requirements of a name; made once, kept under the target folder.
pub(crate) fn interpreter(name: &str) -> PathBuf {
    let requirements = beside(&format!("requirements-{name}.txt"));
    let wanted = std::fs::read_to_string(&requirements).unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("schedule-{name}"));
    let (python, stamp) = (folder.join("bin/python"), folder.join("requirements.installed"));
    let ready = python.exists() && std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted);
    if !ready {
        succeed("making a virtual environment", Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder), "");
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
        succeed("installing packages", Command::new(&python).args(install).arg(&requirements), "");
        // Written last: an environment that was interrupted is made anew.
        std::fs::write(&stamp, &wanted).unwrap();
    }
    python
}
