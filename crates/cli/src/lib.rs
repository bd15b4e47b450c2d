//! The command line: arguments, progress, tables and exit codes. A company with connectors of its own builds its binary from this:
//! `aqueduct_cli::run(Registry::standard().with(acme::connector()))`.

mod arguments;
mod backfill_progress;
mod backfill_words;
mod cleaning_summary;
mod commands;
mod logs;
mod output;
mod printable;
mod progress;
mod summary;
mod time;

use std::ffi::OsString;
use std::process::ExitCode;

pub use aqueduct_pipeline::Registry;
pub use aqueduct_pipeline::connector;
use clap::Parser;

use crate::arguments::Arguments;
use crate::output::Output;

/// Runs the command line of this process with a table of connectors and gives its exit code.
pub fn run(registry: Registry) -> ExitCode {
    run_with(registry, std::env::args_os())
}

/// Keeps the system from writing this process's memory into a file when it dies: tokens and records are in it. Where somebody has to look
/// into one, `prlimit --core=unlimited --pid PID` allows it again.
fn leave_no_core_file() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let Rlimit { maximum, .. } = getrlimit(Resource::Core);
        // A limit may always be lowered; if not, the run matters more.
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum });
    }
}

fn run_with(registry: Registry, words: impl IntoIterator<Item = OsString>) -> ExitCode {
    leave_no_core_file();
    let arguments = match Arguments::try_parse_from(words) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Clap writes help to stdout and mistakes to stderr, and exits 0 or 2, as the exit codes here have it.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let output = Output::new(arguments.json, arguments.quiet).logging(arguments.log_format, arguments.log_level());
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output.words(&format!("the runtime cannot start: {error}"));
            return ExitCode::from(1);
        }
    };
    let code = runtime.block_on(commands::dispatch(arguments, registry, &output));
    // A connection that does not close must not keep the process: everything that matters is committed.
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    ExitCode::from(code)
}
