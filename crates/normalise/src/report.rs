//! What cleaning did, counted by field and reason, with a few examples.

use std::borrow::Cow;
use std::sync::Arc;

use aqueduct_schema::cleaning::EXAMPLES;
use aqueduct_schema::{CleaningCount, CleaningExample, CleaningStatus, Field};
use arrow_array::ArrayRef;

use crate::column::Verdict;

/// The longest text of an example, in characters.
const LONGEST: usize = 120;

/// The counts of the batch under way, and how many examples there are already of each reason.
#[derive(Debug, Default)]
pub(crate) struct Report {
    counts: Vec<CleaningCount>,
    /// Entity, field and code with the number of examples given; those that have enough are not looked for again.
    given: Vec<(&'static str, &'static str, &'static str, usize)>,
}

/// A column of an entity that was cleaned.
pub(crate) struct Counted<'c> {
    pub(crate) entity: &'static str,
    pub(crate) field: &'static Field,
    /// What each verdict means.
    pub(crate) meanings: &'c [(CleaningStatus, &'static str)],
    pub(crate) verdicts: &'c [Verdict],
    /// The column as it is stored.
    pub(crate) kept: &'c ArrayRef,
}

/// Shows single cells of a column, by their rows.
pub(crate) trait Cells {
    /// A cell before and after, and the record's id.
    fn example(&self, row: usize) -> Option<CleaningExample>;
    /// The source columns that the cells are read from.
    fn columns(&self) -> Vec<Arc<str>>;
}

impl Report {
    /// Counts the rows of a column.
    pub(crate) fn add(&mut self, column: &Counted<'_>, rows: impl Iterator<Item = usize> + Clone, cells: &impl Cells) {
        let mut counts = vec![(0_u64, 0_u64); column.meanings.len()];
        let all_kept = column.kept.null_count() == 0;
        for row in rows.clone() {
            if let Some((cells, kept)) = counts.get_mut(usize::from(column.verdicts[row])) {
                *cells += 1;
                *kept += u64::from(all_kept || column.kept.is_valid(row));
            }
        }
        for (number, ((status, code), (count, kept))) in
            column.meanings.iter().zip(counts).enumerate().filter(|(_, (_, (count, _)))| *count > 0)
        {
            let mut examples = Vec::new();
            if !code.is_empty() {
                let given = self.given(column.entity, column.field.name, code);
                let of_verdict = rows.clone().filter(|row| usize::from(column.verdicts[*row]) == number);
                if *given < EXAMPLES {
                    examples.extend(of_verdict.take(EXAMPLES - *given).filter_map(|row| cells.example(row)));
                    *given += examples.len();
                }
            }
            let columns = if examples.is_empty() { Vec::new() } else { cells.columns() };
            let (status, entity, field) = (*status, column.entity, column.field.name);
            self.counts.push(CleaningCount { entity, field, status, code, cells: count, kept, examples, columns });
        }
    }

    fn given(&mut self, entity: &'static str, field: &'static str, code: &'static str) -> &mut usize {
        let known = self.given.iter().position(|known| (known.0, known.1, known.2) == (entity, field, code));
        let place = known.unwrap_or_else(|| {
            self.given.push((entity, field, code, 0));
            self.given.len() - 1
        });
        &mut self.given[place].3
    }

    /// The counts since the last time, several of one field and reason (of slots, of mappings) added up.
    pub(crate) fn take(&mut self) -> Vec<CleaningCount> {
        let mut sums = Vec::with_capacity(self.counts.len());
        CleaningCount::add_to(&mut sums, &self.counts);
        self.counts.clear();
        sums
    }
}

/// A text short enough for an example.
pub(crate) fn shortened(text: Cow<'_, str>) -> String {
    match text.char_indices().nth(LONGEST) {
        None => text.into_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
