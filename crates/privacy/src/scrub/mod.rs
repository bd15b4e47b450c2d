//! Scrubbing of recorded exchanges with a source, so that they can be kept as fixtures: no secret and nothing personal is left, and what
//! a connector goes by stays: ids, times, numbers, words of closed sets, paging, the form of every value.
//!
//! It fails closed: a text is replaced unless something says that it is harmless. Invented values are consistent over all exchanges
//! of one [`Scrubber`], in answers and in the requests that repeat them. What is written is looked at a second time, by other means
//! (`verify`); where that look finds anything, the exchange is refused.

mod content;
mod invent;
mod node;
mod patterns;
mod rules;
mod secrets;
#[cfg(test)]
mod tests;
mod verify;
mod walk;

use std::collections::HashSet;
use std::fmt;

pub use rules::Field;
pub use secrets::SCRUBBED;
use url::Url;

use self::content::{Content, pairs_node};
use self::invent::Inventor;
use self::node::Node;
use self::rules::Rules;
use self::secrets::{Secrets, is_secret_name};
use self::verify::Originals;

/// What stands for the source's own address in a recording; a replay puts its own in its place. The ending is set aside (RFC 2606), so
/// it leads nowhere.
pub const SOURCE: &str = "https://source.invalid";

/// A request and its answer as they were on the wire.
#[derive(Clone)]
pub struct Exchange {
    /// What was being done.
    pub operation: String,
    /// The stream that was being read, if one was.
    pub stream: Option<String>,
    /// The method in capitals.
    pub method: String,
    /// The whole address.
    pub url: String,
    /// The content type and the bytes of what was sent.
    pub sent: Option<(String, Vec<u8>)>,
    /// The status of the answer.
    pub status: u16,
    /// The headers of the answer, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body of the answer.
    pub body: Vec<u8>,
}

impl fmt::Debug for Exchange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} answered with {} [{}]", self.method, self.status, self.operation)
    }
}

/// An exchange that may be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixture {
    /// What was being done.
    pub operation: String,
    /// The stream that was being read, if one was.
    pub stream: Option<String>,
    /// The method in capitals.
    pub method: String,
    /// The path.
    pub path: String,
    /// The status of the answer.
    pub status: u16,
    /// The whole exchange as JSON over several lines.
    pub text: String,
}

/// Why an exchange may not be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What was being done.
    pub operation: String,
    /// The method and the path, scrubbed as far as it went.
    pub request: String,
    /// The reason, without a value of the exchange.
    pub reason: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({}): {}", self.request, self.operation, self.reason)
    }
}

/// Scrubs the exchanges of one recording. Every exchange must be learnt before the first is scrubbed.
pub struct Scrubber {
    inventor: Inventor,
    secrets: Secrets,
    rules: Rules,
    originals: Originals,
    origins: HashSet<String>,
    /// Ids that stand under names of ids.
    ids: HashSet<String>,
    /// Ids of streams that say nothing of people; they are words of the account's settings.
    open_ids: HashSet<String>,
    /// Words of the API: keys, names and labels in descriptions.
    words: HashSet<String>,
}

impl fmt::Debug for Scrubber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("scrubber")
    }
}

impl Scrubber {
    /// A scrubber with a key of its own. The key must be random and must not be kept: who has it can try originals.
    pub fn new(key: [u8; 32], fields: Vec<Field>) -> Self {
        Self {
            inventor: Inventor::new(key),
            secrets: Secrets::default(),
            rules: Rules::new(fields),
            originals: Originals::default(),
            origins: HashSet::new(),
            ids: HashSet::new(),
            open_ids: HashSet::new(),
            words: HashSet::new(),
        }
    }

    /// Names a secret that must not be seen in any form.
    pub fn secret(&mut self, text: &str) {
        self.secrets.add(text);
    }

    /// Takes note of what is in an exchange: secrets, ids, descriptions of fields, and everything that must not be invented again.
    pub fn learn(&mut self, exchange: &Exchange) {
        let mut path = String::new();
        if let Ok(url) = Url::parse(&exchange.url) {
            self.origins.insert(url.origin().ascii_serialization());
            path = url.path().to_owned();
            for (_, value) in url.query_pairs().filter(|(name, _)| is_secret_name(name)) {
                self.secrets.add(&value);
            }
        }
        if let Some((kind, body)) = &exchange.sent
            && let Ok(content) = Content::parse(kind, body)
        {
            content.texts(&mut |name, text| {
                if is_secret_name(name) {
                    self.secrets.add(text);
                }
            });
        }
        let Ok(content) = Content::parse(header(&exchange.headers, "content-type"), &exchange.body) else { return };
        if rules::describes(&path)
            && let Content::Json(node) = &content
        {
            self.learn_descriptions(node);
        }
        if let Content::Json(node) = &content {
            self.learn_keys(node);
        }
        content.texts(&mut |name, text| self.learn_text(exchange.stream.as_deref(), name, text));
    }

    fn learn_text(&mut self, stream: Option<&str>, name: &str, text: &str) {
        if is_secret_name(name) {
            self.secrets.add(text);
            return;
        }
        self.inventor.avoid(text);
        self.originals.read(name, text);
        if self.rules.known(stream, &[name]) == rules::Known::Id {
            self.ids.insert(text.to_owned());
            if self.rules.is_impersonal(stream) && patterns::CODE.is_match(text) {
                self.open_ids.insert(text.to_owned());
            }
        }
    }

