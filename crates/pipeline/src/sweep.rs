//! The sweep of ids: the listing of what is there, compared with the rows that are here. What is gone becomes a tombstone, what is missing
//! is read. For streams whose deletions nothing else tells, once a day; for others where the pipeline file says so.

use std::collections::BTreeMap;
use std::time::Duration;

use aqueduct_connector::Stream;
use aqueduct_schema::{Error, ErrorKind, Mode, Result, StreamState, Timestamp, codes};
use aqueduct_warehouse::{Differing, ReconciledWindow, Shadow, ShadowKind, StreamRecord};

use crate::observer::Event;
use crate::reconcile::{ReconcileOptions, Task};
use crate::refresh;
use crate::run::Streams;
use crate::stream::StreamEnd;
use crate::underway::Underway;

/// Hours between two sweeps of a stream whose deletions nothing else tells, where the pipeline file does not say it.
const HOURS: u64 = 24;
/// A listing that was interrupted so long ago is begun anew: what it has says too little of now.
const TOO_OLD: Duration = Duration::from_secs(24 * 3600);

/// Whether a listing of ids can be compared with rows: an id must say which record it is.
pub(crate) fn is_possible(stream: &Stream) -> bool {
    stream.modes.contains(&Mode::Ids) && stream.record.key.len() == 1
}

/// Whether nothing but a sweep tells what was deleted: no list of deletions, and no snapshot in every run.
fn is_needed(stream: &Stream) -> bool {
    let has = |mode: Mode| stream.modes.contains(&mode);
    let by_snapshots = has(Mode::Snapshot) && !has(Mode::Backfill) && !has(Mode::Changes);
    !has(Mode::Deletions) && !by_snapshots
}

/// Whether a sweep is due: asked for, or so long after the last one. A stream that this run has read for the first time is not due.
fn is_due(stream: &Stream, before: &StreamState, now: Timestamp, hours: Option<u64>, asked: bool) -> bool {
    if !is_possible(stream) || before.settled.is_none() {
        return false;
    }
    let hours = match hours {
        None if is_needed(stream) => HOURS,
        None | Some(0) => return asked,
        Some(hours) => hours,
    };
    let span = Duration::from_secs(hours.saturating_mul(3_600));
    asked || before.ids_swept_at.is_none_or(|at| now.since(at) >= span)
}

