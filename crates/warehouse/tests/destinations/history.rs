//! Earlier versions of rows: any sequence of versions, late ones, deletions, returns, snapshots and refreshes, against a plain
//! account of what was valid when, kept beside the warehouse.

use std::collections::{BTreeMap, BTreeSet};

use aqueduct_schema::{Cursor, Mode, Operation, Table, Timestamp, ValueType};
use aqueduct_warehouse::{Fence, History, ShadowKind, SqlDialect};
use fastrand::Rng;

use crate::destination::Destination;
use crate::rows::*;

const COLUMNS: [(&str, ValueType); 5] = [
    ("id", ValueType::Text),
    ("name", ValueType::Text),
    ("source_updated_at", ValueType::Timestamp),
    ("is_deleted", ValueType::Boolean),
    ("deleted_at", ValueType::Timestamp),
];

/// A row as a source gives it; times in microseconds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    name: String,
    updated_at: Option<i64>,
    is_deleted: bool,
    deleted_at: Option<i64>,
}

/// What is known of one row: from when each version is valid, the last one until further notice.
#[derive(Clone, Debug, Default)]
struct Life {
    valid: Vec<(i64, Version)>,
    /// Whether a tombstone has marked the present version.
    marked: bool,
    /// Versions that were there and were replaced.
    replaced: BTreeSet<Version>,
}

impl Life {
    fn begins(version: &Version, loaded_at: i64) -> i64 {
        let deleted_at = version.deleted_at.filter(|_| version.is_deleted);
        deleted_at.or(version.updated_at).unwrap_or(loaded_at).min(loaded_at)
    }

    fn put(&mut self, version: Version, loaded_at: i64) {
        let Some((since, present)) = self.valid.last().cloned() else {
            return self.valid.push((Self::begins(&version, loaded_at), version));
        };
        if let (Some(before), Some(at)) = (present.updated_at, version.updated_at)
            && at < before
        {
            return self.put_late(version, at);
        }
        if !self.marked && present == version {
            return;
        }
        let moved = version.updated_at.filter(|at| present.updated_at.is_none_or(|before| *at > before));
        let died = version.deleted_at.filter(|_| version.is_deleted && !present.is_deleted);
        self.replace(since, present, version, died.or(moved).unwrap_or(loaded_at).min(loaded_at));
        self.marked = false;
    }

    fn replace(&mut self, since: i64, present: Version, version: Version, at: i64) {
        if !self.marked {
            self.replaced.insert(present);
        }
        if at <= since {
            self.valid.pop();
        }
        self.valid.push((at.max(since), version));
    }

    fn put_late(&mut self, version: Version, updated_at: i64) {
        let at = version.deleted_at.filter(|_| version.is_deleted).unwrap_or(updated_at);
        let open_since = self.valid.last().map_or(i64::MIN, |(since, _)| *since);
        if at >= open_since || !self.replaced.insert(version.clone()) {
            return;
        }
        self.valid.retain(|(since, _)| *since != at);
        let place = self.valid.iter().position(|(since, _)| *since > at).unwrap_or(self.valid.len());
        self.valid.insert(place, (at, version));
    }

    fn bury(&mut self, deleted_at: i64, loaded_at: i64) {
        let Some((since, present)) = self.valid.last().cloned() else { return };
        if !present.is_deleted {
            let version = Version { is_deleted: true, deleted_at: Some(deleted_at), ..present.clone() };
            self.replace(since, present, version, deleted_at.min(loaded_at));
            self.marked = true;
        }
    }

    fn living(&self) -> Vec<Span> {
        let ends = self.valid.iter().skip(1).map(|(since, _)| Some(*since)).chain([None]);
        self.valid
            .iter()
            .zip(ends)
            .filter(|((_, version), _)| !version.is_deleted)
            .map(|((since, v), end)| (*since, end, v.name.clone()))
            .collect()
    }
}

/// From when, until when, and what.
type Span = (i64, Option<i64>, String);
/// The spans of every row that has any.
type Belief = BTreeMap<String, Vec<Span>>;

