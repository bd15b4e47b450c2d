//! Reading a stream that declares its endpoint.

use std::collections::BTreeMap;

use aqueduct_schema::{Error, Mode, Result, codes};
use bytes::Bytes;
use serde::de::IgnoredAny;

use crate::connector::{Context, Read};
use crate::http::{Request, Response};
use crate::json;
use crate::page::{Next, Page, Records};
use crate::stream::{Endpoint, Stream};

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
    let mut request = Request::get(endpoint.path, format!("{}: {}", stream.name, read.mode.name())).class(endpoint.class);
    for (name, value) in endpoint.query {
        request = request.query(*name, *value);
    }
    if let Some(parameter) = endpoint.page_size_parameter {
        request = request.query(parameter, stream.page_size.to_string());
    }
    if let (Mode::Changes | Mode::Backfill, Some(parameter), Some(from)) = (read.mode, endpoint.since_parameter, read.from) {
        request = request.query(parameter, from.at.to_string());
    }
    let request = endpoint.paging.apply(complete(request), read.position)?;
    let response = context.http.send(request).await?;
    let count = json::count(&response.body, endpoint.items).map_err(|error| response.malformed(&error.to_string()))?;
    let Some(count) = count else { return without_records(stream, response) };
    let next = endpoint.paging.next(&response, endpoint.items, &stream.record.key, count, stream.page_size, read.position)?;
    Ok(Page { records: Records::Json { body: response.body, pointer: endpoint.items }, next, server_time: response.server_time })
}

fn endpoint(stream: &Stream) -> Result<&Endpoint> {
    let missing = || Error::new(codes::BUG, format!("stream `{}` declares no endpoint and has no code to read it", stream.name));
    stream.endpoint.as_ref().ok_or_else(missing)
}

/// An answer without the array of records: the end for vendors that leave it out when it is empty, else malformed. It must still be an
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
    use aqueduct_schema::{RecordField, RecordSchema, Timestamp, ValueType};

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