impl Streams<'_> {
    /// Sweeps the streams that are due among those that this run has completed, one after the other. `before` are the states with which
    /// the run began. What a sweep did, and what kept it from its end, is added to the stream's own end.
    ///
    /// # Errors
    /// When the warehouse cannot be asked where the streams stand.
    pub(crate) async fn sweep(&self, before: &BTreeMap<String, StreamState>, ends: &mut [StreamEnd]) -> Result<()> {
        let Self { options, underway: Underway { pipeline, connected, warehouse, stop, .. } } = *self;
        if options.dry_run || options.limit.is_some() || options.full_refresh {
            return Ok(());
        }
        let now = pipeline.clock().now();
        let hours = pipeline.file.content.run.ids_sweep_hours;
        let before_of = |stream: &Stream| before.get(&stream.name).cloned().unwrap_or_default();
        let due: Vec<&Stream> =
            connected.selected.iter().filter(|stream| is_due(stream, &before_of(stream), now, hours, options.sweep_ids)).collect();
        if due.is_empty() {
            return Ok(());
        }
        let mut states = warehouse.states(&pipeline.file.name).await?;
        let mut shadows = warehouse.shadows(&pipeline.file.name, ShadowKind::Keys).await?;
        for stream in due {
            let Some(end) = ends.iter_mut().find(|end| end.record.stream == stream.name && end.error.is_none()) else { continue };
            let state = states.remove(&stream.name).unwrap_or_default();
            // A reading that goes on in the next run says nothing yet of what is settled.
            if *stop.borrow() || state.reading.is_some() {
                continue;
            }
            if let Err(error) = self.sweep_stream(stream, state, shadows.remove(&stream.name), &mut end.record).await {
                end.record.error = Some(error.to_string());
                end.error = Some(error);
            }
        }
        Ok(())
    }

    async fn sweep_stream(&self, stream: &Stream, state: StreamState, shadow: Option<Shadow>, record: &mut StreamRecord) -> Result<()> {
        let Underway { warehouse, fence, observer, .. } = self.underway;
        let options = ReconcileOptions { allow_mass_delete: self.options.allow_mass_delete, ..ReconcileOptions::default() };
        let mut task = Task { underway: self.underway, stream, state, options: &options };
        observer.observe(Event::Note(&format!("{}: the ids at the source are compared with the rows that are here", stream.name)));
        let counted = self.counted(stream).await?;
        let listed = self.list(&task, shadow, record).await?;
        let counted = counted.min(self.counted(stream).await?);
        if let Some(counted) = counted.filter(|counted| listed.ids + counted / 100 + 1 < *counted) {
            task.forget_keys().await?;
            let message = format!("the source lists {} ids and counts {counted} records", listed.ids);
            let error = Error::new(codes::COUNTS_DIFFER, message).with("stream", &stream.name);
            return Err(error
                .data_note("No row was marked as deleted for it; everything else is committed.")
                .advise("Run again: the next run lists them anew."));
        }
        let windows = task.compare(true).await?;
        warehouse.record_reconciliation(fence, &windows).await?;
        fail::fail_point!("pipeline::ids_compared");
        if windows.iter().any(|window| window.missing + window.stale > 0) {
            self.fetch(&mut task, record).await?;
        }
        task.state.ids_swept_at = Some(listed.began_at);
        let extra: u64 = windows.iter().map(|window| window.extra).sum();
        self.bury(&task, extra, record).await?;
        fail::fail_point!("pipeline::ids_buried");
        task.forget_keys().await?;
        if extra > 0 || windows.iter().any(|window| !ReconciledWindow::agrees(window)) {
            let sum = |count: fn(&ReconciledWindow) -> u64| windows.iter().map(count).sum::<u64>();
            observer.observe(Event::Note(&format!(
                "{}: {} ids at the source; {extra} rows were gone there and are marked as deleted, {} were missing or stale here and are read",
                stream.name,
                listed.ids,
                sum(|window| window.missing + window.stale),
            )));
        }
        Ok(())
    }

    /// Lists the ids into a shadow, or goes on with the listing that an earlier run was stopped in.
    async fn list(&self, task: &Task<'_>, shadow: Option<Shadow>, record: &mut StreamRecord) -> Result<Listed> {
        let fingerprint = format!("ids {}", refresh::fingerprint(self.underway.pipeline, self.underway.connected, task.stream));
        let now = self.underway.pipeline.clock().now();
        // A listing that is complete and was not taken is one that would have deleted too much: it is only good for who allows that.
        let usable = |shadow: &Shadow| {
            let goes_on = shadow.state.reading.is_some() || self.options.allow_mass_delete;
            shadow.fingerprint == fingerprint && goes_on && now.since(shadow.began_at) < TOO_OLD
        };
        let earlier = shadow.filter(usable);
        let complete = earlier.as_ref().is_some_and(|shadow| shadow.state.reading.is_none());
        let state = match earlier {
            Some(shadow) => shadow.state,
            None => {
                task.forget_keys().await?;
                StreamState::default()
            }
        };
        if !complete {
            task.list_keys(state, fingerprint, None, record).await?;
        }
        fail::fail_point!("pipeline::ids_listed");
        let stored = self.underway.warehouse.shadows(&self.underway.pipeline.file.name, ShadowKind::Keys).await?.remove(&task.stream.name);
        // A destination that keeps nothing has no shadow either.
        Ok(stored.map_or(Listed { ids: 0, began_at: now }, |shadow| Listed { ids: shadow.counts.rows, began_at: shadow.began_at }))
    }

    /// How many live records the source says there are, where it says it in one request.
    async fn counted(&self, stream: &Stream) -> Result<Option<u64>> {
        match self.underway.connected.engine.count(stream, None, None).await {
            // Whoever may list may not always count, and some answers leave the number out.
            Err(error)
                if error.kind() == ErrorKind::Permission || matches!(error.code(), codes::REQUEST_REJECTED | codes::MALFORMED_ANSWER) =>
            {
                Ok(None)
            }
            counted => counted,
        }
    }

    /// Reads what is there and not here: by spans of time where records have times, else everything.
    async fn fetch(&self, task: &mut Task<'_>, record: &mut StreamRecord) -> Result<()> {
        let stream = task.stream;
        let differences = self.underway.warehouse.differences(self.underway.fence, &stream.name).await?;
        let lacking: Vec<_> = differences.into_iter().filter(|one| one.differing != Differing::Extra).collect();
        let mut read = StreamRecord { stream: stream.name.clone(), ..StreamRecord::default() };
        let by_time = stream.modes.contains(&Mode::Backfill) && lacking.iter().all(|one| one.updated_at.is_some());
        if by_time {
            for window in task.windows(&lacking)? {
                task.read_again(vec![Mode::Backfill], Some(window), &mut read).await?;
            }
        } else if let Some(whole) = [Mode::Backfill, Mode::Snapshot].into_iter().find(|mode| stream.modes.contains(mode)) {
            task.read_again(vec![whole], None, &mut read).await?;
        } else {
            let message = format!("{} records of stream `{}` are at the source and not here", lacking.len(), stream.name);
            return Err(Error::new(codes::COUNTS_DIFFER, message).advise("Run the stream with --full-refresh, which reads all of it."));
        }
        record.join(&read);
        Ok(())
    }

    /// Tombstones for what is gone, with the time of the sweep in the state, in one load.
    async fn bury(&self, task: &Task<'_>, extra: u64, record: &mut StreamRecord) -> Result<()> {
        let differences =
            if extra > 0 { self.underway.warehouse.differences(self.underway.fence, &task.stream.name).await? } else { Vec::new() };
        task.bury(&differences, record).await.map_err(|error| match error.kind() {
            ErrorKind::Quality => error.data_note("No row was marked as deleted for it; everything else is committed."),
            _ => error,
        })
    }
}

