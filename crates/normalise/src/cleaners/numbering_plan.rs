//! The numbering plans of countries, from the metadata of Google's libphonenumber that the crate `phonenumber` carries.
//!
//! That crate parses one number in tens of microseconds behind one lock. The plans are the same data with their patterns compiled once and
//! on first use, so that asking whether a number is valid takes a few hundred nanoseconds and no lock.

use std::sync::{LazyLock, OnceLock};

use phonenumber::metadata::{DATABASE, Descriptor, Descriptors};
use regex::Regex;

/// A pattern over ASCII digits, compiled on first use.
struct Pattern {
    source: String,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// A pattern that a whole text must match.
    fn whole(source: &str) -> Self {
        Self { source: format!("(?-u)^(?:{})$", without_space(source)), compiled: OnceLock::new() }
    }

    /// A pattern that the start of a text must match.
    fn start(source: &str) -> Self {
        Self { source: format!("(?-u)^(?:{})", without_space(source)), compiled: OnceLock::new() }
    }

    fn regex(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| Regex::new(&self.source).ok()).as_ref()
    }

    fn is_match(&self, digits: &str) -> bool {
        self.regex().is_some_and(|regex| regex.is_match(digits))
    }
}

/// The metadata lays its patterns out over lines.
fn without_space(source: &str) -> String {
    source.chars().filter(|c| !c.is_whitespace()).collect()
}

/// A kind of number of a plan: mobile, fixed line, toll free and so on.
struct Kind {
    name: &'static str,
    lengths: Vec<u16>,
    pattern: Pattern,
}

/// One country's plan, or that of a service without a country.
pub(super) struct Plan {
    /// The country as ISO 3166-1 alpha-2; `001` for services without one.
    country: String,
    country_code: u16,
    general: Pattern,
    kinds: Vec<Kind>,
    /// The lengths of all kinds, sorted.
    lengths: Vec<u16>,
    /// Lengths of numbers without their area code.
    local_lengths: Vec<u16>,
    /// The start of numbers of this country, where several share a calling code.
    leading_digits: Option<Pattern>,
    international_prefix: Option<Pattern>,
    national_prefix: Option<Pattern>,
    transform: Option<String>,
}

/// How a number's length fits its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// A number of this length exists.
    Possible,
    /// Numbers of this length exist only without their area code.
    LocalOnly,
    /// Every number is longer.
    TooShort,
    /// Every number is shorter.
    TooLong,
    /// Numbers are shorter or longer.
    Between,
}

impl Plan {
    fn new(metadata: &phonenumber::Metadata) -> Self {
        let descriptors = metadata.descriptors();
        let mut kinds = Vec::new();
        let (mut lengths, mut local_lengths) = (Vec::new(), Vec::new());
        for (name, descriptor) in kinds_of(descriptors) {
            lengths.extend_from_slice(descriptor.possible_length());
            local_lengths.extend_from_slice(descriptor.possible_local_length());
            kinds.push(Kind {
                name,
                lengths: descriptor.possible_length().to_vec(),
                pattern: Pattern::whole(descriptor.national_number().as_str()),
            });
        }
        for list in [&mut lengths, &mut local_lengths] {
            list.sort_unstable();
            list.dedup();
        }
        Self {
            country: metadata.id().to_owned(),
            country_code: metadata.country_code(),
            general: Pattern::whole(descriptors.general().national_number().as_str()),
            kinds,
            lengths,
            local_lengths,
            leading_digits: metadata.leading_digits().map(|pattern| Pattern::start(pattern.as_str())),
            international_prefix: metadata.international_prefix().map(|pattern| Pattern::start(pattern.as_str())),
            // Where the metadata has no pattern to read by, the trunk prefix itself is the pattern.
            national_prefix: metadata
                .national_prefix_for_parsing()
                .map(|pattern| pattern.as_str())
                .or(metadata.national_prefix())
                .map(Pattern::start),
            transform: metadata.national_prefix_transform_rule().map(|rule| rule.replace("$1", "${1}").replace("$2", "${2}")),
        }
    }

    /// The country, unless it is a service without one.
    fn country(&self) -> Option<&str> {
        (self.country.len() == 2).then_some(self.country.as_str())
    }

