//! What the ledger says of streams: whether they are as fresh as they should be, and how much of them goes to quarantine.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use aqueduct_pipeline::control_store::{StreamTotals, Totals};
use aqueduct_pipeline::schema::{Result, Timestamp};

use super::Notifier;
use crate::alert::{Alert, Alerts, Event};

/// What was judged of a pipeline by this process, so that nothing is raised again at every look.
#[derive(Clone, Debug, Default)]
pub(super) struct Judged {
    /// The run whose changes and quarantine were judged.
    run: String,
    /// Streams that are beyond their bound, and those that are known to be within.
    stale: BTreeSet<String>,
    fresh: BTreeSet<String>,
}

impl Notifier {
    /// Judges what has changed since it was last done.
    ///
    /// # Errors
    /// `AQ4004`.
    pub(super) async fn judge(&self) -> Result<()> {
        let totals = self.control.count_runs().await?;
        let now = self.control.now().await?;
        for (pipeline, totals) in &totals {
            let known = self.judged.lock().unwrap_or_else(PoisonError::into_inner).get(pipeline).cloned().unwrap_or_default();
            let (judged, alerts) = self.look(pipeline, totals, known, now);
            for alert in alerts {
                self.raise(alert).await;
            }
            self.judged.lock().unwrap_or_else(PoisonError::into_inner).insert(pipeline.clone(), judged);
        }
        Ok(())
    }

    fn look(&self, pipeline: &str, totals: &Totals, mut judged: Judged, now: Timestamp) -> (Judged, Vec<Alert>) {
        let mut alerts = Vec::new();
        let news = judged.run != totals.last_run;
        for (stream, sums) in &totals.streams {
            let Some(bounds) = self.settings.bounds(pipeline, stream) else { continue };
            if let Some(bound) = bounds.freshness {
                let stale = sums.settled_until.is_none_or(|until| now.since(until) > bound);
                let (into, from) = if stale { (&mut judged.stale, &mut judged.fresh) } else { (&mut judged.fresh, &mut judged.stale) };
                from.remove(stream);
                if into.insert(stream.clone()) {
                    let event = match stale {
                        true => Event::StreamStale { settled_until: sums.settled_until, bound_seconds: bound.as_secs() },
                        false => Event::StreamFresh,
                    };
                    alerts.push(Alert::new(event, pipeline, now).of_stream(stream));
                }
            }
            if let Some(bound) = bounds.quarantine.filter(|_| news && sums.last_read > 0) {
                let event = quarantine(sums, bound);
                alerts.push(Alert::new(event, pipeline, now).of_stream(stream).of_run(&sums.last_run));
            }
        }
        // A change is an event of its run. One that ended long ago was told then, or is told no more.
        let recent = totals.last_ended.is_some_and(|ended| now.since(ended) < self.settings.quiet_for);
        if news && recent && totals.last_schema_changes > 0 {
            let event = Event::SchemaChanged { changes: totals.last_schema_changes, frozen: totals.last_frozen };
            alerts.push(Alert::new(event, pipeline, totals.last_ended.unwrap_or(now)).of_run(&totals.last_run));
        }
        judged.run.clone_from(&totals.last_run);
        (judged, alerts)
    }
}

fn quarantine(sums: &StreamTotals, bound: f64) -> Event {
    let StreamTotals { last_quarantined: quarantined, last_read: read, .. } = *sums;
    if quarantined as f64 > bound * read as f64 { Event::QuarantineHigh { quarantined, read, bound } } else { Event::QuarantineLow }
}
