//! HubSpot's error bodies.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use crate::random::Random;
use crate::server::Reply;

/// Correlation ids: shaped like UUIDs, the same sequence for the same seed.
#[derive(Debug)]
pub(crate) struct Correlation {
    seed: u64,
    count: AtomicU64,
}

impl Correlation {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, count: AtomicU64::new(0) }
    }

    pub(crate) fn next(&self) -> String {
        let mut random = Random::of_row(self.seed, 77, self.count.fetch_add(1, Ordering::Relaxed));
        let (high, low) = (random.bits(), random.bits());
        format!("{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}", high >> 32, (high >> 16) & 0xffff, high & 0xfff, low >> 52, low & 0xffff_ffff_ffff)
    }

    /// An error body with a category.
    pub(crate) fn error(&self, status: u16, category: &str, message: impl Into<String>) -> Reply {
        self.detailed(status, category, message, json!({}))
    }

    /// An error body with further members, `errors` or `context` for instance.
    pub(crate) fn detailed(&self, status: u16, category: &str, message: impl Into<String>, more: Value) -> Reply {
        let mut body = json!({"status": "error", "message": message.into(), "correlationId": self.next(), "category": category});
        if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
            body.extend(more);
        }
        Reply::json(status, body.to_string())
    }

    /// 400 with a category of its own.
    pub(crate) fn invalid(&self, message: impl Into<String>) -> Reply {
        self.error(400, "VALIDATION_ERROR", message)
    }

    /// 404 for a record or another resource.
    pub(crate) fn not_found(&self, message: impl Into<String>) -> Reply {
        self.error(404, "OBJECT_NOT_FOUND", message)
    }

    /// 429 for one of the policies `TEN_SECONDLY_ROLLING`, `SECONDLY` and `DAILY`.
    pub(crate) fn throttled(&self, policy: &str) -> Reply {
        let body = json!({
            "status": "error",
            "message": format!("You have reached your {} limit.", policy.to_lowercase()),
            "errorType": "RATE_LIMIT",
            "correlationId": self.next(),
            "policyName": policy,
            "requestId": self.next(),
        });
        Reply::json(429, body.to_string())
    }

    /// The body that a status usually has.
    pub(crate) fn of_status(&self, status: u16, search: bool) -> Reply {
        let (category, message) = match status {
            400 => ("VALIDATION_ERROR", "Invalid input"),
            401 => ("INVALID_AUTHENTICATION", "Authentication credentials not found"),
            403 => ("MISSING_SCOPES", "This app hasn't been granted all required scopes to make this call"),
            404 => ("OBJECT_NOT_FOUND", "resource not found"),
            409 => ("CONFLICT", "The request conflicts with another one"),
            414 => ("VALIDATION_ERROR", "The request URI is too long"),
            423 => ("LOCKED", "The resource is locked by another process"),
            429 => return self.throttled(if search { "SECONDLY" } else { "TEN_SECONDLY_ROLLING" }),
            477 => ("MIGRATION_IN_PROGRESS", "The account is being moved to another hosting location"),
            502..=504 | 521..=526 => ("SERVICE_UNAVAILABLE", "The service is not available at the moment"),
            _ => ("INTERNAL_ERROR", "internal error"),
        };
        self.error(status, category, message)
    }
}
