//! The rows of a page under construction, and the records that cannot become rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use aqueduct_schema::{Reject, RejectCell, Sensitivity};

use super::escape::unescape;
use super::plan::{Plan, Target};
use super::text_column::{Rank, TextColumn, Texts};

/// How many keys that no field names are counted.
const UNKNOWN_KEYS: usize = 256;

/// A key that stood at a place in the last records, and where it leads.
struct Expected {
    key: String,
    target: Target,
}

/// Rows under construction.
pub(crate) struct Rows {
    pub(crate) plan: Arc<Plan>,
    columns: Vec<TextColumn>,
    length: usize,
    pub(crate) rejects: Vec<Reject>,
    /// By node: the keys in the order of the last records. Records of one page nearly always have the same order, so that a key is
    /// known by one comparison.
    order: Vec<Vec<Expected>>,
    /// By node: the number of the record in which it was last entered, counted over all pages.
    entered: Vec<u64>,
    record: u64,
    /// The first column of the record under way whose value is over the limit.
    too_long: Option<usize>,
    value_limit: usize,
    unknown: Vec<(String, u64)>,
    unknown_numbers: BTreeMap<String, usize>,
}

impl Rows {
    pub(crate) fn new(plan: Arc<Plan>, value_limit: usize) -> Self {
        Self {
            columns: plan.fields.iter().map(|_| TextColumn::new()).collect(),
            length: 0,
            rejects: Vec::new(),
            order: plan.nodes.iter().map(|_| Vec::new()).collect(),
            entered: vec![0; plan.nodes.len()],
            record: 1,
            too_long: None,
            value_limit,
            unknown: Vec::new(),
            unknown_numbers: BTreeMap::new(),
            plan,
        }
    }

    /// Forgets what was read of a page.
    pub(crate) fn clear(&mut self) {
        for column in &mut self.columns {
            column.clear();
        }
        self.length = 0;
        self.rejects.clear();
        self.record += 1;
        self.too_long = None;
    }

    /// The columns, their length and the rejects, taken out.
    pub(crate) fn take(&mut self) -> (Vec<Texts>, usize, Vec<Reject>) {
        let columns = self.columns.iter_mut().map(TextColumn::take).collect();
        (columns, std::mem::take(&mut self.length), std::mem::take(&mut self.rejects))
    }

    pub(crate) fn into_unknown_fields(self) -> Vec<(String, u64)> {
        let mut unknown: Vec<(String, u64)> = self.unknown.into_iter().filter(|(_, count)| *count > 0).collect();
        unknown.sort();
        unknown
    }

    /// Where a key of an object leads. `place` is its place among the object's keys.
    pub(crate) fn target(&mut self, node: usize, place: usize, key: &str) -> Target {
        let target = match self.order[node].get(place) {
            Some(expected) if expected.key == key => expected.target,
            _ => self.look_up(node, place, key),
        };
        if let Target::Unknown(number) = target
            && let Some((_, count)) = self.unknown.get_mut(number)
        {
            *count += 1;
        }
        target
    }

    #[cold]
    fn look_up(&mut self, node: usize, place: usize, key: &str) -> Target {
        let target = match self.plan.nodes[node].children.get(key) {
            Some(target) => *target,
            None => Target::Unknown(self.unknown_number(key)),
        };
        let order = &mut self.order[node];
        // Only keys that repeat are worth a place; an object with thousands of keys of its own must not be remembered.
        if place < 1_024 {
            let expected = Expected { key: key.to_owned(), target };
            if place < order.len() {
                order[place] = expected;
            } else if place == order.len() {
                order.push(expected);
            }
        }
        target
    }

    fn unknown_number(&mut self, key: &str) -> usize {
        if let Some(number) = self.unknown_numbers.get(key) {
            return *number;
        }
        if self.unknown.len() >= UNKNOWN_KEYS {
            return usize::MAX;
        }
        let number = self.unknown.len();
        self.unknown.push((key.to_owned(), 0));
        self.unknown_numbers.insert(key.to_owned(), number);
        number
    }

