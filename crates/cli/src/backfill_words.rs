//! A backfill's plan and its ledger as people read them.

use aqueduct_pipeline::Plan;
use aqueduct_pipeline::warehouse::{Backfill, BackfillState, BackfillWindow, WindowState};

use crate::commands::backfill_state;
use crate::output::{Output, number, table};

/// Odd windows that are shown one by one; the rest is in the ledger.
const ODD: usize = 40;

fn known(value: Option<u64>) -> String {
    value.map_or_else(|| "not known".to_owned(), number)
}

/// A time that is about so long.
pub(crate) fn about(seconds: u64) -> String {
    match seconds {
        0..=1 => "1 s".to_owned(),
        2..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds.div_ceil(60)),
        7_200..=172_799 => format!("{:.1} h", seconds as f64 / 3_600.0),
        _ => format!("{:.1} days", seconds as f64 / 86_400.0),
    }
}

/// The plan as a table, with what stands under it.
pub(crate) fn plan_words(name: &str, plan: &Plan, output: &Output) -> String {
    let mut text = output.bold(&format!("Backfill of {name}: records last changed {}", plan.span));
    let time = |seconds: Option<u64>, prepared: bool| match seconds {
        Some(seconds) => format!("{}{}", about(seconds), if prepared { " and the source's own" } else { "" }),
        None => "not known".to_owned(),
    };
    let share = |calls: Option<u64>| match (calls, &plan.quota) {
        (Some(calls), Some(quota)) => format!("{:.1} %", calls as f64 * 100.0 / (quota.allowed.max(1)) as f64),
        _ => "not known".to_owned(),
    };
    let mut rows: Vec<Vec<String>> = Vec::new();
    for stream in &plan.streams {
        rows.push(vec![
            stream.stream.clone(),
            match (stream.whole, stream.alone) {
                (true, _) => "a listing of all".to_owned(),
                (false, true) => "windows, one at a time".to_owned(),
                (false, false) => "windows".to_owned(),
            },
            number(stream.windows.len() as u64),
            known(stream.records),
            known(stream.calls),
            share(stream.calls),
            time(stream.seconds, stream.prepared),
        ]);
    }
    if plan.streams.len() > 1 {
        let windows = plan.streams.iter().map(|stream| stream.windows.len() as u64).sum();
        let prepared = plan.streams.iter().any(|stream| stream.prepared);
        let total = ["total".to_owned(), String::new(), number(windows), known(plan.records), known(plan.calls), share(plan.calls)];
        rows.push(total.into_iter().chain([time(plan.seconds, prepared)]).collect());
    }
    text.push_str("\n\n");
    text.push_str(&table(&["stream", "read by", "windows", "records", "calls, about", "of the day's quota", "time, about"], &rows));
    match &plan.quota {
        Some(quota) => {
            let used = quota.used.map_or_else(String::new, |used| format!(", of which {} are used", number(used)));
            text.push_str(&format!("\n\nThe day's quota is {} calls{used}.", number(quota.allowed)));
        }
        None => text.push_str("\n\nThe source does not tell its daily quota."),
    }
    text.push_str(&format!(" Records were counted with {} calls; times are those of the declared limits.", number(plan.planning_calls)));
    if plan.ends_earlier {
        text.push_str("\nIt ends earlier than asked: what changed since is not settled yet and left to the pipeline's runs.");
    }
    for (stream, reason) in &plan.left_out {
        text.push_str(&format!("\nLeft out: {stream}; {reason}."));
    }
    text
}

/// The ledger: a line a stream, the odd windows one by one.
pub(crate) fn ledger(backfill: &Backfill, windows: &[BackfillWindow], every: bool, output: &Output) -> String {
    let mut text = output.bold(&format!("Backfill {}: {}", backfill.id, verdict(backfill, windows)));
    text.push_str(&format!("\nrecords last changed {}\n\n", backfill.span));
    let mut streams: Vec<&str> = windows.iter().map(|window| window.stream.as_str()).collect();
    streams.dedup();
    let rows: Vec<Vec<String>> = streams
        .iter()
        .map(|stream| {
            let of: Vec<&BackfillWindow> = windows.iter().filter(|window| window.stream == *stream).collect();
            let sum = |value: fn(&BackfillWindow) -> u64| number(of.iter().map(|window| value(window)).sum());
            let counted: Vec<&&BackfillWindow> = of.iter().filter(|window| window.expected.is_some()).collect();
            let at_source =
                if counted.is_empty() { "-".to_owned() } else { number(counted.iter().filter_map(|window| window.expected).sum()) };
            let verified = of.iter().filter(|window| window.state == WindowState::Verified).count() as u64;
            [stream.to_string(), number(of.len() as u64), number(verified), at_source]
                .into_iter()
                .chain([sum(|window| window.read), sum(|window| window.loaded), sum(|window| window.unchanged)])
                .chain([sum(|window| window.quarantined), sum(|window| window.filtered), sum(|window| window.requests)])
                .collect()
        })
        .collect();
    let headings = ["stream", "windows", "verified", "at source", "read", "loaded", "unchanged", "quarantined", "repeated", "calls"];
    text.push_str(&table(&headings, &rows));
    let odd: Vec<&BackfillWindow> = windows.iter().filter(|window| every || is_odd(window)).collect();
    if !odd.is_empty() {
        let most = if every { odd.len() } else { ODD };
        let rows: Vec<Vec<String>> = odd.iter().take(most).map(|window| row(window)).collect();
        text.push_str("\n\n");
        text.push_str(&table(&["stream", "window", "state", "attempts", "at source", "in warehouse", "read", "why"], &rows));
        if odd.len() > most {
            text.push_str(&format!("\n… and {} more; `aqueduct backfill status {} --windows` shows all.", odd.len() - most, backfill.id));
        }
    }
    let waiting = windows.iter().filter(|window| window.state == WindowState::Pending && window.attempts == 0).count();
    if waiting > 0 {
        text.push_str(&format!("\n\n{} windows are not begun.", number(waiting as u64)));
    }
    text
}

fn verdict(backfill: &Backfill, windows: &[BackfillWindow]) -> String {
    let unverified = windows.iter().filter(|window| window.state == WindowState::Loaded).count();
    match backfill.state {
        BackfillState::Complete if unverified > 0 => format!("complete; {unverified} windows could not be verified"),
        BackfillState::Complete => "complete, every window verified".to_owned(),
        BackfillState::Differs => "SOURCE AND WAREHOUSE DIFFER, see below".to_owned(),
        BackfillState::Stopped => "stopped after a checkpoint".to_owned(),
        BackfillState::Paused | BackfillState::Running => backfill_state(backfill).to_owned(),
    }
}

/// Whether a window is worth a line of its own: it is not verified, or was read more than once.
fn is_odd(window: &BackfillWindow) -> bool {
    match window.state {
        WindowState::Verified => window.attempts > 1,
        WindowState::Pending => window.attempts > 0,
        _ => true,
    }
}

fn row(window: &BackfillWindow) -> Vec<String> {
    let dash = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), number);
    vec![
        window.stream.clone(),
        window.span.to_string(),
        window.state.word().to_owned(),
        number(window.attempts.into()),
        dash(window.expected),
        dash(window.found),
        number(window.read),
        window.error.clone().unwrap_or_default(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_round() {
        assert_eq!([0, 59, 119, 120, 601, 7_200, 200_000].map(about), ["1 s", "59 s", "119 s", "2 min", "11 min", "2.0 h", "2.3 days"]);
    }
}
