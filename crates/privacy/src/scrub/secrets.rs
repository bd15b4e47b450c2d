//! Secrets: known by their text, by the names they stand under, or by their look.

use std::sync::LazyLock;

use aqueduct_schema::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use regex::Regex;

use super::patterns::{compiled, plain};

/// What stands in place of a secret. A replay takes any value where a recording has this.
pub const SCRUBBED: &str = "scrubbed";

/// Shorter texts are replaced only where they are a whole value: as a part they would be found everywhere.
const SHORTEST_PART: usize = 6;

/// Names, in lower case and without separators, whose values are secrets wherever they stand.
const NAMES: [&str; 37] = [
    "accesstoken",
    "apikey",
    "apisecret",
    "apitoken",
    "appsecret",
    "assertion",
    "authorization",
    "authtoken",
    "awsaccesskeyid",
    "bearer",
    "clientassertion",
    "clientid",
    "clientsecret",
    "consumerkey",
    "consumersecret",
    "cookie",
    "credential",
    "credentials",
    "csrftoken",
    "googleaccessid",
    "hapikey",
    "idtoken",
    "jwt",
    "keypairid",
    "oauthtoken",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "refreshtoken",
    "secret",
    "securitytoken",
    "sessionid",
    "sessiontoken",
    "sig",
    "signature",
    "token",
];

/// Tokens that can be told by their look: three parts of a JSON web token, and prefixes that vendors give their keys.
static LOOK: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*|pat-[a-z]{2}\d-[0-9a-fA-F-]{16,}|\b[sr]k_(?:live|test)_[A-Za-z0-9]{10,}|\b00D[A-Za-z0-9]{12,15}![A-Za-z0-9._]{10,}|\bgh[opsu]_[A-Za-z0-9]{20,}|-----BEGIN [A-Z ]+-----[^-]*(?:-----END [A-Z ]+-----)?|(?i:\bbearer [A-Za-z0-9._~+/=-]{8,})",
    )
});

/// Whether what stands under a name is a secret.
pub(crate) fn is_secret_name(name: &str) -> bool {
    let name = plain(name);
    NAMES.contains(&name.as_str()) || name.starts_with("xamz") || name.starts_with("xgoog")
}

/// The secrets of a recording.
#[derive(Default)]
pub(crate) struct Secrets {
    whole: Vec<Secret>,
    parts: Vec<Secret>,
}

impl Secrets {
    /// Adds a secret in every form in which it may be met.
    pub(crate) fn add(&mut self, text: &str) {
        let text = text.trim();
        if text.is_empty() || text == SCRUBBED || self.whole.iter().any(|known| known.expose() == text) {
            return;
        }
        self.whole.push(Secret::new(text));
        if text.len() < SHORTEST_PART {
            return;
        }
        let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let mut forms = vec![text.to_owned(), encoded(text), encoded(text).replace('+', "%20")];
        forms.push(serde_json::Value::from(text).to_string().trim_matches('"').to_owned());
        // In base64 a text looks different by where it stands among three bytes, and its ends mix with what is beside it.
        for before in 0..3 {
            let bytes: Vec<u8> = std::iter::repeat_n(0, before).chain(text.bytes()).collect();
            for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
                let form = engine.encode(&bytes);
                let end = form.len() - usize::from(!bytes.len().is_multiple_of(3));
                forms.push(form[[0, 2, 3][before]..end].to_owned());
            }
        }
        forms.extend(text.lines().filter(|line| text.contains('\n') && line.len() > 20).map(str::to_owned));
        for form in forms {
            if form.len() >= SHORTEST_PART && self.parts.iter().all(|known| known.expose() != form) {
                self.parts.push(Secret::new(form));
            }
        }
        // The longest first, so that no rest of one is left.
        self.parts.sort_by_key(|secret| std::cmp::Reverse(secret.expose().len()));
    }

    /// A text without its secrets.
    pub(crate) fn remove(&self, text: &str) -> String {
        if self.whole.iter().any(|secret| secret.expose() == text.trim()) {
            return SCRUBBED.to_owned();
        }
        let mut out = text.to_owned();
        for secret in self.parts.iter().filter(|secret| text.contains(secret.expose())) {
            out = out.replace(secret.expose(), SCRUBBED);
        }
        if LOOK.is_match(&out) { LOOK.replace_all(&out, SCRUBBED).into_owned() } else { out }
    }

    /// Whether a text holds a secret.
    pub(crate) fn are_in(&self, text: &str) -> bool {
        self.parts.iter().any(|secret| text.contains(secret.expose())) || LOOK.is_match(text)
    }

    /// Whether a text is a secret and nothing else.
    pub(crate) fn is_one(&self, text: &str) -> bool {
        self.whole.iter().any(|secret| secret.expose() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;

    #[test]
    fn a_secret_is_found_in_every_form() {
        let mut secrets = Secrets::default();
        secrets.add("s3cr&t / key=1");
        let mut texts = vec!["a s3cr&t / key=1 b".to_owned(), "x=s3cr%26t+%2F+key%3D1".into(), "x=s3cr%26t%20%2F%20key%3D1".into()];
        for before in ["", "u", "us", "user:"] {
            texts.push(STANDARD.encode(format!("{before}s3cr&t / key=1")));
            texts.push(URL_SAFE_NO_PAD.encode(format!("{before}s3cr&t / key=1 and more")));
        }
        for text in texts {
            assert!(secrets.are_in(&text), "{text}");
            assert!(!secrets.are_in(&secrets.remove(&text)), "{text}");
        }
        assert_eq!(secrets.remove("nothing here"), "nothing here");
    }

    #[test]
    fn short_secrets_are_whole_values_and_looks_are_enough() {
        let mut secrets = Secrets::default();
        secrets.add("abc");
        assert_eq!((secrets.remove("abc").as_str(), secrets.remove("abcd").as_str()), (SCRUBBED, "abcd"));
        assert_eq!(secrets.remove("Bearer abcdefghijk"), SCRUBBED);
        assert_eq!(secrets.remove("id eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc end"), "id scrubbed end");
    }

    #[test]
    fn names_of_secrets() {
        for name in ["access_token", "refreshToken", "X-Amz-Signature", "client-secret", "Password", "hapikey"] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in ["nextPageToken", "token_type", "key", "name", "expires_in", "tokens"] {
            assert!(!is_secret_name(name), "{name}");
        }
    }
}
