//! Bulk API 2.0 query jobs: made, run, read in pages of CSV, aborted, deleted.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hyper::header::HeaderName;
use serde_json::{Value, json};

use super::auth::INTEGRATION_USER;
use super::errors::{error, not_found};
use super::ids::{id_number, id_text};
use super::options::BulkPace;
use super::record::Record;
use super::render::{CsvRecords, rest_instant};
use super::route::Salesforce;
use super::select::select;
use super::soql::Plan;
use crate::clock::milliseconds;
use crate::server::{Asked, Reply};

const JOB_PREFIX: [u8; 3] = *b"750";
/// How long results are kept.
const KEPT_MS: i64 = 7 * 24 * 60 * 60 * 1000;
const DEFAULT_PAGE: usize = 50_000;
const LIST_PAGE: usize = 1_000;

/// The state of a Bulk job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// It waits.
    UploadComplete,
    /// It runs.
    InProgress,
    /// Its results can be read.
    JobComplete,
    /// It ended without results.
    Failed,
    /// It was ended from outside.
    Aborted,
}

impl JobState {
    fn name(self) -> &'static str {
        match self {
            Self::UploadComplete => "UploadComplete",
            Self::InProgress => "InProgress",
            Self::JobComplete => "JobComplete",
            Self::Failed => "Failed",
            Self::Aborted => "Aborted",
        }
    }
}

/// A Bulk job as tests see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobView {
    /// The vendor's id.
    pub id: String,
    /// The object it reads.
    pub object: String,
    /// Its state at the last look.
    pub state: JobState,
    /// Whether it was deleted, its results with it.
    pub deleted: bool,
    /// How many records it found; 0 before it ran.
    pub records: usize,
}

#[derive(Debug)]
pub(crate) struct Job {
    number: u64,
    all: bool,
    pub(crate) object: String,
    plan: Arc<Plan>,
    delimiter: u8,
    windows_lines: bool,
    created_at: i64,
    state: JobState,
    /// When it came into its state.
    since: i64,
    /// How often it was asked for in its state.
    polls: u32,
    rows: Arc<[Arc<Record>]>,
    deleted: bool,
    message: Option<String>,
}

/// The jobs of an organisation.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    all: BTreeMap<u64, Job>,
    /// How many of the next jobs fail, and with which words.
    pub(crate) failing: Option<(u32, String)>,
}

impl Jobs {
    pub(crate) fn find(&self, id: &str) -> Option<&Job> {
        id_number(JOB_PREFIX, id).and_then(|number| self.all.get(&number)).filter(|job| !job.deleted)
    }

    pub(crate) fn views(&self) -> Vec<JobView> {
        let view = |job: &Job| JobView {
            id: id_text(JOB_PREFIX, job.number),
            object: job.object.clone(),
            state: job.state,
            deleted: job.deleted,
            records: job.rows.len(),
        };
        self.all.values().map(view).collect()
    }

    /// How many were made in the last 24 hours.
    pub(crate) fn recent(&self, now: i64) -> u64 {
        self.all.values().rev().filter(|job| now - job.created_at < 86_400_000).count() as u64
    }
}

const DELIMITERS: [(&str, u8); 6] =
    [("COMMA", b','), ("TAB", b'\t'), ("SEMICOLON", b';'), ("PIPE", b'|'), ("CARET", b'^'), ("BACKQUOTE", b'`')];

impl Job {
    fn body(&self, version: &str, whole: bool) -> Value {
        let delimiter = DELIMITERS.iter().find(|(_, byte)| *byte == self.delimiter).map_or("COMMA", |(name, _)| name);
        let mut body = json!({
            "id": id_text(JOB_PREFIX, self.number),
            "operation": if self.all { "queryAll" } else { "query" },
            "object": self.object,
            "createdById": id_text(*b"005", INTEGRATION_USER),
            "createdDate": rest_instant(self.created_at - self.created_at.rem_euclid(1000)),
            "systemModstamp": rest_instant(self.since - self.since.rem_euclid(1000)),
            "state": self.state.name(),
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": version.trim_start_matches('v').parse::<f64>().unwrap_or(62.0),
            "lineEnding": if self.windows_lines { "CRLF" } else { "LF" },
            "columnDelimiter": delimiter,
        });
        if whole {
            body["jobType"] = json!("V2Query");
            body["numberRecordsProcessed"] = json!(if self.state == JobState::JobComplete { self.rows.len() } else { 0 });
            body["retries"] = json!(0);
            body["totalProcessingTime"] = json!(self.rows.len() / 50);
            body["isPkChunkingSupported"] = json!(self.plan.order.is_empty() && self.plan.limit.is_none());
        }
        if let Some(message) = &self.message {
            body["errorMessage"] = json!(message);
        }
        body
    }
}

fn wrong_state(what: &str) -> Reply {
    error(400, "INVALIDJOBSTATE", what)
}

