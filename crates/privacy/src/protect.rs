//! Applying a policy to a batch: the only way to a protected one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aqueduct_schema::entities::FLAGS_COLUMN;
use aqueduct_schema::{
    Batch, Checked, Column, Error, Protected, Reject, RejectCell, Result, Secret, Table, TableName, TableSchema, ValueType, codes,
};
use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Decimal128Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};

use crate::policy::{Policy, Treatment};
use crate::token::Tokeniser;

/// Seals a text so that nobody reads it but whoever has the key.
pub trait Seal: Send + Sync + std::fmt::Debug {
    /// The sealed text; it opens only under the same label.
    ///
    /// # Errors
    /// When there is no key.
    fn seal(&self, text: &str, label: &str) -> Result<String>;
}

/// Carries out a policy.
#[derive(Debug)]
pub struct Protector {
    policy: Policy,
    tokeniser: Option<Tokeniser>,
    originals: Option<Arc<dyn Seal>>,
    plans: Mutex<HashMap<TableName, Arc<Plan>>>,
}

/// What happens to the columns of one table schema.
#[derive(Debug)]
struct Plan {
    from: Arc<TableSchema>,
    to: Arc<TableSchema>,
    /// For each column that is stored: its position before, and whether it becomes a token.
    columns: Vec<(usize, bool)>,
    /// The position before of what the cleaners found, and the fields of which nothing may be told there.
    flags: Option<(usize, Vec<Arc<str>>)>,
    unchanged: bool,
}

impl Protector {
    /// A policy and the key for its tokens.
    ///
    /// # Errors
    /// `AQ1013` when the policy makes tokens and there is no key, or the key is too short.
    pub fn new(policy: Policy, token_key: Option<&Secret>) -> Result<Self> {
        let tokeniser = match token_key {
            Some(key) if policy.needs_key() => Some(Tokeniser::new(key)?),
            None if policy.needs_key() => {
                return Err(Error::new(codes::BAD_POLICY, "the policy replaces values by tokens, but there is no key")
                    .advise("Set `privacy: { token_key: ${AQUEDUCT_TOKEN_KEY} }` in the pipeline file and the variable in .env."));
            }
            _ => None,
        };
        Ok(Self { policy, tokeniser, originals: None, plans: Mutex::new(HashMap::new()) })
    }

    /// The same protector, which keeps rejected records whole as well, sealed, so that they can be loaded once what was wrong is mended.
    #[must_use]
    pub fn keeping_originals(self, seal: Arc<dyn Seal>) -> Self {
        Self { originals: Some(seal), ..self }
    }

    /// The same policy and tokens, without keeping rejected records whole: for what is looked at and not stored.
    #[must_use]
    pub fn without_originals(&self) -> Self {
        Self { policy: self.policy.clone(), tokeniser: self.tokeniser.clone(), originals: None, plans: Mutex::default() }
    }

    /// The policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Takes a checked batch through the policy.
    ///
    /// # Errors
    /// `AQ1013` when a column that identifies rows would be dropped; those of the seal, where originals are kept.
    pub fn protect(&self, mut batch: Batch<Checked>) -> Result<Batch<Protected>> {
        let (tables, rejects) = batch.take_content();
        let source = tables.first().map(|table| table.schema.clone());
        crate::examples::protect(&self.policy, batch.cleaning_mut(), source.as_deref(), |value| self.token(value));
        let tables = tables.into_iter().map(|table| self.table(table)).collect::<Result<Vec<_>>>()?;
        let stream = batch.stream().clone();
        let rejects = rejects.into_iter().map(|reject| self.reject(reject, source.as_deref(), &stream)).collect::<Result<_>>()?;
        Ok(batch.into_protected(tables, rejects))
    }

    fn table(&self, table: Table) -> Result<Table> {
        let plan = self.plan(&table.schema)?;
        if plan.unchanged {
            return Ok(Table { schema: plan.to.clone(), ..table });
        }
        let columns: Vec<ArrayRef> = plan
            .columns
            .iter()
            .map(|&(from, token)| {
                let column = table.rows.column(from);
                match &plan.flags {
                    _ if token => self.tokens(column),
                    Some((at, dropped)) if *at == from => Ok(flags_without(column, dropped)),
                    _ => Ok(column.clone()),
                }
            })
            .collect::<Result<_>>()?;
        let rows = RecordBatch::try_new(plan.to.arrow(), columns)
            .map_err(|error| Error::new(codes::BUG, format!("protected rows do not fit: {error}")))?;
        Table::new(plan.to.clone(), table.operation, rows)
    }

