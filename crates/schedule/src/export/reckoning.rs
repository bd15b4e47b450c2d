//! What other programs make of the hours in which clocks change, held against what a schedule means.

use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use crate::expression::{Civil, Expression};
use crate::occurrences::{Occurrences, Pattern};

/// How far ahead exports are checked: rules of zones are known no further.
const YEARS: i64 = 10;
/// What a change of the clock can touch.
const AROUND: SignedDuration = SignedDuration::from_hours(48);

/// How a program goes through daylight saving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reckoning {
    /// As Aqueduct: Vixie cron and those that come from it.
    Vixie,
    /// Times in a gap are left out, of those that come twice the second is: systemd (`systemd-analyze calendar` shows it).
    FirstPass,
    /// Times in a gap are left out, and those that come twice are met twice: the Go library of Kubernetes, whose documentation says the first,
    /// and <https://github.com/kubernetes/kubernetes/issues/121594> the second.
    ByTheClock,
}

/// Expressions in a zone as a program understands them: the first instant, in the hours around changes of the clock of some years, at which it
/// does something else than the schedule says.
pub(super) fn differs(
    meant: (&Pattern, &TimeZone),
    said: (&[Expression], &TimeZone),
    reckoning: Reckoning,
    from: Timestamp,
) -> Option<Timestamp> {
    changes(meant.1, said.1, from).into_iter().find_map(|change| {
        let begin = change.checked_sub(AROUND).unwrap_or(change);
        let end = change.checked_add(AROUND).unwrap_or(change);
        let own: Vec<Timestamp> = Occurrences::new(meant.0, meant.1, begin).take_while(|at| *at <= end).collect();
        let mut other: Vec<Timestamp> = said.0.iter().flat_map(|expression| met(expression, said.1, reckoning, begin, end)).collect();
        other.sort_unstable();
        other.dedup();
        let first = own.iter().find(|at| other.binary_search(at).is_err());
        let second = other.iter().find(|at| own.binary_search(at).is_err());
        [first, second].into_iter().flatten().min().copied()
    })
}

/// Whether clocks of two zones show the same in the years ahead.
pub(super) fn same_clock(one: &TimeZone, other: &TimeZone, from: Timestamp) -> bool {
    one.to_offset(from) == other.to_offset(from)
        && changes(one, other, from).into_iter().all(|change| one.to_offset(change) == other.to_offset(change))
}

/// The changes of the clock in both zones in the years ahead, after the beginning itself.
fn changes(one: &TimeZone, other: &TimeZone, from: Timestamp) -> Vec<Timestamp> {
    let until = from.checked_add(SignedDuration::from_hours(YEARS * 366 * 24)).unwrap_or(Timestamp::MAX);
    let of = |zone: &TimeZone| -> Vec<Timestamp> {
        zone.following(from).map(|change| change.timestamp()).take_while(|change| *change <= until).collect()
    };
    let mut all = of(one);
    all.extend(of(other));
    all.push(from);
    all.sort_unstable();
    all.dedup();
    all
}

fn met(expression: &Expression, zone: &TimeZone, reckoning: Reckoning, from: Timestamp, until: Timestamp) -> Vec<Timestamp> {
    let within = |at: &Timestamp| *at > from && *at <= until;
    let take = |elapsed: bool| {
        let mut expression = expression.clone();
        expression.elapsed = elapsed;
        let pattern = Pattern::Expression(Box::new(expression));
        Occurrences::new(&pattern, zone, from).take_while(|at| *at <= until).collect()
    };
    match reckoning {
        Reckoning::Vixie => take(expression.elapsed),
        Reckoning::ByTheClock => take(true),
        Reckoning::FirstPass => {
            let last = zone.to_datetime(until);
            Civil::from(expression, zone.to_datetime(from))
                .take_while(|civil| *civil <= last)
                .filter_map(|civil| match zone.to_ambiguous_timestamp(civil).offset() {
                    AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(civil).ok(),
                    AmbiguousOffset::Fold { before, .. } => before.to_timestamp(civil).ok(),
                    AmbiguousOffset::Gap { .. } => None,
                })
                .filter(within)
                .collect()
        }
    }
}
