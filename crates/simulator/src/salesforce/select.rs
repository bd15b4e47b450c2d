//! Finds the records that a query asks for, by id or by time of change where the query allows it.

use std::cmp::Ordering;
use std::sync::Arc;

use super::data::{Data, Object};
use super::fields::{Kind, Origin};
use super::history::is_forgotten;
use super::record::Record;
use super::soql::filter::{Bounds, End, Operand, Source};
use super::soql::plan::{Order, Plan};
use crate::store::{History, State};

/// How long a deleted record stays in the recycle bin.
pub(crate) const BIN_MS: i64 = 15 * 24 * 60 * 60 * 1000;

/// Whose records are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) now_ms: i64,
    /// Whether deleted and archived records are shown as well.
    pub(crate) all: bool,
    /// Whether records come in no particular order when none is asked for.
    pub(crate) scrambled: bool,
}

impl View {
    /// The version of a row that is shown, if any.
    pub(crate) fn shown<'r>(&self, data: &Data, object: &Object, row: &'r History<u64, Arc<Record>>) -> Option<&'r Arc<Record>> {
        let current = row.current();
        let version = if current.at <= self.now_ms { current } else { row.as_of(self.now_ms)? };
        let record = &version.value;
        if is_forgotten(&object.schema, record, self.now_ms, self.all) || data.conceals(&object.schema, record) {
            return None;
        }
        let shown = match version.state {
            State::Live => self.all || object.archived_flag.is_none_or(|place| record.values.get(place) != "true"),
            State::Archived => {
                self.all && record.deleted_at.is_some_and(|deleted| self.now_ms - deleted < BIN_MS && deleted >= object.bin_emptied_at)
            }
            State::Merged(_) | State::Erased => false,
        };
        shown.then_some(record)
    }
}

/// In which order a scan gives its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scan {
    ById(Bounds),
    ByStamp(Bounds),
}

struct Selection<'a> {
    data: &'a Data,
    object: &'a Object,
    plan: &'a Plan,
    view: View,
}

