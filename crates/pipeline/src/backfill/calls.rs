//! The calls of a backfill: counted, and stopped at a number that somebody sets.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aqueduct_connector::{LimitClass, Usage};
use aqueduct_engine::{Ask, Budget, Exchange, ExchangeObserver, Handful};
use aqueduct_schema::{Error, ErrorKind, Result, codes};
use async_trait::async_trait;

/// What a backfill knows of its calls.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    most: Option<u64>,
    /// Given out and not given back.
    taken: Mutex<u64>,
    refused: AtomicBool,
    /// Whether there is a checkpoint to go on from.
    begun: AtomicBool,
    answered: AtomicU64,
    usage: Mutex<Option<Usage>>,
}

impl Calls {
    /// So many calls and no more.
    pub(crate) fn at_most(most: Option<u64>) -> Arc<Self> {
        Arc::new(Self { most, ..Self::default() })
    }

    /// How many calls were answered, those for tokens included.
    pub(crate) fn answered(&self) -> u64 {
        self.answered.load(Ordering::SeqCst)
    }

    /// Whether the number is used up.
    fn are_used_up(&self) -> bool {
        self.refused.load(Ordering::SeqCst)
    }

    /// What the vendor last said of its quota.
    pub(crate) fn usage(&self) -> Option<Usage> {
        *self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An error, told as what it is where the number is what was used up.
    pub(crate) fn told(&self, error: Error) -> Error {
        if error.kind() != ErrorKind::Quota || !self.are_used_up() {
            return error;
        }
        if self.begun.load(Ordering::SeqCst) {
            return Error::new(codes::QUOTA_REACHED, "the calls that --max-calls allows are used up")
                .advise("Run the same command again to go on from the checkpoint.");
        }
        // The same command would end at the same place again.
        Error::new(codes::QUOTA_REACHED, "the calls that --max-calls allows are used up before there is a plan, and nothing is begun").advise(
            "Allow more calls: a plan takes a few to find out about the source, and up to 50 counts a stream; fewer with a longer --window.",
        )
    }

    /// Takes note that the windows are in the ledger: whoever calls again goes on from there.
    pub(crate) fn have_begun(&self) {
        self.begun.store(true, Ordering::SeqCst);
    }

    /// A budget that draws on another one, within the number.
    pub(crate) fn over(self: &Arc<Self>, inner: Arc<dyn Budget>) -> Arc<dyn Budget> {
        Arc::new(Counted { calls: self.clone(), inner })
    }

    /// Takes as many as are left, up to these.
    fn take(&self, wanted: u32, returned: u32) -> u32 {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        *taken = taken.saturating_sub(u64::from(returned));
        let left = self.most.map_or(u64::MAX, |most| most.saturating_sub(*taken));
        let granted = wanted.min(u32::try_from(left).unwrap_or(u32::MAX));
        *taken += u64::from(granted);
        granted
    }

    fn give_back(&self, count: u32) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        *taken = taken.saturating_sub(u64::from(count));
    }
}

impl ExchangeObserver for Calls {
    fn exchanged(&self, _: Exchange<'_>) {
        self.answered.fetch_add(1, Ordering::SeqCst);
    }
}

#[derive(Debug)]
struct Counted {
    calls: Arc<Calls>,
    inner: Arc<dyn Budget>,
}

#[async_trait]
impl Budget for Counted {
    async fn take(&self, ask: &Ask) -> Result<Handful> {
        let granted = self.calls.take(ask.wanted, ask.returned.map_or(0, |(_, count)| count));
        if granted == 0 {
            self.calls.refused.store(true, Ordering::SeqCst);
            let most = self.calls.most.unwrap_or(0);
            return Ok(Handful::Spent { used: most, allowed: most, renewed_in: None });
        }
        let answer = self.inner.take(&Ask { wanted: granted, ..*ask }).await;
        match &answer {
            Ok(Handful::Go { count, .. }) => self.calls.give_back(granted.saturating_sub(*count)),
            _ => self.calls.give_back(granted),
        }
        answer
    }

    async fn slow_down(&self, class: LimitClass, wait: Duration) -> Result<()> {
        self.inner.slow_down(class, wait).await
    }

    async fn learn(&self, usage: Usage) -> Result<()> {
        *self.calls.usage.lock().unwrap_or_else(PoisonError::into_inner) = Some(usage);
        self.inner.learn(usage).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_calls_are_given_out_than_there_are() {
        let calls = Calls::at_most(Some(10));
        assert_eq!(calls.take(4, 0), 4);
        assert_eq!(calls.take(8, 2), 8, "two of the first four came back");
        assert_eq!(calls.take(5, 0), 0);
        calls.give_back(1);
        assert_eq!((calls.take(5, 0), calls.take(1, 0)), (1, 0));
        assert_eq!(Calls::at_most(None).take(u32::MAX, 0), u32::MAX);
    }
}
