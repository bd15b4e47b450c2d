//! What resolving promises: the same answer in any order, families kept apart, people's word kept, reasons that add up.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod people;

use std::collections::{BTreeMap, BTreeSet};

use aqueduct_identity::{
    Attribute::{self, BirthDate, City, Company, Domain, Email, ExternalId, FirstName, LastName, Phone, PostalCode, Street},
    Decision, Entity, Options, Record, RecordKey, Resolution, Rule, Verdict, line, resolve,
};
use people::{Dice, people};

fn options() -> Options {
    Options { threads: 1, random_pairs: 50_000, ..Options::new(Entity::Contact) }
}

/// A record in a crowd of others: what is common is learned from them.
fn among_others(mine: Vec<Record>) -> Vec<Record> {
    people(11, 300).into_iter().map(|(record, _)| record).chain(mine).collect()
}

fn record(id: &str, values: &[(Attribute, &str)]) -> Record {
    values.iter().fold(Record::new("mine", id), |record, (attribute, value)| record.with(*attribute, value))
}

fn place(found: &Resolution, id: &str) -> u32 {
    found.keys.binary_search(&RecordKey::new("mine", id)).unwrap() as u32
}

fn together(found: &Resolution, one: &str, other: &str) -> bool {
    found.clusters[place(found, one) as usize] == found.clusters[place(found, other) as usize]
}

fn digest(found: &Resolution) -> String {
    let mut explainer = found.explainer();
    let clusters = found.keys.iter().zip(&found.clusters).map(|(key, cluster)| format!("{key:?} {cluster}\n"));
    let pairs = found.pairs.iter().map(|pair| {
        format!(
            "{} {} {:?} {} {}\n",
            pair.left,
            pair.right,
            pair.probability.to_bits(),
            pair.decision.name(),
            line(&explainer.reasons(pair))
        )
    });
    clusters.chain(pairs).collect()
}

#[test]
fn the_answer_is_the_same_for_any_order_and_any_threads() {
    let mut records: Vec<Record> = people(3, 80).into_iter().map(|(record, _)| record).collect();
    let options = || Options { random_pairs: 5_000, ..options() };
    let expected = digest(&resolve(records.clone(), &options()));
    let mut dice = Dice::new(9);
    for turn in 0..20 {
        for index in (1..records.len()).rev() {
            records.swap(index, dice.below(index + 1));
        }
        let threads = [1, 2, 4][turn % 3];
        assert!(digest(&resolve(records.clone(), &Options { threads, ..options() })) == expected, "order {turn} on {threads} threads");
    }
}

#[test]
fn people_are_found_and_nobody_else() {
    let (mut right, mut wrong, mut all) = (0, 0, 0);
    let planted = people(21, 400);
    let truth: BTreeMap<RecordKey, usize> = planted.iter().map(|(record, person)| (record.key.clone(), *person)).collect();
    let found = resolve(planted.into_iter().map(|(record, _)| record).collect(), &options());
    for left in 0..found.keys.len() {
        for right_row in left + 1..found.keys.len() {
            let same = truth[&found.keys[left]] == truth[&found.keys[right_row]];
            let linked = found.clusters[left] == found.clusters[right_row];
            all += usize::from(same);
            right += usize::from(same && linked);
            wrong += usize::from(!same && linked);
        }
    }
    assert!(all > 200 && right * 100 >= all * 97, "{right} of {all} found");
    assert_eq!(wrong, 0);
    assert!(found.coverage.estimated > 0.95, "{:?}", found.coverage);
    let linked = |pair: &&aqueduct_identity::Pair| found.clusters[pair.left as usize] == found.clusters[pair.right as usize];
    assert!(found.pairs.iter().all(|pair| (pair.decision == Decision::Auto) == linked(&pair)));
}

