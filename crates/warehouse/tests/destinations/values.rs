//! Values, types, columns and names.

use aqueduct_schema::{Operation, TableName, ValueType, codes};

use crate::destination::{Destination, flat};
use crate::rows::*;

const TEXT: ValueType = ValueType::Text;
const INTEGER: ValueType = ValueType::Integer;
const DECIMAL: ValueType = ValueType::Decimal;

const ALL: [(&str, ValueType); 8] = [
    ("_id", TEXT),
    ("words", TEXT),
    ("yes", ValueType::Boolean),
    ("whole", INTEGER),
    ("amount", DECIMAL),
    ("day", ValueType::Date),
    ("moment", ValueType::Timestamp),
    ("object", ValueType::Json),
];

const ONE: i128 = 1_000_000_000;

pub(crate) async fn every_type_and_odd_text_is_stored_exactly(to: &Destination) {
    let fence = to.begin("run-1").await;
    let largest = 10_i128.pow(38) - 1;
    let odd = [
        "",
        "\\N",
        "\\",
        "tab\there",
        "line\nbreak\r\n",
        "quote \" ' '' \\'",
        "Grüße 👋",
        "{\"a\":1}",
        "a\u{0}b",
        "NULL",
        "\\.",
        "\u{8}\u{b}\u{c}",
    ];
    let mut rows: Vec<Vec<Value>> = odd
        .iter()
        .enumerate()
        .map(|(index, words)| {
            let mut row = vec![Value::None; 8];
            (row[0], row[1]) = (text(format!("odd{index:02}")), text(*words));
            row
        })
        .collect();
    rows.push(vec![
        text("full"),
        text("x"),
        Value::Boolean(true),
        Value::Integer(i64::MIN),
        Value::Decimal(largest),
        Value::Date(-719_162),
        Value::At(-62_135_596_800_000_000),
        text("{\"b\": 1, \"a\": [\"\\u0000\", 2]}"),
    ]);
    rows.push(vec![
        text("more"),
        Value::None,
        Value::Boolean(false),
        Value::Integer(i64::MAX),
        Value::Decimal(-ONE / 10),
        Value::Date(2_932_896),
        Value::At(253_402_300_799_999_999),
        text("[]"),
    ]);
    rows.push(vec![text("null"), Value::None, Value::None, Value::None, Value::None, Value::None, Value::None, Value::None]);
    to.load(&fence, vec![batch(vec![upsert(source(), &ALL, rows.clone())])]).await.unwrap();
    let expected: Vec<String> = odd.iter().map(|words| words.replace('\0', "\u{FFFD}")).collect();
    assert_eq!(flat(to.ask("SELECT words FROM {people} WHERE _id LIKE 'odd%' ORDER BY _id").await), expected);
    let read = if to.is_sqlite() {
        "SELECT yes, whole, CAST(amount AS TEXT), day, moment, object FROM {people} WHERE _id IN ('full', 'more', 'null') ORDER BY _id"
    } else {
        "SELECT CASE WHEN yes THEN 1 WHEN NOT yes THEN 0 END, whole, trim_scale(amount), to_char(day, 'YYYY-MM-DD'),
         to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), object FROM {people} WHERE _id IN ('full', 'more', 'null') ORDER BY _id"
    };
    assert_eq!(
        flat(to.ask(read).await),
        [
            "1",
            "-9223372036854775808",
            "99999999999999999999999999999.999999999",
            "0001-01-01",
            "0001-01-01T00:00:00.000000Z",
            "{\"b\": 1, \"a\": [\"\\u0000\", 2]}",
            "0",
            "9223372036854775807",
            "-0.1",
            "9999-12-31",
            "9999-12-31T23:59:59.999999Z",
            "[]",
            "NULL",
            "NULL",
            "NULL",
            "NULL",
            "NULL",
            "NULL",
        ]
    );
    // The same again, through the road of known rows.
    let again = to.load(&fence, vec![batch(vec![upsert(source(), &ALL, rows.clone())])]).await.unwrap();
    assert_eq!((again.loaded, again.unchanged), (0, rows.len() as u64));
    for row in &mut rows {
        row[3] = Value::Integer(5);
    }
    let changed = to.load(&fence, vec![batch(vec![upsert(source(), &ALL, rows)])]).await.unwrap();
    assert_eq!(changed.tables[0].updated, 15);
    assert_eq!(flat(to.ask("SELECT words FROM {people} WHERE _id LIKE 'odd%' ORDER BY _id").await), expected);
    if to.is_sqlite() {
        assert_eq!(to.one("SELECT date(moment, '+1 day') FROM {people} WHERE _id = 'full'").await, "0001-01-02");
    }
}