    /// The calling code, for example 44.
    pub(super) fn country_code(&self) -> u16 {
        self.country_code
    }

    /// Whether a number without its calling code has the general shape of this plan.
    pub(super) fn has_general_shape(&self, national: &str) -> bool {
        self.general.is_match(national)
    }

    /// Whether a number without its calling code is of one of the plan's kinds.
    fn is_valid(&self, national: &str) -> bool {
        let length = u16::try_from(national.len()).unwrap_or(u16::MAX);
        self.kinds.iter().any(|kind| (kind.lengths.is_empty() || kind.lengths.contains(&length)) && kind.pattern.is_match(national))
            && self.general.is_match(national)
    }

    /// How a length fits the plan.
    pub(super) fn length(&self, national: &str) -> Length {
        let length = u16::try_from(national.len()).unwrap_or(u16::MAX);
        if self.lengths.contains(&length) {
            Length::Possible
        } else if self.local_lengths.contains(&length) {
            Length::LocalOnly
        } else if self.lengths.first().is_none_or(|&shortest| length < shortest) {
            Length::TooShort
        } else if self.lengths.last().is_some_and(|&longest| length > longest) {
            Length::TooLong
        } else {
            Length::Between
        }
    }

    /// The digits after the prefix by which this country dials others, when they begin with it.
    pub(super) fn without_international_prefix<'t>(&self, digits: &'t str) -> Option<&'t str> {
        let found = self.international_prefix.as_ref()?.regex()?.find(digits)?;
        let rest = &digits[found.end()..];
        // A calling code never begins with zero.
        (found.end() > 0 && !rest.starts_with('0') && !rest.is_empty()).then_some(rest)
    }

    /// The number without the trunk prefix and carrier code dialled inside the country, or `None` when there is none to take.
    pub(super) fn without_national_prefix(&self, national: &str) -> Option<String> {
        let regex = self.national_prefix.as_ref()?.regex()?;
        let captures = regex.captures(national)?;
        let whole = captures.get(0)?;
        let last_group = captures.get(captures.len() - 1).filter(|_| captures.len() > 1);
        let stripped = match (&self.transform, last_group) {
            (Some(rule), Some(_)) if !rule.is_empty() => regex.replace(national, rule.as_str()).into_owned(),
            _ => national[whole.end()..].to_owned(),
        };
        if stripped == national || self.has_general_shape(national) && !self.has_general_shape(&stripped) {
            return None;
        }
        matches!(self.length(&stripped), Length::Possible | Length::TooLong).then_some(stripped)
    }
}

/// The kinds of number that can be dialled from abroad, the usual ones first.
fn kinds_of(descriptors: &Descriptors) -> impl Iterator<Item = (&'static str, &Descriptor)> {
    [
        ("mobile", descriptors.mobile()),
        ("fixed_line", descriptors.fixed_line()),
        ("toll_free", descriptors.toll_free()),
        ("voip", descriptors.voip()),
        ("shared_cost", descriptors.shared_cost()),
        ("premium_rate", descriptors.premium_rate()),
        ("personal", descriptors.personal_number()),
        ("uan", descriptors.uan()),
        ("pager", descriptors.pager()),
        ("voicemail", descriptors.voicemail()),
    ]
    .into_iter()
    .filter_map(|(name, descriptor)| Some((name, descriptor?)))
    .filter(|(_, descriptor)| descriptor.national_number().as_str() != "NA")
}

/// Every plan, by calling code and by country.
struct Plans {
    all: Vec<Plan>,
    /// For each calling code the plans that share it, the main one first.
    by_code: Vec<Vec<usize>>,
    /// The place of each country's plan; countries by the numbers of their two letters.
    by_country: Vec<Option<usize>>,
}

const LETTERS: usize = 26;
const CALLING_CODES: usize = 1000;

fn place(country: &str) -> Option<usize> {
    let [first, second] = country.as_bytes() else {
        return None;
    };
    let letter = |byte: &u8| byte.is_ascii_alphabetic().then(|| usize::from(byte.to_ascii_uppercase() - b'A'));
    Some(letter(first)? * LETTERS + letter(second)?)
}