fn version(chance: &mut Rng) -> Version {
    let second = |chance: &mut Rng| 1_770_000_000_000_000 + chance.i64(0..40) * 1_000_000;
    let is_deleted = chance.u8(..6) == 0;
    Version {
        name: format!("name {}", chance.u8(..4)),
        updated_at: (chance.u8(..8) > 0).then(|| second(chance)),
        is_deleted,
        deleted_at: (is_deleted && chance.u8(..3) > 0).then(|| second(chance)),
    }
}

fn contacts(rows: &[(String, Version)]) -> Table {
    let time = |time: Option<i64>| time.map_or(Value::None, Value::At);
    let row = |(id, version): &(String, Version)| {
        vec![
            text(id.as_str()),
            text(version.name.as_str()),
            time(version.updated_at),
            Value::Boolean(version.is_deleted),
            time(version.deleted_at),
        ]
    };
    let mut schema = schema(common(), &COLUMNS);
    schema.constants = vec![("source_system".into(), "shop".into())];
    table_of(schema, Operation::Upsert, rows.iter().map(row).collect())
}

fn microseconds(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().microseconds()
}

impl Destination {
    /// An expression that is a time, as text that can be parsed and compared.
    fn instant(&self, value: &str) -> String {
        if self.is_sqlite() {
            value.to_owned()
        } else {
            format!("to_char({value} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
        }
    }

    fn view(&self) -> &'static str {
        if self.is_sqlite() { "contact_history" } else { "crm.contact_history" }
    }

    /// What was believed at an instant; now, without one.
    async fn belief(&self, at: Option<&str>) -> Belief {
        let known = match at {
            None => "recorded_to IS NULL".to_owned(),
            Some(at) => format!("recorded_from <= '{at}' AND (recorded_to IS NULL OR recorded_to > '{at}')"),
        };
        let sql = format!(
            "SELECT id, {}, {}, name FROM {} WHERE {known} ORDER BY id, valid_from",
            self.instant("valid_from"),
            self.instant("valid_to"),
            self.view()
        );
        let mut belief = Belief::new();
        for row in self.ask(&sql).await {
            let [id, from, to, name] = <[Option<String>; 4]>::try_from(row).unwrap();
            let span = (microseconds(&from.unwrap()), to.as_deref().map(microseconds), name.unwrap());
            belief.entry(id.unwrap()).or_default().push(span);
        }
        belief
    }

    async fn time_of_load(&self, load_id: &str) -> i64 {
        let sql = format!("SELECT {} FROM {{contact}} WHERE _load_id = '{load_id}' LIMIT 1", self.instant("_loaded_at"));
        self.ask(&sql).await.first().and_then(|row| row[0].as_deref()).map_or(0, microseconds)
    }

    /// No two rows of the view speak of one row of the table at the same time of both clocks, and none speaks of no time at all.
    async fn assert_no_overlap(&self) {
        let view = self.view();
        let never = format!("SELECT count(*) FROM {view} WHERE valid_to <= valid_from OR recorded_to <= recorded_from");
        assert_eq!(self.one(&never).await, "0");
        let numbered = format!(
            "(SELECT v.*, row_number() OVER (ORDER BY id, valid_from, recorded_from, recorded_to, name) AS place FROM {view} AS v)"
        );
        let overlapping = format!(
            "SELECT count(*) FROM {numbered} AS a JOIN {numbered} AS b ON a.id = b.id AND a.place < b.place \
             WHERE (a.valid_to IS NULL OR a.valid_to > b.valid_from) AND (b.valid_to IS NULL OR b.valid_to > a.valid_from) \
             AND (a.recorded_to IS NULL OR a.recorded_to > b.recorded_from) AND (b.recorded_to IS NULL OR b.recorded_to > a.recorded_from)"
        );
        assert_eq!(self.one(&overlapping).await, "0");
    }
}

/// The rows of a story: what the warehouse is told, and what it must know then.
struct Story<'a> {
    to: &'a Destination,
    fence: Fence,
    chance: Rng,
    lives: BTreeMap<String, Life>,
}

