//! The binary that the fault battery runs: the same commands, and named points at which the process ends as by kill -9.
//!
//! `AQUEDUCT_KILL=POINT:N,POINT:N` ends it when it comes to a point for the Nth time. Processes that it starts inherit that; with
//! `AQUEDUCT_KILL_ONCE=FOLDER` only the first process that comes to a point so often ends there, and leaves a file named after it.
//! `FAILPOINTS` wakes planted mistakes; `AQUEDUCT_LAST_POINT=FILE|POINT,POINT` keeps the name of the last of these points in a file.

use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

#[expect(clippy::disallowed_methods, reason = "what a test asks of the process is no setting of a pipeline")]
fn main() -> ExitCode {
    let _scenario = fail::FailScenario::setup();
    let once = std::env::var_os("AQUEDUCT_KILL_ONCE").map(PathBuf::from);
    if let Ok(asked) = std::env::var("AQUEDUCT_KILL") {
        for (point, count) in asked.split(',').filter_map(|one| one.rsplit_once(':')) {
            if end_at(point, count.parse().unwrap_or(1), once.as_deref()).is_err() {
                return ExitCode::FAILURE;
            }
        }
    }
    if let Some((file, points)) = std::env::var("AQUEDUCT_LAST_POINT").ok().as_deref().and_then(|asked| asked.split_once('|'))
        && keep_last_point(file, points).is_err()
    {
        return ExitCode::FAILURE;
    }
    aqueduct_cli::run(aqueduct_cli::Registry::standard())
}

/// Ends the process when it comes to a point for the `last` time, unless another process has ended there in its place.
fn end_at(point: &str, last: u64, once: Option<&Path>) -> Result<(), String> {
    let met = AtomicU64::new(0);
    let mark = once.map(|folder| folder.join(point.replace("::", "-")));
    fail::cfg_callback(point, move || {
        let is_last = met.fetch_add(1, Ordering::SeqCst) + 1 == last;
        if is_last && mark.as_deref().is_none_or(|mark| std::fs::File::create_new(mark).is_ok()) {
            std::process::abort();
        }
    })
}

/// Writes the name of each point over that of the one before, so that it is there however the process ends.
fn keep_last_point(file: &str, points: &str) -> Result<(), String> {
    let file = std::sync::Arc::new(std::sync::Mutex::new(std::fs::File::create(file).map_err(|error| error.to_string())?));
    for point in points.split(',') {
        let (file, line) = (file.clone(), format!("{point:<63}\n"));
        fail::cfg_callback(point, move || {
            let mut file = file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            // A name that is not written leaves the one before, which is near enough.
            let _ = file.rewind().and_then(|()| file.write_all(line.as_bytes()));
        })?;
    }
    Ok(())
}