pub(crate) async fn a_column_widens_from_integer_to_decimal_to_text(to: &Destination) {
    let fence = to.begin("run-1").await;
    let page = |kind: ValueType, rows: Vec<(&str, Value)>| {
        batch(vec![upsert(source(), &[("_id", TEXT), ("size", kind)], rows.into_iter().map(|(id, value)| vec![text(id), value]).collect())])
    };
    to.load(&fence, vec![page(INTEGER, vec![("1", Value::Integer(7)), ("2", Value::None)])]).await.unwrap();
    let receipt = to.load(&fence, vec![page(DECIMAL, vec![("1", Value::Decimal(7 * ONE)), ("3", Value::Decimal(ONE / 4))])]).await.unwrap();
    assert_eq!((receipt.tables[0].inserted, receipt.tables[0].updated, receipt.tables[0].unchanged), (1, 0, 1), "7 and 7.0 are one value");
    assert_eq!(to.one("SELECT sum(size) = 7.25 FROM {people}").await, if to.is_sqlite() { "1" } else { "t" });
    // A whole number into a decimal column, then a text: all become text, the earlier ones in their canonical form.
    to.load(&fence, vec![page(INTEGER, vec![("4", Value::Integer(12))])]).await.unwrap();
    to.load(&fence, vec![page(TEXT, vec![("5", text("007")), ("6", text("large"))])]).await.unwrap();
    let sizes = "SELECT size FROM {people} ORDER BY _id";
    assert_eq!(flat(to.ask(sizes).await), ["7", "NULL", "0.25", "12", "007", "large"]);
    // The column stays text when numbers come again.
    to.load(&fence, vec![page(DECIMAL, vec![("1", Value::Decimal(ONE * 3 / 2))]), page(INTEGER, vec![("2", Value::Integer(-1))])])
        .await
        .unwrap();
    assert_eq!(flat(to.ask(sizes).await), ["1.5", "-1", "0.25", "12", "007", "large"]);
    let kinds = if to.is_sqlite() { "SELECT DISTINCT typeof(size) FROM {people}" } else { "SELECT DISTINCT pg_typeof(size) FROM {people}" };
    assert_eq!(to.one(kinds).await, "text");
}

pub(crate) async fn every_type_widens_to_text_without_loss(to: &Destination) {
    let fence = to.begin("run-1").await;
    let row = vec![
        text("1"),
        text("w"),
        Value::Boolean(true),
        Value::Integer(-5),
        Value::Decimal(123_456_789 * ONE + ONE / 8),
        Value::Date(0),
        Value::At(1_500_000),
        text("{}"),
    ];
    to.load(&fence, vec![batch(vec![upsert(source(), &ALL, vec![row.clone()])])]).await.unwrap();
    // First days become instants, then everything becomes text.
    let instant = upsert(source(), &[("_id", TEXT), ("day", ValueType::Timestamp)], vec![vec![text("2"), Value::At(0)]]);
    to.load(&fence, vec![batch(vec![instant])]).await.unwrap();
    let day = if to.is_sqlite() {
        "SELECT day FROM {people} WHERE _id = '1'"
    } else {
        "SELECT day AT TIME ZONE 'UTC' FROM {people} WHERE _id = '1'"
    };
    assert_eq!(to.one(day).await, if to.is_sqlite() { "1970-01-01T00:00:00.000000Z" } else { "1970-01-01 00:00:00" });
    let texts: Vec<(&str, ValueType)> = ALL.iter().map(|(name, _)| (*name, TEXT)).collect();
    to.load(&fence, vec![batch(vec![upsert(source(), &texts, vec![ALL.iter().map(|(name, _)| text(*name)).collect()])])]).await.unwrap();
    let read = |id: &str| format!("SELECT words, yes, whole, amount, day, moment, object FROM {{people}} WHERE _id = '{id}'");
    let expected = ["w", "true", "-5", "123456789.125", "1970-01-01T00:00:00.000000Z", "1970-01-01T00:00:01.500000Z", "{}"];
    assert_eq!(flat(to.ask(&read("1")).await), expected);
    // The same values, written into the columns that are text by now, look alike, but for the day.
    let mut again = row;
    again[0] = text("3");
    to.load(&fence, vec![batch(vec![upsert(source(), &ALL, vec![again])])]).await.unwrap();
    let mut written = flat(to.ask(&read("3")).await);
    assert_eq!(std::mem::replace(&mut written[4], expected[4].to_owned()), "1970-01-01");
    assert_eq!(written, expected);
}

pub(crate) async fn pages_of_one_load_may_differ_in_columns(to: &Destination) {
    let fence = to.begin("run-1").await;
    let one = upsert(source(), &[("_id", TEXT), ("size", INTEGER)], vec![vec![text("1"), Value::Integer(1)]]);
    let two = upsert(source(), &[("_id", TEXT), ("size", TEXT), ("colour", TEXT)], vec![vec![text("2"), text("XL"), text("red")]]);
    let three = upsert(source(), &[("colour2", TEXT), ("_id", TEXT)], vec![]);
    let mut three = three;
    three.schema = std::sync::Arc::new(aqueduct_schema::TableSchema { key: "_id".into(), ..(*three.schema).clone() });
    let receipt = to.load(&fence, vec![batch(vec![one]), batch(vec![two]), batch(vec![three])]).await.unwrap();
    assert_eq!((receipt.loaded, receipt.tables.len()), (2, 1));
    assert_eq!(flat(to.ask("SELECT size, colour, colour2 FROM {people} ORDER BY _id").await), ["1", "NULL", "NULL", "XL", "red", "NULL"]);
}

