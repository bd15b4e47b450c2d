//! Whether a column of days such as `03/04/2026` has the day or the month first, told by those of its values that are certain.

use super::day;
use super::text::{Presence, presence_without_na, to_ascii_forms};

/// What the values of a column say about its order of day and month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DayOrder {
    /// Some value can only have the day first, and none the month.
    DayFirst,
    /// Some value can only have the month first, and none the day.
    MonthFirst,
    /// Some values have the one first, others the other: no order can be declared.
    Mixed,
    /// No value tells.
    Unknown,
}

impl DayOrder {
    /// The declaration `day_first` that follows, if one does.
    pub fn day_first(self) -> Option<bool> {
        match self {
            Self::DayFirst => Some(true),
            Self::MonthFirst => Some(false),
            Self::Mixed | Self::Unknown => None,
        }
    }
}

/// Looks at a whole column. Cleaning itself never does: a value must come out the same whatever stands beside it, so that what is found
/// here is a proposal for the declaration `day_first`.
pub fn day_order<'v>(values: impl IntoIterator<Item = &'v str>) -> DayOrder {
    let (mut day_first, mut month_first) = (false, false);
    for value in values {
        let Presence::Value(text) = presence_without_na(value) else { continue };
        let plain = to_ascii_forms(text);
        day_first |= day::read(plain.trim(), Some(false)).is_ok_and(|found| !found.as_declared);
        month_first |= day::read(plain.trim(), Some(true)).is_ok_and(|found| !found.as_declared);
    }
    match (day_first, month_first) {
        (true, true) => DayOrder::Mixed,
        (true, false) => DayOrder::DayFirst,
        (false, true) => DayOrder::MonthFirst,
        (false, false) => DayOrder::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_certain_value_tells_of_the_column() {
        assert_eq!(day_order(["03/04/2026", "31/01/2026", "2026-01-31", "n/a", "soon"]), DayOrder::DayFirst);
        assert_eq!(day_order(["03/04/2026", "01/31/2026 12:00"]), DayOrder::MonthFirst);
        assert_eq!(day_order(["31/01/2026", "01/31/2026"]), DayOrder::Mixed);
        assert_eq!(day_order(["03/04/2026", "05/05/2026", "2026-12-31", ""]), DayOrder::Unknown);
        assert_eq!(DayOrder::Mixed.day_first(), None);
    }
}
