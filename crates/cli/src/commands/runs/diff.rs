//! `aqueduct runs diff`.

use aqueduct_pipeline::control_store::RunEntry;
use aqueduct_pipeline::runs::{self, Comparison, Difference, moment};
use aqueduct_pipeline::schema::{Result, Timestamp};

use super::outcome;
use crate::commands::Context;
use crate::output::{Output, table};

/// Shows what changed from one run to another.
pub(crate) fn diff(context: &Context, one: &RunEntry, other: &RunEntry, now: Timestamp) -> Result<u8> {
    let compared = runs::compare(one, other, now);
    if context.output.is_json() {
        context.output.json_line(&compared);
    } else {
        context.output.answer(&text(one, other, &compared, &context.output));
    }
    Ok(0)
}

fn text(one: &RunEntry, other: &RunEntry, compared: &Comparison, output: &Output) -> String {
    let heading = |entry: &RunEntry| format!("{} of {}, {}, {}", entry.run_id, entry.pipeline, moment(entry.began), outcome(entry));
    let mut text = format!("one    {}\nother  {}", heading(one), heading(other));
    text.push_str("\n\n");
    if compared.notable.is_empty() {
        text.push_str("Nothing notable: the runs are much alike.");
    } else {
        text.push_str(&output.bold("Notable"));
        compared.notable.iter().for_each(|told| text.push_str(&format!("\n  {told}")));
    }
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut add = |name: &str, differences: &[Difference]| {
        for (place, difference) in differences.iter().enumerate() {
            let name = if place == 0 { name.to_owned() } else { String::new() };
            let [one, other] = difference.words.clone();
            rows.push(vec![name, difference.what.clone(), one, other, change(difference)]);
        }
    };
    add("the whole", &compared.whole);
    compared.streams.iter().for_each(|stream| add(&stream.stream, &stream.differences));
    if !rows.is_empty() {
        text.push_str(&format!("\n\n{}", table(&["", "what", "one", "other", "change"], &rows)));
    }
    let same: Vec<&str> =
        compared.streams.iter().filter(|stream| stream.differences.is_empty()).map(|stream| stream.stream.as_str()).collect();
    if !same.is_empty() {
        text.push_str(&format!("\n\nThe same in both: {}", same.join(", ")));
    }
    text
}

/// How much more or less, in per cent of the first.
fn change(difference: &Difference) -> String {
    let Difference { one, other, .. } = difference;
    if *one == 0 {
        return "from 0".to_owned();
    }
    let percent = (*other as f64 - *one as f64) / *one as f64 * 100.0;
    if percent.abs() < 999.5 { format!("{percent:+.0} %") } else { format!("x {:.0}", *other as f64 / *one as f64) }
}
