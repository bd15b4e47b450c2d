//! Rows of a load that are encoded before its turn, while the server takes those of the load before: by what was known of the tables then,
//! so that they are used only where it is still true.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use aqueduct_schema::{Result, TableName};

use super::Postgres;
use super::encode::Rows;
use super::load::encoded;
use crate::layout::Stored;
use crate::load_plan::{LoadPlan, StepKind};
use crate::merges::Winners;
use crate::redirected::Redirected;

/// What a load found of a table: the types of its columns.
pub(super) type Known = HashMap<TableName, Arc<Stored>>;

/// What the rows of a table were encoded by.
struct Table {
    stored: Arc<Stored>,
    bare: bool,
    /// The rows of each step; none for tombstones.
    steps: Vec<Option<Arc<Rows>>>,
}

/// Rows by the places of their tables in the plan.
#[derive(Default)]
pub(super) struct Ahead {
    tables: HashMap<usize, Table>,
    winners: Option<Arc<Winners>>,
}

impl Ahead {
    /// The rows of a step, if they are as they would be encoded now.
    pub(super) fn rows(&self, (table, step): (usize, usize), stored: &Stored, bare: bool, winners: &Winners) -> Option<Arc<Rows>> {
        let same_winners = self.winners.as_ref().is_some_and(|known| known.version == winners.version);
        let known = self.tables.get(&table).filter(|known| same_winners && known.bare == bare && *known.stored == *stored)?;
        known.steps.get(step)?.clone()
    }
}

impl Postgres {
    /// Encodes what can be encoded of a load before its turn.
    pub(super) async fn ahead(&self, plan: &Arc<LoadPlan>) -> Result<Ahead> {
        let winners = Arc::clone(&self.winners.lock().unwrap_or_else(PoisonError::into_inner));
        let known: Vec<(usize, Arc<Stored>, bool)> = {
            let (known, unindexed) =
                (self.known.lock().unwrap_or_else(PoisonError::into_inner), self.unindexed.lock().unwrap_or_else(PoisonError::into_inner));
            let tables = plan.tables.iter().map(|table| &table.layout.name).enumerate();
            tables.filter_map(|(place, name)| Some((place, Arc::clone(known.get(name)?), unindexed.rows(name).is_some()))).collect()
        };
        let plan = Arc::clone(plan);
        let encoding = tokio::task::spawn_blocking(move || {
            let redirected = Redirected::of(&plan, &winners);
            let mut tables = HashMap::with_capacity(known.len());
            for (place, stored, bare) in known {
                let steps = plan.tables[place].steps.iter().enumerate().map(|(step, of)| match of.kind {
                    StepKind::Tombstones => Ok(None),
                    _ => Rows::encode(&plan, of, &stored, redirected.step(place, step), bare).map(Arc::new).map(Some),
                });
                let steps = steps.collect::<Result<Vec<_>>>()?;
                tables.insert(place, Table { stored, bare, steps });
            }
            Ok(Ahead { tables, winners: Some(winners) })
        });
        encoded(encoding).await
    }
}
