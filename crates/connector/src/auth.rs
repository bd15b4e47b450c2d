//! How requests are signed. The connector declares it; the engine does it, fetches tokens and refreshes them.

use aqueduct_schema::Secret;

/// The kinds of authentication.
#[derive(Clone, Debug)]
pub enum Auth {
    /// None.
    None,
    /// `Authorization: Bearer TOKEN`.
    Bearer(Secret),
    /// HTTP Basic. Either half may be empty.
    Basic {
        /// The user name, which some vendors use for the key.
        user: Secret,
        /// The password.
        password: Secret,
    },
    /// A key of the vendor's own.
    ApiKey {
        /// Where the key stands.
        placement: KeyPlacement,
        /// What stands before the key, for example `Klaviyo-API-Key ` (with its space).
        prefix: &'static str,
        /// The key.
        key: Secret,
    },
    /// OAuth 2: a token endpoint gives access tokens that run out.
    OAuth2 {
        /// The token endpoint: a path below the base URL, or an absolute URL the connector built from its config.
        token_url: String,
        /// The application's id.
        client_id: String,
        /// The application's secret.
        client_secret: Secret,
        /// What is exchanged for an access token.
        grant: Grant,
        /// How the application proves itself.
        authentication: ClientAuthentication,
        /// Where the token's answer says which host requests go to, for vendors that give every customer a host of its own.
        /// `None` sends everything to the connector's base URL.
        instance: Option<Instance>,
    },
}

/// The host of a customer, which the token endpoint names in its answer. Paths are then resolved against that address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instance {
    /// The key of the token's answer that holds the address.
    pub key: &'static str,
    /// The vendor's own domains. An address outside them (and their subdomains) is refused: credentials stay with the vendor.
    pub domains: &'static [&'static str],
}

/// Where an API key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPlacement {
    /// In a header of this name.
    Header(&'static str),
    /// In a query parameter of this name.
    Query(&'static str),
}

/// What is exchanged for an access token.
#[derive(Clone, Debug)]
pub enum Grant {
    /// A refresh token that a person's consent gave.
    RefreshToken(Secret),
    /// The application's own credentials.
    ClientCredentials {
        /// The scopes asked for; none is the vendor's default.
        scopes: Vec<String>,
    },
    /// A statement about a user that the application signs with its private key (RFC 7523). The engine writes and signs it anew for
    /// every token, with the client id as its issuer; the client secret is not sent.
    JwtBearer {
        /// The user the application acts for.
        subject: String,
        /// Whom the statement is for: the vendor's word for its token endpoint.
        audience: String,
        /// The RSA private key, PEM (PKCS#8 or PKCS#1). Signed by RS256.
        private_key: Secret,
    },
}

/// How an application proves itself at the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// `client_id` and `client_secret` among the form fields.
    Body,
    /// HTTP Basic.
    Basic,
}
