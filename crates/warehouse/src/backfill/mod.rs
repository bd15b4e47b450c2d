//! The ledger of backfills: what one is, where each of its windows stands, and what a destination does for it.

mod discard;
pub(crate) mod ledger;

use std::fmt;
use std::sync::Arc;

use aqueduct_schema::{Batch, Error, Protected, Result, StreamState, TableName, Timestamp, codes};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::warehouse::{Fence, Receipt, RunStart};

/// What a destination does for backfills. Rows go where every load puts them; what differs is where the checkpoint goes: into the
/// window's row of the ledger, in the transaction of the rows, and never into the live state.
#[async_trait]
pub trait Backfills: Send + Sync {
    /// As [`crate::Warehouse::begin_run`], for a backfill: it takes over from backfills of the pipeline and from no live run, nor does a
    /// live run from it.
    ///
    /// # Errors
    /// `AQ4001` when the destination cannot be reached, `AQ1010` for one that keeps no rows.
    async fn begin_backfill_run(&self, start: RunStart) -> Result<Fence>;

    /// Writes a backfill and its windows into the ledger.
    ///
    /// # Errors
    /// `AQ4002` when the destination refuses, `AQ5001` when the fence is lost.
    async fn add_backfill(&self, fence: &Fence, backfill: &Backfill, windows: &[BackfillWindow]) -> Result<()>;

    /// The backfills of a pipeline, newest first.
    ///
    /// # Errors
    /// `AQ4003` when one cannot be understood.
    async fn backfills(&self, pipeline: &str) -> Result<Vec<Backfill>>;

    /// The windows of a backfill, by stream and number.
    ///
    /// # Errors
    /// `AQ4003` when one cannot be understood.
    async fn backfill_windows(&self, id: &str) -> Result<Vec<BackfillWindow>>;

    /// Loads batches of one stream as [`crate::Warehouse::load`] does and stores the checkpoint in the window's row, with what the load
    /// did added to its counts. The window is loaded when the last batch ends its reading.
    ///
    /// # Errors
    /// As [`crate::Warehouse::load`].
    async fn load_window(&self, fence: &Fence, window: &WindowKey, batches: Vec<Batch<Protected>>) -> Result<Receipt>;

    /// Notes what has become of a window, besides what its loads have noted.
    ///
    /// # Errors
    /// `AQ4002` when the destination refuses, `AQ5001` when the fence is lost.
    async fn note_window(&self, fence: &Fence, window: &WindowKey, note: &WindowNote) -> Result<()>;

    /// Notes what has become of a backfill.
    ///
    /// # Errors
    /// `AQ4002` when the destination refuses, `AQ5001` when the fence is lost.
    async fn note_backfill(&self, fence: &Fence, id: &str, state: BackfillState, at: Timestamp) -> Result<()>;

    /// Asks a backfill to pause, or takes that back; from any process.
    ///
    /// # Errors
    /// `AQ4002` when the destination refuses.
    async fn ask_pause(&self, id: &str, pause: bool) -> Result<()>;

    /// Whether somebody has asked a backfill to pause.
    ///
    /// # Errors
    /// `AQ4002` when the destination refuses.
    async fn is_pause_asked(&self, id: &str) -> Result<bool>;

    /// How many live rows of an account a source table has in each of these spans of the records' last change, in one pass over it.
    /// `None` where its rows bear no such time.
    ///
    /// # Errors
    /// `AQ4002` when the destination refuses.
    async fn count_spans(&self, table: &TableName, account: &str, spans: &[TimeSpan]) -> Result<Option<Vec<u64>>>;

    /// How many records of a window are in quarantine, those that were given up included: each once, on however many pages it came and for
    /// however many reasons. What was met before the window was last begun does not count.
    ///
    /// # Errors
    /// `AQ4002` when the destination refuses.
    async fn count_quarantined(&self, window: &WindowKey) -> Result<u64>;
}

/// A span of time, from its beginning to before its end; open where one is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TimeSpan {
    /// The first instant.
    pub from: Option<Timestamp>,
    /// The end, exclusive.
    pub until: Option<Timestamp>,
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |at: Option<Timestamp>, open: &str| at.map_or_else(|| open.to_owned(), short);
        write!(formatter, "{} .. {}", word(self.from, "the beginning"), word(self.until, "now"))
    }
}

/// An instant as short as it goes.
fn short(at: Timestamp) -> String {
    let text = at.to_string();
    match text.strip_suffix("T00:00:00Z") {
        Some(day) => day.to_owned(),
        None => text,
    }
}

