//! The columns of the tables that a plan fills, and how sensitive they are.

use std::sync::Arc;

use aqueduct_schema::entities::{FLAGS_COLUMN, PROVENANCE};
use aqueduct_schema::{Column, Entity, Field, SemanticType, Sensitivity, TableName, TableSchema, ValueType};

use crate::mapping::Mapping;
use crate::planner::Planner;

impl Planner<'_> {
    pub(crate) fn source_schema(&self) -> TableSchema {
        let technical = |name: &str, value_type| Column::technical(name, value_type);
        let mut columns = vec![
            Column { required: true, ..technical("_id", ValueType::Text) },
            Column {
                sensitivity: self.key_sensitivity(),
                semantic: Some(SemanticType::SourceId),
                required: true,
                ..technical("source_id", ValueType::Text)
            },
            technical("source_created_at", ValueType::Timestamp),
            technical("source_updated_at", ValueType::Timestamp),
            technical("is_deleted", ValueType::Boolean),
            technical("deleted_at", ValueType::Timestamp),
        ];
        columns.extend(self.raw.columns.iter().map(|column| {
            let field = self.record.fields.iter().find(|field| field.column == column.name);
            Column {
                semantic: field.and_then(|field| field.semantic),
                sensitivity: match field {
                    Some(field) => self.sensitivity(&field.path, column.value_type),
                    None => unknown_sensitivity(column.value_type),
                },
                required: false,
                ..column.clone()
            }
        }));
        TableSchema {
            name: self.raw.name.clone(),
            columns,
            absent_columns: Vec::new(),
            key: "_id".into(),
            constants: vec![("source_account_id".into(), self.source.account.as_str().into())],
        }
    }

    /// How sensitive the values at a path are: as the connector says, else as the most sensitive field a mapping feeds from it, else
    /// not at all for keys and times, else by the type alone.
    fn sensitivity(&self, path: &str, value_type: ValueType) -> Sensitivity {
        let declared = self.record.index_of(path).and_then(|field| self.record.fields[field].sensitivity);
        let fed = || {
            let fields = self.mappings.of(self.stream).flat_map(Mapping::all_fields);
            fields
                .filter(|mapped| mapped.expression.paths().iter().any(|used| used.name == path))
                .map(|mapped| {
                    let of_field = mapped.field.sensitivity();
                    // The domain of an e-mail address says less than the address, and steps may take anything away.
                    let part = mapped.expression.takes_part_of(path) || !mapped.steps.is_empty();
                    if part { of_field.max(unknown_sensitivity(value_type)) } else { of_field }
                })
                .max()
        };
        declared
            .or_else(fed)
            .unwrap_or_else(|| if self.record.has_role(path) { Sensitivity::None } else { unknown_sensitivity(value_type) })
    }

    fn paths_sensitivity<'n>(&self, paths: impl Iterator<Item = &'n str>) -> Sensitivity {
        // A key that nothing speaks of is an id; one that is an e-mail address is as sensitive as that.
        paths
            .filter(|path| self.record.index_of(path).is_some())
            .map(|path| self.sensitivity(path, ValueType::Integer))
            .max()
            .unwrap_or(Sensitivity::None)
    }

    fn key_sensitivity(&self) -> Sensitivity {
        self.paths_sensitivity(self.record.key.iter().map(String::as_str))
    }

    pub(crate) fn schema(&self, mapping: &Mapping, present: &[&'static Field]) -> TableSchema {
        let entity = mapping.entity;
        let has = |field: &Field| present.iter().any(|other| other.name == field.name);
        let column = |field: &'static Field| {
            let mut column = field.column();
            column.required = self.mappings.requires(entity, field);
            if field.name == "source_id" {
                let mapped = mapping.fields.iter().find(|mapped| mapped.field.name == "source_id");
                column.sensitivity = match mapped {
                    Some(mapped) => self.paths_sensitivity(mapped.expression.paths().into_iter().map(|path| path.name.as_str())),
                    None => self.key_sensitivity(),
                };
            }
            column
        };
        let fields = || PROVENANCE.iter().chain(entity.fields).filter(|field| !is_constant(field));
        let mut columns: Vec<Column> = fields().filter(|field| field.name == "id" || has(field)).map(column).collect();
        columns.push(Column::technical(FLAGS_COLUMN, ValueType::Json));
        TableSchema {
            name: TableName::common(entity.name),
            columns,
            absent_columns: fields().filter(|field| field.name != "id" && !has(field)).map(column).collect(),
            key: "id".into(),
            constants: self.constants(),
        }
    }

    pub(crate) fn tombstones(&self, entity: &'static Entity) -> TableSchema {
        let carried = |field: &&Field| matches!(field.name, "id" | "deleted_at");
        let fields = || PROVENANCE.iter().chain(entity.fields).filter(|field| !is_constant(field));
        let mut absent: Vec<Column> = fields().filter(|field| !carried(field)).map(Field::column).collect();
        absent.push(Column::technical(FLAGS_COLUMN, ValueType::Json));
        TableSchema {
            name: TableName::common(entity.name),
            columns: fields().filter(carried).map(Field::column).collect(),
            absent_columns: absent,
            key: "id".into(),
            constants: self.constants(),
        }
    }

    fn constants(&self) -> Vec<(Arc<str>, Arc<str>)> {
        vec![
            ("source_system".into(), self.source.system.as_str().into()),
            ("source_account_id".into(), self.source.account.as_str().into()),
            ("source_object".into(), self.record.object.clone()),
        ]
    }
}

fn is_constant(field: &Field) -> bool {
    matches!(field.name, "source_system" | "source_account_id" | "source_object")
}

fn unknown_sensitivity(value_type: ValueType) -> Sensitivity {
    match value_type {
        ValueType::Text | ValueType::Json => Sensitivity::Direct,
        _ => Sensitivity::Indirect,
    }
}
