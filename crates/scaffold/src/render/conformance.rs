//! `tests/vendor/mod.rs`: the vendor in a few words; `tests/conformance.rs`: the suite; `examples/vendor.rs`: the vendor on a port.

use aqueduct_schema::{SemanticType, ValueType};

use super::{Place, guess, quoted};
use crate::name::variable;
use crate::openapi::is_ascending;
use crate::plan::{Account, Credentials, Field, Paging, Plan, Stream};

/// A vendor of many streams shows so many fields of each besides its roles, and other vendors more.
const FIELDS_OF_MANY: usize = 2;
const FIELDS_OF_FEW: usize = 6;
const MANY: usize = 12;

/// `tests/conformance.rs`.
pub(super) fn conformance(plan: &Plan, place: &Place) -> String {
    let library = match place {
        Place::Workspace => format!("aqueduct_connector_{}", plan.name),
        Place::Alone(_) => plan.name.clone(),
    };
    format!(
        "//! The rules that every connector keeps, tried against a small vendor that behaves as the documentation says.

mod vendor;

#[tokio::test]
async fn conforms() {{
    aqueduct_conformance::run({library}::registration(), &vendor::vendor()).await.assert();
}}
"
    )
}

/// `examples/vendor.rs`.
pub(super) fn served(plan: &Plan, place: &Place) -> String {
    let command = match place {
        Place::Workspace => format!("cargo run -p aqueduct-connector-{} --example vendor", plan.name),
        Place::Alone(_) => "cargo run --example vendor".to_owned(),
    };
    format!(
        "//! Serves the small vendor of the tests on this machine, to run a pipeline on: `{command}`.

#[path = \"../tests/vendor/mod.rs\"]
mod vendor;

#[tokio::main]
async fn main() -> std::io::Result<()> {{
    aqueduct_conformance::plain::serve(vendor::vendor(), 8089).await
}}
"
    )
}

/// `tests/vendor/mod.rs`.
pub(super) fn vendor(plan: &Plan) -> String {
    let shown = if plan.streams.len() > MANY { FIELDS_OF_MANY } else { FIELDS_OF_FEW };
    let endpoints: String =
        plan.streams.iter().map(|stream| format!("    let {} = {};\n", variable(&stream.name), endpoint(plan, stream, shown))).collect();
    let added: String = plan.streams.iter().map(|stream| format!(".endpoint({})", variable(&stream.name))).collect();
    let base_path = plan.base_url.value.as_deref().map(base_path).unwrap_or_default();
    let based = if base_path.is_empty() { String::new() } else { format!(".base_path({})", quoted(&base_path)) };
    let (account, json) = match &plan.account.value {
        Account::Endpoint { path, inside, id, is_number } => {
            let id = format!("{}: {}", quoted(id), if *is_number { "7" } else { "\"account-7\"" });
            let answer = inside.as_ref().map_or(format!("{{{id}}}"), |key| format!("{{{}: {{{id}}}}}", quoted(key)));
            (format!(".account({}, json!({answer}))", quoted(path)), "use serde_json::json;\n")
        }
        Account::Config => (String::new(), ""),
    };
    let paging = if plan.streams.iter().any(|stream| stream.paging.value != Paging::Single) { "Paging, " } else { "" };
    let is_guessed = !plan.guesses().is_empty();
    let mark = if is_guessed { format!("// {}\n", guess("everything that the connector's files mark")) } else { String::new() };
    let mut config = if plan.account.value == Account::Config { ".config(\"account\", \"main\")".to_owned() } else { String::new() };
    let style = |stream: &&Stream| match stream.paging.value {
        Paging::Single | Paging::PageNumber { .. } => 2,
        Paging::AnchoredOffset { .. } | Paging::Time { .. } => 1,
        _ => 0,
    };
    if let Some(stream) = plan.streams.iter().min_by_key(style).filter(|stream| style(stream) == 1) {
        config.push_str(&format!(".anchored({})", quoted(&stream.name)));
    }
    format!(
        "//! The vendor as its documentation has it. Correct it from there and not from the connector, so that a misreading is not made twice.

use aqueduct_conformance::plain::{{self, Authentication, Description, Endpoint, {paging}Plain, Value}};
{json}
/// A small account at the vendor.
{mark}pub(crate) fn vendor() -> Plain {{
{endpoints}    plain::vendor(Description::new({authentication}){based}{account}{added}){config}
}}
",
        authentication = authentication(&plan.credentials.value),
    )
}

