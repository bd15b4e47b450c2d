//! Reading what is kept of identities.

use std::collections::BTreeMap;

use aqueduct_schema::ValueType;

use super::{IdentityKnown, IdentityPending, IdentityRow, IdentityRows, IdentityVerdict, TOGETHER, block, list, table};
use crate::failure::Failure;
use crate::identifier::{literal, quoted};
use crate::layout::{IS_DELETED, LOAD_ID};
use crate::session::{Session, numbers};

/// See [`super::Identities::identity_pending`].
pub(crate) async fn pending<S: Session>(session: &mut S, entity: &str) -> Result<IdentityPending, Failure> {
    let doing = "look for rows that are not resolved";
    let stored = session.stored(&table(entity)).await?;
    if stored.is_empty() {
        return Ok(IdentityPending::default());
    }
    let unseen = format!(
        "SELECT l.load_id FROM {} AS l WHERE NOT EXISTS (SELECT 1 FROM {} AS s WHERE s.entity = {} AND s.load_id = l.load_id)",
        session.own("loads"),
        session.own("identity_loads"),
        literal(entity)
    );
    let loads: Vec<String> = first(session.rows(doing, unseen.clone()).await?);
    if loads.is_empty() {
        return Ok(IdentityPending::default());
    }
    let mut sql = format!("SELECT t.id FROM {} AS t WHERE t.{} IN ({unseen})", session.table(&table(entity)), quoted(LOAD_ID));
    let points = table("contact_point");
    if entity == "contact" && !session.stored(&points).await?.is_empty() {
        sql.push_str(&format!(
            " UNION SELECT p.contact_id FROM {} AS p WHERE p.{} IN ({unseen}) AND p.contact_id IS NOT NULL",
            session.table(&points),
            quoted(LOAD_ID)
        ));
    }
    let rows = first(session.rows(doing, sql).await?);
    Ok(IdentityPending { loads, rows })
}

fn first(rows: Vec<Vec<Option<String>>>) -> Vec<String> {
    rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect()
}

/// See [`super::Identities::identity_rows`].
pub(crate) async fn rows<S: Session>(
    session: &mut S,
    entity: &str,
    columns: &[&str],
    which: IdentityRows<'_>,
) -> Result<Vec<IdentityRow>, Failure> {
    match which {
        IdentityRows::Page(after, limit) => {
            let after = after.map(|after| format!(" AND t.id > {}", literal(after))).unwrap_or_default();
            let live = format!("(t.{} = {}) IS NOT TRUE", quoted(IS_DELETED), session.truth());
            chosen(session, entity, columns, &format!("{live}{after} ORDER BY t.id LIMIT {limit}")).await
        }
        IdentityRows::Beginning(id) => {
            let live = format!("(t.{} = {}) IS NOT TRUE", quoted(IS_DELETED), session.truth());
            let begins = |column: &str| format!("substr(t.{column}, 1, {}) = {}", id.chars().count(), literal(id));
            chosen(session, entity, columns, &format!("{live} AND ({} OR {}) ORDER BY t.id", begins("id"), begins("identity_id"))).await
        }
        IdentityRows::Ids(ids) => {
            let mut found = Vec::with_capacity(ids.len());
            for ids in ids.chunks(TOGETHER) {
                let ids = list(ids.iter().map(String::as_str));
                found.extend(chosen(session, entity, columns, &format!("t.id IN ({ids}) ORDER BY t.id")).await?);
            }
            Ok(found)
        }
    }
}

