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
    },
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
}

/// How an application proves itself at the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// `client_id` and `client_secret` among the form fields.
    Body,
    /// HTTP Basic.
    Basic,
}
