//! A fresh destination for each test, and a second way into it by plain SQL.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};

use aqueduct_schema::{Batch, Protected, Result, Secret, Timestamp};
use aqueduct_warehouse::private_server::PrivateServer;
use aqueduct_warehouse::{Fence, LoadInto, Receipt, RunRecord, RunStart, RunStatus, Turn, Warehouse};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

/// A destination under test.
pub(crate) struct Destination {
    pub(crate) url: Secret,
    pub(crate) warehouse: Arc<dyn Warehouse>,
    place: Place,
    loads: AtomicUsize,
}

enum Place {
    Sqlite(tempfile::TempDir),
    Postgres(#[allow(dead_code, reason = "kept running")] Arc<PrivateServer>),
}

/// The one server of this test process; it stops when no test needs it.
static SERVER: Mutex<Weak<PrivateServer>> = Mutex::new(Weak::new());

pub(crate) fn server() -> Arc<PrivateServer> {
    let mut shared = SERVER.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let server = Arc::new(PrivateServer::start().unwrap());
        *shared = Arc::downgrade(&server);
        server
    })
}

impl Destination {
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = Secret::new(format!("sqlite://{}", folder.path().join("warehouse.db").display()));
        Self { warehouse: aqueduct_warehouse::open(&url).await.unwrap(), url, place: Place::Sqlite(folder), loads: AtomicUsize::new(0) }
    }

    pub(crate) async fn postgres() -> Self {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let server = tokio::task::spawn_blocking(server).await.unwrap();
        let name = format!("test_{}", COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        let mut connection = sqlx::PgConnection::connect(&server.url("postgres")).await.unwrap();
        sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await.unwrap();
        let url = Secret::new(server.url(&name));
        Self { warehouse: aqueduct_warehouse::open(&url).await.unwrap(), url, place: Place::Postgres(server), loads: AtomicUsize::new(0) }
    }

    /// Another one of the same kind.
    pub(crate) async fn fresh(&self) -> Self {
        if self.is_sqlite() { Self::sqlite().await } else { Self::postgres().await }
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        matches!(self.place, Place::Sqlite(_))
    }

    /// Opens the same destination once more, as another process would.
    pub(crate) async fn again(&self) -> Arc<dyn Warehouse> {
        aqueduct_warehouse::open(&self.url).await.unwrap()
    }

    /// Runs SQL over a connection of its own; names stand as `{contact}`, `{people}` and `{_loads}` and so on. Every value as text.
    pub(crate) async fn ask(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        let mut sql = sql.replace("{contact}", if self.is_sqlite() { "contact" } else { "crm.contact" });
        sql = sql.replace("{people}", if self.is_sqlite() { "shop_people" } else { "shop.people" });
        for own in [
            "cleaning",
            "cleaning_fields",
            "schemas",
            "schema_changes",
            "settled",
            "loads",
            "state",
            "fence",
            "quarantine",
            "runs",
            "seen",
            "shadows",
            "deletions",
            "differences",
            "reconciliation",
            "merges",
            "redirects",
            "backfills",
            "backfill_windows",
        ] {
            sql = sql.replace(&format!("{{_{own}}}"), &if self.is_sqlite() { format!("_{own}") } else { format!("aqueduct.{own}") });
        }
        match &self.place {
            Place::Sqlite(folder) => {
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.path().join("warehouse.db"));
                let mut connection = options.connect().await.unwrap();
                rows(sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut connection).await.unwrap())
            }
            Place::Postgres(_) => {
                let mut connection = sqlx::PgConnection::connect(self.url.expose()).await.unwrap();
                // The simple protocol gives every value in its text form.
                rows(sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut connection).await.unwrap())
            }
        }
    }

    /// The only row and column of an answer.
    pub(crate) async fn one(&self, sql: &str) -> String {
        let rows = self.ask(sql).await;
        assert_eq!((rows.len(), rows.first().map(Vec::len)), (1, Some(1)), "{sql}");
        rows[0][0].clone().unwrap_or_else(|| "NULL".to_owned())
    }

    /// A run of the pipeline `shop`.
    pub(crate) async fn begin(&self, run_id: &str) -> Fence {
        self.begin_with(run_id, false).await
    }

    pub(crate) async fn begin_with(&self, run_id: &str, allow_mass_delete: bool) -> Fence {
        let started_at = Timestamp::from_seconds(1_770_000_000);
        self.warehouse.begin_run(RunStart { pipeline: "shop".into(), run_id: run_id.into(), started_at, allow_mass_delete }).await.unwrap()
    }

    /// Loads batches; every second time they wait for their turn, which comes at once.
    pub(crate) async fn load(&self, fence: &Fence, batches: Vec<Batch<Protected>>) -> Result<Receipt> {
        if self.loads.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) {
            return self.warehouse.load(fence, batches).await;
        }
        self.warehouse.load_in_turn(fence, LoadInto::Live, batches, Turn::when(async { Ok(()) })).await
    }

    /// Ends a run that went well.
    pub(crate) async fn end(&self, fence: &Fence) {
        let start = RunStart {
            pipeline: Arc::clone(&fence.pipeline),
            run_id: Arc::clone(&fence.run_id),
            started_at: Timestamp::from_seconds(1),
            allow_mass_delete: false,
        };
        let record = RunRecord { status: RunStatus::Ok, ..RunRecord::begun(&start) };
        self.warehouse.end_run(fence, &record).await.unwrap();
    }
}

/// Rows as text, of either database.
fn rows<R: sqlx::Row>(rows: Vec<R>) -> Vec<Vec<Option<String>>>
where
    usize: sqlx::ColumnIndex<R>,
    for<'r> Option<String>: sqlx::Decode<'r, R::Database>,
{
    rows.iter().map(|row| (0..row.len()).map(|index| row.try_get_unchecked(index).unwrap()).collect()).collect()
}

/// Cells of an answer, for comparing: `NULL` for null.
pub(crate) fn flat(rows: Vec<Vec<Option<String>>>) -> Vec<String> {
    rows.into_iter().flatten().map(|cell| cell.unwrap_or_else(|| "NULL".to_owned())).collect()
}
