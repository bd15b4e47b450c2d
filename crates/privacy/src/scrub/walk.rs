//! The way through requests and answers: what becomes of every value.

use url::Url;

use super::content::{Content, Csv};
use super::node::Node;
use super::patterns::{self, EMAIL, LITERAL, NUMBER, NUMBERS, is_instant, is_ip, is_made_id, is_phone};
use super::rules::{Known, is_description, is_job, is_prose};
use super::secrets::{SCRUBBED, is_secret_name};
use super::verify::is_phrase;
use super::{SOURCE, Scrubber};

/// The longest text that a declaration alone keeps.
const LONGEST_KEPT: usize = 120;
/// Headers of answers that are kept, besides those that tell of limits and places in a listing.
const HEADERS: [&str; 5] = ["content-type", "date", "link", "location", "retry-after"];

/// Where a value of an answer stands.
#[derive(Clone, Copy)]
struct Place<'p> {
    stream: Option<&'p str>,
    /// Whether descriptions are to be expected at the address.
    describes: bool,
    /// Inside a description.
    described: bool,
    /// Inside what tells how a job stands.
    job: bool,
}

impl Scrubber {
    /// The body of an answer; `None` for CSV whose first row has no name that is known.
    pub(crate) fn answered(&mut self, content: Content, stream: Option<&str>, describes: bool) -> Option<Content> {
        let place = Place { stream, describes, described: false, job: false };
        Some(match content {
            Content::Json(node) => Content::Json(self.node(node, &mut Vec::new(), place)),
            Content::Lines(nodes) => Content::Lines(nodes.into_iter().map(|node| self.node(node, &mut Vec::new(), place)).collect()),
            Content::Csv(csv) => Content::Csv(self.csv(csv, place)?),
            Content::Form(pairs) => {
                Content::Form(pairs.into_iter().map(|(name, value)| (name.clone(), self.text(value, &[&name], place))).collect())
            }
            Content::Empty => Content::Empty,
        })
    }

    fn csv(&mut self, mut csv: Csv, place: Place<'_>) -> Option<Csv> {
        let Some((header, rows)) = csv.rows.split_first_mut() else { return Some(csv) };
        let known = |name: &String| {
            let trail: Vec<&str> = name.split('.').collect();
            self.rules.field(place.stream, &trail).is_some() || self.words.contains(name) || patterns::plain(name).ends_with("id")
        };
        if !header.iter().any(known) {
            return None;
        }
        for row in rows {
            for (name, cell) in header.iter().zip(row) {
                let trail: Vec<&str> = name.split('.').collect();
                *cell = self.text(std::mem::take(cell), &trail, place);
            }
        }
        for name in header {
            *name = self.key(name);
        }
        Some(csv)
    }

    fn node(&mut self, node: Node, trail: &mut Vec<String>, mut place: Place<'_>) -> Node {
        place.described |= place.describes && is_description(&node);
        place.job |= is_job(&node);
        match node {
            Node::Text(text) => {
                let keys: Vec<&str> = trail.iter().map(String::as_str).collect();
                Node::Text(self.text(text, &keys, place))
            }
            Node::Number(digits) => {
                let keys: Vec<&str> = trail.iter().map(String::as_str).collect();
                let known = self.rules.known(place.stream, &keys);
                let personal = matches!(known, Known::Phone | Known::Birth | Known::Personal) && !place.described;
                Node::Number(if personal { self.number(&digits) } else { digits })
            }
            Node::Array(items) => Node::Array(items.into_iter().map(|item| self.node(item, trail, place)).collect()),
            Node::Object(entries) => {
                let mut out = Vec::with_capacity(entries.len());
                for (key, node) in entries {
                    trail.push(key);
                    let node = self.node(node, trail, place);
                    let key = trail.pop().unwrap_or_default();
                    out.push((self.key(&key), node));
                }
                Node::Object(out)
            }
            other => other,
        }
    }

    /// Another number as JSON writes it: no zero in front.
    fn number(&mut self, digits: &str) -> String {
        let (whole, rest) = digits.split_at(digits.find(['.', 'e', 'E']).unwrap_or(digits.len()));
        if whole.trim_start_matches('-').len() < 2 { digits.to_owned() } else { self.inventor.number(whole) + rest }
    }

