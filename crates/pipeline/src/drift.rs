//! What the source says of its streams compared with what it said to the last run, and what follows for this one: what is written down,
//! which streams the contract stops, what is left out, and which columns are still to be filled for all history.

use std::collections::{BTreeMap, BTreeSet};

use aqueduct_connector::Stream;
use aqueduct_quality::{Contract, drift};
use aqueduct_schema::{Error, Mode, RecordField, Result, SchemaChange, StreamDescription, StreamState, TableName, Visibility};
use aqueduct_warehouse::{ColumnHistory, RecordedChange, SettledStream, StoredSchema};

use crate::columns::{self, Columns};
use crate::contract;
use crate::filling::StreamDrift;
use crate::pipeline::{Connected, Pipeline};
use crate::refresh;

/// What a run says of its source's streams.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DriftReport {
    /// What has changed since the last run.
    pub changes: Vec<SchemaChange>,
    /// By stream, the columns that this run has filled for all records.
    pub filled: BTreeMap<String, Vec<String>>,
    /// By stream, the columns that are empty in records from before they were read, and that only a full refresh fills.
    pub lacking: BTreeMap<String, Vec<String>>,
    /// By stream, the fields that are not stored because the contract waits for somebody to accept them.
    pub left_out: BTreeMap<String, Vec<String>>,
}

/// A comparison, and what it means for the streams of a run.
pub(crate) struct Drift {
    pub(crate) report: DriftReport,
    /// What is to be remembered.
    pub(crate) schemas: BTreeMap<String, StoredSchema>,
    /// The selected streams.
    pub(crate) streams: BTreeMap<String, StreamDrift>,
}

/// Compares, and applies the contract to the selected streams. `forgets` tells of which streams the run forgets the state.
pub(crate) fn compare(
    pipeline: &Pipeline,
    connected: &mut Connected,
    mut stored: BTreeMap<String, StoredSchema>,
    states: &BTreeMap<String, StreamState>,
    full_refresh: bool,
) -> Drift {
    let unknown = Contract::default();
    let agreed = pipeline.file.contract.as_ref().unwrap_or(&unknown);
    let known = !stored.is_empty();
    let before: BTreeMap<String, StreamDescription> =
        stored.iter().filter(|(_, schema)| !schema.columns.gone).map(|(name, schema)| (name.clone(), schema.seen.clone())).collect();
    let mut drift = Drift { report: DriftReport::default(), schemas: BTreeMap::new(), streams: BTreeMap::new() };
    let mut after = BTreeMap::new();
    let Connected { streams, selected, source, .. } = connected;
    for stream in streams.iter() {
        let former = stored.remove(&stream.name);
        let chosen = selected.iter_mut().find(|chosen| chosen.name == stream.name);
        let seen = describe(stream, chosen.as_deref(), former.as_ref());
        after.insert(stream.name.clone(), seen.clone());
        let mut schema = former.clone().unwrap_or_default();
        schema.columns.gone = false;
        let was_read = !schema.tables.is_empty();
        if let Some(chosen) = chosen {
            let judgement = agreed.judge(&stream.name, former.as_ref().filter(|_| was_read).map(|former| &former.accepted), &seen);
            let left_out = contract::apply(&judgement, chosen);
            if !left_out.is_empty() {
                drift.report.left_out.insert(stream.name.clone(), left_out);
            }
            let frozen = (!judgement.frozen.is_empty()).then(|| contract::frozen(&pipeline.file.name, &stream.name, &judgement.frozen));
            schema.accepted = judgement.accepted;
            schema.tables = tables(pipeline, &source.system, &stream.name);
            (schema.source_system, schema.source_account_id) = (source.system.clone(), source.account.clone());
            let forgotten = full_refresh && !refresh::is_whole(chosen);
            let state = states.get(&stream.name).filter(|_| !forgotten).cloned().unwrap_or_default();
            let columns = history(former.as_ref().filter(|_| was_read), chosen, &state, frozen.is_some());
            if !columns.lacking.is_empty() {
                drift.report.lacking.insert(stream.name.clone(), columns.lacking.into_iter().collect());
            }
            schema.columns = columns.history;
            let of = |paths: &BTreeSet<String>| Columns::of(pipeline, chosen, source, paths);
            let calculated = columns::calculated(chosen);
            let mut readings = StreamDrift::new(chosen, stream, schema.columns.clone(), !was_read);
            readings.frozen = frozen;
            readings.interrupted = of(columns.interrupted.as_ref().unwrap_or(&calculated));
            readings.fresh = if columns.due.is_empty() { None } else { of(&columns.due.union(&calculated).cloned().collect()) };
            readings.calculated = of(&calculated);
            drift.streams.insert(stream.name.clone(), readings);
        } else if !was_read {
            schema.accepted = seen.clone();
        }
        schema.seen = seen;
        drift.schemas.insert(stream.name.clone(), schema);
    }
    for (name, mut schema) in stored {
        schema.columns.gone = true;
        drift.schemas.insert(name, schema);
    }
    if known {
        drift.report.changes = drift::diff(&before, &after);
    }
    drift
}

