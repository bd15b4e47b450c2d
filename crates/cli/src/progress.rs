//! Progress of a run: a bar for each stream on a terminal, a line for each finished stream elsewhere.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aqueduct_pipeline::{Event, Observer};
use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};

use crate::output::{Output, number};
use crate::printable::printable;

/// Shows a run.
pub(crate) struct Progress {
    output: Output,
    bars: Option<MultiProgress>,
    streams: Mutex<HashMap<String, ProgressBar>>,
}

impl Progress {
    pub(crate) fn new(output: &Output) -> Self {
        Self { output: output.clone(), bars: output.draws().then(MultiProgress::new), streams: Mutex::new(HashMap::new()) }
    }

    fn bar(&self, stream: &str) -> Option<ProgressBar> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner).get(stream).cloned()
    }
}

impl Observer for Progress {
    fn observe(&self, event: Event<'_>) {
        match event {
            Event::Planned { streams } => {
                let Some(bars) = &self.bars else { return };
                let width = streams.iter().map(String::len).max().unwrap_or(0);
                let mut known = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
                for stream in streams {
                    let bar = bars.add(ProgressBar::no_length());
                    if let Ok(style) = ProgressStyle::with_template("{spinner:.cyan} {prefix} {human_pos:>10} records {rate:>10} {msg}") {
                        bar.set_style(style.with_key("rate", |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                            let _ = write!(out, "{}/s", number(state.per_sec() as u64));
                        }));
                    }
                    bar.set_prefix(format!("{:<width$}", printable(&stream, false)));
                    bar.enable_steady_tick(Duration::from_millis(120));
                    known.insert(stream, bar);
                }
            }
            Event::Note(text) => match &self.bars {
                Some(bars) => {
                    let _ = bars.println(printable(text, false));
                }
                None => self.output.words(text),
            },
            Event::Progress { stream, read, committed } => {
                if let Some(bar) = self.bar(stream) {
                    bar.set_position(read);
                    bar.set_message(format!("{} committed", number(committed)));
                }
            }
            Event::Ended { .. } => {}
            Event::Finished { record, error } => {
                let words = if error.is_some() { "stopped by an error" } else { "done" };
                match self.bar(&record.stream) {
                    Some(bar) => {
                        bar.set_position(record.read);
                        bar.finish_with_message(format!("{} committed, {words}", number(record.read)));
                    }
                    None if !self.output.is_json() => {
                        self.output.words(&format!("{}: {} records read, {words}", record.stream, number(record.read)));
                    }
                    None => {}
                }
            }
        }
    }
}
