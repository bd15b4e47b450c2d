//! What there is: versions, objects, fields, limits.

use serde_json::{Value, json};

use super::errors::not_found;
use super::fields::{Field, Kind, Schema};
use super::history::noted_name;
use super::route::Salesforce;
use crate::server::{Asked, Reply};

/// The newest version.
pub(crate) const NEWEST: u32 = 64;
/// The oldest version that is still served; those before were retired.
pub(crate) const OLDEST: u32 = 31;

impl Salesforce {
    /// `GET /services/data/`.
    pub(crate) fn versions() -> Reply {
        let label = |version: u32| {
            // Winter '25 is 62; three releases make a year.
            let season = ["Summer", "Winter", "Spring"][((version + 2) % 3) as usize];
            format!("{season} '{:02}", (version + 13) / 3)
        };
        let of = |version: u32| json!({"label": label(version), "url": format!("/services/data/v{version}.0"), "version": format!("{version}.0")});
        Reply::json(200, Value::Array((OLDEST..=NEWEST).map(of).collect()).to_string())
    }

    /// `GET /services/data/vNN.0/`.
    pub(crate) fn resources(version: &str) -> Reply {
        let url = |name: &str| format!("/services/data/{version}/{name}");
        let names = ["sobjects", "query", "queryAll", "limits", "jobs", "composite"];
        Reply::json(200, Value::Object(names.iter().map(|name| ((*name).to_owned(), json!(url(name)))).collect()).to_string())
    }

