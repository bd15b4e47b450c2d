//! Which crates from outside a crate of ours may depend on: HTTP and databases each have one home.

use crate::tree::{Kind, Member, members};
use crate::{assert_each_names, assert_none};

/// A dependency with a home, and who else may have it in tests.
struct Owned {
    packages: &'static [&'static str],
    home: &'static [&'static str],
    tests: &'static [&'static str],
    instead: &'static str,
}

const OWNED: &[Owned] = &[
    Owned {
        packages: &["reqwest"],
        home: &["engine", "server"],
        tests: &["engine", "simulator", "server", "tests"],
        instead: "the server sends alerts; requests to a vendor go through the engine, where limits, retries, signing and tracing are applied in one order",
    },
    Owned {
        packages: &["sqlx", "rusqlite", "tokio-postgres", "postgres", "duckdb"],
        home: &["warehouse", "control"],
        tests: &["warehouse", "control", "pipeline", "cli", "tests"],
        instead: "a destination is a module of `warehouse`, what processes share is in `control`; call those",
    },
    Owned {
        packages: &["hyper", "hyper-util", "axum"],
        home: &["simulator", "server"],
        tests: &["simulator", "server", "engine", "tests"],
        instead: "only the simulator and the server answer requests",
    },
    Owned {
        packages: &["backoff", "governor"],
        home: &["engine"],
        tests: &["engine"],
        instead: "retries and limits are the engine's; declare the stream's limits instead",
    },
];

/// HTTP clients that have no home here at all, beside the one we use.
const OTHER_HTTP: &[&str] = &["ureq", "isahc", "surf", "curl", "attohttpc", "minreq"];

/// Runtimes: crates that must stay usable without one.
const NO_RUNTIME: &[(&str, &str)] = &[
    ("schema", "the common schema is data; keep it free of a runtime"),
    ("connector", "a connector says what to read, the engine runs it; the trait needs no runtime"),
    ("connectors", "a connector reads one page and hands it back; sleeping, retrying and spawning are the engine's"),
];

fn against_the_homes(members: &[Member]) -> Vec<String> {
    let mut complaints = Vec::new();
    for member in members {
        for (package, kind) in &member.dependencies {
            for owned in OWNED.iter().filter(|owned| owned.packages.contains(&package.as_str())) {
                let allowed = if *kind == Kind::Development { owned.tests } else { owned.home };
                if !allowed.contains(&member.row()) {
                    let who = if *kind == Kind::Development { "the tests of " } else { "" };
                    complaints
                        .push(format!("{who}`{}` depends on {package}, at home in {:?}: {}", member.folder, owned.home, owned.instead));
                }
            }
            if OTHER_HTTP.contains(&package.as_str()) {
                complaints.push(format!(
                    "`{}` depends on {package}: there is one HTTP client, reqwest, and it lives in `crates/engine`",
                    member.folder
                ));
            }
        }
    }
    complaints
}

fn runtimes_where_none_may_be(members: &[Member]) -> Vec<String> {
    let runtime = |name: &str| name == "tokio" || name.starts_with("tokio-") || name == "async-std" || name == "smol";
    let mut complaints = Vec::new();
    for member in members {
        for (_, instead) in NO_RUNTIME.iter().filter(|(row, _)| *row == member.row()) {
            for (package, _) in member.dependencies.iter().filter(|(name, kind)| *kind == Kind::Normal && runtime(name)) {
                complaints.push(format!("`{}` depends on {package}: {instead}", member.folder));
            }
        }
    }
    complaints
}

fn dependencies_of_the_tasks(members: &[Member]) -> Vec<String> {
    let tasks = members.iter().filter(|member| member.row() == "xtask");
    tasks
        .flat_map(|member| &member.dependencies)
        .map(|(name, _)| {
            format!("`xtask` depends on {name}: use the standard library alone, so that a first `cargo xtask test` starts at once")
        })
        .collect()
}

#[test]
fn http_and_databases_stay_in_their_homes() {
    assert_none("A crate depends on something that has another home.", &against_the_homes(&members()));
}

#[test]
fn an_http_client_or_a_database_elsewhere_is_found() {
    let members = [
        Member::new("crates/engine", &["reqwest", "governor"], &[]),
        Member::new("crates/simulator", &["hyper"], &["reqwest"]),
        Member::new("crates/normalise", &["reqwest"], &[]),
        Member::new("crates/schema", &["axum"], &[]),
        Member::new("crates/pipeline", &["sqlx"], &["sqlx"]),
        Member::new("connectors/acme", &["ureq"], &["reqwest"]),
    ];
    let complaints = against_the_homes(&members);
    assert_each_names(
        &complaints,
        &[
            "`crates/normalise` depends on reqwest",
            "`crates/schema` depends on axum",
            "`crates/pipeline` depends on sqlx",
            "ureq",
            "the tests of `connectors/acme`",
        ],
    );
}

#[test]
fn schema_and_connectors_need_no_runtime() {
    assert_none("A crate that must stay free of a runtime depends on one.", &runtimes_where_none_may_be(&members()));
}

#[test]
fn a_runtime_in_a_connector_is_found() {
    let members = [
        Member::new("connectors/acme", &["tokio"], &[]),
        Member::new("crates/connector", &["bytes"], &["tokio"]),
        Member::new("crates/schema", &["tokio-util"], &[]),
        Member::new("crates/engine", &["tokio"], &[]),
    ];
    assert_each_names(&runtimes_where_none_may_be(&members), &["`connectors/acme`", "`crates/schema`"]);
}

#[test]
fn the_tasks_need_the_standard_library_alone() {
    assert_none("The tasks must build at once.", &dependencies_of_the_tasks(&members()));
}

#[test]
fn a_dependency_of_the_tasks_is_found() {
    assert_each_names(&dependencies_of_the_tasks(&[Member::new("xtask", &["clap"], &[])]), &["clap"]);
}
