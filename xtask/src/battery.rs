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
    // Both by one command: of the same sources, with the same features.
    let both = ["build", "--quiet", "--package", "aqueduct-cli", "--package", "aqueduct-tests", "--features", "aqueduct-cli/battery"];
    let mut build = command(&both);
    build.args(["--bin", "aqueduct-under-test", "--example", "battery"]);
    let built = build.status().map_err(|error| format!("cargo does not start: {error}"))?;
    if !built.success() {
        return Err("the battery and the binary with kill points do not build".to_owned());
    }
    let paths: [(&str, PathBuf); 2] = [("--binary", target.join("debug/aqueduct-under-test")), ("--output", target.join("battery"))];
    let mut battery = Command::new(target.join("debug/examples/battery"));
    battery.args(arguments).current_dir(root).env("PATH", machine.path_with_postgres());
    for name in machine.variables().filter(test::is_of_this_program) {
        battery.env_remove(name);
    }
    for (name, path) in paths {
        battery.args([OsString::from(name), path.into()]);
    }
    let status = battery.status().map_err(|error| format!("the battery does not start: {error}"))?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
