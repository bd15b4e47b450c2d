//! How large the numbers of a pipeline file may be: beyond, a time that is added to a clock cannot be told any more, and a guard guards nothing.

use aqueduct_schema::{Error, Result, codes};

use crate::environment::place;
use crate::file::PipelineFile;

const DAY: u64 = 86_400;
/// Ten years, in hours.
const LONG: u64 = 87_600;

/// Holds the numbers of a file against their bounds.
///
/// # Errors
/// `AQ1002` with the place of the first number that is too large, or no share.
pub(crate) fn check(content: &PipelineFile, shown: &str, text: &str) -> Result<()> {
    let wrong = |key: &str, what: String| Err(place(Error::new(codes::BAD_YAML, what), shown, text, &format!("{key}:")));
    let quota = &content.source.quota;
    if !(quota.share > 0.0 && quota.share <= 1.0) {
        return wrong("share", "`share` of a quota is more than 0 and at most 1".to_owned());
    }
    if !(0.0..=1.0).contains(&content.quality.quarantine.maximum_share) {
        return wrong("maximum_share", "`maximum_share` of a quarantine is from 0 to 1: 0.05 is 5 %".to_owned());
    }
    let (run, count) = (&content.run, |number: usize| u64::try_from(number).unwrap_or(u64::MAX));
    for (key, number, most) in [
        ("parallel_streams", count(run.parallel_streams), 1_000),
        ("records_per_load", run.records_per_load.map_or(0, count), 1_000_000),
        ("seconds_per_load", run.seconds_per_load, DAY),
        ("idle_timeout_seconds", run.idle_timeout_seconds, DAY),
        ("answer_timeout_seconds", run.answer_timeout_seconds, DAY),
        ("retry_seconds", run.retry_seconds, 7 * DAY),
        ("calculated_refresh_hours", run.calculated_refresh_hours, LONG),
        ("association_sweep_hours", run.association_sweep_hours, LONG),
        ("ids_sweep_hours", run.ids_sweep_hours.unwrap_or(0), LONG),
        ("lease_seconds", content.control.lease_seconds, DAY),
    ] {
        if number > most {
            return wrong(key, format!("`{key}` is {most} at most, and here it is {number}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn checked(section: &str) -> Result<()> {
        let text = format!("name: p\nsource: {{ connector: files }}\ndestination: {{ url: discard:// }}\n{section}\n");
        check(&crate::file::form("p.yaml", &text).unwrap(), "p.yaml", &text)
    }

    #[test]
    fn numbers_that_no_clock_can_tell_are_refused_with_their_place() {
        for good in ["", "run: { parallel_streams: 1000, retry_seconds: 0, ids_sweep_hours: 0 }", "control: { lease_seconds: 86400 }"] {
            checked(good).unwrap();
        }
        let most = u64::MAX;
        for (section, key) in [
            ("run", "parallel_streams"),
            ("run", "records_per_load"),
            ("run", "seconds_per_load"),
            ("run", "idle_timeout_seconds"),
            ("run", "answer_timeout_seconds"),
            ("run", "retry_seconds"),
            ("run", "calculated_refresh_hours"),
            ("run", "association_sweep_hours"),
            ("run", "ids_sweep_hours"),
            ("control", "lease_seconds"),
        ] {
            let error = checked(&format!("{section}: {{ {key}: {most} }}")).unwrap_err();
            assert_eq!((error.code(), error.location().map(|place| place.line)), (codes::BAD_YAML, Some(4)), "{error}");
            assert!(error.message().starts_with(&format!("`{key}` is ")), "{error}");
        }
        for share in ["5", "-0.1", ".nan", ".inf"] {
            let error = checked(&format!("quality: {{ quarantine: {{ maximum_share: {share} }} }}")).unwrap_err();
            assert!(error.message().starts_with("`maximum_share`"), "{share}: {error}");
        }
    }
}