impl Story<'_> {
    fn rows(&mut self, share: u64) -> Vec<(String, Version)> {
        let ids: Vec<String> = (0..6).map(|id| format!("row {id}")).collect();
        ids.into_iter().filter_map(|id| (self.chance.u64(..share) == 0).then(|| (id, version(&mut self.chance)))).collect()
    }

    /// Changes, some followed by tombstones in the same load, as some come twice.
    async fn change(&mut self) {
        let (rows, again) = (self.rows(2), self.chance.u8(..4) == 0);
        let buried: Vec<(String, i64)> = (0..6)
            .filter(|_| self.chance.u8(..5) == 0)
            .collect::<Vec<_>>()
            .into_iter()
            .map(|id| (format!("row {id}"), self.chance.i64(0..40)))
            .collect();
        let stones: Vec<(&str, i64)> = buried.iter().map(|(id, second)| (id.as_str(), *second)).collect();
        let tables = || vec![people(&[]), contacts(&rows), tombstones(common(), "id", &stones)];
        let receipt = self.to.load(&self.fence, vec![batch(tables())]).await.unwrap();
        let loaded_at = self.to.time_of_load(&receipt.load_id).await;
        for (id, version) in &rows {
            self.lives.entry(id.clone()).or_default().put(version.clone(), loaded_at);
        }
        for (id, second) in &buried {
            if let Some(life) = self.lives.get_mut(id) {
                life.bury((1_770_000_000 + second) * 1_000_000, loaded_at);
            }
        }
        if again && stones.is_empty() {
            // A load that comes again: rows that lost against later ones are known by now, and the others are as stored.
            let before = self.to.belief(None).await;
            self.to.load(&self.fence, vec![batch(tables())]).await.unwrap();
            assert_eq!(self.to.belief(None).await, before);
        }
    }

    /// A complete snapshot: rows that it lacks are deleted.
    async fn snapshot(&mut self) {
        let (rows, second) = (self.rows(2), self.chance.i64(0..60));
        let receipt = self.to.load(&self.fence, vec![snapshot(vec![people(&[]), contacts(&rows)], second, true)]).await.unwrap();
        let loaded_at = self.to.time_of_load(&receipt.load_id).await;
        for (id, version) in &rows {
            self.lives.entry(id.clone()).or_default().put(version.clone(), loaded_at);
        }
        for (id, life) in &mut self.lives {
            if !rows.iter().any(|(known, _)| known == id) {
                life.bury((1_770_000_000 + second) * 1_000_000, loaded_at);
            }
        }
    }

    /// A full refresh in two loads.
    async fn refresh(&mut self) {
        let (rows, mut end) = (self.rows(2), checkpoint(Mode::Backfill, 0, true));
        end.state.settled = Some(Cursor::at(Timestamp::from_seconds(1_770_000_000)));
        let aside = |rows: &[(String, Version)], of| batch_with(vec![people(&[]), contacts(rows)], Vec::new(), 0, of);
        let (one, other) = rows.split_at(rows.len() / 2);
        for batch in [aside(one, checkpoint(Mode::Backfill, 0, false)), aside(other, end)] {
            self.to.warehouse.load_shadow(&self.fence, ShadowKind::Refresh, "all", vec![batch]).await.unwrap();
        }
        let receipt = self.to.warehouse.swap(&self.fence, "people", None).await.unwrap();
        let loaded_at = self.to.time_of_load(&receipt.load_id).await;
        for (id, version) in &rows {
            self.lives.entry(id.clone()).or_default().put(version.clone(), loaded_at);
        }
        for (id, life) in &mut self.lives {
            if !rows.iter().any(|(known, _)| known == id) {
                let deleted_at = self.to.one(&format!("SELECT {} FROM {{contact}} WHERE id = '{id}'", self.to.instant("deleted_at"))).await;
                if deleted_at != "NULL" {
                    life.bury(microseconds(&deleted_at), loaded_at);
                }
            }
        }
    }
}

