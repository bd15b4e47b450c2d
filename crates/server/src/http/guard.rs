//! What is checked before any page, and what every answer bears.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::answer::Refusal;
use super::{LARGEST_BODY, Pages};

/// How long a page may take. Beyond it the control store is stuck, and the one who asks should hear so.
const LONGEST_ANSWER: Duration = Duration::from_secs(20);

/// Nothing of the answers is to be embedded, guessed at, kept or told on.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Puts the headers on every answer that does not have its own.
pub(crate) async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Refuses requests that a browser was led to by a foreign name which resolves to this machine (DNS rebinding): its page could read the
/// answers. A server that listens on this machine alone is called by this machine's names alone.
pub(crate) async fn known_host(State(pages): State<Pages>, request: Request, next: Next) -> Response {
    let said = request.uri().authority().map(ToString::to_string).or_else(|| {
        let mut hosts = request.headers().get_all(header::HOST).iter();
        match (hosts.next(), hosts.next()) {
            (Some(host), None) => host.to_str().ok().map(str::to_owned),
            _ => None,
        }
    });
    let Some(name) = said.as_deref().and_then(host_name) else {
        return Refusal::new(StatusCode::BAD_REQUEST, "the request does not say for which host it is").into_response();
    };
    if !pages.settings.takes_host(&name) {
        return Refusal::new(StatusCode::MISDIRECTED_REQUEST, "this server is not known by that name")
            .advise("Use http://localhost or http://127.0.0.1, or start the server with --http-host NAME.")
            .into_response();
    }
    next.run(request).await
}

/// The name in a `Host` header, in lower case and without the port.
fn host_name(said: &str) -> Option<String> {
    let uri: Uri = format!("http://{said}/").parse().ok()?;
    let authority = uri.authority()?;
    let plain = !said.contains('@') && uri.path() == "/" && uri.query().is_none();
    plain.then(|| authority.host().trim_end_matches('.').to_ascii_lowercase()).filter(|host| !host.is_empty())
}

/// Refuses what is too large and gives up on what takes too long.
pub(crate) async fn in_time(request: Request, next: Next) -> Response {
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > LARGEST_BODY as u64) {
        return Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "no page takes a body of this size").into_response();
    }
    match tokio::time::timeout(LONGEST_ANSWER, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "the answer takes too long")
            .advise("Look at /readyz: the control store may be stuck.")
            .into_response(),
    }
}

/// Whether a request bears the token.
pub(crate) fn has_token(pages: &Pages, request_headers: &axum::http::HeaderMap) -> bool {
    let said = request_headers.get(header::AUTHORIZATION).and_then(|said| said.to_str().ok());
    let Some((scheme, token)) = said.and_then(|said| said.split_once(' ')) else { return false };
    let known = pages.settings.token.as_ref();
    scheme.eq_ignore_ascii_case("bearer") && known.is_some_and(|known| known.matches(token.trim()))
}

/// Pages that change nothing: open on this machine, behind the token on a network address.
pub(crate) async fn reader(State(pages): State<Pages>, request: Request, next: Next) -> Response {
    if pages.settings.asks_readers() && !has_token(&pages, request.headers()) {
        return no_token();
    }
    next.run(request).await
}

/// Pages that change something: always behind the token. A browser sends no such header by itself, so no foreign page can use them.
pub(crate) async fn writer(State(pages): State<Pages>, request: Request, next: Next) -> Response {
    if pages.settings.token.is_none() {
        return Refusal::new(StatusCode::FORBIDDEN, "this server changes nothing: it has no token")
            .advise("Start it with --token-file FILE, and send the header `Authorization: Bearer TOKEN`.")
            .into_response();
    }
    if !has_token(&pages, request.headers()) {
        return no_token();
    }
    next.run(request).await
}

fn no_token() -> Response {
    Refusal::new(StatusCode::UNAUTHORIZED, "the request does not bear the server's token")
        .advise("Send the header `Authorization: Bearer TOKEN` with the content of the token file.")
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_as_browsers_write_them() {
        for (said, name) in [
            ("localhost", Some("localhost")),
            ("LocalHost:9321", Some("localhost")),
            ("localhost.:80", Some("localhost")),
            ("127.0.0.1:9321", Some("127.0.0.1")),
            ("[::1]:9321", Some("[::1]")),
            ("evil.example", Some("evil.example")),
            ("localhost@evil.example", None),
            ("localhost/x", None),
            ("localhost?x", None),
            ("", None),
            ("a b", None),
        ] {
            assert_eq!(host_name(said).as_deref(), name, "{said}");
        }
    }
}
