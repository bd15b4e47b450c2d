//! The SQL of the ledger, the same for both databases.

use std::sync::Arc;

use aqueduct_schema::{TableName, Timestamp, ValueType};

use super::{Backfill, BackfillState, BackfillWindow, TimeSpan, WindowKey, WindowNote, WindowState, unreadable};
use crate::cells::timestamp_text;
use crate::failure::Failure;
use crate::identifier::{literal, quoted};
use crate::layout::SOURCE_UPDATED_AT;
use crate::load_plan::LoadPlan;
use crate::records::{parse_state, state_json};
use crate::session::Session;
use crate::snapshot::Scope;
use crate::warehouse::{Fence, Receipt};

/// Windows in one statement.
const AT_ONCE: usize = 200;
/// Spans in one pass over a table.
const SPANS: usize = 250;

fn time(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "NULL".to_owned(), |at| literal(&timestamp_text(at)))
}

fn number(value: Option<u64>) -> String {
    value.map_or_else(|| "NULL".to_owned(), |value| value.to_string())
}

/// Writes a backfill and its windows down.
pub(crate) async fn add<S: Session>(session: &mut S, backfill: &Backfill, windows: &[BackfillWindow]) -> Result<(), Failure> {
    let sql = format!(
        "INSERT INTO {} (backfill_id, pipeline, arguments, from_at, until_at, state, pause_asked, began_at) \
         VALUES ({}, {}, {}, {}, {}, {}, 0, {})",
        session.own("backfills"),
        literal(&backfill.id),
        literal(&backfill.pipeline),
        literal(&backfill.arguments),
        time(backfill.span.from),
        time(backfill.span.until),
        literal(backfill.state.word()),
        literal(&timestamp_text(backfill.began_at))
    );
    session.execute("write the ledger of a backfill", sql).await?;
    for some in windows.chunks(AT_ONCE) {
        let mut rows = Vec::with_capacity(some.len());
        for window in some {
            rows.push(format!(
                "({}, {}, {}, {}, {}, {}, {}, {}, {}, {}, 0, 0, 0, 0, 0, 0, {})",
                literal(&backfill.id),
                literal(&backfill.pipeline),
                literal(&window.stream),
                window.number,
                time(window.span.from),
                time(window.span.until),
                u8::from(window.whole),
                literal(window.state.word()),
                literal(&state_json(&window.place)?),
                number(window.planned),
                window.attempts
            ));
        }
        let sql = format!(
            "INSERT INTO {} (backfill_id, pipeline, stream, number, from_at, until_at, whole, state, place, planned, read, loaded, unchanged, \
             quarantined, filtered, requests, attempts) VALUES {}",
            session.own("backfill_windows"),
            rows.join(", ")
        );
        session.execute("write the ledger of a backfill", sql).await?;
    }
    Ok(())
}

/// The backfills of a pipeline, newest first.
pub(crate) async fn backfills<S: Session>(session: &mut S, pipeline: &str) -> Result<Vec<Backfill>, Failure> {
    let times = ["from_at", "until_at", "began_at", "ended_at"].map(|column| session.instant(column)).join(", ");
    let sql = format!(
        "SELECT backfill_id, arguments, state, pause_asked, {times} FROM {} WHERE pipeline = {} ORDER BY began_at DESC, backfill_id DESC",
        session.own("backfills"),
        literal(pipeline)
    );
    let rows = session.rows("read the ledger of backfills", sql).await?;
    let backfill = |row: Vec<Option<String>>| {
        let [id, arguments, state, pause, from, until, began_at, ended_at] =
            <[Option<String>; 8]>::try_from(row).map_err(|_| unreadable())?;
        let at = |text: Option<String>| text.map(|text| text.parse().map_err(|_| unreadable())).transpose();
        Ok(Backfill {
            id: id.ok_or_else(unreadable)?,
            pipeline: pipeline.to_owned(),
            arguments: arguments.ok_or_else(unreadable)?,
            span: TimeSpan { from: at(from)?, until: at(until)? },
            state: BackfillState::parse(&state.unwrap_or_default())?,
            pause_asked: pause.as_deref() == Some("1"),
            began_at: at(began_at)?.ok_or_else(unreadable)?,
            ended_at: at(ended_at)?,
        })
    };
    Ok(rows.into_iter().map(backfill).collect::<aqueduct_schema::Result<_>>()?)
}

/// The windows of a backfill, by stream and number.
pub(crate) async fn windows<S: Session>(session: &mut S, id: &str) -> Result<Vec<BackfillWindow>, Failure> {
    let times = ["from_at", "until_at", "started_at", "ended_at"].map(|column| session.instant(column)).join(", ");
    let sql = format!(
        "SELECT pipeline, stream, state, place, error, {times}, number, whole, planned, expected, found, read, loaded, unchanged, quarantined, \
         filtered, requests, attempts FROM {} WHERE backfill_id = {} ORDER BY stream, number",
        session.own("backfill_windows"),
        literal(id)
    );
    let rows = session.rows("read the ledger of a backfill", sql).await?;
    Ok(rows.into_iter().map(window).collect::<aqueduct_schema::Result<_>>()?)
}