    /// A key of an object. Keys are the API's words, but some answers are keyed by people.
    fn key(&mut self, key: &str) -> String {
        let key = self.secrets.remove(key);
        if EMAIL.is_match(&key) {
            self.inventor.text(&key)
        } else if is_phone(&key) {
            self.inventor.number(&key)
        } else {
            self.inventor.in_place_of(&key).filter(|_| !self.words.contains(&key)).map(str::to_owned).unwrap_or(key)
        }
    }

    /// A text of an answer.
    fn text(&mut self, text: String, trail: &[&str], place: Place<'_>) -> String {
        let name = trail.last().copied().unwrap_or_default();
        // `null` as a text is how some headers and cells say that nothing follows.
        if text.trim().is_empty() || patterns::is_nothing(&text) || self.inventor.has_made(&text) {
            return text;
        }
        if is_secret_name(name) || self.secrets.is_one(text.trim()) {
            return SCRUBBED.to_owned();
        }
        let text = self.secrets.remove(&text);
        let known = self.rules.known(place.stream, trail);
        if place.described {
            return self.described(text, name, known);
        }
        if self.rules.is_option(name, &text) && !EMAIL.is_match(&text) && !is_phone(&text) {
            return self.keep(text);
        }
        let trimmed = text.trim();
        match known {
            Known::Email => return self.reached(&text),
            Known::Phone if text.bytes().any(|byte| byte.is_ascii_digit()) && !EMAIL.is_match(&text) && !is_instant(trimmed) => {
                return if is_phone(trimmed) || NUMBER.is_match(trimmed) { self.inventor.number(&text) } else { self.invented(&text) };
            }
            Known::Phone | Known::Name if !matches!(trimmed, "true" | "false") => return self.reached(&text),
            Known::Birth if is_instant(trimmed) => return self.inventor.date(&text),
            Known::Personal if !is_instant(trimmed) && !matches!(trimmed, "true" | "false") => {
                return if NUMBER.is_match(trimmed) { self.inventor.number(&text) } else { self.reached(&text) };
            }
            _ => {}
        }
        if EMAIL.is_match(&text) {
            return self.reached(&text);
        }
        if is_ip(trimmed) {
            return self.inventor.ip(&text);
        }
        if is_instant(trimmed) || matches!(trimmed, "true" | "false") {
            return text;
        }
        if NUMBER.is_match(trimmed) {
            let long = trimmed.len() >= 7 && trimmed.bytes().all(|byte| byte.is_ascii_digit());
            // Milliseconds and seconds since 1970 begin with a one until 2033.
            let instant = matches!(trimmed.len(), 10 | 13) && trimmed.starts_with('1');
            let expected = matches!(known, Known::Measure | Known::Id | Known::Paging | Known::Harmless) || place.job;
            let phone = is_phone(trimmed) && !expected;
            return if !phone && (!long || expected || instant || self.ids.contains(trimmed)) { text } else { self.inventor.number(&text) };
        }
        if is_phone(trimmed) {
            return self.inventor.number(&text);
        }
        if self.open_ids.contains(&text) || patterns::is_country_code(name, trimmed) {
            return text;
        }
        if let Some(address) = self.address(trimmed, name) {
            return address;
        }
        let short = text.len() <= LONGEST_KEPT;
        match known {
            Known::Id | Known::Paging if is_made_id(&text) || NUMBERS.is_match(&text) => text,
            Known::Id | Known::Paging if place.job && patterns::CODE.is_match(&text) => text,
            Known::Id | Known::Paging if text.contains(char::is_whitespace) => self.invented(&text),
            Known::Id | Known::Paging => self.inventor.opaque(&text),
            Known::Harmless if short => self.keep(text),
            Known::Word if patterns::CODE.is_match(&text) || is_scope(name, &text) => text,
            _ if place.job && patterns::CODE.is_match(&text) => text,
            _ if patterns::UUID.is_match(&text) || self.ids.contains(&text) && is_made_id(&text) => text,
            // What is an id elsewhere leads there still.
            _ if self.ids.contains(&text) && !text.contains(char::is_whitespace) => self.inventor.opaque(&text),
            _ => self.invented(&text),
        }
    }

