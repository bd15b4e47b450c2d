//! The one error type: a code, what happened, where, whether to try again, and what to do now.

use std::fmt;
use std::time::Duration;

use crate::codes::Code;

/// `Result` with Aqueduct's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a caller can act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The command line is wrong.
    Usage,
    /// A file or a setting is wrong.
    Configuration,
    /// The source does not accept the credentials.
    Credentials,
    /// The credentials may not read one object; other streams go on.
    Permission,
    /// The source asks to slow down.
    RateLimited,
    /// A quota is used up until it resets.
    Quota,
    /// The source, or the way to it, failed.
    Source,
    /// The destination failed.
    Destination,
    /// Some streams finished, others did not.
    Partial,
    /// A check or a guard stopped the run.
    Quality,
    /// Another run holds the pipeline.
    Locked,
    /// A signal ended the run after a checkpoint.
    Interrupted,
    /// A mistake in Aqueduct itself.
    Bug,
}

/// Whether trying again may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retry {
    /// Trying again gives the same answer.
    Never,
    /// It may work in a moment.
    Temporary,
    /// It was tried again until the limit and did not help.
    Exhausted,
}

/// A place in a file that a person wrote. Lines and columns count from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The file as the person named it.
    pub file: String,
    /// The line.
    pub line: u64,
    /// The column; 0 when only the line is known.
    pub column: u64,
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.file, self.line)?;
        if self.column > 0 { write!(formatter, ":{}", self.column) } else { Ok(()) }
    }
}

/// An error. `Display` is one line; [`Error::advice`] and [`Error::data`] complete what a user is told.
pub struct Error(Box<Inner>);

struct Inner {
    code: Code,
    retry: Retry,
    retry_after: Option<Duration>,
    message: String,
    operation: Option<String>,
    location: Option<Location>,
    context: Vec<(&'static str, String)>,
    data: Option<String>,
    advice: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of a code, with one sentence on what happened (no final full stop, no secret, no personal value).
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            code,
            retry: code.retry,
            retry_after: None,
            message: message.into(),
            operation: None,
            location: None,
            context: Vec::new(),
            data: None,
            advice: None,
            source: None,
        }))
    }

    /// Names what was being done, for example `hubspot contacts: list`.
    #[must_use]
    pub fn operation(mut self, operation: impl Into<String>) -> Self {
        self.0.operation.get_or_insert(operation.into());
        self
    }

    /// Names the place in a file.
    #[must_use]
    pub fn at(mut self, file: impl Into<String>, line: u64, column: u64) -> Self {
        self.0.location = Some(Location { file: file.into(), line, column });
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.0.context.push((name, value.to_string()));
        self
    }

    /// Says whether data is affected; otherwise [`Error::data`] gives the rule.
    #[must_use]
    pub fn data_note(mut self, note: impl Into<String>) -> Self {
        self.0.data = Some(note.into());
        self
    }

    /// Says what to do now, where the code's own advice is too general.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.0.advice = Some(advice.into());
        self
    }

    /// Keeps the cause for the log. Its text must not carry secrets.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Overrides the code's retry verdict.
    #[must_use]
    pub fn retrying(mut self, retry: Retry) -> Self {
        self.0.retry = retry;
        self
    }

    /// The source's own wish for how long to wait.
    #[must_use]
    pub fn after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// The entry in the table of errors.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// What a caller can act on.
    pub fn kind(&self) -> ErrorKind {
        self.0.code.kind
    }

    /// Whether trying again may help.
    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// How long the source asked to wait, if it did.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// What happened, without code and place.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The place in a file, if the error is about one.
    pub fn location(&self) -> Option<&Location> {
        self.0.location.as_ref()
    }

    /// The facts added, in order.
    pub fn context(&self) -> &[(&'static str, String)] {
        &self.0.context
    }

    /// What was being done.
    pub fn operation_name(&self) -> Option<&str> {
        self.0.operation.as_deref()
    }

    /// Whether data is affected, in a sentence.
    pub fn data(&self) -> &str {
        if let Some(note) = &self.0.data {
            return note;
        }
        match self.kind() {
            ErrorKind::Usage | ErrorKind::Configuration => "Nothing was read or written.",
            ErrorKind::Partial => "What was committed is whole; the streams that failed keep their last checkpoint.",
            _ => "Everything committed before is whole; nothing of the failed part was written.",
        }
    }

    /// What to do now, in a sentence.
    pub fn advice(&self) -> &str {
        self.0.advice.as_deref().unwrap_or(self.0.code.advice)
    }

    /// The process exit code of this error.
    pub fn exit_code(&self) -> u8 {
        match self.kind() {
            ErrorKind::Bug => 1,
            ErrorKind::Usage | ErrorKind::Configuration => 2,
            ErrorKind::Credentials | ErrorKind::Permission => 3,
            ErrorKind::Source | ErrorKind::RateLimited => 4,
            ErrorKind::Destination => 5,
            ErrorKind::Partial => 6,
            ErrorKind::Quota => 7,
            ErrorKind::Quality => 8,
            ErrorKind::Locked => 9,
            ErrorKind::Interrupted => 130,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ", self.0.code.id)?;
        if let Some(operation) = &self.0.operation {
            write!(formatter, "{operation}: ")?;
        }
        formatter.write_str(&self.0.message)?;
        for (name, value) in &self.0.context {
            write!(formatter, ", {name} {value}")?;
        }
        match &self.0.location {
            Some(location) => write!(formatter, " ({location})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self} [{:?}, retry {:?}]", self.kind(), self.retry())?;
        match &self.0.source {
            Some(source) => write!(formatter, " caused by {source}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0.source {
            Some(source) => Some(source.as_ref()),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes;

    #[test]
    fn a_line_names_code_operation_facts_and_place() {
        let error = Error::new(codes::UNKNOWN_KEY, "unknown key `selct`").at("pipelines/a.yaml", 4, 3).with("allowed", "select");
        assert_eq!(error.to_string(), "AQ1003 unknown key `selct`, allowed select (pipelines/a.yaml:4:3)");
        assert_eq!(error.exit_code(), 2);
        assert_eq!(error.data(), "Nothing was read or written.");
    }
}
