//! Whole exchanges through the scrubber.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Exchange, Fixture, SCRUBBED, SOURCE, Scrubber};

const BASE: &str = "https://api.vendor.test";

fn exchange(target: &str, body: &Value) -> Exchange {
    Exchange {
        operation: "contacts: list".into(),
        stream: Some("contacts".into()),
        method: "GET".into(),
        url: format!("{BASE}{target}"),
        sent: None,
        status: 200,
        headers: vec![("content-type".into(), "application/json".into()), ("set-cookie".into(), "session=canary-cookie".into())],
        body: body.to_string().into_bytes(),
    }
}

fn scrubber() -> Scrubber {
    Scrubber::new([3; 32], Vec::new())
}

fn scrub(scrubber: &mut Scrubber, exchanges: &[Exchange]) -> Vec<Fixture> {
    exchanges.iter().for_each(|exchange| scrubber.learn(exchange));
    let fixtures: Vec<Fixture> = exchanges.iter().map(|exchange| scrubber.scrub(exchange).unwrap()).collect();
    for fixture in &fixtures {
        assert_eq!(scrubber.verify(fixture), Ok(()), "{}", fixture.text);
    }
    fixtures
}

fn body(fixture: &Fixture) -> Value {
    let value: Value = serde_json::from_str(&fixture.text).unwrap();
    value["answer"]["body"]["json"].clone()
}

#[test]
fn what_a_connector_goes_by_stays_and_what_is_personal_goes() {
    let page = json!({
        "results": [{
            "id": "12345678901", "createdAt": "2026-01-31T12:00:00.000Z", "archived": false, "score": 1.5,
            "properties": {"email": "Ann@Corp.test", "firstname": "Ann", "phone": "+44 20 7946 0018", "note": "Met Ann Quagmyre in Utopia",
                "plan": "gold", "hs_object_id": "12345678901", "zip": "90210", "dob": "1980-02-29", "ip": "10.1.2.3", "website": "https://ann.test/in/ann"},
        }],
        "paging": {"next": {"after": "eyJlbWFpbCI6ImFubkBjb3JwLnRlc3QifQ", "link": format!("{BASE}/crm/contacts?after=eyJlbWFpbCI6ImFubkBjb3JwLnRlc3QifQ&limit=1")}},
    });
    let second = exchange(
        "/crm/contacts?limit=1&after=eyJlbWFpbCI6ImFubkBjb3JwLnRlc3QifQ",
        &json!({"results": [{"id": "2", "properties": {"email": "ann@corp.test"}}]}),
    );
    let options = json!({"results": [{"name": "plan", "label": "Plan of Ann", "type": "enumeration", "options": [{"label": "Gold", "value": "gold"}]}]});
    let exchanges = [exchange("/crm/properties/contacts", &options), exchange("/crm/contacts?limit=1", &page), second];
    let fixtures = scrub(&mut scrubber(), &exchanges);
    let (described, first) = (body(&fixtures[0]), body(&fixtures[1]));
    assert_eq!(described, options);
    let record = &first["results"][0];
    let properties = &record["properties"];
    for (kept, value) in
        [("id", json!("12345678901")), ("createdAt", json!("2026-01-31T12:00:00.000Z")), ("archived", json!(false)), ("score", json!(1.5))]
    {
        assert_eq!(record[kept], value);
    }
    assert_eq!((&properties["plan"], &properties["hs_object_id"]), (&json!("gold"), &json!("12345678901")));
    for name in ["email", "firstname", "phone", "note", "zip", "dob", "ip", "website"] {
        assert_ne!(properties[name], page["results"][0]["properties"][name], "{name}");
    }
    assert_eq!(properties["email"].as_str().unwrap().to_lowercase(), body(&fixtures[2])["results"][0]["properties"]["email"]);
    // The cursor leads on although it is another one now.
    let after = first["paging"]["next"]["after"].as_str().unwrap();
    assert_eq!(first["paging"]["next"]["link"], format!("{SOURCE}/crm/contacts?after={after}&limit=1"));
    let request: Value = serde_json::from_str(&fixtures[2].text).unwrap();
    assert_eq!(request["request"]["query"], json!([["limit", "1"], ["after", after]]));
    assert!(!fixtures[1].text.contains("canary-cookie") && !fixtures[1].text.contains("set-cookie"));
}

#[test]
fn secrets_go_in_every_form() {
    let mut scrubber = scrubber();
    scrubber.secret("pat-canary-secret");
    let mut token = exchange(
        "/oauth/token?api_key=canary-key-9",
        &json!({"access_token": "canary-access", "token_type": "bearer", "expires_in": 1800, "instance_url": BASE}),
    );
    token.method = "POST".into();
    token.sent =
        Some(("application/x-www-form-urlencoded".into(), b"grant_type=refresh_token&refresh_token=canary-refresh&client_id=c".to_vec()));
    let leak = exchange(
        "/a",
        &json!({"echo": "used canary-access and pat-canary-secret", "url": format!("{BASE}/f?x=1&Signature=abc%2Fd"), "type": "cGF0LWNhbmFyeS1zZWNyZXQ"}),
    );
    let fixtures = scrub(&mut scrubber, &[token, leak]);
    for fixture in &fixtures {
        assert!(!fixture.text.contains("canary") && !fixture.text.contains("cGF0LWNhbmFyeS1zZWNyZXQ"), "{}", fixture.text);
    }
    let value: Value = serde_json::from_str(&fixtures[0].text).unwrap();
    assert_eq!(
        value["request"]["body"]["form"],
        json!([["grant_type", "refresh_token"], ["refresh_token", SCRUBBED], ["client_id", SCRUBBED]])
    );
    assert_eq!(body(&fixtures[0]), json!({"access_token": SCRUBBED, "token_type": "bearer", "expires_in": 1800, "instance_url": SOURCE}));
    assert_eq!(body(&fixtures[1])["url"], format!("{SOURCE}/f?x=1&Signature={SCRUBBED}"));
}

