//! Streams: files of one kind make one.

use std::path::Path;

use aqueduct_connector::Stream;
use aqueduct_connector::schema::table::identifier;
use aqueduct_connector::schema::{Error, Mode, RecordField, RecordSchema, Result, ValueType, codes};
use aqueduct_connector::selection::nearest;

use crate::config::{Config, Format};
use crate::files;
use crate::layouts::Layout;
use crate::parquet::ParquetFile;
use crate::sample::{Sample, quoted, sample};
use crate::shape::{FileShape, misses_layout};

/// How many rows of a Parquet file make a page; pages of text are cut by size.
pub(crate) const ROWS_A_PAGE: u32 = 8_192;

/// A file that has been looked at.
pub(crate) struct Examined {
    pub(crate) shape: FileShape,
    pub(crate) sample: Sample,
}

/// Looks at every file that the config names.
pub(crate) fn examine(config: &Config) -> Result<Vec<Examined>> {
    let files = files::matching(&config.path)?;
    files
        .iter()
        .map(|file| {
            let shape = FileShape::of(file, config, None)?;
            let sample = sample(&shape, config.sample_rows)?;
            Ok(Examined { shape, sample })
        })
        .collect()
}

/// The name of the stream that a file belongs to.
pub(crate) fn stream_name(config: &Config, layout: Option<&Layout>) -> String {
    match (&config.stream, layout) {
        (Some(name), _) => name.clone(),
        (None, Some(layout)) => layout.stream.to_owned(),
        (None, None) => config.path.all().iter().find_map(|path| stem(path)).unwrap_or_else(|| "records".to_owned()),
    }
}

/// The part of a pattern that names what its files hold: the file's name without its endings and wildcards, or else the folder's.
fn stem(pattern: &str) -> Option<String> {
    let plain = |text: &str| {
        let words: Vec<&str> = text.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        words.join("_")
    };
    Path::new(pattern).components().rev().enumerate().find_map(|(depth, component)| {
        let std::path::Component::Normal(name) = component else { return None };
        let name = name.to_string_lossy();
        let name = if depth == 0 { name.split('.').next().unwrap_or_default() } else { &name };
        // What a character class may stand for is no part of the name.
        let outside: String = name
            .split('[')
            .enumerate()
            .map(|(part, text)| if part == 0 { text } else { text.split_once(']').map_or("", |(_, rest)| rest) })
            .collect::<Vec<_>>()
            .join("*");
        let name = plain(&outside);
        (!name.is_empty()).then(|| identifier(&name))
    })
}

/// The name of the account that row ids are made with.
///
/// # Errors
/// `AQ1005` when the files are exports of several vendors: records of two vendors that have equal ids must not become one.
pub(crate) fn account(config: &Config, examined: &[Examined]) -> Result<String> {
    let layouts: Vec<Option<&'static Layout>> = examined.iter().filter(|file| !file.shape.empty).map(|file| file.shape.layout).collect();
    let vendor = |layout: Option<&'static Layout>| layout.map_or("", |layout| layout.vendor.vendor());
    let first = vendor(layouts.first().copied().flatten());
    if let Some(other) = layouts.iter().map(|layout| vendor(*layout)).find(|vendor| *vendor != first) {
        let name = |vendor: &str| if vendor.is_empty() { "no known vendor".to_owned() } else { vendor.to_owned() };
        let file = |vendor_name: &str| {
            let found = examined.iter().find(|file| !file.shape.empty && vendor(file.shape.layout) == vendor_name);
            found.map(|file| file.shape.file.name.to_string()).unwrap_or_default()
        };
        return Err(Error::new(codes::BAD_CONFIG, "`path` names files of several vendors, whose ids could clash")
            .with("file", format!("`{}` of {}", file(first), name(first)))
            .with("file", format!("`{}` of {}", file(other), name(other)))
            .advise("Give each vendor's files a pipeline of their own, or set `layout` to the one that they all have."));
    }
    Ok(config.account.clone().unwrap_or_else(|| if first.is_empty() { stream_name(config, None) } else { first.to_owned() }))
}

/// Makes the streams of the files.
///
/// # Errors
/// `AQ1005` and `AQ1008` for files that do not fit the config or each other, each with the file, its header's line and what to do.
pub(crate) fn streams(config: &Config, examined: &[Examined]) -> Result<Vec<Stream>> {
    account(config, examined)?;
    let mut groups: Vec<(String, Vec<&Examined>)> = Vec::new();
    for file in examined.iter().filter(|file| !file.shape.empty) {
        if let Some(vendor) = misses_layout(config, &file.shape) {
            return Err(at_header(
                &file.shape,
                codes::BAD_CONFIG,
                format!("the header of `{}` is not that of an export of {vendor}", file.shape.file.name),
            )
            .with("columns", quoted(&file.shape.names))
            .advise("Export with English headers and the record's id, or leave `layout` out and set `key`."));
        }
        let name = stream_name(config, file.shape.layout);
        match groups.iter_mut().find(|(known, _)| *known == name) {
            Some((_, files)) => files.push(file),
            None => groups.push((name, vec![file])),
        }
    }
    if groups.is_empty() {
        let names: Vec<&str> = examined.iter().map(|file| file.shape.file.name.as_ref()).collect();
        return Err(Error::new(codes::BAD_CONFIG, format!("there is nothing to read: {} has not even a header", quoted(&names))));
    }
    groups.into_iter().map(|(name, files)| stream(config, &name, &files)).collect()
}

