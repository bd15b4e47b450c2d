//! The handle on a running simulator.

use std::io;
use std::sync::Arc;

use super::description::Description;
use super::options::Options;
use super::store::Store;
use super::vendor::Plain;
use crate::controls::controls;
use crate::random::Random;
use crate::server::{Served, Server};

/// What a client needs to be let in. Invented from the seed; it opens nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The token or key; the user for HTTP Basic.
    pub key: String,
    /// The password for HTTP Basic.
    pub password: String,
}

/// A vendor that answers on 127.0.0.1 until it is stopped or dropped.
pub struct Simulator {
    server: Server,
    served: Arc<Served<Plain>>,
}

impl Simulator {
    /// Fills an account as described and serves it.
    ///
    /// # Errors
    /// The port cannot be bound.
    pub async fn start(description: &Description, options: Options) -> io::Result<Self> {
        let mut random = Random::of_row(options.seed, 105, 0);
        let mut invented = |prefix: &str| format!("{prefix}{:016x}{:016x}", random.bits(), random.bits());
        let credentials = Credentials { key: invented(&description.key_begins), password: invented("password-") };
        let store = Store::new(description, options.seed, options.clock.clone());
        let vendor = Plain::new(description, credentials, store, options.clock.clone());
        let served = Served::new(vendor, options.clock, options.request_log_capacity, options.gzip);
        let server = Server::start(options.port, Arc::clone(&served)).await?;
        Ok(Self { server, served })
    }

    /// The root of all endpoints with the base path, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}{}", self.server.address, self.served.vendor.description.base_path)
    }

    /// What a client needs to be let in.
    #[must_use]
    pub fn credentials(&self) -> Credentials {
        self.served.vendor.credentials.clone()
    }

    /// The account.
    #[must_use]
    pub fn store(&self) -> Store {
        self.served.vendor.store.clone()
    }

    /// Takes the permission for a stream away: its endpoint answers 403 from now on.
    pub fn forbid(&self, stream: &str) {
        self.served.vendor.forbid(stream);
    }

    /// Stops serving and waits until it has.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

controls!(Simulator);
