//! `/api/runs`, from the ledger in the control store.

use aqueduct_pipeline::control_store::{Outcome, RunFilter};
use aqueduct_pipeline::schema::Timestamp;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::Pages;
use super::answer::Refusal;

/// Runs in an answer where nothing is said, and at most.
const USUAL: usize = 50;
const MOST: usize = 500;

/// What may be asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    pipeline: Option<String>,
    limit: Option<usize>,
    outcome: Option<Outcome>,
    since: Option<Timestamp>,
}

/// The latest runs, the newest first.
pub(crate) async fn list(State(pages): State<Pages>, asked: Result<Query<Asked>, QueryRejection>) -> Result<Response, Refusal> {
    let Query(asked) = asked.map_err(|rejection| {
        let words: Vec<&str> = Outcome::ALL.iter().map(|outcome| outcome.word()).collect();
        Refusal::new(StatusCode::BAD_REQUEST, rejection.body_text()).advise(format!(
            "Ask for pipeline=NAME, limit=N, outcome=WORD ({}) and since=INSTANT, for example since=2026-01-31T12:00:00Z.",
            words.join(", ")
        ))
    })?;
    let limit = asked.limit.unwrap_or(USUAL);
    if limit == 0 || limit > MOST {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, format!("`limit` is from 1 to {MOST}")));
    }
    let filter = RunFilter {
        pipeline: asked.pipeline,
        outcomes: asked.outcome.into_iter().collect(),
        since: asked.since,
        limit,
        ..RunFilter::default()
    };
    let runs = pages.control.runs(&filter).await?;
    Ok(Json(json!({ "runs": runs })).into_response())
}

/// One run.
pub(crate) async fn one(State(pages): State<Pages>, Path(id): Path<String>) -> Result<Response, Refusal> {
    match pages.control.run(&id).await? {
        Some(run) => Ok(Json(run).into_response()),
        None => Err(Refusal::new(StatusCode::NOT_FOUND, "the ledger has no run of that id").advise("GET /api/runs lists the latest runs.")),
    }
}
