//! A record of a plain vendor, made from the account's seed.

use serde_json::{Value as Json, json};

use crate::clock::iso;
use crate::people::{self, Person};
use crate::random::Random;

/// So far from a record's id lies that of somebody else.
const ANOTHER: u64 = 1_000_003;

/// What is in a field. Everything but ids and times has the dirt that real systems hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// The record's id as a text.
    Id,
    /// The record's id as a number.
    NumericId,
    /// The id of a record of another kind, as a text; empty for some.
    Reference,
    /// When the record was created, RFC 3339 with milliseconds.
    CreatedAt,
    /// When it last changed, RFC 3339 with milliseconds.
    UpdatedAt,
    /// When it was created, seconds since 1970.
    CreatedAtSeconds,
    /// When it last changed, seconds since 1970.
    UpdatedAtSeconds,
    /// Some other instant; `null` for some.
    Time,
    /// Some other instant, seconds since 1970; `null` for some.
    Seconds,
    /// A calendar day.
    Date,
    /// An e-mail address.
    Email,
    /// The whole name of a person.
    FullName,
    /// The given name.
    GivenName,
    /// The family name.
    FamilyName,
    /// A telephone number.
    Phone,
    /// A job title.
    JobTitle,
    /// The name of a company.
    Company,
    /// A web address.
    Url,
    /// A country.
    Country,
    /// A city.
    City,
    /// One of these words.
    Words(Vec<String>),
    /// A few words.
    Text,
    /// True or false.
    Flag,
    /// Whether the record was deleted: true in the list of [`super::Endpoint::deleted`], false in every other.
    Deleted,
    /// A whole number below a thousand.
    Number,
    /// A number with two decimals.
    Amount,
    /// An array of numbers.
    List,
    /// An object with one key.
    Object,
    /// A list of objects, one of which is marked as `primary` and holds a value of a kind under a key; some have another one before it.
    OfPrimary {
        /// The key.
        key: String,
        /// The kind of value.
        value: Box<Value>,
    },
}

impl Value {
    /// One of these words.
    #[must_use]
    pub fn words<S: Into<String>>(words: impl IntoIterator<Item = S>) -> Self {
        Self::Words(words.into_iter().map(Into::into).collect())
    }

    /// A list of objects, one of which is marked as `primary` and holds this value under a key.
    #[must_use]
    pub fn of_primary(key: &str, value: Self) -> Self {
        Self::OfPrimary { key: key.to_owned(), value: Box::new(value) }
    }
}

/// What a record is made from.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The seed of the account.
    pub seed: u64,
    /// The name of the stream.
    pub stream: &'a str,
    /// The record's id.
    pub id: u64,
    /// How many times it was changed.
    pub changes: u64,
    /// When it was created, milliseconds since 1970.
    pub created_at: i64,
    /// When it last changed, milliseconds since 1970.
    pub updated_at: i64,
    /// Whether it was deleted.
    pub deleted: bool,
}

/// What a record may be about, told from its id, so that the fields of one record belong together.
struct About {
    random: Random,
    person: Person,
}

