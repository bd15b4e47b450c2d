//! Salesforce's error bodies: arrays from the data endpoints, objects from the token endpoint.

use serde_json::json;

use super::soql::QueryError;
use crate::server::Reply;

/// The body of a data endpoint's error.
pub(crate) fn error(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(status, json!([{"message": message, "errorCode": code}]).to_string())
}

/// The body of the token endpoint's error.
pub(crate) fn token_error(error: &str, description: &str) -> Reply {
    Reply::json(400, json!({"error": error, "error_description": description}).to_string())
}

pub(crate) fn expired_session() -> Reply {
    error(401, "INVALID_SESSION_ID", "Session expired or invalid")
}

pub(crate) fn not_found() -> Reply {
    error(404, "NOT_FOUND", "The requested resource does not exist")
}

/// What a host answers that knows no such organisation.
pub(crate) fn no_such_page() -> Reply {
    let text = "<html><head><title>URL No Longer Exists</title></head><body>URL No Longer Exists</body></html>";
    Reply { content_type: "text/html; charset=utf-8", ..Reply::json(404, text.to_owned()) }
}

pub(crate) fn requests_used_up() -> Reply {
    error(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
}

pub(crate) fn too_many_at_once() -> Reply {
    error(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded.")
}

pub(crate) fn locator() -> Reply {
    error(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
}

impl From<QueryError> for Reply {
    fn from(wrong: QueryError) -> Self {
        error(400, wrong.code, &wrong.message)
    }
}

/// The reply that a status usually has.
pub(crate) fn of_status(status: u16, token: bool) -> Reply {
    let html = |status: u16, text: &str| Reply { content_type: "text/html; charset=utf-8", ..Reply::json(status, text.to_owned()) };
    match status {
        400 if token => token_error("invalid_grant", "expired access/refresh token"),
        401 if token => Reply { status: 401, ..token_error("invalid_client", "invalid client credentials") },
        400 => error(400, "INVALID_FIELD", "The request is not valid"),
        401 => expired_session(),
        403 => requests_used_up(),
        404 => not_found(),
        // The edge answers these two, without a word that a program could read.
        406 => html(406, "<html><head><title>406 Not Acceptable</title></head><body>Not Acceptable</body></html>"),
        414 => html(414, "<html><head><title>414 URI Too Long</title></head><body>URI Too Long</body></html>"),
        420 => html(420, ""),
        431 => html(431, "<html><head><title>431</title></head><body>Request Header Fields Too Large</body></html>"),
        502 | 504 => html(status, "<html><body><h1>Bad Gateway</h1></body></html>"),
        503 => error(503, "SERVER_UNAVAILABLE", "Server Unavailable"),
        429 => error(429, "REQUEST_LIMIT_EXCEEDED", "Too many requests"),
        _ => {
            error(status, "UNKNOWN_EXCEPTION", "An unexpected error occurred. Please include this ErrorId if you contact support: 1-1 (1)")
        }
    }
}
