//! The machine a task runs on: where its programs are, and whether more can be installed.

use std::cmp::Reverse;
use std::env;
use std::ffi::OsString;
use std::fs::DirEntry;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where packages of a system put the PostgreSQL server, which stays out of PATH on most of them. `*` is a version.
const POSTGRES_FOLDERS: &[&str] = &[
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
];

/// The kind of system, as far as installing goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum System {
    /// Debian, Ubuntu and their relatives.
    Debian,
    /// Fedora and its relatives.
    Fedora,
    /// macOS.
    Mac,
    /// Anything else.
    Other,
}

/// What a task must know about a machine.
pub(crate) struct Machine {
    pub(crate) system: System,
    /// Whether this process may install packages.
    pub(crate) is_root: bool,
    path: Vec<PathBuf>,
}

impl Machine {
    /// The machine this process runs on.
    pub(crate) fn this() -> Self {
        let path: Vec<PathBuf> = variable("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default();
        let has = |name| path.iter().any(|folder| folder.join(name).is_file());
        let system = match () {
            () if cfg!(target_os = "macos") => System::Mac,
            () if has("apt-get") => System::Debian,
            () if has("dnf") => System::Fedora,
            () => System::Other,
        };
        let is_root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0");
        Self { system, is_root, path }
    }

    /// Whether a program is in PATH.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.path.iter().any(|folder| folder.join(name).is_file())
    }

    /// Whether the PostgreSQL server's programs are in PATH or where packages put them.
    pub(crate) fn has_postgres(&self) -> bool {
        self.folders().any(|folder| ["initdb", "postgres"].iter().all(|name| folder.join(name).is_file()))
    }

    /// PATH, and behind it the folders where packages put the PostgreSQL server: so tests find the one that was found here.
    pub(crate) fn path_with_postgres(&self) -> OsString {
        env::join_paths(self.folders()).unwrap_or_else(|_| variable("PATH").unwrap_or_default())
    }

    fn folders(&self) -> impl Iterator<Item = PathBuf> {
        self.path.iter().cloned().chain(POSTGRES_FOLDERS.iter().flat_map(|pattern| folders_like(pattern)))
    }

    /// Whether Python can make a virtual environment with pip in it. Debian packs the half that this needs apart.
    pub(crate) fn has_python_environments(&self) -> bool {
        let mut python = Command::new("python3");
        python.args(["-c", "import ensurepip, venv"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        python.status().is_ok_and(|status| status.success())
    }

    /// The cargo that runs this task.
    pub(crate) fn cargo(&self) -> OsString {
        variable("CARGO").unwrap_or_else(|| "cargo".into())
    }

    /// The names of this process's environment variables.
    #[expect(clippy::disallowed_methods, reason = "a task is no part of the product and starts other programs")]
    pub(crate) fn variables(&self) -> impl Iterator<Item = OsString> {
        env::vars_os().map(|(name, _)| name)
    }
}

#[expect(clippy::disallowed_methods, reason = "a task is no part of the product; cargo speaks to it through the environment")]
pub(crate) fn variable(name: &str) -> Option<OsString> {
    env::var_os(name)
}

/// The folders that match a pattern with one `*`, newest version first.
fn folders_like(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once('*') else { return vec![pattern.into()] };
    let (parent, prefix) = before.rsplit_once('/').unwrap_or((".", before));
    let entries = Path::new(parent).read_dir().into_iter().flatten().flatten();
    let version = |entry: &DirEntry| entry.file_name().to_str().and_then(|name| name.strip_prefix(prefix)).map(newest_first);
    let mut matching: Vec<_> =
        entries.filter_map(|entry| Some((version(&entry)?, entry.path().join(after.trim_start_matches('/'))))).collect();
    matching.sort();
    matching.into_iter().map(|(_, folder)| folder).filter(|folder| folder.is_dir()).collect()
}

/// Sorts `17` before `9.6`.
fn newest_first(version: &str) -> Reverse<Vec<u32>> {
    Reverse(version.split('.').filter_map(|number| number.parse().ok()).collect())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::{Machine, System, folders_like};

    #[test]
    fn a_server_is_found_in_a_versioned_folder_and_in_path() {
        let folder = std::env::temp_dir().join(format!("aqueduct-xtask-{}", std::process::id()));
        for bin in ["postgresql@9.6/bin", "postgresql@16/bin", "postgresql@17/bin", "postgresql@18", "mysql@9/bin"] {
            fs::create_dir_all(folder.join(bin)).unwrap();
        }
        let pattern = format!("{}/postgresql@*/bin", folder.display());
        assert_eq!(folders_like(&pattern), ["17", "16", "9.6"].map(|version| folder.join(format!("postgresql@{version}/bin"))));
        assert_eq!(folders_like(&format!("{}/gone/*/bin", folder.display())), Vec::<PathBuf>::new());

        let bin = folder.join("mysql@9/bin");
        fs::write(bin.join("initdb"), "").unwrap();
        fs::write(bin.join("postgres"), "").unwrap();
        assert!(Machine { system: System::Other, is_root: false, path: vec![bin] }.has_postgres());
        fs::remove_dir_all(folder).unwrap();
    }
}
