//! From a record's schema to typed fields, a key and times.

use aqueduct_schema::{SemanticType, ValueType};
use serde_json::Value;

use super::document::{Document, Kind, Shape};
use crate::name::{is_unseen, snake};
use crate::plan::{Field, Noted};

/// Objects inside a record are taken apart so deep; what lies deeper is kept whole.
const DEEPEST: usize = 3;
/// More fields than this are nobody's selection.
const MOST: usize = 150;
/// Properties that are looked at in one record. Objects in objects multiply, and the text of a stranger may make them do so.
const LOOKED_AT: usize = 20_000;

/// Names of keys, the plainest first, in letters and digits alone.
const KEYS: &[&str] = &["id", "uuid", "guid", "gid", "key", "code", "email", "emailaddress", "name"];
const CREATED: &[&str] = &[
    "createdat",
    "created",
    "createdate",
    "datecreated",
    "createddate",
    "creationdate",
    "createtime",
    "createdtime",
    "addtime",
    "dateadd",
    "createdon",
    "creationtime",
];
const UPDATED: &[&str] = &[
    "updatedat",
    "updated",
    "lastmodified",
    "modifiedat",
    "modified",
    "updatetime",
    "updatedtime",
    "dateupdated",
    "lastupdated",
    "lastmodifieddate",
    "datemodified",
    "modifieddate",
    "updateddate",
    "lastchanged",
    "lastupdatedat",
    "lastmodifiedat",
    "modifiedon",
];

/// Names of flags that say a record is deleted.
const DELETED: &[&str] = &["isdeleted", "deleted"];

/// The names of texts that belong to a person or a company, and what they are. A guess here only ever adds protection.
const KINDS: &[(&str, SemanticType)] = &[
    ("email", SemanticType::Email),
    ("emailaddress", SemanticType::Email),
    ("phone", SemanticType::PhoneNumber),
    ("phonenumber", SemanticType::PhoneNumber),
    ("mobile", SemanticType::PhoneNumber),
    ("mobilephone", SemanticType::PhoneNumber),
    ("firstname", SemanticType::PersonName),
    ("lastname", SemanticType::PersonName),
    ("middlename", SemanticType::PersonName),
    ("fullname", SemanticType::PersonName),
    ("givenname", SemanticType::PersonName),
    ("familyname", SemanticType::PersonName),
    ("company", SemanticType::CompanyName),
    ("companyname", SemanticType::CompanyName),
    ("country", SemanticType::Country),
    ("countrycode", SemanticType::Country),
    ("postalcode", SemanticType::PostalCode),
    ("zip", SemanticType::PostalCode),
    ("zipcode", SemanticType::PostalCode),
    ("currency", SemanticType::CurrencyCode),
    ("currencycode", SemanticType::CurrencyCode),
    ("timezone", SemanticType::TimeZone),
    ("locale", SemanticType::Language),
    ("language", SemanticType::Language),
];

