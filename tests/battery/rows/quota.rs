//! Row 24: two processes on one account, whose limit holds for both of them together and is used to the full.

use std::sync::Arc;
use std::time::Duration;

use aqueduct_simulator::hubspot::{self, Burst, Limits};
use serde_json::Value;

use crate::database::Database;
use crate::oracle::{judge_run, tail};
use crate::outcome::Outcome;
use crate::random::Random;
use crate::source::Source;
use crate::world::{Shared, World, pause};

/// The limit of a HubSpot app, and the time of both processes together.
const REQUESTS: u32 = 190;
const SPAN: Duration = Duration::from_secs(10);
const SECONDS: i64 = 60;
/// What the limit allows in that time.
const ALLOWED: u64 = REQUESTS as u64 * (SECONDS as u64 / SPAN.as_secs());

/// Records in a page, and pages for each process: together they need more requests than a minute allows. The limit is one of requests,
/// so the pages are small: what is in them would only ask for a processor, and it is not the machine's speed that is tried.
const RECORDS: usize = 5;
const PAGES: usize = 640;

/// The part of the minute that may be lost.
const LOST: u64 = 5;

/// What a minute has shown.
struct Minute {
    /// Requests of the first sixty seconds.
    used: u64,
    /// How long a process waited for its turn while the vendor had room, in milliseconds: the worse of both.
    wasted: u64,
    /// How long both processes and the simulator wanted a processor and had none, in milliseconds.
    starved: u64,
}

/// Row 24: not a request over the limit, and nearly all that the limit allows. Where the machine had no processor to give, what was not
/// used must be its doing: nobody waits for a turn while there is room.
pub(crate) async fn shared(shared: Arc<Shared>, mut random: Random, _: u64) -> Outcome {
    let (mut outcome, minute) = minute(&shared, &mut random).await;
    let Minute { used, wasted, starved } = minute;
    outcome.note_times("requests in the first 60 seconds", used);
    outcome.note_times("requests that the limit allows in 60 seconds", ALLOWED);
    outcome.note_times("milliseconds waited while there was room", wasted);
    outcome.note_times("milliseconds without a processor", starved);
    let bearable = SECONDS as u64 * 1_000 * LOST / 100;
    let is_used = used * 100 >= ALLOWED * (100 - LOST);
    outcome.must(is_used || (starved > bearable && wasted <= bearable), || {
        format!(
            "only {used} of {ALLOWED} requests were used in {SECONDS} seconds; {wasted} ms were waited while there was room, and {starved} ms \
             without a processor"
        )
    });
    outcome
}

/// Both read the same contacts, which takes 1,280 requests and a few, as they are allowed in 67 seconds. Judged by what
/// they told, and by the simulator's own log.
async fn minute(shared: &Arc<Shared>, random: &mut Random) -> (Outcome, Minute) {
    let contacts = RECORDS * PAGES;
    let burst = Some(Burst { requests: REQUESTS, window: SPAN });
    let options = hubspot::Options {
        seed: random.next(),
        contacts,
        page_records: Some(RECORDS),
        companies: Some(0),
        deals: Some(0),
        archived_per_mille: 0,
        merged_per_mille: 0,
        limits: Limits { burst, ..Limits::none() },
        ..hubspot::Options::default()
    };
    let mut world = World::reading(shared, Source::of_hubspot(options).await).await;
    world.more = "run: { records_per_load: 500 }\n".to_owned();
    world.section = Some(
        world
            .source
            .section()
            .replace("requests_per_10_seconds: 10000", "requests_per_10_seconds: 190")
            .replace("[contacts, deals]", "[contacts]"),
    );
    let (mut outcome, other) = (Outcome::default(), world.beside());
    let control = format!("control: {{ url: 'sqlite://{}/control.db' }}\n", world.folder.path().display());
    let running = [&world, &other].map(|one| one.start_with(&one.database, &control));
    let (before, mut starved) = (without_a_processor(std::process::id()), 0);
    for mut runner in running {
        let mut of_this = 0;
        while !runner.has_ended() {
            of_this = without_a_processor(runner.process()).max(of_this);
            pause(Duration::from_millis(100)).await;
        }
        starved += of_this;
        let ran = runner.end().await;
        outcome.add(judge_run(&world, &ran));
        outcome.must(ran.code == Some(0), || format!("a run ended with {:?}: {}", ran.code, tail(&ran.words)));
    }
    let counters = world.source.counters();
    let times: Vec<i64> = world.source.hubspot().request_log().iter().map(|request| request.at.as_millisecond()).collect();
    starved += without_a_processor(std::process::id()).saturating_sub(before);
    let first = times.first().copied().unwrap_or_default();
    let in_time = times.iter().filter(|at| **at < first + SECONDS * 1_000).count() as u64;
    outcome.note_times("requests over the limit", counters.throttled);
    outcome.must(counters.throttled == 0, || format!("{} requests were over the limit", counters.throttled));
    for one in [&world, &other] {
        let there = tokio::task::block_in_place(|| one.database.try_execute("SELECT count(*), count(DISTINCT source_id) FROM contact;"));
        outcome.must(matches!(&there, Ok(counts) if counts.trim() == format!("{contacts}|{contacts}")), || {
            format!("{there:?} of {contacts} contacts are there")
        });
    }
    let full = without_room(&times);
    let waited = [&world, &other].map(|one| tokio::task::block_in_place(|| waited_for_a_turn(&one.database)));
    let wasted = waited.into_iter().map(|waited| waited.saturating_sub(full)).max().unwrap_or_default();
    (outcome, Minute { used: in_time, wasted, starved: starved / 1_000_000 })
}

/// How long there was no room for one more request, in milliseconds.
fn without_room(times: &[i64]) -> u64 {
    let span = SPAN.as_millis() as i64;
    let (mut full, mut until) = (0, i64::MIN);
    // From the last request that fits to the moment at which the first of those before it no longer counts.
    for (first, last) in times.iter().zip(times.iter().skip(REQUESTS as usize - 1)) {
        let (from, to) = ((*last).max(until), first + span);
        if to > from {
            full += to - from;
            until = to;
        }
    }
    full as u64
}

/// How long a run waited for its turn within the limit, by its own account, in milliseconds.
fn waited_for_a_turn(database: &Database) -> u64 {
    let record = database.execute("SELECT record FROM {own}runs;");
    let record: Value = serde_json::from_str(record.trim()).unwrap_or_default();
    record["traffic"]["time"]["limits_ms"].as_u64().unwrap_or(u64::MAX)
}

/// How long the threads of a process wanted a processor and had none, in nanoseconds, as far as the system tells.
fn without_a_processor(process: u32) -> u64 {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let waited = threads.filter_map(|thread| {
        let told = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        told.split(' ').nth(1)?.parse::<u64>().ok()
    });
    waited.sum()
}
