//! What a connector reads, as a section of docs/connectors.md: made from what it declares and what a test account has.

use std::fmt::Write;

use aqueduct_connector::{Connector, LimitClass, Registration, Stream};
use aqueduct_normalise::{Mappings, parse_mappings};
use aqueduct_schema::{Mode, Result};

/// A connector in Markdown: a row for the table of all of them, and a section of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Its row in the table of connectors.
    pub row: String,
    /// Its section, from the heading on.
    pub section: String,
}

/// Fields that say what a person agreed to.
const CONSENT_FIELDS: [&str; 2] = ["do_not_email", "do_not_call"];

impl Profile {
    /// The profile of a connector that has these streams.
    ///
    /// # Errors
    /// Mistakes in its mappings.
    pub(crate) fn new(registration: &Registration, connector: &dyn Connector, streams: &[Stream]) -> Result<Self> {
        let mut documents = Vec::new();
        for (name, text) in registration.mappings {
            documents.extend(parse_mappings(name, text)?);
        }
        let mappings = Mappings::new(documents);
        let name = registration.name;
        let mut section = format!(
            "## {name}\n\n{} The vendor's documentation is [here]({}).\n\n",
            registration.summary,
            link(registration.documentation)
        );
        section.push_str("| stream | read by | deletions | lag | fields | mapped | share | fills |\n| --- | --- | --- | ---: | ---: | ---: | ---: | --- |\n");
        let (mut fields, mut mapped) = (0, 0);
        for stream in streams {
            let record = &stream.record;
            let of_stream = record.fields.len();
            let used =
                record.fields.iter().filter(|field| record.has_role(&field.path) || mappings.uses(&stream.name, &field.path)).count();
            (fields, mapped) = (fields + of_stream, mapped + used);
            let modes: Vec<&str> = stream.modes.iter().map(|mode| mode.name()).collect();
            let entities: Vec<&str> = mappings.entities_of(&stream.name).iter().map(|entity| entity.name).collect();
            let _ = writeln!(
                section,
                "| `{}` | {} | {} | {} | {of_stream} | {used} | {} % | {} |",
                stream.name,
                modes.join(", "),
                deletions(stream),
                lag(stream),
                used * 100 / of_stream.max(1),
                if entities.is_empty() { "its source table alone".to_owned() } else { entities.join(", ") },
            );
        }
        let consent = consent(&mappings, streams);
        let _ = write!(
            section,
            "\nFields are those of the account that the suite uses. All of them can be selected and are then kept in the source table, so that \
             nothing the vendor describes is out of reach; mapped are those that have a role or fill the common schema.\n\nLimits: {}. \
             Consent: {consent}.\n",
            limits(connector)
        );
        let row = format!(
            "| [{name}](#{name}) | {} | {} | {} | {mapped} of {fields} | {consent} |\n",
            streams.len(),
            kinds(streams),
            limits(connector),
        );
        Ok(Self { row, section })
    }
}

/// A page of ours is named from the repository's root; the table lies in `docs`.
fn link(documentation: &str) -> &str {
    documentation.strip_prefix("docs/").unwrap_or(documentation)
}

fn deletions(stream: &Stream) -> &'static str {
    let has = |mode: Mode| stream.modes.contains(&mode);
    match (has(Mode::Deletions), stream.record.is_deleted.is_some() && has(Mode::Changes), has(Mode::Snapshot)) {
        (true, true, _) => "flagged and listed",
        (true, false, _) => "listed",
        (false, true, _) => "flagged",
        (false, false, true) => "by comparison",
        (false, false, false) if has(Mode::Ids) => "by listing ids",
        (false, false, false) => "not seen",
    }
}

fn lag(stream: &Stream) -> String {
    match stream.lag.as_secs() {
        0 => "none".to_owned(),
        seconds if seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}

fn kinds(streams: &[Stream]) -> String {
    let count = |mode: Mode| streams.iter().filter(|stream| stream.modes.contains(&mode)).count();
    let counted = [(Mode::Changes, "by changes"), (Mode::Snapshot, "whole")].map(|(mode, words)| (count(mode), words));
    counted.iter().filter(|(count, _)| *count > 0).map(|(count, words)| format!("{count} {words}")).collect::<Vec<_>>().join(", ")
}

fn limits(connector: &dyn Connector) -> String {
    let limits = connector.limits();
    let words = limits.iter().map(|limit| {
        let class = if limit.class == LimitClass::DEFAULT { String::new() } else { format!("{}: ", limit.class.0) };
        format!("{class}{} requests in {} s, {} at once", limit.requests, limit.per.as_secs_f64(), limit.concurrent)
    });
    let words: Vec<String> = words.collect();
    if words.is_empty() { "none".to_owned() } else { words.join("; ") }
}

fn consent(mappings: &Mappings, streams: &[Stream]) -> String {
    let mut found: Vec<String> = Vec::new();
    for stream in streams {
        for entity in mappings.entities_of(&stream.name) {
            let fields = CONSENT_FIELDS.iter().filter(|field| mappings.fills(&stream.name, entity.name, field));
            let named = fields.map(|field| format!("{}.{field}", entity.name));
            let events = (entity.name == "consent_event").then(|| entity.name.to_owned());
            found.extend(named.chain(events).filter(|word| !found.contains(word)).collect::<Vec<_>>());
        }
    }
    if found.is_empty() { "not given".to_owned() } else { found.join(", ") }
}