impl Row<'_> {
    /// A value of the record. The same kind in two fields gives the same value, as long as the record does not change.
    #[must_use]
    pub fn value(&self, value: &Value) -> Json {
        let mut about = self.about(value);
        let random = &mut about.random;
        let person = &about.person;
        match value {
            Value::Id => json!(self.id.to_string()),
            Value::NumericId => json!(self.id),
            Value::Reference => json!(if random.chance(200) { String::new() } else { (1_001 + random.below(20)).to_string() }),
            Value::CreatedAt => json!(iso(self.created_at)),
            Value::UpdatedAt => json!(iso(self.updated_at)),
            Value::CreatedAtSeconds => json!(self.created_at.div_euclid(1_000)),
            Value::UpdatedAtSeconds => json!(self.updated_at.div_euclid(1_000)),
            Value::Time => optional(random, iso(self.created_at)),
            Value::Seconds => optional(random, self.created_at.div_euclid(1_000)),
            Value::Date => json!(iso(self.created_at)[..10]),
            Value::Email => json!(person.email(random)),
            Value::FullName => json!(format!("{} {}", person.given, person.family)),
            Value::GivenName => json!(person.names(random).0),
            Value::FamilyName => json!(person.names(random).1),
            Value::Phone => json!(person.phone(random)),
            Value::JobTitle => json!(person.job(random)),
            Value::Company => {
                let name = people::company_name(random, self.id);
                json!(people::dirty_company(random, &name, person.region))
            }
            Value::Url => json!(people::website(random, "acme.example")),
            Value::Country => json!(person.country(random)),
            Value::City => json!(random.pick(person.region.cities)),
            Value::Words(words) => words.get(random.index(words.len())).map_or(Json::Null, |word| json!(word)),
            Value::Text => json!(format!("Note {} of {}", self.changes + 1, person.given)),
            Value::Flag => json!(random.chance(500)),
            Value::Deleted => json!(self.deleted),
            Value::Number => json!(random.below(1_000)),
            Value::Amount => serde_json::from_str(&format!("{}.{:02}", random.below(100_000), random.below(100))).unwrap_or(Json::Null),
            Value::List => json!([random.below(10), random.below(10)]),
            Value::Object => json!({"number": random.below(10)}),
            Value::OfPrimary { key, value } => {
                let other = Row { id: self.id + ANOTHER, ..*self };
                let first = random.chance(250).then(|| json!({"label": "home", "primary": false, key.as_str(): other.value(value)}));
                let primary = json!({"label": "work", "primary": true, key.as_str(): self.value(value)});
                Json::Array(first.into_iter().chain([primary]).collect())
            }
        }
    }

    fn about(&self, value: &Value) -> About {
        let topic = self.stream.bytes().fold(7, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        let person = Person::draw(&mut Random::of_row(self.seed, topic, self.id), self.id);
        // Facts about a person stay when the record changes; what else is in it does not.
        let lasting = matches!(value, Value::Email | Value::GivenName | Value::FamilyName | Value::Company | Value::Reference);
        let draw = if lasting { 0 } else { self.changes };
        About { random: Random::of_row(self.seed ^ draw, topic.wrapping_add(1), self.id), person }
    }
}

fn optional(random: &mut Random, value: impl Into<Json>) -> Json {
    if random.chance(250) { Json::Null } else { value.into() }
}

/// Puts a value at a path of object keys.
pub(crate) fn put(record: &mut Json, path: &[impl AsRef<str>], value: Json) {
    let Some((key, rest)) = path.split_first() else {
        *record = value;
        return;
    };
    if !record.is_object() {
        *record = json!({});
    }
    put(&mut record[key.as_ref()], rest, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: u64, changes: u64) -> Row<'static> {
        Row { seed: 1, stream: "contacts", id, changes, created_at: 1_000, updated_at: 2_500, deleted: false }
    }

    #[test]
    fn a_row_is_the_same_every_time_and_changes_when_it_is_changed() {
        let numbers = |changes| (0..40).map(|id| row(id, changes).value(&Value::Number)).collect::<Vec<_>>();
        assert_eq!(numbers(0), numbers(0));
        assert_ne!(numbers(0), numbers(1));
        let emails = |changes| (0..40).map(|id| row(id, changes).value(&Value::Email)).collect::<Vec<_>>();
        assert_eq!(emails(0), emails(1));
        assert_eq!(row(7, 0).value(&Value::Id), json!("7"));
        assert_eq!(row(7, 0).value(&Value::UpdatedAt), json!("1970-01-01T00:00:02.500Z"));
        assert_eq!(row(7, 0).value(&Value::UpdatedAtSeconds), json!(2));
    }

    #[test]
    fn values_are_put_at_their_paths() {
        let mut record = json!({"a": 1});
        put(&mut record, &["a", "b"], json!(2));
        put(&mut record, &["c"], json!(3));
        assert_eq!(record, json!({"a": {"b": 2}, "c": 3}));
        put(&mut record, &[""; 0], json!([]));
        assert_eq!(record, json!([]));
    }
}
