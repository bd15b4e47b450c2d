//! The table of connectors.

use aqueduct_connector::Registration;
use aqueduct_connector::selection::nearest;
use aqueduct_schema::{Error, Result, codes};

/// The connectors a binary has.
#[derive(Clone, Debug)]
pub struct Registry {
    registrations: Vec<Registration>,
}

impl Registry {
    /// The connectors that come with Aqueduct.
    pub fn standard() -> Self {
        Self {
            registrations: vec![
                aqueduct_connector_brevo::registration(),
                aqueduct_connector_files::registration(),
                aqueduct_connector_hubspot::registration(),
                aqueduct_connector_salesforce::registration(),
            ],
        }
    }

    /// With one more; it replaces one of the same name.
    #[must_use]
    pub fn with(mut self, registration: Registration) -> Self {
        self.registrations.retain(|mine| mine.name != registration.name);
        self.registrations.push(registration);
        self
    }

    /// All connectors, by name.
    pub fn all(&self) -> &[Registration] {
        &self.registrations
    }

    /// A connector by name.
    ///
    /// # Errors
    /// `AQ1006` with the names there are.
    pub fn find(&self, name: &str) -> Result<&Registration> {
        self.registrations.iter().find(|registration| registration.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.registrations.iter().map(|registration| registration.name).collect();
            let error =
                Error::new(codes::UNKNOWN_CONNECTOR, format!("there is no connector `{name}`")).with("connectors", names.join(", "));
            match nearest(name, names.into_iter()) {
                Some(near) => error.advise(format!("Did you mean `{near}`?")),
                None => error,
            }
        })
    }
}
