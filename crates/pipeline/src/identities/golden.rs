//! Rows as records to tell apart, and clusters as rows of `identity` and `identity_link`.

use std::collections::{BTreeMap, BTreeSet};

use aqueduct_identity::{Attribute, Entity, MODEL_VERSION, Member, Record, RecordKey, StoredPair, Survivor, survivors};
use aqueduct_schema::Timestamp;
use aqueduct_warehouse::{IdentityRow, IdentityValues, IdentityVerdict};

use super::{IdentitySection, digest, identity_id, text};

/// Fields of which one `true` is enough.
const REFUSALS: [&str; 2] = ["do_not_email", "do_not_call"];
/// Fields that are one address together.
const ADDRESS: [&str; 5] = ["street", "city", "region_code", "postal_code", "country_code"];
/// What a replaced value begins with; nothing but equality can be told of one.
const TOKEN: &str = "tok_";

/// The columns that are read, with what they say of a record.
fn attributes(entity: Entity) -> &'static [(&'static str, Option<Attribute>)] {
    use Attribute::{
        BirthDate, City, Company, Country, Domain, Email, ExternalId, FirstName, FullName, LastName, MiddleName, NameSuffix, Phone,
        PostalCode, Region, Street,
    };
    match entity {
        Entity::Contact => &[
            ("full_name", Some(FullName)),
            ("first_name", Some(FirstName)),
            ("middle_name", Some(MiddleName)),
            ("last_name", Some(LastName)),
            ("name_suffix", Some(NameSuffix)),
            ("email_normalized", Some(Email)),
            ("phone_e164", Some(Phone)),
            ("mobile_e164", Some(Phone)),
            ("birth_date", Some(BirthDate)),
            ("street", Some(Street)),
            ("city", Some(City)),
            ("region_code", Some(Region)),
            ("postal_code", Some(PostalCode)),
            ("country_code", Some(Country)),
            ("email", None),
            ("job_title", None),
            ("language", None),
            ("do_not_email", None),
            ("do_not_call", None),
        ],
        Entity::Account => &[
            ("name", Some(Company)),
            ("domain", Some(Domain)),
            ("phone_e164", Some(Phone)),
            ("street", Some(Street)),
            ("city", Some(City)),
            ("region_code", Some(Region)),
            ("postal_code", Some(PostalCode)),
            ("country_code", Some(Country)),
            ("vat_number", Some(ExternalId)),
            ("registration_number", Some(ExternalId)),
        ],
    }
}

pub(super) fn columns(entity: Entity) -> Vec<&'static str> {
    attributes(entity).iter().map(|(column, _)| *column).collect()
}

/// Which record a row is.
pub(super) fn key(row: &IdentityRow) -> RecordKey {
    let [system, account] = &row.source;
    RecordKey::new(format!("{system}/{account}"), row.id.as_str())
}

/// A row as a record. Values that the policy has replaced are only told to be equal or not, so fields that are compared by likeness
/// leave them out.
pub(super) fn record(entity: Entity, row: &IdentityRow) -> Record {
    let mut record = Record { key: key(row), ..Record::new("", "") };
    let exact = |attribute| matches!(attribute, Attribute::Email | Attribute::Phone | Attribute::ExternalId);
    for (column, attribute) in attributes(entity) {
        if let (Some(attribute), Some(value)) = (attribute, row.values.get(*column))
            && (exact(*attribute) || !value.starts_with(TOKEN))
        {
            record.push(*attribute, value);
        }
    }
    for (kind, value) in &row.points {
        let attribute = if kind == "email" { Attribute::Email } else { Attribute::Phone };
        if !record.all(attribute).any(|known| known == value) {
            record.push(attribute, value);
        }
    }
    record
}

/// A cluster as it is stored.
pub(super) struct Golden {
    pub(super) id: String,
    pub(super) identity: IdentityValues,
    pub(super) links: Vec<IdentityValues>,
}

