//! The circuit breaker: a quarantine that grows too fast means a broken parser or mapping, not bad records.

use aqueduct_schema::{Error, Result, codes};
use schemars::JsonSchema;
use serde::Deserialize;

/// How much may go to quarantine before a stream stops.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct QuarantineLimits {
    /// The largest share of a stream's records, from 0 to 1.
    pub maximum_share: f64,
    /// The largest number of records of a stream in one run.
    pub maximum_records: u64,
    /// The share counts only once so many records have been read, so that a few bad lines in a short file stop nothing.
    pub minimum_read: u64,
    /// Whether rejected records are kept whole, sealed with the key of the control store, so that they can be replayed.
    pub keep_originals: bool,
    /// Days after which a record leaves the quarantine that was not met again.
    pub retention_days: u32,
}

impl Default for QuarantineLimits {
    fn default() -> Self {
        Self { maximum_share: 0.05, maximum_records: 10_000, minimum_read: 1_000, keep_originals: true, retention_days: 30 }
    }
}

/// Counts a stream's records and rejects in one run.
#[derive(Clone, Copy, Debug)]
pub struct Breaker {
    limits: QuarantineLimits,
    read: u64,
    rejected: u64,
}

impl Breaker {
    /// Nothing read yet.
    pub fn new(limits: QuarantineLimits) -> Self {
        Self { limits, read: 0, rejected: 0 }
    }

    /// Counts a batch before it is loaded.
    ///
    /// # Errors
    /// `AQ6002` when too much would go to quarantine; the batch must then not be loaded.
    pub fn count(&mut self, read: u64, rejected: u64) -> Result<()> {
        self.read += read;
        self.rejected += rejected;
        let share = self.rejected as f64 / self.read.max(1) as f64;
        let too_many = self.rejected > self.limits.maximum_records;
        let too_large = self.read >= self.limits.minimum_read && share > self.limits.maximum_share;
        if too_many || too_large {
            return Err(Error::new(codes::TOO_MANY_REJECTS, format!("{} of {} records cannot be loaded", self.rejected, self.read))
                .with("limit", format!("{} records or {} %", self.limits.maximum_records, self.limits.maximum_share * 100.0)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_bad_records_pass_and_many_do_not() {
        let mut breaker = Breaker::new(QuarantineLimits::default());
        assert!(breaker.count(5, 4).is_ok());
        assert!(breaker.count(995, 46).is_ok());
        assert_eq!(breaker.count(1, 1).unwrap_err().code(), codes::TOO_MANY_REJECTS);
        let mut breaker = Breaker::new(QuarantineLimits::default());
        assert!(breaker.count(1_000_000, 10_000).is_ok());
        assert!(breaker.count(1, 1).is_err());
    }
}
