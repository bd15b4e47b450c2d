//! Delimited text: where records end, which delimiter a file has, and its header.

use std::collections::HashSet;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use crate::pages::{Borders, Cut};

/// Delimiters that are looked for; where two fit alike the one that values hold more seldom counts, so it comes first.
const DELIMITERS: [u8; 4] = [b'\t', b'|', b';', b','];
/// How many records the delimiter is judged by.
const JUDGED_BY: usize = 200;

/// Finds the ends of delimited records with the state machine of the csv crate, so that the decoder sees the same records.
pub(crate) struct DelimitedBorders {
    reader: Reader,
    delimiter: u8,
    quote: u8,
    /// Fields are of no interest here: they are written over each other.
    fields: Vec<u8>,
    ends: Vec<usize>,
}

impl DelimitedBorders {
    pub(crate) fn new(delimiter: u8, quote: u8) -> Self {
        let reader = ReaderBuilder::new().delimiter(delimiter).quote(quote).build();
        Self { reader, delimiter, quote, fields: vec![0; 8 << 10], ends: vec![0; 1 << 10] }
    }

    /// Whether a record ends in this text, and how much of the text it takes.
    fn record(&mut self, text: &[u8]) -> (bool, usize) {
        let mut at = 0;
        while at < text.len() {
            let (result, read, _, _) = self.reader.read_record(&text[at..], &mut self.fields, &mut self.ends);
            at += read;
            match result {
                ReadRecordResult::Record => return (true, at),
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {}
                ReadRecordResult::InputEmpty | ReadRecordResult::End => break,
            }
        }
        (false, at)
    }

    /// Whether a quotation mark that was never closed made one record of several lines: the mark that seems to close it opens a value
    /// further down, so text follows it. Taken as one record, the lines between would be lost, or be loaded as a part of a value.
    fn runs_away(&self, record: &[u8]) -> bool {
        let (mut at, mut field_starts) = (0, true);
        while let Some(byte) = record.get(at) {
            at += 1;
            if !(field_starts && *byte == self.quote) {
                field_starts = *byte == self.delimiter || matches!(byte, b'\r' | b'\n');
                continue;
            }
            let from = at;
            let end = loop {
                let Some(found) = record[at..].iter().position(|byte| *byte == self.quote) else { return false };
                at += found + 1;
                if record.get(at) != Some(&self.quote) {
                    break at;
                }
                at += 1;
            };
            let text_follows = record.get(end).is_some_and(|byte| *byte != self.delimiter && !matches!(byte, b'\r' | b'\n'));
            if text_follows && record[from..end].contains(&b'\n') {
                return true;
            }
            field_starts = false;
        }
        false
    }
}

impl Borders for DelimitedBorders {
    fn cut(&mut self, text: &[u8], target: usize, ended: bool) -> Cut {
        self.reader.reset();
        let (mut at, mut cut) = (0, 0);
        loop {
            let (start, line) = (at, self.reader.line());
            let (whole, read) = self.record(&text[at..]);
            at += read;
            if !whole {
                break;
            }
            if self.reader.line() > line + 1 && self.runs_away(&text[start..at]) {
                return if cut > 0 { Cut::At(cut) } else { Cut::Broken };
            }
            // The state machine ends a record at a carriage return; the line feed after it belongs to the same line end.
            cut = match (text.get(at - 1), text.get(at)) {
                (Some(b'\r'), Some(b'\n')) => at + 1,
                (Some(b'\r'), None) if !ended => cut,
                _ => at,
            };
            if cut >= target {
                return Cut::At(cut);
            }
        }
        if !ended {
            return if cut > 0 { Cut::At(cut) } else { Cut::More };
        }
        // The last record may lack its line end. With one added it must be whole, or it ends inside quotation marks.
        let rest_is_blank = text[cut..].iter().all(|byte| matches!(byte, b'\r' | b'\n'));
        if rest_is_blank || self.record(b"\n").0 {
            Cut::At(text.len())
        } else if cut > 0 {
            Cut::At(cut)
        } else {
            Cut::Broken
        }
    }
}

