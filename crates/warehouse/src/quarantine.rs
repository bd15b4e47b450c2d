//! Rejected records as rows of the quarantine: one for each reason of each record, however often it is met; and what becomes of them.

use std::collections::HashMap;

use aqueduct_schema::{Reject, Result, Timestamp};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::cells::timestamp_text;
use crate::failure::Failure;
use crate::identifier::literal;
use crate::load_plan::LoadPlan;
use crate::session::Session;
use crate::warehouse::Fence;

/// The quarantine of a destination. Records come into it by loads.
#[async_trait]
pub trait Quarantine: Send + Sync {
    /// The records of a pipeline in quarantine that a filter means, by their ids there, `limit` at most.
    ///
    /// # Errors
    /// `AQ4002` when the destination refuses.
    async fn quarantined(&self, pipeline: &str, filter: &QuarantineFilter, limit: u64) -> Result<Vec<QuarantinedRecord>>;

    /// Decides what became of records in quarantine that wait (or that a load of this run has found good); how many there were.
    /// `by` is the run or the person who decides.
    ///
    /// # Errors
    /// `AQ4002` when the destination refuses, `AQ5001` when the fence is lost.
    async fn resolve_quarantined(&self, fence: &Fence, row_ids: &[String], status: QuarantineStatus, by: &str) -> Result<u64>;

    /// Deletes records from quarantine that were last met before an instant, whatever became of them; how many there were.
    ///
    /// # Errors
    /// `AQ4002` when the destination refuses, `AQ5001` when the fence is lost.
    async fn purge_quarantine(&self, fence: &Fence, before: Timestamp) -> Result<u64>;
}

/// What became of a record in quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuarantineStatus {
    /// It waits.
    New,
    /// A later reading of the source brought it good.
    Fixed,
    /// It was loaded from its kept original.
    Replayed,
    /// Somebody decided that it is not wanted.
    Discarded,
}

impl QuarantineStatus {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::New, Self::Fixed, Self::Replayed, Self::Discarded];

    /// The word that is stored and shown.
    pub fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Fixed => "fixed",
            Self::Replayed => "replayed",
            Self::Discarded => "discarded",
        }
    }
}

/// A record in quarantine, for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QuarantinedRecord {
    /// Its id in quarantine: 128 bits in hex.
    pub row_id: String,
    /// The stream it was read from.
    pub stream: String,
    /// Its id at the source, under the policy, if it has one.
    pub source_id: Option<String>,
    /// Where it stands, for files: `exports/contacts.csv:17`.
    pub location: Option<String>,
    /// The rule that turned it away.
    pub rule: String,
    /// The field that the rule is about.
    pub field: Option<String>,
    /// What is wrong, in words.
    pub message: String,
    /// The record as the policy allows it to be stored, a JSON object of column to text.
    pub record: String,
    /// The record whole and sealed, where originals are kept.
    #[serde(skip)]
    pub sealed: Option<String>,
    /// When it was first met.
    pub first_seen: String,
    /// When it was last met.
    pub last_seen: String,
    /// How often it was met.
    pub times_seen: u64,
    /// What became of it.
    pub status: String,
    /// When that was decided, where somebody did.
    pub resolved_at: Option<String>,
    /// The run or the person who decided it.
    pub resolved_by: Option<String>,
}

/// Which records in quarantine are meant.
#[derive(Clone, Debug, Default)]
pub struct QuarantineFilter {
    /// Those of one stream.
    pub stream: Option<String>,
    /// Those of one status.
    pub status: Option<QuarantineStatus>,
    /// Those turned away by one rule.
    pub rule: Option<String>,
    /// The ones whose ids begin with one of these; any where there are none.
    pub row_ids: Vec<String>,
    /// Those whose ids come after this one: the next page.
    pub after: Option<String>,
}

impl QuarantineFilter {
    fn condition(&self, pipeline: &str) -> String {
        let mut conditions = vec![format!("pipeline = {}", literal(pipeline))];
        let mut equal = |column: &str, value: &str| conditions.push(format!("{column} = {}", literal(value)));
        if let Some(stream) = &self.stream {
            equal("stream", stream);
        }
        if let Some(status) = self.status {
            equal("status", status.word());
        }
        if let Some(rule) = &self.rule {
            equal("rule", rule);
        }
        if !self.row_ids.is_empty() {
            let begins = |id: &String| format!("substr(row_id, 1, {}) = {}", id.chars().count(), literal(id));
            let any: Vec<String> = self.row_ids.iter().map(begins).collect();
            conditions.push(format!("({})", any.join(" OR ")));
        }
        if let Some(after) = &self.after {
            conditions.push(format!("row_id > {}", literal(after)));
        }
        conditions.join(" AND ")
    }
}

/// The records of a pipeline that a filter means, by id, `limit` at most.
pub(crate) async fn read<S: Session>(
    session: &mut S,
    pipeline: &str,
    filter: &QuarantineFilter,
    limit: u64,
) -> Result<Vec<QuarantinedRecord>, Failure> {
    let sql = format!(
        "SELECT row_id, stream, source_id, location, rule, field, message, {record}, sealed, {first}, {last}, {times}, status, {resolved}, \
         resolved_by FROM {table} WHERE {condition} ORDER BY row_id LIMIT {limit}",
        record = session.as_text("record"),
        first = session.instant("first_seen"),
        last = session.instant("last_seen"),
        times = session.as_text("times_seen"),
        resolved = session.instant("resolved_at"),
        table = session.own("quarantine"),
        condition = filter.condition(pipeline),
    );
    let rows = session.rows("read the quarantine", sql).await?;
    Ok(rows.into_iter().map(quarantined).collect())
}

