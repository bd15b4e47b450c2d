//! The table of Salesforce's streams, and how descriptions of objects become schemas.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use aqueduct_connector::fields::{id, mapped_words};
use aqueduct_connector::schema::table::identifier;
use aqueduct_connector::schema::{
    MergeSignal, Mode, PicklistValue, RecordField, RecordSchema, SemanticType, Sensitivity, ValueType, Visibility,
};
use aqueduct_connector::{Stream, selection};

use crate::api::{Choice, Description, FieldDescription, Listed};

/// The most records a query gives at once. <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/headers_queryoptions.htm>
pub(crate) const PAGE: u32 = 2_000;
pub(crate) const ID: &str = "Id";
const DELETED: &str = "IsDeleted";
/// The record that a deleted one was merged into; empty again when somebody takes it out of the recycle bin.
/// <https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_contact.htm>
const MASTER: &str = "MasterRecordId";
const CREATED: &str = "CreatedDate";

/// The fields that can say when a record changed, best first: only the first moves with every write.
const CURSORS: [&str; 3] = ["SystemModstamp", "LastModifiedDate", CREATED];

/// Stream and object of those that every reader of Salesforce asks for.
const STANDARD: [(&str, &str); 15] = [
    ("accounts", "Account"),
    ("contacts", "Contact"),
    ("leads", "Lead"),
    ("opportunities", "Opportunity"),
    ("opportunity_contact_roles", "OpportunityContactRole"),
    ("opportunity_history", "OpportunityHistory"),
    ("opportunity_stages", "OpportunityStage"),
    ("tasks", "Task"),
    ("events", "Event"),
    ("campaigns", "Campaign"),
    ("campaign_members", "CampaignMember"),
    ("users", "User"),
    ("individuals", "Individual"),
    ("contact_point_type_consents", "ContactPointTypeConsent"),
    ("contact_point_consents", "ContactPointConsent"),
];

/// Objects that are there when a feature is switched on.
const OF_FEATURES: [&str; 3] = ["Individual", "ContactPointTypeConsent", "ContactPointConsent"];

/// An object of so few records that all of them are read every time.
const SMALL: &str = "OpportunityStage";
const DOCUMENTATION: &str =
    "https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_list.htm";

/// An object to read.
pub(crate) struct Chosen {
    pub(crate) stream: String,
    pub(crate) object: String,
    pub(crate) replicateable: bool,
    /// Whether the user may see it.
    pub(crate) listed: bool,
}

impl Chosen {
    fn new(stream: &str, object: &Listed) -> Self {
        Self { stream: stream.to_owned(), object: object.name.clone(), replicateable: object.replicateable, listed: true }
    }
}

/// The objects to read. Patterns that are no pattern and match nothing come second.
///
/// A standard object that is not listed is hidden from the user, and reading it says so; only those of features that may be off are
/// left out.
pub(crate) fn chosen(objects: &[Listed], patterns: &[String]) -> (Vec<Chosen>, Vec<String>) {
    let readable: Vec<&Listed> = objects.iter().filter(|object| object.queryable && !object.deprecated_and_hidden).collect();
    let mut chosen: Vec<Chosen> = Vec::new();
    for (stream, name) in STANDARD {
        match readable.iter().find(|object| object.name == name) {
            Some(object) => chosen.push(Chosen::new(stream, object)),
            None if OF_FEATURES.contains(&name) => {}
            None => chosen.push(Chosen { stream: stream.to_owned(), object: name.to_owned(), replicateable: true, listed: false }),
        }
    }
    let mut names: HashSet<String> = STANDARD.iter().map(|(stream, _)| (*stream).to_owned()).collect();
    for object in &readable {
        let wanted = patterns.iter().any(|pattern| fits(pattern, &object.name));
        if !wanted || chosen.iter().any(|other| other.object == object.name) {
            continue;
        }
        let base = identifier(&object.name);
        let mut name = base.clone();
        let mut number = 2;
        while !names.insert(name.clone()) {
            name = format!("{base}_{number}");
            number += 1;
        }
        chosen.push(Chosen::new(&name, object));
    }
    let lacking = patterns.iter().filter(|pattern| !pattern.contains('*') && !readable.iter().any(|object| fits(pattern, &object.name)));
    (chosen, lacking.cloned().collect())
}

