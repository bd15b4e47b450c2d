//! Tasks of the workspace: `cargo xtask <task>`.

use std::io::{self, Write};
use std::process::ExitCode;

mod conformance;
mod machine;
mod prerequisites;
mod test;

const USAGE: &str = "\
cargo xtask test [ARGUMENT…]   makes sure that the tests have what they need, then runs all of them;
                               arguments go to `cargo test`, such as `-p aqueduct-engine` or a test's name
cargo xtask conformance [--write]
                               tries every connector on every rule and prints the table; says whether docs/connectors.md is
                               still true, or writes it";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("test") => finished(test::run(&arguments.collect::<Vec<_>>())),
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

/// Words for the person at the terminal. Standard output is left to the commands that a task runs.
fn say(words: &str) {
    // Nobody is left to tell where standard error is closed.
    let _ = writeln!(io::stderr(), "{words}");
}
