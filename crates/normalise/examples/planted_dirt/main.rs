//! Plants known errors in clean tables and measures what the cleaners make of them: what is found, what is repaired and rightly so, and
//! how many clean cells come to harm.
//!
//! `cargo run --release -p aqueduct-normalise --example planted_dirt [ROWS] [SEED]` prints the tables of docs/cleaning.md.
//! `… --example planted_dirt export FOLDER [ROWS] [SEED]` writes clean.csv for a corruptor that is not ours, which writes dirty.csv beside
//! it (tests/bench/dirt/gecko_dirt.py); `… --example planted_dirt judge FOLDER` compares the two through the cleaners.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

#[path = "../../tests/support/arbitrary.rs"]
mod arbitrary;
mod damage;
mod judge;
mod others;
mod tables;

use std::path::Path;

use aqueduct_normalise::cleaners::{CleaningContext, clean};
use arbitrary::Chance;
use damage::DAMAGES;
use judge::{Score, percent};
use tables::COLUMNS;

/// Of a thousand cells that have an error of a kind, so many get it.
const PLANTED_OF_THOUSAND: usize = 100;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, otherwise: u64| arguments.get(at).and_then(|argument| argument.parse().ok()).unwrap_or(otherwise);
    match arguments.first().map(String::as_str) {
        Some("export") => others::export(Path::new(&arguments[1]), number(2, 5_000), number(3, 20_261_122)),
        Some("judge") => others::judge(Path::new(&arguments[1])),
        _ => measure(number(0, 20_000), number(1, 20_261_122)),
    }
}

/// The facts around a row: its country, and what the pipeline declares.
fn context(country: &str) -> CleaningContext<'_> {
    CleaningContext { country: Some(country), day_first: Some(true), ..CleaningContext::NONE }
}

fn measure(rows: u64, seed: u64) {
    let mut chance = Chance(seed);
    let place = |name: &str| COLUMNS.iter().position(|column| column.name == name).expect("a column");
    for name in damage::columns_with_damage() {
        place(name);
    }
    let (mut clean_cells, mut harmed, mut doubted) = (0_u64, 0_u64, 0_u64);
    let mut by_column = vec![(0_u64, 0_u64, 0_u64); COLUMNS.len()];
    let mut scores: Vec<Score> = DAMAGES.iter().map(|_| Score::default()).collect();
    for _ in 0..rows {
        let row = tables::row(&mut chance);
        let country = row[place("country")].clone();
        let context = context(&country);
        for (at, (cell, column)) in row.iter().zip(COLUMNS).enumerate() {
            let planted = DAMAGES.iter().enumerate().filter(|(_, damage)| damage.columns.contains(&column.name));
            let mut dirty = None;
            for (number, damage) in planted {
                if dirty.is_none() && chance.happens(PLANTED_OF_THOUSAND / 2) {
                    dirty = (damage.plant)(cell, &country, &mut chance).filter(|dirty| dirty != cell).map(|dirty| (number, dirty));
                }
            }
            let Some((number, dirty)) = dirty else {
                let cleaned = clean(column.semantic, cell, &context);
                clean_cells += 1;
                by_column[at].0 += 1;
                if cleaned.value.as_deref() != Some(cell.as_str()) {
                    harmed += 1;
                    by_column[at].1 += 1;
                    if by_column[at].1 <= 3 {
                        eprintln(&format!("harmed: {} {cell:?} {cleaned:?}", column.name));
                    }
                }
                if !cleaned.code.is_empty() {
                    doubted += 1;
                    by_column[at].2 += 1;
                    if by_column[at].2 <= 3 {
                        eprintln(&format!("doubted: {} {cell:?} {}", column.name, cleaned.code));
                    }
                }
                continue;
            };
            let cleaned = clean(column.semantic, &dirty, &context);
            let right = scores[number].note(&cleaned, cell, &dirty, &DAMAGES[number].truth);
            if !right && scores[number].cells - scores[number].right <= 4 {
                eprintln(&format!("not right: {}: {} {dirty:?} for {cell:?} {cleaned:?}", DAMAGES[number].name, column.name));
            }
        }
    }
    println!("{rows} rows of {} columns, seed {seed}\n", COLUMNS.len());
    println!("| error | cells | found | right in the end | repaired wrongly | kept with a flag | withheld |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    let mut all = Score::default();
    for (damage, score) in DAMAGES.iter().zip(&scores) {
        println!("{}", score.row(damage.name));
        all.add(score);
    }
    println!("{}", all.row("**all**"));
    println!();
    println!("| clean cells | changed or lost (harm) | flagged without need | precision of detection | recall of detection |");
    println!("| --- | --- | --- | --- | --- |");
    println!(
        "| {clean_cells} | {harmed} ({}) | {doubted} ({}) | {} | {} |",
        percent(harmed, clean_cells),
        percent(doubted, clean_cells),
        percent(all.found, all.found + doubted),
        percent(all.found, all.cells)
    );
}

/// Cells that came to harm, for whoever looks for the cause.
#[allow(clippy::print_stderr)]
fn eprintln(text: &str) {
    eprintln!("{text}");
}
