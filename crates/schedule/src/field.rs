//! One field of a cron expression: checked, with mistakes told by their place, and in numbers.

use std::ops::RangeInclusive;

use crate::expression::Problem;

/// Which field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Second,
    Minute,
    Hour,
    Day,
    Month,
    Weekday,
}

const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

impl Kind {
    fn article(self) -> &'static str {
        if self == Self::Hour { "an" } else { "a" }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day of the month",
            Self::Month => "month",
            Self::Weekday => "weekday",
        }
    }

    pub(crate) fn range(self) -> RangeInclusive<u8> {
        match self {
            Self::Second | Self::Minute => 0..=59,
            Self::Hour => 0..=23,
            Self::Day => 1..=31,
            Self::Month => 1..=12,
            Self::Weekday => 0..=7,
        }
    }

    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Month => &MONTHS,
            Self::Weekday => &WEEKDAYS,
            _ => &[],
        }
    }

    /// The number that the first name of the names stands for.
    fn first(self) -> u8 {
        u8::from(self == Self::Month)
    }
}

/// Days that are told otherwise than by a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Special {
    /// `L`: the last day of the month.
    LastDay,
    /// `LW`: the last of Monday to Friday.
    LastWorkday,
    /// `15W`: that of Monday to Friday which is nearest to a day.
    NearestWorkday(u8),
    /// `TUE#2`: a weekday for the n-th time in the month.
    Nth(u8, u8),
    /// `FRIL`: a weekday for the last time in the month.
    LastWeekday(u8),
}

/// A field that is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// It in numbers, as croner takes it.
    pub(crate) text: String,
    /// Whether it begins with `*`.
    pub(crate) star: bool,
    /// Whether it is `*`, and so no condition.
    pub(crate) any: bool,
    /// Its numbers, in order; Sunday is 0.
    pub(crate) values: Vec<u8>,
    /// Its other days.
    pub(crate) special: Vec<Special>,
    /// `n`, where it is exactly `*/n`.
    pub(crate) step: Option<u8>,
}

impl Field {
    /// Reads a field, which begins at `offset` of the expression.
    pub(crate) fn parse(kind: Kind, written: &str, offset: usize) -> Result<Self, Problem> {
        let mut field = Self {
            text: String::new(),
            star: written.starts_with(['*', '?']),
            any: matches!(written, "*" | "?"),
            values: Vec::new(),
            special: Vec::new(),
            step: None,
        };
        let mut at = offset;
        let mut texts = Vec::new();
        for part in written.split(',') {
            texts.push(field.part(kind, part, at)?);
            at += part.len() + 1;
        }
        if texts.len() > 1 && texts.iter().any(|text| text == "*") {
            let message = format!("`{written}` lists `*` beside other values of the {}, which are all in `*`", kind.name());
            return Err(Problem::new(offset, message));
        }
        field.values.sort_unstable();
        field.values.dedup();
        field.text = texts.join(",");
        Ok(field)
    }

    /// Takes one part of a list in and gives it in numbers.
    fn part(&mut self, kind: Kind, part: &str, at: usize) -> Result<String, Problem> {
        if part.is_empty() {
            return Err(Problem::new(at, format!("the {} has an empty place in its list", kind.name())));
        }
        if part == "?" && matches!(kind, Kind::Day | Kind::Weekday) {
            return self.part(kind, "*", at);
        }
        if let Some((range, step)) = part.split_once('/') {
            return self.stepped(kind, range, step, at);
        }
        if part == "*" {
            self.take(kind, *kind.range().start(), *kind.range().end(), 1);
            return Ok("*".to_owned());
        }
        if let Some(special) = special(kind, part, at)? {
            self.special.push(special);
            return Ok(match special {
                Special::LastDay => "L".to_owned(),
                Special::LastWorkday => "LW".to_owned(),
                Special::NearestWorkday(day) => format!("{day}W"),
                Special::Nth(weekday, nth) => format!("{weekday}#{nth}"),
                Special::LastWeekday(weekday) => format!("{weekday}L"),
            });
        }
        let (from, until) = bounds(kind, part, at)?;
        self.take(kind, from, until, 1);
        Ok(if part.contains('-') { format!("{from}-{until}") } else { from.to_string() })
    }

    fn stepped(&mut self, kind: Kind, range: &str, step: &str, at: usize) -> Result<String, Problem> {
        let step_at = at + range.len() + 1;
        let (low, high) = (*kind.range().start(), *kind.range().end());
        let step: u8 = step.parse().ok().filter(|step| *step > 0).ok_or_else(|| {
            Problem::new(step_at, format!("`{step}` is not a step of the {}: write a number above 0 after the `/`", kind.name()))
        })?;
        let (from, until) = if range == "*" {
            (low, if kind == Kind::Weekday { 6 } else { high })
        } else if range.contains('-') {
            bounds(kind, range, at)?
        } else {
            let problem = Problem::new(at, format!("`{range}/{step}` has a step but no range to go through"));
            return Err(problem.advise(format!("Write `{range}-{high}/{step}`, or `*/{step}`.")));
        };
        if step > until - from {
            let mut problem = Problem::new(
                step_at,
                format!("a step of {step} leaves nothing but {from}: the {} goes from {from} to {until}", kind.name()),
            );
            let unit = match kind {
                Kind::Second => Some('s'),
                Kind::Minute => Some('m'),
                Kind::Hour => Some('h'),
                _ => None,
            };
            if let Some(unit) = unit.filter(|_| range == "*") {
                problem = problem.advise(format!("For an interval of {step}{unit} write `every: {step}{unit}` in place of `cron`."));
            }
            return Err(problem);
        }
        if range == "*" {
            self.step = Some(step);
        }
        self.take(kind, from, until, step);
        Ok(if range == "*" { format!("*/{step}") } else { format!("{from}-{until}/{step}") })
    }

