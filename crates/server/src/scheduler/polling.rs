//! What others have changed in the store.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use aqueduct_pipeline::control_store::occurrence::{OccurrenceId, State};
use aqueduct_pipeline::control_store::occurrence_rules::is_dead;
use aqueduct_pipeline::control_store::standing::{Look, Standing};
use aqueduct_pipeline::schema::{Result, Timestamp};

use super::entry::Phase;
use super::turn::{Scheduler, instant, timestamp};

impl Scheduler {
    /// Reads where schedules stand and what became of open occurrences; takes over from schedulers and runs that are dead.
    pub(super) async fn poll(&mut self, now: Timestamp) -> Result<()> {
        let mut stored: BTreeMap<String, Standing> = self.store.schedules().await?.into_iter().collect();
        let names: Vec<String> = self.pipelines.keys().cloned().collect();
        for name in names {
            self.take_up(&name, stored.remove(&name), now).await?;
        }
        self.read_open().await?;
        self.take_over(now).await?;
        self.runner.tend().await;
        self.next_poll = now.plus(self.settings.poll);
        Ok(())
    }

    /// Takes up what is stored of a pipeline. One that is new counts from now, and so does one whose schedule was changed meanwhile.
    async fn take_up(&mut self, name: &str, stored: Option<Standing>, now: Timestamp) -> Result<()> {
        let Some(entry) = self.pipelines.get_mut(name) else { return Ok(()) };
        if entry.plan.is_none() {
            return Ok(());
        }
        if stored.is_some() && stored != entry.standing {
            self.stirred.insert(name.to_owned());
        }
        entry.stands(stored);
        let from = entry.standing.as_ref().map(|standing| standing.looked_at);
        if entry.schedule().is_some() && (entry.is_changed || from.is_none()) {
            let from = from.unwrap_or(now);
            let seen = Look { from, until: from.max(now), by: entry.by(), fell_due: Vec::new() };
            let changed = self.store.look(name, &seen).await?;
            fail::fail_point!("scheduler::taken_up");
            entry.stands(changed.document);
            self.stirred.insert(name.to_owned());
        }
        entry.is_changed = false;
        self.note_open(name);
        self.set_next(name);
        Ok(())
    }

    /// Notes whether a pipeline has open occurrences.
    pub(super) fn note_open(&mut self, name: &str) {
        match self.pipelines.get(name).is_some_and(|entry| !entry.open().is_empty()) {
            true => self.active.insert(name.to_owned()),
            false => self.active.remove(name),
        };
    }

    /// Puts the next time of a pipeline into the heap.
    pub(super) fn set_next(&mut self, name: &str) {
        let Some(entry) = self.pipelines.get_mut(name) else { return };
        let looked_at = entry.standing.as_ref().map(|standing| standing.looked_at);
        let next = looked_at.and_then(|looked_at| entry.schedule()?.next_after(instant(looked_at))).map(timestamp);
        if next != entry.next {
            entry.next = next;
            self.times.extend(next.map(|next| Reverse((next, name.to_owned()))));
        }
    }

    /// Reads the documents of open occurrences that somebody may have changed.
    async fn read_open(&mut self) -> Result<()> {
        for name in self.active.clone() {
            let Some(entry) = self.pipelines.get(&name) else { continue };
            // Of those that wait, only the first can be had, and the claim will tell.
            let first = entry.open().first().map(|open| open.at);
            let open = entry.open().iter().filter(|open| match entry.phase(open) {
                Phase::UnderWay => true,
                Phase::Fresh | Phase::Again => Some(open.at) == first,
                Phase::Over => false,
            });
            let ids: Vec<OccurrenceId> = open.map(|open| OccurrenceId::new(&name, open.at)).collect();
            for id in ids {
                let found = self.store.occurrence(&id).await?;
                self.note(&id, found).await;
            }
        }
        Ok(())
    }

    /// Makes due again what somebody had who is dead, and renews the claims of processes started here that have not begun yet.
    async fn take_over(&mut self, now: Timestamp) -> Result<()> {
        let mut dead = Vec::new();
        let mut waiting = Vec::new();
        let mut time = None;
        for name in &self.active {
            let Some(entry) = self.pipelines.get(name) else { continue };
            for document in entry.documents.values() {
                let ours = self.children.contains_key(&document.id());
                match &document.state {
                    State::Claimed(_) if ours => waiting.push(document.id()),
                    State::Claimed(_) | State::Begun(_) => {
                        let store_now = match time {
                            Some(time) => time,
                            None => *time.insert(self.store.now().await?),
                        };
                        if is_dead(document, store_now) {
                            dead.push(document.id());
                        }
                    }
                    _ => {}
                }
            }
        }
        for id in waiting {
            self.store.renew_claim(&id, &self.holder, self.settings.claim_life).await?;
            fail::fail_point!("scheduler::claim_renewed");
        }
        for id in dead {
            let revived = self.store.revive(&id, now).await?;
            fail::fail_point!("scheduler::taken_over");
            if revived.done {
                tracing::warn!(occurrence = %id, "whoever had this occurrence is dead; it is taken over");
            }
            self.note(&id, revived.document).await;
        }
        Ok(())
    }
}
