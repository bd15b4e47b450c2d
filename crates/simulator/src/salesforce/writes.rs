//! Changing records over HTTP: one by one by REST, and by SOAP what REST cannot do (merge, undelete, empty the bin, convert).

use serde_json::{Value, json};

use super::data::StoreError;
use super::errors::{error, not_found};
use super::route::Salesforce;
use crate::server::{Asked, Reply};

const ENVELOPE: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const PARTNER: &str = "urn:partner.soap.sforce.com";

/// A call that the SOAP endpoint answers.
enum Call {
    Undelete(Vec<String>),
    EmptyBin(Vec<String>),
    Merge { winner: String, losers: Vec<String> },
    Convert { lead: String, opportunity: Option<String> },
}

impl Salesforce {
    /// `POST /sobjects/{object}`.
    pub(crate) fn create(&self, asked: &Asked, object: &str) -> Result<Reply, Reply> {
        let object = self.writable(object, "create")?;
        let id = self.store().create(&object, values(asked)?).map_err(|refused| refusal(&refused, &object))?;
        Ok(Reply::json(201, json!({"id": id, "success": true, "errors": []}).to_string()))
    }

    /// `PATCH /sobjects/{object}/{id}`.
    pub(crate) fn update(&self, asked: &Asked, object: &str, id: &str) -> Result<Reply, Reply> {
        let object = self.writable(object, "update")?;
        self.store().update(&object, id, values(asked)?).map_err(|refused| refusal(&refused, &object))?;
        Ok(Reply::empty(204))
    }

    /// `DELETE /sobjects/{object}/{id}`.
    pub(crate) fn delete(&self, object: &str, id: &str) -> Result<Reply, Reply> {
        let object = self.writable(object, "delete")?;
        self.store().delete(&object, id).map_err(|refused| refusal(&refused, &object))?;
        Ok(Reply::empty(204))
    }

    /// The name of an object whose records clients may write.
    fn writable(&self, object: &str, verb: &str) -> Result<String, Reply> {
        let data = self.store().read();
        let schema = &data.object(data.visible_object(object).ok_or_else(not_found)?).schema;
        if schema.tells_of.is_some() {
            let message = format!("entity type {} does not support {verb}", schema.label);
            return Err(error(400, "INVALID_TYPE_FOR_OPERATION", &message));
        }
        Ok(schema.name.clone())
    }

    /// `POST /services/Soap/u/{version}`, with the session in the envelope's header.
    pub(crate) fn soap(&self, asked: &Asked) -> Reply {
        let text = String::from_utf8_lossy(&asked.body).into_owned();
        let session = elements(&text, "sessionId").into_iter().next().unwrap_or_default();
        if self.auth().check_session(&session).is_err() {
            return fault("INVALID_SESSION_ID", "Invalid Session ID found in SessionHeader: Illegal Session");
        }
        let Some((name, call)) = call(&text) else {
            return fault("UNKNOWN_EXCEPTION", "no such operation");
        };
        let results: String = match call {
            Call::Undelete(ids) => ids.iter().map(|id| result(id, self.of(id, |object| self.store().undelete(object, id)))).collect(),
            Call::EmptyBin(ids) => ids.iter().map(|id| result(id, self.of(id, |object| self.out_of_bin(object, id)))).collect(),
            Call::Merge { winner, losers } => {
                let merged = losers.iter().try_for_each(|loser| self.of(&winner, |object| self.store().merge(object, &winner, loser)));
                result(&winner, merged)
            }
            Call::Convert { lead, opportunity } => result(&lead, self.store().convert(&lead, opportunity.as_deref()).map(drop)),
        };
        envelope(200, &format!("<{name}Response xmlns=\"{PARTNER}\">{results}</{name}Response>"))
    }

    /// Changes the record of an id, whose object follows from the id.
    fn of(&self, id: &str, change: impl FnOnce(&str) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let name = {
            let data = self.store().read();
            data.find(id).map(|(place, _)| data.object(place).schema.name.clone())
        };
        change(&name.ok_or_else(|| StoreError::NotFound(id.to_owned()))?)
    }