    fn take(&mut self, kind: Kind, from: u8, until: u8, step: u8) {
        let sunday_is_0 = |value: u8| if kind == Kind::Weekday { value % 7 } else { value };
        self.values.extend((from..=until).step_by(usize::from(step)).map(sunday_is_0));
    }
}

/// The two ends of a range, or a number twice.
fn bounds(kind: Kind, part: &str, at: usize) -> Result<(u8, u8), Problem> {
    let Some((from, until)) = part.split_once('-') else {
        let value = number(kind, part, at)?;
        return Ok((value, value));
    };
    let until_at = at + from.len() + 1;
    if from.is_empty() || until.is_empty() {
        let problem = Problem::new(at, format!("`{part}` is a range that lacks an end"));
        return Err(problem.advise(format!(
            "Write both ends with a `-` between them, as in `{}-{}`.",
            kind.range().start(),
            kind.range().end()
        )));
    }
    let (low, mut high) = (number(kind, from, at)?, number(kind, until, until_at)?);
    // A range that ends with Sunday, where that is written as a name or as 0, ends the week.
    if kind == Kind::Weekday && high == 0 && low > 0 {
        high = 7;
    }
    if low > high {
        let (first, last) = (*kind.range().start(), if kind == Kind::Weekday { 6 } else { *kind.range().end() });
        let problem = Problem::new(at, format!("`{part}` ends before it begins"));
        return Err(problem.advise(format!("Write `{low}-{last},{first}-{high}` to go over the end.")));
    }
    Ok((low, high))
}

/// `L`, `LW`, `15W`, `TUE#2`, `FRIL`: what only days know.
fn special(kind: Kind, part: &str, at: usize) -> Result<Option<Special>, Problem> {
    let upper = part.to_ascii_uppercase();
    match kind {
        Kind::Day => match upper.as_str() {
            "L" => Ok(Some(Special::LastDay)),
            "LW" | "WL" => Ok(Some(Special::LastWorkday)),
            other => match other.strip_suffix('W') {
                Some(day) => Ok(Some(Special::NearestWorkday(number(kind, day, at)?))),
                None => Ok(None),
            },
        },
        Kind::Weekday => {
            if let Some((weekday, nth)) = part.split_once('#') {
                let nth_at = at + weekday.len() + 1;
                let nth = nth.parse().ok().filter(|nth| (1..=5).contains(nth));
                let nth = nth.ok_or_else(|| Problem::new(nth_at, "a weekday comes 1 to 5 times in a month: write 1 to 5 after the `#`"))?;
                return Ok(Some(Special::Nth(number(kind, weekday, at)? % 7, nth)));
            }
            if upper == "L" {
                let problem = Problem::new(at, "`L` alone is no weekday");
                return Err(
                    problem.advise("Write `FRIL` for the last Friday of the month, or `L` as the day of the month for its last day.")
                );
            }
            match upper.strip_suffix('L') {
                Some(weekday) => Ok(Some(Special::LastWeekday(number(kind, weekday, at)? % 7))),
                None => Ok(None),
            }
        }
        _ => Ok(None),
    }
}

/// A number or a name.
fn number(kind: Kind, word: &str, at: usize) -> Result<u8, Problem> {
    let (low, high) = (*kind.range().start(), *kind.range().end());
    let name = word.to_ascii_uppercase();
    if let Some(position) = kind.names().iter().position(|known| *known == name) {
        return Ok(u8::try_from(position).unwrap_or_default() + kind.first());
    }
    let range = format!("{low} to {high}");
    if !word.is_empty() && word.chars().all(|c| c.is_ascii_digit()) {
        return word.parse().ok().filter(|value| (low..=high).contains(value)).ok_or_else(|| {
            let problem = Problem::new(at, format!("`{word}` is not {} {}: that is {range}", kind.article(), kind.name()));
            match (kind, word) {
                (Kind::Hour, "24") => problem.advise("Midnight is hour 0."),
                (Kind::Minute | Kind::Second, "60") => problem.advise("The full hour or minute is 0."),
                _ => problem,
            }
        });
    }
    let or_a_name = if kind.names().is_empty() { "" } else { " or a name" };
    let problem = Problem::new(at, format!("`{word}` is not {} {}: that is {range}{or_a_name}", kind.article(), kind.name()));
    // Only the first letters of a name count here, so a whole one is nearest to its own.
    let letters: String = name.chars().take(3).collect();
    let near =
        kind.names().iter().min_by_key(|known| (strsim::damerau_levenshtein(&letters, known), strsim::damerau_levenshtein(&name, known)));
    Err(match near.filter(|known| strsim::damerau_levenshtein(&letters, known) <= 1) {
        Some(near) => problem.advise(format!("Did you mean `{near}`?")),
        None => problem,
    })
}
