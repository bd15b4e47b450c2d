//! The common schema as data and as pages: every table and column, what it means and where each connector's value comes from.
//!
//! All of it is put together from the entities, the semantic types and the connectors' mappings, so that it cannot say anything else.

use std::fmt::Write as _;

use aqueduct_normalise::{Origin, parse_mappings};
use aqueduct_schema::entities::{self, FLAGS_COLUMN, PROVENANCE, PROVENANCE_MADE_HERE, WITH_HISTORY, is_made_here};
use aqueduct_schema::references::{self, Target};
use aqueduct_schema::{Derivation, Entity, Field, Result, Sensitivity, ValueType};
use serde::Serialize;

use crate::registry::Registry;

/// The common schema.
#[derive(Clone, Debug, Serialize)]
pub struct SchemaReference {
    /// Columns of every table, before its own.
    pub columns_of_every_table: Vec<ColumnReference>,
    /// The tables, in the order of the schema.
    pub tables: Vec<TableReference>,
}

/// A table.
#[derive(Clone, Debug, Serialize)]
pub struct TableReference {
    /// Its name.
    pub name: &'static str,
    /// What a row is.
    pub description: &'static str,
    /// Whether `<name>_history` keeps earlier versions where the pipeline does not say otherwise.
    pub history: bool,
    /// Columns of every table that this one does not have, because its rows are made here and come from no source.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<&'static str>,
    /// Which records of which connectors give rows.
    pub filled_by: Vec<Filling>,
    /// Its own columns.
    pub columns: Vec<ColumnReference>,
}

/// A mapping that gives rows of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Filling {
    /// The connector.
    pub connector: &'static str,
    /// The stream.
    pub stream: String,
    /// Which of its records, in words; all where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
}

/// A column.
#[derive(Clone, Debug, Serialize)]
pub struct ColumnReference {
    /// Its name.
    pub name: &'static str,
    /// The meaning.
    pub description: &'static str,
    /// How values are stored.
    pub r#type: ValueType,
    /// The kind of value.
    pub semantic_type: &'static str,
    /// How sensitive values are.
    pub sensitivity: Sensitivity,
    /// Whether a record without it goes to quarantine.
    pub required: bool,
    /// Whether it is the key.
    pub key: bool,
    /// The table whose rows it names, or `the table that COLUMN names`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub references: Option<String>,
    /// What it follows from, where no mapping gives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub derived: Option<String>,
    /// Where connectors take it from.
    pub sources: Vec<ColumnSource>,
}

/// Where a connector takes a column from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ColumnSource {
    /// The connector.
    pub connector: &'static str,
    /// The stream.
    pub stream: String,
    /// The path of the record, or what is made of several.
    pub from: String,
    /// The label of the row, where a record gives several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

impl SchemaReference {
    /// The schema with what these connectors fill.
    ///
    /// # Errors
    /// As the mappings of a connector, which are checked when they are written.
    pub fn of(registry: &Registry) -> Result<Self> {
        let mut mappings = Vec::new();
        for registration in registry.all() {
            for (file, text) in registration.mappings {
                mappings.extend(parse_mappings(file, text)?.into_iter().map(|mapping| (registration.name, mapping)));
            }
        }
        let origins: Vec<(&'static str, &'static str, String, Origin)> = mappings
            .iter()
            .flat_map(|(connector, mapping)| {
                let (entity, stream) = (mapping.entity().name, mapping.stream().to_owned());
                mapping.origins().into_iter().map(move |origin| (*connector, entity, stream.clone(), origin))
            })
            .collect();
        let sources = |entity: &Entity, field: &Field| {
            let mut sources: Vec<ColumnSource> = Vec::new();
            for (connector, of, stream, origin) in &origins {
                if *of != entity.name || origin.field.name != field.name {
                    continue;
                }
                let source = ColumnSource { connector, stream: stream.clone(), from: origin.from.clone(), label: origin.label.clone() };
                if !sources.contains(&source) {
                    sources.push(source);
                }
            }
            sources
        };
        let filled_by = |entity: &Entity| {
            let of = mappings.iter().filter(|(_, mapping)| mapping.entity().name == entity.name);
            of.map(|(connector, mapping)| Filling { connector, stream: mapping.stream().to_owned(), when: mapping.condition() }).collect()
        };
        let tables = entities::ALL.iter().map(|entity| TableReference {
            name: entity.name,
            description: entity.description,
            history: WITH_HISTORY.contains(&entity.name),
            without: without(entity),
            filled_by: filled_by(entity),
            columns: entity.fields.iter().map(|field| column(entity, field, sources(entity, field))).collect(),
        });
        let every = PROVENANCE.iter().map(|field| ColumnReference {
            references: (field.name == "merged_into_id").then(|| "the same table".to_owned()),
            ..column(&entities::CONTACT, field, Vec::new())
        });
        Ok(Self { columns_of_every_table: every.collect(), tables: tables.collect() })
    }

