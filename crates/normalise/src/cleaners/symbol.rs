//! Signs and codes of currencies.

use iso_currency::Currency;

/// What a sign or word says about a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It names one currency, by its ISO 4217 code.
    One(&'static str),
    /// Several currencies share it.
    Shared,
}

impl Meaning {
    /// The code, when there is one.
    pub(super) fn code(self) -> Option<&'static str> {
        match self {
            Self::One(code) => Some(code),
            Self::Shared => None,
        }
    }
}

/// What is written beside amounts; lower case, without a final point.
const SYMBOLS: [(&str, Meaning); 51] = [
    ("$", Meaning::Shared),
    ("£", Meaning::Shared),
    ("¥", Meaning::Shared),
    ("kr", Meaning::Shared),
    ("rs", Meaning::Shared),
    ("fr", Meaning::Shared),
    ("₨", Meaning::Shared),
    ("лв", Meaning::One("BGN")),
    ("€", Meaning::One("EUR")),
    ("euro", Meaning::One("EUR")),
    ("euros", Meaning::One("EUR")),
    ("us$", Meaning::One("USD")),
    ("$us", Meaning::One("USD")),
    ("ca$", Meaning::One("CAD")),
    ("c$", Meaning::One("CAD")),
    ("cad$", Meaning::One("CAD")),
    ("a$", Meaning::One("AUD")),
    ("au$", Meaning::One("AUD")),
    ("nz$", Meaning::One("NZD")),
    ("hk$", Meaning::One("HKD")),
    ("s$", Meaning::One("SGD")),
    ("sg$", Meaning::One("SGD")),
    ("nt$", Meaning::One("TWD")),
    ("mx$", Meaning::One("MXN")),
    ("r$", Meaning::One("BRL")),
    ("₹", Meaning::One("INR")),
    ("₽", Meaning::One("RUB")),
    ("руб", Meaning::One("RUB")),
    ("₩", Meaning::One("KRW")),
    ("₺", Meaning::One("TRY")),
    ("tl", Meaning::One("TRY")),
    ("₴", Meaning::One("UAH")),
    ("₪", Meaning::One("ILS")),
    ("₫", Meaning::One("VND")),
    ("฿", Meaning::One("THB")),
    ("₦", Meaning::One("NGN")),
    ("₱", Meaning::One("PHP")),
    ("₡", Meaning::One("CRC")),
    ("₲", Meaning::One("PYG")),
    ("₵", Meaning::One("GHS")),
    ("₸", Meaning::One("KZT")),
    ("₼", Meaning::One("AZN")),
    ("₾", Meaning::One("GEL")),
    ("zł", Meaning::One("PLN")),
    ("kč", Meaning::One("CZK")),
    ("ft", Meaning::One("HUF")),
    ("lei", Meaning::Shared),
    ("sfr", Meaning::One("CHF")),
    ("cn¥", Meaning::One("CNY")),
    ("jp¥", Meaning::One("JPY")),
    ("元", Meaning::One("CNY")),
];

/// The code of ISO 4217 for a text of three letters in any case.
pub(super) fn iso_code(text: &str) -> Option<&'static str> {
    let bytes: [u8; 3] = text.as_bytes().try_into().ok()?;
    let upper = bytes.map(|byte| byte.to_ascii_uppercase());
    std::str::from_utf8(&upper).ok().and_then(Currency::from_code).map(|currency| currency.code())
}

/// What a sign, an abbreviation or a code beside an amount means; `None` when it is none of these.
pub(super) fn meaning(word: &str) -> Option<Meaning> {
    let word = word.trim();
    if let Some(code) = iso_code(word) {
        return Some(Meaning::One(code));
    }
    let lower = word.to_lowercase();
    let bare = lower.trim_end_matches('.');
    SYMBOLS.iter().find(|(symbol, _)| *symbol == bare).map(|&(_, meaning)| meaning)
}