    fn learn_keys(&mut self, node: &Node) {
        match node {
            Node::Array(items) => items.iter().for_each(|item| self.learn_keys(item)),
            Node::Object(entries) => {
                for (key, node) in entries {
                    if patterns::CODE.is_match(key) && self.words.insert(key.clone()) {
                        self.originals.harmless(key);
                    }
                    self.learn_keys(node);
                }
            }
            _ => {}
        }
    }

    fn learn_descriptions(&mut self, node: &Node) {
        if rules::is_description(node) {
            self.rules.learn_options(node);
        }
        match node {
            Node::Array(items) => items.iter().for_each(|item| self.learn_descriptions(item)),
            Node::Object(entries) => entries.iter().for_each(|(_, node)| self.learn_descriptions(node)),
            _ => {}
        }
    }

    /// The exchange without secrets and personal values. Nothing is left out quietly: what cannot be scrubbed is refused.
    ///
    /// # Errors
    /// When a body has no form that is understood.
    pub fn scrub(&mut self, exchange: &Exchange) -> Result<Fixture, Refusal> {
        let url = Url::parse(&exchange.url).map_err(|_| self.refusal(exchange, String::new(), "the address is none"))?;
        let path = self.request_path(url.path());
        let describes = rules::describes(url.path());
        let query: Vec<(String, String)> =
            url.query_pairs().map(|(name, value)| (name.to_string(), self.sent_text(&name, &value))).collect();
        let operation = self.sent_text("operation", &exchange.operation);
        let refused = |scrubber: &Self, reason: String| scrubber.refusal(exchange, path.clone(), &reason);
        let sent = match &exchange.sent {
            None => None,
            Some((kind, body)) => {
                let content = Content::parse(kind, body).map_err(|what| refused(self, format!("what was sent {what}")))?;
                self.sent_content(content).into_node()
            }
        };
        let content_type = header(&exchange.headers, "content-type");
        let content = Content::parse(content_type, &exchange.body).map_err(|what| refused(self, format!("the answer {what}")))?;
        let content = self
            .answered(content, exchange.stream.as_deref(), describes)
            .ok_or_else(|| refused(self, "the answer is CSV without a row of known names".to_owned()))?;
        let headers = self.headers(&exchange.headers);
        let mut request = vec![("method".to_owned(), Node::Text(exchange.method.clone())), ("path".to_owned(), Node::Text(path.clone()))];
        if !query.is_empty() {
            request.push(("query".to_owned(), pairs_node(query)));
        }
        request.extend(sent.map(|sent| ("body".to_owned(), sent)));
        let mut answer =
            vec![("status".to_owned(), Node::Number(exchange.status.to_string())), ("headers".to_owned(), pairs_node(headers))];
        answer.extend(content.into_node().map(|content| ("body".to_owned(), content)));
        let mut entries = vec![("operation".to_owned(), Node::Text(operation.clone()))];
        entries.extend(exchange.stream.clone().map(|stream| ("stream".to_owned(), Node::Text(stream))));
        entries.push(("request".to_owned(), Node::Object(request)));
        entries.push(("answer".to_owned(), Node::Object(answer)));
        let mut text = String::new();
        Node::Object(entries).write(0, &mut text);
        text.push('\n');
        let (stream, method) = (exchange.stream.clone(), exchange.method.clone());
        Ok(Fixture { operation, stream, method, path, status: exchange.status, text })
    }

    /// The second look at a text that is to be written, once everything is scrubbed.
    ///
    /// # Errors
    /// What was found, without the value.
    pub fn verify(&self, fixture: &Fixture) -> Result<(), Refusal> {
        match self.originals.complaint(&fixture.text, &self.secrets) {
            None => Ok(()),
            Some(reason) => {
                let request = format!("{} {}", fixture.method, fixture.path);
                Err(Refusal { operation: fixture.operation.clone(), request, reason })
            }
        }
    }

    /// A JSON value of the connector's config without secrets: what was sent may depend on the rest.
    pub fn config(&mut self, value: &serde_json::Value) -> serde_json::Value {
        match value {
            serde_json::Value::Object(entries) => {
                let entry = |(name, value): (&String, &serde_json::Value)| match value {
                    serde_json::Value::String(text) => (name.clone(), self.sent_text(name, text).into()),
                    other => (name.clone(), self.config(other)),
                };
                serde_json::Value::Object(entries.iter().map(entry).collect())
            }
            serde_json::Value::Array(items) => items.iter().map(|item| self.config(item)).collect(),
            serde_json::Value::String(text) => self.sent_text("", text).into(),
            other => other.clone(),
        }
    }

    fn refusal(&self, exchange: &Exchange, path: String, reason: &str) -> Refusal {
        let request = format!("{} {path}", exchange.method).trim_end().to_owned();
        Refusal { operation: self.secrets.remove(&exchange.operation), request, reason: reason.to_owned() }
    }
}

fn header<'h>(headers: &'h [(String, String)], name: &str) -> &'h str {
    headers.iter().find(|(mine, _)| mine == name).map_or("", |(_, value)| value)
}
