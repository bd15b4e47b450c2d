//! The named points of the code, at which a process ends as by kill -9, and what comes to each of them.

/// What has to be run to come to a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// `aqueduct run`.
    Run,
    /// The same into SQLite.
    RunIntoSqlite,
    /// The first load into SQLite.
    FirstRunIntoSqlite,
    /// The same into PostgreSQL.
    RunIntoPostgres,
    /// The first load into PostgreSQL.
    FirstRunIntoPostgres,
    /// A second run into PostgreSQL: a merge needs rows to merge into.
    LaterRunIntoPostgres,
    /// A run that lasts longer than a third of its lease.
    LongRun,
    /// A run with a refresh token that is good once only.
    RunWithTokens,
    /// A run with a refresh token that stays good.
    RunWithLastingTokens,
    /// `aqueduct run --full-refresh`.
    Refresh,
    /// The same into SQLite.
    RefreshIntoSqlite,
    /// The same into PostgreSQL.
    RefreshIntoPostgres,
    /// `aqueduct run --sweep-ids`.
    Sweep,
    /// `aqueduct renormalise`.
    Renormalise,
    /// A run that finds a new property, and reads calculated ones for all records.
    RunAfterDrift,
    /// `aqueduct backfill`, and `aqueduct backfill resume` after a kill.
    Backfill,
    /// `aqueduct quarantine replay`, after a rule that sent records there is mended.
    Replay,
    /// A run that tells people apart, into SQLite.
    IdentifyInSqlite,
    /// The same into PostgreSQL.
    IdentifyInPostgres,
}

/// What `aqueduct serve` has to meet to come to a point, or the run that it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Serving {
    /// Schedules that fall due.
    Schedules,
    /// The first look at a schedule that nobody has looked at before.
    NewSchedule,
    /// An occurrence inside a black-out, which is left out.
    Blackout,
    /// A run that takes longer than a scheduler waits until it looks at its claims again.
    SlowStart,
    /// A run that ends before it has begun its occurrence.
    RunThatNeverBegan,
    /// A run that ends in its middle.
    RunThatDied,
    /// A scheduler before it that died with a claim in its hand.
    SchedulerThatDied,
    /// A source that fails for one run.
    FailingSource,
    /// A run that lasts longer than a third of its lease.
    LongRun,
    /// SIGTERM, and no time for the run under way.
    Shutdown,
}

/// Every point of the scheduler and of the runs that it starts, for row 25. The same test holds this list against the code.
pub(crate) const SCHEDULER: &[(&str, Serving)] = &[
    ("scheduler::taken_up", Serving::NewSchedule),
    ("scheduler::looked", Serving::Schedules),
    ("scheduler::skipped", Serving::Blackout),
    ("scheduler::before_claim", Serving::Schedules),
    ("scheduler::claimed", Serving::Schedules),
    ("scheduler::child_started", Serving::Schedules),
    ("scheduler::claim_renewed", Serving::SlowStart),
    ("scheduler::given_up", Serving::RunThatNeverBegan),
    ("scheduler::death_noted", Serving::RunThatDied),
    ("scheduler::taken_over", Serving::SchedulerThatDied),
    ("scheduler::retry_scheduled", Serving::FailingSource),
    ("scheduler::stop_noted", Serving::Shutdown),
    ("scheduler::before_close", Serving::Schedules),
    ("scheduler::closed", Serving::Schedules),
    ("scheduler::old_ones_forgotten", Serving::Schedules),
    ("occurrence::before_begin", Serving::Schedules),
    ("occurrence::begun", Serving::Schedules),
    ("occurrence::heard", Serving::LongRun),
    ("occurrence::before_end", Serving::Schedules),
    ("occurrence::ended", Serving::Schedules),
];