fn stream(config: &Config, name: &str, files: &[&Examined]) -> Result<Stream> {
    let first = files[0];
    for file in &files[1..] {
        fits(&first.shape, &file.shape)?;
    }
    let layout = first.shape.layout;
    let key = key(config, first)?;
    for file in files.iter().filter(|file| file.shape.format == Format::JsonLines && file.sample.records > file.sample.broken) {
        key.iter().try_for_each(|path| resolve(file, "key", path).map(|_| ()))?;
    }
    let role = |setting: &str, named: &Option<String>, known: Option<&str>| match named {
        Some(named) => resolve_in(files, setting, named).map(Some),
        None => Ok(known.filter(|path| first.sample.columns.iter().any(|column| column.path == **path)).map(str::to_owned)),
    };
    let created_at = role("created_at", &config.created_at, layout.map(|layout| layout.created_at))?;
    let updated_at = role("updated_at", &config.updated_at, layout.map(|layout| layout.updated_at))?;
    let is_deleted = role("is_deleted", &None, layout.map(|layout| layout.is_deleted))?;
    let mut declared = Vec::new();
    for (column, value_type) in &config.types {
        declared.push((resolve_in(files, "types", column)?, value_type.value_type()));
    }

    let mut fields: Vec<RecordField> = Vec::new();
    let mut types: Vec<Option<ValueType>> = Vec::new();
    for column in files.iter().flat_map(|file| &file.sample.columns) {
        let found = column.value_type().0;
        match fields.iter().position(|field| field.path == column.path) {
            Some(at) => types[at] = types[at].map_or(found, |known| Some(found.map_or(known, |found| known.widened(found)))),
            None => {
                let mut field = RecordField::new(&column.path, ValueType::Text);
                // Headers hold dots that separate nothing, so the whole of a path makes the column.
                field.column = identifier(&column.path).into();
                field.label.clone_from(&column.name);
                fields.push(field);
                types.push(found);
            }
        }
    }
    for (field, found) in fields.iter_mut().zip(types) {
        let typed_by_file = first.shape.format == Format::Parquet;
        field.value_type = match declared.iter().find(|(path, _)| *path == field.path) {
            Some((_, value_type)) => *value_type,
            // A key is an identifier, even one of digits.
            None if key.contains(&field.path) && !typed_by_file => ValueType::Text,
            None => found.unwrap_or(ValueType::Text),
        };
    }
    // A vendor's mapping may name any column of the export; those that people left out are there without values.
    for column in layout.filter(|_| config.stream.is_none()).map(|layout| layout.columns).unwrap_or_default() {
        if !fields.iter().any(|field| field.path == column.path) {
            let mut field = RecordField::new(column.path, ValueType::Text);
            field.column = identifier(column.path).into();
            fields.push(field);
        }
    }
    let key: Vec<&str> = key.iter().map(String::as_str).collect();
    let mut record = RecordSchema::new(layout.map_or(name, |layout| layout.object), fields, &key);
    record.created_at = created_at;
    record.updated_at = updated_at;
    record.is_deleted = is_deleted;
    Ok(Stream::new(name, record, &[Mode::Changes], "docs/connectors/files.md").page_size(ROWS_A_PAGE))
}

/// The paths of the key.
fn key(config: &Config, file: &Examined) -> Result<Vec<String>> {
    if let Some(key) = &config.key {
        return key.all().iter().map(|name| resolve(file, "key", name)).collect();
    }
    let has = |path: &str| file.shape.paths.iter().any(|known| known == path);
    if let Some(key) = file.shape.layout.and_then(|layout| layout.keys.iter().find(|key| has(key))) {
        return Ok(vec![(*key).to_owned()]);
    }
    let name = &file.shape.file.name;
    let proposals = key_proposals(&file.sample);
    let error = at_header(&file.shape, codes::BAD_CONFIG, format!("`key` is missing: `{name}` has no known layout"));
    Err(match proposals.first() {
        Some(first) => error
            .with("columns that look like a key", quoted(&proposals))
            .advise(format!("Set `key` to the column that identifies a record, for example `key: {first}`.")),
        None => error
            .with("columns", quoted(&columns(file)))
            .advise("Set `key` to the columns that identify a record together; no single column does so in the sample."),
    })
}