    fn out_of_bin(&self, object: &str, id: &str) -> Result<(), StoreError> {
        if self.store().deleted_ids(object).iter().any(|deleted| deleted == id) {
            self.store().hard_delete(object, id)
        } else {
            Err(StoreError::NotFound(id.to_owned()))
        }
    }
}

/// The fields of a body, as the store takes them.
fn values(asked: &Asked) -> Result<Vec<(String, String)>, Reply> {
    let not_json = || error(400, "JSON_PARSER_ERROR", "The body is not a JSON object");
    let body: Value = serde_json::from_slice(&asked.body).map_err(|_| not_json())?;
    let text = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let fields = body.as_object().ok_or_else(not_json)?;
    Ok(fields.iter().filter(|(name, _)| *name != "attributes").map(|(name, value)| (name.clone(), text(value))).collect())
}

fn refusal(refused: &StoreError, object: &str) -> Reply {
    match refused {
        StoreError::UnknownObject(_) => not_found(),
        StoreError::NotFound(_) => error(404, "ENTITY_IS_DELETED", "entity is deleted"),
        StoreError::UnknownField(name) => error(400, "INVALID_FIELD", &format!("No such column '{name}' on sobject of type {object}")),
        StoreError::ReadOnlyField(name) => {
            error(400, "INVALID_FIELD_FOR_INSERT_UPDATE", &format!("Unable to create/update fields: {name}."))
        }
    }
}

fn call(text: &str) -> Option<(&'static str, Call)> {
    let body = elements(text, "Body").into_iter().next()?;
    let first = |name: &str| elements(&body, name).into_iter().next();
    if let Some(inner) = first("undelete") {
        return Some(("undelete", Call::Undelete(elements(&inner, "ids"))));
    }
    if let Some(inner) = first("emptyRecycleBin") {
        return Some(("emptyRecycleBin", Call::EmptyBin(elements(&inner, "ids"))));
    }
    if first("merge").is_some() {
        let winner = elements(&first("masterRecord")?, "Id").into_iter().next()?;
        return Some(("merge", Call::Merge { winner, losers: elements(&body, "recordToMergeIds") }));
    }
    first("convertLead")?;
    Some(("convertLead", Call::Convert { lead: first("leadId")?, opportunity: first("opportunityName") }))
}

/// What stands between the tags of each element of a name, whatever its prefix. Elements do not lie in others of their name here.
fn elements(text: &str, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let Some(end) = rest.find('>') else { break };
        let tag = &rest[..end];
        let own = tag.split(|letter: char| letter.is_whitespace() || letter == '/').next().unwrap_or_default();
        if own.rsplit(':').next() != Some(name) || tag.starts_with('/') || tag.ends_with('/') {
            continue;
        }
        let Some(length) = rest[end + 1..].find(&format!("</{own}>")) else { break };
        found.push(rest[end + 1..end + 1 + length].trim().to_owned());
        rest = &rest[end + 1 + length..];
    }
    found
}

fn result(id: &str, done: Result<(), StoreError>) -> String {
    match done {
        Ok(()) => format!("<result><id>{id}</id><success>true</success></result>"),
        Err(refused) => format!(
            "<result><errors><message>{refused}</message><statusCode>INVALID_CROSS_REFERENCE_KEY</statusCode></errors><success>false</success></result>"
        ),
    }
}

fn fault(code: &str, message: &str) -> Reply {
    let body = format!("<soapenv:Fault><faultcode>sf:{code}</faultcode><faultstring>{code}: {message}</faultstring></soapenv:Fault>");
    envelope(500, &body)
}

fn envelope(status: u16, body: &str) -> Reply {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope xmlns:soapenv=\"{ENVELOPE}\" xmlns:sf=\"urn:fault.partner.soap.sforce.com\"><soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
    );
    Reply { content_type: "text/xml;charset=UTF-8", ..Reply::json(status, text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_by_their_name() {
        let text = "<a:Body><undelete xmlns=\"urn:x\"><ids>1</ids><x:ids> 2 </x:ids><ids/></undelete></a:Body>";
        assert_eq!(elements(text, "ids"), ["1", "2"]);
        assert!(elements(text, "id").is_empty() && elements("<ids>1", "ids").is_empty());
    }
}
