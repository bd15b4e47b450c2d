//! Ends: said by the source, never by silence or a cap.

use std::collections::BTreeSet;
use std::time::Duration;

use aqueduct_connector::Stream;
use aqueduct_schema::{Cursor, ErrorKind, StreamState, codes};

use crate::trial::{Course, Handed, Reading, Trial, all_of, applies, has_changes, require};
use crate::vendor::{Ability, Harm};

pub(super) async fn positive_end(trial: &Trial<'_>) -> Course {
    let stream = trial.stream().await?;
    let whole = trial.load(&stream, &StreamState::default()).await?;
    all_of(&trial.live(&stream)?, &whole.ids(), "a first load")?;
    ends_once(&whole)?;

    applies(!trial.facts.no_answers.is_empty(), "the vendor declares no way in which an answer can fail to be one")?;
    for harm in trial.facts.no_answers {
        for skip in [0, 1] {
            is_no_end(trial, &stream, &StreamState::default(), *harm, skip, "a first load").await?;
        }
    }
    if !(has_changes(&stream) && trial.facts.can(Ability::Change)) {
        return Ok(());
    }
    for harm in trial.facts.no_answers {
        trial.update_all(&stream)?;
        for skip in [0, 1] {
            is_no_end(trial, &stream, &whole.state(), *harm, skip, "a reading of changes").await?;
        }
    }
    // Nothing is left to read, and an answer without a single record is an end like any other.
    let caught_up = trial.load(&stream, &whole.state()).await?;
    trial.account.advance(stream.lag + Duration::from_secs(24 * 3600));
    let settled = trial.load(&stream, &caught_up.state()).await?;
    trial.load(&stream, &settled.state()).await.map(|_| ())
}

/// Each reading (a first load may be followed by one of deletions) is complete with its last page and no other.
fn ends_once(run: &Reading) -> Course {
    let is_same = |one: &Handed, other: &Handed| one.checkpoint.mode == other.checkpoint.mode;
    for pages in run.pages.chunk_by(is_same) {
        let ends: Vec<bool> = pages.iter().map(|page| page.checkpoint.reading_complete).collect();
        let (mode, last) = (pages[0].checkpoint.mode.name(), ends.len() - 1);
        let right = ends.iter().enumerate().all(|(page, ends)| *ends == (page == last));
        require(right, || {
            format!("a reading of {mode} in {} pages does not say with its last page, and no other, that it is complete", ends.len())
        })?;
    }
    Ok(())
}

/// An answer that is none must not end the reading: not where it stays so, and where it passes the reading goes on.
async fn is_no_end(trial: &Trial<'_>, stream: &Stream, state: &StreamState, harm: Harm, skip: u64, what: &str) -> Course {
    let expected = trial.live(stream)?;
    let what = format!("{what} whose page {} is harmed ({harm:?})", skip + 1);
    trial.account.harm(&stream.name, harm, skip, None)?;
    let reading = trial.read(crate::trial::Ask::new(stream, state)).await?;
    require(reading.outcome.is_err(), || {
        format!("{what} ends without an error, with {} of {} records", reading.ids().len(), expected.len())
    })?;
    completes_nothing(&reading, state, &what)?;
    trial.account.heal()?;
    let rest = trial.load(stream, &reading.state()).await?;
    let mut together = reading.ids();
    together.extend(rest.ids());
    all_of(&expected, &together, &format!("{what}, after it has passed"))?;

    if trial.facts.can(Ability::Statuses) {
        trial.account.harm(&stream.name, harm, skip, Some(1))?;
        let reading = trial.load(stream, state).await?;
        trial.account.heal()?;
        all_of(&expected, &reading.ids(), &format!("{what} once"))?;
    }
    Ok(())
}

/// A reading that failed must not have settled anything.
pub(super) fn completes_nothing(reading: &Reading, before: &StreamState, what: &str) -> Course {
    require(!reading.claims_completeness(), || format!("{what}: a page says that the reading is complete"))?;
    require(reading.state().settled == before.settled, || format!("{what}: the settled cursor has moved"))?;
    let bug = reading.outcome.as_ref().err().filter(|error| error.kind() == ErrorKind::Bug);
    require(bug.is_none(), || format!("{what}: it is told as a mistake of our own: {}", bug.map(ToString::to_string).unwrap_or_default()))
}

pub(super) async fn no_silent_cap(trial: &Trial<'_>) -> Course {
    trial.needs(Ability::Change)?;
    let Some(cap) = trial.facts.cap else { return applies(false, "the vendor has no cap") };
    let stream = trial.whole_stream().await?;
    applies(has_changes(&stream), "the stream is always read whole")?;
    let mut state = trial.load(&stream, &StreamState::default()).await?.state();
    let beyond = cap + stream.page_size as usize + 5;
    for (what, at_once) in [("one instant", beyond), ("many instants", 37)] {
        // As after a run long ago: the reading meets nothing but its own records.
        trial.account.advance(stream.lag + Duration::from_secs(24 * 3600));
        state.settled = Some(Cursor::at(trial.account.clock().now().minus(stream.lag)));
        trial.account.advance(stream.lag + Duration::from_secs(3600));
        let mut created = BTreeSet::new();
        while created.len() < beyond {
            trial.account.advance(Duration::from_millis(3));
            created.extend(trial.account.create(&stream.name, at_once.min(beyond - created.len()))?);
        }
        trial.account.advance(Duration::from_secs(1));
        let what = format!("{} changes in {what}, where one question reaches {cap}", created.len());
        reaches_all(trial, &stream, &state, &created, &what).await?;
        if stream.windows.is_some() {
            // What is read by windows has no cheaper listing for its first load, so that it meets the cap too.
            reaches_all(trial, &stream, &StreamState::default(), &trial.live(&stream)?, &format!("a first load with {what}")).await?;
        }
    }
    Ok(())
}

/// A reading beyond the cap brings everything, or fails and says so.
async fn reaches_all(trial: &Trial<'_>, stream: &Stream, state: &StreamState, expected: &BTreeSet<String>, what: &str) -> Course {
    let reading = trial.read(crate::trial::Ask::new(stream, state)).await?;
    let Err(error) = &reading.outcome else { return all_of(expected, &reading.ids(), what) };
    completes_nothing(&reading, state, what)?;
    // A connector with code of its own may have words of its own.
    let named = stream.windows.is_none() || error.code() == codes::SILENT_CAP;
    require(named, || format!("{what}: it is told as {error}, not as AQ3008 with the window that holds too much"))
}
