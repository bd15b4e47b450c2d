//! When the source is slow, fails, or has lost a record.

use std::time::Duration;

use aqueduct_connector::Stream;
use aqueduct_schema::{ErrorKind, Mode, Retry, StreamState, codes};

use super::ends::completes_nothing;
use crate::trial::{Ask, Course, MAX_ATTEMPTS, PAGE, Stop, Trial, all_of, applies, require, with_few_fields};
use crate::vendor::{Ability, Harm};

pub(super) async fn slow_down(trial: &Trial<'_>) -> Course {
    trial.needs(Ability::Statuses)?;
    let stream = trial.stream().await?;
    for seconds in [Some(7), Some(45), None] {
        let earlier = trial.account.asked().len();
        trial.account.harm(&stream.name, Harm::SlowDown(seconds), 1, Some(1))?;
        let reading = trial.load(&stream, &StreamState::default()).await?;
        trial.account.heal()?;
        let what = seconds.map_or("\"slow down\"".to_owned(), |seconds| format!("\"slow down for {seconds} s\""));
        all_of(&trial.live(&stream)?, &reading.ids(), &format!("a first load that is told {what}"))?;
        let asked = trial.account.asked().split_off(earlier);
        let told = asked.iter().position(|asked| asked.status == 429);
        let Some((told, next)) = told.and_then(|told| Some((asked[told], *asked.get(told + 1)?))) else {
            return Err(Stop::Failed(format!("nobody was told {what}, or nobody asked again: nothing was tried")));
        };
        let waited = next.at.since(told.at);
        let least = seconds.map_or(Duration::from_millis(1), Duration::from_secs);
        require(waited >= least, || format!("after {what} the next request came {} ms later", waited.as_millis()))?;
    }
    trial.account.harm(&stream.name, Harm::SlowDown(None), 1, None)?;
    let earlier = trial.account.asked().len();
    let reading = trial.read(Ask::new(&stream, &StreamState::default())).await?;
    let refused = trial.account.asked().split_off(earlier).iter().filter(|asked| asked.status == 429).count();
    let Err(error) = &reading.outcome else {
        return Err(Stop::Failed("a source that says \"slow down\" for ever ends a reading without an error".to_owned()));
    };
    require(error.code() == codes::RATE_LIMITED, || format!("\"slow down\" for ever is told as {}, not AQ3001", error.code().id))?;
    require(refused <= MAX_ATTEMPTS as usize, || format!("a request that is told \"slow down\" is sent {refused} times"))?;
    completes_nothing(&reading, &StreamState::default(), "\"slow down\" for ever")
}

pub(super) async fn server_failure(trial: &Trial<'_>) -> Course {
    trial.needs(Ability::Statuses)?;
    let stream = trial.stream().await?;
    for harm in [Harm::Status(500), Harm::Status(503), Harm::Dropped] {
        trial.account.harm(&stream.name, harm, 1, Some(2))?;
        let reading = trial.load(&stream, &StreamState::default()).await?;
        trial.account.heal()?;
        all_of(&trial.live(&stream)?, &reading.ids(), &format!("a first load with two failures ({harm:?})"))?;

        trial.account.harm(&stream.name, harm, 1, None)?;
        let earlier = trial.account.asked().len();
        let reading = trial.read(Ask::new(&stream, &StreamState::default())).await?;
        let sent = trial.account.asked().split_off(earlier).iter().filter(|asked| !asked.token).count();
        trial.account.heal()?;
        let Err(error) = &reading.outcome else {
            return Err(Stop::Failed(format!("a source that fails for ever ({harm:?}) ends a reading without an error")));
        };
        let (kind, retry) = (error.kind(), error.retry());
        require(kind == ErrorKind::Source && retry != Retry::Never, || {
            format!("a source that fails for ever ({harm:?}) is told as {error:?}, not as its own failure that may pass")
        })?;
        // The first page, and no more than so many attempts at the second.
        let most = 1 + MAX_ATTEMPTS as usize;
        require((3..=most).contains(&sent), || format!("a source that fails for ever ({harm:?}) is asked {sent} times, not 3 to {most}"))?;
        completes_nothing(&reading, &StreamState::default(), "a source that fails for ever")?;
        let rest = trial.load(&stream, &reading.state()).await?;
        let mut together = reading.ids();
        together.extend(rest.ids());
        all_of(&trial.live(&stream)?, &together, "what was read before a failure and after it")?;
    }
    Ok(())
}

