//! A recording served again: the fixtures of a folder answer on localhost as the source did.
//!
//! A request is told by its method, path, query and body, in whatever order its parameters come. The same request gets its recorded
//! answers one after the other, and the last of them from then on. What was a secret when it was recorded is not compared. Where no
//! recorded request is the same, one that differs in nothing but instants serves, if there is just one: a connector may ask up to now.

mod asked;

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
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use self::asked::{Asked, same_but_for_instants};
use crate::server::accept;

/// What stands for the source's address in fixtures.
const SOURCE: &str = "https://source.invalid";
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
        let answering = Arc::clone(&served);
        let accepting = tokio::spawn(accept(listener, move |request| handle(Arc::clone(&answering), request)));
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
        let mut asked = Asked::new(&self.method, &self.path);
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
                let nearest = self.known.iter().min_by_key(|known| known.asked.distance(asked));
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
