//! What is shown of every request that was answered, to whoever asks to see it: a recording.

use std::fmt;

/// A request as it was sent and the answer it got: one attempt, so refused and repeated ones are seen too, and those to the token
/// endpoint. It holds credentials and personal values: what leaves memory must be scrubbed first.
#[derive(Clone, Copy)]
pub struct Exchange<'e> {
    /// What was being done, for example `contacts: list`.
    pub operation: &'e str,
    /// The method in capitals.
    pub method: &'e str,
    /// The whole address, query included.
    pub url: &'e str,
    /// The content type and the bytes of what was sent, if anything was.
    pub sent: Option<(&'e str, &'e [u8])>,
    /// The status of the answer.
    pub status: u16,
    /// The headers of the answer, names in lower case.
    pub headers: &'e [(String, String)],
    /// The body of the answer, decompressed.
    pub body: &'e [u8],
}

impl fmt::Debug for Exchange<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} answered with {} [{}]", self.method, self.status, self.operation)
    }
}

/// Sees every exchange of an engine, in the order in which the answers were complete.
pub trait ExchangeObserver: Send + Sync + fmt::Debug {
    /// Called once for every answer, before anything is made of it. It must not take long: the reading waits.
    fn exchanged(&self, exchange: Exchange<'_>);
}
