//! Takes the digits out of the ways people write a telephone number.

use super::source_id::is_scientific;
use super::text::to_ascii_forms;

/// A number as it was written, reduced to what is dialled.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Written {
    /// Whether a plus sign came first.
    pub(super) plus: bool,
    pub(super) digits: String,
    /// Whether an extension followed.
    pub(super) extension: bool,
    /// Whether letters stood for digits.
    pub(super) letters: bool,
}

/// Why a text is not one telephone number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Malformed,
    Scientific,
    Several,
    Placeholder,
}

/// Words that stand before a number, the longer first.
const LABELS: [&str; 13] = ["telephone", "telefon", "whatsapp", "mobile", "phone", "cell", "tel", "mob", "ph", "t", "m", "p", "c"];

/// What announces an extension, the longer first.
const EXTENSIONS: [&str; 9] = ["extension", "extn", "ext", "anexo", "poste", "доб", "int", "#", "x"];

/// More digits than these make no number.
const MOST_DIGITS: usize = 22;

/// Reads a trimmed text.
pub(super) fn read(text: &str) -> Result<Written, Refusal> {
    if let Some(written) = plain(text) {
        return check(written);
    }
    let ascii = to_ascii_forms(text);
    let text = ascii.trim().trim_start_matches(['\'', '`', '"']).trim_end_matches(['\'', '`', '"']).trim();
    if is_scientific(text) {
        return Err(Refusal::Scientific);
    }
    let (text, context) = uri(text);
    let text = without_label(text);
    // Spreadsheets and data frames make "447911123456.0" of a number.
    let text = match text.strip_suffix(".0") {
        Some(whole) if whole.trim_start_matches('+').bytes().all(|byte| byte.is_ascii_digit()) => whole,
        _ => text,
    };
    let (text, extension) = without_extension(text);
    if is_several(text) {
        return Err(Refusal::Several);
    }
    let mut written = Written { plus: false, digits: String::with_capacity(16), extension, letters: false };
    let mut letters = 0;
    for character in text.chars() {
        match character {
            '0'..='9' => written.digits.push(character),
            '+' if written.digits.is_empty() && !written.plus => written.plus = true,
            ' ' | '-' | '.' | '/' | '(' | ')' | '[' | ']' | '~' | ',' | '_' => {}
            // "+44" in "(0)20": letters only as dialled after digits.
            'a'..='z' | 'A'..='Z' if !written.digits.is_empty() => {
                letters += 1;
                written.digits.push(key(character));
            }
            _ => return Err(Refusal::Malformed),
        }
    }
    written.letters = letters > 0;
    if written.digits.is_empty() || letters > 0 && letters < 3 || letters > 10 {
        return Err(Refusal::Malformed);
    }
    if !written.plus
        && let Some(context) = context
    {
        let prefix: String = context.chars().filter(char::is_ascii_digit).collect();
        written.digits = format!("{prefix}{}", written.digits);
        written.plus = true;
    }
    check(written)
}

/// The most frequent writing: ASCII digits with an optional plus sign first and spaces, hyphens, points, slashes or brackets between.
fn plain(text: &str) -> Option<Written> {
    let bytes = text.as_bytes();
    let mut digits = String::with_capacity(16);
    let mut plus = false;
    let mut longest_gapless = 0_usize;
    for &byte in bytes {
        match byte {
            b'0'..=b'9' => {
                digits.push(char::from(byte));
                longest_gapless += 1;
            }
            b'+' if digits.is_empty() && !plus => plus = true,
            b' ' | b'-' | b'(' | b')' | b'.' => {}
            _ => return None,
        }
    }
    // A final ".0" may be a spreadsheet's.
    if bytes.ends_with(b".0") || longest_gapless == 0 {
        return None;
    }
    Some(Written { plus, digits, extension: false, letters: false })
}

