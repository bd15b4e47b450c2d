//! One entity's resolving: everything, or what has changed, with the same answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use aqueduct_identity::{
    Asked, Change, Decision, Entity, Known, MODEL_VERSION, Model, Options, Record, RecordKey, StoredPair, Update, Verdict,
};
use aqueduct_schema::{Error, Result, Timestamp, codes};
use aqueduct_warehouse::{Fence, IdentityChange, IdentityRow, IdentityRows, IdentityVerdict, Warehouse};

use super::{IdentitySection, Resolved, Scope, golden, key, text};

/// Rows that are read at once.
const PAGE: u64 = 20_000;
/// Records that are stored in one step.
const STEP: usize = 20_000;
/// How many changed rows are looked at one by one; more are cheaper together with everything.
const MOST_CHANGES: usize = 20_000;
/// From how many records for those that a model was learned from it is learned once more.
const LEARNED: (u64, u64) = (5, 4);
/// How often an update may ask: what it asks for is bounded, and a few turns are usual.
const MOST_TURNS: u32 = 1_000;

pub(super) struct Resolving<'a> {
    pub(super) warehouse: &'a dyn Warehouse,
    pub(super) fence: &'a Fence,
    pub(super) section: &'a IdentitySection,
    pub(super) entity: Entity,
    /// What people decided, as it is stored, once it was asked for.
    pub(super) decisions: OnceLock<Vec<IdentityVerdict>>,
}