/// The records of a query, in its order.
pub(crate) fn select(data: &Data, plan: &Plan, view: View) -> Vec<Arc<Record>> {
    let selection = Selection { data, object: data.object(plan.object), plan, view };
    let (scan, ordered) = selection.scan();
    let wanted = plan.limit.map(|limit| usize::try_from(limit.saturating_add(plan.offset)).unwrap_or(usize::MAX));
    let mut found = Vec::new();
    selection.collect(scan, wanted.filter(|_| ordered), &mut found);
    if !ordered {
        selection.sort(&mut found);
    }
    if view.scrambled && plan.order.is_empty() {
        found.sort_by_key(|record| record.number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    }
    if let Some(wanted) = wanted {
        found.truncate(wanted);
    }
    if plan.offset > 0 {
        found.drain(..found.len().min(usize::try_from(plan.offset).unwrap_or(usize::MAX)));
    }
    found
}

impl Selection<'_> {
    /// How to look for records, and whether they come in the order of the query.
    fn scan(&self) -> (Scan, bool) {
        let schema = &self.object.schema;
        let source = |name: &str| schema.place(name).map(|place| Source { path: Vec::new(), end: End::Field(place) });
        let bounds = |source: Option<&Source>, value: &dyn Fn(&Operand) -> Option<std::ops::Range<i64>>| {
            source.zip(self.plan.filter.as_ref()).map_or(Bounds::ALL, |(source, filter)| filter.bounds(source, &|operand| value(operand)))
        };
        let (id, stamp) = (source("Id"), source("SystemModstamp"));
        let by_id = bounds(id.as_ref(), &|operand| match operand {
            Operand::Id(id) => schema.number(id).and_then(|number| i64::try_from(number).ok()).map(|number| number..number + 1),
            _ => None,
        });
        let by_stamp = bounds(stamp.as_ref(), &|operand| match operand {
            Operand::Times(span) => Some(span.clone()),
            _ => None,
        });
        let ascending = |order: &Order, source: &Option<Source>| !order.descending && Some(&order.source) == source.as_ref();
        let (id_order, stamp_order) = match self.plan.order.as_slice() {
            // The natural order is that of ids.
            [] => (!self.view.scrambled, false),
            [one] => (ascending(one, &id), ascending(one, &stamp)),
            [one, two] => (ascending(one, &id), ascending(one, &stamp) && ascending(two, &id)),
            [one, ..] => (ascending(one, &id), false),
        };
        if stamp_order && (by_id.are_open() || !by_stamp.are_open()) {
            return (Scan::ByStamp(by_stamp), true);
        }
        // A limit in the order of ids is soon reached by id, and late by time.
        let early_end = id_order && self.plan.limit.is_some();
        if by_id.are_open() && !by_stamp.are_open() && !early_end {
            return (Scan::ByStamp(by_stamp), false);
        }
        (Scan::ById(by_id), id_order)
    }

    fn collect(&self, scan: Scan, enough: Option<usize>, found: &mut Vec<Arc<Record>>) {
        let rows = &self.object.rows;
        let full = |found: &Vec<Arc<Record>>| enough.is_some_and(|enough| found.len() >= enough);
        if full(found) {
            return;
        }
        match scan {
            Scan::ById(bounds) => {
                let from = u64::try_from(bounds.from).unwrap_or(0);
                let Ok(to) = u64::try_from(bounds.to) else { return };
                if from > to {
                    return;
                }
                for (_, row) in rows.range(from..=to) {
                    self.keep(row, found);
                    if full(found) {
                        return;
                    }
                }
            }
            Scan::ByStamp(bounds) => {
                if bounds.from > bounds.to {
                    return;
                }
                let range = (bounds.from, 0)..=(bounds.to, u64::MAX);
                let pending: Vec<u64> = self.object.pending(self.view.now_ms).collect();
                let live = rows.modified_pairs(range.clone());
                let binned: Box<dyn Iterator<Item = &(i64, u64)>> =
                    if self.view.all { Box::new(rows.archived_modified(range)) } else { Box::new(std::iter::empty()) };
                for (_, key) in merged(live, binned) {
                    if let Some(row) = rows.get(key).filter(|row| row.current().at <= self.view.now_ms) {
                        self.keep(row, found);
                    }
                    if pending.is_empty() && full(found) {
                        return;
                    }
                }
                if !pending.is_empty() {
                    for row in pending.iter().filter_map(|key| rows.get(key)) {
                        self.keep(row, found);
                    }
                    found.sort_by_key(|record| (record.stamp, record.number));
                }
            }
        }
    }

    fn keep(&self, row: &History<u64, Arc<Record>>, found: &mut Vec<Arc<Record>>) {
        let Some(record) = self.view.shown(self.data, self.object, row) else { return };
        if self.plan.filter.as_ref().is_none_or(|filter| filter.holds(self.data, &self.object.schema, record)) {
            found.push(Arc::clone(record));
        }
    }

    fn sort(&self, found: &mut Vec<Arc<Record>>) {
        let key = |order: &Order, record: &Record| {
            order.source.with(self.data, &self.object.schema, record, |value| match value {
                super::soql::filter::Found::Null => Key::Null,
                super::soql::filter::Found::Time(time) => Key::Time(time),
                super::soql::filter::Found::Text(text) if order.kind.is_number() => text.parse().map_or(Key::Null, Key::Number),
                super::soql::filter::Found::Text(text) if matches!(order.kind, Kind::Id | Kind::Reference) => Key::Text(text.to_owned()),
                super::soql::filter::Found::Text(text) => Key::Text(text.to_lowercase()),
            })
        };
        let mut keyed: Vec<(Vec<Key>, Arc<Record>)> = std::mem::take(found)
            .into_iter()
            .map(|record| (self.plan.order.iter().map(|order| key(order, &record)).collect(), record))
            .collect();
        keyed.sort_by(|(one, first), (other, second)| {
            let orders = self.plan.order.iter().zip(one.iter().zip(other));
            let by_keys = orders.map(|(order, (one, other))| compare(order, one, other)).find(|order| order.is_ne());
            by_keys.unwrap_or_else(|| first.number.cmp(&second.number))
        });
        found.extend(keyed.into_iter().map(|(_, record)| record));
    }
}

/// Two ascending sequences as one.
fn merged<'a>(
    one: impl Iterator<Item = &'a (i64, u64)>,
    other: impl Iterator<Item = &'a (i64, u64)>,
) -> impl Iterator<Item = &'a (i64, u64)> {
    let (mut one, mut other) = (one.peekable(), other.peekable());
    std::iter::from_fn(move || match (one.peek(), other.peek()) {
        (Some(first), Some(second)) if second < first => other.next(),
        (None, _) => other.next(),
        _ => one.next(),
    })
}

#[derive(Debug)]
enum Key {
    Null,
    Time(i64),
    Number(f64),
    Text(String),
}

fn compare(order: &Order, one: &Key, other: &Key) -> Ordering {
    let nulls = if order.nulls_first { Ordering::Less } else { Ordering::Greater };
    let plain = match (one, other) {
        (Key::Null, Key::Null) => return Ordering::Equal,
        (Key::Null, _) => return nulls,
        (_, Key::Null) => return nulls.reverse(),
        (Key::Time(one), Key::Time(other)) => one.cmp(other),
        (Key::Number(one), Key::Number(other)) => one.total_cmp(other),
        (Key::Text(one), Key::Text(other)) => one.cmp(other),
        _ => Ordering::Equal,
    };
    if order.descending { plain.reverse() } else { plain }
}

/// The place of a field that says whether a record of an activity is archived.
pub(crate) fn archived_flag(schema: &super::fields::Schema) -> Option<usize> {
    schema.place("IsArchived").filter(|place| schema.fields[*place].origin == Origin::Stored)
}
