//! What Salesforce's errors mean: a list of codes, whose status says little.
//! <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm>

use aqueduct_connector::schema::{Error, codes};
use aqueduct_connector::{Action, Response, StatusRule};
use serde::Deserialize;

/// 406 and 420 come from the edge, with an empty body or a page, and pass.
pub(crate) const RULES: &[StatusRule] = &[
    StatusRule { from: 406, to: 406, action: Action::Retry(codes::SOURCE_FAILED) },
    StatusRule { from: 420, to: 420, action: Action::Retry(codes::SOURCE_FAILED) },
];

/// A body larger than this is no error.
const LARGEST_BODY: usize = 64 << 10;

/// The first error of an answer.
#[derive(Deserialize)]
pub(crate) struct Refusal {
    #[serde(rename = "errorCode")]
    code: String,
    #[serde(default)]
    message: String,
    #[serde(skip)]
    status: u16,
}

impl Refusal {
    /// The error that an answer tells, if it is one. OAuth errors are objects and are none of these.
    pub(crate) fn of(response: &Response) -> Option<Self> {
        if response.status < 400 || response.body.len() > LARGEST_BODY {
            return None;
        }
        let refusals: Vec<Self> = serde_json::from_slice(&response.body).ok()?;
        refusals.into_iter().next().map(|refusal| Self { status: response.status, ..refusal })
    }

    pub(crate) fn is(&self, codes: &[&str]) -> bool {
        codes.contains(&self.code.as_str())
    }

    fn says(&self, words: &str) -> bool {
        self.message.to_ascii_lowercase().contains(words)
    }

    /// Whether the query took longer than the 120 seconds it has, or its answer would be too large: fewer records may do.
    pub(crate) fn is_too_much(&self) -> bool {
        self.is(&["QUERY_TIMEOUT", "OPERATION_TOO_LARGE", "QUERY_TOO_COMPLICATED"])
    }

    /// Whether the thing asked for is not there.
    pub(crate) fn is_gone(&self) -> bool {
        self.status == 404 || self.is(&["NOT_FOUND", "INVALID_QUERY_LOCATOR", "INVALID_LOCATOR", "INVALIDJOB"])
    }

    /// Whether Bulk API 2.0 does not take the query though REST may: the object is not among those it reads, the edition does not have
    /// it, or the jobs or results of a day are used up.
    pub(crate) fn is_for_rest(&self) -> bool {
        self.says("not supported by the bulk api")
            || self.says("not supported in bulk query")
            || self.says("per 24 hrs")
            || self.is(&["INVALIDENTITY", "FUNCTIONALITY_NOT_ENABLED", "FEATURENOTENABLED"])
    }

    /// The error for a refusal that nothing is done about. Messages quote the query, so no more of them is kept than a field's name.
    pub(crate) fn error(&self, response: &Response) -> Error {
        let error = match self.code.as_str() {
            "INVALID_FIELD" => {
                let error =
                    Error::new(codes::REQUEST_REJECTED, "a field was deleted, or hidden from this user, since the fields were listed");
                let error = error.advise("Run again: every run lists the fields anew.");
                match self.message.split("column '").nth(1).and_then(|rest| rest.split('\'').next()).filter(|name| is_word(name)) {
                    Some(field) => error.with("field", field),
                    None => error,
                }
            }
            "FUNCTIONALITY_NOT_ENABLED" => Error::new(codes::PERMISSION_DENIED, codes::PERMISSION_DENIED.title),
            "UNSUPPORTED_API_VERSION" => {
                Error::new(codes::REQUEST_REJECTED, "the source no longer has this version of its API").advise("Set a later `api_version`.")
            }
            _ => Error::new(codes::REQUEST_REJECTED, codes::REQUEST_REJECTED.title),
        };
        let error = error.operation(response.operation.clone()).with("status", self.status);
        if is_word(&self.code) { error.with("reason", &self.code) } else { error }
    }
}

