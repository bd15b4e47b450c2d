//! One stream's part in drift: columns that are read for all history, and what its records have that nobody declared.

use std::collections::{BTreeMap, BTreeSet};

use aqueduct_connector::Stream;
use aqueduct_engine::StreamOutcome;
use aqueduct_schema::{ChangeKind, Error, Mode, Result, SchemaChange, ValueType};
use aqueduct_warehouse::{ColumnHistory, Filling, StreamRecord};

use crate::columns::{self, Columns};
use crate::stream::Lane;

/// How many undeclared fields of a stream are remembered.
const MOST_UNDECLARED: usize = 256;

/// What a stream must know of its source's changes.
pub(crate) struct StreamDrift {
    /// Why it must not be read.
    pub(crate) frozen: Option<Error>,
    /// The reading of columns that an earlier run has begun.
    pub(crate) interrupted: Option<Columns>,
    /// The reading of the columns that are not filled yet, and of the calculated ones.
    pub(crate) fresh: Option<Columns>,
    /// The reading of the calculated columns.
    pub(crate) calculated: Option<Columns>,
    /// Which columns are filled, as it is stored.
    history: ColumnHistory,
    /// Whether what was found must be stored.
    changed: bool,
    /// The fields that are read.
    readable: BTreeSet<String>,
    /// The paths of all fields that the source describes.
    described: BTreeSet<String>,
    declared: BTreeMap<String, ValueType>,
    /// Whether no run has read the stream before: nothing in its records is news then.
    is_new: bool,
    /// What is news.
    changes: Vec<SchemaChange>,
    filled: BTreeSet<String>,
}

/// What a stream's way through a run has found.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) changes: Vec<SchemaChange>,
    /// Columns that are filled for all records now and were not before.
    pub(crate) filled: BTreeSet<String>,
}

impl StreamDrift {
    /// Nothing to be done for a stream as it is read, which the source describes so.
    pub(crate) fn new(chosen: &Stream, described: &Stream, history: ColumnHistory, is_new: bool) -> Self {
        Self {
            frozen: None,
            interrupted: None,
            fresh: None,
            calculated: None,
            history,
            changed: false,
            readable: columns::readable(chosen),
            described: described.record.fields.iter().map(|field| field.path.clone()).collect(),
            declared: chosen.record.fields.iter().map(|field| (field.path.clone(), field.value_type)).collect(),
            is_new,
            changes: Vec::new(),
            filled: BTreeSet::new(),
        }
    }

    /// Takes note of what a reading has met.
    pub(crate) fn meet(&mut self, stream: &str, outcome: &StreamOutcome) {
        for (path, value_type) in &outcome.widened {
            let known = self.history.widened.get(path).copied();
            let wider = known.map_or(*value_type, |known| known.widened(*value_type));
            if known != Some(wider) {
                let (declared, wide) = (self.declared.get(path).map(|declared| declared.name().to_owned()), Some(wider.name().to_owned()));
                self.changes.push(SchemaChange::of_field(stream, path, ChangeKind::Widened, declared, wide));
                self.history.widened.insert(path.clone(), wider);
                self.changed = true;
            }
        }
        for (name, _) in &outcome.unknown_fields {
            let is_described = self.described.iter().any(|path| path == name || path.split('.').any(|key| key == name));
            let room = self.history.undeclared.len() < MOST_UNDECLARED;
            if !is_described && is_name(name) && room && self.history.undeclared.insert(name.clone()) {
                self.changed = true;
                if !self.is_new {
                    self.changes.push(SchemaChange::of_field(stream, name, ChangeKind::Undeclared, None, None));
                }
            }
        }
    }

    /// Everything that is read is filled: the stream was read whole.
    pub(crate) fn is_whole(&mut self) {
        self.history.filled = self.readable.clone();
        self.history.filling = None;
        self.changed = true;
    }

    pub(crate) fn into_found(self) -> Found {
        Found { changes: self.changes, filled: self.filled }
    }
}

/// Whether a key of a record can be a field's name. A key may be a value, an address for example, and is not written down then.
fn is_name(key: &str) -> bool {
    let plain = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | ' ' | '.' | ':');
    !key.is_empty() && key.len() <= 64 && key.chars().all(plain) && !key.starts_with(|first: char| first.is_numeric())
}

/// Which of the readings of columns is made.
#[derive(Clone, Copy)]
pub(crate) enum Which {
    Interrupted,
    Fresh,
    Calculated,
}

impl Lane {
    /// Reads columns for all records. What the reading is about is stored before its first page, so that a run that is killed inside it
    /// is carried on with the same fields.
    pub(crate) async fn read_columns(&mut self, which: Which, record: &mut StreamRecord) -> Result<()> {
        let before = self.state.columns_read_at;
        let taken = self.drift.as_mut().and_then(|drift| match which {
            Which::Interrupted => drift.interrupted.take(),
            Which::Fresh => drift.fresh.take(),
            Which::Calculated => drift.calculated.take(),
        });
        let Some(Columns { stream, normaliser, paths }) = taken else { return Ok(()) };
        let normaliser = normaliser?;
        if !matches!(which, Which::Interrupted)
            && let Some(drift) = &mut self.drift
        {
            drift.history.filling = Some(Filling { paths: paths.clone(), before });
            self.warehouse.record_columns(&self.fence, &record.stream, &drift.history, &[]).await?;
        }
        self.pass(stream, normaliser, Some(vec![Mode::Columns]), record).await?;
        if columns::under_way(&self.state) {
            return Ok(());
        }
        if let Some(drift) = &mut self.drift {
            drift.filled.extend(paths.iter().filter(|path| !drift.history.filled.contains(*path)).cloned());
            drift.history.filled.extend(paths);
            drift.history.filling = None;
            self.warehouse.record_columns(&self.fence, &record.stream, &drift.history, &[]).await?;
        }
        Ok(())
    }

    /// Whether columns are to be filled that are not: only of a stream that has been read whole.
    pub(crate) fn has_unfilled_columns(&self) -> bool {
        self.state.settled.is_some() && self.drift.as_ref().is_some_and(|drift| drift.fresh.is_some())
    }

    /// Stores what was met on the way.
    pub(crate) async fn note_drift(&mut self, stream: &str) -> Result<()> {
        let Some(drift) = self.drift.as_ref().filter(|drift| drift.changed) else { return Ok(()) };
        self.warehouse.record_columns(&self.fence, stream, &drift.history, &drift.changes).await
    }
}
