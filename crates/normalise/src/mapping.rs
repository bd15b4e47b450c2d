//! One mapping: how the records of a stream become rows of an entity.

use std::sync::Arc;

use aqueduct_schema::{Entity, Field, Result, codes, entities};

use crate::expression::{Expression, Path, WORDS};
use crate::steps::Step;
use crate::yaml::{Content, Key, Node, Place, Reader, documents, get};

/// How the records of one stream become rows of one entity. Made by [`parse_mappings`].
#[derive(Clone, Debug)]
pub struct Mapping {
    pub(crate) file: Arc<str>,
    pub(crate) place: Place,
    pub(crate) entity: &'static Entity,
    pub(crate) stream: String,
    pub(crate) stream_place: Place,
    pub(crate) when: Option<Condition>,
    pub(crate) each: Each,
    pub(crate) fields: Vec<MappedField>,
}

/// Which rows one record gives.
#[derive(Clone, Debug)]
pub(crate) enum Each {
    /// One.
    Record,
    /// One for every element of the JSON array at a path.
    Element(Path),
    /// One for every set of fields that finds a value.
    Slot(Vec<Slot>),
}

/// One set of fields of a list-`each`.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    /// Its constant `label`, which is the end of the row's source id.
    pub(crate) label: String,
    pub(crate) fields: Vec<MappedField>,
}

/// A field of the entity and where its value comes from.
#[derive(Clone, Debug)]
pub(crate) struct MappedField {
    pub(crate) field: &'static Field,
    pub(crate) file: Arc<str>,
    pub(crate) place: Place,
    pub(crate) expression: Expression,
    /// What the connector's mapping says where the pipeline file overrides it; used by streams that lack the override's paths.
    pub(crate) overridden: Option<Expression>,
    /// What the pipeline file does to the value before its cleaner sees it.
    pub(crate) steps: Arc<[Step]>,
}

/// The filter of `when`.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    pub(crate) path: Path,
    pub(crate) test: Test,
}

/// What a filter asks. Words are trimmed and in lower case.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Test {
    Is(Vec<String>),
    Not(Vec<String>),
    Present(bool),
}

impl Mapping {
    /// The entity whose rows it gives.
    pub fn entity(&self) -> &'static Entity {
        self.entity
    }

    /// The stream whose records it takes.
    pub fn stream(&self) -> &str {
        &self.stream
    }

    /// Every path it reads at the record (not inside elements), those of the filter and of `each` included.
    pub(crate) fn paths(&self) -> Vec<&Path> {
        let mut paths: Vec<&Path> = Vec::new();
        paths.extend(self.when.iter().map(|condition| &condition.path));
        if let Each::Element(path) = &self.each {
            paths.push(path);
        }
        for field in self.all_fields() {
            paths.extend(field.expression.paths());
            paths.extend(field.overridden.iter().flat_map(Expression::paths));
        }
        if matches!(self.each, Each::Element(_)) {
            paths.retain(|path| element_path(&path.name).is_none());
        }
        paths
    }

    /// The fields of the mapping and of its slots.
    pub(crate) fn all_fields(&self) -> impl Iterator<Item = &MappedField> {
        let slots: &[Slot] = match &self.each {
            Each::Slot(slots) => slots,
            _ => &[],
        };
        self.fields.iter().chain(slots.iter().flat_map(|slot| &slot.fields))
    }

    /// [`Mapping::all_fields`], to change them.
    pub(crate) fn all_fields_mut(&mut self) -> impl Iterator<Item = &mut MappedField> {
        let slots: &mut [Slot] = match &mut self.each {
            Each::Slot(slots) => slots,
            _ => &mut [],
        };
        self.fields.iter_mut().chain(slots.iter_mut().flat_map(|slot| &mut slot.fields))
    }

    pub(crate) fn maps(&self, field: &str) -> bool {
        self.all_fields().any(|mapped| mapped.field.name == field)
    }
}

/// The path inside an element that `each.…` speaks of.
pub(crate) fn element_path(path: &str) -> Option<&str> {
    path.strip_prefix("each.")
}

const KEYS: [&str; 5] = ["entity", "stream", "when", "each", "fields"];

