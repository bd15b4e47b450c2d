//! The streams of a run, several at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use aqueduct_schema::{Error, Result, StreamState, codes};
use aqueduct_warehouse::{ShadowKind, StreamRecord};
use tokio::sync::Semaphore;
use tracing::{Instrument, error_span};

use super::RunOptions;
use crate::filling::{Found, StreamDrift};
use crate::observer::Event;
use crate::refresh::{self, Refresh};
use crate::stream::{Lane, StreamEnd};
use crate::underway::Underway;

/// The streams of a run.
#[derive(Clone, Copy)]
pub(crate) struct Streams<'a> {
    pub(crate) underway: Underway<'a>,
    pub(crate) options: &'a RunOptions,
}

impl Streams<'_> {
    /// Carries out every selected stream, as many at once as the pipeline file says. `states` are those with which the run begins.
    ///
    /// # Errors
    /// When the warehouse cannot be asked for refreshes that are under way; what befalls single streams is in their ends.
    pub(super) async fn read(
        &self,
        states: &BTreeMap<String, StreamState>,
        mut drifts: BTreeMap<String, StreamDrift>,
    ) -> Result<Vec<StreamEnd>> {
        let Self { underway, options } = *self;
        let Underway { pipeline, connected, warehouse, observer, .. } = underway;
        let mut refreshes = self.refreshes().await?;
        fail::fail_point!("pipeline::run_begun");
        let places = Arc::new(Semaphore::new(pipeline.file.content.run.parallel_streams.max(1)));
        let loads = Arc::new(Semaphore::new(warehouse.capabilities().parallel_loads.max(1)));
        let mut tasks = Vec::new();
        let protector = if options.dry_run { Arc::new(pipeline.protector.without_originals()) } else { pipeline.protector.clone() };
        for stream in &connected.selected {
            let refresh = refreshes.remove(&stream.name);
            // Where a refresh cannot be read aside, the state is forgotten and the rows are merged.
            let forgotten = options.full_refresh && refresh.is_none();
            let state = states.get(&stream.name).filter(|_| !forgotten).cloned().unwrap_or_default();
            let lane = Lane {
                normaliser: pipeline.normaliser(stream, &connected.source),
                protector: protector.clone(),
                loads: loads.clone(),
                limit: options.limit,
                drift: drifts.remove(&stream.name),
                refresh_calculated: options.refresh_calculated,
                sweep_associations: options.sweep_associations,
                refresh,
                ..underway.lane(stream.clone(), state)
            };
            // Waited for here and not in the task, so that streams are read in their order.
            let place = places.clone().acquire_owned().await;
            let name = stream.name.clone();
            let observer = observer.clone();
            let span = error_span!("stream", stream = %name);
            let task = async move {
                let _place = place;
                let end = lane.run().await;
                between_streams();
                observer.observe(Event::Finished { record: &end.record, error: end.error.as_ref() });
                end
            };
            tasks.push((name, tokio::spawn(task.instrument(span))));
        }
        let mut ends = Vec::new();
        for (name, task) in tasks {
            ends.push(task.await.unwrap_or_else(|_| StreamEnd {
                record: StreamRecord {
                    stream: name.clone(),
                    error: Some("the stream's task broke down".to_owned()),
                    ..StreamRecord::default()
                },
                error: Some(Error::new(codes::BUG, format!("the task of stream `{name}` broke down"))),
                found: Found::default(),
            }));
        }
        Ok(ends)
    }

    /// The refreshes that are asked for, each with what an earlier run has read aside. A dry run has nothing to put in place.
    async fn refreshes(&self) -> Result<BTreeMap<String, Refresh>> {
        let Self { underway: Underway { pipeline, connected, warehouse, .. }, options } = *self;
        if !options.full_refresh || options.dry_run {
            return Ok(BTreeMap::new());
        }
        let mut shadows = warehouse.shadows(&pipeline.file.name, ShadowKind::Refresh).await?;
        let whole = connected.selected.iter().filter(|stream| refresh::is_whole(stream));
        let refreshes = whole.map(|stream| {
            let fingerprint = refresh::fingerprint(pipeline, connected, stream);
            (stream.name.clone(), Refresh { shadow: shadows.remove(&stream.name), fingerprint })
        });
        Ok(refreshes.collect())
    }
}

/// The moment after a stream ended, where the battery ends the process.
fn between_streams() {
    fail::fail_point!("pipeline::between_streams");
}
