//! `aqueduct runs tail`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use aqueduct_pipeline::control_store::{Control, Outcome, RunEntry, RunFilter};
use aqueduct_pipeline::runs::{RunLine, amount, moment, span};
use aqueduct_pipeline::schema::{Result, Timestamp};
use aqueduct_pipeline::{Clock, ControlAddress, SystemClock};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio::sync::watch;

use super::address;
use crate::commands::Context;
use crate::commands::run::Signals;
use crate::output::Output;

/// How often the ledger is looked at.
const EVERY: Duration = Duration::from_secs(1);
/// Runs that are looked at: more than begin in a moment, and than run at once.
const LOOKED_AT: usize = 500;

/// Follows runs until somebody stops it.
pub(crate) async fn tail(context: &Context, pipeline: Option<&Path>) -> Result<u8> {
    let (address, of) = address(context, pipeline)?;
    let mut signals = Signals::listen().stop;
    let began = SystemClock.now();
    let Some((control, waited)) = opened(context, &address, &mut signals).await? else { return Ok(0) };
    // In a store that was not there when this began, everything is news.
    let since = if waited { began } else { control.now().await? };
    let mut follow = Follow { output: context.output.clone(), of, bars: None, running: BTreeMap::new(), told: BTreeSet::new(), since };
    follow.bars = context.output.draws().then(MultiProgress::new);
    loop {
        follow.look(&control, control.now().await?).await?;
        if stopped(&mut signals).await {
            return Ok(0);
        }
    }
}

/// The store, once there is one, and whether it was waited for; nothing when somebody stops the waiting.
async fn opened(context: &Context, address: &ControlAddress, signals: &mut watch::Receiver<bool>) -> Result<Option<(Control, bool)>> {
    let mut said = false;
    loop {
        if let Some(control) = address.open_existing().await? {
            return Ok(Some((control, said)));
        }
        if !said {
            context.output.words("No pipeline has run here yet; waiting for the first run.");
            said = true;
        }
        if stopped(signals).await {
            return Ok(None);
        }
    }
}

/// Waits for the next look; true when somebody stops it.
async fn stopped(signals: &mut watch::Receiver<bool>) -> bool {
    tokio::select! {
        () = SystemClock.sleep(EVERY) => false,
        _ = signals.wait_for(|stop| *stop) => true,
    }
}

struct Follow {
    output: Output,
    of: Option<String>,
    bars: Option<MultiProgress>,
    /// Runs that were under way when they were last looked at: what was said of them, and their bar.
    running: BTreeMap<String, (String, Option<ProgressBar>)>,
    /// Runs whose end was told.
    told: BTreeSet<String>,
    /// From when on an end is news.
    since: Timestamp,
}

impl Follow {
    async fn look(&mut self, control: &Control, now: Timestamp) -> Result<()> {
        let filter = RunFilter { pipeline: self.of.clone(), limit: LOOKED_AT, ..RunFilter::default() };
        let mut entries = control.runs(&filter).await?;
        entries.reverse();
        for entry in entries {
            if entry.outcome == Outcome::Running {
                self.goes_on(&entry, now);
            } else if self.running.contains_key(&entry.run_id) || (self.is_news(&entry) && !self.told.contains(&entry.run_id)) {
                self.ended(&entry);
            }
        }
        Ok(())
    }

    /// Whether it ended since somebody follows.
    fn is_news(&self, entry: &RunEntry) -> bool {
        entry.written.is_some_and(|written| written >= self.since) && entry.ended.is_some()
    }

    fn goes_on(&mut self, entry: &RunEntry, now: Timestamp) {
        let words = words(entry);
        let known = self.running.get(&entry.run_id);
        if known.is_some_and(|(said, bar)| *said == words && bar.is_none()) {
            return;
        }
        if self.output.is_json() {
            self.output.json_line(entry);
        } else if let Some(bars) = &self.bars {
            let bar = known.and_then(|(_, bar)| bar.clone()).unwrap_or_else(|| new_bar(bars));
            bar.set_message(format!("{words}, {}", span(entry.duration(now))));
            self.running.insert(entry.run_id.clone(), (words, Some(bar)));
            return;
        } else {
            self.output.data(&format!("{} {words}", moment(now)));
        }
        self.running.insert(entry.run_id.clone(), (words, None));
    }

    fn ended(&mut self, entry: &RunEntry) {
        self.told.insert(entry.run_id.clone());
        if let Some((_, Some(bar))) = self.running.remove(&entry.run_id) {
            bar.finish_and_clear();
        }
        if self.output.is_json() {
            self.output.json_line(entry);
            return;
        }
        let at = entry.ended.or(entry.written).unwrap_or(entry.began);
        let line = format!("{} {}", moment(at), RunLine::of(entry, None));
        match &self.bars {
            // Above the bars of those that go on.
            Some(bars) => bars.suspend(|| self.output.data(&line)),
            None => self.output.data(&line),
        }
    }
}

fn new_bar(bars: &MultiProgress) -> ProgressBar {
    let bar = bars.add(ProgressBar::new_spinner());
    if let Ok(style) = ProgressStyle::with_template("{spinner:.cyan} {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// What a run that goes on has done so far.
fn words(entry: &RunEntry) -> String {
    let streams: Vec<String> = entry
        .streams
        .iter()
        .filter(|stream| stream.counts.read > 0 || stream.ended)
        .map(|stream| {
            let windows = stream.windows.map_or_else(String::new, |(done, all)| format!(", {done} of {all} windows"));
            format!("{} {} read{windows}{}", stream.stream, amount(stream.counts.read), if stream.ended { ", done" } else { "" })
        })
        .collect();
    let what = if streams.is_empty() { "has begun".to_owned() } else { streams.join("; ") };
    format!("{}: {} running, {what} [{}]", entry.pipeline, entry.kind.words(), entry.run_id)
}
