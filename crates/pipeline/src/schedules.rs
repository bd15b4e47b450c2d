//! The schedules of the pipelines of a folder, each checked, and all against each other.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use aqueduct_connector::selection::nearest;
use aqueduct_control::Control;
use aqueduct_control::standing::Pause;
use aqueduct_schedule::Schedule;
use aqueduct_schema::{Error, Result, codes};
use serde_saphyr::Spanned;

use crate::control::ControlAddress;
use crate::environment::{Environment, place};
use crate::file::{PipelineFile, form, read_text};
use crate::runs::moment;

/// A pipeline as a scheduler sees it: its file is not opened further than that, so no variable has to be set and no connector to be there.
#[derive(Clone, Debug)]
pub struct Scheduled {
    /// The pipeline's name, under which its state, its leases and its runs are kept.
    pub name: String,
    /// The file, as a command line takes it.
    pub file: PathBuf,
    /// When it runs; none for one that only a person runs.
    pub schedule: Option<Schedule>,
    place: Place,
}

/// Where names stand in a file: line and column.
#[derive(Clone, Debug, Default)]
struct Place {
    name: (u64, u64),
    after: Vec<(u64, u64)>,
}

/// What was found in pipeline files: the pipelines that can be read, and everything that is wrong.
#[derive(Debug, Default)]
pub struct Survey {
    /// The pipelines, in the order of their names.
    pub pipelines: Vec<Scheduled>,
    /// Every mistake, with file, line and column: first those of single files, then those of files against each other.
    pub mistakes: Vec<Error>,
}

/// The pipelines of a folder with their schedules, in the order of their names.
///
/// # Errors
/// The first mistake that [`survey`] finds, and `AQ1001` where there is no such folder.
pub fn schedules(folder: &Path) -> Result<Vec<Scheduled>> {
    let Survey { pipelines, mistakes } = survey(&pipeline_files(folder)?);
    match mistakes.into_iter().next() {
        Some(mistake) => Err(mistake),
        None => Ok(pipelines),
    }
}

/// The pipeline files of a folder: what ends with `.yaml` or `.yml`, in the order of their names.
///
/// # Errors
/// `AQ1001` where there is no such folder.
pub fn pipeline_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).map_err(|_| {
        Error::new(codes::BAD_USAGE, format!("there is no folder {}/ here", folder.display()))
            .advise("Name the pipeline files, or run where the folder is.")
    })?;
    let is_yaml = |path: &PathBuf| path.is_file() && path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_yaml).collect();
    files.sort();
    Ok(files)
}

/// Reads pipeline files as far as a scheduler needs them, all of them, whatever is wrong with the others.
///
/// Mistakes are those of the files' form and of their schedules (`AQ1002`, `AQ1003`, `AQ1012`, `AQ1016` to `AQ1018`), `AQ1019` for two pipelines of one
/// name, `AQ1020` for an `after` that names none of them, `AQ1021` for pipelines that wait for each other.
pub fn survey(files: &[PathBuf]) -> Survey {
    let mut survey = Survey::default();
    // A file that cannot be read may still be one that others wait for.
    let mut unread = Vec::new();
    for file in files {
        match read(file) {
            Ok(pipeline) => survey.pipelines.push(pipeline),
            Err(mistake) => {
                unread.extend(file.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
                survey.mistakes.push(mistake);
            }
        }
    }
    let same = same_names(&survey.pipelines);
    let unknown = unknown_names(&survey.pipelines, &unread);
    survey.mistakes.extend(same);
    survey.mistakes.extend(unknown);
    survey.mistakes.extend(cycle(&survey.pipelines));
    survey.pipelines.sort_by(|one, other| one.name.cmp(&other.name));
    survey
}

impl Scheduled {
    /// Where the pipeline's control store is.
    ///
    /// # Errors
    /// `AQ1004` and `AQ1014` for an address that cannot be used.
    pub fn control(&self, environment: &Environment) -> Result<ControlAddress> {
        let text = read_text(&self.file)?;
        let mut content = form(&self.file.display().to_string(), &text)?;
        crate::file::control(&mut content, &self.file, environment, &text)
    }
}

/// The pipelines that somebody has paused outside of their files, each with why. A control store that is not there pauses nothing.
///
/// # Errors
/// That of the first control store that cannot be asked, `AQ4004`, or whose address cannot be used.
pub async fn pauses(pipelines: &[Scheduled], environment: &Environment) -> Result<HashMap<String, String>> {
    let mut stores: HashMap<String, HashMap<String, String>> = HashMap::new();
    let mut found = HashMap::new();
    for pipeline in pipelines {
        let address = pipeline.control(environment)?;
        let url = address.url.expose().to_owned();
        if !stores.contains_key(&url) {
            stores.insert(url.clone(), paused_in(address).await?);
        }
        if let Some(why) = stores.get(&url).and_then(|store| store.get(&pipeline.name)) {
            found.insert(pipeline.name.clone(), why.clone());
        }
    }
    Ok(found)
}

async fn paused_in(address: ControlAddress) -> Result<HashMap<String, String>> {
    // Asking would make the file.
    if address.url.expose().strip_prefix("sqlite://").is_some_and(|path| !Path::new(path).exists()) {
        return Ok(HashMap::new());
    }
    let control = Control::open(&address.url, address.key).await?;
    let told = |pause: Pause| {
        let since = format!("paused since {} by {}", moment(pause.since), pause.by);
        match pause.reason {
            Some(reason) => format!("{since}: {reason}"),
            None => since,
        }
    };
    let standings = control.schedules().await?;
    Ok(standings.into_iter().filter_map(|(pipeline, standing)| Some((pipeline, told(standing.paused?)))).collect())
}

fn read(path: &Path) -> Result<Scheduled> {
    let shown = path.display().to_string();
    let text = read_text(path)?;
    let content = form(&shown, &text)?;
    let name = name(&content, path, &text)?;
    let schedule = schedule(&content, &shown, &text)?;
    let spot = |value: &Spanned<String>| (value.referenced.line(), value.referenced.column());
    let of_name = content.name.as_ref().map_or((1, 0), spot);
    let after = content.schedule.as_ref().map(|section| section.after.iter().map(spot).collect());
    Ok(Scheduled { name, file: path.to_owned(), schedule, place: Place { name: of_name, after: after.unwrap_or_default() } })
}

/// The name of a pipeline: the file's own where it does not say.
pub(crate) fn name(content: &PipelineFile, path: &Path, text: &str) -> Result<String> {
    let name = match &content.name {
        Some(name) => name.value.clone(),
        None => path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default(),
    };
    if name.is_empty() || name.len() > 63 || !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) {
        let error = Error::new(codes::BAD_YAML, "a pipeline's name has letters, digits, `-` and `_`, 63 at most");
        return Err(place(error, &path.display().to_string(), text, &name));
    }
    Ok(name)
}

