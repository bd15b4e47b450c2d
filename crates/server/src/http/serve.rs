//! Listening, and serving connections until the server is told to stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aqueduct_pipeline::control_store::Control;
use aqueduct_pipeline::schema::{Error, Result, codes};
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tracing::{debug, warn};

use super::{Settings, router};
use crate::metrics::Metrics;
use crate::overview::Overview;

/// Connections at once. Further ones wait in the system's queue.
const MOST_CONNECTIONS: usize = 128;
/// How long a caller may take to say what it wants; also how long a connection may lie idle.
const LONGEST_HEADERS: Duration = Duration::from_secs(15);
/// How long answers under way may take once the server is to stop.
const LAST_ANSWERS: Duration = Duration::from_secs(5);
/// How long to wait when no connection can be taken on, as when the process has no more files.
const PAUSE: Duration = Duration::from_millis(100);

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    router: Router,
    address: SocketAddr,
}

impl Server {
    /// Listens, and answers nobody yet.
    ///
    /// # Errors
    /// `AQ1001` for an address that others can reach without a token, and for one that cannot be had.
    pub async fn bind(settings: Settings, overview: Arc<dyn Overview>, control: Control, metrics: Arc<Metrics>) -> Result<Self> {
        settings.check()?;
        let cannot = |error: std::io::Error| {
            Error::new(codes::BAD_USAGE, format!("the server cannot listen on {} ({})", settings.address, error.kind()))
                .advise("Another server may have the port: choose another with --http ADDRESS, or `--http off` for none.")
        };
        let listener = TcpListener::bind(settings.address).await.map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        Ok(Self { listener, router: router(overview, control, metrics, settings), address })
    }

    /// Where it listens, with the port that it was given.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop` becomes true, then finishes the answers under way.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            let taken = tokio::select! {
                taken = self.next(&places) => taken,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            let Some((stream, place)) = taken else { break };
            let (router, stop) = (self.router.clone(), stop.clone());
            connections.spawn(async move {
                serve(stream, router, stop).await;
                drop(place);
            });
        }
        drop(self.listener);
        if tokio::time::timeout(LAST_ANSWERS, async { while connections.join_next().await.is_some() {} }).await.is_err() {
            warn!("{} HTTP connections are cut off", connections.len());
        }
    }

    /// The next connection, and its place among those at once.
    async fn next(&self, places: &Arc<Semaphore>) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
        let place = places.clone().acquire_owned().await.ok()?;
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => return Some((stream, place)),
                Err(error) => {
                    warn!("an HTTP connection could not be taken on ({})", error.kind());
                    pause().await;
                }
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the system is waited for, which no test's clock knows of")]
async fn pause() {
    tokio::time::sleep(PAUSE).await;
}

/// Serves one connection, and lets it finish the answer under way when the server is to stop.
async fn serve(stream: TcpStream, router: Router, mut stop: watch::Receiver<bool>) {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(LONGEST_HEADERS).max_headers(64).max_buf_size(32 * 1024);
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = async { drop(stop.wait_for(|stop| *stop).await) } => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!("an HTTP connection broke off: {error}");
    }
}
