//! Which process holds the lock of a file, for errors that would otherwise only say that somebody does.

use std::path::Path;

use crate::error::Error;

/// A process that holds a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
struct LockHolder {
    /// The process id.
    process: u32,
    /// The program's name, as the system shortens it.
    program: String,
    /// Whether the process is stopped (`SIGSTOP`, a debugger, a job in the background), so that it will not give the lock back by itself.
    stopped: bool,
}

impl std::fmt::Display for LockHolder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "process {} ({}{})", self.process, self.program, if self.stopped { ", stopped" } else { "" })
    }
}

impl LockHolder {
    /// What to do about a process that keeps others from writing into a file.
    fn advice(&self) -> String {
        let process = self.process;
        if self.stopped {
            format!(
                "Process {process} was stopped while it was writing: let it go on (`kill -CONT {process}`) or end it (`kill -KILL {process}`), \
                 then run again."
            )
        } else {
            format!("Process {process} is writing into this file: wait for it, or end it (`kill {process}`), then run again.")
        }
    }
}

/// Bytes that who has a SQLite file for itself locks: pending, reserved and the first of those that are shared
/// (<https://www.sqlite.org/src/file?name=src/os.h>, `PENDING_BYTE`).
const FOR_ITSELF: [u64; 3] = [0x4000_0000, 0x4000_0001, 0x4000_0002];
/// The byte of the file `-shm` that whoever writes locks: the first of eight from `(22 + 8) * 4`
/// (<https://www.sqlite.org/walformat.html>, section 2.3, `WAL_WRITE_LOCK`).
const WRITES: u64 = 120;

/// An error about a SQLite file with the process that keeps others from writing into it, or has it for itself while it opens it, and what to
/// do about that. The error as it was where there is none on this machine, or where the system does not tell: only Linux does, and of other
/// users' processes not to everybody.
pub fn with_sqlite_lock_holder(error: Error, file: &Path) -> Error {
    let mut index = file.as_os_str().to_owned();
    index.push("-shm");
    let holder = lock_holder(Path::new(&index), WRITES).or_else(|| FOR_ITSELF.into_iter().find_map(|byte| lock_holder(file, byte)));
    let Some(holder) = holder else { return error };
    let advice = holder.advice();
    error.with("lock held by", holder).advise(advice)
}

/// Another process of this machine that holds a writing lock over a byte of a file. Nothing where there is none, or where the system
/// does not tell: only Linux does, in `/proc/locks` (proc(5)), and of other users' processes not to everybody.
fn lock_holder(file: &Path, byte: u64) -> Option<LockHolder> {
    let inode = inode(file)?;
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    let holders = locks.lines().filter_map(|line| writer_over(line, inode, byte));
    let mut others = holders.filter(|process| *process != std::process::id() && has_open(*process, file));
    let process = others.next()?;
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name is in brackets and may hold anything; the state comes after it.
    let (before, after) = stat.rsplit_once(')')?;
    let program = before.split_once('(')?.1.to_owned();
    Some(LockHolder { process, program, stopped: matches!(after.trim_start().chars().next(), Some('T' | 't')) })
}

#[cfg(unix)]
fn inode(file: &Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(file).ok().map(|metadata| metadata.ino())
}

#[cfg(not(unix))]
fn inode(_file: &Path) -> Option<u64> {
    None
}

/// The process of a line such as `1: POSIX  ADVISORY  WRITE 4711 fe:00:131 120 120`, if it locks this byte of this file for writing. Whoever
/// only waits has an arrow before it.
fn writer_over(line: &str, inode: u64, byte: u64) -> Option<u32> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let [_, _, _, "WRITE", process, place, first, last] = words.as_slice() else { return None };
    let same_file = place.rsplit(':').next().and_then(|number| number.parse::<u64>().ok()) == Some(inode);
    let first: u64 = first.parse().ok()?;
    let last: u64 = if *last == "EOF" { u64::MAX } else { last.parse().ok()? };
    (same_file && (first..=last).contains(&byte)).then(|| process.parse().ok()).flatten()
}

/// Whether a process has a file open: inode numbers alone are those of one file system of several.
fn has_open(process: u32, file: &Path) -> bool {
    let (Ok(file), Ok(open)) = (file.canonicalize(), std::fs::read_dir(format!("/proc/{process}/fd"))) else { return false };
    open.flatten().any(|link| std::fs::read_link(link.path()).is_ok_and(|target| target == file))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_line_names_who_locks_a_byte_for_writing() {
        let line = "3: POSIX  ADVISORY  WRITE 4711 fe:00:131 120 120";
        assert_eq!(writer_over(line, 131, 120), Some(4711));
        assert_eq!(writer_over(line, 132, 120), None);
        assert_eq!(writer_over(line, 131, 121), None);
        assert_eq!(writer_over("1: POSIX ADVISORY WRITE 9 fe:00:131 0 EOF", 131, 7), Some(9));
        assert_eq!(writer_over("1: POSIX ADVISORY READ 9 fe:00:131 0 EOF", 131, 7), None);
        assert_eq!(writer_over("1: -> POSIX ADVISORY WRITE 9 fe:00:131 0 EOF", 131, 7), None);
        assert_eq!(writer_over("", 131, 7), None);
    }

    #[test]
    fn who_locks_nothing_is_not_named() {
        let file = std::env::current_exe().unwrap();
        assert_eq!(lock_holder(&file, 120), None);
        assert_eq!(lock_holder(Path::new("/nowhere"), 120), None);
    }
}
