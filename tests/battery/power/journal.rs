//! The account of a run: what it did to the files of one folder, in order.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

const SOURCE: &str = include_str!("journal.c");

/// Something that was done to a file, to a folder or to the network.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Create {
        path: String,
        inode: u64,
    },
    Open {
        path: String,
        inode: u64,
    },
    Truncate {
        inode: u64,
        length: u64,
    },
    Write {
        inode: u64,
        offset: u64,
        data: Vec<u8>,
    },
    Sync {
        inode: u64,
    },
    MakeFolder {
        path: String,
    },
    SyncFolder {
        path: String,
    },
    Rename {
        from: String,
        to: String,
    },
    Link {
        from: String,
        to: String,
    },
    Remove {
        path: String,
    },
    /// The first bytes of something that was sent.
    Send {
        start: String,
    },
}

/// The library that writes a journal, and where it writes one.
pub(crate) struct Recorder {
    folder: TempDir,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        let recorder = Self { folder: tempfile::tempdir().expect("a folder") };
        let_others_in(recorder.folder.path());
        std::fs::write(recorder.file(), "").expect("a journal is begun");
        let_all(&recorder.file(), 0o666);
        recorder
    }

    /// The variables under which a process writes down what it does below `root`.
    pub(crate) fn variables(&self, root: &Path) -> Vec<(&'static str, String)> {
        vec![
            ("LD_PRELOAD", library().display().to_string()),
            ("BATTERY_JOURNAL_ROOT", root.display().to_string()),
            ("BATTERY_JOURNAL_FILE", self.file().display().to_string()),
        ]
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("journal")
    }

    /// What has been done so far. A process that ended in the middle of a record leaves half of it, which never happened.
    pub(crate) fn steps(&self) -> Vec<Step> {
        let bytes = std::fs::read(self.file()).expect("the journal is there");
        let mut reader = Reader { rest: &bytes };
        let mut steps = Vec::new();
        while let Some(step) = reader.step() {
            steps.push(step);
        }
        steps
    }
}

/// Lets others look into a folder: a server may run under a name of its own.
pub(crate) fn let_others_in(folder: &Path) {
    let_all(folder, 0o755);
}

fn let_all(path: &Path, mode: u32) {
    let all = std::os::unix::fs::PermissionsExt::from_mode(mode);
    std::fs::set_permissions(path, all).expect("others may use what is the trial's");
}

/// The compiled library, made once by the system's C compiler.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, library) = LIBRARY.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let_others_in(folder.path());
        let (source, library) = (folder.path().join("journal.c"), folder.path().join("journal.so"));
        std::fs::write(&source, SOURCE).expect("the source is written");
        let mut compiler = Command::new("cc");
        compiler.args(["-O2", "-shared", "-fPIC", "-pthread", "-o"]).arg(&library).arg(&source);
        assert!(compiler.status().expect("a C compiler is installed").success(), "journal.c compiles");
        (folder, library)
    });
    library
}

struct Reader<'b> {
    rest: &'b [u8],
}

impl<'b> Reader<'b> {
    fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    fn number(&mut self, bytes: usize) -> Option<u64> {
        let mut number = [0; 8];
        number[..bytes].copy_from_slice(self.take(bytes)?);
        // Written by this machine, and so in its order; every machine that LD_PRELOAD is used on here has the small end first.
        Some(u64::from_le_bytes(number))
    }

    fn step(&mut self) -> Option<Step> {
        let what = *self.take(1)?.first()?;
        let (inode, offset) = (self.number(8)?, self.number(8)?);
        let (path, other, data) = (self.number(4)? as usize, self.number(4)? as usize, self.number(4)? as usize);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (path, other) = (text(self.take(path)?), text(self.take(other)?));
        let data = self.take(data)?;
        Some(match what {
            b'C' => Step::Create { path, inode },
            b'O' => Step::Open { path, inode },
            b'T' => Step::Truncate { inode, length: offset },
            b'W' => Step::Write { inode, offset, data: data.to_vec() },
            b'S' => Step::Sync { inode },
            b'M' => Step::MakeFolder { path },
            b'D' => Step::SyncFolder { path },
            b'R' => Step::Rename { from: path, to: other },
            b'L' => Step::Link { from: path, to: other },
            b'U' => Step::Remove { path },
            b'N' => Step::Send { start: text(data) },
            other => panic!("the journal has a record of the kind {other}"),
        })
    }
}
