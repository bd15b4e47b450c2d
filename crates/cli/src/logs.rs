//! Logs on standard error: for people, or as JSON, one object a line, for programs that collect them.

use std::fmt;

use aqueduct_pipeline::schema::{Error, Timestamp};
use aqueduct_pipeline::{Clock, SystemClock};
use clap::ValueEnum;
use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// How logs are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line, errors and words among them.
    Json,
}

/// Starts logging to standard error; `AQUEDUCT_LOG` overrides the level in the usual filter words.
pub(crate) fn start(format: LogFormat, level: &str, coloured: bool) {
    let filter = EnvFilter::try_from_env("AQUEDUCT_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second logger in one process is refused, and the first one stays.
    let _ = match format {
        LogFormat::Text => log.with_target(false).with_ansi(coloured).try_init(),
        LogFormat::Json => log.fmt_fields(JsonFields::new()).event_format(JsonLines).try_init(),
    };
}

/// A line for words that are no event.
pub(crate) fn words(level: &str, text: &str) -> String {
    line(SystemClock.now(), level, None, Map::from_iter([("message".to_owned(), json!(text))]))
}

/// A line for the error that ends a command.
pub(crate) fn error(error: &Error) -> String {
    let mut fields = Map::from_iter([
        ("message".to_owned(), json!(error.to_string())),
        ("code".to_owned(), json!(error.code().id)),
        ("data".to_owned(), json!(error.data())),
        ("next".to_owned(), json!(error.advice())),
        ("exit_code".to_owned(), json!(error.exit_code())),
    ]);
    if let Some(place) = error.location() {
        fields.insert("file".to_owned(), json!(place.file));
        fields.insert("line".to_owned(), json!(place.line));
        fields.insert("column".to_owned(), json!(place.column));
    }
    line(SystemClock.now(), "error", None, fields)
}

/// A line: the time, the level and where it comes from first, then the fields.
fn line(at: Timestamp, level: &str, target: Option<&str>, fields: Map<String, Value>) -> String {
    let mut text = format!("{{\"time\":{},\"level\":{}", json!(at), json!(level));
    let target = target.map(|target| ("target".to_owned(), json!(target)));
    for (name, value) in target.into_iter().chain(fields) {
        text.push_str(&format!(",{}:{value}", json!(name)));
    }
    text.push('}');
    crate::printable::json(text)
}

/// Events as JSON lines, with the fields of the spans around them: `run`, `pipeline`, `stream`, `operation`. What is nearest to the event
/// counts where two have one name.
struct JsonLines;

impl<S> FormatEvent<S, JsonFields> for JsonLines
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn format_event(&self, context: &FmtContext<'_, S, JsonFields>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Map::new();
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            let extensions = span.extensions();
            let Some(written) = extensions.get::<FormattedFields<JsonFields>>() else { continue };
            if let Ok(Value::Object(known)) = serde_json::from_str(&written.fields) {
                fields.extend(known);
            }
        }
        event.record(&mut Fields(&mut fields));
        // The names of the line itself are not a field's to take.
        for name in ["time", "level", "target"] {
            if let Some(value) = fields.remove(name) {
                fields.insert(format!("field_{name}"), value);
            }
        }
        let data = event.metadata();
        let level = data.level().as_str().to_ascii_lowercase();
        writeln!(writer, "{}", line(SystemClock.now(), &level, Some(data.target()), fields))
    }
}

/// Takes the fields of an event as JSON.
struct Fields<'f>(&'f mut Map<String, Value>);

impl Fields<'_> {
    fn put(&mut self, field: &Field, value: Value) {
        self.0.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, json!(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, json!(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, json!(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, json!(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, json!(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, json!(format!("{value:?}")));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn events_bear_the_fields_of_the_spans_around_them() {
        let page = Page::default();
        let writer = page.clone();
        let log = tracing_subscriber::fmt().with_writer(move || writer.clone()).fmt_fields(JsonFields::new()).event_format(JsonLines);
        tracing::subscriber::with_default(log.finish(), || {
            let _run = tracing::error_span!("run", run = "r-1", pipeline = %"crm").entered();
            let _stream = tracing::error_span!("stream", stream = "contacts", code = "old").entered();
            tracing::warn!(code = "AQ3001", seconds = 3_u64, part = 0.5, time = "mine", "waiting \"here\"\n");
        });
        let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 1, "one line for one event: {text}");
        let mut value: Value = serde_json::from_str(&text).unwrap();
        let at = value.as_object_mut().unwrap().remove("time").unwrap();
        assert!(at.as_str().unwrap().parse::<Timestamp>().is_ok());
        assert_eq!(
            value,
            json!({
                "level": "warn", "target": module_path!(), "message": "waiting \"here\"\n", "run": "r-1", "pipeline": "crm",
                "stream": "contacts", "code": "AQ3001", "seconds": 3, "part": 0.5, "field_time": "mine",
            })
        );
    }

    #[test]
    fn an_error_is_a_line_with_its_code_and_place() {
        let error = Error::new(aqueduct_pipeline::schema::codes::UNKNOWN_KEY, "unknown key").at("a.yaml", 4, 3);
        let value: Value = serde_json::from_str(&super::error(&error)).unwrap();
        assert_eq!(
            (&value["level"], &value["code"], &value["file"], &value["line"]),
            (&json!("error"), &json!("AQ1003"), &json!("a.yaml"), &json!(4))
        );
        assert_eq!(serde_json::from_str::<Value>(&words("info", "a\nb")).unwrap()["message"], "a\nb");
    }
}
