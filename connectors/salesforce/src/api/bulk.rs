//! First loads by Bulk API 2.0: a job is created, prepared by Salesforce, read in pages of CSV, and deleted.
//!
//! No job is left behind: before one is created, the intention is committed, so that whoever carries on after a crash finds the job
//! by its creator, object and time. <https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/queries.htm>

use std::time::Duration;

use aqueduct_connector::schema::{Error, Mode, Result, Timestamp, codes};
use aqueduct_connector::{Bytes, Cost, CsvFormat, LimitClass, Next, Origin, Page, Read, Records, Request, Response, Stream, csv};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::api::query::{beginning, is_id};
use crate::api::{Api, Place, Question, instant, onward};
use crate::config::{Bulk, Config};
use crate::streams::{PAGE, is_log};

/// How many rows a page may have: the fewer the more fields they have, so that a page stays small in memory.
const ROWS: std::ops::RangeInclusive<u64> = 1_000..=10_000;
/// How many values a page may have, within these bounds.
const VALUES: u64 = 60_000;
/// Requests of a job besides its pages: to create it, to look for lost ones, to ask how far it is, to delete it.
const OVERHEAD: u64 = 12;
/// What a job that is ready soon takes of that: to be created, a page of the list of jobs, to be asked for twice, to be deleted.
const OF_A_JOB: u64 = 5;
/// Long enough for an intention to be committed.
const INTENTION: Duration = Duration::from_millis(500);
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How long after its intention a job may have been created by a run that was killed then.
const LOST_WITHIN: Duration = Duration::from_secs(60 * 60);
/// Jobs that vanish one after the other.
const ATTEMPTS: u32 = 3;
/// Pages of the list of jobs, 1,000 each; an organisation may create ten a day.
const LIST_PAGES: usize = 80;

/// How far a job has got.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Job {
    /// One is to be created; nothing was before `at`.
    Create { at: Timestamp, attempt: u32 },
    /// Salesforce prepares its results.
    Wait { id: String, attempt: u32, asked: u32 },
    /// Its results are being read.
    Read(Results),
    /// All of it is read.
    Delete { id: String },
}

/// A place in the results of a job.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Results {
    id: String,
    attempt: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    locator: Option<String>,
    /// Rows before it.
    rows: u64,
    /// Rows in all.
    total: u64,
}

/// A job as Salesforce describes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    id: String,
    state: String,
    #[serde(default)]
    object: String,
    #[serde(default)]
    operation: String,
    created_by_id: Option<String>,
    created_date: Option<String>,
    line_ending: Option<String>,
    number_records_processed: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Jobs {
    records: Vec<Described>,
    next_records_url: Option<String>,
}

/// Whether so many records are read by a job: where it needs fewer requests, or nobody can say how many there are.
fn is_worthwhile(bulk: Bulk, question: &Question<'_>, count: Option<u64>) -> bool {
    match (bulk, count) {
        (Bulk::Never, _) | (_, Some(0)) => false,
        (Bulk::Always, _) | (_, None) => true,
        (Bulk::Auto, Some(count)) => OVERHEAD + count.div_ceil(rows_of(question)) < by_query(question, count),
    }
}

fn by_query(question: &Question<'_>, count: u64) -> u64 {
    count.div_ceil(PAGE.into()).max(1) * question.parts().len() as u64
}

/// Whether a stream is read by queries alone: jobs write the times in values of any type, which histories have, otherwise than queries
/// do, and a row should be the same whichever way it came.
fn by_query_alone(config: &Config, stream: &Stream) -> bool {
    config.bulk == Bulk::Never || is_log(stream)
}

/// What it costs to read so many records of a stream, or of a window of it. Two jobs for one object may be taken for lost ones of each
/// other.
pub(crate) fn cost(config: &Config, stream: &Stream, records: u64) -> Cost {
    let question = Question::of_all(stream);
    // The records are counted first, unless queries are all there is.
    let bulk = if by_query_alone(config, stream) { Bulk::Never } else { config.bulk };
    let (counting, jobs) = (u64::from(bulk != Bulk::Never), is_worthwhile(bulk, &question, Some(records)));
    let requests = if jobs { OF_A_JOB + records.div_ceil(rows_of(&question)) } else { by_query(&question, records) };
    Cost { prepared: jobs, alone: bulk != Bulk::Never, ..Cost::new(LimitClass::DEFAULT, counting + requests) }
}