    fn plan(&self, schema: &Arc<TableSchema>) -> Result<Arc<Plan>> {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(plan) = plans.get(&schema.name)
            && (Arc::ptr_eq(&plan.from, schema) || plan.from == *schema)
        {
            return Ok(plan.clone());
        }
        let mut to = TableSchema { columns: Vec::new(), absent_columns: Vec::new(), ..TableSchema::clone(schema) };
        let mut columns = Vec::new();
        for (index, column) in schema.columns.iter().enumerate() {
            let treatment = if column.name == schema.key { Treatment::Keep } else { self.policy.treatment(&schema.name, column) };
            match treatment {
                Treatment::Keep => {
                    to.columns.push(column.clone());
                    columns.push((index, false));
                }
                Treatment::Tokenise => {
                    to.columns.push(Column { value_type: ValueType::Text, ..column.clone() });
                    columns.push((index, true));
                }
                Treatment::Drop if column.required => {
                    return Err(Error::new(
                        codes::BAD_POLICY,
                        format!("the policy drops `{}.{}`, without which no row can be stored", schema.name, column.name),
                    )
                    .advise("Keep or tokenise the column."));
                }
                // A source column that is dropped does not exist at all; a column of the common schema stays, empty, so that queries work.
                Treatment::Drop if schema.name.layer == aqueduct_schema::Layer::Common => to.absent_columns.push(column.clone()),
                Treatment::Drop => {}
            }
        }
        to.absent_columns.extend(schema.absent_columns.iter().cloned());
        // A column that becomes tokens looks the same before and after: it is told by the plan, not by the schema.
        let unchanged = to == **schema && columns.iter().all(|(_, token)| !token);
        // That a date of birth is the first day computers count says which it is: what is dropped leaves no flag.
        let dropped: Vec<Arc<str>> =
            schema.columns.iter().map(|column| column.name.clone()).filter(|name| to.index_of(name).is_none()).collect();
        let flags = schema.index_of(FLAGS_COLUMN).filter(|_| !dropped.is_empty()).map(|at| (at, dropped));
        let plan = Arc::new(Plan { from: schema.clone(), to: Arc::new(to), columns, flags, unchanged });
        plans.insert(schema.name.clone(), plan.clone());
        Ok(plan)
    }

    fn reject(&self, mut reject: Reject, source: Option<&TableSchema>, stream: &str) -> Result<Reject> {
        if let Some(seal) = &self.originals {
            reject.sealed = Some(seal.seal(&original(&reject.record), stream)?);
        }
        let treatment_of = |cell: &RejectCell| {
            let column = source.and_then(|schema| schema.columns.iter().find(|column| column.name == cell.column));
            match (source, column) {
                (Some(schema), Some(column)) => self.policy.treatment(&schema.name, column),
                _ => self.policy.of_sensitivity(cell.sensitivity),
            }
        };
        reject.record.retain_mut(|cell| match treatment_of(cell) {
            Treatment::Keep => true,
            Treatment::Drop => false,
            Treatment::Tokenise => {
                cell.value = cell.value.as_deref().map(|value| self.token(value));
                true
            }
        });
        let id_column = source.and_then(|schema| Some((&schema.name, &schema.columns[schema.index_of("source_id")?])));
        if let Some((table, column)) = id_column {
            reject.source_id = match self.policy.treatment(table, column) {
                Treatment::Keep => reject.source_id,
                Treatment::Tokenise => reject.source_id.as_deref().map(|value| self.token(value)),
                Treatment::Drop => None,
            };
        }
        Ok(reject)
    }

    fn token(&self, value: &str) -> String {
        // Without a tokeniser no rule makes tokens (`new` checks it); a value must not slip through all the same.
        self.tokeniser.as_ref().map_or_else(String::new, |tokeniser| tokeniser.token(value))
    }

    fn tokens(&self, column: &ArrayRef) -> Result<ArrayRef> {
        let Some(tokeniser) = &self.tokeniser else {
            return Err(Error::new(codes::BUG, "a policy that makes tokens has no key"));
        };
        let mut builder = StringBuilder::with_capacity(column.len(), column.len() * 36);
        let mut token = String::with_capacity(36);
        for row in 0..column.len() {
            match text(column, row) {
                Some(value) => {
                    token.clear();
                    tokeniser.write(&value, &mut token);
                    builder.append_value(&token);
                }
                None => builder.append_null(),
            }
        }
        Ok(Arc::new(builder.finish()))
    }
}

/// A record as it came: a JSON object of column to text or null.
fn original(record: &[RejectCell]) -> String {
    let cells = record.iter().map(|cell| (cell.column.to_string(), cell.value.as_deref().into()));
    serde_json::Value::Object(cells.collect()).to_string()
}

