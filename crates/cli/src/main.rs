//! The `aqueduct` binary: the command line with the connectors that come with it.

use std::process::ExitCode;

fn main() -> ExitCode {
    aqueduct_cli::run(aqueduct_cli::Registry::standard())
}
