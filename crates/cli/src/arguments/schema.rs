//! What can be typed after `schema`.

use aqueduct_pipeline::warehouse::SqlDialect;
use clap::{Args, ValueEnum};

/// How the common schema is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaFormat {
    /// A page for people, as docs/reference/schema.md.
    #[default]
    Markdown,
    /// The same for programs.
    Json,
    /// A diagram of the tables and what points at what.
    Mermaid,
    /// The statements that create the tables.
    Ddl,
}

#[derive(Debug, Args)]
pub(crate) struct SchemaArguments {
    /// How to print it.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: SchemaFormat,
    /// The database of the statements: sqlite or postgres.
    #[arg(long, default_value_t, value_name = "DATABASE")]
    pub(crate) dialect: SqlDialect,
}
