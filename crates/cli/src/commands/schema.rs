//! `aqueduct schema`.

use aqueduct_pipeline::SchemaReference;
use aqueduct_pipeline::schema::Result;
use aqueduct_pipeline::warehouse::{SqlDialect, ddl};

use crate::arguments::SchemaFormat;
use crate::commands::Context;

/// Prints the common schema.
pub(crate) fn schema(context: &Context, format: SchemaFormat, dialect: SqlDialect) -> Result<u8> {
    let output = &context.output;
    let reference = SchemaReference::of(&context.registry)?;
    if output.is_json() || format == SchemaFormat::Json {
        output.json_line(&serde_json::json!(reference));
        return Ok(0);
    }
    let text = match format {
        SchemaFormat::Mermaid => reference.mermaid(),
        SchemaFormat::Ddl => ddl(dialect)?,
        SchemaFormat::Markdown | SchemaFormat::Json => reference.markdown(),
    };
    output.data(text.trim_end());
    Ok(0)
}
