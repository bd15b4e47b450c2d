//! What cleaning did: added up load by load, in the loads' own transactions.

use aqueduct_schema::{Batch, CleaningCount, CleaningExample, CleaningStatus, Mode, Protected, Table, codes};
use aqueduct_warehouse::ShadowKind;

use crate::destination::{Destination, flat};
use crate::rows::*;

fn count(field: &'static str, status: CleaningStatus, code: &'static str, cells: u64, before: Option<&str>) -> CleaningCount {
    let kept = if matches!(status, CleaningStatus::Invalid | CleaningStatus::Missing) { 0 } else { cells };
    let example = |before: &str| CleaningExample { before: before.to_owned(), after: None, source_id: Some("7'\u{0}".to_owned()) };
    let examples = before.into_iter().map(example).collect();
    CleaningCount { entity: "contact", field, status, code, cells, kept, examples, columns: Vec::new() }
}

fn counted(tables: Vec<Table>, counts: Vec<CleaningCount>) -> Batch<Protected> {
    let mut batch = batch(tables);
    *batch.cleaning_mut() = counts;
    batch
}

const ROWS: &str = "SELECT field, status, code, cells, kept, examples FROM {_cleaning} ORDER BY run_id, field, status, code";

pub(crate) async fn what_cleaning_did_adds_up_over_the_loads_of_a_run(to: &Destination) {
    use CleaningStatus::{Invalid, Missing, Ok};
    let fence = to.begin("run-1").await;
    let first = counted(
        vec![people(&[("1", "Ada")])],
        vec![count("email", Ok, "", 5, None), count("email", Invalid, "email.no_at_sign", 2, Some("it's \"x\""))],
    );
    let second = counted(vec![people(&[("2", "Bob")])], vec![count("email", Ok, "", 3, None), count("email", Missing, "", 4, None)]);
    to.load(&fence, vec![first, second]).await.unwrap();
    let third = counted(
        vec![people(&[("3", "Eve")])],
        vec![
            count("email", Invalid, "email.no_at_sign", 1, Some("later")),
            count("phone_e164", Missing, "phone_number.placeholder", 1, None),
        ],
    );
    to.load(&fence, vec![third]).await.unwrap();
    let shown = flat(to.ask(ROWS).await);
    let example: serde_json::Value = serde_json::from_str(&shown[5]).unwrap();
    assert_eq!(
        example,
        serde_json::json!([{ "before": "it's \"x\"", "after": null, "source_id": "7'\u{fffd}" }]),
        "the first examples stay"
    );
    assert_eq!(shown[..5], ["email", "invalid", "email.no_at_sign", "3", "0"]);
    assert_eq!(shown[6..12], ["email", "missing", "", "4", "0", "NULL"]);
    assert_eq!(shown[12..18], ["email", "ok", "", "8", "8", "NULL"]);
    let fields = "SELECT field, cells, present, kept, ok, fixed, suspect, invalid, missing FROM {_cleaning_fields} ORDER BY field";
    assert_eq!(
        flat(to.ask(fields).await),
        ["email", "15", "11", "8", "8", "0", "0", "3", "4", "phone_e164", "1", "1", "0", "0", "0", "0", "0", "1"]
    );
    let fence = to.begin("run-2").await;
    to.load(&fence, vec![counted(vec![people(&[("1", "Ada")])], vec![count("email", Ok, "", 1, None)])]).await.unwrap();
    assert_eq!(to.one("SELECT count(*) FROM {_cleaning} WHERE run_id = 'run-2'").await, "1");
}

pub(crate) async fn a_load_that_fails_counts_nothing(to: &Destination) {
    let old = to.begin("run-1").await;
    to.begin("run-2").await;
    let lost = counted(vec![people(&[("1", "Ada")])], vec![count("email", CleaningStatus::Ok, "", 5, None)]);
    assert_eq!(to.load(&old, vec![lost]).await.unwrap_err().code(), codes::FENCED);
    assert_eq!(to.one("SELECT count(*) FROM {_cleaning}").await, "0");
}

pub(crate) async fn keys_of_a_reconciliation_count_nothing(to: &Destination) {
    let fence = to.begin("run-1").await;
    let mut keys = batch_with(vec![people(&[("1", "Ada")])], Vec::new(), 0, checkpoint(Mode::Ids, 0, true));
    *keys.cleaning_mut() = vec![count("source_id", CleaningStatus::Ok, "", 5, None)];
    to.warehouse.load_shadow(&fence, ShadowKind::Keys, "x", vec![keys]).await.unwrap();
    assert_eq!(to.one("SELECT count(*) FROM {_cleaning}").await, "0");
    let mut aside = batch(vec![people(&[("1", "Ada")])]);
    *aside.cleaning_mut() = vec![count("source_id", CleaningStatus::Ok, "", 5, None)];
    to.warehouse.load_shadow(&fence, ShadowKind::Refresh, "x", vec![aside]).await.unwrap();
    assert_eq!(to.one("SELECT cells FROM {_cleaning}").await, "5", "a refresh reads whole records");
}
