//! Row 24: two processes on one account, whose limit holds for both of them together and is used to the full.

use std::sync::Arc;
use std::time::Duration;

use aqueduct_simulator::hubspot::{self, Burst, Limits};

use crate::oracle::{judge_run, tail};
use crate::outcome::Outcome;
use crate::random::Random;
use crate::source::Source;
use crate::world::{Shared, World};

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

/// The part of the limit that has to be used, in hundredths.
const USED: u64 = 95;

/// Row 24: not a request over the limit, and nearly all that the limit allows. What one process has no processor for the other may send, so
/// only the time counts that neither can be short of: sixty seconds less what the one that was better off wanted a processor and had none.
pub(crate) async fn shared(shared: Arc<Shared>, mut random: Random, _: u64) -> Outcome {
    let (mut outcome, used, starved) = minute(&shared, &mut random).await;
    let starved = u64::try_from(starved.as_millis()).unwrap_or(u64::MAX);
    outcome.note_times("requests in the first 60 seconds", used);
    outcome.note_times("requests that the limit allows in 60 seconds", ALLOWED);
    outcome.note_times("milliseconds without a processor", starved);
    let milliseconds = SECONDS as u64 * 1_000;
    let allowed = ALLOWED * milliseconds.saturating_sub(starved) / milliseconds;
    outcome.must(used * 100 >= allowed * USED, || {
        format!("only {used} of {ALLOWED} requests were used in {SECONDS} seconds, of which {starved} ms were without a processor")
    });
    outcome
}

/// Both read the same contacts, which takes 1,280 requests and a few, as they are allowed in 67 seconds. What happened, the
/// requests of the first sixty seconds by the simulator's own log, and how long the less starved of both had no processor.
async fn minute(shared: &Arc<Shared>, random: &mut Random) -> (Outcome, u64, Duration) {
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
    let [one, two] = [&world, &other].map(|one| one.start_with(&one.database, &control));
    let (one, two) = tokio::join!(one.end(), two.end());
    let starved = [&one, &two].map(|ran| ran.used.map_or(Duration::ZERO, |used| used.starved));
    for ran in [one, two] {
        outcome.add(judge_run(&world, &ran));
        outcome.must(ran.code == Some(0), || format!("a run ended with {:?}: {}", ran.code, tail(&ran.words)));
    }
    let counters = world.source.counters();
    let times: Vec<i64> = world.source.hubspot().request_log().iter().map(|request| request.at.as_millisecond()).collect();
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
    (outcome, in_time, starved.into_iter().min().unwrap_or_default())
}