fn window(row: Vec<Option<String>>) -> aqueduct_schema::Result<BackfillWindow> {
    let [pipeline, stream, state, place, error, from, until, started_at, ended_at, numbers @ ..] =
        <[Option<String>; 21]>::try_from(row).map_err(|_| unreadable())?;
    let (pipeline, stream) = (pipeline.unwrap_or_default(), stream.ok_or_else(unreadable)?);
    let at = |text: Option<String>| text.map(|text| text.parse().map_err(|_| unreadable())).transpose();
    let parsed: Vec<Option<u64>> = numbers
        .into_iter()
        .map(|text| text.map(|text| text.parse().map_err(|_| unreadable())).transpose())
        .collect::<aqueduct_schema::Result<_>>()?;
    let [number, whole, planned, expected, found, read, loaded, unchanged, quarantined, filtered, requests, attempts] =
        <[Option<u64>; 12]>::try_from(parsed).map_err(|_| unreadable())?;
    let small = |value: Option<u64>| u32::try_from(value.unwrap_or(0)).unwrap_or(u32::MAX);
    Ok(BackfillWindow {
        place: parse_state(&pipeline, &stream, &place.unwrap_or_default())?,
        stream,
        number: small(number),
        span: TimeSpan { from: at(from)?, until: at(until)? },
        whole: whole == Some(1),
        state: WindowState::parse(&state.unwrap_or_default())?,
        planned,
        expected,
        found,
        read: read.unwrap_or(0),
        loaded: loaded.unwrap_or(0),
        unchanged: unchanged.unwrap_or(0),
        quarantined: quarantined.unwrap_or(0),
        filtered: filtered.unwrap_or(0),
        requests: requests.unwrap_or(0),
        attempts: small(attempts),
        started_at: at(started_at)?,
        ended_at: at(ended_at)?,
        error,
    })
}

fn of(key: &WindowKey) -> String {
    format!("backfill_id = {} AND stream = {} AND number = {}", literal(&key.backfill), literal(&key.stream), key.number)
}

/// Carries out a change of one window; there must be one.
async fn change<S: Session>(session: &mut S, key: &WindowKey, sets: &str) -> Result<(), Failure> {
    let sql = format!("UPDATE {} SET {sets} WHERE {}", session.own("backfill_windows"), of(key));
    match session.execute("note what became of a window", sql).await? {
        1 => Ok(()),
        _ => Err(unreadable().with("window", key.number).into()),
    }
}

/// Notes in the window's row what a load of it did, and where its reading stands.
pub(crate) async fn loaded<S: Session>(
    session: &mut S,
    key: &Arc<WindowKey>,
    plan: &LoadPlan,
    receipt: &Receipt,
    at: Timestamp,
) -> Result<(), Failure> {
    let mut sets = format!("place = {}, ended_at = {}", literal(&state_json(&plan.checkpoint.state)?), time(Some(at)));
    let counts = [
        ("read", receipt.read),
        ("loaded", receipt.loaded),
        ("unchanged", receipt.unchanged),
        ("quarantined", receipt.quarantined),
        ("filtered", receipt.filtered),
        ("requests", plan.pages),
    ];
    for (column, count) in counts {
        sets.push_str(&format!(", {column} = {column} + {count}"));
    }
    if plan.checkpoint.reading_complete {
        sets.push_str(&format!(", state = {}", literal(WindowState::Loaded.word())));
    }
    change(session, key, &sets).await
}

/// Notes what has become of a window.
pub(crate) async fn note<S: Session>(session: &mut S, key: &WindowKey, note: &WindowNote) -> Result<(), Failure> {
    let mut sets = format!("requests = requests + {}", note.requests);
    if let Some(state) = note.state {
        let error = note.error.as_deref().map_or_else(|| "NULL".to_owned(), literal);
        sets.push_str(&format!(", state = {}, error = {error}", literal(state.word())));
    }
    if let Some(at) = note.at {
        let at = session.time(&time(Some(at)));
        sets.push_str(&format!(", started_at = coalesce(started_at, {at}), ended_at = {at}"));
    }
    if note.again {
        let place = literal(&state_json(&Default::default())?);
        sets.push_str(&format!(", place = {place}, attempts = attempts + 1"));
        for column in ["read", "loaded", "unchanged", "quarantined", "filtered"] {
            sets.push_str(&format!(", {column} = 0"));
        }
    }
    if let Some((expected, found)) = note.counted {
        sets.push_str(&format!(", expected = {expected}, found = {found}"));
    }
    change(session, key, &sets).await?;
    if note.again {
        // What its last reading rejected may be good by now, or gone.
        let (table, window) = (session.own("quarantine"), literal(&key.text()));
        let forget = format!("UPDATE {table} SET backfill_window = NULL WHERE backfill_window = {window}");
        session.execute("note what became of a window", forget).await?;
    }
    Ok(())
}

