//! The commands: each turns arguments into calls of the library and its answers into text.

mod alerts;
mod backfill;
mod check;
mod clean;
mod demo;
mod discover;
mod drift;
mod explain;
mod identity;
mod init;
mod new_connector;
mod preview;
mod quarantine;
mod reconcile;
mod record;
mod renormalise;
mod replay;
mod resolve;
mod run;
mod runs;
mod schedule;
mod schedule_state;
mod scheduled;
mod schema;
mod serve;
mod state;
mod validate;

pub(crate) use backfill::state as backfill_state;

pub(crate) use identity::words as identity_words;

use std::path::{Path, PathBuf};

use aqueduct_pipeline::connector::selection::nearest;
use aqueduct_pipeline::schema::{Error, Result, codes};
use aqueduct_pipeline::{Environment, Pipeline, Registry, pipeline_files, project_of, survey};

use crate::arguments::{Arguments, Command, ScheduleAction};
use crate::output::Output;

/// Carries out a command; its exit code.
pub(crate) async fn dispatch(arguments: Arguments, registry: Registry, output: &Output) -> u8 {
    let called_in = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    let context = Context { registry, env_file: arguments.env_file, output: output.clone(), called_in };
    let done = match arguments.command {
        Command::Demo { folder, contacts, people } => demo::demo(&context, &folder, contacts, people).await,
        Command::Init { connector, name, folder } => init::init(&context, &connector, name.as_deref(), &folder),
        Command::NewConnector(arguments) => new_connector::new_connector(&context, &arguments),
        Command::Check { pipeline } => check::check(&context, &pipeline.pipeline).await,
        Command::Discover { pipeline, config, connectors } => {
            discover::discover(&context, pipeline.as_deref(), config.as_deref(), connectors).await
        }
        Command::Validate { pipelines, online, schema } => validate::validate(&context, pipelines, online, schema).await,
        Command::Preview { pipeline, select, limit, unmasked } => {
            preview::preview(&context, &pipeline.pipeline, &select, limit, unmasked).await
        }
        Command::Record { pipeline, output, select, limit } => {
            record::record(&context, &pipeline.pipeline, &output, &select, Some(limit)).await
        }
        Command::Replay { folder, port } => replay::replay(&context, &folder, port).await,
        Command::Run(arguments) => run::run(&context, arguments).await,
        Command::Serve(arguments) => serve::serve(&context, arguments).await,
        Command::Schedule { action } => match action {
            ScheduleAction::Next { pipelines, count, from } => schedule::next(&context, &pipelines, count as usize, from).await,
            ScheduleAction::Pause { pipeline, reason } => schedule_state::pause(&context, &pipeline.pipeline, reason).await,
            ScheduleAction::Resume { pipeline } => schedule_state::resume(&context, &pipeline.pipeline).await,
            ScheduleAction::Status { pipelines } => schedule_state::status(&context, &pipelines).await,
            ScheduleAction::Export(arguments) => schedule::export_schedules(&context, &arguments),
        },
        Command::Alerts { action } => alerts::alerts(&context, action).await,
        Command::Backfill(arguments) => backfill::backfill(&context, arguments).await,
        Command::Reconcile(arguments) => reconcile::reconcile(&context, arguments).await,
        Command::Renormalise { pipeline, select, allow_mass_delete } => {
            let options = aqueduct_pipeline::RenormaliseOptions { select, allow_mass_delete };
            renormalise::renormalise(&context, &pipeline.pipeline, &options).await
        }
        Command::Identity { action } => identity::identity(&context, action).await,
        Command::Explain(arguments) => explain::explain(&context, arguments).await,
        Command::Quarantine { action } => quarantine::quarantine(&context, action).await,
        Command::Drift { pipeline, accept, limit } => drift::drift(&context, &pipeline.pipeline, accept.as_deref(), limit).await,
        Command::State { action } => state::state(&context, action).await,
        Command::Schema { schema } => schema::schema(&context, &schema),
        Command::Runs(arguments) => runs::runs(&context, arguments).await,
        Command::Resolve(arguments) => resolve::resolve(&context, arguments),
        Command::Clean(arguments) => clean::clean(&context, &arguments),
    };
    done.unwrap_or_else(|error| {
        output.error(&error);
        error.exit_code()
    })
}

/// What every command needs.
pub(crate) struct Context {
    pub(crate) registry: Registry,
    pub(crate) env_file: Option<PathBuf>,
    pub(crate) output: Output,
    /// The folder in which the command was called, to which what it names is relative.
    called_in: PathBuf,
}