impl Api<'_> {
    /// The first page of a reading of all records: counts them, and takes the way with fewer requests.
    pub(crate) async fn begin(&self, read: &Read<'_>) -> Result<Page> {
        // Smaller pages than usual are asked for when only some records are wanted.
        if by_query_alone(self.config, read.stream) || read.mode == Mode::Snapshot || read.stream.page_size < PAGE {
            return self.records(read, beginning(read)).await;
        }
        let question = Question::of(read);
        let (response, count) = self.count(&question, read).await?;
        if is_worthwhile(self.config.bulk, &question, count) { again(&response, 0) } else { self.records(read, beginning(read)).await }
    }

    /// The next step of a job.
    pub(crate) async fn job(&self, read: &Read<'_>, job: Job) -> Result<Page> {
        match job {
            Job::Create { at, attempt } => self.create(read, at, attempt).await,
            Job::Wait { id, attempt, asked } => self.wait(read, id, attempt, asked).await,
            Job::Read(results) => self.results(read, results).await,
            Job::Delete { id } => {
                let (response, _) = self.ask(Request::delete(self.job_path(&id), doing(read, "delete job"))).await?;
                Ok(Page::empty(&response, Next::END))
            }
        }
    }

    fn job_path(&self, rest: &str) -> String {
        self.path(&format!("jobs/query/{rest}"))
    }

    async fn create(&self, read: &Read<'_>, at: Timestamp, attempt: u32) -> Result<Page> {
        let question = Question::of(read);
        let body = json!({
            "operation": question.operation(),
            "query": question.soql(&question.fields, None),
            "contentType": "CSV",
            "columnDelimiter": "COMMA",
            "lineEnding": line_ending(read),
        });
        let request = Request::post(self.path("jobs/query"), body.to_string(), doing(read, "create job")).once();
        let (response, refusal) = self.ask(request).await?;
        match refusal {
            None => {}
            Some(refusal) if refusal.is_for_rest() => return onward(&response, &beginning(read)),
            Some(refusal) => return Err(refusal.error(&response)),
        }
        let created: Described = response.json()?;
        if !is_id(&created.id) {
            return Err(response.malformed("a job without its id"));
        }
        if let Err(error) = self.delete_lost(read, &created, at).await {
            self.discard(read, &created.id, &created.state).await?;
            return Err(error);
        }
        later(&response, Job::Wait { id: created.id, attempt, asked: 0 }, FIRST_WAIT)
    }

    /// Deletes jobs that a run created after the intention to do so, and was killed before it could note them down.
    async fn delete_lost(&self, read: &Read<'_>, created: &Described, at: Timestamp) -> Result<()> {
        let operation = || doing(read, "list jobs");
        let latest = created.created_date.as_deref().and_then(|date| date.parse::<Timestamp>().ok());
        let mut request = Request::get(self.path("jobs/query"), operation()).query("jobType", "V2Query");
        for _ in 0..LIST_PAGES {
            let response = self.send(request).await?;
            let jobs: Jobs = response.json()?;
            for job in jobs.records {
                let same = job.object.eq_ignore_ascii_case(&read.stream.record.object) && job.operation == created.operation;
                // A window of a backfill may be read beside the changes; neither must take the other's job for a lost one.
                let same = same && job.line_ending.as_deref().is_none_or(|ending| ending == line_ending(read));
                let ours = job.id != created.id && same && job.created_by_id == created.created_by_id;
                let Some(date) = job.created_date.as_deref().filter(|_| ours) else { continue };
                let date = instant(&response, date)?;
                // Times of jobs have whole seconds. What was created after this one is somebody else's.
                if date.plus(Duration::from_secs(1)) > at && date < at.plus(LOST_WITHIN) && latest.is_none_or(|latest| date <= latest) {
                    self.discard(read, &job.id, &job.state).await?;
                }
            }
            match jobs.next_records_url {
                Some(url) => request = Request::get(url, operation()),
                None => break,
            }
        }
        Ok(())
    }

    /// Stops a job if it runs, and deletes it. What is gone already is as good; what cannot be deleted ends by itself in seven days.
    async fn discard(&self, read: &Read<'_>, id: &str, state: &str) -> Result<()> {
        if matches!(state, "UploadComplete" | "InProgress") {
            let body = json!({"state": "Aborted"}).to_string();
            self.ask(Request::patch(self.job_path(id), body, doing(read, "abort job"))).await?;
        }
        self.ask(Request::delete(self.job_path(id), doing(read, "delete job"))).await.map(|_| ())
    }

    async fn wait(&self, read: &Read<'_>, id: String, attempt: u32, asked: u32) -> Result<Page> {
        let (response, refusal) = self.ask(Request::get(self.job_path(&id), doing(read, "job"))).await?;
        match refusal {
            None => {}
            Some(refusal) if refusal.is_gone() => return self.vanished(read, &response, attempt),
            Some(refusal) => return Err(refusal.error(&response)),
        }
        let job: Described = response.json()?;
        match job.state.as_str() {
            "UploadComplete" | "InProgress" => {
                let wait = LONGEST_WAIT.min(FIRST_WAIT * 2_u32.saturating_pow(asked.min(8) + 1));
                later(&response, Job::Wait { id, attempt, asked: asked.saturating_add(1) }, wait)
            }
            "JobComplete" => {
                let total = job.number_records_processed.ok_or_else(|| response.malformed("a job without its number of records"))?;
                if total == 0 {
                    return later(&response, Job::Delete { id }, Duration::ZERO);
                }
                onward(&response, &Place::Job(Job::Read(Results { id, attempt, locator: None, rows: 0, total })))
            }
            // The query takes too long even in parts, or has what no bulk job may have. By value it is read in the end.
            "Failed" | "Aborted" => {
                self.discard(read, &id, &job.state).await?;
                onward(&response, &beginning(read))
            }
            _ => Err(response.malformed("a state of jobs that is not known")),
        }
    }

    async fn results(&self, read: &Read<'_>, reading: Results) -> Result<Page> {
        let question = Question::of(read);
        let mut request = Request::get(self.job_path(&format!("{}/results", reading.id)), doing(read, "job results"))
            .query("maxRecords", rows_of(&question).to_string())
            .header("Accept", "text/csv");
        if let Some(locator) = &reading.locator {
            request = request.query("locator", locator);
        }
        let (response, refusal) = self.ask(request).await?;
        match refusal {
            None => {}
            Some(refusal) if refusal.is_gone() => return self.vanished(read, &response, reading.attempt),
            Some(refusal) => return Err(refusal.error(&response)),
        }
        let (header, body) = csv::split_header(&response.body).ok_or_else(|| response.malformed("no header line"))?;
        if !header.iter().any(|name| name == "Id") {
            return Err(response.malformed("a header line of other records"));
        }
        if question.fields.iter().any(|field| !header.iter().any(|name| name == field)) {
            // The job was created by a run that selected other fields.
            self.discard(read, &reading.id, "JobComplete").await?;
            return self.vanished(read, &response, reading.attempt);
        }
        let count = rows(&body).ok_or_else(|| response.malformed("the last row is cut off"))?;
        let announced = response.header("sforce-numberofrecords").and_then(|text| text.trim().parse().ok());
        if announced.is_some_and(|announced: u64| announced != count) {
            return Err(response.malformed("another number of rows than it says"));
        }
        let rows = reading.rows + count;
        // The last page has the word `null` for its locator.
        let locator = response.header("sforce-locator").map(str::trim).filter(|locator| !locator.is_empty() && *locator != "null");
        let next = match locator {
            Some(_) if count == 0 => return Err(response.malformed("an empty page that is not the last")),
            Some(locator) => {
                let next = Job::Read(Results { locator: Some(locator.to_owned()), rows, ..reading });
                Next::page(&response, &Place::Job(next))?
            }
            None if rows != reading.total => return Err(response.malformed("another number of rows than the job processed")),
            // The last rows are to be committed first: of a job that is gone all rows would be read again.
            None => waiting(&response, Job::Delete { id: reading.id }, INTENTION)?,
        };
        let format = CsvFormat { delimiter: b',', quote: b'"', header, quoted_empty_is_null: true };
        let records = Records::Csv { body, format, origin: Origin::default() };
        Ok(Page { records, next, server_time: response.server_time })
    }

    /// A job that is not there any more, because it was deleted or is older than seven days, is created anew. Its rows had no order,
    /// so all of them are read again; those that are loaded already have not changed.
    fn vanished(&self, read: &Read<'_>, response: &Response, attempt: u32) -> Result<Page> {
        if attempt + 1 >= ATTEMPTS {
            return Err(Error::new(codes::SOURCE_FAILED, "bulk jobs vanish before they are read").operation(read.operation()));
        }
        again(response, attempt + 1)
    }
}

