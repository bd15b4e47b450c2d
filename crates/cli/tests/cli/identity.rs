//! One person in several systems is one identity: through runs, decisions by hand, deletions, and from nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::database::Database;
use crate::project::Project;

/// Given names, parts of surnames, and towns, from which people are made.
const FIRST: [&str; 24] = [
    "Ann", "Bela", "Carla", "David", "Elena", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Karin", "Luis", "Mona", "Nils", "Olga", "Pavel",
    "Quentin", "Rosa", "Sven", "Tilda", "Umar", "Vera", "Walter", "Yasmin",
];
const PARTS: [&str; 20] = [
    "ab", "bri", "cor", "dun", "el", "far", "gol", "har", "is", "jor", "kel", "lun", "mar", "nor", "os", "pet", "rud", "sten", "tor", "wil",
];
const ENDS: [&str; 8] = ["son", "berg", "ski", "ley", "man", "ic", "ova", "ez"];
const TOWN: [&str; 12] = ["Leeds", "York", "Hull", "Bath", "Derby", "Luton", "Poole", "Ripon", "Crewe", "Oxford", "Exeter", "Durham"];

/// A number that has nothing to do with its neighbours'.
fn scattered(number: usize, salt: u64) -> usize {
    let mut mixed = (number as u64).wrapping_add(salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    usize::try_from((mixed ^ (mixed >> 27)) >> 33).unwrap()
}

/// A person as one system has her: the row's id is the person's number.
fn person(number: usize, system: &str) -> String {
    let one_of = |words: &'static [&'static str], salt| words[scattered(number, salt) % words.len()];
    let first = one_of(&FIRST, 1);
    let last = format!("{}{}{}", one_of(&PARTS, 2), one_of(&PARTS, 3), one_of(&ENDS, 4));
    let email = format!("{}.{last}@{}.example.com", first.to_lowercase(), one_of(&PARTS, 5));
    let phone = format!("+44207946{:04}", scattered(number, 6) % 10_000);
    let town = one_of(&TOWN, 7);
    match (system, number % 4) {
        // The other system has a typing error in the name, or no address.
        ("b", 1) => format!("{number},{first},{last}x,{email},,{town}"),
        ("b", 2) => format!("{number},{first},{last},,{phone},{town}"),
        _ => format!("{number},{first},{last},{email},{phone},{town}"),
    }
}

fn people(system: &str, numbers: impl Iterator<Item = usize>) -> String {
    let rows: Vec<String> = numbers.map(|number| format!("{},false", person(number, system))).collect();
    format!("id,first,last,email,phone,city,gone\n{}\n", rows.join("\n"))
}

