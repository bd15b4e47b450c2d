//! I4 as somebody else sees it: a reader of the warehouse that looks every ten milliseconds while loads are committed, through a client
//! that knows nothing of Aqueduct. Each look is one transaction.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::database::Database;
use crate::outcome::Outcome;

const END: &str = "~~end~~";
/// The common tables that every load of their stream fills, and no other stream's.
const TABLES: [(&str, &str, &str); 2] = [("contact", "contact", "crm.contact"), ("deal", "deal", "crm.deal")];

/// A reader that looks until it is stopped.
pub(crate) struct Reader {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<Outcome>,
}

impl Reader {
    pub(crate) fn start(database: &Database) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (database, stopped) = (database.clone(), stop.clone());
        let thread = std::thread::spawn(move || watch(&database, &stopped));
        Self { stop, thread }
    }

    /// What it saw.
    pub(crate) async fn stop(self) -> Outcome {
        self.stop.store(true, Ordering::SeqCst);
        tokio::task::spawn_blocking(|| self.thread.join().expect("the reader ends")).await.expect("the reader ends")
    }
}

fn watch(database: &Database, stop: &AtomicBool) -> Outcome {
    let mut outcome = Outcome::default();
    // A client that opens the file first would be the one who makes it.
    while let Database::Sqlite(path) = database
        && !path.exists()
    {
        if stop.load(Ordering::SeqCst) {
            return outcome;
        }
        wait(2);
    }
    let mut client = Client::start(database);
    while !stop.load(Ordering::SeqCst) {
        client.look(&mut outcome);
        wait(10);
    }
    client.end();
    outcome
}

#[expect(clippy::disallowed_methods, reason = "the reader looks at moments of the machine's time")]
fn wait(milliseconds: u64) {
    std::thread::sleep(Duration::from_millis(milliseconds));
}

struct Client {
    postgres: bool,
    child: Child,
    words: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Client {
    fn start(database: &Database) -> Self {
        let mut command = database.client();
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the client starts");
        let (words, answers) = (child.stdin.take().expect("the client reads"), child.stdout.take().expect("the client writes"));
        Self { postgres: database.is_postgres(), child, words, answers: BufReader::new(answers) }
    }

    /// The lines that statements give; none where they fail, as long as there are no tables.
    fn ask(&mut self, sql: &str) -> Vec<String> {
        let end = if self.postgres { format!("\\echo {END}") } else { format!(".print {END}") };
        if writeln!(self.words, "{sql}\n{end}").and_then(|()| self.words.flush()).is_err() {
            return Vec::new();
        }
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            match self.answers.read_line(&mut line) {
                Ok(1..) if line.trim_end() != END => lines.push(line.trim_end().to_owned()),
                _ => return lines,
            }
        }
    }

    fn look(&mut self, outcome: &mut Outcome) {
        let (begin, loads) =
            if self.postgres { ("BEGIN ISOLATION LEVEL REPEATABLE READ;", "aqueduct.loads") } else { (".timeout 5000\nBEGIN;", "_loads") };
        let lines = self.ask(&format!("{begin}\nSELECT load_id, stream, committed_at, receipt FROM {loads};"));
        let loads: Vec<Load> = lines.iter().filter_map(|line| Load::of(line)).collect();
        for (name, sqlite, postgres) in TABLES {
            let table = if self.postgres { postgres } else { sqlite };
            // In PostgreSQL a statement that fails ends the transaction, so nothing is asked of a table that is not there.
            if !loads.iter().any(|load| load.tables.contains_key(name)) {
                continue;
            }
            let rows = self.ask(&format!("SELECT _load_id, count(*) FROM {table} GROUP BY _load_id;"));
            let rows: BTreeMap<&str, u64> =
                rows.iter().filter_map(|row| row.split_once('|')).filter_map(|(load, count)| Some((load, count.parse().ok()?))).collect();
            judge(name, &loads, &rows, outcome);
            outcome.note("the reader looked");
        }
        self.ask("COMMIT;");
    }

    fn end(mut self) {
        drop(self.words);
        let _ = self.child.wait();
    }
}

/// What is recorded of a load.
struct Load {
    id: String,
    stream: String,
    at: String,
    /// By table: rows that are new, and rows that are new, changed or marked as deleted.
    tables: BTreeMap<String, (u64, u64)>,
}

impl Load {
    fn of(line: &str) -> Option<Self> {
        let mut parts = line.splitn(4, '|');
        let (id, stream, at) = (parts.next()?.to_owned(), parts.next()?.to_owned(), parts.next()?.to_owned());
        let receipt: Value = serde_json::from_str(parts.next()?).ok()?;
        let number = |table: &Value, name: &str| table[name].as_u64().unwrap_or(0);
        let counts = |table: &Value| {
            let new = number(table, "inserted");
            Some((table["table"].as_str()?.to_owned(), (new, new + number(table, "updated") + number(table, "deleted"))))
        };
        Some(Self { id, stream, at, tables: receipt["tables"].as_array()?.iter().filter_map(counts).collect() })
    }
}

/// No row of a load that is not recorded, none beyond what a load says, and of the newest load of a stream all of them.
fn judge(table: &str, loads: &[Load], rows: &BTreeMap<&str, u64>, outcome: &mut Outcome) {
    for (id, count) in rows {
        let Some(load) = loads.iter().find(|load| load.id == *id) else {
            outcome.complaints.push(format!("a reader saw {count} rows of {table} whose load is not recorded"));
            continue;
        };
        let most = load.tables.get(table).map_or(0, |(_, most)| *most);
        outcome.must(*count <= most, || format!("a reader saw {count} rows of {table} of a load that has {most}"));
    }
    for load in loads {
        let newest = !loads.iter().any(|other| other.stream == load.stream && other.id != load.id && other.at >= load.at);
        let Some((least, _)) = load.tables.get(table).filter(|_| newest) else { continue };
        let count = rows.get(load.id.as_str()).copied().unwrap_or(0);
        outcome.must(count >= *least, || format!("a reader saw {count} rows of {table} of a load with {least} new ones: half a load"));
    }
}
