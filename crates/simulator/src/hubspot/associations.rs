//! The v4 association endpoints.

use serde_json::{Value, json};

use super::data::Data;
use super::edges::{TypeSet, association_types, type_set, types_in};
use super::objects::{Query, json_text};
use super::route::HubSpot;
use super::schema::ObjectKind;
use super::view::{Batch, Page};
use crate::server::{Asked, Reply};

/// The most sources of a batch read.
const MAX_SOURCES: usize = 1000;
/// The most associations of a page.
const MAX_PAGE: usize = 500;

impl HubSpot {
    /// `GET /crm/v4/objects/{object}/{id}/associations/{other}`.
    pub(crate) fn associations(&self, asked: &Asked, from: ObjectKind, id: &str, to: ObjectKind) -> Result<Reply, Reply> {
        let query = Query::of(asked);
        let page_size = self.settings().association_page_size;
        let limit = self.limit(query.get("limit"), page_size.min(MAX_PAGE), MAX_PAGE)?.min(page_size);
        let after = self.after(query.get("after"))?;
        let data = self.store().read();
        let id = id
            .parse()
            .ok()
            .map(|id| data.resolve(from, id))
            .filter(|id| data.is_live(from, *id))
            .ok_or_else(|| self.errors.not_found("resource not found"))?;
        let (results, next) = self.page_of(&data, (from, id), to, after, limit);
        let page = Page { total: None, results, paging: next.map(|next| Self::next_page(asked, next)) };
        Ok(Reply::json(200, json_text(&page)))
    }

    /// A page of the associations of one source, and where the next one starts.
    fn page_of(&self, data: &Data, from: (ObjectKind, u64), to: ObjectKind, after: u64, limit: usize) -> (Vec<Value>, Option<u64>) {
        let numbers = self.settings().association_ids_as_numbers;
        let mut edges: Vec<(u64, TypeSet)> =
            data.edges.of(from, to, after).filter(|(id, _)| data.is_live(to, *id)).take(limit + 1).collect();
        let next = if edges.len() > limit { edges.pop().map(|(id, _)| id) } else { None };
        let entry = |(id, types): (u64, TypeSet)| {
            let types: Vec<Value> = types_in(from.0, to, types)
                .map(|kind| json!({"category": kind.category, "typeId": kind.type_id, "label": kind.label}))
                .collect();
            let id = if numbers { json!(id) } else { json!(id.to_string()) };
            json!({"toObjectId": id, "associationTypes": types})
        };
        (edges.into_iter().map(entry).collect(), next)
    }

    /// `POST /crm/v4/associations/{object}/{other}/batch/read`. A source that does not exist or has no association is
    /// no result but an error, which makes the reply a 207.
    pub(crate) fn associations_batch(&self, asked: &Asked, from: ObjectKind, to: ObjectKind) -> Result<Reply, Reply> {
        let body = self.body(asked)?;
        let inputs = self.inputs(&body, MAX_SOURCES)?;
        let ids = self.input_ids(&body, MAX_SOURCES)?;
        let page_size = self.settings().association_page_size.min(MAX_PAGE);
        let data = self.store().read();
        let mut results = Vec::new();
        let mut errors = Vec::new();
        for (input, text) in inputs.iter().zip(&ids) {
            let after = self.after(input["after"].as_str())?;
            let id = text.parse::<u64>().ok().map(|id| data.resolve(from, id)).filter(|id| data.is_live(from, *id));
            let (targets, next) = id.map(|id| self.page_of(&data, (from, id), to, after, page_size)).unwrap_or_default();
            if targets.is_empty() {
                errors.push(no_associations(from, text, to.singular()));
                continue;
            }
            let mut result = json!({"from": {"id": text}, "to": targets});
            if let Some(next) = next {
                result["paging"] = json!({"next": {"after": next.to_string()}});
            }
            results.push(result);
        }
        let batch = Batch::new(results, errors.len(), errors, self.store().clock().now_ms());
        Ok(Reply::json(batch.http_status(), json_text(&batch)))
    }

    /// `PUT /crm/v4/objects/{object}/{id}/associations/{other}/{other id}`, and the same with `default`.
    pub(crate) fn associate(&self, asked: &Asked, from: (ObjectKind, &str), to: (ObjectKind, &str), default: bool) -> Result<Reply, Reply> {
        let (from, to) = (self.end(from)?, self.end(to)?);
        let mut types: TypeSet = 1;
        let mut labels = Vec::new();
        if !default {
            for wanted in self.body(asked)?.as_array().into_iter().flatten() {
                let type_id = wanted["associationTypeId"].as_u64().and_then(|id| u32::try_from(id).ok()).unwrap_or(0);
                let set = type_set(from.0, to.0, type_id)
                    .ok_or_else(|| self.errors.invalid(format!("there is no association type {type_id} between these objects")))?;
                types |= set;
                labels.extend(types_in(from.0, to.0, set).filter_map(|kind| kind.label));
            }
        }
        if association_types(from.0, to.0).is_empty() {
            return Err(self.errors.invalid("these objects cannot be associated"));
        }
        self.store().write().associate_checked(from, to, types, self.store().clock().now_ms()).map_err(|error| self.refused(&error))?;
        let body = if default {
            let now = self.store().clock().now_ms();
            let side = |from: (ObjectKind, u64), to: (ObjectKind, u64)| {
                let kind = &association_types(from.0, to.0)[0];
                json!({"from": {"id": from.1.to_string()}, "to": {"id": to.1.to_string()}, "associationSpec": {"associationCategory": kind.category, "associationTypeId": kind.type_id}})
            };
            json_text(&Batch::new(vec![side(from, to), side(to, from)], 0, Vec::new(), now))
        } else {
            json!({"fromObjectTypeId": from.0.type_id(), "fromObjectId": from.1.to_string(), "toObjectTypeId": to.0.type_id(), "toObjectId": to.1.to_string(), "labels": labels}).to_string()
        };
        Ok(Reply::json(if default { 200 } else { 201 }, body))
    }

    /// `DELETE /crm/v4/objects/{object}/{id}/associations/{other}/{other id}`: all types between the two.
    pub(crate) fn dissociate(&self, from: (ObjectKind, &str), to: (ObjectKind, &str)) -> Result<Reply, Reply> {
        let (from, to) = (self.end(from)?, self.end(to)?);
        self.store().write().dissociate(from, to, TypeSet::MAX, self.store().clock().now_ms());
        Ok(Reply::empty(204))
    }

    fn end(&self, (kind, id): (ObjectKind, &str)) -> Result<(ObjectKind, u64), Reply> {
        id.parse().map(|id| (kind, id)).map_err(|_| self.errors.not_found("resource not found"))
    }

    /// `GET /crm/v4/associations/{object}/{other}/labels`.
    pub(crate) fn labels(&self, from: ObjectKind, to: ObjectKind) -> Reply {
        let label = |kind: &super::edges::AssociationType| json!({"category": kind.category, "typeId": kind.type_id, "label": kind.label});
        let results: Vec<Value> = association_types(from, to).iter().map(label).collect();
        Reply::json(200, json!({"results": results}).to_string())
    }
}

pub(crate) fn no_associations(from: ObjectKind, id: &str, to: &str) -> Value {
    json!({
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
        "message": format!("No {to} is associated with {} {id}.", from.singular()),
        "context": {"fromObjectId": [id], "fromObjectType": [from.singular()], "toObjectType": [to]},
        "errors": [],
        "links": {},
    })
}