/// Counts the records of a window in quarantine, each once.
pub(crate) async fn count_quarantined<S: Session>(session: &mut S, key: &WindowKey) -> Result<u64, Failure> {
    let sql = format!(
        "SELECT count(DISTINCT coalesce(source_id, location, row_id)) FROM {} WHERE stream = {} AND backfill_window = {} \
         AND status IN ('new', 'discarded')",
        session.own("quarantine"),
        literal(&key.stream),
        literal(&key.text())
    );
    let rows = session.rows("count the quarantine of a window", sql).await?;
    Ok(rows.into_iter().flatten().flatten().next().and_then(|count| count.parse().ok()).unwrap_or(0))
}

/// Notes what has become of a backfill. One that goes on is no longer asked to pause.
pub(crate) async fn note_backfill<S: Session>(session: &mut S, id: &str, state: BackfillState, at: Timestamp) -> Result<(), Failure> {
    let rest = match state {
        BackfillState::Running => "pause_asked = 0, ended_at = NULL".to_owned(),
        _ => format!("ended_at = {}", time(Some(at))),
    };
    let sql =
        format!("UPDATE {} SET state = {}, {rest} WHERE backfill_id = {}", session.own("backfills"), literal(state.word()), literal(id));
    session.execute("note what became of a backfill", sql).await?;
    Ok(())
}

/// Asks a backfill to pause, or takes that back. One that nobody carries out is paused by that alone.
pub(crate) async fn ask_pause<S: Session>(session: &mut S, id: &str, pause: bool) -> Result<(), Failure> {
    let sql = format!(
        "UPDATE {} SET pause_asked = {}, state = CASE WHEN state = {stopped} AND {} = 1 THEN {} ELSE state END WHERE backfill_id = {}",
        session.own("backfills"),
        u8::from(pause),
        u8::from(pause),
        literal(BackfillState::Paused.word()),
        literal(id),
        stopped = literal(BackfillState::Stopped.word()),
    );
    session.execute("ask a backfill to pause", sql).await?;
    Ok(())
}

/// Whether somebody has asked a backfill to pause.
pub(crate) async fn is_pause_asked<S: Session>(session: &mut S, id: &str) -> Result<bool, Failure> {
    let sql = format!("SELECT pause_asked FROM {} WHERE backfill_id = {}", session.own("backfills"), literal(id));
    let rows = session.rows("ask whether a backfill is to pause", sql).await?;
    Ok(rows.into_iter().flatten().flatten().next().as_deref() == Some("1"))
}

/// Counts live rows by spans of the records' last change, in one pass over the table for every so many.
pub(crate) async fn count_spans<S: Session>(
    session: &mut S,
    table: &TableName,
    account: &str,
    spans: &[TimeSpan],
) -> Result<Option<Vec<u64>>, Failure> {
    let stored = session.stored(table).await?;
    if stored.is_empty() {
        return Ok(Some(vec![0; spans.len()]));
    }
    if stored.get(SOURCE_UPDATED_AT) != Some(&ValueType::Timestamp) {
        return Ok(None);
    }
    let alive = Scope::of_account(table, account).alive(session, "t");
    let column = format!("t.{}", quoted(SOURCE_UPDATED_AT));
    let mut counts = Vec::with_capacity(spans.len());
    for some in spans.chunks(SPANS) {
        let each: Vec<String> = some
            .iter()
            .map(|span| {
                let from = span.from.map(|from| format!("{column} >= {}", time(Some(from))));
                let until = span.until.map(|until| format!("{column} < {}", time(Some(until))));
                let within: Vec<String> = from.into_iter().chain(until).collect();
                if within.is_empty() { "count(*)".to_owned() } else { format!("count(*) FILTER (WHERE {})", within.join(" AND ")) }
            })
            .collect();
        let sql = format!("SELECT {} FROM {} AS t WHERE {alive}", each.join(", "), session.table(table));
        let rows = session.rows("count the rows of windows", sql).await?;
        counts.extend(rows.into_iter().flatten().map(|cell| cell.and_then(|cell| cell.parse().ok()).unwrap_or(0)));
    }
    Ok(Some(counts))
}

/// The name under which a run of this kind is fenced: backfills have a fence of their own beside that of live runs.
pub(crate) fn fenced_as(fence: &Fence) -> std::borrow::Cow<'_, str> {
    name(&fence.pipeline, fence.backfill)
}

/// The name of the fence of a pipeline's live runs or of its backfills.
pub(crate) fn name(pipeline: &str, backfill: bool) -> std::borrow::Cow<'_, str> {
    if backfill { format!("{pipeline} (backfill)").into() } else { pipeline.into() }
}
