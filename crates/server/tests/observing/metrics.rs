//! The page of metrics agrees with a ledger that is known, and Prometheus' own tool has nothing to say against it.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;

use aqueduct_pipeline::control_store::{AlertBook, Outcome, Raise};
use aqueduct_server::metrics::{Metrics, table};
use serde_json::json;

use crate::ledger::{known, run, seconds};
use crate::scheduler::{NOW, Told, busy, idle};

/// The samples of a page, by name and labels as they are written.
fn samples(page: &str) -> BTreeMap<String, f64> {
    let lines = page.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| line.rsplit_once(' ').map(|(name, value)| (name.to_owned(), value.parse().unwrap())).unwrap()).collect()
}

async fn page(metrics: &Metrics, store: &crate::ledger::Store) -> String {
    metrics.page(&Told::new(vec![busy("crm"), idle("shop")]), &store.control).await.unwrap()
}

#[tokio::test]
async fn the_page_agrees_with_the_ledger() {
    let store = known().await;
    let text = page(&Metrics::default(), &store).await;
    let found = samples(&text);
    for (name, value) in [
        ("aqueduct_build_info{version=\"0.1.0\"}", 1.0),
        ("aqueduct_scheduler_up", 1.0),
        ("aqueduct_ready", 1.0),
        ("aqueduct_pipelines{state=\"running\"}", 1.0),
        ("aqueduct_pipelines{state=\"idle\"}", 1.0),
        ("aqueduct_pipelines{state=\"broken\"}", 0.0),
        ("aqueduct_pipeline_running{pipeline=\"crm\"}", 1.0),
        ("aqueduct_pipeline_queued{pipeline=\"crm\"}", 2.0),
        ("aqueduct_pipeline_broken{pipeline=\"shop\"}", 0.0),
        ("aqueduct_pipeline_last_run_exit_code{pipeline=\"crm\"}", 4.0),
        ("aqueduct_pipeline_next_run_timestamp_seconds{pipeline=\"shop\"}", (seconds(NOW) + 900) as f64),
        ("aqueduct_schedule_lateness_seconds{pipeline=\"crm\"}", 0.25),
        ("aqueduct_schedule_lateness_seconds_total{pipeline=\"crm\"}", 1.5),
        ("aqueduct_occurrences_total{pipeline=\"crm\",result=\"started\"}", 10.0),
        ("aqueduct_occurrences_total{pipeline=\"crm\",result=\"skipped_catch_up\"}", 2.0),
        ("aqueduct_runs_total{exit_code=\"0\",kind=\"run\",outcome=\"ok\",pipeline=\"crm\"}", 2.0),
        ("aqueduct_runs_total{exit_code=\"4\",kind=\"run\",outcome=\"failed\",pipeline=\"crm\"}", 1.0),
        ("aqueduct_run_duration_seconds_bucket{pipeline=\"crm\",le=\"60\"}", 0.0),
        ("aqueduct_run_duration_seconds_bucket{pipeline=\"crm\",le=\"300\"}", 3.0),
        ("aqueduct_run_duration_seconds_bucket{pipeline=\"crm\",le=\"+Inf\"}", 3.0),
        ("aqueduct_run_duration_seconds_count{pipeline=\"crm\"}", 3.0),
        ("aqueduct_run_duration_seconds_sum{pipeline=\"crm\"}", 270.0),
        ("aqueduct_run_cpu_seconds_total{pipeline=\"crm\"}", 7.5),
        ("aqueduct_run_peak_memory_bytes{pipeline=\"crm\"}", 64_000_000.0),
        ("aqueduct_run_waited_seconds_total{pipeline=\"crm\",reason=\"limits\"}", 4.5),
        ("aqueduct_run_waited_seconds_total{pipeline=\"crm\",reason=\"retries\"}", 0.75),
        ("aqueduct_stream_records_read_total{pipeline=\"crm\",stream=\"contacts\"}", 300.0),
        ("aqueduct_stream_rows_total{kind=\"new\",pipeline=\"crm\",stream=\"contacts\"}", 120.0),
        ("aqueduct_stream_rows_total{kind=\"changed\",pipeline=\"crm\",stream=\"contacts\"}", 60.0),
        ("aqueduct_stream_rows_total{kind=\"unchanged\",pipeline=\"crm\",stream=\"contacts\"}", 90.0),
        ("aqueduct_stream_rows_total{kind=\"deleted\",pipeline=\"crm\",stream=\"contacts\"}", 6.0),
        ("aqueduct_stream_rows_total{kind=\"quarantined\",pipeline=\"crm\",stream=\"contacts\"}", 12.0),
        ("aqueduct_stream_rows_total{kind=\"filtered\",pipeline=\"crm\",stream=\"contacts\"}", 18.0),
        ("aqueduct_stream_last_run_quarantined_records{pipeline=\"crm\",stream=\"contacts\"}", 4.0),
        ("aqueduct_stream_settled_until_timestamp_seconds{pipeline=\"crm\",stream=\"contacts\"}", (seconds(NOW) - 6_000) as f64),
        ("aqueduct_stream_freshness_seconds{pipeline=\"crm\",stream=\"contacts\"}", 6_000.0),
        ("aqueduct_source_requests_total{class=\"default\",pipeline=\"crm\"}", 21.0),
        ("aqueduct_source_requests_total{class=\"search\",pipeline=\"crm\"}", 9.0),
        ("aqueduct_source_retries_total{pipeline=\"crm\",reason=\"rate_limited\"}", 6.0),
        ("aqueduct_source_received_bytes_total{pipeline=\"crm\"}", 3_000.0),
        ("aqueduct_source_decoded_bytes_total{pipeline=\"crm\"}", 30_000.0),
        ("aqueduct_destination_written_bytes_total{pipeline=\"crm\"}", 15_000.0),
        ("aqueduct_schema_changes_total{pipeline=\"crm\"}", 3.0),
        ("aqueduct_quota_used_requests{account=\"main\",connector=\"hubspot\"}", 30.0),
        ("aqueduct_quota_allowed_requests{account=\"main\",connector=\"hubspot\"}", 100.0),
        ("aqueduct_quota_remaining_requests{account=\"main\",connector=\"hubspot\"}", 70.0),
    ] {
        assert_eq!(found.get(name), Some(&value), "{name}\n{text}");
    }
    assert!(!text.contains("gone"), "a pipeline that is no more has no series");
}

