//! A message: what is sent, in the form that every sink makes its own of. As JSON it is what a webhook gets.

use aqueduct_pipeline::control_store::{Notice, Reason, digest};
use aqueduct_pipeline::schema::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::Value;

use super::words;
use crate::alert::{Alert, Severity};

/// Messages that a summary names one by one; the others it counts.
const NAMED: usize = 20;

/// A message.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Message {
    /// The version of this form.
    pub(crate) version: u32,
    /// The same for every try to send this message, and for no other message.
    pub(crate) id: String,
    /// The same for all messages about one problem.
    pub(crate) problem: String,
    /// Why it is sent: `opened`, `worse`, `reminder`, `recovered`, `passed`, `summary` or `test`.
    pub(crate) reason: &'static str,
    /// The event, for example `run_failed`; `summary` and `test` for those.
    pub(crate) event: &'static str,
    pub(crate) severity: Severity,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pipeline: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stream: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) run: Option<String>,
    /// Since when the problem is there.
    pub(crate) since: Timestamp,
    /// When it happened last.
    pub(crate) at: Timestamp,
    /// How often it happened.
    pub(crate) count: u64,
    /// What happened, in a line.
    pub(crate) title: String,
    /// What happened and what it means.
    pub(crate) text: String,
    /// What to do now.
    pub(crate) advice: String,
    /// The event's own facts.
    pub(crate) details: Value,
    /// Of a summary: what it sums up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) items: Vec<Item>,
    /// When and where from, for the foot of a message.
    #[serde(skip)]
    pub(crate) footer: String,
}

/// One of several things that a summary tells.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Item {
    pub(crate) id: String,
    pub(crate) reason: &'static str,
    pub(crate) event: &'static str,
    pub(crate) severity: Severity,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pipeline: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stream: Option<String>,
    pub(crate) title: String,
}

impl Message {
    /// Of a notice; nothing when a newer version wrote it in a form that is not known here.
    pub(crate) fn of(key: &str, notice: &Notice, zone: &TimeZone) -> Option<Self> {
        let alert: Alert = serde_json::from_value(notice.content.clone()).ok()?;
        let since = notice.since.to_string();
        let number = notice.number.to_string();
        let said = words::said(&alert, notice, zone);
        let over = matches!(notice.reason, Reason::Recovered | Reason::Passed);
        let mut details = serde_json::to_value(&alert.event).unwrap_or_default();
        if let Some(object) = details.as_object_mut() {
            object.remove("event");
        }
        Some(Self {
            version: 1,
            id: digest(&["alert", key, &since, &number]),
            problem: digest(&["problem", key, &since]),
            reason: reason(notice.reason),
            event: alert.event.word(),
            severity: if over { Severity::Info } else { Severity::of_rank(notice.severity) },
            footer: footer(Some(&alert.pipeline), alert.run.as_deref(), alert.at, zone),
            pipeline: Some(alert.pipeline),
            stream: alert.stream,
            run: alert.run,
            since: notice.since,
            at: alert.at,
            count: notice.count,
            title: said.title,
            text: said.text,
            advice: said.advice,
            details,
            items: Vec::new(),
        })
    }

    /// Of several messages that were held back.
    pub(crate) fn summary(messages: &[Self], now: Timestamp, zone: &TimeZone) -> Self {
        let ids: Vec<&str> = ["summary"].into_iter().chain(messages.iter().map(|message| message.id.as_str())).collect();
        let id = digest(&ids);
        let over = messages.iter().filter(|message| matches!(message.reason, "recovered" | "passed")).count();
        let open = messages.len() - over;
        let mut text = String::from("These messages came together, or were held back by quiet hours or by the ceiling:\n");
        for message in messages.iter().take(NAMED) {
            text.push_str(&format!("\n- {}: {}", message.severity.word(), message.title));
        }
        if messages.len() > NAMED {
            text.push_str(&format!("\n- and {} more", messages.len() - NAMED));
        }
        let item = |message: &Self| Item {
            id: message.id.clone(),
            reason: message.reason,
            event: message.event,
            severity: message.severity,
            pipeline: message.pipeline.clone(),
            stream: message.stream.clone(),
            title: message.title.clone(),
        };
        Self {
            version: 1,
            problem: id.clone(),
            id,
            reason: "summary",
            event: "summary",
            severity: messages.iter().map(|message| message.severity).max().unwrap_or(Severity::Info),
            pipeline: None,
            stream: None,
            run: None,
            since: messages.iter().map(|message| message.since).min().unwrap_or(now),
            at: now,
            count: messages.len() as u64,
            title: format!("{} messages: {open} problems and events, {over} that are over", messages.len()),
            text,
            advice: match messages.iter().find(|message| !message.advice.is_empty()) {
                Some(_) => {
                    "Run `aqueduct schedule status` to see where every pipeline stands, and `aqueduct runs list` for its runs.".to_owned()
                }
                None => String::new(),
            },
            details: Value::Object(serde_json::Map::new()),
            items: messages.iter().map(item).collect(),
            footer: footer(None, None, now, zone),
        }
    }

    /// A message that tries a sink out.
    pub(crate) fn test(sink: &str, now: Timestamp, zone: &TimeZone) -> Self {
        let id = digest(&["test", sink, &now.to_string()]);
        Self {
            version: 1,
            problem: id.clone(),
            id,
            reason: "test",
            event: "test",
            severity: Severity::Info,
            pipeline: None,
            stream: None,
            run: None,
            since: now,
            at: now,
            count: 1,
            title: format!("this is a test of `{sink}`"),
            text: "Somebody ran `aqueduct alerts test`. Messages about pipelines will come this way.".to_owned(),
            advice: String::new(),
            details: Value::Object(serde_json::Map::new()),
            items: Vec::new(),
            footer: footer(None, None, now, zone),
        }
    }

    /// A sign for the eye.
    pub(crate) fn symbol(&self) -> &'static str {
        match (self.reason, self.severity) {
            ("recovered" | "passed", _) => "🟢",
            ("test", _) => "🔔",
            (_, Severity::Info) => "🔵",
            (_, Severity::Warning) => "🟠",
            (_, Severity::Critical) => "🔴",
        }
    }
}

fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Opened => "opened",
        Reason::Worse => "worse",
        Reason::Reminder => "reminder",
        Reason::Recovered => "recovered",
        Reason::Passed => "passed",
    }
}

fn footer(pipeline: Option<&str>, run: Option<&str>, at: Timestamp, zone: &TimeZone) -> String {
    let mut text = format!("Aqueduct, {}", words::instant(at, zone));
    if let Some(pipeline) = pipeline {
        text.push_str(&format!(", pipeline {pipeline}"));
    }
    if let Some(run) = run {
        text.push_str(&format!(", run {run}"));
    }
    text
}
