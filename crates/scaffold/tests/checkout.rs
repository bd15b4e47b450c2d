//! A connector in a checkout of Aqueduct itself: where it lands, where it is entered, and that a refusal leaves no trace.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use aqueduct_scaffold::{Created, Order, create};
use aqueduct_schema::Result;

const ENTERED: [&str; 3] = ["Cargo.toml", "crates/pipeline/Cargo.toml", "crates/pipeline/src/registry.rs"];

/// The files by which a checkout is known and in which connectors are entered, as they are in this one.
fn checkout() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in ENTERED.into_iter().chain(["crates/connector/Cargo.toml", "crates/conformance/Cargo.toml", "rustfmt.toml"]) {
        let path = folder.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file), path).unwrap();
    }
    std::fs::create_dir(folder.path().join("connectors")).unwrap();
    folder
}

fn write(folder: &Path, name: &str) -> Result<Created> {
    // As somebody does who works in a folder of the checkout.
    let working_folder = folder.join("crates/pipeline");
    create(&Order {
        name,
        folder: None,
        openapi: None,
        auth: None,
        paging: None,
        aqueduct: None,
        working_folder: &working_folder,
        taken: &["hubspot"],
    })
}

#[test]
fn it_lands_among_the_connectors_and_is_entered() {
    let folder = checkout();
    let created = write(folder.path(), "acme").unwrap();
    assert_eq!(created.folder, folder.path().join("connectors/acme"));
    assert_eq!((created.entered.as_slice(), created.test.as_str()), (ENTERED.as_slice(), "cargo test -p aqueduct-connector-acme"));
    let read = |file: &str| std::fs::read_to_string(folder.path().join(file)).unwrap();
    for file in ENTERED {
        assert_eq!(read(file).matches("acme").count(), if file == "Cargo.toml" { 2 } else { 1 }, "{file}:\n{}", read(file));
    }
    // A member takes everything from the workspace.
    let manifest = read("connectors/acme/Cargo.toml");
    assert!(manifest.contains("name = \"aqueduct-connector-acme\"") && !manifest.contains("path ="), "{manifest}");
    assert!(!created.files.iter().any(|file| file == "src/main.rs"));
    assert!(write(folder.path(), "acme").unwrap_err().message().contains("exists already"));
    write(folder.path(), "zeta").unwrap();
}

#[test]
fn a_checkout_that_looks_otherwise_is_left_as_it_was() {
    let folder = checkout();
    let registry = folder.path().join(ENTERED[2]);
    std::fs::write(&registry, "pub fn standard() -> Self { everything() }\n").unwrap();
    let before: Vec<String> = ENTERED.map(|file| std::fs::read_to_string(folder.path().join(file)).unwrap()).to_vec();
    let error = write(folder.path(), "acme").unwrap_err();
    assert!(error.message().contains("registry.rs` does not look as expected") && error.data() == "Nothing was written.", "{error}");
    let after: Vec<String> = ENTERED.map(|file| std::fs::read_to_string(folder.path().join(file)).unwrap()).to_vec();
    assert_eq!((after, folder.path().join("connectors/acme").exists()), (before, false));
}
