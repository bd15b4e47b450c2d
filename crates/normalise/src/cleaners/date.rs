//! Calendar days as `YYYY-MM-DD`.

use aqueduct_schema::Cleaned;

use super::CleaningContext;
use super::civil::Day;
use super::day::{self, DayProblem};
use super::text::{Presence, presence_without_na, to_ascii_forms};

/// The version of these rules.
pub(super) const VERSION: u32 = 1;

rules! { Date;
    Missing "date.empty" "  " => None, "There is nothing but space.";
    Missing "date.placeholder" "n/a" => None, "The text stands for no value.";
    Missing "date.sentinel" "1900-01-01" => None, "Programs write this day when there is none.";
    Fixed "date.rewritten" "31/01/2026" => Some("2026-01-31"), "The day was written as YYYY-MM-DD; the order of day and month was certain or declared.";
    Fixed "date.time_removed" "2026-01-31T00:00:00Z" => Some("2026-01-31"), "A time of midnight was taken out.";
    Suspect "date.had_time" "2026-01-31T23:30:00Z" => Some("2026-01-31"), "There was a time of day; the day is kept as written, in another zone it can be another.";
    Suspect "date.epoch" "1970-01-01" => Some("1970-01-01"), "The first day that computers count is often a zero, but also a birthday.";
    Suspect "date.unlikely_year" "0206-01-31" => Some("0206-01-31"), "The year is before 1880 or after 2200.";
    Suspect "date.ambiguous_order" "03/04/2026" => None, "Day and month could change places, and no order is declared.";
    Suspect "date.unexpected_order" "01/31/2026" => Some("2026-01-31"), "Day and month are certain, but not in the declared order.", { day_first: true };
    Suspect "date.two_digit_year" "31/01/26" => None, "The century is not written.";
    Suspect "date.serial_number" "45356" => None, "It may be a spreadsheet's count of days or an epoch; which is not written.";
    Invalid "date.impossible" "2026-02-30" => None, "There is no such day.";
    Invalid "date.malformed" "soon" => None, "It is no day.";
}

pub(super) fn clean<'v>(value: &'v str, context: &CleaningContext<'_>) -> Cleaned<'v> {
    if value.len() == 10
        && let Some(day) = Day::at_start(value.as_bytes())
    {
        return match doubt(day) {
            Doubt::None => Cleaned::ok(value),
            Doubt::Sentinel => Cleaned::missing("date.sentinel"),
            Doubt::Suspect(code) => Cleaned::suspect(value, code),
        };
    }
    let text = match presence_without_na(value) {
        Presence::Empty => return Cleaned::missing("date.empty"),
        Presence::Placeholder => return Cleaned::missing("date.placeholder"),
        Presence::Value(text) => text,
    };
    let plain = to_ascii_forms(text);
    let plain = plain.trim();
    if plain.bytes().all(|byte| byte.is_ascii_digit()) && plain.len() != 8 {
        return Cleaned::suspect_without_value("date.serial_number");
    }
    let found = match day::read(plain, context.day_first) {
        Ok(found) => found,
        Err(DayProblem::Ambiguous) => return Cleaned::suspect_without_value("date.ambiguous_order"),
        Err(DayProblem::TwoDigitYear) => return Cleaned::suspect_without_value("date.two_digit_year"),
        Err(DayProblem::Zero) => return Cleaned::missing("date.sentinel"),
        Err(DayProblem::Impossible) => return Cleaned::invalid("date.impossible"),
        Err(DayProblem::Malformed) => return Cleaned::invalid("date.malformed"),
    };
    let time = match time_of(found.rest) {
        Some(time) => time,
        None => return Cleaned::invalid("date.malformed"),
    };
    let clean = found.day.text();
    match doubt(found.day) {
        Doubt::Sentinel => Cleaned::missing("date.sentinel"),
        Doubt::Suspect(code) => Cleaned::suspect(clean, code),
        Doubt::None if time == Time::Other => Cleaned::suspect(clean, "date.had_time"),
        Doubt::None if !found.as_declared => Cleaned::suspect(clean, "date.unexpected_order"),
        Doubt::None if time == Time::Midnight => Cleaned::fixed(clean, "date.time_removed"),
        Doubt::None => Cleaned::fixed(clean, "date.rewritten"),
    }
}

