//! A company's own binary: the whole command line with a private connector, whose source stays with the company.
//!
//! It needs one dependency, `aqueduct-cli`. Try it: `cargo run -p aqueduct-cli --example company_binary -- discover --connectors`.
//! `aqueduct new-connector NAME --folder PATH` writes such a crate with tests and a vendor to try it on.

use std::process::ExitCode;

use aqueduct_cli::Registry;

fn main() -> ExitCode {
    aqueduct_cli::run(Registry::standard().with(acme::registration()))
}

/// The connector. In earnest it is a crate of its own.
mod acme {
    use std::sync::Arc;
    use std::time::Duration;

    use aqueduct_cli::connector::schema::{Mode, RecordField, RecordSchema, Result, Secret, ValueType};
    use aqueduct_cli::connector::schemars::{self, JsonSchema};
    use aqueduct_cli::connector::serde::{self, Deserialize};
    use aqueduct_cli::connector::{
        Account, Auth, Connector, Context, Endpoint, Limit, LimitClass, Paging, Registration, Request, Stream, async_trait, config,
    };

    /// Members of the company's loyalty programme.
    pub(crate) fn registration() -> Registration {
        Registration {
            name: "acme",
            summary: "Members of Acme's loyalty programme.",
            documentation: "https://intranet.acme.example/loyalty",
            config_schema: || schemars::schema_for!(Config),
            build: |value| Ok(Arc::new(Acme { config: config::parse("acme", value)? })),
            mappings: &[("contact.yaml", "entity: contact\nstream: members\nfields: { email: email, full_name: name }\n")],
        }
    }

    /// The config of the connector.
    #[derive(Deserialize, JsonSchema)]
    #[serde(crate = "serde", deny_unknown_fields)]
    #[schemars(crate = "schemars")]
    struct Config {
        /// The key of the loyalty service.
        access_token: Secret,
        /// The address of the loyalty service.
        base_url: String,
    }

    struct Acme {
        config: Config,
    }

    const MEMBERS: Endpoint =
        Endpoint::new("/members", &["members"], Paging::Keyset { parameter: "after", key: "number" }).page_size("limit");

    #[async_trait]
    impl Connector for Acme {
        fn base_url(&self) -> &str {
            &self.config.base_url
        }

        fn auth(&self) -> Auth {
            Auth::Bearer(self.config.access_token.clone())
        }

        fn limits(&self) -> Vec<Limit> {
            vec![Limit::new(LimitClass::DEFAULT, 20, Duration::from_secs(1))]
        }

        async fn check(&self, context: &Context) -> Result<Account> {
            context.http.send(Request::get("/members", "account").query("limit", "1")).await?;
            Ok(Account { id: "acme".to_owned(), name: None, time_zone: None, currency: None })
        }

        async fn discover(&self, _: &Context) -> Result<Vec<Stream>> {
            let text = |path: &str| RecordField::new(path, ValueType::Text);
            let record = RecordSchema::new("member", vec![text("number"), text("email"), text("name")], &["number"]);
            Ok(vec![Stream::new("members", record, &[Mode::Snapshot], "https://intranet.acme.example/loyalty").endpoint(MEMBERS)])
        }
    }
}