pub(crate) async fn any_sequence_of_versions_is_told_as_it_was(to: &Destination) {
    let fence = to.begin_with("run-1", true).await;
    let mut story = Story { to, fence, chance: Rng::with_seed(1), lives: BTreeMap::new() };
    let mut told: Vec<(String, Belief)> = Vec::new();
    for _ in 0..60 {
        match story.chance.u8(..10) {
            0 => story.snapshot().await,
            1 => story.refresh().await,
            _ => story.change().await,
        }
        let expected: Belief =
            story.lives.iter().map(|(id, life)| (id.clone(), life.living())).filter(|(_, spans)| !spans.is_empty()).collect();
        let belief = to.belief(None).await;
        for (id, life) in &story.lives {
            assert_eq!(belief.get(id), expected.get(id), "{id}: {life:?}");
        }
        assert_eq!(belief, expected);
        let last = format!("SELECT {} FROM {}", to.instant("max(recorded_from)"), to.view());
        let known = format!("SELECT {} FROM {} WHERE recorded_to IS NOT NULL", to.instant("max(recorded_to)"), to.view());
        let at = to.one(&last).await.max(to.one(&known).await.replace("NULL", ""));
        told.push((at, belief));
    }
    // Whatever came later, what was believed then is believed of then.
    for (at, belief) in &told {
        assert_eq!(&to.belief(Some(at)).await, belief, "at {at}");
    }
    to.assert_no_overlap().await;
    let open = format!("SELECT id, name FROM {} WHERE valid_to IS NULL AND recorded_to IS NULL ORDER BY id", to.view());
    assert_eq!(to.ask(&open).await, to.ask("SELECT id, name FROM {contact} WHERE NOT is_deleted ORDER BY id").await);
    let now = if to.is_sqlite() { "strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '+1 second')" } else { "now()" };
    let as_of = format!(
        "SELECT id, name FROM {} WHERE valid_from <= {now} AND (valid_to IS NULL OR valid_to > {now}) \
         AND recorded_from <= {now} AND (recorded_to IS NULL OR recorded_to > {now}) ORDER BY id",
        to.view()
    );
    assert_eq!(to.ask(&as_of).await, to.ask(&open).await);
}

/// Names of a contact over time, with whether each is open.
async fn spans(to: &Destination, id: &str) -> Vec<String> {
    let sql = format!(
        "SELECT name || CASE WHEN valid_to IS NULL THEN ' until now' ELSE '' END FROM {} WHERE id = '{id}' AND recorded_to IS NULL ORDER BY valid_from",
        to.view()
    );
    crate::destination::flat(to.ask(&sql).await)
}

pub(crate) async fn history_follows_its_table_when_columns_come_and_widen(to: &Destination) {
    let columns = |kind| [("id", ValueType::Text), ("name", ValueType::Text), ("source_updated_at", ValueType::Timestamp), ("size", kind)];
    let fence = to.begin("run-1").await;
    let row = |name: &str, second: i64| vec![text("1"), text(name), at(second)];
    let with = |name: &str, second: i64, size: Value| [row(name, second), vec![size]].concat();
    to.load(&fence, vec![batch(vec![people(&[]), upsert(common(), &columns(ValueType::Integer)[..3], vec![row("a", 1)])])]).await.unwrap();
    to.load(&fence, vec![batch(vec![people(&[]), upsert(common(), &columns(ValueType::Integer), vec![with("b", 2, Value::Integer(7))])])])
        .await
        .unwrap();
    to.load(&fence, vec![batch(vec![people(&[]), upsert(common(), &columns(ValueType::Text), vec![with("c", 3, text("large"))])])])
        .await
        .unwrap();
    assert_eq!(spans(to, "1").await, ["a", "b", "c until now"]);
    let sizes = format!("SELECT size FROM {} WHERE recorded_to IS NULL ORDER BY valid_from", to.view());
    assert_eq!(crate::destination::flat(to.ask(&sizes).await), ["NULL", "7", "large"]);
}

pub(crate) async fn a_table_that_had_no_history_keeps_it_from_then_on(to: &Destination) {
    let fence = to.begin("run-1").await;
    let load = |name: &'static str, second| {
        batch(vec![people(&[]), upsert(common(), &COLUMNS[..3], vec![vec![text("1"), text(name), at(second)]])])
    };
    to.load(&fence, vec![load("a", 1)]).await.unwrap();
    let drop = if to.is_sqlite() {
        "DROP VIEW contact_history; DROP TRIGGER contact_versions; DROP TABLE _history_contact"
    } else {
        "DROP VIEW crm.contact_history; DROP TRIGGER contact_versions ON crm.contact; DROP TABLE aqueduct.history_contact"
    };
    to.ask(drop).await;
    to.load(&fence, vec![load("b", 2)]).await.unwrap();
    to.load(&fence, vec![load("c", 3)]).await.unwrap();
    assert_eq!(spans(to, "1").await, ["a", "b", "c until now"], "the load that makes it keeps what it replaces");
}