/// What the cleaners found, without what they found in these fields.
fn flags_without(column: &ArrayRef, dropped: &[Arc<str>]) -> ArrayRef {
    let flags = column.as_string::<i32>();
    let kept = flags.iter().map(|text| {
        let text = text?;
        if !dropped.iter().any(|name| text.contains(&**name)) {
            return Some(text.into());
        }
        let mut flags: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).ok()?;
        flags.retain(|field, _| !dropped.iter().any(|name| **name == *field));
        (!flags.is_empty()).then(|| serde_json::Value::Object(flags).to_string().into())
    });
    Arc::new(kept.collect::<Vec<Option<std::borrow::Cow<'_, str>>>>().into_iter().collect::<StringArray>())
}

/// A cell as the text its token is made from; one text for one value, whatever the table.
fn text(column: &ArrayRef, row: usize) -> Option<std::borrow::Cow<'_, str>> {
    use arrow_schema::DataType;
    if column.is_null(row) {
        return None;
    }
    Some(match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().value(row).into(),
        DataType::Boolean => if column.as_boolean().value(row) { "true" } else { "false" }.into(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string().into(),
        DataType::Decimal128(..) => column.as_primitive::<Decimal128Type>().value(row).to_string().into(),
        DataType::Date32 => column.as_primitive::<Date32Type>().value(row).to_string().into(),
        DataType::Timestamp(..) => column.as_primitive::<TimestampMicrosecondType>().value(row).to_string().into(),
        // `Table::new` admits no other type; a value of one is left out rather than shown.
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aqueduct_schema::{Checkpoint, Mode, Operation, SemanticType, Sensitivity, StreamState, Timestamp};

    fn column(name: &str, sensitivity: Sensitivity, semantic: Option<SemanticType>) -> Column {
        Column { name: name.into(), value_type: ValueType::Text, semantic, sensitivity, required: false }
    }

    fn batch(tables: Vec<Table>, rejects: Vec<Reject>) -> Batch<Checked> {
        let checkpoint = Checkpoint {
            state: StreamState::default(),
            mode: Mode::Backfill,
            reading_started_at: Timestamp::from_seconds(0),
            reading_complete: false,
        };
        let raw = Batch::raw("contacts".into(), tables[0].clone(), Vec::new(), 1, checkpoint);
        raw.into_normalised(Vec::new(), Vec::new(), 0).into_checked(tables, rejects)
    }

    fn table(name: TableName) -> Table {
        let columns = vec![
            Column::technical("_id", ValueType::Text),
            column("source_id", Sensitivity::Direct, Some(SemanticType::SourceId)),
            column("email", Sensitivity::Direct, Some(SemanticType::Email)),
            column("city", Sensitivity::Indirect, None),
            column("gender", Sensitivity::Sensitive, None),
        ];
        let schema = Arc::new(TableSchema { name, columns, absent_columns: Vec::new(), key: "_id".into(), constants: Vec::new() });
        let cells = ["1", "ann@example.com", "ann@example.com", "Leeds", "f"];
        let arrays = cells.map(|cell| Arc::new(StringArray::from(vec![cell])) as ArrayRef).to_vec();
        Table::new(schema.clone(), Operation::Upsert, RecordBatch::try_new(schema.arrow(), arrays).unwrap()).unwrap()
    }

    fn reject() -> Reject {
        Reject {
            rule: "email.no_at_sign".into(),
            field: None,
            message: String::new(),
            source_id: Some("ann@example.com".into()),
            location: None,
            record: vec![
                RejectCell { column: "email".into(), sensitivity: Sensitivity::Direct, value: Some("ann@example.com".into()) },
                RejectCell { column: "gender".into(), sensitivity: Sensitivity::Sensitive, value: Some("f".into()) },
                RejectCell { column: "line".into(), sensitivity: Sensitivity::Direct, value: Some("ann@example.com;f".into()) },
            ],
            sealed: None,
        }
    }

    #[test]
    fn tokens_join_across_tables_and_no_value_is_left() {
        let policy = Policy::read("p", "sensitivity: {direct: tokenise, indirect: drop}").unwrap();
        let protector = Protector::new(policy, Some(&Secret::new("0123456789abcdef"))).unwrap();
        let tables = vec![table(TableName::source("hubspot", "contacts")), table(TableName::common("contact"))];
        let protected = protector.protect(batch(tables, vec![reject()])).unwrap();
        let names =
            |index: usize| protected.tables()[index].schema.columns.iter().map(|column| column.name.to_string()).collect::<Vec<_>>();
        assert_eq!(names(0), ["_id", "source_id", "email"]);
        assert_eq!(names(1), ["_id", "source_id", "email"]);
        assert!(protected.tables()[0].schema.absent_columns.is_empty());
        assert_eq!(protected.tables()[1].schema.absent_columns.len(), 2);
        let cell = |table: usize, at: usize| protected.tables()[table].rows.column(at).as_string::<i32>().value(0).to_owned();
        assert_eq!(cell(0, 2), cell(1, 2));
        assert_eq!(cell(0, 1), cell(0, 2));
        let everything = format!("{protected:?}");
        assert!(!everything.contains("ann@") && !everything.contains("Leeds"), "{everything}");
        assert_eq!(protected.rejects()[0].record.len(), 2);
    }

    #[test]
    fn the_default_policy_keeps_people_and_drops_special_categories() {
        let protector = Protector::new(Policy::default(), None).unwrap();
        let protected = protector.protect(batch(vec![table(TableName::common("contact"))], vec![reject()])).unwrap();
        let everything = format!("{protected:?}");
        assert!(everything.contains("ann@example.com") && everything.contains("Leeds"));
        assert!(protected.tables()[0].schema.index_of("gender").is_none());
        assert!(protected.rejects()[0].record.iter().all(|cell| cell.column.as_ref() != "gender"));
    }

    #[test]
    fn what_is_dropped_leaves_no_flag() {
        let columns = vec![
            Column::technical("_id", ValueType::Text),
            column("last_name", Sensitivity::Direct, None),
            column("birth_date", Sensitivity::Sensitive, None),
            Column::technical(FLAGS_COLUMN, ValueType::Json),
        ];
        let schema = Arc::new(TableSchema {
            name: TableName::common("contact"),
            columns,
            absent_columns: Vec::new(),
            key: "_id".into(),
            constants: Vec::new(),
        });
        let both = r#"{"last_name":"person_name.all_capitals","birth_date":"date.epoch"}"#;
        let [name, birth] = [r#"{"last_name":"person_name.test_word"}"#, r#"{"birth_date":"date.epoch"}"#];
        let array = |cells: [Option<&str>; 4]| Arc::new(StringArray::from(cells.to_vec())) as ArrayRef;
        let cells = [
            array([Some("1"), Some("2"), Some("3"), Some("4")]),
            array([Some("LEE"), Some("Test"), Some("Ann"), None]),
            array([None, Some("1970-01-01"), Some("1970-01-01"), None]),
            array([Some(both), Some(name), Some(birth), None]),
        ];
        let rows = RecordBatch::try_new(schema.arrow(), cells.to_vec()).unwrap();
        let table = Table::new(schema, Operation::Upsert, rows).unwrap();
        let protected = Protector::new(Policy::default(), None).unwrap().protect(batch(vec![table], Vec::new())).unwrap();
        let flags: Vec<Option<&str>> = protected.tables()[0].rows.column(2).as_string::<i32>().iter().collect();
        assert_eq!(flags, [Some(r#"{"last_name":"person_name.all_capitals"}"#), Some(name), None, None]);
    }

    #[derive(Debug)]
    struct Backwards;

    impl Seal for Backwards {
        fn seal(&self, text: &str, label: &str) -> Result<String> {
            Ok(format!("{label}:{}", text.chars().rev().collect::<String>()))
        }
    }

    #[test]
    fn an_original_is_kept_whole_and_sealed_where_that_is_asked_for() {
        let content = |protector: &Protector| {
            let protected = protector.protect(batch(vec![table(TableName::common("contact"))], vec![reject()])).unwrap();
            protected.rejects()[0].sealed.clone()
        };
        let policy = || Policy::read("p", "sensitivity: {direct: drop}").unwrap();
        assert_eq!(content(&Protector::new(policy(), None).unwrap()), None);
        let sealed = content(&Protector::new(policy(), None).unwrap().keeping_originals(Arc::new(Backwards))).unwrap();
        let (label, text) = sealed.split_once(':').unwrap();
        assert_eq!(label, "contacts");
        let original: serde_json::Value = serde_json::from_str(&text.chars().rev().collect::<String>()).unwrap();
        assert_eq!(original, serde_json::json!({"email": "ann@example.com", "gender": "f", "line": "ann@example.com;f"}));
    }

    #[test]
    fn tokens_are_made_where_nothing_else_changes() {
        let policy = Policy::read("p", "sensitivity: {direct: tokenise, sensitive: keep}").unwrap();
        let protector = Protector::new(policy, Some(&Secret::new("0123456789abcdef"))).unwrap();
        for _ in 0..2 {
            let protected = protector.protect(batch(vec![table(TableName::common("contact"))], vec![])).unwrap();
            let everything = format!("{protected:?}");
            assert!(everything.contains("tok_") && everything.contains("Leeds") && !everything.contains("ann@"), "{everything}");
        }
    }

    #[test]
    fn a_policy_with_tokens_needs_a_key() {
        let policy = || Policy::read("p", "semantic_types: {email: tokenise}").unwrap();
        assert!(Protector::new(policy(), None).is_err());
        assert!(Protector::new(policy(), Some(&Secret::new("short"))).is_err());
    }
}
