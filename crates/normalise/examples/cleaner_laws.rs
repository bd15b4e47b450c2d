//! Takes arbitrary texts through every cleaner and holds the law against each; ends with an error at the first that breaks it.
//!
//! `cargo run --release -p aqueduct-normalise --example cleaner_laws [TEXTS] [SEED]`
#![allow(clippy::print_stdout)]

#[path = "../tests/support/arbitrary.rs"]
mod arbitrary;

use std::process::ExitCode;
use std::time::Instant;

use aqueduct_schema::SemanticType;
use arbitrary::{CONTEXTS, Chance, broken, take_details, text};

fn main() -> ExitCode {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse::<u64>().ok());
    let (texts, seed) = (numbers.next().unwrap_or(1_000_000), numbers.next().unwrap_or(20_261_122));
    println!("{texts} texts, seed {seed}, {} cleaners", SemanticType::ALL.len());
    let (mut chance, began, mut details, mut bytes) = (Chance(seed), Instant::now(), 0, 0);
    for number in 0..texts {
        let value = text(&mut chance);
        bytes += value.len();
        let context = &CONTEXTS[number as usize % CONTEXTS.len()];
        for semantic in SemanticType::ALL {
            if let Some(wrong) = broken(semantic, &value, context) {
                println!("text {number}: {wrong}");
                return ExitCode::FAILURE;
            }
        }
        if number % 10 == 0 {
            details += SemanticType::ALL.into_iter().map(|semantic| take_details(semantic, &value, context)).sum::<usize>();
        }
    }
    println!("the law held for all of them ({bytes} bytes, {details} details) in {:.0} s", began.elapsed().as_secs_f64());
    ExitCode::SUCCESS
}
