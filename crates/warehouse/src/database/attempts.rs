//! Attempts at a load: when it is begun again, and how long the loads after one that waited in vain wait.

use std::sync::atomic::Ordering;
use std::time::Duration;

use aqueduct_schema::Result;

use super::Database;
use crate::failure::{Failure, Verdict};
use crate::records::wait;
use crate::warehouse::Receipt;

/// The pause after the first attempt.
pub(crate) const PAUSE: Duration = Duration::from_millis(200);

/// Attempts a load until it is committed or fails for good. Once one has given up waiting for somebody else, the next ones are attempted
/// once each, and wait only briefly.
pub(crate) async fn lasting<D: Database, F>(database: &D, stream: &str, mut attempt: impl FnMut() -> F + Send) -> Result<Receipt>
where
    F: Future<Output = Result<Receipt, Failure>> + Send,
{
    let mut pause = PAUSE;
    let mut left = if database.memory().gave_up.load(Ordering::SeqCst) { 1 } else { D::ATTEMPTS };
    loop {
        left -= 1;
        let failure = match attempt().await {
            Ok(receipt) => {
                database.wait_briefly(false).await;
                return Ok(receipt);
            }
            Err(failure) => failure,
        };
        if left == 0 || failure.verdict() == Verdict::Final {
            database.wait_briefly(failure.is_held()).await;
            return Err(database.explained(failure).await);
        }
        tracing::warn!(stream, "the load begins again: {}", database.explained(failure).await);
        wait(&mut pause).await;
    }
}
