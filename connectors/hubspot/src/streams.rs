//! The table of HubSpot's streams.

use std::collections::BTreeSet;
use std::time::Duration;

use aqueduct_connector::Stream;
use aqueduct_connector::schema::{
    MergeSignal, Mode, PicklistValue, RecordField, RecordSchema, SemanticType, Sensitivity, ValueType, Visibility,
};

use crate::api::{Choice, Property};
use crate::config::History;

/// An object type of the CRM: listed by id, searched by time of change.
pub(crate) struct Object {
    /// The stream and the name in paths, which are the same.
    pub(crate) name: &'static str,
    singular: &'static str,
    /// The property that holds the time of change: contacts are the exception.
    pub(crate) modified: &'static str,
    documentation: &'static str,
    /// Whether the ids of merged records also come with the times of the merges.
    times_of_merges: bool,
}

/// The property that lists the ids of the records that were merged into one. Those are in no list any more, asking for them gives the
/// record that is left. <https://developers.hubspot.com/docs/api-reference/latest/crm/objects/contacts/guide#merge-contacts>
pub(crate) const MERGED: &str = "hs_merged_object_ids";
/// The same with the times of the merges, in milliseconds; of contacts alone.
const MERGED_WITH_TIMES: &str = "hs_calculated_merged_vids";

pub(crate) const OBJECTS: [Object; 5] = [
    Object {
        name: "contacts",
        singular: "contact",
        modified: "lastmodifieddate",
        documentation: "https://developers.hubspot.com/docs/api-reference/latest/crm/objects/contacts/guide",
        times_of_merges: true,
    },
    Object {
        name: "companies",
        singular: "company",
        modified: "hs_lastmodifieddate",
        documentation: "https://developers.hubspot.com/docs/api-reference/latest/crm/objects/companies/guide",
        times_of_merges: false,
    },
    Object {
        name: "deals",
        singular: "deal",
        modified: "hs_lastmodifieddate",
        documentation: "https://developers.hubspot.com/docs/api-reference/latest/crm/objects/deals/guide",
        times_of_merges: false,
    },
    Object {
        name: "products",
        singular: "product",
        modified: "hs_lastmodifieddate",
        documentation: "https://developers.hubspot.com/docs/api-reference/latest/crm/objects/products/guide",
        times_of_merges: false,
    },
    Object {
        name: LINE_ITEMS,
        singular: "line_item",
        modified: "hs_lastmodifieddate",
        documentation: "https://developers.hubspot.com/docs/api-reference/latest/crm/objects/line-items/guide",
        times_of_merges: false,
    },
];

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

/// The paths of an object's properties begin so.
pub(crate) const PROPERTIES: &str = "properties.";

/// The stream of an object type with the properties that the account has, and those of HubSpot's own that the mappings use: newer ones
/// reach accounts by and by. One that the account lacks is absent and its column is empty, so that tables have the same shape
/// everywhere. Where HubSpot does not say what there is (`properties` is none), those of the mappings are asked for: it passes over
/// names that it does not know.
pub(crate) fn object(object: &Object, properties: Option<Vec<Property>>, lag: Duration) -> Stream {
    let mut lacking = mapped(object.name);
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
    let mut fields = times_and_flags();
    fields.insert(0, id("id"));
    if object.name == LINE_ITEMS {
        // A line that comes to another deal does not change by that, like a calculated property.
        fields.push(RecordField { calculated: true, ..id(DEAL_ID) });
    }
    fields.extend(properties.into_iter().map(field));
    fields.extend(lacking.into_iter().map(|name| RecordField { visibility, ..field(Property::of_hubspot(name)) }));
    let record = RecordSchema::new(object.singular, fields, &["id"]).times("createdAt", "updatedAt").deletion("archived", "archivedAt");
    let record = RecordSchema { merges, ..record };
    let modes = [Mode::Backfill, Mode::Changes, Mode::Deletions, Mode::Ids, Mode::Columns];
    Stream::new(object.name, record, &modes, object.documentation).lag(lag).page_size(SEARCH_PAGE)
}

/// The streams of past values, of the objects of which some are wanted.
pub(crate) fn past(history: &History, lag: Duration) -> Vec<Stream> {
    let plain = |path: &str, value_type| RecordField::new(path, value_type).sensitive(Sensitivity::None);
    let text = |path: &str| RecordField::new(path, ValueType::Text);
    let stream = |past: &Past| {
        let mut fields = vec![id("record_id"), plain("property", ValueType::Text), plain("timestamp", ValueType::Timestamp)];
        fields.extend([text("value"), text("old_value"), plain("old_value_seconds", ValueType::Integer)]);
        fields.extend([id("pipeline_id"), id("old_pipeline_id"), plain("source_type", ValueType::Text), text("source_id")]);
        fields.extend([text("source_label"), id("updated_by_user_id")]);
        let record = RecordSchema::new(past.singular, fields, &["record_id", "property", "timestamp"]).times("timestamp", "timestamp");
        let page = "https://developers.hubspot.com/docs/api-reference/latest/crm/objects/contacts/guide";
        Stream::new(past.name, record, &[Mode::Backfill, Mode::Changes], page).lag(lag).page_size(SEARCH_PAGE)
    };
    PASTS.iter().filter(|past| !history.of(past.of).is_empty()).map(stream).collect()
}

