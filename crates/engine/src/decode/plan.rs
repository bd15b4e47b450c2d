//! Where the fields of a stream stand in its records: a tree of object keys, built once per stream.
//!
//! A path is keys joined by dots, and a key may hold a dot itself: `a.b` is the key `b` in the object `a`, or the key `a.b`. The tree
//! holds every spelling. Where a record has several, the one with the longest first key counts; each spelling's rank says so.

use std::collections::HashMap;

use aqueduct_schema::{RecordField, RecordSchema};

use super::text_column::Rank;

/// Paths with more keys than this are looked for in their plain spelling and as one key only.
const SPELT_OUT: usize = 6;

/// What a key of an object leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A field's value.
    Leaf { column: usize, rank: Rank },
    /// An object that holds fields.
    Node(usize),
    /// An object that is a field, and whose keys are fields too.
    Both { column: usize, rank: Rank, node: usize },
    /// Nothing that is asked for; the number is that of the unknown key.
    Unknown(usize),
}

/// The keys of one object that lead somewhere.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    pub(crate) children: HashMap<String, Target>,
    /// The columns and ranks below, to be forgotten when the object occurs a second time in a record.
    pub(crate) leaves: Vec<(usize, Rank)>,
}

/// The tree of a stream; the first node is the record itself.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) fields: Vec<RecordField>,
    pub(crate) nodes: Vec<Node>,
    /// The columns of the key, in order.
    pub(crate) key: Vec<usize>,
}

impl Plan {
    pub(crate) fn new(record: &RecordSchema) -> Self {
        let mut plan = Self {
            fields: record.fields.clone(),
            nodes: vec![Node::default()],
            key: record.key.iter().filter_map(|path| record.index_of(path)).collect(),
        };
        for (column, field) in record.fields.iter().enumerate() {
            for (rank, keys) in spellings(&field.path).into_iter().enumerate() {
                plan.insert(0, &keys, column, Rank::try_from(rank).unwrap_or(Rank::MAX - 1));
            }
        }
        plan
    }

    fn insert(&mut self, node: usize, keys: &[String], column: usize, rank: Rank) {
        self.nodes[node].leaves.push((column, rank));
        let Some((key, rest)) = keys.split_first() else { return };
        let existing = self.nodes[node].children.get(key).copied();
        let (target, below) = match (existing, rest.is_empty()) {
            (None, true) => (Target::Leaf { column, rank }, None),
            (Some(Target::Node(node)), true) => (Target::Both { column, rank, node }, None),
            // Paths are unique, so another field never has the very same spelling but by joining differently; the first keeps it.
            (Some(other), true) => (other, None),
            (Some(Target::Node(node)), false) => (Target::Node(node), Some(node)),
            (Some(Target::Both { column, rank, node }), false) => (Target::Both { column, rank, node }, Some(node)),
            (Some(Target::Leaf { column, rank }), false) => {
                let node = self.add_node();
                (Target::Both { column, rank, node }, Some(node))
            }
            (None | Some(Target::Unknown(_)), false) => {
                let node = self.add_node();
                (Target::Node(node), Some(node))
            }
        };
        self.nodes[node].children.insert(key.clone(), target);
        if let Some(below) = below {
            self.insert(below, rest, column, rank);
        }
    }

    fn add_node(&mut self) -> usize {
        self.nodes.push(Node::default());
        self.nodes.len() - 1
    }
}

/// The ways to split a path into keys, those with the longest first key first.
fn spellings(path: &str) -> Vec<Vec<String>> {
    let parts: Vec<&str> = path.split('.').collect();
    if parts.len() > SPELT_OUT {
        return vec![vec![path.to_owned()], parts.into_iter().map(str::to_owned).collect()];
    }
    split(&parts)
}

fn split(parts: &[&str]) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for first in (1..=parts.len()).rev() {
        let key = parts[..first].join(".");
        if first == parts.len() {
            all.push(vec![key]);
            continue;
        }
        for rest in split(&parts[first..]) {
            let mut keys = vec![key.clone()];
            keys.extend(rest);
            all.push(keys);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use aqueduct_schema::ValueType;

    #[test]
    fn the_longest_first_key_comes_first() {
        assert_eq!(split(&["a", "b", "c"]), [vec!["a.b.c"], vec!["a.b", "c"], vec!["a", "b.c"], vec!["a", "b", "c"]]);
    }

    #[test]
    fn an_object_can_be_a_field_and_hold_fields() {
        for paths in [["a", "a.b"], ["a.b", "a"]] {
            let fields = paths.iter().map(|path| RecordField::new(path, ValueType::Text)).collect();
            let plan = Plan::new(&RecordSchema::new("x", fields, &["a.b"]));
            assert!(matches!(plan.nodes[0].children["a"], Target::Both { .. }), "{paths:?}");
            assert!(matches!(plan.nodes[0].children["a.b"], Target::Leaf { .. }));
        }
    }
}
