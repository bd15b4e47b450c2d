//! The token that lets a caller change something.

use std::path::Path;

use aqueduct_pipeline::schema::{Error, Result, Secret, codes};

/// Characters that a token has at least: fewer can be guessed.
const SHORTEST: usize = 16;

/// A token, of which nothing but a digest is kept.
#[derive(Clone)]
pub struct Token(blake3::Hash);

impl std::fmt::Debug for Token {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("[token]")
    }
}

impl Token {
    /// From a secret.
    ///
    /// # Errors
    /// `AQ1001` when it has fewer than 16 characters, or others than visible ASCII, which a header cannot hold.
    pub fn new(secret: &Secret) -> Result<Self> {
        let text = secret.expose();
        let advice = "Make one with `openssl rand -hex 32`.";
        if text.len() < SHORTEST {
            return Err(Error::new(codes::BAD_USAGE, format!("the token has fewer than {SHORTEST} characters")).advise(advice));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::new(codes::BAD_USAGE, "the token has characters that a header cannot hold").advise(advice));
        }
        Ok(Self(blake3::hash(text.as_bytes())))
    }

    /// From a file, without the space around it.
    ///
    /// # Errors
    /// `AQ1012` when the file cannot be read; as [`Token::new`].
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Error::new(codes::FILE_UNREADABLE, format!("the token file `{}` cannot be read ({})", path.display(), error.kind()))
        })?;
        Self::new(&Secret::new(text.trim()))
    }

    /// Whether it is this one. The comparison takes as long whatever is said: it compares digests, in constant time.
    pub(crate) fn matches(&self, said: &str) -> bool {
        blake3::hash(said.as_bytes()) == self.0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_token_is_long_enough_and_kept_to_itself() {
        let token = Token::new(&Secret::new("0123456789abcdef")).unwrap();
        assert!(token.matches("0123456789abcdef"));
        assert!(!token.matches("0123456789abcdeg") && !token.matches("") && !token.matches("0123456789abcdef "));
        assert_eq!(format!("{token:?}"), "[token]");
        for bad in ["", "short", "0123456789abcde", "0123456789 abcdef", "0123456789abcdéf"] {
            let error = Token::new(&Secret::new(bad)).unwrap_err();
            assert_eq!(error.code(), codes::BAD_USAGE);
            assert!(bad.is_empty() || !error.to_string().contains(bad));
        }
    }

    #[test]
    fn a_token_comes_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "0123456789abcdef\n").unwrap();
        assert!(Token::read(&path).unwrap().matches("0123456789abcdef"));
        assert_eq!(Token::read(&folder.path().join("no")).unwrap_err().code(), codes::FILE_UNREADABLE);
    }
}
