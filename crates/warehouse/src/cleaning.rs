//! What cleaning did, as rows of `_cleaning`: one for each run, stream, field and reason, added up load by load in the loads' own
//! transactions. The view `_cleaning_fields` has one row a field.

use aqueduct_schema::{CleaningCount, CleaningExample, CleaningStatus};

use crate::cells::without_nul;
use crate::failure::Failure;
use crate::identifier::literal;
use crate::records::to_json;
use crate::session::Session;
use crate::warehouse::Fence;

/// The word of a status in `_cleaning`.
fn word(status: CleaningStatus) -> &'static str {
    match status {
        CleaningStatus::Ok => "ok",
        CleaningStatus::Fixed => "fixed",
        CleaningStatus::Suspect => "suspect",
        CleaningStatus::Invalid => "invalid",
        CleaningStatus::Missing => "missing",
    }
}

/// Examples as a JSON array of objects, or null where there are none.
fn examples(examples: &[CleaningExample]) -> Result<String, Failure> {
    if examples.is_empty() {
        return Ok("NULL".to_owned());
    }
    let values: Vec<serde_json::Value> = examples
        .iter()
        .map(|example| {
            let plain = |text: &Option<String>| text.as_deref().map(|text| without_nul(text).into_owned());
            serde_json::json!({ "before": without_nul(&example.before), "after": plain(&example.after), "source_id": plain(&example.source_id) })
        })
        .collect();
    Ok(literal(&to_json(&values)?))
}

/// Adds the counts of a load to those of its run. The first examples stay.
pub(crate) async fn record<S: Session>(session: &mut S, fence: &Fence, stream: &str, counts: &[CleaningCount]) -> Result<(), Failure> {
    if counts.is_empty() {
        return Ok(());
    }
    let mut rows = Vec::with_capacity(counts.len());
    for count in counts {
        rows.push(format!(
            "({}, {}, {}, {}, {}, {}, {}, {}, {}, {})",
            literal(&fence.run_id),
            literal(&fence.pipeline),
            literal(stream),
            literal(count.entity),
            literal(count.field),
            literal(word(count.status)),
            literal(count.code),
            count.cells,
            count.kept,
            examples(&count.examples)?
        ));
    }
    let sql = format!(
        "INSERT INTO {} AS known (run_id, pipeline, stream, entity, field, status, code, cells, kept, examples) VALUES {} \
         ON CONFLICT (run_id, stream, entity, field, status, code) DO UPDATE SET cells = known.cells + excluded.cells, \
         kept = known.kept + excluded.kept, examples = coalesce(known.examples, excluded.examples)",
        session.own("cleaning"),
        rows.join(", ")
    );
    session.execute("count what cleaning did", sql).await?;
    Ok(())
}
