//! A look at a few records as they would be stored, without storing any.

use aqueduct_engine::ReadOptions;
use aqueduct_schema::{Batch, Layer, Protected, Result, Sensitivity, StreamState, Table};
use serde::Serialize;
use tokio::sync::mpsc;

use crate::cells;
use crate::pipeline::Pipeline;

/// A few rows of a table.
#[derive(Debug, Serialize)]
pub struct TablePreview {
    /// The table.
    pub table: String,
    /// The stream they come from.
    pub stream: String,
    /// The columns.
    pub columns: Vec<String>,
    /// The rows, as text; what names or reaches a person is masked.
    pub rows: Vec<Vec<Option<String>>>,
}

/// What a preview found.
#[derive(Debug, Default, Serialize)]
pub struct Preview {
    /// The tables, source and common, with their first rows.
    pub tables: Vec<TablePreview>,
    /// Why records would go to quarantine: stream, rule and message.
    pub rejects: Vec<(String, String, String)>,
    /// Records read.
    pub read: u64,
}

/// Reads up to `limit` records of every selected stream through all stages and keeps the rows in memory, masked unless `unmasked`.
///
/// # Errors
/// Those of connecting and reading; the first error ends the preview.
pub async fn preview(pipeline: &Pipeline, select: &[String], limit: u64, unmasked: bool) -> Result<Preview> {
    let connected = pipeline.connect(select).await?;
    let protector = pipeline.protector.without_originals();
    let mut preview = Preview::default();
    for stream in &connected.selected {
        let mut normaliser = pipeline.normaliser(stream, &connected.source)?;
        let (sender, mut batches) = mpsc::channel(4);
        let options = ReadOptions { record_limit: Some(limit), ..ReadOptions::new(pipeline.registration.name) };
        let (engine, mut owned) = (connected.engine.clone(), stream.clone());
        // A connector that sees small pages begins no export of everything for a few rows.
        owned.page_size = u32::try_from(limit).unwrap_or(u32::MAX).clamp(1, owned.page_size.max(1));
        let reader = tokio::spawn(async move { engine.read_stream(&owned, StreamState::default(), &options, sender).await });
        let mut left = usize::try_from(limit).unwrap_or(usize::MAX);
        while let Some(batch) = batches.recv().await {
            let protected = protector.protect(aqueduct_quality::check(normaliser.run(batch)?)?)?;
            preview.add(&stream.name, &protected, &mut left, unmasked);
            if left == 0 {
                break;
            }
        }
        drop(batches);
        if left > 0
            && let Ok(outcome) = reader.await
        {
            outcome?;
        }
    }
    Ok(preview)
}

impl Preview {
    fn add(&mut self, stream: &str, batch: &Batch<Protected>, left: &mut usize, unmasked: bool) {
        self.read += batch.counts().read;
        for reject in batch.rejects() {
            self.rejects.push((stream.to_owned(), reject.rule.to_string(), reject.message.clone()));
        }
        let records = batch.tables().first().map_or(0, Table::len).min(*left);
        for table in batch.tables() {
            let share = if matches!(table.schema.name.layer, Layer::Source(_)) { records } else { *left };
            self.add_table(stream, table, table.len().min(share), unmasked);
        }
        *left -= records;
    }

    fn add_table(&mut self, stream: &str, table: &Table, rows: usize, unmasked: bool) {
        let name = table.schema.name.to_string();
        let columns: Vec<String> = table.schema.columns.iter().map(|column| column.name.to_string()).collect();
        let position = self.tables.iter().position(|mine| mine.table == name && mine.stream == stream && mine.columns == columns);
        let position = position.unwrap_or_else(|| {
            self.tables.push(TablePreview { table: name, stream: stream.to_owned(), columns, rows: Vec::new() });
            self.tables.len() - 1
        });
        for row in 0..rows {
            let cells = table.schema.columns.iter().zip(table.rows.columns()).map(|(column, values)| {
                let text = cells::text(values, row)?;
                let masked = !unmasked && matches!(column.sensitivity, Sensitivity::Direct | Sensitivity::Sensitive);
                Some(if masked { mask(&text) } else { text })
            });
            self.tables[position].rows.push(cells.collect());
        }
    }
}

/// The first character and dots, so that a person sees that there is a value and no more.
fn mask(text: &str) -> String {
    text.chars().next().map(|first| format!("{first}•••")).unwrap_or_default()
}
