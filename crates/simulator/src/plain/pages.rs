//! One page of a list: what a request asks for, and how the answer leads on.

use hyper::header;
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::cap;
use super::description::Endpoint;
use super::filter::Parameters;
use super::paging::Paging;
use super::refused::{Refused, Why};
use super::row::put;
use super::store::{Order, Question, Store};
use crate::server::{Asked, Reply};

/// A request for a page.
pub(crate) struct Request<'a> {
    pub(crate) asked: &'a Asked,
    /// What stands in the place of the braces of the endpoint's path.
    pub(crate) in_path: Vec<(String, String)>,
    /// A parameter that is not the endpoint's own: the key.
    pub(crate) allowed: Option<&'a str>,
    pub(crate) now: i64,
}

/// The answer to a request for a page.
pub(crate) fn page(store: &Store, endpoint: &Endpoint, request: &Request<'_>) -> Result<Reply, Refused> {
    let Request { asked, allowed, .. } = *request;
    if let Some((parameter, stream)) = &endpoint.parent {
        let id = request.in_path.iter().find(|(name, _)| name == parameter).map_or("", |(_, id)| id);
        if !store.is_live(stream, id) {
            return Err(Refused::new(404, Why::Record, format!("there is nothing of the id {id} in {stream}")));
        }
    }
    let mut question = read(endpoint, request)?;
    cap::hold(store, endpoint, &mut question)?;
    let mut found = store.page(endpoint.stream(), &question);
    let more = endpoint.paging.has_pages() && found.len() > question.take && !question.last;
    found.truncate(question.take);
    let last = found.last().map(|(place, _)| *place);
    let records: Vec<Json> = found.into_iter().map(|(_, record)| record).collect();
    let mut body = json!({});
    match (records.is_empty(), endpoint.items_missing_when_empty, endpoint.items_null_when_empty) {
        (true, true, _) => {}
        (true, false, true) => put(&mut body, &endpoint.items, Json::Null),
        _ => put(&mut body, &endpoint.items, Json::Array(records)),
    }
    if let Some(total) = &endpoint.total {
        put(&mut body, total, json!(store.count(endpoint.stream(), &question)));
    }
    let token = last.filter(|_| more).map(|(at, id)| if question.order == Order::Changed { format!("{at}-{id}") } else { id.to_string() });
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
fn read(endpoint: &Endpoint, request: &Request<'_>) -> Result<Question, Refused> {
    let mut question = Question { take: endpoint.default_page_size, ..Question::default() };
    if endpoint.direction.is_some() {
        question.order = Order::CreatedBackwards;
    }
    let mut lacking: Vec<&(String, String)> = endpoint.query.iter().collect();
    let mut begins = None;
    let mut pairs = request.in_path.clone();
    for (name, value) in request.asked.pairs() {
        let is = |parameter: &Option<String>| parameter.as_deref() == Some(name.as_str());
        let refused = |what: &str| Refused::value(format!("`{name}` must be {what}"));
        if is(&endpoint.page_size_parameter) {
            question.take = page_size(endpoint, &name, &value)?;
        } else if is(&endpoint.since) {
            let at: Timestamp = value.parse().map_err(|_| refused("an instant such as 2026-01-31T12:00:00Z"))?;
            question.since = Some(at.as_millisecond());
        } else if endpoint.sort.as_ref().is_some_and(|(parameter, _)| *parameter == name) {
            let by_time = endpoint.sort.as_ref().is_some_and(|(_, by_time)| *by_time == value);
            question.order = if by_time { Order::Changed } else { Order::Id };
        } else if endpoint.deleted.as_ref().is_some_and(|(parameter, deleted)| *parameter == name && *deleted == value) {
            question.deleted = true;
        } else if let Some([_, ascending, descending]) = endpoint.direction.as_ref().filter(|[parameter, ..]| *parameter == name) {
            let known = [(ascending, Order::Created), (descending, Order::CreatedBackwards)].into_iter().find(|(word, _)| **word == value);
            question.order = known.ok_or_else(|| refused(&format!("`{ascending}` or `{descending}`")))?.1;
        } else if endpoint.paging.parameter() == Some(name.as_str()) {
            begins = Some(value);
        } else if let Some(at) = lacking.iter().position(|(fixed, _)| *fixed == name) {
            let (_, expected) = lacking.remove(at);
            if *expected != value {
                return Err(refused(&format!("`{expected}`")));
            }
        } else if endpoint.filters.iter().any(|filter| filter.parameters.contains(&name)) {
            pairs.push((name, value));
        } else if request.allowed != Some(name.as_str()) && !endpoint.ignored.contains(&name) {
            // Vendors often pass over what they do not know; a misspelt parameter would then go unseen.
            return Err(Refused::new(400, Why::Parameter, format!("there is no parameter `{name}`")));
        }
    }
    if let Some((name, value)) = lacking.first() {
        return Err(Refused::new(400, Why::Missing, format!("`{name}` must be `{value}`")));
    }
    if let Some(begins) = begins {
        place(endpoint, &begins, &mut question).ok_or_else(|| Refused::value("this is no place where a page begins"))?;
    }
    if !endpoint.paging.has_pages() {
        question.take = usize::MAX - 1;
    }
    let parameters = Parameters::new(pairs, request.now);
    for filter in &endpoint.filters {
        question.keep.extend((filter.make)(&parameters)?);
    }
    Ok(question)
}

fn page_size(endpoint: &Endpoint, name: &str, value: &str) -> Result<usize, Refused> {
    let what = format!("`{name}` must be a number from 1 to {}", endpoint.maximum_page_size);
    let size: usize = value.parse().map_err(|_| Refused::value(what.clone()))?;
    if (1..=endpoint.maximum_page_size).contains(&size) { Ok(size) } else { Err(Refused::new(400, Why::Range, what)) }
}

/// Sets where the page begins; `None` for a text that says nothing of the kind.
fn place(endpoint: &Endpoint, begins: &str, question: &mut Question) -> Option<()> {
    match endpoint.paging {
        Paging::Offset { .. } => question.skip = begins.parse().ok()?,
        Paging::PageNumber { first, .. } => {
            let number: u64 = begins.parse().ok()?;
            question.skip = usize::try_from(number.checked_sub(first)?).ok()?.checked_mul(question.take)?;
        }
        _ if question.order == Order::Changed => {
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
