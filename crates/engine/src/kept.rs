//! Records that were kept as text, as if the source gave them again.

use std::collections::BTreeMap;

use aqueduct_connector::{Records, Stream};
use aqueduct_schema::{Batch, Checkpoint, Error, Raw, Result, TableName, codes};
use serde_json::{Map, Value};

use crate::decode::{Decoded, decode};
use crate::settings::Settings;

/// A record as text by column, as a reject has it.
pub type KeptRecord = BTreeMap<String, Option<String>>;

/// Whether a kept record has the parts of the stream's key among its columns: a text that could not be taken apart does not.
pub fn is_whole(stream: &Stream, record: &KeptRecord) -> bool {
    let columns = stream.record.key.iter().filter_map(|path| stream.record.index_of(path));
    columns.map(|index| stream.record.fields[index].column.as_ref()).all(|column| record.contains_key(column))
}

/// A raw batch of kept records, in their order, as a page with this checkpoint would bring them. Columns that the stream no longer has
/// are left out, columns it has got meanwhile are empty.
///
/// # Errors
/// `AQ9001` when a record cannot be decoded: each was a record once.
pub fn kept(stream: &Stream, source_system: &str, records: &[KeptRecord], checkpoint: Checkpoint) -> Result<Batch<Raw>> {
    let objects = records.iter().map(|record| {
        let cells = stream.record.fields.iter().filter_map(|field| {
            let text = record.get(field.column.as_ref())?.as_ref()?;
            // A key may hold a dot itself, so a path is found under its whole name.
            Some((field.path.clone(), Value::from(text.as_str())))
        });
        Value::Object(cells.collect::<Map<_, _>>())
    });
    let body = serde_json::json!({ "kept": objects.collect::<Vec<_>>() }).to_string();
    let records = Records::Json { body: body.into(), pointer: &["kept"] };
    let Decoded { table, rejects, read } = decode(stream, TableName::source(source_system, &stream.name), &records, &Settings::default())?;
    if !rejects.is_empty() {
        return Err(Error::new(codes::BUG, "a kept record cannot be decoded").with("stream", &stream.name));
    }
    Ok(Batch::raw(stream.name.as_str().into(), table, rejects, read, checkpoint))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use aqueduct_schema::{Mode, RecordField, RecordSchema, StreamState, Timestamp, ValueType};
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Int64Type, TimestampMicrosecondType};

    fn stream() -> Stream {
        let fields = vec![
            RecordField::new("id", ValueType::Text),
            RecordField::new("properties.a.b", ValueType::Integer),
            RecordField::new("properties.since", ValueType::Timestamp),
            RecordField::new("tags", ValueType::Json),
        ];
        Stream::new("people", RecordSchema::new("person", fields, &["id"]), &[Mode::Changes], "")
    }

    #[test]
    fn a_kept_record_is_decoded_as_it_was() {
        let stream = stream();
        let columns: Vec<String> = stream.record.fields.iter().map(|field| field.column.to_string()).collect();
        let texts = ["7", "12", "2026-01-02T03:04:05Z", r#"["x"]"#];
        let whole: KeptRecord = columns.iter().cloned().zip(texts.map(|text| Some(text.to_owned()))).collect();
        let thin =
            KeptRecord::from([(columns[0].clone(), Some("8".into())), (columns[1].clone(), None), ("gone".into(), Some("x".into()))]);
        assert!(is_whole(&stream, &whole) && is_whole(&stream, &thin));
        assert!(!is_whole(&stream, &KeptRecord::from([("line".into(), Some("{".into()))])));
        let (state, at) = (StreamState::default(), Timestamp::from_seconds(9));
        let checkpoint = Checkpoint { state, mode: Mode::Changes, reading_started_at: at, reading_complete: false };
        let batch = kept(&stream, "shop", &[whole, thin], checkpoint).unwrap();
        assert_eq!((batch.counts().read, batch.checkpoint().mode), (2, Mode::Changes));
        let rows = &batch.tables()[0].rows;
        assert_eq!(rows.column(0).as_string::<i32>().iter().flatten().collect::<Vec<_>>(), ["7", "8"]);
        assert_eq!(rows.column(1).as_primitive::<Int64Type>().iter().collect::<Vec<_>>(), [Some(12), None]);
        let since: Vec<_> = rows.column(2).as_primitive::<TimestampMicrosecondType>().iter().collect();
        assert_eq!(since, [Some("2026-01-02T03:04:05Z".parse::<Timestamp>().unwrap().microseconds()), None]);
        assert_eq!(rows.column(3).as_string::<i32>().iter().collect::<Vec<_>>(), [Some(r#"["x"]"#), None]);
    }
}
