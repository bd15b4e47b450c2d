//! Merges: what points at a row that was merged away points at the one that is left, in whatever order things come.

use aqueduct_schema::{Mode, Operation, Table, TableName, ValueType, merges};

use crate::destination::{Destination, flat};
use crate::rows::*;

const TEXT: ValueType = ValueType::Text;
const CONTACT: [(&str, ValueType); 5] = [
    ("id", TEXT),
    ("full_name", TEXT),
    ("merged_into_id", TEXT),
    ("is_deleted", ValueType::Boolean),
    ("source_updated_at", ValueType::Timestamp),
];

/// A contact as a source gives it that says itself what became of it.
fn contact(id: &str, into: Option<&str>, seconds: i64) -> Table {
    let row = vec![text(id), text(format!("name of {id}")), into.map_or(Value::None, text), Value::Boolean(into.is_some()), at(seconds)];
    upsert(common(), &CONTACT, vec![row])
}

/// A contact of a source whose lists alone say what was merged.
fn plain(id: &str, seconds: i64) -> Table {
    let columns = [("id", TEXT), ("full_name", TEXT), ("source_updated_at", ValueType::Timestamp)];
    let mut schema = schema(common(), &columns);
    schema.absent_columns = vec![aqueduct_schema::Column::technical("merged_into_id", TEXT)];
    table_of(schema, Operation::Upsert, vec![vec![text(id), text(format!("name of {id}")), at(seconds)]])
}

/// Merges that a source tells: loser, winner, second.
fn merged(told: &[(&str, &str, i64)], said_by_loser: bool) -> Table {
    let constants = vec![("source_system".into(), "shop".into()), ("source_account_id".into(), "1".into())];
    let row = |(loser, winner, seconds): &(&str, &str, i64)| {
        let ids = [loser, winner].map(|id| text(*id));
        let sources = [loser, winner].map(|id| text(format!("at source {id}")));
        let mut row: Vec<Value> = ids.into_iter().chain(sources).collect();
        row.extend([at(*seconds), text("merged_ids"), Value::Boolean(said_by_loser)]);
        row
    };
    table_of(merges::schema("contact", aqueduct_schema::Sensitivity::None, constants), Operation::Merge, told.iter().map(row).collect())
}

fn deals(rows: &[(&str, Option<&str>)]) -> Table {
    let rows = rows.iter().map(|(id, contact)| vec![text(*id), contact.map_or(Value::None, text)]).collect();
    upsert(TableName::common("deal"), &[("id", TEXT), ("primary_contact_id", TEXT)], rows)
}

fn records(tables: Vec<Table>) -> aqueduct_schema::Batch<aqueduct_schema::Protected> {
    batch([vec![people(&[])], tables].concat())
}

async fn deal(to: &Destination, id: &str) -> String {
    let table = if to.is_sqlite() { "deal" } else { "crm.deal" };
    to.one(&format!("SELECT primary_contact_id FROM {table} WHERE id = '{id}'")).await
}

const ROWS: &str = "SELECT id, merged_into_id, CASE WHEN is_deleted THEN 'gone' ELSE 'here' END FROM {contact} ORDER BY id";
const DANGLING: &str = "SELECT count(*) FROM {_redirects} AS r, {contact} AS t WHERE t.id = r.id AND NOT t.is_deleted";

pub(crate) async fn children_of_a_merged_row_are_brought_to_the_winner(to: &Destination) {
    let fence = to.begin("run-1").await;
    to.load(&fence, vec![records(vec![plain("a", 0), plain("b", 0), deals(&[("d1", Some("a")), ("d2", Some("b")), ("d3", None)])])])
        .await
        .unwrap();
    let receipt = to.load(&fence, vec![records(vec![plain("b", 9), merged(&[("a", "b", 5)], false)])]).await.unwrap();
    assert_eq!(flat(to.ask(ROWS).await), ["a", "b", "gone", "b", "NULL", "here"]);
    assert_eq!([deal(to, "d1").await, deal(to, "d2").await, deal(to, "d3").await], ["b", "b", "NULL"]);
    let of_deals = receipt.tables.iter().find(|table| table.table == "deal").unwrap();
    assert_eq!((of_deals.updated, of_deals.inserted), (1, 0));
    assert_eq!(to.one("SELECT count(*) FROM {contact} WHERE id = 'a' AND deleted_at IS NOT NULL").await, "1");
    let told = "SELECT loser_id, winner_id, loser_source_id, winner_source_id, entity, source_system, source_account_id, evidence, stream FROM {_merges}";
    assert_eq!(flat(to.ask(told).await), ["a", "b", "at source a", "at source b", "contact", "shop", "1", "merged_ids", "people"]);
    assert_eq!(to.one(&format!("SELECT count(*) FROM {{_merges}} WHERE load_id = '{}' AND settled = 1", receipt.load_id)).await, "1");
    assert_eq!(flat(to.ask("SELECT id, current_id FROM {_redirects}").await), ["a", "b"]);

    // The source still gives the old id: as before it is no change, and a changed row is brought to the winner again.
    let again = to.load(&fence, vec![records(vec![deals(&[("d1", Some("a"))])])]).await.unwrap();
    let of_deals = again.tables.iter().find(|table| table.table == "deal").unwrap();
    assert_eq!((of_deals.updated, of_deals.unchanged), (0, 1));
    let later = to.again().await;
    later.load(&fence, vec![stream_batch("deals", vec![people(&[]), deals(&[("d3", Some("a")), ("d4", Some("a"))])])]).await.unwrap();
    assert_eq!([deal(to, "d1").await, deal(to, "d3").await, deal(to, "d4").await], ["b", "b", "b"]);
    // An old copy of the loser does not bring it back, and the same list again changes nothing.
    let receipt = to.load(&fence, vec![records(vec![plain("a", 20), merged(&[("a", "b", 5)], false)])]).await.unwrap();
    assert_eq!(flat(to.ask(ROWS).await), ["a", "b", "gone", "b", "NULL", "here"]);
    assert!(receipt.tables.iter().all(|table| table.table != "deal"));
    assert_eq!(to.one(DANGLING).await, "0");
}