fn is_word(text: &str) -> bool {
    (1..=80).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// What the engine does about an error. Those that the connector looks at itself pass as answers.
pub(crate) fn classify(response: &Response) -> Option<Action> {
    let refusal = Refusal::of(response)?;
    match refusal.code.as_str() {
        "INVALID_SESSION_ID" => Some(Action::RefreshToken),
        // Both limits have one code and status 403; the one of requests under way at once names itself.
        "REQUEST_LIMIT_EXCEEDED" if refusal.says("concurrent") || response.status == 429 => Some(Action::SlowDown),
        "REQUEST_LIMIT_EXCEEDED" => Some(Action::QuotaReached),
        // An object that the user may not see does not exist for them.
        "INVALID_TYPE" | "INSUFFICIENT_ACCESS" | "INSUFFICIENT_ACCESS_OR_READONLY" | "API_DISABLED_FOR_ORG" | "API_CURRENTLY_DISABLED" => {
            Some(Action::Fail(codes::PERMISSION_DENIED))
        }
        "TXN_SECURITY_METERING_ERROR" | "SERVER_UNAVAILABLE" | "UNKNOWN_EXCEPTION" => Some(Action::Retry(codes::SOURCE_FAILED)),
        "FUNCTIONALITY_NOT_ENABLED" | "UNSUPPORTED_API_VERSION" => Some(Action::Accept),
        _ if matches!(response.status, 400 | 404) => Some(Action::Accept),
        _ => None,
    }
}

/// Whether the host does not know the path at all, and says so with a page: the organisation has moved to another instance. A new token
/// names the host where it is now. <https://help.salesforce.com/s/articleView?id=000386897>
pub(crate) fn is_elsewhere(response: &Response) -> bool {
    response.status == 404 && Refusal::of(response).is_none()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use aqueduct_connector::schema::Timestamp;
    use aqueduct_connector::status::action;

    fn answer(status: u16, body: &str) -> Response {
        let server_time = Timestamp::from_seconds(1);
        Response { status, headers: Vec::new(), body: body.to_owned().into(), server_time, wire_bytes: 0, operation: "test".into() }
    }

    #[test]
    fn codes_count_more_than_statuses() {
        let decide = |status, body: &str| {
            let response = answer(status, body);
            classify(&response).unwrap_or_else(|| action(RULES, status))
        };
        let error = |code: &str, message: &str| format!(r#"[{{"errorCode":"{code}","message":"{message}"}}]"#);
        let permission = Action::Fail(codes::PERMISSION_DENIED);
        let retry = Action::Retry(codes::SOURCE_FAILED);
        for (status, body, expected) in [
            (401, error("INVALID_SESSION_ID", "Session expired or invalid"), Action::RefreshToken),
            (401, String::new(), Action::RefreshToken),
            (403, error("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), Action::QuotaReached),
            (403, error("REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded."), Action::SlowDown),
            (429, error("REQUEST_LIMIT_EXCEEDED", "slow down"), Action::SlowDown),
            (403, error("API_DISABLED_FOR_ORG", "no"), permission),
            (403, error("ANYTHING", "no"), permission),
            (400, error("INVALID_TYPE", "sObject type 'Contact' is not supported."), permission),
            (400, error("QUERY_TIMEOUT", "slow"), Action::Accept),
            (404, error("NOT_FOUND", "gone"), Action::Accept),
            (404, "<html>".to_owned(), Action::Fail(codes::REQUEST_REJECTED)),
            (400, r#"{"error":"invalid_grant"}"#.to_owned(), Action::Fail(codes::REQUEST_REJECTED)),
            (406, String::new(), retry),
            (420, "<html>".to_owned(), retry),
            (503, error("SERVER_UNAVAILABLE", "later"), retry),
            (200, error("INVALID_FIELD", "an error under 200"), Action::Accept),
        ] {
            assert_eq!(decide(status, &body), expected, "{status} {body}");
        }
    }

    #[test]
    fn a_lost_field_is_named_and_nothing_else_of_the_message() {
        let body = r#"[{"message":"\nSELECT Foo__c FROM Contact WHERE Email = 'a@b.example'\n^\nNo such column 'Foo__c' on entity 'Contact'.","errorCode":"INVALID_FIELD"}]"#;
        let response = answer(400, body);
        let error = format!("{:?}", Refusal::of(&response).unwrap().error(&response));
        assert!(error.contains("Foo__c") && !error.contains("b.example"), "{error}");
    }
}
