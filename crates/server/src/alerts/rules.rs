//! The section `alerts`, checked: which events go where, how severe they are, and what streams are held to.

use std::collections::BTreeMap;
use std::time::Duration;

use aqueduct_pipeline::connector::selection::{matches, nearest};
use aqueduct_pipeline::environment::{Environment, place};
use aqueduct_pipeline::schema::{Error, Result, codes};
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use serde_saphyr::Spanned;

use super::quiet::QuietHours;
use super::section::{AlertsSection, BoundsSection, DayWord, EventWord, MostSection, QuietSection, RuleSection};
use super::sinks::Sinks;
use crate::alert::{Event, Severity};

const REMIND_EVERY: Duration = Duration::from_secs(12 * 3_600);
const QUIET_FOR: Duration = Duration::from_secs(6 * 3_600);
/// Messages to a sink at most, where the file does not say it.
const MOST: (u32, Duration) = (30, Duration::from_secs(3_600));

/// Everything that the section says.
#[derive(Debug)]
pub struct AlertSettings {
    pub(crate) sinks: Sinks,
    pub(crate) rules: Vec<Rule>,
    pub(crate) zone: TimeZone,
    pub(crate) quiet_hours: Option<QuietHours>,
    pub(crate) remind_every: Duration,
    pub(crate) quiet_for: Duration,
    /// So many messages to a sink in so long.
    pub(crate) most: (u32, Duration),
    severities: BTreeMap<&'static str, Severity>,
    bounds: Vec<Bounds>,
}

/// Which events go where.
#[derive(Debug)]
pub(crate) struct Rule {
    to: Vec<String>,
    events: Vec<&'static str>,
    at_least: Severity,
    pipelines: Vec<String>,
}

/// What streams are held to.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    pipelines: Vec<String>,
    streams: Vec<String>,
    pub(crate) freshness: Option<Duration>,
    pub(crate) quarantine: Option<f64>,
}

/// The file that a section came from, for errors.
pub(crate) struct Source<'s> {
    pub(crate) file: &'s str,
    pub(crate) text: &'s str,
    pub(crate) environment: &'s Environment,
}

impl Source<'_> {
    /// An error at a value.
    pub(crate) fn at<T>(&self, message: impl Into<String>, value: &Spanned<T>) -> Error {
        let error = Error::new(codes::BAD_ALERTS, message);
        error.at(self.file, value.referenced.line(), value.referenced.column())
    }

    /// An error where a text stands.
    pub(crate) fn near(&self, message: impl Into<String>, text: &str) -> Error {
        place(Error::new(codes::BAD_ALERTS, message), self.file, self.text, text)
    }
}

impl AlertSettings {
    /// Checks a section.
    ///
    /// # Errors
    /// `AQ1023` for what is wrong, `AQ1017` for an unknown time zone, `AQ1004` and `AQ1012` for references, each with its place.
    pub(crate) fn check(section: AlertsSection, source: &Source<'_>) -> Result<Self> {
        let sinks = Sinks::check(section.sinks, source)?;
        let zone = section.timezone.as_ref().map_or(Ok(TimeZone::UTC), |named| time_zone(named, source))?;
        let quiet_hours = section.quiet_hours.map(|quiet| quiet_hours(&quiet, &zone, source)).transpose()?;
        let mut rules = section.rules.into_iter().map(|rule| Rule::check(rule, &sinks, source)).collect::<Result<Vec<_>>>()?;
        if rules.is_empty() {
            let to = sinks.names().map(str::to_owned).collect();
            rules.push(Rule { to, events: Vec::new(), at_least: Severity::Warning, pipelines: Vec::new() });
        }
        let most = section.most.map_or(Ok(MOST), |most| ceiling(&most, source))?;
        let bounds = section.bounds.into_iter().map(|bounds| Bounds::check(bounds, source)).collect::<Result<Vec<_>>>()?;
        Ok(Self {
            sinks,
            rules,
            zone,
            quiet_hours,
            remind_every: section.remind_every.map_or(REMIND_EVERY, |span| span.0),
            quiet_for: section.quiet_for.map_or(QUIET_FOR, |span| span.0),
            most,
            severities: section.severities.into_iter().map(|(event, severity)| (event.word(), severity)).collect(),
            bounds,
        })
    }

    /// The sinks, each with what it is, as far as that is no secret.
    pub fn sink_words(&self) -> Vec<(String, String)> {
        self.sinks.iter().map(|(name, sink)| (name.to_owned(), sink.words())).collect()
    }

    /// How severe an event is.
    pub(crate) fn severity(&self, event: &Event) -> Severity {
        self.severities.get(event.word()).copied().unwrap_or_else(|| event.severity())
    }

