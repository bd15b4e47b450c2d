//! Rows 17 and 20: what is read back or read in is not what was written.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use aqueduct_pipeline::{Environment, Pipeline, Registry};
use aqueduct_schema::StreamState;
use aqueduct_simulator::{Effect, Fault, Match};

use crate::oracle::{Account, judge, judge_run, tail};
use crate::outcome::Outcome;
use crate::random::Random;
use crate::source::{LAG, Size, Vendor};
use crate::world::{Shared, World};

/// Row 17.
pub(crate) async fn corrupt(shared: Arc<Shared>, mut random: Random, number: u64) -> Outcome {
    let world = World::new(&shared, Vendor::Hubspot, false, random.next(), Size { contacts: 60, deals: 12, archived: false }).await;
    let mut outcome = Outcome::default();
    let first = world.run_here().await;
    outcome.must(first.code == Some(0), || format!("the first load ended with {:?}: {}", first.code, first.words));
    world.source.clock.advance(Duration::from_secs(4_000));
    world.source.change(&mut random, 20);
    world.source.clock.advance(LAG + Duration::from_secs(1));
    let stored = world.database.execute("SELECT state FROM {own}state WHERE stream = 'contacts';").trim().to_owned();
    let (state, name) = match number % 8 {
        0 => (Some(String::new()), "empty"),
        1 => (Some(cut(&stored, &mut random)), "cut"),
        2 | 3 => (Some(flipped(&stored, &mut random)), "a bit flipped"),
        4 => (Some(stored.replace("\"settled\"", "\"setled\"")), "a word misspelt"),
        5 => (Some(r#"{"settled":{"at":"2999-12-31T00:00:00Z"}}"#.to_owned()), "a cursor in 2999"),
        6 => (Some(r#"{"settled":{"at":"2026-07-10T12:00:00Z"},"reading":{"mode":"changes","started_at":"2027-01-01T00:00:00Z","from":{"at":"2027-01-01T00:00:00Z"}}}"#.to_owned()), "a reading of the future"),
        _ => (None, "deleted"),
    };
    let sql = match &state {
        Some(state) => format!("UPDATE {{own}}state SET state = '{}' WHERE stream = 'contacts';", state.replace('\'', "''")),
        None => "DELETE FROM {own}state WHERE stream = 'contacts';".to_owned(),
    };
    world.database.execute(&sql);
    let ran = world.run_here().await;
    outcome.add(judge_run(&world, &ran));
    if ran.code == Some(0) {
        outcome.note("read on");
    } else {
        outcome.note("refused");
        outcome.must(ran.words.contains("AQ"), || format!("refused without a code: {}", tail(&ran.words)));
        // What the advice says: forget the state, and read again.
        world.database.execute("DELETE FROM {own}state WHERE stream = 'contacts';");
        let last = world.run_here().await;
        outcome.must(last.code == Some(0), || format!("the run without the state ended with {:?}: {}", last.code, tail(&last.words)));
    }
    if ran.code != Some(0) || state.is_none() {
        // Without a state all is read anew, and the run after that asks what was deleted meanwhile.
        let last = world.run_here().await;
        outcome
            .must(last.code == Some(0), || format!("the second run without the state ended with {:?}: {}", last.code, tail(&last.words)));
    }
    outcome.note(name);
    let mut judged = judge(&world, Account::Changing).await;
    if !judged.holds() {
        judged.complaints.push(format!("the state was {name}: {state:?} in place of {stored}"));
    }
    outcome.add(judged);
    outcome
}

fn cut(text: &str, random: &mut Random) -> String {
    text[..text.floor_char_boundary(random.between(0, text.len() as u64) as usize)].to_owned()
}

/// One bit of a text flipped so that it is still text.
fn flipped(text: &str, random: &mut Random) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..1_000 {
        let (at, bit) = (random.between(0, bytes.len().max(1) as u64) as usize, random.between(0, 7));
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1 << bit;
            if *byte >= b' ' && *byte < 0x7f {
                break;
            }
            *byte ^= 1 << bit;
        }
    }
    String::from_utf8(bytes).unwrap_or_default()
}

/// A text with some bytes changed, taken out, doubled or put in.
fn mutated(text: &str, random: &mut Random) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let pieces: [&[u8]; 8] = [b"{", b"]", b"\"", b": ", b"\n", "é".as_bytes(), b"1e400", b"\\ud800"];
    for _ in 0..random.between(1, 6) {
        let at = random.between(0, bytes.len().max(1) as u64) as usize;
        match random.between(0, 4) {
            0 if at < bytes.len() => bytes[at] = (random.next() & 0xff) as u8,
            1 if at < bytes.len() => drop(bytes.drain(at..(at + random.between(1, 30) as usize).min(bytes.len()))),
            2 => {
                let end = (at + random.between(1, 60) as usize).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => drop(bytes.splice(at..at, random.pick(&pieces).iter().copied())),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Row 20.
pub(crate) async fn fuzzed(shared: Arc<Shared>, mut random: Random, _: u64) -> Outcome {
    let world = World::new(&shared, Vendor::Hubspot, false, 3, Size { contacts: 20, deals: 2, archived: false }).await;
    let mut outcome = Outcome::default();
    let file = std::fs::read_to_string(world.file(&world.database)).expect("the pipeline file is there");
    let path = world.folder.path().join("mutated.yaml");
    let state = r#"{"reading":{"mode":"backfill","started_at":"2026-07-10T12:00:00Z","position":{"after":"17"}},"settled":{"at":"2026-07-10T11:00:00.123Z","id":"9"}}"#;
    for _ in 0..100 {
        let text = mutated(&file, &mut random);
        std::fs::write(&path, &text).expect("the file is written");
        let opened = catch_unwind(AssertUnwindSafe(|| Pipeline::open(&path, &Registry::standard(), &Environment::default()).map(drop)));
        outcome.must(opened.is_ok(), || format!("a pipeline file makes it panic: {text}"));
        let text = mutated(state, &mut random);
        let read = catch_unwind(AssertUnwindSafe(|| serde_json::from_str::<StreamState>(&text).is_ok()));
        outcome.must(read.is_ok(), || format!("a state makes it panic: {text}"));
        outcome.note_times("texts tried", 2);
    }
    let page = r#"{"results":[{"id":"1","properties":{"email":"a@example.com","lastname":"Ä","createdate":"2026-01-01T00:00:00Z"},"createdAt":"2026-01-01T00:00:00Z","updatedAt":"2026-01-02T00:00:00Z","archived":false}],"paging":{"next":{"after":"2"}}}"#;
    for _ in 0..4 {
        world.source.inject(Fault::next(1, Effect::Body(mutated(page, &mut random))).when(Match::path("/objects/")));
        let ran = world.run_here().await;
        outcome.add(judge_run(&world, &ran));
        outcome.must(ran.code.is_some(), || "a page ends the process".to_owned());
        world.source.clear_faults();
        outcome.note_times("texts tried", 1);
    }
    tokio::task::block_in_place(|| world.database.remove());
    outcome
}
