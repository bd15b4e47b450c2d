//! The table of HubSpot's streams.

use std::collections::BTreeSet;
use std::time::Duration;

use aqueduct_connector::Stream;
use aqueduct_connector::fields::{self, fields, id};
use aqueduct_connector::schema::{MergeSignal, Mode, PicklistValue, RecordField, RecordSchema, Result, Sensitivity, ValueType, Visibility};

use crate::api::{Choice, Property};
use crate::config::History;

macro_rules! docs {
    ($page:literal) => {
        concat!("https://developers.hubspot.com/docs/api-reference/latest/crm/", $page)
    };
}

/// An object type of the CRM: listed by id, searched by time of change.
pub(crate) struct Object {
    /// The stream and the name in paths, which are the same.
    pub(crate) name: &'static str,
    singular: &'static str,
    /// The property that holds the time of change: contacts are the exception.
    pub(crate) modified: &'static str,
    guide: &'static str,
    /// Whether the ids of merged records also come with the times of the merges.
    times_of_merges: bool,
}

/// The property that lists the ids of the records that were merged into one. Those are in no list any more, asking for them gives the
/// record that is left. <https://developers.hubspot.com/docs/api-reference/latest/crm/objects/contacts/guide#merge-contacts>
pub(crate) const MERGED: &str = "hs_merged_object_ids";
/// The same with the times of the merges, in milliseconds; of contacts alone.
const MERGED_WITH_TIMES: &str = "hs_calculated_merged_vids";

pub(crate) const OBJECTS: [Object; 5] = [
    Object { times_of_merges: true, modified: "lastmodifieddate", ..Object::new("contacts", "contact", docs!("objects/contacts/guide")) },
    Object::new("companies", "company", docs!("objects/companies/guide")),
    Object::new("deals", "deal", docs!("objects/deals/guide")),
    Object::new("products", "product", docs!("objects/products/guide")),
    Object::new(LINE_ITEMS, "line_item", docs!("objects/line-items/guide")),
];

impl Object {
    const fn new(name: &'static str, singular: &'static str, guide: &'static str) -> Self {
        Self { name, singular, modified: "hs_lastmodifieddate", guide, times_of_merges: false }
    }
}

pub(crate) const LINE_ITEMS: &str = "line_items";
/// The field of lines that holds their deal.
pub(crate) const DEAL_ID: &str = "deal_id";
/// The links of lines with their deals, which are a field of the lines.
pub(crate) const SOLD: Edge = Edge { name: LINE_ITEMS, singular: "line_item", from: LINE_ITEMS, to: "deals" };

/// Links between two object types, read from one side.
pub(crate) struct Edge {
    pub(crate) name: &'static str,
    singular: &'static str,
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
}

pub(crate) const EDGES: [Edge; 3] = [
    Edge { name: "contact_companies", singular: "contact_company", from: "contacts", to: "companies" },
    Edge { name: "deal_companies", singular: "deal_company", from: "deals", to: "companies" },
    Edge { name: "deal_contacts", singular: "deal_contact", from: "deals", to: "contacts" },
];

/// The past values of an object's properties.
pub(crate) struct Past {
    pub(crate) name: &'static str,
    singular: &'static str,
    pub(crate) of: &'static str,
}

pub(crate) const PASTS: [Past; 3] = [
    Past { name: "contact_property_changes", singular: "contact_property_change", of: "contacts" },
    Past { name: "company_property_changes", singular: "company_property_change", of: "companies" },
    Past { name: "deal_property_changes", singular: "deal_property_change", of: "deals" },
];

pub(crate) const LISTS: &str = "lists";
pub(crate) const LIST_MEMBERSHIPS: &str = "list_memberships";
pub(crate) const OWNERS: &str = "owners";
pub(crate) const PIPELINE_STAGES: &str = "pipeline_stages";

/// The most records a search gives; lists give half of it.
pub(crate) const SEARCH_PAGE: u32 = 200;
/// The most records a list gives, and the most ids a batch takes.
pub(crate) const LIST_PAGE: u32 = 100;

/// The most lists an answer gives.
const LISTS_PAGE: u32 = 500;

