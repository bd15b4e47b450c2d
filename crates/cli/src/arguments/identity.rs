//! `aqueduct identity` and `aqueduct explain`.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use super::PipelineArgument;

/// contact or account.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum EntityArgument {
    /// People.
    Contact,
    /// Companies.
    Account,
}

#[derive(Debug, Subcommand)]
pub(crate) enum IdentityAction {
    /// Find out now which rows of the warehouse are one person or company.
    Resolve {
        #[command(flatten)]
        pipeline: PipelineArgument,
        /// Resolve every row, not only what has changed.
        #[arg(long)]
        everything: bool,
        /// Learn once more how often things agree by chance, and resolve every row by that.
        #[arg(long)]
        anew: bool,
    },
    /// List pairs that are likely the same, and not likely enough to be joined without asking.
    Review {
        #[command(flatten)]
        pipeline: PipelineArgument,
        /// Of which table.
        #[arg(long, value_enum, default_value = "contact")]
        entity: EntityArgument,
        /// How many.
        #[arg(long, default_value_t = 20, value_name = "N")]
        limit: u64,
    },
    /// Say that two rows are the same person or company. It holds in every later run.
    Merge {
        #[command(flatten)]
        pipeline: PipelineArgument,
        /// The id of a row of contact or account, or the beginning of it.
        one: String,
        /// The id of the other.
        other: String,
        /// Who decides, for the record; the system's user where it is left out.
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
    /// Take a row out of its identity. It holds in every later run.
    Unmerge {
        #[command(flatten)]
        pipeline: PipelineArgument,
        /// The id of a row of contact or account, or the beginning of it.
        row: String,
        /// Who decides, for the record; the system's user where it is left out.
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
}

/// A run in words, or one of the things that can be explained.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct ExplainArguments {
    #[command(subcommand)]
    pub(crate) action: Option<ExplainAction>,
    /// The run: its id or the beginning of it, `last`, or `last~1` for the one before it.
    #[arg(value_name = "RUN", required = true)]
    pub(crate) run: Option<String>,
    /// The pipeline of which `last` is the last: a file, or the name of one in pipelines/; of all where it is left out.
    #[arg(long, value_name = "PIPELINE")]
    pub(crate) pipeline: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ExplainAction {
    /// Why rows are one person or company: the weight of every field, in words.
    Identity {
        #[command(flatten)]
        pipeline: PipelineArgument,
        /// The id of the identity or of one of its rows, or the beginning of it.
        id: String,
    },
}

impl IdentityAction {
    pub(crate) fn pipeline(&self) -> &PipelineArgument {
        match self {
            Self::Resolve { pipeline, .. }
            | Self::Review { pipeline, .. }
            | Self::Merge { pipeline, .. }
            | Self::Unmerge { pipeline, .. } => pipeline,
        }
    }
}