/// Makes the rows of a cluster: its members in order of their keys, and the pairs among them.
pub(super) fn golden(
    entity: Entity,
    section: &IdentitySection,
    rows: &[&IdentityRow],
    pairs: &[&StoredPair],
    decisions: &[IdentityVerdict],
    now: Timestamp,
) -> Golden {
    let members: Vec<Member> = rows.iter().map(|row| member(section, row)).collect();
    let first = members.iter().map(|member| &member.key).min().cloned().unwrap_or_else(|| RecordKey::new("", ""));
    let id = identity_id(entity, &first);
    let found = survivors(&members, &REFUSALS, &ADDRESS);
    let fields: BTreeSet<&str> =
        aqueduct_schema::Entity::named("identity").into_iter().flat_map(|entity| entity.fields.iter().map(|field| field.name)).collect();
    let mut values: BTreeMap<&'static str, Option<String>> = BTreeMap::new();
    for (column, _) in attributes(entity).iter().filter(|(column, _)| fields.contains(column)) {
        values.insert(column, found.get(*column).map(|Survivor { value, .. }| truth(column, value)));
    }
    // The weakest of the links that hold the members together: the strongest of each member.
    let confidence = members.iter().filter_map(|member| strongest(&member.key, pairs)).map(|pair| pair.probability).fold(1.0, f64::min);
    values.insert("entity", Some(entity.name().to_owned()));
    values.insert("member_count", Some(members.len().to_string()));
    values.insert("confidence", Some(ratio(confidence)));
    let linked = |member: &Member| {
        let pair = strongest(&member.key, pairs);
        link(entity, &id, &member.key, pair, pair.and_then(|pair| decided_by(pair, decisions)), now)
    };
    let links = members.iter().map(linked).collect();
    Golden { identity: (id.clone(), values), id, links }
}

fn member(section: &IdentitySection, row: &IdentityRow) -> Member {
    let priority = section.trusted_sources.iter().position(|source| *source == row.source[0]).unwrap_or(section.trusted_sources.len());
    let updated_at = row.updated_at.as_deref().and_then(|at| at.parse::<Timestamp>().ok()).map(Timestamp::microseconds);
    let (values, verified) = (row.values.clone(), BTreeSet::new());
    Member { key: key(row), values, verified, updated_at, priority: u32::try_from(priority).unwrap_or(u32::MAX) }
}

fn truth(column: &str, value: &str) -> String {
    match value {
        "1" | "t" if REFUSALS.contains(&column) => "true".to_owned(),
        "0" | "f" if REFUSALS.contains(&column) => "false".to_owned(),
        _ => value.to_owned(),
    }
}

fn strongest<'p>(key: &RecordKey, pairs: &[&'p StoredPair]) -> Option<&'p StoredPair> {
    let own = pairs.iter().filter(|pair| pair.a == *key || pair.b == *key).copied();
    own.max_by(|one, other| one.probability.total_cmp(&other.probability).then_with(|| (&other.a, &other.b).cmp(&(&one.a, &one.b))))
}

fn ratio(probability: f64) -> String {
    format!("{probability:.6}")
}

/// Who said that a pair is the same, where a person did.
fn decided_by<'d>(pair: &StoredPair, decisions: &'d [IdentityVerdict]) -> Option<&'d str> {
    if pair.rule != aqueduct_identity::Rule::Manual {
        return None;
    }
    let (a, b) = (text(&pair.a), text(&pair.b));
    let of = |verdict: &&IdentityVerdict| verdict.is_same && ((verdict.a == a && verdict.b == b) || (verdict.a == b && verdict.b == a));
    decisions.iter().find(of).map(|verdict| verdict.decided_by.as_str())
}

fn link(
    entity: Entity,
    identity: &str,
    key: &RecordKey,
    pair: Option<&StoredPair>,
    decided_by: Option<&str>,
    now: Timestamp,
) -> IdentityValues {
    let manual = pair.is_some_and(|pair| pair.rule == aqueduct_identity::Rule::Manual);
    let bits = |pair: &StoredPair| (pair.probability / (1.0 - pair.probability).max(1e-12)).log2();
    let values = BTreeMap::from([
        ("identity_id", Some(identity.to_owned())),
        ("entity", Some(entity.name().to_owned())),
        ("record_id", Some(key.record.to_string())),
        ("match_rule", Some(pair.map_or("alone", |pair| pair.rule.name()).to_owned())),
        ("match_weight", pair.map(|pair| format!("{:.3}", bits(pair)))),
        ("match_probability", pair.map(|pair| ratio(pair.probability))),
        ("decision", Some(if manual { "manual" } else { "auto" }.to_owned())),
        ("decided_by", decided_by.map(str::to_owned)),
        ("decided_at", Some(now.to_string())),
        ("model_version", Some(MODEL_VERSION.to_string())),
        (
            "evidence",
            pair.map(|pair| {
                serde_json::json!({ "with": if pair.a == *key { &pair.b.record } else { &pair.a.record }, "reasons": pair.reasons })
                    .to_string()
            }),
        ),
    ]);
    (digest(&["identity_link", entity.name(), &key.record]), values)
}
