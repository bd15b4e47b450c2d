//! Slack, and what takes Slack's messages.

use std::time::Duration;

use aqueduct_pipeline::schema::{Result, Timestamp};
use async_trait::async_trait;
use reqwest::Url;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::{NotSent, Sink, address, client, exchange, refused, resolved, timeout};
use crate::alerts::message::Message;
use crate::alerts::rules::Source;
use crate::alerts::section::SlackSection;

/// Characters that Slack takes in a header block and in the text of a section
/// (<https://docs.slack.dev/reference/block-kit/blocks/header-block>, <https://docs.slack.dev/reference/block-kit/blocks/section-block>).
const LONGEST_HEADER: usize = 150;
const LONGEST_SECTION: usize = 3_000;

/// A Slack-compatible webhook.
pub(crate) struct Slack {
    client: reqwest::Client,
    url: Url,
    timeout: Duration,
}

impl Slack {
    pub(crate) fn check(section: SlackSection, source: &Source<'_>) -> Result<Self> {
        let url = address(&resolved(section.url, source)?, source)?;
        let timeout = timeout(section.timeout.as_ref(), Duration::from_secs(10), source)?;
        Ok(Self { client: client(&url, timeout)?, url, timeout })
    }
}

#[async_trait]
impl Sink for Slack {
    fn words(&self) -> String {
        format!("Slack webhook at {}", self.url.host_str().unwrap_or_default())
    }

    async fn send(&self, message: &Message, _: Timestamp) -> Result<(), NotSent> {
        let body = content(message).to_string();
        let request = self.client.post(self.url.clone()).header(CONTENT_TYPE, "application/json").body(body);
        let (status, answer) = exchange(request, self.timeout).await?;
        match status.is_success() {
            true => Ok(()),
            // Slack says what is wrong in one word, such as `invalid_payload` or `no_service`.
            false => {
                let refused = refused(status);
                let word = answer.trim();
                let said = word.len() <= 60 && !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
                Err(if said { NotSent { reason: format!("{}: {word}", refused.reason), ..refused } } else { refused })
            }
        }
    }
}

/// A message as Slack has it: the text for notifications, the blocks for the eye.
fn content(message: &Message) -> Value {
    let symbol = message.symbol();
    let mut section = escaped(&message.text);
    if !message.advice.is_empty() {
        section.push_str(&format!("\n\n*What to do now:* {}", escaped(&message.advice)));
    }
    let blocks = json!([
        { "type": "header", "text": { "type": "plain_text", "text": cut(&format!("{symbol} {}", message.title), LONGEST_HEADER), "emoji": true } },
        { "type": "section", "text": { "type": "mrkdwn", "text": cut(&section, LONGEST_SECTION) } },
        { "type": "context", "elements": [{ "type": "mrkdwn", "text": cut(&escaped(&message.footer), LONGEST_SECTION) }] },
    ]);
    json!({ "text": escaped(&format!("{symbol} {}", message.title)), "blocks": blocks })
}

/// Text in which nothing is a link or a mention (<https://docs.slack.dev/messaging/formatting-message-text#escaping>).
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most - 1).collect();
    // An escape that is cut in two would be shown as it is.
    if let Some(at) = short.rfind('&').filter(|at| !short[*at..].contains(';')) {
        short.truncate(at);
    }
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_fit_and_mean_nothing_to_slack() {
        assert_eq!(escaped("<!channel> & <@U1>"), "&lt;!channel&gt; &amp; &lt;@U1&gt;");
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
        assert_eq!(cut("ab&amp;d", 5), "ab…");
        assert_eq!(cut(&"é".repeat(200), LONGEST_HEADER).chars().count(), LONGEST_HEADER);
    }
}