#[test]
fn members_of_a_family_are_kept_apart() {
    let home = [(LastName, "Petrovic"), (Phone, "+4930555001"), (Street, "Lindenst. 7"), (City, "Berlin"), (PostalCode, "10999")];
    let member = |id: &str, own: &[(Attribute, &str)]| record(id, &[&home, own].concat());
    let families = people::families(13, 60);
    let mine = among_others(vec![
        member("father", &[(FirstName, "Viktor"), (BirthDate, "1955-02-03")]),
        member("son", &[(FirstName, "Viktor"), (BirthDate, "1988-11-21")]),
        member("unborn", &[(FirstName, "Viktor")]),
        member("mother", &[(FirstName, "Elena"), (BirthDate, "1957-07-30"), (Email, "petrovics@example.net")]),
        member("twin", &[(FirstName, "Nora"), (BirthDate, "1990-05-06"), (Email, "petrovics@example.net")]),
        member("other twin", &[(FirstName, "Paula"), (BirthDate, "1990-05-06")]),
        member("twin again", &[(FirstName, "Nora"), (BirthDate, "1990-05-06")]),
    ]);
    let found = resolve(families.into_iter().chain(mine).collect(), &options());
    assert!(together(&found, "twin", "twin again"));
    for (one, other) in [("father", "son"), ("father", "mother"), ("twin", "other twin"), ("mother", "twin"), ("mother", "other twin")] {
        assert!(!together(&found, one, other), "{one} and {other}");
    }
}

#[test]
fn an_address_of_an_office_joins_nobody() {
    let names = [("Anna", "Becker"), ("Jonas", "Novak"), ("Maria", "Quinlan"), ("Frank", "Okafor"), ("Irene", "Vasquez")];
    let mut mine = Vec::new();
    for (number, (first, last)) in names.into_iter().enumerate() {
        mine.push(record(&format!("info {number}"), &[(FirstName, first), (LastName, last), (Email, "info@acme.example")]));
        mine.push(record(&format!("desk {number}"), &[(FirstName, first), (LastName, last), (Email, "desk7@acme.example")]));
    }
    mine.push(record("nobody", &[(LastName, "Becker"), (Email, "desk7@acme.example")]));
    let found = resolve(among_others(mine), &options());
    for one in 0..names.len() {
        for other in one + 1..names.len() {
            assert!(!together(&found, &format!("info {one}"), &format!("info {other}")));
            assert!(!together(&found, &format!("desk {one}"), &format!("desk {other}")));
        }
    }
}

#[test]
fn deterministic_rules() {
    let found = resolve(
        among_others(vec![
            record("1", &[(FirstName, "Katharina"), (LastName, "Lindqvist"), (Email, "kl@acme.example")]),
            record("2", &[(FirstName, "Kathy"), (LastName, "Delacroix"), (Email, "kl@acme.example")]),
            record("3", &[(FirstName, "Yusuf"), (LastName, "Carmichael"), (Phone, "+4915112345678")]),
            record("4", &[(FirstName, "Yusuf"), (LastName, "Carmichel"), (Phone, "+4915112345678")]),
            record("5", &[(FirstName, "Zoe"), (LastName, "Abernathy"), (ExternalId, "AB123456C")]),
            record("6", &[(FirstName, "Zoe"), (LastName, "Abernathy"), (ExternalId, "ab 12 34 56 c")]),
            record("7", &[(FirstName, "Hans"), (LastName, "Eisenberg")]),
            Record { merged_into: Some(RecordKey::new("mine", "7")), ..record("8", &[(FirstName, "Someone")]) },
        ]),
        &options(),
    );
    for (one, other, rule) in
        [("1", "2", Rule::SameEmail), ("3", "4", Rule::SamePhoneAndName), ("5", "6", Rule::SameIdentifier), ("7", "8", Rule::Merged)]
    {
        let pair = found.pairs.iter().find(|pair| (pair.left, pair.right) == (place(&found, one), place(&found, other))).unwrap();
        assert_eq!((pair.rule, pair.decision), (rule, Decision::Auto), "{one} {other}");
    }
}

