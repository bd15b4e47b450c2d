//! A control store without a database: the same rules over documents that need not be written as text, so that a year takes seconds.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aqueduct_pipeline::Clock;
use aqueduct_pipeline::control_store::occurrence::{Exit, Occurrence, OccurrenceId, Skipped, Stop};
use aqueduct_pipeline::control_store::occurrence_rules::{self as rules, Claimant};
use aqueduct_pipeline::control_store::standing::{self, Closing, Look, Pause, Standing};
use aqueduct_pipeline::control_store::{Changed, Control, Holder};
use aqueduct_pipeline::schema::{Error, Result, Timestamp, codes};
use aqueduct_server::scheduler::Store;
use async_trait::async_trait;

/// What runs ask of a store, besides what schedulers do.
#[async_trait]
pub(crate) trait RunSide: Store {
    async fn begin(&self, id: &OccurrenceId, holder: &Holder, life: Duration, at: Timestamp) -> bool;
    async fn hear(&self, id: &OccurrenceId, run_id: &str, life: Duration) -> bool;
}

#[async_trait]
impl RunSide for Control {
    async fn begin(&self, id: &OccurrenceId, holder: &Holder, life: Duration, at: Timestamp) -> bool {
        Control::begin(self, id, holder, life, at).await.unwrap().done
    }

    async fn hear(&self, id: &OccurrenceId, run_id: &str, life: Duration) -> bool {
        Control::hear(self, id, run_id, life).await.unwrap().done
    }
}

#[derive(Default)]
struct Documents {
    standings: BTreeMap<String, Standing>,
    occurrences: BTreeMap<(String, Timestamp), Occurrence>,
}

pub(crate) struct Memory {
    documents: Mutex<Documents>,
    clock: Arc<dyn Clock>,
    /// Whether every question takes a moment, in which whoever asks may die.
    slow: bool,
    /// Whether it refuses every change, as on a full disk. What is there can be read.
    pub(crate) is_full: AtomicBool,
}

impl Memory {
    pub(crate) fn new(clock: Arc<dyn Clock>, slow: bool) -> Self {
        Self { documents: Mutex::default(), clock, slow, is_full: AtomicBool::new(false) }
    }

    /// Before the change and after it: who dies between has changed something and never learns of it.
    async fn moment(&self) {
        if self.slow {
            tokio::task::yield_now().await;
        }
    }

    async fn stand(&self, name: &str, rule: impl FnOnce(Option<Standing>) -> Option<Standing> + Send) -> Result<Changed<Standing>> {
        if self.is_full.load(Ordering::Relaxed) {
            return Err(Error::new(codes::CONTROL_UNREACHABLE, "the disk is full"));
        }
        self.moment().await;
        let changed = {
            let mut documents = self.documents.lock().unwrap();
            match rule(documents.standings.get(name).cloned()) {
                Some(standing) => {
                    documents.standings.insert(name.to_owned(), standing.clone());
                    Changed { done: true, document: Some(standing) }
                }
                None => Changed { done: false, document: documents.standings.get(name).cloned() },
            }
        };
        self.moment().await;
        Ok(changed)
    }

    async fn occur(
        &self,
        id: &OccurrenceId,
        rule: impl FnOnce(Option<Occurrence>) -> Option<Occurrence> + Send,
    ) -> Result<Changed<Occurrence>> {
        self.moment().await;
        let changed = {
            let mut documents = self.documents.lock().unwrap();
            let key = (id.pipeline.clone(), id.at);
            match rule(documents.occurrences.get(&key).cloned()) {
                Some(occurrence) => {
                    documents.occurrences.insert(key, occurrence.clone());
                    Changed { done: true, document: Some(occurrence) }
                }
                None => Changed { done: false, document: documents.occurrences.get(&key).cloned() },
            }
        };
        self.moment().await;
        Ok(changed)
    }
}

#[async_trait]
impl Store for Memory {
    async fn now(&self) -> Result<Timestamp> {
        Ok(self.clock.now())
    }

    async fn schedules(&self) -> Result<Vec<(String, Standing)>> {
        self.moment().await;
        Ok(self.documents.lock().unwrap().standings.clone().into_iter().collect())
    }

    async fn look(&self, pipeline: &str, seen: &Look) -> Result<Changed<Standing>> {
        self.stand(pipeline, |stored| standing::look(stored, seen)).await
    }

