//! `src/streams.rs`, and a file for each stream where one would be too long.

use std::collections::{BTreeMap, BTreeSet};

use aqueduct_schema::{SemanticType, ValueType};

use super::{guess, mark, pairs, quoted, slice};
use crate::name::variable;
use crate::plan::{Paging, Plan, Stream};

/// More lines than this in one file, and each stream gets its own.
const LONGEST: usize = 320;

/// The files by their path.
pub(super) fn streams(plan: &Plan) -> BTreeMap<String, String> {
    let all = plan.streams.iter().collect::<Vec<_>>();
    let bodies: String = plan.streams.iter().map(|stream| format!("\n{}", body(stream, ""))).collect();
    let calls: Vec<String> = plan.streams.iter().map(|stream| format!("{}()", variable(&stream.name))).collect();
    let together = format!(
        "//! The table of streams.\n\n{}\n/// The streams, in order.\npub(crate) fn all() -> Vec<Stream> {{\n    vec![{}]\n}}\n{FIELDS}{bodies}",
        imports(&all, true),
        calls.join(", ")
    );
    if together.lines().count() <= LONGEST {
        return BTreeMap::from([("src/streams.rs".to_owned(), together)]);
    }
    let modules: String = plan.streams.iter().map(|stream| format!("mod {};\n", variable(&stream.name))).collect();
    let calls: Vec<String> = plan.streams.iter().map(|stream| format!("{}::stream()", variable(&stream.name))).collect();
    let root = format!(
        "//! The table of streams: a file for each.\n\n{modules}\nuse aqueduct_connector::Stream;\n\
         use aqueduct_connector::schema::{{RecordField, SemanticType, ValueType}};\n\n/// The streams, in order.\npub(crate) fn all() -> Vec<Stream> {{\n    vec![{}]\n}}\n{FIELDS}",
        calls.join(", ")
    );
    let mut files = BTreeMap::from([("src/streams.rs".to_owned(), root)]);
    for stream in &plan.streams {
        let text = format!(
            "//! The stream of {}.\n\n{}\nuse super::fields;\n\n{}",
            stream.name.replace('_', " "),
            imports(&[stream], false),
            body(stream, "pub(super) ")
        );
        files.insert(format!("src/streams/{}.rs", variable(&stream.name)), text);
    }
    files
}

const FIELDS: &str = "
/// Fields from their paths, types and kinds.
fn fields(table: &[(&str, ValueType, Option<SemanticType>)]) -> Vec<RecordField> {
    table.iter().map(|(path, value_type, semantic)| RecordField { semantic: *semantic, ..RecordField::new(path, *value_type) }).collect()
}
";

fn imports(streams: &[&Stream], with_fields: bool) -> String {
    let types: BTreeSet<&str> = streams.iter().flat_map(|stream| &stream.fields).map(|field| type_word(field.value_type)).collect();
    let has_semantic = with_fields || streams.iter().flat_map(|stream| &stream.fields).any(|field| field.semantic.is_some());
    let variants = types.into_iter().collect::<Vec<_>>().join(", ");
    let value_type = if with_fields { format!("ValueType::{{self, {variants}}}") } else { format!("ValueType::{{{variants}}}") };
    let mut schema = vec!["Mode", "RecordSchema"];
    if with_fields {
        schema.push("RecordField");
    }
    if has_semantic {
        schema.push("SemanticType");
    }
    schema.push(&value_type);
    let lag = if streams.iter().any(|stream| stream.has_changes()) { "use std::time::Duration;\n\n" } else { "" };
    format!(
        "{lag}use aqueduct_connector::schema::{{{}}};\nuse aqueduct_connector::{{Endpoint, LimitClass, Paging, Stream}};\n",
        schema.join(", ")
    )
}

