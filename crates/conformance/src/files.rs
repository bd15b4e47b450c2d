//! Files in a folder of their own: compressed exports of ten records each, rewritten when a record changes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use aqueduct_engine::Clock;
use aqueduct_schema::Timestamp;
use async_trait::async_trait;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::vendor::{Ability, Did, Facts, Harm, TestAccount, Vendor};

/// 2026-07-01T00:00:00Z.
const BEGINNING: Timestamp = Timestamp::from_seconds(1_782_864_000);
const RECORDS: usize = 44;
const RECORDS_A_FILE: usize = 10;

/// The vendor.
pub fn vendor() -> impl Vendor {
    Files
}

struct Files;

#[async_trait]
impl Vendor for Files {
    fn facts(&self) -> Facts {
        Facts {
            stream: "customers",
            abilities: &[Ability::Change, Ability::FutureDates],
            // An empty file is no harm: whoever writes it may not have begun, and it is looked at again.
            no_answers: &[Harm::Html, Harm::CutOff],
            cap: None,
            late: None,
        }
    }

    async fn open(&self) -> Did<Arc<dyn TestAccount>> {
        let folder = Folder {
            folder: tempfile::tempdir()?,
            now: Arc::new(Mutex::new(BEGINNING)),
            content: Mutex::new(Content { records: BTreeMap::new(), next_id: 1, writes: 0, harmed: None }),
        };
        folder.add(RECORDS, BEGINNING.minus(Duration::from_secs(24 * 3600)))?;
        Ok(Arc::new(folder))
    }
}

struct Folder {
    folder: TempDir,
    now: Arc<Mutex<Timestamp>>,
    content: Mutex<Content>,
}

struct Content {
    /// Time of change by id.
    records: BTreeMap<usize, Timestamp>,
    next_id: usize,
    /// How often a file was written, which gives each its own time of writing: file systems count coarser than tests write.
    writes: u64,
    harmed: Option<usize>,
}

/// A clock that who waits moves.
struct FolderClock(Arc<Mutex<Timestamp>>);

#[async_trait]
impl Clock for FolderClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn sleep(&self, span: Duration) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now = now.plus(span);
    }
}

/// The file in which a record stands.
fn file_of(id: usize) -> usize {
    (id - 1) / RECORDS_A_FILE
}

impl Folder {
    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, file: usize) -> PathBuf {
        self.folder.path().join(format!("customers_{file:03}.csv.gz"))
    }

    fn add(&self, count: usize, at: Timestamp) -> Did<Vec<String>> {
        let mut content = self.content();
        let first = content.next_id;
        content.next_id += count;
        content.records.extend((first..first + count).map(|id| (id, at)));
        for file in file_of(first)..=file_of(first + count - 1) {
            self.write(&mut content, file, None)?;
        }
        Ok((first..first + count).map(|id| id.to_string()).collect())
    }

    /// Writes a file as it should be, or harmed.
    fn write(&self, content: &mut Content, file: usize, harm: Option<Harm>) -> Did {
        let mut text = "customer_id,name,updated_at\n".to_owned();
        for (id, at) in content.records.iter().filter(|(id, _)| file_of(**id) == file) {
            text += &format!("{id},Customer {id},{at}\n");
        }
        if harm == Some(Harm::Html) {
            text = "<!DOCTYPE html>\n<html><body>Sign in to continue</body></html>\n".to_owned();
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes())?;
        let mut bytes = encoder.finish()?;
        if harm == Some(Harm::CutOff) {
            bytes.truncate(bytes.len() / 2);
        }
        let path = self.path(file);
        fs::write(&path, bytes)?;
        content.writes += 1;
        let written = SystemTime::UNIX_EPOCH + Duration::from_micros(1_782_864_000_000_000 + content.writes);
        Ok(File::options().write(true).open(path)?.set_modified(written)?)
    }

    /// Gives a record another time of change, or takes it out.
    fn change(&self, id: &str, to: Option<Timestamp>) -> Did {
        let id: usize = id.parse()?;
        let mut content = self.content();
        let before = match to {
            Some(at) => content.records.get_mut(&id).map(|now| std::mem::replace(now, at)),
            None => content.records.remove(&id),
        };
        before.ok_or_else(|| format!("there is no record {id}"))?;
        self.write(&mut content, file_of(id), None)
    }
}

impl TestAccount for Folder {
    fn config(&self) -> Value {
        json!({
            "path": self.folder.path().join("customers_*.csv.gz").display().to_string(),
            "key": "customer_id",
            "updated_at": "updated_at",
        })
    }

    fn secrets(&self) -> Vec<String> {
        Vec::new()
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(FolderClock(self.now.clone()))
    }

    fn advance(&self, span: Duration) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        *now = now.plus(span);
    }

    fn live_ids(&self, stream: &str) -> Option<BTreeSet<String>> {
        (stream == "customers").then(|| self.content().records.keys().map(ToString::to_string).collect())
    }

    fn create(&self, _: &str, count: usize) -> Did<Vec<String>> {
        self.add(count, self.now())
    }

    fn update(&self, _: &str, id: &str) -> Did {
        self.change(id, Some(self.now()))
    }

    fn delete(&self, _: &str, id: &str) -> Did {
        self.change(id, None)
    }

    fn create_dated(&self, _: &str, at: Timestamp) -> Did<String> {
        self.add(1, at)?.pop().ok_or_else(|| "nothing was created".into())
    }

    /// Harms the file that comes after so many; it stays so until it is healed.
    fn harm(&self, _: &str, harm: Harm, skip: u64, _: Option<u64>) -> Did {
        let file = usize::try_from(skip)?;
        let mut content = self.content();
        content.harmed = Some(file);
        self.write(&mut content, file, Some(harm))
    }

    fn heal(&self) -> Did {
        let mut content = self.content();
        match content.harmed.take() {
            Some(file) => self.write(&mut content, file, None),
            None => Ok(()),
        }
    }
}
