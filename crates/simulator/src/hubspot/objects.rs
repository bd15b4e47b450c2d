//! Reading records: lists, single records, batch reads.

use std::collections::{BTreeSet, HashMap};

use hyper::header;
use serde::Serialize;
use serde_json::{Value, json};

use super::data::Data;
use super::edges::types_in;
use super::legacy::type_without_records;
use super::route::HubSpot;
use super::schema::ObjectKind;
use super::values::Values;
use super::view::{Batch, Columns, Page, RecordBody};
use crate::server::{Asked, Reply};
use crate::store::History;

/// The most rows of a list page, and of a batch.
pub(crate) const MAX_PAGE: usize = 100;
/// The same when property histories are asked for.
const MAX_HISTORY_PAGE: usize = 50;

/// The decoded query of a request.
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn of(asked: &Asked) -> Self {
        Self(asked.pairs())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A list, written as one parameter with commas, as several, or both.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        let values = self.0.iter().filter(|(key, _)| key == name).flat_map(|(_, value)| value.split(','));
        values.map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned).collect()
    }

    /// A flag in any case: the vendor's Python SDK sends `True`.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }
}

/// The JSON text of a body.
pub(crate) fn json_text(body: &impl Serialize) -> String {
    // Texts and numbers under text keys always have a JSON form.
    serde_json::to_string(body).unwrap_or_default()
}

impl HubSpot {
    /// The JSON body of a request.
    pub(crate) fn body(&self, asked: &Asked) -> Result<Value, Reply> {
        serde_json::from_slice(&asked.body)
            .map_err(|error| self.errors.invalid(format!("Invalid input JSON on line {}, column {}", error.line(), error.column())))
    }

    /// A page size between 1 and `most`.
    pub(crate) fn limit(&self, text: Option<&str>, default: usize, most: usize) -> Result<usize, Reply> {
        let Some(text) = text else { return Ok(default) };
        match text.parse::<usize>() {
            Ok(limit @ 1..) if limit <= most => Ok(limit),
            _ => Err(self.errors.invalid(format!("limit must be a whole number between 1 and {most}, not {text}"))),
        }
    }

    pub(crate) fn after(&self, text: Option<&str>) -> Result<u64, Reply> {
        text.map_or(Ok(0), |text| {
            text.parse().map_err(|_| self.errors.invalid(format!("after is not a value that this endpoint has given: {text}")))
        })
    }

    /// The pointer to a next page with a link, as lists give it.
    pub(crate) fn next_page(asked: &Asked, after: impl ToString) -> Value {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(asked.pairs().iter().filter(|(name, _)| name != "after"));
        query.append_pair("after", &after.to_string());
        let host = asked.header(header::HOST).unwrap_or("localhost");
        json!({"next": {"after": after.to_string(), "link": format!("http://{host}{}?{}", asked.path, query.finish())}})
    }

    /// `GET /crm/v3/objects/{object}`.
    pub(crate) fn list(&self, asked: &Asked, kind: ObjectKind) -> Result<Reply, Reply> {
        let query = Query::of(asked);
        let history = query.list("propertiesWithHistory");
        let most = if history.is_empty() { MAX_PAGE } else { MAX_HISTORY_PAGE };
        let limit = self.limit(query.get("limit"), 10, most)?;
        let limit = self.settings().page_records.map_or(limit, |records| limit.min(records.max(1)));
        let after = self.after(query.get("after"))?;
        let associations = self.association_targets(&query)?;
        let properties = query.list("properties");

        let data = self.store().read();
        let records = data.of(kind);
        let columns = Columns::new(&records.schema, kind, &properties, &history);
        let mut rows: Vec<(&u64, &History<u64, Values>)> = if query.flag("archived") {
            records.rows.archived(after..).take(limit + 1).collect()
        } else {
            records.rows.live(after..).take(limit + 1).collect()
        };
        // The pointer to the next page is the id that it starts with.
        let next = if rows.len() > limit { rows.pop().map(|(id, _)| *id) } else { None };
        let results = rows
            .into_iter()
            .map(|(id, row)| RecordBody {
                schema: &records.schema,
                columns: &columns,
                id: *id,
                row,
                version: row.current(),
                associations: self.inline_associations(asked, &data, kind, *id, &associations),
            })
            .collect();
        let page = Page { total: None, results, paging: next.map(|next| Self::next_page(asked, next)) };
        Ok(Reply::json(200, json_text(&page)))
    }

