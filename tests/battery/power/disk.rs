//! A disk as POSIX promises it: what was synced is there, and of everything else any part may be.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::journal::Step;
use crate::random::Random;

/// The files of a folder by their paths below it; folders are there with no content.
pub(crate) type Image = BTreeMap<String, Option<Vec<u8>>>;

const PAGE: usize = 4_096;
const SECTOR: usize = 512;

/// A change of a file's content that is not synced.
#[derive(Clone)]
enum Change {
    Write { offset: usize, data: Vec<u8> },
    Truncate { length: usize },
}

#[derive(Clone, Default)]
struct File {
    synced: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Clone, Copy)]
enum Entry {
    File(usize),
    Folder,
}

/// A change of a folder's names that is not synced.
#[derive(Clone)]
enum Naming {
    Put(String, Entry),
    Remove(String),
    Rename(String, String, Entry),
}

/// The state after some steps.
#[derive(Clone)]
pub(crate) struct Disk {
    files: Vec<File>,
    by_inode: HashMap<u64, usize>,
    /// The names as the program sees them.
    live: BTreeMap<String, Entry>,
    /// The names that are synced.
    synced: BTreeMap<String, Entry>,
    pending: BTreeMap<String, Vec<Naming>>,
}

/// How much of what was not synced survives a cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Survives {
    Nothing,
    /// What came first, and the last of it torn.
    First,
    /// Every page of every write by chance.
    AnyPages,
    Everything,
}

impl Disk {
    /// A disk with these files, all synced.
    pub(crate) fn new(image: &Image) -> Self {
        let mut disk =
            Self { files: Vec::new(), by_inode: HashMap::new(), live: BTreeMap::new(), synced: BTreeMap::new(), pending: BTreeMap::new() };
        for (path, content) in image {
            let entry = content.as_ref().map_or(Entry::Folder, |content| disk.add(File { synced: content.clone(), pending: Vec::new() }));
            disk.live.insert(path.clone(), entry);
            disk.synced.insert(path.clone(), entry);
        }
        disk
    }

    fn add(&mut self, file: File) -> Entry {
        self.files.push(file);
        Entry::File(self.files.len() - 1)
    }

    fn file(&mut self, inode: u64) -> Option<&mut File> {
        self.by_inode.get(&inode).and_then(|file| self.files.get_mut(*file))
    }

    fn named(&mut self, path: &str, naming: Naming) {
        self.pending.entry(folder_of(path).to_owned()).or_default().push(naming);
    }

    /// Does one step.
    pub(crate) fn step(&mut self, step: &Step) {
        match step {
            Step::Create { path, inode } => {
                let entry = self.add(File::default());
                self.by_inode.insert(*inode, self.files.len() - 1);
                self.live.insert(path.clone(), entry);
                self.named(path, Naming::Put(path.clone(), entry));
            }
            Step::Open { path, inode } => {
                if let Some(Entry::File(file)) = self.live.get(path) {
                    self.by_inode.insert(*inode, *file);
                }
            }
            Step::Truncate { inode, length } => {
                if let Some(file) = self.file(*inode) {
                    file.pending.push(Change::Truncate { length: *length as usize });
                }
            }
            Step::Write { inode, offset, data } => {
                if let Some(file) = self.file(*inode) {
                    file.pending.push(Change::Write { offset: *offset as usize, data: data.clone() });
                }
            }
            Step::Sync { inode } => {
                if let Some(file) = self.file(*inode) {
                    for change in std::mem::take(&mut file.pending) {
                        apply(&mut file.synced, &change);
                    }
                }
            }
            Step::MakeFolder { path } => {
                self.live.insert(path.clone(), Entry::Folder);
                self.named(path, Naming::Put(path.clone(), Entry::Folder));
            }
            Step::SyncFolder { path } => {
                for naming in self.pending.remove(path).unwrap_or_default() {
                    rename(&mut self.synced, &naming);
                }
            }
            Step::Rename { from, to } => {
                if let Some(entry) = self.live.remove(from) {
                    self.live.insert(to.clone(), entry);
                    self.named(to, Naming::Rename(from.clone(), to.clone(), entry));
                }
            }
            Step::Link { from, to } => {
                if let Some(entry) = self.live.get(from).copied() {
                    self.live.insert(to.clone(), entry);
                    self.named(to, Naming::Put(to.clone(), entry));
                }
            }
            Step::Remove { path } => {
                self.live.remove(path);
                self.named(path, Naming::Remove(path.clone()));
            }
            Step::Send { .. } => {}
        }
    }

