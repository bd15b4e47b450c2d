//! Reading a stream that declares its endpoint.

use std::collections::BTreeMap;
use std::time::Duration;

use aqueduct_schema::checkpoint::compare_ids;
use aqueduct_schema::{Cursor, Error, Mode, Position, Result, Timestamp, codes};
use bytes::Bytes;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::capped::Capped;
use crate::connector::{Context, Read, Span};
use crate::http::{Request, Response};
use crate::json;
use crate::page::{Next, Page, Records};
use crate::stream::{Endpoint, Stream};
use crate::windows::{Instants, Windows};

/// Keys by which vendors' error bodies are known.
const FAILURES: [&str; 4] = ["error", "errors", "code", "message"];

/// Reads one page of a stream from its declared endpoint.
///
/// # Errors
/// Those of the request; `AQ3005` when the records are not where the endpoint says; `AQ9001` when the stream declares no endpoint.
pub async fn read(context: &Context, read: &Read<'_>) -> Result<Page> {
    read_with(context, read, |request| request).await
}

/// The same with a request that the connector completes, for what an endpoint cannot declare: a parameter that depends on the time or on
/// the position. A connector that keeps more than one place in its position hands over a `Read` with the endpoint's own.
///
/// # Errors
/// As [`read`].
pub async fn read_with(context: &Context, read: &Read<'_>, complete: impl FnOnce(Request) -> Request) -> Result<Page> {
    let stream = read.stream;
    let endpoint = endpoint(stream)?;
    if read.by_id {
        return page_by_id(context, read, endpoint, complete).await;
    }
    let cap = windows(read).and_then(|windows| windows.cap);
    let capped = cap.map(|cap| Capped::new(cap, endpoint.paging, stream.page_size, read.position)).transpose()?;
    let (limit, position) = match &capped {
        Some(capped) => (capped.limit(), capped.position.as_ref()),
        None => (stream.page_size, read.position),
    };
    let request = endpoint.paging.apply(complete(question(read, endpoint, limit)?), position)?;
    let response = context.http.send(request).await?;
    let count = json::count(&response.body, endpoint.items).map_err(|error| response.malformed(&error.to_string()))?;
    let Some(count) = count else { return without_records(stream, response) };
    let mut next = endpoint.paging.next(&response, endpoint.items, &stream.record.key, count, limit, position)?;
    if let Some(capped) = &capped {
        next = capped.next(count, total(&response, endpoint)?, next);
    }
    Ok(Page { records: Records::Json { body: response.body, pointer: endpoint.items }, next, server_time: response.server_time })
}

/// How many live records there are, or how many of them last changed within a span, where the endpoint says it of any question.
///
/// # Errors
/// Those of the request; `AQ3005` when the number is not where the endpoint says.
pub async fn count(context: &Context, span: &Span<'_>) -> Result<Option<u64>> {
    let Some(endpoint) = span.stream.endpoint.as_ref().filter(|endpoint| endpoint.total.is_some()) else { return Ok(None) };
    let unknown = |bound: Option<Timestamp>, parameter: Option<&str>| bound.is_some() && parameter.is_none();
    if unknown(span.from, endpoint.since_parameter) || unknown(span.until, endpoint.until_parameter) {
        return Ok(None);
    }
    let from = span.from.map(Cursor::at);
    let mode = Mode::Backfill;
    let read = Read { stream: span.stream, mode, from: from.as_ref(), until: span.until, position: None, bookmark: None, by_id: false };
    let mut request = question(&read, endpoint, 1)?;
    request.operation = format!("{}: count", span.stream.name);
    let response = context.http.send(request).await?;
    let total = total(&response, endpoint)?;
    Ok(Some(total.ok_or_else(|| response.malformed("the number of records is missing"))?))
}

/// The windows that a reading is cut into; see [`crate::Windows`].
fn windows<'a>(read: &Read<'a>) -> Option<&'a Windows> {
    read.stream.windows.as_ref().filter(|_| !matches!(read.mode, Mode::Deletions | Mode::Parents))
}

/// The request, but for the place of the page.
fn question(read: &Read<'_>, endpoint: &Endpoint, limit: u32) -> Result<Request> {
    let stream = read.stream;
    let mut request = Request::get(endpoint.path, format!("{}: {}", stream.name, read.mode.name())).class(endpoint.class);
    for (name, value) in endpoint.query {
        request = request.query(*name, *value);
    }
    if let Some(parameter) = endpoint.page_size_parameter {
        request = request.query(parameter, limit.to_string());
    }
    let windows = windows(read);
    if windows.is_some() && (endpoint.since_parameter.is_none() || endpoint.until_parameter.is_none()) {
        let message = format!("stream `{}` has windows, and its endpoint no parameters for where they begin and end", stream.name);
        return Err(Error::new(codes::BUG, message));
    }
    if windows.is_none() && !matches!(read.mode, Mode::Changes | Mode::Backfill) {
        return Ok(request);
    }
    let overlap = windows.filter(|windows| windows.overlapping).map_or(Duration::ZERO, |windows| windows.smallest);
    if let (Some(parameter), Some(from)) = (endpoint.since_parameter, read.from) {
        request = request.query(parameter, instant(endpoint.instants, from.at.minus(overlap)));
    }
    if let (Some(parameter), Some(until)) = (endpoint.until_parameter, read.until) {
        let end = if endpoint.instants == Instants::Days { until.minus(Duration::from_micros(1)) } else { until };
        request = request.query(parameter, instant(endpoint.instants, end));
    }
    Ok(request)
}