    /// `GET /crm/v3/objects/{object}/{id}`; an id that was merged away gives the record it was merged into.
    pub(crate) fn get(&self, asked: &Asked, kind: ObjectKind, id: &str) -> Result<Reply, Reply> {
        let query = Query::of(asked);
        let (properties, history) = (query.list("properties"), query.list("propertiesWithHistory"));
        let associations = self.association_targets(&query)?;
        let data = self.store().read();
        let records = data.of(kind);
        let archived = query.flag("archived");
        let found = ids_by(&data, kind, query.get("idProperty"), &[id], archived).pop().flatten();
        let row = found
            .and_then(|id| records.rows.get(&id).map(|row| (id, row)))
            .filter(|(_, row)| if archived { row.is_archived() } else { row.is_live() });
        let Some((id, row)) = row else { return Err(self.errors.not_found("resource not found")) };
        let columns = Columns::new(&records.schema, kind, &properties, &history);
        let associations = self.inline_associations(asked, &data, kind, id, &associations);
        let body = RecordBody { schema: &records.schema, columns: &columns, id, row, version: row.current(), associations };
        Ok(Reply::json(200, json_text(&body)))
    }

    /// `POST /crm/v3/objects/{object}/batch/read`.
    pub(crate) fn batch_read(&self, asked: &Asked, kind: ObjectKind) -> Result<Reply, Reply> {
        let body = self.body(asked)?;
        let history = texts(&body["propertiesWithHistory"]);
        let properties = texts(&body["properties"]);
        let most = if history.is_empty() { MAX_PAGE } else { MAX_HISTORY_PAGE };
        let inputs = self.input_ids(&body, most)?;
        let archived = Query::of(asked).flag("archived");

        let data = self.store().read();
        let records = data.of(kind);
        let columns = Columns::new(&records.schema, kind, &properties, &history);
        let keys: Vec<&str> = inputs.iter().map(String::as_str).collect();
        // The order of the results is not that of the inputs: they come by id, each once.
        let mut found = BTreeSet::new();
        let mut missing = Vec::new();
        for (input, id) in inputs.iter().zip(ids_by(&data, kind, body["idProperty"].as_str(), &keys, archived)) {
            let wanted = id.filter(|id| records.rows.get(id).is_some_and(|row| if archived { row.is_archived() } else { row.is_live() }));
            match wanted {
                Some(id) => drop(found.insert(id)),
                None => missing.push(input.clone()),
            }
        }
        let results: Vec<RecordBody<'_>> = found
            .into_iter()
            .filter_map(|id| records.rows.get(&id).map(|row| (id, row)))
            .map(|(id, row)| RecordBody { schema: &records.schema, columns: &columns, id, row, version: row.current(), associations: None })
            .collect();
        let errors = if missing.is_empty() { Vec::new() } else { vec![self.batch_error(kind, &missing)] };
        let batch = Batch::new(results, errors.len(), errors, self.store().clock().now_ms());
        Ok(Reply::json(batch.http_status(), json_text(&batch)))
    }

    /// The error entry of a batch for records that are not there.
    fn batch_error(&self, kind: ObjectKind, ids: &[String]) -> Value {
        json!({
            "status": "error",
            "category": "OBJECT_NOT_FOUND",
            "message": format!("Could not get some {} objects, they may be deleted or not exist. Check that ids are valid.", kind.singular().to_uppercase()),
            "context": {"ids": ids},
            "errors": [],
            "links": {},
        })
    }

