//! Rows 4, 5 and 8: answers that are no pages, and pages that lead nowhere.

use std::sync::Arc;
use std::time::Duration;

use aqueduct_simulator::{Effect, Fault, Match, RetryAfter};

use crate::oracle::{Account, judge, judge_run, tail};
use crate::outcome::Outcome;
use crate::random::Random;
use crate::source::{Size, Vendor};
use crate::world::{Ran, Shared, World};

async fn world(shared: &Arc<Shared>, random: &mut Random) -> World {
    let vendor = if random.one_in(3) { Vendor::Salesforce } else { Vendor::Hubspot };
    World::new(shared, vendor, false, random.next(), Size { contacts: 230, deals: 20, archived: true }).await
}

/// Runs inside this process, or with the binary where a planted mistake is awake in it.
pub(crate) async fn run(shared: &Shared, world: &World) -> Ran {
    if shared.planted.is_some() { world.run_binary(&[]).await } else { world.run_here().await }
}

/// Runs under trouble until a run says that it is complete, at most so often; then without. A run that says so is believed: nothing is
/// read again before it is judged.
async fn until_complete(shared: &Shared, world: &World, most: u32, outcome: &mut Outcome) {
    for _ in 0..most {
        let ran = run(shared, world).await;
        outcome.add(judge_run(world, &ran));
        match ran.code {
            Some(0) => {
                outcome.note("complete in spite of it");
                return outcome.add(judge_still(world).await);
            }
            Some(4 | 6 | 7) => outcome.note("said that it is not complete"),
            other => outcome.complaints.push(format!("a run ended with {other:?}: {}", tail(&ran.words))),
        }
        // Longer than any wait that is asked for in earnest, as a scheduler comes back.
        world.source.clock.advance(Duration::from_secs(125));
    }
    world.source.clear_faults();
    let last = run(shared, world).await;
    outcome.must(last.code == Some(0), || format!("the plain run ended with {:?}: {}", last.code, tail(&last.words)));
    outcome.add(judge_still(world).await);
}

async fn judge_still(world: &World) -> Outcome {
    world.source.clear_faults();
    judge(world, Account::Still).await
}

/// Row 4.
pub(crate) async fn too_many_requests(shared: Arc<Shared>, mut random: Random, _: u64) -> Outcome {
    let world = world(&shared, &mut random).await;
    let retry_after = match random.between(0, 6) {
        0 => None,
        1 => Some(RetryAfter::Seconds(random.between(1, 120))),
        2 => Some(RetryAfter::Date(Duration::from_secs(random.between(1, 120)))),
        3 => Some(RetryAfter::Seconds(1_000_000_000)),
        4 => Some(RetryAfter::Text("-5".to_owned())),
        _ => Some(RetryAfter::Text("soon".to_owned())),
    };
    let when = Match::default().chance(random.between(300, 900), random.next());
    world.source.inject(Fault::always(Effect::Status { status: 429, retry_after: retry_after.clone() }).when(when));
    let mut outcome = Outcome::default();
    until_complete(&shared, &world, 8, &mut outcome).await;
    let counters = world.source.counters();
    outcome.note_times("429", counters.throttled.max(counters.status(429)));
    // Nobody waits for thirty years: the next run tries again.
    let in_earnest = !matches!(retry_after, Some(RetryAfter::Seconds(1_000_000_000)));
    outcome.must(!in_earnest || counters.early_retries == 0, || {
        format!("{} requests came before their Retry-After was over", counters.early_retries)
    });
    outcome
}

/// Part of row 5: one page of a longer reading is no page, and everything around it is well.
pub(crate) async fn odd_page(shared: Arc<Shared>, mut random: Random, number: u64) -> Outcome {
    let size = Size { contacts: 430, deals: 0, archived: false };
    let world = World::new(&shared, Vendor::Hubspot, number % 4 == 3, random.next(), size).await;
    let effects = [Effect::HtmlWithOk, Effect::EmptyBody, Effect::Body("{}".to_owned()), Effect::Body("[]".to_owned())];
    let effect = effects[number as usize % effects.len()].clone();
    let page = Match::path("/objects/contacts").after(random.between(1, 4));
    world.source.inject(Fault::next(1, effect).when(page));
    let mut outcome = Outcome::default();
    until_complete(&shared, &world, 1, &mut outcome).await;
    outcome.note_times("odd answers", world.source.counters().faults);
    outcome
}

/// Row 5.
pub(crate) async fn odd_answers(shared: Arc<Shared>, mut random: Random, number: u64) -> Outcome {
    if number % 6 == 5 {
        return odd_page(shared, random, number / 6).await;
    }
    let world = world(&shared, &mut random).await;
    let effects = [
        Effect::status(500),
        Effect::status(502),
        Effect::status(503),
        Effect::status(504),
        Effect::ErrorBodyWithOk,
        Effect::HtmlWithOk,
        Effect::EmptyBody,
        Effect::Body("{}".to_owned()),
        Effect::Body("null".to_owned()),
        Effect::Body("[]".to_owned()),
    ];
    let effect = effects[number as usize % effects.len()].clone();
    let when = Match::default().after(random.between(0, 8)).chance(random.between(150, 700), random.next());
    world.source.inject(Fault::always(effect).when(when));
    let mut outcome = Outcome::default();
    until_complete(&shared, &world, 4, &mut outcome).await;
    outcome.note_times("odd answers", world.source.counters().faults);
    outcome
}

/// Row 8.
pub(crate) async fn circles(shared: Arc<Shared>, mut random: Random, number: u64) -> Outcome {
    let world = World::new(&shared, Vendor::Hubspot, false, random.next(), Size { contacts: 430, deals: 20, archived: false }).await;
    let pages = Match::path("/objects/contacts");
    let mut outcome = Outcome::default();
    let (fault, name) = match number % 4 {
        0 => (Fault::always(Effect::SameCursor).when(pages.after(random.between(1, 3))), "the same cursor for ever"),
        1 => (Fault::next(1, Effect::SameCursor).when(pages.after(random.between(1, 4))), "the same cursor once"),
        2 => (Fault::next(1, Effect::RepeatPage).when(pages.after(random.between(1, 4))), "a page once more"),
        _ => (Fault::always(Effect::ReversePage).when(pages), "pages reversed"),
    };
    outcome.note(name);
    world.source.inject(fault);
    let ran = run(&shared, &world).await;
    outcome.add(judge_run(&world, &ran));
    let requests = world.source.counters().total;
    outcome.must(requests < 120, || format!("{requests} requests for nine pages: the circle was not noticed"));
    if number.is_multiple_of(4) {
        let named = ran.code != Some(0) && ran.words.contains("same page again");
        outcome.must(named, || format!("the circle is not named: {:?} {}", ran.code, tail(&ran.words)));
    }
    if ran.words.contains("same page again") {
        outcome.note("loop named");
    }
    world.source.clear_faults();
    if ran.code != Some(0) {
        let last = run(&shared, &world).await;
        outcome.must(last.code == Some(0), || format!("the plain run ended with {:?}: {}", last.code, tail(&last.words)));
    }
    outcome.add(judge(&world, Account::Still).await);
    outcome
}
