//! A time that goes faster than the machine's, by which a day of a real server takes a minute.

use std::time::Duration;

use aqueduct_pipeline::schema::{Error, Result, Timestamp, codes};
use aqueduct_pipeline::{Clock, SystemClock};
use async_trait::async_trait;

/// A time that was `from` when the machine's was `real`, and goes `pace` times as fast. Processes that are told the same agree on it.
#[derive(Clone, Copy, Debug)]
pub struct FasterClock {
    from: Timestamp,
    real: Timestamp,
    pace: u32,
}

impl FasterClock {
    /// Reads `FROM,REAL,PACE`, such as `2026-03-29T00:00:00Z,2026-11-22T12:00:00Z,1440`.
    ///
    /// # Errors
    /// `AQ1001`.
    pub fn read(text: &str) -> Result<Self> {
        let wrong = || Error::new(codes::BAD_USAGE, format!("`{text}` is not FROM,REAL,PACE"));
        let mut parts = text.split(',');
        let mut next = || parts.next().ok_or_else(wrong);
        let (from, real) = (next()?.parse()?, next()?.parse()?);
        let pace: u32 = next()?.parse().map_err(|_| wrong())?;
        if pace == 0 { Err(wrong()) } else { Ok(Self { from, real, pace }) }
    }

    /// How many of its seconds pass in one of the machine's.
    pub fn pace(&self) -> u32 {
        self.pace
    }
}

#[async_trait]
impl Clock for FasterClock {
    fn now(&self) -> Timestamp {
        self.from.plus(SystemClock.now().since(self.real).saturating_mul(self.pace))
    }

    async fn sleep(&self, span: Duration) {
        SystemClock.sleep(span / self.pace).await;
    }
}