#[test]
fn strong_ids_and_verified_values_keep_records_apart() {
    let twice =
        |id: &str| record(id, &[(FirstName, "Charlotte"), (LastName, "Whitfield"), (Email, "cw@acme.example"), (BirthDate, "1970-01-05")]);
    let strong = |id: &str, strong: &str| Record { strong_id: Some(strong.into()), ..twice(id) };
    let found = resolve(among_others(vec![strong("1", "C-1"), strong("2", "C-2"), twice("3")]), &options());
    assert!(!together(&found, "1", "2"));
    let refused = found.pairs.iter().find(|pair| pair.refused.is_some()).unwrap();
    assert_eq!((refused.decision, refused.probability > 0.99), (Decision::Review, true));
    let same = resolve(among_others(vec![strong("1", "C-1"), strong("2", "C-1")]), &options());
    assert!(together(&same, "1", "2"));
}

#[test]
fn what_people_decide_holds() {
    let mine = || {
        among_others(vec![
            record("1", &[(FirstName, "Oskar"), (LastName, "Brandenburg"), (Email, "ob@acme.example")]),
            record("2", &[(FirstName, "Oskar"), (LastName, "Brandenburg"), (Email, "ob@acme.example")]),
            record("3", &[(FirstName, "Greta"), (LastName, "Takahashi"), (Email, "gt@other.example")]),
        ])
    };
    let key = |id: &str| RecordKey::new("mine", id);
    assert!(together(&resolve(mine(), &options()), "1", "2"));
    let verdicts = vec![Verdict::unmerge(key("1"), key("2")), Verdict::merge(key("2"), key("3"))];
    let found = resolve(mine(), &Options { verdicts: verdicts.clone(), ..options() });
    assert!(!together(&found, "1", "2") && together(&found, "2", "3"));
    let later = [verdicts, vec![Verdict::merge(key("1"), key("2"))]].concat();
    assert!(together(&resolve(mine(), &Options { verdicts: later, ..options() }), "1", "3"));
}

#[test]
fn companies() {
    let crowd = people::companies(5, 200);
    let mine = vec![
        record("1", &[(Company, "Contoso Steel GmbH"), (Domain, "contososteel.example"), (City, "Graz")]),
        record("2", &[(Company, "CONTOSO STEEL"), (Domain, "contososteel.example")]),
        record("3", &[(Company, "Contoso Foods GmbH"), (Domain, "contosofoods.example"), (City, "Graz")]),
        record("4", &[(Company, "Fabrikam Ltd"), (ExternalId, "GB123456789")]),
        record("5", &[(Company, "Fabrikam Limited"), (ExternalId, "GB 123 4567 89")]),
    ];
    let found = resolve(crowd.into_iter().chain(mine).collect(), &Options { entity: Entity::Account, ..options() });
    assert!(together(&found, "1", "2") && together(&found, "4", "5") && !together(&found, "1", "3"));
}

#[test]
fn a_list_without_anybody_twice_stays_as_it_is() {
    let seen = &mut BTreeSet::new();
    let single: Vec<Record> = people(31, 300).into_iter().filter(|(_, person)| seen.insert(*person)).map(|(record, _)| record).collect();
    let count = single.len();
    assert_eq!(resolve(single, &options()).cluster_count(), count);
}

/// Only the values of some fields.
fn only(records: Vec<Record>, kept: &[Attribute]) -> Vec<Record> {
    records
        .into_iter()
        .map(|record| Record { values: record.values.into_iter().filter(|(attribute, _)| kept.contains(attribute)).collect(), ..record })
        .collect()
}

