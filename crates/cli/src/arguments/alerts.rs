//! What can be typed after `alerts`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// The file with the section `alerts`.
#[derive(Debug, Args)]
pub(crate) struct AlertsFile {
    /// The file with the section `alerts`; aqueduct.yaml beside the folder pipelines/ where it is left out.
    #[arg(long = "alerts", value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AlertsAction {
    /// Check who is told of what; ask nobody.
    Check {
        #[command(flatten)]
        file: AlertsFile,
    },
    /// Send a test message through every sink, now, and say what happened.
    Test {
        #[command(flatten)]
        file: AlertsFile,
    },
}