/// A reader of the csv crate that takes records of any number of fields.
pub(crate) fn records(text: &[u8], delimiter: u8, quote: u8) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new().delimiter(delimiter).quote(quote).has_headers(false).flexible(true).from_reader(text)
}

/// The delimiter by which most of the first records have as many values as the header, and at least two; `,` when there is none.
pub(crate) fn detect_delimiter(sample: &str, quote: u8) -> u8 {
    let mut best = (b',', 0.0, 0);
    for delimiter in DELIMITERS {
        if delimiter == quote {
            continue;
        }
        let counts: Vec<usize> =
            records(sample.as_bytes(), delimiter, quote).byte_records().take(JUDGED_BY).flatten().map(|record| record.len()).collect();
        let Some(columns) = counts.first().copied().filter(|columns| *columns > 1) else { continue };
        let alike = counts.iter().filter(|count| **count == columns).count();
        let consistency = alike as f64 / counts.len() as f64;
        // Commas inside the values of a semicolon file are seldom as regular as its semicolons.
        if consistency > best.1 + 0.05 || (consistency >= best.1 - 0.05 && columns > best.2) {
            best = (delimiter, consistency, columns);
        }
    }
    best.0
}

/// The delimiter that Excel's first line `sep=;` declares.
pub(crate) fn declared_delimiter(first_line: &[u8]) -> Option<u8> {
    match first_line.trim_ascii_end() {
        [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', delimiter] => Some(*delimiter),
        // A tab is white space at the line's end.
        [b's' | b'S', b'e' | b'E', b'p' | b'P', b'='] if first_line.get(4) == Some(&b'\t') => Some(b'\t'),
        _ => None,
    }
}

/// The names of a header, trimmed and unique, with what had to be changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Header {
    /// The names, in order.
    pub(crate) names: Vec<String>,
    /// What had to be changed, in sentences.
    pub(crate) notes: Vec<String>,
}