impl Context {
    /// Opens a pipeline named on the command line, and goes to the folder that has pipelines/, to which the paths in its file are relative:
    /// a warehouse must not be another one because cron calls from another folder.
    pub(crate) fn pipeline(&self, named: &Path) -> Result<Pipeline> {
        // A folder that was left can be one that this user may not enter; one that was not left need not be entered.
        if std::env::current_dir().is_ok_and(|here| here != self.called_in) {
            go_to(&self.called_in)?;
        }
        let path = find(named)?;
        let environment = self.environment(&path)?;
        match project_of(&path) {
            Some(project) if !is_same_folder(&project, &self.called_in) => {
                let path = self.whole(&path);
                go_to(&project)?;
                Pipeline::open(&path, &self.registry, &environment)
            }
            _ => Pipeline::open(&path, &self.registry, &environment),
        }
    }

    /// A path on the command line, as it holds after [`Context::pipeline`] too.
    pub(crate) fn whole(&self, path: &Path) -> PathBuf {
        if path.is_relative() { self.called_in.join(path) } else { path.to_owned() }
    }

    /// The process's variables, then `--env-file`, then .env beside the pipeline file, in the folder that has pipelines/, and where the
    /// command was called.
    pub(crate) fn environment(&self, pipeline: &Path) -> Result<Environment> {
        let mut environment = Environment::of_process();
        if let Some(file) = &self.env_file {
            let there = self.whole(file);
            if !there.exists() {
                return Err(Error::new(codes::FILE_UNREADABLE, format!("`{}` does not exist", file.display())));
            }
            environment.add_file(&there)?;
        }
        let beside = pipeline.parent().map(|folder| folder.join(".env"));
        let in_project =
            project_of(pipeline).filter(|project| !is_same_folder(project, &self.called_in)).map(|project| project.join(".env"));
        let here = if beside.as_deref() == Some(Path::new(".env")) { None } else { Some(self.whole(Path::new(".env"))) };
        for file in [beside, in_project, here].into_iter().flatten() {
            environment.add_file(&file)?;
        }
        Ok(environment)
    }
}

fn go_to(folder: &Path) -> Result<()> {
    std::env::set_current_dir(folder)
        .map_err(|error| Error::new(codes::FILE_UNREADABLE, format!("`{}` cannot be entered ({})", folder.display(), error.kind())))
}

fn is_same_folder(one: &Path, other: &Path) -> bool {
    let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    whole(one) == whole(other)
}

/// The file of a pipeline: as named, `pipelines/NAME.yaml` or `.yml`, or the one in pipelines/ that says it is of this name.
pub(crate) fn find(named: &Path) -> Result<PathBuf> {
    if named.is_file() {
        return Ok(named.to_owned());
    }
    let folder = Path::new("pipelines");
    for ending in ["yaml", "yml"] {
        let inside = folder.join(named).with_extension(ending);
        if inside.is_file() {
            return Ok(inside);
        }
    }
    let error = Error::new(codes::FILE_UNREADABLE, format!("there is no pipeline `{}`", named.display()));
    let files = pipeline_files(folder).unwrap_or_default();
    let known = survey(&files).pipelines;
    if let Some(pipeline) = known.iter().find(|pipeline| Path::new(&pipeline.name) == named) {
        return Ok(pipeline.file.clone());
    }
    let stems = files.iter().filter_map(|file| Some(file.file_stem()?.to_string_lossy().into_owned()));
    let names: Vec<String> = stems.chain(known.iter().map(|pipeline| pipeline.name.clone())).collect();
    Err(match nearest(&named.to_string_lossy(), names.iter().map(AsRef::as_ref)) {
        Some(near) => error.advise(format!("Did you mean `{near}`?")),
        None => error.advise("Name a pipeline file, or one in the folder pipelines/. `aqueduct init hubspot` writes one to start from."),
    })
}

/// A destination as it may be shown: without user and password, which may stand before the host or among the options.
pub(crate) fn shown_destination(url: &str) -> String {
    let Some((scheme, rest)) = url.trim().split_once("://").filter(|(scheme, _)| !scheme.eq_ignore_ascii_case("sqlite")) else {
        return url.to_owned();
    };
    let address = rest.split_once('?').map_or(rest, |(address, _)| address);
    let place = address.rsplit_once('@').map_or(address, |(_, place)| place);
    format!("{scheme}://{place}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_shown_without_their_password() {
        assert_eq!(shown_destination("postgres://u:p@h:1/d"), "postgres://h:1/d");
        assert_eq!(shown_destination("postgres://u:p@x@h/d"), "postgres://h/d");
        assert_eq!(shown_destination("postgres://h/d?user=u&password=canary"), "postgres://h/d");
        assert_eq!(shown_destination("postgres:///d?host=/run/pg&password=can@ary"), "postgres:///d");
        assert_eq!(shown_destination("sqlite://a/b.db"), "sqlite://a/b.db");
        assert_eq!(shown_destination("sqlite://a@b/c?.db"), "sqlite://a@b/c?.db");
    }
}
