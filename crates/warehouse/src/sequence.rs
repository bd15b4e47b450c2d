//! Which load of its stream and run a load is, for its id.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::warehouse::Fence;

/// Counts the loads of every stream of the runs of this process.
#[derive(Default)]
pub(crate) struct Sequence(Mutex<HashMap<(String, String), u64>>);

impl Sequence {
    /// The place of the next load of a stream, from 0. A load keeps its place over all its attempts.
    pub(crate) fn take(&self, fence: &Fence, stream: &str) -> u64 {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry((fence.run_id.to_string(), stream.to_owned())).or_insert(0);
        *count += 1;
        *count - 1
    }
}
