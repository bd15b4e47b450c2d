//! `aqueduct.yaml`, the file beside the folder `pipelines/`: what holds for the server and not for one pipeline.

use std::path::Path;

use aqueduct_pipeline::Environment;
use aqueduct_pipeline::environment::shield;
use aqueduct_pipeline::file::with_nearest;
use aqueduct_pipeline::schema::{Error, Result, codes};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::alerts::{AlertSettings, AlertsSection, Source};

/// The file's usual name.
pub const FILE: &str = "aqueduct.yaml";

/// What holds for the server and not for one pipeline.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Project")]
struct Content {
    /// Who is told of what: see docs/monitoring.md.
    #[serde(default)]
    alerts: Option<AlertsSection>,
}

/// The JSON Schema of the file, for editors.
pub fn json_schema() -> serde_json::Value {
    schemars::schema_for!(Content).to_value()
}

/// What the file says, checked.
#[derive(Debug, Default)]
pub struct Project {
    /// Who is told of what; nobody is told of anything where it is left out.
    pub alerts: Option<AlertSettings>,
}

impl Project {
    /// Reads and checks a file. Nothing is asked of anybody.
    ///
    /// # Errors
    /// `AQ1012` when it cannot be read; `AQ1002`, `AQ1003`, `AQ1004`, `AQ1017` and `AQ1023` with line and column.
    pub fn read(path: &Path, environment: &Environment) -> Result<Self> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| Error::new(codes::FILE_UNREADABLE, format!("`{shown}` cannot be read ({})", error.kind())))?;
        let content: Content = aqueduct_pipeline::schema::yaml::read(&shown, &shield(&text)).map_err(with_nearest)?;
        let source = Source { file: &shown, text: &text, environment };
        Ok(Self { alerts: content.alerts.map(|section| AlertSettings::check(section, &source)).transpose()? })
    }

    /// The file that was named, or `aqueduct.yaml` in the folder where there is one, or nothing.
    ///
    /// # Errors
    /// As [`Project::read`].
    pub fn find(named: Option<&Path>, folder: &Path, environment: &Environment) -> Result<Self> {
        let usual = folder.join(FILE);
        match named {
            Some(path) => Self::read(path, environment),
            None if usual.is_file() => Self::read(&usual, environment),
            None => Ok(Self::default()),
        }
    }
}