static PLANS: LazyLock<Plans> = LazyLock::new(|| {
    let mut plans = Plans { all: Vec::new(), by_code: vec![Vec::new(); CALLING_CODES], by_country: vec![None; LETTERS * LETTERS] };
    for code in 1..CALLING_CODES {
        let Some(metadata) = u16::try_from(code).ok().and_then(|code| DATABASE.by_code(&code)) else {
            continue;
        };
        for metadata in metadata {
            let index = plans.all.len();
            if let Some(place) = place(metadata.id()) {
                plans.by_country[place] = Some(index);
            }
            plans.by_code[code].push(index);
            plans.all.push(Plan::new(metadata));
        }
    }
    plans
});

/// The plan of a country by its ISO 3166-1 alpha-2 code in any case.
pub(super) fn of_country(country: &str) -> Option<&'static Plan> {
    PLANS.by_country[place(country)?].map(|index| &PLANS.all[index])
}

/// The plans of the calling code at the start of digits, and the rest of the digits. Calling codes are prefix-free.
pub(super) fn split(digits: &str) -> Option<(Group, &str)> {
    if digits.starts_with('0') {
        return None;
    }
    (1..=3).find_map(|length| {
        let code: usize = digits.get(..length)?.parse().ok()?;
        (!PLANS.by_code[code].is_empty()).then(|| (Group { code }, &digits[length..]))
    })
}

/// The plans that share a calling code.
#[derive(Clone, Copy)]
pub(super) struct Group {
    code: usize,
}

impl Group {
    /// The plans of a calling code that exists.
    pub(super) fn of(plan: &Plan) -> Self {
        Self { code: usize::from(plan.country_code) }
    }

    fn plans(self) -> impl Iterator<Item = &'static Plan> {
        PLANS.by_code[self.code].iter().map(|&index| &PLANS.all[index])
    }

    /// The plan of the main country.
    pub(super) fn main(self) -> Option<&'static Plan> {
        self.plans().next()
    }

    /// The country that a number belongs to, and its kind: fixed lines and mobiles share a form in some countries.
    pub(super) fn describe(self, national: &str) -> (Option<&'static str>, Option<&'static str>) {
        let of = |plan: &&Plan| plan.leading_digits.as_ref().is_none_or(|leading| leading.is_match(national)) && plan.is_valid(national);
        let Some(plan) = self.plans().find(of) else {
            // A calling code of one country names it, whatever the number.
            let mut plans = self.plans();
            return (plans.next().filter(|_| plans.next().is_none()).and_then(Plan::country), None);
        };
        let is = |name: &str| plan.kinds.iter().any(|kind| kind.name == name && kind.pattern.is_match(national));
        let first = plan.kinds.iter().find(|kind| kind.pattern.is_match(national)).map(|kind| kind.name);
        let kind = if is("mobile") && is("fixed_line") { Some("fixed_line_or_mobile") } else { first };
        (plan.country(), kind)
    }

    /// Whether a number is valid in one of the countries.
    pub(super) fn is_valid(self, national: &str) -> bool {
        self.plans().any(|plan| plan.leading_digits.as_ref().is_none_or(|leading| leading.is_match(national)) && plan.is_valid(national))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert!(PLANS.all.len() > 240, "{}", PLANS.all.len());
        for plan in &PLANS.all {
            let patterns = plan.kinds.iter().map(|kind| &kind.pattern).chain([&plan.general]);
            let more = [&plan.leading_digits, &plan.international_prefix, &plan.national_prefix].into_iter().flatten();
            for pattern in patterns.chain(more) {
                assert!(pattern.regex().is_some(), "{}", pattern.source);
            }
        }
    }

    #[test]
    fn the_metadata_agrees_with_its_own_examples() {
        for metadata in DATABASE.iter() {
            for (_, descriptor) in kinds_of(metadata.descriptors()) {
                if let Some(example) = descriptor.example() {
                    let digits = format!("{}{example}", metadata.country_code());
                    let (group, national) = split(&digits).unwrap();
                    assert_eq!((group.code, national), (usize::from(metadata.country_code()), example));
                    assert!(group.is_valid(national), "{} {example}", metadata.id());
                }
            }
        }
    }
}
