//! Destinations as an outsider reads them: with `sqlite3` and `psql`, not with the code that wrote them.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aqueduct_warehouse::private_server::{PrivateServer, USER};
use serde_json::{Map, Value};

/// A row: its columns by name.
pub(crate) type Row = Map<String, Value>;
/// The rows of all tables: the source tables and the common ones by their names, Aqueduct's own with a leading underscore.
pub(crate) type Dump = BTreeMap<String, Vec<Row>>;

/// Where rows go.
#[derive(Clone)]
pub(crate) enum Database {
    Sqlite(PathBuf),
    Postgres { server: Arc<PrivateServer>, name: String, port: u16 },
}

/// The one database of a server that a trial has to itself.
const ONLY: &str = "postgres";
const MARK: &str = "~~table~~";

impl Database {
    /// A SQLite file that is not there yet.
    pub(crate) fn sqlite(folder: &Path, name: &str) -> Self {
        Self::Sqlite(folder.join(name))
    }

    /// A new database on a server.
    pub(crate) fn postgres(server: &Arc<PrivateServer>) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("trial_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        psql(server.port(), "postgres", &format!("CREATE DATABASE {name}"));
        Self::Postgres { server: server.clone(), name, port: server.port() }
    }

    /// The one database of a server that a trial has to itself.
    pub(crate) fn only(server: PrivateServer) -> Self {
        let port = server.port();
        Self::Postgres { server: Arc::new(server), name: ONLY.to_owned(), port }
    }

    /// The same database by way of another port, where a proxy listens.
    pub(crate) fn by_port(&self, port: u16) -> Self {
        match self {
            Self::Postgres { server, name, .. } => Self::Postgres { server: server.clone(), name: name.clone(), port },
            Self::Sqlite(_) => self.clone(),
        }
    }

    /// The address in a pipeline file.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite://{}", path.display()),
            Self::Postgres { name, port, .. } => format!("postgres://{USER}@127.0.0.1:{port}/{name}"),
        }
    }

    /// Whether it is a PostgreSQL database.
    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres { .. })
    }

    /// Runs statements. `_name` in SQLite is `aqueduct.name` in PostgreSQL, which the caller writes as `{own}name`.
    pub(crate) fn execute(&self, sql: &str) -> String {
        match self {
            Self::Sqlite(path) => sqlite(path, &sql.replace("{own}", "_")),
            Self::Postgres { server, name, .. } => psql(server.port(), name, &sql.replace("{own}", "aqueduct.")),
        }
    }

    /// Runs statements in a SQLite file that may be damaged.
    pub(crate) fn try_execute(&self, sql: &str) -> Result<String, String> {
        let Self::Sqlite(path) = self else { return Err("not a file".to_owned()) };
        let output = Command::new("sqlite3").arg("-bail").arg("-batch").arg(path).arg(sql).output().map_err(|error| error.to_string())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    /// A client that takes statements from its standard input and writes rows with a bar between their values.
    pub(crate) fn client(&self) -> Command {
        match self {
            Self::Sqlite(path) => {
                let mut command = Command::new("sqlite3");
                command.arg("-batch").arg(path);
                command
            }
            Self::Postgres { server, name, .. } => psql_client(server.port(), name),
        }
    }

    /// All rows of all tables.
    pub(crate) fn dump(&self) -> Dump {
        match self {
            Self::Sqlite(path) => dump_sqlite(path),
            Self::Postgres { server, name, .. } => dump_postgres(server.port(), name),
        }
    }

    /// Removes what a trial has made. A server of the trial's own goes as a whole.
    pub(crate) fn remove(&self) {
        if let Self::Postgres { server, name, .. } = self
            && name != ONLY
        {
            psql(server.port(), "postgres", &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }
}

fn fed(command: &mut Command, input: &str) -> String {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the client starts");
    let mut stdin = child.stdin.take().expect("the client reads");
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("the client ends");
    let _ = writer.join();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).expect("the client writes UTF-8")
}

fn sqlite(path: &Path, sql: &str) -> String {
    // Another process may be writing.
    fed(Command::new("sqlite3").arg("-bail").arg("-batch").arg(path), &format!(".timeout 60000\n{sql}\n"))
}

fn psql(port: u16, database: &str, sql: &str) -> String {
    fed(psql_client(port, database).args(["-v", "ON_ERROR_STOP=1"]), sql)
}

fn psql_client(port: u16, database: &str) -> Command {
    let mut command = Command::new("psql");
    command.args(["-X", "-q", "-A", "-t", "-h", "127.0.0.1", "-p", &port.to_string(), "-U", USER, "-d", database]);
    command
}

fn dump_sqlite(path: &Path) -> Dump {
    if !path.exists() {
        return Dump::new();
    }
    let tables = sqlite(path, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%';");
    let mut script = ".mode json\nBEGIN;\n".to_owned();
    for table in tables.lines() {
        script.push_str(&format!(".print {MARK} {table}\nSELECT * FROM \"{table}\";\n"));
    }
    script.push_str("COMMIT;");
    parts(&sqlite(path, &script), |text| serde_json::from_str(text).expect("sqlite3 writes JSON"))
}

fn dump_postgres(port: u16, database: &str) -> Dump {
    let list = "SELECT table_schema, table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE' \
                AND table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2;";
    let mut script = "BEGIN ISOLATION LEVEL REPEATABLE READ;\n".to_owned();
    for line in psql(port, database, list).lines() {
        let Some((schema, table)) = line.split_once('|') else { continue };
        let name = match schema {
            "aqueduct" => format!("_{table}"),
            "crm" => table.to_owned(),
            source => format!("{source}_{table}"),
        };
        script.push_str(&format!("\\echo {MARK} {name}\nSELECT row_to_json(t) FROM \"{schema}\".\"{table}\" t;\n"));
    }
    script.push_str("COMMIT;");
    parts(&psql(port, database, &script), |text| {
        text.lines().map(|line| serde_json::from_str(line).expect("PostgreSQL writes JSON")).collect()
    })
}

fn parts(text: &str, rows: impl Fn(&str) -> Vec<Row>) -> Dump {
    let mut dump = Dump::new();
    for part in text.split(MARK).skip(1) {
        let (name, body) = part.split_once('\n').unwrap_or((part, ""));
        let body = body.trim();
        dump.insert(name.trim().to_owned(), if body.is_empty() { Vec::new() } else { rows(body) });
    }
    dump
}