#[test]
fn a_first_system_teaches_nothing_and_links_nobody() {
    let seen = &mut BTreeSet::new();
    let single: Vec<Record> = people(33, 3_000).into_iter().filter(|(_, person)| seen.insert(*person)).map(|(record, _)| record).collect();
    let fields: [&[Attribute]; 4] = [
        &[FirstName, LastName, BirthDate],
        &[FirstName, LastName, BirthDate, City],
        &[FirstName, LastName, Phone, Street, City, PostalCode],
        &[FirstName, LastName, Email],
    ];
    for kept in fields {
        let found = resolve(only(single.clone(), kept), &options());
        assert_eq!(found.cluster_count(), single.len(), "{kept:?}");
    }
}

#[test]
fn who_stands_twice_is_found_among_many_who_do_not() {
    let seen = &mut BTreeSet::new();
    let single = people(35, 2_000).into_iter().filter(|(_, person)| seen.insert(*person)).map(|(record, _)| record);
    let mut mine: Vec<Record> = single.collect();
    let copy = |of: &Record, id: &str| Record { key: RecordKey::new("mine", id), ..of.clone() };
    let full = |record: &&Record| [FirstName, LastName, BirthDate, Phone].iter().all(|field| record.get(*field).is_some());
    let first = mine.iter().find(full).unwrap().clone();
    mine.extend([copy(&first, "1"), copy(&first, "2")]);
    assert!(together(&resolve(mine, &options()), "1", "2"));
}

#[test]
fn copies_never_make_a_link_less_likely() {
    let records: Vec<Record> = people(37, 300).into_iter().map(|(record, _)| record).collect();
    let alone = resolve(records.clone(), &options());
    let copies = records.iter().map(|record| Record { key: RecordKey::new("copy", record.key.record.clone()), ..record.clone() });
    let all: Vec<Record> = records.iter().cloned().chain(copies).collect();
    let known = |found: &Resolution| -> BTreeMap<(RecordKey, RecordKey), f64> {
        let key = |row: u32| found.keys[row as usize].clone();
        found.pairs.iter().map(|pair| ((key(pair.left), key(pair.right)), pair.probability)).collect()
    };
    // With the model as it was, every pair is as likely as before, and every copy is with its original.
    let with = resolve(all.clone(), &Options { model: Some(alone.model.clone()), ..options() });
    let (before, after) = (known(&alone), known(&with));
    for (pair, probability) in &before {
        assert!(after.get(pair).is_some_and(|after| after >= probability), "{pair:?}: {probability} and then {:?}", after.get(pair));
    }
    // Learned anew, no pair that agrees in whatever both have is less likely than it was.
    let anew = resolve(all, &options());
    let (after, values): (_, BTreeMap<&RecordKey, &Record>) = (known(&anew), records.iter().map(|record| (&record.key, record)).collect());
    let agree = |one: &Record, other: &Record| {
        one.values.iter().all(|(attribute, value)| other.get(*attribute).is_none_or(|other| other == &**value))
    };
    let mut looked_at = 0;
    for ((one, other), probability) in before.iter().filter(|(pair, _)| agree(values[&pair.0], values[&pair.1])) {
        looked_at += 1;
        let after = after.get(&(one.clone(), other.clone())).copied().unwrap_or_default();
        assert!(after >= probability - 1e-9, "{one:?} {other:?}: {probability} and then {after}");
    }
    assert!(looked_at > 20, "{looked_at}");
    // Who was together stays together.
    for found in [&with, &anew] {
        let cluster = |key: &RecordKey| found.clusters[found.keys.binary_search(key).unwrap()];
        for (key, first) in alone.keys.iter().zip(&alone.clusters) {
            assert_eq!(cluster(key), cluster(&alone.keys[*first as usize]), "{key:?}");
        }
    }
}

