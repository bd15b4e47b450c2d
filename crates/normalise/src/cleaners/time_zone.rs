//! Time zones by their IANA names, from the database built into the program: the same on every machine.

use std::collections::HashMap;
use std::sync::LazyLock;

use aqueduct_schema::Cleaned;
use jiff::tz::TimeZoneDatabase;

use super::text::{Presence, presence_without_na};

/// The version of these rules.
pub(super) const VERSION: u32 = 1;

rules! { TimeZone;
    Missing "time_zone.empty" "  " => None, "There is nothing but space.";
    Missing "time_zone.placeholder" "n/a" => None, "The text stands for no value.";
    Fixed "time_zone.rewritten" "europe/london" => Some("Europe/London"), "The name was written as the IANA database does.";
    Suspect "time_zone.offset_only" "UTC+1" => None, "It is a distance from UTC, which says nothing of summer time.";
    Suspect "time_zone.abbreviation" "PST" => None, "Abbreviations belong to several zones.";
    Invalid "time_zone.unknown" "Mars/Olympus" => None, "The IANA database has no such zone.";
}

/// Every zone's rules, bundled.
pub(super) static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The names by their lower-case form.
static NAMES: LazyLock<HashMap<String, String>> =
    LazyLock::new(|| DATABASE.available().map(|name| (name.as_str().to_ascii_lowercase(), name.as_str().to_owned())).collect());

pub(super) fn clean(value: &str) -> Cleaned<'_> {
    let text = match presence_without_na(value) {
        Presence::Empty => return Cleaned::missing("time_zone.empty"),
        Presence::Placeholder => return Cleaned::missing("time_zone.placeholder"),
        Presence::Value(text) => text,
    };
    let key = text.to_ascii_lowercase().replace(' ', "_");
    if let Some(name) = NAMES.get(&key) {
        return if name == value { Cleaned::ok(value) } else { Cleaned::fixed(name.as_str(), "time_zone.rewritten") };
    }
    let offset = key.trim_start_matches("(").trim_start_matches("utc").trim_start_matches("gmt");
    if offset.starts_with(['+', '-', '\u{2212}']) && offset.contains(|c: char| c.is_ascii_digit()) {
        return Cleaned::suspect_without_value("time_zone.offset_only");
    }
    if (2..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Cleaned::suspect_without_value("time_zone.abbreviation");
    }
    Cleaned::invalid("time_zone.unknown")
}

#[cfg(test)]
mod tests {
    use crate::cleaners::vectors::check;

    #[test]
    fn names_of_zones() {
        check(
            aqueduct_schema::SemanticType::TimeZone,
            &[
                ("America/New_York", Some("America/New_York"), ""),
                ("UTC", Some("UTC"), ""),
                ("america/new york", Some("America/New_York"), "time_zone.rewritten"),
                (" Asia/Tokyo ", Some("Asia/Tokyo"), "time_zone.rewritten"),
                ("+05:30", None, "time_zone.offset_only"),
                ("(UTC+01:00) Amsterdam", None, "time_zone.offset_only"),
                ("IST", None, "time_zone.abbreviation"),
                ("Eastern Time", None, "time_zone.unknown"),
            ],
        );
    }
}
