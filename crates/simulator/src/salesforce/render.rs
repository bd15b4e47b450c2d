//! Records as bytes: JSON as REST gives it, CSV as Bulk results give it.

use super::data::Data;
use super::fields::{Field, Kind, Origin, Schema};
use super::record::Record;
use super::soql::filter::{End, Source};
use super::soql::{Column, Item};

/// How an instant ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Zone {
    /// `+0000`, in REST.
    Offset,
    /// `Z`, in Bulk results.
    Letter,
}

/// Writes records of one query as JSON.
#[derive(Debug)]
pub(crate) struct JsonRecords<'a> {
    data: &'a Data,
    schema: &'a Schema,
    items: &'a [Item],
    /// Such as `v62.0`.
    version: &'a str,
    head: Vec<u8>,
    keys: Vec<Vec<u8>>,
}

impl<'a> JsonRecords<'a> {
    pub(crate) fn new(data: &'a Data, schema: &'a Schema, items: &'a [Item], version: &'a str) -> Self {
        let key = |item: &Item| {
            let mut key = vec![b','];
            let name = match item {
                Item::Field(place) => &schema.fields[*place].name,
                Item::Named(name) | Item::Relation { name, .. } => name,
            };
            quoted(&mut key, name);
            key.push(b':');
            key
        };
        Self { data, schema, items, version, head: head(schema, version), keys: items.iter().map(key).collect() }
    }

    /// Adds a record.
    pub(crate) fn write(&self, out: &mut Vec<u8>, record: &Record) {
        out.extend_from_slice(&self.head);
        out.extend_from_slice(&self.schema.id_bytes(record.number));
        out.extend_from_slice(b"\"}");
        for (item, key) in self.items.iter().zip(&self.keys) {
            out.extend_from_slice(key);
            match item {
                Item::Field(place) => json_value(out, self.schema, record, *place),
                Item::Named(_) => out.extend_from_slice(b"null"),
                Item::Relation { reference, items, .. } => self.relation(out, self.schema, record, *reference, items),
            }
        }
        out.push(b'}');
    }

    fn relation(&self, out: &mut Vec<u8>, schema: &Schema, record: &Record, reference: usize, items: &[Item]) {
        let Some((schema, record)) = self.data.referred(schema, record, reference) else {
            out.extend_from_slice(b"null");
            return;
        };
        out.extend_from_slice(&head(schema, self.version));
        out.extend_from_slice(&schema.id_bytes(record.number));
        out.extend_from_slice(b"\"}");
        for item in items {
            out.push(b',');
            let name = match item {
                Item::Field(place) => &schema.fields[*place].name,
                Item::Named(name) | Item::Relation { name, .. } => name,
            };
            quoted(out, name);
            out.push(b':');
            match item {
                Item::Field(place) => json_value(out, schema, record, *place),
                Item::Named(name) if name == "Type" => quoted(out, &schema.name),
                Item::Named(name) => match schema.visible(name) {
                    Some(place) => json_value(out, schema, record, place),
                    None => out.extend_from_slice(b"null"),
                },
                Item::Relation { reference, items, .. } => self.relation(out, schema, record, *reference, items),
            }
        }
        out.push(b'}');
    }
}

/// The beginning of a record, up to its id.
fn head(schema: &Schema, version: &str) -> Vec<u8> {
    format!("{{\"attributes\":{{\"type\":\"{0}\",\"url\":\"/services/data/{version}/sobjects/{0}/", schema.name).into_bytes()
}

fn json_value(out: &mut Vec<u8>, schema: &Schema, record: &Record, place: usize) {
    let field = &schema.fields[place];
    match field.origin {
        Origin::Id => {
            out.push(b'"');
            out.extend_from_slice(&schema.id_bytes(record.number));
            out.push(b'"');
        }
        Origin::Deleted => out.extend_from_slice(if record.deleted_at.is_some() { b"true" } else { b"false" }),
        Origin::Compound => address(out, schema, record, field),
        Origin::Stored if field.kind == Kind::Any => json_any(out, schema, record, place),
        Origin::Stored => json_stored(out, field, record.stored(field, place)),
        origin => {
            out.push(b'"');
            instant(out, record.time(origin).unwrap_or_default(), Zone::Offset);
            out.push(b'"');
        }
    }
}

