//! A list of people or companies: a CSV file, read into records whose values are cleaned.

use std::path::Path;
use std::sync::Arc;

use aqueduct_identity::{Attribute, DateOrder, Entity, Record, date_digits};
use aqueduct_normalise::cleaners::{self, CleaningContext};
use aqueduct_schema::{CleaningStatus, Error, Result, SemanticType, codes};

use super::columns::{Holds, ToldColumn, UsedColumn, choose, date_order};

/// How many rows are looked at for guessing what columns hold.
const SAMPLED: usize = 2_000;
/// Cells that stand for nothing.
const NOTHING: &[&str] =
    &["NA", "N/A", "n/a", "NULL", "null", "NaN", "nan", "None", "nil", "-", "--", "?", ".", "#N/A", "<NA>", "\\N", "(null)"];

/// A list that was read.
#[derive(Debug)]
pub(crate) struct List {
    pub(crate) records: Vec<Record>,
    pub(crate) columns: Vec<UsedColumn>,
    /// Headers of columns that are not compared.
    pub(crate) unused: Vec<String>,
    /// How many ids were given to more than one row.
    pub(crate) repeated_ids: usize,
    /// How many rows have no id.
    pub(crate) without_id: usize,
    /// How many rows have more or fewer cells than the header, and the line of the first of them.
    pub(crate) uneven: Option<(usize, u64)>,
}

/// What separates an id from its number where several rows have the same.
pub(crate) const REPEATED: char = '\u{1f}';

/// Reads a list. `source` is the name that its records bear.
pub(crate) fn read(path: &Path, source: &str, entity: Entity, id: &str, told: &[ToldColumn], country: Option<&str>) -> Result<List> {
    let unreadable = |reason: String| Error::new(codes::FILE_UNREADABLE, format!("`{}` cannot be read: {reason}", path.display()));
    let bytes = std::fs::read(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => unreadable("there is no such file".to_owned()),
        kind => unreadable(kind.to_string()),
    })?;
    let (text, _, _) = match std::str::from_utf8(&bytes) {
        Ok(_) => encoding_rs::UTF_8.decode(&bytes),
        Err(_) if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) => encoding_rs::UTF_8.decode(&bytes),
        Err(_) => encoding_rs::WINDOWS_1252.decode(&bytes),
    };
    if text.trim().is_empty() {
        return Err(
            Error::new(codes::BAD_USAGE, format!("`{}` is empty", path.display())).advise("Name a CSV file with a line of headers.")
        );
    }
    if let Some((line, to)) = open_quotation(&text, delimiter(&text)) {
        return Err(Error::new(
            codes::BAD_USAGE,
            format!("{}:{line}: a quotation mark is not closed in its cell, which would take the lines up to {to} in", path.display()),
        )
        .advise("Close it, write it twice where it is a part of the value, or take it out."));
    }
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter(&text)).flexible(true).from_reader(text.as_bytes());
    let headers: Vec<String> =
        reader.headers().map_err(|error| unreadable(error.to_string()))?.iter().map(|header| header.trim().to_owned()).collect();
    let place = headers.iter().position(|header| header == id.trim()).ok_or_else(|| {
        Error::new(codes::BAD_USAGE, format!("`{}` has no column `{id}`", path.display()))
            .advise(format!("Name the column of ids with --id. The file has: {}.", headers.join(", ")))
    })?;
    let mut values: Vec<Vec<String>> = vec![Vec::new(); headers.len()];
    let mut row = csv::StringRecord::new();
    for _ in 0..SAMPLED {
        if !reader.read_record(&mut row).map_err(|error| unreadable(error.to_string()))? {
            break;
        }
        for (column, cell) in values.iter_mut().zip(row.iter()).filter(|(_, cell)| !is_nothing(cell)) {
            column.push(cell.trim().to_owned());
        }
    }
    let columns = choose(entity, &headers, place, told, &values)?;
    let orders: Vec<DateOrder> = columns.iter().map(|column| date_order(&values[column.index])).collect();

    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter(&text)).flexible(true).from_reader(text.as_bytes());
    let source: Arc<str> = source.into();
    let (mut records, mut uneven, mut without_id) = (Vec::new(), None::<(usize, u64)>, 0);
    while reader.read_record(&mut row).map_err(|error| unreadable(error.to_string()))? {
        let cell = |index: usize| row.get(index).map(str::trim).filter(|cell| !is_nothing(cell));
        let own = row.get(place).unwrap_or_default().trim();
        without_id += usize::from(own.is_empty());
        if row.len() != headers.len() {
            let line = row.position().map_or(0, csv::Position::line);
            uneven = Some(uneven.map_or((1, line), |(rows, first)| (rows + 1, first)));
        }
        let mut record = Record::new(Arc::clone(&source), own);
        fill(&mut record, &columns, &orders, country, cell);
        records.push(record);
    }
    let repeated_ids = number_repeated_ids(&mut records);
    let is_unused = |index: &usize| *index != place && columns.iter().all(|column| column.index != *index);
    let unused = (0..headers.len()).filter(is_unused).map(|index| headers[index].clone()).collect();
    Ok(List { records, columns, unused, repeated_ids, without_id, uneven })
}