async fn chosen<S: Session>(session: &mut S, entity: &str, columns: &[&str], condition: &str) -> Result<Vec<IdentityRow>, Failure> {
    let doing = "read rows to tell apart";
    let name = table(entity);
    let stored = session.stored(&name).await?;
    if stored.is_empty() {
        return Ok(Vec::new());
    }
    let columns: Vec<&str> = columns.iter().copied().filter(|column| stored.contains_key(*column)).collect();
    let always = ["id", "source_system", "source_account_id", IS_DELETED, "identity_id", "source_updated_at"];
    let text = |column: &str| match stored.get(column) {
        Some(from) => session.widened(&format!("t.{}", quoted(column)), *from, ValueType::Text),
        None => "NULL".to_owned(),
    };
    let selected: Vec<String> = always.iter().chain(&columns).map(|column| text(column)).collect();
    let sql = format!("SELECT {} FROM {} AS t WHERE {condition}", selected.join(", "), session.table(&name));
    let mut found: Vec<IdentityRow> = Vec::new();
    for cells in session.rows(doing, sql).await? {
        let mut cells = cells.into_iter();
        let mut next = || cells.next().flatten();
        let (Some(id), system, account) = (next(), next(), next()) else { continue };
        found.push(IdentityRow {
            id,
            source: [system, account].map(Option::unwrap_or_default),
            is_deleted: next().is_some_and(|deleted| matches!(deleted.as_str(), "true" | "1" | "t")),
            identity_id: next(),
            updated_at: next(),
            values: columns.iter().zip(cells).filter_map(|(column, value)| Some(((*column).to_owned(), value?))).collect(),
            points: Vec::new(),
        });
    }
    let points = table("contact_point");
    if entity == "contact" && !session.stored(&points).await?.is_empty() {
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        places.extend(found.iter().enumerate().map(|(place, row)| (row.id.clone(), place)));
        let ids: Vec<&str> = found.iter().map(|row| row.id.as_str()).collect();
        let mut reached: Vec<Vec<Option<String>>> = Vec::new();
        for ids in ids.chunks(TOGETHER) {
            let sql = format!(
                "SELECT p.contact_id, p.kind, p.value_normalized FROM {} AS p WHERE p.contact_id IN ({}) AND (p.{} = {}) IS NOT TRUE AND \
                 p.kind IN ('email', 'phone') AND p.value_normalized IS NOT NULL ORDER BY p.contact_id, p.id",
                session.table(&points),
                list(ids.iter().copied()),
                quoted(IS_DELETED),
                session.truth()
            );
            reached.extend(session.rows(doing, sql).await?);
        }
        for cells in reached {
            let Ok([Some(contact), Some(kind), Some(value)]) = <[Option<String>; 3]>::try_from(cells) else { continue };
            if let Some(place) = places.get(&contact) {
                found[*place].points.push((kind, value));
            }
        }
    }
    Ok(found)
}

/// See [`super::Identities::identity_model`].
pub(crate) async fn model<S: Session>(session: &mut S, entity: &str) -> Result<Option<String>, Failure> {
    let sql = format!("SELECT model FROM {} WHERE entity = {}", session.own("identity_models"), literal(entity));
    Ok(first(session.rows("read the model of identities", sql).await?).into_iter().next())
}

/// See [`super::Identities::identity_count`].
pub(crate) async fn count<S: Session>(session: &mut S, entity: &str) -> Result<u64, Failure> {
    let sql = format!("SELECT count(*) FROM {} WHERE entity = {}", session.own("identity_records"), literal(entity));
    let [count] = numbers(session, "count the records of identities", sql).await?;
    Ok(count)
}

/// See [`super::Identities::identity_verdicts`].
pub(crate) async fn verdicts<S: Session>(session: &mut S, entity: &str) -> Result<Vec<IdentityVerdict>, Failure> {
    let sql = format!(
        "SELECT a, b, is_same, decided_by FROM {} WHERE entity = {} ORDER BY a, b",
        session.own("identity_verdicts"),
        literal(entity)
    );
    let rows = session.rows("read decisions about identities", sql).await?;
    let verdict = |cells: Vec<Option<String>>| {
        let [a, b, is_same, decided_by] = <[Option<String>; 4]>::try_from(cells).ok()?;
        Some(IdentityVerdict { a: a?, b: b?, is_same: is_same.as_deref() == Some("same"), decided_by: decided_by? })
    };
    Ok(rows.into_iter().filter_map(verdict).collect())
}

