//! Another people's connector reads the account that Aqueduct reads, and both must have the same: record by record, field by field.
//!
//! `tests/peers/README.md` says how the comparison works and how the heavier connectors are compared by hand.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use aqueduct_pipeline::{Environment, Pipeline, Registry, RunOptions, Silent, run};
use aqueduct_simulator::{Clock, hubspot, salesforce};
use serde_json::{Value, json};
use tokio::sync::watch;

const INSTALL: &str =
    "This test needs python3 with its venv module and a package index: on Debian and Ubuntu `apt-get install python3 python3-venv`.";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}

fn words(output: &Output) -> String {
    format!("{}\n{}\n{}", output.status, String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Runs a command to its end; panics with its output when it cannot start or fails.
fn succeed(what: &str, command: &mut Command, input: &str) -> Output {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap_or_else(|error| panic!("{what}: {error}. {INSTALL}"));
    // A command that ends without reading its input is judged by how it ended.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{what} failed. {INSTALL}\n{}", words(&output));
    output
}

/// The interpreter of a virtual environment that holds the pinned requirements; made once, kept under the target folder.
fn interpreter(vendor: &str, peer: &str) -> PathBuf {
    let requirements = folder().join(vendor).join(format!("requirements-{peer}.txt"));
    let wanted = std::fs::read_to_string(&requirements).unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{vendor}-{peer}"));
    let (python, stamp) = (folder.join("bin/python"), folder.join("requirements.installed"));
    let ready = python.exists() && std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted);
    if !ready {
        succeed("making a virtual environment", Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder), "");
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
        succeed("installing the other connector", Command::new(&python).args(install).arg(&requirements), "");
        // Written last: an environment that was interrupted is made anew.
        std::fs::write(&stamp, &wanted).unwrap();
    }
    python
}

/// One vendor, one peer, and the folder in which both leave what they extracted.
struct Judge {
    python: PathBuf,
    vendor: &'static str,
    peer: &'static str,
    scratch: PathBuf,
    /// Where the simulator is and how to get in.
    request: Value,
}

impl Judge {
    fn script(&self, name: &str, arguments: &[&Path]) {
        let script = folder().join(self.vendor).join(name);
        succeed(name, Command::new(&self.python).arg("-B").arg(script).args(arguments), &self.request.to_string());
    }

    /// The other connector extracts into the folder, from where it stopped the last time.
    fn extract(&self) {
        self.script(&format!("by_{}.py", self.peer), &[&self.scratch.join("peer")]);
    }

    /// Compares what was extracted into the folder with the warehouse.
    fn compare(&self, extracted: &str, arguments: &[&str]) -> Output {
        Command::new(&self.python)
            .arg("-B")
            .arg(folder().join("compare.py"))
            .arg(folder().join(self.vendor).join(format!("{}.toml", self.peer)))
            .args([self.scratch.join(extracted), self.scratch.join("warehouse.db")])
            .args(arguments)
            .output()
            .unwrap()
    }

    /// The same extraction with its messages as `change` leaves them must not pass; gives what was said.
    fn refused(&self, change: impl Fn(&str) -> Option<String>) -> String {
        let messages = std::fs::read_to_string(self.scratch.join("peer/messages.jsonl")).unwrap();
        let changed: Vec<String> = messages.lines().filter_map(change).collect();
        let wrong = self.scratch.join("wrong");
        std::fs::create_dir_all(&wrong).unwrap();
        std::fs::write(wrong.join("messages.jsonl"), changed.join("\n")).unwrap();
        let output = self.compare("wrong", &[]);
        assert_eq!(output.status.code(), Some(1), "{}", words(&output));
        String::from_utf8(output.stdout).unwrap()
    }
}

async fn load(file: &Path, variables: &[(String, String)], options: RunOptions) {
    let pipeline = Pipeline::open(file, &Registry::standard(), &Environment::of(variables.iter().cloned())).unwrap();
    let (_stop, stopped) = watch::channel(false);
    let report = run(&pipeline, &options, Arc::new(Silent), stopped).await.unwrap();
    assert_eq!(report.record.exit_code, 0, "{:?}", report.errors);
}

/// A vendor's simulator with what both need of it, and the pipeline that reads it.
struct Played {
    judge: Arc<Judge>,
    pipeline: PathBuf,
    variables: Vec<(String, String)>,
    clock: Clock,
    /// Holds the judge's folder.
    scratch: tempfile::TempDir,
}

