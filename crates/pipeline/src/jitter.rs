//! A wait before a run, so that many pipelines that fall due in one minute do not all begin in its first second.

use std::time::Duration;

use aqueduct_engine::{Clock, SystemClock};
use aqueduct_schema::{Error, Result, Timestamp, codes};
use tokio::sync::watch;

/// How long a pipeline waits that may wait this long at the most. The same pipeline waits as long whenever it is started within one
/// minute, and in another minute another time; two pipelines hardly ever wait equally long.
pub fn jitter(pipeline: &str, now: Timestamp, most: Duration) -> Duration {
    let minute = now.microseconds().div_euclid(60_000_000).to_string();
    let digest = aqueduct_control::digest(&["jitter", pipeline, &minute]);
    let part = u64::from_str_radix(&digest[..13], 16).unwrap_or(0) as f64 / (1_u64 << 52) as f64;
    // Whole milliseconds can be said.
    Duration::from_millis((most.as_millis() as f64 * part) as u64)
}

/// Waits so long.
///
/// # Errors
/// `AQ7001` when it is stopped meanwhile.
pub async fn wait(span: Duration, mut stop: watch::Receiver<bool>) -> Result<()> {
    tokio::select! {
        () = SystemClock.sleep(span) => Ok(()),
        Ok(_) = stop.wait_for(|stop| *stop) => {
            let error = Error::new(codes::INTERRUPTED, "the run was stopped while it waited to begin");
            Err(error.data_note("Nothing was read or written."))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn waits_are_the_same_within_a_minute_and_spread_over_the_span() {
        let at = |second: i64| Timestamp::from_seconds(1_770_000_000 + second);
        let most = Duration::from_secs(300);
        assert_eq!(jitter("crm", at(0), most), jitter("crm", at(59), most));
        assert_ne!(jitter("crm", at(0), most), jitter("crm", at(60), most));
        let waits: BTreeSet<Duration> = (0..1_000).map(|number| jitter(&format!("pipeline-{number}"), at(0), most)).collect();
        assert!(waits.len() > 980 && waits.iter().all(|wait| *wait < most));
        // A tenth of the span has about a tenth of the pipelines.
        for tenth in 0..10 {
            let within = waits.iter().filter(|wait| (**wait >= most * tenth / 10) && (**wait < most * (tenth + 1) / 10)).count();
            assert!((60..=140).contains(&within), "{within} in tenth {tenth}");
        }
        assert_eq!(jitter("crm", at(0), Duration::ZERO), Duration::ZERO);
    }
}
