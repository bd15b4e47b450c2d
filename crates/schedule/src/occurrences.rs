//! The occurrences of a pattern in a time zone, through daylight saving.
//!
//! Fixed times of day (`30 2 * * *`) are met once on each of their days: one that the clock leaves out at the first instant after the gap, one that
//! comes twice the first time. What goes by elapsed time (`*/15 * * * *`) is met whenever the clock shows it: not inside a gap, and in both
//! passes of a repeated hour. Vixie cron draws the same line, at a `*` at the beginning of a field of the time of day.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

use crate::expression::{Civil, Expression};
use crate::interval::Interval;
use crate::zone::first_instant;

/// What a schedule repeats.
#[derive(Clone, Debug)]
pub(crate) enum Pattern {
    /// Fields of cron.
    Expression(Box<Expression>),
    /// A span.
    Interval(Interval),
}

/// Occurrences in order, none twice.
#[derive(Clone, Debug)]
pub struct Occurrences<'s> {
    zone: &'s TimeZone,
    /// The latest one given; before the first, the instant after which they are asked for.
    last: Timestamp,
    walk: Walk<'s>,
}

#[derive(Clone, Debug)]
enum Walk<'s> {
    Interval(Interval),
    /// Fixed times of day.
    Fixed(Civil<'s>),
    /// Times as the clock shows them, from one change of the clock to the next.
    Elapsed {
        expression: &'s Expression,
        civil: Civil<'s>,
        offset: Offset,
        until: Option<Timestamp>,
    },
}

impl<'s> Occurrences<'s> {
    pub(crate) fn new(pattern: &'s Pattern, zone: &'s TimeZone, after: Timestamp) -> Self {
        let walk = match pattern {
            Pattern::Interval(interval) => Walk::Interval(*interval),
            // Of what comes later by the clock nothing comes earlier in time, so the clock's own time is where to begin.
            Pattern::Expression(expression) if !expression.elapsed => Walk::Fixed(Civil::from(expression, zone.to_datetime(after))),
            Pattern::Expression(expression) => Walk::stretch(expression, zone, after),
        };
        Self { zone, last: after, walk }
    }
}

impl<'s> Walk<'s> {
    /// The stretch between two changes of the clock in which an instant lies, from that instant on.
    fn stretch(expression: &'s Expression, zone: &'s TimeZone, from: Timestamp) -> Self {
        let offset = zone.to_offset(from);
        let until = zone.following(from).next().map(|change| change.timestamp());
        Self::Elapsed { expression, civil: Civil::from(expression, offset.to_datetime(from)), offset, until }
    }
}

impl Iterator for Occurrences<'_> {
    type Item = Timestamp;

    fn next(&mut self) -> Option<Timestamp> {
        loop {
            let found = match &mut self.walk {
                Walk::Interval(interval) => interval.next_after(self.zone, self.last)?,
                Walk::Fixed(civil) => match first_instant(self.zone, civil.next()?) {
                    Some(instant) => instant,
                    None => continue,
                },
                Walk::Elapsed { expression, civil, offset, until } => {
                    let next = civil.peek().and_then(|time| offset.to_timestamp(time).ok());
                    match (next, *until) {
                        (Some(instant), until) if until.is_none_or(|until| instant < until) => {
                            civil.next();
                            instant
                        }
                        (_, Some(until)) => {
                            let expression = *expression;
                            self.walk = Walk::stretch(expression, self.zone, until);
                            continue;
                        }
                        _ => return None,
                    }
                }
            };
            // Several times of one gap are one instant, and the second pass of a repeated hour shows times that have been.
            if found > self.last {
                self.last = found;
                return Some(found);
            }
        }
    }
}
