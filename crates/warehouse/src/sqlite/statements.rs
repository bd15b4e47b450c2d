//! The SQL text that brings staged rows into a SQLite table.

use aqueduct_schema::entities::FLAGS_COLUMN;
use aqueduct_schema::{TableSchema, ValueType};

use super::stage::{Form, stage_table};
use super::tables::widened;
use crate::cells::timestamp_text;
use crate::identifier::{literal, quoted};
use crate::layout::{IS_DELETED, LOAD_ID, LOADED_AT, ROW_HASH, SOURCE_UPDATED_AT, Stored, cleared};
use crate::load_plan::{LoadPlan, Step, StepKind};

/// The statements of a step.
pub(crate) struct Statements {
    /// Appends all rows.
    pub(crate) append: String,
    /// Appends all rows byte for byte, where they are staged as they are stored.
    pub(crate) move_whole: String,
    /// Counts the rows whose key is new, those that change what is stored, and those that are older than it.
    pub(crate) count: String,
    /// Inserts new rows and updates changed ones; leaves the others alone.
    pub(crate) merge: String,
    /// The columns that are written, with their values.
    pub(crate) values: Vec<(String, String)>,
    /// Where the rows are staged.
    pub(crate) staged: String,
}

impl Statements {
    /// The statements for the staged rows of a step.
    pub(crate) fn new(plan: &LoadPlan, step: &Step, number: usize, form: &Form, stored: &Stored) -> Self {
        let schema = &step.schema;
        let staged = |column: usize| format!("s.c{}", form.places.get(column).copied().unwrap_or(column));
        let Columns { written, sets, differing } = Columns::new(plan, step, &staged, stored);
        let names = written.iter().map(|(name, _)| quoted(name)).collect::<Vec<_>>().join(", ");
        let values = written.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(", ");
        let (table, key, stage) = (quoted(&schema.name.to_string()), quoted(&schema.key), stage_table(number));
        let known = format!("t.{key}");
        let older = older(schema, &staged, stored);
        let differs = match step.kind {
            // The stored digest is of the whole row, of which these are a part.
            StepKind::Columns => {
                // In groups, because SQLite takes no expression that is a thousand deep.
                let groups: Vec<String> = differing.chunks(500).map(|group| format!("({})", group.join(" OR "))).collect();
                format!("({})", groups.join(" OR "))
            }
            _ => format!("t.{hash} <> {digest}", hash = quoted(ROW_HASH), digest = staged(schema.columns.len())),
        };
        let changed = format!("({known} IS NOT NULL AND {differs} AND NOT {older})");
        let staged_key = staged(schema.index_of(&schema.key).unwrap_or(0));
        let joined = format!("stage.{stage} AS s LEFT JOIN main.{table} AS t ON {known} = {staged_key}");
        Self {
            move_whole: format!("INSERT INTO main.{table} SELECT * FROM stage.{stage}"),
            append: format!("INSERT INTO main.{table} ({names}) SELECT {values} FROM stage.{stage} AS s"),
            // Looked at row by row before they are counted: SQLite counts no more than 2,000 columns at once. The limit keeps it from
            // making one query of both.
            count: format!(
                "SELECT count(*) FILTER (WHERE fresh), count(*) FILTER (WHERE changed), count(*) FILTER (WHERE older) \
                 FROM (SELECT {known} IS NULL AS fresh, {changed} AS changed, {older} AS older FROM {joined} LIMIT -1)"
            ),
            merge: format!(
                "INSERT INTO main.{table} ({names}) SELECT {values} FROM {joined} WHERE {known} IS NULL OR {changed} \
                 ON CONFLICT ({key}) DO UPDATE SET {}",
                sets.join(", ")
            ),
            values: written,
            staged: format!("stage.{stage}"),
        }
    }
}

/// What a step does to columns.
struct Columns {
    /// The columns that a new row gets, with their values.
    written: Vec<(String, String)>,
    /// What a row that is there already gets.
    sets: Vec<String>,
    /// For each column of the step, the condition that a row that is there has another value.
    differing: Vec<String>,
}

impl Columns {
    fn new(plan: &LoadPlan, step: &Step, staged: &impl Fn(usize) -> String, stored: &Stored) -> Self {
        let (schema, whole) = (&step.schema, step.kind == StepKind::Rows);
        let mut columns = Self { written: Vec::new(), sets: Vec::new(), differing: Vec::with_capacity(schema.columns.len()) };
        for (index, column) in schema.columns.iter().enumerate() {
            let to = stored.get(column.name.as_ref()).copied().unwrap_or(column.value_type);
            let value = widened(&staged(index), column.value_type, to);
            let flags = !whole && column.name.as_ref() == FLAGS_COLUMN;
            columns.differing.push(if flags {
                format!("t.{FLAGS_COLUMN} IS NOT {}", with_flags(schema, &format!("t.{FLAGS_COLUMN}"), &value))
            } else {
                format!("t.{} IS NOT {value}", quoted(&column.name))
            });
            columns.write(&column.name, value, column.name != schema.key && !flags);
        }
        columns.write(ROW_HASH, staged(schema.columns.len()), true);
        for (name, value) in &schema.constants {
            columns.write(name, literal(value), whole);
        }
        if schema.index_of(IS_DELETED).is_none() {
            // A row that says nothing of a deletion is alive.
            columns.write(IS_DELETED, "0".to_owned(), whole);
        }
        columns.write(LOAD_ID, literal(&plan.load_id), true);
        columns.write(LOADED_AT, literal(&timestamp_text(plan.loaded_at)), true);
        if !whole && schema.index_of(FLAGS_COLUMN).is_some() {
            let merged = with_flags(schema, FLAGS_COLUMN, &format!("excluded.{FLAGS_COLUMN}"));
            columns.sets.push(format!("{FLAGS_COLUMN} = {merged}"));
        }
        if whole {
            columns.sets.extend(cleared(schema, stored).into_iter().map(|name| format!("{} = NULL", quoted(name))));
        }
        columns
    }

    fn write(&mut self, name: &str, value: String, updated: bool) {
        self.written.push((name.to_owned(), value));
        if updated {
            let name = quoted(name);
            self.sets.push(format!("{name} = excluded.{name}"));
        }
    }
}

/// The condition that a row that is there is newer than the one that comes.
fn older(schema: &TableSchema, staged: &impl Fn(usize) -> String, stored: &Stored) -> String {
    match schema.index_of(SOURCE_UPDATED_AT) {
        Some(index) if stored.get(SOURCE_UPDATED_AT) == Some(&ValueType::Timestamp) => {
            let incoming = widened(&staged(index), schema.columns[index].value_type, ValueType::Timestamp);
            format!("({incoming} < t.{}) IS 1", quoted(SOURCE_UPDATED_AT))
        }
        _ => "0".to_owned(),
    }
}

/// The flags of a row of which some columns came: those of its other columns as they were, those of the ones that came as they are now.
fn with_flags(schema: &TableSchema, kept: &str, came: &str) -> String {
    let columns: Vec<String> = schema.columns.iter().map(|column| format!("\"{}\":null", column.name)).collect();
    let without = literal(&format!("{{{}}}", columns.join(",")));
    // A patch takes out what it has as null (RFC 7396).
    format!("nullif(json_patch(coalesce({kept}, '{{}}'), json_patch({without}, coalesce({came}, '{{}}'))), '{{}}')")
}
