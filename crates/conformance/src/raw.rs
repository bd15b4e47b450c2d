//! What the source wrote against what arrived: every value of every record, beside the column it came to.

use std::collections::BTreeMap;

use aqueduct_connector::{CsvFormat, Records, Stream};
use aqueduct_schema::{Table, Timestamp, ValueType};
use arrow_array::ArrayRef;
use serde_json::Value;

use crate::records::text;

/// What an API says of a record and not the record does: Salesforce's type and address of each.
/// <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/dome_query.htm>
const ENVELOPE: [&str; 1] = ["attributes"];

/// What a comparison found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Compared {
    /// Values that the source wrote.
    pub(crate) values: u64,
    /// Those that no field holds, by path.
    pub(crate) lost: BTreeMap<String, u64>,
    /// Those that arrived as something else, in words; the first few.
    pub(crate) differing: Vec<String>,
}

impl Compared {
    /// Compares the records of a page with its rows. Pages that are neither JSON nor delimited text are passed over.
    pub(crate) fn add(&mut self, stream: &Stream, page: &Records, table: &Table) {
        let records = match page {
            Records::Json { body, pointer } => {
                let answer: Value = serde_json::from_slice(body).unwrap_or_default();
                let items = pointer.iter().fold(&answer, |value, key| &value[*key]);
                items.as_array().cloned().unwrap_or_default()
            }
            Records::JsonLines { body, .. } => {
                body.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
            }
            Records::Csv { body, format, .. } => delimited(body, format),
            Records::Joined { parts } => return parts.iter().take(1).for_each(|part| self.add(stream, &part.records, table)),
            Records::Sets { records, .. } => return self.add(stream, records, table),
            _ => return,
        };
        if records.len() != table.len() {
            self.differing.push(format!("{} records became {} rows", records.len(), table.len()));
            return;
        }
        for (row, record) in records.iter().enumerate() {
            self.value(stream, table, row, "", record);
        }
    }

    fn value(&mut self, stream: &Stream, table: &Table, row: usize, path: &str, value: &Value) {
        if let Some(index) = stream.record.index_of(path) {
            self.values += u64::from(!is_empty(value));
            let column = table.rows.column(index);
            if !same(value, column, row, table.schema.columns[index].value_type) && self.differing.len() < 5 {
                self.differing.push(format!("`{path}` arrives as {:?} where the source says {value}", text(column, row)));
            }
            return;
        }
        match value {
            value if is_empty(value) => {}
            Value::Object(entries) => {
                for (key, below) in entries.iter().filter(|(key, _)| !(path.is_empty() && ENVELOPE.contains(&key.as_str()))) {
                    let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    self.value(stream, table, row, &path, below);
                }
            }
            _ => {
                self.values += 1;
                *self.lost.entry(path.to_owned()).or_default() += 1;
            }
        }
    }
}

/// The records of delimited text, every value as text. Read here by itself, so that a mistake in the engine's reader is not made twice.
fn delimited(body: &[u8], format: &CsvFormat) -> Vec<Value> {
    let mut records = Vec::new();
    let (mut values, mut value, mut quoted, mut begun) = (Vec::new(), Vec::new(), false, false);
    let mut bytes = body.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        begun = true;
        match byte {
            _ if byte == format.quote && quoted && bytes.peek() == Some(&format.quote) => {
                bytes.next();
                value.push(byte);
            }
            _ if byte == format.quote && (quoted || value.is_empty()) => quoted = !quoted,
            _ if quoted => value.push(byte),
            _ if byte == format.delimiter => values.push(std::mem::take(&mut value)),
            b'\r' if bytes.peek().is_none_or(|next| *next == b'\n') => {}
            b'\n' | b'\r' => {
                values.push(std::mem::take(&mut value));
                records.push(std::mem::take(&mut values));
                begun = false;
            }
            _ => value.push(byte),
        }
    }
    if begun {
        values.push(value);
        records.push(values);
    }
    // A line without anything in it is no record.
    records.retain(|values| values.len() > 1 || values.iter().any(|value| !value.is_empty()));
    let named = |values: Vec<Vec<u8>>| {
        let fields = format.header.iter().zip(values);
        Value::Object(fields.map(|(name, value)| (name.clone(), Value::String(String::from_utf8_lossy(&value).into_owned()))).collect())
    };
    records.into_iter().map(named).collect()
}

