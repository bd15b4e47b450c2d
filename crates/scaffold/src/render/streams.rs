//! `src/streams.rs`, and a file for each stream where one would be too long.

use std::collections::BTreeMap;

use aqueduct_schema::{SemanticType, ValueType};

use super::{guess, mark, pairs, quoted, slice};
use crate::name::variable;
use crate::plan::{Field, Noted, Paging, Plan, Stream};

/// More lines than this in one file, and each stream gets its own.
const LONGEST: usize = 320;
/// A line of fields or of what was guessed about them has so many characters at most.
const WIDTH: usize = 110;

/// The files by their path.
pub(super) fn streams(plan: &Plan) -> BTreeMap<String, String> {
    let all = plan.streams.iter().collect::<Vec<_>>();
    let bodies: String = plan.streams.iter().map(|stream| format!("\n{}", body(stream, ""))).collect();
    let together = format!("//! The table of streams.\n\n{}\n{}{bodies}", imports(&all), table(plan, ""));
    if together.lines().count() <= LONGEST {
        return BTreeMap::from([("src/streams.rs".to_owned(), together)]);
    }
    let modules: String = plan.streams.iter().map(|stream| format!("mod {};\n", variable(&stream.name))).collect();
    let root = format!(
        "//! The table of streams: a file for each.\n\n{modules}\nuse aqueduct_connector::Stream;\nuse aqueduct_connector::schema::Result;\n\n{}",
        table(plan, "::stream")
    );
    let mut files = BTreeMap::from([("src/streams.rs".to_owned(), root)]);
    for stream in &plan.streams {
        let words = stream.name.replace('_', " ");
        let text = format!("//! The stream of {words}.\n\n{}\n{}", imports(&[stream]), body(stream, "pub(super) "));
        files.insert(format!("src/streams/{}.rs", variable(&stream.name)), text);
    }
    files
}

/// The function that gives all streams; `call` is what stands behind a stream's name.
fn table(plan: &Plan, call: &str) -> String {
    let calls: Vec<String> = plan.streams.iter().map(|stream| format!("{}{call}()?", variable(&stream.name))).collect();
    format!("/// The streams, in order.\npub(crate) fn all() -> Result<Vec<Stream>> {{\n    Ok(vec![{}])\n}}\n", calls.join(", "))
}

fn imports(streams: &[&Stream]) -> String {
    let apart: Vec<&Field> = streams.iter().flat_map(|stream| &stream.fields).filter(|field| word(field).is_none()).collect();
    let mut schema = vec!["Mode"];
    if !apart.is_empty() {
        schema.push("RecordField");
    }
    schema.extend(["RecordSchema", "Result"]);
    if apart.iter().any(|field| field.semantic.is_some()) {
        schema.push("SemanticType");
    }
    if !apart.is_empty() {
        schema.push("ValueType");
    }
    let lag = if streams.iter().any(|stream| stream.has_changes()) { "use std::time::Duration;\n\n" } else { "" };
    format!(
        "{lag}use aqueduct_connector::schema::{{{}}};\nuse aqueduct_connector::{{Endpoint, Paging, Stream, fields}};\n",
        schema.join(", ")
    )
}

