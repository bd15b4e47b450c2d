//! What a request says about the records it wants.

use std::sync::Arc;

use jiff::Timestamp;

use super::refused::Refused;
use super::store::Candidate;
use crate::clock::timestamp;

/// Whether a record is wanted.
pub type Keep = Box<dyn Fn(&Candidate<'_>) -> bool>;

/// The parameters of a request, those in its path included.
#[derive(Clone, Debug)]
pub struct Parameters {
    pairs: Vec<(String, String)>,
    now: i64,
}

impl Parameters {
    pub(crate) fn new(pairs: Vec<(String, String)>, now: i64) -> Self {
        Self { pairs, now }
    }

    /// The value of a parameter; the first where there are several.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(mine, _)| mine == name).map(|(_, value)| value.as_str())
    }

    /// All values of a parameter.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.pairs.iter().filter(move |(mine, _)| mine == name).map(|(_, value)| value.as_str())
    }

    /// The instant that a parameter names in RFC 3339, in milliseconds.
    ///
    /// # Errors
    /// When it names none.
    pub fn instant(&self, name: &str) -> Result<Option<i64>, Refused> {
        let parsed = self.get(name).map(str::parse::<Timestamp>).transpose();
        let at = parsed.map_err(|_| Refused::value(format!("`{name}` must be an instant such as 2026-01-31T12:00:00.000Z")))?;
        Ok(at.map(Timestamp::as_millisecond))
    }

    /// The time of the account.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        timestamp(self.now)
    }
}

type Make = Arc<dyn Fn(&Parameters) -> Result<Option<Keep>, Refused> + Send + Sync>;

/// A filter of an endpoint: what it asks of a request, and the parameters that it knows.
#[derive(Clone)]
pub(crate) struct Filter {
    pub(crate) parameters: Vec<String>,
    pub(crate) make: Make,
}