fn json_stored(out: &mut Vec<u8>, field: &Field, text: &str) {
    if text.is_empty() {
        out.extend_from_slice(b"null");
        return;
    }
    match field.kind {
        Kind::Check | Kind::Int | Kind::Double | Kind::Money | Kind::Percent => out.extend_from_slice(text.as_bytes()),
        Kind::Stamp => {
            out.push(b'"');
            out.extend_from_slice(text.strip_suffix('Z').unwrap_or(text).as_bytes());
            out.extend_from_slice(b"+0000\"");
        }
        _ => quoted(out, text),
    }
}

/// A value whose type the record's `DataType` says.
fn json_any(out: &mut Vec<u8>, schema: &Schema, record: &Record, place: usize) {
    let text = record.values.get(place);
    match schema.place("DataType").map_or("", |place| record.values.get(place)) {
        _ if text.is_empty() => out.extend_from_slice(b"null"),
        "Boolean" | "Currency" | "Double" | "Percent" => out.extend_from_slice(text.as_bytes()),
        "DateTime" => quoted(out, &format!("{}+0000", text.strip_suffix('Z').unwrap_or(text))),
        _ => quoted(out, text),
    }
}

/// The parts of an address, by the ends of their fields' names.
const PARTS: [(&str, &str); 10] = [
    ("city", "City"),
    ("country", "Country"),
    ("countryCode", "CountryCode"),
    ("geocodeAccuracy", "GeocodeAccuracy"),
    ("latitude", "Latitude"),
    ("longitude", "Longitude"),
    ("postalCode", "PostalCode"),
    ("state", "State"),
    ("stateCode", "StateCode"),
    ("street", "Street"),
];

fn address(out: &mut Vec<u8>, schema: &Schema, record: &Record, field: &Field) {
    let prefix = field.name.strip_suffix("Address").unwrap_or_default();
    let part = |end: &str| schema.place(&format!("{prefix}{end}"));
    if PARTS.iter().all(|(_, end)| part(end).is_none_or(|place| record.values.get(place).is_empty())) {
        out.extend_from_slice(b"null");
        return;
    }
    for (number, (key, end)) in PARTS.iter().enumerate() {
        out.push(if number == 0 { b'{' } else { b',' });
        quoted(out, key);
        out.push(b':');
        match part(end) {
            Some(place) => json_stored(out, &schema.fields[place], record.values.get(place)),
            None => out.extend_from_slice(b"null"),
        }
    }
    out.push(b'}');
}

/// A JSON text.
pub(crate) fn quoted(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let bytes = text.as_bytes();
    if !has(text, |byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        out.extend_from_slice(bytes);
        out.push(b'"');
        return;
    }
    let mut start = 0;
    for (place, byte) in bytes.iter().enumerate() {
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0..0x20 => b"",
            _ => continue,
        };
        out.extend_from_slice(&bytes[start..place]);
        if escape.is_empty() {
            out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
        } else {
            out.extend_from_slice(escape);
        }
        start = place + 1;
    }
    out.extend_from_slice(&bytes[start..]);
    out.push(b'"');
}

/// Writes records of one query as CSV.
#[derive(Debug)]
pub(crate) struct CsvRecords<'a> {
    data: &'a Data,
    schema: &'a Schema,
    columns: &'a [Column],
    delimiter: u8,
    line_end: &'static [u8],
}

impl<'a> CsvRecords<'a> {
    pub(crate) fn new(data: &'a Data, schema: &'a Schema, columns: &'a [Column], delimiter: u8, line_end: &'static [u8]) -> Self {
        Self { data, schema, columns, delimiter, line_end }
    }

    /// Adds the names of the columns.
    pub(crate) fn header(&self, out: &mut Vec<u8>) {
        for (number, column) in self.columns.iter().enumerate() {
            if number > 0 {
                out.push(self.delimiter);
            }
            out.push(b'"');
            csv_inner(out, &column.header);
            out.push(b'"');
        }
        out.extend_from_slice(self.line_end);
    }