/// The function of a stream.
fn body(stream: &Stream, visibility: &str) -> String {
    let function = if visibility.is_empty() { variable(&stream.name) } else { "stream".to_owned() };
    let changes = stream.has_changes();
    let since = stream.since.as_ref().filter(|_| changes);
    let mut endpoint = format!("Endpoint::new({}, {}, {})", quoted(&stream.path), slice(&stream.items.value), paging(&stream.paging.value));
    if let Some(Noted { value: (parameter, _), .. }) = &stream.page_size {
        endpoint.push_str(&format!(".page_size({})", quoted(parameter)));
    }
    if !stream.query.is_empty() {
        endpoint.push_str(&format!(".query({})", pairs(&stream.query)));
    }
    if let Some(since) = since {
        endpoint.push_str(&format!(".since({})", quoted(&since.value)));
    }
    let until = stream.until.as_ref().filter(|_| changes);
    if let Some(until) = until {
        endpoint.push_str(&format!(".until({})", quoted(&until.value)));
    }
    let endpoint_marks = [
        mark("    ", &stream.items),
        mark("    ", &stream.paging),
        stream.page_size.as_ref().map(|size| mark("    ", size)).unwrap_or_default(),
        since.map(|since| mark("    ", since)).unwrap_or_default(),
        until.map(|until| mark("    ", until)).unwrap_or_default(),
    ];

    let mut more = String::new();
    let mut marks = String::new();
    if changes {
        more.push_str(".lag(Duration::from_secs(60))");
        if since.is_some_and(|since| since.why.is_some()) {
            marks.push_str(&format!("    // {}\n", guess("a change may take a minute until it shows: look the lag up")));
        }
    }
    match &stream.page_size {
        // A stream reads a hundred where nothing is said.
        Some(Noted { value: (_, 100), .. }) => {}
        Some(Noted { value: (_, size), .. }) => more.push_str(&format!(".page_size({size})")),
        // A page that is shorter than this is taken for the last.
        None if stream.paging.value.ends_short() => {
            let why =
                "the page size cannot be asked for; a shorter page than this is the last, so it must not be more than the vendor gives";
            marks.push_str(&format!("    // {}\n", guess(why)));
            more.push_str(".page_size(10)");
        }
        None => {}
    }
    let modes = if changes { "&[Mode::Backfill, Mode::Changes]" } else { "&[Mode::Snapshot]" };
    format!(
        "/// <{link}>\n{visibility}fn {function}() -> Result<Stream> {{\n{record}{endpoint_marks}    let endpoint = {endpoint};\n{marks}    \
         Ok(Stream::new({name}, record, {modes}, {quoted_link}){more}.endpoint(endpoint))\n}}\n",
        link = stream.documentation,
        record = record(stream),
        endpoint_marks = endpoint_marks.concat(),
        name = quoted(&stream.name),
        quoted_link = quoted(&stream.documentation),
    )
}

/// The lines that say what a record is.
fn record(stream: &Stream) -> String {
    let mut text = guesses(&stream.fields);
    let words: Vec<String> = stream.fields.iter().filter_map(word).collect();
    let words = wrapped(&words, "        ");
    let apart: Vec<&Field> = stream.fields.iter().filter(|field| word(field).is_none()).collect();
    let mutable = if apart.is_empty() { "" } else { "mut " };
    // The words need no escapes: see `word`.
    text.push_str(&format!("    let {mutable}fields = fields(\"{words}\")?;\n"));
    for field in apart {
        let new = format!("RecordField::new({}, ValueType::{:?})", quoted(&field.path), field.value_type);
        let new = match field.semantic {
            Some(semantic) => format!("RecordField {{ semantic: Some(SemanticType::{semantic:?}), ..{new} }}"),
            None => new,
        };
        text.push_str(&format!("    fields.push({new});\n"));
    }
    text.push_str(&mark("    ", &stream.key));
    for role in [&stream.created_at, &stream.updated_at, &stream.is_deleted].into_iter().flatten() {
        text.push_str(&mark("    ", role));
    }
    let new = format!("RecordSchema::new({}, fields, &[{}])", quoted(&stream.object), quoted(&stream.key.value));
    let role = |role: &str, time: &Noted<String>| format!("RecordSchema {{ {role}: Some({}.to_owned()), ..{new} }}", quoted(&time.value));
    let record = match (&stream.created_at, &stream.updated_at) {
        (Some(created), Some(updated)) => format!("{new}.times({}, {})", quoted(&created.value), quoted(&updated.value)),
        (Some(created), None) => role("created_at", created),
        (None, Some(updated)) => role("updated_at", updated),
        (None, None) => new,
    };
    let flag = stream.is_deleted.as_ref().map(|flag| format!(".deletion_flag({})", quoted(&flag.value))).unwrap_or_default();
    text.push_str(&format!("    let record = {record}{flag};\n"));
    text
}

/// A field in a line of text; `None` where its path cannot stand in one.
fn word(field: &Field) -> Option<String> {
    let plain = field.path.chars().all(|letter| !letter.is_whitespace() && !matches!(letter, '"' | '\\'));
    let kind = match field.semantic {
        Some(semantic) if semantic.value_type() == field.value_type => Some(semantic.name()),
        Some(_) => return None,
        None => None,
    };
    let kind = kind.or_else(|| type_word(field.value_type));
    // The kind is looked for from the end, so a path with a colon of its own names it in any case.
    let kind = kind.or_else(|| field.path.contains(':').then_some("text"));
    plain.then(|| kind.map_or_else(|| field.path.clone(), |kind| format!("{}:{kind}", field.path)))
}