enum Doubt {
    None,
    Sentinel,
    Suspect(&'static str),
}

fn doubt(day: Day) -> Doubt {
    match (day.year, day.month, day.day) {
        (1900, 1, 1) | (9999, 12, 31) | (1, 1, 1) | (1899, 12, 30 | 31) | (1753, 1, 1) => Doubt::Sentinel,
        (1970, 1, 1) => Doubt::Suspect("date.epoch"),
        (..1880 | 2201.., ..) => Doubt::Suspect("date.unlikely_year"),
        _ => Doubt::None,
    }
}

#[derive(PartialEq)]
enum Time {
    None,
    Midnight,
    Other,
}

/// What kind of time follows a day; `None` when what follows is no time.
fn time_of(rest: &str) -> Option<Time> {
    let clock = rest.trim_start_matches(['T', 't', ' ', ',']);
    if clock.is_empty() {
        return rest.trim().is_empty().then_some(Time::None);
    }
    let is_time = clock.as_bytes()[0].is_ascii_digit()
        && clock.contains(':')
        && clock.bytes().all(|byte| byte.is_ascii_digit() || b":.,+-ZzAPMapm UTCGutcg".contains(&byte));
    let at_midnight = clock.split(['Z', 'z', '+', '-', ' ']).next()?.bytes().all(|byte| matches!(byte, b'0' | b':' | b'.' | b','));
    let after = clock.find([' ', 'P', 'p']).map_or("", |place| &clock[place..]);
    is_time.then_some(if at_midnight && !after.contains(['P', 'p']) { Time::Midnight } else { Time::Other })
}

#[cfg(test)]
mod tests {
    use crate::cleaners::CleaningContext;
    use crate::cleaners::vectors::{check, check_in};
    use aqueduct_schema::SemanticType::Date;

    #[test]
    fn days_in_many_forms() {
        check(
            Date,
            &[
                ("2026-01-31", Some("2026-01-31"), ""),
                ("2024-02-29", Some("2024-02-29"), ""),
                ("2026-1-5", Some("2026-01-05"), "date.rewritten"),
                ("2026/01/31", Some("2026-01-31"), "date.rewritten"),
                ("20260131", Some("2026-01-31"), "date.rewritten"),
                ("31.01.2026", Some("2026-01-31"), "date.rewritten"),
                ("01/31/2026", Some("2026-01-31"), "date.rewritten"),
                ("05/05/2026", Some("2026-05-05"), "date.rewritten"),
                ("5 Mar 2026", Some("2026-03-05"), "date.rewritten"),
                ("05-Mar-2026", Some("2026-03-05"), "date.rewritten"),
                ("March 5th, 2026", Some("2026-03-05"), "date.rewritten"),
                ("Thursday, 5 March 2026", Some("2026-03-05"), "date.rewritten"),
                ("5th Sept 2026", Some("2026-09-05"), "date.rewritten"),
                ("2026-01-31 00:00:00.000", Some("2026-01-31"), "date.time_removed"),
                ("2026-01-31T00:00:00+02:00", Some("2026-01-31"), "date.time_removed"),
                ("1/31/2026 2:22 PM", Some("2026-01-31"), "date.had_time"),
                ("03/04/2026", None, "date.ambiguous_order"),
                ("3.4.2026", None, "date.ambiguous_order"),
                ("31/01/26", None, "date.two_digit_year"),
                ("1767225600000", None, "date.serial_number"),
                ("2023-02-29", None, "date.impossible"),
                ("31/31/2026", None, "date.impossible"),
                ("0000-00-00", None, "date.sentinel"),
                ("9999-12-31", None, "date.sentinel"),
                ("01/01/1900", None, "date.sentinel"),
                ("2026-01", None, "date.malformed"),
                ("2026-01-31 or so", None, "date.malformed"),
                ("Q1 2026", None, "date.malformed"),
            ],
        );
        let european = CleaningContext { day_first: Some(true), ..CleaningContext::default() };
        check_in(
            Date,
            &european,
            &[("03/04/2026", Some("2026-04-03"), "date.rewritten"), ("03/14/2026", Some("2026-03-14"), "date.unexpected_order")],
        );
        let american = CleaningContext { day_first: Some(false), ..CleaningContext::default() };
        check_in(Date, &american, &[("03/04/2026", Some("2026-03-04"), "date.rewritten")]);
    }
}
