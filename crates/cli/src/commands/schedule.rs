//! `aqueduct schedule next` and `aqueduct schedule export`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use aqueduct_pipeline::schedule::export::{Exported, Format, Job, Options, export};
use aqueduct_pipeline::schema::{Error, Result, codes};
use aqueduct_pipeline::{Scheduled, pauses, pipeline_files, survey, upcoming};

use crate::arguments::{ExportArguments, ExportFormat};
use crate::commands::{Context, find};
use crate::output::{json_error, table};

/// The words with which every exported file begins, by which an earlier export's are told from others.
const WRITTEN: &str = "Written by `aqueduct schedule export`";

/// Lists what will run when.
pub(crate) async fn next(context: &Context, named: &[PathBuf], count: usize, from: Option<jiff::Timestamp>) -> Result<u8> {
    let Some(pipelines) = scheduled(context, named)? else { return Ok(2) };
    let pauses = paused(context, &pipelines).await;
    let found = upcoming(&pipelines, from.unwrap_or_else(now), count, |name| pauses.get(name).cloned());
    if context.output.is_json() {
        found.iter().for_each(|next| context.output.json_line(next));
        return Ok(0);
    }
    let minute = |text: &str| text.replace('T', " ");
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|next| {
            let starts = next.starts_at.filter(|starts| *starts != next.at).map(|starts| minute(&starts.strftime("%H:%M:%SZ").to_string()));
            vec![
                next.pipeline.clone(),
                format!("{} {}", minute(&next.local[..19]), next.zone),
                next.at.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
                starts.unwrap_or_default(),
                next.why.clone(),
            ]
        })
        .collect();
    context.output.answer(&table(&["pipeline", "local time", "UTC", "starts", "held back by"], &rows));
    Ok(0)
}

/// The pipelines that are meant and have a schedule. None where there are mistakes, which are told.
pub(crate) fn scheduled(context: &Context, named: &[PathBuf]) -> Result<Option<Vec<Scheduled>>> {
    let folder = Path::new("pipelines");
    let meant = named.iter().map(|name| find(name)).collect::<Result<Vec<PathBuf>>>()?;
    let mut files = if meant.is_empty() || folder.is_dir() { pipeline_files(folder)? } else { Vec::new() };
    files.extend(meant.iter().filter(|file| !files.contains(file)).cloned().collect::<Vec<_>>());
    let mut found = survey(&files);
    if !meant.is_empty() {
        // The others were read only because those that are meant may wait for them.
        found.pipelines.retain(|pipeline| meant.contains(&pipeline.file));
        found.mistakes.retain(|mistake| mistake.location().is_none_or(|place| meant.iter().any(|file| *file == Path::new(&place.file))));
    }
    if !found.mistakes.is_empty() {
        tell(context, &found.mistakes);
        return Ok(None);
    }
    let without = found.pipelines.iter().find(|pipeline| pipeline.schedule.is_none() && !meant.is_empty());
    if let Some(without) = without {
        let error = Error::new(codes::BAD_SCHEDULE, format!("pipeline `{}` has no schedule", without.name));
        return Err(error.at(without.file.display().to_string(), 1, 0).advise("Write `schedule: { every: 15m }` into its file."));
    }
    found.pipelines.retain(|pipeline| pipeline.schedule.is_some());
    if found.pipelines.is_empty() {
        let error = Error::new(codes::BAD_SCHEDULE, "no pipeline in pipelines/ has a schedule");
        return Err(error.advise("Write `schedule: { every: 15m }` into a pipeline file."));
    }
    Ok(Some(found.pipelines))
}

/// Every mistake, on standard error, and as a JSON line each where that is asked for.
fn tell(context: &Context, mistakes: &[Error]) {
    mistakes.iter().for_each(|mistake| context.output.error(mistake));
}

/// The pipelines that somebody has paused, and why. A control store that cannot be asked is said: its pipelines may be paused.
async fn paused(context: &Context, pipelines: &[Scheduled]) -> HashMap<String, String> {
    let Some(first) = pipelines.first() else { return HashMap::new() };
    let found = match context.environment(&first.file) {
        Ok(environment) => pauses(pipelines, &environment).await,
        Err(error) => Err(error),
    };
    found.unwrap_or_else(|error| {
        context.output.words(&format!("Whether pipelines are paused is not known: {error}"));
        HashMap::new()
    })
}

