//! All mappings of a pipeline: the connector's, with what the pipeline file adds and overrides.

use std::collections::BTreeSet;
use std::sync::Arc;

use aqueduct_schema::{Entity, Error, Field, RecordSchema, Result, SemanticType, codes, entities};

use crate::expression::{Expression, Path};
use crate::mapping::{Each, MappedField, Mapping, element_path, entity_named, field_named, parse_fields};
use crate::settings::Normalise;
use crate::suggest::nearest;
use crate::yaml::{Key, Place, Reader};

/// The mappings of a connector and of the pipeline file together.
#[derive(Clone, Debug, Default)]
pub struct Mappings {
    mappings: Vec<Mapping>,
    required: Vec<RequiredField>,
    /// How many of `mappings` are the connector's; the others stand in the pipeline file.
    of_connector: usize,
}

#[derive(Clone, Debug)]
struct RequiredField {
    entity: &'static Entity,
    field: &'static Field,
    file: Arc<str>,
    place: Place,
}

impl Mappings {
    /// The mappings of a connector.
    pub fn new(mappings: Vec<Mapping>) -> Self {
        Self { of_connector: mappings.len(), mappings, required: Vec::new() }
    }

    /// Adds what a pipeline file says: its own mappings, its overrides, its cleaning steps and its required fields. `file` is the name that errors give.
    ///
    /// # Errors
    /// As [`crate::parse_mappings`], at the line and column in the pipeline file.
    pub fn configure(&mut self, file: &str, settings: &Normalise) -> Result<()> {
        let reader = Reader { file };
        let name: Arc<str> = file.into();
        if let Some(node) = &settings.mappings.0 {
            for document in reader.list(node, "`mappings`")? {
                let mapping = Mapping::parse(file, document)?;
                if self.mappings.iter().any(|other| other.entity.name == mapping.entity.name && other.stream == mapping.stream) {
                    let message = format!("stream `{}` is mapped onto {} already", mapping.stream, mapping.entity.name);
                    return Err(reader.wrong(mapping.place, message).advise("Change single fields with `overrides`."));
                }
                self.mappings.push(mapping);
            }
        }
        if let Some(node) = &settings.overrides.0 {
            for (key, fields) in reader.map(node, "`overrides`")? {
                let entity = entity_named(reader, &key.name, key.place)?;
                let fields = parse_fields(&name, entity, fields)?;
                self.override_fields(reader, entity, key, &fields)?;
            }
        }
        if let Some(node) = &settings.clean.0 {
            crate::step_words::configure(file, node, &mut self.mappings)?;
        }
        if let Some(node) = &settings.required.0 {
            for (key, names) in reader.map(node, "`required`")? {
                let entity = entity_named(reader, &key.name, key.place)?;
                for item in reader.list(names, "the required fields")? {
                    let field_key = Key { name: reader.name(item, "a required field")?.to_owned(), place: item.place };
                    let field = field_named(reader, entity, &field_key)?;
                    self.required.push(RequiredField { entity, field, file: name.clone(), place: item.place });
                }
            }
        }
        Ok(())
    }

    fn override_fields(&mut self, reader: Reader<'_>, entity: &'static Entity, key: &Key, fields: &[MappedField]) -> Result<()> {
        let mut found = false;
        for mapping in self.mappings.iter_mut().filter(|mapping| mapping.entity.name == entity.name) {
            found = true;
            for field in fields {
                let mut field = field.clone();
                match mapping.fields.iter_mut().find(|existing| existing.field.name == field.field.name) {
                    Some(existing) => {
                        let base = existing.overridden.take().unwrap_or_else(|| existing.expression.clone());
                        field.overridden = Some(base);
                        *existing = field;
                    }
                    None => mapping.fields.push(field),
                }
            }
        }
        if found {
            return Ok(());
        }
        let mapped: Vec<&str> = self.mappings.iter().map(|mapping| mapping.entity.name).collect();
        Err(reader
            .wrong(key.place, format!("no stream is mapped onto `{}`", key.name))
            .with("mapped", crate::suggest::list(mapped))
            .advise("Override a mapped entity, or add a whole mapping under `mappings`."))
    }

