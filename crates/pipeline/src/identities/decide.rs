//! What people say of who is who, and resolving because somebody asks.

use std::collections::BTreeSet;
use std::sync::Arc;

use aqueduct_control::RunKind;
use aqueduct_identity::{Change, Model, RecordKey, Verdict};
use aqueduct_schema::{Error, Result, codes};
use aqueduct_warehouse::{Fence, IdentityRow, IdentityRows, IdentityVerdict, Warehouse};

use super::resolving::Resolving;
use super::{IdentityEntity, Resolved, Scope, golden, resolve, text};
use crate::lease::Lease;
use crate::observer::Observer;
use crate::pipeline::Pipeline;

/// Resolves what is in the warehouse now. The pipeline is held, as by a run.
///
/// # Errors
/// `AQ5002` while a run is under way, else those of the destination.
pub async fn resolve_now(pipeline: &Pipeline, scope: Scope, observer: Arc<dyn Observer>) -> Result<Vec<Resolved>> {
    held(pipeline, observer, async |warehouse: &dyn Warehouse, fence: &Fence| {
        let section = &pipeline.file.content.identity;
        let both = [IdentityEntity::Contact, IdentityEntity::Account];
        let entities = if section.resolve.is_empty() { &both[..] } else { &section.resolve };
        resolve(warehouse, fence, section, entities, scope).await
    })
    .await
}

/// Says that two rows are the same person or company; it holds in every later run.
///
/// # Errors
/// `AQ1001` when an id is not that of one row, or the two are of different entities; else as [`resolve_now`].
pub async fn merge(pipeline: &Pipeline, one: &str, other: &str, by: &str, observer: Arc<dyn Observer>) -> Result<Resolved> {
    held(pipeline, observer, async |warehouse: &dyn Warehouse, fence: &Fence| {
        let (entity, one) = row(warehouse, one).await?;
        let (second, other) = row(warehouse, other).await?;
        if entity != second || one.id == other.id {
            return Err(Error::new(codes::BAD_USAGE, "two rows of one table can be the same, and no others")
                .advise("Name two rows of contact, or two of account, by the beginnings of their ids."));
        }
        let verdicts = vec![verdict(&one, &other, true)];
        decided(pipeline, warehouse, fence, entity, vec![one, other], verdicts, by).await
    })
    .await
}

/// Takes a row out of its identity; it holds in every later run.
///
/// # Errors
/// `AQ1001` when the id is not that of one row, or it is alone already; else as [`resolve_now`].
pub async fn unmerge(pipeline: &Pipeline, id: &str, by: &str, observer: Arc<dyn Observer>) -> Result<Resolved> {
    held(pipeline, observer, async |warehouse: &dyn Warehouse, fence: &Fence| {
        let (entity, row) = row(warehouse, id).await?;
        let others = match &row.identity_id {
            Some(identity) => {
                let columns = golden::columns(entity.entity());
                let members = warehouse.identity_rows(entity.entity().name(), &columns, IdentityRows::Beginning(identity)).await?;
                members.into_iter().filter(|member| member.id != row.id && member.identity_id == row.identity_id).collect()
            }
            None => Vec::new(),
        };
        if others.is_empty() {
            return Err(Error::new(codes::BAD_USAGE, format!("row {} shares its identity with no other", row.id)));
        }
        let verdicts = others.iter().map(|other| verdict(&row, other, false)).collect();
        decided(pipeline, warehouse, fence, entity, std::iter::once(row).chain(others).collect(), verdicts, by).await
    })
    .await
}

/// The only row of any entity whose id begins so.
pub(super) async fn row(warehouse: &dyn Warehouse, id: &str) -> Result<(IdentityEntity, IdentityRow)> {
    let mut found = Vec::new();
    for entity in [IdentityEntity::Contact, IdentityEntity::Account] {
        let columns = golden::columns(entity.entity());
        let rows = warehouse.identity_rows(entity.entity().name(), &columns, IdentityRows::Beginning(id)).await?;
        found.extend(rows.into_iter().filter(|row| row.id.starts_with(id)).map(|row| (entity, row)));
    }
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(Error::new(codes::BAD_USAGE, format!("no live row of contact or account has an id that begins with `{id}`"))
            .advise("Name a row by the beginning of its id, as `aqueduct identity review` shows it.")),
        _ => {
            Err(Error::new(codes::BAD_USAGE, format!("several rows have ids that begin with `{id}`"))
                .advise("Give more characters of the id."))
        }
    }
}

fn verdict(one: &IdentityRow, other: &IdentityRow, is_same: bool) -> Verdict {
    let (one, other) = (golden::key(one), golden::key(other));
    let (a, b) = if one < other { (one, other) } else { (other, one) };
    Verdict { a, b, is_same }
}

/// Stores verdicts and resolves the rows that they are about.
async fn decided(
    pipeline: &Pipeline,
    warehouse: &dyn Warehouse,
    fence: &Fence,
    entity: IdentityEntity,
    rows: Vec<IdentityRow>,
    verdicts: Vec<Verdict>,
    by: &str,
) -> Result<Resolved> {
    let section = &pipeline.file.content.identity;
    let resolving = Resolving { warehouse, fence, section, entity: entity.entity(), decisions: std::sync::OnceLock::new() };
    let name = entity.entity().name();
    // What came since belongs to the state that people speak of.
    resolve(warehouse, fence, section, &[entity], Scope::Changed).await?;
    let stored: Vec<IdentityVerdict> = verdicts
        .iter()
        .map(|verdict| IdentityVerdict { a: text(&verdict.a), b: text(&verdict.b), is_same: verdict.is_same, decided_by: by.to_owned() })
        .collect();
    warehouse.decide_identities(fence, name, &stored).await?;
    let model = warehouse.identity_model(name).await?;
    let model: Model = model
        .and_then(|model| serde_json::from_str(&model).ok())
        .ok_or_else(|| Error::new(codes::BUG, "a resolving left no model behind"))?;
    let keys: BTreeSet<RecordKey> = rows.iter().map(golden::key).collect();
    let texts: Vec<String> = keys.iter().map(text).collect();
    let known = warehouse.identity_known(name, &[], &texts, &[]).await?;
    let changes: Vec<Change> = rows
        .iter()
        .map(|row| {
            let key = golden::key(row);
            let before = known.records.get(&text(&key)).map(|(_, blocks)| blocks.clone()).unwrap_or_default();
            Change { before, after: Some(golden::record(entity.entity(), row)), key }
        })
        .collect();
    let verdicts = resolving.verdicts().await?;
    resolving.update(&model, &verdicts, changes, Vec::new()).await
}

/// Does something while the pipeline is held, and nobody else resolves the identities of its destination.
async fn held<T: Send + Sync>(
    pipeline: &Pipeline,
    observer: Arc<dyn Observer>,
    work: impl AsyncFnOnce(&dyn Warehouse, &Fence) -> Result<T>,
) -> Result<T> {
    crate::held::held(pipeline, RunKind::Identity, observer.clone(), async |warehouse: &dyn Warehouse, fence: &Fence, lease: &Lease| {
        let identities = Lease::take_for_identities(pipeline, &fence.run_id, observer.as_ref(), lease.stop()).await?;
        let done = work(warehouse, fence).await;
        identities.release().await;
        done
    })
    .await
}