impl Salesforce {
    /// `POST /jobs/query`. Each makes a job, the same body twice makes two.
    pub(crate) fn create_job(&self, asked: &Asked, version: &str) -> Result<Reply, Reply> {
        let body: Value = serde_json::from_slice(&asked.body).map_err(|_| error(400, "JSON_PARSER_ERROR", "The body is not JSON"))?;
        let all = match body["operation"].as_str() {
            Some("query") => false,
            Some("queryAll") => true,
            _ => return Err(error(400, "INVALIDJOB", "Unsupported operation")),
        };
        if body.get("contentType").is_some_and(|kind| kind != "CSV") {
            return Err(error(400, "INVALIDJOB", "Unsupported content type"));
        }
        let delimiter = body["columnDelimiter"].as_str().unwrap_or("COMMA");
        let delimiter = DELIMITERS.iter().find(|(name, _)| *name == delimiter).map(|(_, byte)| *byte);
        let delimiter = delimiter.ok_or_else(|| error(400, "INVALIDJOB", "Unsupported column delimiter"))?;
        let now = self.now();
        let plan = {
            let data = self.store().read();
            let plan = Plan::new(&data, body["query"].as_str().unwrap_or_default(), now)?;
            let schema = &data.object(plan.object).schema;
            if schema.without_bulk {
                let message = format!("Entity '{}' is not supported by the Bulk API.", schema.name);
                return Err(error(400, "INVALIDENTITY", &message));
            }
            if plan.compound {
                return Err(error(400, "FUNCTIONALITY_NOT_ENABLED", "Selecting compound data not supported in Bulk Query"));
            }
            if plan.grouped || plan.count || plan.offset > 0 {
                return Err(error(400, "API_ERROR", "Aggregate Relationships, GROUP BY and OFFSET are not supported in Bulk Query"));
            }
            (schema.name.clone(), plan)
        };
        let mut jobs = self.jobs();
        let recent = jobs.recent(now);
        if let Some(most) = self.usage().limits().daily_bulk_jobs.filter(|most| recent >= *most) {
            let message = format!("Max bulk v2 query jobs ({most}) per 24 hrs has been reached ({recent})");
            return Err(error(400, "LIMIT_EXCEEDED", &message));
        }
        let number = jobs.all.len() as u64 + 1;
        let job = Job {
            number,
            all,
            object: plan.0,
            plan: Arc::new(plan.1),
            delimiter,
            windows_lines: body["lineEnding"] == "CRLF",
            created_at: now,
            state: JobState::UploadComplete,
            since: now,
            polls: 0,
            rows: Arc::from(Vec::new()),
            deleted: false,
            message: None,
        };
        let reply = Reply::json(200, job.body(version, false).to_string());
        jobs.all.insert(number, job);
        Ok(reply)
    }

    /// Moves a job on as far as its pace lets it.
    fn advance(&self, job: &mut Job, failing: &mut Option<(u32, String)>) {
        let (now, settings) = (self.now(), self.settings().clone());
        let BulkPace { queued, queued_polls, running, running_polls } = settings.bulk;
        if job.state == JobState::UploadComplete && now - job.since >= milliseconds(queued) && job.polls >= queued_polls {
            let data = self.store().read();
            job.rows = select(&data, &job.plan, settings.view(now, job.all)).into();
            (job.state, job.since, job.polls) = (JobState::InProgress, now, 0);
        }
        if job.state == JobState::InProgress && now - job.since >= milliseconds(running) && job.polls >= running_polls {
            (job.state, job.since, job.polls) = (JobState::JobComplete, now, 0);
            if let Some((left, message)) = failing.as_mut().filter(|(left, _)| *left > 0) {
                *left -= 1;
                (job.state, job.rows, job.message) = (JobState::Failed, Arc::from(Vec::new()), Some(message.clone()));
            }
        }
    }

    fn with_job<T>(&self, id: &str, then: impl FnOnce(&mut Job) -> Result<T, Reply>) -> Result<T, Reply> {
        let mut jobs = self.jobs();
        let jobs = &mut *jobs;
        let number = id_number(JOB_PREFIX, id).ok_or_else(not_found)?;
        let job = jobs.all.get_mut(&number).filter(|job| !job.deleted).ok_or_else(not_found)?;
        self.advance(job, &mut jobs.failing);
        then(job)
    }

    /// `GET /jobs/query/{id}`.
    pub(crate) fn job(&self, id: &str, version: &str) -> Result<Reply, Reply> {
        self.with_job(id, |job| {
            job.polls += 1;
            Ok(Reply::json(200, job.body(version, true).to_string()))
        })
    }

    /// `GET /jobs/query`.
    pub(crate) fn list_jobs(&self, asked: &Asked, version: &str) -> Reply {
        let from =
            asked.pairs().into_iter().find(|(name, _)| name == "queryLocator").and_then(|(_, place)| place.parse().ok()).unwrap_or(0);
        let mut jobs = self.jobs();
        let jobs = &mut *jobs;
        let now = self.now();
        let mut shown = Vec::new();
        for job in jobs.all.values_mut().filter(|job| !job.deleted && now - job.created_at < KEPT_MS) {
            self.advance(job, &mut jobs.failing);
            let mut body = job.body(version, false);
            body["jobType"] = json!("V2Query");
            shown.push(body);
        }
        let end = shown.len().min(from + LIST_PAGE);
        let done = end == shown.len();
        let next = (!done).then(|| format!("/services/data/{version}/jobs/query?queryLocator={end}"));
        let records: Vec<Value> = shown.drain(from.min(end)..end).collect();
        Reply::json(200, json!({"done": done, "records": records, "nextRecordsUrl": next}).to_string())
    }

