//! The pipeline file: what a person writes.

use std::path::{Path, PathBuf};

use aqueduct_connector::selection::nearest;
use aqueduct_normalise::Normalise;
use aqueduct_privacy::Policy;
use aqueduct_quality::{Contract, QuarantineLimits};
use aqueduct_schedule::{Schedule, ScheduleSection};
use aqueduct_schema::{Error, Result, Secret, codes};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::Spanned;

use crate::control::ControlAddress;
use crate::environment::{Environment, place, shield};
use crate::history::HistorySection;
use crate::identities::IdentitySection;

/// A pipeline: where records come from, what happens to them, where they go.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PipelineFile {
    /// The pipeline's name, under which its state is kept; the file's name without its ending where it is left out.
    #[serde(default)]
    #[schemars(with = "Option<String>", regex(pattern = "^[A-Za-z0-9_-]{1,63}$"))]
    pub name: Option<Spanned<String>>,
    /// When it runs: see docs/scheduling.md.
    #[serde(default)]
    pub schedule: Option<ScheduleSection>,
    /// Where records come from.
    pub source: SourceSection,
    /// How records become rows of the common schema.
    #[serde(default)]
    pub normalise: Normalise,
    /// What may be stored.
    #[serde(default)]
    pub privacy: PrivacySection,
    /// What is good enough.
    #[serde(default)]
    pub quality: QualitySection,
    /// Who is who, across everything in the warehouse.
    #[serde(default)]
    pub identity: IdentitySection,
    /// Where rows go.
    pub destination: DestinationSection,
    /// Which common tables keep the earlier versions of their rows.
    #[serde(default)]
    pub history: HistorySection,
    /// How much at once.
    #[serde(default)]
    pub run: RunSection,
    /// What this process shares with others.
    #[serde(default)]
    pub control: ControlSection,
}

/// Where records come from.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceSection {
    /// The connector's name.
    #[schemars(with = "String")]
    pub connector: Spanned<String>,
    /// The connector's config; `${VAR}` and `${file:PATH}` are replaced.
    #[serde(default)]
    pub config: serde_json::Value,
    /// Streams and fields: `contacts`, `contacts.*`, `deals.amount`, `!contacts.fax`. Everything that is mapped where it is left out.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub select: Vec<Spanned<String>>,
    /// How much of the account's quota pipelines may use.
    #[serde(default)]
    pub quota: QuotaSection,
}

/// How much of an account's quota pipelines may use. The rest is for the other users of the account.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct QuotaSection {
    /// The part of every limit, more than 0 and at most 1.
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub share: f64,
    /// How many requests all processes together may send in a day. The run that reaches it stops with a checkpoint and exit code 7.
    pub daily: Option<u64>,
    /// The time zone whose midnight begins a day, an IANA name.
    pub time_zone: String,
    /// A name for the account. Pipelines with the same name share a budget although their credentials differ; where it is left out,
    /// those with the same credentials do.
    pub account: Option<String>,
}

impl Default for QuotaSection {
    fn default() -> Self {
        Self { share: 1.0, daily: None, time_zone: "UTC".to_owned(), account: None }
    }
}

/// What this process shares with others: see docs/control-store.md.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ControlSection {
    /// The control store: `sqlite://FILE` or `postgres://USER:PASSWORD@HOST/DATABASE`; `${VAR}` and `${file:PATH}` are replaced. The
    /// variable AQUEDUCT_CONTROL_URL where it is left out, and without that `.aqueduct/control.db` beside the folder pipelines/.
    #[schemars(with = "Option<Secret>")]
    pub url: Option<Spanned<Secret>>,
    /// Seconds after which a run that is not heard of any more loses its lease.
    pub lease_seconds: u64,
    /// How many of this pipeline's runs the ledger of runs keeps.
    pub keep_runs: usize,
    /// Days after which the ledger of runs forgets a run.
    pub keep_runs_days: u32,
}

impl Default for ControlSection {
    fn default() -> Self {
        Self { url: None, lease_seconds: 60, keep_runs: 1_000, keep_runs_days: 90 }
    }
}

/// What may be stored.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PrivacySection {
    /// The policy file, relative to the folder that has pipelines/ or to the pipeline file.
    #[serde(default)]
    #[schemars(with = "Option<PathBuf>")]
    pub policy: Option<Spanned<PathBuf>>,
    /// The key for tokens; 16 characters at least. `${VAR}` and `${file:PATH}` are replaced.
    #[serde(default)]
    #[schemars(with = "Option<Secret>")]
    pub token_key: Option<Spanned<Secret>>,
}

/// What is good enough.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QualitySection {
    /// The contract file, relative to the folder that has pipelines/ or to the pipeline file: what may happen to tables when the source
    /// changes.
    #[serde(default)]
    #[schemars(with = "Option<PathBuf>")]
    pub contract: Option<Spanned<PathBuf>>,
    /// How much may go to quarantine before a stream stops.
    #[serde(default)]
    pub quarantine: QuarantineLimits,
}