    /// Whether any mapping of `stream` reads `path`, for a field, a filter or an array; such paths are selected by default.
    pub fn uses(&self, stream: &str, path: &str) -> bool {
        self.of(stream).any(|mapping| mapping.paths().iter().any(|used| used.name == path))
    }

    /// What reading only some fields of a stream's records touches: the mappings that use any of `paths`, and every path that they
    /// need besides, so that each field of the entity either has all of its paths or none.
    ///
    /// What is `always` read (keys, times) brings nothing with it. Filters, arrays, required fields, and the country and currency by which other values are read belong to what a mapping needs.
    pub fn touched(&self, stream: &str, paths: &[&str], always: impl Fn(&str) -> bool) -> (Self, BTreeSet<String>) {
        let mut wanted: BTreeSet<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        let mut kept: BTreeSet<usize> = BTreeSet::new();
        let of_stream = || self.mappings.iter().enumerate().filter(|(_, mapping)| mapping.stream == stream);
        loop {
            let before = (wanted.len(), kept.len());
            for (index, mapping) in of_stream() {
                for mapped in mapping.all_fields() {
                    let used = used_by(mapping, mapped);
                    if used.iter().any(|path| wanted.contains(*path) && !always(path)) {
                        kept.insert(index);
                        wanted.extend(used.into_iter().map(str::to_owned));
                    }
                }
            }
            // A slot's values are read by the country that another mapping of the record gives.
            let by_country = kept.iter().any(|index| matches!(self.mappings[*index].each, Each::Slot(_)));
            for (index, mapping) in of_stream() {
                let gives_country = by_country && mapping.fields.iter().any(|mapped| mapped.field.semantic == SemanticType::Country);
                if !kept.contains(&index) && !gives_country {
                    continue;
                }
                kept.insert(index);
                wanted.extend(mapping.when.iter().map(|condition| condition.path.name.clone()));
                if let Each::Element(path) = &mapping.each {
                    wanted.insert(path.name.clone());
                }
                let needed = mapping.all_fields().filter(|mapped| {
                    matches!(mapped.field.semantic, SemanticType::Country | SemanticType::CurrencyCode)
                        || self.requires(mapping.entity, mapped.field)
                });
                wanted.extend(needed.flat_map(|mapped| used_by(mapping, mapped)).map(str::to_owned));
            }
            if before == (wanted.len(), kept.len()) {
                break;
            }
        }
        let mappings = kept.iter().map(|index| self.mappings[*index].clone()).collect();
        let of_connector = kept.iter().filter(|index| **index < self.of_connector).count();
        (Self { mappings, required: self.required.clone(), of_connector }, wanted)
    }

    /// The mappings without what cannot be computed when the values at some paths of a stream are not to be had, and the fields that go
    /// with it, as `contact.email`: what reads such a path, and all of a mapping whose condition, array, slots or required fields do.
    pub fn without(&self, stream: &str, lacks: impl Fn(&str) -> bool) -> (Self, Vec<String>) {
        let (mut mappings, mut lost, mut of_connector) = (Vec::new(), Vec::new(), 0);
        for (index, mapping) in self.mappings.iter().enumerate() {
            let mut mapping = mapping.clone();
            if mapping.stream == stream {
                let lacking = |mapped: &MappedField| used_by(&mapping, mapped).into_iter().any(&lacks);
                let slots = matches!(mapping.each, Each::Slot(_));
                let array = matches!(&mapping.each, Each::Element(path) if lacks(&path.name));
                let hidden = mapping.when.as_ref().is_some_and(|condition| lacks(&condition.path.name));
                let vital = mapping.all_fields().any(|mapped| lacking(mapped) && (slots || self.requires(mapping.entity, mapped.field)));
                let whole = array || hidden || vital;
                let gone: Vec<bool> = mapping.fields.iter().map(|mapped| whole || lacking(mapped)).collect();
                let names = mapping.all_fields().enumerate().filter(|(at, _)| whole || gone.get(*at) == Some(&true));
                lost.extend(names.map(|(_, mapped)| format!("{}.{}", mapping.entity.name, mapped.field.name)));
                if whole {
                    continue;
                }
                let mut gone = gone.into_iter();
                mapping.fields.retain(|_| gone.next() == Some(false));
            }
            of_connector += usize::from(index < self.of_connector);
            mappings.push(mapping);
        }
        lost.sort();
        lost.dedup();
        (Self { mappings, required: self.required.clone(), of_connector }, lost)
    }

