//! Requests that are not answered, and why.

/// What is wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The key is not known.
    Key,
    /// The key may not read this.
    Permission,
    /// There is nothing at the path.
    Path,
    /// There is no record of this id.
    Record,
    /// There is no such parameter.
    Parameter,
    /// A parameter is missing.
    Missing,
    /// A value lies outside of what is allowed.
    Range,
    /// A value cannot be read, or is none of those that are allowed.
    Value,
    /// There were too many requests.
    Limit,
    /// A test asked for this error.
    Asked,
}

/// A request that is not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The status of the answer.
    pub status: u16,
    /// What is wrong, for a program.
    pub why: Why,
    /// What is wrong, for a person.
    pub message: String,
}

impl Refused {
    /// An answer of this status, for this reason.
    #[must_use]
    pub fn new(status: u16, why: Why, message: impl Into<String>) -> Self {
        Self { status, why, message: message.into() }
    }

    /// A value that cannot be read, or that is not allowed: 400.
    #[must_use]
    pub fn value(message: impl Into<String>) -> Self {
        Self::new(400, Why::Value, message)
    }
}
