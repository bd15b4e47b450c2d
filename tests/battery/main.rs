//! The fault battery: the real binary and the real engine against simulated vendors, with everything going wrong that may, and an
//! independent judge. `cargo xtask battery` builds what it needs and starts it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod database;
mod oracle;
mod outcome;
mod planted;
mod power;
mod proxy;
mod random;
mod reader;
mod report;
mod rows;
mod serving;
mod source;
mod world;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aqueduct_warehouse::private_server::PrivateServer;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::outcome::Outcome;
use crate::random::Random;
use crate::report::{Report, RowReport};
use crate::rows::Row;
use crate::world::Shared;

/// What was asked for.
struct Asked {
    release: bool,
    seed: u64,
    rows: BTreeSet<u8>,
    trial: Option<u64>,
    trials: Option<u64>,
    /// The time for all rows; they share it by their numbers of trials.
    minutes: Option<u64>,
    planted: bool,
    /// The one planted mistake to look for, and no row.
    mistake: Option<String>,
    binary: PathBuf,
    output: PathBuf,
}

/// Words for the person at the terminal.
fn say(words: &str) {
    let _ = writeln!(std::io::stderr(), "{words}");
}

fn asked(mut words: impl Iterator<Item = String>) -> Result<Asked, String> {
    let mut asked = Asked {
        release: false,
        seed: 1,
        rows: BTreeSet::new(),
        trial: None,
        trials: None,
        minutes: None,
        planted: true,
        mistake: None,
        binary: PathBuf::new(),
        output: PathBuf::from("target/battery"),
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} wants a value"));
        let number = |text: String| text.parse::<u64>().map_err(|_| format!("`{text}` is no number"));
        match word.as_str() {
            "--quick" => asked.release = false,
            "--release" => asked.release = true,
            "--seed" => asked.seed = number(value()?)?,
            "--trial" => asked.trial = Some(number(value()?)?),
            "--trials" => asked.trials = Some(number(value()?)?),
            "--minutes" => asked.minutes = Some(number(value()?)?),
            "--mistake" => asked.mistake = Some(value()?),
            "--no-planted" => asked.planted = false,
            "--binary" => asked.binary = value()?.into(),
            "--output" => asked.output = value()?.into(),
            "--rows" => {
                for row in value()?.split(',') {
                    asked.rows.insert(row.trim().parse().map_err(|_| format!("`{row}` is no row"))?);
                }
            }
            other => return Err(format!("`{other}` is not known")),
        }
    }
    if !world::is_program(&asked.binary) {
        return Err("--binary wants the binary with kill points; `cargo xtask battery` builds it".to_owned());
    }
    asked.binary = asked.binary.canonicalize().map_err(|error| format!("{}: {error}", asked.binary.display()))?;
    Ok(asked)
}

fn main() -> ExitCode {
    let asked = match asked(std::env::args().skip(1)) {
        Ok(asked) => asked,
        Err(words) => {
            say(&words);
            return ExitCode::from(2);
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().expect("the runtime starts");
    let report = runtime.block_on(battery(&asked));
    report.write(&asked.output).expect("the report is written");
    say(&format!("{} in {}", if report.holds() { "all held" } else { "FAILED" }, asked.output.join("report.md").display()));
    runtime.shutdown_timeout(Duration::from_secs(1));
    if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn battery(asked: &Asked) -> Report {
    let begun = Instant::now();
    let server = tokio::task::spawn_blocking(PrivateServer::start).await.expect("the server starts").expect("the server starts");
    let shared = Arc::new(Shared { binary: asked.binary.clone(), server: Arc::new(server), planted: None });
    let chosen: Vec<Row> = rows::all()
        .into_iter()
        .filter(|row| asked.mistake.is_none() && (asked.rows.is_empty() || asked.rows.contains(&row.number)))
        .collect();
    let whole = asked.rows.is_empty() && asked.trial.is_none();
    let planted = if asked.planted && whole { planted::find_all(&shared, asked.seed, asked.mistake.as_deref()).await } else { Vec::new() };
    let order: Vec<u8> = chosen.iter().map(|row| row.number).collect();
    let (waiting, working): (Vec<Row>, Vec<Row>) = chosen.into_iter().partition(|row| row.waits);
    let (mut reports, waited) =
        tokio::join!(one_after_the_other(asked, &shared, working, begun), one_after_the_other(asked, &shared, waiting, begun));
    reports.extend(waited);
    reports.sort_by_key(|report| order.iter().position(|number| *number == report.number));
    let length = if asked.release { "release" } else { "quick" };
    Report { length, seed: asked.seed, took: begun.elapsed(), rows: reports, planted }
}

/// Tries rows, which share the time that is left by their numbers of trials.
async fn one_after_the_other(asked: &Asked, shared: &Arc<Shared>, rows: Vec<Row>, begun: Instant) -> Vec<RowReport> {
    let mut reports = Vec::new();
    let mut weights: u64 = rows.iter().map(|row| row.quick).sum();
    for row in rows {
        let left = asked.minutes.map(|minutes| Duration::from_secs(minutes * 60).saturating_sub(begun.elapsed()));
        let deadline = left.map(|left| Instant::now() + left.mul_f64(row.quick as f64 / weights.max(1) as f64));
        weights -= row.quick;
        let report = try_row(asked, shared, row, deadline).await;
        say(&format!(
            "row {}: {} trials in {} s, {} failed{}",
            report.number,
            report.trials,
            report.took.as_secs(),
            report.failures.len(),
            if report.unshown.is_empty() { String::new() } else { format!(", not shown: {}", report.unshown.join(", ")) }
        ));
        for (trial, complaint) in report.failures.iter().take(5) {
            say(&format!("  trial {trial}: {complaint}"));
        }
        reports.push(report);
    }
    reports
}

async fn try_row(asked: &Asked, shared: &Arc<Shared>, row: Row, deadline: Option<Instant>) -> RowReport {
    let begun = Instant::now();
    let trials = asked.trials.unwrap_or(if asked.release { row.release } else { row.quick });
    let numbers = asked.trial.map_or(0..trials, |trial| trial..trial + 1);
    let places = Arc::new(Semaphore::new(row.at_once));
    let mut tasks = JoinSet::new();
    let mut tried = 0;
    for number in numbers {
        let place = places.clone().acquire_owned().await.expect("nobody closes it");
        if deadline.is_some_and(|deadline| Instant::now() > deadline) && tried >= row.must_note.len() as u64 {
            break;
        }
        tried += 1;
        let trial = (row.trial)(shared.clone(), Random::of_trial(asked.seed, row.number, number), number);
        tasks.spawn(async move {
            let outcome = tokio::spawn(trial)
                .await
                .unwrap_or_else(|error| Outcome { complaints: vec![format!("the trial broke down: {error}")], ..Outcome::default() });
            drop(place);
            (number, outcome)
        });
    }
    let (mut outcome, mut failures) = (Outcome::default(), Vec::new());
    for (number, of_trial) in tasks.join_all().await {
        if !of_trial.holds() {
            failures.push((number, of_trial.complaints.join("; ").chars().take(900).collect()));
        }
        outcome.add(of_trial);
    }
    failures.sort();
    let unshown = row.must_note.iter().filter(|note| asked.trial.is_none() && !outcome.notes.contains_key(**note));
    let unshown = unshown.map(|note| (*note).to_owned()).collect();
    RowReport {
        number: row.number,
        name: row.name.to_owned(),
        trials: tried,
        release: row.release,
        took: begun.elapsed(),
        outcome,
        failures,
        unshown,
    }
}
