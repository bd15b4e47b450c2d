//! What the server answers over HTTP: health, readiness, metrics, pipelines and runs, and a few wishes for who has the token.
//!
//! | page | answers | needs the token |
//! | --- | --- | --- |
//! | `GET /healthz` | whether the process and its loop are alive | never |
//! | `GET /readyz` | whether work can be done, with the reasons | never; without it, on a network address, the reasons are left out |
//! | `GET /metrics`, `GET /api/…` | figures, pipelines, runs | on a network address |
//! | `POST /api/pipelines/{name}/{pause,resume,run}` | a wish | always |
//!
//! `guard` holds what is checked before any page: the host, the token, the size and the time of a request. `front` is the place of the
//! web page.

mod answer;
mod front;
mod guard;
mod health;
mod pipelines;
mod runs;
mod serve;
mod settings;
mod token;

use std::sync::Arc;

use aqueduct_pipeline::control_store::Control;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use crate::metrics::Metrics;
use crate::overview::Overview;

use answer::Refusal;
pub use serve::Server;
pub use settings::Settings;
pub use token::Token;

/// Bytes of a request's body that are read at most. No page needs any.
const LARGEST_BODY: usize = 4 * 1024;

/// What the pages answer from.
#[derive(Clone)]
pub(crate) struct Pages(Arc<Inner>);

pub(crate) struct Inner {
    overview: Arc<dyn Overview>,
    control: Control,
    metrics: Arc<Metrics>,
    settings: Settings,
}

impl std::ops::Deref for Pages {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// The pages as a router, with everything that guards them. [`Server`] serves it; a test or another server may too.
pub fn router(overview: Arc<dyn Overview>, control: Control, metrics: Arc<Metrics>, settings: Settings) -> Router {
    let pages = Pages(Arc::new(Inner { overview, control, metrics, settings }));
    let open = Router::new().route("/healthz", get(health::healthz)).route("/readyz", get(health::readyz));
    let reading = Router::new()
        .route("/", get(front::front))
        .route("/metrics", get(health::metrics))
        .route("/api/pipelines", get(pipelines::list))
        .route("/api/pipelines/{name}", get(pipelines::one))
        .route("/api/runs", get(runs::list))
        .route("/api/runs/{id}", get(runs::one))
        .route_layer(from_fn_with_state(pages.clone(), guard::reader));
    let wishes = Router::new()
        .route("/api/pipelines/{name}/pause", post(pipelines::pause))
        .route("/api/pipelines/{name}/resume", post(pipelines::resume))
        .route("/api/pipelines/{name}/run", post(pipelines::run))
        .route_layer(from_fn_with_state(pages.clone(), guard::writer));
    open.merge(reading)
        .merge(wishes)
        .fallback(nothing_here)
        .method_not_allowed_fallback(another_method)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(from_fn(guard::in_time))
        .layer(from_fn_with_state(pages.clone(), guard::known_host))
        .layer(from_fn(guard::headers))
        .with_state(pages)
}

async fn nothing_here() -> Response {
    Refusal::new(StatusCode::NOT_FOUND, "there is no such page").advise("GET / lists the pages.").into_response()
}

async fn another_method(method: Method) -> Response {
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, format!("this page does not take {method}"))
        .advise("GET / lists the pages.")
        .into_response()
}
