//! Marks in free text: its language, what names a person, quoted replies and signatures. Nothing is taken out.

use std::sync::LazyLock;

use regex::Regex;

use super::{Detail, flagged, told};
use crate::cleaners::{phone_text, source_id};

/// A text with fewer letters says little about its language.
const LETTERS_FOR_LANGUAGE: usize = 24;
/// How much of a text is looked at for its language.
const LANGUAGE_SAMPLE: usize = 4096;
/// The most places of personal data that are told.
const MOST_PLACES: usize = 100;

/// Of a clean text and the code of its cleaner.
pub(super) fn of_text(clean: &str, code: &str) -> Vec<Detail> {
    let mut out = Vec::new();
    told(&mut out, "free_text.language", language(clean).unwrap_or_default());
    told(&mut out, "free_text.personal_data", personal_data(clean));
    let place = |at: Option<usize>| at.map(|at| clean[..at].chars().count().to_string()).unwrap_or_default();
    told(&mut out, "free_text.quoted_from", place(quoted_from(clean)));
    told(&mut out, "free_text.signature_from", place(signature_from(clean)));
    flagged(&mut out, "free_text.truncated", code == "free_text.truncated");
    flagged(&mut out, "free_text.untrusted", true);
    out
}

fn language(text: &str) -> Option<&'static str> {
    let sample = &text[..text.floor_char_boundary(LANGUAGE_SAMPLE)];
    if sample.chars().filter(|character| character.is_alphabetic()).take(LETTERS_FOR_LANGUAGE).count() < LETTERS_FOR_LANGUAGE {
        return None;
    }
    let found = whatlang::detect(sample)?;
    if !found.is_reliable() {
        return None;
    }
    let code = found.lang().code();
    // ISO 639-3 as the detector has it, in the two letters of BCP 47 where there are any.
    const TWO_LETTERS: [(&str, &str); 52] = [
        ("eng", "en"),
        ("deu", "de"),
        ("fra", "fr"),
        ("spa", "es"),
        ("ita", "it"),
        ("por", "pt"),
        ("nld", "nl"),
        ("pol", "pl"),
        ("rus", "ru"),
        ("ukr", "uk"),
        ("swe", "sv"),
        ("dan", "da"),
        ("nob", "nb"),
        ("fin", "fi"),
        ("ces", "cs"),
        ("slk", "sk"),
        ("slv", "sl"),
        ("hun", "hu"),
        ("ron", "ro"),
        ("bul", "bg"),
        ("ell", "el"),
        ("hrv", "hr"),
        ("srp", "sr"),
        ("mkd", "mk"),
        ("tur", "tr"),
        ("ara", "ar"),
        ("heb", "he"),
        ("pes", "fa"),
        ("hin", "hi"),
        ("ben", "bn"),
        ("guj", "gu"),
        ("pan", "pa"),
        ("tam", "ta"),
        ("tel", "te"),
        ("kan", "kn"),
        ("mal", "ml"),
        ("mar", "mr"),
        ("urd", "ur"),
        ("jpn", "ja"),
        ("kor", "ko"),
        ("cmn", "zh"),
        ("tha", "th"),
        ("vie", "vi"),
        ("ind", "id"),
        ("cat", "ca"),
        ("est", "et"),
        ("lav", "lv"),
        ("lit", "lt"),
        ("bel", "be"),
        ("kat", "ka"),
        ("afr", "af"),
        ("lat", "la"),
    ];
    Some(TWO_LETTERS.iter().find(|(three, _)| *three == code).map_or(code, |(_, two)| two))
}

static EMAILS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[\w.+'-]+@[\w-]+(?:\.[\w-]+)+").ok());
static IBANS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b").ok());
static NUMBERS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\+?\(?[0-9][0-9 ()./-]{6,20}[0-9]").ok());

/// Where personal data stands, in the order of the text.
fn personal_data(text: &str) -> String {
    let mut places: Vec<(usize, usize, &str)> = Vec::new();
    let mut add = |regex: &LazyLock<Option<Regex>>, kind: &dyn Fn(&str) -> Option<&'static str>| {
        for found in (**regex).iter().flat_map(|regex| regex.find_iter(text)).take(MOST_PLACES) {
            if let Some(kind) = kind(found.as_str())
                && places.iter().all(|(start, end, _)| found.end() <= *start || found.start() >= *end)
            {
                places.push((found.start(), found.end(), kind));
            }
        }
    };
    add(&EMAILS, &|_| Some("email"));
    add(&IBANS, &|found| is_iban(found).then_some("iban"));
    add(&NUMBERS, &kind_of_number);
    places.sort_unstable();
    places.truncate(MOST_PLACES);
    let mut counted = (0, 0);
    let mut characters = |at: usize| {
        counted = (at, counted.1 + text[counted.0..at].chars().count());
        counted.1
    };
    let words: Vec<String> =
        places.into_iter().map(|(start, end, kind)| format!("{kind} {}-{}", characters(start), characters(end))).collect();
    words.join(", ")
}

fn kind_of_number(text: &str) -> Option<&'static str> {
    let digits: Vec<u32> = text.chars().filter_map(|character| character.to_digit(10)).collect();
    if (13..=19).contains(&digits.len()) && is_luhn(&digits) {
        return Some("card");
    }
    let is_day = text.len() == 10 && text.bytes().filter(|byte| matches!(byte, b'-' | b'/' | b'.')).count() == 2;
    let is_phone = (8..=15).contains(&digits.len())
        && !is_day
        && !source_id::is_scientific(text)
        && (text.starts_with(['+', '(', '0']) || text.contains(['-', ' ']))
        && phone_text::read(text).is_ok();
    is_phone.then_some("phone")
}

