//! What can be typed after `schema`.

use aqueduct_pipeline::warehouse::SqlDialect;
use clap::{Args, ValueEnum};

/// Which schema is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaOf {
    /// The common schema: the tables that every source is brought into.
    #[default]
    Common,
    /// The JSON Schema of pipeline files, for editors.
    Pipeline,
    /// The JSON Schema of aqueduct.yaml, for editors.
    Project,
    /// The JSON Schema of mapping files, for editors.
    Mapping,
}

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
    /// Which one.
    #[arg(value_enum, default_value_t, value_name = "WHICH")]
    pub(crate) of: SchemaOf,
    /// How to print the common schema; the others are JSON.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: SchemaFormat,
    /// The database of the statements: sqlite or postgres.
    #[arg(long, default_value_t, value_name = "DATABASE")]
    pub(crate) dialect: SqlDialect,
}
