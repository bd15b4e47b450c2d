//! Tasks of the workspace: `cargo xtask <task>`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

mod battery;
mod conformance;
mod machine;
mod prerequisites;
mod test;

const USAGE: &str = "\
cargo xtask test [ARGUMENT…]   makes sure that the tests have what they need, then runs all of them;
                               arguments go to `cargo test`, such as `-p aqueduct-engine` or a test's name
cargo xtask conformance [--write]
                               tries every connector on every rule and prints the table; says whether docs/connectors.md is
                               still true, or writes it
cargo xtask battery [--quick|--release] [--seed N] [--rows 1,2,…] [--minutes N]
                               kills, cuts and confuses the binary and the engine, counts what is lost or doubled, and writes
                               target/battery/report.md; needs sqlite3 and psql";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("test") => finished(test::run(&arguments.collect::<Vec<_>>())),
        Some("battery") => finished(battery::run(&arguments.collect::<Vec<_>>())),
        Some("conformance") => finished(conformance::run(&arguments.collect::<Vec<_>>())),
        Some("help" | "--help" | "-h") => {
            say(USAGE);
            ExitCode::SUCCESS
        }
        Some(unknown) => {
            say(&format!("there is no task `{unknown}`. The tasks are:\n{USAGE}"));
            ExitCode::from(2)
        }
        None => {
            say(USAGE);
            ExitCode::from(2)
        }
    }
}

fn finished(outcome: Result<ExitCode, String>) -> ExitCode {
    outcome.unwrap_or_else(|words| {
        say(&format!("error: {words}"));
        ExitCode::FAILURE
    })
}

/// The folder where cargo builds.
#[expect(clippy::disallowed_methods, reason = "a task is no part of the product; cargo speaks to it through the environment")]
fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |folder| root.join(folder))
}

/// Words for the person at the terminal. Standard output is left to the commands that a task runs.
fn say(words: &str) {
    // Nobody is left to tell where standard error is closed.
    let _ = writeln!(io::stderr(), "{words}");
}