    /// The sinks that are told of an event of a pipeline.
    pub(crate) fn sinks_for(&self, event: &Event, severity: Severity, pipeline: &str) -> Vec<String> {
        let word = event.word();
        let takes = |rule: &&Rule| {
            severity >= rule.at_least && (rule.events.is_empty() || rule.events.contains(&word)) && names(&rule.pipelines, pipeline)
        };
        let mut sinks: Vec<String> = self.rules.iter().filter(takes).flat_map(|rule| rule.to.iter().cloned()).collect();
        sinks.sort_unstable();
        sinks.dedup();
        sinks
    }

    /// What a stream is held to.
    pub(crate) fn bounds(&self, pipeline: &str, stream: &str) -> Option<&Bounds> {
        self.bounds.iter().find(|bounds| names(&bounds.pipelines, pipeline) && names(&bounds.streams, stream))
    }
}

impl Rule {
    fn check(section: RuleSection, sinks: &Sinks, source: &Source<'_>) -> Result<Self> {
        for to in &section.to {
            if !sinks.names().any(|name| name == to.value) {
                let error = source.at(format!("a rule names the sink `{}`, and there is none", to.value), to);
                return Err(match nearest(&to.value, sinks.names()) {
                    Some(near) => error.advise(format!("Did you mean `{near}`?")),
                    None => error.with("sinks", sinks.names().collect::<Vec<_>>().join(", ")),
                });
            }
        }
        if section.to.is_empty() {
            return Err(source.near("a rule names no sink in `to`", "rules:"));
        }
        Ok(Self {
            to: section.to.into_iter().map(|to| to.value).collect(),
            events: section.events.into_iter().map(EventWord::word).collect(),
            at_least: section.at_least.unwrap_or(Severity::Warning),
            pipelines: section.pipelines,
        })
    }
}

impl Bounds {
    fn check(section: BoundsSection, source: &Source<'_>) -> Result<Self> {
        if let Some(quarantine) = section.quarantine.as_ref().filter(|part| !(0.0..=1.0).contains(&part.value)) {
            return Err(source.at("`quarantine` is a part of the records, from 0 to 1", quarantine));
        }
        Ok(Self {
            pipelines: section.pipelines,
            streams: section.streams,
            freshness: section.freshness.map(|span| span.0),
            quarantine: section.quarantine.map(|part| part.value),
        })
    }
}

fn ceiling(section: &MostSection, source: &Source<'_>) -> Result<(u32, Duration)> {
    if !(1..=10_000).contains(&section.messages.value) || section.per.0.is_zero() {
        return Err(source.at("a sink gets from 1 to 10000 messages in some time", &section.messages));
    }
    Ok((section.messages.value, section.per.0))
}

fn quiet_hours(section: &QuietSection, usual: &TimeZone, source: &Source<'_>) -> Result<QuietHours> {
    if section.from.value == section.until {
        return Err(source.at("quiet hours end when they begin", &section.from));
    }
    let zone = section.timezone.as_ref().map_or(Ok(usual.clone()), |named| time_zone(named, source))?;
    let day = |day: &DayWord| match day {
        DayWord::Mon => Weekday::Monday,
        DayWord::Tue => Weekday::Tuesday,
        DayWord::Wed => Weekday::Wednesday,
        DayWord::Thu => Weekday::Thursday,
        DayWord::Fri => Weekday::Friday,
        DayWord::Sat => Weekday::Saturday,
        DayWord::Sun => Weekday::Sunday,
    };
    Ok(QuietHours { zone, from: section.from.value, until: section.until, days: section.days.iter().map(day).collect() })
}

fn time_zone(named: &Spanned<String>, source: &Source<'_>) -> Result<TimeZone> {
    TimeZone::get(&named.value).map_err(|_| {
        let error = Error::new(codes::UNKNOWN_TIME_ZONE, format!("`{}` is not a time zone", named.value));
        let known: Vec<String> = jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect();
        let error = match nearest(&named.value, known.iter().map(String::as_str)) {
            Some(near) => error.advise(format!("Did you mean `{near}`?")),
            None => error,
        };
        error.at(source.file, named.referenced.line(), named.referenced.column())
    })
}

/// Whether one of the patterns names a word, or there is none.
fn names(patterns: &[String], word: &str) -> bool {
    patterns.is_empty() || patterns.iter().any(|pattern| matches(pattern, word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_name_whole_words() {
        let patterns = ["crm".to_owned(), "shop-*".to_owned()];
        assert!(names(&patterns, "crm") && names(&patterns, "shop-eu") && names(&[], "anything"));
        assert!(!names(&patterns, "crm-eu") && !names(&patterns, "myshop-eu"));
    }
}