#[tokio::test]
async fn counters_go_on_where_they_were_for_every_instance_and_after_a_restart() {
    let store = known().await;
    let before = samples(&page(&Metrics::default(), &store).await);
    let life = std::time::Duration::from_secs(60);
    store.control.begin_run(&run("crm", 10, Outcome::Ok, 0), life).await.unwrap();
    let (one, other) = (Metrics::default(), Metrics::default());
    let (first, second) = tokio::join!(page(&one, &store), page(&other, &store));
    let counters = |page: &str| -> BTreeMap<String, f64> {
        samples(page).into_iter().filter(|(name, _)| name.contains("_total") && !name.starts_with("process_")).collect()
    };
    assert_eq!(counters(&first), counters(&second));
    for (name, value) in counters(&first) {
        assert!(value >= before[&name], "{name} went back");
    }
    assert_eq!(samples(&first)["aqueduct_runs_total{exit_code=\"0\",kind=\"run\",outcome=\"ok\",pipeline=\"crm\"}"], 3.0);
}

/// A page with a value for every metric.
async fn whole() -> String {
    let store = known().await;
    let (content, sinks) = (json!({}), ["mail".to_owned()]);
    let raise = Raise { content: &content, severity: 2, sinks: &sinks, lasting: true, quiet_for: std::time::Duration::ZERO };
    AlertBook::of(&store.control).raise("crm/run", raise).await.unwrap();
    let metrics = Arc::new(Metrics::default());
    crate::sinks::one_message(&store.control, metrics.clone()).await;
    page(&metrics, &store).await
}

#[tokio::test]
async fn every_metric_of_the_table_is_on_the_page_and_no_other() {
    let text = whole().await;
    let told: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    let mut expected: Vec<String> = table::ALL.iter().map(|metric| format!("{} {}", metric.name, metric.kind.word())).collect();
    expected.sort_unstable();
    assert_eq!(told, expected);
    for metric in table::ALL {
        assert!(text.contains(&format!("# HELP {} {}\n", metric.name, metric.help)), "{}", metric.name);
    }
}

#[tokio::test]
async fn promtool_has_nothing_against_it() {
    let text = whole().await;
    let checked =
        Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut promtool = checked.expect("promtool comes with Debian's package prometheus and Homebrew's formula of the same name");
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.trim().is_empty(), "{said}");
}

#[test]
fn promtool_finds_what_is_wrong() {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("promtool comes with Debian's package prometheus");
    promtool.stdin.take().unwrap().write_all(b"# TYPE aqueduct_runs counter\naqueduct_runs 1\n").unwrap();
    assert!(!promtool.wait().unwrap().success());
}

#[test]
fn the_alert_rules_of_the_documentation_are_rules() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/monitoring.md");
    let text = std::fs::read_to_string(path).unwrap();
    let block = text.split("```yaml\n").find(|block| block.starts_with("groups:")).expect("the page has alert rules");
    let rules = block.split("```").next().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules.yml");
    std::fs::write(&file, rules).unwrap();
    let output = Command::new("promtool").args(["check", "rules"]).arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // What a rule speaks of is a metric that there is.
    let names: Vec<&str> = table::ALL.iter().map(|metric| metric.name).collect();
    let words = rules.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
    for word in words.filter(|word| word.starts_with("aqueduct_")) {
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word);
        assert!(names.contains(&word) || names.contains(&base), "{word}");
    }
}
