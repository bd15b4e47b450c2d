//! What the ledger of runs tells people: finding a run by what they call it, a line, an explanation, a comparison.

mod compare;
mod explain;
mod line;
mod words;

use std::path::Path;

use aqueduct_control::{Control, Outcome, RunEntry, RunFilter};
use aqueduct_schema::{Error, Result, Secret, codes};

use crate::control::ControlAddress;
use crate::environment::Environment;

pub use compare::{Comparison, Difference, StreamComparison, compare};
pub use explain::{Explanation, explain};
pub use line::{RunLine, StreamLine, append, check};
pub use words::{amount, bytes, moment, share, span};

/// Runs that are named where what was typed fits several.
const NAMED: usize = 5;
/// How far back `last~N` may go.
const MOST_BACK: usize = 10_000;

impl ControlAddress {
    /// Where the control store is that no pipeline file names: as the environment says, or in a folder's `.aqueduct`.
    ///
    /// # Errors
    /// `AQ1014` when the address in the environment cannot be understood.
    pub fn of_folder(folder: &Path, environment: &Environment) -> Result<Self> {
        let key = environment.get("AQUEDUCT_CONTROL_KEY").map(Secret::new);
        if let Some(url) = environment.get("AQUEDUCT_CONTROL_URL") {
            let url = Secret::new(url);
            aqueduct_control::check_address(&url)?;
            return Ok(Self { url, key });
        }
        Ok(Self { url: Secret::new(format!("sqlite://{}", folder.join(".aqueduct/control.db").display())), key })
    }

    /// Opens the control store if there is one; a file that is not there is not made.
    ///
    /// # Errors
    /// `AQ4004` when it cannot be opened.
    pub async fn open_existing(&self) -> Result<Option<Control>> {
        let url = self.url.expose().trim();
        if let Some(path) = url.strip_prefix("sqlite:")
            && !Path::new(path.strip_prefix("//").unwrap_or(path)).exists()
        {
            return Ok(None);
        }
        Control::open(&self.url, self.key.clone()).await.map(Some)
    }
}

/// Finds a run by what a person calls it: `last`, `last~1` for the one before it, an id, or as much of the beginning of an id as only one
/// run has. Runs that were refused because another one was under way are no `last` run.
///
/// # Errors
/// `AQ1001` when there is no such run, or more than one.
pub async fn find(control: &Control, called: &str, pipeline: Option<&str>) -> Result<RunEntry> {
    let of = pipeline.map_or_else(String::new, |name| format!(" of `{name}`"));
    let called = called.trim();
    if let Some(back) = back(called)? {
        let outcomes = Outcome::ALL.into_iter().filter(|outcome| *outcome != Outcome::Refused).collect();
        let filter = RunFilter { pipeline: pipeline.map(str::to_owned), outcomes, limit: back + 1, ..RunFilter::default() };
        let runs = control.runs(&filter).await?;
        let count = runs.len();
        return runs.into_iter().nth(back).ok_or_else(|| {
            let message = match count {
                0 => format!("there is no run{of} in the ledger yet"),
                1 => format!("there is only one run{of} in the ledger"),
                count => format!("there are only {count} runs{of} in the ledger"),
            };
            Error::new(codes::BAD_USAGE, message).advise("`aqueduct runs list` shows the runs there are.")
        });
    }
    let filter =
        RunFilter { pipeline: pipeline.map(str::to_owned), id_prefix: called.to_owned(), limit: NAMED + 1, ..RunFilter::default() };
    let mut runs = if called.is_empty() { Vec::new() } else { control.runs(&filter).await? };
    if let Some(exact) = runs.iter().position(|run| run.run_id == called) {
        return Ok(runs.swap_remove(exact));
    }
    match runs.len() {
        1 => Ok(runs.remove(0)),
        0 => {
            let error = Error::new(codes::BAD_USAGE, format!("no run{of} in the ledger is called `{called}`"));
            Err(error.advise("`aqueduct runs list` shows the runs there are; `last` is the last one, `last~1` the one before it."))
        }
        _ => {
            let some: Vec<&str> = runs.iter().take(NAMED).map(|run| run.run_id.as_str()).collect();
            let more = if runs.len() > NAMED { " and others" } else { "" };
            let error =
                Error::new(codes::BAD_USAGE, format!("several runs{of} in the ledger begin with `{called}`: {}{more}", some.join(", ")));
            Err(error.advise("Write more of the run's id."))
        }
    }
}

/// How far before the last run, where somebody counts from there.
fn back(called: &str) -> Result<Option<usize>> {
    let Some(rest) = called.strip_prefix("last") else { return Ok(None) };
    let number = match rest.strip_prefix('~') {
        None if rest.is_empty() => Some(0),
        None => None,
        Some("") => Some(1),
        Some(number) => number.parse().ok().filter(|back| *back <= MOST_BACK),
    };
    let wrong =
        || Error::new(codes::BAD_USAGE, format!("`{called}` names no run")).advise("Write `last`, or `last~3` for the third before it.");
    number.map(Some).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_last_and_those_before_it() {
        assert_eq!(back("last").unwrap(), Some(0));
        assert_eq!(back("last~").unwrap(), Some(1));
        assert_eq!(back("last~12").unwrap(), Some(12));
        assert_eq!(back("20261122").unwrap(), None);
        for wrong in ["lastly", "last~x", "last~99999999", "last~-1"] {
            assert_eq!(back(wrong).unwrap_err().code(), codes::BAD_USAGE, "{wrong}");
        }
    }
}