/// A stream as it is described now. A stream that this run does not read is selected as it was.
fn describe(stream: &Stream, chosen: Option<&Stream>, former: Option<&StoredSchema>) -> StreamDescription {
    let was_selected = |path: &str| former.and_then(|former| former.seen.field(path)).is_some_and(|field| field.selected);
    let is_selected = |path: &str| match chosen {
        Some(chosen) => chosen.record.index_of(path).is_some(),
        None => was_selected(path),
    };
    let mut description = StreamDescription::of(&stream.record, is_selected);
    description.fields.retain(|field| field.is_present() || field.selected);
    description
}

/// The tables that a stream fills, as people name them.
fn tables(pipeline: &Pipeline, system: &str, stream: &str) -> Vec<String> {
    let common = pipeline.mappings.entities_of(stream).into_iter().map(|entity| TableName::common(entity.name));
    std::iter::once(TableName::source(system, stream)).chain(common).map(|table| table.to_string()).collect()
}

/// Which columns of a stream are filled before this run reads it, and which are still to be.
struct History {
    history: ColumnHistory,
    /// Fields to be read for all records.
    due: BTreeSet<String>,
    /// Fields that an interrupted reading of columns is about, where that is known.
    interrupted: Option<BTreeSet<String>>,
    /// Fields that are due and cannot be read by themselves.
    lacking: BTreeSet<String>,
}

fn history(former: Option<&StoredSchema>, stream: &Stream, state: &StreamState, frozen: bool) -> History {
    let readable = columns::readable(stream);
    let mut history = former.map(|former| former.columns.clone()).unwrap_or_default();
    history.gone = false;
    let nothing = |history| History { history, due: BTreeSet::new(), interrupted: None, lacking: BTreeSet::new() };
    if frozen {
        return nothing(history);
    }
    let is_new = state.reading.is_none() && state.settled.is_none() && state.bookmark.is_none();
    let reads_all = !stream.modes.contains(&Mode::Changes);
    let Some(former) = former.filter(|_| !is_new && !reads_all) else {
        // What is read now is read whole, with all of these fields.
        history.filled = readable;
        history.filling = None;
        return nothing(history);
    };
    let mut interrupted = None;
    if let Some(filling) = history.filling.take() {
        if columns::under_way(state) {
            interrupted = Some(filling.paths.clone());
            history.filling = Some(filling);
        } else if state.columns_read_at != filling.before {
            // It was complete, and the process ended before it could say so.
            history.filled.extend(filling.paths);
        }
    }
    // A field that is not read is emptied in every row that changes.
    history.filled.retain(|path| readable.contains(path));
    let in_hand = interrupted.clone().unwrap_or_default();
    let mut due: BTreeSet<String> =
        readable.iter().filter(|path| !history.filled.contains(*path) && !in_hand.contains(*path)).cloned().collect();
    let mut lacking = BTreeSet::new();
    if !stream.modes.contains(&Mode::Columns) {
        if !stream.modes.contains(&Mode::Backfill) {
            // What such a source gives is not given again, so a field that is new to it is in nothing that came before.
            let fresh: Vec<String> = due.iter().filter(|path| former.seen.present(path).is_none()).cloned().collect();
            due.retain(|path| !fresh.contains(path));
            history.filled.extend(fresh);
        }
        lacking = std::mem::take(&mut due);
    }
    History { history, due, interrupted, lacking }
}

