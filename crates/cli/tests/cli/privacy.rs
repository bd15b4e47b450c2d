//! What must never be written is planted at the source and looked for in everything that a run leaves.

use aqueduct_simulator::hubspot::{ObjectKind, Property, PropertyType};

use crate::account::Account;
use crate::database::Database;
use crate::project::{Ended, Project};

/// What names or reaches the planted people, as the source has it and as cleaning would write it.
pub(crate) const PERSONAL: [&str; 9] =
    ["xanthippe", "quagmyre", "canary.person", "canary-work", "canary-second", "zebra-mail", "7700 900123", "7700900123", "canary-profile"];
/// The value of a property that nothing maps and nobody selects.
pub(crate) const UNSELECTED: &str = "a message that nobody selected";
pub(crate) const TOKEN_KEY: &str = "canary-key-0123456789abcdef";

pub(crate) fn account() -> Account {
    let account = Account::of(30);
    let person = [
        ("firstname", "Xanthippe"),
        ("lastname", "QUAGMYRE"),
        ("email", " Canary.Person@Zebra-Mail.test "),
        ("work_email", "canary-work@zebra-mail.test"),
        ("hs_additional_emails", "canary-second@zebra-mail.test"),
        ("phone", "07700 900123"),
        ("mobilephone", "+44 7700 900123"),
        ("hs_linkedin_url", "https://www.linkedin.com/in/canary-profile"),
        ("message", UNSELECTED),
        ("city", "Utopia-on-Sea"),
    ];
    let known = account.store().properties(ObjectKind::Contacts);
    for (name, _) in person.iter().filter(|(name, _)| known.iter().all(|property| property.name != *name)) {
        account.store().add_property(ObjectKind::Contacts, Property::custom(*name, *name, PropertyType::String));
    }
    account.store().create(ObjectKind::Contacts, person).unwrap();
    // What cannot be cleaned is kept nowhere either.
    let broken = [("firstname", "Xanthippe"), ("email", "canary.person at zebra-mail"), ("phone", "call Quagmyre on 7700 900123")];
    account.store().create(ObjectKind::Contacts, broken).unwrap();
    account
}

/// The first of the words that a text contains, whatever its case.
pub(crate) fn found<'w>(text: &str, words: &[&'w str]) -> Option<&'w str> {
    let text = text.to_lowercase();
    words.iter().find(|word| text.contains(&word.to_lowercase())).copied()
}

/// Every byte of every file of a project, as text.
pub(crate) fn everything(project: &Project) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(project.path("")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            text.push_str(&String::from_utf8_lossy(&std::fs::read(path).unwrap()));
        }
    }
    text
}

/// Runs with every detail in the log, twice: a change between the two takes the other ways of reading.
pub(crate) fn run(account: &Account, project: &Project) -> [Ended; 2] {
    let first = project.run("run p.yaml -vv").with_code(0);
    let id = account.store().ids(ObjectKind::Contacts).pop().unwrap();
    account.store().update(ObjectKind::Contacts, id, [("lastname", "Quagmyre"), ("message", UNSELECTED)]).unwrap();
    [first, project.run("run p.yaml -vv").with_code(0)]
}

#[track_caller]
pub(crate) fn assert_not_said(account: &Account, runs: &[Ended]) {
    for run in runs {
        assert!(run.err.contains("DEBUG"), "the log is not as detailed as asked: {}", run.err);
        for text in [&run.out, &run.err] {
            assert_eq!(found(text, &PERSONAL), None);
            assert_eq!(found(text, &[&account.access_token(), UNSELECTED, TOKEN_KEY]), None);
        }
    }
}

#[test]
fn the_default_policy_stores_no_token_and_no_field_that_is_not_selected() {
    let account = account();
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    account.pipeline(&mut project, &database, "");
    assert_not_said(&account, &run(&account, &project));
    let stored = everything(&project);
    assert_eq!(found(&stored, &[&account.access_token(), UNSELECTED]), None);
    // The same search finds what the default policy keeps.
    assert!(PERSONAL.iter().all(|word| found(&stored, &[word]).is_some()));
    assert_eq!(database.list("SELECT email_normalized FROM contact WHERE city = 'Utopia-on-Sea'"), ["canary.person@zebra-mail.test"]);

    // Selected by name, the field is stored.
    project.run("run p.yaml --full-refresh --select contacts.*").with_code(0);
    assert_eq!(database.count("hubspot_contacts", &format!("message = '{UNSELECTED}'")), 2);
}

#[test]
fn a_preview_shows_nobody_unless_asked() {
    let account = account();
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    account.pipeline(&mut project, &database, "");
    for line in ["preview p.yaml --limit 50 --select contacts", "preview p.yaml --limit 50 --select contacts --json"] {
        let ended = project.run(line).with_code(0);
        assert_eq!(found(&ended.out, &PERSONAL), None, "{}", ended.out);
        assert!(ended.out.contains("Utopia-on-Sea"), "{}", ended.out);
    }
    let ended = project.run("preview p.yaml --limit 50 --select contacts --unmasked --json").with_code(0);
    assert!(PERSONAL.iter().all(|word| found(&ended.out, &[word]).is_some()));
    assert!(!project.path("warehouse.db").exists(), "a preview stores nothing");
}
