//! Cleaning steps of a pipeline file: what each does, in which order, where they apply, and what is wrong with one that cannot work.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use aqueduct_normalise::{Mappings, Normalise, parse_mappings};
use aqueduct_schema::{CleaningCount, CleaningStatus, Error, codes};
use support::{column, common, normalise, record, run};

const CONTACT: &str = "entity: contact\nstream: things\nfields: { job_title: a, birth_date: b, city: { first_of: [a, b] } }\n";

fn contact(steps: &str, field: &str, rows: &[[&str; 3]]) -> Vec<String> {
    let rows: Vec<&[&str]> = rows.iter().map(<[&str; 3]>::as_slice).collect();
    let batch = run(CONTACT, &format!("clean: {{ contact: {{ {field}: {steps} }} }}"), &record(&["id", "a", "b"]), &rows);
    column(common(&batch, "contact"), field)
}

#[test]
fn steps_come_in_their_order_and_before_the_cleaner() {
    let steps = "[ { replace: { from: '_', to: ' ' } }, { regex: { pattern: '(?i)\\bvp\\b', replacement: Vice President } },
        { values: { \"vice president  sales\": Head of Sales } }, { truncate: 13 }, { default: none given } ]";
    let rows = [["1", "VP__Sales", ""], ["2", " vp of things and more", ""], ["3", " ", ""], ["4", "~", ""], ["5", "n/a", ""]];
    assert_eq!(contact(steps, "job_title", &rows), ["Head of Sales", "Vice Preside", "none given", "none given", "null"]);
    let emptied = "[ { values: { n/a: '' } }, { default: unknown role } ]";
    assert_eq!(contact(emptied, "job_title", &rows[4..]), ["unknown role"], "a default comes for what a step has emptied");
}

#[test]
fn steps_belong_to_their_field_alone_and_leave_the_source_as_it_is() {
    let settings = "clean: { contact: { job_title: [ { split: { by: '/', take: last } } ] } }";
    let batch = run(CONTACT, settings, &record(&["id", "a", "b"]), &[&["1", "Clerk / Buyer", ""], &["2", "Clerk", ""]]);
    assert_eq!(column(common(&batch, "contact"), "job_title"), ["Buyer", "null"]);
    assert_eq!(column(common(&batch, "contact"), "city"), ["Clerk / Buyer", "Clerk"]);
    assert_eq!(column(&batch.tables()[0], "a"), ["Clerk / Buyer", "Clerk"]);
}

#[test]
fn steps_reach_typed_values_overrides_and_slots() {
    let yaml = "entity: deal\nstream: things\nfields: { amount: amount, name: title }\n---\nentity: contact_point\nstream: things\n\
                fields: { contact_id: id }\neach: [ { label: { constant: home }, kind: { constant: url }, value: site } ]\n";
    let settings = "overrides: { deal: { name: other } }\nclean:\n  deal:\n    amount: [ { values: { -1: 0 } } ]\n    name: [ { replace: { from: X, to: Z } } ]\n  \
                    contact_point: { value: [ { regex: { pattern: '^.*(https://)', replacement: $1 } } ] }\n";
    let record = record(&["id", "amount:decimal", "title", "other", "site"]);
    let batch = run(yaml, settings, &record, &[&["1", "-1", "t", "X", "see https://acme.com/"], &["2", "7", "t", "o", "~"]]);
    let deal = common(&batch, "deal");
    assert_eq!(column(deal, "amount"), ["0.000000000", "7.000000000"]);
    assert_eq!(column(deal, "name"), ["Z", "o"]);
    assert_eq!(column(common(&batch, "contact_point"), "value"), ["https://acme.com/"]);
}

#[test]
fn a_field_that_is_not_selected_stays_absent() {
    let settings = "clean: { contact: { birth_date: [ { default: 2000-01-31 } ] } }";
    let mut mappings = Mappings::new(parse_mappings("m.yaml", CONTACT).unwrap());
    mappings.configure("p.yaml", &normalise(settings)).unwrap();
    let record = record(&["id", "a"]);
    let mut normaliser =
        aqueduct_normalise::Normaliser::new(&mappings, "things", &record, &support::source(), &Default::default()).unwrap();
    let batch = normaliser.run(support::batch("things", &record, aqueduct_schema::Mode::Changes, &[&["1", "x"]])).unwrap();
    assert!(common(&batch, "contact").schema.index_of("birth_date").is_none());
}

#[test]
fn examples_show_the_value_as_the_source_has_it() {
    let settings = "clean: { contact: { job_title: [ { replace: { from: Sr, to: '  Senior ' } } ] } }";
    let batch = run(CONTACT, settings, &record(&["id", "a", "b"]), &[&["1", "Sr Clerk", ""]]);
    let counts: Vec<&CleaningCount> = batch.cleaning().iter().filter(|count| count.field == "job_title").collect();
    assert_eq!((counts[0].status, counts[0].code), (CleaningStatus::Fixed, "label.spaces_tidied"));
    assert_eq!((counts[0].examples[0].before.as_str(), counts[0].examples[0].after.as_deref()), ("Sr Clerk", Some("Senior Clerk")));
}

/// The error of a section whose lines begin at the second one of the file.
fn mistake(section: &str) -> Error {
    let settings: Normalise = serde_saphyr::from_str(&format!("clean:\n{section}")).unwrap();
    Mappings::new(parse_mappings("m.yaml", CONTACT).unwrap()).configure("p.yaml", &settings).unwrap_err()
}

#[test]
fn mistakes_are_found_where_they_stand() {
    let title = "  contact:\n    job_title:\n";
    let mut wrong = Vec::new();
    for (section, code, line, column, words) in [
        ("  contcat: {}", codes::BAD_MAPPING, 2, 3, "did you mean `contact`"),
        ("  contact: { jobtitle: [ { truncate: 3 } ] }", codes::UNKNOWN_FIELD, 2, 14, "did you mean `job_title`"),
        ("  contact: { email: [ { truncate: 3 } ] }", codes::BAD_MAPPING, 2, 35, "another value"),
        ("  contact: { department: [ { truncate: 3 } ] }", codes::BAD_MAPPING, 2, 14, "no mapping gives"),
        ("  contact: { source_id: [ { truncate: 3 } ] }", codes::BAD_MAPPING, 2, 14, "which row"),
        ("  contact: { birth_date: [ { default: tomorrow } ] }", codes::BAD_MAPPING, 2, 39, "It is no day (date.malformed)"),
        (&format!("{title}      - {{ regex: {{ pattern: '(a', replacement: b }} }}"), codes::BAD_MAPPING, 4, 29, "unclosed group"),
        (&format!("{title}      - {{ regex: {{ pattern: a, replacement: $1 }} }}"), codes::BAD_MAPPING, 4, 45, "the group `1`"),
        (&format!("{title}      - {{ regex: a }}"), codes::BAD_MAPPING, 4, 18, "{ pattern: …, replacement: … }"),
        (&format!("{title}      - {{ replace: {{ from: a, two: b }} }}"), codes::UNKNOWN_KEY, 4, 31, "word of `replace` `two`"),
        (&format!("{title}      - {{ replace: {{ from: '', to: b }} }}"), codes::BAD_MAPPING, 4, 28, "must not be empty"),
        (&format!("{title}      - {{ split: {{ by: ',' }} }}"), codes::BAD_MAPPING, 4, 18, "needs `take`"),
        (&format!("{title}      - {{ split: {{ by: ',', take: middle }} }}"), codes::BAD_MAPPING, 4, 35, "not `middle`"),
        (&format!("{title}      - {{ truncate: many }}"), codes::BAD_MAPPING, 4, 21, "not `many`"),
        (&format!("{title}      - {{ truncat: 3 }}"), codes::UNKNOWN_KEY, 4, 11, "did you mean `truncate`"),
        (&format!("{title}      - {{ truncate: 3, default: x }}"), codes::BAD_MAPPING, 4, 24, "two steps"),
        (&format!("{title}      - {{ values: {{ A: b, a: c }} }}"), codes::BAD_MAPPING, 4, 27, "stands twice"),
        (&format!("{title}      truncate: 3"), codes::BAD_YAML, 4, 7, "must be a list"),
    ] {
        let error = mistake(section);
        let place = error.location().map(|location| (location.line, location.column));
        if !error.to_string().contains(words) || (error.code(), place) != (code, Some((line, column))) {
            wrong.push(format!("{section}: {place:?} {error}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
