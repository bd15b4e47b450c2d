//! Proposing a connector from an OpenAPI description. Names are all there is to go by, so nearly everything is a guess and says so.

mod document;
mod fields;
mod limit;
mod mapping;
mod paging;
#[cfg(test)]
mod strangers;
#[cfg(test)]
mod tests;
mod vendor;

pub(crate) use self::paging::is_ascending;

use std::collections::BTreeMap;

use aqueduct_schema::{Error, Result, codes};
use serde_json::Value;

use self::document::{Document, Kind, Read, of_parameter};
use self::fields::{Fields, letters};
use crate::name::{is_plural, is_unseen, plural, seen, singular, snake};
use crate::plan::{Account, Noted, Plan, Stream};

/// Arrays of records lie no deeper in an answer.
const DEEPEST: usize = 3;
/// Arrays of an answer that are looked at.
const MOST_ARRAYS: usize = 1_000;
/// Names of arrays that hold the records, the surest first.
const ITEMS: &[&str] = &["data", "results", "items", "records", "values", "entries", "list", "result", "rows", "elements", "objects"];
/// Names of arrays that hold something beside the records.
const BESIDE: &[&str] = &["errors", "warnings", "included", "links", "messages", "meta", "facets", "fields", "columns"];

/// A connector as a description suggests it.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// The connector.
    pub plan: Plan,
    /// What the description has and the connector does not: operation and reason.
    pub left_out: Vec<(String, String)>,
}

/// Proposes a connector from the text of an OpenAPI 3 or Swagger 2.0 description, JSON or YAML, in one file.
///
/// # Errors
/// `AQ1002` when the text is no such description, or when it has no list of records that can be read.
pub fn propose(name: &str, file: &str, text: &str) -> Result<Proposal> {
    let document = Document::read(file, text)?;
    let mut left_out = Vec::new();
    let mut proposed: Vec<(Stream, Fields)> = Vec::new();
    let documentation = documentation(&document, name);
    for read in document.reads() {
        match stream(&document, &read, &documentation) {
            Ok(found) => proposed.push(found),
            Err(reason) => left_out.push((format!("GET {}", read.path), reason)),
        }
    }
    name_apart(&mut proposed);
    if proposed.is_empty() {
        let first = left_out.first().map(|(operation, reason)| format!(" ({operation}: {reason})")).unwrap_or_default();
        return Err(Error::new(codes::BAD_YAML, format!("the description has no list of records that can be read{first}"))
            .at(file, 1, 0)
            .advise("`new-connector` without --from-openapi writes one to start from."));
    }
    for (stream, fields) in &proposed {
        if fields.left_out > 0 {
            left_out.push((stream.name.clone(), format!("{} fields, beyond the first {}", fields.left_out, stream.fields.len())));
        }
    }
    let account = vendor::account(&document);
    if let Account::Endpoint { path, .. } = &account.value {
        left_out.retain(|(operation, _)| *operation != format!("GET {path}"));
    }
    let mappings = proposed.iter().filter_map(|(stream, fields)| mapping::mapping(stream, fields)).collect();
    let title = document.root["info"]["title"].as_str().map(seen);
    let plan = Plan {
        name: name.to_owned(),
        title: title.filter(|title| !title.is_empty()).unwrap_or_else(|| crate::name::type_name(name)),
        documentation,
        base_url: vendor::base_url(&document),
        credentials: vendor::credentials(&document),
        account,
        headers: headers(&document),
        limit: limit::limit(&document, &proposed.iter().map(|(stream, _)| stream.path.as_str()).collect::<Vec<_>>()),
        retry_after_header: limit::retry_after_header(&document),
        streams: proposed.into_iter().map(|(stream, _)| stream).collect(),
        mappings,
    };
    Ok(Proposal { plan, left_out })
}

/// The vendor's page.
fn documentation(document: &Document, name: &str) -> String {
    let root = &document.root;
    let places = [&root["externalDocs"]["url"], &root["info"]["externalDocs"]["url"], &root["info"]["contact"]["url"]];
    let said = places.into_iter().filter_map(Value::as_str).find(|url| is_link(url));
    let of_server = || {
        let url = vendor::base_url(document).value?;
        url::Url::parse(&url).ok()?.host_str().map(|host| format!("https://{host}"))
    };
    said.map(str::to_owned).or_else(of_server).unwrap_or_else(|| format!("https://developers.{}.example", name.replace('_', "-")))
}

fn is_link(url: &str) -> bool {
    url.starts_with("https://") && !url.contains(|letter: char| letter.is_whitespace() || is_unseen(letter) || "<>\"".contains(letter))
}

/// Headers that requests must have and whose value is said.
fn headers(document: &Document) -> Vec<(String, String)> {
    let mut found = BTreeMap::new();
    for read in document.reads() {
        for (name, parameter) in read.placed("header") {
            let schema = of_parameter(document, parameter);
            let said = [&schema["default"], &parameter["example"], &schema["example"], &schema["enum"][0]];
            let value = said.into_iter().find_map(Value::as_str).filter(|value| value.bytes().all(|byte| (32..127).contains(&byte)));
            let is_own = ["authorization", "accept", "content-type"].contains(&name.to_ascii_lowercase().as_str());
            // A version is worth pinning also where it may be left out.
            let wanted = parameter["required"] == true || letters(name).contains("version");
            if let Some(value) = value.filter(|_| wanted && !is_own) {
                found.entry(name.to_owned()).or_insert_with(|| value.to_owned());
            }
        }
    }
    found.into_iter().collect()
}

