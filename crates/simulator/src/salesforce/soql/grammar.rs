//! The grammar of a query.

use super::QueryError;
use super::words::{Placed, Word, words};

/// A name with the byte it begins at.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) at: usize,
}

/// What is selected.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Selected {
    Field(Named),
    /// `FIELDS(ALL)`, `FIELDS(STANDARD)`, `FIELDS(CUSTOM)`.
    Fields(Named),
    /// `COUNT()`.
    Count,
}

/// A comparison's sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Like,
}

/// A value to compare with, as written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Literal {
    Text(String),
    Number(String),
    Name(String),
}

/// A condition.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Compare { field: Named, sign: Sign, literal: Literal, at: usize },
    In { field: Named, negated: bool, literals: Vec<(Literal, usize)> },
}

/// A field to sort by.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sorted {
    pub(crate) field: Named,
    pub(crate) descending: bool,
    /// `None` is the vendor's own way: nulls first when ascending, last when descending.
    pub(crate) nulls_first: Option<bool>,
}

/// A query as written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Query {
    pub(crate) selected: Vec<Selected>,
    pub(crate) object: Named,
    pub(crate) alias: Option<String>,
    pub(crate) condition: Option<Condition>,
    pub(crate) order: Vec<Sorted>,
    pub(crate) limit: Option<u64>,
    pub(crate) offset: Option<u64>,
    /// Where a `GROUP BY` begins.
    pub(crate) grouped_at: Option<usize>,
}

/// Words that cannot be an alias.
const KEYWORDS: [&str; 12] = ["WHERE", "ORDER", "LIMIT", "OFFSET", "GROUP", "WITH", "FOR", "USING", "ALL", "HAVING", "AND", "OR"];

struct Reader<'q> {
    query: &'q str,
    words: Vec<Placed>,
    next: usize,
}

/// Reads a query.
pub(crate) fn parse(query: &str) -> Result<Query, QueryError> {
    let mut reader = Reader { query, words: words(query)?, next: 0 };
    let parsed = reader.query()?;
    reader.end()?;
    Ok(parsed)
}

