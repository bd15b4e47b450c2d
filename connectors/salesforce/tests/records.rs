//! Records by query: by id, by time of change, in parts, and when Salesforce does not want to.
#![allow(clippy::unwrap_used)]

mod fake;

use aqueduct_connector::schema::{Cursor, Mode, Timestamp, codes};
use aqueduct_connector::serde_json::json;
use aqueduct_connector::{Next, Records};
use fake::{Answer, Fake, after, connector, contacts, found, id, is_last, ok, page, read, ready, record, records, refused};

#[test]
fn a_first_load_goes_by_id() {
    let connector = connector(json!({"bulk": "never"}));
    let stream = contacts(&connector, &["Email"]).page_size(2);
    let fake = Fake::new(&connector, &[found(2, true, &[record(1, 0), record(2, 0)]), found(1, true, &[record(3, 0)])]);
    let first = page(&connector, &fake, &stream, Mode::Backfill, None).unwrap();
    assert_eq!((records(&first).len(), after(&first).0.0), (2, json!({"after": {"id": id(2), "limit": 2}})));
    let second = page(&connector, &fake, &stream, Mode::Backfill, Some(&after(&first).0)).unwrap();
    assert!(is_last(&second));
    assert_eq!(fake.paths(), ["GET queryAll"; 2]);
    assert_eq!(fake.query(0, "q"), "SELECT Id, SystemModstamp, IsDeleted, CreatedDate, Email FROM Contact ORDER BY Id LIMIT 2");
    assert_eq!(fake.from(1), format!("Contact WHERE Id > '{}' ORDER BY Id LIMIT 2", id(2)));
}

#[test]
fn a_window_is_bounded_by_the_time_of_change() {
    let connector = connector(json!({"bulk": "never"}));
    let stream = contacts(&connector, &[]);
    let fake = Fake::new(&connector, &[found(0, true, &[])]);
    let from = Cursor::at(Timestamp::from_microseconds(1_769_904_000_123_456));
    let until = Some(Timestamp::from_seconds(1_769_990_400));
    let read = aqueduct_connector::Read { until, ..read(&stream, Mode::Backfill, Some(&from), None) };
    assert!(is_last(&ready(connector.read(&fake.context(), &read)).unwrap()));
    let window = "SystemModstamp >= 2026-02-01T00:00:00.123Z AND SystemModstamp < 2026-02-02T00:00:00Z";
    assert_eq!(fake.from(0), format!("Contact WHERE {window} ORDER BY Id LIMIT 2000"));
}

#[test]
fn changes_go_by_time_and_id() {
    let connector = connector(json!({}));
    let stream = contacts(&connector, &[]).page_size(2);
    let fake = Fake::new(&connector, &[found(2, true, &[record(9, 5), record(1, 7)]), found(0, true, &[])]);
    let first = page(&connector, &fake, &stream, Mode::Changes, None).unwrap();
    assert_eq!(after(&first).0.0, json!({"since": {"at": "2026-02-01T00:00:07Z", "id": id(1), "limit": 2}}));
    assert!(is_last(&page(&connector, &fake, &stream, Mode::Changes, Some(&after(&first).0)).unwrap()));
    assert_eq!(fake.paths(), ["GET queryAll"; 2]);
    assert_eq!(fake.from(0), "Contact WHERE SystemModstamp >= 2026-02-02T01:40:00Z ORDER BY SystemModstamp, Id LIMIT 2");
    let at = "2026-02-01T00:00:07Z";
    let after = format!("(SystemModstamp > {at} OR (SystemModstamp = {at} AND Id > '{}'))", id(1));
    assert_eq!(fake.from(1), format!("Contact WHERE {after} ORDER BY SystemModstamp, Id LIMIT 2"));
}

#[test]
fn a_page_that_is_cut_short_goes_on_at_its_last_record() {
    let connector = connector(json!({"bulk": "never"}));
    let stream = contacts(&connector, &[]);
    let fake = Fake::new(&connector, &[found(1_200, false, &[record(1, 0), record(2, 0)])]);
    let first = page(&connector, &fake, &stream, Mode::Backfill, None).unwrap();
    assert_eq!(after(&first).0.0, json!({"after": {"id": id(2), "limit": 2000}}));
}