    async fn ask_for_run(&self, pipeline: &str, at: Timestamp, by: &str) -> Result<Changed<Standing>> {
        self.stand(pipeline, |stored| standing::ask(stored, at, by)).await
    }

    async fn close(&self, id: &OccurrenceId, how: &Closing) -> Result<Changed<Standing>> {
        self.stand(&id.pipeline, |stored| standing::close(stored, id.at, how)).await
    }

    async fn pause_schedule(&self, pipeline: &str, pause: &Pause) -> Result<Changed<Standing>> {
        self.stand(pipeline, |stored| standing::pause(stored, pause)).await
    }

    async fn resume_schedule(&self, pipeline: &str, at: Timestamp) -> Result<Changed<Standing>> {
        self.stand(pipeline, |stored| standing::resume(stored, at)).await
    }

    async fn occurrence(&self, id: &OccurrenceId) -> Result<Option<Occurrence>> {
        self.moment().await;
        Ok(self.documents.lock().unwrap().occurrences.get(&(id.pipeline.clone(), id.at)).cloned())
    }

    async fn occurrences(&self, pipeline: &str, until: Timestamp, limit: usize) -> Result<Vec<Occurrence>> {
        self.moment().await;
        let documents = self.documents.lock().unwrap();
        let range = (pipeline.to_owned(), Timestamp::from_seconds(0))..=(pipeline.to_owned(), until);
        Ok(documents.occurrences.range(range).rev().take(limit).map(|(_, occurrence)| occurrence.clone()).collect())
    }

    async fn claim(&self, id: &OccurrenceId, by: &Claimant, at: Timestamp) -> Result<Changed<Occurrence>> {
        let now = self.clock.now();
        self.occur(id, |stored| rules::claim(stored, id, by, at, now)).await
    }

    async fn renew_claim(&self, id: &OccurrenceId, holder: &Holder, life: Duration) -> Result<Changed<Occurrence>> {
        let now = self.clock.now();
        self.occur(id, |stored| rules::renew_claim(stored, holder, life, now)).await
    }

    async fn ask_to_stop(&self, id: &OccurrenceId, run_id: &str, why: Stop) -> Result<Changed<Occurrence>> {
        self.occur(id, |stored| rules::ask_to_stop(stored, run_id, why)).await
    }

    async fn end(&self, id: &OccurrenceId, run_id: &str, exit: &Exit, at: Timestamp) -> Result<Changed<Occurrence>> {
        self.occur(id, |stored| rules::end(stored, run_id, exit, at)).await
    }

    async fn give_up(&self, id: &OccurrenceId, holder: &Holder, exit: &Exit, at: Timestamp) -> Result<Changed<Occurrence>> {
        self.occur(id, |stored| rules::give_up(stored, holder, exit, at)).await
    }

    async fn revive(&self, id: &OccurrenceId, at: Timestamp) -> Result<Changed<Occurrence>> {
        let now = self.clock.now();
        self.occur(id, |stored| rules::revive(stored, at, now)).await
    }

    async fn skip(&self, id: &OccurrenceId, skipped: &Skipped) -> Result<Changed<Occurrence>> {
        self.occur(id, |stored| rules::skip(stored, id, skipped)).await
    }

    async fn forget_occurrences(&self, pipeline: &str, before: Timestamp, limit: usize) -> Result<usize> {
        self.moment().await;
        let mut documents = self.documents.lock().unwrap();
        let range = (pipeline.to_owned(), Timestamp::from_seconds(0))..(pipeline.to_owned(), before);
        let over = documents.occurrences.range(range).filter(|(_, occurrence)| occurrence.is_over()).map(|(key, _)| key.clone());
        let over: Vec<_> = over.take(limit).collect();
        over.iter().for_each(|key| drop(documents.occurrences.remove(key)));
        Ok(over.len())
    }
}

#[async_trait]
impl RunSide for Memory {
    async fn begin(&self, id: &OccurrenceId, holder: &Holder, life: Duration, at: Timestamp) -> bool {
        let now = self.clock.now();
        self.occur(id, |stored| rules::begin(stored, holder, life, at, now)).await.unwrap().done
    }

    async fn hear(&self, id: &OccurrenceId, run_id: &str, life: Duration) -> bool {
        let now = self.clock.now();
        self.occur(id, |stored| rules::hear(stored, run_id, life, now)).await.unwrap().done
    }
}
