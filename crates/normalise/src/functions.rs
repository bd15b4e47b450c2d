//! The named functions of the mapping language: what is logic and not a choice of columns.

use std::borrow::Cow;

use crate::choices;
use crate::cleaners::{self, CleaningContext};

/// A function over the texts of its parts; a part without a value is `None`.
pub(crate) type Run = for<'a> fn(&[Option<Cow<'a, str>>]) -> Option<Cow<'a, str>>;

/// A function that mappings may name.
#[derive(Clone, Copy)]
pub struct Function {
    /// The name in mappings.
    pub name: &'static str,
    /// How many parts it takes.
    pub parts: usize,
    /// What it gives, in a sentence.
    pub description: &'static str,
    pub(crate) run: Run,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Function({})", self.name)
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// Every function, by name.
pub const FUNCTIONS: &[Function] = &[
    Function {
        name: "case_safe_id",
        parts: 1,
        description: "A 15-character record id that differs by case alone, as the 18 characters that stay apart in any case.",
        run: case_safe_id,
    },
    Function {
        name: "id_starting_with",
        parts: 2,
        description: "An id that begins as the second part says; nothing for any other: where one field names records of several kinds.",
        run: id_starting_with,
    },
    Function {
        name: "international_number",
        parts: 1,
        description: "A telephone number that begins with its country's code, with the plus sign that the source leaves out.",
        run: international_number,
    },
    Function {
        name: "name_of_primary",
        parts: 1,
        description: "The name of the element of a JSON list that is marked as primary; of the only element, where none is.",
        run: choices::name_of_primary,
    },
    Function {
        name: "of_primary",
        parts: 2,
        description: "What the element of a JSON list that is marked as primary says under a key; of the only element, where none is.",
        run: choices::of_primary,
    },
    Function {
        name: "start_of_day",
        parts: 1,
        description: "The first instant of a day in UTC, where a source gives days (2026-01-31) for what is kept as an instant.",
        run: start_of_day,
    },
    Function {
        name: "detail",
        parts: 2,
        description: "What a value says besides itself, by the name of the detail (docs/reference/cleaning.md lists them).",
        run: detail,
    },
    Function {
        name: "where_true",
        parts: 2,
        description: "The first part where the second one is true; nothing anywhere else.",
        run: choices::where_true,
    },
    Function {
        name: "zone_in_words",
        parts: 1,
        description: "A time zone whose slashes are written as words: `europe_slash_london` is Europe/London.",
        run: choices::zone_in_words,
    },
    Function { name: "domain_of_email", parts: 1, description: "What stands after the last @ of an e-mail address.", run: domain_of_email },
];

/// Salesforce gives 15 characters in reports and 18 in its API for one record; the last three encode which of the first
/// fifteen are capitals, five at a time. <https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/field_types.htm>
fn case_safe_id<'a>(parts: &[Option<Cow<'a, str>>]) -> Option<Cow<'a, str>> {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
    let id = parts.first()?.clone()?;
    let trimmed = id.trim();
    if trimmed.len() != 15 || !trimmed.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Some(id);
    }
    let mut whole = trimmed.to_owned();
    for chunk in trimmed.as_bytes().chunks(5) {
        let capitals =
            chunk.iter().enumerate().fold(0_usize, |bits, (place, byte)| bits | (usize::from(byte.is_ascii_uppercase()) << place));
        whole.push(char::from(LETTERS[capitals]));
    }
    Some(Cow::Owned(whole))
}

fn id_starting_with<'a>(parts: &[Option<Cow<'a, str>>]) -> Option<Cow<'a, str>> {
    let [Some(id), Some(start)] = parts else { return None };
    id.trim().starts_with(start.trim()).then(|| id.clone())
}

fn international_number<'a>(parts: &[Option<Cow<'a, str>>]) -> Option<Cow<'a, str>> {
    let number = parts.first()?.clone()?;
    let bare = number.trim().starts_with(|first: char| matches!(first, '1'..='9'));
    Some(if bare { Cow::Owned(format!("+{}", number.trim())) } else { number })
}

fn start_of_day<'a>(parts: &[Option<Cow<'a, str>>]) -> Option<Cow<'a, str>> {
    let text = parts.first()?.clone()?;
    let day = text.trim();
    let is_day = day.len() == 10
        && day.bytes().enumerate().all(|(place, byte)| if matches!(place, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() });
    if is_day { Some(Cow::Owned(format!("{day}T00:00:00Z"))) } else { Some(text) }
}

fn detail<'a>(parts: &[Option<Cow<'a, str>>]) -> Option<Cow<'a, str>> {
    let [Some(value), Some(name)] = parts else { return None };
    cleaners::detail(name.trim(), value, &CleaningContext::NONE).map(Cow::Owned)
}

fn domain_of_email<'a>(parts: &[Option<Cow<'a, str>>]) -> Option<Cow<'a, str>> {
    let email = parts.first()?.as_deref()?;
    let (_, domain) = email.rsplit_once('@')?;
    Some(Cow::Owned(domain.trim_end_matches('>').trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(name: &str, value: &str) -> Option<String> {
        let function = FUNCTIONS.iter().find(|function| function.name == name)?;
        (function.run)(&[Some(Cow::Borrowed(value))]).map(Cow::into_owned)
    }

    #[test]
    fn case_safe_ids_have_eighteen_characters() {
        assert_eq!(call("case_safe_id", "001A0000006Vm9r").as_deref(), Some("001A0000006Vm9rIAC"));
        assert_eq!(call("case_safe_id", "001A0000006Vm9rIAC").as_deref(), Some("001A0000006Vm9rIAC"));
        assert_eq!(call("case_safe_id", "short").as_deref(), Some("short"));
    }

    #[test]
    fn ids_of_another_kind_are_nothing() {
        let of = |id: &'static str| id_starting_with(&[Some(Cow::Borrowed(id)), Some(Cow::Borrowed("006"))]);
        assert_eq!(of("006A0000006Vm9rIAC").as_deref(), Some("006A0000006Vm9rIAC"));
        assert_eq!((of("001A0000006Vm006AC"), id_starting_with(&[None, Some(Cow::Borrowed("006"))])), (None, None));
    }

    #[test]
    fn numbers_without_a_plus_sign_get_one() {
        assert_eq!(call("international_number", " 33600000000").as_deref(), Some("+33600000000"));
        for whole in ["+33600000000", "0033600000000", "", "unknown"] {
            assert_eq!(call("international_number", whole).as_deref(), Some(whole));
        }
        assert_eq!(international_number(&[None]), None);
    }

    #[test]
    fn days_begin_in_utc_and_instants_stay() {
        assert_eq!(call("start_of_day", " 2026-01-31").as_deref(), Some("2026-01-31T00:00:00Z"));
        assert_eq!(call("start_of_day", "2026-01-31T12:00:00Z").as_deref(), Some("2026-01-31T12:00:00Z"));
        assert_eq!(call("start_of_day", "31/01/2026").as_deref(), Some("31/01/2026"));
    }

    #[test]
    fn domains_stand_after_the_at_sign() {
        assert_eq!(call("domain_of_email", "a@b.example").as_deref(), Some("b.example"));
        assert_eq!(call("domain_of_email", "nobody"), None);
    }
}