/// Whether a name fits a pattern in which `*` stands for any run of characters. Names of objects do not differ by case alone.
fn fits(pattern: &str, name: &str) -> bool {
    selection::matches(&pattern.trim().to_ascii_lowercase(), &name.to_ascii_lowercase())
}

/// The stream of an object. Without a description (the user may not see it) it has the fields that mappings use, so that reading it
/// says what is missing.
pub(crate) fn stream(chosen: &Chosen, description: Option<Description>, lag: Duration) -> Stream {
    let described = description.is_some();
    let mut lacking = mapped(&chosen.stream);
    lacking.extend([ID]);
    let mut fields: Vec<RecordField> = Vec::new();
    for field in description.into_iter().flat_map(|description| description.fields) {
        lacking.remove(field.name.as_str());
        fields.extend(visible(field));
    }
    if !described {
        lacking.extend([CURSORS[0], CREATED]);
    }
    for path in lacking {
        let visibility = if described { why_lacking(path) } else { Visibility::Visible };
        fields.push(RecordField { visibility, ..of_its_name(path) });
    }
    let has = |path: &&str| fields.iter().any(|field| field.path == **path && field.visibility == Visibility::Visible);
    let cursor = CURSORS.into_iter().find(|path| has(path));
    let created = Some(CREATED).filter(has);
    let deleted = Some(DELETED).filter(has);
    let mut record = RecordSchema::new(&chosen.object, fields, &[ID]);
    record.created_at = created.map(str::to_owned);
    record.updated_at = cursor.map(str::to_owned);
    record.is_deleted = deleted.map(str::to_owned);
    if record.fields.iter().any(|field| field.path == MASTER && field.visibility == Visibility::Visible) {
        record = record.merges(MergeSignal::into(MASTER));
    }
    let mut modes = vec![Mode::Snapshot];
    if cursor.is_some() && chosen.object != SMALL {
        modes = vec![Mode::Backfill, Mode::Changes];
        modes.extend(chosen.replicateable.then_some(Mode::Deletions));
        // Salesforce forgets histories after 18 to 24 months: what is no longer listed was not deleted.
        modes.extend((cursor != Some(CREATED)).then_some(Mode::Ids));
        modes.push(Mode::Columns);
    }
    Stream::new(&chosen.stream, record, &modes, DOCUMENTATION).lag(lag).page_size(PAGE)
}

/// Whether records are written once and never change: histories.
pub(crate) fn is_log(stream: &Stream) -> bool {
    stream.record.updated_at.as_deref() == Some(CREATED)
}

/// The fields of a stream that queries may name, in order.
pub(crate) fn visible_paths(stream: &Stream) -> Vec<&str> {
    let visible = stream.record.fields.iter().filter(|field| field.visibility == Visibility::Visible);
    visible.map(|field| field.path.as_str()).collect()
}

/// The fields that the mappings of a stream name. They alone begin with a capital letter there: words and values are in lower case.
fn mapped(stream: &str) -> BTreeSet<&'static str> {
    let mut words = mapped_words(crate::MAPPINGS, stream);
    words.retain(|word| word.starts_with(|letter: char| letter.is_ascii_uppercase()));
    words
}

/// Why a description lacks a standard field: fields of features that are not switched on are not there, all others are hidden from
/// the user by field-level security.
fn why_lacking(path: &str) -> Visibility {
    // Several currencies, consent, person accounts, middle names and suffixes, lists of countries and states.
    let of_feature = matches!(path, "CurrencyIsoCode" | "IndividualId" | "IsPersonAccount" | "MiddleName" | "Suffix")
        || path.starts_with("Person")
        || path.ends_with("CountryCode")
        || path.ends_with("StateCode");
    if of_feature { Visibility::Absent } else { Visibility::Hidden }
}