impl Played {
    /// `request` has the vendor's address and credentials, which the pipeline file finds as `VENDOR_NAME`.
    async fn new(vendor: &'static str, clock: Clock, request: Value) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let named = |(name, value): (&String, &Value)| {
            Some((format!("{}_{}", vendor.to_uppercase(), name.to_uppercase()), value.as_str()?.to_owned()))
        };
        let mut variables: Vec<(String, String)> = request.as_object().unwrap().iter().filter_map(named).collect();
        variables.push(("WAREHOUSE_URL".to_owned(), format!("sqlite://{}", scratch.path().join("warehouse.db").display())));
        let folder_of_both = scratch.path().to_owned();
        let judge = tokio::task::spawn_blocking(move || Judge {
            python: interpreter(vendor, "singer"),
            vendor,
            peer: "singer",
            scratch: folder_of_both,
            request,
        });
        let judge = Arc::new(judge.await.unwrap());
        Self { judge, pipeline: folder().join(vendor).join("pipeline.yaml"), variables, clock, scratch }
    }

    async fn run(&self, work: impl FnOnce(&Judge) + Send + 'static) {
        let judge = Arc::clone(&self.judge);
        tokio::task::spawn_blocking(move || work(&judge)).await.unwrap();
    }

    /// Both read, records change over the vendor's own API, both go on from where they stopped; each time all that differs must be explained.
    /// `second` is what Aqueduct is told in its second run.
    async fn twice(&self, second: RunOptions) {
        let used = self.scratch.path().join("used.json");
        let used = used.to_str().unwrap();
        load(&self.pipeline, &self.variables, RunOptions::default()).await;
        self.run(Judge::extract).await;
        let output = self.judge.compare("peer", &["--used", used]);
        assert!(output.status.success(), "after the first run: {}", words(&output));

        self.clock.advance(Duration::from_secs(2 * 3600));
        self.run(|judge| judge.script("change.py", &[])).await;
        self.clock.advance(Duration::from_secs(60));
        load(&self.pipeline, &self.variables, second).await;
        let output = self.judge.compare("peer", &[]);
        assert_eq!(output.status.code(), Some(1), "the other connector has not seen the changes yet: {}", words(&output));
        self.run(Judge::extract).await;
        let output = self.judge.compare("peer", &["--used", used, "--last"]);
        assert!(output.status.success(), "after the second run: {}", words(&output));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hubspot_by_tap_hubspot() {
    let clock = Clock::manual("2026-07-01T00:00:00Z".parse().unwrap());
    let options = hubspot::Options { seed: 33, contacts: 420, owners: 24, clock: clock.clone(), ..Default::default() };
    let simulator = hubspot::Simulator::start(options).await.unwrap();
    let request = json!({"base_url": simulator.base_url(), "access_token": simulator.access_token()});
    let played = Played::new("hubspot", clock, request).await;
    // As `second_run` in the matching says.
    played.twice(RunOptions { refresh_calculated: true, ..RunOptions::default() }).await;

    // A judge that cannot say no is none: one value, one record, one field more or less must be noticed.
    let judge = &played.judge;
    let said = judge.refused(|line| Some(line.replace("Łukasz", "Lukasz").replace("\\u0141ukasz", "Lukasz")));
    assert!(said.contains("firstname differs from properties.firstname"), "{said}");
    let said = judge.refused(|line| (!line.contains("born.later@example.org")).then(|| line.to_owned()));
    assert!(said.contains("1 × contacts: rows only here"), "{said}");
    let said = judge.refused(|line| Some(line.replace("\"property_email\"", "\"property_electronic_mail\"")));
    assert!(said.contains("1 × contacts: fields only there: property_electronic_mail"), "{said}");
    let said = judge.refused(|line| (!line.contains("\"owners\"")).then(|| line.to_owned()));
    assert!(said.contains("owners: nothing was compared"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn salesforce_by_tap_salesforce() {
    let clock = Clock::manual("2026-07-01T00:00:00Z".parse().unwrap());
    let options = salesforce::Options {
        seed: 34,
        contacts: 300,
        page_records: Some(120),
        // The access token outlives the hours between the runs.
        session_timeout: Duration::from_secs(24 * 3600),
        clock: clock.clone(),
        ..Default::default()
    };
    let simulator = salesforce::Simulator::start(options).await.unwrap();
    let credentials = simulator.client_credentials();
    let request = json!({
        "base_url": simulator.base_url(),
        "access_token": simulator.access_token(),
        "client_id": credentials.client_id,
        "client_secret": credentials.client_secret,
        "refresh_token": credentials.refresh_token,
    });
    let played = Played::new("salesforce", clock, request).await;
    played.twice(RunOptions::default()).await;

    // A judge that cannot say no is none: one value, one record, one field more or less must be noticed.
    let judge = &played.judge;
    let said = judge.refused(|line| Some(line.replace("Łukasz", "Lukasz").replace("\\u0141ukasz", "Lukasz")));
    assert!(said.contains("first_name differs from FirstName"), "{said}");
    let said = judge.refused(|line| (!line.contains("born.later@example.org")).then(|| line.to_owned()));
    assert!(said.contains("1 × Contact: rows only here"), "{said}");
    let said = judge.refused(|line| Some(line.replace("\"Score__c\"", "\"Score_of__c\"")));
    assert!(said.contains("1 × Contact: fields only here: score_c"), "{said}");
    let said = judge.refused(|line| Some(line.replace("\"IsDeleted\": true", "\"IsDeleted\": false")));
    assert!(said.contains("Account: is_deleted differs from IsDeleted"), "{said}");
    let said = judge.refused(|line| (!line.contains("\"User\"")).then(|| line.to_owned()));
    assert!(said.contains("User: nothing was compared"), "{said}");
}
