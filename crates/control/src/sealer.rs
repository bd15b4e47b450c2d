//! Sealing with the key of the control store: its own tokens, and texts that others keep elsewhere.

use std::path::PathBuf;
use std::sync::OnceLock;

use aqueduct_schema::{Error, Result, Secret, codes};
use zeroize::Zeroizing;

use crate::address::Address;
use crate::key::Key;

/// The key, made or read when the first text is to be sealed.
pub(crate) struct Keyring {
    given: Option<Secret>,
    store: Option<PathBuf>,
    key: OnceLock<Key>,
}

impl Keyring {
    /// A key that somebody gives, else the one in the file beside a SQLite store.
    pub(crate) fn new(given: Option<Secret>, store: Option<PathBuf>) -> Self {
        Self { given, store, key: OnceLock::new() }
    }

    /// The key.
    ///
    /// # Errors
    /// `AQ1014` when there is none and nowhere to keep one, `AQ4004` when its file cannot be used.
    pub(crate) fn key(&self) -> Result<&Key> {
        if let Some(key) = self.key.get() {
            return Ok(key);
        }
        let key = match (&self.given, &self.store) {
            (Some(given), _) => Key::of(given)?,
            (None, Some(store)) => Key::beside(store)?,
            (None, None) => {
                return Err(Error::new(codes::BAD_CONTROL, "a PostgreSQL control store needs AQUEDUCT_CONTROL_KEY to seal with")
                    .advise("Set it to the same value on every machine; make one with `openssl rand -base64 32`."));
            }
        };
        Ok(self.key.get_or_init(|| key))
    }
}

/// Seals texts that are kept outside the control store, with its key. The store itself is not opened.
pub struct Sealer(Keyring);

impl std::fmt::Debug for Sealer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("sealer")
    }
}

impl Sealer {
    /// With the key that belongs to the control store at this address; see [`crate::Control::open`].
    ///
    /// # Errors
    /// `AQ1014` when the address cannot be understood.
    pub fn new(url: &Secret, key: Option<Secret>) -> Result<Self> {
        let store = match Address::parse(url)? {
            Address::Sqlite(path) => Some(path),
            Address::Postgres(_) => None,
        };
        Ok(Self(Keyring::new(key, store)))
    }

    /// Whether there is a key, or a file for one: beside a PostgreSQL store there is no room for it.
    pub fn can_seal(&self) -> bool {
        self.0.given.is_some() || self.0.store.is_some()
    }

    /// Seals a text so that it opens only under the same label: `KEY:TEXT`, the name of the key and base64.
    ///
    /// # Errors
    /// `AQ1014` when there is no key, `AQ4004` when the key's file can be neither read nor made.
    pub fn seal(&self, text: &str, label: &str) -> Result<String> {
        let key = self.0.key()?;
        Ok(format!("{}:{}", key.name, key.seal(text, label)?))
    }

    /// Opens what [`Sealer::seal`] gave.
    ///
    /// # Errors
    /// `AQ2005` when it was sealed with another key or under another label, or has been changed; and as [`Sealer::seal`].
    pub fn open(&self, sealed: &str, label: &str) -> Result<Zeroizing<String>> {
        let key = self.0.key()?;
        let (name, text) = sealed.split_once(':').unwrap_or_default();
        let reason = if name == key.name { "it was changed or belongs elsewhere" } else { "it was sealed with another key" };
        key.open(text, label).ok_or_else(|| Error::new(codes::RECORD_SEALED, "a sealed record cannot be opened").with("reason", reason))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_the_key_of_its_store_alone() {
        let folder = tempfile::tempdir().unwrap();
        let url = |name: &str| Secret::new(format!("sqlite://{}", folder.path().join(name).display()));
        let sealer = Sealer::new(&url("a/control.db"), None).unwrap();
        std::fs::create_dir_all(folder.path().join("a")).unwrap();
        let sealed = sealer.seal("canary", "contacts").unwrap();
        assert!(!sealed.contains("canary"));
        let again = Sealer::new(&url("a/control.db"), None).unwrap();
        assert_eq!(again.open(&sealed, "contacts").unwrap().as_str(), "canary");
        assert_eq!(again.open(&sealed, "deals").unwrap_err().code(), codes::RECORD_SEALED);
        let other = Sealer::new(&url("b.db"), Some(Secret::new("k".repeat(32)))).unwrap();
        assert!(other.open(&sealed, "contacts").unwrap_err().to_string().contains("another key"));
        let nowhere = Sealer::new(&Secret::new("postgres://h/d"), None).unwrap();
        assert_eq!(nowhere.seal("x", "y").unwrap_err().code(), codes::BAD_CONTROL);
    }
}
