//! A webhook that takes JSON.

use std::time::Duration;

use aqueduct_pipeline::schema::{Result, Secret, Timestamp};
use async_trait::async_trait;
use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use super::{NotSent, Sink, address, client, exchange, refused, resolved, signature, timeout};
use crate::alerts::message::Message;
use crate::alerts::rules::Source;
use crate::alerts::section::WebhookSection;

/// Characters that a secret for signatures has at least.
const SHORTEST_SECRET: usize = 16;
/// Headers that are ours.
const OWN: [&str; 6] = ["content-type", "content-length", "host", "x-aqueduct-signature", "x-aqueduct-event", "idempotency-key"];

/// A webhook.
pub(crate) struct Webhook {
    client: reqwest::Client,
    url: Url,
    secret: Option<Secret>,
    headers: HeaderMap,
    timeout: Duration,
}

impl Webhook {
    pub(crate) fn check(section: WebhookSection, source: &Source<'_>) -> Result<Self> {
        let url = address(&resolved(section.url, source)?, source)?;
        let timeout = timeout(section.timeout.as_ref(), Duration::from_secs(10), source)?;
        let secret = match section.secret {
            Some(secret) => {
                let secret = resolved(secret, source)?;
                if secret.value.expose().len() < SHORTEST_SECRET {
                    let error = source.at(format!("the `secret` of a webhook has {SHORTEST_SECRET} characters at least"), &secret);
                    return Err(error.advise("Make one with `openssl rand -hex 32`."));
                }
                Some(secret.value)
            }
            None => None,
        };
        let mut headers = HeaderMap::new();
        for (name, value) in section.headers {
            let value = resolved(value, source)?;
            let header = HeaderName::from_bytes(name.as_bytes()).ok().filter(|header| !OWN.contains(&header.as_str()));
            let Some(header) = header else { return Err(source.at(format!("`{name}` cannot be a header of a webhook"), &value)) };
            let mut content = HeaderValue::from_str(value.value.expose())
                .map_err(|_| source.at(format!("the value of `{name}` has characters that a header cannot hold"), &value))?;
            content.set_sensitive(true);
            headers.insert(header, content);
        }
        Ok(Self { client: client(&url, timeout)?, url, secret, headers, timeout })
    }
}

#[async_trait]
impl Sink for Webhook {
    fn words(&self) -> String {
        format!("webhook at {}", self.url.host_str().unwrap_or_default())
    }

    async fn send(&self, message: &Message, now: Timestamp) -> Result<(), NotSent> {
        let body = serde_json::to_vec(message).map_err(|_| NotSent::lasting("the message cannot be written as JSON"))?;
        let mut request = self
            .client
            .post(self.url.clone())
            .headers(self.headers.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("X-Aqueduct-Event", message.event)
            .header("Idempotency-Key", &message.id);
        if let Some(secret) = &self.secret {
            request = request.header(signature::HEADER, signature::signature(secret, &body, now));
        }
        let (status, _) = exchange(request.body(body), self.timeout).await?;
        if status.is_success() { Ok(()) } else { Err(refused(status)) }
    }
}
