//! Earlier versions of the rows of common tables: what is kept of them, and the view that shows them.
//!
//! A version is kept when it is replaced, by a trigger on its table: whatever replaces it, in the transaction that does so. The open
//! versions are the table's own rows, so that a first load keeps nothing and the present of the history is the table by construction.
//!
//! A kept version has five times. It was valid from `_valid_from` to `_valid_to`, by the source's clock. We knew it from
//! `_recorded_from` on as open, and since `_closed_at` that it ended; from `_recorded_to` on we know that this was not so, because an
//! earlier version came late (`late`). The view `<table>_history` tells the two beliefs apart as rows of their own, and leaves out
//! versions that are deletions: they end a life and begin none.

use std::collections::BTreeSet;

use aqueduct_schema::entities::WITH_HISTORY;
use aqueduct_schema::{Entity, Layer, TableName, ValueType};

use crate::identifier::quoted;
use crate::layout::{DELETED_AT, IS_DELETED, LOAD_ID, LOADED_AT, SOURCE_UPDATED_AT, Stored};

/// Which common tables keep the versions of their rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum History {
    /// Those of [`WITH_HISTORY`].
    #[default]
    Usual,
    /// Those of these entities; none, where there are none.
    Of(BTreeSet<String>),
}

impl History {
    /// Whether a table keeps them. Source tables hold what the vendor has now.
    pub(crate) fn keeps(&self, name: &TableName) -> bool {
        let wanted = match self {
            Self::Usual => WITH_HISTORY.contains(&name.name.as_ref()),
            Self::Of(entities) => entities.contains(name.name.as_ref()),
        };
        wanted && name.layer == Layer::Common && Entity::named(&name.name).is_some()
    }
}

/// The columns that a kept version has besides those of its table.
pub(crate) const TIMES: [&str; 5] = [VALID_FROM, VALID_TO, RECORDED_FROM, CLOSED_AT, RECORDED_TO];
pub(crate) const VALID_FROM: &str = "_valid_from";
pub(crate) const VALID_TO: &str = "_valid_to";
pub(crate) const RECORDED_FROM: &str = "_recorded_from";
pub(crate) const CLOSED_AT: &str = "_closed_at";
pub(crate) const RECORDED_TO: &str = "_recorded_to";
/// Whether the version came after one that follows it, or was cut for one that did: it was never known as open.
pub(crate) const LATE: &str = "_late";

/// How many columns more a table of versions has than its table.
pub(crate) const MORE_COLUMNS: usize = TIMES.len() + 1;

/// The words in which the databases differ.
pub(crate) struct Dialect {
    /// What a column of truth values compares to.
    pub(crate) truth: &'static str,
    /// The function that gives the greater of its arguments.
    pub(crate) later: &'static str,
    /// The function that gives the smaller of its arguments.
    pub(crate) earlier: &'static str,
}

/// A table whose versions are kept.
pub(crate) struct Kept<'a> {
    pub(crate) dialect: Dialect,
    /// The table's name, quoted.
    pub(crate) live: String,
    /// The name of the table of versions, quoted.
    pub(crate) versions: String,
    pub(crate) key: &'a str,
    /// The table's columns, in its order.
    pub(crate) columns: Vec<String>,
    pub(crate) stored: &'a Stored,
}

