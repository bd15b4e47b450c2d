//! Why: an identity with its members and the weight of every field, and the pairs that wait for somebody's decision.

use std::collections::BTreeMap;

use aqueduct_identity::Decision;
use aqueduct_schema::{Error, Result, codes};
use aqueduct_warehouse::{IdentityRow, IdentityRows};
use serde::Serialize;

use super::{IdentityEntity, golden, resolving, text};
use crate::pipeline::Pipeline;

/// An identity, explained.
#[derive(Clone, Debug, Serialize)]
pub struct Explained {
    /// contact or account.
    pub entity: IdentityEntity,
    /// Its id.
    pub identity_id: String,
    /// Its rows.
    pub members: Vec<MemberTold>,
    /// Every two of them that were compared, the likeliest first.
    pub links: Vec<LinkTold>,
}

/// A row of an identity.
#[derive(Clone, Debug, Serialize)]
pub struct MemberTold {
    /// The row's id.
    pub row_id: String,
    /// Connector and account.
    pub source: String,
    /// What it is told apart by, as the policy allows it to be stored.
    pub values: BTreeMap<String, String>,
}

/// Two rows, and why they are one.
#[derive(Clone, Debug, Serialize)]
pub struct LinkTold {
    /// One row's id.
    pub a: String,
    /// The other's.
    pub b: String,
    /// How likely they are the same.
    pub probability: f64,
    /// By which rule.
    pub rule: String,
    /// auto, review or no.
    pub decision: String,
    /// The weight of each field in words and bits; a bit doubles the odds.
    pub reasons: Vec<String>,
}

/// Two rows that may be the same.
#[derive(Clone, Debug, Serialize)]
pub struct ReviewPair {
    /// The entity.
    pub entity: IdentityEntity,
    /// The rows.
    pub members: Vec<MemberTold>,
    /// What speaks for and against it.
    pub link: LinkTold,
}

/// Explains the identity whose id begins so, or to which the row with such an id belongs.
///
/// # Errors
/// `AQ1001` when there is none, or several; else those of the destination.
pub async fn explain(pipeline: &Pipeline, id: &str) -> Result<Explained> {
    let warehouse = aqueduct_warehouse::open(pipeline.file.destination()).await?;
    let mut found: Option<(IdentityEntity, String)> = None;
    for entity in [IdentityEntity::Contact, IdentityEntity::Account] {
        let rows = warehouse.identity_rows(entity.entity().name(), &[], IdentityRows::Beginning(id)).await?;
        for identity in rows.into_iter().filter_map(|row| row.identity_id) {
            match &found {
                Some((_, known)) if *known != identity => {
                    return Err(Error::new(codes::BAD_USAGE, format!("several identities begin with `{id}`, or have such rows"))
                        .advise("Give more characters of the id."));
                }
                _ => found = Some((entity, identity)),
            }
        }
    }
    let Some((entity, identity_id)) = found else {
        return Err(Error::new(codes::BAD_USAGE, format!("no identity begins with `{id}`, and no row of one")).advise(
            "Set `identity: { resolve: [contact, account] }` in the pipeline file and run, or `aqueduct identity resolve PIPELINE`.",
        ));
    };
    let columns = golden::columns(entity.entity());
    let rows = warehouse.identity_rows(entity.entity().name(), &columns, IdentityRows::Beginning(&identity_id)).await?;
    let rows: Vec<IdentityRow> = rows.into_iter().filter(|row| row.identity_id.as_ref() == Some(&identity_id)).collect();
    let keys: Vec<String> = rows.iter().map(|row| text(&golden::key(row))).collect();
    let known = warehouse.identity_known(entity.entity().name(), &[], &[], &keys).await?;
    let mut links: BTreeMap<[&String; 2], LinkTold> = BTreeMap::new();
    for pair in known.pairs.values().flatten().filter(|[a, b, _]| keys.contains(a) && keys.contains(b)) {
        links.insert([&pair[0], &pair[1]], told(pair)?);
    }
    let mut links: Vec<LinkTold> = links.into_values().collect();
    links.sort_by(|one, other| other.probability.total_cmp(&one.probability));
    Ok(Explained { entity, identity_id, members: rows.iter().map(member).collect(), links })
}

/// Pairs that are likely and not likely enough, so many at most.
///
/// # Errors
/// Those of the destination.
pub async fn review(pipeline: &Pipeline, entity: IdentityEntity, limit: u64) -> Result<Vec<ReviewPair>> {
    let warehouse = aqueduct_warehouse::open(pipeline.file.destination()).await?;
    let name = entity.entity().name();
    let waiting = format!(",\"{}\",", Decision::Review.name());
    let mut pairs = Vec::new();
    for pair in warehouse.identity_pairs_with(name, &waiting, limit).await? {
        let link = told(&pair)?;
        let ids = [link.a.clone(), link.b.clone()];
        let rows = warehouse.identity_rows(name, &golden::columns(entity.entity()), IdentityRows::Ids(&ids)).await?;
        pairs.push(ReviewPair { entity, members: rows.iter().map(member).collect(), link });
    }
    pairs.sort_by(|one, other| other.link.probability.total_cmp(&one.link.probability));
    Ok(pairs)
}

fn told(pair: &[String; 3]) -> Result<LinkTold> {
    let pair = resolving::read(pair)?;
    Ok(LinkTold {
        a: pair.a.record.to_string(),
        b: pair.b.record.to_string(),
        probability: pair.probability,
        rule: pair.rule.name().to_owned(),
        decision: pair.decision.name().to_owned(),
        reasons: pair.reasons.split("; ").map(str::to_owned).collect(),
    })
}

fn member(row: &IdentityRow) -> MemberTold {
    let mut values = row.values.clone();
    for (place, (kind, value)) in row.points.iter().enumerate() {
        values.insert(format!("{kind} {}", place + 1), value.clone());
    }
    MemberTold { row_id: row.id.clone(), source: row.source.join("/"), values }
}
