//! The page of metrics: written anew for every scrape, from the ledger's sums in the control store and from what the scheduler tells.
//!
//! Counters of runs and streams are sums that the control store keeps, so they go on where they were when the server starts again, and
//! every instance on one store has the same ones. Those that say so begin at 0 with the server. Labels are names of pipelines that exist,
//! of their streams, and words of closed lists.

mod page;
mod process;
mod sheet;
pub mod table;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use aqueduct_pipeline::control_store::{AlertBook, Control};
use aqueduct_pipeline::schema::Result;

use crate::overview::Overview;
use page::Figures;

/// What is counted in this process alone, and the way to a page.
#[derive(Debug, Default)]
pub struct Metrics {
    alerts: Mutex<BTreeMap<(String, bool), u64>>,
}

impl Metrics {
    /// Counts a message to a sink, and whether it was taken.
    pub(crate) fn alert(&self, sink: &str, sent: bool) {
        *self.alerts.lock().unwrap_or_else(PoisonError::into_inner).entry((sink.to_owned(), sent)).or_default() += 1;
    }

    /// A page, in the text that Prometheus reads.
    ///
    /// # Errors
    /// `AQ4004` when the control store does not answer.
    pub async fn page(&self, overview: &dyn Overview, control: &Control) -> Result<String> {
        let asked = Instant::now();
        let store_now = control.now().await?;
        let latency = asked.elapsed();
        let totals = control.count_runs().await?;
        let quotas = control.quotas().await?;
        let problems = AlertBook::of(control).problems().await?;
        let pipelines = overview.pipelines().await?;
        let ready = overview.readiness().await.ready;
        let alerts = self.alerts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let figures = Figures {
            now: overview.now(),
            store_now,
            latency,
            heartbeat: overview.heartbeat(),
            ready,
            pipelines: &pipelines,
            totals: &totals,
            quotas: &quotas,
            problems: &problems,
            alerts: &alerts,
            process: process::this(),
        };
        figures.write()
    }
}
