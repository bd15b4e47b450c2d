//! `src/api.rs`.

use super::{mark, quoted};
use crate::plan::{Account, Plan};

pub(super) fn api(plan: &Plan) -> String {
    let mark = mark("", &plan.account);
    match &plan.account.value {
        Account::Endpoint { path, inside, id, is_number } => {
            let kind = if *is_number { "u64" } else { "String" };
            let (answer, me) = match inside {
                Some(key) => (
                    format!("#[derive(Deserialize)]\nstruct Answer {{\n{}    me: Me,\n}}\n\n", rename("    ", key, "me")),
                    "let Answer { me } = response.json()?;",
                ),
                None => (String::new(), "let me: Me = response.json()?;"),
            };
            let text = if *is_number { "me.id.to_string()" } else { "me.id" };
            format!(
                "//! Requests that the table of streams does not describe.\n\nuse aqueduct_connector::schema::Result;\n\
                 use aqueduct_connector::{{Account, Http, Request}};\nuse serde::Deserialize;\n\n{answer}#[derive(Deserialize)]\nstruct Me {{\n\
                 {}    id: {kind},\n}}\n\n/// The account that the credentials belong to.\n{mark}pub(crate) async fn account(http: &dyn Http) -> Result<Account> {{\n    \
                 let response = http.send(Request::get({}, \"account\")).await?;\n    {me}\n    \
                 Ok(Account {{ id: {text}, name: None, time_zone: None, currency: None }})\n}}\n",
                rename("    ", id, "id"),
                quoted(path),
            )
        }
        Account::Config => {
            let stream = plan.streams.first();
            let path = stream.map_or("/", |stream| stream.path.as_str());
            let query: String =
                stream.iter().flat_map(|stream| &stream.query).map(|(name, value)| format!(".query({name:?}, {value:?})")).collect();
            // One record is as good an answer as a whole page.
            let size = stream.and_then(|stream| stream.page_size.as_ref());
            let query = size.map_or(query.clone(), |size| format!("{query}.query({}, \"1\")", quoted(&size.value.0)));
            format!(
                "//! Requests that the table of streams does not describe.\n\nuse aqueduct_connector::schema::Result;\n\
                 use aqueduct_connector::{{Account, Http, Request}};\n\n/// Whether the credentials are good, which any answer shows; the account has the name that the config gives it.\n\
                 {mark}pub(crate) async fn account(http: &dyn Http, name: &str) -> Result<Account> {{\n    \
                 http.send(Request::get({}, \"account\"){query}).await?;\n    \
                 Ok(Account {{ id: name.to_owned(), name: None, time_zone: None, currency: None }})\n}}\n",
                quoted(path),
            )
        }
    }
}

/// The attribute for a key that is no name of a field.
fn rename(indent: &str, key: &str, name: &str) -> String {
    if key == name { String::new() } else { format!("{indent}#[serde(rename = {})]\n", quoted(key)) }
}
