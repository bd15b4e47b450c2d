//! Deletions by the list of deleted ids, which also knows those that have left the recycle bin.
//! <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_getdeleted.htm>

use std::time::Duration;

use aqueduct_connector::schema::{Error, Position, Result, Timestamp, codes};
use aqueduct_connector::serde::de::IgnoredAny;
use aqueduct_connector::{Context, Next, Page, Read, Records, Request, Response};
use serde::{Deserialize, Serialize};

use crate::api::{Api, Place, instant, onward};

/// A list holds at most 600,000 ids; a day seldom has so many.
const WINDOW: u64 = 24 * 60;
/// How far back Salesforce keeps what was deleted, at most.
const KEPT: Duration = Duration::from_secs(15 * 24 * 60 * 60);
const MINUTE: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Deleted {
    #[allow(dead_code, reason = "an answer without its list is not an answer")]
    deleted_records: Vec<IgnoredAny>,
    earliest_date_available: Option<String>,
    latest_date_covered: String,
}

/// Up to where deletions are known, kept between runs.
#[derive(Deserialize, Serialize)]
struct Bookmark {
    deleted_until: Timestamp,
}

impl Api<'_> {
    /// The deletions of a window. They are known up to `latestDateCovered`, which stays behind transactions that are still open, and
    /// the next run begins there.
    pub(crate) async fn deleted(&self, context: &Context, read: &Read<'_>, place: Option<Place>) -> Result<Page> {
        let now = whole_minute(context.now);
        let (since, window) = match place {
            Some(Place::Deleted { since, window }) => (since, window),
            _ => (beginning(read, now), WINDOW),
        };
        let until = since.plus(MINUTE * u32::try_from(window).unwrap_or(1)).min(now).max(since.plus(MINUTE));
        let request = Request::get(self.path(&format!("sobjects/{}/deleted/", read.stream.record.object)), read.operation())
            .query("start", written(since))
            .query("end", written(until));
        let (response, refusal) = self.ask(request).await?;
        match refusal {
            None => {}
            Some(refusal) if refusal.is(&["EXCEEDED_ID_LIMIT"]) && window > 1 => {
                return onward(&response, &Place::Deleted { since, window: window / 2 });
            }
            Some(refusal) if refusal.is(&["EXCEEDED_ID_LIMIT"]) => {
                return Err(Error::new(codes::SILENT_CAP, "more was deleted in a minute than the source lists").operation(read.operation()));
            }
            Some(refusal) if refusal.is(&["INVALID_REPLICATION_DATE"]) => return Err(forgotten(read, since, None)),
            Some(refusal) => return Err(refusal.error(&response)),
        }
        let answer: Deleted = response.json()?;
        if let Some(earliest) = &answer.earliest_date_available {
            let earliest = instant(&response, earliest)?;
            if whole_minute(earliest) > since {
                return Err(forgotten(read, since, Some(earliest)));
            }
        }
        let covered = instant(&response, &answer.latest_date_covered)?.min(until);
        let next = next(&response, since, covered, until < now)?;
        let server_time = response.server_time;
        let records = Records::Deleted { body: response.body, pointer: &["deletedRecords"], key: &["id"], deleted_at: Some("deletedDate") };
        Ok(Page { records, next, server_time })
    }
}

/// Another window from where this one is covered; at the end a bookmark of that place.
fn next(response: &Response, since: Timestamp, covered: Timestamp, more: bool) -> Result<Next> {
    let reached = whole_minute(covered);
    if more && reached > since {
        return Next::page(response, &Place::Deleted { since: reached, window: WINDOW });
    }
    Next::bookmark(response, &Bookmark { deleted_until: reached.max(since) })
}

/// Where a reading begins: at the cursor, or before it where the last reading was not covered so far.
fn beginning(read: &Read<'_>, now: Timestamp) -> Timestamp {
    let from = read.from.map_or_else(|| now.minus(KEPT).plus(MINUTE * 60), |from| from.at);
    let bookmark = read.bookmark.and_then(|Position(value)| serde_json::from_value::<Bookmark>(value.clone()).ok());
    // No transaction is open for a day: an older bookmark is of a time before the stream was read anew.
    let bookmark = bookmark.map(|bookmark| bookmark.deleted_until).filter(|until| from.since(*until) < MINUTE * 24 * 60);
    whole_minute(bookmark.map_or(from, |until| until.min(from)).min(now.minus(MINUTE)))
}

/// Seconds are passed over by Salesforce; going back to the minute's beginning leaves nothing out.
fn whole_minute(at: Timestamp) -> Timestamp {
    Timestamp::from_seconds(at.milliseconds().div_euclid(60_000) * 60)
}

fn written(at: Timestamp) -> String {
    at.to_string().replace('Z', "+00:00")
}

fn forgotten(read: &Read<'_>, since: Timestamp, earliest: Option<Timestamp>) -> Error {
    let error = Error::new(codes::SILENT_CAP, "the source no longer knows everything that was deleted since the last run");
    let error = error.operation(read.operation()).with("needed_from", since);
    let error = match earliest {
        Some(earliest) => error.with("known_from", earliest),
        None => error,
    };
    error.advise("Read the stream anew with --full-refresh, which finds what is gone; run at least every few days.")
}
