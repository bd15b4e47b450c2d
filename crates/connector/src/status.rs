//! What a status means, for every vendor; a connector states only where its vendor differs.

use aqueduct_schema::{Code, codes};

/// What the engine does with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is the answer.
    Accept,
    /// Try again after a while; when that does not help, fail with the code.
    Retry(Code),
    /// Wait as asked, then try again.
    SlowDown,
    /// The day's quota is used up: stop with a checkpoint.
    QuotaReached,
    /// Get a new access token once, then try again.
    RefreshToken,
    /// Fail with the code.
    Fail(Code),
}

/// A status, or a range of them, and what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusRule {
    /// The first status.
    pub from: u16,
    /// The last status.
    pub to: u16,
    /// What the engine does.
    pub action: Action,
}

const fn rule(from: u16, to: u16, action: Action) -> StatusRule {
    StatusRule { from, to, action }
}

/// The table, in order: the first rule that holds the status wins. A status that no rule holds is refused and never retried.
pub const DEFAULT: &[StatusRule] = &[
    rule(200, 299, Action::Accept),
    rule(401, 401, Action::RefreshToken),
    rule(403, 403, Action::Fail(codes::PERMISSION_DENIED)),
    rule(408, 408, Action::Retry(codes::NETWORK)),
    rule(423, 425, Action::Retry(codes::SOURCE_FAILED)),
    rule(429, 429, Action::SlowDown),
    rule(400, 499, Action::Fail(codes::REQUEST_REJECTED)),
    // 5xx includes the 520 to 530 that CDNs add when the origin does not answer.
    rule(500, 599, Action::Retry(codes::SOURCE_FAILED)),
];

/// The action of a status by a connector's own rules and then the table.
pub fn action(own: &[StatusRule], status: u16) -> Action {
    own.iter()
        .chain(DEFAULT)
        .find(|rule| rule.from <= status && status <= rule.to)
        .map_or(Action::Fail(codes::REQUEST_REJECTED), |rule| rule.action)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_rules_come_first_and_the_unknown_fails() {
        assert_eq!(action(&[], 204), Action::Accept);
        assert_eq!(action(&[], 524), Action::Retry(codes::SOURCE_FAILED));
        assert_eq!(action(&[], 418), Action::Fail(codes::REQUEST_REJECTED));
        assert_eq!(action(&[], 302), Action::Fail(codes::REQUEST_REJECTED));
        assert_eq!(action(&[rule(403, 403, Action::SlowDown)], 403), Action::SlowDown);
    }
}