pub(crate) async fn only_tables_that_are_named_keep_history(to: &Destination) {
    let fence = to.begin("run-1").await;
    let load =
        |name: &str, second| batch(vec![people(&[]), upsert(common(), &COLUMNS[..3], vec![vec![text("1"), text(name), at(second)]])]);
    let views = if to.is_sqlite() {
        "SELECT count(*) FROM sqlite_master WHERE name IN ('contact_history', 'contact_versions', '_history_contact')"
    } else {
        "SELECT count(*) FROM pg_class WHERE relname IN ('contact_history', 'history_contact')"
    };
    let without = aqueduct_warehouse::open_keeping(&to.url, History::Of(["deal".to_owned()].into())).await.unwrap();
    without.load(&fence, vec![load("a", 1)]).await.unwrap();
    without.load(&fence, vec![load("b", 2)]).await.unwrap();
    assert_eq!(to.one(views).await, "0");
    // A table that keeps it goes on, whoever loads.
    let fence = to.begin("run-2").await;
    to.load(&fence, vec![load("c", 3)]).await.unwrap();
    drop(without);
    let without = aqueduct_warehouse::open_keeping(&to.url, History::Of(BTreeSet::new())).await.unwrap();
    let fence = to.begin("run-3").await;
    without.load(&fence, vec![load("d", 4)]).await.unwrap();
    assert_eq!(spans(to, "1").await, ["b", "c", "d until now"]);
}

pub(crate) async fn what_was_known_and_what_is_known_are_told_apart(to: &Destination) {
    let fence = to.begin("run-1").await;
    let load =
        |name: &str, second| batch(vec![people(&[]), upsert(common(), &COLUMNS[..3], vec![vec![text("1"), text(name), at(second)]])]);
    for (name, second) in [("lead", 10), ("customer", 30), ("opportunity", 20)] {
        to.load(&fence, vec![load(name, second)]).await.unwrap();
    }
    // The opportunity came last, and it had been one in between.
    assert_eq!(spans(to, "1").await, ["lead", "opportunity", "customer until now"]);
    assert_eq!(to.one("SELECT name FROM {contact}").await, "customer");
    let between = at_text(to, 25);
    let at_that_time = |known: &str| {
        format!("SELECT name FROM {} WHERE valid_from <= {between} AND (valid_to IS NULL OR valid_to > {between}) AND {known}", to.view())
    };
    assert_eq!(to.one(&at_that_time("recorded_to IS NULL")).await, "opportunity");
    let told = crate::destination::flat(to.ask(&format!("{} ORDER BY recorded_from", at_that_time("1 = 1"))).await);
    assert_eq!(told, ["lead", "lead", "opportunity"], "open at first, then until the customer, and not any more");
}

/// The literal of an instant of [`at`].
fn at_text(to: &Destination, seconds: i64) -> String {
    let instant = Timestamp::from_seconds(1_770_000_000 + seconds).to_string();
    if to.is_sqlite() { format!("'{}.000000Z'", instant.trim_end_matches('Z')) } else { format!("'{instant}'::timestamptz") }
}

pub(crate) async fn the_statements_of_the_schema_make_the_tables_of_loads(to: &Destination) {
    let dialect = if to.is_sqlite() { SqlDialect::Sqlite } else { SqlDialect::Postgres };
    to.ask(&aqueduct_warehouse::ddl(dialect).unwrap()).await;
    let columns = if to.is_sqlite() {
        "SELECT name || ' ' || type FROM pragma_table_info('contact') ORDER BY cid"
    } else {
        "SELECT attname || ' ' || format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'crm.contact'::regclass AND attnum > 0 ORDER BY attnum"
    };
    let made = to.ask(columns).await;
    let fence = to.begin("run-1").await;
    let mut schema = schema(common(), &[("id", ValueType::Text), ("email", ValueType::Text), ("source_updated_at", ValueType::Timestamp)]);
    schema.constants = ["source_system", "source_account_id", "source_object"].map(|name| (name.into(), "x".into())).to_vec();
    let row = table_of(schema, Operation::Upsert, vec![vec![text("1"), text("a@b.example"), at(1)]]);
    to.load(&fence, vec![batch(vec![people(&[]), row])]).await.unwrap();
    assert_eq!(to.ask(columns).await, made);
    assert_eq!(to.one("SELECT email FROM {contact}").await, "a@b.example");
}
