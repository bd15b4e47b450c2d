//! What people allow now: the latest word of each record, and of a person's records the most restrictive.

use crate::database::Database;
use crate::project::Project;

const PEOPLE_A: &str = "id,first,last,email,gone
1,Ann,Berglund,ann.berglund@north.example.com,false
2,Bela,Harson,bela.harson@south.example.com,false
3,Carla,Dunwil,carla.dunwil@east.example.com,false
4,David,Marley,david.marley@west.example.com,false
";

const SAID_A: &str = "id,contact,channel,about,state,said,until
e1,1,email,newsletter,denied,2026-01-01T00:00:00Z,
e2,1,email,newsletter,granted,2026-02-01T00:00:00Z,
e3,2,email,newsletter,granted,2026-02-01T00:00:00Z,2026-03-01T00:00:00Z
e4,3,sms,,granted,2026-02-01T00:00:00Z,2099-01-01T00:00:00Z
e5,3,email,newsletter,withdrawn,2026-02-01T00:00:00Z,
e6,3,email,newsletter,granted,2026-02-01T00:00:00Z,
e7,4,email,offers,granted,2026-02-01T00:00:00Z,
";

fn people_b(ann: &str, david_is_gone: bool) -> String {
    format!(
        "id,first,last,email,mail,gone
81,Ann,Berglund,ann.berglund@north.example.com,{ann},false
84,David,Marley,david.marley@west.example.com,denied,{david_is_gone}
"
    )
}

fn project(database: &Database) -> Project {
    let mut project = Project::new();
    project.set("WAREHOUSE", database.url());
    let person = "first_name: first, last_name: last, email: email, is_deleted: gone";
    let pipeline = |name: &str, account: &str, mappings: &str| {
        format!(
            "name: {name}\nsource:\n  connector: files\n  config: {{ path: {name}.csv, key: id, account: {account} }}\nnormalise:\n  mappings:\n\
             {mappings}identity: {{ resolve: [contact] }}\ndestination: {{ url: \"${{WAREHOUSE}}\" }}\n"
        )
    };
    let contact = |name: &str| format!("    - {{ entity: contact, stream: {name}, fields: {{ {person} }} }}\n");
    project.write("a.yaml", pipeline("a", "a", &contact("a")));
    let said = "    - entity: consent_event\n      stream: said\n      fields: { contact_id: contact, channel: channel, purpose: about, \
                state: state, event_time: said, effective_to: until }\n";
    project.write("said.yaml", pipeline("said", "a", said).replace("identity: { resolve: [contact] }\n", ""));
    let flag = "    - entity: consent_event\n      stream: b\n      when: { path: mail, present: true }\n      fields: { source_id: { join: \
                [id, { constant: email }], with: \":\" }, contact_id: id, channel: { constant: email }, purpose: { constant: newsletter }, \
                state: mail, is_deleted: gone }\n";
    project.write("b.yaml", pipeline("b", "b", &(contact("b") + flag)));
    project.write("a.csv", PEOPLE_A);
    project.write("said.csv", SAID_A);
    project
}

/// Channel, purpose, state, whether it is a yes, and how many words were weighed, of the person with this number in the first system.
fn allows(database: &Database, number: &str) -> Vec<String> {
    let [contact, current] = ["contact", "consent_current"].map(|table| database.table(table));
    let yes = "CASE WHEN p.is_granted THEN 'yes' ELSE 'no' END";
    let sql = format!(
        "SELECT coalesce(p.channel, '-') || ' ' || coalesce(p.purpose, '-') || ' ' || p.state || ' ' || {yes} || ' ' || p.considered \
         FROM {current} AS p JOIN {contact} AS c ON p.person_id = coalesce(c.identity_id, c.id) \
         WHERE c.source_object = 'a' AND c.source_id = '{number}' ORDER BY 1"
    );
    database.list(&sql)
}

fn the_most_restrictive_word_counts(database: &Database) {
    let project = project(database);
    // Without contacts there is an answer by record.
    project.run("run said.yaml").with_code(0);
    let current = database.table("consent_current");
    assert_eq!(database.one(&format!("SELECT count(*) FROM {current}")), "5");
    assert_eq!(database.one(&format!("SELECT count(*) FROM {current} WHERE person_id = contact_id AND identity_id IS NULL")), "5");

    project.run("run a.yaml").with_code(0);
    assert_eq!(allows(database, "1"), ["email newsletter granted yes 1"], "the later word of one record");
    assert_eq!(allows(database, "2"), ["email newsletter expired no 1"]);
    assert_eq!(allows(database, "3"), ["email newsletter withdrawn no 1", "sms - granted yes 1"], "of one instant the stricter one");
    assert_eq!(allows(database, "4"), ["email offers granted yes 1"]);

    // The other system knows two of them, who refused there; that they are the same people is for the resolving to find.
    project.write("b.csv", people_b("denied", false));
    project.run("run b.yaml").with_code(0);
    assert_eq!(allows(database, "1"), ["email newsletter denied no 2"]);
    assert_eq!(allows(database, "4"), ["email newsletter denied no 1", "email offers granted yes 1"]);
    let event = database.table("consent_event");
    let proven = format!("SELECT count(*) FROM {current} AS p JOIN {event} AS e ON e.id = p.consent_event_id AND p.state = 'denied'");
    assert_eq!(database.one(&proven), "2");

    // A refusal that is taken back counts no more; one whose contact goes is still that of the person.
    project.write("b.csv", people_b("", true));
    project.run("run b.yaml").with_code(0);
    assert_eq!(allows(database, "1"), ["email newsletter granted yes 1"]);
    assert_eq!(allows(database, "4"), ["email newsletter denied no 1", "email offers granted yes 1"]);
}

#[test]
fn the_most_restrictive_word_counts_in_sqlite() {
    let project = Project::new();
    the_most_restrictive_word_counts(&Database::sqlite(&project));
}

#[test]
fn the_most_restrictive_word_counts_in_postgres() {
    the_most_restrictive_word_counts(&Database::postgres());
}
