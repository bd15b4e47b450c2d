//! Proposals from small descriptions.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use aqueduct_schema::{SemanticType, ValueType, codes};
use serde_json::{Value, json};

use super::{Proposal, propose};
use crate::plan::{Account, Credentials, Expression, Paging, Stream};

/// A description with these paths and an address.
fn described(paths: Value, more: &Value) -> Proposal {
    let mut root = json!({"openapi": "3.0.3", "info": {"title": "Acme  API"}, "servers": [{"url": "https://api.acme.example/v2/"}]});
    root["paths"] = paths;
    root.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    propose("acme", "acme.json", &root.to_string()).unwrap()
}

/// A GET of a list whose answer has this schema.
fn list(parameters: Value, schema: Value) -> Value {
    json!({"get": {"parameters": parameters, "responses": {"200": {"content": {"application/json": {"schema": schema}}}}}})
}

fn records(properties: Value) -> Value {
    json!({"type": "array", "items": {"type": "object", "properties": properties}})
}

fn with_id() -> Value {
    records(json!({"id": {"type": "string"}}))
}

fn query(name: &str, schema: Value) -> Value {
    json!({"name": name, "in": "query", "schema": schema})
}

fn object(properties: Value) -> Value {
    json!({"type": "object", "properties": properties})
}

fn stream<'p>(proposal: &'p Proposal, name: &str) -> &'p Stream {
    proposal.plan.streams.iter().find(|stream| stream.name == name).unwrap_or_else(|| panic!("{name}: {proposal:#?}"))
}

/// How one list pages, or why it was left out.
fn paging(parameters: Value, schema: Value, headers: Value) -> Result<Paging, String> {
    let mut path = list(parameters, schema);
    path["get"]["responses"]["200"]["headers"] = headers;
    let proposal = described(json!({"/things": path, "/others": list(json!([]), with_id())}), &json!({}));
    let found = proposal.plan.streams.iter().find(|stream| stream.name == "things");
    found.map(|stream| stream.paging.value.clone()).ok_or_else(|| proposal.left_out[0].1.clone())
}

#[test]
fn each_style_of_paging_is_told_from_its_names() {
    let keys = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
    let text = json!({"type": "string"});
    let page = |more: Value| {
        let mut properties = json!({"data": with_id()});
        properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        object(properties)
    };
    let none = || json!({});
    let token = |token: &[&str], parameter: &str| Paging::NextToken { token: keys(token), parameter: parameter.to_owned() };
    let cases = [
        (
            json!([query("cursor", text.clone())]),
            page(json!({"meta": object(json!({"next_cursor": text}))})),
            none(),
            token(&["meta", "next_cursor"], "cursor"),
        ),
        // The parameter is not described, but the token has the name of one.
        (
            json!([]),
            page(json!({"pages": object(json!({"next": object(json!({"starting_after": text}))}))})),
            none(),
            token(&["pages", "next", "starting_after"], "starting_after"),
        ),
        (
            json!([query("page[cursor]", text.clone())]),
            page(json!({"links": object(json!({"self": text, "next": text}))})),
            none(),
            Paging::NextLink { link: keys(&["links", "next"]) },
        ),
        (json!([]), page(json!({"next": {"type": "string", "format": "uri"}})), none(), Paging::NextLink { link: keys(&["next"]) }),
        (json!([query("per_page", json!({"type": "integer"}))]), page(none()), json!({"Link": {"schema": text}}), Paging::LinkHeader),
        (
            json!([query("start", json!({"type": "integer"}))]),
            page(none()),
            none(),
            Paging::AnchoredOffset { parameter: "start".to_owned() },
        ),
        (
            json!([query("page", json!({"type": "integer", "default": 0}))]),
            page(none()),
            none(),
            Paging::PageNumber { parameter: "page".to_owned(), first: 0 },
        ),
        (
            json!([query("page", json!({"type": "integer"}))]),
            page(none()),
            none(),
            Paging::PageNumber { parameter: "page".to_owned(), first: 1 },
        ),
        (json!([]), page(none()), none(), Paging::Single),
    ];
    for (parameters, schema, headers, expected) in cases {
        assert_eq!(paging(parameters, schema, headers), Ok(expected));
    }
    let dated = json!({"data": records(json!({"id": {"type": "string"}, "created_at": {"type": "string", "format": "date-time"}}))});
    let sort = query("sort", json!({"type": "string", "enum": ["desc", "asc"]}));
    let by_time = paging(
        json!([query("offset", json!({"type": "integer"})), query("created_since", text.clone()), sort.clone()]),
        object(dated.clone()),
        none(),
    );
    let [parameter, time, offset] = ["created_since", "created_at", "offset"].map(str::to_owned);
    assert_eq!(by_time, Ok(Paging::Time { parameter, time, offset: offset.clone() }));
    let unsorted =
        paging(json!([query("offset", json!({"type": "integer"})), query("created_since", text.clone())]), object(dated), none());
    assert_eq!(unsorted, Ok(Paging::AnchoredOffset { parameter: offset }), "the order cannot be asked for");
    let other = paging(json!([query("period.start", json!({"type": "string"}))]), page(none()), none());
    assert_eq!(other, Ok(Paging::Single), "a start of something else");
    // Only the first page would be read, and nobody would know.
    let reason = paging(json!([query("cursor", text)]), page(json!({"total": {"type": "integer"}})), none()).unwrap_err();
    assert!(reason.contains("`cursor` asks for a page"), "{reason}");
}