    /// What is there after the power went: all that was synced, and of the rest what chance leaves.
    pub(crate) fn cut(&self, survives: Survives, random: &mut Random) -> Image {
        let mut names = self.synced.clone();
        for namings in self.pending.values() {
            let first = random.between(0, namings.len() as u64 + 1) as usize;
            for (number, naming) in namings.iter().enumerate() {
                let kept = match survives {
                    Survives::Nothing => false,
                    Survives::Everything => true,
                    Survives::First => number < first,
                    Survives::AnyPages => random.one_in(2),
                };
                if kept {
                    rename(&mut names, naming);
                }
            }
        }
        let mut image = Image::new();
        for (path, entry) in &names {
            // A map of shared memory is no file that lasts; SQLite makes it anew.
            if path.ends_with("-shm") || !ancestors_are_there(&names, path) {
                continue;
            }
            let content = match entry {
                Entry::Folder => None,
                Entry::File(file) => Some(self.files.get(*file).map(|file| file.cut(survives, random)).unwrap_or_default()),
            };
            image.insert(path.clone(), content);
        }
        image
    }
}

impl File {
    fn cut(&self, survives: Survives, random: &mut Random) -> Vec<u8> {
        let mut content = self.synced.clone();
        let first = random.between(0, self.pending.len() as u64 + 1) as usize;
        for (number, change) in self.pending.iter().enumerate() {
            match (survives, change) {
                (Survives::Nothing, _) => {}
                (Survives::Everything, change) => apply(&mut content, change),
                (Survives::First, change) if number < first => apply(&mut content, change),
                (Survives::First, Change::Write { offset, data }) if number == first => {
                    let unit = if random.one_in(2) { PAGE } else { SECTOR };
                    let kept = random.between(0, data.len() as u64 + 1) as usize / unit * unit;
                    apply(&mut content, &Change::Write { offset: *offset, data: data[..kept.min(data.len())].to_vec() });
                }
                (Survives::First, _) => {}
                (Survives::AnyPages, Change::Write { offset, data }) => {
                    let unit = if random.one_in(4) { SECTOR } else { PAGE };
                    let mut at = 0;
                    while at < data.len() {
                        // Up to the next border of the disk's own pages.
                        let end = (at + unit - (offset + at) % unit).min(data.len());
                        if random.one_in(2) {
                            apply(&mut content, &Change::Write { offset: offset + at, data: data[at..end].to_vec() });
                        }
                        at = end;
                    }
                }
                (Survives::AnyPages, change) => {
                    if random.one_in(2) {
                        apply(&mut content, change);
                    }
                }
            }
        }
        content
    }
}

fn apply(content: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write { data, .. } if data.is_empty() => {}
        Change::Write { offset, data } => {
            if content.len() < offset + data.len() {
                content.resize(offset + data.len(), 0);
            }
            content[*offset..offset + data.len()].copy_from_slice(data);
        }
        Change::Truncate { length } => content.resize(*length, 0),
    }
}

fn rename(names: &mut BTreeMap<String, Entry>, naming: &Naming) {
    match naming {
        Naming::Put(path, entry) => drop(names.insert(path.clone(), *entry)),
        Naming::Remove(path) => drop(names.remove(path)),
        Naming::Rename(from, to, entry) => {
            names.remove(from);
            names.insert(to.clone(), *entry);
        }
    }
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn ancestors_are_there(names: &BTreeMap<String, Entry>, path: &str) -> bool {
    let folder = folder_of(path);
    folder.is_empty() || (matches!(names.get(folder), Some(Entry::Folder)) && ancestors_are_there(names, folder))
}

/// Reads a folder.
pub(crate) fn read(root: &Path) -> Image {
    fn add(image: &mut Image, root: &Path, below: &str) {
        for entry in std::fs::read_dir(root.join(below)).expect("the folder is there").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if below.is_empty() { name } else { format!("{below}/{name}") };
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                image.insert(path.clone(), None);
                add(image, root, &path);
            } else {
                image.insert(path, Some(std::fs::read(entry.path()).expect("the file can be read")));
            }
        }
    }
    let mut image = Image::new();
    add(&mut image, root, "");
    image
}

/// Writes a folder.
pub(crate) fn write(root: &Path, image: &Image) {
    // A folder comes before what is in it.
    for (path, content) in image {
        match content {
            None => std::fs::create_dir_all(root.join(path)).expect("the folder is made"),
            Some(content) => std::fs::write(root.join(path), content).expect("the file is written"),
        }
    }
}
