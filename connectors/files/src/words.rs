//! The report on files in words, for people.

use std::fmt;

use crate::report::{ColumnDescription, FileDescription, FileReport};

impl fmt::Display for FileReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for file in &self.files {
            write!(formatter, "{file}")?;
        }
        if let Some(problem) = &self.problem {
            write!(formatter, "\n{}\n  next: {}\n", problem.message, problem.advice)?;
        }
        for stream in &self.streams {
            writeln!(formatter, "stream {}: {} columns, identified by {}", stream.name, stream.columns, stream.key.join(" + "))?;
        }
        Ok(())
    }
}

impl fmt::Display for FileDescription {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.file, word(&self.format))?;
        let compression = word(&self.compression);
        if compression != "none" {
            write!(formatter, ", {compression}")?;
        }
        if let Some(encoding) = &self.encoding {
            write!(formatter, ", {} ({}: {})", encoding.name, word(&encoding.sureness), encoding.reason)?;
        }
        if let Some(delimiter) = &self.delimiter {
            write!(formatter, ", delimiter {}", if delimiter == "tab" { "tab".to_owned() } else { format!("`{delimiter}`") })?;
        }
        match self.layout {
            Some(layout) => write!(formatter, ", recognised as {layout}")?,
            None => write!(formatter, ", no known layout")?,
        }
        writeln!(formatter, "; {} records looked at, {} of them broken", self.sampled, self.broken)?;
        for column in &self.columns {
            write!(formatter, "{column}")?;
        }
        if !self.key_proposals.is_empty() {
            writeln!(formatter, "  could identify a record: {}", self.key_proposals.join(", "))?;
        }
        for note in &self.notes {
            writeln!(formatter, "  note: {note}")?;
        }
        Ok(())
    }
}

impl fmt::Display for ColumnDescription {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value_type = self.value_type.map_or_else(|| "text".to_owned(), |value_type| word(&value_type));
        write!(formatter, "  {:<28} {value_type:<10} {:>3.0} % empty  {}", self.name, self.empty * 100.0, self.explanation)?;
        if self.path != self.name { writeln!(formatter, " (in mappings: {})", self.path) } else { writeln!(formatter) }
    }
}

/// The word that a value is serialised as.
fn word<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(|word| word.replace('_', " "))).unwrap_or_default()
}
