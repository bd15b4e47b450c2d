//! Sending what is due: claimed before, settled after, held back in quiet hours and beyond the ceiling, and summed up where there is much.

use std::time::Duration;

use aqueduct_pipeline::control_store::{Notice, Problem, Settled};
use aqueduct_pipeline::schema::{Result, Timestamp};
use tracing::{debug, error, info, warn};

use super::Notifier;
use super::message::Message;
use super::sinks::{LONGEST_TIMEOUT, Sink};
use crate::alert::Severity;

/// Messages to one sink that are sent one by one; more are summed up in one.
const ONE_BY_ONE: usize = 3;
/// How long a message is ours while it is sent: longer than the steps of sending may take.
const CLAIM: Duration = LONGEST_TIMEOUT.saturating_mul(6);
/// The first wait before a message is tried again; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(5);
const LONGEST_WAIT: Duration = Duration::from_secs(1_800);
/// Tries after which a message is given up: about a day.
const MOST_TRIES: u32 = 55;

/// A notice that is due.
#[derive(Clone, Debug)]
struct Due {
    key: String,
    notice: Notice,
    message: Message,
}

impl Notifier {
    /// Sends what is due.
    ///
    /// # Errors
    /// `AQ4004`.
    pub(super) async fn deliver(&self) -> Result<()> {
        let mut problems = self.book.problems().await?;
        if problems.is_empty() {
            return Ok(());
        }
        let now = self.book.now().await?;
        let (remind_every, quiet_for) = (self.settings.remind_every, self.settings.quiet_for);
        let mut tended = false;
        for (key, problem) in &problems {
            if problem.is_to_tend(remind_every, quiet_for, now) {
                self.book.tend(key, remind_every, quiet_for).await?;
                tended = true;
            }
        }
        if tended {
            problems = self.book.problems().await?;
        }
        self.drop_unknown(&problems).await?;
        let sinks = self.settings.sinks.iter().map(|(name, sink)| self.serve(name, sink, &problems, now));
        futures_util::future::join_all(sinks).await.into_iter().collect()
    }

    /// Gives up what nobody can be sent: the sink has gone from the file, or a newer version wrote it.
    async fn drop_unknown(&self, problems: &[(String, Problem)]) -> Result<()> {
        for (key, problem) in problems {
            for (sink, notice) in &problem.notices {
                let known = self.settings.sinks.get(sink).is_some();
                if !known || Message::of(key, notice, &self.settings.zone).is_none() {
                    self.book.settle(key, sink, notice.number, Settled::Dropped).await?;
                }
            }
        }
        Ok(())
    }

    /// Sends one sink what is due for it.
    async fn serve(&self, name: &str, sink: &dyn Sink, problems: &[(String, Problem)], now: Timestamp) -> Result<()> {
        let quiet = self.settings.quiet_hours.as_ref().is_some_and(|hours| hours.cover(now));
        let mut due: Vec<Due> = Vec::new();
        for (key, problem) in problems {
            let Some(notice) = problem.notices.get(name).filter(|notice| notice.is_due(now)) else { continue };
            // A recovery can wait for the morning too, whatever it is from.
            if quiet && (Severity::of_rank(notice.severity) < Severity::Critical || notice.is_over()) {
                continue;
            }
            if let Some(message) = Message::of(key, notice, &self.settings.zone) {
                due.push(Due { key: key.clone(), notice: notice.clone(), message });
            }
        }
        // The worst first, in case there is no room for all.
        due.sort_by(|one, other| (other.message.severity, one.notice.since).cmp(&(one.message.severity, other.notice.since)));
        if due.len() > ONE_BY_ONE {
            return self.send(name, sink, due, now).await.map(|_| ());
        }
        for due in due {
            if !self.send(name, sink, vec![due], now).await? {
                break;
            }
        }
        Ok(())
    }

    /// Sends one message, a summary where it is about several: whether there was room for it and it was taken.
    async fn send(&self, name: &str, sink: &dyn Sink, due: Vec<Due>, now: Timestamp) -> Result<bool> {
        let (most, per) = self.settings.most;
        if !self.book.has_place(name, most, per).await? {
            debug!(sink = name, messages = due.len(), "messages wait: the sink has had as many as it may get");
            return Ok(false);
        }
        let mut ours = Vec::new();
        for due in due {
            if self.book.claim(&due.key, name, due.notice.number, CLAIM).await? {
                ours.push(due);
            }
        }
        let Some(first) = ours.first() else { return Ok(true) };
        if !self.book.take_place(name, most, per).await? {
            // Another scheduler was quicker.
            for due in &ours {
                self.book.settle(&due.key, name, due.notice.number, Settled::Held(FIRST_WAIT)).await?;
            }
            return Ok(false);
        }
        let message = match ours.len() {
            1 => first.message.clone(),
            _ => Message::summary(&ours.iter().map(|due| due.message.clone()).collect::<Vec<_>>(), now, &self.settings.zone),
        };
        let sent = sink.send(&message, now).await;
        self.metrics.alert(name, sent.is_ok());
        for due in &ours {
            let settled = match &sent {
                Ok(()) => Settled::Told,
                Err(_) if due.notice.attempts + 1 >= MOST_TRIES => {
                    error!(sink = name, event = message.event, "a message is given up after {MOST_TRIES} tries");
                    Settled::Dropped
                }
                Err(not_sent) => Settled::Later(wait(due.notice.attempts, not_sent.lasting)),
            };
            self.book.settle(&due.key, name, due.notice.number, settled).await?;
        }
        match &sent {
            Ok(()) => info!(sink = name, event = message.event, reason = message.reason, "told"),
            Err(not_sent) => warn!(sink = name, event = message.event, "a message was not taken and is tried again: {}", not_sent.reason),
        }
        Ok(sent.is_ok())
    }
}

/// How long until the next try, after so many in vain. What lasts until somebody changes something is tried seldom from the beginning.
fn wait(attempts: u32, lasting: bool) -> Duration {
    if lasting { LONGEST_WAIT } else { FIRST_WAIT.saturating_mul(2_u32.saturating_pow(attempts.min(20))).min(LONGEST_WAIT) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end_after_about_a_day() {
        assert_eq!((wait(0, false).as_secs(), wait(1, false).as_secs(), wait(30, false).as_secs()), (5, 10, 1_800));
        assert_eq!(wait(0, true), LONGEST_WAIT);
        let all: u64 = (0..MOST_TRIES).map(|attempts| wait(attempts, false).as_secs()).sum();
        assert!((20..28).contains(&(all / 3_600)), "{all}");
    }
}
