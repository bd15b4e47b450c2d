//! The manifest, the library's root and the binary.

use super::{Place, mark, quoted};
use crate::name::type_name;
use crate::plan::{Account, Credentials, Limit, Noted, Plan};

/// `Cargo.toml`.
pub(super) fn manifest(plan: &Plan, place: &Place) -> String {
    let name = &plan.name;
    match place {
        Place::Workspace => format!(
            "[package]\nname = \"aqueduct-connector-{name}\"\nversion.workspace = true\nedition.workspace = true\nrust-version.workspace = \
             true\nlicense.workspace = true\npublish.workspace = true\n\n[dependencies]\naqueduct-connector = {{ workspace = true }}\nasync-trait \
             = {{ workspace = true }}\nschemars = {{ workspace = true }}\nserde = {{ workspace = true }}\nserde_json = {{ workspace = true \
             }}\n\n[dev-dependencies]\naqueduct-conformance = {{ workspace = true }}\ntokio = {{ workspace = true }}\n\n[lints]\nworkspace = true\n"
        ),
        Place::Alone(aqueduct) => {
            let path = |member: &str| quoted(&format!("{aqueduct}/crates/{member}"));
            format!(
                "[package]\nname = {name:?}\nversion = \"0.1.0\"\nedition = \"2024\"\npublish = false\n\n# A workspace of its own, wherever it lies.\n[workspace]\n\n\
                 [dependencies]\naqueduct-cli = {{ path = {} }}\naqueduct-connector = {{ path = {} }}\nasync-trait = \"0.1\"\nschemars = \"1\"\n\
                 serde = {{ version = \"1\", features = [\"derive\"] }}\nserde_json = \"1\"\n\n[dev-dependencies]\naqueduct-conformance = {{ path = {} }}\n\
                 tokio = {{ version = \"1\", features = [\"macros\", \"rt-multi-thread\"] }}\n\n[lints.rust]\nunsafe_code = \"forbid\"\nmissing_docs = \"warn\"\n\n\
                 # As in Aqueduct: most of a first build is dependencies, and nobody steps through them.\n[profile.dev]\ndebug = \"line-tables-only\"\n\
                 [profile.dev.package.\"*\"]\ndebug = false\n[profile.dev.package.libsqlite3-sys]\nopt-level = 2\n",
                path("cli"),
                path("connector"),
                path("conformance"),
            )
        }
    }
}

/// `src/main.rs` of a crate that stands alone.
pub(super) fn binary(plan: &Plan) -> String {
    format!(
        "//! The `aqueduct` command line with one connector more.\n\nuse std::process::ExitCode;\n\nfn main() -> ExitCode {{\n    \
         aqueduct_cli::run(aqueduct_cli::Registry::standard().with({}::registration()))\n}}\n",
        plan.name
    )
}