pub(super) async fn deletions(trial: &Trial<'_>) -> Course {
    trial.needs(Ability::Change)?;
    let lists = |stream: &Stream| stream.modes.contains(&Mode::Deletions);
    let main = trial.stream().await?;
    let whole = main.modes.contains(&Mode::Snapshot) && !main.modes.contains(&Mode::Changes);
    let others = trial.streams().await?.into_iter().filter(|stream| stream.name != main.name && lists(stream));
    let others = others.filter(|stream| trial.account.live_ids(&stream.name).is_some());
    let others: Vec<Stream> = others.map(|stream| with_few_fields(stream).page_size(PAGE)).collect();
    // Where the stream that is changed elsewhere cannot tell of deletions, others may.
    let tried = if lists(&main) || whole { vec![main] } else { others };
    applies(!tried.is_empty(), "no stream has a way of telling deletions")?;
    for stream in &tried {
        tells_deletions(trial, stream).await?;
    }
    Ok(())
}

/// Two records of a stream are deleted, and the next reading must say so.
async fn tells_deletions(trial: &Trial<'_>, stream: &Stream) -> Course {
    let listed = stream.modes.contains(&Mode::Deletions);
    let first = trial.load(stream, &StreamState::default()).await?;
    let live = trial.live(stream)?;
    let (Some(one), Some(other)) = (live.first(), live.last()) else {
        return Err(Stop::Failed(format!("the vendor's account has no records of `{}`", stream.name)));
    };
    for id in [one, other] {
        trial.account.advance(Duration::from_secs(2));
        trial.account.delete(&stream.name, id)?;
    }
    trial.account.advance(Duration::from_secs(2));
    let next = trial.load(stream, &first.state()).await?;
    for id in [one, other] {
        let last = next.pages.iter().flat_map(|page| &page.records).rfind(|record| record.id == *id);
        // A snapshot tells by leaving out; a list of deletions tells by the flag.
        let told = if listed { last.is_some_and(|record| record.deleted) } else { last.is_none() };
        require(told, || {
            format!(
                "record {id} of `{}` was deleted, and the reading after it {}",
                stream.name,
                if last.is_some() { "shows it as live" } else { "does not say so" }
            )
        })?;
    }
    Ok(())
}

pub(super) async fn ids_complete(trial: &Trial<'_>) -> Course {
    trial.needs(Ability::Change)?;
    let mut stream = trial.stream().await?;
    applies(stream.modes.contains(&Mode::Ids), "the stream cannot be read by ids")?;
    let roles = stream.record.clone();
    stream.record.fields.retain(|field| roles.has_role(&field.path));
    for _ in 0..2 {
        let ask = Ask { modes: Some(vec![Mode::Ids]), ..Ask::new(&stream, &StreamState::default()) };
        let reading = trial.complete(trial.read(ask).await?, &stream)?;
        let listed: Vec<&str> = reading.pages.iter().flat_map(|page| &page.records).map(|record| record.id.as_str()).collect();
        let live = trial.live(&stream)?;
        all_of(&live, &reading.ids(), "a listing of ids")?;
        let gone = listed.iter().find(|id| !live.contains(**id));
        require(gone.is_none(), || format!("record {} is deleted, and listed", gone.copied().unwrap_or_default()))?;
        require(reading.state().settled.is_none(), || "a listing of ids moves the settled cursor".to_owned())?;
        // Once more, without the first and the last of them.
        for id in [listed.first(), listed.last()].into_iter().flatten() {
            trial.account.advance(Duration::from_secs(2));
            trial.account.delete(&stream.name, id)?;
        }
        trial.account.advance(Duration::from_secs(2));
    }
    Ok(())
}
