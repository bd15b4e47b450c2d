//! The `normalise` section of a pipeline file.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::editor;
use crate::yaml::Node;

/// The `normalise` section of a pipeline file, to be a field of the pipeline file's own type.
///
/// It must be read by `serde_saphyr` itself, not through a buffer (`flatten`, `untagged`), because the parts that speak the
/// mapping language keep the line and column of every key and value in the file they stand in.
/// [`crate::Mappings::configure`] takes them, with the file's name, and reports what is wrong with them at that place.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Normalise {
    /// What to assume where a record does not say.
    pub defaults: Defaults,
    /// Fields of entities to map otherwise, or in addition: entity, then field, then where the value comes from.
    pub overrides: Overrides,
    /// What to do to values before their cleaners see them: entity, then field, then a list of steps, in order.
    pub clean: CleaningSteps,
    /// Fields of entities without whose valid value a record goes to quarantine: entity, then a list of fields.
    pub required: Required,
    /// Whole mappings (entity, stream, fields) besides those of the connector, for streams it does not map.
    pub mappings: MappingList,
}

/// What the cleaners assume where a record does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Defaults {
    /// The country of telephone numbers without a country code where the record names none: ISO 3166-1 alpha-2, such as `GB`.
    #[serde(deserialize_with = "country")]
    pub country: Option<String>,
    /// The currency of amounts where the record names none: ISO 4217, such as `EUR`.
    #[serde(deserialize_with = "currency")]
    pub currency: Option<String>,
    /// The time zone of times without an offset, by IANA name, such as `Europe/London`.
    #[serde(deserialize_with = "time_zone")]
    pub time_zone: Option<String>,
    /// Whether `01/02/2026` is the first of February. Without it such a date counts as suspect.
    pub day_first: Option<bool>,
    /// What stands before the decimals of a number: `.` or `,`. Without it `1.234` counts as suspect.
    #[serde(deserialize_with = "decimal_separator")]
    pub decimal_separator: Option<char>,
}

fn country<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    checked(deserializer, "an ISO 3166-1 alpha-2 code such as GB", |code| rust_iso3166::from_alpha2(code).is_some())
}

fn currency<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    checked(deserializer, "an ISO 4217 code such as EUR", |code| iso_currency::Currency::from_code(code).is_some())
}

fn time_zone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    checked(deserializer, "an IANA name such as Europe/London", |name| jiff::tz::TimeZone::get(name).is_ok())
}

fn decimal_separator<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<char>, D::Error> {
    Ok(checked(deserializer, "`.` or `,`", |text| matches!(text, "." | ","))?.and_then(|text| text.chars().next()))
}

fn checked<'de, D: Deserializer<'de>>(deserializer: D, expected: &str, valid: fn(&str) -> bool) -> Result<Option<String>, D::Error> {
    match Option::<String>::deserialize(deserializer)? {
        Some(text) if !valid(&text) => Err(D::Error::custom(format_args!("`{text}` is not {expected}"))),
        text => Ok(text),
    }
}

macro_rules! located {
    ($($(#[$doc:meta])* $name:ident, $schema:path;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub(crate) Option<Node>);

        impl $name {
            /// Whether the section is absent.
            pub fn is_empty(&self) -> bool {
                self.0.is_none()
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                $schema(generator)
            }
        }
    )*};
}

located! {
    /// The overrides of a pipeline file as they stand there; [`crate::Mappings::configure`] reads them.
    Overrides, editor::overrides;
    /// The cleaning steps of a pipeline file as they stand there; [`crate::Mappings::configure`] reads them.
    CleaningSteps, editor::clean;
    /// The required fields of a pipeline file as they stand there; [`crate::Mappings::configure`] reads them.
    Required, editor::required;
    /// The mappings of a pipeline file as they stand there; [`crate::Mappings::configure`] reads them.
    MappingList, editor::mapping_list;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(yaml: &str) -> Result<Normalise, serde_saphyr::Error> {
        serde_saphyr::from_str(yaml)
    }

    #[test]
    fn defaults_are_checked_where_they_stand() {
        let settings =
            read("defaults: { country: GB, currency: EUR, time_zone: Europe/London, day_first: true, decimal_separator: \",\" }").unwrap();
        assert_eq!(settings.defaults.decimal_separator, Some(','));
        assert!(settings.overrides.is_empty());
        for (wrong, line) in [
            ("defaults:\n  country: GBR", 2),
            ("defaults:\n  currency: XXZ", 2),
            ("defaults:\n  time_zone: Londn", 2),
            ("defaults:\n  decimal_separator: ;", 2),
            ("defaults:\n  contry: GB", 2),
        ] {
            let error = read(wrong).unwrap_err();
            assert_eq!(error.location().unwrap().line(), line, "{error}");
        }
    }

    #[test]
    fn the_parts_in_the_mapping_language_keep_their_places() {
        let settings = read("overrides:\n  contact:\n    job_title: title\n").unwrap();
        let node = settings.overrides.0.unwrap();
        assert_eq!((node.place.line, node.place.column), (2, 3));
    }
}
