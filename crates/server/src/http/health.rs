//! `/healthz`, `/readyz` and `/metrics`.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::answer::Refusal;
use super::{Pages, guard};
use crate::overview::Readiness;

/// Whether the process is alive. Asks nothing but memory: a database that is down is no reason to restart the server.
pub(crate) async fn healthz(State(pages): State<Pages>) -> Response {
    let (beat, now) = (pages.overview.heartbeat(), pages.overview.now());
    let ago = now.since(beat.ticked_at);
    let alive = ago <= beat.patience;
    let status = if alive { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({
        "status": if alive { "ok" } else { "stuck" },
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_seconds": now.since(beat.started_at).as_secs(),
        "seconds_since_tick": ago.as_secs_f64(),
        "patience_seconds": beat.patience.as_secs_f64(),
    });
    (status, Json(body)).into_response()
}

/// Whether work can be done. The reasons name files and addresses, so on a network address they need the token.
pub(crate) async fn readyz(State(pages): State<Pages>, headers: HeaderMap) -> Response {
    let readiness = pages.overview.readiness().await;
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    if pages.settings.asks_readers() && !guard::has_token(&pages, &headers) {
        return (status, Json(json!({ "ready": readiness.ready }))).into_response();
    }
    (status, Json::<Readiness>(readiness)).into_response()
}

/// The metrics, in the text that Prometheus reads.
pub(crate) async fn metrics(State(pages): State<Pages>) -> Result<Response, Refusal> {
    let text = pages.metrics.page(pages.overview.as_ref(), &pages.control).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}
