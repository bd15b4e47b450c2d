//! Works out a plan from the mappings, the records' fields and the columns that a batch has.

use std::sync::Arc;

use aqueduct_schema::entities::{CONTACT_POINT, PROVENANCE};
use aqueduct_schema::{Derivation, Entity, Error, Field, RecordSchema, Result, RowIds, SemanticType, Source, TableSchema, codes, entities};

use crate::column::Semantics;
use crate::evaluate::{Compiled, compile};
use crate::expression::{Expression, Path};
use crate::mapping::{Each, MappedField, Mapping, Slot, element_path};
use crate::mappings::Mappings;
use crate::plan::{ElementSource, EntityPlan, Fill, Plan, Planned, RowSet, SetIds, Shape, SourcePlan};
use crate::space::Space;

/// What plans are made from.
pub(crate) struct Planner<'p> {
    pub(crate) mappings: &'p Mappings,
    pub(crate) stream: &'p str,
    pub(crate) record: &'p RecordSchema,
    pub(crate) source: &'p Source,
    pub(crate) raw: &'p Arc<TableSchema>,
}

type Resolve<'r> = dyn FnMut(&Path) -> Option<usize> + 'r;

impl Planner<'_> {
    pub(crate) fn plan(&self) -> Result<Plan> {
        let mut space = Space::default();
        let source = self.source_plan(&mut space)?;
        let entities = self.mappings.of(self.stream).map(|mapping| self.entity_plan(mapping, &mut space)).collect::<Result<_>>()?;
        space.share();
        Ok(Plan { raw: self.raw.clone(), space, source, entities })
    }

    /// The position of a path's column in the batch.
    pub(crate) fn column(&self, path: &str) -> Option<usize> {
        let field = self.record.index_of(path)?;
        self.raw.index_of(&self.record.fields[field].column)
    }

    fn role(&self, path: Option<&String>, semantic: SemanticType, space: &mut Space) -> Option<usize> {
        let column = self.column(path?)?;
        Some(space.clean(Compiled::Column(column), Semantics::Fixed(semantic), None, None))
    }

    /// The key of a record, or what its mapping of elements falls back to.
    pub(crate) fn key(&self, resolve: &mut dyn FnMut(&str) -> Option<usize>) -> Result<Compiled> {
        let parts: Option<Vec<Compiled>> = self.record.key.iter().map(|path| resolve(path).map(Compiled::Column)).collect();
        match parts {
            Some(parts) if parts.len() > 1 => Ok(Compiled::Key(parts)),
            Some(mut parts) if parts.len() == 1 => Ok(parts.remove(0)),
            _ => Err(Error::new(codes::BAD_MAPPING, format!("the records of stream `{}` have no key", self.stream))
                .with("key", self.record.key.join(", "))
                .advise("Name the field that identifies a record, and select it.")),
        }
    }

    fn source_plan(&self, space: &mut Space) -> Result<SourcePlan> {
        let key = self.key(&mut |path| self.column(path))?;
        let key = space.clean(key, Semantics::Fixed(SemanticType::SourceId), None, None);
        let id = space.row_ids(self.source, &format!("source.{}", self.raw.name.name), key);
        let table = self.source_schema().into();
        let record = self.record;
        Ok(SourcePlan {
            table,
            key,
            id,
            created_at: self.role(record.created_at.as_ref(), SemanticType::Timestamp, space),
            updated_at: self.role(record.updated_at.as_ref(), SemanticType::Timestamp, space),
            is_deleted: self.role(record.is_deleted.as_ref(), SemanticType::Flag, space),
            deleted_at: self.role(record.deleted_at.as_ref(), SemanticType::Timestamp, space),
        })
    }

    fn entity_plan(&self, mapping: &Mapping, space: &mut Space) -> Result<EntityPlan> {
        let condition = match &mapping.when {
            None => None,
            Some(condition) => Some((Compiled::Column(self.needed(mapping, &condition.path)?), condition.test.clone())),
        };
        let (shape, columns) = match &mapping.each {
            Each::Record => {
                let set = self.row_set(mapping, None, space, &mut |path| self.column(&path.name))?;
                let columns = fields_of(&set);
                (Shape::Record(set), columns)
            }
            Each::Element(path) => {
                let array = self.needed(mapping, path)?;
                let mut sources = Vec::new();
                let mut own = Space::default();
                let set = self.row_set(mapping, None, &mut own, &mut |path| {
                    let source = match element_path(&path.name) {
                        Some(inside) => ElementSource::Inside(inside.to_owned()),
                        None => ElementSource::Record(self.column(&path.name)?),
                    };
                    Some(sources.iter().position(|known| *known == source).unwrap_or_else(|| {
                        sources.push(source);
                        sources.len() - 1
                    }))
                })?;
                let columns = fields_of(&set);
                (Shape::Elements { array, sources, space: own, set }, columns)
            }
            Each::Slot(slots) => {
                let mut sets = Vec::new();
                for slot in slots {
                    let found = slot.fields.iter().filter(|field| !field.expression.paths().is_empty());
                    let mut found = found.filter(|field| compile(&field.expression, &mut |path| self.column(&path.name)).is_some());
                    // A slot whose paths are not selected is not known to be empty.
                    if found.next().is_some() {
                        sets.push(self.row_set(mapping, Some(slot), space, &mut |path| self.column(&path.name))?);
                    }
                }
                let columns = sets.iter().flat_map(fields_of).collect();
                let ids = Box::new(RowIds::new(self.source, mapping.entity.name));
                (Shape::Slots { sets, ids, tombstones: self.tombstones(mapping.entity).into() }, columns)
            }
        };
        let lapses = condition.is_some() && matches!(mapping.each, Each::Record);
        let lapsed = lapses.then(|| self.tombstones(mapping.entity).into());
        let table = self.schema(mapping, &columns).into();
        let mut plan = EntityPlan { entity: mapping.entity, table, condition, lapsed, shape };
        if let Shape::Slots { sets, .. } = &mut plan.shape {
            sets.iter_mut().for_each(|set| complete(set, &plan.table.schema, mapping.entity));
        }
        self.check_required(mapping, &columns)?;
        Ok(plan)
    }

    fn needed(&self, mapping: &Mapping, path: &Path) -> Result<usize> {
        self.column(&path.name).ok_or_else(|| {
            Error::new(
                codes::BAD_MAPPING,
                format!("`{}` decides which rows of {} there are, but is not selected", path.name, mapping.entity.name),
            )
            .at(mapping.file.as_ref(), path.place.line, path.place.column)
            .advise(format!("Select `{}` in stream `{}`.", path.name, self.stream))
        })
    }

    fn check_required(&self, mapping: &Mapping, columns: &[&'static Field]) -> Result<()> {
        let absent = |field: &&Field| columns.iter().all(|column| column.name != field.name);
        match mapping
            .entity
            .fields
            .iter()
            .filter(absent)
            .find(|field| self.mappings.requires(mapping.entity, field) && mapping.maps(field.name))
        {
            None => Ok(()),
            Some(field) => {
                let message = format!(
                    "`{}.{}` is required, but its paths are not selected in stream `{}`",
                    mapping.entity.name, field.name, self.stream
                );
                let place =
                    mapping.all_fields().find(|mapped| mapped.field.name == field.name).map_or(mapping.place, |mapped| mapped.place);
                Err(Error::new(codes::BAD_MAPPING, message).at(mapping.file.as_ref(), place.line, place.column))
            }
        }
    }

    fn row_set(&self, mapping: &Mapping, slot: Option<&Slot>, space: &mut Space, resolve: &mut Resolve<'_>) -> Result<RowSet> {
        let entity = mapping.entity;
        let find = |name: &str| {
            let own = slot.and_then(|slot| slot.fields.iter().find(|field| field.field.name == name));
            own.or_else(|| mapping.fields.iter().find(|field| field.field.name == name))
        };
        let country = self.country(mapping, space, resolve);
        let currency = find("currency_code").and_then(|mapped| compiled(mapped, resolve));
        let currency = currency.map(|expression| space.clean(expression, Semantics::Fixed(SemanticType::CurrencyCode), None, None));
        let mut set = RowSet { id: SetIds::Job(0), columns: Vec::new() };
        let mut signals = Vec::new();
        for field in PROVENANCE.iter().chain(entity.fields) {
            if matches!(field.name, "id" | "source_system" | "source_account_id" | "source_object") {
                continue;
            }
            let required = self.mappings.requires(entity, field);
            if let Some(derivation) = field.derivation {
                let (Derivation::Normalized(of) | Derivation::Status(of)) = derivation;
                let job = set.columns.iter().find(|planned| planned.field.name == of).and_then(|planned| planned.fill.clean());
                if let Some(job) = job {
                    let fill = Fill::Derived(space.derived(job, matches!(derivation, Derivation::Normalized(_))));
                    set.columns.push(Planned { field, fill, required: false });
                }
                continue;
            }
            let mapped = find(field.name);
            let expression = match mapped.and_then(|mapped| compiled(mapped, resolve)) {
                Some(expression) => expression,
                None => match self.unmapped(field, space, resolve)? {
                    Some(Fill::SourceId(job)) => {
                        set.id = match slot {
                            Some(slot) => SetIds::Slot { source_id: job, label: slot.label.clone(), signals: Vec::new() },
                            None => SetIds::Job(space.row_ids(self.source, entity.name, job)),
                        };
                        set.columns.push(Planned { field, fill: Fill::SourceId(job), required });
                        continue;
                    }
                    Some(fill) => {
                        set.columns.push(Planned { field, fill, required });
                        continue;
                    }
                    None => continue,
                },
            };
            let semantics = semantics_of(entity, field, find("kind"), resolve);
            let by_country = match &semantics {
                Semantics::Fixed(semantic) => {
                    matches!(semantic, SemanticType::PhoneNumber | SemanticType::Region | SemanticType::PostalCode)
                }
                Semantics::Selected { .. } => true,
            };
            let by_currency = semantics == Semantics::Fixed(SemanticType::Money);
            let job = space.clean(expression, semantics, country.filter(|_| by_country), currency.filter(|_| by_currency));
            let of_slot = |slot: &Slot| slot.fields.iter().any(|own| own.field.name == field.name && !own.expression.paths().is_empty());
            if slot.is_some_and(of_slot) {
                signals.push(job);
            }
            let fill = match field.name {
                "source_id" => {
                    set.id = SetIds::Job(space.row_ids(self.source, entity.name, job));
                    Fill::SourceId(job)
                }
                "is_deleted" => Fill::Deleted(Some(job)),
                "merged_into_id" => Fill::RowId { id: space.row_ids(self.source, entity.name, job), clean: job },
                _ => self.reference(field, job, find, space, resolve)?,
            };
            set.columns.push(Planned { field, fill, required });
        }
        if let SetIds::Slot { signals: of_set, .. } = &mut set.id {
            *of_set = signals;
        }
        Ok(set)
    }

    /// What fills a field that the mapping does not name: a role of the stream, or nothing.
    fn unmapped(&self, field: &Field, space: &mut Space, resolve: &mut Resolve<'_>) -> Result<Option<Fill>> {
        let record = self.record;
        let mut column = |path: &str| resolve(&Path { name: path.to_owned(), place: Default::default() });
        let mut role = |path: Option<&String>, semantic, space: &mut Space| {
            let column = column(path?)?;
            Some(space.clean(Compiled::Column(column), Semantics::Fixed(semantic), None, None))
        };
        let time = |job: Option<usize>| Some(job.map_or(Fill::Null, Fill::Clean));
        Ok(match field.name {
            "source_id" => {
                let key = self.key(&mut column)?;
                Some(Fill::SourceId(space.clean(key, Semantics::Fixed(SemanticType::SourceId), None, None)))
            }
            "source_created_at" => time(role(record.created_at.as_ref(), SemanticType::Timestamp, space)),
            "source_updated_at" => time(role(record.updated_at.as_ref(), SemanticType::Timestamp, space)),
            "deleted_at" => time(role(record.deleted_at.as_ref(), SemanticType::Timestamp, space)),
            "is_deleted" => Some(Fill::Deleted(role(record.is_deleted.as_ref(), SemanticType::Flag, space))),
            _ => None,
        })
    }

    /// The row ids of what a field points at, or the cleaned value of one that points at nothing.
    fn reference<'m>(
        &self,
        field: &Field,
        job: usize,
        find: impl Fn(&str) -> Option<&'m MappedField>,
        space: &mut Space,
        resolve: &mut Resolve<'_>,
    ) -> Result<Fill> {
        if let Some(entity) = field.references {
            return Ok(Fill::RowId { id: space.row_ids(self.source, entity, job), clean: job });
        }
        let Some(naming) = field.references_by else { return Ok(Fill::Clean(job)) };
        let id = match find(naming).and_then(|mapped| compiled(mapped, resolve)) {
            Some(Compiled::Constant(entity)) => space.row_ids(self.source, entity.trim(), job),
            Some(expression) => {
                let by = space.clean(expression, Semantics::Fixed(SemanticType::Category), None, None);
                space.named_row_ids(self.source, by, job)
            }
            None => {
                let message = format!("`{}` needs `{naming}` beside it in the mapping of stream `{}`", field.name, self.stream);
                return Err(Error::new(codes::BAD_MAPPING, message));
            }
        };
        Ok(Fill::RowId { id, clean: job })
    }

    /// The column of the row's country: the entity's own, else the first that any mapping of the stream makes from the record.
    fn country(&self, mapping: &Mapping, space: &mut Space, resolve: &mut Resolve<'_>) -> Option<usize> {
        let of_record = self.mappings.of(self.stream).filter(|other| matches!(other.each, Each::Record));
        let candidates = std::iter::once(mapping).chain(of_record);
        for mapped in candidates.flat_map(|mapping| &mapping.fields).filter(|mapped| mapped.field.semantic == SemanticType::Country) {
            if let Some(expression) = compiled(mapped, resolve) {
                return Some(space.clean(expression, Semantics::Fixed(SemanticType::Country), None, None));
            }
        }
        None
    }
}

