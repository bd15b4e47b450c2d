//! Versions that come after one that follows them: they change no row of their table, and get their place among its earlier versions.

use aqueduct_schema::{Layer, TableName, TableSchema, ValueType};

use crate::failure::Failure;
use crate::history::{CLOSED_AT, Kept, LATE, RECORDED_FROM, RECORDED_TO, TIMES, VALID_FROM, VALID_TO};
use crate::identifier::quoted;
use crate::layout::{DELETED_AT, IS_DELETED, LOADED_AT, ROW_HASH, SOURCE_UPDATED_AT, Stored};
use crate::session::Session;

/// Staged rows among which are older ones than those of their table. `s` is a staged row.
pub(crate) struct Late<'a> {
    pub(crate) schema: &'a TableSchema,
    /// Where the staged rows are.
    pub(crate) staged: String,
    /// The expressions of the columns that are written, as their table holds them: name and value.
    pub(crate) values: Vec<(String, String)>,
}

impl Late<'_> {
    fn value(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Staged rows beside the older rows of their table that they come after; nothing where rows have no times.
    pub(crate) fn older(&self, live: &str, stored: &Stored) -> Option<String> {
        let key = &self.schema.key;
        let (staged_key, updated) = (self.value(key)?, self.value(SOURCE_UPDATED_AT)?);
        (stored.get(SOURCE_UPDATED_AT) == Some(&ValueType::Timestamp)).then(|| {
            format!(
                "{} AS s JOIN {live} AS t ON t.{} = {staged_key} WHERE {updated} < t.{}",
                self.staged,
                quoted(key),
                quoted(SOURCE_UPDATED_AT)
            )
        })
    }

    /// Gives late versions their place: the version that is valid at their time ends there, from now on, and theirs goes on until the
    /// next one. A version that is known already is not kept twice. Gives how many were new.
    pub(crate) async fn keep<S: Session>(&self, session: &mut S, kept: &Kept<'_>) -> Result<u64, Failure> {
        let older = self.older(&kept.live, kept.stored);
        let own = [kept.key, SOURCE_UPDATED_AT, ROW_HASH, LOADED_AT].map(|name| self.value(name));
        let (Some(older), [Some(key), Some(updated), Some(digest), Some(now)]) = (older, own) else {
            return Ok(0);
        };
        let (versions, later, id) = (&kept.versions, kept.dialect.later, quoted(kept.key));
        let at = match (self.value(IS_DELETED), self.value(DELETED_AT)) {
            (Some(dead), Some(deleted_at)) => {
                format!("CASE WHEN {dead} = {} AND {deleted_at} IS NOT NULL THEN {deleted_at} ELSE {updated} END", kept.dialect.truth)
            }
            _ => updated.to_owned(),
        };
        let find = format!(
            "CREATE TEMPORARY TABLE aqueduct_late AS SELECT l.{id}, l.at, l.recorded, \
             coalesce((SELECT min(h.{VALID_FROM}) FROM {versions} AS h WHERE h.{id} = l.{id} AND h.{RECORDED_TO} IS NULL AND h.{VALID_FROM} > l.at), \
             l.open_since) AS until FROM (SELECT {key} AS {id}, {digest} AS digest, {updated} AS updated, {at} AS at, {open_since} AS open_since, \
             {later}({later}({now}, t.{loaded_at}), coalesce((SELECT max(h.{CLOSED_AT}) FROM {versions} AS h WHERE h.{id} = t.{id}), t.{loaded_at})) \
             AS recorded FROM {older}) AS l WHERE l.at < l.open_since AND NOT EXISTS (SELECT 1 FROM {versions} AS h WHERE h.{id} = l.{id} \
             AND h.{hash} = l.digest AND h.{updated_at} = l.updated)",
            open_since = kept.open_since("t"),
            loaded_at = quoted(LOADED_AT),
            hash = quoted(ROW_HASH),
            updated_at = quoted(SOURCE_UPDATED_AT),
        );
        session.execute("look for late versions", find).await?;
        let times = TIMES.join(", ");
        let columns = |side: &str| kept.columns.iter().map(|name| format!("{side}{}", quoted(name))).collect::<Vec<_>>().join(", ");
        let cut = format!(
            "INSERT INTO {versions} ({times}, {LATE}, {names}) \
             SELECT h.{VALID_FROM}, l.at, l.recorded, l.recorded, NULL, true, {values} FROM {versions} AS h JOIN aqueduct_late AS l ON l.{id} = h.{id} \
             WHERE h.{RECORDED_TO} IS NULL AND h.{VALID_FROM} < l.at AND l.at < h.{VALID_TO}",
            names = columns(""),
            values = columns("h."),
        );
        session.execute("end versions earlier", cut).await?;
        let correct = format!(
            "UPDATE {versions} AS h SET {RECORDED_TO} = (SELECT l.recorded FROM aqueduct_late AS l WHERE l.{id} = h.{id}) \
             WHERE h.{RECORDED_TO} IS NULL AND EXISTS (SELECT 1 FROM aqueduct_late AS l WHERE l.{id} = h.{id} \
             AND h.{VALID_FROM} <= l.at AND l.at < h.{VALID_TO})"
        );
        session.execute("correct versions", correct).await?;
        // A null among selected values has no type of its own in PostgreSQL, and takes the column's here.
        let values: Vec<&str> = kept.columns.iter().map(|name| self.value(name).unwrap_or("NULL")).collect();
        let put = format!(
            "INSERT INTO {versions} ({VALID_FROM}, {VALID_TO}, {RECORDED_FROM}, {CLOSED_AT}, {RECORDED_TO}, {LATE}, {names}) \
             SELECT l.at, l.until, l.recorded, l.recorded, NULL, true, {values} FROM {staged} AS s JOIN aqueduct_late AS l ON l.{id} = {key}",
            names = columns(""),
            values = values.join(", "),
            staged = self.staged,
        );
        let kept = session.execute("keep late versions", put).await?;
        session.execute("forget the late versions", "DROP TABLE aqueduct_late".to_owned()).await?;
        Ok(kept)
    }
}

/// Where the versions of a common table are kept, in Aqueduct's own layer.
pub(crate) fn versions_of(name: &TableName) -> String {
    debug_assert!(name.layer == Layer::Common);
    format!("history_{}", name.name)
}
