//! The config in the pipeline file.

use std::collections::BTreeMap;

use aqueduct_connector::schema::{Error, Result, ValueType, codes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which files to read and how. Only `path` is needed for the exports that are recognised by their headers; any other file needs
/// `key` too.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// A path or a pattern with `*`, `?`, `[a-z]` or `**`, relative to the folder that has pipelines/; or a list of them.
    pub path: OneOrMany,
    /// The column that identifies a record, or a list of columns that do so together. Known layouts have one of their own.
    #[serde(default)]
    pub key: Option<OneOrMany>,
    /// The name of the stream. By default the layout's own, or else the pattern's file name turned into an identifier. A recognised
    /// export that is given another name is not mapped by the mappings made for it.
    #[serde(default)]
    pub stream: Option<String>,
    /// The format. By default it follows from the file's name and content.
    #[serde(default)]
    pub format: Option<Format>,
    /// The character between two values of a delimited file, or the word `tab`. By default it is found out.
    #[serde(default)]
    pub delimiter: Option<String>,
    /// The quotation mark of a delimited file. By default `"`.
    #[serde(default)]
    pub quote: Option<String>,
    /// The encoding of text files by its WHATWG label, such as `utf-8`, `windows-1252` or `utf-16le`. By default it is found out.
    #[serde(default)]
    pub encoding: Option<String>,
    /// The column with the time of a record's last change.
    #[serde(default)]
    pub updated_at: Option<String>,
    /// The column with the time of a record's creation.
    #[serde(default)]
    pub created_at: Option<String>,
    /// Types of columns that are not to be inferred, by column.
    #[serde(default)]
    pub types: BTreeMap<String, ColumnType>,
    /// The vendor whose export it is, or `none` for a file that only looks like one. By default it is recognised by its headers.
    #[serde(default)]
    pub layout: Option<LayoutChoice>,
    /// How many records of each file are looked at to infer types. By default 1000.
    #[serde(default = "default_sample_rows")]
    pub sample_rows: usize,
    /// The name of the account the files come from; part of every row id. By default the vendor of the layout, or else the stream.
    /// Exports of two accounts at one vendor need two names, or their records with equal ids would become one.
    #[serde(default)]
    pub account: Option<String>,
}

fn default_sample_rows() -> usize {
    1_000
}

/// A text, or a list of texts.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged, expecting = "expected a text or a list of texts")]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl OneOrMany {
    /// All of them, in order.
    pub fn all(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        }
    }
}

/// The formats of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Delimited text with a header line.
    Csv,
    /// One JSON object a line.
    JsonLines,
    /// Apache Parquet.
    Parquet,
}

impl Format {
    /// The word in config and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "json_lines",
            Self::Parquet => "parquet",
        }
    }
}

/// The types a column can be declared to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// Whole numbers of up to 18 digits.
    Integer,
    /// Numbers with a point.
    Decimal,
    /// Days as `2026-01-31`.
    Date,
    /// Instants as `2026-01-31T12:00:00Z`.
    Timestamp,
    /// `true` and `false`.
    Boolean,
    /// Text.
    Text,
}

impl ColumnType {
    /// The type of the common schema.
    pub fn value_type(self) -> ValueType {
        match self {
            Self::Integer => ValueType::Integer,
            Self::Decimal => ValueType::Decimal,
            Self::Date => ValueType::Date,
            Self::Timestamp => ValueType::Timestamp,
            Self::Boolean => ValueType::Boolean,
            Self::Text => ValueType::Text,
        }
    }
}

/// Whose export a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LayoutChoice {
    /// HubSpot's.
    Hubspot,
    /// Salesforce's, by Data Loader or as a report.
    Salesforce,
    /// Mailchimp's.
    Mailchimp,
    /// Nobody's: the file is read as it is.
    None,
}

impl LayoutChoice {
    /// The vendor's name; empty for none.
    pub fn vendor(self) -> &'static str {
        match self {
            Self::Hubspot => "hubspot",
            Self::Salesforce => "salesforce",
            Self::Mailchimp => "mailchimp",
            Self::None => "",
        }
    }
}

