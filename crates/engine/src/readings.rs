//! Which readings of a stream are due, and what a page makes true. Pure: state in, state out.

use std::time::Duration;

use aqueduct_connector::{Next, Stream};
use aqueduct_schema::{Cursor, Error, Mode, Reading, ReadingState, Result, StreamState, Timestamp, codes};

use crate::options::ReadOptions;

/// A reading to make: a new one, or one to carry on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) mode: Mode,
    pub(crate) from: Option<Cursor>,
    pub(crate) until: Option<Timestamp>,
    /// Known for a reading that was begun by an earlier run; otherwise the time of its first page.
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) position: Option<aqueduct_schema::Position>,
}

impl Due {
    /// The reading as the ledger tells it, at its beginning.
    pub(crate) fn told(&self) -> Reading {
        let from = self.from.as_ref().map(|cursor| cursor.at);
        Reading { mode: self.mode, from, until: self.until, resumed: self.started_at.is_some(), complete: false }
    }
}

/// What the readings of a run have to know of those before them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Done {
    modes: Vec<Mode>,
    first_load: bool,
}

impl Done {
    /// Takes note of a reading that has ended.
    pub(crate) fn add(&mut self, due: &Due, before: &StreamState) {
        self.modes.push(due.mode);
        self.first_load |= matches!(due.mode, Mode::Backfill | Mode::Snapshot) && before.settled.is_none();
    }

    fn has(&self, mode: Mode) -> bool {
        self.modes.contains(&mode)
    }
}

/// Refuses options that the stream cannot fulfil.
///
/// # Errors
/// `AQ1001` for a mode that the stream does not have.
pub(crate) fn check(stream: &Stream, options: &ReadOptions) -> Result<()> {
    for mode in options.modes.iter().flatten() {
        if !stream.modes.contains(mode) {
            let modes: Vec<&str> = stream.modes.iter().map(|mode| mode.name()).collect();
            return Err(Error::new(codes::BAD_USAGE, format!("stream `{}` cannot be read by {}", stream.name, mode.name()))
                .with("possible", modes.join(", ")));
        }
    }
    Ok(())
}

/// The next reading that is due, given what this run has done.
pub(crate) fn next(stream: &Stream, state: &StreamState, done: &Done, options: &ReadOptions) -> Option<Due> {
    // A mode that the stream no longer has cannot be carried on; what is due takes its place.
    if let Some(reading) = state.reading.as_ref().filter(|reading| stream.modes.contains(&reading.mode)) {
        return Some(Due {
            mode: reading.mode,
            from: reading.from.clone(),
            until: reading.until,
            started_at: Some(reading.started_at),
            position: reading.position.clone(),
        });
    }
    let mode = match &options.modes {
        Some(asked) => asked.iter().copied().find(|mode| !done.has(*mode)),
        None => due_by_itself(stream, state, done),
    }?;
    let (from, until) = match mode {
        Mode::Backfill => (options.from.map(Cursor::at), options.until),
        Mode::Changes | Mode::Deletions => (state.settled.clone(), None),
        Mode::Parents => (state.followed.clone().or_else(|| state.settled.clone()), None),
        Mode::Snapshot | Mode::Ids | Mode::Columns => (None, None),
    };
    Some(Due { mode, from, until, started_at: None, position: None })
}

/// With changes, the first load is a backfill (or a snapshot), and later runs read changes; deletions follow either, queued by its
/// last page. Without changes, every run reads all, or, where the stream can be read so, what belongs to records that changed.
fn due_by_itself(stream: &Stream, state: &StreamState, done: &Done) -> Option<Mode> {
    let has = |mode: Mode| stream.modes.contains(&mode);
    if has(Mode::Parents) && state.settled.is_some() {
        // After a whole reading there is nothing to follow.
        return (!done.has(Mode::Parents) && !done.has(Mode::Snapshot)).then_some(Mode::Parents);
    }
    let whole = [Mode::Backfill, Mode::Snapshot].into_iter().find(|mode| has(*mode));
    let mode = match whole {
        _ if done.first_load => return None,
        Some(whole) if !has(Mode::Changes) || state.settled.is_none() => whole,
        _ if has(Mode::Changes) => Mode::Changes,
        _ => return None,
    };
    if !done.has(mode) {
        return Some(mode);
    }
    // Only for streams without changes: elsewhere the deletions were queued, and so are done by now.
    (mode != Mode::Snapshot && has(Mode::Deletions) && !done.has(Mode::Deletions)).then_some(Mode::Deletions)
}

/// How far the source's clock may have been set back since a state was stored.
const SET_BACK: Duration = Duration::from_secs(60 * 60);

