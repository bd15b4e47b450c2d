//! Row 17: what is read back is not what was written.

use std::sync::Arc;
use std::time::Duration;

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