    /// A text inside a description of fields: names, labels and options are the API's words.
    fn described(&mut self, text: String, name: &str, known: Known) -> String {
        let personal = EMAIL.is_match(&text) || is_ip(&text) || is_phone(&text);
        if patterns::URL.is_match(&text)
            && let Some(address) = self.address(&text, name)
        {
            return address;
        }
        if personal || is_prose(name) || text.len() > LONGEST_KEPT {
            return self.reached(&text);
        }
        match known {
            Known::Id if !is_made_id(&text) && !patterns::CODE.is_match(&text) => self.inventor.opaque(&text),
            _ => {
                self.words.insert(text.clone());
                self.keep(text)
            }
        }
    }

    fn keep(&mut self, text: String) -> String {
        self.originals.harmless(&text);
        text
    }

    /// An e-mail address alone, or a text that may hold some.
    fn reached(&mut self, text: &str) -> String {
        let trimmed = text.trim();
        let alone = EMAIL.find(trimmed).is_some_and(|email| email.as_str() == trimmed);
        if alone { self.inventor.email(text) } else { self.invented(text) }
    }

    fn invented(&mut self, text: &str) -> String {
        let invented = self.inventor.text(text);
        if is_phrase(text) && invented != text {
            self.originals.phrase(text);
        }
        invented
    }

    /// An address of the source, with its path and query scrubbed, or another's, invented. `None` for what is no address.
    fn address(&mut self, text: &str, name: &str) -> Option<String> {
        let link = ["url", "uri", "link", "href", "path", "location"].iter().any(|word| patterns::plain(name).ends_with(word));
        if text.starts_with('/') && !text.starts_with("//") && !text.contains(char::is_whitespace) && link {
            let url = Url::parse(SOURCE).ok()?.join(text).ok()?;
            return Some(self.own_address(&url));
        }
        if patterns::URL.is_match(text) {
            let Ok(url) = Url::parse(text) else { return Some(self.invented(text)) };
            let origin = url.origin().ascii_serialization();
            if self.origins.contains(&origin) || origin == SOURCE {
                return Some(self.source_address(text, &url));
            }
            let host = self.inventor.domain(url.host_str().unwrap_or("none"));
            let path = self.inventor.text(url.path());
            return Some(self.note_address(text, format!("{}://{host}{path}", url.scheme())));
        }
        if patterns::DOMAIN.is_match(text) && !patterns::CODE.is_match(text) | text.contains('.') {
            let (host, path) = text.split_at(text.find('/').unwrap_or(text.len()));
            let made = self.inventor.domain(host) + &self.inventor.text(path);
            return Some(self.note_address(text, made));
        }
        None
    }

    fn note_address(&mut self, original: &str, made: String) -> String {
        self.inventor.stands_for(original, made)
    }

    /// An absolute address of the source; one without a path stays without.
    fn source_address(&mut self, text: &str, url: &Url) -> String {
        if url.path() == "/" && url.query().is_none() && !text.ends_with('/') {
            return SOURCE.to_owned();
        }
        format!("{SOURCE}{}", self.own_address(url))
    }

    fn own_address(&mut self, url: &Url) -> String {
        let path = self.request_path(url.path());
        let pairs: Vec<(String, String)> =
            url.query_pairs().map(|(name, value)| (name.to_string(), self.sent_text(&name, &value))).collect();
        if pairs.is_empty() {
            return path;
        }
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        format!("{path}?{query}")
    }

    /// The path of a request: the API's words and ids, and perhaps a value of a record.
    pub(crate) fn request_path(&mut self, path: &str) -> String {
        let part = |part: &str| {
            let decoded =
                url::form_urlencoded::parse(format!("={}", part.replace('+', "%2B")).as_bytes()).next().map(|(_, text)| text.into_owned());
            let decoded = decoded.unwrap_or_default();
            let scrubbed = self.sent_text("", &decoded);
            if scrubbed == decoded { part.to_owned() } else { url::form_urlencoded::byte_serialize(scrubbed.as_bytes()).collect() }
        };
        path.split('/').map(part).collect::<Vec<String>>().join("/")
    }

