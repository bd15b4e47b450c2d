//! Lists of people resolved by the binary: columns guessed, files written, the same answer in any order.

use crate::project::Project;

const LIST: &str = "\
ref;Vorname;Nachname;E-Mail;Telefon;Geburtsdatum;cluster
a1;Katharina;Lindqvist;k.lindqvist@acme.example.com;030 1234567;07.09.1971;x
a2;Kathy;Lindquist;K.Lindqvist@acme.example.com;;1971-09-07;y
a3;Jonas;Okafor;j.okafor@other.example.com;030 7654321;13.02.1980;x
a4;Okafor;Jonas;;+49 30 7654321;19800213;z
a5;Maria;Vasquez;;;01.01.1960;x
";

fn resolved(project: &Project, list: &str) -> (String, String, String) {
    project.write("people.csv", list);
    let ended = project
        .run("resolve --entity contact --input people.csv --id ref --country DE --output clusters.csv --pairs pairs.csv")
        .with_code(0);
    assert_eq!(ended.out, "");
    (project.read("clusters.csv"), project.read("pairs.csv"), ended.err)
}

#[test]
fn a_list_is_resolved_and_the_guess_is_told() {
    let project = Project::new();
    let (clusters, pairs, words) = resolved(&project, LIST);
    let expected = "source,record,cluster\npeople.csv,a1,a1\npeople.csv,a2,a1\npeople.csv,a3,a3\npeople.csv,a4,a3\npeople.csv,a5,a5\n";
    assert_eq!(clusters, expected);
    assert!(pairs.starts_with("source_a,record_a,source_b,record_b,probability,decision,reasons\n"), "{pairs}");
    assert!(
        pairs.contains("people.csv,a1,people.csv,a2,0.99") && pairs.contains(",auto,") && pairs.contains("before anything is compared (")
    );
    for guess in ["first_name=Vorname (guessed)", "email=E-Mail (guessed)", "birth_date=Geburtsdatum (guessed)"] {
        assert!(words.contains(guess), "{words}");
    }
    assert!(words.contains("people.csv: not compared: `cluster`;"), "{words}");
    let mut lines: Vec<&str> = LIST.lines().collect();
    lines[1..].reverse();
    let (again, pairs_again, _) = resolved(&project, &(lines.join("\n") + "\n"));
    assert_eq!((again, pairs_again), (clusters, pairs));
}

#[test]
fn mistakes_are_explained() {
    let project = Project::new();
    project.write("people.csv", LIST);
    for (arguments, word) in [
        ("--input people.csv --id nothing", "has no column `nothing`"),
        ("--input people.csv --id ref --columns colour=Vorname", "`colour` is nothing that a column can hold"),
        ("--input people.csv --id ref --columns first_name=Nothing", "there is no column `Nothing`"),
        ("--input gone.csv --id ref", "`gone.csv` cannot be read"),
    ] {
        let ended = project.run(&format!("resolve --entity contact {arguments} --output clusters.csv")).with_code(2);
        assert!(ended.err.contains(word), "{}", ended.err);
    }
}

#[test]
fn a_list_of_addresses_joins_the_people_who_have_them() {
    let project = Project::new();
    let crm = "id,first_name,last_name,email\n1,Ada,Lovelace,ada@acme.com\n2,Tom,Muster,muster@web.de\n3,Eva,Muster,muster@web.de\n";
    project.write("crm.csv", crm);
    project.write("news.csv", "id,\"mail, main\"\nn1,ADA@acme.com\nn2,muster@web.de\nn3,other@acme.com\n");
    let resolve = "resolve --entity contact --input crm.csv --link news.csv --id id --output clusters.csv";
    project.run(&format!("{resolve} --country Germany")).with_code(0);
    let clusters = project.read("clusters.csv");
    // One person's address tells whose it is; that of a couple does not.
    assert!(clusters.contains("news.csv,n1,crm.csv:1\n") && clusters.contains("news.csv,n2,news.csv:n2\n"), "{clusters}");
    assert!(clusters.contains("crm.csv,3,crm.csv:3\n") && clusters.contains("news.csv,n3,news.csv:n3\n"), "{clusters}");
    let refused = project.run(&format!("{resolve} --country Atlantis")).with_code(2);
    assert!(refused.err.contains("`Atlantis` is no country"), "{}", refused.err);
    project.write("news.csv", "id,mail\nn1,\"ADA@acme.com\nn2,muster@web.de\n");
    let open = project.run(resolve).with_code(2);
    assert!(open.err.contains("news.csv:2: a quotation mark is not closed"), "{}", open.err);
}