/// Whether a column holds a value as the source wrote it. Where a source writes nothing as an empty text, the two are one.
fn same(value: &Value, column: &ArrayRef, row: usize, kind: ValueType) -> bool {
    let found = text(column, row);
    let written = match value {
        Value::Null => return found.is_none(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let Some(found) = found else { return written.trim().is_empty() };
    match kind {
        ValueType::Text => found == written,
        ValueType::Boolean => found.eq_ignore_ascii_case(&written) || (found == "true") == (written == "1"),
        ValueType::Integer | ValueType::Decimal => number(&found) == number(&written),
        ValueType::Date => found.parse().ok().and_then(day).is_some_and(|day| written.starts_with(&day)),
        ValueType::Timestamp => found.parse().ok() == instant(&written),
        ValueType::Json => serde_json::from_str::<Value>(&found).ok() == serde_json::from_str(&written).ok(),
    }
}

/// Whether a source says nothing by a value.
fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_str() == Some("")
}

/// A number without needless zeros.
fn number(text: &str) -> String {
    let text = text.trim();
    let plain = if text.contains(['e', 'E']) {
        text.parse::<f64>().map_or_else(|_| text.to_owned(), |number| number.to_string())
    } else {
        text.to_owned()
    };
    if plain.contains('.') { plain.trim_end_matches('0').trim_end_matches('.').to_owned() } else { plain }
}

/// A day since 1970 as `2026-01-31`.
fn day(days: i64) -> Option<String> {
    let at = Timestamp::from_seconds(days.checked_mul(86_400)?).to_string();
    at.get(..10).map(str::to_owned)
}

/// The microseconds of an instant as sources write it: RFC 3339, or milliseconds since 1970.
fn instant(text: &str) -> Option<i64> {
    if let Ok(milliseconds) = text.parse::<i64>() {
        return milliseconds.checked_mul(1_000);
    }
    let parsed = text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_microsecond);
    parsed.or_else(|| text.get(..10).filter(|_| text.len() == 10).and_then(|day| instant(&format!("{day}T00:00:00Z"))))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use aqueduct_schema::{Mode, Operation, RecordField, RecordSchema, TableName};
    use arrow_array::{RecordBatch, StringArray, TimestampMicrosecondArray};
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_lost_or_becomes_something_else_is_found() {
        let fields = [("id", ValueType::Text), ("p.name", ValueType::Text), ("p.at", ValueType::Timestamp)];
        let record = RecordSchema::new("thing", fields.map(|(path, kind)| RecordField::new(path, kind)).to_vec(), &["id"]);
        let stream = Stream::new("things", record, &[Mode::Snapshot], "https://example.com");
        let columns =
            stream.record.fields.iter().map(|field| aqueduct_schema::Column::technical(&field.column, field.value_type)).collect();
        let schema = Arc::new(aqueduct_schema::TableSchema {
            name: TableName::source("shop", "things"),
            columns,
            absent_columns: Vec::new(),
            key: "id".into(),
            constants: Vec::new(),
        });
        let (ids, names) = (StringArray::from(vec!["1"]), StringArray::from(vec!["Ada"]));
        let times = TimestampMicrosecondArray::from(vec![1_770_000_000_000_000]).with_timezone("UTC");
        let rows = RecordBatch::try_new(schema.arrow(), vec![Arc::new(ids), Arc::new(names), Arc::new(times)]).unwrap();
        let table = Table::new(schema, Operation::Upsert, rows).unwrap();
        let page = |record: Value| Records::Json { body: json!([record]).to_string().into(), pointer: &[] };
        let of = |record| {
            let mut compared = Compared::default();
            compared.add(&stream, &page(record), &table);
            (compared.values, compared.lost.into_keys().collect::<Vec<_>>(), compared.differing.len())
        };
        let whole = json!({"attributes": {"type": "T"}, "id": "1", "p": {"name": "Ada", "at": "2026-02-02T03:40:00.000+0100"}});
        assert_eq!(of(whole), (3, vec![], 0));
        let more = json!({"id": 1, "p": {"name": "Ada", "at": 1_770_000_000_000_i64, "size": 4, "none": null}});
        assert_eq!(of(more), (4, vec!["p.size".to_owned()], 0));
        assert_eq!(of(json!({"id": "1", "p": {"name": "ada", "at": null}})).2, 2);
        assert_eq!(of(json!({"id": "1", "p": {"name": "Ada", "at": "2026-02-02"}})).2, 1);

        let header: Arc<[String]> = ["id", "p.name", "p.at", "more"].map(str::to_owned).into();
        let format = CsvFormat { delimiter: b';', quote: b'"', header, quoted_empty_is_null: false };
        let of = |text: &'static str| {
            let page = Records::Csv { body: text.into(), format: format.clone(), origin: aqueduct_connector::Origin::default() };
            let mut compared = Compared::default();
            compared.add(&stream, &page, &table);
            (compared.values, compared.lost.into_keys().collect::<Vec<_>>(), compared.differing.len())
        };
        assert_eq!(of("1;Ada;2026-02-02T02:40:00Z;\r\n"), (3, vec![], 0));
        assert_eq!(of("\"1\";\"Ada\";\"2026-02-02T02:40:00Z\";\"a;\"\"b\"\"\nc\""), (4, vec!["more".to_owned()], 0));
        assert_eq!(of("1;\"A;da\";2026-02-02T02:40:00Z;\n").2, 1);
        assert_eq!(of("1;Ada;2026-02-02T02:40:00Z;\n2;Bo;;\n").2, 1, "two records and one row");
    }
}
