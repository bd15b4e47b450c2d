//! Asks again for what came back in the wrong shape.

use std::sync::Arc;

use aqueduct_schema::{Error, Result, Retry, codes};
use tokio::sync::watch;
use tracing::{debug, warn};

use crate::engine::Engine;
use crate::http::schedule::Schedule;
use crate::meter::{Meter, Waiting};

/// Completes when the reading is to stop; never when nobody can say so any more.
pub(crate) async fn cancelled(cancel: &mut watch::Receiver<bool>) {
    if cancel.wait_for(|cancelled| *cancelled).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// How often something is asked for again whose answer does not have the agreed shape. A proxy's error page under status 200 is gone
/// a moment later; an answer that stays wrong is an error.
pub(crate) struct Patience<'e> {
    engine: &'e Engine,
    meter: Arc<Meter>,
    schedule: Option<Schedule>,
    attempts: u32,
}

impl<'e> Patience<'e> {
    /// What is asked for again is told to the meter.
    pub(crate) fn new(engine: &'e Engine, meter: &Arc<Meter>) -> Self {
        Self { engine, meter: meter.clone(), schedule: None, attempts: 0 }
    }

    /// Waits before the next attempt.
    ///
    /// # Errors
    /// The error itself, when another attempt would not help or there were enough.
    pub(crate) async fn wait(&mut self, error: Error, cancel: &mut watch::Receiver<bool>) -> Result<()> {
        self.attempts += 1;
        if error.code() != codes::MALFORMED_ANSWER || error.retry() != Retry::Temporary {
            return Err(error);
        }
        let Engine { settings, clock, .. } = self.engine;
        let schedule = self.schedule.get_or_insert_with(|| Schedule::new(settings, clock.clone()));
        let wait = if self.attempts < settings.page_attempts { schedule.next() } else { None };
        let Some(wait) = wait else {
            return Err(error.retrying(Retry::Exhausted).with("attempts", self.attempts));
        };
        warn!(attempt = self.attempts, "an answer does not have the agreed shape and is asked for again");
        self.meter.retried("malformed_answer");
        let _waiting = self.meter.wait(Waiting::Retry);
        tokio::select! {
            () = clock.sleep(wait) => {}
            () = cancelled(cancel) => debug!("cancelled while waiting"),
        }
        Ok(())
    }
}
