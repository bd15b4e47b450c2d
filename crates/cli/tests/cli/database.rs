//! A warehouse seen from outside: read with the programs `sqlite3` and `psql`, as another program would.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use aqueduct_warehouse::private_server::PrivateServer;

use crate::project::Project;

/// Where a test's rows go.
pub(crate) enum Database {
    Sqlite(PathBuf),
    Postgres(String),
}

/// The one server of this test process. It ends when the process does.
fn server() -> &'static PrivateServer {
    static SERVER: OnceLock<PrivateServer> = OnceLock::new();
    SERVER.get_or_init(|| PrivateServer::start().unwrap())
}

impl Database {
    pub(crate) fn sqlite(project: &Project) -> Self {
        Self::Sqlite(project.path("warehouse.db"))
    }

    /// A new database on the private server.
    pub(crate) fn postgres() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        Self::Postgres(server().url("postgres")).ask(&format!("CREATE DATABASE {name}"));
        Self::Postgres(server().url(&name))
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite(file) => format!("sqlite://{}", file.display()),
            Self::Postgres(url) => url.clone(),
        }
    }

    /// Runs SQL with the database's own program; every cell as text, null as `NULL`.
    #[track_caller]
    pub(crate) fn ask(&self, sql: &str) -> Vec<Vec<String>> {
        self.try_ask(sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// As [`Database::ask`]; what the program complains of is the error.
    pub(crate) fn try_ask(&self, sql: &str) -> Result<Vec<Vec<String>>, String> {
        // Separators that no value of these tests contains.
        let (program, package, mut command) = match self {
            Self::Sqlite(file) if !file.exists() => return Err("there is no file yet".to_owned()),
            Self::Sqlite(file) => {
                let mut command = Command::new("sqlite3");
                command.args(["-batch", "-cmd", ".timeout 10000", "-list", "-noheader", "-nullvalue", "NULL"]);
                command.args(["-separator", "\x1f", "-newline", "\x1e"]).arg(file).arg(sql);
                ("sqlite3", "sqlite3", command)
            }
            Self::Postgres(url) => {
                let mut command = Command::new("psql");
                command.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-P", "null=NULL", "-F", "\x1f", "-R", "\x1e"]).args(["-c", sql]).arg(url);
                ("psql", "postgresql-client", command)
            }
        };
        let output = command.output().unwrap_or_else(|error| match error.kind() {
            ErrorKind::NotFound => panic!("this test reads the tables with `{program}`, which is not installed (Debian: {package})"),
            _ => panic!("{program}: {error}"),
        });
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        let text = String::from_utf8(output.stdout).unwrap();
        let text = text.strip_suffix(['\x1e', '\n']).unwrap_or(&text);
        let rows = text.split('\x1e').filter(|row| !row.is_empty());
        Ok(rows.map(|row| row.split('\x1f').map(str::to_owned).collect()).collect())
    }

    /// The only cell of an answer.
    #[track_caller]
    pub(crate) fn one(&self, sql: &str) -> String {
        let rows = self.ask(sql);
        assert_eq!((rows.len(), rows.first().map(Vec::len)), (1, Some(1)), "{sql}: {rows:?}");
        rows[0][0].clone()
    }

    /// The number of rows of a table, named as in SQLite, for which a condition holds.
    #[track_caller]
    pub(crate) fn count(&self, table: &str, condition: &str) -> usize {
        self.one(&format!("SELECT count(*) FROM {} WHERE {condition}", self.table(table))).parse().unwrap()
    }

    /// The first column of an answer.
    #[track_caller]
    pub(crate) fn list(&self, sql: &str) -> Vec<String> {
        self.ask(sql).into_iter().map(|mut row| row.remove(0)).collect()
    }

    /// A table by the name it has in SQLite, as this database calls it.
    pub(crate) fn table(&self, name: &str) -> String {
        match self {
            Self::Sqlite(_) => format!("\"{name}\""),
            Self::Postgres(_) => match (name.strip_prefix('_'), name.split_once('_')) {
                (Some(own), _) => format!("aqueduct.\"{own}\""),
                (None, Some((system @ ("hubspot" | "files" | "salesforce" | "brevo"), rest))) => format!("{system}.\"{rest}\""),
                _ => format!("crm.\"{name}\""),
            },
        }
    }

    /// The tables of rows, Aqueduct's own left out, by the names they have in SQLite.
    pub(crate) fn tables(&self) -> Vec<String> {
        self.list(match self {
            Self::Sqlite(_) => "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB '_*' ORDER BY name",
            Self::Postgres(_) => {
                "SELECT CASE table_schema WHEN 'crm' THEN '' ELSE table_schema || '_' END || table_name FROM information_schema.tables
                 WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('aqueduct', 'pg_catalog', 'information_schema') ORDER BY 1"
            }
        })
    }

    /// Every row of every table by its key, with every column but those that `without` names.
    pub(crate) fn content(&self, without: &[&str]) -> Content {
        self.tables().into_iter().map(|table| (table.clone(), self.rows(&table, without))).collect()
    }

    fn rows(&self, table: &str, without: &[&str]) -> BTreeMap<String, String> {
        let columns = self.list(&match self {
            Self::Sqlite(_) => format!("SELECT name FROM pragma_table_info('{table}')"),
            Self::Postgres(_) => format!(
                "SELECT attname FROM pg_catalog.pg_attribute WHERE attrelid = '{}'::regclass AND attnum > 0 AND NOT attisdropped",
                self.table(table)
            ),
        });
        let key = if columns.iter().any(|column| column == "_id") { "_id" } else { "id" };
        let mut kept: Vec<&String> = columns.iter().filter(|column| !without.contains(&column.as_str())).collect();
        kept.sort();
        let cell = |column: &&String| match self {
            Self::Sqlite(_) => format!("'{column}=' || quote(\"{column}\")"),
            Self::Postgres(_) => format!("'{column}=' || coalesce(quote_literal(\"{column}\"::text), 'NULL')"),
        };
        let cells: Vec<String> = kept.iter().map(cell).collect();
        let rows = self.ask(&format!("SELECT \"{key}\", {} FROM {}", cells.join(" || ' ' || "), self.table(table)));
        let count = rows.len();
        let rows: BTreeMap<String, String> = rows.into_iter().map(|mut row| (row.remove(0), row.remove(0))).collect();
        assert_eq!(rows.len(), count, "a key comes twice in {table}");
        rows
    }

    /// What each stream did in each run, from the record of loads: run, stream, then read, loaded, quarantined, filtered, unchanged.
    pub(crate) fn loads(&self) -> Vec<(String, String, [u64; 5])> {
        let rows = self.ask(&format!(
            "SELECT run_id, stream, sum(read), sum(loaded), sum(quarantined), sum(filtered), sum(unchanged) FROM {} GROUP BY 1, 2 ORDER BY 1, 2",
            self.table("_loads")
        ));
        let numbers = |row: &[String]| std::array::from_fn(|index| row[index + 2].parse().unwrap());
        rows.into_iter().map(|row| (row[0].clone(), row[1].clone(), numbers(&row))).collect()
    }

    /// The number of loads that are committed of a stream; none while the tables are still missing.
    pub(crate) fn committed(&self, stream: &str) -> usize {
        let sql = format!("SELECT count(*) FROM {} WHERE stream = '{stream}' AND read > 0", self.table("_loads"));
        self.try_ask(&sql).map_or(0, |rows| rows[0][0].parse().unwrap())
    }
}

/// Rows by table and key.
pub(crate) type Content = BTreeMap<String, BTreeMap<String, String>>;

/// The columns that tell loads apart and nothing else.
pub(crate) const OF_THE_LOAD: &[&str] = &["_load_id", "_loaded_at"];

/// What differs between two contents: rows that are new, gone or changed, as `table: row`.
pub(crate) fn difference(before: &Content, after: &Content) -> Difference {
    let mut difference = Difference::default();
    let empty = BTreeMap::new();
    let mut tables: Vec<&String> = before.keys().chain(after.keys()).collect();
    tables.sort();
    tables.dedup();
    for table in tables {
        let (old, new) = (before.get(table).unwrap_or(&empty), after.get(table).unwrap_or(&empty));
        let line = |row: &String| (table.clone(), row.clone());
        difference.added.extend(new.iter().filter(|(key, _)| !old.contains_key(*key)).map(|(_, row)| line(row)));
        difference.gone.extend(old.iter().filter(|(key, _)| !new.contains_key(*key)).map(|(_, row)| line(row)));
        let changed = new.iter().filter(|(key, row)| old.get(*key).is_some_and(|old| old != *row));
        difference.changed.extend(changed.map(|(_, row)| line(row)));
    }
    difference
}

/// Rows with their tables.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Difference {
    pub(crate) added: Vec<(String, String)>,
    pub(crate) gone: Vec<(String, String)>,
    pub(crate) changed: Vec<(String, String)>,
}

impl Difference {
    /// The changed rows of a table.
    pub(crate) fn changed_in(&self, table: &str) -> Vec<&str> {
        self.changed.iter().filter(|(name, _)| name == table).map(|(_, row)| row.as_str()).collect()
    }
}
