//! The contract that a pipeline file names: read, held against the source's streams, and made true of what is read.

use aqueduct_connector::{Stream, selection};
use aqueduct_quality::contract::is_named;
use aqueduct_quality::{Contract, Judgement};
use aqueduct_schema::{Error, Result, SchemaChange, codes};

/// Holds the names in a contract against the streams that the source has.
///
/// # Errors
/// `AQ1007` for a stream that is not there, `AQ1008` for a field, each with its place and the name that is nearest to it.
pub(crate) fn check(contract: &Contract, streams: &[Stream]) -> Result<()> {
    for name in contract.names() {
        let Some(stream) = streams.iter().find(|stream| stream.name == name.stream) else {
            let near = selection::nearest(name.stream, streams.iter().map(|stream| stream.name.as_str()));
            let error = contract.wrong(&name, codes::UNKNOWN_STREAM, format!("the source has no stream `{}`", name.stream));
            return Err(advised(error, near));
        };
        let Some(field) = name.field else { continue };
        let fields = &stream.record.fields;
        if !fields.iter().any(|known| is_named(field, &known.path, &known.column)) {
            let near = selection::nearest(field, fields.iter().map(|field| field.column.as_ref()));
            let error = contract.wrong(&name, codes::UNKNOWN_FIELD, format!("stream `{}` has no field `{field}`", stream.name));
            return Err(advised(error, near));
        }
    }
    Ok(())
}

fn advised(error: Error, near: Option<&str>) -> Error {
    match near {
        Some(near) => error.advise(format!("Did you mean `{near}`? `aqueduct discover` lists streams and fields.")),
        None => error,
    }
}

/// Makes a judgement true of a stream as it is read: fields that are not stored are not asked for, and types that are held are rigid.
/// Gives the paths that are left out.
pub(crate) fn apply(judgement: &Judgement, stream: &mut Stream) -> Vec<String> {
    let record = &mut stream.record;
    let roles: Vec<String> = record.fields.iter().map(|field| field.path.clone()).filter(|path| record.has_role(path)).collect();
    let mut left_out = Vec::new();
    record.fields.retain(|field| {
        let out = judgement.left_out.contains(&field.path) && !roles.contains(&field.path);
        if out {
            left_out.push(field.path.clone());
        }
        !out
    });
    for field in record.fields.iter_mut().filter(|field| !roles.contains(&field.path)) {
        if let Some(value_type) = judgement.rigid.get(&field.path) {
            (field.value_type, field.rigid) = (*value_type, true);
        }
    }
    left_out
}

/// Why a stream is not read.
pub(crate) fn frozen(pipeline: &str, stream: &str, changes: &[SchemaChange]) -> Error {
    let told: Vec<String> = changes.iter().map(ToString::to_string).collect();
    Error::new(codes::SCHEMA_FROZEN, format!("the source has changed what the contract freezes ({})", told.join("; ")))
        .data_note("Nothing of the stream was read in this run; what is in the warehouse stays, and nothing is lost at the source.")
        .advise(format!("If the change is meant, accept it with `aqueduct drift {pipeline} --accept {stream}` and run again."))
}
