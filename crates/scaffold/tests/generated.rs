//! What is generated builds, runs, and keeps every rule of the suite: a crate that stands alone, from nothing and from a description.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

use aqueduct_scaffold::{Created, Order, create};

/// The checkout.
fn aqueduct() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Generates a crate in a folder that is the same every time, so that only what has changed is built again.
fn generated(name: &str, openapi: Option<&Path>, [auth, paging]: [Option<&str>; 2]) -> Created {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    let aqueduct = aqueduct();
    let order = Order {
        name,
        folder: Some(&folder),
        openapi,
        auth,
        paging,
        aqueduct: Some(&aqueduct),
        working_folder: Path::new(env!("CARGO_TARGET_TMPDIR")),
        taken: &["hubspot"],
    };
    let created = create(&order).unwrap();
    assert!(create(&order).unwrap_err().message().contains("exists already"));
    created
}

/// Runs cargo in a generated crate, with what this test was built with; what it says.
fn cargo(created: &Created, arguments: &[&str]) -> String {
    // Cargo has let go of its lock by the time a test runs, so that another may build in the same folder.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["--offline", "--color", "never"])
        .args(arguments)
        .env("CARGO_TARGET_DIR", target)
        .current_dir(&created.folder)
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "cargo {}:\n{said}", arguments.join(" "));
    said
}

fn passes(created: &Created) {
    let said = cargo(created, &["test"]);
    assert!(said.contains("test conforms ... ok"), "{said}");
    assert!(!said.contains("warning: unused") && !said.contains("never used"), "{said}");
}

#[test]
fn a_connector_from_nothing_but_its_name() {
    let created = generated("acme_generated", None, [None; 2]);
    assert!(created.plan.guesses().is_empty() && created.left_out.is_empty() && created.entered.is_empty());
    passes(&created);
    let connectors = cargo(&created, &["run", "--quiet", "--", "discover", "--connectors"]);
    assert!(connectors.contains("acme_generated") && connectors.contains("hubspot"), "{connectors}");
}

#[test]
fn a_connector_for_a_vendor_that_only_counts() {
    let created = generated("counted_generated", None, [Some("header:X-Api-Key"), Some("time")]);
    let read = |file: &str| std::fs::read_to_string(created.folder.join(file)).unwrap();
    assert!(read("src/lib.rs").contains("KeyPlacement::Header(\"x-api-key\")"));
    let streams = read("src/streams.rs");
    // As short as a person would write them: no more than fifteen lines a stream.
    assert!(streams.contains("Paging::Time") && streams.contains("Paging::AnchoredOffset"), "{streams}");
    assert!(streams.lines().count() <= 15 + 15 * created.plan.streams.len(), "{streams}");
    passes(&created);
}

#[test]
fn a_connector_from_a_description() {
    let description = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/descriptions/shop.yaml");
    let created = generated("shop_generated", Some(&description), [None; 2]);
    let streams: Vec<&str> = created.plan.streams.iter().map(|stream| stream.name.as_str()).collect();
    assert_eq!(streams, ["customers", "opportunities", "orders", "tags"]);
    let read = |file: &str| std::fs::read_to_string(created.folder.join(file)).unwrap();
    let streams = read("src/streams.rs");
    assert!(streams.matches("GUESSED: ").count() > 5, "{streams}");
    for words in [".until(\"updated_until\")", ".deletion_flag(\"is_deleted\")", ".page_size(250)", "seen_at:timestamp", " due_at "] {
        assert!(streams.contains(words), "{words}\n{streams}");
    }
    let contact = read("src/mapping/contact.yaml");
    assert!(contact.contains("phone_e164: { function: of_primary, of: [phones, { constant: value }] }"), "{contact}");
    assert!(contact.contains("account_id: company_id"), "{contact}");
    // Everything that is mapped is in the small vendor too.
    let vendor = read("tests/vendor/mod.rs");
    assert!(vendor.contains("Value::of_primary(\"value\", Value::Phone)") && vendor.contains("\"company_id\""), "{vendor}");
    assert_eq!(created.left_out.len(), 1, "{:?}", created.left_out);
    passes(&created);
}