/// The word for a type; none for text.
fn type_word(value_type: ValueType) -> Option<&'static str> {
    match value_type {
        ValueType::Text => None,
        ValueType::Boolean => Some("boolean"),
        ValueType::Integer => Some("integer"),
        ValueType::Decimal => Some("decimal"),
        ValueType::Date => Some("date"),
        ValueType::Timestamp => Some("timestamp"),
        ValueType::Json => Some("json"),
    }
}

/// Comments that say which fields were guessed: those of one reason together.
fn guesses(fields: &[Field]) -> String {
    let mut reasons: Vec<(String, Vec<String>)> = Vec::new();
    for field in fields {
        let Some(why) = &field.why else { continue };
        let reason = match field.semantic.map(SemanticType::name) {
            Some(kind) if why.starts_with(kind) => "kinds by name or format",
            _ => why,
        };
        match reasons.iter_mut().find(|(known, _)| known == reason) {
            Some((_, paths)) => paths.push(field.path.clone()),
            None => reasons.push((reason.to_owned(), vec![field.path.clone()])),
        }
    }
    let lines = |(reason, paths): (String, Vec<String>)| {
        let words: Vec<String> = guess(&format!("{reason}:")).split(' ').map(str::to_owned).chain(paths).collect();
        format!("    // {}\n", wrapped(&words, "    // "))
    };
    reasons.into_iter().map(lines).collect()
}

/// Words with space between them in lines that are not too long, of which all but the first begin so.
fn wrapped(words: &[String], begin: &str) -> String {
    let (mut text, mut length) = (String::new(), 0);
    for word in words {
        if length > 0 && length + 1 + word.len() > WIDTH {
            text.push_str(&format!("\n{begin}"));
            length = 0;
        } else if length > 0 {
            text.push(' ');
            length += 1;
        }
        text.push_str(word);
        length += word.len();
    }
    text
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
        Paging::Keyset { parameter, key } => format!("Paging::Keyset {{ parameter: {}, key: {} }}", quoted(parameter), quoted(key)),
        Paging::Time { parameter, time, offset } => {
            format!("Paging::Time {{ parameter: {}, time: {}, offset: {} }}", quoted(parameter), quoted(time), quoted(offset))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(path: &str, value_type: ValueType, semantic: Option<SemanticType>, why: Option<&str>) -> Field {
        Field { path: path.to_owned(), value_type, semantic, why: why.map(str::to_owned), is_number: false, primary: None }
    }

    #[test]
    fn fields_stand_in_a_line_unless_their_paths_cannot() {
        for (path, value_type, semantic, expected) in [
            ("id", ValueType::Text, None, Some("id")),
            ("a.mail", ValueType::Text, Some(SemanticType::Email), Some("a.mail:email")),
            ("tags", ValueType::Json, None, Some("tags:json")),
            ("jcr:title", ValueType::Text, None, Some("jcr:title:text")),
            ("First Name", ValueType::Text, None, None),
            ("a\"b", ValueType::Text, None, None),
            ("mail", ValueType::Json, Some(SemanticType::Email), None),
        ] {
            let word = word(&field(path, value_type, semantic, None));
            assert_eq!(word.as_deref(), expected);
            if let Some(word) = word {
                let read = aqueduct_connector::fields(&word).unwrap_or_default();
                let told = read.first().map(|field| (field.path.as_str(), field.value_type, field.semantic));
                assert_eq!(told, Some((path, value_type, semantic)), "the connector crate reads what is written here");
            }
        }
    }

    #[test]
    fn guesses_of_one_reason_stand_together_and_none_is_cut() {
        let mut fields = vec![
            field("mail", ValueType::Text, Some(SemanticType::Email), Some("email by its name or format")),
            field("x", ValueType::Text, None, Some("the description does not say what it is")),
            field("site", ValueType::Text, Some(SemanticType::Url), Some("url by its name or format")),
        ];
        let text = guesses(&fields);
        assert_eq!(
            text,
            "    // GUESSED: kinds by name or format: mail site\n    // GUESSED: the description does not say what it is: x\n"
        );
        fields.extend((0..150).map(|number| field(&format!("field_{number}"), ValueType::Text, None, Some("not said"))));
        let text = guesses(&fields);
        assert!((0..150).all(|number| text.contains(&format!("field_{number}"))));
        assert!(text.lines().all(|line| line.starts_with("    // ") && line.len() <= WIDTH + 8), "{text}");
    }
}
