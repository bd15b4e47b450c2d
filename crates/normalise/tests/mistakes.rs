//! What is wrong in a mapping is named with file, line, column and the nearest name.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use aqueduct_normalise::{Mappings, Normaliser, parse_mappings};
use aqueduct_schema::Error;
use support::{normalise, record, source};

fn shown(error: &Error) -> (String, u64, u64, String) {
    let place = error.location().expect("a place");
    assert_eq!(place.file, "m.yaml");
    (error.code().id.to_owned(), place.line, place.column, error.message().to_owned())
}

#[test]
fn mistakes_in_a_mapping_file() {
    let head = "entity: contact\nstream: things\nfields:\n";
    let table: &[(&str, &str, u64, u64, &str)] = &[
        ("entity: contact\nstream: things\nfeilds: {}\n", "AQ1003", 3, 1, "did you mean `fields`"),
        ("entity: contcat\nstream: things\nfields: {}\n", "AQ1009", 1, 9, "did you mean `contact`"),
        ("entity: contact\nfields: {}\n", "AQ1009", 1, 1, "lacks `stream`"),
        ("- a\n", "AQ1002", 1, 1, "must be a map"),
        ("FIELDS  emial: a\n", "AQ1008", 4, 3, "did you mean `email`"),
        ("FIELDS  email_normalized: a\n", "AQ1009", 4, 3, "filled by Aqueduct"),
        ("FIELDS  source_system: a\n", "AQ1009", 4, 3, "filled by Aqueduct"),
        ("FIELDS  email: { frm: a }\n", "AQ1003", 4, 12, "did you mean `from`"),
        ("FIELDS  email: { from: a, valeus: {} }\n", "AQ1003", 4, 21, "did you mean `values`"),
        ("FIELDS  email: { join: [a], first_of: [b] }\n", "AQ1009", 4, 23, "cannot stand together"),
        ("FIELDS  email: { from: a, scale: 2, format: epoch_seconds }\n", "AQ1009", 4, 31, "cannot stand together"),
        ("FIELDS  email: { from: a, otherwise: b }\n", "AQ1009", 4, 21, "needs `values`"),
        ("FIELDS  email: { with: a }\n", "AQ1009", 4, 12, "needs one of `join`"),
        ("FIELDS  email: [a]\n", "AQ1009", 4, 10, "needs a path"),
        ("FIELDS  email:\n  phone_e164: b\n", "AQ1009", 4, 8, "needs a path"),
        ("FIELDS  email: { join: [] }\n", "AQ1002", 4, 18, "must not be empty"),
        ("FIELDS  email: { join: a }\n", "AQ1002", 4, 18, "must be a list"),
        ("FIELDS  email: { from: a, scale: much }\n", "AQ1009", 4, 28, "must be a number"),
        ("FIELDS  email: { from: a, format: yesterday }\n", "AQ1009", 4, 29, "not a format"),
        ("FIELDS  email: { from: a, values: { a: x, A: y } }\n", "AQ1009", 4, 37, "stands twice"),
        ("FIELDS  email: { split: a, by: x, take: middle }\n", "AQ1009", 4, 35, "take"),
        ("FIELDS  email: { split: a, by: x }\n", "AQ1009", 4, 12, "needs `by` and `take`"),
        ("FIELDS  email: { function: domain_of_mail, of: [a] }\n", "AQ1009", 4, 22, "did you mean `domain_of_email`"),
        ("FIELDS  email: { function: domain_of_email, of: [a, b] }\n", "AQ1009", 4, 43, "takes 1 part"),
        ("FIELDS  email: each.a\n", "AQ1009", 4, 10, "no `each`"),
        ("entity: contact\nstream: things\nwhen: { is: [a] }\nfields: {}\n", "AQ1009", 3, 7, "needs a `path`"),
        ("entity: contact\nstream: things\nwhen: { path: a, iz: [a] }\nfields: {}\n", "AQ1003", 3, 18, "did you mean `is`"),
        ("entity: contact\nstream: things\nwhen: { path: a, present: maybe }\nfields: {}\n", "AQ1009", 3, 27, "true or false"),
        ("entity: contact\nstream: things\neach: list\nfields: { email: each.mail }\n", "AQ1009", 1, 1, "source_id"),
        ("entity: contact\nstream: things\neach: [{ email: a }]\nfields: {}\n", "AQ1009", 3, 7, "does not have"),
        ("entity: contact_point\nstream: things\nfields: {}\neach:\n  - { value: a }\n", "AQ1009", 5, 5, "label of its own"),
        (
            "entity: contact_point\nstream: things\nfields: {}\neach:\n  - { label: {constant: a}, value: a }\n  - { label: {constant: a}, value: b }\n",
            "AQ1009",
            6,
            5,
            "stands twice",
        ),
        ("FIELDS  email: a\n  email: b\n", "AQ1002", 5, 3, "email"),
    ];
    for (yaml, code, line, column, words) in table {
        let yaml = yaml.replace("FIELDS", head);
        let error = parse_mappings("m.yaml", &yaml).expect_err(&yaml);
        let (id, at_line, at_column, message) = shown(&error);
        assert_eq!((id.as_str(), at_line, at_column), (*code, *line, *column), "{error}\n{yaml}");
        assert!(error.to_string().contains(words), "{message}\n{yaml}");
    }
}

#[test]
fn a_later_document_counts_its_lines_in_the_file() {
    let yaml = "entity: contact\nstream: a\nfields: {}\n---\nentity: contact\nstream: b\nfields:\n  emial: x\n";
    assert_eq!(shown(&parse_mappings("m.yaml", yaml).unwrap_err()).1, 8);
}

