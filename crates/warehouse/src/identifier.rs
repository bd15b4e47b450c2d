//! Names and literals inside SQL text. Every statement that is put together at run time passes its names through here.
//!
//! SQLite and PostgreSQL quote alike: a name in double quotes with inner ones doubled, a literal in single quotes with inner
//! ones doubled. PostgreSQL reads backslashes in `'…'` as they are since `standard_conforming_strings` is on, which the
//! connection sets; neither takes U+0000, so it never gets past this file.

use aqueduct_schema::{Error, Result, codes};

/// The longest name that PostgreSQL keeps whole; a longer one would be cut silently and could meet another one.
const LONGEST: usize = 63;

/// Refuses a name that a destination could cut, or that ends the text.
///
/// # Errors
/// `AQ9001`: names are made by [`aqueduct_schema::table::identifier`], which gives none of these.
pub(crate) fn checked(name: &str) -> Result<&str> {
    if name.is_empty() || name.len() > LONGEST || name.contains('\0') {
        return Err(Error::new(codes::BUG, "a table or column has a name that no destination keeps").with("length", name.len()));
    }
    Ok(name)
}

/// Appends a name in double quotes.
pub(crate) fn push_name(sql: &mut String, name: &str) {
    push_between(sql, name, '"');
}

/// Appends a text literal in single quotes.
pub(crate) fn push_literal(sql: &mut String, text: &str) {
    push_between(sql, text, '\'');
}

fn push_between(sql: &mut String, text: &str, quote: char) {
    sql.push(quote);
    for character in text.chars() {
        match character {
            '\0' => sql.push(char::REPLACEMENT_CHARACTER),
            other => {
                if other == quote {
                    sql.push(quote);
                }
                sql.push(other);
            }
        }
    }
    sql.push(quote);
}

/// A name in double quotes.
pub(crate) fn quoted(name: &str) -> String {
    let mut sql = String::with_capacity(name.len() + 2);
    push_name(&mut sql, name);
    sql
}

/// A text literal in single quotes.
pub(crate) fn literal(text: &str) -> String {
    let mut sql = String::with_capacity(text.len() + 2);
    push_literal(&mut sql, text);
    sql
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_cannot_be_left() {
        assert_eq!(quoted("plain"), "\"plain\"");
        assert_eq!(quoted("a\"; drop table b; --"), "\"a\"\"; drop table b; --\"");
        assert_eq!(literal("O'Brien\\"), "'O''Brien\\'");
        assert_eq!(literal("a\0b"), "'a\u{FFFD}b'");
    }

    #[test]
    fn names_that_would_be_cut_are_refused() {
        assert!(checked("contact").is_ok());
        assert!(checked(&"x".repeat(64)).is_err());
        assert!(checked("").is_err() && checked("a\0").is_err());
    }
}
