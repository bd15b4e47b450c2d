//! The front page: for now a list of the pages. The web page comes here; a page that needs scripts or styles of its own sets its own
//! `Content-Security-Policy`, which `guard::headers` then leaves alone.

use axum::http::header;
use axum::response::{IntoResponse, Response};

const LIST: &str = "\
Aqueduct

GET  /healthz                        whether the process is alive
GET  /readyz                         whether work can be done, and why not
GET  /metrics                        figures for Prometheus
GET  /api/pipelines                  all pipelines: schedule, next time, state, last run
GET  /api/pipelines/NAME             one pipeline
GET  /api/runs?pipeline=NAME&limit=N the latest runs; also outcome=WORD, since=INSTANT
GET  /api/runs/ID                    one run
POST /api/pipelines/NAME/pause       start no more runs by the schedule
POST /api/pipelines/NAME/resume      start runs by the schedule again
POST /api/pipelines/NAME/run         run it now

POST needs the header `Authorization: Bearer TOKEN`.
";

pub(crate) async fn front() -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], LIST).into_response()
}
