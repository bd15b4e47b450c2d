//! What a run tells while it goes on.

use aqueduct_control::RunEntry;
use aqueduct_schema::Error;
use aqueduct_warehouse::StreamRecord;

/// Something that happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// The run knows which streams it reads.
    Planned {
        /// The streams, in order.
        streams: Vec<String>,
    },
    /// A fact worth a line.
    Note(&'a str),
    /// A stream read or loaded something.
    Progress {
        /// The stream.
        stream: &'a str,
        /// Records read so far, loaded or on their way.
        read: u64,
        /// Records committed so far.
        committed: u64,
    },
    /// A stream ended.
    Finished {
        /// What it did.
        record: &'a StreamRecord,
        /// Why it is not complete.
        error: Option<&'a Error>,
    },
    /// The run ended, well or not; what it did is in its report or its error too.
    Ended {
        /// It as the ledger of runs has it.
        entry: &'a RunEntry,
    },
}

/// Hears of events. Called from several tasks; must not block.
pub trait Observer: Send + Sync {
    /// Something happened.
    fn observe(&self, event: Event<'_>);
}

/// Hears nothing.
#[derive(Debug)]
pub struct Silent;

impl Observer for Silent {
    fn observe(&self, _: Event<'_>) {}
}
