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

/// Row 24: both read 64,000 contacts, which takes 1,282 requests, as they are allowed in 67 seconds.
pub(crate) async fn shared(shared: Arc<Shared>, mut random: Random, _: u64) -> Outcome {
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
    let mut world = World::reading(&shared, Source::of_hubspot(options).await).await;
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
    let allowed = u64::from(REQUESTS) * (SECONDS / SPAN.as_secs() as i64) as u64;
    outcome.note_times("requests in the first 60 seconds", in_time);
    outcome.note_times("requests that the limit allows in 60 seconds", allowed);
    outcome.note_times("requests over the limit", counters.throttled);
    outcome.must(counters.throttled == 0, || format!("{} requests were over the limit", counters.throttled));
    outcome.must(in_time * 100 >= allowed * 95, || format!("only {in_time} of {allowed} requests were used in {SECONDS} seconds"));
    for one in [&world, &other] {
        let there = tokio::task::block_in_place(|| one.database.try_execute("SELECT count(*), count(DISTINCT source_id) FROM contact;"));
        outcome.must(matches!(&there, Ok(counts) if counts.trim() == "64000|64000"), || format!("{there:?} of 64000 contacts are there"));
    }
    outcome
}