/// Every point of the commands that read or load, for row 1. A test holds this list against the code.
pub(crate) const POINTS: &[(&str, By)] = &[
    ("engine::request", By::Run),
    ("engine::answered", By::Run),
    ("engine::page_read", By::Run),
    ("engine::page_decoded", By::Run),
    ("engine::page_handed_over", By::Run),
    ("engine::reading_ended", By::Run),
    ("stages::normalised", By::Run),
    ("stages::judged", By::Run),
    ("stages::protected", By::Run),
    ("pipeline::run_begun", By::Run),
    ("pipeline::package_gathered", By::Run),
    ("pipeline::before_load", By::Run),
    ("pipeline::after_load", By::Run),
    ("pipeline::between_streams", By::RunAfterDrift),
    ("pipeline::streams_ended", By::Run),
    ("pipeline::run_recorded", By::Run),
    ("pipeline::ids_listed", By::Sweep),
    ("pipeline::ids_compared", By::Sweep),
    ("pipeline::ids_buried", By::Sweep),
    ("pipeline::before_swap", By::Refresh),
    ("pipeline::after_swap", By::Refresh),
    ("pipeline::renormalised_page", By::Renormalise),
    ("pipeline::before_renormalised_swap", By::Renormalise),
    ("backfill::begun", By::Backfill),
    ("backfill::window_begun", By::Backfill),
    ("backfill::window_loaded", By::Backfill),
    ("backfill::window_verified", By::Backfill),
    ("backfill::ledger_written", By::Backfill),
    ("control::before_commit", By::Run),
    ("control::after_commit", By::Run),
    ("control::lease_taken", By::Run),
    ("control::lease_renewed", By::LongRun),
    ("control::lease_released", By::Run),
    ("control::requests_taken", By::Run),
    ("control::turn_taken", By::RunWithTokens),
    ("control::tokens_renewed", By::RunWithLastingTokens),
    ("control::tokens_stored", By::RunWithTokens),
    ("sqlite::run_begins", By::RunIntoSqlite),
    ("sqlite::rows_staged", By::RunIntoSqlite),
    ("sqlite::load_begun", By::RunIntoSqlite),
    ("sqlite::fence_checked", By::RunIntoSqlite),
    ("sqlite::table_prepared", By::RunIntoSqlite),
    ("sqlite::step_merged", By::RunIntoSqlite),
    ("sqlite::snapshots_closed", By::RunIntoSqlite),
    ("sqlite::quarantine_stored", By::RunIntoSqlite),
    ("sqlite::load_recorded", By::RunIntoSqlite),
    ("sqlite::before_commit", By::RunIntoSqlite),
    ("sqlite::after_commit", By::RunIntoSqlite),
    ("sqlite::table_indexed", By::FirstRunIntoSqlite),
    ("sqlite::run_ends", By::RunIntoSqlite),
    ("sqlite::schemas_noted", By::RunIntoSqlite),
    ("sqlite::refresh_placed", By::RefreshIntoSqlite),
    ("sqlite::refresh_committed", By::RefreshIntoSqlite),
    ("postgres::run_begins", By::RunIntoPostgres),
    ("postgres::load_begun", By::RunIntoPostgres),
    ("postgres::fence_checked", By::RunIntoPostgres),
    ("postgres::table_prepared", By::RunIntoPostgres),
    ("postgres::rows_staged", By::LaterRunIntoPostgres),
    ("postgres::step_merged", By::RunIntoPostgres),
    ("postgres::snapshots_closed", By::RunIntoPostgres),
    ("postgres::quarantine_stored", By::RunIntoPostgres),
    ("postgres::load_recorded", By::RunIntoPostgres),
    ("postgres::before_commit", By::RunIntoPostgres),
    ("postgres::after_commit", By::RunIntoPostgres),
    ("postgres::table_indexed", By::FirstRunIntoPostgres),
    ("postgres::run_ends", By::RunIntoPostgres),
    ("postgres::schemas_noted", By::RunIntoPostgres),
    ("postgres::refresh_placed", By::RefreshIntoPostgres),
    ("postgres::refresh_committed", By::RefreshIntoPostgres),
    ("pipeline::replayed", By::Replay),
    ("sqlite::identities_stored", By::IdentifyInSqlite),
    ("postgres::identities_stored", By::IdentifyInPostgres),
];

impl By {
    /// Whether the destination is PostgreSQL, where that matters.
    pub(crate) fn postgres(self) -> Option<bool> {
        match self {
            Self::RunIntoSqlite | Self::FirstRunIntoSqlite | Self::RefreshIntoSqlite | Self::IdentifyInSqlite => Some(false),
            Self::RunIntoPostgres
            | Self::FirstRunIntoPostgres
            | Self::LaterRunIntoPostgres
            | Self::RefreshIntoPostgres
            | Self::IdentifyInPostgres => Some(true),
            _ => None,
        }
    }

    /// Whether something is loaded before, where that matters.
    pub(crate) fn later(self) -> Option<bool> {
        match self {
            Self::FirstRunIntoSqlite | Self::FirstRunIntoPostgres | Self::RunWithTokens | Self::RunWithLastingTokens | Self::Replay => {
                Some(false)
            }
            Self::IdentifyInSqlite | Self::IdentifyInPostgres => Some(false),
            Self::LaterRunIntoPostgres
            | Self::Refresh
            | Self::RefreshIntoSqlite
            | Self::RefreshIntoPostgres
            | Self::Sweep
            | Self::Renormalise => Some(true),
            Self::RunAfterDrift | Self::Backfill => Some(true),
            _ => None,
        }
    }

    /// The command that goes on after a kill.
    pub(crate) fn words_again(self) -> (&'static str, &'static [&'static str]) {
        if self == Self::Backfill { ("backfill resume", &[]) } else { self.words() }
    }

    /// The command and what follows the pipeline file.
    pub(crate) fn words(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Refresh | Self::RefreshIntoSqlite | Self::RefreshIntoPostgres => ("run", &["-v", "--full-refresh"]),
            Self::Sweep => ("run", &["-v", "--sweep-ids"]),
            Self::Renormalise => ("renormalise", &[]),
            Self::RunAfterDrift => ("run", &["-v", "--refresh-calculated"]),
            Self::Replay => ("quarantine replay", &[]),
            Self::Backfill => ("backfill", &["--from", "2026-01-01", "--to", "2026-07-11", "--window", "P3M"]),
            _ => ("run", &["-v"]),
        }
    }
}