/// The lines in which a quoted cell begins and ends that goes over several and is not written as quoted cells are: its end is another
/// one's quotation mark, or there is none, and the rows between would be lost.
fn open_quotation(text: &str, delimiter: u8) -> Option<(usize, usize)> {
    let bytes = text.strip_prefix('\u{feff}').unwrap_or(text).as_bytes();
    let (mut at, mut line, mut fresh) = (0, 1, true);
    while let Some(byte) = bytes.get(at) {
        at += 1;
        if *byte == b'"' && fresh {
            let begun = line;
            loop {
                match (bytes.get(at), bytes.get(at + 1)) {
                    (Some(b'"'), Some(b'"')) => at += 1,
                    (Some(b'"'), None) => break,
                    (Some(b'"'), Some(next)) if *next == delimiter || matches!(next, b'\n' | b'\r') => break,
                    (Some(b'"'), Some(_)) | (None, _) if line > begun => return Some((begun, line)),
                    (Some(b'"'), Some(_)) | (None, _) => break,
                    (Some(b'\n'), _) => line += 1,
                    _ => {}
                }
                at += 1;
            }
            at += 1;
            fresh = false;
        } else {
            line += usize::from(*byte == b'\n');
            fresh = *byte == delimiter || matches!(byte, b'\n' | b'\r');
        }
    }
    None
}

/// The sign between cells: of those that lists use the one that the header has most of.
fn delimiter(text: &str) -> u8 {
    let header = text.lines().next().unwrap_or_default();
    let count = |sign: u8| header.bytes().filter(|byte| *byte == sign).count();
    [b',', b';', b'\t', b'|'].into_iter().rev().max_by_key(|sign| count(*sign)).unwrap_or(b',')
}

fn is_nothing(cell: &str) -> bool {
    let cell = cell.trim();
    cell.is_empty() || NOTHING.contains(&cell)
}

fn fill<'c>(
    record: &mut Record,
    columns: &[UsedColumn],
    orders: &[DateOrder],
    country: Option<&str>,
    cell: impl Fn(usize) -> Option<&'c str>,
) {
    let named = columns.iter().find(|column| column.kind == Holds::Value(Attribute::Country)).and_then(|column| cell(column.index));
    let own =
        named.and_then(|name| cleaners::clean(SemanticType::Country, name, &CleaningContext::NONE).value.map(|value| value.into_owned()));
    let facts = CleaningContext { country: own.as_deref(), default_country: country, ..CleaningContext::NONE };
    let mut parts = [None; 3];
    for (column, order) in columns.iter().zip(orders) {
        let Some(value) = cell(column.index) else { continue };
        match column.kind {
            Holds::Year => parts[0] = number(value),
            Holds::Month => parts[1] = number(value),
            Holds::Day => parts[2] = number(value),
            Holds::Website => push_cleaned(record, Attribute::Domain, SemanticType::Domain, value, &facts),
            Holds::Value(attribute) => push(record, attribute, value, &facts, *order),
        }
    }
    if record.get(Attribute::BirthDate).is_none()
        && let [Some(year), month, day] = parts
    {
        record.push(Attribute::BirthDate, &format!("{:04}{:02}{:02}", year % 10_000, month.unwrap_or(0) % 100, day.unwrap_or(0) % 100));
    }
}

fn number(value: &str) -> Option<u32> {
    value.trim_end_matches(".0").parse().ok()
}

fn push(record: &mut Record, attribute: Attribute, value: &str, facts: &CleaningContext<'_>, order: DateOrder) {
    match attribute {
        Attribute::Email => {
            let cleaned = cleaners::clean(SemanticType::Email, value, facts);
            match cleaned.value {
                Some(address) => {
                    record.push(Attribute::EmailMatchKey, &cleaners::email_match_key(&address));
                    record.push(attribute, &cleaners::email_normalized(&address));
                }
                // A mistyped address still resembles the right one.
                None if cleaned.status == CleaningStatus::Invalid => {
                    record.push(Attribute::EmailMatchKey, &value.to_lowercase());
                    record.push(attribute, &value.to_lowercase());
                }
                None => {}
            }
        }
        Attribute::Phone => {
            let cleaned = cleaners::clean(SemanticType::PhoneNumber, value, facts);
            let digits = |text: &str| text.trim_end_matches(".0").chars().filter(char::is_ascii_digit).collect::<String>();
            let number = cleaned.value.filter(|number| number.starts_with('+')).map_or_else(|| digits(value), |number| digits(&number));
            // The sign for going abroad and the zero for going outside are not part of the number.
            record.push(attribute, number.trim_start_matches('0'));
        }
        Attribute::BirthDate => record.push(attribute, &date_digits(value, order).unwrap_or_default()),
        Attribute::FirstName | Attribute::MiddleName | Attribute::LastName | Attribute::FullName => {
            push_cleaned(record, attribute, SemanticType::PersonName, value, facts);
        }
        Attribute::Company => push_cleaned(record, attribute, SemanticType::CompanyName, value, facts),
        Attribute::Domain => push_cleaned(record, attribute, SemanticType::Domain, value, facts),
        Attribute::PostalCode => record.push(attribute, value.strip_suffix(".0").unwrap_or(value)),
        attribute => record.push(attribute, value),
    }
}

