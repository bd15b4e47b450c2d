//! The suite every connector passes.
//!
//! Each rule has a name, a reason and a test that runs the connector through the real engine against a simulated vendor, on the
//! vendor's own clock. What a connector or its vendor does not have, a rule does not ask for. A connector's `tests/conformance.rs` is
//! three lines:
//!
//! ```text
//! #[tokio::test]
//! async fn conforms() {
//!     aqueduct_conformance::run(aqueduct_connector_acme::registration(), &aqueduct_conformance::acme::vendor()).await.assert();
//! }
//! ```
//!
//! Reading order: [`rules`] (the table), [`Vendor`] and [`TestAccount`] (what a simulated vendor implements), `trial` (how a rule
//! reads). The suite knows no connector.

pub mod brevo;
mod evidence;
pub mod files;
pub mod hubspot;
pub mod plain;
mod profile;
mod raw;
mod records;
mod report;
mod rules;
pub mod salesforce;
mod simulated;
mod tampered;
mod trial;
mod vendor;
mod watched;

use aqueduct_connector::Registration;
use aqueduct_engine::{Engine, Settings};

use evidence::Evidence;
use trial::{Stop, Trial};

pub use profile::Profile;
pub use report::{Outcome, Report};
pub use rules::{Rule, rules};
pub use vendor::{Ability, Asked, Did, Facts, Harm, TestAccount, Vendor};

/// Tries every rule on a connector. Must be called inside a tokio runtime.
pub async fn run(registration: Registration, vendor: &dyn Vendor) -> Report {
    let names: Vec<&str> = rules().iter().map(|rule| rule.name).collect();
    let profile = profile(&registration, vendor).await;
    let mut report = run_only(registration, vendor, &names).await;
    report.profile = profile;
    report
}

/// What the connector reads of a fresh account; `None` where that cannot be told, which a rule then says.
async fn profile(registration: &Registration, vendor: &dyn Vendor) -> Option<Profile> {
    let account = vendor.open().await.ok()?;
    let connector = (registration.build)(account.config()).ok()?;
    let engine = Engine::new(connector.clone(), Settings::default(), account.clock()).ok()?;
    let streams = engine.discover().await.ok()?;
    Profile::new(registration, &*connector, &streams).ok()
}

/// Tries the rules of these names, in the order of the table.
pub async fn run_only(registration: Registration, vendor: &dyn Vendor, names: &[&str]) -> Report {
    let evidence = Evidence::default();
    let mut outcomes = Vec::new();
    for name in names.iter().filter(|name| !rules().iter().any(|rule| rule.name == **name)) {
        outcomes.push(("(unknown)", Outcome::Failed(format!("there is no rule `{name}`"))));
    }
    for rule in rules().iter().filter(|rule| names.contains(&rule.name)) {
        outcomes.push((rule.name, outcome(rule, &registration, vendor, &evidence).await));
    }
    Report { connector: registration.name, outcomes, profile: None, lacks_change: vendor.lacks_change() }
}

async fn outcome(rule: &Rule, registration: &Registration, vendor: &dyn Vendor, evidence: &Evidence) -> Outcome {
    let account = match vendor.open().await {
        Ok(account) => account,
        Err(error) => return Outcome::Failed(format!("the vendor's account cannot be opened: {error}")),
    };
    evidence.secrets(account.secrets());
    let trial = Trial { registration, facts: vendor.facts(), account, evidence };
    let course = (rule.test)(&trial).await;
    evidence.secrets(trial.account.secrets());
    match course {
        Ok(()) => Outcome::Passed,
        Err(Stop::Failed(reason)) => Outcome::Failed(reason),
        Err(Stop::NotApplicable(reason)) => Outcome::NotApplicable(reason),
    }
}

/// The guide's example is compiled and run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/writing-a-connector.md")]
struct Guide;
