//! Which rows were merged into which: chains, never circles. No SQL.
//!
//! Every row that was merged away has one link, to the row that the source named last. A chain of links ends at a row that was not
//! merged away; whatever points at a row of the chain is to point at its end.

use std::collections::HashMap;
use std::sync::Arc;

use aqueduct_schema::{Table, Timestamp};
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, BooleanArray, StringArray};

/// A merge as the source tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Merged {
    pub(crate) entity: Arc<str>,
    pub(crate) loser: Arc<str>,
    pub(crate) winner: Arc<str>,
    /// The ids at the source, as far as the policy keeps them.
    pub(crate) loser_source_id: Option<String>,
    pub(crate) winner_source_id: Option<String>,
    pub(crate) system: String,
    pub(crate) account: String,
    pub(crate) at: Option<Timestamp>,
    /// The field that says so.
    pub(crate) evidence: String,
    /// Whether that is a field of the record that was merged away, which can lose it again.
    pub(crate) said_by_loser: bool,
}

impl Merged {
    /// The merges that a table tells of; none where the policy drops the columns that name the rows.
    pub(crate) fn all_of(table: &Table) -> Vec<Self> {
        let texts = |name: &str| -> Option<&StringArray> { table.rows.column_by_name(name)?.as_string_opt::<i32>() };
        let (Some(losers), Some(winners)) = (texts("id"), texts("merged_into_id")) else { return Vec::new() };
        let text = |name: &str, row: usize| texts(name).filter(|texts| texts.is_valid(row)).map(|texts| texts.value(row).to_owned());
        let times = table.rows.column_by_name("merged_at").and_then(|times| times.as_primitive_opt::<TimestampMicrosecondType>());
        let said: Option<&BooleanArray> = table.rows.column_by_name("said_by_loser").and_then(|said| said.as_boolean_opt());
        let constant = |name: &str| {
            let found = table.schema.constants.iter().find(|(constant, _)| constant.as_ref() == name);
            found.map(|(_, value)| value.to_string()).unwrap_or_default()
        };
        (0..table.len())
            .filter(|row| losers.is_valid(*row) && winners.is_valid(*row) && losers.value(*row) != winners.value(*row))
            .map(|row| Self {
                entity: Arc::clone(&table.schema.name.name),
                loser: losers.value(row).into(),
                winner: winners.value(row).into(),
                loser_source_id: text("source_id", row),
                winner_source_id: text("merged_into_source_id", row),
                system: constant("source_system"),
                account: constant("source_account_id"),
                at: times.filter(|times| times.is_valid(row)).map(|times| Timestamp::from_microseconds(times.value(row))),
                evidence: text("evidence", row).unwrap_or_default(),
                said_by_loser: said.is_some_and(|said| said.is_valid(row) && said.value(row)),
            })
            .collect()
    }
}

/// What is known of a row that was merged away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    /// The row it was merged into.
    pub(crate) winner: Arc<str>,
    /// The end of the chain, as it was last written down.
    pub(crate) resolved: Arc<str>,
    pub(crate) at: Option<Timestamp>,
    /// When the source took it back, in the source's clock.
    pub(crate) ended: Option<Timestamp>,
    pub(crate) said_by_loser: bool,
}

/// All rows that were merged away.
#[derive(Clone, Debug, Default)]
pub(crate) struct Winners {
    /// The number of the last change that is in here.
    pub(crate) version: i64,
    links: HashMap<Arc<str>, Link>,
    active: usize,
}

/// What became of a merge that the source told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    /// It was known, or is older than what is known.
    Nothing,
    /// It is known now.
    Linked,
    /// It is known now, and the row named here, which led back to it, is on its own again: it is the one that is left.
    Freed(Arc<str>),
}

impl Winners {
    /// Whether no row is merged away.
    pub(crate) fn is_empty(&self) -> bool {
        self.active == 0
    }

    /// What is known of a row, if it is merged away.
    pub(crate) fn link(&self, id: &str) -> Option<&Link> {
        self.links.get(id).filter(|link| link.ended.is_none())
    }

    /// The row that stands for a row which was merged away.
    pub(crate) fn resolved(&self, id: &str) -> Option<&Arc<str>> {
        self.link(id).map(|link| &link.resolved)
    }

