//! Sinks: where messages go. Each says whether a message was taken, and if not, why, without its address or any secret.

mod email;
mod signature;
mod slack;
mod webhook;

use std::collections::BTreeMap;
use std::time::Duration;

use aqueduct_pipeline::schema::{Error, Result, Secret, Timestamp, codes};
use async_trait::async_trait;
use reqwest::{RequestBuilder, StatusCode, Url};
use serde_saphyr::Spanned;

use super::message::Message;
use super::rules::Source;
use super::section::SinkSection;
use super::span::Span;

/// Bytes of an answer that are read: enough for a reason.
const LARGEST_ANSWER: usize = 16 * 1024;
/// The longest that a sink may be given for an answer. A claim on a message lives longer than this.
pub(crate) const LONGEST_TIMEOUT: Duration = Duration::from_secs(60);

/// A way to send messages.
#[async_trait]
pub(crate) trait Sink: Send + Sync {
    /// What it is: `webhook`, `slack` or `email`, and where, as far as that is no secret.
    fn words(&self) -> String;

    /// Sends a message. The time is that of the signature.
    ///
    /// # Errors
    /// Why it was not taken.
    async fn send(&self, message: &Message, now: Timestamp) -> Result<(), NotSent>;
}

/// Why a message was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotSent {
    /// In words, without an address or a secret.
    pub reason: String,
    /// Whether the same message will be refused again until somebody changes something.
    pub lasting: bool,
}

impl NotSent {
    pub(crate) fn passing(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), lasting: false }
    }

    pub(crate) fn lasting(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), lasting: true }
    }
}

/// All sinks by name.
pub(crate) struct Sinks(BTreeMap<String, Box<dyn Sink>>);

impl std::fmt::Debug for Sinks {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}

impl Sinks {
    /// Checks the sinks of a file. Nothing is asked of them.
    ///
    /// # Errors
    /// `AQ1023` with the place; errors of references.
    pub(crate) fn check(sections: BTreeMap<String, SinkSection>, source: &Source<'_>) -> Result<Self> {
        if sections.is_empty() {
            return Err(source.near("there is no sink", "sinks:"));
        }
        let mut sinks: BTreeMap<String, Box<dyn Sink>> = BTreeMap::new();
        for (name, section) in sections {
            let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
            if name.is_empty() || name.len() > 63 || !name.chars().all(plain) {
                return Err(source.near("a sink's name has letters, digits, `-` and `_`, 63 at most", &name));
            }
            let sink: Box<dyn Sink> = match (section.webhook, section.slack, section.email) {
                (Some(webhook), None, None) => Box::new(webhook::Webhook::check(webhook, source)?),
                (None, Some(slack), None) => Box::new(slack::Slack::check(slack, source)?),
                (None, None, Some(email)) => Box::new(email::Email::check(email, source)?),
                _ => {
                    let error = source.near(format!("the sink `{name}` is not one of webhook, slack and email"), &format!("{name}:"));
                    return Err(error.advise("Give it one of the three keys, and no other."));
                }
            };
            sinks.insert(name, sink);
        }
        Ok(Self(sinks))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&dyn Sink> {
        self.0.get(name).map(AsRef::as_ref)
    }

    /// Puts another sink in the place of one.
    #[cfg(test)]
    pub(crate) fn replace(&mut self, name: &str, sink: Box<dyn Sink>) {
        self.0.insert(name.to_owned(), sink);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &dyn Sink)> {
        self.0.iter().map(|(name, sink)| (name.as_str(), sink.as_ref()))
    }
}

/// A secret with its references resolved.
pub(crate) fn resolved(mut secret: Spanned<Secret>, source: &Source<'_>) -> Result<Spanned<Secret>> {
    source.environment.expand_secret(&mut secret.value, source.file, source.text)?;
    Ok(secret)
}

/// How long an answer may take.
fn timeout(section: Option<&Spanned<Span>>, usual: Duration, source: &Source<'_>) -> Result<Duration> {
    let Some(section) = section else { return Ok(usual) };
    if section.value.0.is_zero() || section.value.0 > LONGEST_TIMEOUT {
        return Err(source.at("a sink's `timeout` is from 1s to 60s", section));
    }
    Ok(section.value.0)
}

/// An address that messages may be sent to: over TLS, or on this machine.
fn address(url: &Spanned<Secret>, source: &Source<'_>) -> Result<Url> {
    // The address is not quoted: it may be all that somebody needs to write.
    let parsed = Url::parse(url.value.expose()).map_err(|_| source.at("the `url` of a sink is not an address", url))?;
    let here = is_here(&parsed);
    match parsed.scheme() {
        "https" => Ok(parsed),
        "http" if here => Ok(parsed),
        "http" => Err(source.at("the `url` of a sink begins with https://; http:// is for this machine alone", url)),
        _ => Err(source.at("the `url` of a sink begins with https://", url)),
    }
}

fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A client for one address. Redirects are not followed: what is signed or secret goes to the address that was named.
#[expect(clippy::disallowed_methods, reason = "alerts do not go to a vendor: no limits, no signing, and retries that outlive the process")]
fn client(url: &Url, timeout: Duration) -> Result<reqwest::Client> {
    // An error says that a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("aqueduct/", env!("CARGO_PKG_VERSION")))
        .timeout(timeout)
        .connect_timeout(timeout)
        .redirect(reqwest::redirect::Policy::none());
    if is_here(url) {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| Error::new(codes::BUG, "the HTTP client could not be set up").caused_by(error.without_url()))
}

/// Sends a request: the status and the beginning of the answer.
async fn exchange(request: RequestBuilder, timeout: Duration) -> Result<(StatusCode, String), NotSent> {
    let mut response = request.send().await.map_err(|error| NotSent::passing(reason(&error, timeout)))?;
    let status = response.status();
    let mut body = Vec::new();
    while body.len() < LARGEST_ANSWER {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            // The status has come; the rest of the answer would only explain it.
            Err(_) => break,
        }
    }
    body.truncate(LARGEST_ANSWER);
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

/// What a status says about a message that was not taken.
fn refused(status: StatusCode) -> NotSent {
    let reason = format!("it answered {status}");
    // 408 and 429 ask for another try, 5xx is the server's own trouble.
    let passing = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
    if passing { NotSent::passing(reason) } else { NotSent::lasting(reason) }
}

fn reason(error: &reqwest::Error, timeout: Duration) -> String {
    if error.is_timeout() {
        return format!("no answer within {} seconds", timeout.as_secs());
    }
    if error.is_connect() {
        return "no connection: check the address, the network and the certificate".to_owned();
    }
    "the connection broke off".to_owned()
}
