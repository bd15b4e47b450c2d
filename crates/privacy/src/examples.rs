//! Examples of what cleaning did are values: they are stored only where the policy stores the field, and the source columns it was
//! read from, as they are.

use aqueduct_schema::{CleaningCount, Entity, TableName, TableSchema};

use crate::policy::{Policy, Treatment};

/// Leaves out the examples of every field that is not stored as it is, and treats the ids of the records as the policy says.
pub(crate) fn protect(policy: &Policy, counts: &mut [CleaningCount], source: Option<&TableSchema>, token: impl Fn(&str) -> String) {
    let of_column = |name: &str| {
        let (schema, column) = source.and_then(|schema| Some((schema, &schema.columns[schema.index_of(name)?])))?;
        Some(policy.treatment(&schema.name, column))
    };
    for count in counts.iter_mut().filter(|count| !count.examples.is_empty()) {
        let table = TableName::common(count.entity);
        let field = Entity::named(count.entity).and_then(|entity| entity.field(count.field));
        let kept = field.is_some_and(|field| policy.treatment(&table, &field.column()) == Treatment::Keep)
            && count.columns.iter().all(|column| of_column(column) == Some(Treatment::Keep));
        if !kept {
            count.examples = Vec::new();
            continue;
        }
        let treatment = of_column("source_id").unwrap_or(Treatment::Drop);
        for example in &mut count.examples {
            example.source_id = match treatment {
                Treatment::Keep => example.source_id.take(),
                Treatment::Tokenise => example.source_id.as_deref().map(&token),
                Treatment::Drop => None,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use aqueduct_schema::{CleaningExample, CleaningStatus, Column, SemanticType, Sensitivity, ValueType};

    fn counts() -> Vec<CleaningCount> {
        let count = |field, column: &str| CleaningCount {
            entity: "contact",
            field,
            status: CleaningStatus::Fixed,
            code: "x.y",
            cells: 9,
            kept: 9,
            examples: vec![CleaningExample { before: "a ".into(), after: Some("a".into()), source_id: Some("17".into()) }],
            columns: vec![column.into()],
        };
        vec![count("email", "mail"), count("job_title", "notes"), count("birth_date", "born"), count("city", "nowhere")]
    }

    fn source() -> TableSchema {
        let column = |name: &str, sensitivity| Column {
            name: name.into(),
            value_type: ValueType::Text,
            semantic: (name == "source_id").then_some(SemanticType::SourceId),
            sensitivity,
            required: false,
        };
        let columns = vec![
            column("source_id", Sensitivity::None),
            column("mail", Sensitivity::Direct),
            column("notes", Sensitivity::Direct),
            column("born", Sensitivity::Sensitive),
        ];
        TableSchema {
            name: TableName::source("vendor", "things"),
            columns,
            absent_columns: Vec::new(),
            key: "source_id".into(),
            constants: Vec::new(),
        }
    }

    fn shown(policy: &str) -> Vec<(&'static str, Option<String>)> {
        let policy = Policy::read("p.yaml", policy).unwrap();
        let mut counts = counts();
        protect(&policy, &mut counts, Some(&source()), |value| format!("tok_{value}"));
        assert!(counts.iter().all(|count| count.cells == 9), "numbers are no values");
        let with = counts.into_iter().filter(|count| !count.examples.is_empty());
        with.map(|count| (count.field, count.examples[0].source_id.clone())).collect()
    }

    #[test]
    fn an_example_is_a_value_of_its_field_and_of_its_source_column() {
        let id = || Some("17".to_owned());
        assert_eq!(shown("{}"), [("email", id()), ("job_title", id())], "special categories are dropped, unknown columns not trusted");
        assert_eq!(shown("semantic_types: {email: tokenise}"), [("job_title", id())]);
        assert_eq!(shown("columns: {vendor_things.notes: drop}"), [("email", id())], "the source column is not to be stored");
        assert_eq!(shown("columns: {source_id: tokenise}")[0], ("email", Some("tok_17".to_owned())));
        assert_eq!(shown("columns: {source_id: drop}")[0], ("email", None));
        assert_eq!(shown("sensitivity: {direct: drop, indirect: drop}"), []);
    }
}