/// `src/lib.rs`.
pub(super) fn library(plan: &Plan) -> String {
    let vendor = type_name(&plan.name);
    let mut names: Vec<String> = plan.streams.iter().take(4).map(|stream| stream.name.replace('_', " ")).collect();
    names.extend((plan.streams.len() > 4).then(|| "more".to_owned()));
    let what = match names.as_slice() {
        [before @ .., last] if !before.is_empty() => format!("{} and {last}", before.join(", ")),
        names => names.join(""),
    };
    let entities: std::collections::BTreeSet<&str> = plan.mappings.iter().map(|mapping| mapping.entity).collect();
    let entities: Vec<String> = entities.into_iter().map(quoted).collect();
    let (mappings, mappings_import) =
        if entities.is_empty() { ("&[]".to_owned(), "") } else { (format!("mappings![{}]", entities.join(", ")), ", mappings") };
    let account = match plan.account.value {
        Account::Endpoint { .. } => "api::account(context.http.as_ref()).await",
        Account::Config => "api::account(context.http.as_ref(), &self.config.account).await",
    };
    let (key_placement, auth) = auth(&plan.credentials.value);
    let Limit { requests, seconds } = plan.limit.value;
    // The rest of a bucket of minutes is spread over them: without a burst a run of a few requests waits for most of one.
    let burst = if seconds >= 60 { format!(".burst({})", requests - requests / 5) } else { String::new() };
    let config_debug = if plan.credentials.value == Credentials::None { "Auth::None" } else { &auth };
    let title = &plan.title;
    format!(
        "//! {title}: {what}.
//!
//! Every stream declares where it stands and how it is paged, so there is no code here that reads: the streams are a table in
//! [`streams`].

mod api;
mod config;
mod streams;

use std::sync::Arc;
use std::time::Duration;

use aqueduct_connector::schema::Result;
use aqueduct_connector::{{
    Account, Auth, Connector, Context, {key_placement}Limit, LimitClass, Registration, Stream, async_trait{mappings_import},
}};

use crate::config::Config;

pub(crate) const NAME: &str = {name};

/// The entry for the table of connectors.
pub fn registration() -> Registration {{
    Registration {{
        name: NAME,
        summary: {summary},
        documentation: {documentation},
        config_schema: || schemars::schema_for!(Config),
        build: |value| Ok(Arc::new({vendor} {{ config: Config::parse(value)? }})),
        mappings: {mappings},
    }}
}}

struct {vendor} {{
    config: Config,
}}

#[async_trait]
impl Connector for {vendor} {{
    fn base_url(&self) -> &str {{
        &self.config.base_url
    }}

    fn auth(&self) -> Auth {{
{auth_mark}        {config_debug}
    }}

    fn limits(&self) -> Vec<Limit> {{
{limit_mark}        vec![Limit::new(LimitClass::DEFAULT, {requests}, Duration::from_secs({seconds})){burst}]
    }}
{headers}{retry_after}

    async fn check(&self, context: &Context) -> Result<Account> {{
        {account}
    }}

    async fn discover(&self, _: &Context) -> Result<Vec<Stream>> {{
        streams::all()
    }}
}}
",
        name = quoted(&plan.name),
        summary = quoted(&format!("{} of an account at {title}.", capital(&what))),
        documentation = quoted(&plan.documentation),
        auth_mark = mark("        ", &plan.credentials),
        limit_mark = mark("        ", &plan.limit),
        headers = headers(&plan.headers),
        retry_after = plan.retry_after_header.as_ref().map(retry_after).unwrap_or_default(),
    )
}

/// The headers that every request has.
fn headers(headers: &[(String, String)]) -> String {
    if headers.is_empty() {
        return String::new();
    }
    let pairs: Vec<String> = headers.iter().map(|(name, value)| format!("({}, {}.to_owned())", quoted(name), quoted(value))).collect();
    format!("\n    fn headers(&self) -> Vec<(&'static str, String)> {{\n        vec![{}]\n    }}\n", pairs.join(", "))
}

/// The vendor's own header for how long to wait.
fn retry_after(header: &Noted<String>) -> String {
    let (mark, name) = (mark("        ", header), quoted(&header.value));
    format!("\n    fn retry_after_header(&self) -> &'static str {{\n{mark}        {name}\n    }}\n")
}

/// What is imported beside `Auth`, and the expression.
fn auth(credentials: &Credentials) -> (&'static str, String) {
    match credentials {
        Credentials::None => ("", "Auth::None".to_owned()),
        Credentials::Bearer => ("", "Auth::Bearer(self.config.access_token.clone())".to_owned()),
        Credentials::Header { name, prefix } => {
            let placement = format!("KeyPlacement::Header({})", quoted(name));
            (
                "KeyPlacement, ",
                format!("Auth::ApiKey {{ placement: {placement}, prefix: {}, key: self.config.api_key.clone() }}", quoted(prefix)),
            )
        }
        Credentials::Query(name) => {
            let placement = format!("KeyPlacement::Query({})", quoted(name));
            ("KeyPlacement, ", format!("Auth::ApiKey {{ placement: {placement}, prefix: \"\", key: self.config.api_key.clone() }}"))
        }
        Credentials::Basic => ("", "Auth::Basic { user: self.config.user.clone(), password: self.config.password.clone() }".to_owned()),
    }
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}