    /// The ids of a batch's inputs.
    pub(crate) fn input_ids(&self, body: &Value, most: usize) -> Result<Vec<String>, Reply> {
        let inputs = self.inputs(body, most)?;
        let id = |input: &Value| input["id"].as_str().map(str::to_owned).or_else(|| input["id"].as_u64().map(|id| id.to_string()));
        inputs.iter().map(|input| id(input).ok_or_else(|| self.errors.invalid("each of the inputs needs an id"))).collect()
    }

    /// A batch's inputs, at most so many.
    pub(crate) fn inputs<'a>(&self, body: &'a Value, most: usize) -> Result<&'a [Value], Reply> {
        let inputs = body["inputs"].as_array().ok_or_else(|| self.errors.invalid("inputs is required"))?;
        if inputs.len() > most {
            return Err(self.errors.invalid(format!("a batch holds at most {most} inputs, not {}", inputs.len())));
        }
        Ok(inputs)
    }

    fn association_targets(&self, query: &Query) -> Result<Vec<ObjectKind>, Reply> {
        let names = query.list("associations");
        names
            .iter()
            .filter(|name| type_without_records(name).is_none())
            .map(|name| ObjectKind::parse(name).ok_or_else(|| self.errors.invalid(format!("unknown object type in associations: {name}"))))
            .collect()
    }

    /// The `associations` member of a record: one entry for each type of each association, cut with a paging of its own.
    fn inline_associations(&self, asked: &Asked, data: &Data, kind: ObjectKind, id: u64, targets: &[ObjectKind]) -> Option<Value> {
        let most = self.settings().inline_associations;
        let mut found = serde_json::Map::new();
        for target in targets {
            let mut entries = Vec::new();
            let mut next = None;
            for (to, types) in data.edges.of((kind, id), *target, 0).filter(|(to, _)| data.is_live(*target, *to)) {
                if entries.len() >= most {
                    next = Some(to);
                    break;
                }
                entries.extend(types_in(kind, *target, types).map(|kind| json!({"id": to.to_string(), "type": kind.inline_name})));
            }
            if entries.is_empty() {
                continue;
            }
            let mut member = json!({"results": entries});
            if let Some(next) = next {
                let host = asked.header(header::HOST).unwrap_or("localhost");
                let link = format!("http://{host}/crm/v4/objects/{}/{id}/associations/{}?after={next}", kind.name(), target.name());
                member["paging"] = json!({"next": {"after": next.to_string(), "link": link}});
            }
            found.insert(target.name().to_owned(), member);
        }
        (!found.is_empty()).then_some(Value::Object(found))
    }
}

/// The strings of a JSON list.
pub(crate) fn texts(list: &Value) -> Vec<String> {
    list.as_array().map(|list| list.iter().filter_map(|text| text.as_str().map(str::to_owned)).collect()).unwrap_or_default()
}

/// The ids that keys stand for, by id or by the value of another property; merged ids give the winner's.
pub(crate) fn ids_by(data: &Data, kind: ObjectKind, property: Option<&str>, keys: &[&str], archived: bool) -> Vec<Option<u64>> {
    let records = data.of(kind);
    let property = property.filter(|name| *name != "hs_object_id");
    let Some(property) = property else {
        return keys.iter().map(|key| key.parse().ok().map(|id| if archived { id } else { data.resolve(kind, id) })).collect();
    };
    let mut by_value: HashMap<String, u64> = HashMap::new();
    if let Some(property) = records.schema.id(property) {
        let wanted: BTreeSet<String> = keys.iter().map(|key| key.trim().to_lowercase()).collect();
        for (id, row) in records.rows.rows().filter(|(_, row)| if archived { row.is_archived() } else { row.is_live() }) {
            let value = row.current().value.get(property).map(|value| value.trim().to_lowercase());
            if let Some(value) = value.filter(|value| wanted.contains(value)) {
                by_value.entry(value).or_insert(*id);
            }
        }
    }
    keys.iter().map(|key| by_value.get(&key.trim().to_lowercase()).copied()).collect()
}