    /// The entities that the records of `stream` give rows of, in the order of the mappings.
    pub fn entities_of(&self, stream: &str) -> Vec<&'static Entity> {
        let mut entities: Vec<&'static Entity> = Vec::new();
        for mapping in self.of(stream) {
            if entities.iter().all(|entity| entity.name != mapping.entity.name) {
                entities.push(mapping.entity);
            }
        }
        entities
    }

    /// Whether a mapping of `stream` gives this field of an entity.
    pub fn fills(&self, stream: &str, entity: &str, field: &str) -> bool {
        self.of(stream).any(|mapping| mapping.entity.name == entity && mapping.maps(field))
    }

    pub(crate) fn of<'m>(&'m self, stream: &'m str) -> impl Iterator<Item = &'m Mapping> + 'm {
        self.mappings.iter().filter(move |mapping| mapping.stream == stream)
    }

    /// Whether a record without a valid value of this field goes to quarantine.
    pub(crate) fn requires(&self, entity: &Entity, field: &Field) -> bool {
        field.required || self.required.iter().any(|required| required.entity.name == entity.name && required.field.name == field.name)
    }

    /// Holds every mapping against the streams, before any request for data. `streams` are the streams by name with all the fields
    /// they have, selected or not. A connector's mapping of a stream that is not among them is not looked at.
    ///
    /// Returns everything that is wrong: `AQ1007` a mapping in the pipeline file of a stream that is not there, `AQ1008` a path that
    /// no stream has, `AQ1009` a required field that nothing maps.
    pub fn validate(&self, streams: &[(&str, &RecordSchema)]) -> Vec<Error> {
        let mut errors = Vec::new();
        let record_of = |name: &str| streams.iter().find(|(stream, _)| *stream == name).map(|(_, record)| *record);
        for (index, mapping) in self.mappings.iter().enumerate() {
            let reader = Reader { file: &mapping.file };
            let Some(record) = record_of(&mapping.stream) else {
                if index >= self.of_connector {
                    let names: Vec<&str> = streams.iter().map(|(stream, _)| *stream).collect();
                    errors.push(reader.unknown(codes::UNKNOWN_STREAM, mapping.stream_place, "stream", &mapping.stream, names));
                }
                continue;
            };
            self.validate_paths(mapping, record, &mut errors);
            for field in entities::PROVENANCE.iter().chain(mapping.entity.fields).filter(|field| field.required) {
                if field.name != "source_id" && !mapping.maps(field.name) {
                    errors.push(reader.wrong(
                        mapping.place,
                        format!("the mapping of `{}` lacks `{}.{}`, which is required", mapping.stream, mapping.entity.name, field.name),
                    ));
                }
            }
            for mapped in mapping.all_fields() {
                if let Some(naming) = mapped.field.references_by
                    && !mapping.maps(naming)
                {
                    let reader = Reader { file: &mapped.file };
                    errors.push(reader.wrong(mapped.place, format!("`{}` needs `{naming}` beside it", mapped.field.name)));
                }
            }
        }
        self.validate_overrides(&record_of, &mut errors);
        self.validate_required(&record_of, &mut errors);
        errors
    }

    fn validate_paths(&self, mapping: &Mapping, record: &RecordSchema, errors: &mut Vec<Error>) {
        let here = Reader { file: &mapping.file };
        let each = match &mapping.each {
            Each::Element(path) => Some(path),
            _ => None,
        };
        for path in mapping.when.iter().map(|condition| &condition.path).chain(each) {
            check_path(here, path, record, &mapping.stream, errors);
        }
        for mapped in mapping.all_fields() {
            let reader = Reader { file: &mapped.file };
            // An override is a matter of all streams together; what it replaced is still the mapping's own.
            let own = mapped.overridden.as_ref().or((*mapped.file == *mapping.file).then_some(&mapped.expression));
            let reader = if mapped.overridden.is_some() { here } else { reader };
            for path in own.into_iter().flat_map(Expression::paths) {
                let inside = each.is_some() && element_path(&path.name).is_some();
                if !inside {
                    check_path(reader, path, record, &mapping.stream, errors);
                }
            }
        }
    }

    fn validate_overrides<'r>(&self, record_of: &impl Fn(&str) -> Option<&'r RecordSchema>, errors: &mut Vec<Error>) {
        let mut seen: Vec<(&Arc<str>, Place)> = Vec::new();
        for (mapping, mapped) in self.mappings.iter().flat_map(|mapping| mapping.fields.iter().map(move |field| (mapping, field))) {
            if *mapped.file == *mapping.file && mapped.overridden.is_none() {
                continue;
            }
            for path in mapped.expression.paths() {
                let inside = matches!(mapping.each, Each::Element(_)) && element_path(&path.name).is_some();
                if inside || seen.contains(&(&mapped.file, path.place)) {
                    continue;
                }
                seen.push((&mapped.file, path.place));
                let records: Vec<&RecordSchema> = self
                    .mappings
                    .iter()
                    .filter(|other| other.entity.name == mapping.entity.name)
                    .filter_map(|other| record_of(&other.stream))
                    .collect();
                if records.iter().all(|record| record.index_of(&path.name).is_none()) && !records.is_empty() {
                    let paths: Vec<&str> = records.iter().flat_map(|record| &record.fields).map(|field| field.path.as_str()).collect();
                    errors.push(unknown_path(Reader { file: &mapped.file }, path, &paths, &format!("mapped onto {}", mapping.entity.name)));
                }
            }
        }
    }

    fn validate_required<'r>(&self, record_of: &impl Fn(&str) -> Option<&'r RecordSchema>, errors: &mut Vec<Error>) {
        for required in &self.required {
            let role = |mapping: &Mapping| {
                record_of(&mapping.stream).is_some_and(|record| match required.field.name {
                    "source_id" => true,
                    "source_created_at" => record.created_at.is_some(),
                    "source_updated_at" => record.updated_at.is_some(),
                    "deleted_at" => record.deleted_at.is_some(),
                    "is_deleted" => true,
                    _ => false,
                })
            };
            let mut of_entity = self.mappings.iter().filter(|mapping| mapping.entity.name == required.entity.name).peekable();
            if of_entity.peek().is_some() && !of_entity.any(|mapping| mapping.maps(required.field.name) || role(mapping)) {
                let message = format!("`{}.{}` is required, but no mapping gives it", required.entity.name, required.field.name);
                errors.push(Reader { file: &required.file }.wrong(required.place, message));
            }
        }
    }
}

