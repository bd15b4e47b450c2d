//! The logs of runs: one file an attempt, so many of a pipeline, none without end.

use std::fs::File;
use std::io::{Read, Result, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use aqueduct_pipeline::control_store::occurrence::OccurrenceId;

/// What is left of a log that has become too long: its end.
const LEFT: u64 = 256 << 10;

/// A folder of logs.
#[derive(Clone, Debug)]
pub(super) struct Logs {
    pub(super) folder: PathBuf,
    pub(super) kept: usize,
    pub(super) longest: u64,
}

impl Logs {
    /// Where an attempt writes its log and its summary; makes the pipeline's folder, and room in it.
    pub(super) fn begin(&self, id: &OccurrenceId, attempt: u32) -> Result<(PathBuf, PathBuf)> {
        let folder = self.folder.join(&id.pipeline);
        let mut maker = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut maker, 0o700);
        maker.recursive(true).create(&folder)?;
        self.make_room(&folder)?;
        let time: String = id.at.to_string().chars().filter(|letter| !matches!(letter, '-' | ':')).collect();
        let name = |ending: &str| folder.join(format!("{time}-{attempt}.{ending}"));
        Ok((name("log"), name("jsonl")))
    }

    /// A log to be written to at its end, wherever that is by then.
    pub(super) fn open(log: &Path) -> Result<File> {
        let mut options = File::options();
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.append(true).create(true).open(log)
    }

    /// Removes the oldest, so that with one more there are as many as are kept.
    fn make_room(&self, folder: &Path) -> Result<()> {
        let names = std::fs::read_dir(folder)?.flatten().map(|entry| entry.path());
        // The names begin with the times, so their order is that of the runs.
        let mut stems: Vec<PathBuf> = names.map(|path| path.with_extension("")).collect();
        stems.sort();
        stems.dedup();
        let over = (stems.len() + 1).saturating_sub(self.kept.max(1));
        for stem in stems.into_iter().take(over) {
            for ending in ["log", "jsonl"] {
                match std::fs::remove_file(stem.with_extension(ending)) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Cuts the beginning of a log that has become too long. Its writer goes on at the new end.
    pub(super) fn bound(&self, log: &Path) -> Result<()> {
        let mut file = File::options().read(true).append(true).open(log)?;
        let length = file.metadata()?.len();
        if length <= self.longest {
            return Ok(());
        }
        let mut end = Vec::new();
        file.seek(SeekFrom::Start(length - LEFT.min(self.longest / 2)))?;
        file.read_to_end(&mut end)?;
        file.set_len(0)?;
        let whole = end.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        file.write_all(b"(the log became too long, and its beginning was cut)\n")?;
        file.write_all(&end[whole..])
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn logs_are_bounded_in_number_and_length() {
        let folder = tempfile::tempdir().unwrap();
        let logs = Logs { folder: folder.path().join("a/logs"), kept: 3, longest: 1_000 };
        let id = |minute: u32| format!("p/2026-11-22T12:{minute:02}:00Z").parse::<OccurrenceId>().unwrap();
        for minute in 0..6 {
            let (log, summary) = logs.begin(&id(minute), 1).unwrap();
            Logs::open(&log).unwrap().write_all(b"words\n").unwrap();
            std::fs::write(summary, "{}").unwrap();
        }
        let mut names: Vec<_> =
            std::fs::read_dir(folder.path().join("a/logs/p")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        let expected = ["3", "4", "5"]
            .iter()
            .flat_map(|minute| ["jsonl", "log"].map(|ending| std::ffi::OsString::from(format!("20261122T120{minute}00Z-1.{ending}"))));
        assert_eq!(names, expected.collect::<Vec<_>>());

        let (log, _) = logs.begin(&id(7), 2).unwrap();
        let mut writer = Logs::open(&log).unwrap();
        for line in 0..200 {
            writeln!(writer, "line {line}").unwrap();
        }
        logs.bound(&log).unwrap();
        writer.write_all(b"after\n").unwrap();
        let text = std::fs::read_to_string(&log).unwrap();
        assert!(text.len() < 1_000 && text.starts_with("(the log") && text.ends_with("line 199\nafter\n"), "{text}");
        logs.bound(&log).unwrap();
        assert_eq!(std::fs::read_to_string(&log).unwrap(), text);
    }
}