    /// As a page of Markdown, as docs/reference/schema.md holds it.
    pub fn markdown(&self) -> String {
        let mut page = PREFACE.to_owned();
        page.push_str("\n| table | a row is | history | filled by |\n| --- | --- | --- | --- |\n");
        for table in &self.tables {
            let mut connectors: Vec<&str> = table.filled_by.iter().map(|filling| filling.connector).collect();
            connectors.dedup();
            let kept = if table.history { "yes" } else { "" };
            let _ = writeln!(page, "| [`{0}`](#{0}) | {1} | {kept} | {2} |", table.name, table.description, connectors.join(", "));
        }
        page.push_str("\n## Columns of every table\n\n| column | type | meaning |\n| --- | --- | --- |\n");
        for column in &self.columns_of_every_table {
            let _ = writeln!(page, "| `{}` | {} | {} |", column.name, type_of(column), meaning(column));
        }
        let _ = writeln!(page, "| `{FLAGS_COLUMN}` | json | What the cleaners found, by column; empty when all is well. |");
        page.push_str(LOAD_COLUMNS);
        for table in &self.tables {
            let _ = writeln!(page, "\n## {}\n\n{}", table.name, table.description);
            if table.history {
                let _ = writeln!(page, "Earlier versions are in `{}_history`.", table.name);
            }
            if !table.without.is_empty() {
                page.push_str(MADE_HERE);
            }
            for (_, words) in VIEWS.iter().filter(|(of, _)| *of == table.name) {
                let _ = writeln!(page, "{words}");
            }
            page.push_str("\n| column | type | sensitivity | meaning | where it comes from |\n| --- | --- | --- | --- | --- |\n");
            for column in &table.columns {
                let (kind, meaning, sources) = (type_of(column), meaning(column), sources(column));
                let _ = writeln!(page, "| `{}` | {kind} | {} | {meaning} | {sources} |", column.name, sensitivity(column.sensitivity));
            }
            let conditions: Vec<String> = table
                .filled_by
                .iter()
                .filter_map(|of| Some(format!("{} `{}` where {}", of.connector, of.stream, escaped(of.when.as_deref()?))))
                .collect();
            if !conditions.is_empty() {
                let _ = writeln!(page, "\nRows are given by records of {}.", conditions.join("; "));
            }
        }
        page
    }

    /// As a Mermaid diagram of the tables and what points at what.
    pub fn mermaid(&self) -> String {
        let mut diagram = "erDiagram\n".to_owned();
        for table in &self.tables {
            let _ = writeln!(diagram, "    {} {{\n        text id PK", table.name);
            for column in &table.columns {
                let key = if column.references.is_some() { " FK" } else { "" };
                let _ = writeln!(diagram, "        {} {}{key}", type_name(column.r#type), column.name);
            }
            diagram.push_str("    }\n");
        }
        for reference in references::all().filter(|reference| reference.column != "merged_into_id") {
            if let Target::Entity(target) = reference.target {
                let _ = writeln!(diagram, "    {target} ||--o{{ {} : {}", reference.entity, reference.column);
            }
        }
        diagram
    }
}

/// Columns of every table that an entity's table does not have.
fn without(entity: &Entity) -> Vec<&'static str> {
    if !is_made_here(entity) {
        return Vec::new();
    }
    let of_sources = PROVENANCE.iter().map(|field| field.name).filter(|name| !PROVENANCE_MADE_HERE.contains(name));
    of_sources.chain([FLAGS_COLUMN]).collect()
}

fn column(entity: &'static Entity, field: &'static Field, sources: Vec<ColumnSource>) -> ColumnReference {
    ColumnReference {
        name: field.name,
        description: field.description,
        r#type: field.value_type(),
        semantic_type: field.semantic.name(),
        sensitivity: field.sensitivity(),
        required: field.required,
        key: field.name == "id",
        references: references::target(entity, field).map(|target| match target {
            Target::Entity(entity) => entity.to_owned(),
            Target::NamedBy(column) => format!("the table that {column} names"),
        }),
        derived: field.derivation.map(|derivation| match derivation {
            Derivation::Normalized(other) => format!("{other}, in the form that rows are joined by"),
            Derivation::Status(other) => format!("the verdict of the cleaner of {other}"),
        }),
        sources,
    }
}

fn type_name(kind: ValueType) -> &'static str {
    match kind {
        ValueType::Text => "text",
        ValueType::Boolean => "boolean",
        ValueType::Integer => "integer",
        ValueType::Decimal => "decimal",
        ValueType::Date => "date",
        ValueType::Timestamp => "timestamp",
        ValueType::Json => "json",
    }
}

