//! Requests, recorded and asked, as they are compared.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// What stands for secrets in fixtures.
const SCRUBBED: &str = "scrubbed";

/// A request as it is compared: values by the name of their parameter, sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) path: String,
    parameters: BTreeMap<String, Vec<String>>,
}

impl Asked {
    /// A request without query and body.
    pub(super) fn new(method: &str, path: &str) -> Self {
        Self { method: method.to_owned(), path: path.to_owned(), parameters: BTreeMap::new() }
    }

    /// A request as it came.
    pub(super) fn of(parts: &hyper::http::request::Parts, body: &[u8]) -> Self {
        let mut asked = Self::new(parts.method.as_str(), parts.uri.path());
        let pairs = |bytes: &[u8]| url::form_urlencoded::parse(bytes).into_owned().collect::<Vec<_>>();
        asked.add_pairs("", pairs(parts.uri.query().unwrap_or_default().as_bytes()));
        let kind = parts.headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if kind.contains("form-urlencoded") {
            asked.add_pairs("body ", pairs(body));
        } else if let Ok(json) = serde_json::from_slice(body) {
            asked.add_json("body", &json);
        } else if let Some(lines) = json_lines(body) {
            lines.iter().enumerate().for_each(|(index, line)| asked.add_json(&format!("body.{index}"), line));
        } else if !body.is_empty() {
            asked.add("body".to_owned(), String::from_utf8_lossy(body).into_owned());
        }
        asked.sorted()
    }

    pub(super) fn add(&mut self, name: String, value: String) {
        self.parameters.entry(name).or_default().push(value);
    }

    pub(super) fn add_pairs(&mut self, before: &str, pairs: Vec<(String, String)>) {
        for (name, value) in pairs {
            self.add(format!("{before}{name}"), value);
        }
    }

    pub(super) fn add_json(&mut self, place: &str, value: &Value) {
        match value {
            Value::Object(entries) if !entries.is_empty() => {
                entries.iter().for_each(|(key, value)| self.add_json(&format!("{place}.{key}"), value));
            }
            Value::Array(items) if !items.is_empty() => {
                items.iter().enumerate().for_each(|(index, value)| self.add_json(&format!("{place}.{index}"), value));
            }
            Value::String(text) => self.add(place.to_owned(), text.clone()),
            other => self.add(place.to_owned(), other.to_string()),
        }
    }

    pub(super) fn sorted(mut self) -> Self {
        self.parameters.values_mut().for_each(|values| values.sort_unstable());
        self
    }

    /// In what a request differs from this recorded one, in words.
    pub(super) fn differences(&self, asked: &Self, same: impl Fn(&str, &str) -> bool) -> Vec<String> {
        let none = Vec::new();
        let names: BTreeSet<&String> = self.parameters.keys().chain(asked.parameters.keys()).collect();
        let mut differences = Vec::new();
        for name in names {
            let recorded = self.parameters.get(name).unwrap_or(&none);
            let mut left: Vec<&String> = asked.parameters.get(name).unwrap_or(&none).iter().collect();
            let mut missed = Vec::new();
            // What is equal first, so that a secret takes what nothing else takes.
            for value in recorded {
                match left.iter().position(|other| *other == value || same(value, other)) {
                    Some(at) => drop(left.remove(at)),
                    None => missed.push(value),
                }
            }
            missed.retain(|value| !(*value == SCRUBBED && left.pop().is_some()));
            let list = |values: &[&String]| values.iter().map(|value| format!("`{}`", shorten(value))).collect::<Vec<_>>().join(", ");
            match (missed.is_empty(), left.is_empty()) {
                (true, true) => {}
                (false, false) => differences.push(format!("`{name}` is {}, recorded was {}", list(&left), list(&missed))),
                (false, true) => differences.push(format!("`{name}` is missing, recorded was {}", list(&missed))),
                (true, false) => differences.push(format!("`{name}` is {}, recorded was none", list(&left))),
            }
        }
        differences
    }

    /// How far two requests are apart: parts of their paths that differ, and the method.
    pub(super) fn distance(&self, other: &Self) -> usize {
        let (mine, theirs): (Vec<&str>, Vec<&str>) = (self.path.split('/').collect(), other.path.split('/').collect());
        let common = mine.iter().zip(&theirs).filter(|(one, other)| one == other).count();
        2 * (mine.len().max(theirs.len()) - common) + usize::from(self.method != other.method)
    }
}

/// Whether two values are the same once every instant in them is taken for any other.
pub(super) fn same_but_for_instants(one: &str, other: &str) -> bool {
    let (mine, my_instants) = without_instants(one);
    let (theirs, their_instants) = without_instants(other);
    my_instants > 0 && my_instants == their_instants && mine == theirs
}

/// A text without its instants (RFC 3339, or milliseconds since 1970 as the whole text) and how many there were.
fn without_instants(text: &str) -> (String, usize) {
    const FORM: &[u8] = b"0000-00-00T00:00:00";
    if text.len() == 13 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return (String::new(), 1);
    }
    let (mut out, mut found, mut rest) = (String::new(), 0, text);
    while let Some(letter) = rest.chars().next() {
        let fits = |(byte, form): (u8, &u8)| if *form == b'0' { byte.is_ascii_digit() } else { byte == *form };
        if rest.len() >= FORM.len() && rest.bytes().zip(FORM).all(fits) {
            let end = rest[FORM.len()..].find(|other: char| !other.is_ascii_digit() && !".:+Z".contains(other));
            rest = &rest[end.map_or(rest.len(), |end| end + FORM.len())..];
            out.push('\u{0}');
            found += 1;
        } else {
            out.push(letter);
            rest = &rest[letter.len_utf8()..];
        }
    }
    (out, found)
}

fn json_lines(body: &[u8]) -> Option<Vec<Value>> {
    let text = std::str::from_utf8(body).ok()?.trim();
    if text.is_empty() { None } else { text.lines().map(|line| serde_json::from_str(line).ok()).collect() }
}

fn shorten(value: &str) -> String {
    if value.chars().count() <= 80 { value.to_owned() } else { value.chars().take(79).chain(['…']).collect() }
}