/// Reads the documents of one mapping file. `file` is the name that errors give.
///
/// # Errors
/// `AQ1002` for a text that is not YAML or has the wrong shape, `AQ1003` for a word the language does not have, `AQ1008` for a field
/// the entity does not have, `AQ1009` for a mapping that cannot be carried out; each with file, line and column, and the nearest
/// known name where there is one.
pub fn parse_mappings(file: &str, yaml: &str) -> Result<Vec<Mapping>> {
    documents(file, yaml)?.iter().map(|document| Mapping::parse(file, document)).collect()
}

impl Mapping {
    pub(crate) fn parse(file: &str, document: &Node) -> Result<Self> {
        let reader = Reader { file };
        let entries = reader.map(document, "a mapping")?;
        for (key, _) in entries {
            if !KEYS.contains(&key.name.as_str()) {
                return Err(reader.unknown(codes::UNKNOWN_KEY, key.place, "key", &key.name, KEYS));
            }
        }
        let needed = |name: &str| get(entries, name).ok_or_else(|| reader.wrong(document.place, format!("the mapping lacks `{name}`")));
        let entity_node = needed("entity")?;
        let entity = entity_named(reader, reader.name(entity_node, "`entity`")?, entity_node.place)?;
        let stream_node = needed("stream")?;
        let stream = reader.name(stream_node, "`stream`")?.to_owned();
        let file: Arc<str> = file.into();
        let fields = parse_fields(&file, entity, needed("fields")?)?;
        let when = get(entries, "when").map(|node| Condition::parse(reader, node)).transpose()?;
        let each = match get(entries, "each") {
            None => Each::Record,
            Some(node) => Each::parse(&file, entity, node)?,
        };
        let mapping =
            Self { place: document.place, entity, stream, stream_place: stream_node.place, when, each, fields, file: file.clone() };
        mapping.check(reader)?;
        Ok(mapping)
    }

    /// What one field alone cannot tell.
    fn check(&self, reader: Reader<'_>) -> Result<()> {
        if matches!(self.each, Each::Element(_)) {
            if !self.maps("source_id") {
                return Err(reader.wrong(
                    self.place,
                    "with `each`, `fields` must say what the source_id of an element's row is, for example { join: [id, each.id], with: \":\" }",
                ));
            }
        } else if let Some(path) =
            self.all_fields().flat_map(|field| field.expression.paths()).find(|path| element_path(&path.name).is_some())
        {
            return Err(reader
                .wrong(path.place, format!("`{}` speaks of an element, but the mapping has no `each` that names an array", path.name)));
        }
        for naming in self.entity.fields.iter().filter_map(|field| field.references_by) {
            for mapped in self.all_fields().filter(|mapped| mapped.field.name == naming) {
                if let Some((word, place)) = mapped.expression.constant() {
                    entity_named(reader, word, place)?;
                }
            }
        }
        if let Each::Slot(slots) = &self.each
            && let Some(field) =
                slots.iter().flat_map(|slot| &slot.fields).chain(&self.fields).find(|field| field.field.name == "source_id")
        {
            return Err(reader.wrong(field.place, "with a list as `each`, the source_id is the record's id and the label; do not map it"));
        }
        Ok(())
    }
}

pub(crate) fn entity_named(reader: Reader<'_>, name: &str, place: Place) -> Result<&'static Entity> {
    Entity::named(name)
        .ok_or_else(|| reader.unknown(codes::BAD_MAPPING, place, "entity", name, entities::ALL.iter().map(|entity| entity.name)))
}

/// The field of an entity that a mapping may give.
pub(crate) fn field_named(reader: Reader<'_>, entity: &'static Entity, key: &Key) -> Result<&'static Field> {
    let Some(field) = entity.field(&key.name) else {
        let names = mappable(entity).map(|field| field.name);
        return Err(reader.unknown(codes::UNKNOWN_FIELD, key.place, &format!("field of {}", entity.name), &key.name, names));
    };
    if filled_by_engine(field) {
        return Err(reader.wrong(key.place, format!("`{}` is filled by Aqueduct and cannot be mapped", key.name)));
    }
    Ok(field)
}

