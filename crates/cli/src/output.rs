//! The only module that prints: data on standard output, words on standard error.

use std::io::{IsTerminal, Write};

use aqueduct_pipeline::Environment;
use aqueduct_pipeline::schema::Error;
use serde::Serialize;

use crate::logs::{self, LogFormat};
use crate::printable::{self, printable};

/// Where a command writes.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
    color: bool,
    log_format: LogFormat,
}

impl Output {
    pub(crate) fn new(json: bool, quiet: bool) -> Self {
        Self { json, quiet, color: is_coloured(), log_format: LogFormat::Text }
    }

    /// The same output, whose words are part of the logs that begin here.
    pub(crate) fn logging(self, log_format: LogFormat, level: &str) -> Self {
        logs::start(log_format, level, self.color);
        Self { log_format, ..self }
    }

    /// Whether logs, and words with them, are written as JSON.
    pub(crate) fn logs_json(&self) -> bool {
        self.log_format == LogFormat::Json
    }

    /// Whether data is printed as JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether progress bars are drawn: on a terminal, when words are wanted.
    pub(crate) fn draws(&self) -> bool {
        !self.quiet && !self.json && self.log_format == LogFormat::Text && std::io::stderr().is_terminal()
    }

    /// A line of data on standard output. A closed pipe ends nothing: the run matters more than its report.
    pub(crate) fn data(&self, text: &str) {
        let _ = writeln!(std::io::stdout(), "{}", printable(text, self.color));
    }

    /// A value as one JSON line on standard output.
    pub(crate) fn json_line<T: Serialize>(&self, value: &T) {
        match serde_json::to_string(value) {
            Ok(text) => {
                let _ = writeln!(std::io::stdout(), "{}", printable::json(text));
            }
            Err(error) => self.words(&format!("the answer cannot be written as JSON: {error}")),
        }
    }

    /// Words for people: on standard output as the command's answer, or nowhere when JSON is asked for.
    pub(crate) fn answer(&self, text: &str) {
        if !self.json {
            self.data(text);
        }
    }

    /// Words for people on standard error.
    pub(crate) fn words(&self, text: &str) {
        if !self.quiet {
            self.say("info", text);
        }
    }

    /// Words on standard error that nothing keeps back: what went wrong.
    pub(crate) fn alarm(&self, text: &str) {
        self.say("error", text);
    }

    fn say(&self, level: &str, text: &str) {
        let _ = match self.log_format {
            LogFormat::Text => writeln!(std::io::stderr(), "{}", printable(text, self.color)),
            LogFormat::Json => writeln!(std::io::stderr(), "{}", logs::words(level, text)),
        };
    }

    /// Whether words are kept back.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// An error on standard error: code, what happened, whether data is affected, what to do now. With JSON also on standard output.
    pub(crate) fn error(&self, error: &Error) {
        let (bold, red, plain) = if self.color { ("\x1b[1m", "\x1b[31m", "\x1b[0m") } else { ("", "", "") };
        let mut text = format!("{bold}{red}error{plain}{bold} {error}{plain}\n");
        text.push_str(&format!("  data: {}\n  next: {}", error.data(), error.advice()));
        let _ = match self.log_format {
            LogFormat::Text => writeln!(std::io::stderr(), "{}", printable(&text, self.color)),
            LogFormat::Json => writeln!(std::io::stderr(), "{}", logs::error(error)),
        };
        if self.json {
            self.json_line(&json_error(error));
        }
    }

    /// Bold on a terminal.
    pub(crate) fn bold(&self, text: &str) -> String {
        let terminal = std::io::stdout().is_terminal() && self.color;
        if terminal { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// An error as JSON.
pub(crate) fn json_error(error: &Error) -> serde_json::Value {
    serde_json::json!({
        "error": {
            "code": error.code().id,
            "message": error.to_string(),
            "data": error.data(),
            "next": error.advice(),
            "file": error.location().map(|place| place.file.clone()),
            "line": error.location().map(|place| place.line),
            "column": error.location().map(|place| place.column),
            "exit_code": error.exit_code(),
        }
    })
}

/// Rows under headings, columns aligned; numbers to the right.
pub(crate) fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(headings.iter().map(|heading| printable(&printable::cell(heading), false).into_owned()));
    // Names and values of a source: one line each, so that none makes a row of its own.
    table.add_rows(rows.iter().map(|row| row.iter().map(|cell| printable(&printable::cell(cell), false).into_owned())));
    for (index, column) in table.column_iter_mut().enumerate() {
        let numeric =
            rows.iter().all(|row| row.get(index).is_some_and(|cell| cell.chars().all(|c| c.is_ascii_digit() || ",.-".contains(c))));
        if numeric && index > 0 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.to_string().lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// A number with separators between thousands.
pub(crate) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Whether words are coloured: on a terminal, unless `NO_COLOR` is set.
fn is_coloured() -> bool {
    std::io::stderr().is_terminal() && Environment::of_process().get("NO_COLOR").is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_separators() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn tables_align() {
        let text = table(&["stream", "read"], &[vec!["contacts".into(), "12".into()], vec!["deals".into(), "1,234".into()]]);
        assert_eq!(text, " stream     read\n contacts     12\n deals     1,234");
    }
}
