//! `aqueduct schema`.

use aqueduct_pipeline::schema::{Error, Result, codes};
use aqueduct_pipeline::warehouse::ddl;
use aqueduct_pipeline::{SchemaReference, editor, mapping_schema};
use aqueduct_server::project;

use crate::arguments::{SchemaArguments, SchemaFormat, SchemaOf};
use crate::commands::Context;

/// Prints the common schema, or the JSON Schema of a kind of file.
pub(crate) fn schema(context: &Context, arguments: &SchemaArguments) -> Result<u8> {
    let SchemaArguments { of, format, dialect } = arguments;
    let output = &context.output;
    let of_files = match of {
        SchemaOf::Common => return common(context, *format, || ddl(*dialect)),
        SchemaOf::Pipeline => editor::pipeline_schema(&context.registry),
        SchemaOf::Project => project::json_schema(),
        SchemaOf::Mapping => mapping_schema().to_value(),
    };
    if matches!(format, SchemaFormat::Mermaid | SchemaFormat::Ddl) {
        let error = Error::new(codes::BAD_USAGE, "the schema of a kind of file is JSON; diagrams and statements are of the common schema");
        return Err(error.advise("Leave out `--format`."));
    }
    match (output.is_json(), serde_json::to_string_pretty(&of_files)) {
        (false, Ok(text)) => output.data(&text),
        _ => output.json_line(&of_files),
    }
    Ok(0)
}

fn common(context: &Context, format: SchemaFormat, ddl: impl Fn() -> Result<String>) -> Result<u8> {
    let output = &context.output;
    let reference = SchemaReference::of(&context.registry)?;
    if output.is_json() || format == SchemaFormat::Json {
        output.json_line(&serde_json::json!(reference));
        return Ok(0);
    }
    let text = match format {
        SchemaFormat::Mermaid => reference.mermaid(),
        SchemaFormat::Ddl => ddl()?,
        SchemaFormat::Markdown | SchemaFormat::Json => reference.markdown(),
    };
    output.data(text.trim_end());
    Ok(0)
}
