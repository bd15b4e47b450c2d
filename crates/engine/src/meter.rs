//! Counts what goes over the wire and how long what is waited for, for one reading and for everything together.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aqueduct_connector::LimitClass;
use aqueduct_schema::{Calls, Reading, TimeSpent, Timestamp, Traffic};

use crate::clock::Clock;

/// The class of requests for access tokens, which count against no limit of the connector's.
pub(crate) const TOKEN: LimitClass = LimitClass("token");
/// Operations that are told apart; a connector that names more puts an id into them, which must not fill the ledger.
const MOST_OPERATIONS: usize = 300;
/// The operation of all further ones.
const OTHERS: &str = "others";

/// What somebody is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// For a turn within the source's limits.
    Limits,
    /// Before a request is sent again.
    Retry,
    /// For the source to prepare what was asked for.
    Preparing,
    /// For an answer.
    Answer,
    /// For the destination to carry a load out.
    Load,
}

/// Counters that several tasks add to. What is added to a part is added to the whole too.
pub struct Meter {
    clock: Arc<dyn Clock>,
    whole: Option<Arc<Meter>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    calls: BTreeMap<(&'static str, String), Calls>,
    answers: BTreeMap<u16, u64>,
    retries: BTreeMap<&'static str, u64>,
    readings: Vec<Reading>,
    spans: [Span; 5],
}

/// The time in which at least one was waiting.
#[derive(Clone, Copy, Default)]
struct Span {
    waiting: u32,
    since: Option<Timestamp>,
    total: Duration,
}

impl Span {
    fn total(&self, now: Timestamp) -> u64 {
        let under_way = self.since.map_or(Duration::ZERO, |since| now.since(since));
        u64::try_from((self.total + under_way).as_millis()).unwrap_or(u64::MAX)
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "meter at {} requests", self.count().requests())
    }
}

impl Meter {
    /// Counters at nothing.
    pub fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { clock, whole: None, state: Mutex::default() })
    }

    /// Counters of a part, at nothing; what they count, these count too. Readings are told by the part alone.
    pub fn part(self: &Arc<Self>) -> Arc<Self> {
        Arc::new(Self { clock: self.clock.clone(), whole: Some(self.clone()), state: Mutex::default() })
    }

    /// Everything counted until now.
    pub fn count(&self) -> Traffic {
        let now = self.clock.now();
        let state = self.lock();
        let total = |waiting: Waiting| state.spans[waiting as usize].total(now);
        Traffic {
            calls: state.calls.values().cloned().collect(),
            answers: state.answers.clone(),
            retries: state.retries.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect(),
            time: TimeSpent {
                limits_ms: total(Waiting::Limits),
                retries_ms: total(Waiting::Retry),
                preparing_ms: total(Waiting::Preparing),
                answers_ms: total(Waiting::Answer),
                loads_ms: total(Waiting::Load),
            },
            readings: state.readings.clone(),
        }
    }

    /// Begins to wait; the end is when what is given back goes.
    pub fn wait(self: &Arc<Self>, waiting: Waiting) -> Wait {
        self.enter(waiting, self.clock.now());
        Wait { meter: self.clone(), waiting }
    }

    /// A request is sent.
    pub(crate) fn sent(&self, class: LimitClass, operation: &str) {
        self.add(class, operation, &|calls| calls.requests += 1);
    }

    /// Bytes of a body came over the wire.
    pub(crate) fn received(&self, class: LimitClass, operation: &str, wire_bytes: u64) {
        self.add(class, operation, &|calls| calls.wire_bytes += wire_bytes);
    }

    /// A body is whole and decompressed.
    pub(crate) fn unpacked(&self, class: LimitClass, operation: &str, bytes: u64) {
        self.add(class, operation, &|calls| calls.bytes += bytes);
    }

    /// An answer came with this status; 0 where none came, or it broke off.
    pub(crate) fn answered(&self, status: u16) {
        self.each(&|state| *state.answers.entry(status).or_default() += 1);
    }

    /// A request is sent again for this reason.
    pub(crate) fn retried(&self, reason: &'static str) {
        self.each(&|state| *state.retries.entry(reason).or_default() += 1);
    }

    /// A reading begins.
    pub(crate) fn reading(&self, reading: Reading) {
        self.lock().readings.push(reading);
    }

    /// The last reading has come to its end.
    pub(crate) fn reading_ended(&self) {
        if let Some(reading) = self.lock().readings.last_mut() {
            reading.complete = true;
        }
    }

    fn add(&self, class: LimitClass, operation: &str, change: &dyn Fn(&mut Calls)) {
        self.each(&|state| {
            let known = |name: &str| state.calls.contains_key(&(class.0, name.to_owned()));
            let operation = if state.calls.len() < MOST_OPERATIONS || known(operation) { operation } else { OTHERS };
            let new = || Calls { class: class.0.to_owned(), operation: operation.to_owned(), ..Calls::default() };
            change(state.calls.entry((class.0, operation.to_owned())).or_insert_with(new));
        });
    }

    fn each(&self, change: &dyn Fn(&mut State)) {
        change(&mut self.lock());
        if let Some(whole) = &self.whole {
            whole.each(change);
        }
    }

    fn enter(&self, waiting: Waiting, now: Timestamp) {
        self.each(&|state| {
            let span = &mut state.spans[waiting as usize];
            span.waiting += 1;
            span.since.get_or_insert(now);
        });
    }

    fn leave(&self, waiting: Waiting, now: Timestamp) {
        self.each(&|state| {
            let span = &mut state.spans[waiting as usize];
            span.waiting = span.waiting.saturating_sub(1);
            if span.waiting == 0
                && let Some(since) = span.since.take()
            {
                span.total += now.since(since);
            }
        });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody waiting. Also ends when the task that waits is dropped.
#[derive(Debug)]
pub struct Wait {
    meter: Arc<Meter>,
    waiting: Waiting,
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.meter.leave(self.waiting, self.meter.clock.now());
    }
}

