//! The header line of delimited text, for vendors that answer with CSV.

use std::sync::Arc;

use bytes::Bytes;
use csv_core::{ReadRecordResult, ReaderBuilder};

/// The names in the header line of a CSV body (comma, quotation marks doubled inside quoted values), and the body without that line.
/// `None` for a body without a whole header line: an answer that is empty, cut off inside its header, or not UTF-8 there.
pub fn split_header(body: &Bytes) -> Option<(Arc<[String]>, Bytes)> {
    let mut reader = ReaderBuilder::new().build();
    let mut text = vec![0; 4 << 10];
    let mut ends = vec![0; 256];
    let (mut read, mut written, mut count) = (0, 0, 0);
    loop {
        let (result, more_read, more_written, more_ends) =
            reader.read_record(body.get(read..)?, text.get_mut(written..)?, ends.get_mut(count..)?);
        read += more_read;
        written += more_written;
        count += more_ends;
        match result {
            ReadRecordResult::OutputFull => text.resize(text.len() * 2, 0),
            ReadRecordResult::OutputEndsFull => ends.resize(ends.len() * 2, 0),
            ReadRecordResult::Record => break,
            // The line has no end: what follows, if anything does, was cut off.
            ReadRecordResult::InputEmpty | ReadRecordResult::End => return None,
        }
    }
    let mut names = Vec::with_capacity(count);
    let mut start = 0;
    for end in ends.get(..count)? {
        names.push(std::str::from_utf8(text.get(start..*end)?).ok()?.to_owned());
        start = *end;
    }
    // After `\r\n` the reader leaves the second character to the next record.
    let rest = body.slice(read..);
    let rest = if rest.first() == Some(&b'\n') { rest.slice(1..) } else { rest };
    (names.iter().any(|name| !name.is_empty())).then(|| (names.into(), rest))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_header_is_taken_off() {
        let (names, rest) = split_header(&Bytes::from_static(b"\"Id\",\"A \"\"b\"\"\"\n\"1\",\"x\ny\"\n")).unwrap();
        assert_eq!(*names, ["Id".to_owned(), "A \"b\"".to_owned()]);
        assert_eq!(&rest[..], b"\"1\",\"x\ny\"\n");
        let (names, rest) = split_header(&Bytes::from_static(b"Id,Name\r\n1,x\r\n")).unwrap();
        assert_eq!((names.len(), &rest[..]), (2, &b"1,x\r\n"[..]));
        assert!(split_header(&Bytes::from_static(b"Id\n")).unwrap().1.is_empty());
        let wide = (0..1_000).map(|number| format!("Column_{number}__c")).collect::<Vec<_>>().join(",") + "\n1";
        assert_eq!(split_header(&Bytes::from(wide)).unwrap().0.len(), 1_000);
    }

    #[test]
    fn a_header_that_is_cut_off_is_none() {
        for body in ["", "\n", "Id,Na", "\"Id\",\"Na"] {
            assert!(split_header(&Bytes::from(body)).is_none(), "{body:?}");
        }
    }
}
