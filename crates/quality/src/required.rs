//! No row without what identifies it: keys and required columns.

use std::collections::HashSet;

use aqueduct_schema::{Batch, Checked, Error, Normalised, Operation, Reject, RejectCell, Result, Table, codes};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray};
use arrow_select::filter::filter_record_batch;

/// Judges a batch: a record whose row lacks its key or a required value in any table goes to quarantine, with all its rows.
/// Normalising turns such records away earlier and with a better reason; this is the guarantee that none slips through.
///
/// # Errors
/// `AQ9001` when rows cannot be filtered.
pub fn check(mut batch: Batch<Normalised>) -> Result<Batch<Checked>> {
    let (tables, mut rejects) = batch.take_content();
    let mut bad: HashSet<String> = HashSet::new();
    let mut nameless: Vec<Vec<usize>> = vec![Vec::new(); tables.len()];
    if tables.iter().all(|table| table.operation == Operation::Tombstone || missing(table).is_empty()) {
        return Ok(batch.into_checked(tables, rejects));
    }
    let records: HashSet<String> =
        tables.first().map(|table| (0..table.len()).filter_map(|row| source_id(table, row)).collect()).unwrap_or_default();
    for (index, table) in tables.iter().enumerate() {
        if table.operation == Operation::Tombstone {
            continue;
        }
        for (row, column) in missing(table) {
            let id = source_id(table, row);
            let record = match &id {
                Some(id) => bad.insert(record_of(id, &records).to_owned()),
                None => {
                    nameless[index].push(row);
                    index == 0
                }
            };
            if record {
                rejects.push(reject(table, row, column, id));
            }
        }
    }
    let tables =
        tables.into_iter().zip(nameless).map(|(table, nameless)| without(table, &bad, &nameless, &records)).collect::<Result<Vec<_>>>()?;
    Ok(batch.into_checked(tables, rejects))
}

/// A text cell as it is; other types are left out of the reject, since the rule is about what is missing.
fn display(column: &ArrayRef, row: usize) -> Option<String> {
    column.as_string_opt::<i32>().filter(|texts| texts.is_valid(row)).map(|texts| texts.value(row).to_owned())
}

/// The record that a row belongs to: rows of a record's parts (its contact points) have the record's id, `:` and a label.
fn record_of<'i>(id: &'i str, records: &HashSet<String>) -> &'i str {
    if records.contains(id) { id } else { id.rsplit_once(':').map_or(id, |(record, _)| record) }
}

/// Rows that lack their key or a required value, with the column: each row once.
fn missing(table: &Table) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut rows = HashSet::new();
    for (index, column) in table.schema.columns.iter().enumerate() {
        let values = table.rows.column(index);
        if (column.required || column.name == table.schema.key) && values.null_count() > 0 {
            found.extend((0..values.len()).filter(|row| values.is_null(*row) && rows.insert(*row)).map(|row| (row, index)));
        }
    }
    found
}

fn source_id(table: &Table, row: usize) -> Option<String> {
    let ids = table.rows.column(table.schema.index_of("source_id")?).as_string_opt::<i32>()?;
    ids.is_valid(row).then(|| ids.value(row).to_owned())
}

fn reject(table: &Table, row: usize, column: usize, source_id: Option<String>) -> Reject {
    let name = &table.schema.columns[column].name;
    Reject {
        rule: "required.missing".into(),
        field: Some(format!("{}.{name}", table.schema.name).into()),
        message: format!("The record has no value for `{name}`, without which it cannot be stored."),
        source_id,
        location: None,
        sealed: None,
        record: table
            .schema
            .columns
            .iter()
            .zip(table.rows.columns())
            .map(|(column, values)| RejectCell {
                column: column.name.clone(),
                sensitivity: column.sensitivity,
                value: display(values, row),
            })
            .collect(),
    }
}

fn without(table: Table, bad: &HashSet<String>, nameless: &[usize], records: &HashSet<String>) -> Result<Table> {
    let keep: BooleanArray = (0..table.len())
        .map(|row| {
            let id = source_id(&table, row);
            Some(!nameless.contains(&row) && id.is_none_or(|id| !bad.contains(record_of(&id, records))))
        })
        .collect();
    let rows =
        filter_record_batch(&table.rows, &keep).map_err(|error| Error::new(codes::BUG, format!("rows cannot be filtered: {error}")))?;
    Ok(Table { rows, ..table })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use aqueduct_schema::{Checkpoint, Column, Mode, StreamState, TableName, TableSchema, Timestamp, ValueType};
    use arrow_array::{RecordBatch, StringArray};

    fn table(name: TableName, required: &str, rows: &[[Option<&str>; 3]]) -> Table {
        let columns = ["id", "source_id", "email"]
            .map(|name| Column { required: name == required, ..Column::technical(name, ValueType::Text) })
            .to_vec();
        let schema = Arc::new(TableSchema { name, columns, absent_columns: Vec::new(), key: "id".into(), constants: Vec::new() });
        let arrays = (0..3).map(|at| Arc::new(StringArray::from_iter(rows.iter().map(|row| row[at]))) as ArrayRef).collect();
        Table::new(schema.clone(), Operation::Upsert, RecordBatch::try_new(schema.arrow(), arrays).unwrap()).unwrap()
    }

    fn batch(tables: Vec<Table>) -> Batch<Normalised> {
        let checkpoint = Checkpoint {
            state: StreamState::default(),
            mode: Mode::Backfill,
            reading_started_at: Timestamp::from_seconds(0),
            reading_complete: false,
        };
        Batch::raw("contacts".into(), tables[0].clone(), Vec::new(), 3, checkpoint).into_normalised(tables, Vec::new(), 0)
    }

    #[test]
    fn a_record_goes_with_all_its_rows() {
        let rows = [[Some("a"), Some("1"), Some("x")], [Some("b"), Some("2"), None], [Some("c"), Some("3"), Some("z")]];
        let points = [[Some("d"), Some("1:email"), Some("x")], [Some("e"), Some("2:email"), Some("y")]];
        let source = table(TableName::source("hubspot", "contacts"), "", &rows);
        let contact = table(TableName::common("contact"), "email", &rows);
        let point = table(TableName::common("contact_point"), "", &points);
        let checked = check(batch(vec![source, contact, point])).unwrap();
        assert_eq!(checked.tables().iter().map(Table::len).collect::<Vec<_>>(), [2, 2, 1]);
        assert_eq!(checked.rejects().len(), 1);
        assert_eq!(checked.rejects()[0].field.as_deref(), Some("contact.email"));
        assert_eq!(checked.rejects()[0].source_id.as_deref(), Some("2"));
    }

    #[test]
    fn a_row_without_key_and_id_is_one_reject() {
        let rows = [[None, None, Some("x")], [Some("b"), Some("2"), None]];
        let checked = check(batch(vec![table(TableName::source("hubspot", "contacts"), "", &rows)])).unwrap();
        assert_eq!((checked.tables()[0].len(), checked.rejects().len()), (1, 1));
        assert_eq!(checked.counts().read, 3);
    }
}