fn check(written: Written) -> Result<Written, Refusal> {
    let digits = written.digits.as_bytes();
    let same = digits.len() >= 5 && digits.iter().all(|digit| *digit == digits[0]);
    if same || matches!(digits, b"1234567890" | b"0123456789" | b"123456789" | b"12345678" | b"1234567" | b"123456" | b"0") {
        Err(Refusal::Placeholder)
    } else if digits.len() > MOST_DIGITS {
        Err(Refusal::Malformed)
    } else {
        Ok(written)
    }
}

/// The number and the context of a `tel:` address (RFC 3966); its other parameters are left out.
fn uri(text: &str) -> (&str, Option<&str>) {
    let Some(rest) = text.get(..4).filter(|scheme| scheme.eq_ignore_ascii_case("tel:")).map(|_| &text[4..]) else {
        return (text, None);
    };
    let Some((number, parameters)) = rest.split_once(';') else {
        return (rest, None);
    };
    let context = parameters.split(';').find_map(|parameter| parameter.strip_prefix("phone-context=+"));
    // An extension is kept in sight, to be taken out and said.
    let number = if parameters.contains("ext=") { rest } else { number };
    (number, context)
}

fn without_label(text: &str) -> &str {
    for label in LABELS {
        if let Some(start) = text.get(..label.len())
            && start.eq_ignore_ascii_case(label)
        {
            let rest = text[label.len()..].trim_start_matches(['.', ':', ' ', '#']);
            if rest.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '(')) {
                return rest;
            }
        }
    }
    text
}

/// The digits of the extension that follows a number, where one does.
pub(super) fn extension(text: &str) -> Option<String> {
    let ascii = to_ascii_forms(text);
    let (text, _) = uri(ascii.trim());
    let (before, found) = without_extension(text);
    let digits: String = text[before.len()..].chars().filter(char::is_ascii_digit).collect();
    (found && !digits.is_empty()).then_some(digits)
}

/// The text before an extension: a word for it and one to seven digits at the end.
fn without_extension(text: &str) -> (&str, bool) {
    let Some(place) = text.rfind(|c: char| !c.is_ascii_digit() && !matches!(c, ' ' | ')' | ':' | '.' | '=')).filter(|&place| place > 0)
    else {
        return (text, false);
    };
    let end = place + text[place..].chars().next().map_or(0, char::len_utf8);
    let number = text[end..].trim_matches([' ', ')', ':', '.', '=']);
    if !(1..=7).contains(&number.len()) || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return (text, false);
    }
    let before = &text[..end];
    let lower = before.to_lowercase();
    let found = EXTENSIONS.iter().find(|word| lower.ends_with(**word) && lower.len() == before.len());
    let Some(word) = found else {
        return (text, false);
    };
    let rest = before[..before.len() - word.len()].trim_end_matches([' ', ',', ';', '(', '-', '.']);
    if rest.bytes().filter(u8::is_ascii_digit).count() >= 5 && rest.ends_with(|c: char| c.is_ascii_digit() || c == ')') {
        (rest, true)
    } else {
        (text, false)
    }
}

/// Whether separators part a text into two or more rows of seven digits or more.
fn is_several(text: &str) -> bool {
    let is_number = |part: &str| part.bytes().filter(u8::is_ascii_digit).count() >= 7;
    let numbers = text.split([',', ';', '/', '|', '&', '\n']).filter(|part| is_number(part)).count();
    let joined = [" or ", " and ", " und ", " et ", " y "].iter().any(|word| text.split(word).filter(|part| is_number(part)).count() > 1);
    let pluses = text.matches('+').count();
    numbers > 1 || joined || pluses > 1 && text.split('+').filter(|part| is_number(part)).count() > 1
}

/// The digit on a telephone's key that bears a letter (ITU-T E.161).
fn key(letter: char) -> char {
    match letter.to_ascii_lowercase() {
        'a'..='c' => '2',
        'd'..='f' => '3',
        'g'..='i' => '4',
        'j'..='l' => '5',
        'm'..='o' => '6',
        'p'..='s' => '7',
        't'..='v' => '8',
        _ => '9',
    }
}
