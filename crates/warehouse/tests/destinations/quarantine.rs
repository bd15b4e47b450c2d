//! What becomes of records in quarantine.

use aqueduct_schema::{Mode, Timestamp, codes};
use aqueduct_warehouse::{QuarantineFilter, QuarantineStatus};

use crate::destination::{Destination, flat};
use crate::rows::{batch_with, checkpoint, people, reject};

pub(crate) async fn the_quarantine_is_listed_decided_and_purged(to: &Destination) {
    assert!(to.warehouse.quarantined("shop", &QuarantineFilter::default(), 10).await.unwrap().is_empty());
    let fence = to.begin("run-1").await;
    let rejects = vec![reject(Some("1"), "a", "O'Hara"), reject(Some("2"), "a", "x"), reject(None, "b", "y")];
    to.load(&fence, vec![batch_with(vec![people(&[])], rejects, 0, checkpoint(Mode::Changes, 0, false))]).await.unwrap();
    let warehouse = to.again().await;
    let all = warehouse.quarantined("shop", &QuarantineFilter::default(), 10).await.unwrap();
    assert_eq!(all.len(), 3);
    assert!(all.is_sorted_by_key(|record| record.row_id.clone()));
    let one = all.iter().find(|record| record.source_id.as_deref() == Some("1")).unwrap();
    assert_eq!((one.rule.as_str(), one.status.as_str(), one.times_seen), ("a", "new", 1));
    assert_eq!((one.stream.as_str(), one.sealed.as_deref(), one.resolved_at.as_deref()), ("people", Some("sealed"), None));
    assert_eq!(serde_json::from_str::<serde_json::Value>(&one.record).unwrap(), serde_json::json!({"name": "O'Hara", "email": null}));
    assert_eq!(one.first_seen.parse::<Timestamp>().unwrap(), one.last_seen.parse::<Timestamp>().unwrap());

    // A page, a rule, the beginning of an id, another pipeline.
    let of = |filter: QuarantineFilter| {
        let warehouse = &warehouse;
        async move { warehouse.quarantined("shop", &filter, 10).await.unwrap().len() }
    };
    assert_eq!(of(QuarantineFilter { after: Some(all[0].row_id.clone()), ..QuarantineFilter::default() }).await, 2);
    assert_eq!(of(QuarantineFilter { rule: Some("a".into()), ..QuarantineFilter::default() }).await, 2);
    assert_eq!(of(QuarantineFilter { row_ids: vec![one.row_id[..10].to_owned()], ..QuarantineFilter::default() }).await, 1);
    assert_eq!(of(QuarantineFilter { stream: Some("o'ther".into()), ..QuarantineFilter::default() }).await, 0);
    assert!(warehouse.quarantined("other", &QuarantineFilter::default(), 10).await.unwrap().is_empty());

    let fence = to.begin("run-2").await;
    let ids = [one.row_id.clone()];
    let status = QuarantineStatus::Discarded;
    assert_eq!(to.warehouse.resolve_quarantined(&fence, &ids, status, "ann").await.unwrap(), 1);
    assert_eq!(to.warehouse.resolve_quarantined(&fence, &ids, status, "ann").await.unwrap(), 0);
    assert_eq!(of(QuarantineFilter { status: Some(QuarantineStatus::New), ..QuarantineFilter::default() }).await, 2);
    let discarded = warehouse.quarantined("shop", &QuarantineFilter { row_ids: ids.to_vec(), ..QuarantineFilter::default() }, 1).await;
    let discarded = discarded.unwrap().remove(0);
    assert_eq!((discarded.status.as_str(), discarded.resolved_by.as_deref()), ("discarded", Some("ann")));
    assert!(discarded.resolved_at.unwrap().parse::<Timestamp>().is_ok());
    // What is not wanted stays so, however often it is met.
    let again = batch_with(vec![people(&[])], vec![reject(Some("1"), "a", "O'Hara")], 0, checkpoint(Mode::Changes, 0, false));
    to.load(&fence, vec![again]).await.unwrap();
    assert_eq!(flat(to.ask("SELECT status, times_seen FROM {_quarantine} WHERE source_id = '1'").await), ["discarded", "2"]);

    assert_eq!(to.warehouse.purge_quarantine(&fence, Timestamp::from_seconds(0)).await.unwrap(), 0);
    let other = to.begin("run-3").await;
    assert_eq!(to.warehouse.purge_quarantine(&fence, Timestamp::from_seconds(4_000_000_000)).await.unwrap_err().code(), codes::FENCED);
    assert_eq!(to.warehouse.purge_quarantine(&other, Timestamp::from_seconds(4_000_000_000)).await.unwrap(), 3);
}

pub(crate) async fn a_table_of_an_older_version_gets_its_new_columns(to: &Destination) {
    let fence = to.begin("run-1").await;
    for column in ["sealed", "resolved_at", "resolved_by", "backfill_window"] {
        to.ask(&format!("ALTER TABLE {{_quarantine}} DROP COLUMN {column}")).await;
    }
    if !to.is_sqlite() {
        to.ask("COMMENT ON TABLE aqueduct.fence IS NULL").await;
    }
    drop(fence);
    let warehouse = to.again().await;
    let start = aqueduct_warehouse::RunStart {
        pipeline: "shop".into(),
        run_id: "run-2".into(),
        started_at: Timestamp::from_seconds(1_770_000_000),
        allow_mass_delete: false,
    };
    let fence = warehouse.begin_run(start).await.unwrap();
    let rejects = vec![reject(Some("1"), "a", "x")];
    warehouse.load(&fence, vec![batch_with(vec![people(&[])], rejects, 0, checkpoint(Mode::Changes, 0, false))]).await.unwrap();
    assert_eq!(to.one("SELECT sealed FROM {_quarantine}").await, "sealed");
}
