//! A recording served again: the fixtures of a folder answer on localhost as the source did.
//!
//! A request is told by its method, path, query and body, in whatever order its parameters come. The same request gets its recorded
//! answers one after the other, and the last of them from then on. What was a secret when it was recorded is not compared. Where no
//! recorded request is the same, one that differs in nothing but instants serves, if there is just one: a connector may ask up to now.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

/// What stands for the source's address in fixtures.
const SOURCE: &str = "https://source.invalid";
/// What stands for secrets in fixtures.
const SCRUBBED: &str = "scrubbed";
/// Bodies above this are refused with 413.
const MAX_REQUEST_BODY: usize = 16 << 20;

#[derive(Deserialize)]
struct Index {
    format: u32,
    #[serde(default)]
    connector: String,
    #[serde(default)]
    config: BTreeMap<String, Value>,
    exchanges: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    file: PathBuf,
}

#[derive(Deserialize)]
struct Fixture {
    request: Recorded,
    answer: Answer,
}

#[derive(Deserialize)]
struct Recorded {
    method: String,
    path: String,
    #[serde(default)]
    query: Vec<(String, String)>,
    body: Option<Body>,
}

#[derive(Deserialize)]
struct Answer {
    status: u16,
    #[serde(default)]
    headers: Vec<(String, String)>,
    body: Option<Body>,
}

/// A body in one of its forms.
#[derive(Deserialize)]
struct Body {
    json: Option<Box<RawValue>>,
    json_lines: Option<Vec<Box<RawValue>>>,
    form: Option<Vec<(String, String)>>,
    text: Option<Vec<String>>,
}

/// A request as it is compared: values by the name of their parameter, sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Asked {
    method: String,
    path: String,
    parameters: BTreeMap<String, Vec<String>>,
}

/// A recorded request with its answers in order.
struct Known {
    asked: Asked,
    answers: Vec<Answer>,
    given: AtomicUsize,
}

struct Served {
    known: Vec<Known>,
    misses: Mutex<Vec<String>>,
}

/// A running replay. It ends when it is dropped.
pub struct Replay {
    address: SocketAddr,
    accepting: JoinHandle<()>,
    served: Arc<Served>,
    connector: String,
    config: BTreeMap<String, Value>,
}

impl std::fmt::Debug for Replay {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "replay of {} requests on {}", self.served.known.len(), self.address)
    }
}

impl Replay {
    /// Serves a recording on a free port.
    ///
    /// # Errors
    /// The folder has no recording, a fixture of it cannot be read, or no port is free.
    pub async fn start(folder: impl AsRef<Path>) -> io::Result<Self> {
        Self::start_on(folder, 0).await
    }