#[test]
fn names_of_one_origin_go_together() {
    // Two peoples who do not share names: a first name says which surname to expect.
    let mut dice = Dice::new(17);
    let firsts = [["Anna", "Bernd", "Carla", "David", "Elena", "Frank"], ["Wei", "Min", "Jing", "Qiang", "Yang", "Tao"]];
    let lasts = [["Becker", "Novak", "Quinlan", "Okafor", "Vasquez", "Ahrens"], ["Zhang", "Huang", "Zhou", "Liang", "Zheng", "Xu"]];
    let mut single = Vec::new();
    for id in 0..1_200 {
        let people = dice.below(2);
        let birth = format!("{:04}-{:02}-{:02}", 1940 + dice.below(65), 1 + dice.below(12), 1 + dice.below(28));
        let (first, last) = (firsts[people][dice.below(6)], lasts[people][dice.below(6)]);
        single.push(record(&id.to_string(), &[(FirstName, first), (LastName, last), (BirthDate, &birth)]));
    }
    let found = resolve(single, &options());
    let words = found.model.describe();
    let times: f64 = words.split_once("names go together ").and_then(|(_, rest)| rest.split(' ').next()).unwrap().parse().unwrap();
    assert!((1.6..=2.1).contains(&times), "twice as often, less what chance may add: {times}");
}