fn push_cleaned(record: &mut Record, attribute: Attribute, semantic: SemanticType, value: &str, facts: &CleaningContext<'_>) {
    let cleaned = cleaners::clean(semantic, value, facts);
    match cleaned.value {
        Some(value) => record.push(attribute, &value),
        // What is no host says nothing of a company.
        None if cleaned.status == CleaningStatus::Invalid && attribute != Attribute::Domain => record.push(attribute, value),
        None => {}
    }
}

/// Rows with the same id are records of their own all the same: the second bears a number behind its id, which is not printed. They are
/// numbered by their values, so that their order in the file does not matter.
fn number_repeated_ids(records: &mut [Record]) -> usize {
    let mut order: Vec<usize> = (0..records.len()).collect();
    order.sort_by(|one, other| {
        let (one, other) = (&records[*one], &records[*other]);
        one.key.record.cmp(&other.key.record).then_with(|| one.values.cmp(&other.values))
    });
    let mut repeated = 0;
    for group in
        order.chunk_by(|one, other| records[*one].key.record == records[*other].key.record).map(<[usize]>::to_vec).collect::<Vec<_>>()
    {
        repeated += usize::from(group.len() > 1);
        for (number, index) in group.into_iter().enumerate().skip(1) {
            let id = format!("{}{REPEATED}{number}", records[index].key.record);
            records[index].key.record = id.into();
        }
    }
    repeated
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    fn read_text(text: &[u8], told: &[(&str, &str)]) -> List {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("people.csv");
        std::fs::write(&path, text).unwrap();
        let told: Vec<ToldColumn> = told.iter().map(|(word, header)| ((*word).to_owned(), (*header).to_owned())).collect();
        read(&path, "people.csv", Entity::Contact, "id", &told, Some("DE")).unwrap()
    }

    #[test]
    fn a_list_in_any_dialect() {
        let list = read_text(b"\xef\xbb\xbfid; Vorname ;Nachname;Mail;Telefon;Geburtsdatum\n1;Anna;M\xc3\xbcller;Anna@GMAIL.com;030 1234567;7.9.1927\n2;NA;;;;\n", &[]);
        let [one, two] = &list.records[..] else { panic!("two records") };
        assert_eq!(
            (one.get(Attribute::LastName), one.get(Attribute::Email), one.get(Attribute::Phone), one.get(Attribute::BirthDate)),
            (Some("Müller"), Some("anna@gmail.com"), Some("49301234567"), Some("19270907"))
        );
        assert!(two.values.is_empty());
        let latin = read_text(b"id,first_name,surname\n1,Ren\xe9,M\xfcller\n", &[]);
        assert_eq!(latin.records[0].get(Attribute::FirstName), Some("René"));
    }

    #[test]
    fn a_quotation_mark_that_is_not_closed_takes_no_rows_away() {
        for (text, expected) in [
            ("id,name\n1,\"Ada\n2,Bob\n", Some((2, 4))),
            ("id,name\n1,\"Ada\n2,Bob\n3,\"Cy\"\n", Some((2, 4))),
            ("id,name\n1,\"Ada\n\"\"Countess\"\"\r\nLovelace\"\r\n2,Bob\n", None),
            ("id,name\n1,\"Ada \"The\" Lovelace\"\n2,5\" Bob\n", None),
            ("\u{feff}\"id\",\"name\"\n1,\"\"\n2,\"\"\"\"\n3,\"Ada\"", None),
        ] {
            assert_eq!(open_quotation(text, b','), expected, "{text}");
        }
        let list = read_text(b"id,first_name,surname\n1,Ada,Lovelace,x\n,Bob,Lee\n3,Cy\n", &[]);
        assert_eq!((list.uneven, list.without_id, list.records.len()), (Some((2, 2)), 1, 3));
    }

    #[test]
    fn parts_of_dates_and_repeated_ids() {
        let list = read_text(
            b"id,fname_c1,lname_c1,by,bm,bd\n7,FRANK,MUELLER,1967,9,27\n7,ANNA,MUELLER,1970,13,1\n",
            &[("first_name", "fname_c1")],
        );
        assert_eq!(list.repeated_ids, 1);
        let births: Vec<Option<&str>> = list.records.iter().map(|record| record.get(Attribute::BirthDate)).collect();
        assert_eq!(births, [Some("19670927"), Some("19701301")]);
        assert_ne!(list.records[0].key, list.records[1].key);
    }
}