/// The fields of an entity that mappings may give.
pub(crate) fn mappable(entity: &'static Entity) -> impl Iterator<Item = &'static Field> + Clone {
    entities::PROVENANCE.iter().chain(entity.fields).filter(|field| !filled_by_engine(field))
}

fn filled_by_engine(field: &Field) -> bool {
    field.derivation.is_some() || matches!(field.name, "id" | "source_system" | "source_account_id" | "source_object")
}

pub(crate) fn parse_fields(file: &Arc<str>, entity: &'static Entity, node: &Node) -> Result<Vec<MappedField>> {
    let reader = Reader { file };
    let mut fields = Vec::new();
    for (key, value) in reader.map(node, "`fields`")? {
        let field = field_named(reader, entity, key)?;
        let expression = Expression::parse(reader, value)?;
        fields.push(MappedField { field, file: file.clone(), place: key.place, expression, overridden: None, steps: Arc::default() });
    }
    Ok(fields)
}

impl Condition {
    fn parse(reader: Reader<'_>, node: &Node) -> Result<Self> {
        const TESTS: [&str; 4] = ["path", "is", "not", "present"];
        let entries = reader.map(node, "`when`")?;
        for (key, _) in entries {
            if !TESTS.contains(&key.name.as_str()) {
                return Err(reader.unknown(codes::UNKNOWN_KEY, key.place, "key of `when`", &key.name, TESTS));
            }
        }
        let Some(path) = get(entries, "path") else {
            return Err(reader.wrong(node.place, "`when` needs a `path`"));
        };
        let path = Path { name: reader.name(path, "`path`")?.to_owned(), place: path.place };
        let tests: Vec<&(Key, Node)> = entries.iter().filter(|(key, _)| key.name != "path").collect();
        let [(key, value)] = tests.as_slice() else {
            return Err(reader.wrong(node.place, "`when` needs one of `is`, `not` and `present`"));
        };
        let words = |what: &str| -> Result<Vec<String>> {
            match &value.content {
                Content::Text(word) => Ok(vec![word.trim().to_lowercase()]),
                _ => reader.list(value, what)?.iter().map(|word| Ok(reader.text(word, what)?.trim().to_lowercase())).collect(),
            }
        };
        let test = match key.name.as_str() {
            "is" => Test::Is(words("`is`")?),
            "not" => Test::Not(words("`not`")?),
            _ => match reader.text(value, "`present`")? {
                "true" => Test::Present(true),
                "false" => Test::Present(false),
                other => return Err(reader.wrong(value.place, format!("`present` is true or false, not `{other}`"))),
            },
        };
        Ok(Self { path, test })
    }
}

impl Each {
    fn parse(file: &Arc<str>, entity: &'static Entity, node: &Node) -> Result<Self> {
        let reader = Reader { file };
        let sets = match &node.content {
            Content::Text(path) if !path.trim().is_empty() => return Ok(Self::Element(Path { name: path.clone(), place: node.place })),
            Content::List(sets) => sets,
            _ => return Err(reader.wrong(node.place, "`each` is the path of an array, or a list of field sets")),
        };
        if entity.field("label").is_none() {
            return Err(
                reader.wrong(node.place, format!("`each` as a list tells its rows apart by `label`, which {} does not have", entity.name))
            );
        }
        let mut slots: Vec<Slot> = Vec::new();
        for set in sets {
            if let Content::Map(entries) = &set.content
                && let Some((key, _)) = entries.iter().find(|(key, _)| WORDS.iter().any(|(word, _)| *word == key.name))
                && entity.field(&key.name).is_none()
            {
                return Err(reader.wrong(key.place, "a set of `each` holds fields and their expressions"));
            }
            let fields = parse_fields(file, entity, set)?;
            let label = fields.iter().find(|field| field.field.name == "label").and_then(|field| field.expression.constant());
            let label = label.map(|(word, _)| word);
            let Some(label) = label.map(str::to_owned) else {
                return Err(reader.wrong(set.place, "a set of `each` needs a label of its own, for example label: {constant: email}"));
            };
            if slots.iter().any(|slot| slot.label == label) {
                return Err(reader.wrong(set.place, format!("the label `{label}` stands twice in `each`")));
            }
            if fields.iter().all(|field| field.expression.paths().is_empty()) {
                return Err(reader.wrong(set.place, "a set of `each` needs at least one field with a path"));
            }
            slots.push(Slot { label, fields });
        }
        if slots.is_empty() {
            return Err(reader.wrong(node.place, "`each` must not be empty"));
        }
        Ok(Self::Slot(slots))
    }
}