fn pipeline(system: &str) -> String {
    format!(
        "name: {system}
source:
  connector: files
  config: {{ path: {system}.csv, key: id }}
normalise:
  defaults: {{ country: GB }}
  mappings:
    - entity: contact
      stream: {system}
      fields: {{ first_name: first, last_name: last, email: email, phone_e164: phone, city: city, is_deleted: gone }}
identity: {{ resolve: [contact] }}
destination: {{ url: \"${{WAREHOUSE}}\" }}
"
    )
}

fn project(database: &Database) -> Project {
    let mut project = Project::new();
    project.set("WAREHOUSE", database.url());
    for system in ["a", "b"] {
        project.write(&format!("{system}.yaml"), pipeline(system));
    }
    project
}

/// The members of every identity: system and number, sorted.
fn clusters(database: &Database) -> BTreeSet<Vec<String>> {
    let contact = database.table("contact");
    let rows = database.ask(&format!("SELECT identity_id, source_object, source_id FROM {contact} WHERE NOT is_deleted"));
    let mut members: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in rows {
        assert_ne!(row[0], "NULL", "{row:?}");
        members.entry(row[0].clone()).or_default().push(format!("{}{}", row[1], row[2]));
    }
    members
        .into_values()
        .map(|mut members| {
            members.sort();
            members
        })
        .collect()
}

/// What the tables say must agree with each other.
fn consistent(database: &Database) {
    let [contact, identity, link] = ["contact", "identity", "identity_link"].map(|table| database.table(table));
    let alive = format!("SELECT count(*), sum(member_count) FROM {identity} WHERE NOT is_deleted");
    let rows = format!("SELECT count(DISTINCT identity_id), count(*) FROM {contact} WHERE NOT is_deleted");
    assert_eq!(database.ask(&alive), database.ask(&rows));
    let links = format!(
        "SELECT count(*) FROM {link} l JOIN {contact} c ON c.id = l.record_id AND c.identity_id = l.identity_id WHERE NOT c.is_deleted"
    );
    assert_eq!(database.list(&links), database.list(&format!("SELECT count(*) FROM {link}")));
    assert_eq!(database.list(&links), database.list(&format!("SELECT count(*) FROM {contact} WHERE NOT is_deleted")));
    // Numbers that compare as numbers: in SQLite a text is greater than any.
    for (table, column) in [(&identity, "confidence"), (&link, "match_probability")] {
        let beyond = format!("SELECT count(*) FROM {table} WHERE {column} > 1 OR {column} < 0");
        assert_eq!(database.list(&beyond), ["0"], "{column}");
    }
}

fn people_are_one_across_systems(database: &Database, fresh: &Database) {
    let project = project(database);
    project.write("a.csv", people("a", 0..200));
    project.write("b.csv", people("b", 100..260));
    project.run("run a.yaml").with_code(0);
    consistent(database);
    project.run("run b.yaml").with_code(0);
    consistent(database);
    let both = clusters(database);
    let right = (100..200).filter(|number| both.contains(&vec![format!("a{number}"), format!("b{number}")])).count();
    assert!(right >= 95, "{right} of 100 are one: {both:?}");
    assert!(both.iter().all(|members| members.len() <= 2), "{both:?}");

    // A change, a newcomer and somebody who is gone: only they are looked at, and the answer is that of resolving everything.
    let changed = people("b", (100..260).chain(300..301)).replace("berg,", "berger,");
    let last = changed.lines().find(|line| line.starts_with("259,")).unwrap();
    project.write("b.csv", changed.replace(last, &last.replace("false", "true")));
    let report = project.run("run b.yaml --json").with_code(0).json();
    assert_eq!(report["identities"][0]["from_nothing"], false, "{report}");
    consistent(database);
    let now = clusters(database);
    assert!(now.contains(&vec!["b300".to_owned()]) && !now.iter().flatten().any(|member| member == "b259"), "{now:?}");
    assert_eq!(project.run("identity resolve a.yaml").with_code(0).out.trim(), "Nothing has changed since the last resolving.");
    project.run("identity resolve a.yaml --everything").with_code(0);
    assert_eq!(clusters(database), now);
    consistent(database);

    // With a model that is learned from both, whatever came first.
    project.run("identity resolve a.yaml --anew").with_code(0);
    let now = clusters(database);
    consistent(database);
    let other = self::project(fresh);
    for name in ["a.csv", "b.csv"] {
        other.write(name, project.read(name));
    }
    other.write("b.yaml", pipeline("b").replace("identity: { resolve: [contact] }\n", ""));
    other.run("run b.yaml").with_code(0);
    other.run("run a.yaml").with_code(0);
    assert_eq!(clusters(fresh), now);

    // By hand, and it holds.
    let contact = database.table("contact");
    let id = |object: &str, source: &str| {
        database.list(&format!("SELECT id FROM {contact} WHERE source_object = '{object}' AND source_id = '{source}'")).remove(0)
    };
    let told = project.run(&format!("explain identity a.yaml {}", id("a", "103"))).with_code(0);
    assert!(told.out.contains("of 2 rows") && told.out.contains("surname is the same"), "{}", told.out);
    project.run(&format!("identity unmerge a.yaml {} --by ann", id("b", "103"))).with_code(0);
    project.run(&format!("identity merge a.yaml {} {} --by ann", id("a", "1"), id("b", "250"))).with_code(0);
    let link = database.table("identity_link");
    let decided = format!("SELECT DISTINCT decision, decided_by FROM {link} WHERE record_id = '{}'", id("b", "250"));
    assert_eq!(database.ask(&decided), [["manual", "ann"]]);
    consistent(database);
    let decided = |clusters: &BTreeSet<Vec<String>>| {
        clusters.contains(&vec!["a103".to_owned()]) && clusters.contains(&vec!["a1".to_owned(), "b250".to_owned()])
    };
    assert!(decided(&clusters(database)));
    for command in ["run a.yaml --full-refresh", "run b.yaml --full-refresh --allow-mass-delete", "identity resolve b.yaml --anew"] {
        project.run(command).with_code(0);
        assert!(decided(&clusters(database)), "{command}");
        consistent(database);
    }
    assert_eq!(project.run(&format!("identity unmerge a.yaml {}", id("b", "103"))).code, Some(2));
    assert_eq!(project.run("explain identity a.yaml ffffffffff").code, Some(2));
}

#[test]
fn people_are_one_across_systems_in_sqlite() {
    let (here, there) = (Project::new(), Project::new());
    people_are_one_across_systems(&Database::sqlite(&here), &Database::sqlite(&there));
}

#[test]
fn people_are_one_across_systems_in_postgres() {
    people_are_one_across_systems(&Database::postgres(), &Database::postgres());
}

#[test]
fn companies_are_one_across_systems() {
    let folder = Project::new();
    let database = Database::sqlite(&folder);
    let mut project = Project::new();
    project.set("WAREHOUSE", database.url());
    for (system, rows) in [
        ("crm", "1,Harbour Wine Ltd,harbourwine.example,GB123456789\n2,Old Mill Bakery,oldmill.example,\n3,Zenith Rope,,\n"),
        ("shop", "1,HARBOUR WINE LIMITED,harbourwine.example,GB123456789\n2,Quill and Ink,quill.example,\n"),
    ] {
        project.write(&format!("{system}.csv"), format!("id,name,domain,vat\n{rows}"));
        project.write(
            &format!("{system}.yaml"),
            format!(
                "name: {system}\nsource:\n  connector: files\n  config: {{ path: {system}.csv, key: id }}\nnormalise:\n  mappings:\n    - entity: \
                 account\n      stream: {system}\n      fields: {{ name: name, domain: domain, vat_number: vat }}\nidentity: {{ resolve: [account, contact] \
                 }}\ndestination: {{ url: \"${{WAREHOUSE}}\" }}\n"
            ),
        );
        project.run(&format!("run {system}.yaml")).with_code(0);
    }
    let shared = "SELECT count(*) FROM account a JOIN account b ON a.identity_id = b.identity_id AND a.id < b.id";
    assert_eq!(database.list(shared), ["1"]);
    let largest = "SELECT domain, member_count FROM identity WHERE NOT is_deleted ORDER BY member_count DESC LIMIT 1";
    assert_eq!(database.ask(largest), [["harbourwine.example", "2"]]);
}
