//! The binary that the fault battery runs: the same commands, and named points at which the process ends as by kill -9.
//!
//! `AQUEDUCT_KILL=POINT:N` ends it when it comes to the point for the Nth time; `FAILPOINTS` wakes planted mistakes.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

#[expect(clippy::disallowed_methods, reason = "what a test asks of the process is no setting of a pipeline")]
fn main() -> ExitCode {
    let _scenario = fail::FailScenario::setup();
    if let Some((point, count)) = std::env::var("AQUEDUCT_KILL").ok().as_deref().and_then(|asked| asked.rsplit_once(':')) {
        let (met, last) = (AtomicU64::new(0), count.parse().unwrap_or(1_u64));
        let armed = fail::cfg_callback(point, move || {
            if met.fetch_add(1, Ordering::SeqCst) + 1 == last {
                std::process::abort();
            }
        });
        if armed.is_err() {
            return ExitCode::FAILURE;
        }
    }
    aqueduct_cli::run(aqueduct_cli::Registry::standard())
}