// Fields: path, type or kind, and `none` for what says nothing about a person.
const TIMES: &str = "createdAt:timestamp:none updatedAt:timestamp:none archived:boolean:none archivedAt:timestamp:none";
const PAST: &str = "record_id:source_id:none property:text:none timestamp:timestamp:none value old_value old_value_seconds:integer:none
    pipeline_id:source_id:none old_pipeline_id:source_id:none source_type:text:none source_id source_label
    updated_by_user_id:source_id:none";
const OWNER: &str = "id:source_id:none email firstName lastName userId:source_id:none userIdIncludingInactive:source_id:none type:text:none
    teams:json:none";
const STAGE: &str = "pipeline_id:source_id:none pipeline_label:text:none pipeline_display_order:integer:none id:source_id:none
    label:text:none displayOrder:integer:none metadata.isClosed:boolean:none metadata.probability:decimal:none";
const LIST: &str = "listId:source_id:none name objectTypeId:text:none processingType:text:none processingStatus:text:none
    listVersion:integer:none createdAt:timestamp:none updatedAt:timestamp:none filtersUpdatedAt:timestamp:none
    deletedAt:timestamp:none createdById:source_id:none updatedById:source_id:none
    additionalProperties.hs_list_size:integer:none additionalProperties.hs_lastmodifieddate:integer:none";
const MEMBERSHIP: &str = "list_id:source_id:none object_type_id:text:none record_id:source_id:none added_at:timestamp:none";
const LINK: &str = "from_id:source_id:none to_id:source_id:none category:text:none type_id:integer:none label:text:none";

/// The paths of an object's properties begin so.
pub(crate) const PROPERTIES: &str = "properties.";

/// The stream of an object type with the properties that the account has, and those of HubSpot's own that the mappings use: newer ones
/// reach accounts by and by. One that the account lacks is absent and its column is empty, so that tables have the same shape
/// everywhere. Where HubSpot does not say what there is (`properties` is none), those of the mappings are asked for: it passes over
/// names that it does not know.
pub(crate) fn object(object: &Object, properties: Option<Vec<Property>>, lag: Duration) -> Result<Stream> {
    let words = fields::mapped_words(crate::MAPPINGS, object.name);
    let mut lacking: BTreeSet<&str> = words.iter().filter_map(|word| word.strip_prefix(PROPERTIES)).collect();
    let mut merges = vec![MergeSignal::of(&format!("{PROPERTIES}{MERGED}"), ';')];
    lacking.insert(MERGED);
    if object.times_of_merges {
        merges.insert(0, MergeSignal::of(&format!("{PROPERTIES}{MERGED_WITH_TIMES}"), ';').timed());
        lacking.insert(MERGED_WITH_TIMES);
    }
    let visibility = if properties.is_some() { Visibility::Absent } else { Visibility::Visible };
    let properties = properties.unwrap_or_default();
    for property in &properties {
        lacking.remove(property.name.as_str());
    }
    let mut fields = fields(&format!("id:source_id:none {TIMES}"))?;
    if object.name == LINE_ITEMS {
        // A line that comes to another deal does not change by that, like a calculated property.
        fields.push(RecordField { calculated: true, ..id(DEAL_ID) });
    }
    fields.extend(properties.into_iter().map(field));
    fields.extend(lacking.into_iter().map(|name| RecordField { visibility, ..field(Property::of_hubspot(name)) }));
    let record = RecordSchema::new(object.singular, fields, &["id"]).times("createdAt", "updatedAt").deletion("archived", "archivedAt");
    let record = RecordSchema { merges, ..record };
    let modes = [Mode::Backfill, Mode::Changes, Mode::Deletions, Mode::Ids, Mode::Columns];
    Ok(Stream::new(object.name, record, &modes, object.guide).lag(lag).page_size(SEARCH_PAGE))
}