fn validated(yaml: &str) -> Vec<(String, u64, u64, String)> {
    let mappings = Mappings::new(parse_mappings("m.yaml", yaml).unwrap());
    mappings.validate(&[("things", &record(&["id", "properties.email", "stages:json"]))]).iter().map(shown).collect()
}

#[test]
fn every_unknown_path_is_found_before_anything_is_read() {
    let errors = validated(
        "entity: contact\nstream: things\nwhen: { path: archved, present: false }\nfields:\n  email: properties.emial\n  full_name: { join: [a, { constant: b }] }\n",
    );
    let places: Vec<(&str, u64, u64)> = errors.iter().map(|(code, line, column, _)| (code.as_str(), *line, *column)).collect();
    assert_eq!(places, [("AQ1008", 3, 15), ("AQ1008", 5, 10), ("AQ1008", 6, 23)]);
    assert!(errors[1].3.contains("did you mean `properties.email`"), "{}", errors[1].3);
    assert_eq!(validated("entity: pipeline_stage\nstream: things\neach: stages\nfields: { source_id: each.anything }\n"), []);
}

#[test]
fn a_mapping_without_a_required_field_is_found() {
    let errors = validated("entity: association\nstream: things\nfields: { from_entity: {constant: contact}, from_id: id }\n");
    let messages: Vec<&str> = errors.iter().map(|error| error.3.as_str()).collect();
    assert!(messages.iter().any(|message| message.contains("association.to_id")), "{messages:?}");
    let mistaken =
        parse_mappings("m.yaml", "entity: association\nstream: things\nfields: { from_entity: { constant: contcat } }\n").unwrap_err();
    assert_eq!((shown(&mistaken).0.as_str(), shown(&mistaken).2), ("AQ1009", 36));
}

fn configured(settings: &str) -> Result<Mappings, Error> {
    let yaml = "entity: contact\nstream: things\nfields: { email: properties.email }\n";
    let mut mappings = Mappings::new(parse_mappings("connector.yaml", yaml).unwrap());
    mappings.configure("m.yaml", &normalise(settings))?;
    Ok(mappings)
}

#[test]
fn mistakes_in_a_pipeline_file_are_placed_in_it() {
    let table: &[(&str, &str, u64, u64, &str)] = &[
        ("overrides:\n  contact:\n    job_titel: a\n", "AQ1008", 3, 5, "did you mean `job_title`"),
        ("overrides:\n  contcat: { email: a }\n", "AQ1009", 2, 3, "did you mean `contact`"),
        ("overrides:\n  deal: { name: a }\n", "AQ1009", 2, 3, "no stream is mapped"),
        ("overrides: [a]\n", "AQ1002", 1, 12, "must be a map"),
        ("required:\n  contact: [emial]\n", "AQ1008", 2, 13, "did you mean `email`"),
        ("required:\n  contact: email\n", "AQ1002", 2, 12, "must be a list"),
        ("mappings:\n  - entity: contact\n    stream: things\n    fields: {}\n", "AQ1009", 2, 5, "already"),
        ("mappings:\n  - entity: deal\n    stream: deals\n    fields: { nam: a }\n", "AQ1008", 4, 15, "did you mean `name`"),
    ];
    for (settings, code, line, column, words) in table {
        let error = configured(settings).expect_err(settings);
        let (id, at_line, at_column, _) = shown(&error);
        assert_eq!((id.as_str(), at_line, at_column), (*code, *line, *column), "{error}\n{settings}");
        assert!(error.to_string().contains(words), "{error}\n{settings}");
    }
}

#[test]
fn an_override_is_wrong_only_when_no_stream_has_its_path() {
    let things = record(&["id", "properties.email", "properties.custom_title"]);
    let mappings = configured("overrides:\n  contact:\n    job_title: properties.custm_title\n").unwrap();
    let errors: Vec<_> = mappings.validate(&[("things", &things)]).iter().map(shown).collect();
    assert_eq!((errors.len(), errors[0].1, errors[0].2), (1, 3, 16));
    assert!(errors[0].3.contains("did you mean `properties.custom_title`"), "{}", errors[0].3);
    let mappings =
        configured("overrides:\n  contact:\n    job_title: properties.custom_title\n    email: properties.custom_title\n").unwrap();
    assert!(mappings.validate(&[("things", &things)]).is_empty());
    assert!(mappings.uses("things", "properties.custom_title") && !mappings.uses("things", "id"));
}

#[test]
fn required_fields_and_streams_of_the_pipeline_file_must_exist() {
    let things = record(&["id", "properties.email"]);
    let errors = configured("required:\n  contact: [email, phone_e164]\n").unwrap().validate(&[("things", &things)]);
    assert_eq!(errors.iter().map(|error| (shown(error).1, shown(error).2)).collect::<Vec<_>>(), [(2, 20)]);
    let settings = "mappings:\n  - entity: deal\n    stream: thngs\n    fields: { name: a }\n";
    let errors = configured(settings).unwrap().validate(&[("things", &things)]);
    assert_eq!(errors.iter().map(|error| (shown(error).0, shown(error).1)).collect::<Vec<_>>(), [("AQ1007".to_owned(), 3)]);
}

#[test]
fn what_decides_on_rows_must_be_selected() {
    let yaml = "entity: contact\nstream: things\nwhen: { path: kind, present: true }\nfields: { email: a }\n";
    let mappings = Mappings::new(parse_mappings("m.yaml", yaml).unwrap());
    let error = Normaliser::new(&mappings, "things", &record(&["id", "a"]), &source(), &Default::default()).unwrap_err();
    assert_eq!((shown(&error).0.as_str(), shown(&error).1, shown(&error).2), ("AQ1009", 3, 15));
    let error = Normaliser::new(&mappings, "things", &record(&["kind", "a"]), &source(), &Default::default()).unwrap_err();
    assert!(error.message().contains("no key"), "{error}");
}
