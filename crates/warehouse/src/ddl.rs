//! The common tables as SQL, as loads create them: for people who create them first, or want to see what there will be.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use aqueduct_schema::entities::{ALL, FLAGS_COLUMN, PROVENANCE, is_made_here};
use aqueduct_schema::{Column, Entity, Result, TableName, TableSchema, ValueType};

use crate::layout::Layout;
use crate::{identities, postgres, sqlite};

/// A database's own words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SqlDialect {
    /// SQLite.
    #[default]
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

impl fmt::Display for SqlDialect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        })
    }
}

impl FromStr for SqlDialect {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "sqlite" => Ok(Self::Sqlite),
            "postgres" => Ok(Self::Postgres),
            other => Err(format!("there is no dialect `{other}`: write sqlite or postgres")),
        }
    }
}

/// Columns with one value for all rows of a pipeline.
const CONSTANTS: [&str; 3] = ["source_system", "source_account_id", "source_object"];

/// The statements that create every common table.
///
/// # Errors
/// `AQ9001` when an entity cannot be a table.
pub fn ddl(dialect: SqlDialect) -> Result<String> {
    let mut sql = match dialect {
        SqlDialect::Sqlite => String::new(),
        SqlDialect::Postgres => "CREATE SCHEMA IF NOT EXISTS \"crm\";\n\n".to_owned(),
    };
    for entity in ALL {
        let name = TableName::common(entity.name);
        let schema = if is_made_here(entity) { identities::write::schema(entity) } else { schema(&name, entity) };
        let layout = Layout::of(&name, std::iter::once(&schema))?;
        let table = match dialect {
            SqlDialect::Sqlite => sqlite::create_table(&layout),
            SqlDialect::Postgres => postgres::create_table(&layout),
        };
        sql.push_str(&format!("-- {}\n{table}\n", entity.description));
    }
    Ok(sql)
}

fn schema(name: &TableName, entity: &Entity) -> TableSchema {
    let fields = PROVENANCE.iter().chain(entity.fields).filter(|field| !CONSTANTS.contains(&field.name));
    let mut columns: Vec<Column> = fields.map(|field| field.column()).collect();
    columns.push(Column::technical(FLAGS_COLUMN, ValueType::Json));
    TableSchema {
        name: name.clone(),
        columns,
        absent_columns: Vec::new(),
        key: "id".into(),
        constants: CONSTANTS.iter().map(|name| (Arc::from(*name), Arc::from(""))).collect(),
    }
}

/// A statement with a line for each column. Names of columns hold no comma.
pub(crate) fn in_lines(statement: &str) -> String {
    let lines = statement.replacen('(', "(\n    ", 1).replace(", ", ",\n    ");
    format!("{}\n);", lines.strip_suffix(')').unwrap_or(&lines))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_entity_is_a_table_in_both() {
        for dialect in [SqlDialect::Sqlite, SqlDialect::Postgres] {
            let sql = ddl(dialect).unwrap();
            assert_eq!(sql.matches("CREATE TABLE").count(), ALL.len());
            assert_eq!(dialect.to_string().parse::<SqlDialect>(), Ok(dialect));
        }
        assert!(ddl(SqlDialect::Postgres).unwrap().contains("    \"amount\" numeric(38,9),\n"));
    }

    /// A table with columns that identities do not fill, some of them needed, would take none.
    #[test]
    fn identities_have_no_columns_of_a_source() {
        for dialect in [SqlDialect::Sqlite, SqlDialect::Postgres] {
            let sql = ddl(dialect).unwrap();
            let tables = sql.split("\n-- ").filter(|table| table.contains("\"identity\" (") || table.contains("\"identity_link\" ("));
            let tables: Vec<&str> = tables.filter(|table| table.contains("CREATE TABLE")).collect();
            assert_eq!(tables.len(), 2);
            for table in tables {
                assert!(!table.contains("source_system") && !table.contains(FLAGS_COLUMN), "{table}");
                assert!(table.contains("\"is_deleted\"") && table.contains("\"_row_hash\""), "{table}");
            }
        }
    }
}
