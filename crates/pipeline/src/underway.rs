//! Work under way between a source and a warehouse: what every reading of a stream needs, whoever asks for it.

use std::sync::Arc;

use aqueduct_connector::Stream;
use aqueduct_schema::{Error, StreamState, codes};
use aqueduct_warehouse::{Fence, Warehouse};
use tokio::sync::{Semaphore, watch};

use crate::observer::Observer;
use crate::pipeline::{Connected, Pipeline};
use crate::stream::Lane;

/// What runs, sweeps, reconciliations and backfills read streams with.
#[derive(Clone, Copy)]
pub(crate) struct Underway<'a> {
    pub(crate) pipeline: &'a Pipeline,
    pub(crate) connected: &'a Connected,
    pub(crate) warehouse: &'a Arc<dyn Warehouse>,
    pub(crate) fence: &'a Fence,
    pub(crate) observer: &'a Arc<dyn Observer>,
    pub(crate) stop: &'a watch::Receiver<bool>,
}

impl Underway<'_> {
    /// A stream's way from where it stands, with loads of its own, for somebody who says by which mappings it is read.
    pub(crate) fn lane(&self, stream: Stream, state: StreamState) -> Lane {
        let Self { pipeline, connected, warehouse, fence, observer, stop } = *self;
        Lane {
            stream,
            state,
            engine: connected.engine.clone(),
            normaliser: Err(Error::new(codes::BUG, "nobody has said by which mappings a stream is read")),
            protector: pipeline.protector.clone(),
            quarantine: pipeline.file.content.quality.quarantine,
            system: pipeline.registration.name.into(),
            warehouse: warehouse.clone(),
            fence: fence.clone(),
            loads: Arc::new(Semaphore::new(1)),
            observer: observer.clone(),
            stop: stop.clone(),
            limit: None,
            load: pipeline.file.content.run,
            clock: pipeline.clock(),
            drift: None,
            refresh_calculated: false,
            sweep_associations: false,
            refresh: None,
            aside: None,
            window: None,
            ledger: None,
        }
    }
}