fn type_of(column: &ColumnReference) -> String {
    let (stored, semantic) = (type_name(column.r#type), column.semantic_type);
    if stored == semantic { stored.to_owned() } else { format!("{stored}, {semantic}") }
}

fn sensitivity(class: Sensitivity) -> &'static str {
    match class {
        Sensitivity::None => "",
        Sensitivity::Indirect => "indirect",
        Sensitivity::Direct => "direct",
        Sensitivity::Sensitive => "sensitive",
    }
}

fn meaning(column: &ColumnReference) -> String {
    let mut meaning = escaped(column.description);
    if column.key {
        meaning.push_str(" **Key.**");
    }
    if column.required {
        meaning.push_str(" Required.");
    }
    match &column.references {
        Some(target) if Entity::named(target).is_some() => {
            let _ = write!(meaning, " → [`{target}`](#{target})");
        }
        Some(target) => {
            let _ = write!(meaning, " → {target}");
        }
        None => {}
    }
    meaning
}

fn sources(column: &ColumnReference) -> String {
    if let Some(derived) = &column.derived {
        return format!("from {derived}");
    }
    let told = |source: &ColumnSource| {
        let label = source.label.as_ref().map_or_else(String::new, |label| format!(" ({label})"));
        format!("{} `{}`{label}: {}", source.connector, source.stream, escaped(&source.from))
    };
    column.sources.iter().map(told).collect::<Vec<_>>().join("<br>")
}

/// A text inside a cell of a table.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|").replace('_', "\\_").replace('*', "\\*").replace('<', "&lt;")
}

const PREFACE: &str = "# The common schema

Every table that connectors fill, made by `aqueduct schema --format markdown` from the entities, the semantic types and the mappings; a
test fails where it is out of date. `--format json` gives the same to programs, `mermaid` a diagram, `ddl` the statements that create the
tables (`--dialect sqlite|postgres`).

The type is how a value is stored, then the kind of value, which says how it is cleaned. The sensitivity is the class that a policy speaks
of. Where nothing stands under \"where it comes from\", no connector of Aqueduct's own fills the column; the pipeline file can.
";

/// Views over tables, beside those of earlier versions.
const VIEWS: [(&str, &str); 2] = [
    ("consent_event", "What a person allows now is in the view `consent_current` ([how](../consent.md))."),
    (
        "property_change",
        "What a property was, and from when to when, is in the view `property_history` ([how](../history.md#before-the-first-run)).",
    ),
];

const MADE_HERE: &str =
    "Its rows are made here: of the columns of every table it has `id`, `is_deleted`, `deleted_at` and those of loads.\n";

const LOAD_COLUMNS: &str = "| `_load_id` | text | The load that wrote the row, as in the table of loads, which names its run. |
| `_loaded_at` | timestamp | When that load began. |
| `_row_hash` | text | The digest by which unchanged rows are told. |

The vendor's own fields, custom ones included, are columns of the source tables (`hubspot_contacts`), as far as they were selected.
";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn the_page_is_what_the_code_says() {
        let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/schema.md");
        let written = std::fs::read_to_string(&page).unwrap_or_default();
        let told = SchemaReference::of(&Registry::standard()).unwrap().markdown();
        assert!(
            written == told,
            "docs/reference/schema.md is out of date: `cargo run -p aqueduct-cli --bin aqueduct -- schema > docs/reference/schema.md`"
        );
    }

    #[test]
    fn every_column_is_told_once_with_where_it_comes_from() {
        let reference = SchemaReference::of(&Registry::standard()).unwrap();
        let contact = reference.tables.iter().find(|table| table.name == "contact").unwrap();
        assert_eq!(contact.columns.len(), entities::CONTACT.fields.len());
        let email = contact.columns.iter().find(|column| column.name == "email").unwrap();
        assert!(email.sources.iter().any(|source| source.connector == "hubspot" && source.from == "properties.email"));
        let diagram = reference.mermaid();
        assert!(diagram.starts_with("erDiagram\n") && diagram.contains("    account ||--o{ contact : account_id\n"));
        assert_eq!(diagram.matches(" {\n        text id PK").count(), entities::ALL.len());
        let json = serde_json::to_value(&reference).unwrap();
        assert_eq!(json["tables"].as_array().unwrap().len(), entities::ALL.len());
    }
}