/// The endpoint and the function of a stream.
fn body(stream: &Stream, visibility: &str) -> String {
    let constant = variable(&stream.name).to_uppercase();
    let function = if visibility.is_empty() { variable(&stream.name) } else { "stream".to_owned() };
    let (size_parameter, size, size_mark) = match &stream.page_size {
        Some(noted) => (format!("Some({})", quoted(&noted.value.0)), format!(".page_size({})", noted.value.1), mark("    ", noted)),
        None => ("None".to_owned(), String::new(), String::new()),
    };
    // A page that is shorter than this is taken for the last.
    let (size, shortest) = if stream.page_size.is_none() && stream.paging.value.ends_short() {
        let why = "the page size cannot be asked for; a shorter page than this is the last, so it must not be more than the vendor gives";
        (".page_size(10)".to_owned(), format!("    // {}\n", guess(why)))
    } else {
        (size, String::new())
    };
    let since = stream.since.as_ref().filter(|_| stream.has_changes());
    let since_mark = since.map(|since| mark("    ", since)).unwrap_or_default();
    let since_parameter = since.map_or("None".to_owned(), |since| format!("Some({})", quoted(&since.value)));
    let fields: String = stream
        .fields
        .iter()
        .map(|field| {
            let semantic = field.semantic.map_or("None".to_owned(), |semantic| format!("Some(SemanticType::{})", semantic_word(semantic)));
            let why = field.why.as_ref().map(|why| format!(" // {}", guess(why))).unwrap_or_default();
            format!("        ({}, {}, {semantic}),{why}\n", quoted(&field.path), type_word(field.value_type))
        })
        .collect();
    let mut marks = mark("    ", &stream.key);
    for time in [&stream.created_at, &stream.updated_at].into_iter().flatten() {
        marks.push_str(&mark("    ", time));
    }
    let modes = if stream.has_changes() { "&[Mode::Backfill, Mode::Changes]" } else { "&[Mode::Snapshot]" };
    let lag = if stream.has_changes() { ".lag(Duration::from_secs(60))" } else { "" };
    if stream.has_changes() && stream.since.as_ref().is_some_and(|since| since.why.is_some()) {
        marks.push_str(&format!("    // {}\n", guess("a change may take a minute until it shows: look the lag up")));
    }
    marks.push_str(&shortest);
    format!(
        "/// <{documentation}>
const {constant}: Endpoint = Endpoint {{
    path: {path},
{items_mark}    items: {items},
{paging_mark}    paging: {paging},
{size_mark}    page_size_parameter: {size_parameter},
    query: {query},
{since_mark}    since_parameter: {since_parameter},
    class: LimitClass::DEFAULT,
}};

{visibility}fn {function}() -> Stream {{
    let fields = fields(&[
{fields}    ]);
{marks}    let record = {record};
    Stream::new({name}, record, {modes}, {link}){lag}{size}.endpoint({constant})
}}
",
        documentation = stream.documentation,
        path = quoted(&stream.path),
        items_mark = mark("    ", &stream.items),
        items = slice(&stream.items.value),
        paging_mark = mark("    ", &stream.paging),
        paging = paging(&stream.paging.value),
        query = pairs(&stream.query),
        record = record(stream),
        name = quoted(&stream.name),
        link = quoted(&stream.documentation),
    )
}

fn record(stream: &Stream) -> String {
    let new = format!("RecordSchema::new({}, fields, &[{}])", quoted(&stream.object), quoted(&stream.key.value));
    match (&stream.created_at, &stream.updated_at) {
        (Some(created), Some(updated)) => format!("{new}.times({}, {})", quoted(&created.value), quoted(&updated.value)),
        (Some(created), None) => format!("RecordSchema {{ created_at: Some({}.to_owned()), ..{new} }}", quoted(&created.value)),
        (None, Some(updated)) => format!("RecordSchema {{ updated_at: Some({}.to_owned()), ..{new} }}", quoted(&updated.value)),
        (None, None) => new,
    }
}

fn paging(paging: &Paging) -> String {
    match paging {
        Paging::Single => "Paging::Single".to_owned(),
        Paging::NextToken { token, parameter } => {
            format!("Paging::NextToken {{ token: {}, parameter: {} }}", slice(token), quoted(parameter))
        }
        Paging::NextLink { link } => format!("Paging::NextLink {{ link: {} }}", slice(link)),
        Paging::LinkHeader => "Paging::LinkHeader".to_owned(),
        Paging::AnchoredOffset { parameter } => format!("Paging::AnchoredOffset {{ parameter: {} }}", quoted(parameter)),
        Paging::PageNumber { parameter, first } => format!("Paging::PageNumber {{ parameter: {}, first: {first} }}", quoted(parameter)),
    }
}

fn type_word(value_type: ValueType) -> &'static str {
    match value_type {
        ValueType::Text => "Text",
        ValueType::Boolean => "Boolean",
        ValueType::Integer => "Integer",
        ValueType::Decimal => "Decimal",
        ValueType::Date => "Date",
        ValueType::Timestamp => "Timestamp",
        ValueType::Json => "Json",
    }
}

/// The variant's name, which is what it prints as.
fn semantic_word(semantic: SemanticType) -> String {
    format!("{semantic:?}")
}
