//! The words of cleaning steps in a pipeline file, read and checked where they stand.

use std::sync::Arc;

use aqueduct_schema::{Entity, Field, Result, SemanticType, codes};

use crate::cleaners::{self, CleaningContext};
use crate::expression::{parse_take, parse_values};
use crate::mapping::{Mapping, entity_named, field_named};
use crate::steps::{Pattern, Step};
use crate::yaml::{Content, Key, Node, Reader, get};

/// The words that begin a step, each with the words that may stand beside it.
pub(crate) const STEPS: &[(&str, &[&str])] =
    &[("replace", &[]), ("values", &["otherwise"]), ("split", &[]), ("default", &[]), ("truncate", &[]), ("regex", &[])];

/// Reads the section and gives its steps to the fields of the mappings.
pub(crate) fn configure(file: &str, section: &Node, mappings: &mut [Mapping]) -> Result<()> {
    let reader = Reader { file };
    for (key, fields) in reader.map(section, "`clean`")? {
        let entity = entity_named(reader, &key.name, key.place)?;
        for (key, list) in reader.map(fields, "the fields to clean")? {
            let field = field_named(reader, entity, key)?;
            if matches!(field.name, "source_id" | "merged_into_id") {
                return Err(reader.wrong(key.place, format!("`{}` says which row it is; steps would make another of it", field.name)));
            }
            let steps: Arc<[Step]> =
                reader.list(list, "the steps")?.iter().map(|node| parse(reader, entity, field, node)).collect::<Result<_>>()?;
            give(reader, entity, key, &steps, mappings)?;
        }
    }
    Ok(())
}

fn give(reader: Reader<'_>, entity: &Entity, key: &Key, steps: &Arc<[Step]>, mappings: &mut [Mapping]) -> Result<()> {
    let mut found = false;
    for mapping in mappings.iter_mut().filter(|mapping| mapping.entity.name == entity.name) {
        for mapped in mapping.all_fields_mut().filter(|mapped| mapped.field.name == key.name) {
            mapped.steps = steps.clone();
            found = true;
        }
    }
    if found {
        return Ok(());
    }
    Err(reader
        .wrong(key.place, format!("no mapping gives `{}.{}`, so there is nothing to clean", entity.name, key.name))
        .advise("Map the field with `overrides`, or take the steps out."))
}

fn parse(reader: Reader<'_>, entity: &Entity, field: &Field, node: &Node) -> Result<Step> {
    let entries = reader.map(node, "a step")?;
    let heads: Vec<&(Key, Node)> = entries.iter().filter(|(key, _)| STEPS.iter().any(|(word, _)| *word == key.name)).collect();
    let [(head, value)] = heads.as_slice() else {
        return Err(match (heads.get(1), entries.first()) {
            (Some((second, _)), _) => {
                let message = format!("`{}` and `{}` are two steps; give each a line of its own", heads[0].0.name, second.name);
                reader.wrong(second.place, message)
            }
            (None, Some((key, _))) => reader.unknown(codes::UNKNOWN_KEY, key.place, "step", &key.name, STEPS.iter().map(|(word, _)| *word)),
            (None, None) => reader.wrong(node.place, "a step needs a word such as { truncate: 80 }"),
        });
    };
    let beside = STEPS.iter().find(|(word, _)| *word == head.name).map_or(&[] as &[&str], |(_, beside)| beside);
    for (key, _) in entries {
        if key.name != head.name && !beside.contains(&key.name.as_str()) {
            let allowed: Vec<&str> = std::iter::once(head.name.as_str()).chain(beside.iter().copied()).collect();
            return Err(reader.unknown(codes::UNKNOWN_KEY, key.place, "word", &key.name, allowed));
        }
    }
    match head.name.as_str() {
        "replace" => replace(reader, value),
        "values" => {
            let otherwise = get(entries, "otherwise").map(|word| reader.text(word, "`otherwise`").map(str::to_owned)).transpose()?;
            Ok(Step::Values { table: parse_values(reader, value)?, otherwise })
        }
        "split" => {
            let parts = words(reader, value, "split", &["by", "take"])?;
            let (by, take) = parse_take(reader, head.place, &parts)?;
            Ok(Step::Split { by, take })
        }
        "default" => default(reader, entity, field, value),
        "truncate" => truncate(reader, field, value),
        _ => regex(reader, value),
    }
}

