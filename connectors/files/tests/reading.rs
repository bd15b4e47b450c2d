//! Pages, places, bookmarks: nothing is lost and nothing comes twice.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::time::{Duration, UNIX_EPOCH};

use aqueduct_connector::schema::{Position, Retry, codes};
use aqueduct_connector::{Next, Records};
use serde_json::json;
use support::{Folder, Found, files, gzip, keyed, only_stream, page, read, read_from, zstd};

fn rows(from: usize, to: usize) -> String {
    let mut text = "id,name,note\n".to_owned();
    for number in from..to {
        text.push_str(&match number % 7 {
            0 => format!("{number},\"Ann,\n{number}\",\"x\"\"y\"\n"),
            1 => format!("{number},Zoë,\r\n"),
            2 => format!("{number},broken line\n"),
            _ => format!("{number},Name {number},note\n"),
        });
    }
    text
}

#[tokio::test]
async fn going_on_at_every_page_gives_the_same_records() {
    let folder = Folder::new();
    folder.write("a.csv", rows(0, 40)).write("b.csv.gz", gzip(rows(40, 80).as_bytes())).write("c.csv.zst", zstd(rows(80, 120).as_bytes()));
    let config = keyed(&folder, "*.csv*");
    let one = files(config.clone()).page_bytes(50);
    let stream = only_stream(&one).await;
    let whole = read(&one, &stream, None).await;
    assert_eq!(whole.records.len(), 120);
    assert!(whole.pages.len() > 20);
    let ids: Vec<String> = whole.records.iter().map(|record| record.values[0].clone().unwrap()).collect();
    assert_eq!(ids, (0..120).map(|number| number.to_string()).collect::<Vec<_>>());
    for (index, position) in whole.positions.iter().enumerate() {
        let before: usize = whole.pages[..=index].iter().map(|page| support::records(page).len()).sum();
        // A place comes back from the warehouse as JSON text, into another process.
        let position: Position = serde_json::from_str(&serde_json::to_string(position).unwrap()).unwrap();
        let other = files(config.clone()).page_bytes(150);
        let rest = read_from(&other, &stream, Some(position.clone()), None).await.unwrap();
        assert_eq!(rest.records, whole.records[before..], "from page {index}");
        assert_eq!(rest.bookmark, whole.bookmark);
        // The same page may be asked for twice of the same connector.
        let first = support::records(&page(&one, &stream, Some(&position), None).await.unwrap());
        let again = support::records(&page(&one, &stream, Some(&position), None).await.unwrap());
        assert_eq!(first, again);
    }
}

#[tokio::test]
async fn broken_lines_stay_in_their_place() {
    let folder = Folder::new();
    folder.write("a.csv", "id,name,note\n1,a,b\n2,too,many,values\n3\n4,\"open,x\n5,c,d\n6,\"e\",f\n7,\"open,x\n8,g,h\n");
    let files = files(keyed(&folder, "a.csv"));
    let reading = read(&files, &only_stream(&files).await, None).await;
    let found: Vec<(u64, usize)> = reading.records.iter().map(|record| (record.line, record.values.len())).collect();
    // A quotation mark that is never closed costs its line alone (5 and 8), not those after it.
    assert_eq!(found, [(2, 3), (3, 4), (4, 1), (5, 2), (6, 3), (7, 3), (8, 2), (9, 3)]);
}

