//! From a request to its answer: the key, the limit, permissions, the page, in this order.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use hyper::Method;
use hyper::header::{self, HeaderName};
use serde_json::{Value as Json, json};

use super::description::{Authentication, Description, Endpoint, Find, RateLimit};
use super::pages::{self, Request};
use super::refused::{Refused, Why};
use super::row::put;
use super::simulator::Credentials;
use super::store::Store;
use crate::clock::{Clock, milliseconds};
use crate::counters::RequestClass;
use crate::limiter::RollingWindow;
use crate::server::{Asked, Reply, Vendor};

/// How many places where a page began are kept for faults that show a page twice.
const KEPT_PLACES: usize = 10_000;

/// The vendor: an account behind the endpoints of a description.
pub(crate) struct Plain {
    pub(crate) description: Description,
    pub(crate) credentials: Credentials,
    pub(crate) store: Store,
    clock: Clock,
    limiters: Mutex<Vec<RollingWindow>>,
    forbidden: Mutex<BTreeSet<String>>,
    /// Where the page before began, by what a request asks for without its own beginning.
    places: Mutex<HashMap<String, Option<String>>>,
}

impl Plain {
    pub(crate) fn new(description: &Description, credentials: Credentials, store: Store, clock: Clock) -> Self {
        let window = |(_, limit): &(Vec<String>, RateLimit)| RollingWindow::new(limit.requests, milliseconds(limit.window));
        let limiters = description.rate_limits.iter().map(window).collect();
        Self {
            description: description.clone(),
            credentials,
            store,
            clock,
            limiters: Mutex::new(limiters),
            forbidden: Mutex::default(),
            places: Mutex::default(),
        }
    }

    /// Takes the permission for a stream away.
    pub(crate) fn forbid(&self, stream: &str) {
        lock(&self.forbidden).insert(stream.to_owned());
    }

    fn refusal(&self, refused: &Refused) -> Reply {
        Reply::json(refused.status, (self.description.error_body)(refused).to_string())
    }

    /// The endpoint that a request goes to, and what it says in its path.
    fn found(&self, asked: &Asked) -> Option<Found<'_>> {
        let path = asked.path.strip_prefix(&self.description.base_path).filter(|_| asked.method == Method::GET)?;
        let endpoints = || self.description.endpoints.iter();
        // Words of a path come before what may stand in their place.
        if let Some(endpoint) = endpoints().find(|endpoint| endpoint.path == path) {
            return Some(Found { endpoint, in_path: Vec::new(), record: None });
        }
        let lists = endpoints().map(|endpoint| (endpoint, endpoint.path.as_str(), None));
        let records = endpoints().filter_map(|endpoint| endpoint.record.as_ref().map(|(path, find)| (endpoint, path.as_str(), Some(find))));
        let mut fitting = lists.chain(records).filter_map(|(endpoint, pattern, record)| {
            let in_path = fitted(pattern, path)?;
            Some(Found { endpoint, in_path, record })
        });
        fitting.next()
    }

    fn endpoint(&self, asked: &Asked) -> Option<&Endpoint> {
        self.found(asked).map(|found| found.endpoint)
    }

    /// Where the limit of a path stands among the limits.
    fn limit(&self, asked: &Asked) -> Option<(usize, &RateLimit)> {
        let path = asked.path.strip_prefix(&self.description.base_path)?;
        let fits = |paths: &[String]| paths.is_empty() || paths.iter().any(|begins| path.starts_with(begins));
        let limits = self.description.rate_limits.iter().enumerate();
        limits.into_iter().find(|(_, (paths, _))| fits(paths)).map(|(place, (_, limit))| (place, limit))
    }

    /// The answer of a path that always has the same.
    fn fixed(&self, asked: &Asked) -> Option<&Json> {
        let path = asked.path.strip_prefix(&self.description.base_path)?;
        self.description.answers.iter().find(|(fixed, _)| fixed == path).map(|(_, answer)| answer)
    }

    fn is_known(&self, asked: &Asked) -> bool {
        let Credentials { key, password } = &self.credentials;
        let header = |name: HeaderName| asked.header(name).unwrap_or_default();
        match &self.description.authentication {
            Authentication::None => true,
            Authentication::Bearer => header(header::AUTHORIZATION).strip_prefix("Bearer ") == Some(key),
            Authentication::Header { name, prefix } => {
                let name = HeaderName::from_bytes(name.as_bytes());
                name.is_ok_and(|name| header(name).strip_prefix(prefix.as_str()) == Some(key))
            }
            Authentication::Query(name) => asked.pairs().iter().any(|(mine, value)| mine == name && value == key),
            Authentication::Basic => header(header::AUTHORIZATION).strip_prefix("Basic ") == Some(basic(key, password).as_str()),
        }
    }

    /// Takes a place in the window: the headers that tell of it, or the milliseconds until one is free.
    fn take(&self, asked: &Asked) -> Result<Vec<(HeaderName, String)>, i64> {
        let mut limiters = lock(&self.limiters);
        let Some((place, limit)) = self.limit(asked) else { return Ok(Vec::new()) };
        let left = limiters[place].take(self.clock.now_ms())?;
        Ok(limit_headers(limit, left, milliseconds(limit.window)))
    }

    fn checked(&self, asked: &Asked) -> Result<Reply, Refused> {
        if !self.is_known(asked) {
            return Err(Refused::new(self.description.refused_status, Why::Key, "the key is not known"));
        }
        if let Some(answer) = self.fixed(asked) {
            return Ok(Reply::json(200, answer.to_string()));
        }
        let Found { endpoint, in_path, record } =
            self.found(asked).ok_or_else(|| Refused::new(404, Why::Path, "there is nothing at this path"))?;
        if lock(&self.forbidden).contains(&endpoint.name) {
            return Err(Refused::new(403, Why::Permission, format!("the key may not read {}", endpoint.name)));
        }
        if let Some(names) = record {
            let name = in_path.first().map_or("", |(_, name)| name);
            let found = self.store.find(endpoint.stream(), |candidate| names(candidate, name));
            let record = found.ok_or_else(|| Refused::new(404, Why::Record, "there is no such record"))?;
            return Ok(Reply::json(200, record.to_string()));
        }
        let allowed = match &self.description.authentication {
            Authentication::Query(name) => Some(name.as_str()),
            _ => None,
        };
        let reply = pages::page(&self.store, endpoint, &Request { asked, in_path, allowed, now: self.clock.now_ms() })?;
        let mut places = lock(&self.places);
        if places.len() > KEPT_PLACES {
            places.clear();
        }
        places.insert(place_key(endpoint, asked), beginning(endpoint, asked));
        Ok(reply)
    }
}