/// Whether a reading would begin later than it is at the source: a state that says so was not written by us, and what lies before its
/// cursor would never be read.
pub(crate) fn is_of_the_future(due: &Due, server_time: Timestamp) -> bool {
    let from_state = matches!(due.mode, Mode::Changes | Mode::Deletions | Mode::Parents) || due.started_at.is_some();
    let begins = due.from.as_ref().map(|from| from.at).filter(|_| from_state);
    begins.max(due.started_at).is_some_and(|begins| begins > server_time.plus(SET_BACK))
}

/// A page as far as the state is concerned.
pub(crate) struct Seen<'p> {
    pub(crate) next: &'p Next,
    pub(crate) server_time: Timestamp,
    /// The newest time of change among its records.
    pub(crate) newest: Option<Timestamp>,
}

/// The state after a page of a reading, and whether the reading is complete with it.
pub(crate) fn after(
    stream: &Stream,
    state: &StreamState,
    due: &Due,
    started_at: Timestamp,
    page: &Seen<'_>,
    options: &ReadOptions,
) -> (StreamState, bool) {
    let mut state = state.clone();
    if let Some(newest) = page.newest {
        // FUTURE-CLAMP: a record dated in the future moves nothing beyond the server's time.
        let newest = Cursor::at(newest.min(page.server_time));
        state.realtime = Some(state.realtime.map_or_else(|| newest.clone(), |old| old.max(newest.clone())));
    }
    let bookmark = match page.next {
        Next::Page(position) | Next::Later { position, .. } => {
            #[cfg(feature = "planted-forgotten-place")]
            fail::fail_point!("planted::forgotten_place", |_| {
                let settled = Some(Cursor::at(started_at.minus(stream.lag)));
                (StreamState { settled, ..state.clone() }, false)
            });
            state.reading = Some(ReadingState {
                mode: due.mode,
                started_at,
                from: due.from.clone(),
                until: due.until,
                position: Some(position.clone()),
            });
            return (state, false);
        }
        Next::End { bookmark } => bookmark,
        // No reading goes on from there.
        Next::TooMany => return (state, false),
    };
    state.reading = None;
    if bookmark.is_some() {
        state.bookmark.clone_from(bookmark);
    }
    if due.mode == Mode::Changes && deletions_follow(stream, options) {
        // Queued with the changes' last page, from where the changes began: whatever interrupts the run, no deletion is passed over.
        state.reading = Some(ReadingState { mode: Mode::Deletions, started_at, from: state.settled.clone(), until: None, position: None });
    }
    // A reading of everything has read the calculated columns too.
    if due.mode == Mode::Columns || (matches!(due.mode, Mode::Backfill | Mode::Snapshot) && due.from.is_none() && due.until.is_none()) {
        state.columns_read_at = Some(started_at);
    }
    if due.mode == Mode::Parents || (due.mode == Mode::Snapshot && stream.modes.contains(&Mode::Parents)) {
        let followed = Cursor::at(started_at);
        state.followed = Some(state.followed.map_or_else(|| followed.clone(), |old| old.max(followed.clone())));
    }
    if settles(&state, due) {
        // NEVER-PAST-LAG: by the server's time at the beginning, never by the times of records.
        let settled = Cursor::at(started_at.minus(stream.lag.max(Duration::ZERO)));
        #[cfg(feature = "planted-no-lag")]
        fail::fail_point!("planted::no_lag", |_| {
            let settled = Some(Cursor::at(started_at));
            (StreamState { settled, ..state.clone() }, true)
        });
        state.settled = Some(state.settled.map_or_else(|| settled.clone(), |old| old.max(settled.clone())));
    }
    (state, true)
}

fn deletions_follow(stream: &Stream, options: &ReadOptions) -> bool {
    stream.modes.contains(&Mode::Deletions) && options.modes.as_ref().is_none_or(|modes| modes.contains(&Mode::Deletions))
}

/// Whether a completed reading has covered everything up to its beginning.
fn settles(state: &StreamState, due: &Due) -> bool {
    match due.mode {
        Mode::Snapshot => true,
        Mode::Changes => true,
        // A window with an end says nothing of what came after; one with a beginning must not leave a gap behind the old cursor.
        Mode::Backfill => {
            due.until.is_none()
                && match (&due.from, &state.settled) {
                    (Some(from), Some(settled)) => from <= settled,
                    _ => true,
                }
        }
        Mode::Deletions | Mode::Ids | Mode::Columns | Mode::Parents => false,
    }
}

#[cfg(test)]
#[path = "readings_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "readings_laws.rs"]
mod laws;
