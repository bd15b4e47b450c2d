//! Paging by counting records that notices when they have moved.
//!
//! An API that only counts (`offset=200`) skips a record whenever one before the place is deleted. So every page begins one record early
//! and must hold the last record of the page before, its anchor. Where it does not, records have moved: the reading goes back a page, then
//! two, four and so on, until it finds the anchor, at last to the beginning. Records that come twice do no harm.

use aqueduct_schema::{Error, Position, Result, Timestamp, codes};
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use crate::http::{Request, Response};
use crate::json;
use crate::page::Next;
use crate::paging::Paging;

/// A reading that has gone back so often is no longer getting anywhere: the vendor takes no notice of its parameters.
const MOST_RETURNS: u64 = 200;

/// The time that records are sorted by, and the query parameter for the earliest.
#[derive(Clone, Copy, Debug)]
struct Time {
    parameter: &'static str,
    path: &'static str,
}

/// Where a page begins.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    /// The earliest time asked for, where records are found by time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
    /// How many records are skipped.
    offset: u64,
    /// The key of the record that the page must hold, unless it begins at 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    anchor: Option<String>,
    /// How often the reading has gone back: a place that is met again on the way is no circle.
    #[serde(default)]
    returns: u64,
    /// How often it has gone back since it last held its anchor.
    #[serde(default)]
    steps: u32,
}

/// The two styles that are read here.
fn style(paging: Paging) -> Option<(&'static str, Option<Time>)> {
    match paging {
        Paging::AnchoredOffset { parameter } => Some((parameter, None)),
        Paging::Time { parameter, time, offset } => Some((offset, Some(Time { parameter, path: time }))),
        _ => None,
    }
}

fn place(position: Option<&Position>, operation: &str) -> Result<Place> {
    let Some(position) = position else { return Ok(Place::default()) };
    Place::deserialize(&position.0)
        .map_err(|_| Error::new(codes::BAD_STATE, "a stored position does not fit the stream's paging").operation(operation.to_owned()))
}

/// How many records are passed over at a position.
pub(crate) fn skipped(position: Option<&Position>) -> u64 {
    place(position, "").map_or(0, |place| place.offset)
}

/// The request for the page at a position.
pub(crate) fn apply(paging: Paging, mut request: Request, position: Option<&Position>) -> Result<Request> {
    let place = place(position, &request.operation)?;
    let Some((offset, time)) = style(paging) else { return Ok(request) };
    if let (Some(time), Some(since)) = (time, place.since) {
        request.query.retain(|(name, _)| name != time.parameter);
        request = request.query(time.parameter, since.to_string());
    }
    Ok(if place.offset > 0 { request.query(offset, place.offset.to_string()) } else { request })
}

/// What comes after a page. `key` are the paths that identify a record.
pub(crate) fn next(
    paging: Paging,
    response: &Response,
    items: &[&str],
    key: &[String],
    page_size: u32,
    position: Option<&Position>,
) -> Result<Next> {
    let place = place(position, &response.operation)?;
    let time = style(paging).and_then(|(_, time)| time);
    let malformed = |error: serde_json::Error| response.malformed(&error.to_string());
    let raw = json::find(&response.body, items).map_err(malformed)?.unwrap_or("[]");
    let records: Vec<&RawValue> = serde_json::from_str(raw).map_err(malformed)?;
    let to = |place: Place| Ok(Next::Page(Position(json!(place))));
    if let Some(anchor) = &place.anchor {
        let mut held = false;
        for record in &records {
            held |= identity(response, record, key)? == *anchor;
        }
        if !held {
            if place.returns >= MOST_RETURNS {
                return Err(
                    Error::new(codes::PAGING_LOOP, "records move faster than they can be counted").operation(response.operation.clone())
                );
            }
            let back = u64::from(page_size.max(1)).saturating_mul(1 << place.steps.min(32));
            let offset = place.offset.saturating_sub(back);
            let anchor = place.anchor.filter(|_| offset > 0);
            return to(Place { offset, anchor, returns: place.returns + 1, steps: place.steps + 1, ..place });
        }
    }
    let Some(last) = records.last().filter(|_| records.len() >= page_size as usize) else { return Ok(Next::End { bookmark: None }) };
    if let Some(time) = time {
        let mut latest = Timestamp::from_microseconds(i64::MIN);
        for record in &records {
            let at = instant(response, record, time.path)?;
            if at < latest {
                return Err(response.malformed("records that are not in the order of their times"));
            }
            latest = at;
        }
        // A millisecond early: it holds whether the vendor's bound is inclusive or not.
        let since = Timestamp::from_milliseconds(latest.milliseconds() - 1);
        if place.since.is_none_or(|before| since > before) {
            return to(Place { since: Some(since), offset: 0, anchor: None, steps: 0, ..place });
        }
    }
    let anchor = Some(identity(response, last, key)?);
    // A page of one record cannot hold another besides its anchor.
    let seen = if page_size > 1 { records.len() as u64 - 1 } else { 1 };
    to(Place { offset: place.offset + seen, anchor: anchor.filter(|_| page_size > 1), steps: 0, ..place })
}

fn text(response: &Response, record: &RawValue, path: &str) -> Result<Option<String>> {
    let path: Vec<&str> = path.split('.').collect();
    json::find_text(record.get().as_bytes(), &path).map_err(|error| response.malformed(&error.to_string()))
}

