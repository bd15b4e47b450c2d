//! `src/api.rs`.

use super::{mark, pairs, quoted};
use crate::plan::{Account, Plan};

pub(super) fn api(plan: &Plan) -> String {
    let headers = if plan.headers.is_empty() { String::new() } else { headers(plan) };
    let (sent, more) = if plan.headers.is_empty() { ("", "") } else { (", Context, Response, async_trait", "use std::sync::Arc;\n\n") };
    let signed = if plan.headers.is_empty() { "" } else { ".headers()" };
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
                "//! Requests that the table of streams does not describe.\n\n{more}use aqueduct_connector::schema::Result;\n\
                 use aqueduct_connector::{{Account{sent}, Http, Request}};\nuse serde::Deserialize;\n\n{answer}#[derive(Deserialize)]\nstruct Me {{\n\
                 {}    id: {kind},\n}}\n\n/// The account that the credentials belong to.\n{mark}pub(crate) async fn account(http: &dyn Http) -> Result<Account> {{\n    \
                 let response = http.send(Request::get({}, \"account\"){signed}).await?;\n    {me}\n    \
                 Ok(Account {{ id: {text}, name: None, time_zone: None, currency: None }})\n}}\n{headers}",
                rename("    ", id, "id"),
                quoted(path),
            )
        }
        Account::Config => {
            let stream = plan.streams.first();
            let path = stream.map_or("/", |stream| stream.path.as_str());
            let query: String =
                stream.iter().flat_map(|stream| &stream.query).map(|(name, value)| format!(".query({name:?}, {value:?})")).collect();
            format!(
                "//! Requests that the table of streams does not describe.\n\n{more}use aqueduct_connector::schema::Result;\n\
                 use aqueduct_connector::{{Account{sent}, Http, Request}};\n\n/// Whether the credentials are good, which any answer shows; the account has the name that the config gives it.\n\
                 {mark}pub(crate) async fn account(http: &dyn Http, name: &str) -> Result<Account> {{\n    \
                 http.send(Request::get({}, \"account\"){query}{signed}).await?;\n    \
                 Ok(Account {{ id: name.to_owned(), name: None, time_zone: None, currency: None }})\n}}\n{headers}",
                quoted(path),
            )
        }
    }
}

/// The attribute for a key that is no name of a field.
fn rename(indent: &str, key: &str, name: &str) -> String {
    if key == name { String::new() } else { format!("{indent}#[serde(rename = {})]\n", quoted(key)) }
}

/// What puts the headers on every request.
fn headers(plan: &Plan) -> String {
    format!(
        "
/// Headers that every request must have.
const HEADERS: &[(&str, &str)] = {};

trait WithHeaders {{
    fn headers(self) -> Self;
}}

impl WithHeaders for Request {{
    fn headers(self) -> Self {{
        HEADERS.iter().fold(self, |request, (name, value)| request.header(*name, *value))
    }}
}}

struct Adding(Arc<dyn Http>);

#[async_trait]
impl Http for Adding {{
    async fn send(&self, request: Request) -> Result<Response> {{
        self.0.send(request.headers()).await
    }}
}}

/// The context of a call whose requests have the headers.
pub(crate) fn with_headers(context: &Context) -> Context {{
    Context {{ http: Arc::new(Adding(context.http.clone())), ..context.clone() }}
}}
",
        pairs(&plan.headers)
    )
}