#[test]
fn what_is_no_whole_answer_is_an_error() {
    let connector = connector(json!({"bulk": "never"}));
    let stream = contacts(&connector, &[]);
    for body in [
        String::new(),
        "[]".to_owned(),
        "<html>".to_owned(),
        json!([{"errorCode": "X", "message": "an error under 200"}]).to_string(),
        json!({"totalSize": 0, "records": []}).to_string(),
        json!({"totalSize": 0, "done": true}).to_string(),
        json!({"totalSize": 2, "done": true, "records": [record(1, 0)]}).to_string(),
        json!({"totalSize": 9, "done": false, "records": []}).to_string(),
        json!({"totalSize": 1, "done": true, "records": [{"Id": "1' OR Id > '"}]}).to_string(),
        json!({"totalSize": 1, "done": true, "records": [{"Name": "no id"}]}).to_string(),
    ] {
        let fake = Fake::new(&connector, &[Answer(200, Vec::new(), body.clone())]);
        let error = page(&connector, &fake, &stream, Mode::Backfill, None).unwrap_err();
        assert_eq!(error.code(), codes::MALFORMED_ANSWER, "{body}");
    }
}

#[test]
fn too_many_fields_for_an_address_come_in_parts() {
    let connector = connector(json!({"bulk": "never"}));
    let names: Vec<String> = (0..400).map(|number| format!("A_field_with_a_long_name_{number:04}__c")).collect();
    let stream = contacts(&connector, &names.iter().map(String::as_str).collect::<Vec<_>>());
    // The second part is cut short before the first: it says which records there are.
    let fake = Fake::new(
        &connector,
        &[found(3, true, &[record(1, 0), record(2, 0), record(3, 0)]), found(3, false, &[record(1, 0), record(2, 0)])],
    );
    let first = page(&connector, &fake, &stream, Mode::Backfill, None).unwrap();
    assert!(fake.is_used_up());
    assert_eq!(after(&first).0.0["after"]["id"], json!(id(2)));
    let Records::Joined { parts } = &first.records else { unreachable!("two parts") };
    let mut paths: Vec<&String> = parts.iter().flat_map(|part| &part.paths).collect();
    assert!(parts.iter().all(|part| part.paths[..2] == ["Id", "SystemModstamp"]));
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), stream.record.fields.len());
    assert!(parts[0].paths.contains(&names[399]), "the shorter part comes first");
    for request in 0..2 {
        assert!(fake.query(request, "q").len() < 14_000);
        assert_eq!(fake.from(request), "Contact ORDER BY Id LIMIT 2000");
    }
}

#[test]
fn a_query_that_takes_too_long_asks_for_fewer_records() {
    let connector = connector(json!({"bulk": "never"}));
    let stream = contacts(&connector, &[]);
    let slow = || refused(400, "QUERY_TIMEOUT", "Your query request was running for too long.");
    let fake = Fake::new(&connector, &[slow(), slow(), found(500, true, &vec![record(1, 0); 500])]);
    let first = page(&connector, &fake, &stream, Mode::Changes, None).unwrap();
    let second = page(&connector, &fake, &stream, Mode::Changes, Some(&after(&first).0)).unwrap();
    assert_eq!((records(&second).len(), &after(&second).0.0["since"]["limit"]), (0, &json!(500)));
    let third = page(&connector, &fake, &stream, Mode::Changes, Some(&after(&second).0)).unwrap();
    assert_eq!((records(&third).len(), &after(&third).0.0["since"]["limit"]), (500, &json!(500)));
    let tiny = contacts(&connector, &[]).page_size(60);
    let fake = Fake::new(&connector, &[slow()]);
    assert_eq!(page(&connector, &fake, &tiny, Mode::Changes, None).unwrap_err().code(), codes::SOURCE_FAILED);
}

#[test]
fn a_field_that_is_gone_is_named() {
    let connector = connector(json!({"bulk": "never"}));
    let stream = contacts(&connector, &["Old__c"]);
    let fake = Fake::new(&connector, &[refused(400, "INVALID_FIELD", "No such column 'Old__c' on entity 'Contact'.")]);
    let error = page(&connector, &fake, &stream, Mode::Backfill, None).unwrap_err();
    assert_eq!(error.code(), codes::REQUEST_REJECTED);
    assert!(format!("{error:?}").contains("Old__c") && error.advice().contains("lists the fields anew"), "{error:?}");
    let fake = Fake::new(&connector, &[refused(400, "INVALID_TYPE", "sObject type 'Contact' is not supported.")]);
    assert_eq!(page(&connector, &fake, &stream, Mode::Backfill, None).unwrap_err().code(), codes::PERMISSION_DENIED);
}