#[tokio::test]
async fn only_new_and_changed_files_are_read_again() {
    let folder = Folder::new();
    folder.write("a.csv", "id,name\n1,a\n").write("b.csv", "id,name\n2,b\n");
    let files = files(keyed(&folder, "*.csv"));
    let stream = only_stream(&files).await;
    let first = read(&files, &stream, None).await;
    assert_eq!(first.files(), ["a.csv", "b.csv"]);

    let second = read(&files, &stream, Some(&first.bookmark)).await;
    assert_eq!((second.records.len(), &second.bookmark), (0, &first.bookmark));

    folder.write("a2.csv", "id,name\n3,c\n").write("b.csv", "id,name\n2,b\n4,d\n");
    let third = read(&files, &stream, Some(&second.bookmark)).await;
    assert_eq!(third.files(), ["a2.csv", "b.csv"]);
    assert_eq!(third.records.len(), 3);

    // A file that was only touched has the same content.
    let touched = std::fs::File::options().write(true).open(folder.path("a.csv")).unwrap();
    touched.set_modified(UNIX_EPOCH + Duration::from_secs(1_000_000_000)).unwrap();
    // A file that went away deletes nothing, and is new if it comes back.
    std::fs::remove_file(folder.path("b.csv")).unwrap();
    let fourth = read(&files, &stream, Some(&third.bookmark)).await;
    assert!(fourth.records.is_empty());
    folder.write("b.csv", "id,name\n2,b\n4,d\n");
    let fifth = read(&files, &stream, Some(&fourth.bookmark)).await;
    assert_eq!(fifth.files(), ["b.csv"]);
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_read_starts_over() {
    let folder = Folder::new();
    folder.write("a.csv", rows(0, 30));
    let config = keyed(&folder, "a.csv");
    let one = files(config.clone()).page_bytes(60);
    let stream = only_stream(&one).await;
    let Next::Page(position) = page(&one, &stream, None, None).await.unwrap().next else { panic!("one page") };
    folder.write("a.csv", rows(1_000, 1_030));
    for connector in [&one, &files(config)] {
        let rest = read_from(connector, &stream, Some(position.clone()), None).await.unwrap();
        assert_eq!(rest.records.len(), 30);
        assert_eq!(rest.records[0].values[0].as_deref(), Some("1000"));
    }

    let mut position = None;
    let mut from = 2_000;
    let error = loop {
        folder.write("a.csv", rows(from, from + 100 + from / 100));
        from += 1_000;
        match page(&one, &stream, position.as_ref(), None).await {
            Ok(page) => match page.next {
                Next::Page(next) | Next::Later { position: next, .. } => position = Some(next),
                Next::End { .. } | Next::TooMany => panic!("a file that was never whole was read to its end"),
            },
            Err(error) => break error,
        }
    };
    assert!(folder.plain(&error.to_string()).contains("`a.csv` keeps changing while it is read"), "{error}");
}

#[tokio::test]
async fn a_stream_that_is_cut_off_is_an_error_and_not_an_end() {
    let text = rows(0, 20_000);
    for (name, packed) in [("b.csv.gz", gzip(text.as_bytes())), ("b.csv.zst", zstd(text.as_bytes()))] {
        let folder = Folder::new();
        folder.write("a.csv", "id,name,note\n1,a,b\n").write(name, &packed[..packed.len() - 20]);
        let config = keyed(&folder, "*.csv*");
        let one = files(config.clone());
        let stream = only_stream(&one).await;
        // What was whole is read; the page before the error does not claim to be the last.
        let first = page(&one, &stream, None, None).await.unwrap();
        assert_eq!(support::records(&first).len(), 1);
        let Next::Page(position) = first.next else { panic!("the end was claimed") };
        let error = page(&one, &stream, Some(&position), None).await.unwrap_err();
        let message = folder.plain(&error.to_string());
        assert_eq!((error.code(), error.retry()), (codes::MALFORMED_ANSWER, Retry::Never));
        assert!(message.contains(&format!("`{name}` is cut off")), "{message}");
        assert!(message.contains("bytes read") && message.contains("whole lines read"), "{message}");
        // Once it is whole, the reading goes on where it stood.
        folder.write(name, &packed);
        let rest = read_from(&one, &stream, Some(position), None).await.unwrap();
        assert_eq!(rest.records.len(), 20_000);
    }
}

#[tokio::test]
async fn pages_stay_small_however_large_the_file() {
    let folder = Folder::new();
    let text = rows(0, 100_000);
    folder.write("a.csv.gz", gzip(text.as_bytes()));
    let files = files(keyed(&folder, "a.csv.gz")).page_bytes(64 << 10);
    let reading = read(&files, &only_stream(&files).await, None).await;
    assert_eq!(reading.records.len(), 100_000);
    for page in &reading.pages {
        let Records::Csv { body, .. } = &page.records else { panic!("not CSV") };
        assert!(body.len() <= (64 << 10) + 100, "{}", body.len());
    }
    let lines: Vec<u64> = reading.records.iter().map(|record| record.line).collect();
    assert!(lines.is_sorted());
    let last: &Found = reading.records.last().unwrap();
    assert_eq!(last.line, text[..text.rfind("99999,").unwrap()].matches('\n').count() as u64 + 1);
}

#[tokio::test]
async fn state_that_was_not_made_here_is_refused() {
    let folder = Folder::new();
    folder.write("a.csv", "id\n1\n");
    let files = files(keyed(&folder, "a.csv"));
    let stream = only_stream(&files).await;
    for state in [json!("token"), json!({"done": 1}), json!({"offset": 5})] {
        let state = Position(state);
        let error = page(&files, &stream, Some(&state), None).await.unwrap_err();
        assert_eq!(error.code(), codes::BAD_STATE);
        let error = page(&files, &stream, None, Some(&state)).await.unwrap_err();
        assert_eq!(error.code(), codes::BAD_STATE);
    }
}

/// What an export says can be told from the stream's columns: every header has a field, and every cell arrives as it was written.
#[tokio::test]
async fn an_export_can_be_made_again_from_its_columns() {
    let headers = [
        "Record ID",
        "First Name",
        "Last Name",
        "Email",
        "Phone Number",
        "Lifecycle Stage",
        "Create Date",
        "Our own score",
        "größe",
        "Notes",
    ];
    let cell = |row: usize, column: usize| match (row + column) % 6 {
        0 => String::new(),
        1 => format!("Zoë \"{row}\", {column}"),
        2 => format!("line {row}\nline {column}"),
        3 => format!(" 00{row}.50 "),
        4 => "n/a".to_owned(),
        _ => format!("{row}-{column}@example.com"),
    };
    let mut text = headers.join(",");
    for row in 0..60 {
        let cells = (1..headers.len()).map(|column| format!("\"{}\"", cell(row, column).replace('"', "\"\"")));
        text.push_str(&format!("\n{row},{}", cells.collect::<Vec<_>>().join(",")));
    }
    let folder = Folder::new();
    folder.write("contacts.csv", text);
    let files = files(json!({ "path": folder.pattern("*.csv") })).page_bytes(400);
    let stream = only_stream(&files).await;
    let paths: Vec<&str> = stream.record.fields.iter().map(|field| field.path.as_str()).collect();
    assert!(headers.iter().all(|header| paths.contains(header)), "{paths:?}");
    let reading = read(&files, &stream, None).await;
    assert_eq!(reading.records.len(), 60);
    for (row, record) in reading.records.iter().enumerate() {
        let written: Vec<String> = std::iter::once(row.to_string()).chain((1..headers.len()).map(|column| cell(row, column))).collect();
        let arrived: Vec<String> = record.values.iter().map(|value| value.clone().unwrap_or_default()).collect();
        assert_eq!(arrived, written, "row {row}");
    }
}
