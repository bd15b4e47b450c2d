//! The page that tells what every cleaner does, written from the tables that the cleaners themselves use.

use std::fmt::Write;

use aqueduct_schema::{CleaningStatus, SemanticType, Sensitivity};

use super::{CleaningContext, DETAILS, rules, version};

/// The rule of a semantic type in words.
const fn words(semantic: SemanticType) -> &'static str {
    match semantic {
        SemanticType::Email => {
            "One address as it can be sent to. Space, zero-width characters, `mailto:`, a name and brackets around it are taken out; letters and \
             marks are composed (NFC); the domain becomes lower-case ASCII (UTS-46, non-transitional) with at least two labels; the part before the \
             at sign keeps its case. At most 64 octets before the at sign and 254 in all (RFC 5321). No server is ever asked."
        }
        SemanticType::PhoneNumber => {
            "E.164: a plus sign and digits. Digits of all scripts are read; a spreadsheet's apostrophe and `.0` are taken out; a number in \
             scientific notation has lost digits and is refused. The country is the one that the number names, else the row's, else the \
             pipeline's (`defaults.country`); without any, nothing is guessed. Validity is that of libphonenumber's plans."
        }
        SemanticType::PersonName => {
            "A name as its owner writes it: composed (NFC), single spaces, without control characters and directional overrides; the joiners that \
             shape letters stay. Never re-cased, never split; how it might be shown or taken apart are details. UTF-8 that was read as \
             Windows-1252 is read again only where the bytes are UTF-8 and the result looks better. One word is a whole name."
        }
        SemanticType::CompanyName => "A tidy line; the legal form stays as it is.",
        SemanticType::Country => {
            "ISO 3166-1 alpha-2, from codes, numbers, flags and names in many languages. Names that several countries share are resolved by the row \
             or the pipeline, or not at all. `XK` is taken for Kosovo."
        }
        SemanticType::Region => {
            "ISO 3166-2 where the row names its country and the text is a part of it, by code or by name; anything else is a tidy line."
        }
        SemanticType::PostalCode => "Capitals and single spaces. Digits that a spreadsheet took away are not invented.",
        SemanticType::Language => "A BCP 47 tag in its usual case, from tags, ISO 639 codes and names of languages.",
        SemanticType::TimeZone => "A zone by its name in the IANA database that is built into the program.",
        SemanticType::CurrencyCode => "ISO 4217, from codes and from signs that belong to one currency.",
        SemanticType::Money => {
            "An exact decimal with 29 digits before and nine after the point; no binary float is ever made. Separators are those of the declared \
             locale (`defaults.decimal_separator`); without one, what can be read in two ways is not read. Parentheses are a minus sign. \
             Decimals beyond those of the row's currency (ISO 4217) are doubted."
        }
        SemanticType::Ratio => "An exact decimal, as amounts are; per cent becomes a hundredth.",
        SemanticType::Timestamp => {
            "An instant in UTC with microseconds. A time without a zone needs the declared one (`defaults.time_zone`); where the clocks changed, the \
             first of two is taken, and a time that never was is moved by the gap. Epochs are read only where a mapping declares their unit. \
             Day and month are read in the declared order (`defaults.day_first`), or when only one order is possible."
        }
        SemanticType::Date => "A day as `YYYY-MM-DD`; the order of day and month as for instants. A day is never made an instant.",
        SemanticType::Url => {
            "A web address as the WHATWG URL standard writes it, without fragment, credentials, default port and the parameters by which visitors \
             are followed."
        }
        SemanticType::Domain => "The part of a host that can be registered, by the Public Suffix List with its private part.",
        SemanticType::Label => "One tidy line: composed, single spaces, no hidden characters, no HTML.",
        SemanticType::FreeText => {
            "Text of any length: HTML becomes text, line ends become one kind, hidden characters go, and the first 64 KiB are kept. Quoted replies \
             and signatures stay where they are; details say where they begin."
        }
        SemanticType::Category => {
            "A word in lower case with low lines. Which words there are is said by the mapping (`values`, `otherwise`)."
        }
        SemanticType::Flag => "True or false, from words that mean the same in every language they are written in.",
        SemanticType::Count => "A whole number of 64 bits.",
        SemanticType::SourceId => "An identifier as the source gives it, without space around it.",
    }
}

/// The word of a status in pages and tables.
const fn status_word(status: CleaningStatus) -> &'static str {
    match status {
        CleaningStatus::Ok => "ok",
        CleaningStatus::Fixed => "fixed",
        CleaningStatus::Suspect => "suspect",
        CleaningStatus::Invalid => "invalid",
        CleaningStatus::Missing => "missing",
    }
}