/// The stream that an operation reads; in words why it reads none.
fn stream(document: &Document, read: &Read<'_>, documentation: &str) -> Result<(Stream, Fields), String> {
    if read.path.contains('{') {
        return Err("its path needs a record of another kind".to_owned());
    }
    let query = required(document, read)?;
    if read.operation["deprecated"] == true {
        return Err("the vendor has given it up (deprecated)".to_owned());
    }
    let (answer, response_headers) = document.answer(read.operation).ok_or("its answer is not described as JSON")?;
    let (items, record) = records(document, answer, read.path)?;
    let name = name_of(read.path);
    let object = singular(&name);
    let fields = fields::fields(document, record, &object)?;
    let created_at = fields.created_at.as_ref().map(|time| time.value.as_str());
    let paging = paging::paging(document, read, answer, response_headers, &items.value, created_at)?;
    let mut query = query;
    if let crate::plan::Paging::Time { time, .. } = &paging.value {
        let order = paging::oldest_first(document, read, time);
        query.retain(|(name, _)| order.iter().all(|(other, _)| other != name));
        query.extend(order);
    }
    let page = read.operation["externalDocs"]["url"].as_str().filter(|url| is_link(url)).unwrap_or(documentation);
    let stream = Stream {
        name,
        object,
        path: read.path.to_owned(),
        items,
        page_size: paging::page_size(document, read).filter(|_| paging.value != crate::plan::Paging::Single),
        paging,
        query,
        since: paging::since(document, read),
        until: paging::until(document, read),
        key: fields.key.clone(),
        created_at: fields.created_at.clone(),
        updated_at: fields.updated_at.clone(),
        is_deleted: fields.is_deleted.clone(),
        fields: fields.fields.clone(),
        documentation: page.to_owned(),
    };
    Ok((stream, fields))
}

/// The parameters that every request must have and whose value is said.
fn required(document: &Document, read: &Read<'_>) -> Result<Vec<(String, String)>, String> {
    let mut query = Vec::new();
    for (name, parameter) in read.query().filter(|(_, parameter)| parameter["required"] == true) {
        let schema = of_parameter(document, parameter);
        let only = schema["enum"].as_array().filter(|words| words.len() == 1).map(|words| &words[0]);
        let value = match schema.get("default").or(only) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Bool(flag)) => flag.to_string(),
            _ => return Err(format!("it needs the parameter `{name}`")),
        };
        query.push((name.to_owned(), value));
    }
    Ok(query)
}

/// Where the records stand in an answer, and their schema.
fn records<'d>(document: &'d Document, answer: &'d Value, path: &str) -> Result<(Noted<Vec<String>>, &'d Value), String> {
    let mut found: Vec<(Vec<String>, &Value)> = Vec::new();
    let mut others = 0;
    collect(document, answer, &mut Vec::new(), &mut found, &mut others);
    let last = letters(path.rsplit('/').next().unwrap_or_default());
    let rank = |keys: &[String]| {
        let name = keys.last().map(|key| letters(key)).unwrap_or_default();
        let known = ITEMS.iter().position(|word| *word == name).map_or(ITEMS.len(), |place| place + 1);
        (if keys.is_empty() || name == last { 0 } else { known }, keys.len())
    };
    found.sort_by_key(|(keys, _)| rank(keys));
    let count = found.len();
    let Some((keys, record)) = found.into_iter().next() else {
        return Err(if others > 0 { "its array holds no objects" } else { "its answer holds no array of records" }.to_owned());
    };
    let why = (count > 1).then(|| format!("one of {count} arrays of objects in the answer, by its name and place"));
    Ok((Noted { value: keys, why }, record))
}

fn collect<'d>(
    document: &'d Document,
    schema: &'d Value,
    keys: &mut Vec<String>,
    found: &mut Vec<(Vec<String>, &'d Value)>,
    others: &mut usize,
) {
    let shape = document.shape(schema);
    match (shape.kind, shape.items) {
        (Kind::Array, Some(items)) => match document.shape(items).kind {
            Kind::Object => found.push((keys.clone(), items)),
            _ => *others += 1,
        },
        (Kind::Object, _) if keys.len() < DEEPEST => {
            for (name, property) in &shape.properties {
                if found.len() + *others >= MOST_ARRAYS {
                    return;
                }
                if BESIDE.contains(&letters(name).as_str()) || name.is_empty() {
                    continue;
                }
                keys.push((*name).to_owned());
                collect(document, property, keys, found, others);
                keys.pop();
            }
        }
        _ => {}
    }
}

/// A stream's name from its path.
fn name_of(path: &str) -> String {
    let parts: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(snake).collect();
    match parts.as_slice() {
        [] => "records".to_owned(),
        [.., before, last] if !is_plural(last) && is_plural(before) => format!("{before}_{last}"),
        [.., last] => plural(last),
    }
}

/// Gives streams of one name the parts of their paths before it, and then numbers.
fn name_apart(proposed: &mut [(Stream, Fields)]) {
    let mut taken: Vec<String> = Vec::new();
    for (stream, _) in proposed {
        let parts: Vec<String> = stream.path.split('/').filter(|part| !part.is_empty()).map(snake).collect();
        let mut wider = parts.len().saturating_sub(1);
        let short = stream.name.clone();
        while taken.contains(&stream.name) && wider > 0 {
            wider -= 1;
            stream.name = format!("{}_{short}", parts[wider..parts.len() - 1].join("_"));
        }
        let mut number = 2;
        let wide = stream.name.clone();
        while taken.contains(&stream.name) {
            stream.name = format!("{wide}_{number}");
            number += 1;
        }
        taken.push(stream.name.clone());
    }
}
