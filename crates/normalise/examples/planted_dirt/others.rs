//! Dirt that somebody else planted: the clean table as CSV, and the judgement of a dirty copy.

use std::fs;
use std::path::Path;

use aqueduct_normalise::cleaners::clean;

use crate::arbitrary::Chance;
use crate::damage::Truth;
use crate::judge::{Score, percent};
use crate::tables::{self, COLUMNS};

/// Writes `clean.csv`.
pub(crate) fn export(folder: &Path, rows: u64, seed: u64) {
    let mut chance = Chance(seed);
    let mut text = COLUMNS.map(|column| column.name).join(",") + "\n";
    for _ in 0..rows {
        let cells: Vec<String> = tables::row(&mut chance).iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect();
        text.push_str(&cells.join(","));
        text.push('\n');
    }
    fs::write(folder.join("clean.csv"), text).expect("clean.csv is written");
}

/// The records of a CSV file, all fields of which may be quoted.
fn records(text: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut field, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if field.is_empty() => quoted = true,
            ',' if !quoted => record.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                record.push(std::mem::take(&mut field).trim_end_matches('\r').to_owned());
                records.push(std::mem::take(&mut record));
            }
            _ => field.push(character),
        }
    }
    records
}

/// Judges `dirty.csv` beside `clean.csv`, column by column: cells that differ are dirt.
pub(crate) fn judge(folder: &Path) {
    let read = |name: &str| records(&fs::read_to_string(folder.join(name)).expect("a CSV file"));
    let (clean_rows, dirty_rows) = (read("clean.csv"), read("dirty.csv"));
    assert_eq!(clean_rows.len(), dirty_rows.len(), "rows of both files belong together");
    let country = COLUMNS.iter().position(|column| column.name == "country").expect("a column");
    println!("| column | dirty cells | found | right in the end | repaired wrongly | kept with a flag | withheld |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    let (mut all, mut clean_cells, mut harmed) = (Score::default(), 0, 0);
    for (at, column) in COLUMNS.iter().enumerate() {
        let mut score = Score::default();
        for (before, after) in clean_rows.iter().zip(&dirty_rows).skip(1) {
            // The row's country is what cleaning would have made of it.
            let context = crate::context(&before[country]);
            let cleaned = clean(column.semantic, &after[at], &context);
            if before[at] == after[at] {
                clean_cells += 1;
                harmed += u64::from(cleaned.value.as_deref() != Some(before[at].as_str()));
            } else {
                score.note(&cleaned, &before[at], &after[at], &Truth::Clean);
            }
        }
        println!("{}", score.row(column.name));
        all.add(&score);
    }
    println!("{}", all.row("**all**"));
    println!("\n{clean_cells} cells were left clean, {harmed} of them came to harm ({})", percent(harmed, clean_cells));
}
