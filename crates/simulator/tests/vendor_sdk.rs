//! Vendors' Python SDKs read the whole simulated account: code that others wrote is the judge of the wire format.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use aqueduct_simulator::hubspot::{ObjectKind, Options, Simulator};
use aqueduct_simulator::salesforce;
use serde_json::{Value, json};

const INSTALL: &str =
    "This test needs python3 with its venv module and a package index: on Debian and Ubuntu `apt-get install python3 python3-venv`.";

fn sdk(vendor: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/sdk").join(vendor)
}

/// Runs a command to its end; panics with its output when it cannot start or fails.
fn run(what: &str, command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{what}: {error}. {INSTALL}"));
    assert!(
        output.status.success(),
        "{what} failed ({}). {INSTALL}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// The interpreter of a virtual environment that holds the pinned requirements; made once, kept under the target folder.
fn interpreter(vendor: &str) -> PathBuf {
    let requirements = sdk(vendor).join("requirements.txt");
    let wanted = std::fs::read_to_string(&requirements).unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{vendor}-sdk"));
    let (python, stamp) = (folder.join("bin/python"), folder.join("requirements.installed"));
    let ready = python.exists() && std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted);
    if !ready {
        run("making a virtual environment", Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder));
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
        run("installing the vendor's SDK", Command::new(&python).args(install).arg(&requirements));
        // Written last: an environment that was interrupted is made anew.
        std::fs::write(&stamp, &wanted).unwrap();
    }
    python
}

/// What the SDK must find, by the store.
fn expected(simulator: &Simulator) -> BTreeMap<String, usize> {
    let store = simulator.store();
    let mut expected = BTreeMap::from([
        ("owners".to_owned(), store.owners().len()),
        ("owners_archived".to_owned(), store.archived_owners().len()),
        ("pipelines".to_owned(), store.pipelines().len()),
    ]);
    let lists = store.lists();
    expected.insert("memberships".to_owned(), lists.iter().map(|list| list.members.len()).sum());
    expected.insert("lists".to_owned(), lists.len());
    for (kind, property) in [(ObjectKind::Deals, "dealstage"), (ObjectKind::Contacts, "lifecyclestage")] {
        let changes = |id: u64| {
            let mut values: Vec<String> =
                store.versions(kind, id).into_iter().filter_map(|version| version.properties.get(property).cloned()).collect();
            values.dedup();
            values.len()
        };
        expected.insert(format!("changes_{}_{property}", kind.name()), store.ids(kind).into_iter().map(changes).sum());
    }
    for kind in ObjectKind::ALL {
        let shown = store.properties(kind).iter().filter(|property| !property.sensitive && !property.archived).count();
        expected.insert(format!("properties_{}", kind.name()), shown);
        expected.insert(kind.name().to_owned(), store.count(kind));
        expected.insert(format!("{}_archived", kind.name()), store.archived_count(kind));
        for other in ObjectKind::ALL.into_iter().filter(|other| *other != kind) {
            expected.insert(format!("associations_{}_{}", kind.name(), other.name()), store.associations(kind, other).len());
        }
    }
    expected
}

fn read_everything(vendor: &str, python: &Path, request: &Value) -> Output {
    let mut child = Command::new(python)
        .arg(sdk(vendor).join("read_everything.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(request.to_string().as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_vendors_sdk_reads_everything_that_is_there() {
    let options = Options { seed: 20, contacts: 640, owners: 130, association_page_size: 3, ..Options::default() };
    let simulator = Simulator::start(options).await.unwrap();
    let secrets = simulator.client_credentials();
    let mut request = json!({
        "base_url": simulator.base_url(),
        "access_token": simulator.access_token(),
        "oauth": {"client_id": secrets.client_id, "client_secret": secrets.client_secret, "refresh_token": secrets.refresh_token},
        "expected": expected(&simulator),
    });
    let output = tokio::task::spawn_blocking(move || {
        let python = interpreter("hubspot");
        let whole = read_everything("hubspot", &python, &request);
        // A judge that cannot say no is none: one record more than there is must be noticed.
        let contacts = request["expected"]["contacts"].as_u64().unwrap();
        request["expected"]["contacts"] = json!(contacts + 1);
        let wrong = read_everything("hubspot", &python, &request);
        (whole, wrong)
    });
    let (whole, wrong) = output.await.unwrap();
    let text = String::from_utf8_lossy(&whole.stdout);
    assert!(whole.status.success(), "{text}\n{}", String::from_utf8_lossy(&whole.stderr));
    let summary: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(summary["differences"], json!([]));
    assert_eq!(summary["counts"]["contacts"], json!(simulator.store().count(ObjectKind::Contacts)));

    assert_eq!(wrong.status.code(), Some(1));
    let summary: Value = serde_json::from_slice(&wrong.stdout).unwrap();
    assert_eq!(summary["differences"].as_array().unwrap().len(), 1);
    assert_eq!(
        simulator.counters().by_class.get(&aqueduct_simulator::RequestClass::Unknown),
        None,
        "the SDK asks for nothing that is not there"
    );
}

/// What simple-salesforce must find, by the store.
fn expected_of_salesforce(simulator: &salesforce::Simulator) -> BTreeMap<String, Value> {
    let store = simulator.store();
    let expected = |object: String| {
        let counts = json!({
            "live": store.count(&object),
            "shown": store.ids_not_archived(&object).len(),
            "deleted": store.deleted_count(&object),
            "fields": store.fields(&object).len(),
        });
        (object, counts)
    };
    store.objects().into_iter().map(expected).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn simple_salesforce_reads_everything_that_is_there() {
    let clock = salesforce::Clock::manual("2026-07-01T00:00:00Z".parse().unwrap());
    let options =
        salesforce::Options { seed: 21, contacts: 240, page_records: Some(90), deleted_per_mille: 60, clock, ..Default::default() };
    let simulator = salesforce::Simulator::start(options).await.unwrap();
    let mut request = json!({
        "base_url": simulator.base_url(),
        "access_token": simulator.access_token(),
        "since": "2026-06-17T00:00:00+00:00",
        "until": "2026-07-01T00:00:00+00:00",
        "without_bulk": ["OpportunityStage"],
        "expected": expected_of_salesforce(&simulator),
    });
    let output = tokio::task::spawn_blocking(move || {
        let python = interpreter("salesforce");
        let whole = read_everything("salesforce", &python, &request);
        let contacts = request["expected"]["Contact"]["shown"].as_u64().unwrap();
        request["expected"]["Contact"]["shown"] = json!(contacts + 1);
        (whole, read_everything("salesforce", &python, &request))
    });
    let (whole, wrong) = output.await.unwrap();
    let text = String::from_utf8_lossy(&whole.stdout);
    assert!(whole.status.success(), "{text}\n{}", String::from_utf8_lossy(&whole.stderr));
    let summary: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(summary["differences"], json!([]));
    assert_eq!(summary["counts"]["Lead"], json!(simulator.store().count("Lead")));
    assert_eq!(wrong.status.code(), Some(1), "{}", String::from_utf8_lossy(&wrong.stderr));
    let summary: Value = serde_json::from_slice(&wrong.stdout).unwrap();
    assert_eq!(summary["differences"].as_array().unwrap().len(), 2, "by the query and by the count");
    assert_eq!(simulator.counters().by_class.get(&aqueduct_simulator::RequestClass::Unknown), None);
}