/// Reads a header from its record.
pub(crate) fn header(record: &[u8], delimiter: u8, quote: u8) -> Header {
    let mut header = Header::default();
    let Some(Ok(record)) = records(record, delimiter, quote).into_byte_records().next() else { return header };
    let raw: Vec<String> = record.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect();
    let mut taken: HashSet<String> = raw.iter().cloned().collect();
    let mut seen = HashSet::new();
    for (index, name) in raw.into_iter().enumerate() {
        let base = if name.is_empty() { format!("column_{}", index + 1) } else { name.clone() };
        let mut unique = base.clone();
        let mut number = 2;
        // A name that was made up must not take one that stands further right.
        while seen.contains(&unique) || (unique != name && taken.contains(&unique)) {
            unique = format!("{base}_{number}");
            number += 1;
        }
        if name.is_empty() {
            header.notes.push(format!("column {} has no name and is called `{unique}`", index + 1));
        } else if unique != name {
            header.notes.push(format!("column {} is a further `{name}` and is called `{unique}`", index + 1));
        }
        taken.insert(unique.clone());
        seen.insert(unique.clone());
        header.names.push(unique);
    }
    header
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::pages::TextPages;
    use crate::text::TextReader;

    fn pages(text: &str, target: usize) -> Vec<(String, u64)> {
        let reader = TextReader::new(Box::new(std::io::Cursor::new(text.as_bytes().to_vec())), encoding_rs::UTF_8);
        let mut pages = TextPages::new(reader, Box::new(DelimitedBorders::new(b',', b'"')));
        let mut out = Vec::new();
        while let Some(page) = pages.next(target).unwrap() {
            out.push((String::from_utf8(page.body).unwrap(), page.first_line));
        }
        out
    }

    #[test]
    fn pages_hold_the_same_records_as_the_whole_text() {
        let text = "1,\"a\nb\"\r\n2,\"say \"\"hi\"\"\r\n\"\r\n\n\n3,5\" pipe\n,\n4,\"last, without end\"";
        let whole: Vec<csv::ByteRecord> = records(text.as_bytes(), b',', b'"').into_byte_records().map(Result::unwrap).collect();
        assert_eq!(whole.len(), 5);
        for target in 1..text.len() + 2 {
            let cut = pages(text, target);
            let records: Vec<csv::ByteRecord> = cut
                .iter()
                .flat_map(|(body, _)| records(body.as_bytes(), b',', b'"').into_byte_records().map(Result::unwrap).collect::<Vec<_>>())
                .collect();
            assert_eq!(records, whole, "pages of {target}");
        }
        let lines: Vec<u64> = pages(text, 1).iter().map(|(_, line)| *line).collect();
        assert_eq!(lines, [1, 3, 7, 8, 9]);
    }

    #[test]
    fn a_quotation_mark_that_is_never_closed_costs_one_line() {
        let text = "1,a\n2,\"b\n3,c\n4,d\n";
        let expected = [("1,a\n", 1), ("2,\"b\n", 2), ("3,c\n4,d\n", 3)].map(|(body, line)| (body.to_owned(), line));
        assert_eq!(pages(text, 1_000), expected);
        assert_eq!(pages("1,\"open", 1_000), [("1,\"open".to_owned(), 1)]);
        let until_another = "1,a\n2,\"b\n3,c\n4,\"d\"\n5,\"e\nf\"\n";
        let expected = [("1,a\n", 1), ("2,\"b\n", 2), ("3,c\n4,\"d\"\n5,\"e\nf\"\n", 3)].map(|(body, line)| (body.to_owned(), line));
        assert_eq!(pages(until_another, 1_000), expected);
        let long = format!("1,\"open\n{}", "2,row\n".repeat(crate::pages::LONGEST_RECORD / 5));
        let cut = pages(&long, 1 << 20);
        assert_eq!(cut[0].0, "1,\"open\n");
        assert_eq!(cut[1..].iter().map(|(body, _)| body.len()).sum::<usize>(), long.len() - cut[0].0.len());
    }

    #[test]
    fn old_line_ends_are_borders_too() {
        assert_eq!(pages("1,a\r2,b\r3,c", 1).iter().map(|(_, line)| *line).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(pages("1,a\r\n2,b\r\n", 1), [("1,a\r\n".to_owned(), 1), ("2,b\r\n".to_owned(), 2)]);
    }

    #[test]
    fn delimiters_are_found() {
        assert_eq!(detect_delimiter("a,b,c\n1,2,3\n", b'"'), b',');
        assert_eq!(detect_delimiter("a;b\n\"1;1\";\"2,0\"\n3,5;4\n", b'"'), b';');
        assert_eq!(detect_delimiter("name, first\tcity\nX, Y\tZ\n", b'"'), b'\t');
        assert_eq!(detect_delimiter("a|b|c\n1|2|3\n", b'"'), b'|');
        assert_eq!(detect_delimiter("email\na@example.com\n", b'"'), b',');
        assert_eq!(detect_delimiter("id;price\n1;2,5\n2;3,5\n3;4,5\n", b'"'), b';');
        assert_eq!(declared_delimiter(b"sep=;\r\n"), Some(b';'));
        assert_eq!(declared_delimiter(b"SEP=\t\n"), Some(b'\t'));
        assert_eq!(declared_delimiter(b"separator,x\n"), None);
    }

    #[test]
    fn names_are_trimmed_and_unique() {
        let header = header(b" id ,name,,name,\"na\nme\",name_2,\n", b',', b'"');
        assert_eq!(header.names, ["id", "name", "column_3", "name_3", "na\nme", "name_2", "column_7"]);
        assert_eq!(header.notes.len(), 3);
        assert!(header.notes[1].contains("column 4") && header.notes[1].contains("`name_3`"), "{:?}", header.notes);
    }
}
