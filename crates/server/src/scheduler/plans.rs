//! The pipelines that a scheduler knows, and what it keeps when a file is broken.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use aqueduct_pipeline::schema::{Error, Result, Secret, codes};
use aqueduct_pipeline::{ControlAddress, Environment, file, pipeline_files, survey};
use aqueduct_schedule::Schedule;

/// A pipeline to be run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// Its file.
    pub file: PathBuf,
    /// The connector of its source.
    pub connector: String,
    /// When it runs; nothing for one that only a person starts.
    pub schedule: Option<Schedule>,
}

/// What the files say now.
#[derive(Debug, Default)]
pub struct Plans {
    /// The pipelines that can be run, by name.
    pub pipelines: BTreeMap<String, Arc<Plan>>,
    /// What is wrong with the others, by the name that the pipeline had or that its file has.
    pub broken: BTreeMap<String, (PathBuf, Error)>,
}

/// Pipeline files that are read again when they change.
#[derive(Debug)]
pub struct Files {
    given: Vec<PathBuf>,
    environment: Environment,
    store: Option<Secret>,
    /// What every file looked like when it was last read.
    seen: BTreeMap<PathBuf, Option<(SystemTime, u64)>>,
    /// The pipeline that each file had when it could last be read.
    named: BTreeMap<PathBuf, String>,
}

impl Files {
    /// The files, or the folders in which they lie.
    pub fn new(given: Vec<PathBuf>, environment: Environment) -> Self {
        Self { given, environment, store: None, seen: BTreeMap::new(), named: BTreeMap::new() }
    }

    /// The control store of the first pipeline whose file says where it is.
    ///
    /// # Errors
    /// `AQ1012` where a folder cannot be read or no file is there; the first file's mistake where none can be read.
    pub fn control(&mut self) -> Result<ControlAddress> {
        let files = self.listed()?;
        let mut first = None;
        for path in &files {
            match file::outline(path, &self.environment) {
                Ok(outline) => {
                    self.store = Some(outline.control.url.clone());
                    return Ok(outline.control);
                }
                Err(error) => first = first.or(Some(error)),
            }
        }
        Err(first.unwrap_or_else(|| {
            Error::new(codes::FILE_UNREADABLE, "there is no pipeline file to serve")
                .advise("Name a folder with pipeline files, or run where the folder pipelines/ is. `aqueduct init hubspot` writes one.")
        }))
    }

    /// What the files say, if any has changed since this was last asked.
    ///
    /// # Errors
    /// `AQ1012` where a folder cannot be read.
    pub fn changed(&mut self) -> Result<Option<Plans>> {
        let files = self.listed()?;
        let seen: BTreeMap<PathBuf, _> = files.iter().map(|path| (path.clone(), look(path))).collect();
        if seen == self.seen {
            return Ok(None);
        }
        self.seen = seen;
        Ok(Some(self.read(&files)))
    }

    fn read(&mut self, files: &[PathBuf]) -> Plans {
        let found = survey(files);
        let mut plans = Plans::default();
        let mut wrong: BTreeMap<PathBuf, Error> = BTreeMap::new();
        for mistake in found.mistakes {
            let file = mistake.location().map(|place| PathBuf::from(&place.file));
            // A file that cannot be opened is named by its message alone.
            let file = file.or_else(|| files.iter().find(|path| mistake.message().contains(&path.display().to_string())).cloned());
            if let Some(file) = file {
                wrong.entry(file).or_insert(mistake);
            }
        }
        for pipeline in found.pipelines {
            if wrong.contains_key(&pipeline.file) {
                continue;
            }
            match self.outline(&pipeline.file) {
                Ok(connector) => {
                    self.named.insert(pipeline.file.clone(), pipeline.name.clone());
                    let plan = Plan { name: pipeline.name.clone(), file: pipeline.file, connector, schedule: pipeline.schedule };
                    plans.pipelines.insert(pipeline.name, Arc::new(plan));
                }
                Err(error) => {
                    wrong.insert(pipeline.file, error);
                }
            }
        }
        for (file, error) in wrong {
            let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
            // Two files may claim one name; the one that is left out then goes by its path.
            let names = [self.named.get(&file).cloned(), stem, Some(file.display().to_string())];
            let free = names.into_iter().flatten().find(|name| !plans.pipelines.contains_key(name) && !plans.broken.contains_key(name));
            plans.broken.insert(free.unwrap_or_default(), (file, error));
        }
        plans
    }

    /// The connector of a file, whose control store must be that of the scheduler: a run ends its occurrence where it was claimed.
    fn outline(&self, path: &Path) -> Result<String> {
        let outline = file::outline(path, &self.environment)?;
        match &self.store {
            Some(store) if store.expose() != outline.control.url.expose() => {
                let error = Error::new(codes::BAD_CONTROL, "this pipeline has another control store than the others that are served");
                Err(error
                    .at(path.display().to_string(), 1, 0)
                    .advise("Start one `aqueduct serve` for each control store, or give all pipelines one."))
            }
            _ => Ok(outline.connector),
        }
    }

    fn listed(&self) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for given in &self.given {
            match given.is_dir() {
                true => files.extend(pipeline_files(given)?),
                false => files.push(given.clone()),
            }
        }
        files.sort();
        files.dedup();
        Ok(files)
    }
}

/// Its time and size; nothing where it is gone.
fn look(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn pipeline(schedule: &str) -> String {
        format!("schedule: {schedule}\nsource: {{ connector: files, config: {{ path: a.csv }} }}\ndestination: {{ url: \"discard://\" }}\n")
    }

    #[test]
    fn files_are_read_again_when_they_change() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("a.yaml", &pipeline("{ every: 15m }"));
        write("b.yaml", &pipeline("{ every: 1h }"));
        let mut files = Files::new(vec![folder.path().to_owned()], Environment::default());
        assert!(files.control().unwrap().url.expose().contains(".aqueduct/control.db"));
        let plans = files.changed().unwrap().unwrap();
        assert_eq!(plans.pipelines.keys().collect::<Vec<_>>(), ["a", "b"]);
        assert!(plans.broken.is_empty());
        assert!(files.changed().unwrap().is_none(), "nothing has changed");

        write("b.yaml", "schedule: { every: soon }\n");
        write("c.yaml", &format!("control: {{ url: \"sqlite://other.db\" }}\n{}", pipeline("{ every: 2h }")));
        let plans = files.changed().unwrap().unwrap();
        assert_eq!(plans.pipelines.keys().collect::<Vec<_>>(), ["a"]);
        let broken: Vec<_> = plans.broken.iter().map(|(name, (_, error))| (name.as_str(), error.code().id)).collect();
        assert_eq!(broken.len(), 2, "{broken:?}");
        assert_eq!(broken[1], ("c", codes::BAD_CONTROL.id));

        std::fs::remove_file(folder.path().join("b.yaml")).unwrap();
        write("c.yaml", &pipeline("{ every: 2h }"));
        let plans = files.changed().unwrap().unwrap();
        assert_eq!(plans.pipelines.keys().collect::<Vec<_>>(), ["a", "c"]);
        assert!(plans.broken.is_empty());
    }
}
