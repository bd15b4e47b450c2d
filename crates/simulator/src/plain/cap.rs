//! Vendors that give no more than so many records for one question, and the parameters by which questions become smaller.

use super::description::Endpoint;
use super::refused::{Refused, Why};
use super::store::{Question, Store};

/// What a vendor does with a page that lies beyond its cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BeyondCap {
    /// The list ends there, as if that were all.
    CutOff,
    /// A page that would reach beyond it is refused with 400.
    Refused,
}

impl Endpoint {
    /// The most records that one question gives, over all its pages, and what becomes of a page beyond.
    #[must_use]
    pub fn cap(mut self, records: usize, beyond: BeyondCap) -> Self {
        self.cap = Some((records, beyond));
        self
    }

    /// The most records that one question gives, where there is a cap.
    #[must_use]
    pub fn most(&self) -> Option<usize> {
        self.cap.map(|(records, _)| records)
    }

    /// The query parameter for what changed before an instant, as RFC 3339.
    #[must_use]
    pub fn until(self, parameter: &'static str) -> Self {
        self.filter([parameter], move |parameters| {
            let Some(until) = parameters.instant(parameter)? else { return Ok(None) };
            Ok(Some(Box::new(move |candidate| candidate.row().updated_at < until)))
        })
    }

    /// The query parameter for ids that are greater than this one.
    #[must_use]
    pub fn after_id(self, parameter: &'static str) -> Self {
        self.filter([parameter], move |parameters| {
            let Some(after) = parameters.get(parameter) else { return Ok(None) };
            let after: u64 = after.parse().map_err(|_| Refused::value(format!("`{parameter}` must be an id")))?;
            Ok(Some(Box::new(move |candidate| candidate.row().id > after)))
        })
    }
}

/// Keeps a page within the cap.
pub(crate) fn hold(store: &Store, endpoint: &Endpoint, question: &mut Question) -> Result<(), Refused> {
    let Some((most, beyond)) = endpoint.cap else { return Ok(()) };
    let before = question.skip + if question.after.is_some() { store.passed(endpoint.stream(), question) } else { 0 };
    match beyond {
        BeyondCap::Refused if before + question.take > most => {
            Err(Refused::new(400, Why::Range, format!("one question gives the first {most} records and no more")))
        }
        BeyondCap::Refused => Ok(()),
        BeyondCap::CutOff => {
            question.take = question.take.min(most.saturating_sub(before));
            question.last = before + question.take >= most;
            Ok(())
        }
    }
}