/// Where rows go.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DestinationSection {
    /// `sqlite://FILE`, `postgres://USER:PASSWORD@HOST/DATABASE` or `discard://`; `${VAR}` and `${file:PATH}` are replaced. A relative
    /// path is in the folder that has pipelines/.
    #[schemars(with = "Secret")]
    pub url: Spanned<Secret>,
}

/// How much at once.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RunSection {
    /// Streams read at the same time.
    pub parallel_streams: usize,
    /// Records in one load, and so in one transaction. Where it is left out: 1,000 for SQLite, 5,000 for PostgreSQL.
    pub records_per_load: Option<usize>,
    /// Seconds after which a load is committed although it is not full.
    pub seconds_per_load: u64,
    /// Seconds without a byte after which a request is given up and tried again.
    pub idle_timeout_seconds: u64,
    /// Seconds after which an answer that is still on its way is given up and asked for again, however it trickles.
    pub answer_timeout_seconds: u64,
    /// Seconds for which a request that fails for a passing reason is tried again, waits included.
    pub retry_seconds: u64,
    /// Hours after which calculated fields are read again for all records of a stream: the source changes them without saying so.
    pub calculated_refresh_hours: u64,
    /// The hours after which all links between records are read again; runs between follow those of records that changed. Links change
    /// without anything saying so.
    pub association_sweep_hours: u64,
    /// Hours after which the ids at the source are listed and compared with the rows that are here, for streams that can be listed: rows of
    /// what is gone are marked as deleted. 0 is never. Where it is left out: 24 for streams whose deletions nothing else tells, never for
    /// the others.
    pub ids_sweep_hours: Option<u64>,
}

impl Default for RunSection {
    fn default() -> Self {
        Self {
            parallel_streams: 4,
            records_per_load: None,
            seconds_per_load: 30,
            idle_timeout_seconds: 30,
            answer_timeout_seconds: 180,
            retry_seconds: 900,
            calculated_refresh_hours: 24,
            association_sweep_hours: 24,
            ids_sweep_hours: None,
        }
    }
}

/// A pipeline file with its references resolved.
#[derive(Clone, Debug)]
pub struct LoadedFile {
    /// The name under which state is kept.
    pub name: String,
    /// The file as the person named it.
    pub path: String,
    /// The file's text, for errors that name a place in it.
    pub text: String,
    /// What it says.
    pub content: PipelineFile,
    /// When it runs; none for one that only a person runs.
    pub schedule: Option<Schedule>,
    /// The policy it names, or the default one.
    pub policy: Policy,
    /// The contract it names.
    pub contract: Option<Contract>,
    /// Where its control store is.
    pub control: ControlAddress,
}

impl LoadedFile {
    /// Reads a pipeline file and the policy it names, and resolves references. No request is made.
    ///
    /// # Errors
    /// `AQ1012` when a file cannot be read, `AQ1002`, `AQ1003`, `AQ1004` and `AQ1013` with line and column.
    pub fn read(path: &Path, environment: &Environment) -> Result<Self> {
        let shown = path.display().to_string();
        let text = read_text(path)?;
        let mut content = form(&shown, &text)?;
        environment.expand_all(&mut content.source.config, &shown, &text)?;
        environment.expand_secret(&mut content.destination.url.value, &shown, &text)?;
        if let Some(key) = &mut content.privacy.token_key {
            environment.expand_secret(&mut key.value, &shown, &text)?;
        }
        let control = control(&mut content, path, environment, &text)?;
        crate::bounds::check(&content, &shown, &text)?;
        let quota = &content.source.quota;
        aqueduct_control::check_time_zone(&quota.time_zone).map_err(|error| place(error, &shown, &text, &quota.time_zone))?;
        let name = crate::schedules::name(&content, path, &text)?;
        let schedule = crate::schedules::schedule(&content, &shown, &text)?;
        let policy = match &content.privacy.policy {
            Some(policy) => {
                let file = beside(path, &policy.value);
                let policy_text = read_text(&file).map_err(|error| at(error, &shown, policy))?;
                Policy::read(&file.display().to_string(), &policy_text)?
            }
            None => Policy::default(),
        };
        let contract = match &content.quality.contract {
            Some(contract) => {
                let file = beside(path, &contract.value);
                let contract_text = read_text(&file).map_err(|error| at(error, &shown, contract))?;
                Some(Contract::read(&file.display().to_string(), &contract_text)?)
            }
            None => None,
        };
        Ok(Self { name, path: shown, text, content, schedule, policy, contract, control })
    }

    /// The destination's address.
    pub fn destination(&self) -> &Secret {
        &self.content.destination.url.value
    }

