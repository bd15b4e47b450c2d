//! Changing records over HTTP: create, update, archive, merge, erase, one by one or in batches.

use serde_json::{Value, json};

use super::data::{Data, StoreError};
use super::edges::type_set;
use super::objects::{MAX_PAGE, Query, ids_by, json_text};
use super::route::HubSpot;
use super::schema::ObjectKind;
use super::view::{Batch, Columns, RecordBody};
use crate::server::{Asked, Reply};

impl HubSpot {
    /// `POST /crm/v3/objects/{object}`.
    pub(crate) fn create(&self, asked: &Asked, kind: ObjectKind) -> Result<Reply, Reply> {
        let body = self.body(asked)?;
        let mut data = self.store().write();
        let (id, properties) = self.create_one(&mut data, kind, &body)?;
        Ok(Reply::json(201, one(&data, kind, id, &properties)))
    }

    fn create_one(&self, data: &mut Data, kind: ObjectKind, body: &Value) -> Result<(u64, Vec<String>), Reply> {
        let properties = self.property_values(&body["properties"])?;
        let at = self.store().clock().now_ms();
        // A contact's e-mail address is unique.
        let email = properties.iter().find(|(name, value)| kind == ObjectKind::Contacts && name == "email" && !value.trim().is_empty());
        if let Some(existing) = email.and_then(|(_, email)| ids_by(data, kind, Some("email"), &[email], false).pop().flatten()) {
            return Err(self.errors.error(409, "CONFLICT", format!("Contact already exists. Existing ID: {existing}")));
        }
        let mut edges = Vec::new();
        for wanted in body["associations"].as_array().into_iter().flatten() {
            edges.push(self.wanted_association(data, kind, wanted)?);
        }
        let id = data.create(kind, at, &properties).map_err(|error| self.refused(&error))?;
        for (to, types) in edges {
            data.associate((kind, id), to, types, at);
        }
        Ok((id, properties.into_iter().map(|(name, _)| name).collect()))
    }

    /// The target and types of an association in a create request.
    fn wanted_association(&self, data: &Data, kind: ObjectKind, wanted: &Value) -> Result<((ObjectKind, u64), u16), Reply> {
        let to = wanted["to"]["id"].as_str().and_then(|id| id.parse::<u64>().ok()).or_else(|| wanted["to"]["id"].as_u64());
        let types: Vec<u32> = wanted["types"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|entry| entry["associationTypeId"].as_u64())
            .filter_map(|id| u32::try_from(id).ok())
            .collect();
        for target in ObjectKind::ALL {
            let sets: Option<Vec<u16>> = types.iter().map(|type_id| type_set(kind, target, *type_id)).collect();
            if let (Some(to), Some(sets)) = (to, sets.filter(|sets| !sets.is_empty())) {
                if !data.is_live(target, to) {
                    return Err(self.errors.not_found(format!("{} {to} does not exist", target.singular())));
                }
                return Ok(((target, to), sets.into_iter().fold(0, |all, set| all | set)));
            }
        }
        Err(self.errors.invalid("an association needs the id of a record and association types between the two objects"))
    }

    /// `PATCH /crm/v3/objects/{object}/{id}`.
    pub(crate) fn update(&self, asked: &Asked, kind: ObjectKind, id: &str) -> Result<Reply, Reply> {
        let body = self.body(asked)?;
        let query = Query::of(asked);
        let mut data = self.store().write();
        let (id, properties) = self.update_one(&mut data, kind, id, query.get("idProperty"), &body)?;
        Ok(Reply::json(200, one(&data, kind, id, &properties)))
    }

    fn update_one(
        &self,
        data: &mut Data,
        kind: ObjectKind,
        id: &str,
        id_property: Option<&str>,
        body: &Value,
    ) -> Result<(u64, Vec<String>), Reply> {
        let properties = self.property_values(&body["properties"])?;
        let id =
            ids_by(data, kind, id_property, &[id], false).pop().flatten().ok_or_else(|| self.errors.not_found("resource not found"))?;
        data.update(kind, id, self.store().clock().now_ms(), &properties).map_err(|error| self.refused(&error))?;
        Ok((id, properties.into_iter().map(|(name, _)| name).collect()))
    }

    /// `DELETE /crm/v3/objects/{object}/{id}`: 204 for what is there, archived already or never was.
    pub(crate) fn archive(&self, kind: ObjectKind, id: &str) -> Result<Reply, Reply> {
        if let Ok(id) = id.parse() {
            let _ = self.store().write().archive(kind, id, self.store().clock().now_ms());
        }
        Ok(Reply::empty(204))
    }

