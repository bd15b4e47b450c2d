//! A window against the source: does the warehouse have what the source counts in its span?
//!
//! The warehouse is counted first and the source second. What the source then has in a span of the past was there all the time, for a
//! record that changes gets a later time of change; so the window's load has read it, and no run has moved it on. Fewer at the source than
//! in the warehouse is nothing to worry about: those records have changed meanwhile and belong to a later window, or to the next run.

use aqueduct_connector::Stream;
use aqueduct_engine::Engine;
use aqueduct_schema::{Result, codes};
use aqueduct_warehouse::TimeSpan;

/// What comes of counting a window on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing is missing.
    Complete { expected: u64, found: u64 },
    /// The source has more.
    Lacks { expected: u64, found: u64 },
    /// One of them does not count.
    NotKnown,
}

/// How many live records the source has in a span; `None` where it does not count, or not for these credentials.
pub(crate) async fn count(engine: &Engine, stream: &Stream, span: TimeSpan) -> Result<Option<u64>> {
    match engine.count(stream, span.from, span.until).await {
        // Whoever may read may not always count.
        Err(error) if matches!(error.code(), codes::PERMISSION_DENIED | codes::REQUEST_REJECTED) => Ok(None),
        counted => counted,
    }
}

/// Judges by both numbers. A record in quarantine has arrived; it counts once, however often it was met.
pub(crate) fn judge(quarantined: u64, found: Option<u64>, expected: Option<u64>) -> Verdict {
    match (found, expected) {
        (Some(found), Some(expected)) if found + quarantined >= expected => Verdict::Complete { expected, found },
        (Some(found), Some(expected)) => Verdict::Lacks { expected, found },
        _ => Verdict::NotKnown,
    }
}