impl Resolving<'_> {
    /// Nothing where there is nothing to do.
    pub(super) async fn carry_out(&self, scope: Scope) -> Result<Option<Resolved>> {
        let pending = self.warehouse.identity_pending(self.name()).await?;
        let stored = self.warehouse.identity_model(self.name()).await?;
        let stored = stored.and_then(|model| serde_json::from_str::<Model>(&model).ok()).filter(|model| model.version == MODEL_VERSION);
        let verdicts = self.verdicts().await?;
        let Some(model) = stored.filter(|_| scope != Scope::Anew) else {
            return self.everything(None, verdicts, pending.loads).await;
        };
        if pending.loads.is_empty() && scope == Scope::Changed {
            return Ok(None);
        }
        if scope == Scope::Everything {
            return self.everything(Some(model), verdicts, pending.loads).await;
        }
        let known = self.warehouse.identity_count(self.name()).await?;
        let many = pending.rows.len() > MOST_CHANGES;
        let changes = if many { Vec::new() } else { self.changes(&pending.rows).await? };
        let new = if many { pending.rows.len() } else { changes.iter().filter(|change| change.before.is_empty()).count() };
        // What agrees by chance is another thing among other people, and one system alone says little of how two write one person.
        if (known + new as u64) * LEARNED.1 > model.records.max(1) * LEARNED.0 {
            return self.everything(None, verdicts, pending.loads).await;
        }
        if many {
            return self.everything(Some(model), verdicts, pending.loads).await;
        }
        self.update(&model, &verdicts, changes, pending.loads).await.map(Some)
    }

    fn name(&self) -> &'static str {
        self.entity.name()
    }

    /// What people decided.
    pub(super) async fn verdicts(&self) -> Result<Vec<Verdict>> {
        let stored = self.warehouse.identity_verdicts(self.name()).await?;
        let stored = self.decisions.get_or_init(|| stored);
        stored.iter().map(|verdict| Ok(Verdict { a: key(&verdict.a)?, b: key(&verdict.b)?, is_same: verdict.is_same })).collect()
    }

    async fn everything(&self, model: Option<Model>, verdicts: Vec<Verdict>, loads: Vec<String>) -> Result<Option<Resolved>> {
        let mut rows: Vec<IdentityRow> = Vec::new();
        loop {
            let after = rows.last().map(|row| row.id.clone());
            let columns = golden::columns(self.entity);
            let page = self.warehouse.identity_rows(self.name(), &columns, IdentityRows::Page(after.as_deref(), PAGE)).await?;
            let last = (page.len() as u64) < PAGE;
            rows.extend(page);
            if last {
                break;
            }
        }
        if rows.is_empty() && model.is_none() {
            return Ok(None);
        }
        let mut records: Vec<Record> = rows.iter().map(|row| golden::record(self.entity, row)).collect();
        let contents: BTreeMap<RecordKey, Record> = records.iter().map(|record| (record.key.clone(), record.clone())).collect();
        let options = Options { model, verdicts, ..Options::new(self.entity) };
        let resolved = tokio::task::spawn_blocking(move || {
            records.sort_by(|one, other| one.key.cmp(&other.key));
            aqueduct_identity::resolve(records, &options)
        });
        let resolution = resolved.await.map_err(|_| Error::new(codes::BUG, "the task that tells rows apart broke down"))?;
        let mut told = Resolved { entity: self.name().to_owned(), from_nothing: true, changed: rows.len() as u64, ..Resolved::default() };
        told.compared = resolution.compared;

        let mut explainer = resolution.explainer();
        let pairs: Vec<StoredPair> = resolution
            .pairs
            .iter()
            .map(|pair| {
                let [left, right] = [pair.left, pair.right].map(|place| &resolution.keys[place as usize]);
                StoredPair::new(pair, left, right, &mut explainer)
            })
            .collect();
        told.to_review = pairs.iter().filter(|pair| pair.decision == Decision::Review).count() as u64;
        let mut change = self.change();
        change.begins = true;
        for (place, key) in (0..).zip(&resolution.keys) {
            change.records.push((text(key), Some(content(&contents[key])?), resolution.block_keys(place)));
            self.step(&mut change, false).await?;
        }
        for pair in &pairs {
            change.pairs.push(stored(pair)?);
            self.step(&mut change, false).await?;
        }
        let rows: BTreeMap<RecordKey, IdentityRow> = rows.into_iter().map(|row| (golden::key(&row), row)).collect();
        let firsts = resolution.clusters.iter().map(|first| resolution.keys[*first as usize].clone());
        let clusters = resolution.keys.iter().cloned().zip(firsts).collect();
        self.clusters(&mut change, &clusters, &rows, &pairs, &mut told).await?;
        change.model = Some(serde_json::to_string(&resolution.model).map_err(|_| Error::new(codes::BUG, "a model cannot be written"))?);
        change.loads = loads;
        change.sweeps = true;
        self.step(&mut change, true).await?;
        Ok(Some(told))
    }

    /// The rows that are really other than they were.
    async fn changes(&self, ids: &[String]) -> Result<Vec<Change>> {
        let rows = self.warehouse.identity_rows(self.name(), &golden::columns(self.entity), IdentityRows::Ids(ids)).await?;
        let keys: Vec<String> = rows.iter().map(|row| text(&golden::key(row))).collect();
        let known = self.warehouse.identity_known(self.name(), &[], &keys, &[]).await?;
        let mut changes = Vec::new();
        for row in rows {
            let record = golden::record(self.entity, &row);
            let stored = known.records.get(&text(&record.key));
            let same = match (stored, row.is_deleted) {
                (None, deleted) => deleted,
                // Values that only the best values are made of may have changed: a job title, a refusal.
                (Some(_), _) => false,
            };
            if !same {
                let before = stored.map(|(_, blocks)| blocks.clone()).unwrap_or_default();
                changes.push(Change { key: record.key.clone(), before, after: (!row.is_deleted).then_some(record) });
            }
        }
        Ok(changes)
    }

    /// Brings what is stored up to date with some changes.
    pub(super) async fn update(&self, model: &Model, verdicts: &[Verdict], changes: Vec<Change>, loads: Vec<String>) -> Result<Resolved> {
        let update = self.asked(model, verdicts, &changes).await?;
        let mut told =
            Resolved { entity: self.name().to_owned(), changed: changes.len() as u64, compared: update.compared, ..Resolved::default() };
        told.to_review = update.pairs.iter().filter(|pair| pair.decision == Decision::Review).count() as u64;
        let mut change = self.change();
        for each in &changes {
            let after = each.after.as_ref().map(content).transpose()?;
            change.records.push((text(&each.key), after, update.keys.get(&each.key).cloned().unwrap_or_default()));
            if each.after.is_none() {
                change.members.push((each.key.record.to_string(), None));
            }
        }
        change.unpaired = update.removed.iter().map(text).collect();
        change.within = update.clusters.keys().map(text).collect();
        change.pairs = update.pairs.iter().map(stored).collect::<Result<_>>()?;

        let ids: Vec<String> =
            update.clusters.keys().chain(changes.iter().map(|each| &each.key)).map(|key| key.record.to_string()).collect();
        let rows = self.warehouse.identity_rows(self.name(), &golden::columns(self.entity), IdentityRows::Ids(&ids)).await?;
        let before: BTreeSet<String> = rows.iter().filter_map(|row| row.identity_id.clone()).collect();
        let rows: BTreeMap<RecordKey, IdentityRow> = rows.into_iter().map(|row| (golden::key(&row), row)).collect();
        let after: BTreeSet<String> = update.clusters.values().map(|first| super::identity_id(self.entity, first)).collect();
        // Links between records that this update did not touch are as they are stored.
        let keys: Vec<String> = update.clusters.keys().map(text).collect();
        let known = self.warehouse.identity_known(self.name(), &[], &[], &keys).await?;
        let mut pairs: BTreeMap<(RecordKey, RecordKey), StoredPair> = BTreeMap::new();
        for each in known.pairs.values().flatten() {
            let pair = read(each)?;
            let within = update.clusters.contains_key(&pair.a) && update.clusters.contains_key(&pair.b);
            if !(within || update.removed.contains(&pair.a) || update.removed.contains(&pair.b)) {
                pairs.insert((pair.a.clone(), pair.b.clone()), pair);
            }
        }
        pairs.extend(update.pairs.into_iter().map(|pair| ((pair.a.clone(), pair.b.clone()), pair)));
        let pairs: Vec<StoredPair> = pairs.into_values().collect();
        change.gone = before.difference(&after).cloned().collect();
        change.loads = loads;
        self.gather(&mut change, &update.clusters, &rows, &pairs, &mut told);
        self.warehouse.store_identities(self.fence, &change).await?;
        Ok(told)
    }

    /// Asks for what the update needs until it has it.
    async fn asked(&self, model: &Model, verdicts: &[Verdict], changes: &[Change]) -> Result<Update> {
        let mut known = Known::default();
        for _ in 0..MOST_TURNS {
            let Asked { blocks, records, pairs } = match aqueduct_identity::update(model, verdicts, changes, &known) {
                Ok(update) => return Ok(update),
                Err(asked) => asked,
            };
            let (blocks, records, pairs): (Vec<u64>, Vec<String>, Vec<String>) =
                (blocks.into_iter().collect(), records.iter().map(text).collect(), pairs.iter().map(text).collect());
            let found = self.warehouse.identity_known(self.name(), &blocks, &records, &pairs).await?;
            for (block, members) in found.blocks {
                known.blocks.insert(block, members.iter().map(|member| key(member)).collect::<Result<_>>()?);
            }
            for (name, (content, _)) in found.records {
                let record =
                    serde_json::from_str(&content).map_err(|_| Error::new(codes::BUG, "a stored record of an identity is not one"))?;
                known.records.insert(key(&name)?, record);
            }
            for (name, stored) in found.pairs {
                known.pairs.insert(key(&name)?, stored.iter().map(read).collect::<Result<_>>()?);
            }
        }
        Err(Error::new(codes::BUG, "an update of identities asks without end"))
    }

    fn change(&self) -> IdentityChange {
        IdentityChange { entity: self.name().to_owned(), ..IdentityChange::default() }
    }

    /// Stores what has been gathered once it is enough, or because it is all.
    async fn step(&self, change: &mut IdentityChange, all: bool) -> Result<()> {
        if all || change.records.len() + change.pairs.len() + change.members.len() >= STEP {
            self.warehouse.store_identities(self.fence, change).await?;
            *change = self.change();
        }
        Ok(())
    }

    /// The rows of all clusters, in steps.
    async fn clusters(
        &self,
        change: &mut IdentityChange,
        clusters: &BTreeMap<RecordKey, RecordKey>,
        rows: &BTreeMap<RecordKey, IdentityRow>,
        pairs: &[StoredPair],
        told: &mut Resolved,
    ) -> Result<()> {
        let gathered = Gathered::new(clusters, rows, pairs);
        for (first, members) in &gathered.clusters {
            self.add(change, members, gathered.pairs.get(first), told);
            self.step(change, false).await?;
        }
        Ok(())
    }

    /// The rows of some clusters, at once.
    fn gather(
        &self,
        change: &mut IdentityChange,
        clusters: &BTreeMap<RecordKey, RecordKey>,
        rows: &BTreeMap<RecordKey, IdentityRow>,
        pairs: &[StoredPair],
        told: &mut Resolved,
    ) {
        let gathered = Gathered::new(clusters, rows, pairs);
        for (first, members) in &gathered.clusters {
            self.add(change, members, gathered.pairs.get(first), told);
        }
    }

    fn add(&self, change: &mut IdentityChange, members: &[&IdentityRow], pairs: Option<&Vec<&StoredPair>>, told: &mut Resolved) {
        let golden = {
            let decisions = self.decisions.get().map_or(&[][..], Vec::as_slice);
            golden::golden(self.entity, self.section, members, pairs.map_or(&[], Vec::as_slice), decisions, now())
        };
        told.identities += 1;
        told.members += members.len() as u64;
        change.members.extend(members.iter().map(|row| (row.id.clone(), Some(golden.id.clone()))));
        change.identities.push(golden.identity);
        change.links.extend(golden.links);
    }
}

