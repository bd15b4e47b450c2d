//! Storing what a resolving found.

use aqueduct_schema::{Column, TableSchema, Timestamp, ValueType};

use super::{IdentityChange, IdentityValues, IdentityVerdict, TOGETHER, block, list, table};
use crate::cells::timestamp_text;
use crate::failure::Failure;
use crate::identifier::{literal, quoted};
use crate::layout::{DELETED_AT, IS_DELETED, LOAD_ID, LOADED_AT, Layout, ROW_HASH};
use crate::session::Session;

/// See [`super::Identities::decide_identities`].
pub(crate) async fn decide<S: Session>(session: &mut S, entity: &str, verdicts: &[IdentityVerdict], at: Timestamp) -> Result<(), Failure> {
    let at = literal(&timestamp_text(at));
    for verdict in verdicts {
        let sql = format!(
            "INSERT INTO {} (entity, a, b, is_same, decided_by, decided_at) VALUES ({}, {}, {}, {}, {}, {at}) \
             ON CONFLICT (entity, a, b) DO UPDATE SET is_same = excluded.is_same, decided_by = excluded.decided_by, \
             decided_at = excluded.decided_at",
            session.own("identity_verdicts"),
            literal(entity),
            literal(&verdict.a),
            literal(&verdict.b),
            literal(if verdict.is_same { "same" } else { "different" }),
            literal(&verdict.decided_by)
        );
        session.execute("store decisions about identities", sql).await?;
    }
    Ok(())
}

/// See [`super::Identities::store_identities`]; the caller has checked the fence and commits.
pub(crate) async fn store<S: Session>(session: &mut S, change: &IdentityChange, load_id: &str, now: Timestamp) -> Result<(), Failure> {
    let of = format!("entity = {}", literal(&change.entity));
    if change.begins {
        for own in ["identity_models", "identity_records", "identity_blocks", "identity_pairs"] {
            let sql = format!("DELETE FROM {} WHERE {of}", session.own(own));
            session.execute("begin identities anew", sql).await?;
        }
    }
    kept(session, change, &of).await?;
    members(session, change).await?;
    let written = Written { load_id, now };
    written.upsert(session, "identity", &change.identities).await?;
    written.upsert(session, "identity_link", &change.links).await?;
    written.bury(session, change).await?;
    let doing = "store the model of identities";
    if let Some(model) = &change.model {
        let sql = format!(
            "INSERT INTO {} (entity, model) VALUES ({}, {}) ON CONFLICT (entity) DO UPDATE SET model = excluded.model",
            session.own("identity_models"),
            literal(&change.entity),
            literal(model)
        );
        session.execute(doing, sql).await?;
    }
    // Rows of its own are none that have to be told apart.
    let own = change.writes_rows().then(|| ["contact", "account"].map(|entity| (entity.to_owned(), load_id.to_owned())));
    let seen = change.loads.iter().map(|load| (change.entity.clone(), load.clone())).chain(own.into_iter().flatten());
    for loads in seen.collect::<Vec<_>>().chunks(TOGETHER) {
        let rows: Vec<String> = loads.iter().map(|(entity, load)| format!("({}, {})", literal(entity), literal(load))).collect();
        let sql = format!(
            "INSERT INTO {} (entity, load_id) VALUES {} ON CONFLICT (entity, load_id) DO NOTHING",
            session.own("identity_loads"),
            rows.join(", ")
        );
        session.execute(doing, sql).await?;
    }
    Ok(())
}

