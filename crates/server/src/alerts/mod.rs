//! Alerts: what is worth telling a person, told once, to the right ones, and not at night unless it cannot wait.
//!
//! The scheduler raises events; `judge` raises those of streams from the ledger. What is told, to whom and when is kept in the control
//! store ([`AlertBook`]), so a restart or a second scheduler tells nothing twice. `delivery` sends what is due.

mod delivery;
mod events;
mod judge;
mod message;
mod quiet;
mod rules;
mod section;
mod sinks;
mod span;
#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aqueduct_pipeline::control_store::{AlertBook, Control, Raise};
use aqueduct_pipeline::schema::{Result, Timestamp};
use async_trait::async_trait;
use tokio::sync::{Notify, watch};
use tracing::warn;

use crate::alert::{Alert, Alerts};
use crate::metrics::Metrics;
use judge::Judged;
use message::Message;

pub use rules::AlertSettings;
pub(crate) use rules::Source;
pub(crate) use section::AlertsSection;
pub use sinks::NotSent;

/// How often it is looked whether something is due, besides when something is raised.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// Tells people of events.
pub struct Notifier {
    settings: AlertSettings,
    control: Control,
    book: AlertBook,
    metrics: Arc<Metrics>,
    raised: Notify,
    judged: Mutex<BTreeMap<String, Judged>>,
}

impl std::fmt::Debug for Notifier {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Notifier").field("sinks", &self.settings.sinks).finish_non_exhaustive()
    }
}

/// What became of a test message.
#[derive(Debug)]
pub struct Tested {
    /// The sink's name.
    pub sink: String,
    /// What it is.
    pub words: String,
    /// Whether the message was taken.
    pub sent: Result<(), NotSent>,
}

impl Notifier {
    /// With a section that was checked, over a control store. Sends nothing before [`Notifier::run`].
    pub fn new(settings: AlertSettings, control: &Control, metrics: Arc<Metrics>) -> Self {
        let (judged, raised) = (Mutex::default(), Notify::new());
        Self { settings, control: control.clone(), book: AlertBook::of(control), metrics, raised, judged }
    }

    /// Judges streams and sends what is due, until `stop` becomes true. What is not sent by then is sent by whoever runs next.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) {
        loop {
            if let Err(error) = self.round().await {
                warn!(code = error.code().id, "alerts wait: {error}");
            }
            tokio::select! {
                () = self.raised.notified() => {}
                () = pause() => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// Judges streams and sends what is due, once.
    ///
    /// # Errors
    /// `AQ4004` when the control store does not answer. A sink that does not answer is no error: its messages wait.
    pub async fn round(&self) -> Result<()> {
        self.judge().await?;
        self.deliver().await
    }

    /// Sends a test message through every sink, at once, whatever the hour.
    pub async fn test(settings: &AlertSettings, now: Timestamp) -> Vec<Tested> {
        let tries = settings.sinks.iter().map(|(name, sink)| async move {
            let message = Message::test(name, now, &settings.zone);
            Tested { sink: name.to_owned(), words: sink.words(), sent: sink.send(&message, now).await }
        });
        futures_util::future::join_all(tries).await
    }

    /// What is kept of a problem's name: the pipeline, what is wrong, and the stream.
    fn key(alert: &Alert, problem: &str) -> String {
        match &alert.stream {
            Some(stream) => format!("{}/{problem}/{stream}", alert.pipeline),
            None => format!("{}/{problem}", alert.pipeline),
        }
    }

    async fn keep(&self, alert: &Alert) -> Result<bool> {
        let content = serde_json::to_value(alert).unwrap_or_default();
        let Some(problem) = alert.event.problem() else {
            let mut due = false;
            for ended in alert.event.ends() {
                due |= self.book.recover(&Self::key(alert, ended), &content).await?;
            }
            return Ok(due);
        };
        let severity = self.settings.severity(&alert.event);
        let sinks = self.settings.sinks_for(&alert.event, severity, &alert.pipeline);
        if sinks.is_empty() {
            return Ok(false);
        }
        let raise = Raise {
            content: &content,
            severity: severity.rank(),
            sinks: &sinks,
            lasting: alert.event.lasts(),
            quiet_for: self.settings.quiet_for,
        };
        self.book.raise(&Self::key(alert, problem), raise).await
    }
}

#[async_trait]
impl Alerts for Notifier {
    async fn raise(&self, alert: Alert) {
        match self.keep(&alert).await {
            Ok(true) => self.raised.notify_one(),
            Ok(false) => {}
            Err(error) => warn!(
                pipeline = alert.pipeline,
                event = alert.event.word(),
                code = error.code().id,
                "an alert could not be kept and is lost: {error}"
            ),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "how often it is looked; what is decided then follows the control store's time")]
async fn pause() {
    tokio::time::sleep(LOOK_EVERY).await;
}