    /// Puts in what the table of merges says.
    pub(crate) fn put(&mut self, loser: Arc<str>, link: Link) {
        self.active += usize::from(link.ended.is_none());
        if let Some(old) = self.links.insert(loser, link) {
            self.active -= usize::from(old.ended.is_none());
        }
    }

    /// The end of the chain that begins at a row; the row itself when it was not merged away.
    fn end<'a>(&'a self, id: &'a str) -> &'a str {
        let mut at = id;
        // There are no circles; a table that somebody has written into by hand must not hold us up all the same.
        for _ in 0..=self.links.len() {
            match self.link(at) {
                Some(link) => at = &link.winner,
                None => break,
            }
        }
        at
    }

    fn passes(&self, from: &str, through: &str) -> bool {
        let mut at = from;
        for _ in 0..=self.links.len() {
            if at == through {
                return true;
            }
            match self.link(at) {
                Some(link) => at = &link.winner,
                None => break,
            }
        }
        false
    }

    /// Whether a merge would change what is known.
    pub(crate) fn is_news(&self, told: &Merged) -> bool {
        if told.loser == told.winner {
            return false;
        }
        let older = |than: Option<Timestamp>| matches!((told.at, than), (Some(told), Some(than)) if told < than);
        match self.links.get(&told.loser) {
            None => {}
            Some(Link { ended: Some(ended), .. }) if told.at.is_some_and(|at| at <= *ended) => return false,
            Some(Link { ended: Some(_), .. }) => {}
            // Lists are carried on: what was merged into a row that is merged away itself is in the list of the next one too.
            Some(link) if link.winner == told.winner || older(link.at) || self.end(&link.winner) == self.end(&told.winner) => return false,
            Some(_) => {}
        }
        !(self.passes(&told.winner, &told.loser) && self.link(&told.winner).is_some_and(|first| older(first.at)))
    }

    /// Adds a merge. Where it would close a circle the later word counts: the row that is said to be left now was not merged away.
    pub(crate) fn add(&mut self, told: &Merged) -> Added {
        if !self.is_news(told) {
            return Added::Nothing;
        }
        let mut freed = None;
        if self.passes(&told.winner, &told.loser) {
            let at = told.at.or_else(|| self.link(&told.winner).and_then(|link| link.at)).unwrap_or(Timestamp::from_microseconds(0));
            self.finish(&told.winner, at);
            freed = Some(Arc::clone(&told.winner));
        }
        let (winner, said_by_loser) = (Arc::clone(&told.winner), told.said_by_loser);
        self.put(Arc::clone(&told.loser), Link { resolved: Arc::clone(&winner), winner, at: told.at, ended: None, said_by_loser });
        freed.map_or(Added::Linked, Added::Freed)
    }

    /// Whether a row that is live again, by a record of this time, ends its merge.
    pub(crate) fn is_back(&self, id: &str, at: Option<Timestamp>) -> bool {
        let later = |link: &Link| match (at, link.at) {
            (Some(at), Some(merged)) => at > merged,
            _ => true,
        };
        self.link(id).is_some_and(|link| link.said_by_loser && later(link))
    }

    /// Ends the merge of a row. The row that stood for it.
    pub(crate) fn finish(&mut self, id: &str, at: Timestamp) -> Option<Arc<str>> {
        let link = self.links.get_mut(id).filter(|link| link.ended.is_none())?;
        link.ended = Some(at);
        self.active -= 1;
        Some(Arc::clone(&link.resolved))
    }

    /// Finds the ends of all chains. The rows whose end is another one than was written down, in order.
    pub(crate) fn resolve(&mut self) -> Vec<Arc<str>> {
        let mut changed: Vec<(Arc<str>, Arc<str>)> = Vec::new();
        for (loser, link) in &self.links {
            let end = self.end(&link.winner);
            if link.ended.is_none() && *link.resolved != *end {
                changed.push((Arc::clone(loser), end.into()));
            }
        }
        changed.sort();
        for (loser, end) in &changed {
            if let Some(link) = self.links.get_mut(loser) {
                link.resolved = Arc::clone(end);
            }
        }
        changed.into_iter().map(|(loser, _)| loser).collect()
    }

    /// What is known of a row, also where it is back.
    pub(crate) fn known(&self, id: &str) -> Option<&Link> {
        self.links.get(id)
    }
}

#[cfg(test)]
#[path = "merges_laws.rs"]
mod laws;
