//! Where a reading by windows stands: the window, what follows of those that were split, and the connector's place inside it.

use aqueduct_schema::{Error, Position, Result, Timestamp, codes};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The key under which a place stands in a position, so that one which a connector wrote is told apart.
const KEY: &str = "window";

/// A place in a reading by windows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    /// The window's first instant; without it the window has no beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<Timestamp>,
    /// The window's end, exclusive; without it the window has no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<Timestamp>,
    /// The ends of the windows after it that were split off, the next one last. Each begins where the one before it ends.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) rest: Vec<Option<Timestamp>>,
    /// The connector's place inside the window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) inside: Option<Position>,
    /// Whether the window is an instant that is read in the order of ids.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) by_id: bool,
}

impl Place {
    /// The beginning of a window.
    pub(crate) fn new(from: Option<Timestamp>, until: Option<Timestamp>, rest: Vec<Option<Timestamp>>) -> Self {
        Self { from, until, rest, inside: None, by_id: false }
    }

    /// The place as it is stored.
    pub(crate) fn position(&self) -> Position {
        Position(json!({ KEY: self }))
    }

    /// The place in a stored position; `None` where the position is from a time when the stream was not read by windows.
    ///
    /// # Errors
    /// `AQ4003` for a place that cannot be understood.
    pub(crate) fn of(position: &Position) -> Result<Option<Self>> {
        let Some(stored) = position.0.as_object().filter(|stored| stored.len() == 1).and_then(|stored| stored.get(KEY)) else {
            return Ok(None);
        };
        let place = Self::deserialize(stored);
        place.map(Some).map_err(|_| Error::new(codes::BAD_STATE, "a stored place is no place in a window"))
    }

    /// The window in words.
    pub(crate) fn words(&self) -> String {
        let word = |at: Option<Timestamp>, none: &str| at.map_or_else(|| none.to_owned(), |at| at.to_string());
        format!("{} to {}", word(self.from, "the beginning"), word(self.until, "the end"))
    }
}
