//! A fresh control store for each test, opened as often as there are processes.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use aqueduct_control::Control;
use aqueduct_schema::{Secret, Timestamp};
use aqueduct_warehouse::private_server::PrivateServer;
use sqlx::{AssertSqlSafe, Connection};

pub(crate) const KEY: &str = "0123456789abcdef0123456789abcdef";

/// The one server of this test process; it stops when no test needs it.
static SERVER: Mutex<Weak<PrivateServer>> = Mutex::new(Weak::new());

fn server() -> Arc<PrivateServer> {
    let mut shared = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let server = Arc::new(PrivateServer::start().unwrap());
        *shared = Arc::downgrade(&server);
        server
    })
}

pub(crate) struct Store {
    pub(crate) url: Secret,
    _kept: Box<dyn std::any::Any + Send + Sync>,
}

impl Store {
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("new/control.db").display());
        Self { url: Secret::new(url), _kept: Box::new(folder) }
    }

    pub(crate) async fn postgres() -> Self {
        Self::postgres_in("").await
    }

    /// A database made with these words more.
    pub(crate) async fn postgres_in(more: &str) -> Self {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let server = tokio::task::spawn_blocking(server).await.unwrap();
        let name = format!("control_{}", COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        let mut connection = sqlx::PgConnection::connect(&server.url("postgres")).await.unwrap();
        sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name} {more}"))).execute(&mut connection).await.unwrap();
        Self { url: Secret::new(server.url(&name)), _kept: Box::new(server) }
    }

    /// Opens it as one more process.
    pub(crate) async fn open(&self) -> Control {
        Control::open(&self.url, Some(Secret::new(KEY))).await.unwrap()
    }

    /// Opens it at a fixed second.
    pub(crate) async fn at(&self, second: i64) -> Control {
        self.open().await.with_time(move || Timestamp::from_seconds(1_770_000_000 + second))
    }

    /// Everything that is stored, as text.
    pub(crate) async fn content(&self) -> String {
        match self.url.expose().strip_prefix("sqlite://") {
            Some(path) => {
                let mut connection = sqlx::SqliteConnection::connect(&format!("sqlite://{path}")).await.unwrap();
                let rows: Vec<String> =
                    sqlx::query_scalar("SELECT kind || key || content FROM control").fetch_all(&mut connection).await.unwrap();
                rows.concat()
            }
            None => {
                let mut connection = sqlx::PgConnection::connect(self.url.expose()).await.unwrap();
                let rows: Vec<String> =
                    sqlx::query_scalar("SELECT kind || key || content FROM aqueduct.control").fetch_all(&mut connection).await.unwrap();
                rows.concat()
            }
        }
    }
}
