//! The statement that an application signs to get an access token (RFC 7523): a JSON Web Token under RS256.

use std::time::Duration;

use aqueduct_schema::{Error, Result, Secret, Timestamp, codes};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;

/// The word of RFC 7523 for this kind of grant.
pub(crate) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// How long a statement holds. Vendors take no more than three to five minutes.
const LIFE: Duration = Duration::from_secs(180);

#[derive(Serialize)]
struct Claims<'c> {
    iss: &'c str,
    sub: &'c str,
    aud: &'c str,
    iat: i64,
    exp: i64,
}

/// A statement that `issuer` acts for `subject`, for `audience` to read, signed now.
///
/// # Errors
/// `AQ1005` when the key is no RSA private key in PEM; nothing of it is quoted.
pub(crate) fn sign(issuer: &str, subject: &str, audience: &str, private_key: &Secret, now: Timestamp) -> Result<String> {
    let unusable = || {
        Error::new(codes::BAD_CONFIG, "the private key cannot be used: it must be an RSA key in PEM, with its BEGIN and END lines")
            .advise("Give the whole file, for example `private_key: ${file:server.key}`; a key with a pass phrase must be decrypted first.")
    };
    let key = EncodingKey::from_rsa_pem(private_key.expose().trim().as_bytes()).map_err(|_| unusable())?;
    let seconds = now.microseconds().div_euclid(1_000_000);
    // A minute back, because the vendor's clock may be behind this machine's.
    let claims =
        Claims { iss: issuer, sub: subject, aud: audience, iat: seconds - 60, exp: seconds + i64::try_from(LIFE.as_secs()).unwrap_or(180) };
    jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &key).map_err(|_| unusable())
}