/// The reference of all cleaners in Markdown.
pub fn reference() -> String {
    let mut page = String::from(HEAD);
    for semantic in SemanticType::ALL {
        let sensitivity = match semantic.sensitivity() {
            Sensitivity::None => "none",
            Sensitivity::Indirect => "indirect",
            Sensitivity::Direct => "direct",
            Sensitivity::Sensitive => "sensitive",
        };
        let stored = format!("{:?}", semantic.value_type()).to_lowercase();
        let _ = write!(
            page,
            "\n## {}\n\nVersion {}. Stored as {stored}; sensitivity {sensitivity}.\n\n{}\n\n| code | status | in | out | meaning |\n| --- | --- | --- | --- | --- |\n",
            semantic.name(),
            version(semantic),
            words(semantic)
        );
        for rule in rules().filter(|rule| rule.semantic == semantic) {
            let out = rule.example_out.map_or_else(|| "nothing".to_owned(), shown);
            let facts = facts(&rule.context);
            let (code, status, meaning) = (rule.code, status_word(rule.status), rule.meaning.replace('|', "\\|"));
            let _ = writeln!(page, "| `{code}` | {status} | {}{facts} | {out} | {meaning} |", shown(rule.example_in));
        }
        let mut details = DETAILS.iter().filter(|rule| rule.semantic == semantic && !rule.example_in.is_empty()).peekable();
        if details.peek().is_some() {
            page.push_str("\n| detail | of | is | meaning |\n| --- | --- | --- | --- |\n");
        }
        for rule in details {
            let (of, is, meaning) = (shown(rule.example_in), shown(rule.example_out), rule.meaning.replace('|', "\\|"));
            let _ = writeln!(page, "| `{}` | {of}{} | {is} | {meaning} |", rule.name, facts(&rule.context));
        }
    }
    page
}

const HEAD: &str = "# Cleaners\n\n<!-- Written by `cargo run -p aqueduct-normalise --example cleaning_reference`; a test compares it with the tables of the code. -->\n\n\
Every kind of value has one cleaner: a pure function from a text and a few declared facts to a canonical value, a status and a code. It is total \
(any text has an answer), it does nothing to what it has made itself, it never panics, and it guesses nothing in silence.\n\n\
| status | the value | what is stored |\n| --- | --- | --- |\n\
| `ok` | was in its canonical form | the value |\n\
| `fixed` | was brought into it without doubt | the canonical value |\n\
| `suspect` | may be right but cannot be confirmed | what the code says; the row's `_flags` name field and code |\n\
| `invalid` | cannot be what it claims to be | nothing, and a flag; without a required field the record goes to quarantine |\n\
| `missing` | is nothing, or a word that stands for nothing | nothing; a flag for such a word |\n\n\
The version of a cleaner rises when a value may come out differently. Details are what a value says besides itself; a mapping asks for one with \
`{ function: detail, of: [path, { constant: NAME }] }`, and `aqueduct clean` shows all. Facts that an example needs stand in parentheses.\n";

/// The facts around an example.
fn facts(context: &CleaningContext<'_>) -> String {
    let mut facts = Vec::new();
    let mut add = |name: &str, value: Option<String>| facts.extend(value.map(|value| format!("{name}: {value}")));
    add("country", context.country.map(str::to_owned));
    add("default country", context.default_country.map(str::to_owned));
    add("currency", context.currency.map(str::to_owned));
    add("time zone", context.time_zone.map(str::to_owned));
    add("decimal separator", context.decimal_separator.map(|separator| format!("`{separator}`")));
    add("day first", context.day_first.map(|first| first.to_string()));
    if facts.is_empty() { String::new() } else { format!(" ({})", facts.join(", ")) }
}

/// A value as code, with what cannot be seen written out and nothing that would end the cell.
fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut out = String::new();
    for character in text.chars().take(LONGEST) {
        match character {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '|' => out.push_str("\\|"),
            _ if super::text::is_hidden(character) || character.is_control() || matches!(character, '\u{a0}' | '\u{300}'..='\u{36f}') => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(character));
            }
            _ => out.push(character),
        }
    }
    if text.chars().nth(LONGEST).is_some() {
        out.push('…');
    }
    match (out.trim().is_empty(), out.contains('`')) {
        (true, _) => "space".to_owned(),
        (_, true) => format!("`` {out} ``"),
        _ => format!("`{out}`"),
    }
}