    /// Adds a record.
    pub(crate) fn write(&self, out: &mut Vec<u8>, record: &Record) {
        out.push(b'"');
        for (number, column) in self.columns.iter().enumerate() {
            if number > 0 {
                out.extend_from_slice(&[b'"', self.delimiter, b'"']);
            }
            match column.source.end {
                End::Field(place) if column.source.path.is_empty() => self.own(out, record, place),
                _ => self.related(out, record, &column.source),
            }
        }
        out.push(b'"');
        out.extend_from_slice(self.line_end);
    }

    fn own(&self, out: &mut Vec<u8>, record: &Record, place: usize) {
        let field = &self.schema.fields[place];
        match field.origin {
            Origin::Stored => csv_inner(out, record.stored(field, place)),
            Origin::Id => out.extend_from_slice(&self.schema.id_bytes(record.number)),
            Origin::Deleted => out.extend_from_slice(if record.deleted_at.is_some() { b"true" } else { b"false" }),
            Origin::Compound => {}
            origin => instant(out, record.time(origin).unwrap_or_default(), Zone::Letter),
        }
    }

    fn related(&self, out: &mut Vec<u8>, record: &Record, source: &Source) {
        csv_inner(out, source.text(self.data, self.schema, record).as_deref().unwrap_or_default());
    }
}

/// A text between its quotes, with the quotes in it doubled.
fn csv_inner(out: &mut Vec<u8>, text: &str) {
    if !has(text, |byte| byte == b'"') {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
}

/// Whether any byte is one that is looked for. Without an early end the compiler looks at many at once.
fn has(text: &str, wanted: impl Fn(u8) -> bool) -> bool {
    text.bytes().fold(false, |found, byte| found | wanted(byte))
}

/// An instant as the vendor writes it, always with three decimals.
fn instant(out: &mut Vec<u8>, milliseconds: i64, zone: Zone) {
    let (days, of_day) = (milliseconds.div_euclid(86_400_000), milliseconds.rem_euclid(86_400_000));
    let (year, month, day) = civil(days);
    let mut text = *b"0000-00-00T00:00:00.000";
    digits(&mut text[0..4], year);
    digits(&mut text[5..7], month);
    digits(&mut text[8..10], day);
    digits(&mut text[11..13], of_day / 3_600_000);
    digits(&mut text[14..16], of_day / 60_000 % 60);
    digits(&mut text[17..19], of_day / 1000 % 60);
    digits(&mut text[20..23], of_day % 1000);
    out.extend_from_slice(&text);
    out.extend_from_slice(if zone == Zone::Offset { b"+0000" } else { b"Z" });
}

fn digits(place: &mut [u8], mut number: i64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number.rem_euclid(10)).unwrap_or(0);
        number /= 10;
    }
}

/// Year, month and day of a number of days since 1970, by shifting the year's beginning to March.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// An instant as REST writes it.
pub(crate) fn rest_instant(milliseconds: i64) -> String {
    let mut out = Vec::with_capacity(28);
    instant(&mut out, milliseconds, Zone::Offset);
    out.into_iter().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::clock::iso;

    #[test]
    fn instants_are_those_of_the_calendar() {
        for milliseconds in [0, 951_782_399_999, 951_782_400_000, 1_782_864_000_123, 4_102_444_800_000, 1_709_164_800_000] {
            let mut out = Vec::new();
            instant(&mut out, milliseconds, Zone::Letter);
            assert_eq!(String::from_utf8(out).unwrap(), iso(milliseconds));
            assert_eq!(rest_instant(milliseconds), iso(milliseconds).replace('Z', "+0000"));
        }
    }

    #[test]
    fn texts_are_escaped() {
        let text = "a\"b\\c\n\r\t\u{1}ü🎉";
        let mut json = Vec::new();
        quoted(&mut json, text);
        assert_eq!(serde_json::from_slice::<String>(&json).unwrap(), text);
        let mut csv = Vec::new();
        csv_inner(&mut csv, "a\"b\"\nc");
        assert_eq!(csv, b"a\"\"b\"\"\nc");
    }
}