fn endpoint(plan: &Plan, stream: &Stream, shown: usize) -> String {
    let mut text = format!("Endpoint::new({}, {})", quoted(&stream.name), quoted(&stream.path));
    if !stream.items.value.is_empty() {
        text.push_str(&format!(".items({})", array(&stream.items.value)));
    }
    if let Some(paging) = paging(&stream.paging.value) {
        text.push_str(&format!(".paging({paging})"));
    }
    if let Some(size) = &stream.page_size {
        text.push_str(&format!(".page_size({}, {})", quoted(&size.value.0), size.value.1.max(10)));
    }
    if let Some(since) = stream.since.as_ref().filter(|_| stream.has_changes()) {
        text.push_str(&format!(".since({})", quoted(&since.value)));
    }
    if let Some(until) = stream.until.as_ref().filter(|_| stream.has_changes()) {
        text.push_str(&format!(".until({})", quoted(&until.value)));
    }
    if let Paging::Time { parameter, .. } = &stream.paging.value {
        let parameter = quoted(parameter);
        text.push_str(&format!(".filter([{parameter}], plain::created_since({parameter}))"));
    }
    for (name, value) in &stream.query {
        // Records in the order of their times are what a place by time stands on; elsewhere their ids do.
        let is_direction = is_ascending(value) && matches!(stream.paging.value, Paging::Time { .. });
        text.push_str(&if is_direction {
            format!(".direction({name:?}, {value:?}, \"desc\")")
        } else {
            format!(".query({name:?}, {value:?})")
        });
    }
    // What mappings read is shown whatever there is: without it nobody would see what becomes of it.
    let mappings = plan.mappings.iter().filter(|mapping| mapping.stream == stream.name);
    let mapped: Vec<&str> = mappings.flat_map(|mapping| &mapping.fields).map(|(_, expression)| expression.path()).collect();
    let mut others = mapped.len();
    for field in &stream.fields {
        let role = role(stream, field);
        let is_mapped = mapped.contains(&field.path.as_str());
        others += usize::from(role.is_none() && !is_mapped);
        if role.is_some() || is_mapped || others <= shown {
            let value = role.map_or_else(|| value(field), str::to_owned);
            text.push_str(&format!(".field({}, Value::{value})", quoted(&field.path)));
        }
    }
    text
}

/// What a field that has a role holds.
fn role(stream: &Stream, field: &Field) -> Option<&'static str> {
    let is = |time: &Option<crate::plan::Noted<String>>| time.as_ref().is_some_and(|time| time.value == field.path);
    if stream.key.value == field.path {
        return Some(if field.is_number { "NumericId" } else { "Id" });
    }
    if is(&stream.updated_at) {
        return Some("UpdatedAt");
    }
    if is(&stream.is_deleted) {
        return Some("Deleted");
    }
    is(&stream.created_at).then_some("CreatedAt")
}

fn value(field: &Field) -> String {
    let path = field.path.to_lowercase();
    if let Some(key) = &field.primary {
        let of = if path.contains("phone") { "Phone" } else { "Email" };
        return format!("of_primary({}, Value::{of})", quoted(key));
    }
    let word = match (field.semantic, field.value_type) {
        (Some(SemanticType::Email), _) => "Email",
        (Some(SemanticType::PhoneNumber), _) => "Phone",
        (Some(SemanticType::PersonName), _) if path.contains("first") || path.contains("given") => "GivenName",
        (Some(SemanticType::PersonName), _) if path.contains("last") || path.contains("family") => "FamilyName",
        (Some(SemanticType::PersonName), _) => "FullName",
        (Some(SemanticType::CompanyName), _) => "Company",
        (Some(SemanticType::Country), _) => "Country",
        (Some(SemanticType::Url), _) => "Url",
        (_, ValueType::Text) if field.is_number => "Number",
        (_, ValueType::Text) => "Text",
        (_, ValueType::Boolean) => "Flag",
        (_, ValueType::Integer) => "Number",
        (_, ValueType::Decimal) => "Amount",
        (_, ValueType::Date) => "Date",
        (_, ValueType::Timestamp) => "Time",
        (_, ValueType::Json) => "Object",
    };
    word.to_owned()
}

fn paging(paging: &Paging) -> Option<String> {
    Some(match paging {
        Paging::Single => return None,
        Paging::NextToken { token, parameter } => format!("Paging::next_token({}, {})", array(token), quoted(parameter)),
        Paging::NextLink { link } => format!("Paging::next_link({})", array(link)),
        Paging::LinkHeader => "Paging::LinkHeader".to_owned(),
        Paging::AnchoredOffset { parameter } | Paging::Time { offset: parameter, .. } => format!("Paging::offset({})", quoted(parameter)),
        Paging::Keyset { parameter, .. } => format!("Paging::keyset({})", quoted(parameter)),
        Paging::PageNumber { parameter, first } => format!("Paging::page_number({}, {first})", quoted(parameter)),
    })
}

fn authentication(credentials: &Credentials) -> String {
    match credentials {
        Credentials::None => "Authentication::None".to_owned(),
        Credentials::Bearer => "Authentication::Bearer".to_owned(),
        Credentials::Header { name, prefix } if prefix.is_empty() => format!("Authentication::header({})", quoted(name)),
        Credentials::Header { name, prefix } => {
            format!("Authentication::Header {{ name: {}.to_owned(), prefix: {}.to_owned() }}", quoted(&name.to_lowercase()), quoted(prefix))
        }
        Credentials::Query(name) => format!("Authentication::Query({}.to_owned())", quoted(name)),
        Credentials::Basic => "Authentication::Basic".to_owned(),
    }
}

fn array(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", texts.join(", "))
}

/// The path of an address.
fn base_path(url: &str) -> String {
    url::Url::parse(url).map(|url| url.path().trim_end_matches('/').to_owned()).unwrap_or_default()
}