#[test]
fn records_are_typed_and_have_a_key_and_times() {
    let properties = json!({
        "contact_id": {"type": "integer"}, "email": {"type": "string", "format": "email"}, "score": {"type": "number"}, "vip": {"type": "boolean"},
        "createdAt": {"type": "string", "format": "date-time"}, "updated": {"type": "string"}, "born": {"type": "string", "format": "date"},
        "tags": {"type": "array", "items": {"type": "string"}}, "list_id": {"type": "integer"}, "visits": {"type": ["null", "integer"]},
        "address": {"type": "object", "properties": {"country": {"type": "string"}, "geo": {"type": "object"}}}, "dotted.name": {"type": "string"},
    });
    let proposal = described(json!({"/contacts": list(json!([]), records(properties))}), &json!({}));
    let contacts = stream(&proposal, "contacts");
    assert_eq!((contacts.key.value.as_str(), contacts.object.as_str(), contacts.items.value.len()), ("contact_id", "contact", 0));
    assert!(contacts.key.why.is_some());
    assert_eq!(contacts.created_at.as_ref().unwrap().value, "createdAt");
    assert_eq!(contacts.updated_at.as_ref().unwrap().value, "updated");
    let fields: Vec<_> = contacts.fields.iter().map(|field| (field.path.as_str(), field.value_type, field.semantic)).collect();
    let expected = [
        ("contact_id", ValueType::Text, None),
        ("address.country", ValueType::Text, Some(SemanticType::Country)),
        ("address.geo", ValueType::Json, None),
        ("born", ValueType::Date, None),
        ("createdAt", ValueType::Timestamp, None),
        ("email", ValueType::Text, Some(SemanticType::Email)),
        ("list_id", ValueType::Text, None),
        ("score", ValueType::Decimal, None),
        ("tags", ValueType::Json, None),
        ("updated", ValueType::Timestamp, None),
        ("vip", ValueType::Boolean, None),
        ("visits", ValueType::Integer, None),
    ];
    assert_eq!(fields, expected);
    let mapping = &proposal.plan.mappings[0];
    assert_eq!((mapping.entity, mapping.stream.as_str()), ("contact", "contacts"));
    assert!(mapping.fields.contains(&("country_code".to_owned(), Expression::Path("address.country".to_owned()))), "{mapping:?}");
}

