//! Who is who: people and companies resolved across everything in the warehouse, after a run or when somebody asks.

mod decide;
mod golden;
mod resolving;
mod told;

use aqueduct_identity::{Entity, RecordKey};
use aqueduct_schema::{Error, Result, codes};
use aqueduct_warehouse::{Fence, Warehouse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::lease::Lease;
use crate::observer::Observer;
use crate::pipeline::Pipeline;

pub use decide::{merge, resolve_now, unmerge};
pub use told::{Explained, LinkTold, MemberTold, ReviewPair, explain, review};

/// Which rows are told apart, and how.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IdentitySection {
    /// contact, account, or both: resolved at the end of every run, over all that is in the warehouse.
    pub resolve: Vec<IdentityEntity>,
    /// Connectors in the order in which their values are trusted where nothing else decides, the most trusted first.
    pub trusted_sources: Vec<String>,
}

/// What can be resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdentityEntity {
    /// People.
    Contact,
    /// Companies.
    Account,
}

impl IdentityEntity {
    pub(crate) fn entity(self) -> Entity {
        match self {
            Self::Contact => Entity::Contact,
            Self::Account => Entity::Account,
        }
    }
}

/// How much to resolve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// What no resolving has seen yet; everything, by a new model, where there is none or it was learned from many fewer records.
    #[default]
    Changed,
    /// Every row, by the model that is there.
    Everything,
    /// Every row, by a model that is learned from them.
    Anew,
}

/// What a resolving did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Resolved {
    /// contact or account.
    pub entity: String,
    /// Whether everything was resolved, or only what had changed.
    pub from_nothing: bool,
    /// Rows that are new, changed or gone.
    pub changed: u64,
    /// Pairs that were compared.
    pub compared: u64,
    /// Identities that were written or looked at.
    pub identities: u64,
    /// Rows that belong to them.
    pub members: u64,
    /// Pairs that wait for somebody's decision, among those that were looked at.
    pub to_review: u64,
}

/// At the end of a run: what the pipeline file asks for, one process at a time for each destination.
///
/// # Errors
/// Those of the destination; `AQ5002` when another process resolves its identities for very long.
pub(crate) async fn after_run(
    pipeline: &Pipeline,
    warehouse: &dyn Warehouse,
    fence: &Fence,
    observer: &dyn Observer,
    stop: watch::Receiver<bool>,
) -> Result<Vec<Resolved>> {
    let section = &pipeline.file.content.identity;
    if section.resolve.is_empty() || *stop.borrow() {
        return Ok(Vec::new());
    }
    let lease = Lease::take_for_identities(pipeline, &fence.run_id, observer, stop).await?;
    let resolved = resolve(warehouse, fence, section, &section.resolve, Scope::Changed).await;
    lease.release().await;
    resolved
}

/// Resolves entities one after the other.
///
/// # Errors
/// Those of the destination.
pub(crate) async fn resolve(
    warehouse: &dyn Warehouse,
    fence: &Fence,
    section: &IdentitySection,
    entities: &[IdentityEntity],
    scope: Scope,
) -> Result<Vec<Resolved>> {
    let mut resolved = Vec::new();
    for entity in entities {
        let resolving = resolving::Resolving { warehouse, fence, section, entity: entity.entity(), decisions: std::sync::OnceLock::new() };
        resolved.extend(resolving.carry_out(scope).await?);
    }
    Ok(resolved)
}

/// A key as it is stored: source, `|`, and the row's id.
fn text(key: &RecordKey) -> String {
    format!("{}|{}", key.source, key.record)
}

fn key(text: &str) -> Result<RecordKey> {
    let (source, record) = text.rsplit_once('|').ok_or_else(|| Error::new(codes::BUG, "a stored key of an identity is not one"))?;
    Ok(RecordKey::new(source, record))
}

/// An identity's id, from the first of its members: the same on every machine, whatever the order in which rows came.
fn identity_id(entity: Entity, first: &RecordKey) -> String {
    digest(&["identity", entity.name(), &text(first)])
}

fn digest(parts: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex()[..32].to_owned()
}