/// The fields of a record.
#[derive(Debug)]
pub(super) struct Fields {
    pub(super) fields: Vec<Field>,
    pub(super) key: Noted<String>,
    pub(super) created_at: Option<Noted<String>>,
    pub(super) updated_at: Option<Noted<String>>,
    pub(super) is_deleted: Option<Noted<String>>,
    /// Times in seconds since 1970: the common field and the path.
    pub(super) epochs: Vec<(&'static str, String)>,
    /// How many fields were too many.
    pub(super) left_out: usize,
}

/// The fields of records of this schema, which are called so; in words what is wrong where there is nothing to tell records by.
pub(super) fn fields(document: &Document, schema: &Value, object: &str) -> Result<Fields, String> {
    let (mut found, mut left) = (Vec::new(), LOOKED_AT);
    flatten(document, &document.shape(schema), "", 0, &mut found, &mut left);
    if found.is_empty() {
        return Err("its records have no fields".to_owned());
    }
    let key = key(&found, object).ok_or("its records have nothing to tell them by")?;
    for field in found.iter_mut().filter(|field| field.path == key.value) {
        // Keys are names, whatever they are written as.
        field.value_type = ValueType::Text;
        field.why = None;
    }
    let time = |words: &[&str]| {
        let of = |word: &str| found.iter().filter(|field| letters(&field.path) == word).min_by_key(|field| field.path.matches('.').count());
        words.iter().find_map(|word| of(word)).filter(|field| field.path != key.value)
    };
    let role = |words| time(words).filter(|field| field.value_type == ValueType::Timestamp).map(|field| field.path.clone());
    let noted = |path: Option<String>, what| path.map(|path| Noted::guessed(path.clone(), format!("`{path}` is {what}, by its name")));
    let created_at = noted(role(CREATED), "when a record was created");
    let updated_at = noted(role(UPDATED), "when a record last changed");
    let is_flag = |field: &&Field| field.value_type == ValueType::Boolean && !field.path.contains('.');
    let flag = found.iter().filter(is_flag).find(|field| DELETED.contains(&letters(&field.path).as_str()));
    let is_deleted = noted(flag.map(|field| field.path.clone()), "whether a record is deleted");
    let epoch = |words| time(words).filter(|field| field.value_type == ValueType::Integer).map(|field| field.path.clone());
    let epochs = [("source_created_at", epoch(CREATED)), ("source_updated_at", epoch(UPDATED))];
    let epochs = epochs.into_iter().filter_map(|(field, path)| Some((field, path?))).collect();

    let roles = [&created_at, &updated_at, &is_deleted];
    let is_role = |field: &Field| field.path == key.value || roles.into_iter().flatten().any(|role| role.value == field.path);
    // The key first, then in the order of the description, the roles whatever there is.
    let place = |field: &Field| if field.path == key.value { 0 } else { 1 + usize::from(!is_role(field)) };
    let mut kept = found.clone();
    kept.sort_by_key(place);
    let left_out = kept.len().saturating_sub(MOST);
    kept.truncate(MOST);
    let first: Vec<Field> = kept.iter().filter(|field| field.path == key.value).cloned().collect();
    let rest = found.into_iter().filter(|field| field.path != key.value && kept.contains(field));
    Ok(Fields { fields: first.into_iter().chain(rest).collect(), key, created_at, updated_at, is_deleted, epochs, left_out })
}

fn flatten(document: &Document, shape: &Shape<'_>, before: &str, depth: usize, found: &mut Vec<Field>, left: &mut usize) {
    for (name, schema) in &shape.properties {
        let Some(fewer) = left.checked_sub(1) else { return };
        *left = fewer;
        // A path joins keys by dots, so a key with a dot cannot be reached.
        if name.is_empty() || name.contains('.') || name.chars().any(is_unseen) {
            continue;
        }
        let path = if before.is_empty() { (*name).to_owned() } else { format!("{before}.{name}") };
        let shape = document.shape(schema);
        if shape.kind == Kind::Object && !shape.properties.is_empty() && depth + 1 < DEEPEST {
            flatten(document, &shape, &path, depth + 1, found, left);
        } else {
            found.push(Field { primary: primary(document, &shape), ..field(&path, &shape) });
        }
    }
}

fn field(path: &str, shape: &Shape<'_>) -> Field {
    let name = letters(path);
    let is_id = name == "id" || path.ends_with("_id") || path.ends_with("Id");
    let mut why = None;
    let value_type = match shape.kind {
        Kind::Boolean => ValueType::Boolean,
        Kind::Integer | Kind::Number if is_id => ValueType::Text,
        Kind::Integer => ValueType::Integer,
        Kind::Number => ValueType::Decimal,
        Kind::Text => match shape.format {
            "date-time" | "timestamp" | "datetime" => ValueType::Timestamp,
            "date" => ValueType::Date,
            _ if CREATED.contains(&name.as_str()) || UPDATED.contains(&name.as_str()) => {
                why = Some("a text whose name speaks of a time".to_owned());
                ValueType::Timestamp
            }
            _ if speaks_of_time(path, shape.description) => {
                why = Some("a text that is a time by its name and description".to_owned());
                ValueType::Timestamp
            }
            _ => ValueType::Text,
        },
        Kind::Object | Kind::Array => ValueType::Json,
        Kind::Elsewhere | Kind::Unknown => {
            why = Some("the description does not say what it is".to_owned());
            ValueType::Text
        }
    };
    let by_name = KINDS.iter().find(|(known, _)| *known == name).map(|(_, semantic)| *semantic);
    let semantic = match shape.format {
        "email" => Some(SemanticType::Email),
        "uri" | "url" => Some(SemanticType::Url),
        _ => by_name,
    };
    let semantic = semantic.filter(|_| value_type == ValueType::Text && !is_id);
    if let Some(semantic) = semantic.filter(|_| why.is_none()) {
        why = Some(format!("{} by its name or format", semantic.name()));
    }
    Field { path: path.to_owned(), value_type, semantic, why, is_number: matches!(shape.kind, Kind::Integer), primary: None }
}

/// Whether a text is an instant: its name alone would take `due_time`, which is a time of day, for one.
fn speaks_of_time(path: &str, description: &str) -> bool {
    let name = snake(path.rsplit('.').next().unwrap_or(path));
    let named = ["_at", "_time", "_date", "_on"].iter().any(|end| name.ends_with(end));
    let words = description.to_lowercase();
    named && ["date and time", "datetime", "timestamp", "rfc 3339", "rfc3339"].iter().any(|known| words.contains(known))
}

/// For a list of objects of which one is marked as primary: the key of its value.
fn primary(document: &Document, shape: &Shape<'_>) -> Option<String> {
    const VALUES: &[&str] = &["value", "email", "emailaddress", "number", "phone", "phonenumber", "address"];
    let element = document.shape(shape.items.filter(|_| shape.kind == Kind::Array)?);
    let is_marked = element.properties.iter().any(|(name, _)| ["primary", "is_primary"].contains(name));
    let named = |word: &&str| element.properties.iter().find(|(name, _)| letters(name) == **word);
    VALUES.iter().find_map(named).filter(|_| is_marked).map(|(name, _)| (*name).to_owned())
}

/// What records are told by.
fn key(fields: &[Field], object: &str) -> Option<Noted<String>> {
    let scalar = |field: &&Field| matches!(field.value_type, ValueType::Text | ValueType::Integer) && !field.path.contains('.');
    let named = |word: &str| fields.iter().filter(scalar).find(|field| letters(&field.path) == word);
    let own = [format!("{object}id"), format!("{object}uuid")].map(|word| letters(&word));
    if let Some(field) = named("id") {
        return Some(Noted::known(field.path.clone()));
    }
    let by_object = own.iter().find_map(|word| named(word));
    let last_of_object = fields.iter().filter(scalar).find(|field| {
        let name = snake(&field.path);
        name.strip_suffix("_id").is_some_and(|rest| object.ends_with(rest))
    });
    let found = by_object.or(last_of_object).or_else(|| KEYS.iter().find_map(|word| named(word)))?;
    Some(Noted::guessed(found.path.clone(), format!("`{}` tells records apart, by its name", found.path)))
}

/// A name's letters and digits in lower case, without the object keys before it.
pub(super) fn letters(path: &str) -> String {
    let leaf = path.rsplit('.').next().unwrap_or(path);
    leaf.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}
