//! The rows of the battery: each a kind of trouble, made real, with the number of trials in both lengths.

pub(crate) mod bodies;
pub(crate) mod changes;
pub(crate) mod clocks;
pub(crate) mod commits;
pub(crate) mod credentials;
pub(crate) mod kills;
pub(crate) mod points;
pub(crate) mod power;
pub(crate) mod quota;
pub(crate) mod repeats;
pub(crate) mod runners;
pub(crate) mod schedules;
pub(crate) mod space;
pub(crate) mod states;
pub(crate) mod storms;
pub(crate) mod texts;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::outcome::Outcome;
use crate::random::Random;
use crate::rows::points::{POINTS, SCHEDULER};
use crate::world::Shared;

/// A trial: what all share, chance, and the trial's number.
pub(crate) type Trial = fn(Arc<Shared>, Random, u64) -> Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// A row.
pub(crate) struct Row {
    pub(crate) number: u8,
    pub(crate) name: &'static str,
    pub(crate) trial: Trial,
    /// Trials in continuous integration.
    pub(crate) quick: u64,
    /// Trials before a release.
    pub(crate) release: u64,
    /// Trials at once.
    pub(crate) at_once: usize,
    /// Whether it mostly waits, so that it is tried beside the rows that have much to do.
    pub(crate) waits: bool,
    /// Notes that at least one trial must have made, for the row to have tried what it says.
    pub(crate) must_note: &'static [&'static str],
}

/// The names of points, each of which a row has to come to.
const fn names<B: Copy, const COUNT: usize>(points: &'static [(&'static str, B)]) -> [&'static str; COUNT] {
    let mut names = [""; COUNT];
    let mut number = 0;
    while number < COUNT {
        names[number] = points[number].0;
        number += 1;
    }
    names
}

const NAMES: [&str; POINTS.len()] = names(POINTS);
const NAMES_OF_THE_SCHEDULER: [&str; SCHEDULER.len()] = names(SCHEDULER);

macro_rules! trial {
    ($function:path) => {
        |shared, random, number| Box::pin($function(shared, random, number))
    };
}

/// All rows, in the order of their worth.
pub(crate) fn all() -> Vec<Row> {
    let row = |number, name, trial: Trial, quick, release, at_once, must_note| {
        // These wait for locks to be given up, and for a minute to pass.
        Row { number, name, trial, quick, release, at_once, waits: matches!(number, 16 | 24), must_note }
    };
    vec![
        row(1, "kill -9 at a named point", trial!(kills::at_a_point), POINTS.len() as u64, 40 * POINTS.len() as u64, 3, &NAMES),
        row(
            2,
            "kill -9 at any time, once to five times, with a reader looking",
            trial!(kills::at_any_time),
            24,
            3_000,
            3,
            &["killed", "the reader looked"],
        ),
        row(
            3,
            "power cuts: what was not synced is lost, torn or there",
            trial!(power::cut),
            12,
            2_000,
            3,
            &["power cut", "power cut with a token that may be used once", "power cut of a PostgreSQL server"],
        ),
        row(
            9,
            "records change while pages are read",
            trial!(changes::while_paging),
            40,
            3_000,
            3,
            &["changed between pages", "ties across pages"],
        ),
        row(
            6,
            "truncated bodies",
            trial!(bodies::truncated),
            64,
            16_384,
            3,
            &["cut, length as sent", "cut, length of the whole", "cut, no length", "damaged gzip"],
        ),
        row(4, "429 storms", trial!(storms::too_many_requests), 30, 500, 3, &["429"]),
        row(5, "5xx and bodies that are no page", trial!(storms::odd_answers), 30, 500, 3, &["odd answers"]),
        row(
            15,
            "PostgreSQL lost before, during and after COMMIT",
            trial!(commits::lost),
            20,
            2_000,
            3,
            &["reply to COMMIT lost", "COMMIT never arrived", "backend ended", "connection reset"],
        ),
        row(
            16,
            "two to eight runners at once; a zombie after a takeover",
            trial!(runners::at_once),
            12,
            1_000,
            4,
            &["zombie resumed", "taken over in the middle"],
        ),
        row(
            25,
            "kill -9 of the scheduler, or of a run that it started, at a named point",
            trial!(schedules::killed),
            schedules::ROUND,
            40 * schedules::ROUND,
            3,
            &NAMES_OF_THE_SCHEDULER,
        ),
        row(17, "corrupt state", trial!(states::corrupt), 64, 10_000, 3, &["refused", "read on"]),
        row(8, "pages repeated, reversed, or pointing to themselves", trial!(storms::circles), 24, 500, 3, &["loop named"]),
        row(
            10,
            "late commits inside the lag, and beyond it until they are reconciled",
            trial!(changes::late_commits),
            24,
            2_000,
            3,
            &["seen late", "missed by runs, as declared", "reconciled"],
        ),
        row(11, "more changes than a search shows (10,000)", trial!(changes::capped), 1, 100, 1, &["over the cap"]),
        row(
            12,
            "tokens expire, refreshing fails or is cut short, a scope is taken away",
            trial!(credentials::troubled),
            25,
            1_000,
            3,
            &[
                "token expired",
                "scope taken away",
                "killed before the token could be stored",
                "killed around a renewal, and went on",
                "one renewal for several processes",
            ],
        ),
        row(13, "clocks that differ by up to two years, or jump back", trial!(clocks::skewed), 24, 500, 3, &["clock jumped back"]),
        row(
            18,
            "the schema drifts during a run",
            trial!(changes::drift),
            16,
            500,
            3,
            &["property added", "property gone", "property retyped", "names that differ in case", "fourteen hundred properties at once"],
        ),
        row(
            7,
            "slow, stalled, endless and broken answers",
            trial!(bodies::slow),
            20,
            200,
            8,
            &["stalled", "reset", "sliced", "a byte a second", "without end"],
        ),
        row(
            20,
            "a hundred thousand mutated texts: pipeline files, states, pages, values",
            trial!(texts::mutated),
            100,
            1_000,
            2,
            &["files refused with their place", "pages decoded"],
        ),
        row(21, "deletions; an older backup put back", trial!(repeats::backup), 10, 300, 3, &["backup restored"]),
        row(14, "no more room at any write", trial!(space::full), 12, 600, 3, &["ran out of room"]),
        row(
            24,
            "two processes share a limit of 190 requests in 10 seconds for a minute",
            trial!(quota::shared),
            1,
            3,
            1,
            &["requests in the first 60 seconds"],
        ),
        row(23, "read again in full, or a range of history, twice", trial!(repeats::again), 8, 100, 3, &["read again", "backfilled"]),
    ]
}