/// Adds fields that an earlier run has read and the source no longer has, so that a selection or a mapping that names them still holds;
/// they are absent, and their columns empty.
pub(crate) fn remember(streams: &mut [Stream], stored: &BTreeMap<String, StoredSchema>) {
    for stream in streams {
        let Some(schema) = stored.get(&stream.name) else { continue };
        for field in schema.seen.fields.iter().filter(|field| field.selected) {
            if stream.record.index_of(&field.path).is_some() {
                continue;
            }
            stream.record.fields.push(RecordField {
                column: field.column.as_str().into(),
                label: field.label.clone(),
                visibility: Visibility::Absent,
                vendor_id: field.vendor_id.clone(),
                ..RecordField::new(&field.path, field.value_type)
            });
        }
    }
}

/// What waits for somebody to accept it: by stream, what it is and whether the stream is stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The stream.
    pub stream: String,
    /// The changes for which the stream is not read.
    pub frozen: Vec<SchemaChange>,
    /// The fields that are not stored.
    pub left_out: Vec<String>,
}

impl Pipeline {
    /// Applies the contract to streams that are read for another reason than a run, as the last run left it: nothing is written down.
    ///
    /// # Errors
    /// `AQ6005` for a stream that the contract freezes, else those of the destination.
    pub(crate) async fn hold(&self, connected: &mut Connected) -> Result<()> {
        let Some(agreed) = self.file.contract.as_ref().filter(|_| aqueduct_warehouse::is_there(self.file.destination())) else {
            return Ok(());
        };
        let stored = aqueduct_warehouse::open(self.file.destination()).await?.schemas(&self.file.name).await?;
        for chosen in &mut connected.selected {
            let described = connected.streams.iter().find(|stream| stream.name == chosen.name);
            let former = stored.get(&chosen.name).filter(|schema| !schema.tables.is_empty());
            let (Some(described), Some(former)) = (described, former) else { continue };
            let judgement = agreed.judge(&chosen.name, Some(&former.accepted), &describe(described, Some(chosen), Some(former)));
            if !judgement.frozen.is_empty() {
                return Err(contract::frozen(&self.file.name, &chosen.name, &judgement.frozen));
            }
            contract::apply(&judgement, chosen);
        }
        Ok(())
    }

    /// The changes of the source's streams that runs have found, newest first.
    ///
    /// # Errors
    /// Those of the destination.
    pub async fn schema_changes(&self, limit: u32) -> Result<Vec<RecordedChange>> {
        aqueduct_warehouse::open(self.file.destination()).await?.schema_changes(&self.file.name, limit).await
    }

    /// What the contract holds back, as of the last run.
    ///
    /// # Errors
    /// Those of the destination.
    pub async fn waiting_changes(&self) -> Result<Vec<Waiting>> {
        let Some(agreed) = &self.file.contract else { return Ok(Vec::new()) };
        let stored = aqueduct_warehouse::open(self.file.destination()).await?.schemas(&self.file.name).await?;
        let waiting = stored.into_iter().filter(|(_, schema)| !schema.tables.is_empty() && !schema.columns.gone).map(|(stream, schema)| {
            let judgement = agreed.judge(&stream, Some(&schema.accepted), &schema.seen);
            Waiting { stream, frozen: judgement.frozen, left_out: judgement.left_out }
        });
        Ok(waiting.filter(|waiting| !waiting.frozen.is_empty() || !waiting.left_out.is_empty()).collect())
    }

    /// Accepts the streams as the last run saw them; one of them, or all. Gives those for which that changed something.
    ///
    /// # Errors
    /// `AQ1007` for a stream that no run has seen, else those of the destination.
    pub async fn accept_changes(&self, stream: Option<&str>) -> Result<Vec<String>> {
        let warehouse = aqueduct_warehouse::open(self.file.destination()).await?;
        if let Some(stream) = stream {
            let known = warehouse.schemas(&self.file.name).await?;
            if !known.contains_key(stream) {
                let error = Error::new(aqueduct_schema::codes::UNKNOWN_STREAM, format!("no run has seen a stream `{stream}`"));
                let names: Vec<&str> = known.keys().map(String::as_str).collect();
                return Err(error.with("streams", names.join(", ")));
            }
        }
        warehouse.accept_schemas(&self.file.name, stream).await
    }

    /// Up to when the tables are complete that this pipeline fills.
    ///
    /// # Errors
    /// Those of the destination.
    pub async fn settled_tables(&self) -> Result<Vec<SettledStream>> {
        aqueduct_warehouse::open(self.file.destination()).await?.settled(&self.file.name).await
    }
}

#[cfg(test)]
#[path = "drift_tests.rs"]
mod tests;
