//! How one page of an API leads to the next, for streams that need no code.

use aqueduct_schema::{Position, Result};
use serde_json::json;

use crate::anchored;
use crate::http::{Request, Response};
use crate::json;
use crate::page::Next;

/// The styles of paging.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paging {
    /// One answer holds everything.
    Single,
    /// A token in the body goes into a query parameter; the last page has none.
    NextToken {
        /// Object keys from the root to the token.
        token: &'static [&'static str],
        /// The query parameter.
        parameter: &'static str,
    },
    /// The body has the address of the next page; the last page has none.
    NextLink {
        /// Object keys from the root to the address.
        link: &'static [&'static str],
    },
    /// A `Link` header with `rel="next"` has the address of the next page; the last page has none (RFC 8288).
    LinkHeader,
    /// So many records are skipped; a page shorter than the page size is the last. Rows can shift between pages: only for sources whose
    /// order never changes, or for snapshots that are compared whole.
    Offset {
        /// The query parameter.
        parameter: &'static str,
    },
    /// So many records are skipped, in an order that does not change (oldest first). Each page begins with the last record of the one
    /// before; where it does not, records have moved, and the reading goes back until it finds that record: none is skipped.
    AnchoredOffset {
        /// The query parameter.
        parameter: &'static str,
    },
    /// Records are sorted by a time that does not change while pages are read, oldest first (or by the time of change, when it is also the
    /// parameter for changes): the time of the last record goes into a query parameter, and records are only counted inside one instant, as
    /// in `AnchoredOffset`. A page shorter than the page size is the last. The bound may be inclusive or not.
    Time {
        /// The query parameter for "at or after" or "after" an instant, RFC 3339.
        parameter: &'static str,
        /// The path of the time inside a record, keys joined by dots.
        time: &'static str,
        /// The query parameter for how many records are skipped.
        offset: &'static str,
    },
    /// Pages have numbers; a page shorter than the page size is the last.
    PageNumber {
        /// The query parameter.
        parameter: &'static str,
        /// The number of the first page.
        first: u64,
    },
    /// The key of the last record goes into a query parameter; a page shorter than the page size is the last.
    Keyset {
        /// The query parameter for "greater than this key".
        parameter: &'static str,
        /// The key inside a record.
        key: &'static str,
    },
}

impl Paging {
    /// Turns the first request into the request for the page at a position.
    ///
    /// # Errors
    /// `AQ4003` when the position was not made by this paging style.
    pub fn apply(self, request: Request, position: Option<&Position>) -> Result<Request> {
        if let Self::AnchoredOffset { .. } | Self::Time { .. } = self {
            return anchored::apply(self, request, position);
        }
        let unreadable = || {
            aqueduct_schema::Error::new(aqueduct_schema::codes::BAD_STATE, "a stored position does not fit the stream's paging")
                .operation(request.operation.clone())
        };
        let text = match position {
            None => None,
            Some(Position(serde_json::Value::String(text))) => Some(text.clone()),
            Some(Position(serde_json::Value::Number(number))) => Some(number.to_string()),
            Some(_) => return Err(unreadable()),
        };
        Ok(match (self, text) {
            (Self::PageNumber { parameter, first }, None) => request.query(parameter, first.to_string()),
            (_, None) => request,
            (Self::Single | Self::AnchoredOffset { .. } | Self::Time { .. }, Some(_)) => return Err(unreadable()),
            (Self::NextToken { parameter, .. }, Some(value))
            | (Self::Offset { parameter } | Self::PageNumber { parameter, .. } | Self::Keyset { parameter, .. }, Some(value)) => {
                request.query(parameter, value)
            }
            (Self::NextLink { .. } | Self::LinkHeader, Some(link)) => Request { url: link, query: Vec::new(), ..request },
        })
    }

    /// How many records are passed over at a position, for the styles that count them.
    pub(crate) fn skipped(self, position: Option<&Position>, page_size: u32) -> Option<u64> {
        let number = |start: u64| position.and_then(|position| position.0.as_u64()).unwrap_or(start);
        match self {
            Self::Offset { .. } => Some(number(0)),
            Self::PageNumber { first, .. } => Some(number(first).saturating_sub(first) * u64::from(page_size)),
            Self::AnchoredOffset { .. } | Self::Time { .. } => Some(anchored::skipped(position)),
            Self::Single | Self::NextToken { .. } | Self::NextLink { .. } | Self::LinkHeader | Self::Keyset { .. } => None,
        }
    }

