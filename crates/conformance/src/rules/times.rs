//! Cursors and time: never past the lag, never past now.

use std::collections::BTreeSet;
use std::time::Duration;

use aqueduct_connector::Stream;
use aqueduct_schema::StreamState;

use crate::trial::{Ask, Course, Reading, Trial, all_of, applies, has_changes, require};
use crate::vendor::Ability;
use crate::watched::Between;

pub(super) async fn never_past_lag(trial: &Trial<'_>) -> Course {
    trial.needs(Ability::Change)?;
    let stream = trial.stream().await?;
    applies(has_changes(&stream), "the stream is always read whole")?;
    let first = slow_reading(trial, &stream, &StreamState::default()).await?;
    settled_stays_behind(&first, &stream, "a first load")?;

    trial.update_all(&stream)?;
    trial.account.create(&stream.name, 3)?;
    trial.account.advance(Duration::from_secs(1));
    let changes = slow_reading(trial, &stream, &first.state()).await?;
    settled_stays_behind(&changes, &stream, "a reading of changes that are newer than the lag")?;

    let Some(late) = trial.facts.late else { return Ok(()) };
    trial.account.hide_changes_for(late)?;
    let created: BTreeSet<String> = trial.account.create(&stream.name, 3)?.into_iter().collect();
    trial.account.advance(Duration::from_secs(60));
    let early = trial.load(&stream, &changes.state()).await?;
    settled_stays_behind(&early, &stream, "a reading of changes that the source does not show yet")?;
    require(created.is_disjoint(&early.ids()), || "the vendor shows changes that it should still hide: nothing was tried".to_owned())?;
    trial.account.advance(late);
    let in_time = trial.load(&stream, &early.state()).await?;
    all_of(&created, &in_time.ids(), &format!("changes that the source showed {} minutes late", late.as_secs() / 60))
}

/// Reads to the end, with ten minutes between two pages.
async fn slow_reading(trial: &Trial<'_>, stream: &Stream, state: &StreamState) -> Course<Reading> {
    let account = trial.account.clone();
    let between: Between = std::sync::Arc::new(move |_| {
        account.advance(Duration::from_secs(600));
        Ok(())
    });
    let reading = trial.read(Ask { between: Some(between), ..Ask::new(stream, state) }).await?;
    trial.complete(reading, stream)
}

/// By the account's own clock, not by what the connector says of it.
fn settled_stays_behind(reading: &Reading, stream: &Stream, what: &str) -> Course {
    let latest = reading.first_page_at.minus(stream.lag);
    let beyond = reading.pages.iter().filter_map(|page| page.checkpoint.state.settled.as_ref()).find(|settled| settled.at > latest);
    require(beyond.is_none(), || {
        let settled = beyond.map(|settled| settled.at.to_string()).unwrap_or_default();
        format!("{what}: the settled cursor is {settled}, past {latest}, which is when the reading began less the lag")
    })?;
    require(reading.state().settled.is_some(), || format!("{what}: a complete reading leaves no settled cursor"))
}

pub(super) async fn future_clamp(trial: &Trial<'_>) -> Course {
    trial.needs(Ability::FutureDates)?;
    trial.needs(Ability::Change)?;
    let stream = trial.stream().await?;
    let year = Duration::from_secs(365 * 24 * 3600);
    let mut state = StreamState::default();
    for what in ["a first load", "a reading of changes"] {
        let dated = trial.account.create_dated(&stream.name, trial.account.clock().now().plus(year))?;
        trial.account.advance(Duration::from_secs(1));
        let reading = trial.load(&stream, &state).await?;
        all_of(&BTreeSet::from([dated]), &reading.ids(), &format!("{what}: the record of the future"))?;
        let now = trial.account.clock().now();
        for page in &reading.pages {
            let cursors = [("settled", &page.checkpoint.state.settled), ("realtime", &page.checkpoint.state.realtime)];
            for (name, cursor) in cursors {
                let beyond = cursor.as_ref().filter(|cursor| cursor.at > now);
                require(beyond.is_none(), || {
                    format!(
                        "{what} with a record of next year: the {name} cursor is {}, and it is {now}",
                        beyond.map_or(now, |cursor| cursor.at)
                    )
                })?;
            }
        }
        state = reading.state();
    }
    if has_changes(&stream) {
        let created: BTreeSet<String> = trial.account.create(&stream.name, 3)?.into_iter().collect();
        trial.account.advance(Duration::from_secs(1));
        let reading = trial.load(&stream, &state).await?;
        all_of(&created, &reading.ids(), "changes made after a record of the future was read")?;
    }
    Ok(())
}
