//! `aqueduct check`.

use std::path::Path;

use aqueduct_pipeline::schema::Result;

use crate::commands::{Context, shown_destination};

/// Asks source and destination whether they can be used.
pub(crate) async fn check(context: &Context, named: &Path) -> Result<u8> {
    let pipeline = context.pipeline(named)?;
    let connected = pipeline.connect(&[]).await?;
    let warehouse = aqueduct_pipeline::warehouse::open(pipeline.file.destination()).await?;
    let states = warehouse.states(&pipeline.file.name).await?;
    let destination = shown_destination(pipeline.file.destination().expose());
    let output = &context.output;
    if output.is_json() {
        output.json_line(&serde_json::json!({
            "pipeline": pipeline.file.name,
            "connector": pipeline.registration.name,
            "account": connected.account.id,
            "time_zone": connected.account.time_zone,
            "currency": connected.account.currency,
            "streams": connected.selected.iter().map(|stream| &stream.name).collect::<Vec<_>>(),
            "destination": destination,
            "streams_with_state": states.len(),
        }));
        return Ok(0);
    }
    output.answer(&format!(
        "source       {} account {}, {} streams selected",
        pipeline.registration.name,
        connected.account.id,
        connected.selected.len()
    ));
    for stream in &connected.selected {
        let modes: Vec<&str> = stream.modes.iter().map(|mode| mode.name()).collect();
        output.answer(&format!("  {:<18} {} fields, read by {}", stream.name, stream.record.fields.len(), modes.join(", ")));
    }
    output.answer(&format!(
        "destination  {destination} ({}), {} streams have been read before",
        warehouse.capabilities().name,
        states.len()
    ));
    output.answer("Everything can be used.");
    Ok(0)
}
