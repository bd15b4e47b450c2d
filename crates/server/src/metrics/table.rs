//! Every metric: its name, kind, labels and help. The page and its documentation are made from this table.

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Counts by class, with their sum.
    Histogram,
}

impl Kind {
    /// The kind in Prometheus' words.
    pub fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name, with the unit and, for a counter, `_total`.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it says, in a sentence.
    pub help: &'static str,
}

macro_rules! metrics {
    ($($id:ident = $kind:ident $name:literal [$($label:literal)*] $help:literal;)*) => {
        $(#[doc = $help] pub const $id: Metric = Metric { name: $name, kind: Kind::$kind, labels: &[$($label),*], help: $help };)*
        /// All metrics.
        pub const ALL: &[Metric] = &[$($id),*];
    };
}

metrics! {
    BUILD_INFO = Gauge "aqueduct_build_info" ["version"] "1, with the version of the server.";
    SCHEDULER_UP = Gauge "aqueduct_scheduler_up" [] "Whether the scheduler's loop goes round: 0 is stuck.";
    SCHEDULER_TICK = Gauge "aqueduct_scheduler_last_tick_timestamp_seconds" [] "When the scheduler's loop last went round.";
    READY = Gauge "aqueduct_ready" [] "Whether the scheduler can do its work: 0 when /readyz is not well.";
    CONTROL_STORE_SECONDS = Gauge "aqueduct_control_store_latency_seconds" [] "How long the control store took to answer one question.";
    PIPELINES = Gauge "aqueduct_pipelines" ["state"] "Pipelines by what they are doing.";
    PIPELINE_RUNNING = Gauge "aqueduct_pipeline_running" ["pipeline"] "Runs under way.";
    PIPELINE_QUEUED = Gauge "aqueduct_pipeline_queued" ["pipeline"] "Occurrences that are due and wait.";
    PIPELINE_PAUSED = Gauge "aqueduct_pipeline_paused" ["pipeline"] "1 while the pipeline is paused.";
    PIPELINE_BROKEN = Gauge "aqueduct_pipeline_broken" ["pipeline"] "1 while the pipeline's file cannot be used.";
    PIPELINE_NEXT = Gauge "aqueduct_pipeline_next_run_timestamp_seconds" ["pipeline"] "When the pipeline falls due next.";
    PIPELINE_LAST = Gauge "aqueduct_pipeline_last_run_timestamp_seconds" ["pipeline"] "When the last run ended.";
    PIPELINE_LAST_CODE = Gauge "aqueduct_pipeline_last_run_exit_code" ["pipeline"] "The exit code of the last run; 0 is well.";
    PIPELINE_LAST_SUCCESS = Gauge "aqueduct_pipeline_last_success_timestamp_seconds" ["pipeline"] "When a run last ended with exit code 0.";
    LATENESS = Gauge "aqueduct_schedule_lateness_seconds" ["pipeline"] "How late the last run started, from when it was to start.";
    LATENESS_SUM = Counter "aqueduct_schedule_lateness_seconds_total" ["pipeline"] "The sum of how late runs started. Begins at 0 with the server.";
    OCCURRENCES = Counter "aqueduct_occurrences_total" ["pipeline" "result"] "What became of occurrences: started, retried, skipped_overlap, skipped_catch_up or skipped_other. Begins at 0 with the server.";
    RUNS = Counter "aqueduct_runs_total" ["pipeline" "kind" "outcome" "exit_code"] "Runs in the ledger, by kind, outcome and exit code; the code is empty where nobody saw the end.";
    RUN_SECONDS = Histogram "aqueduct_run_duration_seconds" ["pipeline"] "How long runs took, those of kind run alone.";
    RUN_CPU = Counter "aqueduct_run_cpu_seconds_total" ["pipeline"] "Processor time that runs took.";
    RUN_MEMORY = Gauge "aqueduct_run_peak_memory_bytes" ["pipeline"] "The most memory that the last run held at once.";
    RUN_WAITED = Counter "aqueduct_run_waited_seconds_total" ["pipeline" "reason"] "What runs waited for: limits, retries, preparing, answers or loads. The reasons overlap.";
    ROWS = Counter "aqueduct_stream_rows_total" ["pipeline" "stream" "kind"] "What became of records: new, changed, unchanged, deleted, quarantined or filtered.";
    READ = Counter "aqueduct_stream_records_read_total" ["pipeline" "stream"] "Records read from the source and committed.";
    SETTLED = Gauge "aqueduct_stream_settled_until_timestamp_seconds" ["pipeline" "stream"] "Everything that the source changed before this instant is in the warehouse.";
    FRESHNESS = Gauge "aqueduct_stream_freshness_seconds" ["pipeline" "stream"] "How long ago that instant is.";
    QUARANTINED = Gauge "aqueduct_stream_last_run_quarantined_records" ["pipeline" "stream"] "Records that the last run put into quarantine.";
    REQUESTS = Counter "aqueduct_source_requests_total" ["pipeline" "class"] "Requests sent to the source, by the class of limits that they count against.";
    RETRIES = Counter "aqueduct_source_retries_total" ["pipeline" "reason"] "Requests that were sent again, by the reason.";
    RECEIVED = Counter "aqueduct_source_received_bytes_total" ["pipeline"] "Bytes of answers, as they came over the wire.";
    DECODED = Counter "aqueduct_source_decoded_bytes_total" ["pipeline"] "Bytes of answers, decompressed.";
    WRITTEN = Counter "aqueduct_destination_written_bytes_total" ["pipeline"] "Bytes of columns that were handed to the destination.";
    SCHEMA_CHANGES = Counter "aqueduct_schema_changes_total" ["pipeline"] "Changes of the source's streams and fields that runs found.";
    QUOTA_USED = Gauge "aqueduct_quota_used_requests" ["connector" "account"] "Requests of the day's quota that are used: as the source tells it, or counted here.";
    QUOTA_ALLOWED = Gauge "aqueduct_quota_allowed_requests" ["connector" "account"] "Requests of a day that Aqueduct may use.";
    QUOTA_LEFT = Gauge "aqueduct_quota_remaining_requests" ["connector" "account"] "Requests of the day that are left.";
    ALERTS_OPEN = Gauge "aqueduct_alerts_open" ["severity"] "Problems that last, by severity.";
    ALERTS_SENT = Counter "aqueduct_alerts_sent_total" ["sink" "result"] "Messages to a sink: sent or failed. Begins at 0 with the server.";
    PROCESS_CPU = Counter "process_cpu_seconds_total" [] "Processor time of the server, its runs not among it.";
    PROCESS_MEMORY = Gauge "process_resident_memory_bytes" [] "Memory that the server holds.";
    PROCESS_VIRTUAL = Gauge "process_virtual_memory_bytes" [] "Memory that the server has asked for.";
    PROCESS_FILES = Gauge "process_open_fds" [] "Files that the server has open.";
    PROCESS_START = Gauge "process_start_time_seconds" [] "When the server began.";
}

/// The table in Markdown, as docs/monitoring.md has it.
pub fn markdown() -> String {
    let mut text = String::from("| metric | kind | labels | what it says |\n| --- | --- | --- | --- |\n");
    for metric in ALL {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        text.push_str(&format!("| `{}` | {} | {} | {} |\n", metric.name, metric.kind.word(), labels.join(" "), metric.help));
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_follow_the_conventions() {
        let mut names: Vec<&str> = ALL.iter().map(|metric| metric.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len(), "two metrics have one name");
        for Metric { name, kind, labels, help } in ALL {
            assert!(name.starts_with("aqueduct_") || name.starts_with("process_"), "{name}");
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
            assert_eq!(*kind == Kind::Counter, name.ends_with("_total"), "{name}");
            assert!(help.ends_with('.') && !help.contains('|'), "{name}");
            assert!(!["_ms", "_milliseconds", "_minutes", "_kb"].iter().any(|unit| name.contains(unit)), "{name}: base units");
            assert!(labels.iter().all(|label| !["le", "quantile", "job", "instance"].contains(label)), "{name}");
        }
    }

    #[test]
    fn the_documentation_has_this_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/monitoring.md");
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.contains(&markdown()), "put this table into docs/monitoring.md:\n\n{}", markdown());
    }
}