    /// `GET /sobjects/`.
    pub(crate) fn global(&self, version: &str) -> Reply {
        let data = self.store().read();
        let shown = (0..data.objects().len()).filter(|place| data.is_visible(*place));
        let objects: Vec<Value> = shown.map(|place| summary(&data.object(place).schema, version)).collect();
        Reply::json(200, json!({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": objects}).to_string())
    }

    /// `GET /sobjects/{object}/describe`.
    pub(crate) fn describe(&self, object: &str, version: &str) -> Result<Reply, Reply> {
        let data = self.store().read();
        let place = data.visible_object(object).ok_or_else(not_found)?;
        let schema = &data.object(place).schema;
        let mut body = summary(schema, version);
        let visible = schema.fields.iter().filter(|field| !field.hidden);
        body["fields"] = visible.map(|field| describe_field(schema, field)).collect();
        if let Some(parent) = schema.tells_of.as_deref().and_then(|name| data.place(name)).filter(|_| schema.is_field_history) {
            let tracked = data.object(parent).schema.fields.iter().filter(|field| field.tracked && !field.hidden);
            let names: Vec<&str> = tracked.map(noted_name).collect();
            for field in body["fields"].as_array_mut().into_iter().flatten().filter(|field| field["name"] == "Field") {
                let values = field["picklistValues"].as_array_mut().into_iter();
                values.for_each(|values| values.extend(names.iter().map(|name| picklist_value(name))));
            }
        }
        body["childRelationships"] = json!([]);
        body["recordTypeInfos"] = json!([]);
        Ok(Reply::json(200, body.to_string()))
    }

    /// `GET /sobjects/{object}`.
    pub(crate) fn object_info(&self, object: &str, version: &str) -> Result<Reply, Reply> {
        let data = self.store().read();
        let place = data.visible_object(object).ok_or_else(not_found)?;
        let describe = summary(&data.object(place).schema, version);
        Ok(Reply::json(200, json!({"objectDescribe": describe, "recentItems": []}).to_string()))
    }

    /// `GET /limits`.
    pub(crate) fn limits_reply(&self) -> Reply {
        let now = self.now();
        let jobs = self.jobs().recent(now);
        let mut usage = self.usage();
        let (used, most) = usage.requests(now);
        let of = |most: u64, used: u64| json!({"Max": most, "Remaining": most.saturating_sub(used)});
        let bulk = usage.limits().daily_bulk_jobs.unwrap_or(10_000);
        let body = json!({
            "ConcurrentAsyncGetReportInstances": of(200, 0),
            "DailyApiRequests": of(most, used),
            "DailyAsyncApexExecutions": of(250_000, 0),
            "DailyBulkApiBatches": of(15_000, 0),
            "DailyBulkV2QueryFileStorageMB": of(976_562, 0),
            "DailyBulkV2QueryJobs": of(bulk, jobs),
            "DailyStreamingApiEvents": of(10_000, 0),
            "DataStorageMB": of(1_073, 0),
            "FileStorageMB": of(1_073, 0),
            "HourlyODataCallout": of(1_000, 0),
            "HourlyTimeBasedWorkflow": of(1_000, 0),
            "MassEmail": of(5_000, 0),
            "SingleEmail": of(5_000, 0),
        });
        Reply::json(200, body.to_string())
    }

    /// `GET /limits/recordCount?sObjects=`.
    pub(crate) fn record_count(&self, asked: &Asked) -> Reply {
        let names = asked.pairs().into_iter().find(|(name, _)| name == "sObjects").map(|(_, names)| names);
        let data = self.store().read();
        let wanted =
            |name: &str| names.as_deref().is_none_or(|names| names.split(',').any(|wanted| wanted.trim().eq_ignore_ascii_case(name)));
        let shown = (0..data.objects().len()).filter(|place| data.is_visible(*place)).map(|place| data.object(place));
        let counts: Vec<Value> = shown
            .filter(|object| wanted(&object.schema.name))
            .map(|object| json!({"name": object.schema.name, "count": object.rows.live_count()}))
            .collect();
        Reply::json(200, json!({"sObjects": counts}).to_string())
    }
}

fn summary(schema: &Schema, version: &str) -> Value {
    let url = |end: &str| format!("/services/data/{version}/sobjects/{}{end}", schema.name);
    let prefix: String = schema.prefix.iter().map(|byte| char::from(*byte)).collect();
    json!({
        "name": schema.name,
        "label": schema.label,
        "labelPlural": schema.plural,
        "keyPrefix": prefix,
        "custom": schema.custom,
        "customSetting": false,
        "activateable": false,
        "associateEntityType": schema.is_field_history.then_some("History"),
        "associateParentEntity": schema.tells_of.as_ref().filter(|_| schema.is_field_history),
        "createable": schema.is_writable(),
        "updateable": schema.is_writable(),
        "deletable": schema.has_bin && schema.tells_of.is_none(),
        "undeletable": schema.has_bin && schema.tells_of.is_none(),
        "deprecatedAndHidden": false,
        "feedEnabled": false,
        "layoutable": true,
        "mergeable": schema.place("MasterRecordId").is_some(),
        "mruEnabled": false,
        "queryable": true,
        "replicateable": schema.replicateable,
        "retrieveable": true,
        "searchable": true,
        "triggerable": schema.has_bin && schema.tells_of.is_none(),
        "urls": {"sobject": url(""), "describe": url("/describe"), "rowTemplate": url("/{ID}")},
    })
}

fn picklist_value(value: &str) -> Value {
    json!({"value": value, "label": value, "active": true, "defaultValue": false, "validFor": null})
}

fn describe_field(schema: &Schema, field: &Field) -> Value {
    let (kind, soap) = field.kind.names();
    let values: Vec<Value> = field.values.iter().map(|value| picklist_value(value)).collect();
    let writable = !field.read_only && !field.calculated;
    let is_text = field.length > 0;
    json!({
        "name": field.name,
        "label": field.label,
        "type": kind,
        "soapType": soap,
        "length": field.length,
        "byteLength": field.length * 3,
        "precision": field.precision,
        "scale": field.scale,
        "digits": if field.kind == Kind::Int { field.precision } else { 0 },
        "nillable": field.nillable,
        "calculated": field.calculated,
        "calculatedFormula": null,
        "custom": field.custom,
        "compoundFieldName": field.compound,
        "referenceTo": field.refers_to,
        "relationshipName": field.relationship.as_ref().filter(|_| !field.refers_to.is_empty()),
        "polymorphicForeignKey": field.refers_to.len() > 1,
        "picklistValues": values,
        "restrictedPicklist": false,
        "dependentPicklist": false,
        "externalId": false,
        "idLookup": field.kind == Kind::Id || field.kind == Kind::Email,
        "unique": false,
        "encrypted": false,
        "caseSensitive": false,
        "nameField": field.name == "Name",
        "namePointing": false,
        "htmlFormatted": false,
        "autoNumber": schema.custom && field.name == "Name",
        "defaultedOnCreate": field.kind == Kind::Check,
        "deprecatedAndHidden": false,
        "aggregatable": is_text || field.kind.is_number(),
        "filterable": field.filterable,
        "groupable": field.filterable && !field.kind.is_number() && field.kind != Kind::Stamp,
        "sortable": field.sortable(),
        "createable": writable,
        "updateable": writable,
        "inlineHelpText": null,
        "permissionable": field.nillable && writable,
        "queryByDistance": false,
    })
}
