//! Semantic types: the one place that says how a kind of value is stored, how sensitive it is and what it means.

use std::borrow::Cow;

use arrow_schema::{DataType, TimeUnit};
use serde::{Deserialize, Serialize};

/// How a value is stored, from the decoder to the warehouse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
pub enum ValueType {
    /// UTF-8 text.
    Text,
    /// True or false.
    Boolean,
    /// A signed 64-bit integer.
    Integer,
    /// A decimal number with 38 digits, 9 of them after the point; never a binary float.
    Decimal,
    /// A calendar day without a time.
    Date,
    /// An instant in UTC with microseconds.
    Timestamp,
    /// A JSON text (an object or an array kept whole).
    Json,
}

/// Digits before and after the point of [`ValueType::Decimal`].
pub const DECIMAL_PRECISION: u8 = 38;
/// Digits after the point of [`ValueType::Decimal`].
pub const DECIMAL_SCALE: i8 = 9;

impl ValueType {
    /// The Arrow type of a column of such values.
    pub fn arrow(self) -> DataType {
        match self {
            Self::Text | Self::Json => DataType::Utf8,
            Self::Boolean => DataType::Boolean,
            Self::Integer => DataType::Int64,
            Self::Decimal => DataType::Decimal128(DECIMAL_PRECISION, DECIMAL_SCALE),
            Self::Date => DataType::Date32,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        }
    }

    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Decimal => "decimal",
            Self::Date => "date",
            Self::Timestamp => "timestamp",
            Self::Json => "json",
        }
    }

    /// The narrowest type that holds every value of both: the lattice by which a column widens in place
    /// (integer to decimal to text, date to timestamp to text, anything else to text).
    pub fn widened(self, other: Self) -> Self {
        use ValueType::{Date, Decimal, Integer, Text, Timestamp};
        match (self, other) {
            (a, b) if a == b => a,
            (Integer, Decimal) | (Decimal, Integer) => Decimal,
            (Date, Timestamp) | (Timestamp, Date) => Timestamp,
            _ => Text,
        }
    }
}

/// How much harm a value does in the wrong hands. A policy says what happens to each class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
pub enum Sensitivity {
    /// Says nothing about a person.
    None,
    /// Says something about a person, but does not name them alone (a city, a job title).
    Indirect,
    /// Names or reaches a person (a name, an e-mail address), or is text that may do so.
    Direct,
    /// Special categories and facts that discriminate (gender, health, belief, date of birth).
    Sensitive,
}

/// A kind of value: its storage, cleaner, validity, sensitivity and words come from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SemanticType {
    /// An e-mail address.
    Email,
    /// A telephone number, stored as E.164.
    PhoneNumber,
    /// A person's name or a part of it.
    PersonName,
    /// The name of a company or organisation.
    CompanyName,
    /// A country as ISO 3166-1 alpha-2.
    Country,
    /// A part of a country.
    Region,
    /// A postal code.
    PostalCode,
    /// A language as a BCP 47 tag.
    Language,
    /// A time zone by its IANA name.
    TimeZone,
    /// A currency as ISO 4217.
    CurrencyCode,
    /// An amount of money.
    Money,
    /// A plain number with a fraction: a probability from 0 to 1, a rate of exchange.
    Ratio,
    /// An instant.
    Timestamp,
    /// A calendar day.
    Date,
    /// A web address.
    Url,
    /// A domain name, reduced to the part that can be registered.
    Domain,
    /// One short line of words: a job title, a city, a street, the name of a deal.
    Label,
    /// Text of any length, possibly HTML, written by people and not to be trusted.
    FreeText,
    /// One of a closed set of words.
    Category,
    /// True or false.
    Flag,
    /// A whole number of things.
    Count,
    /// An identifier given by the source.
    SourceId,
}

impl SemanticType {
    /// Every semantic type, in the order of the documentation.
    pub const ALL: [Self; 22] = [
        Self::Email,
        Self::PhoneNumber,
        Self::PersonName,
        Self::CompanyName,
        Self::Country,
        Self::Region,
        Self::PostalCode,
        Self::Language,
        Self::TimeZone,
        Self::CurrencyCode,
        Self::Money,
        Self::Ratio,
        Self::Timestamp,
        Self::Date,
        Self::Url,
        Self::Domain,
        Self::Label,
        Self::FreeText,
        Self::Category,
        Self::Flag,
        Self::Count,
        Self::SourceId,
    ];

