//! What can be typed after `resolve`.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct ResolveArguments {
    /// What the rows are.
    #[arg(long, value_enum)]
    pub(crate) entity: ListEntity,
    /// The list, a CSV file with a line of headers.
    #[arg(long, value_name = "FILE")]
    pub(crate) input: PathBuf,
    /// The column of ids.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) id: String,
    /// What columns hold, for example first_name=given,last_name=surname,email=mail,phone=tel,birth_date=dob; others are guessed.
    #[arg(long, value_name = "WORD=COLUMN,..", default_value = "", hide_default_value = true)]
    pub(crate) columns: String,
    /// Another list, to be joined with the first.
    #[arg(long, value_name = "FILE")]
    pub(crate) link: Option<PathBuf>,
    /// Write source, record and cluster into this CSV file.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Write pairs with probability, decision and reasons into this CSV file.
    #[arg(long, value_name = "FILE")]
    pub(crate) pairs: Option<PathBuf>,
    /// The country of telephone numbers that are written without one, ISO 3166-1 alpha-2.
    #[arg(long, value_name = "CODE")]
    pub(crate) country: Option<String>,
    /// Link from this probability on (0.5 to 1); without it, as far as one wrong link in a thousand is expected.
    #[arg(long, value_name = "PROBABILITY", value_parser = probability)]
    pub(crate) link_from: Option<f64>,
    /// Work on so many threads; the answer does not depend on it.
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
}

/// What a list holds.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum ListEntity {
    /// People.
    Contact,
    /// Companies.
    Account,
}

impl From<ListEntity> for aqueduct_pipeline::identity::Entity {
    fn from(entity: ListEntity) -> Self {
        match entity {
            ListEntity::Contact => Self::Contact,
            ListEntity::Account => Self::Account,
        }
    }
}

/// A probability from which records may be linked.
fn probability(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "a number from 0.5 to 1 is expected".to_owned())?;
    if (0.5..=1.0).contains(&number) { Ok(number) } else { Err("less likely than not is no link: from 0.5 to 1".to_owned()) }
}
