//! `aqueduct serve`.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aqueduct_pipeline::control_store::Holder;
use aqueduct_pipeline::schema::{Error, Result, codes};
use aqueduct_server::alert::{Alerts, NoAlerts};
use aqueduct_server::alerts::Notifier;
use aqueduct_server::http::{self, Token};
use aqueduct_server::metrics::Metrics;
use aqueduct_server::project::Project;
use aqueduct_server::scheduler::{ProcessSettings, Settings};
use aqueduct_server::serve::{Server, Serving};
use tokio::sync::watch;

use crate::arguments::{Place, ServeArguments};
use crate::commands::Context;
use crate::commands::run::{OnHangUp, Signals};
use crate::time;

/// The exit code of `--once` when an occurrence did not end well.
const PARTIAL: u8 = 6;

/// Runs pipelines on their schedules until a signal comes.
pub(crate) async fn serve(context: &Context, arguments: ServeArguments) -> Result<u8> {
    let signals = Signals::listen_with(if std::io::stderr().is_terminal() { OnHangUp::Stop } else { OnHangUp::GoOn });
    let given = if arguments.pipelines.is_empty() { vec![PathBuf::from("pipelines")] } else { arguments.pipelines };
    if let Some(missing) = given.iter().find(|path| !path.exists()) {
        return Err(Error::new(codes::FILE_UNREADABLE, format!("`{}` does not exist", missing.display()))
            .advise("Name a folder with pipeline files, or run where the folder pipelines/ is. `aqueduct init hubspot` writes one."));
    }
    let environment = match given.first() {
        Some(folder) if folder.is_dir() => context.environment(&folder.join("any"))?,
        file => context.environment(file.map_or(Path::new("pipelines/any"), PathBuf::as_path))?,
    };
    let project = project_of(given.first().map_or(Path::new("pipelines"), PathBuf::as_path));
    let schedule_time = time::of_schedules(&environment)?;
    let instance = arguments.instance.unwrap_or_else(|| Holder::this("").host);
    let settings = Settings { instance, concurrency: usize::from(arguments.concurrency), ..schedule_time.settings() };
    let serving = Serving {
        given,
        environment: environment.clone(),
        settings,
        processes: processes(context, &project)?,
        grace: arguments.grace,
        once: arguments.once,
        clock: schedule_time.clock(),
    };
    let server = Server::open(serving).await?;
    let metrics = Arc::new(Metrics::default());
    let (ended, end) = watch::channel(false);

    let notifier = Project::find(arguments.alerts.as_deref(), &project, &environment)?.alerts;
    let notifier = notifier.map(|settings| Arc::new(Notifier::new(settings, server.control(), metrics.clone())));
    let mut beside = Vec::new();
    if let Place::At(address) = arguments.http {
        let token = arguments.token_file.as_deref().map(Token::read).transpose()?;
        let settings = http::Settings { address, token, insecure_no_token: arguments.http_insecure_no_token, hosts: arguments.http_host };
        let http = http::Server::bind(settings, server.board(), server.control().clone(), metrics).await?;
        context.output.words(&format!("listening on http://{}", http.address()));
        beside.push(tokio::spawn(http.run(end.clone())));
    }
    if let Some(notifier) = notifier.clone() {
        let end = end.clone();
        beside.push(tokio::spawn(async move { notifier.run(end).await }));
    }
    let alerts: Arc<dyn Alerts> = match notifier.clone() {
        Some(notifier) => notifier,
        None => Arc::new(NoAlerts),
    };
    let served = server.run(alerts, signals.stop.clone()).await;
    ended.send_replace(true);
    for task in beside {
        // A page or a message that breaks down takes nobody else with it.
        let _ = task.await;
    }
    if let Some(notifier) = notifier
        && let Err(error) = notifier.round().await
    {
        context.output.words(&format!("the last alerts wait for the next start: {error}"));
    }
    let served = served?;
    Ok(match (served.cut, arguments.once && served.failed > 0) {
        (true, _) => signals.exit_code(),
        (false, true) => PARTIAL,
        (false, false) => 0,
    })
}

/// The folder that has pipelines/, or else the pipeline files themselves.
fn project_of(given: &Path) -> PathBuf {
    let folder = if given.is_dir() { given } else { given.parent().unwrap_or(Path::new(".")) };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    match folder.parent() {
        Some(parent) if folder.file_name().is_some_and(|name| name == "pipelines") => parent.to_owned(),
        _ => folder,
    }
}

fn processes(context: &Context, project: &Path) -> Result<ProcessSettings> {
    let program = std::env::current_exe().map_err(|error| {
        Error::new(codes::BUG, format!("this binary cannot find itself ({error})")).advise("Start it by its full path.")
    })?;
    let mut settings = ProcessSettings::new(program, project.join(".aqueduct").join("logs"));
    if let Some(file) = &context.env_file {
        settings.words.extend(["--env-file".to_owned(), file.display().to_string()]);
    }
    if context.output.logs_json() {
        settings.words.extend(["--log-format".to_owned(), "json".to_owned()]);
    }
    Ok(settings)
}
