//! How the small connector reads a page: lists by id, searches by time and id.

use std::sync::PoisonError;

use aqueduct_connector::schema::{Mode, Position, Result, Timestamp};
use aqueduct_connector::serde_json::{Value, from_slice, json};
use aqueduct_connector::{Context, Next, Page, Read, Records, Request, Response};

use super::{Flaw, Weak};

const CAP: u64 = 10_000;
const END: Next = Next::End { bookmark: None };

pub(super) async fn read(weak: &Weak, context: &Context, read: &Read<'_>) -> Result<Page> {
    match read.mode {
        Mode::Changes => changes(weak, context, read).await,
        Mode::Deletions if weak.flaw == Flaw::ForgetsDeletions => Ok(Page { records: body(&[]), next: END, server_time: context.now }),
        mode => list(weak, context, read, mode == Mode::Deletions).await,
    }
}

fn body(records: &[Value]) -> Records {
    Records::Json { body: json!({ "results": records }).to_string().into(), pointer: &["results"] }
}

async fn list(weak: &Weak, context: &Context, read: &Read<'_>, archived: bool) -> Result<Page> {
    let after = read.position.and_then(|position| position.0["after"].as_str()).map(str::to_owned);
    let archived = archived || read.position.is_some_and(|position| position.0["archived"] == true);
    let kept = after.as_ref().and_then(|after| {
        let mut ahead = weak.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        let is_here = ahead.as_ref().is_some_and(|(place, _)| place == after);
        if is_here { ahead.take() } else { None }
    });
    if let Some((place, records)) = kept {
        let next = if place == "end" { END } else { page(weak, json!({"after": place, "read_ahead": true})) };
        return Ok(Page { records: body(records.as_array().unwrap()), next, server_time: context.now });
    }
    let reads_ahead = weak.flaw == Flaw::ReadsAhead;
    let limit = if reads_ahead { read.stream.page_size * 2 } else { read.stream.page_size };
    let mut request = Request::get(format!("/crm/v3/objects/{}", read.stream.name), "list")
        .query("limit", limit.min(100).to_string())
        .query("archived", archived.to_string());
    if let Some(after) = after.filter(|after| after != "end") {
        request = request.query("after", after);
    }
    let response = context.http.send(request).await?;
    let (records, answer) = records(weak, &response)?;
    let after = answer["paging"]["next"]["after"].as_str();
    if reads_ahead {
        let half = records.len() / 2;
        let place = after.unwrap_or("end").to_owned();
        *weak.ahead.lock().unwrap_or_else(PoisonError::into_inner) = Some((place.clone(), json!(records[half..])));
        return Ok(Page { records: body(&records[..half]), next: page(weak, json!({"after": place})), server_time: response.server_time });
    }
    let is_ids = read.mode == Mode::Ids;
    let mut next = after.map_or(END, |after| page(weak, json!({"after": after, "archived": archived})));
    match weak.flaw {
        Flaw::ListsOnePage if is_ids => next = END,
        Flaw::ListsDeleted if is_ids && !archived && after.is_none() => next = page(weak, json!({"after": "end", "archived": true})),
        _ => {}
    }
    Ok(Page { records: body(&records), next, server_time: server_time(weak, &response, &records) })
}

async fn changes(weak: &Weak, context: &Context, read: &Read<'_>) -> Result<Page> {
    let limit = u64::from(read.stream.page_size);
    let by_offset = matches!(weak.flaw, Flaw::CountsRecords | Flaw::StopsAtCap);
    let modified = if read.stream.name == "contacts" { "lastmodifieddate" } else { "hs_lastmodifieddate" };
    let filter = |name: &str, operator: &str, value: &str| json!({"propertyName": name, "operator": operator, "value": value});
    let from = read.from.map_or(1_000, |from| from.at.milliseconds()).to_string();
    let place = read.position.map(|position| &position.0);
    let groups = match place {
        Some(place) if !by_offset => {
            let (at, id) = (place["at"].as_str().unwrap(), place["id"].as_str().unwrap());
            let mut groups = vec![json!({"filters": [filter(modified, "GT", at)]})];
            if weak.flaw != Flaw::AfterTheInstant {
                groups.push(json!({"filters": [filter(modified, "EQ", at), filter("hs_object_id", "GT", id)]}));
            }
            groups
        }
        _ => vec![json!({"filters": [filter(modified, "GTE", &from)]})],
    };
    let offset = if by_offset { place.map_or(0, |place| place["offset"].as_u64().unwrap()) } else { 0 };
    let search = json!({
        "filterGroups": groups,
        "sorts": [{"propertyName": modified, "direction": "ASCENDING"}],
        "properties": ["firstname", "lastname", "hs_merged_object_ids"],
        "limit": limit,
        "after": offset.to_string(),
    });
    let path = format!("/crm/v3/objects/{}/search", read.stream.name);
    let response = context.http.send(Request::post(path, search.to_string(), "search")).await?;
    let (records, answer) = records(weak, &response)?;
    let more = answer["paging"]["next"]["after"].is_string();
    let server_time = server_time(weak, &response, &records);
    let next = match records.last() {
        Some(_) if more && by_offset && !(weak.flaw == Flaw::StopsAtCap && offset + 2 * limit > CAP) => {
            page(weak, json!({"offset": offset + limit}))
        }
        Some(last) if more && !by_offset => {
            let at: Timestamp = last["updatedAt"].as_str().unwrap().parse()?;
            page(weak, json!({"at": at.milliseconds().to_string(), "id": last["id"]}))
        }
        _ => END,
    };
    Ok(Page { records: body(&records), next, server_time })
}

/// The records of an answer, and the answer itself.
fn records(weak: &Weak, response: &Response) -> Result<(Vec<Value>, Value)> {
    if weak.flaw == Flaw::EmptyIsEnd && response.body.is_empty() {
        return Ok((Vec::new(), Value::Null));
    }
    let answer: Value = from_slice(&response.body).map_err(|_| weak.malformed("this is not JSON"))?;
    let properties = answer["results"].as_array().into_iter().flatten().filter_map(|record| record["properties"].as_object()).flatten();
    for (name, value) in properties {
        match weak.flaw {
            Flaw::KnowsEveryProperty if name.starts_with("aqueduct_") => return Err(weak.malformed("there is an unknown property")),
            Flaw::ExpectsText if !value.is_string() && !value.is_null() => return Err(weak.malformed("a property is not a text")),
            _ => {}
        }
    }
    match answer["results"].as_array() {
        Some(records) => Ok((records.clone(), answer)),
        None if matches!(weak.flaw, Flaw::NothingIsEnd | Flaw::HidesForbidden) => Ok((Vec::new(), answer)),
        None => Err(weak.malformed("there are no records")),
    }
}

fn server_time(weak: &Weak, response: &Response, records: &[Value]) -> Timestamp {
    let newest = records.iter().filter_map(|record| record["updatedAt"].as_str()?.parse().ok()).max();
    newest.filter(|_| weak.flaw == Flaw::TrustsRecords).unwrap_or(response.server_time)
}

fn page(weak: &Weak, mut place: Value) -> Next {
    if let Some(token) = weak.config.access_token.as_ref().filter(|_| weak.flaw == Flaw::KeepsTheToken) {
        place["token"] = json!(token.expose());
    }
    Next::Page(Position(place))
}