/// A standard field of which only the name is known; its type follows from how Salesforce names fields.
fn of_its_name(path: &str) -> RecordField {
    let value_type = match path {
        _ if ["Is", "Has", "DoNot", "ShouldForget"].iter().any(|start| path.starts_with(start)) => ValueType::Boolean,
        "Birthdate" | "CloseDate" | "ActivityDate" | "FirstRespondedDate" | "StartDate" | "EndDate" => ValueType::Date,
        _ if ["Date", "DateTime", "Modstamp"].iter().any(|end| path.ends_with(end)) => ValueType::Timestamp,
        _ => ValueType::Text,
    };
    if path == ID || path.ends_with("Id") { id(path) } else { RecordField::new(path, value_type) }
}

/// A field of a description; `None` for those that a query cannot give as one value: parts of compound fields stand beside them.
/// <https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/field_types.htm>
fn visible(described: FieldDescription) -> Option<RecordField> {
    let plain = |value_type, semantic| Some(RecordField { semantic, ..RecordField::new(&described.name, value_type) });
    let field = match described.kind.as_str() {
        "address" | "location" | "base64" | "complexvalue" | "junctionIdList" => None,
        "id" | "reference" => Some(id(&described.name)),
        "boolean" => plain(ValueType::Boolean, None),
        "int" | "long" => plain(ValueType::Integer, None),
        "double" | "percent" => plain(ValueType::Decimal, None),
        "currency" => plain(ValueType::Decimal, Some(SemanticType::Money)),
        "date" => plain(ValueType::Date, None),
        "datetime" => plain(ValueType::Timestamp, None),
        "email" => plain(ValueType::Text, Some(SemanticType::Email)),
        "phone" => plain(ValueType::Text, Some(SemanticType::PhoneNumber)),
        "url" => plain(ValueType::Text, Some(SemanticType::Url)),
        _ => plain(ValueType::Text, None),
    };
    let mut field = field?;
    if described.encrypted || described.kind == "encryptedstring" {
        field.sensitivity = Some(Sensitivity::Sensitive);
    } else if CURSORS.contains(&field.path.as_str()) || field.path == DELETED {
        field.sensitivity = Some(Sensitivity::None);
    }
    field.custom = described.custom;
    field.calculated = described.calculated;
    let offered = described.picklist.into_iter().filter(|choice| choice.active);
    let choice = |choice: Choice| PicklistValue { label: choice.label.unwrap_or_else(|| choice.value.clone()), value: choice.value };
    field.picklist = offered.map(choice).collect();
    field.label = described.label.unwrap_or(described.name);
    Some(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stream_that_mappings_name_is_in_the_table() {
        for (file, text) in crate::MAPPINGS {
            for stream in text.lines().filter_map(|line| line.strip_prefix("stream: ")) {
                let named = ["OpportunityFieldHistory", "ContactHistory", "AccountHistory", "LeadHistory"].map(identifier);
                assert!(STANDARD.iter().any(|(name, _)| *name == stream) || named.iter().any(|name| name == stream), "{file}: {stream}");
                assert!(mapped(stream).iter().all(|path| path.len() > 1), "{file}");
            }
        }
        assert!(
            ["Email", "MasterRecordId", "HasOptedOutOfEmail", "MailingCountryCode"].iter().all(|path| mapped("contacts").contains(path))
        );
        assert!(mapped("no_such_stream").is_empty());
    }

    #[test]
    fn objects_are_chosen_by_pattern() {
        let listed = |name: &str, queryable| Listed { name: name.to_owned(), queryable, replicateable: true, deprecated_and_hidden: false };
        let objects =
            [listed("Contact", true), listed("Invoice__c", true), listed("a__Order__c", true), listed("Case", true), listed("Lead", false)];
        let names = |patterns: &[&str]| {
            let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
            let (chosen, lacking) = chosen(&objects, &patterns);
            let seen: Vec<String> = chosen.into_iter().filter(|chosen| chosen.listed).map(|chosen| chosen.stream).collect();
            (seen.join(" "), lacking.join(" "))
        };
        assert_eq!(names(&[]), ("contacts".to_owned(), String::new()));
        assert_eq!(names(&["*__c"]).0, "contacts invoice_c a_order_c");
        assert_eq!(names(&["case", "Contact", "Nothing__c", "No*"]), ("contacts case".to_owned(), "Nothing__c".to_owned()));
    }
}
