//! Arbitrary text for cleaners, the same for the same seed, and the law that every cleaner holds for all of it.
#![allow(dead_code)]

use std::borrow::Cow;

use aqueduct_normalise::cleaners::{
    CleaningContext, clean, date_days, decimal_units, details, email_match_key, email_normalized, rules, timestamp_micros,
};
use aqueduct_schema::{CleaningStatus, SemanticType};

/// Contexts of several kinds: none, European, American, and one whose facts make no sense.
pub(crate) const CONTEXTS: [CleaningContext<'static>; 4] = [
    CleaningContext::NONE,
    CleaningContext {
        country: Some("DE"),
        default_country: Some("GB"),
        currency: Some("EUR"),
        time_zone: Some("Europe/Berlin"),
        decimal_separator: Some(','),
        day_first: Some(true),
    },
    CleaningContext {
        country: None,
        default_country: Some("US"),
        currency: Some("JPY"),
        time_zone: Some("America/New_York"),
        decimal_separator: Some('.'),
        day_first: Some(false),
    },
    CleaningContext {
        country: Some("Ω"),
        default_country: Some(""),
        currency: Some("💶"),
        time_zone: Some("../etc"),
        decimal_separator: Some('x'),
        day_first: None,
    },
];

/// A sequence that looks like chance (splitmix64).
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// Whether something of this probability, in thousandths, happens.
    pub(crate) fn happens(&mut self, thousandths: usize) -> bool {
        self.below(1000) < thousandths
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// Pieces of the forms that cleaners know, and characters that trip them.
const PIECES: [&str; 96] = [
    " ",
    "\u{200b}",
    "\u{200d}",
    "\u{a0}",
    "\r\n",
    "\u{0}",
    "\u{202e}",
    "\u{301}",
    ".",
    ",",
    "-",
    "+",
    "(",
    ")",
    "<",
    ">",
    "\"",
    "'",
    ";",
    ":",
    "/",
    "@",
    "%",
    "$",
    "€",
    "#",
    "_",
    "&",
    "0",
    "1",
    "12",
    "00",
    "44",
    "999",
    "2026",
    "2026-01-31",
    "31/01/2026",
    "T",
    "12:00",
    "Z",
    "E+11",
    "e3",
    "PM",
    "UTC",
    "ada",
    "acme.com",
    "ACME.test",
    "gmial.com",
    "mailto:",
    "http://",
    "https://",
    "xn--",
    "?utm_source=x",
    "null",
    "n/a",
    "None",
    "USD",
    "kr.",
    "ext",
    "GB",
    "Korea",
    "the ",
    "en-",
    "Europe/",
    "Ã©",
    "Ãƒ",
    "ß",
    "İ",
    "ａ",
    "＠",
    "٣",
    "<b>",
    "</p>",
    "&lt;",
    "&amp;",
    "&#60;",
    "&#x3c;",
    "&nbsp;",
    "<script>",
    "ſ",
    "\u{37e}",
    "\u{212a}",
    "日本",
    "🇬🇧",
    "CA",
    "Bavaria",
    "Dr. ",
    ", Jr.",
    "-- \n",
    "> ",
    "wrote:\n",
    "GB82WEST12345698765432",
    "\u{85}",
    "\u{feff}",
    "<br/>",
    "+44 20 7946 0958",
];

/// The first characters of stretches of Unicode that behave differently, and their lengths.
const STRETCHES: [(u32, u32); 12] = [
    (0x20, 95),
    (0x0, 32),
    (0xa0, 96),
    (0x300, 112),
    (0x400, 256),
    (0x600, 256),
    (0x900, 256),
    (0x1e00, 256),
    (0x2000, 112),
    (0x4e00, 4096),
    (0xff00, 240),
    (0x1_f1e6, 1024),
];

/// One arbitrary text: of any characters, of pieces, or an example of a rule with damage.
pub(crate) fn text(chance: &mut Chance) -> String {
    match chance.below(3) {
        0 => {
            let (length, favourite) = (chance.below(24), chance.pick(&STRETCHES));
            let character = |chance: &mut Chance| {
                let (start, length) = if chance.happens(700) { favourite } else { chance.pick(&STRETCHES) };
                let point = if chance.happens(20) { chance.below(0x11_0000) as u32 } else { start + chance.below(length as usize) as u32 };
                char::from_u32(point).unwrap_or('\u{fffd}')
            };
            (0..length).map(|_| character(chance)).collect()
        }
        1 => (0..chance.below(8)).map(|_| chance.pick(&PIECES)).collect(),
        _ => damaged(chance),
    }
}

fn damaged(chance: &mut Chance) -> String {
    let count = rules().count();
    let example = rules().nth(chance.below(count)).map_or("", |rule| rule.example_in);
    // The example of a text that is too long is 64 KiB, which tells nothing more here.
    let mut characters: Vec<char> = example.chars().take(200).collect();
    for _ in 0..chance.below(4) {
        let place = chance.below(characters.len() + 1);
        let (start, length) = chance.pick(&STRETCHES);
        let other = char::from_u32(start + chance.below(length as usize) as u32).unwrap_or(' ');
        match chance.below(4) {
            0 => characters.insert(place, other),
            1 if place < characters.len() => drop(characters.remove(place)),
            2 if place < characters.len() => characters.insert(place, characters[place]),
            3 if place < characters.len() => characters[place] = other,
            _ => {}
        }
    }
    characters.into_iter().collect()
}

/// What the law finds wrong with one value in one context: cleaning is total, says what it did by a rule that exists, and does nothing to
/// what it has made itself.
pub(crate) fn broken(semantic: SemanticType, value: &str, context: &CleaningContext<'_>) -> Option<String> {
    let cleaned = clean(semantic, value, context);
    let wrong = |what: &str| Some(format!("{what}: {} {value:?} {context:?} gave {cleaned:?}", semantic.name()));
    let text = cleaned.value.as_deref();
    let sound = match cleaned.status {
        CleaningStatus::Ok => text == Some(value) && cleaned.code.is_empty() && matches!(cleaned.value, Some(Cow::Borrowed(_))),
        CleaningStatus::Fixed => text.is_some_and(|text| text != value),
        CleaningStatus::Suspect => true,
        CleaningStatus::Invalid | CleaningStatus::Missing => text.is_none(),
    };
    if !sound {
        return wrong("status and value do not go together");
    }
    if cleaned.status != CleaningStatus::Ok
        && !rules().any(|rule| rule.code == cleaned.code && rule.status == cleaned.status && rule.semantic == semantic)
    {
        return wrong("no rule says this");
    }
    let first = text?;
    if first.is_empty() {
        return wrong("an empty value was kept");
    }
    let again = clean(semantic, first, context);
    if again.value.as_deref() != Some(first) {
        return wrong(&format!("cleaning again gave {again:?}"));
    }
    let fits = match semantic {
        SemanticType::Timestamp => timestamp_micros(first).is_some(),
        SemanticType::Date => date_days(first).is_some(),
        SemanticType::Money | SemanticType::Ratio => decimal_units(first).is_some(),
        SemanticType::Count => first.parse::<i64>().is_ok(),
        SemanticType::Flag => matches!(first, "true" | "false"),
        SemanticType::Email => [email_normalized, email_match_key].into_iter().all(|key| key(&key(first)) == key(first)),
        _ => true,
    };
    if fits { None } else { wrong("the column cannot hold it, or its keys are not keys of themselves") }
}

/// Takes the details of a value, which must not panic either.
pub(crate) fn take_details(semantic: SemanticType, value: &str, context: &CleaningContext<'_>) -> usize {
    details(semantic, value, context).len()
}
