//! From a request to its answer: the key, the limit, permissions, the page, in this order.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use hyper::Method;
use hyper::header::{self, HeaderName};
use serde_json::{Value as Json, json};

use super::description::{Authentication, Description, Endpoint, RateLimit};
use super::pages::{self, Refusal};
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
    limiter: Mutex<Option<RollingWindow>>,
    forbidden: Mutex<BTreeSet<String>>,
    /// Where the page before began, by what a request asks for without its own beginning.
    places: Mutex<HashMap<String, Option<String>>>,
}

impl Plain {
    pub(crate) fn new(description: &Description, credentials: Credentials, store: Store, clock: Clock) -> Self {
        let window = description.rate_limit.as_ref().map(|limit| RollingWindow::new(limit.requests, milliseconds(limit.window)));
        Self {
            description: description.clone(),
            credentials,
            store,
            clock,
            limiter: Mutex::new(window),
            forbidden: Mutex::default(),
            places: Mutex::default(),
        }
    }

    /// Takes the permission for a stream away.
    pub(crate) fn forbid(&self, stream: &str) {
        lock(&self.forbidden).insert(stream.to_owned());
    }

    fn refusal(&self, (status, why): Refusal) -> Reply {
        let mut body = (self.description.error_body)(status);
        if let Some(body) = body.as_object_mut() {
            body.insert("detail".to_owned(), json!(why));
        }
        Reply::json(status, body.to_string())
    }

    fn endpoint(&self, asked: &Asked) -> Option<&Endpoint> {
        let path = asked.path.strip_prefix(&self.description.base_path)?;
        self.description.endpoints.iter().find(|endpoint| asked.method == Method::GET && endpoint.path == path)
    }

    fn is_account(&self, asked: &Asked) -> bool {
        let path = asked.path.strip_prefix(&self.description.base_path);
        self.description.account.as_ref().is_some_and(|(account, _)| path == Some(account.as_str()))
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
    fn take(&self) -> Result<Vec<(HeaderName, String)>, i64> {
        let mut limiter = lock(&self.limiter);
        let (Some(limit), Some(window)) = (&self.description.rate_limit, limiter.as_mut()) else { return Ok(Vec::new()) };
        let left = window.take(self.clock.now_ms())?;
        Ok(limit_headers(limit, left, milliseconds(limit.window)))
    }

    fn checked(&self, asked: &Asked) -> Result<Reply, Refusal> {
        if !self.is_known(asked) {
            return Err((self.description.refused_status, "the key is not known".to_owned()));
        }
        if self.is_account(asked) {
            let answer = self.description.account.as_ref().map_or(Json::Null, |(_, answer)| answer.clone());
            return Ok(Reply::json(200, answer.to_string()));
        }
        let endpoint = self.endpoint(asked).ok_or_else(|| (404, "there is nothing at this path".to_owned()))?;
        if lock(&self.forbidden).contains(&endpoint.name) {
            return Err((403, format!("the key may not read {}", endpoint.name)));
        }
        let key_parameter = match &self.description.authentication {
            Authentication::Query(name) => Some(name.as_str()),
            _ => None,
        };
        let reply = pages::page(&self.store, endpoint, asked, key_parameter)?;
        let mut places = lock(&self.places);
        if places.len() > KEPT_PLACES {
            places.clear();
        }
        places.insert(place_key(endpoint, asked), beginning(endpoint, asked));
        Ok(reply)
    }
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
        match self.endpoint(asked) {
            Some(_) => RequestClass::List,
            None if self.is_account(asked) => RequestClass::Reference,
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
        match self.take() {
            Ok(headers) => {
                let mut reply = self.checked(asked).unwrap_or_else(|refusal| self.refusal(refusal));
                reply.headers.extend(headers);
                reply
            }
            Err(wait_ms) => {
                let mut reply = self.refusal((429, "too many requests".to_owned()));
                if let Some(limit) = &self.description.rate_limit {
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
        self.refusal((status, "this was asked for by a test".to_owned()))
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
