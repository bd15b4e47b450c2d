//! Delimited text.

use aqueduct_connector::{CsvFormat, Origin};
use csv::ByteRecord;

use super::json_lines::location;
use super::rows::Rows;

/// Decodes whole records. A record with the wrong number of fields, or that is not UTF-8, becomes a reject with its line.
///
/// An empty field is no value, except one written as a pair of quotation marks, which is an empty text.
pub(crate) fn decode(rows: &mut Rows, body: &[u8], format: &CsvFormat, origin: &Origin) {
    let fields: Vec<Option<usize>> =
        format.header.iter().map(|name| rows.plan.fields.iter().position(|field| field.path == *name)).collect();
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(format.delimiter).quote(format.quote).from_reader(body);
    let empty_texts = !format.quoted_empty_is_null && has_empty_texts(body, format);
    let mut record = ByteRecord::new();
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(true) => {}
            // Reading from memory does not fail, and records of any length are taken.
            Ok(false) | Err(_) => return,
        }
        let (from, line) = record.position().map_or((0, 1), |position| (position.byte(), position.line()));
        let raw = raw(body, from, reader.position().byte());
        let location = || Some(location(origin, line - 1 + raw.blank_lines));
        if record.len() != fields.len() {
            let message = format!("The record has {} fields, not {} as the header.", record.len(), fields.len());
            rows.reject_text("csv.wrong_number_of_fields", message, &String::from_utf8_lossy(raw.text), location());
            continue;
        }
        let quoted = if empty_texts { quoted_fields(raw.text, format) } else { Vec::new() };
        let mut is_text = true;
        for (place, (value, column)) in record.iter().zip(&fields).enumerate() {
            let Some(column) = column else { continue };
            if value.is_empty() && !quoted.get(place).copied().unwrap_or(false) {
                continue;
            }
            match std::str::from_utf8(value) {
                Ok(value) => rows.set_text(*column, value),
                Err(_) => is_text = false,
            }
        }
        if is_text {
            let rejects = rows.rejects.len();
            rows.end_record(None);
            for reject in &mut rows.rejects[rejects..] {
                reject.location = location();
            }
        } else {
            rows.abandon_record();
            let message = "The record is not UTF-8 text.".to_owned();
            rows.reject_text("csv.not_utf8", message, &String::from_utf8_lossy(raw.text), location());
        }
    }
}

/// A record as it was written.
struct Raw<'b> {
    text: &'b [u8],
    /// Blank lines before it, which the reader passes over.
    blank_lines: u64,
}

fn raw(body: &[u8], from: u64, to: u64) -> Raw<'_> {
    let part = body.get(from as usize..to as usize).unwrap_or_default();
    let start = part.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(part.len());
    let blank_lines = part[..start].iter().filter(|byte| **byte == b'\n').count() as u64;
    let mut text = &part[start..];
    while let [rest @ .., b'\r' | b'\n'] = text {
        text = rest;
    }
    Raw { text, blank_lines }
}

/// Whether an empty text (a pair of quotation marks and nothing else) may stand anywhere. Most files have none, and then no record
/// has to be looked at twice.
fn has_empty_texts(body: &[u8], format: &CsvFormat) -> bool {
    let ends = |byte: Option<&u8>| byte.is_none_or(|byte| *byte == format.delimiter || matches!(byte, b'\r' | b'\n'));
    let mut at = 0;
    while let Some(found) = body[at..].windows(2).position(|pair| pair == [format.quote; 2]) {
        let first = at + found;
        if ends(first.checked_sub(1).and_then(|before| body.get(before))) && ends(body.get(first + 2)) {
            return true;
        }
        at = first + 1;
    }
    false
}

/// For each field of a record whether it is written in quotation marks.
fn quoted_fields(text: &[u8], format: &CsvFormat) -> Vec<bool> {
    let mut fields = vec![text.first() == Some(&format.quote)];
    let mut inside = fields[0];
    for (at, byte) in text.iter().enumerate().skip(usize::from(inside)) {
        if *byte == format.quote && (inside || fields.last() == Some(&true)) {
            // A doubled mark inside turns twice, which leaves it as it was.
            inside = !inside;
        } else if *byte == format.delimiter && !inside {
            let quoted = text.get(at + 1) == Some(&format.quote);
            fields.push(quoted);
        }
    }
    fields
}
