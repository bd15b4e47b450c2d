//! The ways in which a plain vendor leads from page to page.

/// How one page leads to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Paging {
    /// One answer holds everything.
    Single,
    /// The body holds a token for a query parameter; `null` on the last page.
    NextToken {
        /// Object keys from the root to the token.
        token: Vec<String>,
        /// The query parameter.
        parameter: String,
    },
    /// The body holds the address of the next page; `null` on the last page.
    NextLink {
        /// Object keys from the root to the address.
        link: Vec<String>,
    },
    /// A `Link` header with `rel="next"` holds the address of the next page; there is none on the last.
    LinkHeader,
    /// So many records are skipped.
    Offset {
        /// The query parameter.
        parameter: String,
    },
    /// Pages have numbers.
    PageNumber {
        /// The query parameter.
        parameter: String,
        /// The number of the first page.
        first: u64,
    },
    /// Records whose key is greater than this one.
    Keyset {
        /// The query parameter.
        parameter: String,
    },
}

impl Paging {
    /// A token at a path of the body, for a query parameter.
    #[must_use]
    pub fn next_token<S: Into<String>>(token: impl IntoIterator<Item = S>, parameter: &str) -> Self {
        Self::NextToken { token: token.into_iter().map(Into::into).collect(), parameter: parameter.to_owned() }
    }

    /// An address at a path of the body.
    #[must_use]
    pub fn next_link<S: Into<String>>(link: impl IntoIterator<Item = S>) -> Self {
        Self::NextLink { link: link.into_iter().map(Into::into).collect() }
    }

    /// A number of records to skip.
    #[must_use]
    pub fn offset(parameter: &str) -> Self {
        Self::Offset { parameter: parameter.to_owned() }
    }

    /// The number of a page.
    #[must_use]
    pub fn page_number(parameter: &str, first: u64) -> Self {
        Self::PageNumber { parameter: parameter.to_owned(), first }
    }

    /// The key of the last record.
    #[must_use]
    pub fn keyset(parameter: &str) -> Self {
        Self::Keyset { parameter: parameter.to_owned() }
    }

    /// Whether there can be a second page.
    #[must_use]
    pub fn has_pages(&self) -> bool {
        *self != Self::Single
    }

    /// Whether a page is found by counting records, so that it moves when a record before it is deleted.
    #[must_use]
    pub fn counts_records(&self) -> bool {
        matches!(self, Self::Offset { .. } | Self::PageNumber { .. })
    }

    /// The query parameter that says where a page begins.
    pub(crate) fn parameter(&self) -> Option<&str> {
        match self {
            Self::Single => None,
            Self::NextToken { parameter, .. }
            | Self::Offset { parameter }
            | Self::PageNumber { parameter, .. }
            | Self::Keyset { parameter } => Some(parameter),
            // A link is a vendor's own business; this vendor writes its tokens into it.
            Self::NextLink { .. } | Self::LinkHeader => Some("page_token"),
        }
    }

    /// Where the body points to the next page.
    pub(crate) fn pointer(&self) -> Option<&[String]> {
        match self {
            Self::NextToken { token: pointer, .. } | Self::NextLink { link: pointer } => Some(pointer),
            _ => None,
        }
    }
}