    /// Serves a recording on a port of localhost; 0 takes a free one.
    ///
    /// # Errors
    /// As [`Replay::start`].
    pub async fn start_on(folder: impl AsRef<Path>, port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let (index, known) = load(folder.as_ref(), &format!("http://{address}"))?;
        let served = Arc::new(Served { known, misses: Mutex::default() });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&served)));
        Ok(Self { address, accepting, served, connector: index.connector, config: index.config })
    }

    /// The address that takes the place of the source's, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The connector that was recorded.
    #[must_use]
    pub fn connector(&self) -> &str {
        &self.connector
    }

    /// The config with which to read this replay: as recorded, without secrets, with this address.
    #[must_use]
    pub fn config(&self) -> Value {
        let mut config = self.config.clone();
        config.insert("base_url".to_owned(), self.base_url().into());
        config.into_iter().collect()
    }

    /// The requests that were not recorded, with what is nearest to each, oldest first.
    #[must_use]
    pub fn misses(&self) -> Vec<String> {
        self.served.misses.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many recorded requests nobody has asked yet.
    #[must_use]
    pub fn unasked(&self) -> usize {
        self.served.known.iter().filter(|known| known.given.load(Ordering::Relaxed) == 0).count()
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn invalid(path: &Path, error: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("`{}` is no part of a recording: {error}", path.display()))
}

fn load(folder: &Path, base_url: &str) -> io::Result<(Index, Vec<Known>)> {
    let path = folder.join("index.json");
    let text = std::fs::read_to_string(&path)
        .map_err(|error| io::Error::new(error.kind(), format!("`{}` cannot be read ({})", path.display(), error.kind())))?;
    let index: Index = serde_json::from_str(&text).map_err(|error| invalid(&path, error))?;
    if index.format != 1 {
        return Err(invalid(&path, format!("format {} is not known", index.format)));
    }
    let mut known: Vec<Known> = Vec::new();
    for entry in &index.exchanges {
        let path = folder.join(&entry.file);
        if entry.file.components().count() != 1 {
            return Err(invalid(&path, "fixtures lie in the folder itself"));
        }
        let text = std::fs::read_to_string(&path)
            .map_err(|error| io::Error::new(error.kind(), format!("`{}` cannot be read ({})", path.display(), error.kind())))?;
        let fixture: Fixture = serde_json::from_str(&text.replace(SOURCE, base_url)).map_err(|error| invalid(&path, error))?;
        let asked = fixture.request.asked().map_err(|error| invalid(&path, error))?;
        match known.iter_mut().find(|known| known.asked == asked) {
            Some(known) => known.answers.push(fixture.answer),
            None => known.push(Known { asked, answers: vec![fixture.answer], given: AtomicUsize::new(0) }),
        }
    }
    Ok((index, known))
}

impl Recorded {
    fn asked(self) -> Result<Asked, serde_json::Error> {
        let mut asked = Asked { method: self.method, path: self.path, parameters: BTreeMap::new() };
        asked.add_pairs("", self.query);
        if let Some(body) = self.body {
            asked.add_pairs("body ", body.form.unwrap_or_default());
            if let Some(json) = body.json {
                asked.add_json("body", &serde_json::from_str(json.get())?);
            }
            for (index, line) in body.json_lines.unwrap_or_default().iter().enumerate() {
                asked.add_json(&format!("body.{index}"), &serde_json::from_str(line.get())?);
            }
            if let Some(lines) = body.text {
                asked.add("body".to_owned(), lines.join("\n"));
            }
        }
        Ok(asked.sorted())
    }
}

impl Asked {
    fn of(parts: &hyper::http::request::Parts, body: &[u8]) -> Self {
        let mut asked = Self { method: parts.method.as_str().to_owned(), path: parts.uri.path().to_owned(), parameters: BTreeMap::new() };
        let pairs = |bytes: &[u8]| url::form_urlencoded::parse(bytes).into_owned().collect::<Vec<_>>();
        asked.add_pairs("", pairs(parts.uri.query().unwrap_or_default().as_bytes()));
        let kind = parts.headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if kind.contains("form-urlencoded") {
            asked.add_pairs("body ", pairs(body));
        } else if let Ok(json) = serde_json::from_slice(body) {
            asked.add_json("body", &json);
        } else if let Some(lines) = json_lines(body) {
            lines.iter().enumerate().for_each(|(index, line)| asked.add_json(&format!("body.{index}"), line));
        } else if !body.is_empty() {
            asked.add("body".to_owned(), String::from_utf8_lossy(body).into_owned());
        }
        asked.sorted()
    }

    fn add(&mut self, name: String, value: String) {
        self.parameters.entry(name).or_default().push(value);
    }

    fn add_pairs(&mut self, before: &str, pairs: Vec<(String, String)>) {
        for (name, value) in pairs {
            self.add(format!("{before}{name}"), value);
        }
    }

    fn add_json(&mut self, place: &str, value: &Value) {
        match value {
            Value::Object(entries) if !entries.is_empty() => {
                entries.iter().for_each(|(key, value)| self.add_json(&format!("{place}.{key}"), value));
            }
            Value::Array(items) if !items.is_empty() => {
                items.iter().enumerate().for_each(|(index, value)| self.add_json(&format!("{place}.{index}"), value));
            }
            Value::String(text) => self.add(place.to_owned(), text.clone()),
            other => self.add(place.to_owned(), other.to_string()),
        }
    }

    fn sorted(mut self) -> Self {
        self.parameters.values_mut().for_each(|values| values.sort_unstable());
        self
    }

    /// In what a request differs from this recorded one, in words.
    fn differences(&self, asked: &Self, same: impl Fn(&str, &str) -> bool) -> Vec<String> {
        let none = Vec::new();
        let names: std::collections::BTreeSet<&String> = self.parameters.keys().chain(asked.parameters.keys()).collect();
        let mut differences = Vec::new();
        for name in names {
            let recorded = self.parameters.get(name).unwrap_or(&none);
            let mut left: Vec<&String> = asked.parameters.get(name).unwrap_or(&none).iter().collect();
            let mut missed = Vec::new();
            // What is equal first, so that a secret takes what nothing else takes.
            for value in recorded {
                match left.iter().position(|other| *other == value || same(value, other)) {
                    Some(at) => drop(left.remove(at)),
                    None => missed.push(value),
                }
            }
            missed.retain(|value| !(*value == SCRUBBED && left.pop().is_some()));
            let list = |values: &[&String]| values.iter().map(|value| format!("`{}`", shorten(value))).collect::<Vec<_>>().join(", ");
            match (missed.is_empty(), left.is_empty()) {
                (true, true) => {}
                (false, false) => differences.push(format!("`{name}` is {}, recorded was {}", list(&left), list(&missed))),
                (false, true) => differences.push(format!("`{name}` is missing, recorded was {}", list(&missed))),
                (true, false) => differences.push(format!("`{name}` is {}, recorded was none", list(&left))),
            }
        }
        differences
    }
}

fn json_lines(body: &[u8]) -> Option<Vec<Value>> {
    let text = std::str::from_utf8(body).ok()?.trim();
    if text.is_empty() { None } else { text.lines().map(|line| serde_json::from_str(line).ok()).collect() }
}

fn shorten(value: &str) -> String {
    if value.chars().count() <= 80 { value.to_owned() } else { value.chars().take(79).chain(['…']).collect() }
}

impl Served {
    /// The answer to a request, or what to say of one that was not recorded.
    fn answer(&self, asked: &Asked) -> Result<&Answer, String> {
        let here = || self.known.iter().filter(|known| known.asked.method == asked.method && known.asked.path == asked.path);
        let exact = here().find(|known| known.asked.differences(asked, |_, _| false).is_empty());
        let known = exact.or_else(|| {
            let mut near = here().filter(|known| known.asked.differences(asked, same_but_for_instants).is_empty());
            near.next().filter(|_| near.next().is_none())
        });
        let Some(known) = known else { return Err(self.miss(asked)) };
        let given = known.given.fetch_add(1, Ordering::Relaxed);
        known.answers.get(given).or(known.answers.last()).ok_or_else(|| self.miss(asked))
    }

    fn miss(&self, asked: &Asked) -> String {
        let request = format!("{} {}", asked.method, asked.path);
        let here = self.known.iter().filter(|known| known.asked.method == asked.method && known.asked.path == asked.path);
        let nearest = here.map(|known| known.asked.differences(asked, |_, _| false)).min_by_key(Vec::len);
        let words = match nearest {
            Some(differences) => format!("{request} was recorded with other parameters; nearest: {}", differences.join("; ")),
            None => {
                let nearest = self.known.iter().min_by_key(|known| distance(&known.asked, asked));
                let nearest = nearest
                    .map_or_else(|| "nothing was".to_owned(), |known| format!("nearest is {} {}", known.asked.method, known.asked.path));
                format!("{request} was not recorded; {nearest}")
            }
        };
        let mut misses = self.misses.lock().unwrap_or_else(PoisonError::into_inner);
        if !misses.contains(&words) {
            misses.push(words.clone());
        }
        words
    }
}

/// How far two requests are apart: parts of their paths that differ, and the method.
fn distance(one: &Asked, other: &Asked) -> usize {
    let (mine, theirs): (Vec<&str>, Vec<&str>) = (one.path.split('/').collect(), other.path.split('/').collect());
    let common = mine.iter().zip(&theirs).filter(|(one, other)| one == other).count();
    2 * (mine.len().max(theirs.len()) - common) + usize::from(one.method != other.method)
}

/// Whether two values are the same once every instant in them is taken for any other.
fn same_but_for_instants(one: &str, other: &str) -> bool {
    let (mine, my_instants) = without_instants(one);
    let (theirs, their_instants) = without_instants(other);
    my_instants > 0 && my_instants == their_instants && mine == theirs
}

/// A text without its instants (RFC 3339, or milliseconds since 1970 as the whole text) and how many there were.
fn without_instants(text: &str) -> (String, usize) {
    const FORM: &[u8] = b"0000-00-00T00:00:00";
    if text.len() == 13 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return (String::new(), 1);
    }
    let (mut out, mut found, mut rest) = (String::new(), 0, text);
    while let Some(letter) = rest.chars().next() {
        let fits = |(byte, form): (u8, &u8)| if *form == b'0' { byte.is_ascii_digit() } else { byte == *form };
        if rest.len() >= FORM.len() && rest.bytes().zip(FORM).all(fits) {
            let end = rest[FORM.len()..].find(|other: char| !other.is_ascii_digit() && !".:+Z".contains(other));
            rest = &rest[end.map_or(rest.len(), |end| end + FORM.len())..];
            out.push('\u{0}');
            found += 1;
        } else {
            out.push(letter);
            rest = &rest[letter.len_utf8()..];
        }
    }
    (out, found)
}

