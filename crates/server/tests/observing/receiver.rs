//! A program that takes webhooks and remembers them.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use bytes::Bytes;

/// What came.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Received {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// A receiver that answers with these statuses, the last one for ever.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
}

#[derive(Clone)]
struct Inside {
    received: Arc<Mutex<Vec<Received>>>,
    answers: Arc<Vec<(u16, &'static str)>>,
}

impl Receiver {
    pub(crate) async fn start(answers: &[(u16, &'static str)]) -> Self {
        let received: Arc<Mutex<Vec<Received>>> = Arc::default();
        let inside = Inside { received: received.clone(), answers: Arc::new(answers.to_vec()) };
        let router = Router::new().route("/{*path}", post(take)).with_state(inside);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, received }
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

async fn take(State(inside): State<Inside>, headers: HeaderMap, body: Bytes) -> (StatusCode, [(&'static str, String); 1], &'static str) {
    let mut received = inside.received.lock().unwrap();
    let (status, words) = inside.answers[received.len().min(inside.answers.len() - 1)];
    received.push(Received { headers, body });
    // Whoever follows a redirect would send what is signed to somebody else.
    (StatusCode::from_u16(status).unwrap(), [("location", "http://127.0.0.1:1/elsewhere".to_owned())], words)
}
