//! Positions and checkpoints: by value, through one instant, and exactly as far as their rows.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aqueduct_connector::Stream;
use aqueduct_schema::{Mode, StreamState};

use crate::trial::{Ask, Course, PAGE, Reading, Trial, all_of, applies, has_changes, ids_of, require, with_few_fields};
use crate::vendor::Ability;
use crate::watched::Between;

/// After so many pages the source is left alone, so that moving records cannot keep a reading from its end.
const DISTURBED_PAGES: usize = 5;
/// More readings than any trial needs; one that goes on beyond them goes in a circle.
const ENDLESS: usize = 300;

pub(super) async fn by_value(trial: &Trial<'_>) -> Course {
    trial.needs(Ability::Change)?;
    let stream = trial.stream().await?;
    let (first, moved) = disturbed(trial, &stream, &StreamState::default()).await?;
    let when = "a first load during which records before its position are deleted and changed";
    all_of(&trial.live(&stream)?, &first.ids(), when)?;
    let next = trial.load(&stream, &first.state()).await?;
    if !has_changes(&stream) {
        return Ok(());
    }
    all_of(&moved, &next.ids(), "what changed during a first load comes with the reading after it")?;

    trial.update_all(&stream)?;
    let (later, moved) = disturbed(trial, &stream, &next.state()).await?;
    let when = "a reading of changes during which records before its position are deleted and changed";
    all_of(&trial.live(&stream)?, &later.ids(), when)?;
    let last = trial.load(&stream, &later.state()).await?;
    all_of(&moved, &last.ids(), "what changed during a reading of changes comes with the reading after it")
}

/// What was done to the source while it was read.
#[derive(Default)]
struct Disturbance {
    deleted: BTreeSet<String>,
    changed: BTreeSet<String>,
    pages: usize,
}

/// Reads to the end while, before each of the next pages, a record that was seen is deleted and another is changed. Also gives the
/// records that were changed and are still there.
async fn disturbed(trial: &Trial<'_>, stream: &Stream, state: &StreamState) -> Course<(Reading, BTreeSet<String>)> {
    let disturbance: Arc<Mutex<Disturbance>> = Arc::default();
    let (account, name, log) = (trial.account.clone(), stream.name.clone(), disturbance.clone());
    let between: Between = Arc::new(move |seen| {
        let mut done = log.lock().unwrap_or_else(PoisonError::into_inner);
        done.pages += 1;
        if done.pages > DISTURBED_PAGES {
            return Ok(());
        }
        account.advance(Duration::from_secs(2));
        let live = account.live_ids(&name).unwrap_or_default();
        let untouched: Vec<&String> = seen.iter().filter(|id| live.contains(*id) && !done.changed.contains(*id)).collect();
        let mut untouched = untouched.into_iter();
        if let Some(id) = untouched.next() {
            account.delete(&name, id)?;
            done.deleted.insert(id.clone());
        }
        // The newest record seen, right before the position.
        if let Some(id) = untouched.next_back() {
            account.update(&name, id)?;
            done.changed.insert(id.clone());
        }
        Ok(())
    });
    let reading = trial.read(Ask { between: Some(between), ..Ask::new(stream, state) }).await?;
    let reading = trial.complete(reading, stream)?;
    trial.account.advance(Duration::from_secs(1));
    let done = std::mem::take(&mut *disturbance.lock().unwrap_or_else(PoisonError::into_inner));
    // Otherwise nothing was tried, and a pass would mean nothing.
    require(!done.deleted.is_empty() && !done.changed.is_empty(), || {
        format!("stream `{}` came in one page, so nothing could change between two: the vendor's account is too small", stream.name)
    })?;
    Ok((reading, done.changed.difference(&done.deleted).cloned().collect()))
}

pub(super) async fn composite(trial: &Trial<'_>) -> Course {
    trial.needs(Ability::Change)?;
    let stream = trial.stream().await?;
    applies(has_changes(&stream), "the stream is always read whole")?;
    let first = trial.load(&stream, &StreamState::default()).await?;
    let mut created = BTreeSet::new();
    for count in [3, 3 * PAGE as usize + 5, 3] {
        trial.account.advance(Duration::from_secs(1));
        created.extend(trial.account.create(&stream.name, count)?);
    }
    trial.account.advance(Duration::from_secs(1));
    let whole = trial.load(&stream, &first.state()).await?;
    all_of(&created, &whole.ids(), "changes of which more than three pages share one instant")?;
    let resumed = page_by_page(trial, &stream, first.state()).await?;
    all_of(&created, &resumed, "the same with a fresh engine after every page")
}

pub(super) async fn covers_its_rows(trial: &Trial<'_>) -> Course {
    for stream in trial.streams().await? {
        let stream = with_few_fields(stream).page_size(PAGE);
        let state = resumes_anywhere(trial, &stream, &StreamState::default(), "a first load").await?;
        if stream.name == trial.facts.stream && trial.facts.can(Ability::Change) {
            trial.update_all(&stream)?;
            if let Some(id) = trial.live(&stream)?.first() {
                trial.account.delete(&stream.name, id)?;
            }
            trial.account.advance(Duration::from_secs(1));
            resumes_anywhere(trial, &stream, &state, "a later reading").await?;
        }
    }
    Ok(())
}

/// Reads undisturbed, then from every checkpoint on the way; each time both parts together must be the whole. Gives the last state.
async fn resumes_anywhere(trial: &Trial<'_>, stream: &Stream, state: &StreamState, what: &str) -> Course<StreamState> {
    let whole = trial.load(stream, state).await?;
    let ids = whole.ids();
    for stop in 1..whole.pages.len() {
        let checkpoint = &whole.pages[stop - 1].checkpoint;
        let rest = trial.load(stream, &checkpoint.state).await?;
        let mut together = ids_of(&whole.pages[..stop]);
        together.extend(rest.ids());
        let when = format!("{what} of `{}` that stops after page {stop} and goes on from its checkpoint", stream.name);
        all_of(&ids, &together, &when)?;
        let surplus: Vec<&String> = together.difference(&ids).take(5).collect();
        require(surplus.is_empty(), || format!("{when}: records arrive that the undisturbed reading does not have: {surplus:?}"))?;
    }
    let stepped = page_by_page(trial, stream, state.clone()).await?;
    all_of(&ids, &stepped, &format!("{what} of `{}` with a fresh engine for every page", stream.name))?;
    Ok(whole.state())
}

/// Reads to the end with a fresh engine for every page.
async fn page_by_page(trial: &Trial<'_>, stream: &Stream, mut state: StreamState) -> Course<BTreeSet<String>> {
    let mut ids = BTreeSet::new();
    for _ in 0..ENDLESS {
        let reading = trial.read(Ask { record_limit: Some(1), ..Ask::new(stream, &state) }).await?;
        let outcome = reading.outcome.as_ref().map_err(|error| trial.failed("one page cannot be read", error))?;
        ids.extend(reading.ids());
        state = reading.state();
        if outcome.complete {
            return Ok(ids);
        }
        // Deletions end what changes began. Where there were none, a run goes on with new changes at once.
        let ended = reading.pages.iter().any(|page| page.checkpoint.mode == Mode::Deletions && page.checkpoint.reading_complete);
        if ended {
            return Ok(ids);
        }
        if state.reading.is_none() {
            // What was begun is read. What a run would begin now belongs to it where the stream knows no changes, and is new otherwise.
            if !has_changes(stream) {
                ids.extend(trial.load(stream, &state).await?.ids());
            }
            return Ok(ids);
        }
    }
    require(false, || format!("stream `{}` does not come to its end page by page", stream.name))?;
    Ok(ids)
}
