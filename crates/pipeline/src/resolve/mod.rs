//! Resolving a list: a CSV file of people or companies, alone or beside another, into clusters and pairs.

mod columns;
mod list;

use std::path::{Path, PathBuf};

use aqueduct_identity::{Entity, Options, Pair, Resolution, line, resolve};
use aqueduct_normalise::cleaners::{self, CleaningContext};
use aqueduct_schema::{Error, Result, SemanticType, codes};

pub use columns::{ToldColumn, UsedColumn, resolve_columns};

/// What to resolve.
#[derive(Clone, Debug, PartialEq)]
pub struct ListOptions {
    /// People or companies.
    pub entity: Entity,
    /// The list.
    pub input: PathBuf,
    /// The column of ids.
    pub id: String,
    /// What columns hold, as far as it is told; the rest is guessed.
    pub columns: Vec<ToldColumn>,
    /// Another list, to be joined with the first.
    pub link: Option<PathBuf>,
    /// The country of telephone numbers that are written without one, ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// Link from this probability on; where it is left out, as far as one wrong link in a thousand is expected.
    pub link_from: Option<f64>,
    /// On how many threads; as many as there are where it is left out.
    pub threads: Option<usize>,
}

/// A list that was resolved.
#[derive(Debug)]
pub struct ResolvedList {
    /// What was found.
    pub resolution: Resolution,
    /// For each list its name and the columns that were used.
    pub lists: Vec<(String, Vec<UsedColumn>)>,
    /// For each list its name and the headers of the columns that are not compared, that of ids apart.
    pub unused: Vec<(String, Vec<String>)>,
    /// How many ids stand in more than one row.
    pub repeated_ids: usize,
    /// How many rows have no id.
    pub without_id: usize,
    /// Of each list with rows that have more or fewer cells than its first line: its name, how many they are, and the line of the first.
    pub uneven: Vec<(String, usize, u64)>,
}

/// Reads and resolves. The answer does not depend on the order of the rows, nor on the threads.
pub fn resolve_list(options: &ListOptions) -> Result<ResolvedList> {
    columns::check(&options.columns)?;
    let mut paths: Vec<&Path> = vec![&options.input];
    paths.extend(options.link.as_deref());
    let names = names(&paths);
    let country = options.country.as_deref().map(country).transpose()?;
    let (mut records, mut lists, mut unused, mut uneven) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut repeated_ids, mut without_id) = (0, 0);
    for (path, name) in paths.iter().zip(names) {
        let list = list::read(path, &name, options.entity, &options.id, &options.columns, country.as_deref())?;
        records.extend(list.records);
        repeated_ids += list.repeated_ids;
        without_id += list.without_id;
        uneven.extend(list.uneven.map(|(rows, line)| (name.clone(), rows, line)));
        unused.push((name.clone(), list.unused));
        lists.push((name, list.columns));
    }
    let missing = options
        .columns
        .iter()
        .find(|(_, header)| !lists.iter().any(|(_, columns)| columns.iter().any(|column| !column.is_guess && column.header == *header)));
    if let Some((_, header)) = missing {
        return Err(Error::new(codes::BAD_USAGE, format!("there is no column `{header}`"))
            .advise("Check --columns against the first line of the file."));
    }
    if lists.iter().all(|(_, columns)| columns.is_empty()) {
        return Err(Error::new(codes::BAD_USAGE, "no column is known to hold anything that can be compared").advise(format!(
            "Say what the columns hold with --columns, for example --columns first_name=HEADER. A column can hold: {}.",
            resolve_columns().join(", ")
        )));
    }
    let mut usual = Options::new(options.entity);
    usual.threads = options.threads.unwrap_or(usual.threads).max(1);
    usual.link_from = options.link_from;
    Ok(ResolvedList { resolution: resolve(records, &usual), lists, unused, repeated_ids, without_id, uneven })
}

/// The code of a country, which may be named in words.
fn country(text: &str) -> Result<String> {
    let cleaned = cleaners::clean(SemanticType::Country, text, &CleaningContext::NONE);
    cleaned.value.map(|code| code.into_owned()).ok_or_else(|| {
        Error::new(codes::BAD_USAGE, format!("`{text}` is no country")).advise("Write --country with an ISO 3166-1 code, for example DE.")
    })
}

/// The files' names; their paths where the names are the same.
fn names(paths: &[&Path]) -> Vec<String> {
    let name = |path: &Path| path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    match paths {
        [one, other] if name(one) == name(other) => paths.iter().map(|path| path.display().to_string()).collect(),
        _ => paths.iter().map(|path| name(path)).collect(),
    }
}

impl ResolvedList {
    /// Writes `source,record,cluster`, a line a record, in order of source and record. A cluster bears the id of its first record, after
    /// the list's name where there are two.
    pub fn write_clusters(&self, path: &Path) -> Result<()> {
        let keys = &self.resolution.keys;
        self.write(path, &["source", "record", "cluster"], |write| {
            for (key, first) in keys.iter().zip(&self.resolution.clusters) {
                let first = &keys[*first as usize];
                let cluster = if self.lists.len() > 1 { format!("{}:{}", first.source, first.record) } else { first.record.to_string() };
                write(&[&key.source, shown(&key.record), &cluster.replace(list::REPEATED, "#")])?;
            }
            Ok(())
        })
    }

    /// Writes `source_a,record_a,source_b,record_b,probability,decision,reasons`, a line for every pair that is linked, waits for review, or
    /// is likelier than one in a hundred. `auto` stands exactly where both records are in one cluster.
    pub fn write_pairs(&self, path: &Path) -> Result<()> {
        let headings = ["source_a", "record_a", "source_b", "record_b", "probability", "decision", "reasons"];
        let (keys, mut explainer) = (&self.resolution.keys, self.resolution.explainer());
        self.write(path, &headings, |write| {
            for pair in &self.resolution.pairs {
                let Pair { left, right, probability, decision, .. } = pair;
                let (a, b) = (&keys[*left as usize], &keys[*right as usize]);
                let reasons = line(&explainer.reasons(pair));
                let probability = format!("{probability:.6}");
                write(&[&a.source, shown(&a.record), &b.source, shown(&b.record), &probability, decision.name(), &reasons])?;
            }
            Ok(())
        })
    }

    fn write(
        &self,
        path: &Path,
        headings: &[&str],
        rows: impl FnOnce(&mut dyn FnMut(&[&str]) -> std::result::Result<(), csv::Error>) -> std::result::Result<(), csv::Error>,
    ) -> Result<()> {
        let unwritable = |error: csv::Error| {
            Error::new(codes::FILE_UNREADABLE, format!("`{}` cannot be written: {error}", path.display()))
                .advise("Name a file in a folder that exists.")
        };
        let mut writer = csv::Writer::from_path(path).map_err(unwritable)?;
        writer.write_record(headings).map_err(unwritable)?;
        rows(&mut |row| writer.write_record(row)).map_err(unwritable)?;
        writer.flush().map_err(|error| unwritable(error.into()))
    }
}

/// An id as it stands in the list.
fn shown(id: &str) -> &str {
    id.split(list::REPEATED).next().unwrap_or(id)
}
