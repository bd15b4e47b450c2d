//! What can be typed after `new-connector`.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct NewConnectorArguments {
    /// The connector's name, in snake case: the vendor.
    pub(crate) name: String,
    /// Write the crate into this folder; connectors/NAME inside Aqueduct's own checkout where it is left out.
    #[arg(long, value_name = "PATH")]
    pub(crate) folder: Option<PathBuf>,
    /// Propose streams, paging and fields from an OpenAPI 3 or Swagger 2.0 description; every guess is marked.
    #[arg(long, value_name = "FILE")]
    pub(crate) from_openapi: Option<PathBuf>,
    /// How requests are signed: bearer, basic, header:NAME or query:NAME; bearer where it is left out.
    #[arg(long, value_name = "WAY", conflicts_with = "from_openapi")]
    pub(crate) auth: Option<String>,
    /// How pages lead on: token, link, header, offset, page, keyset, time or single; token where it is left out.
    #[arg(long, value_name = "STYLE", conflicts_with = "from_openapi")]
    pub(crate) paging: Option<String>,
    /// Aqueduct's checkout, for a crate outside of it.
    #[arg(long, value_name = "PATH")]
    pub(crate) aqueduct: Option<PathBuf>,
}