/// Records, blocks and pairs, for the next resolving.
async fn kept<S: Session>(session: &mut S, change: &IdentityChange, of: &str) -> Result<(), Failure> {
    let doing = "store what identities are made from";
    let entity = literal(&change.entity);
    for records in change.records.chunks(TOGETHER) {
        if !change.begins {
            let keys = list(records.iter().map(|(key, ..)| key.as_str()));
            for own in ["identity_records", "identity_blocks"] {
                session.execute(doing, format!("DELETE FROM {} WHERE {of} AND key IN ({keys})", session.own(own))).await?;
            }
        }
        let there = records.iter().filter_map(|(key, content, blocks)| Some((key, content.as_ref()?, blocks)));
        let rows: Vec<String> =
            there.clone().map(|(key, content, _)| format!("({entity}, {}, {})", literal(key), literal(content))).collect();
        insert(session, doing, "identity_records (entity, key, content)", rows).await?;
        let blocks = there.flat_map(|(key, _, blocks)| {
            let entity = &entity;
            blocks.iter().map(move |number| format!("({entity}, {}, {})", literal(&block(*number)), literal(key)))
        });
        insert(session, doing, "identity_blocks (entity, block, key)", blocks.collect()).await?;
    }
    for keys in change.unpaired.chunks(TOGETHER) {
        let keys = list(keys.iter().map(String::as_str));
        let own = session.own("identity_pairs");
        // One index for each: an OR of both makes SQLite read all pairs of the entity.
        for side in ["a", "b"] {
            session.execute(doing, format!("DELETE FROM {own} WHERE {of} AND {side} IN ({keys})")).await?;
        }
    }
    // Pairs within the set: by their first record, kept apart by the second.
    let within: std::collections::BTreeSet<&str> = change.within.iter().map(String::as_str).collect();
    for keys in change.within.chunks(TOGETHER) {
        let keys = list(keys.iter().map(String::as_str));
        let own = session.own("identity_pairs");
        let found = session.rows(doing, format!("SELECT a, b FROM {own} WHERE {of} AND a IN ({keys})")).await?;
        let both = found.into_iter().filter_map(|cells| match <[Option<String>; 2]>::try_from(cells) {
            Ok([Some(a), Some(b)]) if within.contains(b.as_str()) => Some(format!("({}, {})", literal(&a), literal(&b))),
            _ => None,
        });
        let both: Vec<String> = both.collect();
        for some in both.chunks(TOGETHER) {
            session
                .execute(doing, format!("DELETE FROM {own} WHERE {of} AND a IN ({keys}) AND (a, b) IN (VALUES {})", some.join(", ")))
                .await?;
        }
    }
    let pairs = change.pairs.iter().map(|[a, b, content]| format!("({entity}, {}, {}, {})", literal(a), literal(b), literal(content)));
    insert(session, doing, "identity_pairs (entity, a, b, content)", pairs.collect()).await
}

async fn insert<S: Session>(session: &mut S, doing: &'static str, into: &str, rows: Vec<String>) -> Result<(), Failure> {
    let (name, columns) = into.split_once(' ').unwrap_or((into, ""));
    for some in rows.chunks(TOGETHER) {
        let sql = format!("INSERT INTO {} {columns} VALUES {}", session.own(name), some.join(", "));
        session.execute(doing, sql).await?;
    }
    Ok(())
}

/// Which identity rows belong to, in their own table.
async fn members<S: Session>(session: &mut S, change: &IdentityChange) -> Result<(), Failure> {
    if change.members.is_empty() {
        return Ok(());
    }
    let name = table(&change.entity);
    session.index(&name, "id").await?;
    let own = session.table(&name);
    for some in change.members.chunks(TOGETHER) {
        let text = |identity: &Option<String>| identity.as_deref().map_or_else(|| "NULL".to_owned(), literal);
        let rows: Vec<String> = some.iter().map(|(id, identity)| format!("({}, {})", literal(id), text(identity))).collect();
        let sql = format!(
            "WITH known(row_id, identity_id) AS (VALUES {}) UPDATE {own} SET identity_id = known.identity_id FROM known \
             WHERE {own}.id = known.row_id AND {own}.identity_id IS DISTINCT FROM known.identity_id",
            rows.join(", ")
        );
        session.execute("say whom rows belong to", sql).await?;
    }
    Ok(())
}

/// Rows that are written by a resolving.
struct Written<'a> {
    load_id: &'a str,
    now: Timestamp,
}

