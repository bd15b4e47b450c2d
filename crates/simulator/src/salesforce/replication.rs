//! What was deleted and what was changed in a span of time.

use serde_json::json;

use super::errors::{error, not_found};
use super::render::rest_instant;
use super::route::Salesforce;
use super::select::BIN_MS;
use super::soql::dates::instant;
use crate::server::{Asked, Reply};

const MINUTE_MS: i64 = 60_000;
/// How far back both may be asked for.
const REACH_MS: i64 = 30 * 24 * 60 * 60 * 1000;

impl Salesforce {
    /// Start and end of the span, to the minute.
    fn span(&self, asked: &Asked) -> Result<(i64, i64), Reply> {
        let pairs = asked.pairs();
        let get = |name: &str| pairs.iter().find(|(own, _)| own == name).and_then(|(_, text)| instant(text));
        let (Some(start), Some(end)) = (get("start"), get("end")) else {
            return Err(error(400, "INVALID_FIELD", "start and end must be dates with time and zone"));
        };
        let (start, end) = (start - start.rem_euclid(MINUTE_MS), end - end.rem_euclid(MINUTE_MS));
        if end <= start {
            return Err(error(400, "INVALID_REPLICATION_DATE", "endDate before or equal to startDate"));
        }
        if self.now() - start > REACH_MS {
            return Err(error(400, "INVALID_REPLICATION_DATE", "startDate cannot be more than 30 days ago"));
        }
        Ok((start, end))
    }

    /// Until when everything has come about that bears an earlier time.
    fn covered(&self, end: i64) -> i64 {
        let now = self.now() - self.store().commit_lag_ms();
        end.min(now - now.rem_euclid(1000))
    }

    fn replicated(&self, object: &str) -> Result<usize, Reply> {
        let data = self.store().read();
        let place = data.visible_object(object).ok_or_else(not_found)?;
        if data.object(place).schema.replicateable {
            Ok(place)
        } else {
            Err(error(400, "INVALID_TYPE", &format!("{object} is not replicable")))
        }
    }

    fn check_count(&self, count: usize) -> Result<(), Reply> {
        if count > self.settings().replication_ids {
            return Err(error(400, "EXCEEDED_ID_LIMIT", "Too many ids: please reduce the span between start and end"));
        }
        Ok(())
    }

    /// `GET /sobjects/{object}/deleted/`. It knows what was removed from the bin as well.
    pub(crate) fn deleted(&self, asked: &Asked, object: &str) -> Result<Reply, Reply> {
        let place = self.replicated(object)?;
        let (start, end) = self.span(asked)?;
        let now = self.now();
        let data = self.store().read();
        let own = data.object(place);
        let trimmed = self.settings().deletions_from.unwrap_or(i64::MIN);
        let earliest = (now - BIN_MS).max(trimmed);
        let seen = now - self.store().commit_lag_ms();
        let within = |at: i64| at >= start.max(earliest) && at < end && at <= seen;
        let mut found: Vec<(i64, u64)> = own.deletions.iter().filter(|(_, at)| within(**at)).map(|(number, at)| (*at, *number)).collect();
        found.sort_unstable();
        self.check_count(found.len())?;
        let deleted: Vec<_> =
            found.iter().map(|(at, number)| json!({"id": own.schema.id(*number), "deletedDate": rest_instant(*at)})).collect();
        let body = json!({
            "deletedRecords": deleted,
            "earliestDateAvailable": rest_instant(earliest - earliest.rem_euclid(MINUTE_MS)),
            "latestDateCovered": rest_instant(self.covered(end)),
        });
        Ok(Reply::json(200, body.to_string()))
    }

    /// `GET /sobjects/{object}/updated/`.
    pub(crate) fn updated(&self, asked: &Asked, object: &str) -> Result<Reply, Reply> {
        let place = self.replicated(object)?;
        let (start, end) = self.span(asked)?;
        let now = self.now();
        let data = self.store().read();
        let own = data.object(place);
        let seen =
            own.rows.modified_pairs((start, 0)..(end, 0)).filter(|(_, key)| own.rows.get(key).is_some_and(|row| row.current().at <= now));
        let ids: Vec<String> = seen.map(|(_, number)| own.schema.id(*number)).collect();
        self.check_count(ids.len())?;
        Ok(Reply::json(200, json!({"ids": ids, "latestDateCovered": rest_instant(self.covered(end))}).to_string()))
    }
}
