//! Tokens: keyed digests that stand for values.

use std::fmt;
use std::fmt::Write;

use aqueduct_schema::{Error, Result, Secret, codes};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Turns values into tokens: `tok_` and the first 128 bits of HMAC-SHA-256 under the key, in hexadecimal. The same value gives the same
/// token in every table and run under one key, so rows still join.
#[derive(Clone)]
pub struct Tokeniser {
    keyed: Hmac<Sha256>,
}

/// The fewest characters a key may have.
pub const MINIMUM_KEY_LENGTH: usize = 16;

impl Tokeniser {
    /// Tokens under a key.
    ///
    /// # Errors
    /// `AQ1013` when the key is too short to protect anything.
    pub fn new(key: &Secret) -> Result<Self> {
        if key.expose().len() < MINIMUM_KEY_LENGTH {
            return Err(Error::new(codes::BAD_POLICY, format!("the token key has fewer than {MINIMUM_KEY_LENGTH} characters"))
                .advise("Use a random key, for example from `openssl rand -hex 32`, and keep it: another key gives other tokens."));
        }
        let keyed = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes())
            .map_err(|_| Error::new(codes::BAD_POLICY, "the token key cannot be used"))?;
        Ok(Self { keyed })
    }

    /// Appends the token of a value.
    pub fn write(&self, value: &str, out: &mut String) {
        let mut mac = self.keyed.clone();
        mac.update(value.as_bytes());
        out.push_str("tok_");
        for byte in &mac.finalize().into_bytes()[..16] {
            let _ = write!(out, "{byte:02x}");
        }
    }

    /// The token of a value.
    pub fn token(&self, value: &str) -> String {
        let mut out = String::with_capacity(36);
        self.write(value, &mut out);
        out
    }
}

impl fmt::Debug for Tokeniser {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Tokeniser")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_equal_the_standard_digest() {
        // `printf %s ann@example.com | openssl dgst -sha256 -hmac 0123456789abcdef` gives the same first 128 bits.
        let tokeniser = Tokeniser::new(&Secret::new("0123456789abcdef")).unwrap();
        assert_eq!(tokeniser.token("ann@example.com"), EXPECTED);
        let other = Tokeniser::new(&Secret::new("0123456789abcdeF")).unwrap();
        assert_ne!(other.token("ann@example.com"), EXPECTED);
        assert!(Tokeniser::new(&Secret::new("short")).is_err());
    }

    const EXPECTED: &str = "tok_9f70eb4f1d9f0194d58bc08c41ce2b3b";
}