/// The words of a step that is a map, all of them.
fn words<'n>(reader: Reader<'_>, node: &'n Node, step: &str, names: &[&'static str]) -> Result<Vec<(Key, Node)>> {
    let entries: &'n [(Key, Node)] = match &node.content {
        Content::Map(entries) => entries,
        _ => {
            let form: Vec<String> = names.iter().map(|name| format!("{name}: …")).collect();
            return Err(reader.wrong(node.place, format!("`{step}` is written {{ {} }}", form.join(", "))));
        }
    };
    for (key, _) in entries {
        if !names.contains(&key.name.as_str()) {
            return Err(reader.unknown(codes::UNKNOWN_KEY, key.place, &format!("word of `{step}`"), &key.name, names.iter().copied()));
        }
    }
    match names.iter().find(|name| get(entries, name).is_none()) {
        Some(absent) => Err(reader.wrong(node.place, format!("`{step}` needs `{absent}`"))),
        None => Ok(entries.to_vec()),
    }
}

fn word<'n>(reader: Reader<'_>, entries: &'n [(Key, Node)], name: &str) -> Result<(&'n str, &'n Node)> {
    let Some(node) = get(entries, name) else { return Err(reader.wrong(Default::default(), format!("`{name}` is missing"))) };
    Ok((reader.text(node, &format!("`{name}`"))?, node))
}

fn replace(reader: Reader<'_>, node: &Node) -> Result<Step> {
    let entries = words(reader, node, "replace", &["from", "to"])?;
    let ((from, place), (to, _)) = (word(reader, &entries, "from")?, word(reader, &entries, "to")?);
    if from.is_empty() {
        return Err(reader.wrong(place.place, "`from` must not be empty"));
    }
    Ok(Step::Replace { from: from.to_owned(), to: to.to_owned() })
}

fn regex(reader: Reader<'_>, node: &Node) -> Result<Step> {
    let entries = words(reader, node, "regex", &["pattern", "replacement"])?;
    let ((pattern, at), (replacement, into)) = (word(reader, &entries, "pattern")?, word(reader, &entries, "replacement")?);
    let pattern = Pattern::new(pattern).map_err(|said| {
        reader
            .wrong(at.place, format!("`{pattern}` is no regular expression: {said}"))
            .advise("Write it in the syntax of Rust's regex crate (no look-around, no back-references), in single quotes.")
    })?;
    if let Some(group) = pattern.missing_group(replacement) {
        return Err(reader
            .wrong(into.place, format!("the replacement names the group `{group}`, which the pattern does not have"))
            .advise("Write ${1}a where a letter follows the number of a group, and $$ for a dollar sign."));
    }
    Ok(Step::Regex { pattern, replacement: replacement.to_owned() })
}

fn default(reader: Reader<'_>, entity: &Entity, field: &Field, node: &Node) -> Result<Step> {
    let word = reader.name(node, "`default`")?;
    // The kind of a contact point's value stands in another field of the row.
    let by_kind = entity.name == aqueduct_schema::entities::CONTACT_POINT.name && field.name == "value";
    let cleaned = cleaners::clean(field.semantic, word, &CleaningContext::NONE);
    if cleaned.value.is_none() && !by_kind {
        let message = format!("`{word}` cannot be the default of `{}.{}`: {}", entity.name, field.name, why(cleaned.code));
        return Err(reader.wrong(node.place, message));
    }
    Ok(Step::Default(word.to_owned()))
}

fn why(code: &str) -> String {
    let rule = cleaners::rules().find(|rule| rule.code == code);
    rule.map_or_else(|| code.to_owned(), |rule| format!("{} ({code})", rule.meaning.trim_end_matches('.')))
}

fn truncate(reader: Reader<'_>, field: &Field, node: &Node) -> Result<Step> {
    use SemanticType::{Category, CompanyName, FreeText, Label, PersonName, Region};
    if !matches!(field.semantic, Category | CompanyName | FreeText | Label | PersonName | Region) {
        let message = format!("`truncate` would make another value of `{}`, which is of the type {}", field.name, field.semantic.name());
        return Err(reader.wrong(node.place, message));
    }
    let text = reader.text(node, "`truncate`")?;
    match text.parse::<usize>() {
        Ok(longest) if longest > 0 => Ok(Step::Truncate(longest)),
        _ => Err(reader.wrong(node.place, format!("`truncate` is a number of characters from 1, not `{text}`"))),
    }
}
