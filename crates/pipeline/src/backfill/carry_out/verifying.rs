//! Windows that are loaded, verified against the source.

use std::time::Instant;

use aqueduct_schema::{Error, Result, TableName, codes};
use aqueduct_warehouse::{BackfillWindow, WindowNote, WindowState};
use tokio::sync::watch;

use super::{CarryOut, Counting};
use crate::backfill::BackfillEvent;
use crate::backfill::verify::{self, Verdict};

impl CarryOut<'_> {
    /// Verifies the windows that are loaded; false when nothing is left to be done, true when a window is to be read again.
    pub(super) async fn verify(&mut self, halted: &watch::Receiver<bool>) -> Result<bool> {
        let loaded = |window: &BackfillWindow| window.state == WindowState::Loaded && window.expected.is_none() && window.error.is_none();
        let mut streams: Vec<String> = self.windows.iter().filter(|window| loaded(window)).map(|window| window.stream.clone()).collect();
        streams.sort();
        streams.dedup();
        let mut more = false;
        for name in streams {
            let Some(stream) = self.stream(&name).cloned() else {
                self.is_gone(name);
                continue;
            };
            let indexes: Vec<usize> =
                (0..self.windows.len()).filter(|index| self.windows[*index].stream == name && loaded(&self.windows[*index])).collect();
            let spans: Vec<_> = indexes.iter().map(|index| self.windows[*index].span).collect();
            let table = TableName::source(self.pipeline.registration.name, &name);
            let began = Instant::now();
            let found = self.warehouse.count_spans(&table, &self.connected.source.account, &spans).await?;
            self.counting = Counting { ended: Instant::now(), took: began.elapsed() };
            for (place, index) in indexes.into_iter().enumerate() {
                let found = found.as_ref().and_then(|found| found.get(place).copied());
                let mut stopped = halted.clone();
                let expected = tokio::select! {
                    expected = verify::count(&self.connected.engine, &stream, self.windows[index].span) => expected,
                    // It stays loaded, and is verified when somebody goes on.
                    _ = stopped.wait_for(|stop| *stop) => return Ok(false),
                };
                match expected {
                    Ok(expected) => {
                        // Pages overlap, so what the loads have counted may be more than there are.
                        let quarantined = match self.windows[index].quarantined {
                            0 => 0,
                            _ => self.warehouse.count_quarantined(&self.key(index)).await?,
                        };
                        more |= self.judged(index, quarantined, verify::judge(quarantined, found, expected)).await?;
                    }
                    Err(error) => return Err(self.calls.told(error)),
                }
            }
        }
        Ok(more)
    }

    /// Takes note of a verdict; true when the window is to be read again.
    async fn judged(&mut self, index: usize, quarantined: u64, verdict: Verdict) -> Result<bool> {
        let first = !self.again.contains(&index);
        let window = &mut self.windows[index];
        window.requests += 1;
        let (state, counted, error) = match verdict {
            Verdict::Complete { expected, found } => (WindowState::Verified, Some((expected, found)), None),
            Verdict::Lacks { .. } if first => (WindowState::Pending, None, None),
            Verdict::Lacks { expected, found } => {
                let missing = expected.saturating_sub(found + quarantined);
                let error = Error::new(codes::COUNTS_DIFFER, format!("the source counts {missing} more than arrived"));
                (WindowState::Differs, Some((expected, found)), Some(error))
            }
            // It stays loaded, and is not asked for again in this process.
            Verdict::NotKnown => {
                (WindowState::Loaded, None, Some(Error::new(codes::COUNTS_DIFFER, "not verified: the source does not count")))
            }
        };
        let words = error.as_ref().map(|error| if verdict == Verdict::NotKnown { error.message().to_owned() } else { error.to_string() });
        window.state = state;
        window.error.clone_from(&words);
        if let Some((expected, found)) = counted {
            (window.expected, window.found) = (Some(expected), Some(found));
        }
        let again = state == WindowState::Pending;
        if again {
            window.place = Default::default();
            self.again.insert(index);
            let Verdict::Lacks { expected, found } = verdict else { return Ok(true) };
            let note = format!("{} {}: {found} of {expected} records are there; it is read once more", window.stream, window.span);
            self.observer.observe(BackfillEvent::Note(&note));
        }
        if let (WindowState::Differs, Some(error)) = (state, error) {
            self.errors.push((self.windows[index].stream.clone(), error.with("window", self.windows[index].span)));
        }
        self.note(index, WindowNote { state: Some(state), requests: 1, counted, error: words, ..WindowNote::default() }).await?;
        fail::fail_point!("backfill::window_verified");
        if !again {
            self.observer.observe(BackfillEvent::Window(&self.windows[index]));
        }
        Ok(again)
    }
}