/// Columns in which every value of the sample is there and none comes twice; those that are called an id first.
pub(crate) fn key_proposals(sample: &Sample) -> Vec<String> {
    let mut names: Vec<&str> =
        sample.columns.iter().filter(|column| column.values.could_be_key()).map(|column| column.name.as_str()).collect();
    names.sort_by_key(|name| {
        let words = identifier(name);
        let is_id = |word: &str| matches!(word, "id" | "key" | "uuid" | "number" | "code");
        (!words.split('_').any(is_id), !words.contains("email"))
    });
    names.into_iter().map(str::to_owned).collect()
}

fn columns(file: &Examined) -> Vec<&str> {
    file.sample.columns.iter().map(|column| column.name.as_str()).collect()
}

fn resolve_in(files: &[&Examined], setting: &str, name: &str) -> Result<String> {
    // Objects of JSON Lines need not have every key: any file that has it will do.
    let found = files.iter().find_map(|file| resolve(file, setting, name).ok());
    found.map_or_else(|| resolve(files[0], setting, name), Ok)
}

/// The path of a column that the config names.
fn resolve(file: &Examined, setting: &str, name: &str) -> Result<String> {
    let found = file.sample.columns.iter().find(|column| column.name == name || column.path == name);
    found.map(|column| column.path.clone()).ok_or_else(|| {
        let message = format!("`{setting}` names `{name}`, which is not a column of `{}`", file.shape.file.name);
        suggest(at_header(&file.shape, codes::UNKNOWN_FIELD, message), name, &columns(file))
    })
}

/// Files of one stream have the same columns, in any order: a column that one lacks would be emptied by it.
fn fits(first: &FileShape, other: &FileShape) -> Result<()> {
    let (one, two) = (&first.file.name, &other.file.name);
    if first.format != other.format {
        let message = format!("`{two}` is {}, but `{one}` is {}", other.format.name(), first.format.name());
        return Err(at_header(other, codes::BAD_CONFIG, message).advise("Give the files of each format a pipeline of their own."));
    }
    if let Some(missing) = first.paths.iter().find(|path| !other.paths.contains(path)) {
        let message = format!("the header of `{two}` lacks the column `{missing}`, which `{one}` has");
        return Err(suggest(
            at_header(other, codes::UNKNOWN_FIELD, message),
            missing,
            &other.names.iter().map(String::as_str).collect::<Vec<_>>(),
        ));
    }
    if let Some(further) = other.paths.iter().find(|path| !first.paths.contains(path)) {
        let message = format!("the header of `{two}` has the column `{further}`, which `{one}` lacks");
        return Err(suggest(
            at_header(other, codes::UNKNOWN_FIELD, message),
            further,
            &first.names.iter().map(String::as_str).collect::<Vec<_>>(),
        ));
    }
    Ok(())
}

fn at_header(shape: &FileShape, code: aqueduct_connector::schema::Code, message: String) -> Error {
    shape.file.error(code, message).at(shape.file.name.as_ref(), 1, 0)
}

fn suggest(error: Error, wrong: &str, names: &[&str]) -> Error {
    let error = error.with("columns", quoted(names));
    match nearest(wrong, names.iter().copied()) {
        Some(near) => error.advise(format!("Did you mean `{near}`?")),
        None => error.advise("Use one of the columns listed, or give files with other columns a pipeline of their own."),
    }
}

/// Whether the columns that a stream reads are in a file whose header was read again.
pub(crate) fn still_fits(stream: &Stream, shape: &FileShape) -> Result<()> {
    if shape.format == Format::JsonLines {
        return Ok(());
    }
    let optional = |path: &str| shape.layout.is_some_and(|layout| layout.columns.iter().any(|column| column.path == path));
    let needed = stream.record.fields.iter().map(|field| &field.path);
    match needed.into_iter().find(|path| !shape.paths.contains(path) && (stream.record.key.contains(path) || !optional(path))) {
        None => Ok(()),
        Some(missing) => {
            let message = format!("the header of `{}` lacks the column `{missing}`", shape.file.name);
            Err(suggest(
                at_header(shape, codes::UNKNOWN_FIELD, message),
                missing,
                &shape.names.iter().map(String::as_str).collect::<Vec<_>>(),
            ))
        }
    }
}

/// The columns of a Parquet file that a stream reads, with their types.
pub(crate) fn parquet_columns(stream: &Stream, file: &ParquetFile) -> Vec<(String, ValueType)> {
    let columns = file.columns();
    let known = |path: &str| columns.iter().any(|column| column.name == path && column.value_type.is_some());
    stream.record.fields.iter().filter(|field| known(&field.path)).map(|field| (field.path.clone(), field.value_type)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_named_after_their_files() {
        let cases = [
            ("exports/contacts.csv", Some("contacts")),
            ("exports/contacts_*.csv.gz", Some("contacts")),
            ("exports/contacts-2026-[0-9]*.csv", Some("contacts_2026")),
            ("exports/*.csv", Some("exports")),
            ("/data/CRM dump/**/*.parquet", Some("crm_dump")),
            ("*.csv", None),
            ("../*", None),
        ];
        for (pattern, expected) in cases {
            assert_eq!(stem(pattern).as_deref(), expected, "{pattern}");
        }
    }
}
