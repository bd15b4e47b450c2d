//! Which entity a stream's records may be, and which of its fields they hold: by the names they have.

use aqueduct_connector::schema::{RecordField, RecordSchema};
use aqueduct_schema::Entity;

use super::fields::{Fields, letters};
use crate::plan::{Expression, Mapping, Stream};

/// Which entity a stream's records may be, by its name.
const ENTITIES: &[(&str, &[&str])] = &[
    ("contact", &["contacts", "people", "persons", "profiles", "subscribers", "members", "customers"]),
    ("account", &["companies", "organizations", "organisations", "businesses"]),
    ("deal", &["deals", "opportunities"]),
];

/// Fields of entities that point at another entity, and the names that vendors have for them.
const REFERENCES: &[(&str, &[&str])] = &[
    ("account_id", &["accountid", "companyid", "organizationid", "organisationid", "orgid"]),
    ("primary_contact_id", &["primarycontactid", "contactid", "personid"]),
    ("owner_user_id", &["ownerid", "owneruserid"]),
    ("pipeline_stage_id", &["pipelinestageid", "dealstageid", "stageid"]),
];

/// Fields that a list with a primary element may hold, and the names of such lists.
const LISTS: &[(&str, &[&str])] =
    &[("email", &["emails", "email", "emailaddresses"]), ("phone_e164", &["phones", "phone", "phonenumbers"])];

/// How a stream becomes an entity, where its name says which.
pub(super) fn mapping(stream: &Stream, fields: &Fields) -> Option<Mapping> {
    let (entity, _) = ENTITIES.iter().find(|(_, names)| names.contains(&stream.name.as_str()))?;
    let known = Entity::named(entity)?;
    let plain = stream.fields.iter().filter(|field| field.primary.is_none());
    let of_record = plain.map(|field| RecordField::new(&field.path, field.value_type)).collect();
    let mut record = RecordSchema::new(&stream.object, of_record, &[&stream.key.value]);
    record.created_at = stream.created_at.as_ref().map(|time| time.value.clone());
    record.updated_at = stream.updated_at.as_ref().map(|time| time.value.clone());
    record.is_deleted = stream.is_deleted.as_ref().map(|flag| flag.value.clone());
    let guessed = aqueduct_normalise::guess(entity, &record).into_iter();
    let mut mapped: Vec<(String, Expression)> =
        guessed.map(|(field, path)| (field.to_owned(), Expression::Path(path.to_owned()))).collect();
    let mut add = |field: &str, expression: Expression| {
        if known.field(field).is_some() && !mapped.iter().any(|(taken, _)| taken == field) {
            mapped.push((field.to_owned(), expression));
        }
    };
    let named = |words: &[&str]| {
        let of = |word: &&str| stream.fields.iter().find(|field| letters(&field.path) == **word && field.path != stream.key.value);
        words.iter().find_map(of)
    };
    for (field, words) in LISTS {
        let list = stream.fields.iter().find(|list| list.primary.is_some() && words.contains(&letters(&list.path).as_str()));
        if let Some((list, key)) = list.and_then(|list| Some((list.path.clone(), list.primary.clone()?))) {
            add(field, Expression::OfPrimary { list, key });
        }
    }
    for (field, words) in REFERENCES {
        if let Some(found) = named(words) {
            add(field, Expression::Path(found.path.clone()));
        }
    }
    for (field, path) in &fields.epochs {
        add(field, Expression::EpochSeconds(path.clone()));
    }
    (!mapped.is_empty()).then(|| Mapping { entity, stream: stream.name.clone(), fields: mapped, is_guessed: true })
}
