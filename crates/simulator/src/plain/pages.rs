//! One page of a list: what a request asks for, and how the answer leads on.

use hyper::header;
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::description::Endpoint;
use super::paging::Paging;
use super::row::put;
use super::store::{Question, Store};
use crate::server::{Asked, Reply};

/// A request that cannot be answered: the status and why.
pub(crate) type Refusal = (u16, String);

/// The answer to a request for a page. `allowed` is a parameter that is not the endpoint's own: the key.
pub(crate) fn page(store: &Store, endpoint: &Endpoint, asked: &Asked, allowed: Option<&str>) -> Result<Reply, Refusal> {
    let wanted = Wanted::read(endpoint, asked, allowed)?;
    let mut found = store.page(&endpoint.name, &wanted.question);
    let more = endpoint.paging.has_pages() && found.len() > wanted.question.take;
    found.truncate(wanted.question.take);
    let last = found.last().map(|(place, _)| *place);
    let records: Vec<Json> = found.into_iter().map(|(_, record)| record).collect();
    let mut body = json!({});
    if !(records.is_empty() && endpoint.items_missing_when_empty) {
        put(&mut body, &endpoint.items, Json::Array(records));
    }
    if let Some(total) = &endpoint.total {
        put(&mut body, total, json!(store.count(&endpoint.name, &wanted.question)));
    }
    let token = last.filter(|_| more).map(|(at, id)| if wanted.question.by_time { format!("{at}-{id}") } else { id.to_string() });
    let link = token.as_ref().map(|token| next_address(asked, token, allowed));
    if let Some(pointer) = endpoint.paging.pointer() {
        let next = if matches!(endpoint.paging, Paging::NextLink { .. }) { &link } else { &token };
        put(&mut body, pointer, json!(next));
    }
    let reply = Reply::json(200, body.to_string());
    Ok(match link.filter(|_| endpoint.paging == Paging::LinkHeader) {
        Some(link) => reply.with(header::LINK, format!("<{link}>; rel=\"next\"")),
        None => reply,
    })
}

/// What a request asks for.
struct Wanted {
    question: Question,
}

impl Wanted {
    fn read(endpoint: &Endpoint, asked: &Asked, allowed: Option<&str>) -> Result<Self, Refusal> {
        let mut question = Question { since: None, by_time: false, after: None, skip: 0, take: endpoint.default_page_size };
        let mut lacking: Vec<&(String, String)> = endpoint.query.iter().collect();
        let mut begins = None;
        for (name, value) in asked.pairs() {
            let is = |parameter: &Option<String>| parameter.as_deref() == Some(name.as_str());
            let refused = |what: &str| (400, format!("`{name}` must be {what}"));
            if is(&endpoint.page_size_parameter) {
                let size = value.parse().ok().filter(|size| (1..=endpoint.maximum_page_size).contains(size));
                question.take = size.ok_or_else(|| refused(&format!("a number from 1 to {}", endpoint.maximum_page_size)))?;
            } else if is(&endpoint.since) {
                let at: Timestamp = value.parse().map_err(|_| refused("an instant such as 2026-01-31T12:00:00Z"))?;
                question.since = Some(at.as_millisecond());
            } else if endpoint.sort.as_ref().is_some_and(|(parameter, _)| *parameter == name) {
                question.by_time = endpoint.sort.as_ref().is_some_and(|(_, by_time)| *by_time == value);
            } else if endpoint.paging.parameter() == Some(name.as_str()) {
                begins = Some(value);
            } else if let Some(at) = lacking.iter().position(|(fixed, _)| *fixed == name) {
                let (_, expected) = lacking.remove(at);
                if *expected != value {
                    return Err(refused(&format!("`{expected}`")));
                }
            } else if allowed != Some(name.as_str()) {
                // Vendors often pass over what they do not know; a misspelt parameter would then go unseen.
                return Err((400, format!("there is no parameter `{name}`")));
            }
        }
        if let Some((name, value)) = lacking.first() {
            return Err((400, format!("`{name}` must be `{value}`")));
        }
        if let Some(begins) = begins {
            place(endpoint, &begins, &mut question).ok_or_else(|| (400, "this is no place where a page begins".to_owned()))?;
        }
        if !endpoint.paging.has_pages() {
            question.take = usize::MAX - 1;
        }
        Ok(Self { question })
    }
}

/// Sets where the page begins; `None` for a text that says nothing of the kind.
fn place(endpoint: &Endpoint, begins: &str, question: &mut Question) -> Option<()> {
    match endpoint.paging {
        Paging::Offset { .. } => question.skip = begins.parse().ok()?,
        Paging::PageNumber { first, .. } => {
            let number: u64 = begins.parse().ok()?;
            question.skip = usize::try_from(number.checked_sub(first)?).ok()?.checked_mul(question.take)?;
        }
        _ if question.by_time => {
            let (at, id) = begins.split_once('-')?;
            question.after = Some((at.parse().ok()?, id.parse().ok()?));
        }
        _ => question.after = Some((0, begins.parse().ok()?)),
    }
    Some(())
}

/// The address of the page that begins at a token: the request's own, with the token and without a key, which no vendor should repeat.
fn next_address(asked: &Asked, token: &str, key: Option<&str>) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(asked.pairs().iter().filter(|(name, _)| name != "page_token" && Some(name.as_str()) != key));
    query.append_pair("page_token", token);
    let host = asked.header(header::HOST).unwrap_or("localhost");
    format!("http://{host}{}?{}", asked.path, query.finish())
}