/// The streams of past values, of the objects of which some are wanted.
pub(crate) fn past(history: &History, lag: Duration) -> Result<Vec<Stream>> {
    let stream = |past: &Past| {
        let record =
            RecordSchema::new(past.singular, fields(PAST)?, &["record_id", "property", "timestamp"]).times("timestamp", "timestamp");
        let modes = [Mode::Backfill, Mode::Changes];
        Ok(Stream::new(past.name, record, &modes, docs!("objects/contacts/guide")).lag(lag).page_size(SEARCH_PAGE))
    };
    PASTS.iter().filter(|past| !history.of(past.of).is_empty()).map(stream).collect()
}

/// The streams whose fields do not depend on the account.
pub(crate) fn fixed() -> Result<Vec<Stream>> {
    let archived = |record: RecordSchema| record.times("createdAt", "updatedAt").deletion("archived", "archivedAt");
    let owner = archived(RecordSchema::new("owner", fields(&format!("{OWNER} {TIMES}"))?, &["id"]));
    // Ids of stages are unique inside their pipeline only.
    let stage = archived(RecordSchema::new("pipeline_stage", fields(&format!("{STAGE} {TIMES}"))?, &["pipeline_id", "id"]));
    let list = RecordSchema::new("list", fields(LIST)?, &["listId"]).times("createdAt", "updatedAt");
    let membership = RecordSchema::new("list_membership", fields(MEMBERSHIP)?, &["list_id", "record_id"]).parent("list_id");
    let whole = [Mode::Snapshot];
    // A link that comes or goes moves no time of change, neither there nor at its ends: only reading all of them finds every one.
    let sets = [Mode::Snapshot, Mode::Parents];
    let mut streams = vec![
        Stream::new(OWNERS, owner, &whole, docs!("owners/guide")).page_size(LIST_PAGE),
        Stream::new(PIPELINE_STAGES, stage, &whole, docs!("pipelines/guide")).page_size(LIST_PAGE),
        Stream::new(LISTS, list, &whole, docs!("lists/guide")).page_size(LISTS_PAGE),
        Stream::new(LIST_MEMBERSHIPS, membership, &sets, docs!("lists/guide")).page_size(LISTS_PAGE),
    ];
    for edge in &EDGES {
        // Category and type together name the label, so that they tell the links of one pair apart.
        let record = RecordSchema::new(edge.singular, fields(LINK)?, &["from_id", "to_id", "category", "type_id"]).parent("from_id");
        streams.push(Stream::new(edge.name, record, &sets, docs!("associations/associate-records/guide")).page_size(LIST_PAGE));
    }
    Ok(streams)
}

/// The property names among a stream's selected fields that the account has, in order.
pub(crate) fn property_names(stream: &Stream) -> Vec<&str> {
    let visible = stream.record.fields.iter().filter(|field| field.visibility == Visibility::Visible);
    visible.filter_map(|field| field.path.strip_prefix(PROPERTIES)).collect()
}

/// A property as a field. HubSpot gives every value as a string, whatever the property's type.
fn field(property: Property) -> RecordField {
    let path = format!("{PROPERTIES}{}", property.name);
    // Ids are declared as numbers, yet they are names: nobody adds them up, and links compare them as text.
    let is_id = property.hubspot_defined && (property.name.ends_with("_id") || property.name == "associatedcompanyid");
    let value_type = match property.kind.as_str() {
        _ if is_id => ValueType::Text,
        "number" => ValueType::Decimal,
        "bool" => ValueType::Boolean,
        "date" => ValueType::Date,
        "datetime" => ValueType::Timestamp,
        "json" => ValueType::Json,
        _ => ValueType::Text,
    };
    let mut field = if is_id { id(&path) } else { RecordField::new(&path, value_type) };
    if property.data_sensitivity.is_some_and(|class| class != "non_sensitive") {
        field.sensitivity = Some(Sensitivity::Sensitive);
    }
    field.custom = !property.hubspot_defined;
    field.calculated = property.calculated;
    let offered = property.options.into_iter().filter(|choice| !choice.hidden);
    let choice = |choice: Choice| PicklistValue { label: choice.label.unwrap_or_else(|| choice.value.clone()), value: choice.value };
    field.picklist = offered.map(choice).collect();
    field.label = property.label.unwrap_or(property.name);
    field
}