/// The schedule of a pipeline file.
pub(crate) fn schedule(content: &PipelineFile, shown: &str, text: &str) -> Result<Option<Schedule>> {
    let Some(section) = &content.schedule else { return Ok(None) };
    match Schedule::compile(section, shown) {
        Ok(schedule) => Ok(Some(schedule)),
        Err(error) if error.location().is_none() => Err(place(error, shown, text, "schedule:")),
        Err(error) => Err(error),
    }
}

fn same_names(pipelines: &[Scheduled]) -> Vec<Error> {
    let mut first: HashMap<&str, &Scheduled> = HashMap::new();
    let mut mistakes = Vec::new();
    for pipeline in pipelines {
        match first.get(pipeline.name.as_str()) {
            Some(other) => {
                let message = format!("`{}` is the name of the pipeline in {} too", pipeline.name, other.file.display());
                let (line, column) = pipeline.place.name;
                mistakes.push(Error::new(codes::SAME_NAME, message).at(pipeline.file.display().to_string(), line, column));
            }
            None => {
                first.insert(&pipeline.name, pipeline);
            }
        }
    }
    mistakes
}

/// The names that a pipeline waits for, each with its place.
fn waits(pipeline: &Scheduled) -> impl Iterator<Item = (&String, (u64, u64))> {
    let names = pipeline.schedule.as_ref().map(Schedule::dependencies).unwrap_or_default();
    names.iter().zip(pipeline.place.after.iter().copied())
}

fn unknown_names(pipelines: &[Scheduled], unread: &[String]) -> Vec<Error> {
    let mut mistakes = Vec::new();
    for pipeline in pipelines {
        for (name, (line, column)) in waits(pipeline) {
            if unread.contains(name) || pipelines.iter().any(|other| other.name == *name) {
                continue;
            }
            let error =
                Error::new(codes::UNKNOWN_PIPELINE, format!("`{}` waits for `{name}`, and there is no such pipeline", pipeline.name));
            let others = pipelines.iter().map(|other| other.name.as_str()).filter(|other| *other != pipeline.name);
            let error = match nearest(name, others) {
                Some(near) => error.advise(format!("Did you mean `{near}`?")),
                None => error,
            };
            mistakes.push(error.at(pipeline.file.display().to_string(), line, column));
        }
    }
    mistakes
}

/// The first circle among pipelines and those before them; nothing that they do not wait for counts.
pub(crate) fn circle_before(pipelines: &[Scheduled], names: &[String]) -> Option<Error> {
    let mut before: Vec<Scheduled> = Vec::new();
    let mut ahead: Vec<&str> = names.iter().map(String::as_str).collect();
    while let Some(name) = ahead.pop() {
        if before.iter().any(|pipeline| pipeline.name == name) {
            continue;
        }
        if let Some(pipeline) = pipelines.iter().find(|pipeline| pipeline.name == name) {
            ahead.extend(waits(pipeline).map(|(name, _)| name.as_str()));
            before.push(pipeline.clone());
        }
    }
    cycle(&before)
}