impl Reader<'_> {
    fn peek(&self) -> &Placed {
        &self.words[self.next.min(self.words.len() - 1)]
    }

    fn take(&mut self) -> Placed {
        let placed = self.peek().clone();
        self.next += 1;
        placed
    }

    fn unexpected<T>(&self) -> Result<T, QueryError> {
        let placed = self.peek();
        Err(QueryError::at(self.query, placed.at, "MALFORMED_QUERY", format!("unexpected token: '{}'", placed.shown())))
    }

    fn is_word(&self, keyword: &str) -> bool {
        matches!(&self.peek().word, Word::Name(name) if name.eq_ignore_ascii_case(keyword))
    }

    fn skip_word(&mut self, keyword: &str) -> bool {
        let found = self.is_word(keyword);
        self.next += usize::from(found);
        found
    }

    fn expect_word(&mut self, keyword: &str) -> Result<(), QueryError> {
        if self.skip_word(keyword) { Ok(()) } else { self.unexpected() }
    }

    fn skip_symbol(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek().word, Word::Symbol(found) if found == symbol);
        self.next += usize::from(found);
        found
    }

    fn expect_symbol(&mut self, symbol: &str) -> Result<(), QueryError> {
        if self.skip_symbol(symbol) { Ok(()) } else { self.unexpected() }
    }

    fn name(&mut self) -> Result<Named, QueryError> {
        let Word::Name(name) = self.peek().word.clone() else { return self.unexpected() };
        Ok(Named { name, at: self.take().at })
    }

    fn number(&mut self) -> Result<u64, QueryError> {
        let Word::Number(number) = &self.peek().word else { return self.unexpected() };
        let Ok(number) = number.parse() else { return self.unexpected() };
        self.next += 1;
        Ok(number)
    }

    fn end(&self) -> Result<(), QueryError> {
        if self.peek().word == Word::End { Ok(()) } else { self.unexpected() }
    }

    fn query(&mut self) -> Result<Query, QueryError> {
        self.expect_word("SELECT")?;
        let mut selected = vec![self.selected()?];
        while self.skip_symbol(",") {
            selected.push(self.selected()?);
        }
        self.expect_word("FROM")?;
        let object = self.name()?;
        let is_alias = matches!(&self.peek().word, Word::Name(name) if !KEYWORDS.iter().any(|keyword| name.eq_ignore_ascii_case(keyword)));
        let alias = if is_alias { Some(self.name()?.name) } else { None };
        let condition = if self.skip_word("WHERE") { Some(self.condition()?) } else { None };
        let grouped_at = self.is_word("GROUP").then(|| self.peek().at);
        if self.skip_word("GROUP") {
            self.expect_word("BY")?;
            self.name()?;
            while self.skip_symbol(",") {
                self.name()?;
            }
        }
        let mut order = Vec::new();
        if self.skip_word("ORDER") {
            self.expect_word("BY")?;
            order.push(self.sorted()?);
            while self.skip_symbol(",") {
                order.push(self.sorted()?);
            }
        }
        let limit = if self.skip_word("LIMIT") { Some(self.number()?) } else { None };
        let offset = if self.skip_word("OFFSET") { Some(self.number()?) } else { None };
        if self.skip_word("ALL") {
            self.expect_word("ROWS")?;
        }
        Ok(Query { selected, object, alias, condition, order, limit, offset, grouped_at })
    }

    fn selected(&mut self) -> Result<Selected, QueryError> {
        let field = self.name()?;
        if !self.skip_symbol("(") {
            return Ok(Selected::Field(field));
        }
        if field.name.eq_ignore_ascii_case("COUNT") {
            self.expect_symbol(")")?;
            return Ok(Selected::Count);
        }
        if !field.name.eq_ignore_ascii_case("FIELDS") {
            return self.unexpected();
        }
        let group = self.name()?;
        self.expect_symbol(")")?;
        Ok(Selected::Fields(group))
    }

    fn sorted(&mut self) -> Result<Sorted, QueryError> {
        let field = self.name()?;
        let descending = self.skip_word("DESC");
        if !descending {
            self.skip_word("ASC");
        }
        let mut nulls_first = None;
        if self.skip_word("NULLS") {
            nulls_first = Some(self.skip_word("FIRST"));
            if nulls_first == Some(false) {
                self.expect_word("LAST")?;
            }
        }
        Ok(Sorted { field, descending, nulls_first })
    }

    /// Conditions joined by one of AND and OR; the vendor asks for parentheses where both meet.
    fn condition(&mut self) -> Result<Condition, QueryError> {
        let first = self.simple()?;
        for (keyword, other) in [("AND", "OR"), ("OR", "AND")] {
            if !self.is_word(keyword) {
                continue;
            }
            let mut all = vec![first];
            while self.skip_word(keyword) {
                all.push(self.simple()?);
            }
            if self.is_word(other) {
                return self.unexpected();
            }
            return Ok(if keyword == "AND" { Condition::And(all) } else { Condition::Or(all) });
        }
        Ok(first)
    }

    fn simple(&mut self) -> Result<Condition, QueryError> {
        if self.skip_word("NOT") {
            return Ok(Condition::Not(Box::new(self.simple()?)));
        }
        if self.skip_symbol("(") {
            let inner = self.condition()?;
            self.expect_symbol(")")?;
            return Ok(inner);
        }
        let field = self.name()?;
        let negated = self.skip_word("NOT");
        if negated || self.is_word("IN") {
            self.expect_word("IN")?;
            self.expect_symbol("(")?;
            let mut literals = vec![self.literal()?];
            while self.skip_symbol(",") {
                literals.push(self.literal()?);
            }
            self.expect_symbol(")")?;
            return Ok(Condition::In { field, negated, literals });
        }
        let sign = match &self.peek().word {
            Word::Symbol("=") => Sign::Equal,
            Word::Symbol("!=" | "<>") => Sign::Unequal,
            Word::Symbol("<") => Sign::Less,
            Word::Symbol("<=") => Sign::LessOrEqual,
            Word::Symbol(">") => Sign::Greater,
            Word::Symbol(">=") => Sign::GreaterOrEqual,
            Word::Name(name) if name.eq_ignore_ascii_case("LIKE") => Sign::Like,
            _ => return self.unexpected(),
        };
        self.next += 1;
        let (literal, at) = self.literal()?;
        Ok(Condition::Compare { field, sign, literal, at })
    }

    fn literal(&mut self) -> Result<(Literal, usize), QueryError> {
        let placed = self.peek().clone();
        let literal = match placed.word {
            Word::Text(text) => Literal::Text(text),
            Word::Number(number) => Literal::Number(number),
            Word::Name(name) => Literal::Name(name),
            Word::Symbol(_) | Word::End => return self.unexpected(),
        };
        self.next += 1;
        Ok((literal, placed.at))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn conditions_nest() {
        let query = parse("select Id from Contact c where (A = 1 or not B like 'x%') and C not in ('a', null) order by A desc nulls last, B limit 5 offset 2")
            .unwrap();
        assert_eq!((query.alias.as_deref(), query.limit, query.offset), (Some("c"), Some(5), Some(2)));
        assert_eq!((query.order[0].descending, query.order[0].nulls_first, query.order[1].nulls_first), (true, Some(false), None));
        let Some(Condition::And(both)) = query.condition else { panic!("an AND") };
        assert!(matches!(&both[0], Condition::Or(either) if matches!(either[1], Condition::Not(_))));
        assert!(matches!(&both[1], Condition::In { negated: true, literals, .. } if literals.len() == 2));
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        for (query, column, word) in [
            ("SELECT Id FRM Contact", 11, "FRM"),
            ("SELECT Id, FROM Contact", 17, "Contact"),
            ("SELECT Id FROM Contact WHERE A = 1 AND B = 2 OR C = 3", 46, "OR"),
            ("SELECT Id FROM Contact WHERE A =", 33, "<EOF>"),
            ("SELECT Id FROM Contact LIMIT x", 30, "x"),
            ("SELECT Id FROM Contact LIMIT 1 1", 32, "1"),
            ("SELECT Id FROM Contact WHERE A IN (1", 37, "<EOF>"),
            ("UPDATE Contact", 1, "UPDATE"),
        ] {
            let error = parse(query).unwrap_err();
            assert_eq!(error.code, "MALFORMED_QUERY");
            let expected = format!("\n{query}\n{}^\nERROR at Row:1:Column:{column}\nunexpected token: '{word}'", " ".repeat(column - 1));
            assert_eq!(error.message, expected);
        }
    }
}
