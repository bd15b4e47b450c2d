//! The connector.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aqueduct_connector::schema::{Error, Mode, Position, Result, codes};
use aqueduct_connector::{Account, Auth, Connector, Context, Limit, Page, Read, Registration, Stream, async_trait};

use crate::config::Config;
use crate::files;
use crate::reading::Reading;
use crate::report;
use crate::streams;

/// About how large a page is, in bytes of text.
const PAGE_BYTES: usize = 2 << 20;

/// The entry in the table of connectors.
pub fn registration() -> Registration {
    Registration {
        name: "files",
        summary: "CSV, JSON Lines and Parquet files, plain or compressed: the exports that CRMs give.",
        documentation: "docs/connectors/files.md",
        config_schema: || schemars::schema_for!(Config),
        build: |config| {
            let config: Config = aqueduct_connector::config::parse("files", config)?;
            Ok(Arc::new(Files::new(config)?))
        },
        mappings: &[
            ("account.yaml", include_str!("mapping/account.yaml")),
            ("contact.yaml", include_str!("mapping/contact.yaml")),
            ("contact_point.yaml", include_str!("mapping/contact_point.yaml")),
            ("deal.yaml", include_str!("mapping/deal.yaml")),
        ],
    }
}

/// Files on this machine.
pub struct Files {
    config: Config,
    page_bytes: usize,
    /// Readings that stand open between two pages, by stream and the place where they stand, so that the next page of a compressed
    /// file needs no second decompression of all before it.
    open: Mutex<HashMap<String, (Position, Reading)>>,
}

impl Files {
    /// A connector for the files that a config names.
    ///
    /// # Errors
    /// `AQ1005` when the config cannot be satisfied; see [`Config::validate`].
    pub fn new(config: Config) -> Result<Self> {
        config.validate()?;
        Ok(Self { config, page_bytes: PAGE_BYTES, open: Mutex::default() })
    }

    /// With pages of about this many bytes of text instead of 2 MiB; at least one record a page.
    #[must_use]
    pub fn page_bytes(mut self, page_bytes: usize) -> Self {
        self.page_bytes = page_bytes.max(1);
        self
    }

    fn open(&self) -> MutexGuard<'_, HashMap<String, (Position, Reading)>> {
        // A reading is taken out before it is used, so a panic elsewhere leaves none half changed.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn page(&self, read: &Read<'_>) -> Result<(aqueduct_connector::Records, aqueduct_connector::Next)> {
        if !matches!(read.mode, Mode::Changes | Mode::Backfill | Mode::Snapshot) {
            return Err(Error::new(codes::BUG, format!("files cannot be read in mode `{}`", read.mode.name())));
        }
        let stream = read.stream;
        let standing = self.open().remove(&stream.name).filter(|(position, _)| Some(position) == read.position);
        let mut reading = match standing {
            Some((_, reading)) => reading,
            None => {
                // Only the reading of changes leaves out what was read before.
                let bookmark = read.bookmark.filter(|_| read.mode == Mode::Changes);
                Reading::begin(&self.config, bookmark, read.position)?
            }
        };
        let (records, next) = reading.page(&self.config, stream, self.page_bytes)?;
        if let aqueduct_connector::Next::Page(position) = &next {
            self.open().insert(stream.name.clone(), (position.clone(), reading));
        }
        Ok((records, next))
    }
}

#[async_trait]
impl Connector for Files {
    fn base_url(&self) -> &str {
        ""
    }

    fn auth(&self) -> Auth {
        Auth::None
    }

    fn limits(&self) -> Vec<Limit> {
        Vec::new()
    }

    fn describe(&self) -> Result<Option<String>> {
        report::describe(&self.config).map(|report| Some(report.to_string()))
    }

    /// Opens every file and looks at its first records.
    async fn check(&self, _context: &Context) -> Result<Account> {
        for file in files::matching(&self.config.path)? {
            file.open()?;
        }
        let id = streams::account(&self.config, &streams::examine(&self.config)?)?;
        Ok(Account { id, name: None, time_zone: None, currency: None })
    }

    async fn discover(&self, _context: &Context) -> Result<Vec<Stream>> {
        streams::streams(&self.config, &streams::examine(&self.config)?)
    }

    async fn read(&self, context: &Context, read: &Read<'_>) -> Result<Page> {
        let (records, next) = self.page(read)?;
        Ok(Page { records, next, server_time: context.now })
    }
}