/// The first circle of pipelines that wait for each other, told at the name that closes it.
fn cycle(pipelines: &[Scheduled]) -> Option<Error> {
    let by_name: HashMap<&str, &Scheduled> = pipelines.iter().map(|pipeline| (pipeline.name.as_str(), pipeline)).collect();
    let mut done: Vec<&str> = Vec::new();
    for pipeline in pipelines {
        let mut way = vec![(pipeline, waits(pipeline))];
        while let Some((at, names)) = way.last_mut() {
            let Some((name, (line, column))) = names.next() else {
                done.push(&at.name);
                way.pop();
                continue;
            };
            if let Some(start) = way.iter().position(|(on_the_way, _)| on_the_way.name == *name) {
                let circle: Vec<&str> = way[start..].iter().map(|(member, _)| member.name.as_str()).chain([name.as_str()]).collect();
                let message = format!("pipelines wait for each other: {}", circle.join(" after "));
                let file = way.last().map(|(last, _)| last.file.display().to_string()).unwrap_or_default();
                return Some(Error::new(codes::DEPENDENCY_CYCLE, message).at(file, line, column));
            }
            if let Some(next) = by_name.get(name.as_str()).filter(|next| !done.contains(&next.name.as_str())) {
                way.push((next, waits(next)));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: &str = "source: { connector: hubspot, config: { access_token: \"${NO}\" } }\ndestination: { url: \"${NO}\" }\n";

    fn surveyed(files: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), format!("{text}{REST}")).unwrap();
        }
        let survey = survey(&pipeline_files(folder.path()).unwrap());
        let root = format!("{}/", folder.path().display());
        let said = survey.mistakes.iter().map(|mistake| format!("{mistake} | {}", mistake.advice()).replace(&root, "")).collect();
        (survey.pipelines.into_iter().map(|pipeline| pipeline.name).collect(), said)
    }

    #[test]
    fn pipelines_are_read_without_their_secrets() {
        let (names, mistakes) = surveyed(&[
            ("b.yaml", "schedule: { every: 15m }\n"),
            ("a.yml", "name: z\nschedule: { cron: \"@daily\", after: [b] }\n"),
            ("c.yaml", ""),
            ("notes.txt", "none"),
        ]);
        assert_eq!((names, mistakes), (vec!["b".to_owned(), "c".to_owned(), "z".to_owned()], Vec::new()));
    }

    #[test]
    fn every_mistake_of_every_file_is_told() {
        let (names, mistakes) = surveyed(&[
            ("a.yaml", "name: crm\n"),
            ("b.yaml", "name: crm\n"),
            ("c.yaml", "schedule: { every: 15m, after: [crn] }\n"),
            ("d.yaml", "schedule:\n  every: 15m\n  after:\n    - f\n    - g\n"),
            ("f.yaml", "schedule: { every: 15x }\n"),
        ]);
        assert_eq!(names, ["c", "crm", "crm", "d"]);
        assert_eq!(
            mistakes,
            [
                format!("AQ1016 `15x` is not a span of time such as 90s, 15m, 1h30m or 1d (f.yaml:1:20) | {}", codes::BAD_SCHEDULE.advice),
                format!("AQ1019 `crm` is the name of the pipeline in a.yaml too (b.yaml:1:7) | {}", codes::SAME_NAME.advice),
                "AQ1020 `c` waits for `crn`, and there is no such pipeline (c.yaml:1:33) | Did you mean `crm`?".to_owned(),
                "AQ1020 `d` waits for `g`, and there is no such pipeline (d.yaml:5:7) | Did you mean `c`?".to_owned(),
            ]
        );
    }

    #[test]
    fn a_circle_is_named() {
        let waiting = |after: &str| format!("schedule:\n  every: 1h\n  after: [{after}]\n");
        let (_, mistakes) =
            surveyed(&[("a.yaml", &waiting("b")), ("b.yaml", &waiting("d, c")), ("c.yaml", &waiting("d, b")), ("d.yaml", &waiting(""))]);
        let advice = codes::DEPENDENCY_CYCLE.advice;
        assert_eq!(mistakes, [format!("AQ1021 pipelines wait for each other: b after c after b (c.yaml:3:14) | {advice}")]);
        let (_, mistakes) = surveyed(&[("a.yaml", &waiting("a"))]);
        assert_eq!(mistakes, [format!("AQ1021 pipelines wait for each other: a after a (a.yaml:3:11) | {advice}")]);
        let (_, mistakes) = surveyed(&[("a.yaml", &waiting("b, c")), ("b.yaml", &waiting("d")), ("c.yaml", &waiting("d")), ("d.yaml", "")]);
        assert_eq!(mistakes, Vec::<String>::new());
    }

    #[test]
    fn a_folder_that_is_not_there_is_told() {
        assert_eq!(schedules(Path::new("/no/such/folder")).unwrap_err().code(), codes::BAD_USAGE);
    }
}