/// The mapping's expression over the columns there are, with the pipeline file's steps; the connector's own where an override finds
/// none of its paths.
fn compiled(mapped: &MappedField, resolve: &mut Resolve<'_>) -> Option<Compiled> {
    let base: Option<&Expression> = mapped.overridden.as_ref();
    let compiled = compile(&mapped.expression, resolve).or_else(|| base.and_then(|base| compile(base, resolve)))?;
    if mapped.steps.is_empty() {
        return Some(compiled);
    }
    Some(Compiled::Steps { of: Box::new(compiled), steps: mapped.steps.clone() })
}

fn semantics_of(entity: &'static Entity, field: &'static Field, kind: Option<&MappedField>, resolve: &mut Resolve<'_>) -> Semantics {
    if entity.name != CONTACT_POINT.name || field.name != "value" {
        return Semantics::Fixed(field.semantic);
    }
    match kind.and_then(|kind| compiled(kind, resolve)) {
        Some(Compiled::Constant(word)) => {
            let word = word.trim().to_lowercase();
            Semantics::Fixed(entities::semantic_by_kind(entity.name, field.name, &word).unwrap_or(field.semantic))
        }
        Some(by) => Semantics::Selected { entity: entity.name, field, by: Box::new(by) },
        None => Semantics::Fixed(field.semantic),
    }
}

fn fields_of(set: &RowSet) -> Vec<&'static Field> {
    set.columns.iter().map(|planned| planned.field).collect()
}

/// Gives a slot's set the columns that only other slots fill, in the order of the table.
fn complete(set: &mut RowSet, schema: &TableSchema, entity: &'static Entity) {
    let mut planned: Vec<Planned> = std::mem::take(&mut set.columns);
    for column in &schema.columns {
        let Some(field) = entity.field(&column.name).filter(|field| field.name != "id") else { continue };
        match planned.iter().position(|planned| planned.field.name == field.name) {
            Some(place) => set.columns.push(planned.swap_remove(place)),
            None => set.columns.push(Planned { field, fill: Fill::Null, required: false }),
        }
    }
}