/// What a listing came to.
struct Listed {
    ids: u64,
    /// When its first page was stored.
    began_at: Timestamp,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use aqueduct_schema::{Cursor, RecordField, RecordSchema, ValueType};

    fn stream(modes: &[Mode]) -> Stream {
        Stream::new("things", RecordSchema::new("thing", vec![RecordField::new("id", ValueType::Text)], &["id"]), modes, "")
    }

    #[test]
    fn who_is_swept_and_when() {
        use Mode::{Backfill, Changes, Deletions, Ids, Snapshot};
        let at = |hours: i64| Timestamp::from_seconds(hours * 3_600);
        let state =
            |swept: Option<i64>| StreamState { settled: Some(Cursor::at(at(0))), ids_swept_at: swept.map(at), ..StreamState::default() };
        let due = |modes: &[Mode], swept, hours, asked| is_due(&stream(modes), &state(swept), at(100), hours, asked);
        // By itself only where nothing else tells deletions.
        assert!(due(&[Backfill, Changes, Ids], None, None, false));
        assert!(due(&[Snapshot, Changes, Ids], None, None, false), "only its first load is a snapshot");
        assert!(!due(&[Backfill, Changes, Deletions, Ids], None, None, false));
        assert!(!due(&[Snapshot, Ids], None, None, false));
        assert!(!due(&[Backfill, Changes], None, None, true), "without a listing there is nothing to compare");
        // Where the file says so, whatever tells deletions; 0 is never, but for who asks.
        assert!(due(&[Backfill, Changes, Deletions, Ids], None, Some(24), false));
        assert!(!due(&[Backfill, Changes, Ids], None, Some(0), false) && due(&[Backfill, Changes, Ids], Some(99), Some(0), true));
        assert!(!due(&[Backfill, Changes, Ids], Some(77), None, false) && due(&[Backfill, Changes, Ids], Some(76), None, false));
        assert!(due(&[Backfill, Changes, Deletions, Ids], Some(99), None, true), "asked for");
        // What was never read whole has nothing to compare.
        assert!(!is_due(&stream(&[Backfill, Changes, Ids]), &StreamState::default(), at(100), None, true));
    }
}
