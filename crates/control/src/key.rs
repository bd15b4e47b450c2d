//! The key that tokens are sealed with.

use std::io::Write;
use std::path::Path;

use aes_gcm_siv::aead::{Aead, KeyInit, Payload};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};
use aqueduct_schema::{Error, Result, Secret, codes};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::{Zeroize, Zeroizing};

use crate::durable;

/// The shortest key that is taken: 128 bits in hex.
const SHORTEST: usize = 32;
const NONCE: usize = 12;

/// Seals and opens texts.
pub(crate) struct Key {
    cipher: Aes256GcmSiv,
    /// Tells one key from another, and nothing else about it.
    pub(crate) name: String,
}

impl Key {
    /// From a text that a person chose.
    pub(crate) fn of(secret: &Secret) -> Result<Self> {
        let text = secret.expose().trim();
        if text.len() < SHORTEST {
            return Err(Error::new(codes::BAD_CONTROL, format!("AQUEDUCT_CONTROL_KEY has {SHORTEST} characters at least"))
                .advise("Make one with `openssl rand -base64 32`."));
        }
        let mut bytes = blake3::derive_key("aqueduct control store: sealing of tokens", text.as_bytes());
        let name = blake3::derive_key("aqueduct control store: name of the key", text.as_bytes());
        let cipher = Aes256GcmSiv::new(&bytes.into());
        bytes.zeroize();
        Ok(Self { cipher, name: name[..8].iter().map(|byte| format!("{byte:02x}")).collect() })
    }

    /// From a file beside the store, which is made when it is missing, readable by its owner alone.
    pub(crate) fn beside(store: &Path) -> Result<Self> {
        let path = store.with_extension("key");
        let unusable = |error: std::io::Error| {
            Error::new(codes::CONTROL_UNREACHABLE, "the control store's key file cannot be used")
                .with("file", path.display())
                .with("reason", error)
        };
        if !path.exists() {
            make(&path).map_err(unusable)?;
        }
        // Also where another process has just made it: what is sealed with it may not outlast it.
        durable::sync_folder_of(&path).map_err(unusable)?;
        let text = Zeroizing::new(std::fs::read_to_string(&path).map_err(unusable)?);
        Self::of(&Secret::new(text.trim()))
    }

    /// Seals a text so that it opens only under the same label.
    pub(crate) fn seal(&self, text: &str, label: &str) -> Result<String> {
        let bug = |_| Error::new(codes::BUG, "a token could not be sealed");
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|_| Error::new(codes::BUG, "the system has no random numbers"))?;
        let payload = Payload { msg: text.as_bytes(), aad: label.as_bytes() };
        let sealed = self.cipher.encrypt(&Nonce::from(nonce), payload).map_err(bug)?;
        Ok(STANDARD.encode([&nonce[..], &sealed].concat()))
    }

    /// Opens what [`Key::seal`] gave; nothing when key or label are others, or somebody has changed it.
    pub(crate) fn open(&self, sealed: &str, label: &str) -> Option<Zeroizing<String>> {
        let bytes = STANDARD.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE)?;
        let nonce: [u8; NONCE] = nonce.try_into().ok()?;
        let text = self.cipher.decrypt(&Nonce::from(nonce), Payload { msg: sealed, aad: label.as_bytes() }).ok()?;
        String::from_utf8(text).ok().map(Zeroizing::new)
    }
}

/// Writes a new key under another name first: of two processes that do this at once, one wins, and nobody reads half a key.
fn make(path: &Path) -> std::io::Result<()> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut_slice()).map_err(|_| std::io::Error::other("the system has no random numbers"))?;
    let unfinished = path.with_extension(format!("key-{}", std::process::id()));
    let mut options = std::fs::OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.write(true).create(true).truncate(true).open(&unfinished)?;
    file.write_all(Zeroizing::new(STANDARD.encode(bytes.as_slice())).as_bytes())?;
    file.sync_all()?;
    let linked = std::fs::hard_link(&unfinished, path);
    std::fs::remove_file(&unfinished)?;
    match linked {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_sealed_text_opens_under_its_key_and_label_alone() {
        let key = Key::of(&Secret::new("k".repeat(32))).unwrap();
        let sealed = key.seal("canary", "a").unwrap();
        assert!(!sealed.contains("canary"));
        assert_ne!(sealed, key.seal("canary", "a").unwrap());
        assert_eq!(key.open(&sealed, "a").unwrap().as_str(), "canary");
        assert!(key.open(&sealed, "b").is_none() && key.open(&sealed[4..], "a").is_none() && key.open("", "a").is_none());
        let other = Key::of(&Secret::new("l".repeat(32))).unwrap();
        assert!(other.open(&sealed, "a").is_none() && other.name != key.name);
        assert_eq!(Key::of(&Secret::new("canary")).map(|_| ()).unwrap_err().code(), codes::BAD_CONTROL);
    }

    #[test]
    fn a_key_file_is_made_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("control.db");
        let key = Key::beside(&store).unwrap();
        assert_eq!(Key::beside(&store).unwrap().name, key.name);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(folder.path().join("control.key")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
