//! `aqueduct discover`.

use std::path::Path;

use aqueduct_pipeline::Connected;
use aqueduct_pipeline::schema::{Result, Visibility};

use crate::commands::Context;
use crate::output::table;

/// Lists streams and fields, or connectors and their config.
pub(crate) async fn discover(context: &Context, pipeline: Option<&Path>, config: Option<&str>, connectors: bool) -> Result<u8> {
    let output = &context.output;
    if connectors {
        let rows: Vec<Vec<String>> = context
            .registry
            .all()
            .iter()
            .map(|entry| vec![entry.name.to_owned(), entry.summary.to_owned(), entry.documentation.to_owned()])
            .collect();
        if output.is_json() {
            rows.iter().for_each(|row| output.json_line(&serde_json::json!({"name": row[0], "summary": row[1], "documentation": row[2]})));
        } else {
            output.answer(&table(&["connector", "reads", "documentation"], &rows));
        }
        return Ok(0);
    }
    if let Some(name) = config {
        describe_config(context, name)?;
        return Ok(0);
    }
    let Some(pipeline) = pipeline else { return Ok(2) };
    let pipeline = context.pipeline(pipeline)?;
    let report = pipeline.describe_source()?;
    let connected = pipeline.connect(&[]).await?;
    if output.is_json() {
        connected.streams.iter().for_each(|stream| output.json_line(&json(&connected, stream)));
        return Ok(0);
    }
    if let Some(report) = report {
        output.answer(&report);
    }
    for stream in &connected.streams {
        print(context, &connected, stream);
        if !pipeline.maps(&stream.name) {
            output.answer(&format!(
                "Nothing maps stream {} onto the common schema. A proposal for the pipeline file, to be checked:\n\n{}",
                stream.name,
                pipeline.propose(stream)
            ));
        }
    }
    Ok(0)
}

fn print(context: &Context, connected: &Connected, stream: &aqueduct_pipeline::connector::Stream) {
    let selected = connected.selected.iter().find(|other| other.name == stream.name);
    let modes: Vec<&str> = stream.modes.iter().map(|mode| mode.name()).collect();
    let rows: Vec<Vec<String>> = stream
        .record
        .fields
        .iter()
        .map(|field| {
            let chosen = selected.is_some_and(|selected| selected.record.index_of(&field.path).is_some());
            let mut notes = Vec::new();
            if stream.record.key.contains(&field.path) {
                notes.push("key");
            }
            if field.custom {
                notes.push("custom");
            }
            if field.calculated {
                notes.push("calculated");
            }
            match field.visibility {
                Visibility::Visible => {}
                Visibility::Hidden => notes.push("hidden: a permission is missing"),
                Visibility::Absent => notes.push("not in this account"),
            }
            vec![
                field.path.clone(),
                format!("{:?}", field.value_type).to_lowercase(),
                if chosen { "yes" } else { "" }.to_owned(),
                notes.join(", "),
                field.label.clone(),
            ]
        })
        .collect();
    context.output.answer(&format!(
        "{} ({} fields, read by {}, lag {} s)\n{}\n",
        context.output.bold(&stream.name),
        stream.record.fields.len(),
        modes.join(", "),
        stream.lag.as_secs(),
        table(&["field", "type", "selected", "notes", "label"], &rows)
    ));
}

fn json(connected: &Connected, stream: &aqueduct_pipeline::connector::Stream) -> serde_json::Value {
    let selected = connected.selected.iter().find(|other| other.name == stream.name);
    let fields: Vec<serde_json::Value> = stream
        .record
        .fields
        .iter()
        .map(|field| {
            serde_json::json!({
                "path": field.path,
                "column": field.column,
                "type": field.value_type,
                "label": field.label,
                "custom": field.custom,
                "calculated": field.calculated,
                "visibility": field.visibility.name(),
                "selected": selected.is_some_and(|selected| selected.record.index_of(&field.path).is_some()),
            })
        })
        .collect();
    serde_json::json!({
        "stream": stream.name,
        "key": stream.record.key,
        "modes": stream.modes,
        "lag_seconds": stream.lag.as_secs(),
        "documentation": stream.documentation,
        "fields": fields,
    })
}

fn describe_config(context: &Context, name: &str) -> Result<()> {
    let registration = context.registry.find(name)?;
    let schema = (registration.config_schema)().to_value();
    if context.output.is_json() {
        context.output.json_line(&schema);
        return Ok(());
    }
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(|name| name.as_str()).collect();
    let rows: Vec<Vec<String>> = schema["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, property)| {
            let mut notes = Vec::new();
            if required.contains(&key.as_str()) {
                notes.push("required".to_owned());
            }
            if property["default"] != serde_json::Value::Null {
                notes.push(format!("default {}", property["default"]));
            }
            if property.to_string().contains("x-secret") {
                notes.push("secret".to_owned());
            }
            vec![key.clone(), notes.join(", "), property["description"].as_str().unwrap_or_default().replace('\n', " ")]
        })
        .collect();
    context.output.answer(&format!("{}\n\n{}", registration.summary, table(&["key", "", "meaning"], &rows)));
    Ok(())
}