/// Clusters with their rows and the links among them.
struct Gathered<'a> {
    clusters: BTreeMap<&'a RecordKey, Vec<&'a IdentityRow>>,
    pairs: BTreeMap<&'a RecordKey, Vec<&'a StoredPair>>,
}

impl<'a> Gathered<'a> {
    fn new(clusters: &'a BTreeMap<RecordKey, RecordKey>, rows: &'a BTreeMap<RecordKey, IdentityRow>, pairs: &'a [StoredPair]) -> Self {
        let mut gathered = Self { clusters: BTreeMap::new(), pairs: BTreeMap::new() };
        for (key, first) in clusters {
            if let Some(row) = rows.get(key) {
                gathered.clusters.entry(first).or_default().push(row);
            }
        }
        for pair in pairs {
            if let (Some(one), Some(other)) = (clusters.get(&pair.a), clusters.get(&pair.b))
                && one == other
            {
                gathered.pairs.entry(one).or_default().push(pair);
            }
        }
        gathered
    }
}

fn now() -> Timestamp {
    use aqueduct_engine::Clock;
    aqueduct_engine::SystemClock.now()
}

fn content(record: &Record) -> Result<String> {
    serde_json::to_string(record).map_err(|_| Error::new(codes::BUG, "a record of an identity cannot be written"))
}

/// A pair as it is stored: both keys, and all of it.
pub(super) fn stored(pair: &StoredPair) -> Result<[String; 3]> {
    let StoredPair { a, b, probability, decision, rule, is_found, refused, reasons } = pair;
    let content = serde_json::json!([probability, decision, rule, is_found, refused, reasons]).to_string();
    Ok([text(a), text(b), content])
}

/// A pair as [`stored`] wrote it.
pub(super) fn read([a, b, content]: &[String; 3]) -> Result<StoredPair> {
    let (probability, decision, rule, is_found, refused, reasons) =
        serde_json::from_str(content).map_err(|_| Error::new(codes::BUG, "a stored pair of an identity is not one"))?;
    Ok(StoredPair { a: key(a)?, b: key(b)?, probability, decision, rule, is_found, refused, reasons })
}
