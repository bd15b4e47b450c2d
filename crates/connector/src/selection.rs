//! Which streams and fields a pipeline asks for.

use aqueduct_schema::{Error, Result, codes};

use crate::stream::Stream;

/// Patterns of a `select` list: `contacts` (a stream with the fields its mappings use), `contacts.*` (all its fields),
/// `contacts.fax` (a field by path, column or last part of its path), `!contacts.fax` (without it), `!deals` (without the stream).
/// `*` matches any run of characters. Later patterns win.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    patterns: Vec<Pattern>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    text: String,
    exclude: bool,
    stream: String,
    field: Option<String>,
}

impl Selection {
    /// Reads the patterns. An empty list selects every stream with the fields its mappings use.
    pub fn new<T: AsRef<str>>(patterns: &[T]) -> Self {
        let patterns = patterns
            .iter()
            .map(|pattern| {
                let text = pattern.as_ref().trim();
                let (exclude, rest) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest.trim()));
                let (stream, field) = rest.split_once('.').map_or((rest, None), |(stream, field)| (stream, Some(field.to_owned())));
                Pattern { text: text.to_owned(), exclude, stream: stream.to_owned(), field }
            })
            .collect();
        Self { patterns }
    }

    /// The selected streams, each with the selected fields. Fields that have a role (key, times, deletion) are always read.
    /// `mapped` tells whether a mapping uses a stream's path.
    ///
    /// # Errors
    /// `AQ1007` for a pattern that matches no stream, `AQ1008` for one that matches no field.
    pub fn apply(&self, streams: &[Stream], mapped: impl Fn(&str, &str) -> bool) -> Result<Vec<Stream>> {
        for pattern in &self.patterns {
            self.check(pattern, streams)?;
        }
        let mut selected = Vec::new();
        for stream in streams {
            let mentions: Vec<&Pattern> = self.patterns.iter().filter(|pattern| matches(&pattern.stream, &stream.name)).collect();
            let dropped = mentions.iter().rev().find(|pattern| pattern.field.is_none()).is_some_and(|pattern| pattern.exclude);
            let wanted = mentions.iter().any(|pattern| !pattern.exclude) || self.selects_all_streams();
            if !wanted || dropped {
                continue;
            }
            let by_default = self.selects_all_streams() || mentions.iter().any(|pattern| !pattern.exclude && pattern.field.is_none());
            let mut stream = stream.clone();
            let record = stream.record.clone();
            stream.record.fields.retain(|field| {
                let mut keep = by_default && mapped(&stream.name, &field.path);
                for pattern in &mentions {
                    if pattern.field.as_deref().is_some_and(|wanted| field_matches(wanted, field)) {
                        keep = !pattern.exclude;
                    }
                }
                keep || record.has_role(&field.path)
            });
            selected.push(stream);
        }
        Ok(selected)
    }

    fn selects_all_streams(&self) -> bool {
        self.patterns.iter().all(|pattern| pattern.exclude)
    }

    fn check(&self, pattern: &Pattern, streams: &[Stream]) -> Result<()> {
        let named: Vec<&Stream> = streams.iter().filter(|stream| matches(&pattern.stream, &stream.name)).collect();
        if named.is_empty() {
            let names: Vec<&str> = streams.iter().map(|stream| stream.name.as_str()).collect();
            return Err(
                Error::new(codes::UNKNOWN_STREAM, format!("`{}` selects no stream", pattern.text)).with("streams", names.join(", "))
            );
        }
        let Some(field) = &pattern.field else { return Ok(()) };
        if named.iter().any(|stream| stream.record.fields.iter().any(|candidate| field_matches(field, candidate))) {
            return Ok(());
        }
        let near = nearest(field, named.iter().flat_map(|stream| stream.record.fields.iter().map(|field| field.column.as_ref())));
        let error = Error::new(codes::UNKNOWN_FIELD, format!("`{}` selects no field", pattern.text));
        Err(match near {
            Some(near) => error.advise(format!("Did you mean `{near}`? `aqueduct discover` lists the fields.")),
            None => error,
        })
    }
}

fn field_matches(pattern: &str, field: &aqueduct_schema::RecordField) -> bool {
    let leaf = field.path.rsplit('.').next().unwrap_or_default();
    matches(pattern, &field.path) || matches(pattern, &field.column) || matches(pattern, leaf)
}

/// Whether `text` fits a pattern in which `*` stands for any run of characters.
pub fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// The candidate that is likest to a misspelt word, if one is near enough to be worth naming.
pub fn nearest<'c>(word: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .min()
        .filter(|(far, _)| *far <= word.len().div_ceil(3))
        .map(|(_, near)| near)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use aqueduct_schema::{Mode, RecordField, RecordSchema, ValueType};

    fn streams() -> Vec<Stream> {
        let fields = |paths: &[&str]| paths.iter().map(|path| RecordField::new(path, ValueType::Text)).collect::<Vec<_>>();
        vec![
            Stream::new(
                "contacts",
                RecordSchema::new("contact", fields(&["id", "p.email", "p.fax", "p.colour"]), &["id"]),
                &[Mode::Snapshot],
                "",
            ),
            Stream::new("deals", RecordSchema::new("deal", fields(&["id", "p.amount"]), &["id"]), &[Mode::Snapshot], ""),
        ]
    }

    fn chosen(patterns: &[&str]) -> Vec<(String, Vec<String>)> {
        let selected = Selection::new(patterns).apply(&streams(), |_, path| path != "p.colour").unwrap();
        selected.into_iter().map(|stream| (stream.name, stream.record.fields.into_iter().map(|field| field.path).collect())).collect()
    }

    fn expected(entries: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
        entries.iter().map(|(name, paths)| ((*name).into(), paths.iter().map(|path| (*path).into()).collect())).collect()
    }

    #[test]
    fn patterns_choose_streams_and_fields() {
        let everything = expected(&[("contacts", &["id", "p.email", "p.fax"]), ("deals", &["id", "p.amount"])]);
        assert_eq!(chosen(&[]), everything);
        assert_eq!(chosen(&["contacts"]), everything[..1]);
        assert_eq!(chosen(&["contacts.*", "!contacts.fax"]), expected(&[("contacts", &["id", "p.email", "p.colour"])]));
        assert_eq!(chosen(&["deals.amount"]), expected(&[("deals", &["id", "p.amount"])]));
        assert_eq!(chosen(&["contacts", "contacts.colour"]), expected(&[("contacts", &["id", "p.email", "p.fax", "p.colour"])]));
        assert_eq!(chosen(&["!deals"]), everything[..1]);
        assert_eq!(chosen(&["!contacts.fax"]), expected(&[("contacts", &["id", "p.email"]), ("deals", &["id", "p.amount"])]));
    }

    #[test]
    fn what_matches_nothing_is_an_error_with_a_suggestion() {
        let error = Selection::new(&["contcts"]).apply(&streams(), |_, _| true).unwrap_err();
        assert_eq!(error.code(), codes::UNKNOWN_STREAM);
        let error = Selection::new(&["contacts.emial"]).apply(&streams(), |_, _| true).unwrap_err();
        assert!(error.advice().contains("`email`"), "{}", error.advice());
    }
}