    /// The name in pipeline files and on the command line, in snake case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::PhoneNumber => "phone_number",
            Self::PersonName => "person_name",
            Self::CompanyName => "company_name",
            Self::Country => "country",
            Self::Region => "region",
            Self::PostalCode => "postal_code",
            Self::Language => "language",
            Self::TimeZone => "time_zone",
            Self::CurrencyCode => "currency_code",
            Self::Money => "money",
            Self::Ratio => "ratio",
            Self::Timestamp => "timestamp",
            Self::Date => "date",
            Self::Url => "url",
            Self::Domain => "domain",
            Self::Label => "label",
            Self::FreeText => "free_text",
            Self::Category => "category",
            Self::Flag => "flag",
            Self::Count => "count",
            Self::SourceId => "source_id",
        }
    }

    /// The semantic type of a name as [`SemanticType::name`] writes it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|semantic| semantic.name() == name)
    }

    /// How values of this type are stored.
    pub fn value_type(self) -> ValueType {
        match self {
            Self::Money | Self::Ratio => ValueType::Decimal,
            Self::Timestamp => ValueType::Timestamp,
            Self::Date => ValueType::Date,
            Self::Flag => ValueType::Boolean,
            Self::Count => ValueType::Integer,
            _ => ValueType::Text,
        }
    }

    /// How sensitive a value of this type is where a field does not say otherwise.
    pub fn sensitivity(self) -> Sensitivity {
        match self {
            Self::Email | Self::PhoneNumber | Self::PersonName | Self::FreeText => Sensitivity::Direct,
            Self::Region | Self::PostalCode | Self::Label | Self::Url | Self::Language | Self::TimeZone => Sensitivity::Indirect,
            _ => Sensitivity::None,
        }
    }
}

/// What a cleaner found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CleaningStatus {
    /// The value was already in its canonical form.
    Ok,
    /// The value was brought into its canonical form without doubt.
    Fixed,
    /// The value may be right but cannot be confirmed; what is stored is stated by the cleaner's code.
    Suspect,
    /// The value cannot be what it claims to be; nothing is stored in its place.
    Invalid,
    /// There was no value, or a word that stands for none.
    Missing,
}

/// The answer of a cleaner: the canonical value if there is one, how it was found, and why.
///
/// The value is text in the canonical form of its [`ValueType`]: `true`/`false`, a decimal or whole number with a point and
/// no grouping, `YYYY-MM-DD`, or RFC 3339 in UTC with a `Z`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cleaned<'a> {
    /// The canonical value; absent when the status is `Invalid` or `Missing`.
    pub value: Option<Cow<'a, str>>,
    /// What was found.
    pub status: CleaningStatus,
    /// A stable word for the reason, for example `email.no_at_sign`; empty when the status is `Ok`.
    pub code: &'static str,
}

impl<'a> Cleaned<'a> {
    /// A value that needed nothing.
    pub fn ok(value: impl Into<Cow<'a, str>>) -> Self {
        Self { value: Some(value.into()), status: CleaningStatus::Ok, code: "" }
    }

    /// A value that was brought into its canonical form.
    pub fn fixed(value: impl Into<Cow<'a, str>>, code: &'static str) -> Self {
        Self { value: Some(value.into()), status: CleaningStatus::Fixed, code }
    }

    /// A value kept with a doubt.
    pub fn suspect(value: impl Into<Cow<'a, str>>, code: &'static str) -> Self {
        Self { value: Some(value.into()), status: CleaningStatus::Suspect, code }
    }

    /// A doubt so large that no value is stored, only the flag.
    pub fn suspect_without_value(code: &'static str) -> Self {
        Self { value: None, status: CleaningStatus::Suspect, code }
    }

    /// A value that cannot be used.
    pub fn invalid(code: &'static str) -> Self {
        Self { value: None, status: CleaningStatus::Invalid, code }
    }

    /// No value.
    pub fn missing(code: &'static str) -> Self {
        Self { value: None, status: CleaningStatus::Missing, code }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found_again() {
        for semantic in SemanticType::ALL {
            assert_eq!(SemanticType::from_name(semantic.name()), Some(semantic));
        }
    }

    #[test]
    fn widening_is_commutative_and_idempotent() {
        use ValueType::{Boolean, Date, Decimal, Integer, Json, Text, Timestamp};
        let all = [Text, Boolean, Integer, Decimal, Date, Timestamp, Json];
        for a in all {
            assert_eq!(a.widened(a), a);
            for b in all {
                assert_eq!(a.widened(b), b.widened(a));
                for c in all {
                    assert_eq!(a.widened(b).widened(c), a.widened(b.widened(c)));
                }
            }
        }
    }
}
