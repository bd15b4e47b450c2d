//! Reading a stream that declares its endpoint.

use aqueduct_schema::{Error, Mode, Result, codes};

use crate::connector::{Context, Read};
use crate::http::Request;
use crate::json;
use crate::page::{Page, Records};

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
    if let (Mode::Changes, Some(parameter), Some(from)) = (read.mode, endpoint.since_parameter, read.from) {
        request = request.query(parameter, from.at.to_string());
    }
    let response = context.http.send(endpoint.paging.apply(request, read.position)?).await?;
    let count = json::count(&response.body, endpoint.items).map_err(|error| response.malformed(&error.to_string()))?;
    let count = count.ok_or_else(|| response.malformed("the records are missing"))?;
    let next = endpoint.paging.next(&response, endpoint.items, count, stream.page_size, read.position)?;
    Ok(Page { records: Records::Json { body: response.body, pointer: endpoint.items }, next, server_time: response.server_time })
}
