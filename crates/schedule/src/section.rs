//! The words of the section `schedule` of a pipeline file.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::Spanned;

use crate::editor;

/// When a pipeline runs: either `cron` or `every`, and what holds for its runs. See docs/scheduling.md.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{ "required": ["cron"] }, { "required": ["every"] }]))]
pub struct ScheduleSection {
    /// Cron fields: minute, hour, day of the month, month, weekday, or these after a field of seconds; or one of `@hourly`, `@daily`,
    /// `@midnight`, `@weekly`, `@monthly`, `@yearly`. Not together with `every`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub cron: Option<Spanned<String>>,
    /// An interval: `30s`, `15m`, `6h`, `1h30m`, `1d`, `1w`. Seconds, minutes and hours are counted as they pass, days by the calendar. Not
    /// together with `cron`.
    #[serde(default)]
    #[schemars(schema_with = "editor::span")]
    pub every: Option<Spanned<String>>,
    /// The time zone of the fields and of days, an IANA name; UTC where it is left out.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub timezone: Option<Spanned<String>>,
    /// The longest that a start is put off, so that pipelines do not all begin at once: `30s`, `5m`. How long it is for one occurrence follows
    /// from the pipeline's name and the occurrence, and is always the same. None where it is left out.
    #[serde(default)]
    #[schemars(schema_with = "editor::span")]
    pub jitter: Option<Spanned<String>>,
    /// How long a run may take before it is stopped with a checkpoint: `90s`, `10m`, `2h`. No limit where it is left out.
    #[serde(default)]
    #[schemars(schema_with = "editor::span")]
    pub timeout: Option<Spanned<String>>,
    /// What happens to an occurrence that falls due while a run of the pipeline is under way.
    #[serde(default)]
    pub overlap: Overlap,
    /// What happens to occurrences that fell due while no scheduler ran.
    #[serde(default)]
    pub catch_up: CatchUp,
    /// Whether a run that fails is tried again.
    #[serde(default)]
    pub retries: RetriesSection,
    /// Pipelines whose runs have to have ended well before one of this pipeline starts, by name.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub after: Vec<Spanned<String>>,
    /// Windows in which nothing starts.
    #[serde(default)]
    pub blackout: Vec<BlackoutSection>,
    /// Whether the pipeline is left out until this is taken away.
    #[serde(default)]
    pub paused: bool,
    /// Which pipeline goes first where more are due than may run at once: the higher number, from -100 to 100; 0 where it is left out.
    #[serde(default)]
    #[schemars(with = "Option<i32>", range(min = -100, max = 100))]
    pub priority: Option<Spanned<i32>>,
}

/// What happens to an occurrence that falls due while a run of the same pipeline is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// It is not run; the ledger says so.
    #[default]
    Skip,
    /// It waits for the run to end. No more than one waits: the latest.
    Queue,
    /// The run under way is stopped with a checkpoint, and the new one starts.
    Cancel,
}

/// What happens to occurrences that fell due while no scheduler ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CatchUp {
    /// The latest one is run, the others are not.
    #[default]
    Latest,
    /// Every one is run, the earliest first.
    All,
    /// None is run.
    None,
}

/// Whether a run that fails is tried again.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetriesSection {
    /// How often a run that failed is tried again, 0 to 20; 0 where it is left out.
    #[schemars(with = "Option<u32>", range(max = 20))]
    pub attempts: Option<Spanned<u32>>,
    /// How long the first wait is; each further one is twice as long. `1m` where it is left out.
    #[schemars(schema_with = "editor::span")]
    pub backoff: Option<Spanned<String>>,
    /// The longest wait; `1h` where it is left out.
    #[schemars(schema_with = "editor::span")]
    pub most: Option<Spanned<String>>,
}

/// A window in which nothing starts. One that ends before it begins goes over midnight.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BlackoutSection {
    /// The weekdays on which the window begins, `mon` to `sun`; every day where it is left out.
    #[serde(default)]
    #[schemars(schema_with = "editor::weekdays")]
    pub days: Vec<Spanned<String>>,
    /// When it begins: `22:00`.
    #[schemars(schema_with = "editor::time_of_day")]
    pub from: Spanned<String>,
    /// When it ends: `06:30`; `24:00` is the end of the day.
    #[schemars(schema_with = "editor::time_of_day")]
    pub until: Spanned<String>,
    /// The time zone of both, an IANA name; the schedule's where it is left out.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub timezone: Option<Spanned<String>>,
    /// What happens to occurrences that fall due inside.
    #[serde(default)]
    pub then: Then,
}

/// What happens to occurrences that fall due inside a black-out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// One run, at its end.
    #[default]
    Run,
    /// They are not run.
    Skip,
}
