//! Fields whose type a contract holds: a record with a value that does not fit is turned away, and the column keeps its type.

use aqueduct_schema::{Reject, RejectCell, ValueType};
use arrow_array::BooleanArray;

use super::plan::Plan;
use super::text_column::Texts;
use super::typed;

/// The rule of a record that is turned away.
const RULE: &str = "contract.type";

/// Turns records away whose value of a rigid field does not fit the field's type: those values are taken out of their columns, and the
/// records come back, with the rows that are left. `None` where every record fits.
pub(crate) fn turn_away(plan: &Plan, texts: &mut [Texts], length: usize) -> Option<(Vec<Reject>, BooleanArray)> {
    let mut misfits: Vec<(usize, usize)> = Vec::new();
    for (column, field) in plan.fields.iter().enumerate().filter(|(_, field)| field.rigid) {
        if !matches!(field.value_type, ValueType::Text | ValueType::Json) {
            let fits = |text: Option<&[u8]>| text.is_none_or(|text| typed::fits(text, field.value_type));
            misfits.extend(texts[column].iter().enumerate().filter(|(_, text)| !fits(*text)).map(|(row, _)| (row, column)));
        }
    }
    if misfits.is_empty() {
        return None;
    }
    let mut kept = vec![true; length];
    let mut rejects = Vec::new();
    for (row, column) in &misfits {
        if std::mem::replace(&mut kept[*row], false) {
            rejects.push(reject(plan, texts, *row, *column));
        }
    }
    for (row, column) in misfits {
        texts[column].unset(row);
    }
    Some((rejects, BooleanArray::from(kept)))
}

fn reject(plan: &Plan, texts: &[Texts], row: usize, column: usize) -> Reject {
    let field = &plan.fields[column];
    let cells = plan.fields.iter().zip(texts).map(|(field, texts)| RejectCell {
        column: field.column.clone(),
        sensitivity: super::sensitivity(field, field.value_type),
        value: texts.text(row).map(str::to_owned),
    });
    let key: Option<Vec<&str>> = plan.key.iter().map(|column| texts[*column].text(row)).collect();
    Reject {
        rule: RULE.into(),
        field: Some(field.path.as_str().into()),
        message: format!("The value of `{}` is not of the type `{}`, which the contract holds.", field.path, field.value_type.name()),
        source_id: key.filter(|key| !key.is_empty()).map(|key| key.join(":")),
        location: None,
        record: cells.collect(),
        sealed: None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use aqueduct_connector::{Records, Stream};
    use aqueduct_schema::{Mode, RecordField, RecordSchema, TableName};
    use arrow_array::Array;
    use arrow_array::cast::AsArray;

    use crate::decode::{Decoded, decode};
    use crate::settings::Settings;

    use super::*;

    fn decoded(body: &'static str) -> Decoded {
        let rigid = |path: &str, value_type| RecordField { rigid: true, ..RecordField::new(path, value_type) };
        let fields = vec![
            RecordField::new("id", ValueType::Text),
            rigid("size", ValueType::Integer),
            rigid("day", ValueType::Date),
            RecordField::new("free", ValueType::Integer),
        ];
        let stream = Stream::new("things", RecordSchema::new("thing", fields, &["id"]), &[Mode::Backfill], "");
        let records = Records::Json { body: body.into(), pointer: &[] };
        decode(&stream, TableName::source("shop", "things"), &records, &Settings::default()).unwrap()
    }

    #[test]
    fn what_does_not_fit_is_turned_away_and_the_type_stays() {
        let body = r#"[{"id":"1","size":7,"day":"2026-01-31","free":"x"},{"id":"2","size":"many","day":"soon"},{"id":"3","size":1.5},
            {"id":"4","size":"","day":null,"free":1},{"id":"5","size":"8"}]"#;
        let page = decoded(body);
        assert_eq!((page.read, page.table.len()), (5, 3));
        let types: Vec<ValueType> = page.table.schema.columns.iter().map(|column| column.value_type).collect();
        assert_eq!(types, [ValueType::Text, ValueType::Integer, ValueType::Date, ValueType::Text], "what nobody holds widens");
        let ids: Vec<&str> = page.table.rows.column(0).as_string::<i32>().iter().flatten().collect();
        assert_eq!(ids, ["1", "4", "5"]);
        assert_eq!(page.table.rows.column(1).null_count(), 1);
        let told: Vec<_> = page
            .rejects
            .iter()
            .map(|reject| (&*reject.rule, reject.source_id.as_deref().unwrap(), reject.field.as_deref().unwrap()))
            .collect();
        assert_eq!(told, [(RULE, "2", "size"), (RULE, "3", "size")]);
        let kept: Vec<Option<&str>> = page.rejects[0].record.iter().map(|cell| cell.value.as_deref()).collect();
        assert_eq!(kept, [Some("2"), Some("many"), Some("soon"), None], "the record as it came");
        assert!(!page.rejects[0].message.contains("many"));
    }

    #[test]
    fn what_fits_is_as_it_was() {
        let page = decoded(r#"[{"id":"1","size":7},{"id":"2","day":"2026-01-31"}]"#);
        assert_eq!((page.table.len(), page.rejects.len()), (2, 0));
    }
}
