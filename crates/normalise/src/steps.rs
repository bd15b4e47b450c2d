//! Cleaning steps of a pipeline file: what a person does to the values of a field, in order, before its cleaner sees them.
//!
//! Steps work on text. A typed value (a number of a Parquet file, say) stays typed where no step changes it.

use std::borrow::Cow;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};

use crate::evaluate::{looked_up, taken};
use crate::expression::Take;
use crate::value::Value;

/// The most memory that a compiled pattern may take, in bytes, and as much again for the states it builds while it matches.
const PATTERN_SIZE: usize = 1 << 20;

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// Every occurrence of a text becomes another.
    Replace { from: String, to: String },
    /// A whole value becomes another; `table` is sorted by its keys, which are trimmed and in lower case.
    Values { table: Vec<(String, String)>, otherwise: Option<String> },
    /// A part of the value.
    Split { by: String, take: Take },
    /// What stands for no value.
    Default(String),
    /// So many characters from the start.
    Truncate(usize),
    /// Every match becomes the replacement.
    Regex { pattern: Pattern, replacement: String },
}

/// A compiled regular expression that knows how it was written.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    source: Arc<str>,
    regex: Regex,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Pattern {
    /// Compiles a pattern. Matching takes time in proportion to the text, whatever the pattern is.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(crate) fn new(source: &str) -> Result<Self, String> {
        match RegexBuilder::new(source).size_limit(PATTERN_SIZE).dfa_size_limit(PATTERN_SIZE).build() {
            Ok(regex) => Ok(Self { source: source.into(), regex }),
            Err(regex::Error::CompiledTooBig(_)) => Err("the pattern needs too much memory; make its repetitions smaller".to_owned()),
            Err(error) => {
                // The parser draws the pattern with carets over several lines; its last line says what is wrong.
                let text = error.to_string();
                let reason = text.lines().last().unwrap_or_default().trim();
                Err(reason.strip_prefix("error: ").unwrap_or(reason).to_owned())
            }
        }
    }

    /// The first group that a replacement names and the pattern does not have: `$3`, `$1a` (which is read as a name), `${word}`.
    pub(crate) fn missing_group<'r>(&self, replacement: &'r str) -> Option<&'r str> {
        let mut rest = replacement;
        while let Some(at) = rest.find('$') {
            let after = &rest[at + 1..];
            let name = match after.strip_prefix('{') {
                Some(braced) => braced.split_once('}').map(|(name, _)| name),
                None => Some(&after[..after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(after.len())]),
            };
            rest = after.strip_prefix('$').unwrap_or(after);
            let Some(name) = name.filter(|name| !name.is_empty()) else { continue };
            let known = match name.parse::<usize>() {
                Ok(number) => number < self.regex.captures_len(),
                Err(_) => self.regex.capture_names().flatten().any(|known| known == name),
            };
            if !known {
                return Some(name);
            }
        }
        None
    }
}

/// A value after the steps, in their order.
pub(crate) fn carry_out<'v>(steps: &'v [Step], value: Value<'v>) -> Value<'v> {
    steps.iter().fold(value, |value, step| step.carry_out(value))
}

impl Step {
    fn carry_out<'v>(&'v self, value: Value<'v>) -> Value<'v> {
        if matches!(value, Value::Bad(_)) {
            return value;
        }
        if value.is_blank() {
            return match self {
                Self::Default(word) => Value::Text(Cow::Borrowed(word)),
                _ => value,
            };
        }
        match self {
            Self::Default(_) => value,
            Self::Values { table, otherwise } => looked_up(value, table, otherwise.as_deref()),
            Self::Replace { from, to } => changed(value, |text| text.contains(from.as_str()).then(|| text.replace(from.as_str(), to))),
            Self::Truncate(longest) => {
                changed(value, |text| text.char_indices().nth(*longest).map(|(end, _)| text[..end].trim_end().to_owned()))
            }
            Self::Regex { pattern, replacement } => changed(value, |text| match pattern.regex.replace_all(text, replacement.as_str()) {
                Cow::Borrowed(_) => None,
                Cow::Owned(replaced) => Some(replaced),
            }),
            Self::Split { by, take } => match value {
                Value::Text(Cow::Borrowed(text)) => taken(text, by, *take).map_or(Value::Missing, |part| Value::Text(Cow::Borrowed(part))),
                value => {
                    let part = value.text().and_then(|text| taken(&text, by, *take).map(str::to_owned));
                    part.map_or(Value::Missing, |part| Value::Text(Cow::Owned(part)))
                }
            },
        }
    }
}

/// The value with its text changed; as it is where nothing changes.
fn changed<'v>(value: Value<'v>, change: impl FnOnce(&str) -> Option<String>) -> Value<'v> {
    match value.text().and_then(|text| change(&text)) {
        Some(text) => Value::Text(Cow::Owned(text)),
        None => value,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn one(step: Step, text: &str) -> Option<String> {
        carry_out(std::slice::from_ref(&step), Value::Text(Cow::Borrowed(text))).text().map(Cow::into_owned)
    }

    #[test]
    fn steps_change_what_they_speak_of() {
        assert_eq!(one(Step::Replace { from: "Sr.".into(), to: "Senior".into() }, "Sr. Sr. Clerk").as_deref(), Some("Senior Senior Clerk"));
        assert_eq!(one(Step::Truncate(3), "Zoë Brontë").as_deref(), Some("Zoë"));
        assert_eq!(one(Step::Truncate(4), "Zoë Brontë").as_deref(), Some("Zoë"));
        assert_eq!(one(Step::Default("none".into()), " ").as_deref(), Some("none"));
        assert_eq!(one(Step::Default("none".into()), "x").as_deref(), Some("x"));
        let pattern = Pattern::new(r"(?i)^(?P<rank>head|lead)\s+of\s+(\w+)$").unwrap();
        let regex = Step::Regex { pattern, replacement: "$2: ${rank}".into() };
        assert_eq!(one(regex.clone(), "HEAD of Größe").as_deref(), Some("Größe: HEAD"));
        assert_eq!(one(regex, "clerk").as_deref(), Some("clerk"));
        assert_eq!(one(Step::Split { by: ",".into(), take: Take::Last }, "alone"), None);
    }

    #[test]
    fn what_no_step_changes_keeps_its_type() {
        let steps = [Step::Replace { from: "9".into(), to: "8".into() }, Step::Default("1".into()), Step::Truncate(9)];
        assert_eq!(carry_out(&steps, Value::Integer(7)), Value::Integer(7));
        assert_eq!(carry_out(&steps, Value::Integer(9)), Value::Text("8".into()));
        assert_eq!(carry_out(&steps, Value::Missing), Value::Text("1".into()));
        assert_eq!(carry_out(&steps, Value::Bad("x.y")), Value::Bad("x.y"));
    }

    #[test]
    fn patterns_are_checked() {
        for (wrong, word) in [("(", "unclosed"), ("a{99999999}", "repetition"), ("(?:a{1000}){1000}", "memory"), (r"(?=a)", "look-around")]
        {
            let said = Pattern::new(wrong).unwrap_err();
            assert!(said.contains(word), "{wrong}: {said}");
        }
        let pattern = Pattern::new(r"(?P<word>a)(b)").unwrap();
        for (replacement, missing) in [
            ("$1$2$0", None),
            ("$word-${2}", None),
            ("$$3", None),
            ("$3", Some("3")),
            ("$1a", Some("1a")),
            ("${other}", Some("other")),
            ("a$", None),
        ] {
            assert_eq!(pattern.missing_group(replacement), missing, "{replacement}");
        }
    }
}