/// The check digit of card numbers (ISO/IEC 7812).
fn is_luhn(digits: &[u32]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| if place % 2 == 0 { *digit } else { digit * 2 - if *digit > 4 { 9 } else { 0 } })
        .sum();
    sum.is_multiple_of(10)
}

/// The check digits of an IBAN (ISO 13616): the number with its first four characters at the end leaves one when divided by 97.
fn is_iban(text: &str) -> bool {
    let plain: Vec<u32> = text.chars().filter_map(|character| character.to_digit(36)).collect();
    if !(15..=34).contains(&plain.len()) {
        return false;
    }
    let (first, rest) = plain.split_at(4);
    let rest_then_first = rest.iter().chain(first);
    rest_then_first.fold(0, |remainder: u32, digit| (remainder * if *digit > 9 { 100 } else { 10 } + digit) % 97) == 1
}

/// The lines of a text with the places where they begin.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split('\n').map(move |line| {
        let place = at;
        at += line.len() + 1;
        (place, line)
    })
}

/// Where a quoted reply begins: a line that says who wrote, a head of an older mail, or lines that begin with ">" up to the end.
fn quoted_from(text: &str) -> Option<usize> {
    const HEADS: [&str; 6] = [
        "-----original message-----",
        "----- original message -----",
        "-----ursprüngliche nachricht-----",
        "________________________________",
        "---------- forwarded message ---------",
        "begin forwarded message:",
    ];
    const WROTE: [&str; 7] = ["wrote:", "schrieb:", "a écrit :", "a écrit:", "escribió:", "ha scritto:", "schreef:"];
    lines(text).find_map(|(at, line)| {
        let lower = line.trim().to_lowercase();
        let is_head = HEADS.iter().any(|head| lower == *head);
        let says_who = lower.len() < 200 && WROTE.iter().any(|word| lower.ends_with(word));
        (is_head || says_who || lower.starts_with('>')).then_some(at)
    })
}

/// Where a signature begins: the line of two hyphens that mail programs write (RFC 3676), before any quoted reply.
fn signature_from(text: &str) -> Option<usize> {
    let end = quoted_from(text).unwrap_or(text.len());
    lines(&text[..end]).find(|(_, line)| matches!(*line, "-- " | "--")).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn personal_data_is_found_by_its_check_digits_and_its_form() {
        for (text, places) in [
            ("ada@acme.com and bob.b+x@mail.acme.co.uk", "email 0-12, email 17-40"),
            ("Größe 5; GB82 WEST 1234 5698 7654 32", "iban 9-36"),
            ("card 4111 1111 1111 1111", "card 5-24"),
            ("call 020 7946 0958", "phone 5-18"),
            ("order 12345678 of 2026-01-31, 1200.50", ""),
            ("GB00 WEST 1234 5698 7654 32 is none", ""),
        ] {
            let found = personal_data(text);
            // What fails a check digit may still look like a telephone number; it is never told as the kind it is not.
            if places.is_empty() {
                assert!(!found.contains("iban") && !found.contains("card") && !found.contains("email"), "{text}: {found}");
            } else {
                assert_eq!(found, places, "{text}");
            }
        }
        assert_eq!(personal_data("order 12345678 of 2026-01-31"), "");
    }

    #[test]
    fn replies_and_signatures_are_marked_where_they_begin() {
        assert_eq!(quoted_from("a\n> b"), Some(2));
        assert_eq!(quoted_from("a\nAm 3.5.2026 um 10:00 schrieb Ada:\nx"), None);
        assert_eq!(quoted_from("a\nAda schrieb:\nx"), Some(2));
        assert_eq!(quoted_from("I wrote: nothing"), None);
        assert_eq!(signature_from("a\n-- \nAda\n> -- \n> Bob"), Some(2));
        assert_eq!(signature_from("a\n> -- \n> Bob"), None);
        assert_eq!(language("ok"), None);
    }
}