    /// Enters an object. The second time in one record, what the first has set is forgotten: the last of repeated keys counts.
    pub(crate) fn enter(&mut self, node: usize) {
        if std::mem::replace(&mut self.entered[node], self.record) == self.record {
            for (column, rank) in &self.plan.nodes[node].leaves {
                self.columns[*column].unset(*rank);
            }
        }
    }

    /// Sets a column of the record under way to a JSON value: a string's text, anything else as it is written, nothing for `null`.
    pub(crate) fn set_json(&mut self, column: usize, rank: Rank, raw: &str) {
        let text = &mut self.columns[column];
        if !text.begin(rank) {
            return;
        }
        if self.too_long == Some(column) {
            self.too_long = None;
        }
        match raw.as_bytes().first() {
            Some(b'n') => text.push_null(),
            _ if !text.has_room(raw.len()) => {
                self.too_long.get_or_insert(column);
                text.push_null();
            }
            Some(b'"') => {
                let inner = raw.get(1..raw.len() - 1).unwrap_or_default();
                if inner.as_bytes().contains(&b'\\') {
                    text.push_with(|out| unescape(inner, out));
                } else {
                    text.push(inner);
                }
            }
            _ => text.push(raw),
        }
        self.check_length(column);
    }

    /// Sets a column of the record under way to a text.
    pub(crate) fn set_text(&mut self, column: usize, value: &str) {
        let text = &mut self.columns[column];
        if !text.begin(0) {
            return;
        }
        if self.too_long == Some(column) {
            self.too_long = None;
        }
        if text.has_room(value.len()) {
            text.push(value);
        } else {
            self.too_long.get_or_insert(column);
            text.push_null();
        }
        self.check_length(column);
    }

    /// The limit is about a value's text, not about the escapes it was written with.
    fn check_length(&mut self, column: usize) {
        let text = &mut self.columns[column];
        if text.last_length() > self.value_limit {
            text.replace_with_null();
            self.too_long.get_or_insert(column);
        }
    }

    /// Ends the record under way: it becomes a row, or a reject when a value of it is over the limit.
    pub(crate) fn end_record(&mut self, location: Option<String>) {
        self.record += 1;
        if let Some(column) = self.too_long.take() {
            self.reject_too_long(column, location);
            return;
        }
        self.length += 1;
        for column in &mut self.columns {
            column.end_record();
        }
    }

    /// Forgets the record under way.
    pub(crate) fn abandon_record(&mut self) {
        self.record += 1;
        self.too_long = None;
        for column in &mut self.columns {
            column.abandon_record();
        }
    }

    fn reject_too_long(&mut self, column: usize, location: Option<String>) {
        let field = &self.plan.fields[column];
        let cells = self.plan.fields.iter().zip(&self.columns).map(|(field, text)| RejectCell {
            column: field.column.clone(),
            sensitivity: super::sensitivity(field, field.value_type),
            value: text.current().map(str::to_owned),
        });
        let key: Option<Vec<&str>> = self.plan.key.iter().map(|column| self.columns[*column].current()).collect();
        let reject = Reject {
            rule: "value.too_long".into(),
            field: Some(field.path.as_str().into()),
            message: format!("The value of `{}` is longer than {} bytes.", field.path, self.value_limit),
            source_id: key.filter(|key| !key.is_empty()).map(|key| key.join(":")),
            location,
            record: cells.collect(),
            sealed: None,
        };
        self.rejects.push(reject);
        for column in &mut self.columns {
            column.abandon_record();
        }
    }

    /// Rejects a record that could not be taken apart; `text` is what it was.
    pub(crate) fn reject_text(&mut self, rule: &str, message: String, text: &str, location: Option<String>) {
        // A reject is kept with its text, but a hostile one must not fill the quarantine.
        let mut end = text.len().min(self.value_limit);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let line = RejectCell { column: "line".into(), sensitivity: Sensitivity::Direct, value: Some(text[..end].to_owned()) };
        let rule = rule.into();
        self.rejects.push(Reject { rule, field: None, message, source_id: None, location, record: vec![line], sealed: None });
    }
}
