//! The cleaners: one for each semantic type, each a pure function from a text and a few declared facts to a canonical value, a status
//! and a code.
//!
//! The law of all of them: total and pure; cleaning a clean value gives the same value; never a panic; no value is invented; nothing is
//! guessed in silence. What is certain is fixed and says so, what is not certain is flagged, and every code is explained by [`rules`].

#[macro_use]
mod rule;

mod category;
mod civil;
mod clock;
mod company_name;
mod count;
mod country;
mod country_name;
mod currency_code;
mod date;
mod day;
mod day_order;
mod decimal;
mod details;
mod domain;
mod email;
mod email_domain;
mod email_key;
mod flag;
mod free_text;
mod host;
mod html;
mod label;
mod language;
mod line;
mod markup;
mod mojibake;
mod money;
mod name_parts;
mod numbering_plan;
mod person_name;
mod phone_number;
mod phone_text;
mod postal_code;
mod ratio;
mod reference;
mod region;
mod source_id;
mod symbol;
mod text;
mod time_zone;
mod timestamp;
mod url;

#[cfg(test)]
mod email_tests;
#[cfg(test)]
mod phone_tests;
#[cfg(test)]
mod timestamp_tests;
#[cfg(test)]
mod vectors;

use aqueduct_schema::{Cleaned, SemanticType};

pub use self::civil::{date_days, timestamp_micros, timestamp_text};
pub use self::day_order::{DayOrder, day_order};
pub use self::decimal::decimal_units;
pub use self::details::{DETAILS, Detail, DetailRule, detail, details};
pub use self::email_key::{email_match_key, email_normalized};
pub use self::reference::reference;
pub use self::rule::Rule;

/// Facts around a value that a cleaner may use; where they are absent it flags instead of guessing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CleaningContext<'a> {
    /// The country of the row, ISO 3166-1 alpha-2.
    pub country: Option<&'a str>,
    /// The country of the pipeline, used where the row names none.
    pub default_country: Option<&'a str>,
    /// The currency of the row, ISO 4217.
    pub currency: Option<&'a str>,
    /// The IANA name of the zone of times that are written without one.
    pub time_zone: Option<&'a str>,
    /// The sign before the fraction of numbers, `.` or `,`. APIs that write numbers as JSON does use the point.
    pub decimal_separator: Option<char>,
    /// Whether the day stands before the month in dates such as `03/04/2026`.
    pub day_first: Option<bool>,
}

impl CleaningContext<'_> {
    /// No facts.
    pub const NONE: CleaningContext<'static> =
        CleaningContext { country: None, default_country: None, currency: None, time_zone: None, decimal_separator: None, day_first: None };
}

/// Cleans one value.
pub fn clean<'v>(semantic: SemanticType, value: &'v str, context: &CleaningContext<'_>) -> Cleaned<'v> {
    match semantic {
        SemanticType::Email => email::clean(value),
        SemanticType::PhoneNumber => phone_number::clean(value, context),
        SemanticType::PersonName => person_name::clean(value),
        SemanticType::CompanyName => company_name::clean(value),
        SemanticType::Country => country::clean(value, context),
        SemanticType::Region => region::clean(value, context),
        SemanticType::PostalCode => postal_code::clean(value, context),
        SemanticType::Language => language::clean(value),
        SemanticType::TimeZone => time_zone::clean(value),
        SemanticType::CurrencyCode => currency_code::clean(value),
        SemanticType::Money => money::clean(value, context),
        SemanticType::Ratio => ratio::clean(value, context),
        SemanticType::Timestamp => timestamp::clean(value, context),
        SemanticType::Date => date::clean(value, context),
        SemanticType::Url => url::clean(value),
        SemanticType::Domain => domain::clean(value),
        SemanticType::Label => label::clean(value),
        SemanticType::FreeText => free_text::clean(value),
        SemanticType::Category => category::clean(value),
        SemanticType::Flag => flag::clean(value),
        SemanticType::Count => count::clean(value, context),
        SemanticType::SourceId => source_id::clean(value),
    }
}

/// Loads the tables that a cleaner needs, which its first value would wait for: some 60 milliseconds for telephone numbers, next to
/// nothing for the others. To be called on a thread that has nothing else to do.
pub fn prepare(semantic: SemanticType) {
    let example = match semantic {
        SemanticType::PhoneNumber => "+1 650 253 0000",
        SemanticType::Country => "Germany",
        SemanticType::TimeZone => "Europe/London",
        _ => return,
    };
    clean(semantic, example, &CleaningContext::NONE);
}

/// The version of one cleaner's rules; it rises when a value may come out differently.
pub const fn version(semantic: SemanticType) -> u32 {
    match semantic {
        SemanticType::Email => email::VERSION,
        SemanticType::PhoneNumber => phone_number::VERSION,
        SemanticType::PersonName => person_name::VERSION,
        SemanticType::CompanyName => company_name::VERSION,
        SemanticType::Country => country::VERSION,
        SemanticType::Region => region::VERSION,
        SemanticType::PostalCode => postal_code::VERSION,
        SemanticType::Language => language::VERSION,
        SemanticType::TimeZone => time_zone::VERSION,
        SemanticType::CurrencyCode => currency_code::VERSION,
        SemanticType::Money => money::VERSION,
        SemanticType::Ratio => ratio::VERSION,
        SemanticType::Timestamp => timestamp::VERSION,
        SemanticType::Date => date::VERSION,
        SemanticType::Url => url::VERSION,
        SemanticType::Domain => domain::VERSION,
        SemanticType::Label => label::VERSION,
        SemanticType::FreeText => free_text::VERSION,
        SemanticType::Category => category::VERSION,
        SemanticType::Flag => flag::VERSION,
        SemanticType::Count => count::VERSION,
        SemanticType::SourceId => source_id::VERSION,
    }
}

/// The version of the whole rule set: the sum of all cleaners' versions, so it rises with any of them.
pub const VERSION: u32 = {
    let mut sum = 0;
    let mut index = 0;
    while index < SemanticType::ALL.len() {
        sum += version(SemanticType::ALL[index]);
        index += 1;
    }
    sum
};

/// Every code a cleaner can return, with its meaning and an example. A value that is `Ok` has the empty code, which is not among them.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    [
        email::RULES,
        phone_number::RULES,
        person_name::RULES,
        company_name::RULES,
        country::RULES,
        region::RULES,
        postal_code::RULES,
        language::RULES,
        time_zone::RULES,
        currency_code::RULES,
        money::RULES,
        ratio::RULES,
        timestamp::RULES,
        date::RULES,
        url::RULES,
        domain::RULES,
        label::RULES,
        free_text::RULES,
        category::RULES,
        flag::RULES,
        count::RULES,
        source_id::RULES,
    ]
    .into_iter()
    .flatten()
}