/// How the lines of a job end, which tells jobs for windows from others: the list of jobs does not say what they ask for.
fn line_ending(read: &Read<'_>) -> &'static str {
    if read.mode == Mode::Backfill && (read.from.is_some() || read.until.is_some()) { "CRLF" } else { "LF" }
}

fn doing(read: &Read<'_>, what: &str) -> String {
    format!("{}: {what}", read.stream.name)
}

/// How many rows to ask for at once.
fn rows_of(question: &Question<'_>) -> u64 {
    (VALUES / (question.fields.len() as u64).max(1)).clamp(*ROWS.start(), *ROWS.end())
}

fn waiting(response: &Response, job: Job, wait: Duration) -> Result<Next> {
    Next::later(response, &Place::Job(job), wait)
}

fn later(response: &Response, job: Job, wait: Duration) -> Result<Page> {
    Ok(Page::empty(response, waiting(response, job, wait)?))
}

/// The intention to create a job. The wait is for it to be committed.
fn again(response: &Response, attempt: u32) -> Result<Page> {
    later(response, Job::Create { at: response.server_time, attempt }, INTENTION)
}

/// The number of rows in CSV text without its header line; `None` when the last one is cut off.
fn rows(body: &Bytes) -> Option<u64> {
    let (mut rows, mut quoted) = (0, false);
    for byte in body.iter() {
        match byte {
            // Doubled quotation marks turn it off and on again.
            b'"' => quoted = !quoted,
            b'\n' if !quoted => rows += 1,
            _ => {}
        }
    }
    (!quoted && (body.is_empty() || body.ends_with(b"\n"))).then_some(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_and_a_cut_is_seen() {
        for (text, expected) in [
            ("", Some(0)),
            ("\"1\",\"a\"\n\"2\",\"b\"\n", Some(2)),
            ("\"1\",\"two\nlines, \"\"quoted\"\"\"\r\n", Some(1)),
            ("\"1\",\"a\"\n\"2\",", None),
            ("\"1\",\"a\n", None),
        ] {
            assert_eq!(rows(&Bytes::from(text)), expected, "{text:?}");
        }
    }
}
