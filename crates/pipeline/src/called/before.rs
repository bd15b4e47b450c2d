//! Whether the pipelines that a called one comes after have done their part.

use aqueduct_control::occurrence::{Occurrence, State, Why};
use aqueduct_control::occurrence_rules::is_dead;
use aqueduct_control::{Outcome, RunFilter, RunKind};

use super::*;

/// How many occurrences back one that was run is looked for.
const BACK: usize = 50;
/// How long another program may take until it has started what is due.
const ALLOWED: Duration = Duration::from_secs(600);

/// What the pipelines before say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// All have ended well, or there is nothing to wait for.
    Well,
    /// One has not, in words.
    Wait(String),
    /// One did not end well.
    Failed(String),
}

/// The pipelines that one comes after, with their schedules, from the other files of its folder.
///
/// # Errors
/// `AQ1020` for a name that none of them has, `AQ1021` where pipelines before it wait for each other, or for it.
pub(super) fn found(file: &Path, schedule: &Schedule) -> Result<Vec<(String, Option<Schedule>)>> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let files = pipeline_files(folder)?;
    let survey = survey(&files);
    let is_this = |place: &str| Path::new(place).file_name() == file.file_name();
    let unknown =
        |mistake: &Error| mistake.code() == codes::UNKNOWN_PIPELINE && mistake.location().is_some_and(|place| is_this(&place.file));
    if let Some(mistake) = survey.mistakes.into_iter().find(unknown) {
        return Err(mistake);
    }
    // Called by another program, each of a circle would wait for the next until its own next time.
    if let Some(mistake) = circle_before(&survey.pipelines, schedule.dependencies()) {
        return Err(mistake);
    }
    let schedule_of = |name: &String| survey.pipelines.iter().find(|pipeline| pipeline.name == *name)?.schedule.clone();
    Ok(schedule.dependencies().iter().map(|name| (name.clone(), schedule_of(name))).collect())
}

impl Call {
    /// Looks at the latest occurrence, at or before this one, of every pipeline before.
    pub(super) async fn before(&self, at: Timestamp, now: Timestamp) -> Result<Before> {
        let mut said = Before::Well;
        for (other, schedule) in &self.after {
            match self.one_before(other, schedule.as_ref(), at, now).await? {
                Before::Well => {}
                Before::Failed(other) => return Ok(Before::Failed(other)),
                wait => said = wait,
            }
        }
        Ok(said)
    }

    async fn one_before(&self, other: &str, schedule: Option<&Schedule>, at: Timestamp, now: Timestamp) -> Result<Before> {
        let documents = self.control.occurrences(other, at, BACK).await?;
        if let Some((due, starts)) = schedule.and_then(|schedule| latest_to_run(other, schedule, at))
            && documents.first().is_none_or(|latest| latest.at < due)
            && !self.is_paused(other, due).await?
        {
            // Nobody has begun it under its occurrence: it may have been run by hand, or by a program that does not say for what.
            let since = RunFilter { kinds: vec![RunKind::Run], since: Some(due), ..RunFilter::of(other, BACK) };
            let runs = self.control.runs(&since).await?;
            match runs.iter().find(|run| run.outcome != Outcome::Refused).map(|run| run.outcome) {
                Some(Outcome::Ok) => return Ok(Before::Well),
                Some(Outcome::Running) => return Ok(Before::Wait(format!("`{other}` is running"))),
                Some(_) => return Ok(Before::Failed(other.to_owned())),
                None if now < starts.plus(ALLOWED) => return Ok(Before::Wait(format!("`{other}` has not run since {}", moment(due)))),
                // It was missed, which its own catch-up is about: the one before counts.
                None => {}
            }
        }
        for document in &documents {
            match &document.state {
                State::Skipped(skipped) if skipped.why == Why::Dependency => return Ok(Before::Failed(other.to_owned())),
                State::Ended(ended) if ended.exit_code == Some(0) => return Ok(Before::Well),
                // What an earlier or later one has done in their place.
                State::Skipped(_) => {}
                State::Ended(ended) if ended.exit_code == Some(9) => {}
                State::Ended(_) => return Ok(Before::Failed(other.to_owned())),
                State::Claimed(_) | State::Begun(_) | State::Due { .. } => return self.open_before(other, document, now).await,
            }
        }
        Ok(Before::Well)
    }

    /// Of an occurrence that is not over: whether somebody is still at it.
    async fn open_before(&self, other: &str, document: &Occurrence, now: Timestamp) -> Result<Before> {
        let is_left = match &document.state {
            State::Due { not_before } => not_before.unwrap_or(document.at).plus(ALLOWED) < now,
            _ => is_dead(document, self.control.now().await?),
        };
        Ok(match (is_left, &document.state) {
            (true, _) => Before::Failed(other.to_owned()),
            (false, State::Due { .. }) => Before::Wait(format!("`{other}` is tried again")),
            (false, _) => Before::Wait(format!("`{other}` is running")),
        })
    }

    async fn is_paused(&self, other: &str, at: Timestamp) -> Result<bool> {
        Ok(self.control.schedule(other).await?.is_some_and(|standing| standing.paused_at(at)))
    }
}

/// The latest occurrence of a pipeline at or before an instant that is to be run, and when it starts.
fn latest_to_run(name: &str, schedule: &Schedule, at: Timestamp) -> Option<(Timestamp, Timestamp)> {
    if schedule.paused() {
        return None;
    }
    let mut latest = schedule.latest(instant(at))?;
    for _ in 0..BACK {
        if let Some(starts) = schedule.verdict(name, latest).starts_at() {
            return Some((timestamp(latest), timestamp(starts)));
        }
        latest = schedule.latest(latest.checked_sub(jiff::SignedDuration::from_nanos(1)).ok()?)?;
    }
    None
}
