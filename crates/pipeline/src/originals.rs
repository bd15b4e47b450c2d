//! Rejected records, whole and sealed: with the key of the control store, each for its pipeline and stream.

use aqueduct_control::Sealer;
use aqueduct_engine::KeptRecord;
use aqueduct_privacy::Seal;
use aqueduct_schema::{Error, Result, codes};

use crate::file::LoadedFile;

/// Seals and opens the rejected records of one pipeline.
#[derive(Debug)]
pub(crate) struct Originals {
    sealer: Sealer,
    pipeline: String,
}

impl Originals {
    /// Of a pipeline that keeps originals; nothing for one that does not, or that has neither a key nor a place to keep one.
    ///
    /// # Errors
    /// `AQ1014` when the control store's address cannot be understood.
    pub(crate) fn of(file: &LoadedFile) -> Result<Option<Self>> {
        if !file.content.quality.quarantine.keep_originals {
            return Ok(None);
        }
        let sealer = Sealer::new(&file.control.url, file.control.key.clone())?;
        Ok(sealer.can_seal().then(|| Self { sealer, pipeline: file.name.clone() }))
    }

    /// Opens a record.
    ///
    /// # Errors
    /// `AQ2005` when it was sealed with another key, for another stream, or has been changed.
    pub(crate) fn open(&self, sealed: &str, stream: &str) -> Result<KeptRecord> {
        let text = self.sealer.open(sealed, &self.label(stream))?;
        serde_json::from_str(&text).map_err(|_| Error::new(codes::BUG, "a sealed record is not one").with("stream", stream))
    }

    fn label(&self, stream: &str) -> String {
        format!("quarantine\n{}\n{stream}", self.pipeline)
    }
}

impl Seal for Originals {
    fn seal(&self, text: &str, label: &str) -> Result<String> {
        self.sealer.seal(text, &self.label(label))
    }
}
