//! Owners and the stages of deal pipelines: few records, read whole every time.

use aqueduct_connector::schema::{Error, Result, codes};
use aqueduct_connector::{Page, Read, Records, Request};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::api::{Api, END, Id, Paging, operation, page, place};
use crate::streams::LIST_PAGE;

/// Where a page of owners begins: those who are there come first, then those who have left.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnerPlace {
    archived: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<String>,
}

#[derive(Deserialize)]
struct Owners {
    #[allow(dead_code, reason = "an answer without its records is not an answer")]
    results: Vec<IgnoredAny>,
    paging: Option<Paging>,
}

#[derive(Deserialize)]
struct Pipelines {
    results: Vec<Pipeline>,
    paging: Option<Paging>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pipeline {
    id: Id,
    label: Option<String>,
    display_order: Option<i64>,
    #[serde(default)]
    archived: bool,
    stages: Vec<Stage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stage {
    id: Id,
    label: Option<String>,
    display_order: Option<i64>,
    #[serde(default)]
    metadata: serde_json::Map<String, serde_json::Value>,
    created_at: Option<String>,
    updated_at: Option<String>,
    #[serde(default)]
    archived: bool,
    archived_at: Option<String>,
}

/// A record of the stream of stages.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StageRecord<'a> {
    #[serde(rename = "pipeline_id")]
    pipeline_id: &'a str,
    #[serde(rename = "pipeline_label")]
    pipeline_label: Option<&'a str>,
    #[serde(rename = "pipeline_display_order")]
    pipeline_display_order: Option<i64>,
    id: &'a str,
    label: Option<&'a str>,
    display_order: Option<i64>,
    metadata: &'a serde_json::Map<String, serde_json::Value>,
    created_at: Option<&'a str>,
    updated_at: Option<&'a str>,
    archived: bool,
    archived_at: Option<&'a str>,
}

impl Api<'_> {
    /// A page of owners.
    pub(crate) async fn owners(&self, read: &Read<'_>) -> Result<Page> {
        let place: OwnerPlace = place(read)?.unwrap_or_default();
        let mut request = Request::get(self.paths.owners(), operation(read))
            .query("limit", read.stream.page_size.min(LIST_PAGE).to_string())
            .query("archived", place.archived.to_string());
        if let Some(after) = &place.after {
            request = request.query("after", after);
        }
        let response = self.http.send(request).await?;
        let owners: Owners = response.json()?;
        let next = match (Paging::after(owners.paging), place.archived) {
            (None, true) => END,
            (None, false) => page(&response, &OwnerPlace { archived: true, after: None })?,
            (after, archived) => page(&response, &OwnerPlace { archived, after })?,
        };
        Ok(Page { server_time: response.server_time, records: Records::Json { body: response.body, pointer: &["results"] }, next })
    }

    /// All stages of all deal pipelines, one record each.
    pub(crate) async fn pipeline_stages(&self, read: &Read<'_>) -> Result<Page> {
        let response = self.http.send(Request::get(self.paths.pipelines(), operation(read))).await?;
        let pipelines: Pipelines = response.json()?;
        if Paging::after(pipelines.paging).is_some() {
            return Err(
                Error::new(codes::SILENT_CAP, "pipelines come in pages, which HubSpot did not use to give").operation(operation(read))
            );
        }
        let mut stages = Vec::new();
        for pipeline in &pipelines.results {
            stages.extend(pipeline.stages.iter().map(|stage| StageRecord {
                pipeline_id: &pipeline.id.0,
                pipeline_label: pipeline.label.as_deref(),
                pipeline_display_order: pipeline.display_order,
                id: &stage.id.0,
                label: stage.label.as_deref(),
                display_order: stage.display_order,
                metadata: &stage.metadata,
                created_at: stage.created_at.as_deref(),
                updated_at: stage.updated_at.as_deref(),
                archived: stage.archived || pipeline.archived,
                archived_at: stage.archived_at.as_deref(),
            }));
        }
        let body = serde_json::to_vec(&stages).map_err(|error| response.malformed(&error.to_string()))?;
        Ok(Page { records: Records::Json { body: body.into(), pointer: &[] }, next: END, server_time: response.server_time })
    }
}