#[test]
fn what_has_no_form_is_refused_and_so_is_what_the_second_look_finds() {
    let mut html = exchange("/a", &json!({}));
    html.body = b"<html>Ann</html>".to_vec();
    assert!(scrubber().scrub(&html).unwrap_err().reason.contains("HTML"));
    let mut headless = exchange("/a", &json!({}));
    headless.headers = vec![("content-type".into(), "text/csv".into())];
    headless.body = b"Ann,Smith\nBob,Jones\n".to_vec();
    assert!(scrubber().scrub(&headless).unwrap_err().reason.contains("CSV"));

    // A word of a closed set that is somebody's name: kept by the first look, seen by the second.
    let exchanges = [exchange("/a", &json!({"firstname": "Xanthippe", "type": "x"})), exchange("/b", &json!({"type": "Xanthippe"}))];
    let mut scrubber = scrubber();
    exchanges.iter().for_each(|exchange| scrubber.learn(exchange));
    let fixtures: Vec<Fixture> = exchanges.iter().map(|exchange| scrubber.scrub(exchange).unwrap()).collect();
    assert_eq!(scrubber.verify(&fixtures[0]), Ok(()));
    let refusal = scrubber.verify(&fixtures[1]).unwrap_err();
    assert!(refusal.reason.contains("a name") && !refusal.to_string().contains("Xanthippe"), "{refusal}");
}

#[test]
fn csv_and_json_lines_keep_their_rows() {
    let mut csv = exchange("/jobs/1/results", &json!({}));
    csv.headers = vec![("content-type".into(), "text/csv; charset=UTF-8".into()), ("sforce-locator".into(), "null".into())];
    csv.body = b"\"Id\",\"Email\",\"LastName\",\"Amount\"\n\"003xx000004TmiQAAS\",\"ann@corp.test\",\"Quagmyre\",\"12.50\"\n".to_vec();
    let mut lines = exchange("/lines", &json!({}));
    lines.body = b"{\"id\":1,\"email\":\"ann@corp.test\"}\n{\"id\":2,\"lastName\":\"Quagmyre\"}\n".to_vec();
    let fixtures = scrub(&mut scrubber(), &[csv, lines]);
    let value: Value = serde_json::from_str(&fixtures[0].text).unwrap();
    assert_eq!(value["answer"]["headers"], json!([["content-type", "text/csv; charset=UTF-8"], ["sforce-locator", "null"]]));
    let rows = value["answer"]["body"]["text"].as_array().unwrap();
    assert_eq!((rows.len(), rows[0].as_str()), (3, Some("\"Id\",\"Email\",\"LastName\",\"Amount\"")));
    let cells: Vec<&str> = rows[1].as_str().unwrap().split(',').collect();
    assert_eq!((cells[0], cells[3]), ("\"003xx000004TmiQAAS\"", "\"12.50\""));
    let value: Value = serde_json::from_str(&fixtures[1].text).unwrap();
    let lines = &value["answer"]["body"]["json_lines"];
    assert_eq!(format!("\"{}\"", lines[0]["email"].as_str().unwrap()), cells[1]);
    assert_eq!(format!("\"{}\"", lines[1]["lastName"].as_str().unwrap()), cells[2]);
}

#[test]
fn what_was_scrubbed_once_stays_as_it_is() {
    let page = json!({"results": [{"id": "u1", "name": "Ann Quagmyre", "email": "ann@corp.test", "phone": "07700 900123", "note": "a long text about Ann and what she likes"}]});
    let mut scrubber = scrubber();
    let first = body(&scrub(&mut scrubber, &[exchange("/a", &page)])[0]);
    let second = scrubber.scrub(&exchange("/a", &first)).unwrap();
    assert_eq!(body(&second), first);
    assert_eq!(body(&scrubber.scrub(&exchange("/a", &page)).unwrap()), first);
}

/// JSON of any shape whose texts hold some of these.
fn planted() -> impl Strategy<Value = Value> {
    let email = "[a-z][a-z0-9._+-]{0,8}[a-z0-9]@[a-z]{2,8}\\.(test|com|co\\.uk)";
    let text = prop_oneof![
        email.prop_map(|email| format!("canary{email}")),
        (".{0,12}", email).prop_map(|(before, email)| format!("{before} <canary{email}> and more")),
        "[a-zA-Z ]{0,10}".prop_map(|text| format!("{text}pat-canary-secret{text}")),
        Just("pat-canary-secret".to_owned()),
        ".{0,20}",
        "[0-9]{1,13}",
    ];
    let key = prop_oneof![
        Just("id".to_owned()),
        Just("type".to_owned()),
        Just("email".to_owned()),
        Just("after".to_owned()),
        Just("url".to_owned()),
        "[a-z_]{1,8}",
        email.prop_map(|email| format!("canary{email}"))
    ];
    let leaf =
        prop_oneof![text.prop_map(Value::from), any::<i64>().prop_map(Value::from), any::<bool>().prop_map(Value::from), Just(Value::Null)];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..6).prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_address_and_no_secret_is_left_whatever_the_json(value in planted(), path in "/(properties|crm|contacts)") {
        let mut scrubber = scrubber();
        scrubber.secret("pat-canary-secret");
        let exchange = exchange(&path, &value);
        scrubber.learn(&exchange);
        let fixture = scrubber.scrub(&exchange).unwrap();
        prop_assert!(!fixture.text.contains("canary"), "{}", fixture.text);
        let again = scrubber.scrub(&exchange).unwrap();
        prop_assert_eq!(again.text, fixture.text);
    }
}
