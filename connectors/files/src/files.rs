//! Which files there are, and the fingerprint by which a file is known again.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use aqueduct_connector::schema::{Code, Error, Result, Retry, codes};
use serde::{Deserialize, Serialize};

use crate::config::OneOrMany;

/// A file that the config names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MatchedFile {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// The path as text, for messages and state.
    pub(crate) name: Arc<str>,
}

/// What the file system says about a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    /// Bytes.
    pub(crate) size: u64,
    /// When it was last written, in microseconds since 1970; 0 where the file system does not say.
    pub(crate) modified: i64,
}

/// A file that was read, as it was then: its content cannot have changed as long as the hash is the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mark {
    /// The file's name.
    pub(crate) file: String,
    /// Bytes.
    pub(crate) size: u64,
    /// When it was last written, in microseconds since 1970.
    pub(crate) modified: i64,
    /// 128 bits of BLAKE3 over its bytes as they are on the disk, in hexadecimal.
    pub(crate) hash: String,
}

impl Mark {
    pub(crate) fn new(file: &MatchedFile, stat: Stat, hash: &blake3::Hash) -> Self {
        let hash = hash.to_hex()[..32].to_owned();
        Self { file: file.name.as_ref().to_owned(), size: stat.size, modified: stat.modified, hash }
    }

    /// Whether the file system still says what it said then; if it does, the content is taken to be the same, as rsync and make do.
    pub(crate) fn fits(&self, stat: Stat) -> bool {
        self.size == stat.size && self.modified == stat.modified
    }
}

impl MatchedFile {
    fn new(path: PathBuf) -> Self {
        let name = path.to_string_lossy().replace('\\', "/").into();
        Self { path, name }
    }

    /// Opens it.
    pub(crate) fn open(&self) -> Result<File> {
        File::open(&self.path).map_err(|error| self.unreadable(&error))
    }

    /// What the file system says about it now.
    pub(crate) fn stat(&self) -> Result<Stat> {
        let metadata = std::fs::metadata(&self.path).map_err(|error| self.unreadable(&error))?;
        let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let modified = modified.map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX));
        Ok(Stat { size: metadata.len(), modified })
    }

    /// An error about this file.
    pub(crate) fn error(&self, code: Code, message: impl Into<String>) -> Error {
        Error::new(code, message)
    }

    fn unreadable(&self, error: &io::Error) -> Error {
        self.error(codes::FILE_UNREADABLE, format!("`{}` cannot be read: {error}", self.name))
    }

    /// The error for a file whose bytes cannot be understood, with how far reading got. Nothing after that place is claimed.
    pub(crate) fn damaged(&self, what: &str, error: &io::Error, bytes: u64, lines: u64) -> Error {
        let message = if error.kind() == io::ErrorKind::UnexpectedEof {
            format!("`{}` is cut off: its {what} content ends too early", self.name)
        } else {
            format!("`{}` is damaged: its {what} content cannot be read ({error})", self.name)
        };
        self.error(codes::MALFORMED_ANSWER, message)
            .with("bytes read", bytes)
            .with("whole lines read", lines)
            .retrying(Retry::Never)
            .data_note("Nothing after that place was taken from this file; it is read again from its beginning once it is whole.")
            .advise("Copy or export the file again: it is not complete.")
    }
}

/// The files that the patterns name, in the order of their names, each once.
///
/// # Errors
/// `AQ1012` for a pattern that no file fits or a folder that cannot be read, `AQ1005` for a pattern that cannot be understood.
pub(crate) fn matching(paths: &OneOrMany) -> Result<Vec<MatchedFile>> {
    // Editors and copy programs keep half-written files under names that begin with a point.
    let options = glob::MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };
    let mut files = Vec::new();
    for pattern in paths.all() {
        let before = files.len();
        if Path::new(pattern).is_file() {
            // A name with brackets is a file's name before it is a pattern: browsers save `export [1].csv`.
            files.push(MatchedFile::new(PathBuf::from(pattern)));
            continue;
        }
        let found = glob::glob_with(pattern, options)
            .map_err(|error| Error::new(codes::BAD_CONFIG, format!("`path` has a pattern that is wrong: `{pattern}`: {}", error.msg)))?;
        for path in found {
            let path = path.map_err(|error| {
                Error::new(codes::FILE_UNREADABLE, format!("`{}` cannot be read: {}", error.path().display(), error.error()))
            })?;
            if path.is_file() {
                files.push(MatchedFile::new(path));
            }
        }
        if files.len() == before {
            let folder = std::env::current_dir().map(|folder| folder.display().to_string()).unwrap_or_default();
            return Err(Error::new(codes::FILE_UNREADABLE, format!("no file fits `{pattern}`")).with("folder", folder).advise(
                "Correct `path`; it is relative to the folder that has pipelines/, or to the one in which the command is called.",
            ));
        }
    }
    files.sort_by(|one, other| one.name.cmp(&other.name));
    files.dedup();
    Ok(files)
}

/// Passes bytes on and hashes them on the way.
pub(crate) struct Hashing<R> {
    inner: R,
    hasher: blake3::Hasher,
}

impl<R: Read> Hashing<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self { inner, hasher: blake3::Hasher::new() }
    }

    /// Reads what is left and gives the hash of everything.
    pub(crate) fn finish(mut self) -> io::Result<blake3::Hash> {
        io::copy(&mut self.inner, &mut self.hasher)?;
        Ok(self.hasher.finalize())
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn names(patterns: &[String]) -> Result<Vec<String>> {
        Ok(matching(&OneOrMany::Many(patterns.to_vec()))?.iter().map(|file| file.name.rsplit('/').next().unwrap().to_owned()).collect())
    }

    #[test]
    fn files_come_by_name_and_once() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.csv", "a.csv", ".a.csv.part", "c.txt", "export [1].csv"] {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        std::fs::create_dir(folder.path().join("folder.csv")).unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        assert_eq!(names(&[at("*.csv"), at("a.csv")]).unwrap(), ["a.csv", "b.csv", "export [1].csv"]);
        assert_eq!(names(&[at("export [1].csv")]).unwrap(), ["export [1].csv"]);
        let error = names(&[at("a.csv"), at("*.parquet")]).unwrap_err();
        assert_eq!(error.code(), codes::FILE_UNREADABLE);
        assert!(error.to_string().contains("*.parquet"), "{error}");
        assert_eq!(names(&[at("a***b")]).unwrap_err().code(), codes::BAD_CONFIG);
    }

    #[test]
    fn the_hash_covers_bytes_that_were_not_read() {
        let mut hashing = Hashing::new(&b"hello world"[..]);
        let mut few = [0; 3];
        hashing.read_exact(&mut few).unwrap();
        assert_eq!(hashing.finish().unwrap(), blake3::hash(b"hello world"));
    }
}