    /// What was sent: the connector's own words stay; what comes from the config or from an answer is replaced as it was there.
    pub(crate) fn sent_text(&mut self, name: &str, text: &str) -> String {
        if text.is_empty() || patterns::is_nothing(text) || self.inventor.has_made(text) {
            return text.to_owned();
        }
        if is_secret_name(name) || self.secrets.is_one(text) {
            return SCRUBBED.to_owned();
        }
        let text = self.secrets.remove(text);
        if !self.words.contains(&text)
            && let Some(made) = self.inventor.in_place_of(&text)
        {
            return made.to_owned();
        }
        if EMAIL.find(&text).is_some_and(|email| email.as_str() == text) {
            return self.inventor.email(&text);
        }
        if is_phone(&text) {
            return self.inventor.number(&text);
        }
        if is_ip(&text) {
            return self.inventor.ip(&text);
        }
        if patterns::URL.is_match(&text)
            && let Ok(url) = Url::parse(&text)
            && self.origins.contains(&url.origin().ascii_serialization())
        {
            return self.source_address(&text, &url);
        }
        let paging = patterns::named(name) == patterns::Named::Paging;
        if paging && !is_made_id(&text) && !NUMBERS.is_match(&text) && !is_instant(&text) {
            return self.inventor.opaque(&text);
        }
        let text = LITERAL.replace_all(&text, |found: &regex::Captures<'_>| match self.inventor.in_place_of(&found[1]) {
            Some(made) => format!("'{made}'"),
            None => found[0].to_owned(),
        });
        let text = text.into_owned();
        EMAIL.replace_all(&text, |found: &regex::Captures<'_>| self.inventor.email(&found[0])).into_owned()
    }

    /// The body of a request.
    pub(crate) fn sent_content(&mut self, content: Content) -> Content {
        match content {
            Content::Json(node) => Content::Json(self.sent_node(node, "")),
            Content::Lines(nodes) => Content::Lines(nodes.into_iter().map(|node| self.sent_node(node, "")).collect()),
            Content::Form(pairs) => {
                Content::Form(pairs.into_iter().map(|(name, value)| (name.clone(), self.sent_text(&name, &value))).collect())
            }
            Content::Csv(mut csv) => {
                for cell in csv.rows.iter_mut().flatten() {
                    *cell = self.sent_text("", cell);
                }
                Content::Csv(csv)
            }
            Content::Empty => Content::Empty,
        }
    }

    fn sent_node(&mut self, node: Node, name: &str) -> Node {
        match node {
            Node::Text(text) => Node::Text(self.sent_text(name, &text)),
            Node::Array(items) => Node::Array(items.into_iter().map(|item| self.sent_node(item, name)).collect()),
            Node::Object(entries) => Node::Object(
                entries
                    .into_iter()
                    .map(|(key, node)| {
                        let node = self.sent_node(node, &key);
                        (self.key(&key), node)
                    })
                    .collect(),
            ),
            other => other,
        }
    }

    /// The headers of an answer that a connector may go by.
    pub(crate) fn headers(&mut self, headers: &[(String, String)]) -> Vec<(String, String)> {
        let told = ["limit", "locator", "numberofrecords", "total-count", "cursor", "next-page"];
        let kept = headers.iter().filter(|(name, _)| HEADERS.contains(&name.as_str()) || told.iter().any(|word| name.contains(word)));
        let scrub = |(name, value): &(String, String)| {
            let value = if name == "link" {
                self.link(value)
            } else if name == "location" {
                self.address(value, "location").unwrap_or_else(|| SCRUBBED.to_owned())
            } else if name.ends_with("locator") || name.ends_with("cursor") {
                self.sent_text("cursor", value)
            } else {
                self.sent_text(name, value)
            };
            (name.clone(), value)
        };
        kept.map(scrub).collect()
    }

    /// A `Link` header (RFC 8288): addresses between angle brackets.
    fn link(&mut self, header: &str) -> String {
        let mut out = String::new();
        for part in header.split_inclusive('>') {
            match part.split_once('<') {
                Some((before, target)) => {
                    let target = target.trim_end_matches('>');
                    let address = self.address(target, "link").unwrap_or_else(|| SCRUBBED.to_owned());
                    out.push_str(&format!("{before}<{address}>"));
                }
                None => out.push_str(&self.secrets.remove(part)),
            }
        }
        out
    }
}

/// Whether a text is the list of what a token may do: words of the API with spaces between them (RFC 6749, section 3.3).
fn is_scope(name: &str, text: &str) -> bool {
    name == "scope" && text.len() <= 500 && text.split(' ').all(|word| patterns::CODE.is_match(word))
}
