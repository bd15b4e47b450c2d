//! The words of the section `alerts` of `aqueduct.yaml`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use aqueduct_pipeline::schema::Secret;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::span::{Span, TimeOfDay};
use crate::alert::Severity;

/// Who is told of what, and when. See docs/monitoring.md.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AlertsSection {
    /// Where messages go, by a name of one's own.
    pub(crate) sinks: BTreeMap<String, SinkSection>,
    /// Which events go where; everything from `warning` on to every sink where it is left out.
    #[serde(default)]
    pub(crate) rules: Vec<RuleSection>,
    /// The time zone of quiet hours and of times in messages, an IANA name; UTC where it is left out.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(crate) timezone: Option<Spanned<String>>,
    /// When nobody wants to hear of what can wait.
    #[serde(default)]
    pub(crate) quiet_hours: Option<QuietSection>,
    /// After how long a problem that lasts is told again; `0s` is never, `12h` where it is left out.
    #[serde(default)]
    pub(crate) remind_every: Option<Span>,
    /// For how long the same event is not told again where it does not last; `6h` where it is left out.
    #[serde(default)]
    pub(crate) quiet_for: Option<Span>,
    /// How many messages a sink gets at most.
    #[serde(default)]
    pub(crate) most: Option<MostSection>,
    /// Severities in place of the usual ones, by event.
    #[serde(default)]
    pub(crate) severities: BTreeMap<EventWord, Severity>,
    /// What streams are held to. The first that names a stream counts.
    #[serde(default)]
    pub(crate) bounds: Vec<BoundsSection>,
}

/// Where messages go: one of the three.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub(crate) struct SinkSection {
    /// Any program that takes JSON over HTTP.
    #[serde(default)]
    pub(crate) webhook: Option<WebhookSection>,
    /// Slack, or anything that takes Slack's messages, such as Mattermost and Rocket.Chat.
    #[serde(default)]
    pub(crate) slack: Option<SlackSection>,
    /// Mail.
    #[serde(default)]
    pub(crate) email: Option<EmailSection>,
}

/// A program that takes JSON over HTTP.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookSection {
    /// Its address, with `https://`; `http://` for this machine alone.
    #[schemars(with = "Secret")]
    pub(crate) url: Spanned<Secret>,
    /// What messages are signed with, 16 characters at least.
    #[serde(default)]
    #[schemars(with = "Option<Secret>")]
    pub(crate) secret: Option<Spanned<Secret>>,
    /// Further headers.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Secret>")]
    pub(crate) headers: BTreeMap<String, Spanned<Secret>>,
    /// How long an answer may take; `10s` where it is left out.
    #[serde(default)]
    #[schemars(with = "Option<Span>")]
    pub(crate) timeout: Option<Spanned<Span>>,
}

/// A Slack-compatible webhook.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SlackSection {
    /// The webhook's address. Whoever has it can write, so it is a secret.
    #[schemars(with = "Secret")]
    pub(crate) url: Spanned<Secret>,
    /// How long an answer may take; `10s` where it is left out.
    #[serde(default)]
    #[schemars(with = "Option<Span>")]
    pub(crate) timeout: Option<Spanned<Span>>,
}

/// A mail server and who gets mail.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmailSection {
    /// The mail server's name.
    #[schemars(with = "String")]
    pub(crate) host: Spanned<String>,
    /// Its port; 587 with `starttls`, 465 with `tls`, 25 with `none`, where it is left out.
    #[serde(default)]
    pub(crate) port: Option<u16>,
    /// How the connection is encrypted.
    #[serde(default)]
    pub(crate) tls: TlsWord,
    /// A file with the certificate of an authority of one's own, in PEM, beside those that everybody knows.
    #[serde(default)]
    #[schemars(with = "Option<PathBuf>")]
    pub(crate) ca_file: Option<Spanned<PathBuf>>,
    /// Whom to log in as; nobody where it is left out.
    #[serde(default)]
    #[schemars(with = "Option<Secret>")]
    pub(crate) user: Option<Spanned<Secret>>,
    /// The password.
    #[serde(default)]
    #[schemars(with = "Option<Secret>")]
    pub(crate) password: Option<Spanned<Secret>>,
    /// From whom.
    #[schemars(with = "String")]
    pub(crate) from: Spanned<String>,
    /// To whom.
    #[schemars(with = "Vec<String>")]
    pub(crate) to: Vec<Spanned<String>>,
    /// How long each step of sending may take; `20s` where it is left out.
    #[serde(default)]
    #[schemars(with = "Option<Span>")]
    pub(crate) timeout: Option<Spanned<Span>>,
}

/// How a connection to a mail server is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TlsWord {
    /// It begins plain, and is encrypted before anything is said that matters. Nothing is sent where the server cannot.
    #[default]
    Starttls,
    /// From the first byte.
    Tls,
    /// Not at all: for a server on this machine alone.
    None,
}

/// Which events go where.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleSection {
    /// The names of sinks.
    #[schemars(with = "Vec<String>")]
    pub(crate) to: Vec<Spanned<String>>,
    /// The events; every one where it is left out.
    #[serde(default)]
    pub(crate) events: Vec<EventWord>,
    /// The least severity; `warning` where it is left out.
    #[serde(default)]
    pub(crate) at_least: Option<Severity>,
    /// The pipelines, with `*` for any letters; every one where it is left out.
    #[serde(default)]
    pub(crate) pipelines: Vec<String>,
}

/// When nobody wants to hear of what can wait.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuietSection {
    /// When it begins.
    #[schemars(with = "TimeOfDay")]
    pub(crate) from: Spanned<TimeOfDay>,
    /// When it ends.
    pub(crate) until: TimeOfDay,
    /// The days on which it begins; every day where it is left out.
    #[serde(default)]
    pub(crate) days: Vec<DayWord>,
    /// The time zone of both, where it is another.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(crate) timezone: Option<Spanned<String>>,
}

/// How many messages a sink gets at most.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MostSection {
    /// So many.
    #[schemars(with = "u32")]
    pub(crate) messages: Spanned<u32>,
    /// In so long.
    pub(crate) per: Span,
}

/// What streams are held to.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BoundsSection {
    /// The pipelines, with `*` for any letters; every one where it is left out.
    #[serde(default)]
    pub(crate) pipelines: Vec<String>,
    /// The streams, with `*` for any letters; every one where it is left out.
    #[serde(default)]
    pub(crate) streams: Vec<String>,
    /// How long ago the instant may be before which everything is in the warehouse; no bound where it is left out.
    #[serde(default)]
    pub(crate) freshness: Option<Span>,
    /// The part of a run's records that may go to quarantine, 0 to 1; no bound where it is left out.
    #[serde(default)]
    #[schemars(with = "Option<f64>")]
    pub(crate) quarantine: Option<Spanned<f64>>,
}

/// An event by its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EventWord {
    RunFailed,
    RetriesExhausted,
    QuotaExhausted,
    OccurrenceMissed,
    OccurrenceSkipped,
    FileBroken,
    StreamStale,
    QuarantineHigh,
    SchemaChanged,
}

impl EventWord {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::RunFailed => "run_failed",
            Self::RetriesExhausted => "retries_exhausted",
            Self::QuotaExhausted => "quota_exhausted",
            Self::OccurrenceMissed => "occurrence_missed",
            Self::OccurrenceSkipped => "occurrence_skipped",
            Self::FileBroken => "file_broken",
            Self::StreamStale => "stream_stale",
            Self::QuarantineHigh => "quarantine_high",
            Self::SchemaChanged => "schema_changed",
        }
    }
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DayWord {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}
