//! Reading a stream that declares its endpoint.

use std::collections::BTreeMap;

use aqueduct_schema::{Error, Mode, Result, codes};
use bytes::Bytes;
use serde::de::IgnoredAny;

use crate::connector::{Context, Read};
use crate::http::{Request, Response};
use crate::json;
use crate::page::{Next, Page, Records};
use crate::stream::Stream;

/// Keys by which vendors' error bodies are known.
const FAILURES: [&str; 4] = ["error", "errors", "code", "message"];

/// Reads one page of a stream from its declared endpoint.
///
/// # Errors
/// Those of the request; `AQ3005` when the records are not where the endpoint says; `AQ9001` when the stream declares no endpoint.
pub async fn read(context: &Context, read: &Read<'_>) -> Result<Page> {
    let stream = read.stream;
    let Some(endpoint) = &stream.endpoint else {
        return Err(Error::new(codes::BUG, format!("stream `{}` declares no endpoint and has no code to read it", stream.name)));
    };
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
    let response = context.http.send(endpoint.paging.apply(request, read.position)?).await?;
    let count = json::count(&response.body, endpoint.items).map_err(|error| response.malformed(&error.to_string()))?;
    let Some(count) = count else { return without_records(stream, response) };
    let next = endpoint.paging.next(&response, endpoint.items, &stream.record.key, count, stream.page_size, read.position)?;
    Ok(Page { records: Records::Json { body: response.body, pointer: endpoint.items }, next, server_time: response.server_time })
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
