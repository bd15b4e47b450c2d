//! The alerts of a control store: the rules of `alert` over its documents.

use std::time::Duration;

use aqueduct_schema::{Result, Timestamp};
use serde_json::Value;

use crate::alert::{Pace, Problem, Raise, Settled, claim, raise, recover, settle, take_place, tend};
use crate::control::Control;
use crate::documents::Place;

const KIND: &str = "alert";
const PACE: &str = "alert_pace";
/// The last of all keys.
const LAST_KEY: &str = "\u{10ffff}";
/// Problems that are read at once.
const PAGE: usize = 500;

/// The alerts of a control store.
#[derive(Clone, Debug)]
pub struct AlertBook {
    control: Control,
}

impl AlertBook {
    /// Of a store.
    pub fn of(control: &Control) -> Self {
        Self { control: control.clone() }
    }

    /// Raises a problem: whether there is something to send.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn raise(&self, key: &str, raised: Raise<'_>) -> Result<bool> {
        self.change(key, |stored, now| {
            let problem = raise(stored, &raised, now);
            let pending = problem.notices.values().any(|notice| notice.is_due(now));
            (Some(Some(problem)), pending)
        })
        .await
    }

    /// Raises the end of a problem: whether there is something to send.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn recover(&self, key: &str, content: &Value) -> Result<bool> {
        self.change(key, |stored, now| {
            let Some(problem) = stored else { return (None, false) };
            let recovered = recover(problem, content, now);
            let pending = recovered.as_ref().is_some_and(|problem| problem.notices.values().any(|notice| notice.is_due(now)));
            (Some(recovered), pending)
        })
        .await
    }

    /// Reminds of a problem that lasts, and forgets an event that is past.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn tend(&self, key: &str, remind_every: Duration, quiet_for: Duration) -> Result<()> {
        self.change(key, |stored: Option<Problem>, now| {
            let Some(problem) = stored else { return (None, ()) };
            let tended = tend(problem.clone(), remind_every, quiet_for, now);
            ((tended.as_ref() != Some(&problem)).then_some(tended), ())
        })
        .await
    }

    /// Claims a notice for as long as its sending may take: whether it is ours.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn claim(&self, key: &str, sink: &str, number: u64, life: Duration) -> Result<bool> {
        self.change(key, |stored, now| {
            let claimed = stored.and_then(|problem| claim(problem, sink, number, life, now));
            let ours = claimed.is_some();
            (claimed.map(Some), ours)
        })
        .await
    }

    /// Says what became of a notice.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn settle(&self, key: &str, sink: &str, number: u64, settled: Settled) -> Result<()> {
        self.change(key, |stored, now| {
            let Some(problem) = stored else { return (None, ()) };
            (Some(settle(problem, sink, number, settled, now)), ())
        })
        .await
    }

    /// All problems with their keys, in the order of the keys.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn problems(&self) -> Result<Vec<(String, Problem)>> {
        let mut found: Vec<(String, Problem)> = Vec::new();
        loop {
            // The next key after one is that key with the least of all letters behind it.
            let first = found.last().map_or_else(String::new, |(key, _)| format!("{key}\u{1}"));
            let page = self.control.list(KIND, &first, LAST_KEY, PAGE, false).await?;
            let last = page.len() < PAGE;
            found.extend(page);
            if last {
                return Ok(found);
            }
        }
    }

    /// Takes a place for one message to a sink that may get so many in so long: whether there is one.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn take_place(&self, sink: &str, most: u32, per: Duration) -> Result<bool> {
        let place = Place { kind: PACE, key: sink, durable: false };
        self.control
            .change(place, |stored, now| {
                let (pace, free) = take_place(stored, most, per, now);
                Ok((free.then_some(Some(pace)), free))
            })
            .await
    }

    /// Whether there is a place, which somebody else may take meanwhile.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn has_place(&self, sink: &str, most: u32, per: Duration) -> Result<bool> {
        let stored: Option<Pace> = self.control.get(PACE, sink).await?;
        Ok(take_place(stored, most, per, self.control.now().await?).1)
    }

    /// The time that claims and reminders live by.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn now(&self) -> Result<Timestamp> {
        self.control.now().await
    }

    async fn change<R: Send>(
        &self,
        key: &str,
        mut decide: impl FnMut(Option<Problem>, Timestamp) -> (Option<Option<Problem>>, R) + Send,
    ) -> Result<R> {
        let place = Place { kind: KIND, key, durable: false };
        self.control.change(place, |stored, now| Ok(decide(stored, now))).await
    }
}
