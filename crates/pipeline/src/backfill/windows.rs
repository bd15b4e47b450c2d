//! Windows: a span cut into pieces that cover it exactly, and what is known of how many records each holds. All times are UTC, so no day
//! has 23 or 25 hours.

use std::fmt;
use std::str::FromStr;

use aqueduct_schema::{Error, Result, Timestamp, codes};
use aqueduct_warehouse::TimeSpan;
use jiff::tz::TimeZone;
use jiff::{Span, Zoned};
use serde::{Serialize, Serializer};

/// More windows than these are a mistake.
const MOST: usize = 20_000;

/// How long a window is, as ISO 8601 writes it: `P1D`, `PT6H`, `P1M`.
#[derive(Clone, Debug)]
pub struct WindowLength {
    text: String,
    span: Span,
}

impl WindowLength {
    /// A day.
    pub fn day() -> Self {
        Self { text: "P1D".to_owned(), span: Span::new().days(1) }
    }
}

impl PartialEq for WindowLength {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Display for WindowLength {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl Serialize for WindowLength {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl FromStr for WindowLength {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong =
            || Error::new(codes::BAD_USAGE, format!("`{text}` is not the length of a window")).advise("Write it as P1D, P7D, P1M or PT6H.");
        let upper = text.trim().to_ascii_uppercase();
        let span: Span = upper.parse().map_err(|_| wrong())?;
        if !upper.starts_with('P') || !span.is_positive() {
            return Err(wrong());
        }
        Ok(Self { text: upper, span })
    }
}

/// A window, and how many records it is known or thought to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) span: TimeSpan,
    /// `None` where the source does not count.
    pub(crate) records: Option<u64>,
    /// Whether it is known that it holds none.
    pub(crate) empty: bool,
}

fn zoned(at: Timestamp) -> Option<Zoned> {
    Some(jiff::Timestamp::from_microsecond(at.microseconds()).ok()?.to_zoned(TimeZone::UTC))
}

/// Cuts a span into windows, the first one beginning with the span and the last one ending with it.
///
/// # Errors
/// `AQ1001` for a span without time in it, and for more windows than anybody means.
pub(crate) fn cut(from: Timestamp, until: Timestamp, length: &WindowLength) -> Result<Vec<TimeSpan>> {
    if from >= until {
        let error = Error::new(codes::BAD_USAGE, "the span ends before it begins").with("from", from).with("to", until);
        return Err(error.advise("Let --from be earlier than --to. What changed in the last moments is left to the pipeline's runs."));
    }
    let begin = zoned(from);
    // From the beginning each time, so that the 31st does not become the 28th for good.
    let edge = |count: i64| {
        let end = begin.as_ref()?.checked_add(length.span.checked_mul(count).ok()?).ok()?;
        Some(Timestamp::from_microseconds(end.timestamp().as_microsecond()))
    };
    let mut windows = Vec::new();
    let mut start = from;
    while start < until {
        if windows.len() >= MOST {
            return Err(Error::new(codes::BAD_USAGE, format!("more than {MOST} windows of {length}")).advise("Choose a longer --window."));
        }
        let end = edge(windows.len() as i64 + 1).filter(|end| *end > start).unwrap_or(until).min(until);
        windows.push(TimeSpan { from: Some(start), until: Some(end) });
        start = end;
    }
    Ok(windows)
}

/// Windows in a row with a number of records that is counted for all of them together.
#[derive(Clone, Copy, Debug)]
struct Node {
    first: usize,
    windows: usize,
    records: u64,
}

/// What halving has found out about the windows of a span.
pub(crate) struct Halving<'w> {
    windows: &'w [TimeSpan],
    nodes: Vec<Node>,
}

impl<'w> Halving<'w> {
    /// Windows that hold so many records together.
    pub(crate) fn new(windows: &'w [TimeSpan], records: u64) -> Self {
        Self { windows, nodes: vec![Node { first: 0, windows: windows.len(), records }] }
    }

    /// The span to count next: the first half of the longest row of windows that is not known to be empty.
    pub(crate) fn next(&self) -> Option<TimeSpan> {
        self.widest().map(|index| {
            let node = self.nodes[index];
            let last = node.first + node.windows / 2 - 1;
            TimeSpan { from: self.windows[node.first].from, until: self.windows[last].until }
        })
    }

    /// Takes note of how many records that span holds.
    pub(crate) fn counted(&mut self, records: u64) {
        let Some(index) = self.widest() else { return };
        let node = self.nodes[index];
        let half = node.windows / 2;
        // Records change while they are counted: the halves may come to more than the whole.
        let rest = node.records.saturating_sub(records);
        self.nodes[index] = Node { windows: half, records, ..node };
        self.nodes.push(Node { first: node.first + half, windows: node.windows - half, records: rest });
    }

    fn widest(&self) -> Option<usize> {
        let open = self.nodes.iter().enumerate().filter(|(_, node)| node.windows > 1 && node.records > 0);
        open.max_by_key(|(_, node)| (node.windows, node.first)).map(|(index, _)| index)
    }

    /// The windows with what each holds or is thought to hold; empty ones in a row are one window.
    pub(crate) fn pieces(mut self) -> Vec<Piece> {
        self.nodes.sort_by_key(|node| node.first);
        let mut pieces: Vec<Piece> = Vec::new();
        for node in &self.nodes {
            let windows = &self.windows[node.first..node.first + node.windows];
            if node.records == 0 {
                let until = windows.last().and_then(|window| window.until);
                match pieces.last_mut().filter(|last| last.empty) {
                    Some(last) => last.span.until = until,
                    None => pieces.push(Piece { span: TimeSpan { from: windows[0].from, until }, records: Some(0), empty: true }),
                }
                continue;
            }
            let count = node.windows as u64;
            for (index, window) in windows.iter().enumerate() {
                // Spread evenly, the rest over the first ones: together they are what was counted.
                let records = node.records / count + u64::from((index as u64) < node.records % count);
                pieces.push(Piece { span: *window, records: Some(records), empty: false });
            }
        }
        pieces
    }
}

#[cfg(test)]
#[path = "windows_tests.rs"]
mod tests;
