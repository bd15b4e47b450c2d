//! A full refresh of one stream: read aside, verified, put in place at once. What was there stays until then, and on failure.

use aqueduct_connector::Stream;
use aqueduct_engine::Waiting;
use aqueduct_schema::{Cursor, Error, ErrorKind, Mode, Result, StreamState, codes};
use aqueduct_warehouse::{Receipt, Shadow, ShadowCounts, ShadowKind, StreamRecord};

use crate::filling::StreamDrift;
use crate::observer::Event;
use crate::pipeline::Connected;
use crate::pipeline::Pipeline;
use crate::stream::Lane;

/// What a refresh needs to know of the one before it.
pub(crate) struct Refresh {
    /// What an earlier run has read aside, if it was stopped.
    pub(crate) shadow: Option<Shadow>,
    /// What the reading depends on: with another one, nothing of an earlier run can be used.
    pub(crate) fingerprint: String,
}

/// Where the rows of a reading go that nobody is to see yet.
#[derive(Clone)]
pub(crate) struct Aside {
    pub(crate) kind: ShadowKind,
    pub(crate) fingerprint: String,
}

/// Whether a stream can be read whole, so that what is not seen is gone. Of others a refresh only forgets the state.
pub(crate) fn is_whole(stream: &Stream) -> bool {
    stream.modes.iter().any(|mode| matches!(mode, Mode::Backfill | Mode::Snapshot))
}

/// What the rows of a stream depend on: the account, the fields that are selected, and everything the pipeline file says.
pub(crate) fn fingerprint(pipeline: &Pipeline, connected: &Connected, stream: &Stream) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut add = |part: &str| {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    };
    [env!("CARGO_PKG_VERSION"), &connected.source.account, &stream.name, &pipeline.file.text].into_iter().for_each(&mut add);
    for field in &stream.record.fields {
        add(&field.path);
        add(&field.column);
    }
    hasher.finalize().to_hex()[..32].to_owned()
}

/// Whether the reading of a shadow has come to its end.
fn is_complete(state: &StreamState) -> bool {
    state.reading.is_none() && state.settled.is_some()
}

impl Lane {
    /// Reads the stream aside, from where an earlier run left off, and puts it in place.
    pub(crate) async fn refresh(&mut self, refresh: Refresh, record: &mut StreamRecord) -> Result<()> {
        let Refresh { shadow, fingerprint } = refresh;
        let usable = shadow.as_ref().is_some_and(|shadow| shadow.fingerprint == fingerprint);
        let mut earlier = shadow.filter(|_| usable);
        if let Some(complete) = earlier.take_if(|shadow| is_complete(&shadow.state)) {
            self.state = complete.state;
            match self.put_in_place(complete.counts, record).await {
                // What was read then is not what is wanted; perhaps it is by now.
                Err(error) if error.kind() == ErrorKind::Quality => {}
                done => return done,
            }
        }
        if earlier.is_none() {
            self.warehouse.discard_shadow(&self.fence, &record.stream, ShadowKind::Refresh).await?;
        }
        let (state, before) = earlier.map_or_else(Default::default, |shadow| (shadow.state, shadow.counts));
        self.state = state;
        self.aside = Some(Aside { kind: ShadowKind::Refresh, fingerprint });
        let normaliser = self.take_normaliser(&record.stream)?;
        let mut stream = self.stream.clone();
        stream.modes.retain(|mode| *mode != Mode::Columns);
        let mut read = StreamRecord { stream: record.stream.clone(), ..StreamRecord::default() };
        let done = self.pass(stream, normaliser, None, &mut read).await;
        record.exchanged(&read.traffic);
        (record.loads, record.bytes_written) = (record.loads + read.loads, record.bytes_written + read.bytes_written);
        record.cleaning.append(&mut read.cleaning);
        let told =
            |error: Error| error.data_note("What was there is as it was. What the refresh has read so far waits aside for the next one.");
        done.map_err(told)?;
        if !is_complete(&self.state) {
            self.observer.observe(Event::Note(&format!(
                "{}: {} records wait aside; run --full-refresh again to go on, nothing else has changed",
                record.stream,
                before.read + read.read
            )));
            return Ok(());
        }
        let counts = ShadowCounts {
            read: before.read + read.read,
            quarantined: before.quarantined + read.quarantined,
            filtered: before.filtered + read.filtered,
            ..before
        };
        self.put_in_place(counts, record).await.map_err(told)
    }

    /// Asks the source how many records there should be, and lets the warehouse verify and swap.
    async fn put_in_place(&mut self, counts: ShadowCounts, record: &mut StreamRecord) -> Result<()> {
        let at_least = self.counted().await?;
        fail::fail_point!("pipeline::before_swap");
        let meter = self.engine.meter().part();
        let waiting = meter.wait(Waiting::Load);
        let receipt = self.warehouse.swap(&self.fence, &record.stream, at_least).await?;
        drop(waiting);
        record.exchanged(&meter.count());
        (record.loads, record.state_moved) = (record.loads + 1, true);
        fail::fail_point!("pipeline::after_swap");
        self.drift.iter_mut().for_each(StreamDrift::is_whole);
        account_for(record, counts, &receipt);
        record.settled_until = self.state.settled.as_ref().map(|settled| settled.at);
        Ok(())
    }

    /// How many records the reading cannot have missed: those whose last change was settled when it began. A record that changes or
    /// goes while it is read leaves that number.
    async fn counted(&self) -> Result<Option<u64>> {
        let settled = self.state.settled.as_ref().map(|Cursor { at, .. }| *at);
        let until = settled.filter(|_| self.stream.record.updated_at.is_some());
        let counted = match self.engine.count(&self.stream, None, until).await {
            // Whoever may read may not always count.
            Err(error) if matches!(error.code(), codes::PERMISSION_DENIED | codes::REQUEST_REJECTED) => None,
            counted => counted?,
        };
        // Without times, records that were made while others were read are counted and not seen.
        Ok(counted.map(|counted| if until.is_some() { counted } else { counted - counted / 100 - u64::from(counted > 0) }))
    }
}

/// Every record that the refresh has read, over all its runs, in the one place where it went.
fn account_for(record: &mut StreamRecord, counts: ShadowCounts, receipt: &Receipt) {
    record.tables.clone_from(&receipt.tables);
    (record.read, record.quarantined, record.filtered) = (counts.read, counts.quarantined, counts.filtered);
    if let Some(table) = receipt.tables.first() {
        record.loaded = table.inserted + table.updated;
        record.deleted = table.deleted;
    }
    record.unchanged = counts.read.saturating_sub(counts.quarantined + counts.filtered + record.loaded);
}

#[cfg(test)]
mod tests {
    use super::*;
    use aqueduct_warehouse::TableReceipt;

    #[test]
    fn every_record_is_in_one_place() {
        let mut record = StreamRecord::default();
        let counts = ShadowCounts { read: 100, rows: 90, repeated: 5, quarantined: 3, filtered: 2 };
        let done = TableReceipt { table: "hubspot_contacts".to_owned(), inserted: 10, updated: 20, unchanged: 60, deleted: 7 };
        account_for(&mut record, counts, &Receipt { tables: vec![done], ..Receipt::default() });
        assert_eq!((record.loaded, record.unchanged, record.deleted), (30, 65, 7));
        assert_eq!(record.read, record.loaded + record.quarantined + record.filtered + record.unchanged);
    }
}