#[test]
fn references_and_parts_are_put_together_and_circles_end() {
    let components = json!({"schemas": {
        "Base": {"type": "object", "properties": {"id": {"type": "string"}}},
        "Deal": {"allOf": [{"$ref": "#/components/schemas/Base"}, {"properties": {"parent": {"$ref": "#/components/schemas/Deal"}, "title": {"type": "string"}}}]},
        "Page": {"properties": {"data": {"type": "array", "items": {"$ref": "#/components/schemas/Deal"}}, "errors": {"type": "array", "items": {"type": "object"}}}},
        "Circle": {"$ref": "#/components/schemas/Circle"},
    }, "parameters": {"limit": query("limit", json!({"type": "integer", "maximum": 50}))}});
    let paths = json!({
        "/api/deals": list(json!([{"$ref": "#/components/parameters/limit"}, query("offset", json!({"type": "integer"}))]), json!({"$ref": "#/components/schemas/Page"})),
        "/api/circles": list(json!([]), json!({"$ref": "#/components/schemas/Circle"})),
        "/api/elsewhere": list(json!([]), json!({"$ref": "schemas.json#/Thing"})),
    });
    let proposal = described(paths, &json!({"components": components}));
    let deals = stream(&proposal, "deals");
    assert_eq!(deals.items.value, ["data"]);
    assert_eq!(deals.page_size.as_ref().unwrap().value, ("limit".to_owned(), 50));
    let paths: Vec<&str> = deals.fields.iter().map(|field| field.path.as_str()).collect();
    assert_eq!(paths, ["id", "parent.id", "parent.parent.id", "parent.parent.parent", "parent.parent.title", "parent.title", "title"]);
    assert_eq!(proposal.left_out.len(), 2, "{:?}", proposal.left_out);
}

#[test]
fn what_cannot_be_read_is_left_out_with_its_reason() {
    let needs = |parameter: Value| list(json!([parameter]), with_id());
    let mut required = query("term", json!({"type": "string"}));
    required["required"] = json!(true);
    let mut fixed = query("kind", json!({"type": "string", "enum": ["all"]}));
    fixed["required"] = json!(true);
    let mut old = needs(fixed.clone());
    old["get"]["deprecated"] = json!(true);
    let paths = json!({
        "/kept": needs(fixed), "/search": needs(required), "/lists/{id}/members": list(json!([]), with_id()), "/old": old,
        "/one": list(json!([]), object(json!({"id": {"type": "string"}}))), "/words": list(json!([]), json!({"type": "array", "items": {"type": "string"}})),
        "/nameless": list(json!([]), records(json!({"size": {"type": "number"}}))), "/posted": {"post": {}}, "/silent": {"get": {"responses": {"204": {}}}},
    });
    let proposal = described(paths, &json!({}));
    assert_eq!(proposal.plan.streams.len(), 1);
    assert_eq!(stream(&proposal, "kepts").query, [("kind".to_owned(), "all".to_owned())]);
    let reason = |path: &str| &proposal.left_out.iter().find(|(operation, _)| operation == &format!("GET {path}")).unwrap().1;
    for (path, word) in [
        ("/search", "needs the parameter `term`"),
        ("/lists/{id}/members", "another kind"),
        ("/old", "deprecated"),
        ("/one", "no array of records"),
        ("/words", "no objects"),
        ("/nameless", "tell them by"),
        ("/silent", "not described"),
    ] {
        assert!(reason(path).contains(word), "{path}: {}", reason(path));
    }
}

#[test]
fn changes_are_asked_for_where_the_vendor_can_say_them() {
    let record = records(json!({"id": {"type": "integer"}, "updated_at": {"type": "string", "format": "date-time"}}));
    let page = object(json!({"data": record, "next_cursor": {"type": "string"}}));
    let since = |schema| json!([query("updated_since", schema), query("cursor", json!({"type": "string"}))]);
    let paths = json!({"/a": list(since(json!({"type": "string"})), page.clone()), "/b": list(since(json!({"type": "integer"})), page)});
    let proposal = described(paths, &json!({}));
    assert!(stream(&proposal, "as").has_changes() && !stream(&proposal, "bs").has_changes());
}

#[test]
fn words_say_the_most_records_of_a_page() {
    let of = |words: &str| {
        let mut limit = query("limit", json!({"type": "integer"}));
        limit["description"] = json!(words);
        let page = object(json!({"data": with_id(), "next_cursor": {"type": "string"}}));
        let proposal = described(json!({"/things": list(json!([limit, query("cursor", json!({"type": "string"}))]), page)}), &json!({}));
        stream(&proposal, "things").page_size.as_ref().unwrap().value.1
    };
    for (words, most) in [
        ("If not provided, 100 items are returned. Please note that a maximum value of 300 is allowed.", 300),
        ("Default: 20. Min: 1. Max: 50.", 50),
        ("Up to 250 records.", 250),
        ("A number between 1 and 200.", 200),
        ("The maximum is 10000.", 500),
        ("The maximum per page; the default is 20.", 100),
        ("How many.", 100),
    ] {
        assert_eq!(of(words), most, "{words}");
    }
}

