//! Mistakes that people make when they write names and dates, and people who only look like them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod people;

use aqueduct_identity::{
    Attribute::{self, BirthDate, Email, FirstName, LastName},
    Decision, Entity, Options, Pair, Record, RecordKey, Resolution, Rule, line, resolve,
};
use people::people;

fn options() -> Options {
    Options { threads: 1, random_pairs: 50_000, ..Options::new(Entity::Contact) }
}

fn record(id: &str, values: &[(Attribute, &str)]) -> Record {
    values.iter().fold(Record::new("mine", id), |record, (attribute, value)| record.with(*attribute, value))
}

fn named(id: &str, first: &str, last: &str, birth: &str) -> Record {
    record(id, &[(FirstName, first), (LastName, last), (BirthDate, birth)])
}

/// Records in a crowd of which nothing is told but names and birth dates.
fn among_names(mine: Vec<Record>) -> Resolution {
    let kept = [FirstName, LastName, BirthDate];
    let crowd = people(51, 800).into_iter().map(|(record, _)| Record {
        values: record.values.into_iter().filter(|(attribute, _)| kept.contains(attribute)).collect(),
        ..record
    });
    resolve(crowd.chain(mine).collect(), &options())
}

fn pair<'f>(found: &'f Resolution, one: &str, other: &str) -> &'f Pair {
    let place = |id: &str| found.keys.binary_search(&RecordKey::new("mine", id)).unwrap() as u32;
    let (left, right) = (place(one).min(place(other)), place(one).max(place(other)));
    found.pairs.iter().find(|pair| (pair.left, pair.right) == (left, right)).unwrap()
}

fn reasons(found: &Resolution, one: &str, other: &str) -> String {
    line(&found.explainer().reasons(pair(found, one, other)))
}

#[test]
fn twins_in_a_list_of_names_and_birth_dates_wait_for_review() {
    let found = among_names(vec![
        named("1", "Greta", "Abernathy", "1996-03-14"),
        named("2", "Greta", "Abernathy", "1996-03-14"),
        named("3", "Viktor", "Abernathy", "1996-03-14"),
        named("4", "Viktor", "Abernathy", "1996-03-14"),
    ]);
    assert_eq!(pair(&found, "1", "2").decision, Decision::Auto);
    assert_eq!(pair(&found, "3", "4").decision, Decision::Auto);
    assert_eq!(pair(&found, "1", "3").decision, Decision::Review, "{}", reasons(&found, "1", "3"));
}

#[test]
fn digits_that_make_no_date_were_meant_to_be_another() {
    let found = among_names(vec![
        named("1", "Irene", "Drummond", "1961-04-05"),
        named("no date", "Irene", "Drummond", "1961-14-05"),
        named("a date", "Irene", "Drummond", "1961-07-05"),
        named("exchanged", "Irene", "Drummond", "1961-05-04"),
    ]);
    let of = |other: &str| pair(&found, "1", other).probability;
    assert!(of("no date") > of("exchanged") && of("exchanged") > of("a date"), "{} {} {}", of("no date"), of("exchanged"), of("a date"));
    assert!(reasons(&found, "1", "no date").contains("birth date is nearly the same, and one is no date"));
    assert!(reasons(&found, "1", "exchanged").contains("exchanged"));
}

#[test]
fn a_name_in_the_other_field_is_evidence() {
    let found = among_names(vec![
        named("1", "Quirina", "Delacroix", "1971-10-02"),
        named("2", "Fairweather", "Quirina", "1971-10-02"),
        named("3", "Delacroix", "Quirina", "1971-10-02"),
    ]);
    assert!(reasons(&found, "1", "2").contains("first name of one is the surname of the other"), "{}", reasons(&found, "1", "2"));
    // As likely as not at least, although both names differ in their own fields.
    assert!(pair(&found, "1", "2").probability > 0.5, "{}", reasons(&found, "1", "2"));
    assert!(reasons(&found, "1", "3").contains("first name and surname are exchanged"), "{}", reasons(&found, "1", "3"));
    assert_eq!(pair(&found, "1", "3").decision, Decision::Auto);
}

#[test]
fn a_letter_between_two_names_that_people_have_is_no_mistake() {
    let mut mine = vec![
        record("john", &[(FirstName, "John"), (LastName, "Underwood"), (Email, "underwoods77@example.net")]),
        record("joan", &[(FirstName, "Joan"), (LastName, "Underwood"), (Email, "underwoods77@example.net")]),
        record("charlotte", &[(FirstName, "Charlotte"), (LastName, "Underwood"), (Email, "charlotte.u@example.net")]),
        record("chralotte", &[(FirstName, "Chralotte"), (LastName, "Underwood"), (Email, "charlotte.u@example.net")]),
    ];
    let others = ["Ahrens", "Becker", "Castellano", "Drummond", "Eriksson", "Fontaine", "Gallagher", "Hoffmann", "Novak", "Okafor"];
    for last in others {
        mine.push(record(&format!("john {last}"), &[(FirstName, "John"), (LastName, last)]));
        mine.push(record(&format!("joan {last}"), &[(FirstName, "Joan"), (LastName, last)]));
    }
    let found = resolve(people(53, 600).into_iter().map(|(record, _)| record).chain(mine).collect(), &options());
    let (mistyped, two_people) = (pair(&found, "charlotte", "chralotte"), pair(&found, "john", "joan"));
    assert_eq!((mistyped.decision, mistyped.rule), (Decision::Auto, Rule::SameEmail));
    assert_eq!(two_people.rule, Rule::Weighed, "{}", reasons(&found, "john", "joan"));
    assert!(two_people.probability < 0.99, "{}", reasons(&found, "john", "joan"));
}
