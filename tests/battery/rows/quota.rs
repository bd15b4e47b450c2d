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

/// Minutes that are tried for the sake of the use: how much of the limit is used is up to the machine's other work too.
const MINUTES: u32 = 3;

/// Row 24. In no minute may a request be over the limit, and in one of them nearly all that the limit allows must be used.
pub(crate) async fn shared(shared: Arc<Shared>, mut random: Random, _: u64) -> Outcome {
    let mut outcome = Outcome::default();
    let mut used = 0;
    for _ in 0..MINUTES {
        let (minute, in_time) = minute(&shared, &mut random).await;
        outcome.add(minute);
        used = used.max(in_time);
        if used * 100 >= ALLOWED * 95 {
            break;
        }
    }
    outcome.note_times("requests in the first 60 seconds", used);
    outcome.note_times("requests that the limit allows in 60 seconds", ALLOWED);
    outcome.must(used * 100 >= ALLOWED * 95, || format!("only {used} of {ALLOWED} requests were used in {SECONDS} seconds"));
    outcome
}

/// Both read 64,000 contacts, which takes 1,282 requests, as they are allowed in 67 seconds. What happened, and the requests of the first
/// sixty seconds.
async fn minute(shared: &Arc<Shared>, random: &mut Random) -> (Outcome, u64) {
    let burst = Some(Burst { requests: REQUESTS, window: SPAN });
    let options = hubspot::Options {
        seed: random.next(),
        contacts: 64_000,
        companies: Some(0),
        deals: Some(0),
        archived_per_mille: 0,
        merged_per_mille: 0,
        limits: Limits { burst, ..Limits::none() },
        ..hubspot::Options::default()
    };
    let mut world = World::reading(shared, Source::of_hubspot(options).await).await;
    world.more = "run: { records_per_load: 5000 }\n".to_owned();
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
    for runner in running {
        let ran = runner.end().await;
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
        outcome.must(matches!(&there, Ok(counts) if counts.trim() == "64000|64000"), || format!("{there:?} of 64000 contacts are there"));
    }
    (outcome, in_time)
}