fn identity(response: &Response, record: &RawValue, key: &[String]) -> Result<String> {
    let parts: Vec<String> = key.iter().map(|path| Ok(text(response, record, path)?.unwrap_or_default())).collect::<Result<_>>()?;
    Ok(parts.join(":"))
}

fn instant(response: &Response, record: &RawValue, path: &str) -> Result<Timestamp> {
    let text = text(response, record, path)?;
    text.and_then(|text| text.parse().ok()).ok_or_else(|| response.malformed("a record without the time that it is sorted by"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const COUNTED: Paging = Paging::AnchoredOffset { parameter: "offset" };
    const NONE: [u32; 0] = [];
    const TIMED: Paging = Paging::Time { parameter: "since", time: "at", offset: "offset" };

    /// A vendor with records of (id, second), oldest first; `inclusive` says how it understands its bound.
    struct Vendor {
        records: Vec<(u32, i64)>,
        inclusive: bool,
    }

    impl Vendor {
        fn answer(&self, request: &Request, limit: usize) -> Response {
            let asked = |name: &str| request.query.iter().find(|(mine, _)| mine == name).map(|(_, value)| value.clone());
            let since: Option<Timestamp> = asked("since").map(|text| text.parse().unwrap());
            let skip: usize = asked("offset").map_or(0, |text| text.parse().unwrap());
            let reached = |at: Timestamp| since.is_none_or(|since| if self.inclusive { at >= since } else { at > since });
            let found = self.records.iter().map(|(id, second)| (id, Timestamp::from_seconds(*second))).filter(|(_, at)| reached(*at));
            let page: Vec<_> = found.skip(skip).take(limit).map(|(id, at)| json!({"id": id, "at": at})).collect();
            Response {
                status: 200,
                headers: Vec::new(),
                body: json!({"r": page}).to_string().into(),
                server_time: Timestamp::from_seconds(0),
                wire_bytes: 0,
                operation: "test".into(),
            }
        }
    }

    /// Reads to the end, with something done to the vendor after each page; gives the ids that arrived, in order.
    fn read(vendor: &mut Vendor, paging: Paging, limit: u32, mut between: impl FnMut(usize, &mut Vendor)) -> Vec<u32> {
        let key = ["id".to_owned()];
        let (mut position, mut ids) = (None, Vec::new());
        for page in 1..100 {
            let response = vendor.answer(&apply(paging, Request::get("/r", "test"), position.as_ref()).unwrap(), limit as usize);
            let body: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
            ids.extend(body["r"].as_array().unwrap().iter().map(|record| record["id"].as_u64().unwrap() as u32));
            match next(paging, &response, &["r"], &key, limit, position.as_ref()).unwrap() {
                Next::Page(next) => position = Some(next),
                _ => return ids,
            }
            between(page, vendor);
        }
        panic!("no end: {ids:?}");
    }

    fn missing(vendor: &Vendor, ids: &[u32]) -> Vec<u32> {
        vendor.records.iter().map(|(id, _)| *id).filter(|id| !ids.contains(id)).collect()
    }

    #[test]
    fn nothing_is_skipped_when_records_before_the_place_vanish() {
        for paging in [COUNTED, TIMED] {
            for gone in 1..=12 {
                // One instant, so that both styles have to count.
                let mut vendor = Vendor { records: (0..40).map(|id| (id, 7)).collect(), inclusive: true };
                let ids = read(&mut vendor, paging, 5, |page, vendor| {
                    if page == 3 {
                        vendor.records.drain(..gone);
                    }
                });
                assert_eq!(missing(&vendor, &ids), NONE, "{paging:?} with {gone} gone");
            }
        }
    }

    #[test]
    fn times_lead_on_whatever_the_bound_means_and_instants_are_drained() {
        for inclusive in [true, false] {
            for limit in [1, 2, 3, 10, 100] {
                let seconds = [1, 1, 2, 3, 3, 3, 3, 3, 3, 3, 4, 5, 5, 9];
                let records = (0..).zip(seconds).collect();
                let mut vendor = Vendor { records, inclusive };
                let ids = read(&mut vendor, TIMED, limit, |_, _| {});
                assert_eq!(missing(&vendor, &ids), NONE, "inclusive: {inclusive}, {limit} a page");
            }
        }
    }

    #[test]
    fn by_time_a_deletion_costs_no_step_back() {
        let mut vendor = Vendor { records: (0..30).map(|id| (id, i64::from(id))).collect(), inclusive: true };
        let ids = read(&mut vendor, TIMED, 10, |page, vendor| {
            if page == 1 {
                vendor.records.drain(..5);
            }
        });
        assert_eq!(missing(&vendor, &ids), NONE);
        assert!(ids.len() < 40, "{ids:?}");
    }

    #[test]
    fn what_cannot_be_trusted_is_refused() {
        let vendor = Vendor { records: vec![(1, 9), (2, 8)], inclusive: true };
        let response = vendor.answer(&Request::get("/r", "test"), 2);
        let key = ["id".to_owned()];
        assert!(next(TIMED, &response, &["r"], &key, 2, None).is_err());
        // A vendor that does not skip what it is asked to skip.
        let lost = Position(json!({"offset": 9, "anchor": "7", "returns": MOST_RETURNS}));
        assert_eq!(next(COUNTED, &response, &["r"], &key, 2, Some(&lost)).unwrap_err().code(), codes::PAGING_LOOP);
        assert!(apply(COUNTED, Request::get("/r", "test"), Some(&Position(json!("9")))).is_err());
    }
}
