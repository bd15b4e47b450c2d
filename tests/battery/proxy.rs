//! A proxy for TCP on this machine that harms the connections through it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::world::pause;

/// What happens to a connection.
#[derive(Clone, Debug)]
pub(crate) enum Toxic {
    /// Every piece of an answer comes later.
    Latency { each: Duration },
    /// The connection ends, as if in order, after so many bytes of answers.
    LimitData { bytes: u64 },
    /// The connection is reset after so many bytes of answers.
    Reset { after: u64 },
    /// Nothing more comes after so many bytes of answers, and the connection stays open.
    Timeout { after: u64 },
    /// Answers come in pieces of so many bytes.
    Slicer { bytes: u64 },
    /// The client's COMMIT does not arrive: the connection ends instead.
    CutBeforeCommit { number: u64 },
    /// The client's COMMIT arrives, and its answer does not.
    CutAfterCommit { number: u64 },
}

/// A running proxy; it ends when it is dropped.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    accepting: JoinHandle<()>,
    hits: Arc<AtomicU64>,
}

struct Harm {
    toxic: Toxic,
    /// How many connections are still to be harmed.
    left: AtomicU64,
    commits: AtomicU64,
    hits: Arc<AtomicU64>,
}

impl Proxy {
    /// Listens on a free port, passes on to `target`, and harms so many connections.
    pub(crate) async fn start(target: SocketAddr, toxic: Toxic, connections: u64) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("the proxy's address");
        let hits = Arc::new(AtomicU64::new(0));
        let harm = Arc::new(Harm { toxic, left: AtomicU64::new(connections), commits: AtomicU64::new(0), hits: hits.clone() });
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let harm = harm.clone();
                tokio::spawn(async move {
                    if let Ok(server) = TcpStream::connect(target).await {
                        let _ = client.set_nodelay(true);
                        let _ = server.set_nodelay(true);
                        pass(client, server, &harm).await;
                    }
                });
            }
        });
        Self { address, accepting, hits }
    }

    /// How many connections were harmed.
    pub(crate) fn hits(&self) -> u64 {
        self.hits.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Harm {
    /// Takes one of the harms that are left.
    fn take(&self) -> bool {
        let taken = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        if taken {
            self.hits.fetch_add(1, Ordering::SeqCst);
        }
        taken
    }

    /// Whether these bytes from the client hold the COMMIT that is to be harmed.
    fn is_the_commit(&self, bytes: &[u8]) -> bool {
        let number = match self.toxic {
            Toxic::CutBeforeCommit { number } | Toxic::CutAfterCommit { number } => number,
            _ => return false,
        };
        // A simple query is `Q`, four bytes of length, the text and a zero.
        bytes.windows(6).any(|window| window == b"COMMIT") && self.commits.fetch_add(1, Ordering::SeqCst) + 1 == number
    }
}

/// Carries bytes both ways until one side ends or the harm is done.
async fn pass(mut client: TcpStream, mut server: TcpStream, harm: &Harm) {
    let (mut asked, mut answered) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    let mut bytes = 0;
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(read @ 1..) = read else { return };
                if harm.is_the_commit(&asked[..read]) && harm.take() {
                    if matches!(harm.toxic, Toxic::CutAfterCommit { .. }) {
                        let _ = server.write_all(&asked[..read]).await;
                        // The answer shows that the commit is done; it goes no further.
                        let _ = server.read(&mut answered).await;
                    }
                    return;
                }
                if server.write_all(&asked[..read]).await.is_err() { return }
            }
            read = server.read(&mut answered) => {
                let Ok(read @ 1..) = read else { return };
                bytes += read as u64;
                if !answer(&mut client, &answered[..read], bytes, harm).await { return }
            }
        }
    }
}

/// Passes on a piece of an answer; false when the connection is over.
async fn answer(client: &mut TcpStream, piece: &[u8], total: u64, harm: &Harm) -> bool {
    match harm.toxic {
        Toxic::Latency { each } => {
            harm.hits.fetch_add(1, Ordering::SeqCst);
            pause(each).await;
        }
        Toxic::LimitData { bytes: limit } | Toxic::Reset { after: limit } | Toxic::Timeout { after: limit }
            if total > limit && harm.take() =>
        {
            let kept = piece.len().saturating_sub((total - limit) as usize);
            let _ = client.write_all(&piece[..kept]).await;
            match harm.toxic {
                // Lingering for no time makes the end a reset.
                Toxic::Reset { .. } => {
                    let _ = client.set_zero_linger();
                }
                Toxic::Timeout { .. } => pause(Duration::from_secs(30)).await,
                _ => {}
            }
            return false;
        }
        Toxic::Slicer { bytes } => {
            harm.hits.fetch_add(1, Ordering::SeqCst);
            for slice in piece.chunks(bytes.max(1) as usize) {
                if client.write_all(slice).await.is_err() {
                    return false;
                }
                tokio::task::yield_now().await;
            }
            return true;
        }
        _ => {}
    }
    client.write_all(piece).await.is_ok()
}
