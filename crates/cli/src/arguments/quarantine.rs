//! `aqueduct quarantine`.

use clap::Subcommand;

use super::PipelineArgument;

/// Which records in quarantine are meant.
#[derive(Debug, clap::Args)]
pub(crate) struct Which {
    /// Those of one stream.
    #[arg(long)]
    pub(crate) stream: Option<String>,
    /// Those turned away by one rule.
    #[arg(long)]
    pub(crate) rule: Option<String>,
    /// Those whose ids in quarantine begin so; may be given several times.
    #[arg(long = "id", value_name = "ID", value_parser = id)]
    pub(crate) ids: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineAction {
    /// List records with the reason they are here.
    List {
        #[command(flatten)]
        pipeline: PipelineArgument,
        #[command(flatten)]
        which: Which,
        /// Those that became this: new, fixed, replayed or discarded.
        #[arg(long, default_value = "new", value_parser = ["new", "fixed", "replayed", "discarded", "all"])]
        status: String,
        /// How many at most.
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: u64,
    },
    /// Show one record whole, as far as the policy allows.
    Show {
        #[command(flatten)]
        pipeline: PipelineArgument,
        /// Its id in quarantine, or the beginning of it.
        #[arg(value_parser = id)]
        id: String,
        /// Open the sealed original: it may hold personal data that the policy keeps out of the warehouse.
        #[arg(long)]
        original: bool,
    },
    /// Load records that are good by now, from their kept originals; the source is asked for no record.
    Replay {
        #[command(flatten)]
        pipeline: PipelineArgument,
        #[command(flatten)]
        which: Which,
    },
    /// Give records up: they are not wanted.
    Discard {
        #[command(flatten)]
        pipeline: PipelineArgument,
        #[command(flatten)]
        which: Which,
        /// Every record that waits.
        #[arg(long, required_unless_present_any = ["stream", "rule", "ids"], conflicts_with_all = ["stream", "rule", "ids"])]
        all: bool,
        /// Who decides, for the record; the system's user where it is left out.
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
}

impl QuarantineAction {
    pub(crate) fn pipeline(&self) -> &PipelineArgument {
        match self {
            Self::List { pipeline, .. } | Self::Show { pipeline, .. } | Self::Replay { pipeline, .. } | Self::Discard { pipeline, .. } => {
                pipeline
            }
        }
    }
}

fn id(text: &str) -> Result<String, String> {
    let text = text.to_ascii_lowercase();
    match text.len() {
        4..=32 if text.bytes().all(|byte| byte.is_ascii_hexdigit()) => Ok(text),
        _ => Err("an id in quarantine has 32 digits and letters from a to f; its first 4 or more are enough".to_owned()),
    }
}