/// What a path leads to.
struct Found<'a> {
    endpoint: &'a Endpoint,
    in_path: Vec<(String, String)>,
    /// For the path of one record: whether a text names a record.
    record: Option<&'a Find>,
}

/// What stands in a path in the place of a pattern's braces; `None` where the path is another.
fn fitted(pattern: &str, path: &str) -> Option<Vec<(String, String)>> {
    let (pattern, path): (Vec<&str>, Vec<&str>) = (pattern.split('/').collect(), path.split('/').collect());
    if pattern.len() != path.len() {
        return None;
    }
    let mut found = Vec::new();
    for (expected, part) in pattern.into_iter().zip(path) {
        match expected.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) => found.push((name.to_owned(), decoded(part))),
            None if expected == part => {}
            None => return None,
        }
    }
    Some(found)
}

/// A part of a path without percent signs. In a path `+`, `=` and `&` mean themselves.
fn decoded(part: &str) -> String {
    let part = part.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    url::form_urlencoded::parse(part.as_bytes()).next().map_or_else(String::new, |(name, _)| name.into_owned())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where the page asked for begins, as the request says.
fn beginning(endpoint: &Endpoint, asked: &Asked) -> Option<String> {
    let parameter = endpoint.paging.parameter()?;
    asked.pairs().into_iter().find(|(name, _)| name == parameter).map(|(_, value)| value)
}

/// The request without where its page begins.
fn place_key(endpoint: &Endpoint, asked: &Asked) -> String {
    let mut pairs = asked.pairs();
    pairs.retain(|(name, _)| Some(name.as_str()) != endpoint.paging.parameter());
    format!("{} {pairs:?}", asked.path)
}

fn limit_headers(limit: &RateLimit, left: usize, reset_ms: i64) -> Vec<(HeaderName, String)> {
    let seconds = reset_ms.div_euclid(1_000) + i64::from(reset_ms.rem_euclid(1_000) > 0);
    let values = [limit.requests.to_string(), left.to_string(), seconds.to_string()];
    let named = limit.headers.iter().zip(values);
    named.filter_map(|(name, value)| HeaderName::from_bytes(name.to_ascii_lowercase().as_bytes()).ok().map(|name| (name, value))).collect()
}

/// What stands after `Basic`: user and password in base 64 (RFC 4648).
fn basic(user: &str, password: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let plain = format!("{user}:{password}");
    let mut text = String::new();
    for group in plain.as_bytes().chunks(3) {
        let bits = (0..3).fold(0_usize, |bits, place| bits << 8 | usize::from(group.get(place).copied().unwrap_or(0)));
        for place in 0..4 {
            let letter = LETTERS[bits >> (18 - 6 * place) & 63];
            text.push(if place <= group.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

impl Vendor for Plain {
    fn class(&self, asked: &Asked) -> RequestClass {
        match self.found(asked) {
            Some(Found { record: Some(_), .. }) => RequestClass::Get,
            Some(_) => RequestClass::List,
            None if self.fixed(asked).is_some() => RequestClass::Reference,
            None => RequestClass::Unknown,
        }
    }

    fn logged_path(&self, asked: &Asked) -> String {
        match &self.description.authentication {
            Authentication::Query(_) => asked.target().replace(&self.credentials.key, "{key}"),
            _ => asked.target(),
        }
    }

    fn answer(&self, asked: &Asked) -> Reply {
        match self.take(asked) {
            Ok(headers) => {
                let mut reply = self.checked(asked).unwrap_or_else(|refused| self.refusal(&refused));
                reply.headers.extend(headers);
                reply
            }
            Err(wait_ms) => {
                let mut reply = self.refusal(&Refused::new(429, Why::Limit, "too many requests"));
                if let Some((_, limit)) = self.limit(asked) {
                    reply.headers.extend(limit_headers(limit, 0, wait_ms));
                    if limit.retry_after {
                        let seconds = wait_ms.div_euclid(1_000) + 1;
                        reply = reply.with(header::RETRY_AFTER, seconds);
                        reply.retry_after_ends = Some(self.clock.now_ms() + seconds * 1_000);
                    }
                }
                reply
            }
        }
    }

    fn error(&self, status: u16, _class: RequestClass) -> Reply {
        self.refusal(&Refused::new(status, Why::Asked, "this was asked for by a test"))
    }

    fn topic(&self, asked: &Asked) -> Option<String> {
        self.endpoint(asked).map(|endpoint| endpoint.name.clone())
    }

    fn expire_tokens(&self) {}

    fn previous_page(&self, asked: &Asked) -> Option<Asked> {
        let endpoint = self.endpoint(asked)?;
        beginning(endpoint, asked)?;
        let previous = lock(&self.places).get(&place_key(endpoint, asked)).cloned()?;
        let parameter = endpoint.paging.parameter()?;
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(asked.pairs().iter().filter(|(name, _)| name != parameter));
        if let Some(previous) = &previous {
            query.append_pair(parameter, previous);
        }
        Some(Asked { query: query.finish(), ..asked.clone() })
    }

    fn cursor(&self, asked: &Asked) -> Option<String> {
        beginning(self.endpoint(asked)?, asked)
    }

    fn with_next_cursor(&self, page: Reply, cursor: Option<&str>) -> Reply {
        changed(page, |body| {
            let found = self.description.endpoints.iter().find(|endpoint| list(body, &endpoint.items).is_some());
            if let (Some(pointer), Some(cursor)) = (found.and_then(|endpoint| endpoint.paging.pointer()), cursor) {
                put(body, pointer, json!(cursor));
            }
        })
    }

    fn reversed(&self, page: Reply) -> Reply {
        changed(page, |body| {
            let found = self.description.endpoints.iter().find(|endpoint| list(body, &endpoint.items).is_some());
            if let Some(records) = found.and_then(|endpoint| list(body, &endpoint.items)) {
                records.reverse();
            }
        })
    }
}

fn changed(mut page: Reply, change: impl FnOnce(&mut Json)) -> Reply {
    if let Ok(mut body) = serde_json::from_slice::<Json>(&page.body) {
        change(&mut body);
        page.body = Bytes::from(body.to_string());
    }
    page
}

/// The array at a path of object keys.
fn list<'p>(page: &'p mut Json, keys: &[String]) -> Option<&'p mut Vec<Json>> {
    keys.iter().try_fold(page, |value, key| value.get_mut(key))?.as_array_mut()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_is_base_64() {
        // The example of RFC 7617, section 2, and the two lengths that need filling.
        assert_eq!(basic("Aladdin", "open sesame"), "QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(basic("a", ""), "YTo=");
        assert_eq!(basic("a", "b"), "YTpi");
    }
}