fn instant(instants: Instants, at: Timestamp) -> String {
    match instants {
        Instants::Rfc3339 => at.to_string(),
        Instants::Days => at.to_string().chars().take(10).collect(),
        Instants::Seconds => at.milliseconds().div_euclid(1_000).to_string(),
        Instants::Milliseconds => at.milliseconds().to_string(),
    }
}

fn total(response: &Response, endpoint: &Endpoint) -> Result<Option<u64>> {
    let Some(pointer) = endpoint.total else { return Ok(None) };
    let text = json::find_text(&response.body, pointer).map_err(|error| response.malformed(&error.to_string()))?;
    let number = text.map(|text| text.parse().map_err(|_| response.malformed("the number of records is no number")));
    number.transpose()
}

/// A page of an instant in the order of ids: each is a question of its own for what comes after the last id.
async fn page_by_id(context: &Context, read: &Read<'_>, endpoint: &Endpoint, complete: impl FnOnce(Request) -> Request) -> Result<Page> {
    let stream = read.stream;
    let missing = || Error::new(codes::BUG, format!("the endpoint of stream `{}` does not say how it is read by id", stream.name));
    let (by_id, key) = endpoint.by_id.zip(stream.record.key.first()).ok_or_else(missing)?;
    let after = match read.position.map(|position| &position.0) {
        None => None,
        Some(serde_json::Value::String(id)) => Some(id.clone()),
        Some(_) => return Err(Error::new(codes::BAD_STATE, "a stored position is not the id of a record")),
    };
    let mut request = question(read, endpoint, stream.page_size)?;
    for (name, value) in by_id.query {
        request.query.retain(|(known, _)| known != name);
        request = request.query(*name, *value);
    }
    if let Some(after) = &after {
        request = request.query(by_id.parameter, after);
    }
    let response = context.http.send(complete(request)).await?;
    let malformed = |error: serde_json::Error| response.malformed(&error.to_string());
    let found = json::find(&response.body, endpoint.items).map_err(malformed)?.filter(|raw| *raw != "null");
    let Some(raw) = found else { return without_records(stream, response) };
    let records: Vec<&RawValue> = serde_json::from_str(raw).map_err(malformed)?;
    let path: Vec<&str> = key.split('.').collect();
    let mut last = after;
    let count = records.len();
    for record in records {
        let id = json::find_text(record.get().as_bytes(), &path).map_err(malformed)?;
        let id = id.ok_or_else(|| response.malformed("a record without its key"))?;
        if last.as_ref().is_some_and(|last| compare_ids(last, &id).is_ge()) {
            return Err(response.malformed("records that are not in the order of their ids"));
        }
        last = Some(id);
    }
    let next = match last.filter(|_| count >= stream.page_size as usize) {
        Some(last) => Next::Page(Position(last.into())),
        None => Next::End { bookmark: None },
    };
    Ok(Page { records: Records::Json { body: response.body, pointer: endpoint.items }, next, server_time: response.server_time })
}

fn endpoint(stream: &Stream) -> Result<&Endpoint> {
    let missing = || Error::new(codes::BUG, format!("stream `{}` declares no endpoint and has no code to read it", stream.name));
    stream.endpoint.as_ref().ok_or_else(missing)
}

/// An answer without the array of records: the end for vendors that leave it out (or write `null`) when it is empty, else malformed. It must still be an
/// object that tells of no failure, so that an error in place of an answer completes nothing.
fn without_records(stream: &Stream, response: Response) -> Result<Page> {
    let keys: BTreeMap<String, IgnoredAny> = response.json()?;
    if !stream.records_may_be_missing || FAILURES.iter().any(|key| keys.contains_key(*key)) {
        return Err(response.malformed("the records are missing"));
    }
    let records = Records::Json { body: Bytes::from_static(b"[]"), pointer: &[] };
    Ok(Page { records, next: Next::End { bookmark: None }, server_time: response.server_time })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use aqueduct_schema::{RecordField, RecordSchema, ValueType};

    fn answered(body: &'static str, may_be_missing: bool) -> Result<Page> {
        let record = RecordSchema::new("event", vec![RecordField::new("id", ValueType::Text)], &["id"]);
        let stream = Stream::new("events", record, &[Mode::Snapshot], "");
        let stream = if may_be_missing { stream.records_may_be_missing() } else { stream };
        let (headers, body, operation) = (Vec::new(), body.into(), "events: snapshot".to_owned());
        without_records(&stream, Response { status: 200, headers, body, server_time: Timestamp::from_seconds(7), wire_bytes: 0, operation })
    }

    #[test]
    fn missing_records_are_the_end_only_where_the_vendor_leaves_them_out() {
        let page = answered(r#"{"total":0}"#, true).unwrap();
        assert_eq!((page.next, page.server_time), (Next::End { bookmark: None }, Timestamp::from_seconds(7)));
        assert!(answered(r#"{"total":0}"#, false).is_err());
        for no_answer in ["", "[]", "<html>", r#"{"code":"unauthorized","message":"no"}"#, r#"{"error":{}}"#, r#"{"total":0"#] {
            assert!(answered(no_answer, true).is_err(), "{no_answer}");
        }
    }
}