#[test]
fn deletions_come_in_windows_and_go_on_where_they_are_covered() {
    let connector = connector(json!({}));
    let stream = contacts(&connector, &[]);
    let covered = |until: &str| {
        let deleted = json!([{"id": id(1), "deletedDate": "2026-02-01T00:10:00.000+0000"}]);
        ok(json!({"deletedRecords": deleted, "earliestDateAvailable": "2026-01-20T00:00:00.000+0000", "latestDateCovered": until}))
    };
    let fake = Fake::new(&connector, &[covered("2026-02-01T12:00:00.000+0000"), covered("2026-02-02T02:38:30.000+0000")]);
    let from = Cursor::at("2026-01-31T12:00:30Z".parse().unwrap());
    let first = ready(connector.read(&fake.context(), &read(&stream, Mode::Deletions, Some(&from), None))).unwrap();
    let Records::Deleted { pointer, key, deleted_at, .. } = &first.records else { unreachable!("deletions") };
    assert_eq!((*pointer, *key, *deleted_at), (&["deletedRecords"] as &[&str], &["id"] as &[&str], Some("deletedDate")));
    let second = ready(connector.read(&fake.context(), &read(&stream, Mode::Deletions, Some(&from), Some(&after(&first).0)))).unwrap();
    let Next::End { bookmark: Some(bookmark) } = &second.next else { unreachable!("the end") };
    assert_eq!(bookmark.0, json!({"deleted_until": "2026-02-02T02:38:00Z"}));
    assert_eq!(fake.paths(), ["GET sobjects/Contact/deleted/"; 2]);
    let window = |request| (fake.query(request, "start"), fake.query(request, "end"));
    assert_eq!(window(0), ("2026-01-31T12:00:00+00:00".to_owned(), "2026-02-01T12:00:00+00:00".to_owned()));
    assert_eq!(window(1), ("2026-02-01T12:00:00+00:00".to_owned(), "2026-02-02T02:40:00+00:00".to_owned()));
    // The next run's changes may begin later than that: deletions do not.
    let fake = Fake::new(&connector, &[covered("2026-02-02T02:40:00.000+0000")]);
    let from = Cursor::at("2026-02-02T02:39:30Z".parse().unwrap());
    let read = aqueduct_connector::Read { bookmark: Some(bookmark), ..read(&stream, Mode::Deletions, Some(&from), None) };
    ready(connector.read(&fake.context(), &read)).unwrap();
    assert_eq!(fake.query(0, "start"), "2026-02-02T02:38:00+00:00");
}

#[test]
fn too_many_deletions_narrow_the_window_and_forgotten_ones_are_an_error() {
    let connector = connector(json!({}));
    let stream = contacts(&connector, &[]);
    let fake = Fake::new(&connector, &[refused(400, "EXCEEDED_ID_LIMIT", "too many")]);
    let narrower = page(&connector, &fake, &stream, Mode::Deletions, None).unwrap();
    assert_eq!(after(&narrower).0.0, json!({"deleted": {"since": "2026-02-02T01:40:00Z", "window": 720}}));
    let purged = json!({"deletedRecords": [], "earliestDateAvailable": "2026-02-02T02:00:00.000+0000", "latestDateCovered": "2026-02-02T02:40:00.000+0000"});
    for answer in [ok(purged), refused(400, "INVALID_REPLICATION_DATE", "startDate before org replication enabled date")] {
        let fake = Fake::new(&connector, &[answer]);
        let error = page(&connector, &fake, &stream, Mode::Deletions, None).unwrap_err();
        assert!(error.code() == codes::SILENT_CAP && error.advice().contains("--full-refresh"), "{error:?}");
    }
    let fake = Fake::new(&connector, &[ok(json!({"deletedRecords": []}))]);
    assert_eq!(page(&connector, &fake, &stream, Mode::Deletions, None).unwrap_err().code(), codes::MALFORMED_ANSWER);
}
