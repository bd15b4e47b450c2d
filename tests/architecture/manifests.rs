//! What every member's `Cargo.toml` has in common.

use toml::{Table, Value};

use crate::tree::{File, Member, expected_name, files_ending, members};
use crate::{assert_each_names, assert_none};

const INHERITED: &[&str] = &["version", "edition", "rust-version", "license", "publish"];

fn misnamed(members: &[(String, String)]) -> Vec<String> {
    let complaint = |(folder, name): &(String, String)| match expected_name(folder) {
        Some(expected) if expected == *name => None,
        Some(expected) => {
            Some(format!("the package in `{folder}` is called {name}: call it {expected}, a folder's name says what is in it"))
        }
        None => Some(format!("the package {name} lies in `{folder}`: packages lie in crates/<name>, connectors/<vendor>, tests and xtask")),
    };
    members.iter().filter_map(complaint).collect()
}

/// What a manifest says itself where it should inherit.
fn own_words(manifest: &File) -> Vec<String> {
    let path = &manifest.path;
    let table: Table = match manifest.text.parse() {
        Ok(table) => table,
        Err(error) => return vec![format!("{path} is not TOML: {error}")],
    };
    let mut complaints = Vec::new();
    if !inherits(table.get("lints")) {
        complaints.push(format!("{path} has a lint table of its own or none: write [lints] and `workspace = true` under it"));
    }
    let package = table.get("package").and_then(Value::as_table);
    for key in INHERITED.iter().filter(|key| !inherits(package.and_then(|package| package.get(**key)))) {
        complaints.push(format!("{path} does not inherit `{key}`: write `{key}.workspace = true` under [package]"));
    }
    for (name, dependency) in dependencies(&table) {
        if !inherits(Some(dependency)) {
            complaints.push(format!("{path} gives {name} a version or a path of its own: name it in [workspace.dependencies] of the root and write `{name} = {{ workspace = true }}`"));
        }
    }
    complaints
}

fn inherits(value: Option<&Value>) -> bool {
    value.and_then(|value| value.get("workspace")).and_then(Value::as_bool) == Some(true)
}

/// Every dependency of a manifest, of all kinds and for all targets.
fn dependencies(table: &Table) -> Vec<(&String, &Value)> {
    let targets = table.get("target").and_then(Value::as_table).into_iter().flatten().filter_map(|(_, target)| target.as_table());
    let lists = targets.chain([table]).flat_map(|table| {
        ["dependencies", "dev-dependencies", "build-dependencies"].into_iter().filter_map(|list| table.get(list).and_then(Value::as_table))
    });
    lists.flatten().collect()
}

fn manifests() -> Vec<File> {
    files_ending("Cargo.toml").into_iter().filter(|file| file.path != "Cargo.toml").collect()
}

#[test]
fn a_package_is_named_after_its_folder() {
    let named: Vec<_> = members().into_iter().map(|Member { folder, name, .. }| (folder, name)).collect();
    assert_none("A package's name and its folder differ.", &misnamed(&named));
}

#[test]
fn a_misnamed_package_is_found() {
    let named = [
        ("crates/schema", "aqueduct-schema"),
        ("crates/schema", "aqueduct-core"),
        ("connectors/acme", "aqueduct-acme"),
        ("connectors/acme", "aqueduct-connector-acme"),
        ("library/extras", "aqueduct-extras"),
        ("crates/quality/checks", "aqueduct-checks"),
    ];
    let named: Vec<_> = named.iter().map(|(folder, name)| ((*folder).to_owned(), (*name).to_owned())).collect();
    assert_each_names(&misnamed(&named), &["aqueduct-core", "aqueduct-acme", "library/extras", "crates/quality/checks"]);
}

#[test]
fn manifests_inherit_lints_versions_and_dependencies() {
    let manifests = manifests();
    assert_eq!(
        manifests.len(),
        members().len(),
        "a Cargo.toml lies in the tree that is not a member of the workspace, or the other way round"
    );
    assert_none("A manifest says for itself what the workspace says for all.", &manifests.iter().flat_map(own_words).collect::<Vec<_>>());
}

#[test]
fn a_manifest_that_does_not_inherit_is_found() {
    let text = "
        [package]
        name = 'aqueduct-acme'
        version = '1.0.0'
        edition.workspace = true
        rust-version.workspace = true
        license.workspace = true
        publish.workspace = true
        [dependencies]
        serde = { workspace = true, features = ['rc'] }
        bytes = '1'
        [dev-dependencies]
        tempfile = { version = '3' }
        [target.'cfg(unix)'.dependencies]
        nix = { path = '../nix' }
        [lints.rust]
        missing_docs = 'allow'
    ";
    let complaints = own_words(&File::new("crates/acme/Cargo.toml", text));
    assert_each_names(&complaints, &["lint table", "`version`", "nix", "bytes", "tempfile"]);
    assert_each_names(&own_words(&File::new("crates/acme/Cargo.toml", "[package")), &["not TOML"]);
}
