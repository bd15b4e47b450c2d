//! One page: the bytes as they came, where the records are in them, and where the next page begins.

use std::sync::Arc;
use std::time::Duration;

use aqueduct_schema::{Position, Result, Timestamp};
use arrow_array::RecordBatch;
use bytes::Bytes;
use serde::Serialize;

use crate::http::Response;

/// One page of a stream.
#[derive(Clone, Debug)]
pub struct Page {
    /// The records.
    pub records: Records,
    /// What comes after.
    pub next: Next,
    /// The source's time when the page was asked for.
    pub server_time: Timestamp,
}

impl Page {
    /// The records of an answer as it came: the elements of the array at `pointer`.
    pub fn json(response: Response, pointer: &'static [&'static str], next: Next) -> Self {
        Self { server_time: response.server_time, records: Records::Json { body: response.body, pointer }, next }
    }

    /// Records that the connector made of an answer.
    ///
    /// # Errors
    /// `AQ3005` when they cannot be written as JSON.
    pub fn of<T: Serialize>(response: &Response, records: &[T], next: Next) -> Result<Self> {
        Ok(Self { records: Records::of(response, records)?, next, server_time: response.server_time })
    }

    /// No records, on the way to where there are some or at the end.
    pub fn empty(response: &Response, next: Next) -> Self {
        Self { records: Records::NONE, next, server_time: response.server_time }
    }
}

/// Records, not yet decoded. The engine decodes them straight into Arrow columns.
#[derive(Clone, Debug)]
pub enum Records {
    /// A JSON body; the records are the elements of the array at the pointer.
    Json {
        /// The body.
        body: Bytes,
        /// Object keys from the root to the array; empty when the body itself is the array.
        pointer: &'static [&'static str],
    },
    /// One JSON object a line.
    JsonLines {
        /// Whole lines.
        body: Bytes,
        /// Where the lines come from.
        origin: Origin,
    },
    /// Delimited text in UTF-8, without its header line.
    Csv {
        /// Whole records.
        body: Bytes,
        /// How the text is delimited.
        format: CsvFormat,
        /// Where the lines come from.
        origin: Origin,
    },
    /// The same records in several answers, each with some of their fields, for vendors that cannot give all fields at once. They are
    /// joined by the stream's key: the first part says which records there are and in what order. A record that another part lacks
    /// makes the whole page malformed, so that it is asked for again.
    Joined {
        /// The parts. Each has the fields of the key.
        parts: Vec<Part>,
    },
    /// Keys of records that were deleted, and nothing more of them. The rows that are there are marked; everything else in them stays.
    Deleted {
        /// A JSON body; the entries are the elements of the array at the pointer.
        body: Bytes,
        /// Object keys from the root to the array.
        pointer: &'static [&'static str],
        /// For each path of the stream's key, in order, the path inside an entry.
        key: &'static [&'static str],
        /// The path of the time of deletion inside an entry, where it has one.
        deleted_at: Option<&'static str>,
    },
    /// The records that belong to some records of another kind, for [`aqueduct_schema::Mode::Parents`]: all of them, on this page or on others
    /// of the reading. What one of those had and has no longer is marked as deleted when the reading is complete.
    Sets {
        /// The records.
        records: Box<Records>,
        /// The ids of those that they belong to; also of those that have none any more.
        parents: Vec<String>,
    },
    /// Rows that are in columns already; columns are found by name.
    Columns {
        /// The rows.
        rows: RecordBatch,
        /// Where they come from.
        origin: Origin,
    },
}

impl Records {
    /// None at all.
    pub const NONE: Self = Self::Json { body: Bytes::from_static(b"[]"), pointer: &[] };

    /// Records that the connector made of an answer.
    ///
    /// # Errors
    /// `AQ3005` when they cannot be written as JSON.
    pub fn of<T: Serialize>(response: &Response, records: &[T]) -> Result<Self> {
        let body = serde_json::to_vec(records).map_err(|error| response.malformed(&error.to_string()))?;
        Ok(Self::Json { body: body.into(), pointer: &[] })
    }
}

/// Some fields of the records of a page.
#[derive(Clone, Debug)]
pub struct Part {
    /// The records; JSON or delimited text.
    pub records: Records,
    /// The paths of the fields that this part gives. A field that several parts have is taken from the first of them.
    pub paths: Vec<String>,
}

/// How delimited text is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvFormat {
    /// The delimiter.
    pub delimiter: u8,
    /// The quotation mark; doubled inside a quoted value.
    pub quote: u8,
    /// The names of the columns, in order; the paths of the stream's fields.
    pub header: Arc<[String]>,
    /// Whether a pair of quotation marks with nothing between them is no value, for sources that quote everything and cannot write an
    /// empty text. Otherwise it is an empty text, and only an empty field without quotation marks is no value.
    pub quoted_empty_is_null: bool,
}

/// A place in a file, for messages about records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The file as the person named it; empty for an API.
    pub file: Arc<str>,
    /// The line (or row) of the first record, counted from 1.
    pub first_line: u64,
}

/// What comes after a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Another page, which begins here. The position is by value: it still holds when records before it are deleted.
    Page(Position),
    /// Another page, but the source has to prepare it first (an export that is still running). The page's records are committed with
    /// this place, so that a run that is killed while it waits comes back to the same job.
    Later {
        /// Where it begins. It may be the place this page began at.
        position: Position,
        /// How long to wait before asking again, by the source's custom.
        wait: Duration,
    },
    /// Nothing: the source said so (`POSITIVE-END`). A stream without times of change leaves a bookmark to go on from next time.
    End {
        /// Where the next run goes on, for streams that keep their place themselves.
        bookmark: Option<Position>,
    },
    /// The window holds more records than the source gives for one question (`NO-SILENT-CAP`). The page's records are not taken: the engine
    /// asks for halves of the window, and for the smallest in the order of ids; see [`crate::Windows`].
    TooMany,
}

impl Next {
    /// The end, without a bookmark.
    pub const END: Self = Self::End { bookmark: None };

    /// Another page from a place of the connector's own; [`crate::Read::place`] gives it back.
    ///
    /// # Errors
    /// `AQ3005` when the place cannot be written as JSON.
    pub fn page<T: Serialize>(response: &Response, place: &T) -> Result<Self> {
        position(response, place).map(Self::Page)
    }

    /// The same once the source has prepared it; see [`Next::Later`].
    ///
    /// # Errors
    /// As [`Next::page`].
    pub fn later<T: Serialize>(response: &Response, place: &T, wait: Duration) -> Result<Self> {
        Ok(Self::Later { position: position(response, place)?, wait })
    }

    /// The end, with the place at which the next run goes on.
    ///
    /// # Errors
    /// As [`Next::page`].
    pub fn bookmark<T: Serialize>(response: &Response, place: &T) -> Result<Self> {
        Ok(Self::End { bookmark: Some(position(response, place)?) })
    }

    /// Another page where there is a place to go on from, else the end.
    ///
    /// # Errors
    /// As [`Next::page`].
    pub fn page_or_end<T: Serialize>(response: &Response, place: Option<&T>) -> Result<Self> {
        place.map_or(Ok(Self::END), |place| Self::page(response, place))
    }
}

fn position<T: Serialize>(response: &Response, place: &T) -> Result<Position> {
    serde_json::to_value(place).map(Position).map_err(|error| response.malformed(&error.to_string()))
}
