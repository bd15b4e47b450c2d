//! The words for how a vendor pages and how it is signed to, where there is nothing else to know it by.

use aqueduct_schema::{Error, Result, codes};

use crate::plan::{Credentials, Paging};

/// How the pages of an invented vendor lead on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// A token in the body.
    #[default]
    Token,
    /// An address in the body.
    Link,
    /// An address in the `Link` header.
    Header,
    /// Records are counted.
    Offset,
    /// Pages are counted.
    Page,
    /// The key of the last record.
    Keyset,
    /// The time of the last record.
    Time,
    /// One answer holds everything.
    Single,
}

const STYLES: [(&str, Style); 8] = [
    ("token", Style::Token),
    ("link", Style::Link),
    ("header", Style::Header),
    ("offset", Style::Offset),
    ("page", Style::Page),
    ("keyset", Style::Keyset),
    ("time", Style::Time),
    ("single", Style::Single),
];

impl Style {
    /// The style of a word: `token link header offset page keyset time single`.
    ///
    /// # Errors
    /// `AQ1001` for any other.
    pub fn from_word(word: &str) -> Result<Self> {
        STYLES.iter().find(|(known, _)| *known == word).map(|(_, style)| *style).ok_or_else(|| {
            let words = STYLES.map(|(known, _)| known).join(", ");
            Error::new(codes::BAD_USAGE, format!("`{word}` is no style of paging")).advise(format!("--paging takes one of {words}."))
        })
    }

    /// Whether a place in it is a number of records.
    pub(crate) fn counts(self) -> bool {
        matches!(self, Self::Offset | Self::Page | Self::Time)
    }

    /// The style with the parameters of the invented vendor.
    pub(crate) fn paging(self) -> Paging {
        let next = || vec!["next".to_owned()];
        match self {
            Self::Token => Paging::NextToken { token: next(), parameter: "after".to_owned() },
            Self::Link => Paging::NextLink { link: next() },
            Self::Header => Paging::LinkHeader,
            Self::Offset => Paging::AnchoredOffset { parameter: "offset".to_owned() },
            Self::Page => Paging::PageNumber { parameter: "page".to_owned(), first: 1 },
            Self::Keyset => Paging::Keyset { parameter: "after_id".to_owned(), key: "id".to_owned() },
            Self::Time => {
                Paging::Time { parameter: "created_since".to_owned(), time: "created_at".to_owned(), offset: "offset".to_owned() }
            }
            Self::Single => Paging::Single,
        }
    }
}

impl Credentials {
    /// The credentials of a word: `bearer`, `basic`, `header:NAME` or `query:NAME`.
    ///
    /// # Errors
    /// `AQ1001` for any other, and for a name that no header or parameter has.
    pub fn from_word(word: &str) -> Result<Self> {
        let refused = |what: String| {
            let advice = "--auth takes bearer, basic, header:NAME or query:NAME, for example header:X-Api-Key.";
            Error::new(codes::BAD_USAGE, what).advise(advice)
        };
        let (kind, name) = word.split_once(':').map_or((word, None), |(kind, name)| (kind, Some(name)));
        // The letters of a header's name, RFC 9110.
        let of_header = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        match (kind, name) {
            ("bearer", None) => Ok(Self::Bearer),
            ("basic", None) => Ok(Self::Basic),
            ("header", Some(name)) if !name.is_empty() && name.bytes().all(of_header) => {
                Ok(Self::Header { name: name.to_ascii_lowercase(), prefix: String::new() })
            }
            ("query", Some(name)) if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Ok(Self::Query(name.to_owned()))
            }
            ("header" | "query", Some(name)) => {
                Err(refused(format!("`{name}` is no name of a {}", if kind == "header" { "header" } else { "query parameter" })))
            }
            ("header" | "query", None) => Err(refused(format!("`{kind}` needs the name that the key has there"))),
            _ => Err(refused(format!("`{word}` is no way of signing requests"))),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn words_are_known_or_refused_with_those_that_are() {
        for (word, style) in STYLES {
            assert_eq!(Style::from_word(word).unwrap(), style);
        }
        assert!(Style::from_word("cursor").unwrap_err().advice().contains("token, link, header, offset, page, keyset, time, single"));
        let key = |name: &str| Credentials::Header { name: name.to_owned(), prefix: String::new() };
        for (word, expected) in [
            ("bearer", Credentials::Bearer),
            ("basic", Credentials::Basic),
            ("header:X-Api-Key", key("x-api-key")),
            ("query:api_key", Credentials::Query("api_key".to_owned())),
        ] {
            assert_eq!(Credentials::from_word(word).unwrap(), expected);
        }
        for (word, what) in [
            ("oauth", "no way of signing"),
            ("header", "needs the name"),
            ("header:X Key", "`X Key` is no name of a header"),
            ("query:", "no name of a query parameter"),
            ("bearer:x", "no way of signing"),
        ] {
            let error = Credentials::from_word(word).unwrap_err();
            assert!(error.message().contains(what) && error.advice().contains("header:NAME"), "{error}");
        }
    }
}