#[test]
fn credentials_address_and_account_are_taken_from_the_description() {
    let paths = |me: Value| json!({"/things": list(json!([]), with_id()), "/users/me": list(json!([]), me)});
    let me = object(json!({"data": object(json!({"company_id": {"type": "integer"}, "id": {"type": "integer"}}))}));
    let scheme = |scheme: Value| json!({"components": {"securitySchemes": {"one": scheme}}});
    let plan = described(paths(me), &scheme(json!({"type": "apiKey", "in": "header", "name": "X-Api-Token"}))).plan;
    assert_eq!(plan.base_url.value.as_deref(), Some("https://api.acme.example/v2"));
    assert_eq!(plan.credentials.value, Credentials::Header { name: "x-api-token".to_owned(), prefix: String::new() });
    let account =
        Account::Endpoint { path: "/users/me".to_owned(), inside: Some("data".to_owned()), id: "company_id".to_owned(), is_number: true };
    assert_eq!((plan.account.value, plan.title.as_str()), (account, "Acme API"));
    let credentials = |one: Value| described(paths(object(json!({}))), &scheme(one)).plan.credentials;
    assert_eq!(credentials(json!({"type": "http", "scheme": "Bearer"})).value, Credentials::Bearer);
    assert_eq!(credentials(json!({"type": "apiKey", "in": "query", "name": "key"})).value, Credentials::Query("key".to_owned()));
    assert_eq!(credentials(json!({"type": "http", "scheme": "basic"})).value, Credentials::Basic);
    let worded = credentials(
        json!({"type": "apiKey", "in": "header", "name": "Authorization", "description": "Send `Authorization: Acme-Key your-key`."}),
    );
    assert_eq!(worded.value, Credentials::Header { name: "authorization".to_owned(), prefix: "Acme-Key ".to_owned() });
    assert!(worded.why.is_some());
    assert!(credentials(json!({"type": "oauth2", "flows": {}})).why.unwrap().contains("OAuth"));
    assert_eq!(described(paths(object(json!({}))), &json!({"servers": [{"url": "/api"}]})).plan.base_url.value, None);
}

#[test]
fn swagger_in_yaml_is_understood_too() {
    let text = "
swagger: '2.0'
info: {title: Old, version: 1}
host: api.old.example
basePath: /3.0
securityDefinitions: {basic: {type: basic}}
paths:
  /lists:
    get:
      parameters:
        - {name: count, in: query, type: integer, maximum: 1000}
        - {name: offset, in: query, type: integer}
        - {name: X-Api-Version, in: header, type: string, default: '7'}
      responses:
        200:
          schema:
            type: object
            properties:
              lists:
                type: array
                items: {type: object, properties: {id: {type: string}, date_created: {type: string, format: date-time}}}
";
    let plan = propose("old", "old.yml", text).unwrap().plan;
    assert_eq!(plan.base_url.value.as_deref(), Some("https://api.old.example/3.0"));
    assert_eq!((plan.credentials.value, plan.streams[0].items.value.clone()), (Credentials::Basic, vec!["lists".to_owned()]));
    assert_eq!(plan.streams[0].page_size.as_ref().unwrap().value, ("count".to_owned(), 500));
    assert_eq!(plan.headers, [("X-Api-Version".to_owned(), "7".to_owned())]);
}

#[test]
fn a_text_that_is_no_description_is_told_so_in_words() {
    for (text, word) in [
        ("{\"get\": {}}", "describes no paths"),
        ("{", "no JSON"),
        ("a: [", ""),
        ("swagger: '1.2'\npaths: {}", "says neither"),
        ("openapi: 3.1.0\npaths: {}", "no list of records"),
    ] {
        let error = propose("acme", "part.json", text).unwrap_err();
        assert_eq!((error.code(), error.location().map(|place| place.file.as_str())), (codes::BAD_YAML, Some("part.json")));
        assert!(error.message().contains(word), "{error}");
    }
}

#[test]
fn streams_of_one_name_are_told_apart() {
    let one = || list(json!([]), with_id());
    let proposal = described(json!({"/crm/lists": one(), "/email/lists": one(), "/lists": one(), "/lists/archived": one()}), &json!({}));
    let names: Vec<&str> = proposal.plan.streams.iter().map(|stream| stream.name.as_str()).collect();
    assert_eq!(names, ["lists", "email_lists", "lists_2", "lists_archived"]);
}
