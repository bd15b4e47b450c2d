//! The forms of bodies that can be scrubbed: JSON, JSON Lines, CSV and forms.

use super::node::Node;

/// A body that is understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Empty,
    Json(Node),
    Lines(Vec<Node>),
    Csv(Csv),
    Form(Vec<(String, String)>),
}

/// Rows with the names of their columns in the first one, and how they were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Csv {
    pub(crate) rows: Vec<Vec<String>>,
    delimiter: u8,
    quoted: bool,
    carriage_returns: bool,
}

impl Content {
    /// Reads a body.
    ///
    /// # Errors
    /// What it is instead, in a few words without a value of it.
    pub(crate) fn parse(content_type: &str, body: &[u8]) -> Result<Self, &'static str> {
        let Ok(text) = std::str::from_utf8(body) else { return Err("is binary") };
        let text = text.trim_start_matches('\u{feff}');
        if text.trim().is_empty() {
            return Ok(Self::Empty);
        }
        let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if kind.contains("form-urlencoded") {
            return Ok(Self::Form(url::form_urlencoded::parse(body).into_owned().collect()));
        }
        if kind.ends_with("csv") {
            return Csv::parse(text).map(Self::Csv).ok_or("is called CSV and is none");
        }
        if let Some(node) = Node::parse(text) {
            return Ok(Self::Json(node));
        }
        let lines: Option<Vec<Node>> = text.lines().filter(|line| !line.trim().is_empty()).map(Node::parse).collect();
        match lines {
            Some(lines) => Ok(Self::Lines(lines)),
            None if text.trim_start().starts_with('<') => Err("is HTML or XML"),
            None if kind.contains("json") => Err("is called JSON and is none"),
            None => Err("is neither JSON, JSON Lines, CSV nor a form"),
        }
    }

    /// Hands every text to `each`, with the name it stands under.
    pub(crate) fn texts<'c>(&'c self, each: &mut impl FnMut(&'c str, &'c str)) {
        match self {
            Self::Empty => {}
            Self::Json(node) => node.texts("", each),
            Self::Lines(nodes) => nodes.iter().for_each(|node| node.texts("", each)),
            Self::Form(pairs) => pairs.iter().for_each(|(name, value)| each(name, value)),
            Self::Csv(csv) => {
                let Some((header, rows)) = csv.rows.split_first() else { return };
                for row in rows {
                    row.iter().enumerate().for_each(|(at, cell)| each(header.get(at).map_or("", String::as_str), cell));
                }
            }
        }
    }

    /// As a fixture has it; `None` for no body.
    pub(crate) fn into_node(self) -> Option<Node> {
        let entry = |name: &str, node| Some(Node::Object(vec![(name.to_owned(), node)]));
        match self {
            Self::Empty => None,
            Self::Json(node) => entry("json", node),
            Self::Lines(nodes) => entry("json_lines", Node::Array(nodes)),
            Self::Csv(csv) => entry("text", Node::Array(csv.text().split('\n').map(|line| Node::Text(line.to_owned())).collect())),
            Self::Form(pairs) => entry("form", pairs_node(pairs)),
        }
    }
}

/// Names and values as an array of pairs: names may come twice.
pub(crate) fn pairs_node(pairs: Vec<(String, String)>) -> Node {
    Node::Array(pairs.into_iter().map(|(name, value)| Node::Array(vec![Node::Text(name), Node::Text(value)])).collect())
}

impl Csv {
    fn parse(text: &str) -> Option<Self> {
        let first = text.lines().next()?;
        let delimiter =
            [b'\t', b';', b'|', b','].into_iter().max_by_key(|candidate| first.bytes().filter(|byte| byte == candidate).count())?;
        let mut reader = csv::ReaderBuilder::new().has_headers(false).delimiter(delimiter).from_reader(text.as_bytes());
        let row = |row: Result<csv::StringRecord, csv::Error>| Some(row.ok()?.iter().map(str::to_owned).collect());
        let rows = reader.records().map(row).collect::<Option<Vec<Vec<String>>>>()?;
        Some(Self { rows, delimiter, quoted: text.starts_with('"'), carriage_returns: text.contains("\r\n") })
    }

    fn text(&self) -> String {
        let style = if self.quoted { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
        let end = if self.carriage_returns { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        let mut writer = csv::WriterBuilder::new().delimiter(self.delimiter).quote_style(style).terminator(end).from_writer(Vec::new());
        for row in &self.rows {
            // Rows of one file have one length, and memory takes everything.
            let _ = writer.write_record(row);
        }
        writer.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn bodies_are_told_apart() {
        let parse = |kind: &str, body: &str| Content::parse(kind, body.as_bytes());
        assert!(matches!(parse("application/json", "{\"a\":1}"), Ok(Content::Json(_))));
        assert!(matches!(parse("", "{\"a\":1}\n{\"a\":2}\n"), Ok(Content::Lines(lines)) if lines.len() == 2));
        assert!(matches!(parse("application/x-www-form-urlencoded", "a=b+c"), Ok(Content::Form(_))));
        assert_eq!(parse("text/html", " \n"), Ok(Content::Empty));
        assert_eq!(parse("application/json", "<html>"), Err("is HTML or XML"));
        assert_eq!(parse("application/json", "{"), Err("is called JSON and is none"));
        assert_eq!(parse("text/plain", "hello"), Err("is neither JSON, JSON Lines, CSV nor a form"));
        assert_eq!(Content::parse("image/png", &[0x89, 0xff]), Err("is binary"));
    }

    #[test]
    fn csv_is_written_as_it_was() {
        for text in ["\"Id\",\"Name\"\r\n\"1\",\"a, \"\"b\"\"\nc\"\r\n", "Id;Name\n1;x\n2;\n", "Id\tName\n1\ty\n"] {
            let Ok(Content::Csv(csv)) = Content::parse("text/csv; charset=UTF-8", text.as_bytes()) else { panic!("{text}") };
            assert_eq!(csv.text(), text);
        }
    }
}