impl Body {
    fn bytes(&self) -> Bytes {
        if let Some(json) = &self.json {
            return Bytes::copy_from_slice(json.get().as_bytes());
        }
        if let Some(lines) = &self.json_lines {
            // A line must be one: the fixture is indented.
            let line = |raw: &RawValue| serde_json::from_str::<Value>(raw.get()).map(|value| value.to_string()).unwrap_or_default();
            return lines.iter().map(|raw| line(raw) + "\n").collect::<String>().into();
        }
        if let Some(pairs) = &self.form {
            return url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish().into();
        }
        self.text.as_ref().map(|lines| lines.join("\n")).unwrap_or_default().into()
    }
}

async fn accept(listener: TcpListener, served: Arc<Served>) {
    // Dropping the set ends its connections.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            tokio::task::yield_now().await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let served = Arc::clone(&served);
        connections.spawn(async move {
            let service = hyper::service::service_fn(move |request| handle(Arc::clone(&served), request));
            // A connection that ends in an error is the client's business.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn handle(served: Arc<Served>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MAX_REQUEST_BODY).collect().await else {
        return Ok(reply(413, Bytes::new(), &[]));
    };
    Ok(match served.answer(&Asked::of(&parts, &body.to_bytes())) {
        Ok(answer) => reply(answer.status, answer.body.as_ref().map(Body::bytes).unwrap_or_default(), &answer.headers),
        Err(words) => {
            let body = serde_json::json!({"status": "error", "category": "NOT_RECORDED", "message": words}).to_string();
            reply(404, body.into(), &[("content-type".to_owned(), "application/json".to_owned())])
        }
    })
}

fn reply(status: u16, body: Bytes, headers: &[(String, String)]) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name.as_str()), HeaderValue::try_from(value.as_str())) {
            response.headers_mut().append(name, value);
        }
    }
    response
}
