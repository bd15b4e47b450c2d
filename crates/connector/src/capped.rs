//! A declared endpoint whose vendor caps what one question gives: how far a question has come, and when it cannot go on.

use aqueduct_schema::{Error, Position, Result, codes};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::page::Next;
use crate::paging::Paging;

/// A place in a question whose paging does not count records: the paging's own, and how many records came before it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Counted {
    seen: u64,
    at: Position,
}

/// One page of a question that gives at most `cap` records.
pub(crate) struct Capped {
    cap: u64,
    paging: Paging,
    page_size: u32,
    /// How many records lie before the page.
    seen: u64,
    /// The place in the paging's own words.
    pub(crate) position: Option<Position>,
}

impl Capped {
    /// The page at a position.
    ///
    /// # Errors
    /// `AQ4003` when the position was not made here.
    pub(crate) fn new(cap: u64, paging: Paging, page_size: u32, position: Option<&Position>) -> Result<Self> {
        let new = |seen, position| Self { cap, paging, page_size, seen, position };
        if let Some(skipped) = paging.skipped(position, page_size) {
            return Ok(new(skipped, position.cloned()));
        }
        let Some(position) = position else { return Ok(new(0, None)) };
        let Counted { seen, at } = Counted::deserialize(&position.0)
            .map_err(|_| Error::new(codes::BAD_STATE, "a stored position does not say how many records came before it"))?;
        Ok(new(seen, Some(at)))
    }

    /// How many records to ask for: no more than the vendor gives, where the paging can do with fewer.
    pub(crate) fn limit(&self) -> u32 {
        let left = u32::try_from(self.cap.saturating_sub(self.seen)).unwrap_or(u32::MAX).max(1);
        match self.paging {
            Paging::Offset { .. } | Paging::AnchoredOffset { .. } | Paging::Time { .. } | Paging::NextToken { .. } => {
                self.page_size.min(left)
            }
            _ => self.page_size,
        }
    }

    /// How many records the next page may have at least: an address that the vendor made cannot be asked for fewer.
    fn least(&self) -> u64 {
        if matches!(self.paging, Paging::NextToken { .. }) { 1 } else { u64::from(self.page_size) }
    }

    /// What comes after the page, which had `count` records; `total` is how many the vendor says there are. Nothing is asked for that lies
    /// beyond the cap, because vendors answer that with nothing, or with an error.
    pub(crate) fn next(&self, count: usize, total: Option<u64>, next: Next) -> Next {
        if total.is_some_and(|total| total > self.cap) {
            return Next::TooMany;
        }
        let seen = self.seen + count as u64;
        match next {
            // As many as the cap and not one more: nobody can tell whether that is all.
            Next::End { .. } if total.is_none() && seen >= self.cap => Next::TooMany,
            Next::Page(at) => match self.paging.skipped(Some(&at), self.page_size) {
                Some(skipped) => {
                    let (needed, held) = match self.paging {
                        Paging::PageNumber { .. } => (u64::from(self.page_size), 0),
                        // The first record of the page is the last of the one before.
                        Paging::AnchoredOffset { .. } | Paging::Time { .. } => (2, 1),
                        _ => (1, 0),
                    };
                    match total {
                        _ if skipped + needed <= self.cap => Next::Page(at),
                        Some(total) if total <= skipped + held => Next::End { bookmark: None },
                        _ => Next::TooMany,
                    }
                }
                None if total.is_none() && seen + self.least() > self.cap => Next::TooMany,
                None => Next::Page(Position(json!(Counted { seen, at }))),
            },
            next => next,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TOKEN: Paging = Paging::NextToken { token: &["next"], parameter: "after" };
    const OFFSET: Paging = Paging::Offset { parameter: "offset" };
    const PAGES: Paging = Paging::PageNumber { parameter: "page", first: 1 };
    const END: Next = Next::End { bookmark: None };

    fn after(
        paging: Paging,
        position: Option<serde_json::Value>,
        count: usize,
        total: Option<u64>,
        next: Option<serde_json::Value>,
    ) -> Next {
        let capped = Capped::new(30, paging, 10, position.map(Position).as_ref()).unwrap();
        capped.next(count, total, next.map_or(END, |next| Next::Page(Position(next))))
    }

    #[test]
    fn nothing_is_asked_for_beyond_the_cap() {
        let page = |at| Next::Page(Position(at));
        assert_eq!(after(OFFSET, Some(json!(10)), 10, None, Some(json!(20))), page(json!(20)));
        assert_eq!(after(OFFSET, Some(json!(20)), 10, None, Some(json!(30))), Next::TooMany);
        assert_eq!(after(OFFSET, Some(json!(20)), 10, Some(30), Some(json!(30))), END, "the vendor says that this was all");
        assert_eq!(after(OFFSET, None, 10, Some(31), Some(json!(10))), Next::TooMany, "known with the first page");
        assert_eq!(after(PAGES, Some(json!(3)), 10, None, Some(json!(4))), Next::TooMany);
        assert_eq!(after(PAGES, Some(json!(2)), 10, None, Some(json!(3))), page(json!(3)));
        assert_eq!(after(TOKEN, None, 10, None, Some(json!("a"))), page(json!({"seen": 10, "at": "a"})));
        assert_eq!(after(TOKEN, Some(json!({"seen": 20, "at": "b"})), 10, None, Some(json!("c"))), Next::TooMany);
        assert_eq!(after(TOKEN, Some(json!({"seen": 20, "at": "b"})), 10, None, None), Next::TooMany, "cut off, or just as many");
        assert_eq!(after(TOKEN, Some(json!({"seen": 20, "at": "b"})), 10, Some(30), None), END);
        assert_eq!(after(TOKEN, Some(json!({"seen": 20, "at": "b"})), 9, None, None), END);
        assert!(Capped::new(30, TOKEN, 10, Some(&Position(json!("b")))).is_err());
    }

    #[test]
    fn the_last_page_within_the_cap_is_shorter() {
        let limit = |paging, position| Capped::new(25, paging, 10, Some(&Position(position))).unwrap().limit();
        assert_eq!((limit(OFFSET, json!(10)), limit(OFFSET, json!(20)), limit(PAGES, json!(3))), (10, 5, 10));
    }
}
