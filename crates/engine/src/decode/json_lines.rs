//! One JSON object a line.

use aqueduct_connector::Origin;

use super::json::read_record;
use super::rows::Rows;
use crate::http::depth;

/// Decodes whole lines. A line that is no JSON object becomes a reject; blank lines count for nothing but their number.
pub(crate) fn decode(rows: &mut Rows, body: &[u8], origin: &Origin, depth_limit: usize) {
    for (number, line) in body.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let location = || Some(location(origin, number as u64));
        let text = match std::str::from_utf8(line) {
            Ok(text) => text,
            Err(_) => {
                let text = String::from_utf8_lossy(line);
                rows.reject_text("json_lines.malformed", "The line is not UTF-8 text.".to_owned(), &text, location());
                continue;
            }
        };
        if depth::exceeds(line, depth_limit) {
            rows.reject_text("record.too_deep", format!("The line nests deeper than {depth_limit} levels."), text, location());
        } else if line.starts_with(b"{") || serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() {
            read_line(rows, text, location);
        } else {
            rows.reject_text("record.not_an_object", "The line is not a JSON object.".to_owned(), text, location());
        }
    }
}

fn read_line(rows: &mut Rows, text: &str, location: impl Fn() -> Option<String>) {
    let rejects = rows.rejects.len();
    if text.starts_with('{') {
        read_record(rows, text, None);
    } else {
        rows.reject_text("json_lines.malformed", String::new(), text, None);
    }
    // Locations are worth a text only for the few lines that are rejected.
    for reject in &mut rows.rejects[rejects..] {
        reject.location = location();
        if matches!(reject.rule.as_ref(), "record.malformed" | "json_lines.malformed") {
            reject.rule = "json_lines.malformed".into();
            reject.message = "The line is not well-formed JSON.".to_owned();
        }
    }
}

/// The place of a record in its file, by the number of lines before it.
pub(crate) fn location(origin: &Origin, lines_before: u64) -> String {
    format!("{}:{}", origin.file, origin.first_line + lines_before)
}
