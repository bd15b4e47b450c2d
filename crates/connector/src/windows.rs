//! Streams whose source gives no more than so many records, or no longer a span of time, for one question.

use std::time::Duration;

/// How a stream is cut into windows of time. The engine reads them one after the other, oldest first, and splits in halves what holds
/// more than the cap, so that nothing is passed over. Times are those of records' last change.
///
/// For connectors with code of their own: the window to read is [`crate::Read::from`] to [`crate::Read::until`], the page that shows that
/// there are more records in it than one question gives is [`crate::Next::TooMany`], and its records are not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// The longest span that one question may ask for, where there is a limit. The last window then ends when the reading began, so that a
    /// record which is dated in the future is read when its time has come.
    pub longest: Option<Duration>,
    /// How many records one question gives at most, over all its pages, where there is a limit.
    pub cap: Option<u64>,
    /// The finest step of the source's times: windows begin and end at whole multiples of it, and a window of one step is an instant.
    pub smallest: Duration,
    /// How long the source keeps records: where a reading has no beginning, its first window begins so long ago. Needed only where
    /// windows have a longest span; without it they begin in 1970.
    pub reaches_back: Option<Duration>,
    /// Whether each window begins one step early, for a source that may leave out the instant that it is asked to begin with.
    pub overlapping: bool,
    /// Whether the connector's own code reads a window in the order of ids when [`crate::Read::by_id`] asks it to.
    pub by_id: bool,
}

impl Windows {
    /// Windows of at most so many records.
    pub const fn capped(cap: u64) -> Self {
        Self { longest: None, cap: Some(cap), smallest: Duration::from_millis(1), reaches_back: None, overlapping: false, by_id: false }
    }

    /// Windows of at most such a span.
    pub const fn spanning(longest: Duration) -> Self {
        Self { longest: Some(longest), cap: None, ..Self::capped(0) }
    }

    /// With a cap besides.
    #[must_use]
    pub const fn cap(mut self, cap: u64) -> Self {
        self.cap = Some(cap);
        self
    }

    /// With a coarser step of the source's times than a millisecond.
    #[must_use]
    pub const fn smallest(mut self, step: Duration) -> Self {
        self.smallest = step;
        self
    }

    /// With how long the source keeps records.
    #[must_use]
    pub const fn reaches_back(mut self, span: Duration) -> Self {
        self.reaches_back = Some(span);
        self
    }

    /// Each window begins one step early.
    #[must_use]
    pub const fn overlapping(mut self) -> Self {
        self.overlapping = true;
        self
    }

    /// The connector's own code can read a window in the order of ids.
    #[must_use]
    pub const fn by_id(mut self) -> Self {
        self.by_id = true;
        self
    }
}

/// How a declared endpoint is read in the order of ids: what is left when a single instant holds more than the cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ById {
    /// The query parameter for "greater than this id".
    pub parameter: &'static str,
    /// Query parameters that put records in the order of their ids, smallest first.
    pub query: &'static [(&'static str, &'static str)],
}

/// How a declared endpoint writes instants in its parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Instants {
    /// `2026-01-31T12:00:00.000000Z`, as RFC 3339 has it.
    #[default]
    Rfc3339,
    /// `2026-01-31`: days. An end is the day in which the window's last instant lies.
    Days,
    /// Seconds since 1970.
    Seconds,
    /// Milliseconds since 1970.
    Milliseconds,
}
