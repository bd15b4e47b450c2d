//! What cleaning did, counted by field.

use aqueduct_schema::{CleaningStatus, Field};

use crate::column::Verdict;

/// What became of one field of an entity over all records so far, rejected ones included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldCleaning {
    /// The entity.
    pub entity: &'static str,
    /// The field.
    pub field: &'static str,
    /// Rows in which the source had something.
    pub before: u64,
    /// Rows in which a value was kept.
    pub after: u64,
    /// Rows by what the cleaner found and the code of its reason; the code is empty for `ok` and for plainly nothing. Most first.
    pub found: Vec<(CleaningStatus, &'static str, u64)>,
}

/// The counts of all fields.
#[derive(Debug, Default)]
pub(crate) struct Report {
    fields: Vec<FieldCleaning>,
}

impl Report {
    /// Counts one column: `verdicts` of the rows that count, with their meanings, and how many values were kept.
    pub(crate) fn add(
        &mut self,
        entity: &'static str,
        field: &'static Field,
        meanings: &[(CleaningStatus, &'static str)],
        verdicts: impl Iterator<Item = Verdict>,
        kept: u64,
    ) {
        let mut counts = vec![0_u64; meanings.len()];
        for verdict in verdicts {
            if let Some(count) = counts.get_mut(usize::from(verdict)) {
                *count += 1;
            }
        }
        let place =
            self.fields.iter().position(|known| std::ptr::eq(known.field, field.name) && known.entity == entity).unwrap_or_else(|| {
                self.fields.push(FieldCleaning { entity, field: field.name, before: 0, after: 0, found: Vec::new() });
                self.fields.len() - 1
            });
        let entry = &mut self.fields[place];
        entry.after += kept;
        for ((status, code), count) in meanings.iter().zip(counts).filter(|(_, count)| *count > 0) {
            if *status != CleaningStatus::Missing || !code.is_empty() {
                entry.before += count;
            }
            match entry.found.iter_mut().find(|(known, word, _)| known == status && word == code) {
                Some((_, _, sum)) => *sum += count,
                None => entry.found.push((*status, code, count)),
            }
        }
    }

    pub(crate) fn fields(&self) -> Vec<FieldCleaning> {
        let mut fields = self.fields.clone();
        for field in &mut fields {
            field.found.sort_by(|one, other| other.2.cmp(&one.2).then(one.1.cmp(other.1)));
        }
        fields
    }
}
