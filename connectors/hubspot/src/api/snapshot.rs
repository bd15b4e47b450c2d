//! Owners and the stages of deal pipelines: few records, read whole every time.

use aqueduct_connector::schema::{Error, Result, codes};
use aqueduct_connector::{Next, Page, Read, Request};
use serde::{Deserialize, Serialize};

use crate::api::list::Listed;
use crate::api::{Api, Id, Paging, Place};
use crate::streams::LIST_PAGE;

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

#[derive(Deserialize, Serialize)]
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
struct StageRecord<'a> {
    pipeline_id: &'a Id,
    pipeline_label: Option<&'a str>,
    pipeline_display_order: Option<i64>,
    #[serde(flatten)]
    stage: &'a Stage,
}

impl Api<'_> {
    /// A page of owners: those who are there, then those who have left.
    pub(crate) async fn owners(&self, read: &Read<'_>) -> Result<Page> {
        let place: Place = read.place()?.unwrap_or_default();
        let request = place.request(Request::get(self.paths.crm("owners", ""), read.operation()), read.stream.page_size.min(LIST_PAGE));
        let response = self.http.send(request).await?;
        let next = place.next(&response, response.json::<Listed>()?.paging)?;
        Ok(Page::json(response, &["results"], next))
    }

    /// All stages of all deal pipelines, one record each.
    pub(crate) async fn pipeline_stages(&self, read: &Read<'_>) -> Result<Page> {
        let response = self.http.send(Request::get(self.paths.crm("pipelines", "deals"), read.operation())).await?;
        let mut pipelines: Pipelines = response.json()?;
        if Paging::after(pipelines.paging).is_some() {
            let message = "pipelines come in pages, which HubSpot did not use to give";
            return Err(Error::new(codes::SILENT_CAP, message).operation(read.operation()));
        }
        let mut stages = Vec::new();
        for pipeline in &mut pipelines.results {
            pipeline.stages.iter_mut().for_each(|stage| stage.archived |= pipeline.archived);
            stages.extend(pipeline.stages.iter().map(|stage| StageRecord {
                pipeline_id: &pipeline.id,
                pipeline_label: pipeline.label.as_deref(),
                pipeline_display_order: pipeline.display_order,
                stage,
            }));
        }
        Page::of(&response, &stages, Next::END)
    }
}