    /// `POST …/batch/create`.
    pub(crate) fn batch_create(&self, asked: &Asked, kind: ObjectKind) -> Result<Reply, Reply> {
        let body = self.body(asked)?;
        let mut data = self.store().write();
        let mut ids = Vec::new();
        for input in self.inputs(&body, MAX_PAGE)? {
            ids.push(self.create_one(&mut data, kind, input)?);
        }
        Ok(Reply::json(201, self.many(&data, kind, &ids)))
    }

    /// `POST …/batch/update`.
    pub(crate) fn batch_update(&self, asked: &Asked, kind: ObjectKind) -> Result<Reply, Reply> {
        let body = self.body(asked)?;
        let mut data = self.store().write();
        let mut ids = Vec::new();
        for (input, id) in self.inputs(&body, MAX_PAGE)?.iter().zip(self.input_ids(&body, MAX_PAGE)?) {
            ids.push(self.update_one(&mut data, kind, &id, input["idProperty"].as_str(), input)?);
        }
        Ok(Reply::json(200, self.many(&data, kind, &ids)))
    }

    /// `POST …/batch/archive`.
    pub(crate) fn batch_archive(&self, asked: &Asked, kind: ObjectKind) -> Result<Reply, Reply> {
        let body = self.body(asked)?;
        for id in self.input_ids(&body, MAX_PAGE)? {
            self.archive(kind, &id)?;
        }
        Ok(Reply::empty(204))
    }

    /// `POST …/merge`.
    pub(crate) fn merge(&self, asked: &Asked, kind: ObjectKind) -> Result<Reply, Reply> {
        let body = self.body(asked)?;
        let id = |name: &str| {
            body[name].as_str().and_then(|id| id.parse::<u64>().ok()).ok_or_else(|| self.errors.invalid(format!("{name} is required")))
        };
        let (winner, loser) = (id("primaryObjectId")?, id("objectIdToMerge")?);
        let mut data = self.store().write();
        let left = data.merge(kind, winner, loser, self.store().clock().now_ms()).map_err(|error| self.refused(&error))?;
        Ok(Reply::json(200, one(&data, kind, left, &[])))
    }

    /// `POST /crm/v3/objects/contacts/gdpr-delete`.
    pub(crate) fn gdpr_delete(&self, asked: &Asked, kind: ObjectKind) -> Result<Reply, Reply> {
        let body = self.body(asked)?;
        let key = body["objectId"].as_str().ok_or_else(|| self.errors.invalid("objectId is required"))?;
        let mut data = self.store().write();
        let id = ids_by(&data, kind, body["idProperty"].as_str(), &[key], false).pop().flatten();
        if let Some(id) = id {
            let _ = data.erase(kind, id, self.store().clock().now_ms());
        }
        Ok(Reply::empty(204))
    }

    fn many(&self, data: &Data, kind: ObjectKind, ids: &[(u64, Vec<String>)]) -> String {
        let results: Vec<Value> =
            ids.iter().filter_map(|(id, properties)| serde_json::from_str(&one(data, kind, *id, properties)).ok()).collect();
        json_text(&Batch::new(results, 0, Vec::new(), self.store().clock().now_ms()))
    }

    /// Property values as texts, whatever JSON type they came in; null clears.
    fn property_values(&self, properties: &Value) -> Result<Vec<(String, String)>, Reply> {
        let members = properties.as_object().ok_or_else(|| self.errors.invalid("properties is required"))?;
        members
            .iter()
            .map(|(name, value)| match value {
                Value::String(text) => Ok((name.clone(), text.clone())),
                Value::Null => Ok((name.clone(), String::new())),
                Value::Bool(_) | Value::Number(_) => Ok((name.clone(), value.to_string())),
                Value::Array(_) | Value::Object(_) => Err(self.errors.invalid(format!("the value of {name} is not a text"))),
            })
            .collect()
    }

    /// The reply to a change that the store refuses.
    pub(crate) fn refused(&self, error: &StoreError) -> Reply {
        match error {
            StoreError::NotFound(..) => self.errors.not_found(error.to_string()),
            StoreError::UnknownProperty(name) => {
                let detail = json!({"message": format!("Property \"{name}\" does not exist"), "code": "PROPERTY_DOESNT_EXIST", "context": {"propertyName": [name]}});
                self.errors.detailed(400, "VALIDATION_ERROR", "Property values were not valid", json!({"errors": [detail]}))
            }
            StoreError::ReadOnlyProperty(_) | StoreError::UnknownAssociationType(_) | StoreError::Blocked => {
                self.errors.invalid(error.to_string())
            }
        }
    }
}

fn one(data: &Data, kind: ObjectKind, id: u64, properties: &[String]) -> String {
    let records = data.of(kind);
    let columns = Columns::new(&records.schema, kind, properties, &[]);
    records.rows.get(&id).map_or_else(String::new, |row| {
        json_text(&RecordBody { schema: &records.schema, columns: &columns, id, row, version: row.current(), associations: None })
    })
}