/// The streams whose fields do not depend on the account.
pub(crate) fn fixed() -> Vec<Stream> {
    let text = |path: &str| RecordField::new(path, ValueType::Text);
    let plain = |path: &str, value_type| RecordField::new(path, value_type).sensitive(Sensitivity::None);
    let mut owner = vec![id("id"), text("email"), text("firstName"), text("lastName"), id("userId"), id("userIdIncludingInactive")];
    owner.extend([plain("type", ValueType::Text), plain("teams", ValueType::Json)]);
    owner.extend(times_and_flags());
    let owner = RecordSchema::new("owner", owner, &["id"]).times("createdAt", "updatedAt").deletion("archived", "archivedAt");
    let mut stage = vec![id("pipeline_id"), plain("pipeline_label", ValueType::Text), plain("pipeline_display_order", ValueType::Integer)];
    stage.extend([id("id"), plain("label", ValueType::Text), plain("displayOrder", ValueType::Integer)]);
    stage.extend([plain("metadata.isClosed", ValueType::Boolean), plain("metadata.probability", ValueType::Decimal)]);
    stage.extend(times_and_flags());
    // Ids of stages are unique inside their pipeline only.
    let stage = RecordSchema::new("pipeline_stage", stage, &["pipeline_id", "id"])
        .times("createdAt", "updatedAt")
        .deletion("archived", "archivedAt");
    let mut list = vec![id("listId"), text("name"), plain("objectTypeId", ValueType::Text), plain("processingType", ValueType::Text)];
    list.extend([plain("processingStatus", ValueType::Text), plain("listVersion", ValueType::Integer)]);
    list.extend(["createdAt", "updatedAt", "filtersUpdatedAt", "deletedAt"].map(|path| plain(path, ValueType::Timestamp)));
    list.extend([id("createdById"), id("updatedById"), plain("additionalProperties.hs_list_size", ValueType::Integer)]);
    list.push(plain("additionalProperties.hs_lastmodifieddate", ValueType::Integer));
    let list = RecordSchema::new("list", list, &["listId"]).times("createdAt", "updatedAt");
    let membership =
        vec![id("list_id"), plain("object_type_id", ValueType::Text), id("record_id"), plain("added_at", ValueType::Timestamp)];
    let membership = RecordSchema::new("list_membership", membership, &["list_id", "record_id"]).parent("list_id");
    let lists = "https://developers.hubspot.com/docs/api-reference/latest/crm/lists/guide";
    let snapshot = |name: &str, record, documentation| Stream::new(name, record, &[Mode::Snapshot], documentation).page_size(LIST_PAGE);
    let mut streams = vec![
        snapshot(OWNERS, owner, "https://developers.hubspot.com/docs/api-reference/latest/crm/owners/guide"),
        snapshot(PIPELINE_STAGES, stage, "https://developers.hubspot.com/docs/api-reference/latest/crm/pipelines/guide"),
        snapshot(LISTS, list, lists).page_size(LISTS_PAGE),
        Stream::new(LIST_MEMBERSHIPS, membership, &[Mode::Snapshot, Mode::Parents], lists).page_size(LISTS_PAGE),
    ];
    for edge in &EDGES {
        let mut fields = vec![id("from_id"), id("to_id"), plain("category", ValueType::Text), plain("type_id", ValueType::Integer)];
        fields.push(plain("label", ValueType::Text));
        // Category and type together name the label, so that they tell the links of one pair apart.
        let record = RecordSchema::new(edge.singular, fields, &["from_id", "to_id", "category", "type_id"]);
        let page = "https://developers.hubspot.com/docs/api-reference/latest/crm/associations/associate-records/guide";
        // A link that comes or goes moves no time of change, neither there nor at its ends: only reading all of them finds every one.
        let modes = [Mode::Snapshot, Mode::Parents];
        streams.push(Stream::new(edge.name, record.parent("from_id"), &modes, page).page_size(LIST_PAGE));
    }
    streams
}

/// The properties that the mappings of a stream name.
fn mapped(stream: &str) -> BTreeSet<&'static str> {
    let line = format!("stream: {stream}");
    let documents = crate::MAPPINGS.iter().flat_map(|(_, text)| text.split("\n---\n"));
    let documents = documents.filter(|document| document.lines().any(|other| other == line));
    let words =
        documents.flat_map(|document| document.split(|letter: char| !letter.is_ascii_alphanumeric() && !matches!(letter, '_' | '.')));
    words.filter_map(|word| word.strip_prefix(PROPERTIES)).collect()
}

/// The property names among a stream's selected fields that the account has, in order.
pub(crate) fn property_names(stream: &Stream) -> Vec<&str> {
    let visible = stream.record.fields.iter().filter(|field| field.visibility == Visibility::Visible);
    visible.filter_map(|field| field.path.strip_prefix(PROPERTIES)).collect()
}

fn id(path: &str) -> RecordField {
    RecordField { semantic: Some(SemanticType::SourceId), ..RecordField::new(path, ValueType::Text).sensitive(Sensitivity::None) }
}

fn times_and_flags() -> Vec<RecordField> {
    [
        ("createdAt", ValueType::Timestamp),
        ("updatedAt", ValueType::Timestamp),
        ("archived", ValueType::Boolean),
        ("archivedAt", ValueType::Timestamp),
    ]
    .map(|(path, value_type)| RecordField::new(path, value_type).sensitive(Sensitivity::None))
    .to_vec()
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
