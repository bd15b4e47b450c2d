//! Older endpoints that connectors in wide use still call, and the parts of the product of which this account holds nothing.

use serde_json::{Value, json};

use super::associations::no_associations;
use super::data::Data;
use super::objects::json_text;
use super::route::HubSpot;
use super::schema::ObjectKind;
use super::view::Batch;
use crate::server::{Asked, Reply};

/// Plural and singular names of the product's object types that this account has no records of.
const WITHOUT_RECORDS: &[(&str, &str)] = &[
    ("tickets", "ticket"),
    ("quotes", "quote"),
    ("calls", "call"),
    ("emails", "email"),
    ("meetings", "meeting"),
    ("notes", "note"),
    ("tasks", "task"),
];
/// The most sources of a batch read of associations.
const MAX_SOURCES: usize = 1000;

/// The singular name of an object type that exists and has no records here.
pub(crate) fn type_without_records(text: &str) -> Option<&'static str> {
    WITHOUT_RECORDS.iter().find(|(plural, singular)| text == *plural || text == *singular).map(|(_, singular)| *singular)
}

impl HubSpot {
    /// `GET /crm/v3/schemas`, later `/crm-object-schemas/v3/schemas`: the account has no custom objects.
    pub(crate) fn custom_object_schemas(&self) -> Reply {
        Reply::json(200, json!({"results": []}).to_string())
    }

    /// `POST /crm/v4/associations/{object}/{other}/batch/read` where there are no records of the other type.
    pub(crate) fn no_associations_batch(&self, asked: &Asked, from: ObjectKind, to: &str) -> Result<Reply, Reply> {
        let ids = self.input_ids(&self.body(asked)?, MAX_SOURCES)?;
        let errors: Vec<Value> = ids.iter().map(|id| no_associations(from, id, to)).collect();
        let batch = Batch::new(Vec::<Value>::new(), errors.len(), errors, self.store().clock().now_ms());
        Ok(Reply::json(batch.http_status(), json_text(&batch)))
    }

    /// `GET /properties/v2/{object}/properties`: a bare list, with times in milliseconds and `deleted` for `archived`.
    pub(crate) fn legacy_properties(&self, kind: ObjectKind) -> Reply {
        let data = self.store().read();
        let shown = data.of(kind).schema.all().iter().filter(|(property, _)| !property.archived && !property.sensitive);
        let list: Vec<Value> = shown
            .map(|(property, at)| {
                let mut body = property.to_json(kind, *at);
                if let Value::Object(members) = &mut body {
                    for newer in ["archived", "dataSensitivity", "hasUniqueValue", "modificationMetadata"] {
                        members.remove(newer);
                    }
                    members.insert("deleted".to_owned(), json!(false));
                    members.insert("createdAt".to_owned(), json!(at));
                    members.insert("updatedAt".to_owned(), json!(at));
                    members.insert("readOnlyDefinition".to_owned(), json!(property.hubspot_defined));
                    members.insert("readOnlyValue".to_owned(), json!(property.calculated));
                }
                body
            })
            .collect();
        Reply::json(200, Value::Array(list).to_string())
    }

    /// `GET /crm-pipelines/v1/pipelines/deals`: other names for the same, with times in milliseconds.
    pub(crate) fn legacy_pipelines(&self) -> Reply {
        let data = self.store().read();
        Reply::json(200, json!({"results": legacy_pipelines(&data)}).to_string())
    }
}

fn legacy_pipelines(data: &Data) -> Vec<Value> {
    let pipelines = data.pipelines.live(..).enumerate().map(|(place, (id, row))| {
        let pipeline = &row.current().value;
        let (created, updated) = (row.created_at, row.current().modified_at);
        let stages = pipeline.stages.iter().enumerate().map(|(place, stage)| {
            json!({
                "stageId": stage.id,
                "label": stage.label,
                "displayOrder": place,
                "active": true,
                "metadata": {"isClosed": stage.closed.to_string(), "probability": stage.probability},
                "createdAt": created,
                "updatedAt": updated,
            })
        });
        let stages: Vec<Value> = stages.collect();
        json!({
            "pipelineId": id,
            "objectType": "DEAL",
            "objectTypeId": ObjectKind::Deals.type_id(),
            "label": pipeline.label,
            "displayOrder": place,
            "active": true,
            "default": place == 0,
            "createdAt": created,
            "updatedAt": updated,
            "stages": stages,
        })
    });
    pipelines.collect()
}