/// How a backfill stands, in words that are stored and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackfillState {
    /// It is under way, or its process was killed.
    Running,
    /// Somebody has asked it to pause.
    Paused,
    /// A signal, a quota or an error has ended its process after a checkpoint.
    Stopped,
    /// Every window is loaded and verified as far as the source counts.
    Complete,
    /// Every window is loaded; some lack records that the source counts.
    Differs,
}

impl BackfillState {
    const ALL: [Self; 5] = [Self::Running, Self::Paused, Self::Stopped, Self::Complete, Self::Differs];

    /// The word that is stored and shown.
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
            Self::Complete => "complete",
            Self::Differs => "differs",
        }
    }

    fn parse(word: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word).ok_or_else(unreadable)
    }
}

/// How a window stands, in words that are stored and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowState {
    /// Nothing of it is being read; it may have a place to go on from.
    Pending,
    /// It is being read, or its process was killed.
    Running,
    /// It is read to its end and not verified: not yet, or because the source does not count.
    Loaded,
    /// It is loaded, and lacks nothing that the source counts.
    Verified,
    /// It was read twice, and the source counts more records than arrived.
    Differs,
    /// Reading it failed; what was loaded stays.
    Failed,
}

impl WindowState {
    /// All of them, in the order in which a window goes through them.
    pub const ALL: [Self; 6] = [Self::Pending, Self::Running, Self::Loaded, Self::Verified, Self::Differs, Self::Failed];

    /// The word that is stored and shown.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Loaded => "loaded",
            Self::Verified => "verified",
            Self::Differs => "differs",
            Self::Failed => "failed",
        }
    }

    fn parse(word: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word).ok_or_else(unreadable)
    }
}

fn unreadable() -> Error {
    Error::new(codes::BAD_STATE, "the ledger of a backfill cannot be read")
}

/// A backfill as the ledger has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Backfill {
    /// Its id: the pipeline, a colon, and the id of the run that began it.
    pub id: String,
    /// The pipeline.
    pub pipeline: String,
    /// What was asked, as JSON: the same arguments go on with it while it is not complete.
    pub arguments: String,
    /// The span of the records' last change.
    pub span: TimeSpan,
    /// How it stands.
    pub state: BackfillState,
    /// Whether somebody has asked it to pause.
    pub pause_asked: bool,
    /// When it began.
    pub began_at: Timestamp,
    /// When its last process ended, unless it was killed.
    pub ended_at: Option<Timestamp>,
}

/// The place of a window in the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WindowKey {
    /// The backfill.
    pub backfill: Arc<str>,
    /// The stream.
    pub stream: Arc<str>,
    /// The window's number within the stream, the newest one being 1.
    pub number: u32,
}

impl WindowKey {
    /// The window in one text, by which a record in quarantine names it.
    pub(crate) fn text(&self) -> String {
        format!("{}/{}/{}", self.backfill, self.stream, self.number)
    }
}

/// A window of a stream as the ledger has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BackfillWindow {
    /// The stream.
    pub stream: String,
    /// Its number within the stream, the newest one being 1.
    pub number: u32,
    /// The span of the records' last change.
    pub span: TimeSpan,
    /// Whether it is read by listing all there is, because its span leaves nothing out.
    pub whole: bool,
    /// How it stands.
    pub state: WindowState,
    /// Where its reading stands.
    #[serde(skip)]
    pub place: StreamState,
    /// How many records the plan took it for.
    pub planned: Option<u64>,
    /// How many live records the source counted in the span after the load.
    pub expected: Option<u64>,
    /// How many live rows the warehouse had in the span then.
    pub found: Option<u64>,
    /// Records read; the same record on two pages counts twice.
    pub read: u64,
    /// Records whose source row was inserted or updated.
    pub loaded: u64,
    /// Records that were already stored as they are, or newer.
    pub unchanged: u64,
    /// Records in quarantine.
    pub quarantined: u64,
    /// Records left out on purpose.
    pub filtered: u64,
    /// Requests sent for it; those of a killed process as far as their pages were committed.
    pub requests: u64,
    /// How many times it was read from its beginning.
    pub attempts: u32,
    /// When it was first read.
    pub started_at: Option<Timestamp>,
    /// When it was last heard of.
    pub ended_at: Option<Timestamp>,
    /// Why it is not complete: code and message.
    pub error: Option<String>,
}

/// What is to be noted of a window; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct WindowNote {
    /// How it stands.
    pub state: Option<WindowState>,
    /// Reads it from its beginning: the place is forgotten, counts begin anew, and it is one attempt more.
    pub again: bool,
    /// Requests that no load has noted.
    pub requests: u64,
    /// What source and warehouse counted.
    pub counted: Option<(u64, u64)>,
    /// Why it is not complete; with a state it is replaced, also by nothing.
    pub error: Option<String>,
    /// When.
    pub at: Option<Timestamp>,
}
