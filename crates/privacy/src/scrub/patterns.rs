//! What values look like and what names say: e-mail addresses, telephone numbers, instants, ids.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::LazyLock;

use regex::Regex;

/// An expression of this file. Each is tried by the tests; one that could not be compiled would match everything that is scrubbed.
pub(crate) fn compiled(text: &str) -> Regex {
    Regex::new(text).unwrap_or_else(|error| unreachable!("{error}"))
}

macro_rules! patterns {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => { $($(#[$doc])* pub(crate) static $name: LazyLock<Regex> = LazyLock::new(|| compiled($text));)* };
}

patterns! {
    /// An e-mail address anywhere in a text, the `@` also as a form encodes it.
    EMAIL = r"[\p{L}\p{N}_][\p{L}\p{M}\p{N}._+'-]*(?:@|%40)[\p{L}\p{M}\p{N}](?:[\p{L}\p{M}\p{N}.-]*[\p{L}\p{M}\p{N}])?";
    /// A telephone number anywhere in a text: with a country code, or digits in groups.
    PHONE = r"(?:\+|\b00)\d[\d\s().\-/\u{a0}]{5,18}\d|\(\d{2,5}\)[\s.-]?\d[\d\s.\-/]{4,12}\d|\b\d{2,5}(?:[\s.\-/]\d{2,5}){2,5}\b";
    /// A text that can be nothing but a telephone number, or a number that may be one.
    WHOLE_PHONE = r"^[+(]?\d[\d\s().\-/\u{a0}]{5,22}\d(?:\s*(?:x|ext\.?|#)\s*\d{1,6})?$";
    /// A day or an instant, as APIs and people write them.
    INSTANT = r"^(?:\d{4}-\d{2}(?:-\d{2})?(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\s?(?:Z|UTC|[+-]\d{2}:?\d{2})?)?|\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}(?:[ T]\d{1,2}:\d{2}(?::\d{2})?)?|[+-]?\d{1,2}:\d{2}(?::\d{2})?(?:\s?[AaPp][Mm])?|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT)$";
    /// A number.
    NUMBER = r"^[+-]?\d+(?:[.,]\d+)?(?:[eE][+-]?\d+)?%?$";
    /// Whole numbers with separators between them.
    NUMBERS = r"^\d+(?:[;,:] ?\d+)*;?$";
    /// A UUID.
    UUID = r"^[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$";
    /// The form of an id.
    ID = r"^[A-Za-z0-9_:.\-]{1,64}$";
    /// What a person may have chosen as an id: letters, and perhaps a few digits at the end.
    CHOSEN = r"^[A-Za-z]+(?:[._-]?[A-Za-z]+)*[._-]?\d{0,4}$";
    /// A word of a closed set, as APIs write them.
    CODE = r"^[A-Za-z][A-Za-z0-9_./+-]{0,59}$";
    /// An absolute address.
    URL = r"^(?i:[a-z][a-z0-9+.-]{1,10})://[^\s]+$";
    /// A domain name.
    DOMAIN = r"^(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]*[\p{L}\p{N}])?\.)+[\p{L}]{2,24}(?:/\S*)?$";
    /// A tag of HTML.
    TAG = r"</?(?i:a|b|i|u|p|br|hr|div|span|strong|em|ul|ol|li|table|tr|td|th|h[1-6]|html|body|head|img|blockquote|pre|code|font)(?:\s[^<>]*)?/?>";
    /// A quoted literal of a query language.
    LITERAL = r"'((?:[^'\\]|\\.)*)'";
}

/// What people write where they have nothing to say. It stays, since cleaning goes by it.
const NOTHING: [&str; 10] = ["n/a", "na", "none", "null", "nil", "unknown", "-", "--", "tbd", "test"];

/// Whether a text says nothing.
pub(crate) fn is_nothing(text: &str) -> bool {
    NOTHING.contains(&text.trim().to_lowercase().as_str())
}

/// A name in lower case without separators: `first_name`, `firstName` and `First Name` are one.
pub(crate) fn plain(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn contains_any(name: &str, words: &[&str]) -> bool {
    words.iter().any(|word| name.contains(word))
}

/// What a name says of its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    Phone,
    Name,
    Birth,
    /// Numbers and words that lead to a person: a street, a postal code, the number of a passport.
    Place,
    Id,
    /// What leads to the next page.
    Paging,
    /// A word of a closed set.
    Code,
    Nothing,
}

/// Names of words of closed sets.
const CODES: [&str; 34] = [
    "category",
    "charset",
    "code",
    "columndelimiter",
    "companycurrency",
    "contenttype",
    "currency",
    "currencycode",
    "currencyisocode",
    "datatype",
    "encoding",
    "error",
    "errorcode",
    "fieldtype",
    "format",
    "groupname",
    "iconname",
    "kind",
    "lang",
    "language",
    "lineending",
    "locale",
    "method",
    "object",
    "objecttype",
    "operation",
    "scope",
    "scopes",
    "status",
    "statuscode",
    "timezone",
    "tokentype",
    "type",
    "uidatahostinglocation",
];

/// Names of what leads to the next page.
const PAGING: [&str; 21] = [
    "after",
    "before",
    "continuation",
    "continuationtoken",
    "cursor",
    "endcursor",
    "locator",
    "nextcursor",
    "nextpage",
    "nextpagetoken",
    "nexttoken",
    "offset",
    "page",
    "pagecursor",
    "pagetoken",
    "pageinfo",
    "position",
    "querylocator",
    "sforcelocator",
    "startcursor",
    "vidoffset",
];

/// What a name says.
pub(crate) fn named(name: &str) -> Named {
    let word = plain(name);
    let ends = |endings: &[&str]| endings.iter().any(|ending| word.ends_with(ending));
    if PAGING.contains(&word.as_str()) {
        Named::Paging
    } else if CODES.contains(&word.as_str())
        || ends(&["currency", "currencies", "currencycode", "currencyisocode", "timezone", "sidkey", "localekey"])
    {
        Named::Code
    } else if contains_any(&word, &["phone", "mobile", "whatsapp"]) || ends(&["fax", "tel", "cell", "faxnumber"]) {
        Named::Phone
    } else if contains_any(&word, &["birth", "dob"]) {
        Named::Birth
    } else if ["id", "ids", "uuid", "guid", "key", "etag", "hash"].contains(&word.as_str()) || ends_as_id(name) {
        Named::Id
    } else if contains_any(&word, &["street", "address", "postal", "postcode", "passport", "latitude", "longitude", "iban", "vatnumber"])
        || ends(&["zip", "zipcode", "ssn", "taxid", "nationalid", "socialsecuritynumber", "cardnumber", "accountnumber", "lat", "lng"])
    {
        Named::Place
    } else if ends(&["name", "names", "owner", "author", "createdby", "updatedby"]) {
        Named::Name
    } else {
        Named::Nothing
    }
}

/// Whether a name ends in a word "id" of its own: `portalId`, `user_ids`, `OwnerID`, but not `paid`.
fn ends_as_id(name: &str) -> bool {
    let Some(rest) = ["Id", "Ids", "ID", "IDs", "_id", "_ids", "-id"].iter().find_map(|ending| name.strip_suffix(ending)) else {
        return false;
    };
    !["Tax", "tax", "National", "national", "Passport", "passport"].iter().any(|word| rest.ends_with(word))
}

/// Whether a text is the code of a country under a name of countries; names of countries are typed by people and may be anything.
pub(crate) fn is_country_code(name: &str, text: &str) -> bool {
    let word = plain(name);
    let named = ["country", "countrycode", "countryregioncode"].iter().any(|ending| word.ends_with(ending));
    named && text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// Whether a text is an instant, a day or a time of day.
pub(crate) fn is_instant(text: &str) -> bool {
    INSTANT.is_match(text)
}

/// Whether a text that may be a telephone number is one rather than a number: it has a sign, groups, or a zero before it.
pub(crate) fn is_phone(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let grouped = text.starts_with(['+', '(', '0']) || text.contains([' ', '(', '-', '/', '\u{a0}']) || text.matches('.').count() > 1;
    (7..=20).contains(&digits) && grouped && WHOLE_PHONE.is_match(text) && !is_instant(text) && text.parse::<IpAddr>().is_err()
}

/// Whether a text is an address of the Internet Protocol.
pub(crate) fn is_ip(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok() || text.trim_matches(['[', ']']).parse::<Ipv6Addr>().is_ok()
}

/// Whether an id was made by a machine, so that it says nothing: it has digits, and is not letters with a few digits at the end.
pub(crate) fn is_made_id(text: &str) -> bool {
    UUID.is_match(text)
        || (ID.is_match(text) && text.bytes().any(|byte| byte.is_ascii_digit()) && !CHOSEN.is_match(text) && !hides_text(text))
}

/// Whether a text is base64 of readable text, as cursors are that hold values of records.
fn hides_text(text: &str) -> bool {
    use base64::Engine as _;
    if text.len() < 12 {
        return false;
    }
    let text = text.trim_end_matches('=');
    let decoded = [base64::engine::general_purpose::STANDARD_NO_PAD, base64::engine::general_purpose::URL_SAFE_NO_PAD]
        .iter()
        .find_map(|engine| engine.decode(text).ok());
    decoded.is_some_and(|bytes| {
        let readable = bytes.iter().filter(|byte| matches!(byte, 0x20..=0x7e)).count();
        // Bytes drawn by chance are readable in little more than a third of cases.
        readable * 5 >= bytes.len() * 4 && !bytes.iter().all(u8::is_ascii_digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles_and_fits() {
        for (pattern, yes, no) in [
            (&EMAIL, "x ann.o'neil+1@bücher.example y", "at @ all"),
            (&PHONE, "call +44 20 7946 0018 now", "id 12345678901"),
            (&WHOLE_PHONE, "(503) 555-0123 x12", "n/a"),
            (&INSTANT, "2026-01-31T12:00:00.123Z", "20 January"),
            (&NUMBER, "4.47701E+11", "4.4.4"),
            (&NUMBERS, "1;22;333", "1;a"),
            (&UUID, "0f0e0d0c-1111-2222-3333-444455556666", "0f0e"),
            (&ID, "003xx000004TmiQAAS", "a b"),
            (&CHOSEN, "ann.smith82", "003xx"),
            (&CODE, "JobComplete", "Ann Smith"),
            (&URL, "https://x.example/a?b=c", "x.example"),
            (&DOMAIN, "www.bücher.example/path", "a b.example"),
            (&TAG, "a <p class=\"x\">b</p>", "a < b > c"),
            (&LITERAL, "Name = 'O\\'Neil'", "Name = 1"),
        ] {
            assert!(pattern.is_match(yes) && !pattern.is_match(no), "{}", pattern.as_str());
        }
    }

    #[test]
    fn names_say_what_is_under_them() {
        for (name, expected) in [
            ("hs_mobile_phone", Named::Phone),
            ("firstName", Named::Name),
            ("date_of_birth", Named::Birth),
            ("Mailing Street", Named::Place),
            ("taxId", Named::Place),
            ("portalId", Named::Id),
            ("paid", Named::Nothing),
            ("after", Named::Paging),
            ("timeZone", Named::Code),
            ("message", Named::Nothing),
        ] {
            assert_eq!(named(name), expected, "{name}");
        }
    }

    #[test]
    fn numbers_telephone_numbers_and_ids() {
        for text in ["+1 503 555 0101", "(503) 555-0123", "07700900123", "503.555.0101", "1.212.555.01.22"] {
            assert!(is_phone(text), "{text}");
        }
        for text in ["12345678901", "2026-01-31", "31.12.2026", "10.20.30.40", "12.5", "1700000000000"] {
            assert!(!is_phone(text), "{text}");
        }
        for text in ["12345678901", "003xx000004TmiQAAS", "01gxx0000-2000", "0f0e0d0c-1111-2222-3333-444455556666"] {
            assert!(is_made_id(text), "{text}");
        }
        for text in ["ann.smith82", "closedwon", "eyJlbWFpbCI6ImFubkB4In0", "a b1", "YW5uQHguZXhhbXBsZQ"] {
            assert!(!is_made_id(text), "{text}");
        }
    }
}