pub(crate) async fn merges_are_followed_in_any_order(to: &Destination) {
    let fence = to.begin("run-1").await;
    // The merge comes before anything else: before the loser, the winner and the children.
    to.load(&fence, vec![records(vec![merged(&[("a", "b", 5)], false)])]).await.unwrap();
    to.load(&fence, vec![records(vec![deals(&[("d1", Some("a"))])])]).await.unwrap();
    to.load(&fence, vec![records(vec![plain("a", 0)])]).await.unwrap();
    assert_eq!(deal(to, "d1").await, "b");
    assert_eq!(flat(to.ask(ROWS).await), ["a", "b", "gone"]);
    // Chains end at their end, whichever link comes first; a circle is not closed, the later word counts.
    to.load(&fence, vec![records(vec![plain("b", 0), plain("c", 0), plain("x", 0), deals(&[("d2", Some("b"))])])]).await.unwrap();
    to.load(&fence, vec![records(vec![merged(&[("c", "e", 8), ("b", "c", 7)], false)])]).await.unwrap();
    assert_eq!([deal(to, "d1").await, deal(to, "d2").await], ["e", "e"]);
    assert_eq!(flat(to.ask("SELECT id, merged_into_id FROM {contact} WHERE is_deleted ORDER BY id").await), ["a", "e", "b", "e", "c", "e"]);
    to.load(&fence, vec![records(vec![merged(&[("e", "b", 30)], false)])]).await.unwrap();
    assert_eq!([deal(to, "d1").await, deal(to, "d2").await], ["b", "b"]);
    let links = "SELECT id, current_id FROM {_redirects} ORDER BY id";
    assert_eq!(flat(to.ask(links).await), ["a", "b", "c", "b", "e", "b"]);
    // In one load with its children and its own row.
    to.load(&fence, vec![records(vec![plain("y", 0), deals(&[("d5", Some("y"))]), merged(&[("y", "x", 6)], false)])]).await.unwrap();
    assert_eq!(deal(to, "d5").await, "x");
    assert_eq!(to.one(DANGLING).await, "0");
}

pub(crate) async fn a_first_reading_follows_merges_at_its_end(to: &Destination) {
    let fence = to.begin("run-1").await;
    let page = |tables: Vec<Table>, complete| {
        batch_with([vec![people(&[])], tables].concat(), Vec::new(), 0, checkpoint(Mode::Backfill, 0, complete))
    };
    to.load(&fence, vec![stream_batch("deals", vec![people(&[]), deals(&[("d1", Some("a"))])])]).await.unwrap();
    to.load(&fence, vec![page(vec![plain("b", 0), merged(&[("a", "b", 5)], false)], false)]).await.unwrap();
    assert_eq!(to.one("SELECT count(*) FROM {_merges} WHERE settled = 0").await, "1");
    // What comes meanwhile is brought to the winner as it comes; what was there before, with the last page, also in another run.
    to.load(&fence, vec![stream_batch("deals", vec![people(&[]), deals(&[("d2", Some("a"))])])]).await.unwrap();
    assert_eq!([deal(to, "d1").await, deal(to, "d2").await], ["a", "b"]);
    let fence = to.begin("run-2").await;
    to.again().await.load(&fence, vec![page(vec![plain("c", 0)], true)]).await.unwrap();
    assert_eq!([deal(to, "d1").await, deal(to, "d2").await], ["b", "b"]);
    assert_eq!(to.one("SELECT count(*) FROM {_merges} WHERE settled = 0").await, "0");
}

