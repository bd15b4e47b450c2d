//! Under the policy that knows people by tokens alone, nothing that names or reaches them is left anywhere.

use std::process::Command;

use crate::account::Account;
use crate::database::Database;
use crate::privacy::{PERSONAL, TOKEN_KEY, UNSELECTED, account, assert_not_said, everything, found, run};
use crate::project::Project;

fn pseudonymous(account: &Account, project: &mut Project, database: &Database) {
    let policy = concat!(env!("CARGO_MANIFEST_DIR"), "/../../pipelines/policies/pseudonymous.yaml");
    project.set("KEY", TOKEN_KEY);
    account.pipeline(project, database, &format!("privacy: {{ policy: \"{policy}\", token_key: \"${{KEY}}\" }}\n"));
}

#[test]
fn the_pseudonymous_policy_leaves_nothing_personal_in_sqlite_or_the_log() {
    let account = account();
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    pseudonymous(&account, &mut project, &database);
    assert_not_said(&account, &run(&account, &project));
    let stored = everything(&project);
    assert_eq!(found(&stored, &PERSONAL), None);
    assert_eq!(found(&stored, &[&account.access_token(), UNSELECTED, TOKEN_KEY]), None);
    // What is not personal is there, so what was looked through is the warehouse, and people can still be told apart and joined.
    assert!(stored.contains("Utopia-on-Sea"));
    let emails =
        database.list("SELECT DISTINCT c.email FROM contact c JOIN contact_point p ON p.value = c.email WHERE c.city = 'Utopia-on-Sea'");
    assert_eq!(emails.len(), 1, "{emails:?}");
    assert_eq!(database.count("contact", "NOT is_deleted"), 32);
}

#[test]
fn the_pseudonymous_policy_leaves_nothing_personal_in_postgres() {
    let account = account();
    let mut project = Project::new();
    let database = Database::postgres();
    pseudonymous(&account, &mut project, &database);
    assert_not_said(&account, &run(&account, &project));
    let dump = Command::new("pg_dump").arg(database.url()).output().expect("this test needs `pg_dump` (Debian: postgresql-client)");
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    let stored = String::from_utf8(dump.stdout).unwrap();
    assert!(stored.contains("Utopia-on-Sea"));
    assert_eq!(found(&stored, &PERSONAL), None);
    assert_eq!(found(&stored, &[&account.access_token(), UNSELECTED, TOKEN_KEY]), None);
}
