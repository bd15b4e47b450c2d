//! What became of dirty cells.

use aqueduct_normalise::cleaners::email_normalized;
use aqueduct_schema::{Cleaned, CleaningStatus};

use crate::damage::Truth;

/// What the cleaners did with the cells of one error.
#[derive(Clone, Debug, Default)]
pub(crate) struct Score {
    pub(crate) cells: u64,
    /// Something was said about the cell: it was fixed, doubted, refused or taken for nothing.
    pub(crate) found: u64,
    /// What is stored is what should be: the clean value, nothing where there is nothing to know, or the value as given with a flag.
    pub(crate) right: u64,
    /// A value is stored that is not the right one, and no doubt is told.
    pub(crate) wrong: u64,
    /// A value is stored with a doubt.
    pub(crate) kept: u64,
    /// Nothing is stored.
    pub(crate) withheld: u64,
}

/// A share in words.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 { "–".to_owned() } else { format!("{:.2} %", 100.0 * part as f64 / whole as f64) }
}

impl Score {
    /// Counts a cell, and says whether what is stored is right.
    pub(crate) fn note(&mut self, cleaned: &Cleaned<'_>, clean: &str, dirty: &str, truth: &Truth) -> bool {
        let stored = cleaned.value.as_deref();
        let same = |text: &str| {
            stored == Some(text) || stored.is_some_and(|stored| text.contains('@') && email_normalized(stored) == email_normalized(text))
        };
        let right = match truth {
            Truth::Clean => same(clean),
            Truth::Nothing => stored.is_none(),
            Truth::AsGiven => stored == Some(dirty) && cleaned.status == CleaningStatus::Suspect,
        };
        self.cells += 1;
        self.found += u64::from(cleaned.status != CleaningStatus::Ok);
        self.right += u64::from(right);
        let certain = matches!(cleaned.status, CleaningStatus::Fixed | CleaningStatus::Ok);
        self.wrong += u64::from(certain && cleaned.status == CleaningStatus::Fixed && !right);
        self.kept += u64::from(stored.is_some() && cleaned.status == CleaningStatus::Suspect);
        self.withheld += u64::from(stored.is_none());
        right
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.cells += other.cells;
        self.found += other.found;
        self.right += other.right;
        self.wrong += other.wrong;
        self.kept += other.kept;
        self.withheld += other.withheld;
    }

    pub(crate) fn row(&self, name: &str) -> String {
        let share = |part| percent(part, self.cells);
        format!(
            "| {name} | {} | {} | {} | {} | {} | {} |",
            self.cells,
            share(self.found),
            share(self.right),
            share(self.wrong),
            share(self.kept),
            share(self.withheld)
        )
    }
}
