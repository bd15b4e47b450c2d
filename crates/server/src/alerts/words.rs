//! What an alert says: written for a person who has not built the pipeline. Names of pipelines, streams and files, codes, counts and
//! times; nothing else is at hand here.

use aqueduct_pipeline::control_store::{Notice, Reason};
use aqueduct_pipeline::schema::Timestamp;
use jiff::tz::TimeZone;

use super::events;
use super::span::Words;
use crate::alert::Alert;

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// What happened, in a line.
    pub(crate) title: String,
    /// What happened and what it means.
    pub(crate) text: String,
    /// What to do now.
    pub(crate) advice: String,
}

/// An instant as it is said: `2026-11-22 14:05 GMT`.
pub(crate) fn instant(at: Timestamp, zone: &TimeZone) -> String {
    match jiff::Timestamp::from_microsecond(at.microseconds()) {
        Ok(instant) => instant.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M %Z").to_string(),
        Err(_) => at.to_string(),
    }
}

/// What a notice says.
pub(crate) fn said(alert: &Alert, notice: &Notice, zone: &TimeZone) -> Said {
    let Said { title, text, advice } = events::said(alert, zone);
    let lasted = Words(alert.at.since(notice.since));
    let since = instant(notice.since, zone);
    match notice.reason {
        Reason::Opened if notice.count > 1 => {
            Said { text: format!("{text}\nIt has happened {} times since {since}.", notice.count), title, advice }
        }
        Reason::Opened => Said { title, text, advice },
        Reason::Worse => {
            Said { title: format!("{title}, which is worse than before"), text: format!("{text}\nIt began at {since}."), advice }
        }
        Reason::Reminder => {
            let times = if notice.count > 1 { format!(" It has happened {} times.", notice.count) } else { String::new() };
            Said { title: format!("still: {title}"), text: format!("{text}\nIt has been so since {since}.{times}"), advice }
        }
        Reason::Recovered => Said { title, text: format!("{text}\nIt began at {since} and lasted {lasted}."), advice },
        Reason::Passed => Said {
            title: format!("over by itself: {title}"),
            text: format!(
                "{text}\nIt began at {since} and is over. Nobody was told before, because of quiet hours or a sink that did not answer."
            ),
            advice: String::new(),
        },
    }
}

#[cfg(test)]
#[path = "words_tests.rs"]
mod tests;