/// The paths at the record that a field reads.
fn used_by<'m>(mapping: &'m Mapping, mapped: &'m MappedField) -> Vec<&'m str> {
    let paths = mapped.expression.paths().into_iter().chain(mapped.overridden.iter().flat_map(Expression::paths));
    let inside = |path: &str| matches!(mapping.each, Each::Element(_)) && element_path(path).is_some();
    paths.map(|path| path.name.as_str()).filter(|path| !inside(path)).collect()
}

fn check_path(reader: Reader<'_>, path: &Path, record: &RecordSchema, stream: &str, errors: &mut Vec<Error>) {
    if record.index_of(&path.name).is_none() {
        let paths: Vec<&str> = record.fields.iter().map(|field| field.path.as_str()).collect();
        errors.push(unknown_path(reader, path, &paths, &format!("of stream `{stream}`")));
    }
}

fn unknown_path(reader: Reader<'_>, path: &Path, paths: &[&str], of: &str) -> Error {
    let message = format!("unknown path `{}` {of}", path.name);
    match nearest(&path.name, paths.iter().copied()) {
        Some(near) => {
            let error = reader.error(codes::UNKNOWN_FIELD, path.place, format!("{message}; did you mean `{near}`?"));
            error.advise(format!("Write `{near}`, or discover the stream again if the field is new."))
        }
        None => reader.error(codes::UNKNOWN_FIELD, path.place, message),
    }
}
