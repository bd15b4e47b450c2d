//! `cargo xtask battery`: the fault battery, with the binary that it kills built first.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::machine::Machine;
use crate::{prerequisites, test};

/// Builds both programs and starts the battery; its exit code.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode, String> {
    let machine = Machine::this();
    prerequisites::ensure(&machine)?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("the workspace has no folder")?;
    let target = crate::target(root);
    let command = |words: &[&str]| {
        let mut command = Command::new(machine.cargo());
        command.args(words).current_dir(root).env("PATH", machine.path_with_postgres());
        for name in machine.variables().filter(test::is_of_this_program) {
            command.env_remove(name);
        }
        command
    };
    let binary = ["build", "--quiet", "--package", "aqueduct-cli", "--features", "battery", "--bin", "aqueduct-under-test"];
    let built = command(&binary).status().map_err(|error| format!("cargo does not start: {error}"))?;
    if !built.success() {
        return Err("the binary with kill points does not build".to_owned());
    }
    let paths: [(&str, PathBuf); 2] = [("--binary", target.join("debug/aqueduct-under-test")), ("--output", target.join("battery"))];
    let mut battery = command(&["run", "--quiet", "--package", "aqueduct-tests", "--example", "battery", "--"]);
    battery.args(arguments);
    for (name, path) in paths {
        battery.args([OsString::from(name), path.into()]);
    }
    let status = battery.status().map_err(|error| format!("cargo does not start: {error}"))?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