pub(crate) async fn a_row_that_the_source_brings_back_is_live_again(to: &Destination) {
    let fence = to.begin("run-1").await;
    to.load(&fence, vec![records(vec![contact("a", None, 0), contact("b", None, 0), deals(&[("d1", Some("a")), ("d2", Some("b"))])])])
        .await
        .unwrap();
    to.load(&fence, vec![records(vec![contact("a", Some("b"), 10), merged(&[("a", "b", 10)], true)])]).await.unwrap();
    assert_eq!([deal(to, "d1").await, deal(to, "d2").await], ["b", "b"]);
    // An older copy of the row says nothing; a later one that names no winner ends the merge.
    to.load(&fence, vec![records(vec![contact("a", None, 5)])]).await.unwrap();
    assert_eq!(flat(to.ask(ROWS).await), ["a", "b", "gone", "b", "NULL", "here"]);
    to.load(&fence, vec![records(vec![contact("a", None, 20)])]).await.unwrap();
    assert_eq!(flat(to.ask(ROWS).await), ["a", "NULL", "here", "b", "NULL", "here"]);
    assert_eq!(to.one("SELECT count(*) FROM {_redirects}").await, "0");
    assert_eq!(deal(to, "d1").await, "b", "children come back when the source says so");
    to.load(&fence, vec![records(vec![deals(&[("d1", Some("a")), ("d2", Some("b"))])])]).await.unwrap();
    assert_eq!([deal(to, "d1").await, deal(to, "d2").await], ["a", "b"]);
    // The old word again is not the last one; a new merge is.
    to.load(&fence, vec![records(vec![merged(&[("a", "b", 10)], true)])]).await.unwrap();
    assert_eq!(to.one("SELECT count(*) FROM {_redirects}").await, "0");
    to.load(&fence, vec![records(vec![contact("a", Some("b"), 30), merged(&[("a", "b", 30)], true)])]).await.unwrap();
    assert_eq!(deal(to, "d1").await, "b");
}

pub(crate) async fn loads_beside_a_merge_leave_no_child_at_the_loser(to: &Destination) {
    let fence = to.begin("run-1").await;
    to.load(&fence, vec![records(vec![plain("b", 0), deals(&[("first", None)])])]).await.unwrap();
    let mut tasks = Vec::new();
    for round in 0..20 {
        let (warehouse, run) = (to.warehouse.clone(), fence.clone());
        tasks.push(tokio::spawn(async move {
            let id = format!("d{round}");
            warehouse.load(&run, vec![stream_batch(&format!("deals {round}"), vec![people(&[]), deals(&[(&id, Some("a"))])])]).await
        }));
        if round == 10 {
            let (warehouse, run) = (to.warehouse.clone(), fence.clone());
            tasks.push(tokio::spawn(async move { warehouse.load(&run, vec![records(vec![merged(&[("a", "b", 5)], false)])]).await }));
        }
    }
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let table = if to.is_sqlite() { "deal" } else { "crm.deal" };
    assert_eq!(to.one(&format!("SELECT count(*) FROM {table} WHERE primary_contact_id = 'b'")).await, "20");
}

/// The links of some records: from, to.
fn links(rows: &[(&str, &str)]) -> Table {
    let schema = schema(source(), &[("_id", TEXT), ("from_id", TEXT), ("source_id", TEXT)]);
    let rows = rows.iter().map(|(from, to)| {
        let id = format!("{from}:{to}");
        vec![text(id.clone()), text(*from), text(id)]
    });
    table_of(schema, Operation::Upsert, rows.collect())
}

fn sets(of: &[&str]) -> Table {
    let mut schema = schema(source(), &[("from_id", TEXT)]);
    schema.key = "_id".into();
    table_of(schema, Operation::Sets, of.iter().map(|id| vec![text(*id)]).collect())
}

pub(crate) async fn a_reading_by_parents_replaces_what_belongs_to_them(to: &Destination) {
    let fence = to.begin("run-1").await;
    to.load(&fence, vec![snapshot(vec![links(&[("1", "a"), ("1", "b"), ("2", "a"), ("3", "a"), ("4", "a")])], 0, true)]).await.unwrap();
    let page = |links: Table, of: &[&str], complete| {
        batch_with(vec![links, sets(of)], vec![reject(Some("4:a"), "required.missing", "x")], 0, checkpoint(Mode::Parents, 60, complete))
    };
    const LIVING: &str = "SELECT _id FROM {people} WHERE NOT is_deleted ORDER BY _id";
    // The links of 1 come on two pages, in two loads of two runs; 3 has none any more, 4 has one that is rejected.
    to.load(&fence, vec![page(links(&[("1", "b")]), &["1"], false)]).await.unwrap();
    assert_eq!(flat(to.ask(LIVING).await).len(), 5, "nothing is deleted before the end");
    let fence = to.begin("run-2").await;
    let receipt = to.load(&fence, vec![page(links(&[("1", "c")]), &["3", "4"], true)]).await.unwrap();
    assert_eq!(receipt.tables[0].deleted, 2);
    assert_eq!(flat(to.ask(LIVING).await), ["1:b", "1:c", "2:a", "4:a"]);
    assert_eq!(to.one("SELECT count(*) FROM {_seen}").await, "0");
    // A reading that finds nobody changed touches nothing.
    to.load(&fence, vec![batch_with(vec![links(&[])], Vec::new(), 0, checkpoint(Mode::Parents, 90, true))]).await.unwrap();
    assert_eq!(flat(to.ask(LIVING).await), ["1:b", "1:c", "2:a", "4:a"]);
}