pub(crate) async fn hostile_names_are_only_names(to: &Destination) {
    let fence = to.begin("run-1").await;
    let names = ["_id", "select", "a\"b", "x'; DROP TABLE y; --", "semi;colon", "öffnung", "user", "with space", "$1", "?", "c", "t"];
    let columns: Vec<(&str, ValueType)> = names.iter().map(|name| (*name, TEXT)).collect();
    let name = TableName { layer: aqueduct_schema::Layer::Source("or\"der".into()), name: "gr'oup \"by\"".into() };
    let mut schema = schema(name, &columns);
    schema.constants = vec![("na'me\"".into(), "it's; \\ \"all\" $$ right".into())];
    let rows = |mark: &str| vec![names.iter().map(|name| text(format!("{name}{mark}"))).collect()];
    let table = |mark: &str| table_of(schema.clone(), Operation::Upsert, rows(mark));
    to.load(&fence, vec![snapshot(vec![table("")], 0, true)]).await.unwrap();
    let mut changed = table("");
    let mut other: Vec<Value> = names.iter().map(|name| text(format!("{name}!"))).collect();
    other[0] = text("_id");
    changed = table_of((*changed.schema).clone(), Operation::Upsert, vec![other]);
    assert_eq!(to.load(&fence, vec![snapshot(vec![changed], 10, true)]).await.unwrap().tables[0].updated, 1);
    assert_eq!(to.load(&fence, vec![snapshot(vec![table("?")], 20, true)]).await.unwrap().tables[0].deleted, 1);
    let from = if to.is_sqlite() { "\"or\"\"der_gr'oup \"\"by\"\"\"" } else { "\"or\"\"der\".\"gr'oup \"\"by\"\"\"" };
    let found = to.ask(&format!("SELECT \"a\"\"b\", \"x'; DROP TABLE y; --\", \"na'me\"\"\" FROM {from} ORDER BY \"_id\"")).await;
    assert_eq!(flat(found)[..3], ["a\"b!", "x'; DROP TABLE y; --!", "it's; \\ \"all\" $$ right"]);
    // A name that PostgreSQL would cut is refused everywhere.
    let long = "x".repeat(64);
    let error = to.load(&fence, vec![batch(vec![upsert(source(), &[("_id", TEXT), (&long, TEXT)], Vec::new())])]).await.unwrap_err();
    assert_eq!(error.code(), codes::BUG);
}

pub(crate) async fn too_many_columns_are_told_clearly(to: &Destination) {
    let fence = to.begin("run-1").await;
    let limit = if to.is_sqlite() { 2000 } else { 1600 };
    let table = |count: usize| {
        let names: Vec<String> = (0..count).map(|index| format!("c{index:04}")).collect();
        let mut columns = vec![("_id", TEXT)];
        columns.extend(names.iter().map(|name| (name.as_str(), TEXT)));
        let row = columns.iter().map(|(name, _)| if *name == "_id" || *name < "c0100" { text(*name) } else { Value::None }).collect();
        batch(vec![upsert(source(), &columns, vec![row])])
    };
    let error = to.load(&fence, vec![table(limit - 5)]).await.unwrap_err();
    assert_eq!(error.code(), codes::DESTINATION_FAILED);
    assert!(error.to_string().contains(&limit.to_string()) && error.advice().contains("select"), "{error}");
    // Key, two columns of deletions and three of the load take six places.
    assert_eq!(to.load(&fence, vec![table(limit - 6)]).await.unwrap().loaded, 1);
    assert_eq!(to.load(&fence, vec![table(limit - 6)]).await.unwrap().unchanged, 1);
    assert_eq!(to.one("SELECT c0099 FROM {people}").await, "c0099");
}

pub(crate) async fn what_no_calendar_holds_is_null(to: &Destination) {
    let fence = to.begin("run-1").await;
    let columns = [("_id", TEXT), ("day", ValueType::Date), ("moment", ValueType::Timestamp)];
    let rows = vec![
        vec![text("1"), Value::Date(i32::MAX), Value::At(i64::MAX)],
        vec![text("2"), Value::Date(i32::MIN), Value::At(i64::MIN)],
        vec![text("3"), Value::Date(0), Value::At(0)],
    ];
    to.load(&fence, vec![batch(vec![upsert(source(), &columns, rows.clone())])]).await.unwrap();
    assert_eq!(to.one("SELECT count(*) FROM {people} WHERE day IS NULL AND moment IS NULL").await, "2");
    assert_eq!(to.load(&fence, vec![batch(vec![upsert(source(), &columns, rows)])]).await.unwrap().unchanged, 3);
}
