//! Details of telephone numbers and names.

use aqueduct_schema::{Cleaned, CleaningStatus};

use super::{Detail, flagged, told};
use crate::cleaners::text::{Presence, presence_without_na};
use crate::cleaners::{name_parts, numbering_plan, phone_text};

/// Of a number as it was written, and what its cleaner made of it.
pub(super) fn of_phone(value: &str, cleaned: &Cleaned<'_>) -> Vec<Detail> {
    let mut out = Vec::new();
    if cleaned.status == CleaningStatus::Missing {
        return out;
    }
    if let Presence::Value(text) = presence_without_na(value) {
        told(&mut out, "phone_number.extension", phone_text::extension(text).unwrap_or_default());
    }
    let number = cleaned.value.as_deref().and_then(|clean| clean.strip_prefix('+')).and_then(numbering_plan::split);
    let about = number.map(|(group, national)| group.describe(national));
    if let Some((country, kind)) = about {
        told(&mut out, "phone_number.country", country.unwrap_or_default());
        told(&mut out, "phone_number.kind", kind.unwrap_or_default());
    }
    let validity = match cleaned.status {
        CleaningStatus::Ok | CleaningStatus::Fixed => "valid",
        CleaningStatus::Suspect if cleaned.value.is_some() => "possible",
        CleaningStatus::Invalid => "invalid",
        _ => "",
    };
    told(&mut out, "phone_number.validity", validity);
    out
}

/// Of a clean name.
pub(super) fn of_name(clean: &str) -> Vec<Detail> {
    let mut out = Vec::new();
    let parts = name_parts::split(clean);
    told(&mut out, "person_name.prefix", parts.prefix);
    flagged(&mut out, "person_name.mononym", parts.last.is_empty() && !parts.first.is_empty());
    told(&mut out, "person_name.first", parts.first);
    told(&mut out, "person_name.last", parts.last);
    told(&mut out, "person_name.suffix", parts.suffix);
    told(&mut out, "person_name.display", name_parts::display(clean).unwrap_or_default());
    out
}
