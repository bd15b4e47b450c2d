//! Owners, pipelines, schema discovery and account details.

use serde_json::{Value, json};

use super::auth::PORTAL_ID;
use super::objects::{Query, json_text};
use super::route::HubSpot;
use super::schema::ObjectKind;
use super::store::{Owner, Pipeline};
use super::view::Page;
use super::windows::TIME_ZONE;
use crate::clock::{iso, timestamp};
use crate::server::{Asked, Reply};
use crate::store::History;

/// The most owners of a page.
const MAX_OWNERS: usize = 500;

impl HubSpot {
    /// `GET /crm/v3/owners`.
    pub(crate) fn owners(&self, asked: &Asked) -> Result<Reply, Reply> {
        let query = Query::of(asked);
        let limit = self.limit(query.get("limit"), 100, MAX_OWNERS)?;
        let after = self.after(query.get("after"))?;
        let data = self.store().read();
        let mut rows: Vec<(&u64, &History<u64, Owner>)> =
            if query.flag("archived") { data.owners.archived(after..).collect() } else { data.owners.live(after..).collect() };
        if let Some(email) = query.get("email") {
            rows.retain(|(_, row)| row.current().value.email.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(email)));
        }
        let next = rows.get(limit).map(|(id, _)| **id);
        rows.truncate(limit);
        let results: Vec<Value> = rows.into_iter().map(|(id, row)| owner_body(*id, row)).collect();
        let page = Page { total: None, results, paging: next.map(|next| Self::next_page(asked, next)) };
        Ok(Reply::json(200, json_text(&page)))
    }

    /// `GET /crm/v3/owners/{id}`, by the owner's id or the user's.
    pub(crate) fn owner(&self, asked: &Asked, id: &str) -> Result<Reply, Reply> {
        let query = Query::of(asked);
        let archived = query.flag("archived");
        let data = self.store().read();
        let by_user = query.get("idProperty") == Some("userId");
        let found = data.owners.rows().find(|(key, row)| {
            let number = if by_user { row.current().value.user_id } else { **key };
            number.to_string() == id && if archived { row.is_archived() } else { row.is_live() }
        });
        let (id, row) = found.ok_or_else(|| self.errors.not_found("resource not found"))?;
        Ok(Reply::json(200, owner_body(*id, row).to_string()))
    }

    /// `GET /crm/v3/pipelines/deals`.
    pub(crate) fn pipelines(&self) -> Reply {
        let data = self.store().read();
        let results: Vec<Value> = data.pipelines.live(..).enumerate().map(|(place, (id, row))| pipeline_body(id, place, row)).collect();
        Reply::json(200, json!({"results": results}).to_string())
    }

    /// `GET /crm/v3/pipelines/deals/{id}`.
    pub(crate) fn pipeline(&self, id: &str) -> Result<Reply, Reply> {
        Ok(Reply::json(200, self.pipeline_json(id)?.to_string()))
    }

    /// `GET /crm/v3/pipelines/deals/{id}/stages`.
    pub(crate) fn stages(&self, id: &str) -> Result<Reply, Reply> {
        let pipeline = self.pipeline_json(id)?;
        Ok(Reply::json(200, json!({"results": pipeline["stages"]}).to_string()))
    }

    fn pipeline_json(&self, id: &str) -> Result<Value, Reply> {
        let data = self.store().read();
        let mut rows = data.pipelines.live(..).enumerate();
        let (place, (id, row)) = rows.find(|(_, (key, _))| *key == id).ok_or_else(|| self.errors.not_found("resource not found"))?;
        Ok(pipeline_body(id, place, row))
    }

    /// `GET /crm/v3/properties/{object}`.
    pub(crate) fn properties(&self, asked: &Asked, kind: ObjectKind) -> Reply {
        let query = Query::of(asked);
        let archived = query.flag("archived");
        let sensitive = query.get("dataSensitivity").is_some_and(|asked| asked != "non_sensitive");
        let data = self.store().read();
        let wanted =
            data.of(kind).schema.all().iter().filter(|(property, _)| property.archived == archived && property.sensitive == sensitive);
        let results: Vec<Value> = wanted.map(|(property, at)| property.to_json(kind, *at)).collect();
        Reply::json(200, json!({"results": results}).to_string())
    }

    /// `GET /crm/v3/properties/{object}/{name}`.
    pub(crate) fn property(&self, kind: ObjectKind, name: &str) -> Result<Reply, Reply> {
        let data = self.store().read();
        let found = data.of(kind).schema.all().iter().find(|(property, _)| property.name == name);
        let (property, at) = found.ok_or_else(|| self.errors.not_found(format!("There is no property \"{name}\"")))?;
        Ok(Reply::json(200, property.to_json(kind, *at).to_string()))
    }

    /// `GET /account-info/v3/details`.
    pub(crate) fn account(&self) -> Reply {
        let now = self.store().clock().now_ms();
        let offset = timestamp(now).in_tz(TIME_ZONE).map_or(0, |zoned| zoned.offset().seconds());
        let (hours, minutes) = (offset.abs() / 3600, offset.abs() / 60 % 60);
        let body = json!({
            "portalId": PORTAL_ID,
            "timeZone": TIME_ZONE,
            "accountType": "STANDARD",
            "companyCurrency": "USD",
            "additionalCurrencies": ["EUR", "GBP", "JPY"],
            "utcOffset": format!("{}{hours:02}:{minutes:02}", if offset < 0 { '-' } else { '+' }),
            "utcOffsetMilliseconds": offset * 1000,
            "uiDomain": "app.hubspot.com",
            "dataHostingLocation": "na1",
        });
        Reply::json(200, body.to_string())
    }
}

fn owner_body(id: u64, row: &History<u64, Owner>) -> Value {
    let owner = &row.current().value;
    let archived = row.is_archived();
    let mut body = json!({
        "id": id.to_string(),
        "firstName": owner.first_name,
        "lastName": owner.last_name,
        "type": if owner.queue { "QUEUE" } else { "PERSON" },
        "userIdIncludingInactive": owner.user_id,
        "createdAt": iso(row.created_at),
        "updatedAt": iso(row.current().modified_at),
        "archived": archived,
    });
    if let Some(email) = &owner.email {
        body["email"] = json!(email);
    }
    // An archived owner has lost its user.
    if !archived {
        body["userId"] = json!(owner.user_id);
    }
    if let Some((id, name)) = &owner.team {
        body["teams"] = json!([{"id": id, "name": name, "primary": true}]);
    }
    body
}

fn pipeline_body(id: &str, place: usize, row: &History<String, Pipeline>) -> Value {
    let pipeline = &row.current().value;
    let (created, updated) = (iso(row.created_at), iso(row.current().modified_at));
    let stage = |(place, stage): (usize, &super::store::Stage)| {
        json!({
            "id": stage.id,
            "label": stage.label,
            "displayOrder": place,
            "metadata": {"isClosed": stage.closed.to_string(), "probability": stage.probability},
            "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
            "archived": false,
            "createdAt": created,
            "updatedAt": updated,
        })
    };
    let stages: Vec<Value> = pipeline.stages.iter().enumerate().map(stage).collect();
    json!({"id": id, "label": pipeline.label, "displayOrder": place, "archived": false, "createdAt": created, "updatedAt": updated, "stages": stages})
}
