//! A private PostgreSQL server from the installed binaries, for tests and benchmarks: an own folder, an own port, stopped on drop.
//!
//! A small shell stands between: it stops the server and removes the folder as soon as its input ends, which it does even when
//! this process is killed. The server refuses to run as root, so root hands it to the user `nobody`.

use std::io::{Error, ErrorKind, Result, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The administrator of a private server; nobody is asked for a password.
pub const USER: &str = "aqueduct";

const START_LIMIT: Duration = Duration::from_secs(60);

/// Runs the server, waits until the input ends, stops the server at once and removes its folder.
const KEEPER: &str = r#"folder=$1; shift; "$@" </dev/null >"$folder/log" 2>&1 & server=$!; trap '' INT TERM; cat >/dev/null
kill -INT $server 2>/dev/null; wait $server; rm -rf "$folder""#;

/// A running server.
#[derive(Debug)]
pub struct PrivateServer {
    keeper: Child,
    folder: PathBuf,
    port: u16,
}

impl PrivateServer {
    /// Creates a cluster (UTF-8, locale C, fsync on) and starts its server on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When PostgreSQL is not installed, or does not start; the message says what to do.
    pub fn start() -> Result<Self> {
        Self::on_a_free_port(|port| {
            let folder = new_folder()?;
            let data = folder.join("data");
            create(&folder, &data, &[])?;
            Self::serve(&folder, &data, port, &[], &[])
        })
    }

    /// Creates a cluster of one database, `postgres`, with small pieces of log, in a folder that only its owner may read; no server runs.
    ///
    /// # Errors
    /// When PostgreSQL is not installed or `data` cannot be written.
    pub fn create_cluster(data: &Path) -> Result<()> {
        let folder = new_folder()?;
        let made = folder.join("data");
        create(&folder, &made, &["--wal-segsize=1"])?;
        let mut single = unprivileged(&binaries()?.join("postgres"));
        single.args(["--single", "-D"]).arg(&made).arg("postgres").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut single = single.current_dir(&folder).spawn()?;
        // Each line is a statement; without the templates the cluster is a third as large.
        let statements = "UPDATE pg_database SET datistemplate = false\nDROP DATABASE template0\nDROP DATABASE template1\n";
        single.stdin.take().ok_or(ErrorKind::BrokenPipe)?.write_all(statements.as_bytes())?;
        if !single.wait()?.success() {
            return Err(Error::other("the cluster could not be made small"));
        }
        run(Command::new("cp").arg("-rp").arg(&made).arg(data))?;
        std::fs::remove_dir_all(&folder)
    }

    /// Starts a server over a cluster that is there already and stays when the server stops: one of [`PrivateServer::create_cluster`], or
    /// what a power cut has left of it. `settings` are the server's, as `name=value`; `variables` are those of its processes.
    ///
    /// # Errors
    /// When the server does not start; its log is in the message.
    pub fn over(data: &Path, settings: &[&str], variables: &[(&str, String)]) -> Result<Self> {
        if is_root() {
            run(Command::new("chown").args(["-R", "nobody"]).arg(data))?;
        }
        run(Command::new("chmod").arg("700").arg(data))?;
        Self::on_a_free_port(|port| Self::serve(&new_folder()?, data, port, settings, variables))
    }

    /// The port may be taken by another process before the server binds it: then the server ends, and another port is tried.
    fn on_a_free_port(start: impl Fn(u16) -> Result<Self>) -> Result<Self> {
        let mut last = Error::other("PostgreSQL did not start");
        for _ in 0..5 {
            let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
            match start(port) {
                Ok(server) => return Ok(server),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn serve(folder: &Path, data: &Path, port: u16, settings: &[&str], variables: &[(&str, String)]) -> Result<Self> {
        let server = unprivileged(&binaries()?.join("postgres"));
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "sh"]).arg(folder).arg(server.get_program()).args(server.get_args()).arg("-D").arg(data);
        let port_setting = format!("port={port}");
        for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories=", &port_setting].iter().chain(settings) {
            keeper.arg("-c").arg(setting);
        }
        keeper.envs(variables.iter().map(|(name, value)| (name, value)));
        let keeper = keeper.current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let mut server = Self { keeper, folder: folder.to_owned(), port };
        let begun = Instant::now();
        while begun.elapsed() < START_LIMIT {
            // The last line of this file says `ready` once connections are accepted.
            let status = std::fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
            if status.lines().nth(7).is_some_and(|line| line.trim() == "ready") {
                return Ok(server);
            }
            let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
            if log.contains("FATAL") || server.keeper.try_wait()?.is_some() {
                return Err(Error::other(format!("PostgreSQL did not start: {log}")));
            }
            pause();
        }
        Err(Error::new(ErrorKind::TimedOut, "PostgreSQL did not start within a minute"))
    }

    /// The address of a database on this server. The database `postgres` exists; others are made with `CREATE DATABASE`.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/{database}", self.port)
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder with the cluster and the server's `log`.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for PrivateServer {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "the server tells by a file alone that it is ready")]
fn pause() {
    std::thread::sleep(Duration::from_millis(10));
}

/// The folder of `initdb` and `postgres`: of the newest version installed.
#[expect(clippy::disallowed_methods, reason = "where programs are is no setting of a pipeline")]
fn binaries() -> Result<PathBuf> {
    let mut folders: Vec<PathBuf> = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort();
    folders.extend(versions.into_iter().rev().map(|(_, folder)| folder));
    folders.into_iter().find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file()).ok_or_else(|| {
        Error::new(
            ErrorKind::NotFound,
            "no PostgreSQL server is installed: `initdb` and `postgres` are neither in PATH nor below /usr/lib/postgresql; \
             install it (Debian: apt-get install postgresql)",
        )
    })
}

/// A folder of its own for a server.
fn new_folder() -> Result<PathBuf> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let folder = std::env::temp_dir().join(format!("aqueduct-postgres-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    std::fs::create_dir(&folder)?;
    own(&folder)?;
    Ok(folder)
}

/// Hands a folder to whoever runs servers.
fn own(folder: &Path) -> Result<()> {
    if is_root() { run(Command::new("chown").arg("nobody").arg(folder)) } else { Ok(()) }
}

/// Creates a cluster in a folder that the server's user may write.
fn create(folder: &Path, data: &Path, more: &[&str]) -> Result<()> {
    let mut initdb = unprivileged(&binaries()?.join("initdb"));
    initdb.args(["--locale=C", "--encoding=UTF8", "--auth=trust", "--no-sync", "--username", USER]).args(more).arg("--pgdata").arg(data);
    run(initdb.current_dir(folder))
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// The program, run by `nobody` when this process is root.
fn unprivileged(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]).arg(program);
    command
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::other(format!("{command:?} failed: {}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))))
}
