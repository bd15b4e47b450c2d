//! Which of our crates may import which: the table that keeps the flow going one way.

use crate::tree::{Kind, Member, members};
use crate::{assert_each_names, assert_none};

/// For each crate, what it may have among its normal dependencies. `connectors` stands for every crate in that folder.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("schema", &[]),
    ("connector", &["schema"]),
    // A connector sees the common schema through what `connector` re-exports, so that an author has one crate to learn.
    ("connectors", &["connector"]),
    ("engine", &["connector", "schema"]),
    ("normalise", &["schema"]),
    ("identity", &["schema"]),
    ("quality", &["schema"]),
    ("privacy", &["schema"]),
    ("warehouse", &["schema"]),
    ("control", &["schema"]),
    ("schedule", &["schema"]),
    (
        "pipeline",
        &["schema", "connector", "connectors", "engine", "normalise", "identity", "quality", "privacy", "warehouse", "control", "schedule"],
    ),
    ("server", &["pipeline", "schedule"]),
    // It writes connectors, so it speaks their language and no other.
    ("scaffold", &["schema", "connector", "normalise"]),
    // The simulator is there for `aqueduct demo`, the scaffold for `aqueduct new-connector`.
    ("cli", &["pipeline", "server", "simulator", "scaffold"]),
    // It plays the vendor, so it shares no code with those who read it: a mistake made in both places would go unseen.
    ("simulator", &[]),
    // Mappings are tried as the pipeline uses them.
    ("conformance", &["schema", "connector", "engine", "normalise", "simulator"]),
    ("tests", &[]),
    ("xtask", &[]),
];

/// Crates whose tests must not see a connector either.
const NO_CONNECTOR_EVEN_IN_TESTS: &[(&str, &str)] = &[
    ("simulator", "it plays the vendor; test it with plain requests, and test connectors against it in `conformance`"),
    ("connectors", "what two connectors share belongs in `connector` or `engine`"),
];

fn imports_outside_the_table(members: &[Member]) -> Vec<String> {
    let mut complaints = Vec::new();
    for member in members {
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(row, _)| *row == member.row()) else {
            complaints.push(format!(
                "`{}` has no row in the import table: write a note in docs/decisions on why a further crate is needed, then add its row here \
                 and in ARCHITECTURE.md",
                member.folder
            ));
            continue;
        };
        for imported in ours(members, member, Kind::Normal).filter(|imported| !allowed.contains(&imported.row())) {
            complaints.push(format!(
                "`{}` imports `{}`, but may import only {allowed:?}: move what is needed to a crate that both may import, or hand it in as a \
                 value or a trait",
                member.folder, imported.folder
            ));
        }
    }
    complaints
}

fn connectors_where_none_may_be(members: &[Member]) -> Vec<String> {
    let mut complaints = Vec::new();
    for member in members {
        for (_, instead) in NO_CONNECTOR_EVEN_IN_TESTS.iter().filter(|(row, _)| *row == member.row()) {
            for imported in ours(members, member, Kind::Development).filter(|imported| imported.row() == "connectors") {
                complaints.push(format!("the tests of `{}` import `{}`: {instead}", member.folder, imported.folder));
            }
        }
    }
    complaints
}

fn conformance_in_the_product(members: &[Member]) -> Vec<String> {
    let holds = |member: &&Member| ours(members, member, Kind::Normal).any(|imported| imported.row() == "conformance");
    let complaint = |member: &Member| {
        format!(
            "`{}` has `conformance` among its normal dependencies: move it to [dev-dependencies], the suite is for tests alone",
            member.folder
        )
    };
    members.iter().filter(holds).map(complaint).collect()
}

/// The members that a member depends on in this way.
fn ours<'all>(members: &'all [Member], member: &'all Member, kind: Kind) -> impl Iterator<Item = &'all Member> {
    let wanted = member.dependencies.iter().filter(move |(_, found)| *found == kind);
    wanted.filter_map(|(name, _)| members.iter().find(|other| other.name == *name))
}

#[test]
fn every_crate_imports_only_what_the_table_allows() {
    assert_none("A crate imports another against the import table.", &imports_outside_the_table(&members()));
}

#[test]
fn an_import_against_the_table_is_found() {
    let members = [
        Member::new("crates/schema", &[], &[]),
        Member::new("crates/engine", &["aqueduct-schema", "aqueduct-connector-acme"], &[]),
        Member::new("crates/quality", &["aqueduct-engine", "serde"], &[]),
        Member::new("crates/privacy", &[], &["aqueduct-engine"]),
        Member::new("connectors/acme", &["aqueduct-schema"], &[]),
        Member::new("crates/extras", &[], &[]),
    ];
    let complaints = imports_outside_the_table(&members);
    assert_each_names(&complaints, &["`connectors/acme`", "`crates/engine`", "`crates/schema`", "`crates/extras` has no row"]);
}

#[test]
fn no_connector_is_known_to_the_simulator_or_to_another_connector() {
    assert_none("A connector is imported where none may be, not even in tests.", &connectors_where_none_may_be(&members()));
}

#[test]
fn a_connector_in_the_simulators_tests_is_found() {
    let members = [
        Member::new("connectors/acme", &[], &[]),
        Member::new("connectors/other", &[], &["aqueduct-connector-acme"]),
        Member::new("crates/simulator", &[], &["aqueduct-connector-acme", "serde_json"]),
        Member::new("crates/pipeline", &[], &["aqueduct-connector-acme"]),
    ];
    assert_each_names(&connectors_where_none_may_be(&members), &["`connectors/other`", "`crates/simulator`"]);
}

#[test]
fn the_conformance_suite_is_for_tests_alone() {
    assert_none("The conformance suite became part of the product.", &conformance_in_the_product(&members()));
}

#[test]
fn the_conformance_suite_in_the_product_is_found() {
    let members = [
        Member::new("crates/conformance", &[], &[]),
        Member::new("connectors/acme", &[], &["aqueduct-conformance"]),
        Member::new("crates/cli", &["aqueduct-conformance"], &[]),
    ];
    assert_each_names(&conformance_in_the_product(&members), &["`crates/cli`"]);
}
