//! Where HubSpot's answers mean something else than their status says.
//! <https://developers.hubspot.com/docs/api-reference/error-handling>

use aqueduct_connector::schema::codes;
use aqueduct_connector::{Action, Response, StatusRule};
use serde::Deserialize;

/// 477: the account moves to another data centre; `Retry-After` says how long, up to a day. 530: seen for wrong credentials and for
/// outages alike, so it is tried again and then blamed on the credentials. 423 (locked for two seconds) and 521 to 526 (the origin does
/// not answer) mean what the default table says of them.
pub(crate) const RULES: &[StatusRule] = &[
    StatusRule { from: 477, to: 477, action: Action::SlowDown },
    StatusRule { from: 530, to: 530, action: Action::Retry(codes::CREDENTIALS_REFUSED) },
];

/// The part of an error body that changes the meaning of its status.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    policy_name: Option<String>,
    category: Option<String>,
    status: Option<String>,
}

/// The daily limit has the status of the ten-second limit and is told by `policyName` alone; a refused refresh token is a plain 400.
pub(crate) fn classify(response: &Response) -> Option<Action> {
    if !matches!(response.status, 400 | 403 | 404 | 429) {
        return None;
    }
    let failure: Failure = serde_json::from_slice(&response.body).ok()?;
    let is = |field: &Option<String>, word: &str| field.as_deref().is_some_and(|text| text.eq_ignore_ascii_case(word));
    if response.status == 404 {
        // A list that was deleted while lists were read has no members; anywhere else something is wrong.
        let of_members = response.operation.split(':').next() == Some(crate::streams::LIST_MEMBERSHIPS);
        return (of_members && is(&failure.category, "OBJECT_NOT_FOUND")).then_some(Action::Accept);
    }
    if response.status != 400 && is(&failure.policy_name, "DAILY") {
        return Some(Action::QuotaReached);
    }
    (response.status == 400 && is(&failure.status, "BAD_REFRESH_TOKEN")).then_some(Action::Fail(codes::CREDENTIALS_REFUSED))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aqueduct_connector::schema::Timestamp;
    use aqueduct_connector::status::action;

    fn decide(status: u16, body: &'static str) -> Action {
        let response = Response {
            status,
            headers: Vec::new(),
            body: body.into(),
            server_time: Timestamp::from_seconds(1),
            wire_bytes: 0,
            operation: "test".into(),
        };
        classify(&response).unwrap_or_else(|| action(RULES, status))
    }

    #[test]
    fn statuses_and_bodies_mean_what_hubspot_means() {
        let burst = r#"{"status":"error","message":"You have reached your ten_secondly_rolling limit.","errorType":"RATE_LIMIT","policyName":"TEN_SECONDLY_ROLLING"}"#;
        let daily = r#"{"status":"error","errorType":"RATE_LIMIT","policyName":"DAILY"}"#;
        let scopes = r#"{"status":"error","category":"MISSING_SCOPES","message":"no"}"#;
        let refresh = r#"{"status":"BAD_REFRESH_TOKEN","message":"missing or invalid refresh token"}"#;
        for (status, body, expected) in [
            (429, burst, Action::SlowDown),
            (429, daily, Action::QuotaReached),
            (429, "<html>", Action::SlowDown),
            (403, daily, Action::QuotaReached),
            (403, scopes, Action::Fail(codes::PERMISSION_DENIED)),
            (400, refresh, Action::Fail(codes::CREDENTIALS_REFUSED)),
            (400, daily, Action::Fail(codes::REQUEST_REJECTED)),
            (401, scopes, Action::RefreshToken),
            (414, "", Action::Fail(codes::REQUEST_REJECTED)),
            (423, "", Action::Retry(codes::SOURCE_FAILED)),
            (477, "", Action::SlowDown),
            (521, "", Action::Retry(codes::SOURCE_FAILED)),
            (524, "", Action::Retry(codes::SOURCE_FAILED)),
            (526, "", Action::Retry(codes::SOURCE_FAILED)),
            (530, "", Action::Retry(codes::CREDENTIALS_REFUSED)),
            (200, daily, Action::Accept),
            (207, "", Action::Accept),
        ] {
            assert_eq!(decide(status, body), expected, "{status} {body}");
        }
    }
}
