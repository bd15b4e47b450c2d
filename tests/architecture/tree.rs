//! The repository as the rules see it: its files, and its members with what they depend on.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Folders that hold what tools made, not what people wrote.
const NOT_OURS: &[&str] = &["target", ".git", ".venv", "venv", "node_modules", "__pycache__", ".pytest_cache"];
/// Beyond this a file is data, which no rule about text is for.
const LARGEST_TEXT: u64 = 4 * 1024 * 1024;

/// One text file, by its path from the root of the repository with `/` between the parts.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// Whether one of the folders that the file lies in has this name.
    pub(crate) fn is_under(&self, folder: &str) -> bool {
        let mut parts: Vec<&str> = self.path.split('/').collect();
        parts.pop();
        parts.contains(&folder)
    }

    /// Whether the file is there for tests, benchmarks or examples alone.
    pub(crate) fn is_beside_the_product(&self) -> bool {
        ["tests", "benches", "examples"].iter().any(|folder| self.is_under(folder))
            || self.path.ends_with("/tests.rs")
            || self.path.ends_with("_tests.rs")
    }
}

/// What a dependency is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Part of what is built, build scripts included.
    Normal,
    /// For tests, examples and benchmarks alone.
    Development,
}

/// One package of the workspace.
#[derive(Debug)]
pub(crate) struct Member {
    /// The package's name.
    pub(crate) name: String,
    /// Its folder from the root, such as `crates/schema`.
    pub(crate) folder: String,
    /// The packages it depends on, by name.
    pub(crate) dependencies: Vec<(String, Kind)>,
}

impl Member {
    /// A made-up member, for showing that a rule can fail.
    pub(crate) fn new(folder: &str, normal: &[&str], development: &[&str]) -> Self {
        let list = |names: &[&str], kind| names.iter().map(|name| ((*name).to_owned(), kind)).collect::<Vec<_>>();
        let dependencies = [list(normal, Kind::Normal), list(development, Kind::Development)].concat();
        Self { name: expected_name(folder).unwrap_or_else(|| folder.to_owned()), folder: folder.to_owned(), dependencies }
    }

    /// The row of the import table that speaks of this member: the crate's folder, or `connectors` for any one of them.
    pub(crate) fn row(&self) -> &str {
        match self.folder.split_once('/') {
            Some(("crates", name)) => name,
            Some((group, _)) => group,
            None => &self.folder,
        }
    }
}

/// The name a package must have, by its folder. `None` where a package has no business to be.
pub(crate) fn expected_name(folder: &str) -> Option<String> {
    match folder.split_once('/') {
        Some(("crates", name)) if !name.contains('/') => Some(format!("aqueduct-{name}")),
        Some(("connectors", name)) if !name.contains('/') => Some(format!("aqueduct-connector-{name}")),
        None if folder == "tests" => Some("aqueduct-tests".to_owned()),
        None if folder == "xtask" => Some("xtask".to_owned()),
        _ => None,
    }
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests' package lies in the repository").to_owned()
}

/// Every path below the root, files and folders, without what tools made.
pub(crate) fn paths() -> BTreeSet<String> {
    let (root, mut found) = (root(), BTreeSet::new());
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let name = entry.file_name().into_string().expect("a path is UTF-8");
            if NOT_OURS.contains(&name.as_str()) {
                continue;
            }
            let path = entry.path();
            found.insert(path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/"));
            if entry.file_type().unwrap().is_dir() {
                folders.push(path);
            }
        }
    }
    found
}

/// Every text file below the root.
pub(crate) fn files() -> Vec<File> {
    let root = root();
    let small = |path: &Path| path.metadata().is_ok_and(|about| about.is_file() && about.len() <= LARGEST_TEXT);
    paths()
        .into_iter()
        .filter(|path| small(&root.join(path)))
        .filter_map(|path| std::fs::read_to_string(root.join(&path)).ok().map(|text| File { path, text }))
        .collect()
}

/// The files whose path ends so.
pub(crate) fn files_ending(ending: &str) -> Vec<File> {
    files().into_iter().filter(|file| file.path.ends_with(ending)).collect()
}

/// The members of the workspace, as cargo sees them.
pub(crate) fn members() -> Vec<Member> {
    let root = root();
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(&root)
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let root = Path::new(metadata["workspace_root"].as_str().unwrap());
    metadata["packages"].as_array().unwrap().iter().map(|package| member(root, package)).collect()
}

fn member(root: &Path, package: &serde_json::Value) -> Member {
    let manifest = Path::new(package["manifest_path"].as_str().unwrap());
    let folder = manifest.parent().unwrap().strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
    let dependency = |dependency: &serde_json::Value| {
        let kind = if dependency["kind"] == "dev" { Kind::Development } else { Kind::Normal };
        (dependency["name"].as_str().unwrap().to_owned(), kind)
    };
    let dependencies = package["dependencies"].as_array().unwrap().iter().map(dependency).collect();
    Member { name: package["name"].as_str().unwrap().to_owned(), folder, dependencies }
}