/// See [`super::Identities::identity_pairs_with`].
pub(crate) async fn pairs_with<S: Session>(session: &mut S, entity: &str, text: &str, limit: u64) -> Result<Vec<[String; 3]>, Failure> {
    let sql = format!(
        "SELECT a, b, content FROM {} WHERE entity = {} AND replace(content, {}, '') <> content ORDER BY a, b LIMIT {limit}",
        session.own("identity_pairs"),
        literal(entity),
        literal(text)
    );
    let rows = session.rows("read pairs of identities", sql).await?;
    let pair = |cells: Vec<Option<String>>| match <[Option<String>; 3]>::try_from(cells) {
        Ok([Some(a), Some(b), Some(content)]) => Some([a, b, content]),
        _ => None,
    };
    Ok(rows.into_iter().filter_map(pair).collect())
}

/// See [`super::Identities::identity_known`].
pub(crate) async fn known<S: Session>(
    session: &mut S,
    entity: &str,
    blocks: &[u64],
    records: &[String],
    pairs: &[String],
) -> Result<IdentityKnown, Failure> {
    let doing = "read what is known of identities";
    let of = format!("entity = {}", literal(entity));
    let mut known = IdentityKnown::default();
    for some in blocks.chunks(TOGETHER) {
        known.blocks.extend(some.iter().map(|number| (*number, Vec::new())));
        let numbers: Vec<String> = some.iter().map(|number| block(*number)).collect();
        let numbers = list(numbers.iter().map(String::as_str));
        let sql =
            format!("SELECT block, key FROM {} WHERE {of} AND block IN ({numbers}) ORDER BY block, key", session.own("identity_blocks"));
        for cells in session.rows(doing, sql).await? {
            let Ok([Some(number), Some(key)]) = <[Option<String>; 2]>::try_from(cells) else { continue };
            if let Ok(number) = u64::from_str_radix(&number, 16) {
                known.blocks.entry(number).or_default().push(key);
            }
        }
    }
    for some in records.chunks(TOGETHER) {
        let keys = list(some.iter().map(String::as_str));
        let sql = format!("SELECT key, content FROM {} WHERE {of} AND key IN ({keys})", session.own("identity_records"));
        for cells in session.rows(doing, sql).await? {
            let Ok([Some(key), Some(content)]) = <[Option<String>; 2]>::try_from(cells) else { continue };
            known.records.insert(key, (content, Vec::new()));
        }
        let sql = format!("SELECT key, block FROM {} WHERE {of} AND key IN ({keys}) ORDER BY key, block", session.own("identity_blocks"));
        for cells in session.rows(doing, sql).await? {
            let Ok([Some(key), Some(number)]) = <[Option<String>; 2]>::try_from(cells) else { continue };
            if let (Some((_, blocks)), Ok(number)) = (known.records.get_mut(&key), u64::from_str_radix(&number, 16)) {
                blocks.push(number);
            }
        }
    }
    for some in pairs.chunks(TOGETHER) {
        known.pairs.extend(some.iter().map(|key| (key.clone(), Vec::new())));
        let keys = list(some.iter().map(String::as_str));
        let own = session.own("identity_pairs");
        let sql = format!(
            "SELECT a, b, content FROM {own} WHERE {of} AND a IN ({keys}) UNION SELECT a, b, content FROM {own} WHERE {of} AND b IN ({keys}) \
             ORDER BY 1, 2"
        );
        for cells in session.rows(doing, sql).await? {
            let Ok([Some(a), Some(b), Some(content)]) = <[Option<String>; 3]>::try_from(cells) else { continue };
            for key in [&a, &b] {
                if let Some(pairs) = known.pairs.get_mut(key) {
                    pairs.push([a.clone(), b.clone(), content.clone()]);
                }
            }
        }
    }
    Ok(known)
}