impl Config {
    /// Looks for values that no file can satisfy.
    ///
    /// # Errors
    /// `AQ1005` naming the setting.
    pub fn validate(&self) -> Result<()> {
        let wrong = |what: &str| Err(Error::new(codes::BAD_CONFIG, format!("the config of connector `files` is wrong: {what}")));
        if self.path.all().is_empty() || self.path.all().iter().any(String::is_empty) {
            return wrong("`path` is empty");
        }
        if self.key.as_ref().is_some_and(|key| key.all().is_empty() || key.all().iter().any(String::is_empty)) {
            return wrong("`key` is empty");
        }
        if self.sample_rows == 0 {
            return wrong("`sample_rows` must be at least 1");
        }
        if self.stream.as_ref().is_some_and(|stream| aqueduct_connector::schema::table::identifier(stream) != *stream) {
            return wrong("`stream` must consist of lower-case letters, digits and `_`, as `customers` does");
        }
        if self.delimiter.is_some() && self.delimiter().is_none() {
            return wrong("`delimiter` must be one ASCII character or `tab`");
        }
        if self.quote.as_ref().is_some_and(|quote| single_byte(quote).is_none()) {
            return wrong("`quote` must be one ASCII character");
        }
        if self.delimiter() == Some(self.quote()) {
            return wrong("`delimiter` and `quote` are the same");
        }
        if let Some(label) = &self.encoding
            && self.encoding().is_none()
        {
            return wrong(&format!("`{label}` is not an encoding; use a label such as `utf-8`, `windows-1252`, `utf-16le` or `shift_jis`"));
        }
        Ok(())
    }

    /// The delimiter, if it is declared and valid.
    pub(crate) fn delimiter(&self) -> Option<u8> {
        match self.delimiter.as_deref()? {
            "tab" | "\\t" => Some(b'\t'),
            text => single_byte(text),
        }
    }

    /// The quotation mark.
    pub(crate) fn quote(&self) -> u8 {
        self.quote.as_deref().and_then(single_byte).unwrap_or(b'"')
    }

    /// The encoding, if it is declared and known.
    pub(crate) fn encoding(&self) -> Option<&'static encoding_rs::Encoding> {
        encoding_rs::Encoding::for_label(self.encoding.as_deref()?.as_bytes())
    }
}

fn single_byte(text: &str) -> Option<u8> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'\r' | b'\n') => Some(*byte),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn parsed(config: serde_json::Value) -> Result<Config> {
        let config: Config = aqueduct_connector::config::parse("files", config)?;
        config.validate()?;
        Ok(config)
    }

    #[test]
    fn texts_and_lists_are_taken() {
        let config = parsed(json!({"path": ["a.csv", "b.csv"], "key": "id", "delimiter": "tab"})).unwrap();
        assert_eq!(config.path.all(), ["a.csv", "b.csv"]);
        assert_eq!((config.delimiter(), config.quote(), config.sample_rows), (Some(b'\t'), b'"', 1_000));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let cases = [
            (json!({}), "path"),
            (json!({"path": []}), "`path` is empty"),
            (json!({"path": 1}), "a text or a list of texts"),
            (json!({"path": "a", "kee": "id"}), "unknown field `kee`"),
            (json!({"path": "a", "delimiter": ";;"}), "`delimiter`"),
            (json!({"path": "a", "delimiter": "\""}), "the same"),
            (json!({"path": "a", "encoding": "latin-99"}), "`latin-99` is not an encoding"),
            (json!({"path": "a", "sample_rows": 0}), "sample_rows"),
            (json!({"path": "a", "stream": "My stream"}), "`stream`"),
            (json!({"path": "a", "types": {"x": "float"}}), "unknown variant `float`"),
        ];
        for (config, expected) in cases {
            let error = parsed(config).unwrap_err();
            assert_eq!(error.code(), codes::BAD_CONFIG);
            assert!(error.to_string().contains(expected), "{error} should contain {expected}");
        }
    }
}
