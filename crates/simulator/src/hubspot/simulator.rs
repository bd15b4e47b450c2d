//! The handle on a running simulator.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::auth::ClientCredentials;
use super::generate::generate;
use super::options::{Limits, Options};
use super::route::HubSpot;
use super::store::Store;
use crate::clock::milliseconds;
use crate::controls::controls;
use crate::server::{Served, Server};

/// A HubSpot account that answers on 127.0.0.1 until it is stopped or dropped.
pub struct Simulator {
    server: Server,
    served: Arc<Served<HubSpot>>,
}

impl Simulator {
    /// Fills an account as the options say and serves it.
    ///
    /// # Errors
    /// The port cannot be bound.
    pub async fn start(options: Options) -> io::Result<Self> {
        let (port, gzip, clock, log) = (options.port, options.gzip, options.clock.clone(), options.request_log_capacity);
        // Inventing a large account takes a while, which is no business of the caller's other tasks.
        let vendor = tokio::task::spawn_blocking(move || {
            let store = Store::new(generate(&options), options.clock.clone());
            HubSpot::new(&options, store)
        })
        .await
        .map_err(io::Error::other)?;
        let served = Served::new(vendor, clock, log, gzip);
        let server = Server::start(port, Arc::clone(&served)).await?;
        Ok(Self { server, served })
    }

    /// The root of all endpoints, `http://127.0.0.1:<port>`, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// The token of a private app; it does not expire.
    #[must_use]
    pub fn access_token(&self) -> String {
        self.served.vendor.auth().static_token().to_owned()
    }

    /// What an OAuth app needs to get access tokens.
    #[must_use]
    pub fn client_credentials(&self) -> ClientCredentials {
        self.served.vendor.auth().credentials().clone()
    }

    /// A fresh authorization code; it can be exchanged once.
    #[must_use]
    pub fn authorization_code(&self) -> String {
        self.served.vendor.auth().authorization_code()
    }

    /// The account.
    #[must_use]
    pub fn store(&self) -> Store {
        self.served.vendor.store().clone()
    }

    /// Sets how long a change stays invisible to search.
    pub fn set_index_lag(&self, lag: Duration) {
        self.served.vendor.settings().index_lag_ms = milliseconds(lag);
    }

    /// Sets the limits; windows and quotas start empty.
    pub fn set_limits(&self, limits: Limits) {
        self.served.vendor.limiters().set(limits);
    }

    /// Sets how long access tokens live that are issued from now on.
    pub fn set_token_lifetime(&self, lifetime: Duration) {
        self.served.vendor.auth().set_lifetime(milliseconds(lifetime));
    }

    /// Ends every OAuth access token. The private app's token stays.
    pub fn expire_tokens(&self) {
        let now = self.served.clock.now_ms();
        self.served.vendor.auth().expire_all(now);
    }

    /// Makes the refresh token invalid, as an uninstalled app finds it, or valid again.
    pub fn set_refresh_token_valid(&self, valid: bool) {
        self.served.vendor.auth().set_refresh_valid(valid);
    }

    /// Takes a scope away, for instance `crm.objects.deals.read`: what needs it answers 403 from now on.
    pub fn revoke_scope(&self, scope: impl Into<String>) {
        self.served.vendor.auth().revoke_scope(scope.into());
    }

    /// Gives a scope back.
    pub fn grant_scope(&self, scope: &str) {
        self.served.vendor.auth().grant_scope(scope);
    }

    /// Stops serving and waits until it has.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

controls!(Simulator);