/// An answer being received: its bytes count as far as they came, however it ends.
pub(crate) struct Receiving<'m> {
    meter: &'m Meter,
    class: LimitClass,
    operation: &'m str,
    status: u16,
    wire_bytes: u64,
}

impl<'m> Receiving<'m> {
    /// A request that is sent now.
    pub(crate) fn begin(meter: &'m Meter, class: LimitClass, operation: &'m str) -> Self {
        meter.sent(class, operation);
        Self { meter, class, operation, status: 0, wire_bytes: 0 }
    }

    /// Some more of the body came.
    pub(crate) fn add(&mut self, wire_bytes: usize) {
        self.wire_bytes += wire_bytes as u64;
    }

    /// The answer is whole.
    pub(crate) fn whole(&mut self, status: u16, bytes: usize) {
        self.status = status;
        self.meter.unpacked(self.class, self.operation, bytes as u64);
    }
}

impl Drop for Receiving<'_> {
    fn drop(&mut self) {
        self.meter.received(self.class, self.operation, self.wire_bytes);
        self.meter.answered(self.status);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::atomic::{AtomicI64, Ordering};

    #[derive(Default)]
    struct Hands(AtomicI64);

    #[async_trait::async_trait]
    impl Clock for Hands {
        fn now(&self) -> Timestamp {
            Timestamp::from_milliseconds(self.0.load(Ordering::SeqCst))
        }

        async fn sleep(&self, span: Duration) {
            self.0.fetch_add(span.as_millis() as i64, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_part_counts_for_the_whole_too() {
        let whole = Meter::new(Arc::new(Hands::default()));
        let parts = [whole.part(), whole.part()];
        for (part, status) in parts.iter().zip([200, 429]) {
            let mut receiving = Receiving::begin(part, LimitClass("search"), "contacts: changes");
            receiving.add(100);
            receiving.add(20);
            if status == 200 {
                receiving.whole(status, 500);
            }
        }
        parts[1].retried("rate_limited");
        let count = whole.count();
        assert_eq!((count.requests(), count.wire_bytes(), count.bytes(), count.retried()), (2, 240, 500, 1));
        assert_eq!(count.answers, BTreeMap::from([(0, 1), (200, 1)]));
        assert_eq!((parts[0].count().requests(), parts[0].count().retried()), (1, 0));
    }

    #[test]
    fn time_passes_once_for_all_who_wait() {
        let clock = Arc::new(Hands::default());
        let whole = Meter::new(clock.clone());
        let (one, other) = (whole.part(), whole.part());
        let pass = |milliseconds| clock.0.fetch_add(milliseconds, Ordering::SeqCst);
        let first = one.wait(Waiting::Limits);
        pass(10);
        let second = other.wait(Waiting::Limits);
        pass(10);
        drop(first);
        pass(10);
        assert_eq!(whole.count().time.limits_ms, 30, "one still waits");
        drop(second);
        pass(10);
        let spent = [&whole, &one, &other].map(|meter| meter.count().time.limits_ms);
        assert_eq!(spent, [30, 20, 20]);
        assert_eq!(whole.count().time.answers_ms, 0);
    }

    #[test]
    fn operations_without_end_are_put_together() {
        let meter = Meter::new(Arc::new(Hands::default()));
        for number in 0..2_000 {
            meter.sent(TOKEN, &format!("job {number}"));
        }
        let count = meter.count();
        assert!(count.calls.len() <= MOST_OPERATIONS + 1);
        assert_eq!(count.requests(), 2_000);
    }
}
