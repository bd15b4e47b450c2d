//! What cleaning did, counted: it travels with the batch whose cells it counts, and is stored in the transaction of their load.

use std::sync::Arc;

use crate::semantic::CleaningStatus;

/// The cells of one field for which one cleaner gave one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CleaningCount {
    /// The entity.
    pub entity: &'static str,
    /// The field.
    pub field: &'static str,
    /// What was found.
    pub status: CleaningStatus,
    /// Why; empty for `ok`, and for cells in which the source had plainly nothing.
    pub code: &'static str,
    /// How many cells, those of rejected records included.
    pub cells: u64,
    /// In how many of them a value was kept.
    pub kept: u64,
    /// A few cells, as far as the policy lets their values be stored.
    pub examples: Vec<CleaningExample>,
    /// The source columns that the examples were read from: the policy may be stricter about them than about the field.
    pub columns: Vec<Arc<str>>,
}

/// One cell before and after cleaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CleaningExample {
    /// What the source had, as text.
    pub before: String,
    /// What was kept, as text in its canonical form.
    pub after: Option<String>,
    /// The record's id at the source.
    pub source_id: Option<String>,
}

/// The most examples that are kept of one reason in one field.
pub const EXAMPLES: usize = 3;

impl CleaningCount {
    /// Whether both count the same.
    fn is_of(&self, other: &Self) -> bool {
        self.entity == other.entity && self.field == other.field && self.status == other.status && self.code == other.code
    }

    /// Whether the source had something in these cells.
    pub fn is_present(&self) -> bool {
        self.status != CleaningStatus::Missing || !self.code.is_empty()
    }

    /// Adds counts to others, field by field and reason by reason.
    pub fn add_to(sums: &mut Vec<Self>, counts: &[Self]) {
        // Batch after batch brings the fields in one order, so the next one mostly stands right behind the last.
        let mut next = 0;
        for count in counts {
            let at = sums.get(next).filter(|sum| sum.is_of(count)).map(|_| next);
            match at.or_else(|| sums.iter().position(|sum| sum.is_of(count))) {
                Some(at) => {
                    let sum = &mut sums[at];
                    sum.cells += count.cells;
                    sum.kept += count.kept;
                    if !count.examples.is_empty() && sum.examples.len() < EXAMPLES {
                        let free = EXAMPLES - sum.examples.len();
                        sum.examples.extend(count.examples.iter().take(free).cloned());
                        sum.columns
                            .extend(count.columns.iter().filter(|column| !sum.columns.contains(column)).cloned().collect::<Vec<_>>());
                    }
                    next = at + 1;
                }
                None => {
                    sums.push(count.clone());
                    next = sums.len();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(field: &'static str, code: &'static str, cells: u64, examples: usize) -> CleaningCount {
        let example = CleaningExample { before: "x".into(), after: None, source_id: None };
        CleaningCount {
            entity: "contact",
            field,
            status: CleaningStatus::Invalid,
            code,
            cells,
            kept: 0,
            examples: vec![example; examples],
            columns: vec!["a".into()],
        }
    }

    #[test]
    fn counts_add_up_in_any_order() {
        let (one, two) =
            ([count("a", "x", 1, 2), count("b", "y", 2, 0)], [count("b", "y", 3, 1), count("a", "x", 4, 2), count("a", "z", 5, 0)]);
        let (mut sums, mut turned) = (Vec::new(), Vec::new());
        for counts in [one.as_slice(), &two] {
            CleaningCount::add_to(&mut sums, counts);
        }
        for counts in [two.as_slice(), &one] {
            CleaningCount::add_to(&mut turned, counts);
        }
        turned.sort_by_key(|sum| (sum.field, sum.code));
        sums.sort_by_key(|sum| (sum.field, sum.code));
        assert_eq!(sums, turned);
        assert_eq!(sums.iter().map(|sum| sum.cells).collect::<Vec<_>>(), [5, 5, 5]);
        assert_eq!((sums[0].examples.len(), sums[0].columns.len()), (EXAMPLES, 1));
    }
}
