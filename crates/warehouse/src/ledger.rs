//! Aqueduct's own tables of runs, fences, states and loads, by statements that are the same in both databases.

use std::collections::BTreeMap;

use aqueduct_schema::{Error, StreamState, Timestamp, codes};

use crate::backfill::ledger::fenced_as;
use crate::cells::timestamp_text;
use crate::failure::Failure;
use crate::identifier::literal;
use crate::records::{fenced, from_json, parse_state, state_json, to_json};
use crate::session::Session;
use crate::warehouse::{Fence, Receipt, RunRecord, RunStart};

/// A text literal, or none.
fn optional(text: Option<&str>) -> String {
    text.map_or_else(|| "NULL".to_owned(), literal)
}

/// Takes the fence of this name over and records the run as running.
pub(crate) async fn begin_run<S: Session>(session: &mut S, name: &str, start: &RunStart) -> Result<i64, Failure> {
    let sql = format!(
        "INSERT INTO {} AS held (pipeline, epoch, run_id, taken_at) VALUES ({}, 1, {}, {}) ON CONFLICT (pipeline) DO UPDATE SET \
         epoch = held.epoch + 1, run_id = excluded.run_id, taken_at = excluded.taken_at RETURNING epoch",
        session.own("fence"),
        literal(name),
        literal(&start.run_id),
        literal(&timestamp_text(start.started_at))
    );
    let epoch = epoch(session.rows("take the pipeline over", sql).await?);
    write_run(session, &RunRecord::begun(start)).await?;
    Ok(epoch.ok_or_else(|| Error::new(codes::BUG, "a fence has no number"))?)
}

fn epoch(rows: Vec<Vec<Option<String>>>) -> Option<i64> {
    rows.into_iter().flatten().flatten().next().and_then(|epoch| epoch.parse().ok())
}

/// Writes the record of a run.
pub(crate) async fn write_run<S: Session>(session: &mut S, record: &RunRecord) -> Result<(), Failure> {
    let sql = format!(
        "INSERT INTO {} (run_id, pipeline, started_at, ended_at, status, exit_code, record) VALUES ({}, {}, {}, {}, {}, {}, {}) \
         ON CONFLICT (run_id) DO UPDATE SET ended_at = excluded.ended_at, status = excluded.status, exit_code = excluded.exit_code, \
         record = excluded.record",
        session.own("runs"),
        literal(&record.run_id),
        literal(&record.pipeline),
        literal(&timestamp_text(record.started_at)),
        optional(record.ended_at.map(timestamp_text).as_deref()),
        literal(record.status.word()),
        record.exit_code,
        literal(&to_json(record)?)
    );
    session.execute("record the run", sql).await.map(drop)
}

/// The latest runs, newest first.
pub(crate) async fn runs<S: Session>(session: &mut S, pipeline: Option<&str>, limit: u32) -> Result<Vec<RunRecord>, Failure> {
    let of = pipeline.map(|pipeline| format!(" WHERE pipeline = {}", literal(pipeline))).unwrap_or_default();
    let sql = format!("SELECT record FROM {}{of} ORDER BY started_at DESC, run_id DESC LIMIT {limit}", session.own("runs"));
    let records = session.rows("read the runs", sql).await?;
    let understood = |json: String| from_json(&json, "the record of a run cannot be read");
    Ok(records.into_iter().flatten().flatten().map(understood).collect::<aqueduct_schema::Result<_>>()?)
}

/// Fails when another run has taken the pipeline over.
pub(crate) async fn check_fence<S: Session>(session: &mut S, fence: &Fence) -> Result<(), Failure> {
    #[cfg(feature = "planted-no-fence")]
    fail::fail_point!("planted::no_fence", |_| Ok(()));
    let name = literal(&fenced_as(fence));
    let sql = format!("SELECT epoch FROM {} WHERE pipeline = {name}{}", session.own("fence"), session.undisturbed());
    let held = epoch(session.rows("check the fence", sql).await?);
    if held == Some(fence.epoch) { Ok(()) } else { Err(fenced(fence).into()) }
}

/// The states of a pipeline's streams.
pub(crate) async fn states<S: Session>(session: &mut S, pipeline: &str) -> Result<BTreeMap<String, StreamState>, Failure> {
    let sql = format!("SELECT stream, state FROM {} WHERE pipeline = {}", session.own("state"), literal(pipeline));
    let mut states = BTreeMap::new();
    for row in session.rows("read the state", sql).await? {
        let [stream, json] = <[Option<String>; 2]>::try_from(row).unwrap_or_default().map(Option::unwrap_or_default);
        let state = parse_state(pipeline, &stream, &json)?;
        states.insert(stream, state);
    }
    Ok(states)
}

/// Stores the state of a stream as it is at a time, and which load it came with.
pub(crate) async fn write_state<S: Session>(
    session: &mut S,
    pipeline: &str,
    stream: &str,
    (state, at): (&StreamState, Timestamp),
    load_id: Option<&str>,
) -> Result<(), Failure> {
    let sql = format!(
        "INSERT INTO {} (pipeline, stream, state, updated_at, load_id) VALUES ({}, {}, {}, {}, {}) ON CONFLICT (pipeline, stream) \
         DO UPDATE SET state = excluded.state, updated_at = excluded.updated_at, load_id = excluded.load_id",
        session.own("state"),
        literal(pipeline),
        literal(stream),
        literal(&state_json(state)?),
        literal(&timestamp_text(at)),
        optional(load_id)
    );
    session.execute("store the state", sql).await.map(drop)
}

/// Forgets the state of a stream.
pub(crate) async fn clear_state<S: Session>(session: &mut S, pipeline: &str, stream: &str) -> Result<(), Failure> {
    let sql = format!("DELETE FROM {} WHERE pipeline = {} AND stream = {}", session.own("state"), literal(pipeline), literal(stream));
    session.execute("clear the state", sql).await.map(drop)
}

/// Records a load.
pub(crate) async fn write_load<S: Session>(
    session: &mut S,
    fence: &Fence,
    stream: &str,
    receipt: &Receipt,
    at: Timestamp,
) -> Result<(), Failure> {
    let counts = [receipt.read, receipt.loaded, receipt.quarantined, receipt.filtered, receipt.unchanged];
    let sql = format!(
        "INSERT INTO {} (load_id, run_id, pipeline, stream, committed_at, receipt, read, loaded, quarantined, filtered, unchanged) \
         VALUES ({}, {}, {}, {}, {}, {}, {})",
        session.own("loads"),
        literal(&receipt.load_id),
        literal(&fence.run_id),
        literal(&fence.pipeline),
        literal(stream),
        literal(&timestamp_text(at)),
        literal(&to_json(receipt)?),
        counts.map(|count| count.to_string()).join(", ")
    );
    session.execute("record the load", sql).await.map(drop)
}