    /// What comes after a page that answered with `count` records, which `key` identifies (paths, as in the stream's record).
    ///
    /// # Errors
    /// `AQ3005` when the answer cannot say.
    pub fn next(
        self,
        response: &Response,
        items: &[&str],
        key: &[String],
        count: usize,
        page_size: u32,
        position: Option<&Position>,
    ) -> Result<Next> {
        let malformed = |error: serde_json::Error| response.malformed(&error.to_string());
        let end = Next::End { bookmark: None };
        let at = |text: Option<String>| text.map_or(end.clone(), |text| Next::Page(Position(json!(text))));
        let full = count >= page_size as usize;
        let number = |start: u64| position.and_then(|position| position.0.as_u64()).unwrap_or(start);
        Ok(match self {
            Self::AnchoredOffset { .. } | Self::Time { .. } => anchored::next(self, response, items, key, page_size, position)?,
            Self::Single => end,
            Self::NextToken { token, .. } => at(json::find_text(&response.body, token).map_err(malformed)?),
            Self::NextLink { link } => at(json::find_text(&response.body, link).map_err(malformed)?),
            Self::LinkHeader => at(response.header("link").and_then(next_link)),
            Self::Offset { .. } if full => Next::Page(Position(json!(number(0) + count as u64))),
            Self::PageNumber { first, .. } if full => Next::Page(Position(json!(number(first) + 1))),
            Self::Keyset { key, .. } if full => {
                let raw = json::find(&response.body, items).map_err(malformed)?.unwrap_or("[]");
                let records: Vec<&serde_json::value::RawValue> = serde_json::from_str(raw).map_err(malformed)?;
                let last = records.last().map_or(Ok(None), |last| json::find_text(last.get().as_bytes(), &[key])).map_err(malformed)?;
                at(Some(last.ok_or_else(|| response.malformed("a record without its key"))?))
            }
            Self::Offset { .. } | Self::PageNumber { .. } | Self::Keyset { .. } => end,
        })
    }
}

/// The target of `rel="next"` in a `Link` header.
fn next_link(header: &str) -> Option<String> {
    let mut rest = header;
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>')?;
        let target = &rest[start + 1..end];
        let parameters_end = next_target(rest, end);
        let parameters = &rest[end + 1..parameters_end];
        let is_next = parameters.split(';').any(|parameter| {
            let mut halves = parameter.trim().trim_end_matches(',').splitn(2, '=');
            let name = halves.next().unwrap_or_default().trim();
            let value = halves.next().unwrap_or_default().trim().trim_matches('"');
            name.eq_ignore_ascii_case("rel") && value.split_ascii_whitespace().any(|word| word.eq_ignore_ascii_case("next"))
        });
        if is_next {
            return Some(target.to_owned());
        }
        rest = &rest[parameters_end..];
    }
    None
}

/// Where the next link value begins: the `<` after a comma, since targets may hold commas but parameters here do not hold `<`.
fn next_target(header: &str, from: usize) -> usize {
    header[from..].find('<').map_or(header.len(), |at| from + at)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use aqueduct_schema::Timestamp;

    fn response(body: &'static str, headers: &[(&str, &str)]) -> Response {
        Response {
            status: 200,
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            body: body.into(),
            server_time: Timestamp::from_seconds(0),
            wire_bytes: 0,
            operation: "test".into(),
        }
    }

    fn position(next: Next) -> Option<serde_json::Value> {
        match next {
            Next::Page(position) => Some(position.0),
            Next::End { .. } | Next::Later { .. } | Next::TooMany => None,
        }
    }

    #[test]
    fn each_style_leads_on_and_ends() {
        let token = Paging::NextToken { token: &["paging", "after"], parameter: "after" };
        let more = response(r#"{"r":[{"id":1}],"paging":{"after":"9"}}"#, &[]);
        let last = response(r#"{"r":[{"id":1}]}"#, &[]);
        assert_eq!(position(token.next(&more, &["r"], &[], 1, 1, None).unwrap()), Some(json!("9")));
        assert_eq!(position(token.next(&last, &["r"], &[], 1, 1, None).unwrap()), None);
        let offset = Paging::Offset { parameter: "offset" };
        assert_eq!(position(offset.next(&last, &["r"], &[], 2, 2, Some(&Position(json!(4)))).unwrap()), Some(json!(6)));
        assert_eq!(position(offset.next(&last, &["r"], &[], 1, 2, None).unwrap()), None);
        let page = Paging::PageNumber { parameter: "page", first: 1 };
        assert_eq!(position(page.next(&last, &["r"], &[], 2, 2, None).unwrap()), Some(json!(2)));
        let keyset = Paging::Keyset { parameter: "id_greater", key: "id" };
        assert_eq!(position(keyset.next(&last, &["r"], &[], 1, 1, None).unwrap()), Some(json!("1")));
        assert!(keyset.next(&response(r#"{"r":[{}]}"#, &[]), &["r"], &[], 1, 1, None).is_err());
        assert!(token.next(&response("<html>", &[]), &["r"], &[], 0, 1, None).is_err());
    }

    #[test]
    fn link_headers_with_several_links_and_commas() {
        let header = r#"<https://x.example/a?ids=1,2>; rel="prev", <https://x.example/b?ids=3,4>; title="n"; rel="last next""#;
        assert_eq!(next_link(header).as_deref(), Some("https://x.example/b?ids=3,4"));
        assert_eq!(next_link(r#"<https://x.example/a>; rel="prev""#), None);
        assert_eq!(next_link("nonsense"), None);
    }

    #[test]
    fn a_position_of_another_style_is_refused() {
        let request = Request::get("/x", "test");
        assert!(Paging::Single.apply(request.clone(), Some(&Position(json!("a")))).is_err());
        assert!(Paging::Offset { parameter: "o" }.apply(request.clone(), Some(&Position(json!({"a": 1})))).is_err());
        let followed = Paging::LinkHeader.apply(request.query("a", "b"), Some(&Position(json!("https://x.example/2")))).unwrap();
        assert_eq!((followed.url.as_str(), followed.query.len()), ("https://x.example/2", 0));
    }
}
