//! From figures to a page.

use std::collections::BTreeMap;
use std::time::Duration;

use aqueduct_pipeline::control_store::{DURATIONS, Problem, QuotaUse, Totals};
use aqueduct_pipeline::schema::{Result, Timestamp};

use super::process::ProcessUse;
use super::sheet::Sheet;
use super::table;
use crate::alert::Severity;
use crate::overview::{Heartbeat, PipelineState, PipelineStatus};

/// Everything that a page tells.
pub(crate) struct Figures<'f> {
    /// The scheduler's time.
    pub(crate) now: Timestamp,
    /// The control store's time.
    pub(crate) store_now: Timestamp,
    pub(crate) latency: Duration,
    pub(crate) heartbeat: Heartbeat,
    pub(crate) ready: bool,
    pub(crate) pipelines: &'f [PipelineStatus],
    pub(crate) totals: &'f BTreeMap<String, Totals>,
    pub(crate) quotas: &'f [QuotaUse],
    pub(crate) problems: &'f [(String, Problem)],
    /// Messages by sink and whether they were taken.
    pub(crate) alerts: &'f BTreeMap<(String, bool), u64>,
    pub(crate) process: Option<ProcessUse>,
}

impl Figures<'_> {
    /// The page.
    ///
    /// # Errors
    /// `AQ9001`, for a value under labels that its metric does not have.
    pub(crate) fn write(&self) -> Result<String> {
        let mut sheet = Sheet::new()?;
        self.server(&sheet)?;
        for status in self.pipelines {
            self.pipeline(&sheet, status)?;
            if let Some(totals) = self.totals.get(&status.name) {
                self.sums(&mut sheet, &status.name, totals)?;
            }
        }
        for quota in self.quotas {
            let labels = [quota.connector.as_str(), quota.account.as_str()];
            sheet.set(&table::QUOTA_USED, &labels, quota.used as f64)?;
            if let Some(allowed) = quota.allowed {
                sheet.set(&table::QUOTA_ALLOWED, &labels, allowed as f64)?;
                sheet.set(&table::QUOTA_LEFT, &labels, allowed.saturating_sub(quota.used) as f64)?;
            }
        }
        sheet.text()
    }

    fn server(&self, sheet: &Sheet) -> Result<()> {
        let Heartbeat { started_at, ticked_at, patience } = self.heartbeat;
        sheet.set(&table::BUILD_INFO, &[env!("CARGO_PKG_VERSION")], 1.0)?;
        sheet.set(&table::SCHEDULER_UP, &[], truth(self.now.since(ticked_at) <= patience))?;
        sheet.set(&table::SCHEDULER_TICK, &[], seconds(ticked_at))?;
        sheet.set(&table::READY, &[], truth(self.ready))?;
        sheet.set(&table::CONTROL_STORE_SECONDS, &[], self.latency.as_secs_f64())?;
        sheet.set(&table::PROCESS_START, &[], seconds(started_at))?;
        for state in PipelineState::ALL {
            let count = self.pipelines.iter().filter(|status| status.state == state).count();
            sheet.set(&table::PIPELINES, &[state.word()], count as f64)?;
        }
        for severity in Severity::ALL {
            let open = |problem: &&(String, Problem)| problem.1.open && problem.1.lasting && problem.1.severity == severity.rank();
            sheet.set(&table::ALERTS_OPEN, &[severity.word()], self.problems.iter().filter(open).count() as f64)?;
        }
        for ((sink, sent), count) in self.alerts {
            sheet.set(&table::ALERTS_SENT, &[sink, if *sent { "sent" } else { "failed" }], *count as f64)?;
        }
        if let Some(process) = self.process {
            sheet.set(&table::PROCESS_CPU, &[], process.cpu_seconds)?;
            sheet.set(&table::PROCESS_MEMORY, &[], process.resident_bytes)?;
            sheet.set(&table::PROCESS_VIRTUAL, &[], process.virtual_bytes)?;
            if let Some(files) = process.open_files {
                sheet.set(&table::PROCESS_FILES, &[], files)?;
            }
        }
        Ok(())
    }

    fn pipeline(&self, sheet: &Sheet, status: &PipelineStatus) -> Result<()> {
        let name = [status.name.as_str()];
        sheet.set(&table::PIPELINE_RUNNING, &name, status.running.len() as f64)?;
        sheet.set(&table::PIPELINE_QUEUED, &name, status.queued as f64)?;
        sheet.set(&table::PIPELINE_PAUSED, &name, truth(status.paused.is_some()))?;
        sheet.set(&table::PIPELINE_BROKEN, &name, truth(status.problem.is_some()))?;
        if let Some(next) = status.next {
            sheet.set(&table::PIPELINE_NEXT, &name, seconds(next))?;
        }
        if let Some(last) = &status.last {
            sheet.set(&table::PIPELINE_LAST_CODE, &name, f64::from(last.exit_code))?;
            if let Some(ended) = last.ended_at {
                sheet.set(&table::PIPELINE_LAST, &name, seconds(ended))?;
            }
        }
        if let Some(success) = status.last_success_at {
            sheet.set(&table::PIPELINE_LAST_SUCCESS, &name, seconds(success))?;
        }
        let counts = &status.occurrences;
        sheet.set(&table::LATENESS, &name, counts.lateness_seconds_last)?;
        sheet.set(&table::LATENESS_SUM, &name, counts.lateness_seconds_sum)?;
        for (result, count) in [
            ("started", counts.started),
            ("retried", counts.retried),
            ("skipped_overlap", counts.skipped_overlap),
            ("skipped_catch_up", counts.skipped_catch_up),
            ("skipped_other", counts.skipped_other),
        ] {
            sheet.set(&table::OCCURRENCES, &[&status.name, result], count as f64)?;
        }
        Ok(())
    }

    fn sums(&self, sheet: &mut Sheet, pipeline: &str, totals: &Totals) -> Result<()> {
        for runs in &totals.runs {
            let code = runs.exit_code.map(|code| code.to_string()).unwrap_or_default();
            let kind = runs.kind.words().replace(' ', "_");
            sheet.set(&table::RUNS, &[pipeline, &kind, runs.outcome.word(), &code], runs.count as f64)?;
        }
        if !totals.durations.is_empty() {
            sheet.histogram(&table::RUN_SECONDS, &[pipeline], &DURATIONS, &totals.durations, totals.seconds);
        }
        for (class, requests) in &totals.requests {
            sheet.set(&table::REQUESTS, &[pipeline, class], *requests as f64)?;
        }
        for (reason, retries) in &totals.retries {
            sheet.set(&table::RETRIES, &[pipeline, reason], *retries as f64)?;
        }
        let time = totals.time;
        for (reason, waited) in [
            ("limits", time.limits_ms),
            ("retries", time.retries_ms),
            ("preparing", time.preparing_ms),
            ("answers", time.answers_ms),
            ("loads", time.loads_ms),
        ] {
            sheet.set(&table::RUN_WAITED, &[pipeline, reason], waited as f64 / 1_000.0)?;
        }
        sheet.set(&table::RUN_CPU, &[pipeline], totals.cpu_ms as f64 / 1_000.0)?;
        sheet.set(&table::RECEIVED, &[pipeline], totals.wire_bytes as f64)?;
        sheet.set(&table::DECODED, &[pipeline], totals.bytes as f64)?;
        sheet.set(&table::WRITTEN, &[pipeline], totals.bytes_written as f64)?;
        sheet.set(&table::SCHEMA_CHANGES, &[pipeline], totals.schema_changes as f64)?;
        if let Some(peak) = totals.last_peak_memory_bytes {
            sheet.set(&table::RUN_MEMORY, &[pipeline], peak as f64)?;
        }
        for (stream, sums) in &totals.streams {
            let labels = [pipeline, stream.as_str()];
            sheet.set(&table::READ, &labels, sums.counts.read as f64)?;
            sheet.set(&table::QUARANTINED, &labels, sums.last_quarantined as f64)?;
            for (kind, count) in [
                ("new", sums.counts.new),
                ("changed", sums.counts.changed),
                ("unchanged", sums.counts.unchanged),
                ("deleted", sums.counts.deleted),
                ("quarantined", sums.counts.quarantined),
                ("filtered", sums.counts.filtered),
            ] {
                sheet.set(&table::ROWS, &[pipeline, stream, kind], count as f64)?;
            }
            if let Some(settled) = sums.settled_until {
                sheet.set(&table::SETTLED, &labels, seconds(settled))?;
                sheet.set(&table::FRESHNESS, &labels, self.store_now.since(settled).as_secs_f64())?;
            }
        }
        Ok(())
    }
}

fn seconds(at: Timestamp) -> f64 {
    at.microseconds() as f64 / 1_000_000.0
}

fn truth(value: bool) -> f64 {
    f64::from(u8::from(value))
}