    /// `PATCH /jobs/query/{id}`.
    pub(crate) fn abort_job(&self, asked: &Asked, id: &str, version: &str) -> Result<Reply, Reply> {
        let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        if body["state"] != "Aborted" {
            return Err(error(400, "INVALIDJOB", "The only state that a job can be set to is Aborted"));
        }
        let now = self.now();
        self.with_job(id, |job| {
            if !matches!(job.state, JobState::UploadComplete | JobState::InProgress) {
                return Err(wrong_state("Aborting is only possible before a job has ended"));
            }
            (job.state, job.since, job.rows) = (JobState::Aborted, now, Arc::from(Vec::new()));
            Ok(Reply::json(200, job.body(version, true).to_string()))
        })
    }

    /// `DELETE /jobs/query/{id}`.
    pub(crate) fn delete_job(&self, id: &str) -> Result<Reply, Reply> {
        self.with_job(id, |job| {
            if matches!(job.state, JobState::UploadComplete | JobState::InProgress) {
                return Err(wrong_state("A job can only be deleted when it has ended"));
            }
            (job.deleted, job.rows) = (true, Arc::from(Vec::new()));
            Ok(Reply::empty(204))
        })
    }

    /// `GET /jobs/query/{id}/results`.
    pub(crate) fn job_results(&self, asked: &Asked, id: &str) -> Result<Reply, Reply> {
        let pairs = asked.pairs();
        let get = |name: &str| pairs.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
        let most = get("maxRecords").and_then(|most| most.parse::<usize>().ok()).unwrap_or(DEFAULT_PAGE).max(1);
        let most = self.settings().bulk_page_records.map_or(most, |page| page.min(most));
        let start = match get("locator").filter(|text| !text.is_empty()) {
            None => 0,
            Some(text) => place(text).ok_or_else(|| error(400, "INVALIDJOB", "The locator is not valid"))?,
        };
        let now = self.now();
        let (rows, plan, delimiter, line_end) = self.with_job(id, |job| {
            if job.state != JobState::JobComplete {
                return Err(wrong_state("Results are only available when a job is complete"));
            }
            if now - job.since >= KEPT_MS {
                return Err(not_found());
            }
            let line_end: &'static [u8] = if job.windows_lines { b"\r\n" } else { b"\n" };
            Ok((Arc::clone(&job.rows), Arc::clone(&job.plan), job.delimiter, line_end))
        })?;
        let (start, end) = (start.min(rows.len()), rows.len().min(start.saturating_add(most)));
        let data = self.store().read();
        let csv = CsvRecords::new(&data, &data.object(plan.object).schema, &plan.columns, delimiter, line_end);
        let mut body = Vec::with_capacity((end - start) * (32 + plan.columns.len() * 8) + 256);
        csv.header(&mut body);
        for record in &rows[start..end] {
            csv.write(&mut body, record);
        }
        drop(data);
        let next = if end < rows.len() { locator_of(end) } else { "null".to_owned() };
        let reply = Reply { content_type: "text/csv", ..Reply::json(200, body) };
        let header = HeaderName::from_static;
        Ok(reply.with(header("sforce-numberofrecords"), end - start).with(header("sforce-locator"), next))
    }

    /// `GET /jobs/query/{id}/resultPages`.
    pub(crate) fn result_pages(&self, id: &str, version: &str) -> Result<Reply, Reply> {
        let most = self.settings().bulk_page_records.unwrap_or(DEFAULT_PAGE);
        let count = self.with_job(id, |job| match job.state {
            JobState::JobComplete => Ok(job.rows.len()),
            _ => Err(wrong_state("Results are only available when a job is complete")),
        })?;
        let url = |start: usize| json!({"resultUrl": format!("/services/data/{version}/jobs/query/{id}/results?locator={}&maxRecords={most}", locator_of(start))});
        let pages: Vec<Value> = (0..count.max(1)).step_by(most).map(url).collect();
        Ok(Reply::json(200, json!({"resultPages": pages, "nextRecordsUrl": null, "done": true}).to_string()))
    }
}

/// The locator of a place in the results.
pub(crate) fn locator_of(place: usize) -> String {
    STANDARD_NO_PAD.encode(place.to_string())
}

/// The place that a locator stands for.
pub(crate) fn place(locator: &str) -> Option<usize> {
    let bytes = STANDARD_NO_PAD.decode(locator.trim_end_matches('=')).ok()?;
    std::str::from_utf8(&bytes).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locators_look_like_the_vendors() {
        assert_eq!(locator_of(10_000), "MTAwMDA");
        assert_eq!((place("MTAwMDA"), place("MTAwMDA="), place("null"), place("x")), (Some(10_000), Some(10_000), None, None));
    }
}