/// Writes schedules in another program's words.
pub(crate) fn export_schedules(context: &Context, arguments: &ExportArguments) -> Result<u8> {
    let Some(pipelines) = scheduled(context, &arguments.pipelines)? else { return Ok(2) };
    let in_a_pod = arguments.format == ExportFormat::Kubernetes;
    let options = Options {
        command: arguments.command.clone().unwrap_or_else(|| if in_a_pod { "aqueduct".to_owned() } else { own_path() }),
        folder: arguments.folder.clone().unwrap_or_else(|| if in_a_pod { "/aqueduct".to_owned() } else { working_folder() }),
        user: arguments.user.clone(),
        cron_zone: arguments.cron_timezone.clone(),
        knows_cron_tz: arguments.cron_tz,
        image: arguments.image.clone(),
        namespace: arguments.namespace.clone(),
        secret: arguments.secret.clone(),
        leave_out: arguments.leave_out.clone(),
        from: now(),
    };
    let files: Vec<String> = pipelines.iter().map(|pipeline| pipeline.file.display().to_string()).collect();
    let jobs: Vec<Job<'_>> = pipelines
        .iter()
        .zip(&files)
        .filter_map(|(pipeline, file)| Some(Job { pipeline: &pipeline.name, file, schedule: pipeline.schedule.as_ref()? }))
        .collect();
    let format = match arguments.format {
        ExportFormat::Crontab => Format::Crontab,
        ExportFormat::Systemd => Format::Systemd,
        ExportFormat::Kubernetes => Format::Kubernetes,
        ExportFormat::Airflow => Format::Airflow,
    };
    match export(format, &jobs, &options) {
        Ok(files) => {
            write(&arguments.output, &files)?;
            for file in &files {
                let path = arguments.output.join(&file.name).display().to_string();
                if context.output.is_json() {
                    context.output.json_line(&serde_json::json!({ "file": path }));
                } else {
                    context.output.answer(&path);
                }
            }
            context.output.words(next_step(format, options.user.is_some()));
            Ok(0)
        }
        Err(errors) => {
            tell(context, &errors);
            Ok(errors.first().map_or(2, Error::exit_code))
        }
    }
}

fn next_step(format: Format, for_the_system: bool) -> &'static str {
    match (format, for_the_system) {
        (Format::Crontab, true) => "Install it as root: install -m 644 FOLDER/aqueduct /etc/cron.d/aqueduct",
        (Format::Crontab, false) => "Look at `crontab -l` first, then install it: crontab FOLDER/aqueduct.crontab",
        (Format::Systemd, true) => {
            "Copy them to /etc/systemd/system, then: systemctl daemon-reload && systemctl enable --now aqueduct-PIPELINE.timer"
        }
        (Format::Systemd, false) => {
            "Copy them to ~/.config/systemd/user, then: systemctl --user daemon-reload && systemctl --user enable --now aqueduct-PIPELINE.timer"
        }
        (Format::Kubernetes, _) => "Look at them, then: kubectl apply -f FOLDER",
        (Format::Airflow, _) => "Copy them to the folder of DAGs.",
    }
}

/// Writes the files; one that is there and was not written by an export stops everything before the first.
fn write(folder: &Path, files: &[Exported]) -> Result<()> {
    let failed = |path: &Path, error: std::io::Error| {
        Error::new(codes::FILE_UNREADABLE, format!("`{}` cannot be written ({})", path.display(), error.kind()))
    };
    for file in files {
        let path = folder.join(&file.name);
        let is_ours = match std::fs::read(&path) {
            Ok(text) => String::from_utf8_lossy(&text[..text.len().min(500)]).contains(WRITTEN),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
            Err(error) => return Err(failed(&path, error)),
        };
        if !is_ours {
            let error = Error::new(codes::BAD_USAGE, format!("`{}` is there and was not written by an export", path.display()));
            return Err(error.advise("Name another folder, or move the file away."));
        }
    }
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    for file in files {
        let path = folder.join(&file.name);
        std::fs::write(&path, &file.text).map_err(|error| failed(&path, error))?;
    }
    Ok(())
}

fn own_path() -> String {
    std::env::current_exe().map_or_else(|_| "aqueduct".to_owned(), |path| path.display().to_string())
}

fn working_folder() -> String {
    std::env::current_dir().map_or_else(|_| ".".to_owned(), |path| path.display().to_string())
}

#[expect(clippy::disallowed_methods, reason = "a person asks from now on; nothing about rows follows from it")]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// Every mistake of the pipeline files against each other, as `validate` tells them: with the file each is in.
pub(crate) fn mistakes_between(files: &[PathBuf]) -> Vec<Error> {
    let between = [codes::SAME_NAME, codes::UNKNOWN_PIPELINE, codes::DEPENDENCY_CYCLE];
    survey(files).mistakes.into_iter().filter(|mistake| between.contains(&mistake.code())).collect()
}

/// A mistake as a line of `validate --json`.
pub(crate) fn mistake_line(mistake: &Error) -> serde_json::Value {
    let file = mistake.location().map(|place| place.file.clone());
    serde_json::json!({ "file": file, "valid": false, "error": json_error(mistake)["error"] })
}
