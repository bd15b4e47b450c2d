//! Lists by id: a first load, and the archived records.

use std::collections::HashSet;

use aqueduct_connector::schema::{Error, Mode, Result, codes};
use aqueduct_connector::{Cost, LimitClass, Next, Page, Read, Request, Response, Stream};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use crate::api::{Api, Id, Paging};
use crate::streams::{LIST_PAGE, property_names};

/// The longest `properties=` to send, in bytes of the encoded URL. Somewhat above it HubSpot answers 414.
const PROPERTIES_BUDGET: usize = 5 * 1024;

/// A list answer, counted and not looked into.
#[derive(Deserialize)]
pub(crate) struct Listed {
    #[allow(dead_code, reason = "an answer without its records is not an answer")]
    results: Vec<IgnoredAny>,
    pub(crate) paging: Option<Paging>,
}

/// A list answer whose records are only ids.
#[derive(Deserialize)]
pub(crate) struct ListedIds {
    pub(crate) results: Vec<Identified>,
    pub(crate) paging: Option<Paging>,
}

/// A record of which only the id matters.
#[derive(Deserialize)]
pub(crate) struct Identified {
    pub(crate) id: Id,
}

/// The answer to a batch; status 207 when it has errors beside the results.
#[derive(Deserialize)]
pub(crate) struct BatchAnswer<T> {
    status: Option<String>,
    pub(crate) results: Vec<T>,
    #[serde(default)]
    errors: Vec<BatchError>,
}

#[derive(Deserialize)]
struct BatchError {
    category: Option<String>,
}

impl<T> BatchAnswer<T> {
    /// Whether records are named of which there is no result.
    pub(crate) fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    /// Checks that the batch is complete. `OBJECT_NOT_FOUND` is not a failure: the record has gone since it was listed, or, between
    /// associations, it has none (`crm.associations.NO_ASSOCIATIONS_FOUND`).
    pub(crate) fn settle(self, response: &Response) -> Result<Self> {
        if self.status.as_deref().is_some_and(|status| status != "COMPLETE") {
            return Err(response.malformed("the batch is not complete"));
        }
        for error in &self.errors {
            let code = match error.category.as_deref() {
                Some("OBJECT_NOT_FOUND") => continue,
                Some("MISSING_SCOPES") => codes::PERMISSION_DENIED,
                _ => codes::SOURCE_FAILED,
            };
            let category = error.category.as_deref().unwrap_or("none");
            let message = "part of a batch failed";
            return Err(Error::new(code, message).operation(response.operation.clone()).with("category", category));
        }
        Ok(self)
    }
}

/// Whether these names need a batch beside the list. A comma takes three bytes in a URL.
fn is_too_long(names: &[&str]) -> bool {
    names.iter().map(|name| name.len() + 3).sum::<usize>() > PROPERTIES_BUDGET
}

/// What it costs to list so many records.
pub(crate) fn list_cost(stream: &Stream, records: u64) -> Cost {
    let pages = records.div_ceil(u64::from(stream.page_size.clamp(1, LIST_PAGE))).max(1);
    Cost::new(LimitClass::DEFAULT, if is_too_long(&property_names(stream)) { 2 * pages } else { pages })
}

impl Api<'_> {
    /// A page of a list. The token of the next page is the id it begins with, so records that vanish before it move nothing.
    pub(crate) async fn list(&self, object: &str, read: &Read<'_>) -> Result<Page> {
        let archived = read.mode == Mode::Deletions;
        let names = if read.mode == Mode::Ids { Vec::new() } else { property_names(read.stream) };
        if is_too_long(&names) {
            return self.list_and_batch(object, &names, archived, read).await;
        }
        let response = self.http.send(self.list_request(object, &names, archived, read, read.place()?)).await?;
        let next = Next::page_or_end(&response, Paging::after(response.json::<Listed>()?.paging).as_ref())?;
        Ok(Page::json(response, &["results"], next))
    }

    /// The request for a list. Without any property HubSpot would give its own choice, so the id is asked for.
    pub(crate) fn list_request(&self, object: &str, names: &[&str], archived: bool, read: &Read<'_>, after: Option<String>) -> Request {
        let properties = if names.is_empty() { "hs_object_id".to_owned() } else { names.join(",") };
        let request = Request::get(self.paths.crm("objects", object), read.operation())
            .query("limit", read.stream.page_size.min(LIST_PAGE).to_string())
            .query("archived", archived.to_string())
            .query("properties", properties);
        Paging::at(request, after.as_deref())
    }

    /// More properties than a URL holds: the list gives the ids, a batch their records. Paging goes by the list; a batch may answer in
    /// any order.
    async fn list_and_batch(&self, object: &str, names: &[&str], archived: bool, read: &Read<'_>) -> Result<Page> {
        let list = self.http.send(self.list_request(object, &[], archived, read, read.place()?)).await?;
        let listed: ListedIds = list.json()?;
        let next = Next::page_or_end(&list, Paging::after(listed.paging).as_ref())?;
        if listed.results.is_empty() {
            return Ok(Page::json(list, &["results"], next));
        }
        let inputs: Vec<_> = listed.results.iter().map(|record| json!({"id": record.id.0})).collect();
        let body = json!({"properties": names, "inputs": inputs}).to_string();
        let mut request = Request::post(self.paths.crm("objects", &format!("{object}/batch/read")), body, read.operation());
        if archived {
            request = request.query("archived", "true");
        }
        let response = self.http.send(request).await?;
        let batch = response.json::<BatchAnswer<Identified>>()?.settle(&response)?;
        let given: HashSet<&Id> = batch.results.iter().map(|record| &record.id).collect();
        if batch.errors.is_empty() && listed.results.iter().any(|record| !given.contains(&record.id)) {
            return Err(response.malformed("a batch lacks records that were asked for"));
        }
        Ok(Page { server_time: list.server_time, ..Page::json(response, &["results"], next) })
    }
}