impl Written<'_> {
    /// Inserts rows, or brings those up to date that differ.
    async fn upsert<S: Session>(&self, session: &mut S, entity: &'static str, rows: &[IdentityValues]) -> Result<(), Failure> {
        let Some(entity) = aqueduct_schema::Entity::named(entity).filter(|_| !rows.is_empty()) else { return Ok(()) };
        let (name, schema) = (table(entity.name), schema(entity));
        session.prepare(&Layout::of(&name, std::iter::once(&schema))?).await?;
        let fields: Vec<&Column> = schema.columns.iter().filter(|column| &*column.name != "id").collect();
        let named = fields.iter().map(|column| column.name.as_ref()).chain([IS_DELETED, DELETED_AT, LOAD_ID, LOADED_AT, ROW_HASH]);
        let names: Vec<String> = named.map(quoted).collect();
        let sets: Vec<String> = names.iter().map(|name| format!("{name} = excluded.{name}")).collect();
        let own = session.table(&name);
        let (load_id, now) = (literal(self.load_id), literal(&timestamp_text(self.now)));
        for some in rows.chunks(TOGETHER) {
            let tuples: Vec<String> = some
                .iter()
                .map(|(id, values)| {
                    let mut hasher = blake3::Hasher::new();
                    let cells: Vec<String> = fields
                        .iter()
                        .map(|column| {
                            let cell = cell(values.get(column.name.as_ref()).and_then(Option::as_deref), column.value_type);
                            hasher.update(cell.as_bytes());
                            hasher.update(b"\x1f");
                            cell
                        })
                        .collect();
                    let hash = literal(&hasher.finalize().to_hex()[..32]);
                    format!("({}, {}, FALSE, NULL, {load_id}, {now}, {hash})", literal(id), cells.join(", "))
                })
                .collect();
            let sql = format!(
                "INSERT INTO {own} AS t (id, {}) VALUES {} ON CONFLICT (id) DO UPDATE SET {} WHERE t.{hash} <> excluded.{hash} \
                 OR t.{} = {}",
                names.join(", "),
                tuples.join(", "),
                sets.join(", "),
                quoted(IS_DELETED),
                session.truth(),
                hash = quoted(ROW_HASH)
            );
            session.execute("store identities", sql).await?;
        }
        Ok(())
    }

    /// Marks identities as deleted that have no members, and removes the links of rows that belong to nobody.
    async fn bury<S: Session>(&self, session: &mut S, change: &IdentityChange) -> Result<(), Failure> {
        let (identity, link) = (table("identity"), table("identity_link"));
        if session.stored(&identity).await?.is_empty() || session.stored(&link).await?.is_empty() {
            return Ok(());
        }
        let doing = "mark identities as deleted";
        let (identity, link) = (session.table(&identity), session.table(&link));
        let of = format!("entity = {}", literal(&change.entity));
        let loose: Vec<&str> = change.members.iter().filter(|(_, identity)| identity.is_none()).map(|(id, _)| id.as_str()).collect();
        for some in loose.chunks(TOGETHER) {
            let sql = format!("DELETE FROM {link} WHERE {of} AND record_id IN ({})", list(some.iter().copied()));
            session.execute(doing, sql).await?;
        }
        if change.sweeps {
            let rows = session.table(&table(&change.entity));
            let sql = format!(
                "DELETE FROM {link} WHERE {of} AND NOT EXISTS (SELECT 1 FROM {rows} AS r WHERE r.id = {link}.record_id \
                 AND r.identity_id = {link}.identity_id AND (r.{} = {}) IS NOT TRUE)",
                quoted(IS_DELETED),
                session.truth()
            );
            session.execute(doing, sql).await?;
        }
        let mark = format!(
            "UPDATE {identity} SET {} = TRUE, {} = {now}, {} = {}, {} = {now}",
            quoted(IS_DELETED),
            quoted(DELETED_AT),
            quoted(LOAD_ID),
            literal(self.load_id),
            quoted(LOADED_AT),
            now = literal(&timestamp_text(self.now)),
        );
        let alive = format!("({} = {}) IS NOT TRUE", quoted(IS_DELETED), session.truth());
        if change.sweeps {
            // Not by NOT EXISTS: without an index SQLite would read all links for each identity.
            let linked = format!("SELECT l.identity_id FROM {link} AS l WHERE l.identity_id IS NOT NULL");
            let sql = format!("{mark} WHERE {of} AND {alive} AND id NOT IN ({linked})");
            session.execute(doing, sql).await?;
        }
        for some in change.gone.chunks(TOGETHER) {
            let ids = list(some.iter().map(String::as_str));
            session.execute(doing, format!("{mark} WHERE {of} AND {alive} AND id IN ({ids})")).await?;
        }
        Ok(())
    }
}

/// A value as SQL. Numbers are written bare: a column of decimals has no type in SQLite, and a text there is greater than any number.
fn cell(value: Option<&str>, value_type: ValueType) -> String {
    match (value, value_type) {
        (None, _) => "NULL".to_owned(),
        (Some(value), ValueType::Boolean) => if value == "true" { "TRUE" } else { "FALSE" }.to_owned(),
        (Some(value), ValueType::Integer | ValueType::Decimal)
            if value.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'.')) && value.parse::<f64>().is_ok() =>
        {
            value.to_owned()
        }
        // With six decimals, as everywhere: texts of the same length compare as the times do.
        (Some(value), ValueType::Timestamp) => literal(&value.parse::<Timestamp>().map_or_else(|_| value.to_owned(), timestamp_text)),
        (Some(value), _) => literal(value),
    }
}

/// The columns of an entity that a resolving fills: nothing of a source.
pub(crate) fn schema(entity: &aqueduct_schema::Entity) -> TableSchema {
    let id = Column { required: true, ..Column::technical("id", ValueType::Text) };
    TableSchema {
        name: table(entity.name),
        columns: std::iter::once(id).chain(entity.fields.iter().map(aqueduct_schema::Field::column)).collect(),
        absent_columns: Vec::new(),
        key: "id".into(),
        constants: Vec::new(),
    }
}