impl Kept<'_> {
    /// The columns of a row, each with this before it.
    fn list(&self, side: &str) -> String {
        let names: Vec<String> = self.columns.iter().map(|name| format!("{side}{}", quoted(name))).collect();
        names.join(", ")
    }

    /// A column of times, where the table has it as such.
    fn time(&self, side: &str, name: &str) -> String {
        match self.stored.get(name) {
            Some(ValueType::Timestamp) => format!("{side}.{}", quoted(name)),
            _ => "NULL".to_owned(),
        }
    }

    fn is_dead(&self, side: &str) -> String {
        format!("{side}.{} = {}", quoted(IS_DELETED), self.dialect.truth)
    }

    fn is_alive(&self, side: &str) -> String {
        format!("{side}.{} IS DISTINCT FROM {}", quoted(IS_DELETED), self.dialect.truth)
    }

    /// The condition that a row holds a time.
    fn has_time(&self, side: &str, name: &str) -> String {
        match self.stored.get(name) {
            Some(ValueType::Timestamp) => format!("{side}.{} IS NOT NULL", quoted(name)),
            _ => "1 = 0".to_owned(),
        }
    }

    /// From when a row is valid of which no earlier version is known: a time in the future is none.
    pub(crate) fn begins(&self, side: &str) -> String {
        let loaded_at = format!("{side}.{}", quoted(LOADED_AT));
        let dead = format!("{} AND {}", self.is_dead(side), self.has_time(side, DELETED_AT));
        let deleted = match self.stored.get(DELETED_AT) {
            Some(ValueType::Timestamp) => format!("WHEN {dead} THEN {} ", self.time(side, DELETED_AT)),
            _ => String::new(),
        };
        let updated = match self.stored.get(SOURCE_UPDATED_AT) {
            Some(ValueType::Timestamp) => format!("coalesce({}, {loaded_at})", self.time(side, SOURCE_UPDATED_AT)),
            _ => loaded_at.clone(),
        };
        let time = if deleted.is_empty() { updated } else { format!("CASE {deleted}ELSE {updated} END") };
        format!("{}({time}, {loaded_at})", self.dialect.earlier)
    }

    /// When `new` took the place of `old`: when it was deleted, or when it changed at the source. Where the source says neither, the
    /// change was seen when it was loaded, and not earlier: nothing of the present is told of the past.
    fn replaced_at(&self, old: &str, new: &str) -> String {
        let loaded_at = format!("{new}.{}", quoted(LOADED_AT));
        let mut cases = String::new();
        if self.stored.get(DELETED_AT) == Some(&ValueType::Timestamp) {
            let (died, was_alive) = (self.is_dead(new), self.is_alive(old));
            let known = self.has_time(new, DELETED_AT);
            cases.push_str(&format!("WHEN {died} AND {was_alive} AND {known} THEN {} ", self.time(new, DELETED_AT)));
        }
        if self.stored.get(SOURCE_UPDATED_AT) == Some(&ValueType::Timestamp) {
            let (before, after) = (self.time(old, SOURCE_UPDATED_AT), self.time(new, SOURCE_UPDATED_AT));
            cases.push_str(&format!("WHEN {after} > {before} OR ({before} IS NULL AND {after} IS NOT NULL) THEN {after} "));
        }
        if cases.is_empty() {
            return loaded_at;
        }
        format!("{}(CASE {cases}ELSE {loaded_at} END, {loaded_at})", self.dialect.earlier)
    }

    /// Whether `new` is another version than `old`: another load wrote it, or it died or came back in the load that did. Whoever
    /// changes a row and means no new version leaves its load alone.
    pub(crate) fn differs(&self, old: &str, new: &str) -> String {
        let differ = |name: &str| format!("{new}.{name} IS DISTINCT FROM {old}.{name}", name = quoted(name));
        format!("{} OR {}", differ(LOAD_ID), differ(IS_DELETED))
    }

    /// The condition of the versions `h` of the row `side`.
    fn versions_of(&self, side: &str) -> String {
        format!("h.{key} = {side}.{key}", key = quoted(self.key))
    }

    /// From when the present version of the row `side` is valid.
    pub(crate) fn open_since(&self, side: &str) -> String {
        format!(
            "coalesce((SELECT max(h.{VALID_TO}) FROM {} AS h WHERE {} AND h.{RECORDED_TO} IS NULL), {})",
            self.versions,
            self.versions_of(side),
            self.begins(side)
        )
    }

    /// Since when the present version of the row `side` is known: never before the one before it, whatever the clocks say.
    fn known_since(&self, side: &str) -> String {
        let loaded_at = format!("{side}.{}", quoted(LOADED_AT));
        format!(
            "{}({loaded_at}, coalesce((SELECT max(h.{CLOSED_AT}) FROM {} AS h WHERE {} AND NOT h.{LATE}), {loaded_at}))",
            self.dialect.later,
            self.versions,
            self.versions_of(side)
        )
    }

    /// Keeps the version `old` that `new` replaces. `from` is where both come from: nothing in a trigger for each row.
    pub(crate) fn keep(&self, old: &str, new: &str, from: &str) -> String {
        let later = self.dialect.later;
        let source = if from.is_empty() { String::new() } else { format!(" FROM {from}") };
        format!(
            "INSERT INTO {versions} ({times}, {LATE}, {names}) \
             SELECT v.since, {later}(v.since, v.replaced_at), v.known, {later}(v.known, v.loaded_at), NULL, false, {values} FROM \
             (SELECT {since} AS since, {replaced_at} AS replaced_at, {known} AS known, {new}.{loaded_at} AS loaded_at{carried}{source}) AS v",
            versions = self.versions,
            times = TIMES.join(", "),
            names = self.list(""),
            values = if from.is_empty() { self.list(&format!("{old}.")) } else { self.list("v.") },
            since = self.open_since(old),
            replaced_at = self.replaced_at(old, new),
            known = self.known_since(old),
            loaded_at = quoted(LOADED_AT),
            carried = if from.is_empty() { String::new() } else { format!(", {}", self.list(&format!("{old}."))) },
        )
    }

    /// What the view of all versions selects. Its columns come in the order of the table, so that new ones are added at the end.
    pub(crate) fn view(&self) -> String {
        let key = quoted(self.key);
        let alive = self.is_alive("h");
        format!(
            "SELECT coalesce(k.valid_to, {begins}) AS valid_from, {none} AS valid_to, \
             {later}(t.{loaded_at}, coalesce(k.closed_at, t.{loaded_at})) AS recorded_from, {none} AS recorded_to, {present} \
             FROM {live} AS t LEFT JOIN (SELECT h.{key} AS {key}, max(CASE WHEN h.{RECORDED_TO} IS NULL THEN h.{VALID_TO} END) AS valid_to, \
             max(CASE WHEN NOT h.{LATE} THEN h.{CLOSED_AT} END) AS closed_at FROM {versions} AS h GROUP BY h.{key}) AS k ON k.{key} = t.{key} \
             WHERE {living} \
             UNION ALL SELECT h.{VALID_FROM}, NULL, h.{RECORDED_FROM}, h.{CLOSED_AT}, {kept} FROM {versions} AS h \
             WHERE NOT h.{LATE} AND h.{CLOSED_AT} > h.{RECORDED_FROM} AND {alive} \
             UNION ALL SELECT h.{VALID_FROM}, h.{VALID_TO}, h.{CLOSED_AT}, h.{RECORDED_TO}, {kept} FROM {versions} AS h \
             WHERE h.{VALID_TO} > h.{VALID_FROM} AND (h.{RECORDED_TO} IS NULL OR h.{RECORDED_TO} > h.{CLOSED_AT}) AND {alive}",
            begins = self.begins("t"),
            // A null has no type of its own in PostgreSQL.
            none = format!("nullif(t.{loaded_at}, t.{loaded_at})", loaded_at = quoted(LOADED_AT)),
            later = self.dialect.later,
            loaded_at = quoted(LOADED_AT),
            present = self.list("t."),
            kept = self.list("h."),
            live = self.live,
            versions = self.versions,
            living = self.is_alive("t"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_is_of_common_tables_that_are_entities() {
        let usual = History::default();
        assert!(usual.keeps(&TableName::common("contact")) && !usual.keeps(&TableName::common("email_event")));
        assert!(!usual.keeps(&TableName::source("shop", "contact")));
        let some = History::Of(["email_event".to_owned(), "nothing".to_owned()].into());
        assert!(some.keeps(&TableName::common("email_event")) && !some.keeps(&TableName::common("contact")));
        assert!(!some.keeps(&TableName::common("nothing")));
        assert!(!History::Of(BTreeSet::new()).keeps(&TableName::common("contact")));
    }
}