#[test]
fn reasons_are_words_and_add_up() {
    let found = resolve(
        among_others(vec![
            record(
                "1",
                &[(FirstName, "William"), (LastName, "Montgomery"), (BirthDate, "1961-04-05"), (Phone, "+442070001111"), (City, "Leeds")],
            ),
            record("2", &[(FirstName, "Bill"), (LastName, "Montgomerie"), (BirthDate, "1961-04-05"), (Phone, "+442070009999")]),
        ]),
        &options(),
    );
    let pair = found.pairs.iter().find(|pair| (pair.left, pair.right) == (place(&found, "1"), place(&found, "2"))).unwrap();
    let reasons = found.explainer().reasons(pair);
    let bits: f64 = reasons.iter().map(|reason| reason.bits).sum();
    assert!((bits - (pair.probability / (1.0 - pair.probability)).log2()).abs() < 0.11);
    let words: Vec<&str> = reasons.iter().map(|reason| reason.words.as_str()).filter(|words| !words.contains("as much")).collect();
    insta::assert_debug_snapshot!(words, @r#"
    [
        "first name is a form of the other",
        "surname is similar",
        "telephone number differs",
        "birth date is the same",
        "before anything is compared",
    ]
    "#);
    let text = line(&reasons);
    assert!(!text.contains("Montgomery") && !text.contains("1961"), "{text}");
}

#[test]
fn a_model_is_data() {
    let records: Vec<Record> = people(41, 100).into_iter().map(|(record, _)| record).collect();
    let first = resolve(records.clone(), &options());
    let stored = serde_json::to_string(&first.model).unwrap();
    let model: aqueduct_identity::Model = serde_json::from_str(&stored).unwrap();
    assert_eq!(digest(&resolve(records, &Options { model: Some(model), ..options() })), digest(&first));
    assert!(!stored.contains("Castellano") && first.model.describe().contains("birth date is the same"));
}

#[test]
fn blocks_that_are_too_large_are_skipped_and_told() {
    let same: Vec<Record> = (0..50).map(|id| record(&id.to_string(), &[(FirstName, "Anna"), (LastName, "Novak")])).collect();
    let found = resolve(same, &Options { cap: 20, ..options() });
    assert_eq!((found.compared, found.largest_block), (0, 0));
    assert!(found.skipped.iter().any(|skipped| skipped.key == "sound of both names" && skipped.records == 50), "{:?}", found.skipped);
}

#[test]
fn any_text_is_a_value() {
    const ATTRIBUTES: [Attribute; 17] = [
        FirstName,
        Attribute::MiddleName,
        LastName,
        Attribute::FullName,
        Attribute::NameSuffix,
        Email,
        Attribute::EmailMatchKey,
        Phone,
        BirthDate,
        Attribute::HouseNumber,
        Street,
        City,
        Attribute::Region,
        PostalCode,
        ExternalId,
        Company,
        Domain,
    ];
    const LETTERS: [&str; 24] = [
        "a",
        "Z",
        "0",
        "9",
        " ",
        "@",
        ".",
        "-",
        ",",
        "'",
        "\u{0}",
        "\u{200d}",
        "é",
        "ß",
        "Ǆ",
        "İ",
        "王",
        "김",
        "م",
        "\u{301}",
        "🙂",
        "\u{10ffff}",
        "٣",
        "\n",
    ];
    let mut dice = Dice::new(77);
    let mut text = || (0..dice.below(12)).map(|_| LETTERS[dice.below(LETTERS.len())]).collect::<String>();
    let mut records: Vec<Record> = (0..6_000)
        .map(|id| ATTRIBUTES.iter().fold(Record::new("any", id.to_string()), |record, attribute| record.with(*attribute, &text())))
        .collect();
    let long = "ab@c ".repeat(5_000);
    records.push(ATTRIBUTES.iter().fold(Record::new("any", "long"), |record, attribute| record.with(*attribute, &long)));
    for entity in [Entity::Contact, Entity::Account] {
        let found = resolve(records.clone(), &Options { entity, random_pairs: 1_000, cap: 4, ..options() });
        assert_eq!(found.keys.len(), 6_001);
    }
    assert_eq!(resolve(Vec::new(), &options()).keys.len(), 0);
    assert_eq!(resolve(records[..1].to_vec(), &options()).cluster_count(), 1);
}

/// Of the smallest lists half of all pairs may be of one person, which is more than there can be neighbours.
#[test]
fn a_list_of_two_or_three_records_is_resolved() {
    let ada = |id: &str| record(id, &[(FirstName, "Ada"), (LastName, "Lovelace"), (Email, "ada@acme.example"), (City, "Leeds")]);
    let found = resolve(vec![ada("1"), ada("2")], &options());
    assert!(together(&found, "1", "2"));
    let bob = record("3", &[(FirstName, "Bob"), (LastName, "Okafor"), (Email, "bob@other.example"), (City, "York")]);
    let found = resolve(vec![ada("1"), ada("2"), bob.clone()], &options());
    assert!(together(&found, "1", "2") && !together(&found, "1", "3"));
    let found = resolve(vec![ada("1"), bob], &options());
    assert!(!together(&found, "1", "3"));
    let company = |id: &str| record(id, &[(Company, "Acme Ltd"), (Domain, "acme.example"), (City, "Leeds")]);
    let found = resolve(vec![company("1"), company("2")], &Options { entity: Entity::Account, ..options() });
    assert!(together(&found, "1", "2"));
}

/// A list of addresses alone joins the people who have them, where an address is one person's.
#[test]
fn an_address_alone_belongs_to_the_one_person_who_has_it() {
    let people = [
        record("1", &[(FirstName, "Katharina"), (LastName, "Lindqvist"), (Email, "k.lindqvist@acme.example")]),
        record("2", &[(FirstName, "Tom"), (LastName, "Muster"), (Email, "muster@acme.example")]),
        record("3", &[(FirstName, "Eva"), (LastName, "Muster"), (Email, "muster@acme.example")]),
        record("4", &[(FirstName, "Jonas"), (LastName, "Okafor"), (Email, "info@acme.example")]),
    ];
    let addresses = ["k.lindqvist@acme.example", "muster@acme.example", "info@acme.example", "nobody@acme.example"];
    let alone = |list: &str| -> Vec<Record> {
        (11..).zip(addresses).map(|(id, address)| record(&format!("{list}{id}"), &[(Email, address)])).collect()
    };
    let found = resolve(among_others(people.into_iter().chain(alone("a")).chain(alone("b")).collect()), &options());
    assert!(together(&found, "1", "a11") && together(&found, "a11", "b11") && together(&found, "a14", "b14"));
    for (one, other) in [("2", "3"), ("2", "a12"), ("3", "a12"), ("a12", "b12"), ("4", "a13"), ("a13", "b13"), ("1", "a14")] {
        assert!(!together(&found, one, other), "{one} {other}");
    }
}