fn quarantined(cells: Vec<Option<String>>) -> QuarantinedRecord {
    let mut cells = cells.into_iter();
    let mut next = || cells.next().flatten();
    let text = Option::unwrap_or_default;
    QuarantinedRecord {
        row_id: text(next()),
        stream: text(next()),
        source_id: next(),
        location: next(),
        rule: text(next()),
        field: next(),
        message: text(next()),
        record: text(next()),
        sealed: next(),
        first_seen: text(next()),
        last_seen: text(next()),
        times_seen: next().and_then(|times| times.parse().ok()).unwrap_or(0),
        status: text(next()),
        resolved_at: next(),
        resolved_by: next(),
    }
}

/// Decides what became of records; how many there were. Those that a load has just found good are decided by their replay.
pub(crate) async fn resolve<S: Session>(
    session: &mut S,
    fence: &Fence,
    row_ids: &[String],
    status: QuarantineStatus,
    by: &str,
    at: Timestamp,
) -> Result<u64, Failure> {
    let mut resolved = 0;
    for some in row_ids.chunks(500) {
        let ids: Vec<String> = some.iter().map(|id| literal(id)).collect();
        let sql = format!(
            "UPDATE {} SET status = {}, resolved_at = {}, resolved_by = {} WHERE pipeline = {} AND row_id IN ({}) AND status IN ('new', 'fixed')",
            session.own("quarantine"),
            literal(status.word()),
            literal(&timestamp_text(at)),
            literal(by),
            literal(&fence.pipeline),
            ids.join(", ")
        );
        resolved += session.execute("decide about the quarantine", sql).await?;
    }
    Ok(resolved)
}

/// Deletes what was last met before an instant; how many rows there were.
pub(crate) async fn purge<S: Session>(session: &mut S, fence: &Fence, before: Timestamp) -> Result<u64, Failure> {
    let sql = format!(
        "DELETE FROM {} WHERE pipeline = {} AND last_seen < {}",
        session.own("quarantine"),
        literal(&fence.pipeline),
        literal(&timestamp_text(before))
    );
    session.execute("purge the quarantine", sql).await
}

/// Marks rejected records as fixed that a load has brought good.
pub(crate) async fn mark_fixed<S: Session>(session: &mut S, fence: &Fence, plan: &LoadPlan) -> Result<(), Failure> {
    let table = session.own("quarantine");
    let waiting = format!("status = 'new' AND pipeline = {} AND stream = {}", literal(&fence.pipeline), literal(&plan.stream));
    // Most streams have nothing in quarantine, and then the ids of a whole load need not be sent.
    let look = format!("SELECT 1 FROM {table} WHERE {waiting} AND source_id IS NOT NULL LIMIT 1");
    if !session.rows("read the quarantine", look).await?.is_empty() {
        let is_good = session.among("source_id", &plan.good_ids())?;
        let mark = format!("UPDATE {table} SET status = 'fixed' WHERE {waiting} AND {is_good}");
        session.execute("mark rejected records as fixed", mark).await?;
    }
    Ok(())
}

/// A row of the quarantine.
pub(crate) struct QuarantineRow {
    /// A digest of pipeline, stream, the record, rule and field.
    pub(crate) row_id: String,
    pub(crate) source_id: Option<String>,
    pub(crate) location: Option<String>,
    pub(crate) rule: String,
    pub(crate) field: Option<String>,
    pub(crate) message: String,
    /// A JSON object of column to value.
    pub(crate) record: String,
    pub(crate) sealed: Option<String>,
    /// How often the load met it.
    pub(crate) times_seen: i64,
}

/// Makes the rows of a load's rejects. The record is told by its id at the source, else by where it stands, else by its content.
pub(crate) fn rows(fence: &Fence, stream: &str, rejects: Vec<Reject>) -> Vec<QuarantineRow> {
    let mut rows: Vec<QuarantineRow> = Vec::new();
    let mut positions: HashMap<String, usize> = HashMap::new();
    for reject in rejects {
        let record: serde_json::Map<String, serde_json::Value> =
            reject.record.iter().map(|cell| (cell.column.to_string(), cell.value.as_deref().map(without_nul).into())).collect();
        let record = serde_json::Value::Object(record).to_string();
        let (kind, identity) = match (&reject.source_id, &reject.location) {
            (Some(id), _) => ("id", id.as_str()),
            (None, Some(location)) => ("location", location.as_str()),
            (None, None) => ("record", record.as_str()),
        };
        let mut hasher = blake3::Hasher::new();
        for part in [&fence.pipeline, stream, kind, identity, &reject.rule, reject.field.as_deref().unwrap_or_default()] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        let row_id = hasher.finalize().to_hex()[..32].to_owned();
        match positions.get(&row_id) {
            Some(position) => rows[*position].times_seen += 1,
            None => {
                positions.insert(row_id.clone(), rows.len());
                rows.push(QuarantineRow {
                    row_id,
                    source_id: reject.source_id.as_deref().map(without_nul),
                    location: reject.location.as_deref().map(without_nul),
                    rule: without_nul(&reject.rule),
                    field: reject.field.as_deref().map(without_nul),
                    message: without_nul(&reject.message),
                    record,
                    sealed: reject.sealed,
                    times_seen: 1,
                });
            }
        }
    }
    rows
}

fn without_nul(text: &str) -> String {
    crate::cells::without_nul(text).into_owned()
}
