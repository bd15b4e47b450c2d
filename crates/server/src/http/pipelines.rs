//! `/api/pipelines`.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::json;

use super::Pages;
use super::answer::Refusal;
use crate::overview::{Outcome, Wish};

/// All pipelines.
pub(crate) async fn list(State(pages): State<Pages>) -> Result<Response, Refusal> {
    let pipelines = pages.overview.pipelines().await?;
    Ok(Json(json!({ "at": pages.overview.now(), "pipelines": pipelines })).into_response())
}

/// One pipeline.
pub(crate) async fn one(State(pages): State<Pages>, Path(name): Path<String>) -> Result<Response, Refusal> {
    match pages.overview.pipeline(&name).await? {
        Some(status) => Ok(Json(status).into_response()),
        None => {
            let known = pages.overview.pipelines().await?;
            let near = aqueduct_pipeline::connector::selection::nearest(&name, known.iter().map(|status| status.name.as_str()));
            Err(unknown(near))
        }
    }
}

pub(crate) async fn pause(State(pages): State<Pages>, Path(name): Path<String>, _: Bytes) -> Result<Response, Refusal> {
    wish(&pages, &name, Wish::Pause).await
}

pub(crate) async fn resume(State(pages): State<Pages>, Path(name): Path<String>, _: Bytes) -> Result<Response, Refusal> {
    wish(&pages, &name, Wish::Resume).await
}

pub(crate) async fn run(State(pages): State<Pages>, Path(name): Path<String>, _: Bytes) -> Result<Response, Refusal> {
    wish(&pages, &name, Wish::Run).await
}

async fn wish(pages: &Pages, name: &str, wish: Wish) -> Result<Response, Refusal> {
    tracing::info!(pipeline = name, wish = ?wish, "asked over HTTP");
    // A run is queued and goes on by itself; the others are done when they are answered.
    let done = if wish == Wish::Run { StatusCode::ACCEPTED } else { StatusCode::OK };
    match pages.overview.ask(name, wish).await? {
        Outcome::Done(words) => Ok((done, Json(json!({ "done": true, "message": words }))).into_response()),
        Outcome::Already(words) => Ok(Json(json!({ "done": false, "message": words })).into_response()),
        Outcome::Refused(words) => Err(Refusal::new(StatusCode::CONFLICT, words)),
        Outcome::Unknown { nearest } => Err(unknown(nearest.as_deref())),
    }
}

fn unknown(nearest: Option<&str>) -> Refusal {
    let advice = match nearest {
        Some(near) => format!("The nearest name is `{near}`."),
        None => "GET /api/pipelines lists the pipelines.".to_owned(),
    };
    Refusal::new(StatusCode::NOT_FOUND, "there is no pipeline of that name").advise(advice)
}
