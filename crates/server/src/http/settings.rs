//! Where the server listens and for whom.

use std::net::SocketAddr;

use aqueduct_pipeline::schema::{Error, Result, codes};

use super::Token;

/// Where the server listens and for whom.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The address; port 0 is a free one.
    pub address: SocketAddr,
    /// What callers must bear who change something, and on a network address those who read.
    pub token: Option<Token>,
    /// Whether everybody on the network may read although there is no token (`--http-insecure-no-token`).
    pub insecure_no_token: bool,
    /// Further names that the server is called by (`--http-host`). Without any, a server on a network address takes every name.
    pub hosts: Vec<String>,
}

impl Default for Settings {
    /// This machine alone, port 9321, nothing may be changed.
    fn default() -> Self {
        Self { address: SocketAddr::from(([127, 0, 0, 1], 9321)), token: None, insecure_no_token: false, hosts: Vec::new() }
    }
}

impl Settings {
    /// Refuses to show everybody on the network what is here.
    ///
    /// # Errors
    /// `AQ1001`.
    pub fn check(&self) -> Result<()> {
        if self.is_local() || self.token.is_some() || self.insecure_no_token {
            return Ok(());
        }
        let message = format!("{} can be reached by other machines, and the server has no token", self.address);
        Err(Error::new(codes::BAD_USAGE, message).advise(
            "Listen on 127.0.0.1, or name a token with --token-file FILE. With --http-insecure-no-token everybody who reaches the address \
             may read, and nobody may change anything.",
        ))
    }

    /// Whether only this machine can reach the address.
    pub(crate) fn is_local(&self) -> bool {
        self.address.ip().to_canonical().is_loopback()
    }

    /// Whether readers need the token too.
    pub(crate) fn asks_readers(&self) -> bool {
        !self.is_local() && !self.insecure_no_token
    }

    /// Whether the server is called by this name: in lower case, without a port, addresses of version 6 in brackets.
    pub(crate) fn takes_host(&self, name: &str) -> bool {
        let own = matches!(name, "localhost" | "127.0.0.1" | "[::1]") || self.hosts.iter().any(|host| host.eq_ignore_ascii_case(name));
        own || (!self.is_local() && self.hosts.is_empty()) || name.trim_matches(['[', ']']).parse() == Ok(self.address.ip())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use aqueduct_pipeline::schema::Secret;

    fn at(address: &str) -> Settings {
        Settings { address: address.parse().unwrap(), ..Settings::default() }
    }

    #[test]
    fn the_network_is_not_shown_anything_by_accident() {
        for local in ["127.0.0.1:0", "127.0.0.2:80", "[::1]:80", "[::ffff:127.0.0.1]:80"] {
            at(local).check().unwrap();
            assert!(!at(local).asks_readers());
        }
        for open in ["0.0.0.0:80", "[::]:80", "192.168.1.2:80"] {
            let error = at(open).check().unwrap_err();
            assert_eq!((error.code(), error.exit_code()), (codes::BAD_USAGE, 2), "{open}");
            let token = Some(Token::new(&Secret::new("0123456789abcdef")).unwrap());
            let guarded = Settings { token, ..at(open) };
            guarded.check().unwrap();
            assert!(guarded.asks_readers());
            let shown = Settings { insecure_no_token: true, ..at(open) };
            shown.check().unwrap();
            assert!(!shown.asks_readers());
        }
    }

    #[test]
    fn a_local_server_is_called_by_local_names_alone() {
        let local = at("127.0.0.1:9321");
        for name in ["localhost", "127.0.0.1", "[::1]"] {
            assert!(local.takes_host(name), "{name}");
        }
        assert!(!local.takes_host("evil.example") && !local.takes_host("192.168.1.2"));
        assert!(at("127.0.0.2:1").takes_host("127.0.0.2"));
        let behind = Settings { hosts: vec!["Aqueduct.example".to_owned()], ..local };
        assert!(behind.takes_host("aqueduct.example") && !behind.takes_host("evil.example"));
        assert!(at("0.0.0.0:1").takes_host("crm-1.internal"));
        let named = Settings { hosts: vec!["crm-1.internal".to_owned()], ..at("0.0.0.0:1") };
        assert!(named.takes_host("crm-1.internal") && named.takes_host("localhost") && !named.takes_host("evil.example"));
    }
}
