//! `aqueduct clean`.

use std::collections::BTreeMap;
use std::io::BufRead;

use aqueduct_pipeline::cleaners::{self, CleaningContext};
use aqueduct_pipeline::schema::{CleaningStatus, Error, Result, SemanticType, codes};
use serde::Serialize;

use crate::arguments::CleanArguments;
use crate::commands::Context;
use crate::output::table;

#[derive(Serialize)]
struct Line<'a> {
    input: &'a str,
    value: Option<&'a str>,
    status: CleaningStatus,
    code: &'a str,
    /// What the value says besides itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<BTreeMap<&'static str, String>>,
}

/// Cleans standard input line by line, in order. Bytes that are not UTF-8 are shown as U+FFFD.
pub(crate) fn clean(context: &Context, arguments: &CleanArguments) -> Result<u8> {
    if arguments.list {
        let rows: Vec<Vec<String>> = cleaners::rules()
            .map(|rule| {
                vec![
                    rule.semantic.name().to_owned(),
                    rule.code.to_owned(),
                    format!("{:?}", rule.status).to_lowercase(),
                    rule.meaning.to_owned(),
                ]
            })
            .collect();
        context.output.data(&table(&["type", "code", "status", "meaning"], &rows));
        return Ok(0);
    }
    let name = arguments.semantic_type.as_deref().unwrap_or_default();
    let semantic = SemanticType::from_name(name).ok_or_else(|| {
        let names: Vec<&str> = SemanticType::ALL.iter().map(|semantic| semantic.name()).collect();
        Error::new(codes::BAD_USAGE, format!("there is no semantic type `{name}`")).advise(format!("Use one of: {}.", names.join(", ")))
    })?;
    let country = match &arguments.country {
        Some(country) => {
            let code = cleaners::clean(SemanticType::Country, country, &CleaningContext::default()).value.map(|value| value.into_owned());
            Some(code.ok_or_else(|| Error::new(codes::BAD_USAGE, format!("`{country}` is not a country")))?)
        }
        None => None,
    };
    let facts = CleaningContext {
        country: country.as_deref(),
        default_country: country.as_deref(),
        time_zone: arguments.time_zone.as_deref(),
        decimal_separator: arguments.decimal_separator,
        day_first: arguments.day_first.then_some(true),
        ..CleaningContext::default()
    };
    let mut bytes = Vec::new();
    let mut input = std::io::stdin().lock();
    loop {
        bytes.clear();
        let read = input
            .read_until(b'\n', &mut bytes)
            .map_err(|error| Error::new(codes::BAD_USAGE, format!("standard input cannot be read ({})", error.kind())))?;
        if read == 0 {
            return Ok(0);
        }
        let line = String::from_utf8_lossy(&bytes);
        let line = line.strip_suffix('\n').unwrap_or(&line);
        let line = line.strip_suffix('\r').unwrap_or(line);
        let cleaned = cleaners::clean(semantic, line, &facts);
        let told = || cleaners::details(semantic, line, &facts).into_iter().map(|detail| (detail.name, detail.value)).collect();
        let details = arguments.details.then(told);
        let value = cleaned.value.as_deref();
        context.output.json_line(&Line { input: line, value, status: cleaned.status, code: cleaned.code, details });
    }
}