    /// Adds to an error the place of a value in this file.
    pub(crate) fn at<T>(&self, error: Error, value: &Spanned<T>) -> Error {
        at(error, &self.path, value)
    }
}

/// Where the control store is: as the file says, as the environment says, or beside the folder `pipelines`.
pub(crate) fn control(content: &mut PipelineFile, path: &Path, environment: &Environment, text: &str) -> Result<ControlAddress> {
    let key = environment.get("AQUEDUCT_CONTROL_KEY").map(Secret::new);
    let shown = path.display().to_string();
    if let Some(url) = &mut content.control.url {
        environment.expand_secret(&mut url.value, &shown, text)?;
        aqueduct_control::check_address(&url.value).map_err(|error| at(error, &shown, url))?;
        return Ok(ControlAddress { url: in_project(url.value.clone(), path), key });
    }
    if let Some(url) = environment.get("AQUEDUCT_CONTROL_URL") {
        let url = Secret::new(url);
        aqueduct_control::check_address(&url)?;
        return Ok(ControlAddress { url: in_project(url, path), key });
    }
    let project = project_of(path).unwrap_or_else(|| folder_of(path));
    Ok(ControlAddress { url: Secret::new(format!("sqlite://{}", project.join(".aqueduct/control.db").display())), key })
}

/// The folder that has `pipelines/`, where a pipeline file lies in one: paths in the file are relative to it, wherever a command is called.
/// Nothing for a file that lies elsewhere, whose paths are relative to the working directory.
pub fn project_of(path: &Path) -> Option<PathBuf> {
    let folder = folder_of(path);
    folder.file_name().filter(|name| *name == "pipelines")?;
    folder.parent().map(Path::to_owned)
}

/// The folder of a file, whole.
fn folder_of(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    folder.canonicalize().unwrap_or_else(|_| folder.to_owned())
}

/// The address of a control store whose SQLite file, where it is a relative path, is in the project of a pipeline file.
fn in_project(url: Secret, path: &Path) -> Secret {
    let file = url.expose().trim().strip_prefix("sqlite:").map(|file| file.strip_prefix("//").unwrap_or(file));
    match (file, project_of(path)) {
        (Some(file), Some(project)) if Path::new(file).is_relative() => Secret::new(format!("sqlite://{}", project.join(file).display())),
        _ => url,
    }
}

fn at<T>(error: Error, file: &str, value: &Spanned<T>) -> Error {
    error.at(file, value.referenced.line(), value.referenced.column())
}

/// A path as written, or in the pipeline file's project or beside the file, where it does not exist from the working directory.
fn beside(pipeline: &Path, path: &Path) -> PathBuf {
    let in_project = || project_of(pipeline).map(|project| project.join(path)).filter(|path| path.exists());
    match path.exists() {
        true => path.to_owned(),
        false => in_project().unwrap_or_else(|| pipeline.parent().unwrap_or(Path::new(".")).join(path)),
    }
}

/// Reads the form of a pipeline file. A key or a word that is misspelt is told with the nearest that is right.
pub(crate) fn form(shown: &str, text: &str) -> Result<PipelineFile> {
    aqueduct_schema::yaml::read(shown, &shield(text)).map_err(with_nearest)
}

/// A mistake in the form of a file, with the nearest right word where one is misspelt.
pub fn with_nearest(error: Error) -> Error {
    // "unknown field `evry`, expected one of cron, every"
    let near = error.message().split_once("unknown ").and_then(|(_, rest)| {
        let (word, known) = rest.split_once('`')?.1.split_once("`, expected ")?;
        let known = known.trim_start_matches("one of ").split(", ").map(|known| known.trim_matches('`'));
        nearest(word, known).map(str::to_owned)
    });
    match near {
        Some(near) => error.advise(format!("Did you mean `{near}`?")),
        None => error,
    }
}

pub(crate) fn read_text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path)
        .map_err(|error| Error::new(codes::FILE_UNREADABLE, format!("`{}` cannot be read ({})", path.display(), error.kind())))
}

/// What a scheduler has to know of a pipeline file besides its schedule.
#[derive(Clone, Debug)]
pub struct Outline {
    /// The name of its connector.
    pub connector: String,
    /// Where its control store is.
    pub control: ControlAddress,
}

/// Reads no more of a pipeline file than that. Variables that other parts refer to need not be set.
///
/// # Errors
/// `AQ1012` when the file cannot be read, `AQ1002`, `AQ1003`, `AQ1004` and `AQ1014` with line and column.
pub fn outline(path: &Path, environment: &Environment) -> Result<Outline> {
    let text = read_text(path)?;
    let mut content = form(&path.display().to_string(), &text)?;
    let control = control(&mut content, path, environment, &text)?;
    Ok(Outline { connector: content.source.connector.value, control })
}
