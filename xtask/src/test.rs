//! `cargo xtask test`: every test of the workspace, on a machine that has no more than Rust.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use crate::machine::Machine;
use crate::prerequisites;

/// What cargo tells a program it runs about that program. A build script that watches one of these would be run again, and all that depends on it
/// built again, each time the tests are started in another way.
const OF_THIS_PROGRAM: &[&str] =
    &["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_BIN_NAME", "CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE", "OUT_DIR"];

/// Runs the tests and gives back cargo's exit code.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode, String> {
    let machine = Machine::this();
    prerequisites::ensure(&machine)?;
    let mut command = Command::new(machine.cargo());
    command.arg("test").args(selection(arguments)).args(arguments).env("PATH", machine.path_with_postgres());
    for name in machine.variables().filter(is_of_this_program) {
        command.env_remove(name);
    }
    let status = command.status().map_err(|error| format!("cargo does not start: {error}"))?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// All of the workspace, unless the arguments choose packages.
fn selection(arguments: &[String]) -> Option<&'static str> {
    let before_the_harness = arguments.iter().take_while(|argument| *argument != "--");
    let mut chosen = before_the_harness.filter(|argument| argument.starts_with("-p") || argument.starts_with("--package"));
    chosen.next().is_none().then_some("--workspace")
}

pub(crate) fn is_of_this_program(name: &OsString) -> bool {
    name.to_str().is_some_and(|name| OF_THIS_PROGRAM.contains(&name) || name.starts_with("CARGO_PKG_"))
}

#[cfg(test)]
mod tests {
    use super::{is_of_this_program, selection};

    #[test]
    fn a_package_chosen_by_name_replaces_the_workspace() {
        let selected = |arguments: &[&str]| selection(&arguments.iter().map(|argument| (*argument).to_owned()).collect::<Vec<_>>());
        assert_eq!(selected(&[]), Some("--workspace"));
        assert_eq!(selected(&["--no-fail-fast", "cursor"]), Some("--workspace"));
        assert_eq!(selected(&["-p", "aqueduct-engine"]), None);
        assert_eq!(selected(&["--package=aqueduct-engine"]), None);
        assert_eq!(selected(&["cursor", "--", "-p"]), Some("--workspace"));
    }

    #[test]
    fn only_what_speaks_of_this_program_is_withheld() {
        for name in ["CARGO_PKG_VERSION", "CARGO_MANIFEST_DIR", "OUT_DIR"] {
            assert!(is_of_this_program(&name.into()), "{name}");
        }
        for name in ["CARGO_TARGET_DIR", "CARGO_HOME", "PATH", "RUSTUP_TOOLCHAIN"] {
            assert!(!is_of_this_program(&name.into()), "{name}");
        }
    }
}
