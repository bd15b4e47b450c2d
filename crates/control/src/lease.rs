//! Leases: one run of a pipeline at a time.

use std::time::Duration;

use aqueduct_schema::Timestamp;
use serde::{Deserialize, Serialize};

use crate::holder::Holder;

/// The stored lease.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Lease {
    pub(crate) holder: Holder,
    pub(crate) since: Timestamp,
    pub(crate) until: Timestamp,
}

/// A lease that somebody else has.
#[derive(Clone, Debug)]
pub struct Held {
    /// Who has it.
    pub holder: Holder,
    /// Since when.
    pub since: Timestamp,
    /// Until when, unless it is renewed, which a run that goes on does.
    pub until: Timestamp,
}

/// A run that had not ended when its lease was taken.
#[derive(Clone, Debug)]
pub struct TakenOver {
    /// Who had it.
    pub holder: Holder,
    /// Whether its process is gone; otherwise it has not renewed its lease in time.
    pub gone: bool,
}

/// What became of asking for a lease.
#[derive(Clone, Debug)]
pub enum Acquired {
    /// It is ours, maybe after somebody whose run had not ended.
    Ours(Option<TakenOver>),
    /// Somebody else has it.
    Theirs(Held),
}

/// Decides on a lease that is asked for; what is given back is to be stored if it is there.
pub(crate) fn acquire(stored: Option<Lease>, holder: &Holder, life: Duration, now: Timestamp) -> (Option<Lease>, Acquired) {
    let ours = Lease { holder: holder.clone(), since: now, until: now.plus(life) };
    match stored {
        None => (Some(ours), Acquired::Ours(None)),
        Some(lease) if lease.holder.run_id == holder.run_id => (Some(Lease { since: lease.since, ..ours }), Acquired::Ours(None)),
        Some(lease) => {
            let gone = lease.holder.is_gone();
            // A lease that ends later than any could end now was written under a clock that has been set back since.
            let valid = now < lease.until && lease.until <= now.plus(life.saturating_mul(100).max(Duration::from_secs(3_600)));
            if valid && !gone {
                return (None, Acquired::Theirs(Held { holder: lease.holder, since: lease.since, until: lease.until }));
            }
            (Some(ours), Acquired::Ours(Some(TakenOver { holder: lease.holder, gone })))
        }
    }
}

/// A lease renewed; nothing when it is no longer this run's.
pub(crate) fn renew(stored: Option<Lease>, run_id: &str, life: Duration, now: Timestamp) -> Option<Lease> {
    stored.filter(|lease| lease.holder.run_id == run_id).map(|lease| Lease { until: now.plus(life), ..lease })
}
