//! Progress of a backfill: a bar with the time that is left on a terminal, lines elsewhere.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aqueduct_pipeline::{BackfillEvent, BackfillObserver};
use indicatif::{ProgressBar, ProgressStyle};

use crate::backfill_words::{about, plan_words};
use crate::output::{Output, number};

/// The pace is that of the last minute.
const PACE_OVER: Duration = Duration::from_secs(60);
/// Before so long nothing is said about the time that is left.
const AT_LEAST: Duration = Duration::from_secs(5);
/// How often there is a line where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// Shows a backfill.
pub(crate) struct BackfillProgress {
    output: Output,
    pipeline: String,
    bar: Option<ProgressBar>,
    pace: Mutex<Pace>,
}

/// Records by time, as far back as the pace looks.
#[derive(Debug, Default)]
struct Pace {
    seen: VecDeque<(Instant, u64)>,
    line: Option<Instant>,
}

impl Pace {
    fn add(&mut self, now: Instant, records: u64) {
        // A window that is read again takes its records back.
        if self.seen.back().is_some_and(|(_, before)| *before > records) {
            self.seen.clear();
        }
        self.seen.push_back((now, records));
        while self.seen.len() > 2 && self.seen.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= PACE_OVER) {
            self.seen.pop_front();
        }
    }

    /// Records a second.
    fn rate(&self) -> Option<f64> {
        let ((began, first), (now, last)) = (self.seen.front()?, self.seen.back()?);
        let time = now.duration_since(*began);
        (time >= AT_LEAST && last > first).then(|| (last - first) as f64 / time.as_secs_f64())
    }

    /// How long it takes to get as far as expected; nothing where the pace or the end is not known.
    fn left(&self, expected: Option<u64>) -> Option<u64> {
        let (_, records) = self.seen.back()?;
        let left = expected?.checked_sub(*records)?;
        Some((left as f64 / self.rate()?) as u64)
    }

    fn words(&self, expected: Option<u64>) -> String {
        let rate = self.rate().map_or_else(String::new, |rate| format!("{}/s", number(rate as u64)));
        match self.left(expected) {
            Some(left) if left > 0 => format!("{rate}, about {} left", about(left)),
            _ => rate,
        }
    }
}

impl BackfillProgress {
    pub(crate) fn new(output: &Output, pipeline: &str) -> Self {
        let bar = output.draws().then(|| {
            let bar = ProgressBar::no_length();
            if let Ok(style) = ProgressStyle::with_template("{bar:30.cyan} {human_pos} of {human_len} records {msg}") {
                bar.set_style(style);
            }
            bar
        });
        Self { output: output.clone(), pipeline: pipeline.to_owned(), bar, pace: Mutex::default() }
    }

    fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(crate::printable::printable(text, false)),
            None => self.output.words(text),
        }
    }

    /// Takes the bar away.
    pub(crate) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn progress(&self, records: u64, expected: Option<u64>) {
        let now = Instant::now();
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        pace.add(now, records);
        let words = pace.words(expected);
        if let Some(bar) = &self.bar {
            if let Some(expected) = expected {
                bar.set_length(expected.max(records));
            }
            bar.set_position(records);
            bar.set_message(words);
        } else if pace.line.is_none_or(|line| now.duration_since(line) >= LINE_EVERY) {
            pace.line = Some(now);
            let of = expected.map_or_else(String::new, |expected| format!(" of {}", number(expected)));
            let words = if words.is_empty() { words } else { format!(", {words}") };
            self.output.words(&format!("{}{of} records{words}", number(records)));
        }
    }
}

impl BackfillObserver for BackfillProgress {
    fn observe(&self, event: BackfillEvent<'_>) {
        match event {
            BackfillEvent::Planned(plan) => self.say(&plan_words(&self.pipeline, plan, &self.output)),
            BackfillEvent::GoesOn { backfill, done, windows } => {
                self.say(&format!("{} goes on: {done} of {windows} windows are verified.", backfill.id));
            }
            BackfillEvent::Note(text) => self.say(text),
            // The report says how it ended.
            BackfillEvent::Ended(_) => {}
            BackfillEvent::Progress { records, expected } => self.progress(records, expected),
            BackfillEvent::Window(window) => {
                if let Some(error) = &window.error {
                    self.say(&format!("{} {}: {}, {error}", window.stream, window.span, window.state.word()));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_that_is_left_goes_by_the_last_minute() {
        let begun = Instant::now();
        let mut pace = Pace::default();
        pace.add(begun, 0);
        pace.add(begun + Duration::from_secs(2), 2_000);
        assert_eq!((pace.rate(), pace.left(Some(100_000))), (None, None), "too early to tell");
        for second in 3..=100 {
            pace.add(begun + Duration::from_secs(second), second * 1_000);
        }
        assert_eq!(pace.left(Some(160_000)), Some(60));
        // Since then it has become slower.
        for second in 101..=200 {
            pace.add(begun + Duration::from_secs(second), 100_000 + (second - 100) * 100);
        }
        assert_eq!(pace.left(Some(120_000)), Some(100));
        assert_eq!(pace.words(Some(120_000)), "100/s, about 100 s left");
        assert_eq!(pace.words(Some(110_000)), "100/s", "all are there, and nothing is left");
        assert_eq!((pace.left(None), pace.left(Some(1))), (None, None), "nothing is said about what is not known");
        pace.add(begun + Duration::from_secs(201), 50);
        assert_eq!(pace.rate(), None, "a window is read again");
    }
}
