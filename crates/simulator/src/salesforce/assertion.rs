//! JWT bearer assertions: a header, claims and a signature, checked with the public half of an invented key.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use serde::Deserialize;

/// How far ahead an assertion may end.
const LONGEST_SECONDS: i64 = 5 * 60;

/// Error and description of a refused assertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal(pub(crate) &'static str, pub(crate) &'static str);

/// The key of the app's certificate. It was made for this simulator and opens nothing.
#[derive(Debug)]
pub(crate) struct Key {
    /// In the form of PKCS #1; `None` never happens with the key that is built in.
    public: Option<Vec<u8>>,
}

#[derive(Deserialize)]
struct Head {
    alg: String,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    exp: i64,
}

const PRIVATE_PEM: &str = include_str!("private_key.pem");

impl Key {
    pub(crate) fn invented() -> Self {
        let body: String = PRIVATE_PEM.lines().filter(|line| !line.starts_with("-----")).collect();
        let pair = STANDARD.decode(body).ok().and_then(|der| RsaKeyPair::from_pkcs8(&der).ok());
        Self { public: pair.map(|pair| pair.public_key().as_ref().to_vec()) }
    }

    pub(crate) fn private_pem(&self) -> &'static str {
        PRIVATE_PEM
    }

    /// Whether an assertion is signed with the key and says what it must.
    pub(crate) fn check(&self, assertion: &str, client_id: &str, username: &str, audiences: &[&str], now: i64) -> Result<(), Refusal> {
        let malformed = Refusal("invalid_grant", "invalid assertion");
        let (signed, signature) = assertion.rsplit_once('.').ok_or(malformed)?;
        let (head, claims) = signed.split_once('.').ok_or(malformed)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed);
        let head: Head = serde_json::from_slice(&decode(head)?).map_err(|_| malformed)?;
        let claims: Claims = serde_json::from_slice(&decode(claims)?).map_err(|_| malformed)?;
        if claims.iss != client_id {
            return Err(Refusal("invalid_client_id", "client identifier invalid"));
        }
        let public = self.public.as_deref().unwrap_or_default();
        let verified = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public).verify(signed.as_bytes(), &decode(signature)?);
        if head.alg != "RS256" || verified.is_err() {
            return Err(Refusal("invalid_grant", "invalid assertion"));
        }
        if !audiences.contains(&claims.aud.trim_end_matches('/')) {
            return Err(Refusal("invalid_grant", "audience is invalid"));
        }
        if claims.exp <= now || claims.exp > now + LONGEST_SECONDS {
            return Err(Refusal("invalid_grant", "expired authorization code"));
        }
        if claims.sub != username {
            return Err(Refusal("invalid_grant", "user hasn't approved this consumer"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ring::rand::SystemRandom;
    use ring::signature::RSA_PKCS1_SHA256;
    use serde_json::{Value, json};

    fn signed(head: &Value, claims: &Value) -> String {
        let body: String = PRIVATE_PEM.lines().filter(|line| !line.starts_with("-----")).collect();
        let pair = RsaKeyPair::from_pkcs8(&STANDARD.decode(body).unwrap()).unwrap();
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(head), part(claims));
        let mut signature = vec![0; pair.public().modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    #[test]
    fn assertions_are_checked_claim_by_claim() {
        let key = Key::invented();
        let check = |text: &str| key.check(text, "app", "user", &["https://login.salesforce.com"], 1_000);
        let head = json!({"alg": "RS256", "typ": "JWT"});
        let good = json!({"iss": "app", "aud": "https://login.salesforce.com", "sub": "user", "exp": 1_180});
        let text = signed(&head, &good);
        assert_eq!(check(&text), Ok(()));
        for (claim, value, said) in [
            ("iss", json!("other"), "client identifier invalid"),
            ("aud", json!("https://example.com"), "audience is invalid"),
            ("sub", json!("nobody"), "user hasn't approved this consumer"),
            ("exp", json!(1_000), "expired authorization code"),
            ("exp", json!(1_301), "expired authorization code"),
        ] {
            let mut claims = good.clone();
            claims[claim] = value;
            assert_eq!(check(&signed(&head, &claims)).unwrap_err().1, said, "{claim}");
        }
        assert_eq!(check(&signed(&json!({"alg": "none"}), &good)).unwrap_err().1, "invalid assertion");
        let (start, signature) = text.rsplit_once('.').unwrap();
        assert_eq!(check(&format!("{start}.{}", signature.replace('A', "B"))).unwrap_err().1, "invalid assertion");
        assert_eq!(check("nonsense").unwrap_err().1, "invalid assertion");
    }
}
