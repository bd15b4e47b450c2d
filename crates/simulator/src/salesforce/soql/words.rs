//! The words of a query.

use super::QueryError;

/// A word of a query.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Word {
    /// A keyword, a name with its dots, or a date literal such as `LAST_N_DAYS:7`.
    Name(String),
    /// A number, a date or a date with time, as written.
    Number(String),
    /// A text, without its quotes and escapes.
    Text(String),
    Symbol(&'static str),
    End,
}

/// A word with the byte it begins at.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Placed {
    pub(crate) word: Word,
    pub(crate) at: usize,
}

impl Placed {
    /// As it is shown in an error.
    pub(crate) fn shown(&self) -> String {
        match &self.word {
            Word::Name(text) | Word::Number(text) | Word::Text(text) => text.clone(),
            Word::Symbol(symbol) => (*symbol).to_owned(),
            Word::End => "<EOF>".to_owned(),
        }
    }
}

const SYMBOLS: [&str; 10] = ["!=", "<>", "<=", ">=", "=", "<", ">", "(", ")", ","];

/// The words of a query; the last is `End`.
pub(crate) fn words(query: &str) -> Result<Vec<Placed>, QueryError> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(first) = query[at..].chars().next() {
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let start = at;
        let word = if first == '\'' {
            let (text, length) = text(query, at)?;
            at += length;
            Word::Text(text)
        } else if let Some(symbol) = SYMBOLS.iter().find(|symbol| query[at..].starts_with(**symbol)) {
            at += symbol.len();
            Word::Symbol(symbol)
        } else {
            let numeric = first.is_ascii_digit() || matches!(first, '+' | '-');
            let within =
                |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '.' | ':') || numeric && matches!(letter, '+' | '-');
            let length = query[at..].find(|letter| !within(letter)).unwrap_or(query.len() - at);
            if length == 0 {
                return Err(QueryError::at(
                    query,
                    at,
                    "MALFORMED_QUERY",
                    format!("line 1:{at} no viable alternative at character '{first}'"),
                ));
            }
            at += length;
            let text = query[start..at].to_owned();
            if numeric { Word::Number(text) } else { Word::Name(text) }
        };
        words.push(Placed { word, at: start });
    }
    words.push(Placed { word: Word::End, at: query.len() });
    Ok(words)
}

/// A quoted text from its opening quote on, and its length with both quotes.
fn text(query: &str, at: usize) -> Result<(String, usize), QueryError> {
    let mut text = String::new();
    let mut letters = query[at + 1..].char_indices();
    while let Some((place, letter)) = letters.next() {
        match letter {
            '\'' => return Ok((text, place + 2)),
            '\\' => match letters.next().map(|(_, escaped)| escaped) {
                Some('n' | 'N') => text.push('\n'),
                Some('r' | 'R') => text.push('\r'),
                Some('t' | 'T') => text.push('\t'),
                // Kept, so that LIKE can tell them from its wildcards.
                Some(wildcard @ ('%' | '_')) => text.extend(['\\', wildcard]),
                Some(other) if matches!(other, '\\' | '\'' | '"') => text.push(other),
                _ => return Err(QueryError::at(query, at, "MALFORMED_QUERY", "Illegal string escape sequence")),
            },
            other => text.push(other),
        }
    }
    Err(QueryError::at(query, at, "MALFORMED_QUERY", "unterminated string literal"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_query_falls_into_words() {
        let found: Vec<Word> = words("SELECT a.B__c,x\nWHERE t>=2026-02-01T00:00:00.000Z AND n != 'it\\'s' AND LAST_N_DAYS:3<>-1.5")
            .unwrap()
            .into_iter()
            .map(|placed| placed.word)
            .collect();
        let name = |text: &str| Word::Name(text.to_owned());
        assert_eq!(
            found,
            [
                name("SELECT"),
                name("a.B__c"),
                Word::Symbol(","),
                name("x"),
                name("WHERE"),
                name("t"),
                Word::Symbol(">="),
                Word::Number("2026-02-01T00:00:00.000Z".to_owned()),
                name("AND"),
                name("n"),
                Word::Symbol("!="),
                Word::Text("it's".to_owned()),
                name("AND"),
                name("LAST_N_DAYS:3"),
                Word::Symbol("<>"),
                Word::Number("-1.5".to_owned()),
                Word::End
            ]
        );
    }

    #[test]
    fn what_is_no_word_is_named() {
        for query in ["SELECT 'a", "SELECT ;", "SELECT 'a\\q'"] {
            assert_eq!(words(query).unwrap_err().code, "MALFORMED_QUERY", "{query}");
        }
    }
}
